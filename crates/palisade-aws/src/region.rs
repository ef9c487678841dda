//! [`check_region`]: whether AWS can have a region of a name.

use palisade_core::closest;

/// The regions that this version knows. AWS opens new ones, so a region that is not here may exist all the same.
const KNOWN: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// The last word before the number of a region.
const DIRECTIONS: &[&str] =
    &["central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"];

/// A text that cannot be the name of a region.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is not a region of AWS")]
pub struct BadRegion(pub String);

impl BadRegion {
    /// What to write instead.
    pub fn help(&self) -> String {
        match known_region(&self.0) {
            Ok(()) => String::new(),
            Err(Some(near)) => format!("did you mean `{near}`?"),
            Err(None) => "write one as in `us-east-1`: a part of the world, a direction and a number".to_owned(),
        }
    }
}

/// Whether AWS can have a region of this name: a part of the world that it is in, a direction, and a number. One that opened
/// after this version was made passes.
///
/// # Errors
/// [`BadRegion`] if no region can have the name.
pub fn check_region(region: &str) -> Result<(), BadRegion> {
    let world = |region: &'static str| region.rsplitn(3, '-').nth(2);
    let mut words = region.rsplitn(3, '-');
    let (number, direction, part) = (words.next(), words.next(), words.next());
    let is_number = number.is_some_and(|number| number.len() == 1 && number.as_bytes()[0].is_ascii_digit());
    let is_direction = direction.is_some_and(|direction| DIRECTIONS.contains(&direction));
    let is_part = part.is_some_and(|part| KNOWN.iter().any(|known| world(known) == Some(part)));
    if is_number && is_direction && is_part { Ok(()) } else { Err(BadRegion(region.to_owned())) }
}

/// Whether this version knows the region.
///
/// # Errors
/// If it does not: the region that is spelt most like it, if one is near.
pub fn known_region(region: &str) -> Result<(), Option<&'static str>> {
    if KNOWN.contains(&region) { Ok(()) } else { Err(closest(region, KNOWN.iter().copied())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_aws_may_have_passes() {
        for region in KNOWN {
            assert_eq!(check_region(region), Ok(()));
        }
        for new in ["eu-west-4", "mx-west-1", "us-central-1"] {
            assert_eq!(check_region(new), Ok(()), "{new}");
        }
    }

    #[test]
    fn a_misspelt_region_is_told_what_it_may_mean() {
        let help = |region: &str| check_region(region).unwrap_err().help();
        assert_eq!(help("us-eest-1"), "did you mean `us-east-1`?");
        assert_eq!(help("us-east1"), "did you mean `us-east-1`?");
        assert_eq!(help("US-EAST-1"), "did you mean `us-east-1`?");
        assert_eq!(help("us-east-1a"), "did you mean `us-east-1`?");
        assert_eq!(help("ue-west-3"), "did you mean `eu-west-3`?");
        for nothing_near in ["", "-", "frankfurt", "us-east-1.example.com"] {
            assert!(help(nothing_near).starts_with("write one as in"), "{nothing_near}");
        }
    }
}
