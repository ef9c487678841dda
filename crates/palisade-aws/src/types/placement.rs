//! Where objects stand, and how they are reached.

checked_text! {
    /// An availability zone, as in `us-east-1a`.
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
    // A region is words and a number, joined by hyphens; a zone is a region and one letter.
    const RULE: &str = "write a region and a letter, as in us-east-1a";
    let bytes = text.as_bytes();
    let length = bytes.len();
    if length < 9
        || !bytes[length - 1].is_ascii_lowercase()
        || !bytes[length - 2].is_ascii_digit()
        || bytes[length - 3] != b'-'
    {
        return Some(RULE);
    }
    let (mut i, mut hyphens) = (0, 0);
    while i < length - 2 {
        match bytes[i] {
            b'a'..=b'z' => {}
            b'-' if i > 0 && bytes[i - 1] != b'-' => hyphens += 1,
            _ => return Some(RULE),
        }
        i += 1;
    }
    if hyphens == 2 || hyphens == 3 { None } else { Some(RULE) }
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
}
