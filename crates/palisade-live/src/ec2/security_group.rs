//! Security groups.

use aws_sdk_ec2::{
    Client,
    types::{self, Filter, ResourceType},
};
use palisade_aws::{
    operations::{
        CreateSecurityGroup, CreateSecurityGroupOutput, DeleteSecurityGroup, DeleteSecurityGroupOutput,
        DescribeSecurityGroups, DescribeSecurityGroupsOutput,
    },
    shapes::{SecurityGroupDescription, SelectSecurityGroups},
};

use super::{Ec2, PAGE, by_ids, describe, is_selected, one_of, questions, tags};
use crate::{
    answer::{each, id, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateSecurityGroup {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateSecurityGroupOutput, Failure> {
        let Self { vpc_id, group_name, description, tags } = self;
        let request = ec2
            .sdk
            .create_security_group()
            .vpc_id(vpc_id.as_str())
            .group_name(group_name.as_str())
            .description(description.as_str())
            .tag_specifications(tags::created(ResourceType::SecurityGroup, &tags));
        let answer = ec2.call(request.send()).await?;
        Ok(CreateSecurityGroupOutput { group_id: id(answer.group_id, "groupId")? })
    }
}

impl Call for DescribeSecurityGroups {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeSecurityGroupsOutput, Failure> {
        let found = describe(selected(&self.select), async |filters, token| {
            let request = ec2.sdk.describe_security_groups().set_filters(Some(filters));
            let page = ec2.call(request.max_results(PAGE).set_next_token(token).send()).await?;
            Ok((page.security_groups, page.next_token))
        });
        let mut security_groups = each(found.await?, description)?;
        if let SelectSecurityGroups::Groups(select) = &self.select {
            security_groups.retain(|group| is_selected(select, &group.id, &group.tags));
        }
        Ok(DescribeSecurityGroupsOutput { security_groups })
    }
}

fn selected(select: &SelectSecurityGroups) -> Vec<Vec<Filter>> {
    match select {
        SelectSecurityGroups::Groups(select) => questions("group-id", select),
        SelectSecurityGroups::DefaultOf(vpcs) => {
            let mut questions = by_ids("vpc-id", vpcs);
            questions.iter_mut().for_each(|filters| filters.push(one_of("group-name", ["default"])));
            questions
        }
    }
}

fn description(group: types::SecurityGroup) -> Result<SecurityGroupDescription, Failure> {
    Ok(SecurityGroupDescription {
        id: id(group.group_id, "groupId")?,
        name: present(group.group_name, "groupName")?,
        description: present(group.description, "groupDescription")?,
        vpc_id: id(group.vpc_id, "vpcId")?,
        owner_id: present(group.owner_id, "ownerId")?,
        tags: tags::read(group.tags),
    })
}

impl Call for DeleteSecurityGroup {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteSecurityGroupOutput, Failure> {
        ec2.call(ec2.sdk.delete_security_group().group_id(self.group_id.as_str()).send()).await?;
        Ok(DeleteSecurityGroupOutput {})
    }
}
