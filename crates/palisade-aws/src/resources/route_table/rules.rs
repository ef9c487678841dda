//! What makes a [`RouteTable`] safe.

use palisade_core::{Control, Hold, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "no-route-out",
    title: "no route leads to the internet",
    why: "a subnet with a route to an internet gateway is public, whatever its name says",
    controls: &[Control::checkov("CKV2_AWS_44"), Control::cis("5.5")],
    hold: Hold::Compile("there is no resource for a route, so a table has the local one only"),
}];
