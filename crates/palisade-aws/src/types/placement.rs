//! Where objects stand, and how they are reached.

use super::checked::begins;

checked_text! {
    /// An availability zone, as in `us-east-1a`: a region of AWS, and the letter of one of its zones. Which of the letters an
    /// account has is found by AWS alone.
    ///
    /// AWS: [Regions and zones](https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html)
    AvailabilityZone, "an availability zone", check_zone, az
}

impl AvailabilityZone {
    /// The region that the zone is in.
    pub fn region(&self) -> &str {
        let text = self.as_str();
        &text[..text.len().saturating_sub(1)]
    }
}

text_enum! {
    /// Whether the instances of a VPC share their hardware with other accounts.
    Tenancy {
        /// They may.
        Default = "default",
        /// They do not.
        Dedicated = "dedicated",
    }
}

text_enum! {
    /// What the host name of an instance is made from.
    HostnameType {
        /// Its address.
        IpName = "ip-name",
        /// Its id.
        ResourceName = "resource-name",
    }
}

text_enum! {
    /// The addresses that the nodes of a cache have.
    NetworkType {
        /// IPv4 only.
        Ipv4 = "ipv4",
        /// IPv6 only.
        Ipv6 = "ipv6",
        /// Both.
        DualStack = "dual_stack",
    }
}

text_enum! {
    /// The addresses that a cache's discovery answers with.
    IpDiscovery {
        /// IPv4.
        Ipv4 = "ipv4",
        /// IPv6.
        Ipv6 = "ipv6",
    }
}

/// The regions, each with the letter of its last zone, and what is said of another letter.
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

pub(super) const fn check_zone(text: &str) -> Option<&'static str> {
    let mut i = 0;
    while i < REGIONS.len() {
        let (region, last, zones) = REGIONS[i];
        if text.len() == region.len() + 1 && begins(text, region) {
            let letter = text.as_bytes()[region.len()];
            if letter.is_ascii_lowercase() {
                return if letter <= last { None } else { Some(zones) };
            }
        }
        i += 1;
    }
    Some("write a region of AWS and the letter of a zone, as in us-east-1a")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_region_and_a_letter() {
        for good in ["us-east-1a", "ap-southeast-2c", "us-gov-west-1b"] {
            assert_eq!(check_zone(good), None, "{good}");
        }
        for bad in ["", "us-east-1", "us-east-a", "useast1a", "us--east-1a", "US-EAST-1A", "us-east-1aa", "-us-east-1a"]
        {
            assert!(check_zone(bad).is_some(), "{bad}");
        }
        assert_eq!(AvailabilityZone::literal("us-east-1a").region(), "us-east-1");
    }

    #[test]
    fn a_zone_is_one_of_a_region_that_exists() {
        assert_eq!(check_zone("eu-west-1d"), Some("the zones of eu-west-1 are eu-west-1a to eu-west-1c"));
        for bad in ["us-east-9a", "us-est-1a", "us-east-1g", "eu-central-1-wl1-ber-wlz-1"] {
            assert!(check_zone(bad).is_some(), "{bad}");
        }
    }
}
