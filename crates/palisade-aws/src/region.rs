//! [`check_region`]: whether AWS can have a region of a name.

use palisade_core::closest;

/// The regions that this version knows, each with the letter of its last zone, and what is said of another letter.
macro_rules! regions {
    ($($region:literal $last:literal;)+) => {
        const REGIONS: &[(&str, u8, &str)] = &[$((
            $region,
            $last.as_bytes()[0],
            concat!("the zones of ", $region, " are ", $region, "a to ", $region, $last),
        )),+];
    };
}

regions! {
    "us-east-1" "f"; "us-east-2" "c"; "us-west-1" "c"; "us-west-2" "d";
    "af-south-1" "c";
    "ap-east-1" "c"; "ap-east-2" "c";
    "ap-south-1" "c"; "ap-south-2" "c";
    "ap-northeast-1" "d"; "ap-northeast-2" "d"; "ap-northeast-3" "c";
    "ap-southeast-1" "c"; "ap-southeast-2" "c"; "ap-southeast-3" "c"; "ap-southeast-4" "c"; "ap-southeast-5" "c";
    "ap-southeast-6" "c"; "ap-southeast-7" "c";
    "ca-central-1" "d"; "ca-west-1" "c";
    "eu-central-1" "c"; "eu-central-2" "c"; "eu-north-1" "c"; "eu-south-1" "c"; "eu-south-2" "c";
    "eu-west-1" "c"; "eu-west-2" "c"; "eu-west-3" "c";
    "il-central-1" "c"; "me-central-1" "c"; "me-south-1" "c"; "mx-central-1" "c"; "sa-east-1" "c";
    "us-gov-east-1" "c"; "us-gov-west-1" "c";
    "cn-north-1" "d"; "cn-northwest-1" "c";
    "eusc-de-east-1" "c";
}

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

/// Whether AWS has a region of this name, or can have opened it after this version was made: AWS counts the regions of a part of
/// the world and a direction from 1 on.
///
/// # Errors
/// [`BadRegion`] if no region can have the name.
pub fn check_region(region: &str) -> Result<(), BadRegion> {
    let name = region.as_bytes();
    if last_zone(name).is_some() || is_next(name) { Ok(()) } else { Err(BadRegion(region.to_owned())) }
}

/// Whether this version knows the region.
///
/// # Errors
/// If it does not: the region that is spelt most like it, if one is near.
pub fn known_region(region: &str) -> Result<(), Option<&'static str>> {
    match last_zone(region.as_bytes()) {
        Some(_) => Ok(()),
        None => Err(closest(region, REGIONS.iter().map(|(known, ..)| *known))),
    }
}

/// The letter of the last zone of a region, and what is said of a later one; `None` for a region that this version does not know.
pub(crate) const fn last_zone(region: &[u8]) -> Option<(u8, &'static str)> {
    let mut i = 0;
    while i < REGIONS.len() {
        let (known, last, zones) = REGIONS[i];
        if known.len() == region.len() && begins(region, known.as_bytes()) {
            return Some((last, zones));
        }
        i += 1;
    }
    None
}

/// Whether the name is that of the region which AWS opens next in its part of the world and direction.
pub(crate) const fn is_next(region: &[u8]) -> bool {
    let [area @ .., b'-', number @ b'1'..=b'9'] = region else { return false };
    let (mut highest, mut i) = (b'0', 0);
    while i < REGIONS.len() {
        let known = REGIONS[i].0.as_bytes();
        if known.len() == region.len() && begins(known, area) && known[region.len() - 1] > highest {
            highest = known[region.len() - 1];
        }
        i += 1;
    }
    *number == highest + 1 && (highest > b'0' || is_area(area))
}

/// Whether this is a part of the world in which there are regions, and a direction.
const fn is_area(area: &[u8]) -> bool {
    let mut i = 0;
    while i < DIRECTIONS.len() {
        let direction = DIRECTIONS[i].as_bytes();
        if area.len() > direction.len() && ends(area, direction) {
            let (part, _) = area.split_at(area.len() - direction.len());
            let mut j = 0;
            while j < REGIONS.len() {
                // `us-` is the part of `us-east-1`, and `us-gov-` of `us-gov-west-1`.
                if begins(REGIONS[j].0.as_bytes(), part) && part[part.len() - 1] == b'-' {
                    return true;
                }
                j += 1;
            }
        }
        i += 1;
    }
    false
}

const fn begins(text: &[u8], prefix: &[u8]) -> bool {
    if prefix.len() > text.len() {
        return false;
    }
    let mut i = 0;
    while i < prefix.len() {
        if text[i] != prefix[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn ends(text: &[u8], suffix: &[u8]) -> bool {
    suffix.len() <= text.len() && begins(text.split_at(text.len() - suffix.len()).1, suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_aws_may_have_passes() {
        for (region, ..) in REGIONS {
            assert_eq!(check_region(region), Ok(()));
        }
        for new in ["eu-west-4", "mx-west-1", "us-central-1", "us-gov-central-1"] {
            assert_eq!(check_region(new), Ok(()), "{new}");
        }
        for bad in ["us-east-9", "eu-west-5", "us-central-2", "us-moon-1", "moon-west-1", "us-gov-1"] {
            assert!(check_region(bad).is_err(), "{bad}");
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
