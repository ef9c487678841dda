//! Subnets.

use aws_sdk_ec2::{
    Client,
    types::{self, AttributeBooleanValue, ResourceType},
};
use palisade_aws::{
    operations::{
        CreateSubnet, CreateSubnetOutput, DeleteSubnet, DeleteSubnetOutput, DescribeSubnets, DescribeSubnetsOutput,
        ModifySubnetAttribute, ModifySubnetAttributeOutput,
    },
    shapes::{SubnetAttribute, SubnetDescription},
    types::{Arn, AvailabilityZone, Cidr, HostnameType},
};

use super::{Ec2, PAGE, describe, is_selected, questions, tags};
use crate::{
    answer::{each, id, known, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateSubnet {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateSubnetOutput, Failure> {
        let Self { vpc_id, cidr_block, availability_zone, tags } = self;
        let request = ec2
            .sdk
            .create_subnet()
            .vpc_id(vpc_id.as_str())
            .cidr_block(cidr_block.to_string())
            .availability_zone(availability_zone.as_str())
            .tag_specifications(tags::created(ResourceType::Subnet, &tags));
        let answer = ec2.call(request.send()).await?;
        Ok(CreateSubnetOutput { subnet_id: id(present(answer.subnet, "subnet")?.subnet_id, "subnetId")? })
    }
}

impl Call for DescribeSubnets {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeSubnetsOutput, Failure> {
        let found = describe(questions("subnet-id", &self.select), async |filters, token| {
            let request = ec2.sdk.describe_subnets().set_filters(Some(filters)).max_results(PAGE).set_next_token(token);
            let page = ec2.call(request.send()).await?;
            Ok((page.subnets, page.next_token))
        });
        let mut subnets = each(found.await?, description)?;
        subnets.retain(|subnet| is_selected(&self.select, &subnet.id, &subnet.tags));
        Ok(DescribeSubnetsOutput { subnets })
    }
}

fn description(subnet: types::Subnet) -> Result<SubnetDescription, Failure> {
    let names = subnet.private_dns_name_options_on_launch;
    let hostname_type = names.as_ref().and_then(|names| names.hostname_type.clone());
    Ok(SubnetDescription {
        id: id(subnet.subnet_id, "subnetId")?,
        state: present(subnet.state, "state")?.as_str().to_owned(),
        vpc_id: id(subnet.vpc_id, "vpcId")?,
        cidr_block: known(subnet.cidr_block, "cidrBlock", Cidr::reported)?,
        availability_zone: AvailabilityZone::reported(present(subnet.availability_zone, "availabilityZone")?),
        arn: Arn::reported(present(subnet.subnet_arn, "subnetArn")?),
        available_ip_address_count: subnet
            .available_ip_address_count
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or_default(),
        map_public_ip_on_launch: subnet.map_public_ip_on_launch.unwrap_or_default(),
        // A subnet that is older than these options has none; it is as the defaults say.
        private_dns_hostname_type: match hostname_type {
            Some(text) => known(Some(text), "hostnameType", HostnameType::reported)?,
            None => HostnameType::IpName,
        },
        resource_name_dns_a_record: names.and_then(|names| names.enable_resource_name_dns_a_record).unwrap_or_default(),
        tags: tags::read(subnet.tags),
    })
}

impl Call for ModifySubnetAttribute {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<ModifySubnetAttributeOutput, Failure> {
        let Self { subnet_id, attribute } = self;
        let flag = |value| AttributeBooleanValue::builder().value(value).build();
        let request = ec2.sdk.modify_subnet_attribute().subnet_id(subnet_id.as_str());
        let request = match attribute {
            SubnetAttribute::MapPublicIpOnLaunch(value) => request.map_public_ip_on_launch(flag(value)),
            SubnetAttribute::PrivateDnsHostnameType(value) => {
                request.private_dns_hostname_type_on_launch(types::HostnameType::from(value.as_str()))
            }
            SubnetAttribute::ResourceNameDnsARecord(value) => {
                request.enable_resource_name_dns_a_record_on_launch(flag(value))
            }
        };
        ec2.call(request.send()).await?;
        Ok(ModifySubnetAttributeOutput {})
    }
}

impl Call for DeleteSubnet {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteSubnetOutput, Failure> {
        ec2.call(ec2.sdk.delete_subnet().subnet_id(self.subnet_id.as_str()).send()).await?;
        Ok(DeleteSubnetOutput {})
    }
}
