//! Where objects stand, and how they are reached.

use crate::region;

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

pub(super) const fn check_zone(text: &str) -> Option<&'static str> {
    const FORM: &str = "write a region of AWS and the letter of a zone, as in us-east-1a";
    let bytes = text.as_bytes();
    let Some((letter @ b'a'..=b'z', region)) = bytes.split_last() else { return Some(FORM) };
    match region::last_zone(region) {
        Some((last, zones)) => {
            if *letter <= last {
                None
            } else {
                Some(zones)
            }
        }
        // How many zones a region has that is newer than this library, AWS knows.
        None => {
            if region::is_next(region) {
                None
            } else {
                Some(FORM)
            }
        }
    }
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
