//! What makes a [`CacheSubnetGroup`] safe.

use palisade_core::{Hold, Rule};

pub(super) const RULES: &[Rule] = &[Rule {
    id: "private-subnets",
    title: "the nodes stand in private subnets",
    why: "a cache with a public address answers to strangers",
    controls: &[],
    hold: Hold::Compile("there is no public subnet"),
}];
