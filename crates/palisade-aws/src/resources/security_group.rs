//! [`SecurityGroup`].

mod rules;

pub(super) use rules::QUOTA;

use palisade_core::{
    Attributes, Id, Json, Resource,
    provider::{ProviderError, Repeated, Token},
};
use serde::{Deserialize, Serialize};

use super::Vpc;
use crate::{
    Aws, Lifecycle, Sighting, Snapshot, Snapshots,
    calls::Calls,
    observe::{RELEASED, VISIBLE, appear, ec2_arn, found, in_order, sync_ec2_tags, taken},
    operations::{
        CreateSecurityGroup, CreateTags, DeleteSecurityGroup, DeleteTags, DescribeSecurityGroupRules,
        DescribeSecurityGroups, DescribeTags, Operation, RevokeSecurityGroupEgress, RevokeSecurityGroupIngress,
    },
    shapes::{RuleDescription, SecurityGroupDescription, Select, SelectRules, SelectSecurityGroups},
    types::{Arn, Description, Direction, SecurityGroupName, Tags},
};

/// A group of network interfaces with one set of rules about who may reach them and whom they may reach.
///
/// It starts closed in both directions. AWS adds a rule to every new group that allows everything out; it is revoked before
/// anything uses the group. Each [`SecurityGroupRule`](super::SecurityGroupRule) is a resource of its own, so that two
/// groups can name each other.
///
/// AWS: [CreateSecurityGroup](https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html)
///
/// ```
/// use palisade_aws::{cidr, description, security_group_name, resources::{SecurityGroup, Vpc}};
/// # let mut stack = palisade_core::Stack::new("doc");
/// # let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
/// let redis = stack.add(
///     "redis",
///     SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis")).description(description!("The nodes of the cache")),
/// );
/// ```
#[derive(Clone, Debug, Deserialize, PartialEq, Resource, Serialize)]
#[resource(
    terraform = "aws_security_group",
    rules = rules::RULES,
    attributes = SecurityGroupAttributes,
    id_prefix = "sg-",
    ids = palisade_core::IdRules::HEXADECIMAL,
    never(
        ingress(
            "the rules of a `SecurityGroup` are resources of their own, so that two groups can name each other",
            "add `SecurityGroupRule::ingress(&group)` to the stack"
        ),
        egress(
            "a `SecurityGroup` lets nothing out, and what it is to let out is a resource of its own",
            "add `SecurityGroupRule::egress(&group)` to the stack, if the members must reach something"
        )
    )
)]
pub struct SecurityGroup {
    /// The VPC.
    #[field(replace, identity)]
    pub vpc_id: Id<Vpc>,
    /// The name, unique in the VPC, also without regard to case.
    #[field(replace, identity, folded = without_case, terraform = "name")]
    pub group_name: SecurityGroupName,
    /// What the group is for.
    #[field(replace)]
    pub description: Description,
    /// The tags.
    #[field(default)]
    pub tags: Tags,
}

/// What a [`SecurityGroup`] has once it exists, beside its id.
#[derive(Attributes, Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SecurityGroupAttributes {
    /// The ARN.
    pub arn: Arn,
}

/// AWS compares the names of security groups without regard to case.
fn without_case(name: &Json) -> Json {
    name.as_str().map_or_else(|| name.clone(), |name| name.to_lowercase().into())
}

impl Lifecycle for SecurityGroup {
    type Observed = SecurityGroupObserved;

    const CALLS: Calls = Calls {
        read: &[DescribeSecurityGroups::CALL.together()],
        find: &[DescribeSecurityGroups::CALL.as_needed()],
        create: &[CreateSecurityGroup::CALL.once()],
        converge: &[
            DescribeSecurityGroups::CALL.as_needed(),
            DescribeSecurityGroupRules::CALL.as_needed(),
            RevokeSecurityGroupEgress::CALL.as_needed(),
            CreateTags::CALL.up_to(1).carried(&["tags"]),
            DeleteTags::CALL.up_to(1).carried(&["tags"]),
        ],
        delete: &[DeleteSecurityGroup::CALL.once()],
        untracked: &[DescribeTags::CALL.together()],
        obstacles: &[],
    };
    const REPEATED: Repeated = Repeated::IsRefused;

    async fn create(&self, aws: &Aws, token: &Token) -> Result<Id<Self>, ProviderError> {
        let Self { vpc_id, group_name, description, tags } = self;
        let request = CreateSecurityGroup {
            vpc_id: vpc_id.clone(),
            group_name: group_name.clone(),
            description: description.clone(),
            tags: tags.owned_by(token),
        };
        Ok(aws.call(request).await.map_err(taken)?.group_id)
    }

    async fn find(&self, aws: &Aws, token: &Token) -> Result<Sighting<Id<Self>>, ProviderError> {
        let found = aws
            .call(DescribeSecurityGroups { select: SelectSecurityGroups::Groups(Select::Token(token.digest.clone())) })
            .await?;
        Ok(found.security_groups.into_iter().next().map(|group| group.id).into())
    }

    async fn read(aws: &Aws, ids: &[Id<Self>]) -> Result<Snapshots<Self>, ProviderError> {
        let found = aws
            .call(DescribeSecurityGroups { select: SelectSecurityGroups::Groups(Select::Ids(ids.to_vec())) })
            .await?
            .security_groups;
        let snapshot = |group: SecurityGroupDescription| Snapshot {
            attributes: SecurityGroupAttributes {
                arn: ec2_arn(aws, &group.owner_id, "security-group", group.id.as_str()),
            },
            fields: SecurityGroupObserved {
                vpc_id: Some(group.vpc_id),
                group_name: Some(SecurityGroupName::reported(group.name)),
                description: Some(Description::reported(group.description)),
                tags: Some(group.tags.declared()),
            },
        };
        Ok(in_order(ids, found, |group| &group.id).into_iter().map(|group| group.map(snapshot)).collect())
    }

    async fn converge(&self, aws: &Aws, id: &Id<Self>, previous: Option<&Self>) -> Result<(), ProviderError> {
        let describe = async || {
            let select = SelectSecurityGroups::Groups(Select::Ids(vec![id.clone()]));
            Ok(aws.call(DescribeSecurityGroups { select }).await?.security_groups.into_iter().next())
        };
        let group = appear(aws, id.as_str(), previous.is_some(), describe).await?;
        revoke(aws, id, allows_everything_out).await?;
        sync_ec2_tags(aws, id.as_str(), &self.tags, &group.tags).await
    }

    async fn delete(&self, aws: &Aws, id: &Id<Self>) -> Result<(), ProviderError> {
        aws.call_until_settled(RELEASED, DeleteSecurityGroup { group_id: id.clone() }).await.map(drop)
    }
}

/// Revokes the rules of a group that should not be, as `is_wrong` tells.
///
/// A refusal because something does not exist says little: the group may be too new for that part of EC2, or one of the rules is gone
/// and the others are not. So they are looked for again.
pub(super) async fn revoke(
    aws: &Aws,
    group_id: &Id<SecurityGroup>,
    is_wrong: impl Fn(&RuleDescription) -> bool,
) -> Result<(), ProviderError> {
    aws.wait(&format!("the rules of {group_id} to be revoked"), VISIBLE, async || {
        let select = SelectRules::OfGroups(vec![group_id.clone()]);
        let mut rules = aws.call(DescribeSecurityGroupRules { select }).await?.rules;
        rules.retain(&is_wrong);
        let ids = |direction| -> Vec<_> {
            rules.iter().filter(|rule| rule.direction == direction).map(|rule| rule.id.clone()).collect()
        };
        let (ingress, egress) = (ids(Direction::Ingress), ids(Direction::Egress));
        let mut are_revoked = true;
        if !ingress.is_empty() {
            let request = RevokeSecurityGroupIngress { group_id: group_id.clone(), rule_ids: ingress };
            are_revoked &= found(aws.call(request).await)?.is_some();
        }
        if !egress.is_empty() {
            let request = RevokeSecurityGroupEgress { group_id: group_id.clone(), rule_ids: egress };
            are_revoked &= found(aws.call(request).await)?.is_some();
        }
        Ok(are_revoked.then_some(()))
    })
    .await
}

/// The rule that AWS adds to every new group. A rule of a program cannot be this one.
fn allows_everything_out(rule: &RuleDescription) -> bool {
    rule.direction == Direction::Egress
        && rule.rule.ip_protocol == "-1"
        && rule.rule.cidr_ipv4.is_some_and(|range| range.cidr().prefix() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{shapes::RuleSpecification, types::PrivateRange};

    #[test]
    fn only_the_rule_that_aws_adds_to_a_new_group_allows_everything_out() {
        let rule = |direction, protocol: &str, range: Option<&str>| RuleDescription {
            id: Id::reported("sgr-1").unwrap(),
            group_id: Id::reported("sg-1").unwrap(),
            direction,
            rule: RuleSpecification {
                ip_protocol: protocol.to_owned(),
                from_port: None,
                to_port: None,
                cidr_ipv4: range.and_then(PrivateRange::reported),
                referenced_group_id: None,
                description: None,
            },
            tags: Tags::default(),
        };
        assert!(allows_everything_out(&rule(Direction::Egress, "-1", Some("0.0.0.0/0"))));
        for other in [
            rule(Direction::Ingress, "-1", Some("0.0.0.0/0")),
            rule(Direction::Egress, "tcp", Some("0.0.0.0/0")),
            rule(Direction::Egress, "-1", Some("10.0.0.0/8")),
            rule(Direction::Egress, "-1", None),
        ] {
            assert!(!allows_everything_out(&other), "{other:?}");
        }
    }
}
