//! The rules of security groups.

use aws_sdk_ec2::{
    Client,
    types::{
        self, Filter, IpPermission, IpRange, ResourceType, SecurityGroupRuleRequest, SecurityGroupRuleUpdate,
        UserIdGroupPair,
    },
};
use palisade_aws::{
    operations::{
        AuthorizeSecurityGroupEgress, AuthorizeSecurityGroupEgressOutput, AuthorizeSecurityGroupIngress,
        AuthorizeSecurityGroupIngressOutput, DescribeSecurityGroupRules, DescribeSecurityGroupRulesOutput,
        ModifySecurityGroupRules, ModifySecurityGroupRulesOutput, RevokeSecurityGroupEgress,
        RevokeSecurityGroupEgressOutput, RevokeSecurityGroupIngress, RevokeSecurityGroupIngressOutput,
    },
    resources::SecurityGroupRule,
    shapes::{RuleDescription, RuleSpecification, SelectRules},
    types::{Direction, PrivateRange},
};
use palisade_core::Id;

use super::{Ec2, PAGE, by_ids, describe, is_selected, questions, tags};
use crate::{
    answer::{each, id, known, present},
    failure::Failure,
    service::Call,
};

/// EC2's word for "all ports", which are all that it takes with all protocols.
const ALL: i32 = -1;

impl Call for AuthorizeSecurityGroupIngress {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<AuthorizeSecurityGroupIngressOutput, Failure> {
        let Self { group_id, rule, tags } = self;
        let request = ec2
            .sdk
            .authorize_security_group_ingress()
            .group_id(group_id.as_str())
            .ip_permissions(permission(rule))
            .tag_specifications(tags::created(ResourceType::SecurityGroupRule, &tags));
        let answer = ec2.call(request.send()).await?;
        Ok(AuthorizeSecurityGroupIngressOutput { rule_id: first(answer.security_group_rules)? })
    }
}

impl Call for AuthorizeSecurityGroupEgress {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<AuthorizeSecurityGroupEgressOutput, Failure> {
        let Self { group_id, rule, tags } = self;
        let request = ec2
            .sdk
            .authorize_security_group_egress()
            .group_id(group_id.as_str())
            .ip_permissions(permission(rule))
            .tag_specifications(tags::created(ResourceType::SecurityGroupRule, &tags));
        let answer = ec2.call(request.send()).await?;
        Ok(AuthorizeSecurityGroupEgressOutput { rule_id: first(answer.security_group_rules)? })
    }
}

/// The id of the one rule that was made.
fn first(rules: Option<Vec<types::SecurityGroupRule>>) -> Result<Id<SecurityGroupRule>, Failure> {
    let rule = rules.and_then(|rules| rules.into_iter().next());
    id(present(rule, "securityGroupRuleSet")?.security_group_rule_id, "securityGroupRuleId")
}

/// The rule in the form in which it is created.
fn permission(rule: RuleSpecification) -> IpPermission {
    let RuleSpecification { ip_protocol, from_port, to_port, cidr_ipv4, referenced_group_id, description } = rule;
    let range = cidr_ipv4
        .map(|range| IpRange::builder().cidr_ip(range.cidr().to_string()).set_description(description.clone()).build());
    let group = referenced_group_id
        .map(|group| UserIdGroupPair::builder().group_id(group.as_str()).set_description(description.clone()).build());
    IpPermission::builder()
        .ip_protocol(ip_protocol)
        .from_port(from_port.map_or(ALL, i32::from))
        .to_port(to_port.map_or(ALL, i32::from))
        .set_ip_ranges(range.map(|range| vec![range]))
        .set_user_id_group_pairs(group.map(|group| vec![group]))
        .build()
}

/// The rule in the form in which it is changed.
fn request(rule: RuleSpecification) -> SecurityGroupRuleRequest {
    let RuleSpecification { ip_protocol, from_port, to_port, cidr_ipv4, referenced_group_id, description } = rule;
    SecurityGroupRuleRequest::builder()
        .ip_protocol(ip_protocol)
        .from_port(from_port.map_or(ALL, i32::from))
        .to_port(to_port.map_or(ALL, i32::from))
        .set_cidr_ipv4(cidr_ipv4.map(|range| range.cidr().to_string()))
        .set_referenced_group_id(referenced_group_id.map(|group| group.to_string()))
        .set_description(description)
        .build()
}

impl Call for DescribeSecurityGroupRules {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeSecurityGroupRulesOutput, Failure> {
        let found = describe(selected(&self.select), async |filters, token| {
            let request = ec2.sdk.describe_security_group_rules().set_filters(Some(filters));
            let page = ec2.call(request.max_results(PAGE).set_next_token(token).send()).await?;
            Ok((page.security_group_rules, page.next_token))
        });
        let mut rules = each(found.await?, description)?;
        if let SelectRules::Rules(select) = &self.select {
            rules.retain(|rule| is_selected(select, &rule.id, &rule.tags));
        }
        Ok(DescribeSecurityGroupRulesOutput { rules })
    }
}

fn selected(select: &SelectRules) -> Vec<Vec<Filter>> {
    match select {
        SelectRules::Rules(select) => questions("security-group-rule-id", select),
        SelectRules::OfGroups(groups) => by_ids("group-id", groups),
    }
}

fn description(rule: types::SecurityGroupRule) -> Result<RuleDescription, Failure> {
    let is_egress = present(rule.is_egress, "isEgress")?;
    // A rule about IPv6 or a prefix list has no range, and one about all protocols the ports -1.
    let port = |number: Option<i32>| number.and_then(|number| u16::try_from(number).ok());
    Ok(RuleDescription {
        id: id(rule.security_group_rule_id, "securityGroupRuleId")?,
        group_id: id(rule.group_id, "groupId")?,
        direction: if is_egress { Direction::Egress } else { Direction::Ingress },
        rule: RuleSpecification {
            ip_protocol: present(rule.ip_protocol, "ipProtocol")?,
            from_port: port(rule.from_port),
            to_port: port(rule.to_port),
            cidr_ipv4: match rule.cidr_ipv4 {
                Some(range) => Some(known(Some(range), "cidrIpv4", PrivateRange::reported)?),
                None => None,
            },
            referenced_group_id: match rule.referenced_group_info {
                Some(group) => Some(id(group.group_id, "referencedGroupInfo.groupId")?),
                None => None,
            },
            description: rule.description,
        },
        tags: tags::read(rule.tags),
    })
}

impl Call for ModifySecurityGroupRules {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<ModifySecurityGroupRulesOutput, Failure> {
        let Self { group_id, rule_id, rule } = self;
        let update = SecurityGroupRuleUpdate::builder()
            .security_group_rule_id(rule_id.as_str())
            .security_group_rule(request(rule))
            .build();
        let request = ec2.sdk.modify_security_group_rules().group_id(group_id.as_str()).security_group_rules(update);
        ec2.call(request.send()).await?;
        Ok(ModifySecurityGroupRulesOutput {})
    }
}

impl Call for RevokeSecurityGroupIngress {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<RevokeSecurityGroupIngressOutput, Failure> {
        let Self { group_id, rule_ids } = self;
        let request = ec2.sdk.revoke_security_group_ingress().group_id(group_id.as_str());
        ec2.call(request.set_security_group_rule_ids(Some(texts(&rule_ids))).send()).await?;
        Ok(RevokeSecurityGroupIngressOutput {})
    }
}

impl Call for RevokeSecurityGroupEgress {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<RevokeSecurityGroupEgressOutput, Failure> {
        let Self { group_id, rule_ids } = self;
        let request = ec2.sdk.revoke_security_group_egress().group_id(group_id.as_str());
        ec2.call(request.set_security_group_rule_ids(Some(texts(&rule_ids))).send()).await?;
        Ok(RevokeSecurityGroupEgressOutput {})
    }
}

fn texts(ids: &[Id<SecurityGroupRule>]) -> Vec<String> {
    ids.iter().map(Id::to_string).collect()
}
