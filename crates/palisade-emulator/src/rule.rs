//! The rules of security groups.

use palisade_aws::{
    operations::{
        AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupEgressOutput, AuthorizeSecurityGroupIngress,
        AuthorizeSecurityGroupIngressOutput, DescribeSecurityGroupRules, DescribeSecurityGroupRulesOutput,
        ModifySecurityGroupRules, ModifySecurityGroupRulesOutput, RevokeSecurityGroupEgress,
        RevokeSecurityGroupEgressOutput, RevokeSecurityGroupIngress, RevokeSecurityGroupIngressOutput,
    },
    shapes::{RuleDescription, RuleSpecification, SelectRules},
    types::{Direction, PrivateRange, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, selects},
    clock::Millis,
    ids::{RuleId, SecurityGroupId},
    refusal::{Answer, refuse, require},
    security_group::check_description,
    tags,
};

/// How many rules a group has in each direction at most, unless AWS is asked for more.
const QUOTA: usize = 60;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Rule {
    pub(crate) group: SecurityGroupId,
    pub(crate) direction: Direction,
    pub(crate) protocol: String,
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) peer: Peer,
    pub(crate) description: Option<String>,
    /// Whether AWS made it with its group.
    pub(crate) is_default: bool,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

/// Who stands at the other end.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Peer {
    Addresses(PrivateRange),
    Group(SecurityGroupId),
}

impl Rule {
    /// The rule that AWS gives to each new group.
    pub(crate) fn egress_to_everywhere(group: &SecurityGroupId, made: Millis) -> Self {
        let everywhere = PrivateRange::reported("0.0.0.0/0").expect("0.0.0.0/0 is a range");
        Self::by_aws(group, Direction::Egress, Peer::Addresses(everywhere), made)
    }

    /// The rule that AWS gives to the default group of a VPC.
    pub(crate) fn ingress_from_members(group: &SecurityGroupId, made: Millis) -> Self {
        Self::by_aws(group, Direction::Ingress, Peer::Group(group.clone()), made)
    }

    fn by_aws(group: &SecurityGroupId, direction: Direction, peer: Peer, made: Millis) -> Self {
        Self {
            group: group.clone(),
            direction,
            protocol: "-1".to_owned(),
            ports: None,
            peer,
            description: None,
            is_default: true,
            tags: Tags::default(),
            made,
        }
    }

    /// Whether the two allow the same: what they are for does not count.
    fn is_same(&self, other: &Self) -> bool {
        self.group == other.group
            && self.direction == other.direction
            && self.protocol == other.protocol
            && self.ports == other.ports
            && self.peer == other.peer
    }
}

impl Account {
    pub(crate) fn authorize_security_group_ingress(
        &mut self,
        call: AuthorizeSecurityGroupIngress,
    ) -> Answer<AuthorizeSecurityGroupIngressOutput> {
        let rule_id = self.authorize(call.group_id, Direction::Ingress, call.rule, call.tags)?;
        Ok(AuthorizeSecurityGroupIngressOutput { rule_id })
    }

    pub(crate) fn authorize_security_group_egress(
        &mut self,
        call: AuthorizeSecurityGroupEgress,
    ) -> Answer<AuthorizeSecurityGroupEgressOutput> {
        let rule_id = self.authorize(call.group_id, Direction::Egress, call.rule, call.tags)?;
        Ok(AuthorizeSecurityGroupEgressOutput { rule_id })
    }

    fn authorize(
        &mut self,
        group: SecurityGroupId,
        direction: Direction,
        specification: RuleSpecification,
        tags: Tags,
    ) -> Answer<RuleId> {
        tags::check_ec2(&tags)?;
        self.security_group(&group)?;
        let rule = self.rule(group, direction, specification, tags)?;
        require(!self.rules.values().any(|other| other.is_same(&rule)), "InvalidPermission.Duplicate", || {
            format!("the specified rule {} already exists", in_words(&rule))
        })?;
        let siblings = self.rules.values().filter(|r| r.group == rule.group && r.direction == direction).count();
        require(siblings < QUOTA, "RulesPerSecurityGroupLimitExceeded", || {
            "The maximum number of rules per security group has been reached.".to_owned()
        })?;
        Ok(self.add_rule(rule))
    }

    /// The rule that `specification` says, if EC2 takes it.
    fn rule(
        &self,
        group: SecurityGroupId,
        direction: Direction,
        specification: RuleSpecification,
        tags: Tags,
    ) -> Answer<Rule> {
        let RuleSpecification { ip_protocol, from_port, to_port, cidr_ipv4, referenced_group_id, description } =
            specification;
        if let Some(description) = &description {
            check_description(description)?;
        }
        let ports = match (ip_protocol.as_str(), from_port, to_port) {
            ("-1", _, _) => None,
            ("tcp" | "udp", Some(from), Some(to)) if from <= to => Some((from, to)),
            ("tcp" | "udp", Some(from), Some(to)) => {
                return refuse("InvalidParameterValue", format!("Invalid TCP/UDP port range ({from}:{to})"));
            }
            ("tcp" | "udp", _, _) => {
                return refuse(
                    "InvalidParameterValue",
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.'",
                );
            }
            (protocol, _, _) => {
                return refuse(
                    "InvalidParameterValue",
                    format!("Invalid value '{protocol}' for IP protocol. Unknown protocol."),
                );
            }
        };
        let peer = match (cidr_ipv4, referenced_group_id) {
            (Some(range), None) => Peer::Addresses(range),
            (None, Some(peer)) => {
                let vpc = &self.security_group(&peer)?.vpc;
                require(
                    self.security_groups.get(&group).is_some_and(|group| group.vpc == *vpc),
                    "InvalidGroup.NotFound",
                    || "You have specified two resources that belong to different networks.".to_owned(),
                )?;
                Peer::Group(peer)
            }
            _ => return refuse("InvalidParameterValue", "Specify exactly one of a CIDR block and a security group."),
        };
        Ok(Rule {
            group,
            direction,
            protocol: ip_protocol,
            ports,
            peer,
            description,
            is_default: false,
            tags,
            made: self.now,
        })
    }

    pub(crate) fn add_rule(&mut self, rule: Rule) -> RuleId {
        let id: RuleId = self.ids.next("sgr");
        self.rules.insert(id.clone(), rule);
        id
    }

    pub(crate) fn describe_security_group_rules(
        &mut self,
        call: DescribeSecurityGroupRules,
    ) -> Answer<DescribeSecurityGroupRulesOutput> {
        let is_selected = |id: &RuleId, rule: &Rule| match &call.select {
            SelectRules::Rules(select) => selects(select, id, &rule.tags),
            SelectRules::OfGroups(groups) => groups.contains(&rule.group),
        };
        let rules = self.rules.iter().filter(|(id, rule)| is_selected(id, rule) && self.shows(rule.made));
        Ok(DescribeSecurityGroupRulesOutput { rules: rules.map(|(id, rule)| describe(id, rule)).collect() })
    }

    pub(crate) fn modify_security_group_rules(
        &mut self,
        call: ModifySecurityGroupRules,
    ) -> Answer<ModifySecurityGroupRulesOutput> {
        let ModifySecurityGroupRules { group_id, rule_id, rule } = call;
        self.security_group(&group_id)?;
        let Some(old) = self.rules.get(&rule_id).filter(|old| old.group == group_id && self.shows(old.made)) else {
            return unknown_rule(&rule_id);
        };
        let mut new = self.rule(group_id, old.direction, rule, old.tags.clone())?;
        require(
            std::mem::discriminant(&old.peer) == std::mem::discriminant(&new.peer),
            "InvalidParameterValue",
            || format!("The kind of the source or destination of {rule_id} cannot be changed."),
        )?;
        let is_taken = self.rules.iter().any(|(id, other)| *id != rule_id && other.is_same(&new));
        require(!is_taken, "InvalidPermission.Duplicate", || {
            format!("the specified rule {} already exists", in_words(&new))
        })?;
        new.made = old.made;
        self.rules.insert(rule_id, new);
        Ok(ModifySecurityGroupRulesOutput {})
    }

    pub(crate) fn revoke_security_group_ingress(
        &mut self,
        call: RevokeSecurityGroupIngress,
    ) -> Answer<RevokeSecurityGroupIngressOutput> {
        self.revoke(&call.group_id, Direction::Ingress, &call.rule_ids)?;
        Ok(RevokeSecurityGroupIngressOutput {})
    }

    pub(crate) fn revoke_security_group_egress(
        &mut self,
        call: RevokeSecurityGroupEgress,
    ) -> Answer<RevokeSecurityGroupEgressOutput> {
        self.revoke(&call.group_id, Direction::Egress, &call.rule_ids)?;
        Ok(RevokeSecurityGroupEgressOutput {})
    }

    /// Takes the rules away: all of them, or none if one is not there.
    fn revoke(&mut self, group: &SecurityGroupId, direction: Direction, ids: &[RuleId]) -> Answer<()> {
        self.security_group(group)?;
        let is_there = |rule: &Rule| rule.group == *group && rule.direction == direction && self.shows(rule.made);
        if let Some(missing) = ids.iter().find(|id| !self.rules.get(*id).is_some_and(is_there)) {
            return unknown_rule(missing);
        }
        self.rules.retain(|id, _| !ids.contains(id));
        Ok(())
    }
}

pub(crate) fn unknown_rule<T>(id: &RuleId) -> Answer<T> {
    refuse("InvalidSecurityGroupRuleId.NotFound", format!("The security group rule ID '{id}' does not exist"))
}

fn describe(id: &RuleId, rule: &Rule) -> RuleDescription {
    let (cidr_ipv4, referenced_group_id) = match &rule.peer {
        Peer::Addresses(range) => (Some(*range), None),
        Peer::Group(group) => (None, Some(group.clone())),
    };
    RuleDescription {
        id: id.clone(),
        group_id: rule.group.clone(),
        direction: rule.direction,
        rule: RuleSpecification {
            ip_protocol: rule.protocol.clone(),
            from_port: rule.ports.map(|(from, _)| from),
            to_port: rule.ports.map(|(_, to)| to),
            cidr_ipv4,
            referenced_group_id,
            description: rule.description.clone(),
        },
        tags: rule.tags.clone(),
    }
}

/// The rule as EC2 writes it in its messages.
fn in_words(rule: &Rule) -> String {
    let peer = match &rule.peer {
        Peer::Addresses(range) => range.to_string(),
        Peer::Group(group) => group.to_string(),
    };
    match rule.ports {
        Some((from, to)) => {
            format!("\"peer: {peer}, {}, from port: {from}, to port: {to}, ALLOW\"", rule.protocol.to_uppercase())
        }
        None => format!("\"peer: {peer}, ALL, ALLOW\""),
    }
}
