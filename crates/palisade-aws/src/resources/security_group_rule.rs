//! [`SecurityGroupRule`].

mod rules;

use palisade_core::{
    BuilderState, Declared, Finding, Given, Graph, Handle, Id, IntoInput, Json, Missing, Node, Resource, Room, Stack,
    provider::{ProviderError, Repeated, Token},
    terraform::TerraformResource,
};
use serde::{Deserialize, Serialize};

use super::{SecurityGroup, appears_or_goes, replication_group, security_group};
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots,
    calls::Calls,
    observe::{appear, in_order, sync_ec2_tags, taken},
    operations::{
        AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupIngress, CreateTags, DeleteTags,
        DescribeSecurityGroupRules, DescribeTags, ModifySecurityGroupRules, Operation, RevokeSecurityGroupEgress,
        RevokeSecurityGroupIngress,
    },
    shapes::{RuleDescription, RuleSpecification, Select, SelectRules},
    types::{Description, Direction, Port, PrivateRange, Protocol, Tags},
};

/// One rule of a [`SecurityGroup`]: it allows one port (or a range of ports) from, or to, one peer. The peer is a security
/// group or a private range of addresses; there is no way to write "anywhere".
///
/// AWS: [AuthorizeSecurityGroupIngress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html),
/// [AuthorizeSecurityGroupEgress](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html)
///
/// ```
/// use palisade_aws::{cidr, description, security_group_name, port, private_range, resources::{SecurityGroup, SecurityGroupRule, Vpc}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// # let group = |name, stack: &mut palisade_core::Stack| stack.add(name, SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("x")).description(description!("x")));
/// # let (app, redis) = (group("app", &mut stack), group("redis", &mut stack));
/// stack.add(
///     "redis-from-app",
///     SecurityGroupRule::ingress(&redis).peer(&app).port(port!(6379)).description(description!("Redis over TLS")),
/// );
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_vpc_security_group_ingress_rule",
    rules = rules::RULES,
    id_prefix = "sgr-",
    room = ROOM,
    ids = palisade_core::IdRules::HEXADECIMAL,
    terraform_with = terraform,
    check = check,
    requires(
        group(
            "this `SecurityGroupRule` belongs to no group",
            "begin with `SecurityGroupRule::ingress(&group)` or `SecurityGroupRule::egress(&group)`"
        ),
        peer(
            "this `SecurityGroupRule` does not say whom it allows",
            "call `.peer(&group)`, or `.peer(private_range!(\"10.0.0.0/16\"))`; there is no way to allow everybody"
        ),
        port("this `SecurityGroupRule` does not say which port it allows", "call `.port(port!(6379))`")
    ),
    never(
        cidr_blocks(
            "a `SecurityGroupRule` has one peer, which is never the world",
            "call `.peer(&group)` or `.peer(private_range!(\"10.0.0.0/16\"))`, and add a rule for each further one"
        ),
        cidr_ipv4(
            "a `SecurityGroupRule` has one peer, which is never the world",
            "call `.peer(private_range!(\"10.0.0.0/16\"))`, or better `.peer(&group)`"
        ),
        cidr_ipv6(
            "a `SecurityGroupRule` has one peer, and nothing is open to the addresses of IPv6",
            "call `.peer(&group)`, or `.peer(private_range!(\"10.0.0.0/16\"))`"
        ),
        from_port(
            "the ports of a `SecurityGroupRule` are said together",
            "call `.port(port!(6379))`"
        ),
        to_port(
            "the ports of a `SecurityGroupRule` are said together",
            "call `.port(port!(6379))`"
        )
    )
)]
pub struct SecurityGroupRule {
    /// The group that the rule belongs to.
    #[field(replace, identity, private)]
    pub security_group_id: Id<SecurityGroup>,
    /// Which way.
    #[field(replace, identity, private, terraform = false)]
    pub direction: Direction,
    /// The protocol.
    #[field(identity, default = Protocol::Tcp)]
    pub ip_protocol: Protocol,
    /// The lowest port.
    #[field(identity, private)]
    pub from_port: Port,
    /// The highest port.
    #[field(identity, private)]
    pub to_port: Port,
    /// The addresses at the other end, where these are the peer.
    // A peer of another kind makes another rule; one of the same kind is changed in place.
    #[field(identity, private, replace_if = appears_or_goes)]
    pub cidr_ipv4: Option<PrivateRange>,
    /// The group at the other end, where that is the peer.
    #[field(identity, private, replace_if = appears_or_goes)]
    pub referenced_security_group_id: Option<Id<SecurityGroup>>,
    /// What the rule is for.
    pub description: Description,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// The quota that an account has at first.
const ROOM: Room = Room { at_most: security_group::QUOTA, fields: &["security_group_id", "direction"] };

/// Who stands at the other end of a [`SecurityGroupRule`]: `&group`, or a private range.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the peer of a rule",
    label = "this is neither a security group nor a private range",
    note = "write `&group` for a group of the stack, or `private_range!(\"10.0.0.0/16\")` for addresses"
)]
pub trait IntoPeer {
    /// Sets the one of the two fields that the peer is for.
    #[doc(hidden)]
    fn apply<S: BuilderState>(self, builder: SecurityGroupRuleBuilder<S>) -> SecurityGroupRuleBuilder<S>;
}

/// The state of a builder that has no peer yet.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "this `SecurityGroupRule` has a peer already",
    label = "a second peer",
    note = "a rule has one peer: add a rule for each"
)]
pub trait NoPeerYet {}
#[diagnostic::do_not_recommend]
impl NoPeerYet for Missing {}

impl IntoPeer for &Handle<SecurityGroup> {
    fn apply<S: BuilderState>(self, builder: SecurityGroupRuleBuilder<S>) -> SecurityGroupRuleBuilder<S> {
        builder.set_referenced_security_group_id(self)
    }
}

impl IntoPeer for Id<SecurityGroup> {
    fn apply<S: BuilderState>(self, builder: SecurityGroupRuleBuilder<S>) -> SecurityGroupRuleBuilder<S> {
        builder.set_referenced_security_group_id(self)
    }
}

impl IntoPeer for PrivateRange {
    fn apply<S: BuilderState>(self, builder: SecurityGroupRuleBuilder<S>) -> SecurityGroupRuleBuilder<S> {
        builder.set_cidr_ipv4(self)
    }
}

impl SecurityGroupRule {
    /// A rule about what may reach the members of `group`.
    pub fn ingress(group: impl IntoInput<Id<SecurityGroup>>) -> SecurityGroupRuleBuilder<GroupGiven<Given<0>>> {
        Self::builder().set_security_group_id(group).set_direction(Direction::Ingress).meet_group()
    }

    /// A rule about what the members of `group` may reach.
    pub fn egress(group: impl IntoInput<Id<SecurityGroup>>) -> SecurityGroupRuleBuilder<GroupGiven<Given<0>>> {
        Self::builder().set_security_group_id(group).set_direction(Direction::Egress).meet_group()
    }
}

impl<S: BuilderState> SecurityGroupRuleBuilder<S> {
    /// Whom the rule allows: `&group`, or a private range of addresses.
    pub fn peer(self, peer: impl IntoPeer) -> SecurityGroupRuleBuilder<PeerGiven<S>>
    where
        PeerNow<S>: NoPeerYet,
    {
        peer.apply(self).meet_peer()
    }

    /// The one port that the rule allows.
    pub fn port(self, port: impl IntoInput<Port>) -> SecurityGroupRuleBuilder<PortGiven<S>> {
        let port = port.into_input();
        self.ports(port.clone(), port)
    }

    /// The ports that the rule allows, from `first` to `last`.
    pub fn ports(
        self,
        first: impl IntoInput<Port>,
        last: impl IntoInput<Port>,
    ) -> SecurityGroupRuleBuilder<PortGiven<S>> {
        self.set_from_port(first).set_to_port(last).meet_port()
    }
}

fn check(node: &Node, stack: &Stack) -> Vec<Finding> {
    let Some(rule) = stack.declared(node) else { return Vec::new() };
    reversed(rule).into_iter().collect()
}

fn reversed(rule: Declared<'_, SecurityGroupRule>) -> Option<Finding> {
    (rule.from_port().known()? > rule.to_port().known()?)
        .then(|| rule.finding("the first port is greater than the last", "write the lower port first"))
}

fn terraform(resource: &mut TerraformResource, graph: &Graph) {
    let group = resource.field("security_group_id");
    let groups = group.references();
    let is_of = |cache: &Node| {
        let references =
            cache.fields.get("security_group_ids").map(palisade_core::Value::references).unwrap_or_default();
        references.iter().any(|reference| groups.contains(reference))
    };
    let mut dependents = groups.iter().flat_map(|group| graph.dependents(&group.address));
    let is_ingress = resource.field("direction").as_json() == Some(&Json::from(Direction::Ingress.as_str()));
    // Terraform creates such a cache without its token; until it is set, nobody may reach the cache.
    resource.left_out = is_ingress
        && dependents.any(|dependent| {
            graph.node(dependent).is_some_and(|cache| replication_group::waits_for_token(cache) && is_of(cache))
        });
    let direction = resource.field("direction");
    if direction.as_json() == Some(&Json::from(Direction::Egress.as_str())) {
        resource.resource_type = "aws_vpc_security_group_egress_rule".to_owned();
    }
}

impl SecurityGroupRule {
    fn specification(&self) -> RuleSpecification {
        let Self {
            ip_protocol,
            from_port,
            to_port,
            cidr_ipv4,
            referenced_security_group_id,
            description,
            security_group_id: _,
            direction: _,
            tags: _,
        } = self;
        RuleSpecification {
            ip_protocol: ip_protocol.to_string(),
            from_port: Some(from_port.get()),
            to_port: Some(to_port.get()),
            cidr_ipv4: *cidr_ipv4,
            referenced_group_id: referenced_security_group_id.clone(),
            description: Some(description.to_string()),
        }
    }
}

impl Lifecycle for SecurityGroupRule {
    type Observed = SecurityGroupRuleObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeSecurityGroupRules::CALL.together()],
        find: &[DescribeSecurityGroupRules::CALL.as_needed()],
        create: &[
            AuthorizeSecurityGroupIngress::CALL.once().only("direction", "ingress"),
            AuthorizeSecurityGroupEgress::CALL.once().only("direction", "egress"),
        ],
        converge: &[
            DescribeSecurityGroupRules::CALL.as_needed(),
            ModifySecurityGroupRules::CALL.up_to(1).carried(&[
                "ip_protocol",
                "from_port",
                "to_port",
                "cidr_ipv4",
                "referenced_security_group_id",
                "description",
            ]),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[
            RevokeSecurityGroupIngress::CALL.once().only("direction", "ingress"),
            RevokeSecurityGroupEgress::CALL.once().only("direction", "egress"),
        ],
        untracked: &[DescribeTags::CALL.together()],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let (group_id, rule, tags) = (self.security_group_id.clone(), self.specification(), self.tags.owned_by(token));
        match self.direction {
            Direction::Ingress => {
                let request = AuthorizeSecurityGroupIngress { group_id, rule, tags };
                Ok(aws.call(request).await.map_err(taken)?.rule_id)
            }
            Direction::Egress => {
                let request = AuthorizeSecurityGroupEgress { group_id, rule, tags };
                Ok(aws.call(request).await.map_err(taken)?.rule_id)
            }
        }
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let select = SelectRules::Rules(Select::Token(token.digest.clone()));
        Ok(aws.call(DescribeSecurityGroupRules { select }).await?.rules.into_iter().next().map(|rule| rule.id).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let select = SelectRules::Rules(Select::Ids(ids.to_vec()));
        let found = aws.call(DescribeSecurityGroupRules { select }).await?.rules;
        Ok(in_order(ids, found, |rule| &rule.id).into_iter().map(|rule| rule.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let describe = async || {
            let select = SelectRules::Rules(Select::Ids(vec![id.clone()]));
            Ok(aws.call(DescribeSecurityGroupRules { select }).await?.rules.into_iter().next())
        };
        let observed = appear(aws, id.as_str(), previous.is_some(), describe).await?;
        let rule = self.specification();
        if observed.rule != rule {
            let group_id = self.security_group_id.clone();
            aws.call(ModifySecurityGroupRules { group_id, rule_id: id.clone(), rule }).await?;
        }
        sync_ec2_tags(aws, id.as_str(), &self.tags, &observed.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        let (group_id, rule_ids) = (self.security_group_id.clone(), vec![id.clone()]);
        match self.direction {
            Direction::Ingress => aws.call(RevokeSecurityGroupIngress { group_id, rule_ids }).await.map(drop),
            Direction::Egress => aws.call(RevokeSecurityGroupEgress { group_id, rule_ids }).await.map(drop),
        }
    }
}

fn snapshot(observed: RuleDescription) -> Snapshot<SecurityGroupRuleObserved, ()> {
    let RuleDescription { id: _, group_id, direction, rule, tags } = observed;
    let fields = SecurityGroupRuleObserved {
        security_group_id: Some(group_id),
        direction: Some(direction),
        ip_protocol: Protocol::reported(&rule.ip_protocol),
        from_port: rule.from_port.map(Port::reported),
        to_port: rule.to_port.map(Port::reported),
        cidr_ipv4: Some(rule.cidr_ipv4),
        referenced_security_group_id: Some(rule.referenced_group_id),
        description: Some(Description::reported(rule.description.unwrap_or_default())),
        tags: Some(tags.declared()),
    };
    Snapshot { fields, attributes: () }
}
