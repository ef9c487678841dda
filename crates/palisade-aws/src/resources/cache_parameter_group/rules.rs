//! What makes a [`CacheParameterGroup`] safe.

use palisade_core::{Hold, Node, Risk, Rule, Stack, Violation, closest};

use super::{CacheParameterGroup, problems};
use crate::types::{ParameterProblem, parameter_names};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "known-parameters",
        title: "the parameters exist",
        why: "AWS makes the group before it refuses a parameter, and the cache is made without what it was to have",
        controls: &[],
        hold: Hold::Risk { check: known_parameters, path: "CacheParameterGroup::NEWER_PARAMETER" },
    },
    Rule {
        id: "closed-channels",
        title: "a user hears and publishes only on the channels that it was given",
        why: "messages of one application are heard by all others, and forged by them",
        controls: &[],
        hold: Hold::Risk { check: closed_channels, path: "CacheParameterGroup::OPEN_CHANNELS" },
    },
];

impl CacheParameterGroup {
    /// The group sets a parameter that is newer than this library.
    pub const NEWER_PARAMETER: Risk<Self> = Risk::named(RULES, "known-parameters");

    /// Users of which nothing else is said have all channels.
    pub const OPEN_CHANNELS: Risk<Self> = Risk::named(RULES, "closed-channels");
}

fn known_parameters(node: &Node, stack: &Stack) -> Option<Violation> {
    let group = stack.declared::<CacheParameterGroup>(node)?;
    let family = group.family().known()?;
    let (name, ..) = problems(group).find(|(.., problem)| *problem == ParameterProblem::Unknown)?;
    let help = match closest(&name, parameter_names(family.as_str())) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None => "write one that the documentation of ElastiCache lists for the family".to_owned(),
    };
    Some(Violation::new(format!("the family {family} has no parameter `{name}`"), help))
}

fn closed_channels(node: &Node, stack: &Stack) -> Option<Violation> {
    let parameters = stack.declared::<CacheParameterGroup>(node)?.parameters().known()?;
    (parameters.get("acl-pubsub-default")? == "allchannels").then(|| {
        Violation::new(
            "acl-pubsub-default opens all channels to users of which nothing else is said",
            "leave the parameter out, and give channels to those who need them, as in `access!(\"on ~app:* &app:* -@all +@pubsub\")`",
        )
    })
}
