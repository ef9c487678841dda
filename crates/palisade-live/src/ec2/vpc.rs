//! VPCs.

use aws_sdk_ec2::{
    Client,
    types::{self, AttributeBooleanValue, ResourceType, VpcAttributeName, VpcTenancy},
};
use palisade_aws::{
    operations::{
        CreateVpc, CreateVpcOutput, DeleteVpc, DeleteVpcOutput, DescribeVpcAttribute, DescribeVpcAttributeOutput,
        DescribeVpcs, DescribeVpcsOutput, ModifyVpcAttribute, ModifyVpcAttributeOutput, ModifyVpcTenancy,
        ModifyVpcTenancyOutput,
    },
    shapes::{VpcAttribute, VpcDescription},
    types::{Cidr, Tenancy},
};

use super::{Ec2, PAGE, describe, is_selected, questions, tags};
use crate::{
    answer::{each, id, known, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateVpc {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateVpcOutput, Failure> {
        let Self { cidr_block, instance_tenancy, tags } = self;
        let request = ec2
            .sdk
            .create_vpc()
            .cidr_block(cidr_block.to_string())
            .instance_tenancy(types::Tenancy::from(instance_tenancy.as_str()))
            .tag_specifications(tags::created(ResourceType::Vpc, &tags));
        let answer = ec2.call(request.send()).await?;
        Ok(CreateVpcOutput { vpc_id: id(present(answer.vpc, "vpc")?.vpc_id, "vpcId")? })
    }
}

impl Call for DescribeVpcs {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeVpcsOutput, Failure> {
        let found = describe(questions("vpc-id", &self.select), async |filters, token| {
            let request = ec2.sdk.describe_vpcs().set_filters(Some(filters)).max_results(PAGE).set_next_token(token);
            let page = ec2.call(request.send()).await?;
            Ok((page.vpcs, page.next_token))
        });
        let mut vpcs = each(found.await?, description)?;
        vpcs.retain(|vpc| is_selected(&self.select, &vpc.id, &vpc.tags));
        Ok(DescribeVpcsOutput { vpcs })
    }
}

fn description(vpc: types::Vpc) -> Result<VpcDescription, Failure> {
    Ok(VpcDescription {
        id: id(vpc.vpc_id, "vpcId")?,
        state: present(vpc.state, "state")?.as_str().to_owned(),
        cidr_block: known(vpc.cidr_block, "cidrBlock", Cidr::reported)?,
        instance_tenancy: known(vpc.instance_tenancy, "instanceTenancy", Tenancy::reported)?,
        owner_id: present(vpc.owner_id, "ownerId")?,
        tags: tags::read(vpc.tags),
    })
}

impl Call for DescribeVpcAttribute {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeVpcAttributeOutput, Failure> {
        let Self { vpc_id, attribute } = self;
        let name = match attribute {
            VpcAttribute::DnsSupport => VpcAttributeName::EnableDnsSupport,
            VpcAttribute::DnsHostnames => VpcAttributeName::EnableDnsHostnames,
            VpcAttribute::NetworkAddressUsageMetrics => VpcAttributeName::EnableNetworkAddressUsageMetrics,
        };
        let request = ec2.sdk.describe_vpc_attribute().vpc_id(vpc_id.as_str()).attribute(name.clone());
        let answer = ec2.call(request.send()).await?;
        let (value, field) = match attribute {
            VpcAttribute::DnsSupport => (answer.enable_dns_support, "enableDnsSupport"),
            VpcAttribute::DnsHostnames => (answer.enable_dns_hostnames, "enableDnsHostnames"),
            VpcAttribute::NetworkAddressUsageMetrics => {
                (answer.enable_network_address_usage_metrics, "enableNetworkAddressUsageMetrics")
            }
        };
        Ok(DescribeVpcAttributeOutput { enabled: present(value.and_then(|value| value.value), field)? })
    }
}

impl Call for ModifyVpcAttribute {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<ModifyVpcAttributeOutput, Failure> {
        let Self { vpc_id, attribute, enabled } = self;
        let value = AttributeBooleanValue::builder().value(enabled).build();
        let request = ec2.sdk.modify_vpc_attribute().vpc_id(vpc_id.as_str());
        let request = match attribute {
            VpcAttribute::DnsSupport => request.enable_dns_support(value),
            VpcAttribute::DnsHostnames => request.enable_dns_hostnames(value),
            VpcAttribute::NetworkAddressUsageMetrics => request.enable_network_address_usage_metrics(value),
        };
        ec2.call(request.send()).await?;
        Ok(ModifyVpcAttributeOutput {})
    }
}

impl Call for ModifyVpcTenancy {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<ModifyVpcTenancyOutput, Failure> {
        // The only change that EC2 makes.
        let request = ec2.sdk.modify_vpc_tenancy().vpc_id(self.vpc_id.as_str()).instance_tenancy(VpcTenancy::Default);
        ec2.call(request.send()).await?;
        Ok(ModifyVpcTenancyOutput {})
    }
}

impl Call for DeleteVpc {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteVpcOutput, Failure> {
        ec2.call(ec2.sdk.delete_vpc().vpc_id(self.vpc_id.as_str()).send()).await?;
        Ok(DeleteVpcOutput {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_that_lacks_a_field_is_an_error_and_no_panic() {
        let complete = || {
            types::Vpc::builder()
                .vpc_id("vpc-1")
                .state(types::VpcState::Available)
                .cidr_block("10.0.0.0/16")
                .instance_tenancy(types::Tenancy::Default)
                .owner_id("111122223333")
        };
        assert_eq!(description(complete().build()).unwrap().state, "available");
        assert!(matches!(description(complete().set_vpc_id(None).build()), Err(Failure::Lacks("vpcId"))));
        let odd = complete().instance_tenancy(types::Tenancy::Host).build();
        assert!(matches!(description(odd), Err(Failure::Unusable { field: "instanceTenancy", .. })));
    }
}
