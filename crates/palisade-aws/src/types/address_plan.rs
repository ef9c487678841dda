//! [`PlannedSubnet`] and [`address_plan!`]: the addresses of a network in one place.

use super::{AvailabilityZone, Cidr, cidr, placement};

/// The addresses and the zone of a subnet, as an [`address_plan!`](crate::address_plan) gives them.
///
/// [`Subnet::planned`](crate::resources::Subnet::planned) declares the subnet.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct PlannedSubnet {
    /// The addresses.
    pub cidr_block: Cidr,
    /// The zone.
    pub availability_zone: AvailabilityZone,
}

// The functions take texts, and not the constants of the plan, since what needs to be dropped cannot be borrowed from a
// constant. They let a text pass that is no block or no zone: its own constant refuses it, and one message is enough.
#[doc(hidden)]
impl PlannedSubnet {
    pub const fn is_inside(vpc: &str, subnet: &str) -> bool {
        match (cidr::block(vpc), cidr::block(subnet)) {
            (Ok(vpc), Ok(subnet)) => vpc.contains(subnet),
            _ => true,
        }
    }

    pub const fn are_apart(a: &str, b: &str) -> bool {
        match (cidr::block(a), cidr::block(b)) {
            (Ok(a), Ok(b)) => !a.overlaps(b),
            _ => true,
        }
    }

    pub const fn are_of_one_region(a: &str, b: &str) -> bool {
        if placement::check_zone(a).is_some() || placement::check_zone(b).is_some() {
            return true;
        }
        let (a, b) = (a.as_bytes(), b.as_bytes());
        if a.len() != b.len() {
            return false;
        }
        // The last letter is that of the zone.
        let mut i = 0;
        while i < a.len() - 1 {
            if a[i] != b[i] {
                return false;
            }
            i += 1;
        }
        true
    }
}

/// The addresses of a network as a module of constants, checked against each other when the program is compiled: each
/// subnet is inside the VPC's block, no two have an address in common, and all zones are of one region.
///
/// The module has `VPC`, a [`Cidr`](crate::types::Cidr), and a [`PlannedSubnet`](crate::types::PlannedSubnet) for each name.
///
/// A stack is checked for the same when it is planned; a plan of addresses that cannot be does not get that far.
///
/// AWS: [Subnet CIDR blocks](https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html)
///
/// ```
/// use palisade_aws::{address_plan, resources::{Subnet, Vpc}};
///
/// address_plan! {
///     /// The addresses of the network.
///     pub mod network in "10.0.0.0/16" {
///         PRIVATE_A = "10.0.1.0/24" in "us-east-1a";
///         PRIVATE_B = "10.0.2.0/24" in "us-east-1b";
///     }
/// }
///
/// # fn main() {
/// # let mut stack = palisade_core::Stack::new("doc");
/// let vpc = stack.add("main", Vpc::builder().cidr_block(network::VPC));
/// stack.add("private-a", Subnet::planned(&vpc, network::PRIVATE_A));
/// stack.add("private-b", Subnet::planned(&vpc, network::PRIVATE_B));
/// # }
/// ```
///
/// Two subnets that share addresses are a compile error:
///
/// ```compile_fail,E0080
/// palisade_aws::address_plan! {
///     mod network in "10.0.0.0/16" {
///         PRIVATE_A = "10.0.1.0/24" in "us-east-1a";
///         PRIVATE_B = "10.0.1.128/25" in "us-east-1b";
///     }
/// }
/// ```
#[macro_export]
macro_rules! address_plan {
    (
        $(#[$meta:meta])*
        $vis:vis mod $network:ident in $vpc:literal {
            $( $(#[$subnet_meta:meta])* $name:ident = $block:literal in $zone:literal; )*
        }
    ) => {
        $(#[$meta])*
        $vis mod $network {
            #[doc = concat!("The addresses of the VPC: `", $vpc, "`.")]
            pub const VPC: $crate::types::Cidr = $crate::types::Cidr::literal($vpc);
            $(
                $(#[$subnet_meta])*
                #[doc = concat!("The addresses `", $block, "` in `", $zone, "`.")]
                pub const $name: $crate::types::PlannedSubnet = $crate::types::PlannedSubnet {
                    cidr_block: $crate::types::Cidr::literal($block),
                    availability_zone: $crate::types::AvailabilityZone::literal($zone),
                };
                // A named constant for each check, since `cargo check` does not evaluate a `const` block.
                const _: () = assert!(
                    $crate::types::PlannedSubnet::is_inside($vpc, $block),
                    "{}",
                    concat!(
                        stringify!($name), " (", $block, ") is outside of the ", stringify!($network), " ", $vpc,
                        ": AWS refuses a subnet outside of its VPC; write a block inside ", $vpc
                    ),
                );
            )*
            $crate::address_plan!(@apart $vpc $( ($name $block) )*);
            $crate::address_plan!(@together $( ($name $zone) )*);
        }
    };
    // Each subnet with each one after it, so that a message names both.
    (@apart $vpc:literal) => {};
    (@apart $vpc:literal ($name:ident $block:literal) $( ($later:ident $later_block:literal) )*) => {
        $(
            const _: () = assert!(
                $crate::types::PlannedSubnet::are_apart($block, $later_block),
                "{}",
                concat!(
                    stringify!($later), " (", $later_block, ") overlaps ", stringify!($name), " (", $block,
                    "): AWS refuses a subnet with addresses of another one; give each a block of its own inside ", $vpc
                ),
            );
        )*
        $crate::address_plan!(@apart $vpc $( ($later $later_block) )*);
    };
    (@together) => {};
    (@together ($name:ident $zone:literal) $( ($later:ident $later_zone:literal) )*) => {
        $(
            const _: () = assert!(
                $crate::types::PlannedSubnet::are_of_one_region($zone, $later_zone),
                "{}",
                concat!(
                    stringify!($later), " is in ", $later_zone, ", and ", stringify!($name), " in ", $zone,
                    ": a VPC is in one region; write a zone of the same region, or give the other region a plan and a \
                     stack of its own"
                ),
            );
        )*
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cidr;

    crate::address_plan! {
        #[expect(unreachable_pub, reason = "a test is reached by nobody")]
        mod network in "10.0.0.0/16" {
            /// The first.
            PRIVATE_A = "10.0.1.0/24" in "us-east-1a";
            PRIVATE_B = "10.0.2.0/24" in "us-east-1b";
            PRIVATE_C = "10.0.3.0/24" in "us-east-1b";
        }
    }

    crate::address_plan! {
        #[expect(unreachable_pub, reason = "a test is reached by nobody")]
        mod reserved in "10.1.0.0/16" {}
    }

    #[test]
    fn a_plan_is_constants() {
        assert_eq!((network::VPC, reserved::VPC), (cidr!("10.0.0.0/16"), cidr!("10.1.0.0/16")));
        let zone = AvailabilityZone::literal;
        let zones = [network::PRIVATE_A, network::PRIVATE_B, network::PRIVATE_C].map(|plan| plan.availability_zone);
        assert_eq!(zones, [zone("us-east-1a"), zone("us-east-1b"), zone("us-east-1b")]);
        assert_eq!(network::PRIVATE_C.cidr_block, cidr!("10.0.3.0/24"));
    }

    #[test]
    fn a_subnet_is_inside_and_apart() {
        assert!(PlannedSubnet::is_inside("10.0.0.0/16", "10.0.0.0/16"));
        assert!(PlannedSubnet::is_inside("10.0.0.0/16", "10.0.255.240/28"));
        assert!(!PlannedSubnet::is_inside("10.0.0.0/16", "10.1.0.0/24"));
        assert!(!PlannedSubnet::is_inside("10.0.0.0/24", "10.0.0.0/16"), "larger than the VPC");
        assert!(PlannedSubnet::are_apart("10.0.0.0/25", "10.0.0.128/25"));
        for (a, b) in
            [("10.0.1.0/24", "10.0.1.0/24"), ("10.0.1.0/24", "10.0.1.128/25"), ("10.0.1.16/28", "10.0.0.0/23")]
        {
            assert!(!PlannedSubnet::are_apart(a, b), "{a} {b}");
        }
    }

    #[test]
    fn a_region_is_compared_without_the_letter() {
        assert!(PlannedSubnet::are_of_one_region("us-east-1a", "us-east-1f"));
        for other in ["us-east-2a", "us-west-1a", "us-gov-east-1a", "eu-central-1a"] {
            assert!(!PlannedSubnet::are_of_one_region("us-east-1a", other), "{other}");
        }
    }

    #[test]
    fn what_is_no_block_or_no_zone_is_told_once() {
        assert!(PlannedSubnet::is_inside("10.0.0.0/16", "10.1.0.5/24"));
        assert!(PlannedSubnet::are_apart("10.0.0.0/8", "10.0.1.0/24"));
        assert!(PlannedSubnet::are_of_one_region("us-east-1", "us-west-2a"));
    }
}
