//! [`NetworkAcl`].

mod check;
mod lifecycle;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use palisade_core::{
    Attributes, BuilderState, Graph, Id, Json, Resource, Value,
    terraform::{Argument, TerraformResource},
};
use serde::{Deserialize, Serialize};

use super::{Subnet, Vpc};
use crate::types::{Arn, Direction, NetworkAclEntry, NetworkRule, Tags};

/// A list of what may pass the border of some subnets, in both directions, whatever security groups say. What no rule allows
/// is dropped.
///
/// It is made from its subnets: they come from the ACL that they had, and go back to the one that AWS made with the VPC,
/// which lets everything pass, when they are taken out of the list or the ACL is deleted.
///
/// The nodes of a cache that stand in several subnets reach each other only by a rule of their own,
/// [`NetworkRule::among`].
///
/// AWS: [CreateNetworkAcl](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAcl.html),
/// [Network ACLs](https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html)
///
/// ```
/// use palisade_aws::{az, cidr, network_rules, port, private_range, resources::{NetworkAcl, Subnet, Vpc}, rule_number, types::NetworkRule};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// # let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1a")));
/// # let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.3.0/24"), az!("us-east-1b")));
/// stack.add(
///     "cache",
///     NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&a, &b]).rules(network_rules![
///         NetworkRule::deny(rule_number!(50), private_range!("10.0.99.0/24")),
///         NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16")),
///         NetworkRule::among(rule_number!(200), private_range!("10.0.2.0/23")),
///     ]),
/// );
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_network_acl",
    rules = rules::RULES,
    attributes = NetworkAclAttributes,
    id_prefix = "acl-",
    ids = palisade_core::IdRules::HEXADECIMAL,
    terraform_with = terraform,
    check = check::check,
    never(
        ingress(
            "a rule of a `NetworkAcl` is for both ways, since an ACL does not know the answers to what it lets in",
            "call `.rules(network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!(\"10.0.0.0/16\"))])`"
        ),
        egress(
            "a rule of a `NetworkAcl` is for both ways, since an ACL does not know the answers to what it lets out",
            "call `.rules(network_rules![NetworkRule::reach(rule_number!(200), port!(443), private_range!(\"10.0.0.0/16\"))])`"
        )
    ),
    requires(rules(
        "this `NetworkAcl` has no rules",
        "call `.rules(network_rules![NetworkRule::serve(rule_number!(100), port!(6379), private_range!(\"10.0.0.0/16\"))])`"
    ))
)]
pub struct NetworkAcl {
    /// The VPC.
    #[field(replace)]
    pub vpc_id: Id<Vpc>,
    /// The subnets, all of the VPC. A subnet has one network ACL.
    #[field(released, exclusive)]
    pub subnet_ids: BTreeSet<Id<Subnet>>,
    /// The entries about what comes in.
    #[field(private, terraform = false)]
    pub ingress: BTreeSet<NetworkAclEntry>,
    /// The entries about what goes out.
    #[field(private, terraform = false)]
    pub egress: BTreeSet<NetworkAclEntry>,
    /// Entries that no program can have made, as those for all protocols, in words. No setter leads here: there are to be none.
    #[field(default, private, terraform = false)]
    #[serde(default)]
    pub other_entries: BTreeSet<String>,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`NetworkAcl`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct NetworkAclAttributes {
    /// The ARN.
    pub arn: Arn,
}

impl<S: BuilderState> NetworkAclBuilder<S> {
    /// What may pass: `network_rules![..]`, which is checked when the program is compiled, or a list that is put together when
    /// it runs, which is checked when it is planned.
    pub fn rules(self, rules: impl IntoIterator<Item = NetworkRule>) -> NetworkAclBuilder<RulesGiven<S>> {
        let (mut ingress, mut egress) = (BTreeSet::new(), BTreeSet::new());
        for rule in rules {
            ingress.extend(rule.ingress());
            egress.extend(rule.egress());
        }
        self.set_ingress(ingress).set_egress(egress).meet_rules()
    }
}

/// Terraform has the entries in blocks that are values too: each has every argument, if only without a value.
fn terraform(resource: &mut TerraformResource, _: &Graph) {
    for direction in [Direction::Ingress, Direction::Egress] {
        let field = resource.field(direction.as_str());
        let entries: BTreeSet<NetworkAclEntry> =
            field.as_json().and_then(|json| Deserialize::deserialize(json).ok()).unwrap_or_default();
        let blocks = entries.into_iter().map(block).collect();
        resource.arguments.insert(direction.as_str().to_owned(), Argument::Blocks(blocks));
    }
}

fn block(entry: NetworkAclEntry) -> BTreeMap<String, Argument> {
    let NetworkAclEntry { rule_number, action, protocol, from_port, to_port, cidr_block } = entry;
    let arguments = [
        ("action", Json::from(action.as_str())),
        ("cidr_block", cidr_block.to_string().into()),
        ("from_port", from_port.get().into()),
        ("icmp_code", Json::Null),
        ("icmp_type", Json::Null),
        ("ipv6_cidr_block", Json::Null),
        ("protocol", protocol.as_str().into()),
        ("rule_no", rule_number.get().into()),
        ("to_port", to_port.get().into()),
    ];
    arguments.map(|(name, value)| (name.to_owned(), Argument::Value(Value::Json(value)))).into()
}
