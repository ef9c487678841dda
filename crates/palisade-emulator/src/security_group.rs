//! Security groups. Their rules are in [`crate::rule`].

use palisade_aws::{
    operations::{
        CreateSecurityGroup, CreateSecurityGroupOutput, DeleteSecurityGroup, DeleteSecurityGroupOutput,
        DescribeSecurityGroups, DescribeSecurityGroupsOutput,
    },
    shapes::{SecurityGroupDescription, SelectSecurityGroups},
    types::{Description, Tags},
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, selects},
    clock::Millis,
    ids::{ACCOUNT, SecurityGroupId, VpcId},
    refusal::{Answer, known, refuse, require},
    rule::{Peer, Rule},
    tags,
};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SecurityGroup {
    pub(crate) vpc: VpcId,
    pub(crate) name: String,
    pub(crate) description: String,
    /// Whether AWS made it with its VPC.
    pub(crate) is_default: bool,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

impl Account {
    pub(crate) fn create_security_group(&mut self, call: CreateSecurityGroup) -> Answer<CreateSecurityGroupOutput> {
        let CreateSecurityGroup { vpc_id, group_name, description, tags } = call;
        tags::check_ec2(&tags)?;
        require(!group_name.as_str().starts_with("sg-"), "InvalidParameterValue", || {
            format!(
                "Value ({group_name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
            )
        })?;
        require(Description::new(group_name.as_str()).is_ok(), "InvalidParameterValue", || {
            format!(
                "Value ({group_name}) for parameter GroupName is invalid. Character sets beyond ASCII are not supported."
            )
        })?;
        check_description(description.as_str())?;
        self.vpc(&vpc_id)?;
        let mut groups = self.security_groups.values().filter(|group| group.vpc == vpc_id);
        let is_taken = groups.any(|group| group.name.eq_ignore_ascii_case(group_name.as_str()));
        require(!is_taken, "InvalidGroup.Duplicate", || {
            format!("The security group '{group_name}' already exists for VPC '{vpc_id}'")
        })?;
        let group_id = self.add_security_group(&vpc_id, group_name.as_str(), description.as_str(), false, tags);
        Ok(CreateSecurityGroupOutput { group_id })
    }

    /// Adds a group. AWS lets each new one reach everything, and a default group be reached by its own members.
    pub(crate) fn add_security_group(
        &mut self,
        vpc: &VpcId,
        name: &str,
        description: &str,
        is_default: bool,
        tags: Tags,
    ) -> SecurityGroupId {
        let id: SecurityGroupId = self.ids.next("sg");
        let group = SecurityGroup {
            vpc: vpc.clone(),
            name: name.to_owned(),
            description: description.to_owned(),
            is_default,
            tags,
            made: self.now,
        };
        self.security_groups.insert(id.clone(), group);
        self.add_rule(Rule::egress_to_everywhere(&id, self.now));
        if is_default {
            self.add_rule(Rule::ingress_from_members(&id, self.now));
        }
        id
    }

    pub(crate) fn describe_security_groups(
        &mut self,
        call: DescribeSecurityGroups,
    ) -> Answer<DescribeSecurityGroupsOutput> {
        let groups = self.security_groups.iter();
        let is_selected = |id: &SecurityGroupId, group: &SecurityGroup| match &call.select {
            SelectSecurityGroups::Groups(select) => selects(select, id, &group.tags),
            SelectSecurityGroups::DefaultOf(vpcs) => group.is_default && vpcs.contains(&group.vpc),
        };
        let groups = groups.filter(|(id, group)| is_selected(id, group) && self.shows(group.made));
        let describe = |(id, group): (&SecurityGroupId, &SecurityGroup)| SecurityGroupDescription {
            id: id.clone(),
            name: group.name.clone(),
            description: group.description.clone(),
            vpc_id: group.vpc.clone(),
            owner_id: ACCOUNT.to_owned(),
            tags: group.tags.clone(),
        };
        Ok(DescribeSecurityGroupsOutput { security_groups: groups.map(describe).collect() })
    }

    pub(crate) fn delete_security_group(&mut self, call: DeleteSecurityGroup) -> Answer<DeleteSecurityGroupOutput> {
        let id = call.group_id;
        let group = self.security_group(&id)?;
        require(!group.is_default, "CannotDelete", || {
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user")
        })?;
        let is_peer = |rule: &Rule| rule.group != id && rule.peer == Peer::Group(id.clone());
        let is_used = self.interfaces.values().any(|interface| interface.groups.contains(&id))
            || self.replication_groups.values().any(|group| group.uses_security_group(&id))
            || self.rules.values().any(is_peer);
        if is_used {
            return refuse("DependencyViolation", format!("resource {id} has a dependent object"));
        }
        self.security_groups.remove(&id);
        self.rules.retain(|_, rule| rule.group != id);
        Ok(DeleteSecurityGroupOutput {})
    }

    /// The group `id`, as a call about it finds it.
    pub(crate) fn security_group(&self, id: &SecurityGroupId) -> Answer<&SecurityGroup> {
        let group = self.security_groups.get(id).filter(|group| self.shows(group.made));
        known(group, "InvalidGroup.NotFound", || format!("The security group '{id}' does not exist"))
    }
}

/// The characters that EC2 takes in what a group or a rule is for.
pub(crate) fn check_description(description: &str) -> Answer<()> {
    require(Description::new(description).is_ok(), "InvalidParameterValue", || {
        format!(
            "Value ({description}) for parameter GroupDescription is invalid. Valid descriptions are strings less than 256 \
             characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
        )
    })
}
