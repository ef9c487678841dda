//! Network ACLs, their entries, and their associations with subnets.

use aws_sdk_ec2::{
    Client,
    types::{self, Filter, PortRange, ResourceType},
};
use palisade_aws::{
    operations::{
        CreateNetworkAcl, CreateNetworkAclEntry, CreateNetworkAclEntryOutput, CreateNetworkAclOutput, DeleteNetworkAcl,
        DeleteNetworkAclEntry, DeleteNetworkAclEntryOutput, DeleteNetworkAclOutput, DescribeNetworkAcls,
        DescribeNetworkAclsOutput, ReplaceNetworkAclAssociation, ReplaceNetworkAclAssociationOutput,
        ReplaceNetworkAclEntry, ReplaceNetworkAclEntryOutput,
    },
    shapes::{NetworkAclAssociationDescription, NetworkAclDescription, NetworkAclEntryDescription, SelectNetworkAcls},
    types::{Direction, RuleAction},
};

use super::{Ec2, PAGE, by_ids, describe, is_selected, one_of, questions, tags};
use crate::{
    answer::{each, id, known, present},
    failure::Failure,
    service::Call,
};

impl Call for CreateNetworkAcl {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateNetworkAclOutput, Failure> {
        let Self { vpc_id, client_token, tags } = self;
        let request = ec2
            .sdk
            .create_network_acl()
            .vpc_id(vpc_id.as_str())
            // Left out, the SDK would draw one at random, and a second attempt would make a second ACL.
            .client_token(client_token)
            .tag_specifications(tags::created(ResourceType::NetworkAcl, &tags));
        let acl = present(ec2.call(request.send()).await?.network_acl, "networkAcl")?;
        Ok(CreateNetworkAclOutput { network_acl_id: id(acl.network_acl_id, "networkAclId")? })
    }
}

impl Call for DescribeNetworkAcls {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeNetworkAclsOutput, Failure> {
        let found = describe(selected(&self.select), async |filters, token| {
            let request = ec2.sdk.describe_network_acls().set_filters(Some(filters));
            let page = ec2.call(request.max_results(PAGE).set_next_token(token).send()).await?;
            Ok((page.network_acls, page.next_token))
        });
        let mut network_acls = each(found.await?, description)?;
        if let SelectNetworkAcls::Acls(select) = &self.select {
            network_acls.retain(|acl| is_selected(select, &acl.id, &acl.tags));
        }
        Ok(DescribeNetworkAclsOutput { network_acls })
    }
}

fn selected(select: &SelectNetworkAcls) -> Vec<Vec<Filter>> {
    match select {
        SelectNetworkAcls::Acls(select) => questions("network-acl-id", select),
        SelectNetworkAcls::OfSubnets(subnets) => by_ids("association.subnet-id", subnets),
        SelectNetworkAcls::DefaultOf(vpcs) => {
            let mut questions = by_ids("vpc-id", vpcs);
            questions.iter_mut().for_each(|filters| filters.push(one_of("default", ["true"])));
            questions
        }
    }
}

fn description(acl: types::NetworkAcl) -> Result<NetworkAclDescription, Failure> {
    Ok(NetworkAclDescription {
        id: id(acl.network_acl_id, "networkAclId")?,
        vpc_id: id(acl.vpc_id, "vpcId")?,
        owner_id: present(acl.owner_id, "ownerId")?,
        entries: each(acl.entries.unwrap_or_default(), entry)?,
        associations: each(acl.associations.unwrap_or_default(), association)?,
        tags: tags::read(acl.tags),
    })
}

fn entry(entry: types::NetworkAclEntry) -> Result<NetworkAclEntryDescription, Failure> {
    let is_egress = present(entry.egress, "egress")?;
    let number = present(entry.rule_number, "ruleNumber")?;
    let port = |number: Option<i32>| number.and_then(|number| u16::try_from(number).ok());
    let ports = entry.port_range;
    Ok(NetworkAclEntryDescription {
        direction: if is_egress { Direction::Egress } else { Direction::Ingress },
        rule_number: u16::try_from(number)
            .map_err(|_| Failure::Unusable { field: "ruleNumber", value: number.to_string() })?,
        action: known(entry.rule_action, "ruleAction", RuleAction::reported)?,
        protocol: present(entry.protocol, "protocol")?,
        from_port: port(ports.as_ref().and_then(|ports| ports.from)),
        to_port: port(ports.as_ref().and_then(|ports| ports.to)),
        addresses: present(entry.cidr_block.or(entry.ipv6_cidr_block), "cidrBlock")?,
    })
}

fn association(association: types::NetworkAclAssociation) -> Result<NetworkAclAssociationDescription, Failure> {
    Ok(NetworkAclAssociationDescription {
        id: present(association.network_acl_association_id, "networkAclAssociationId")?,
        subnet_id: id(association.subnet_id, "subnetId")?,
    })
}

/// The ports of an entry in the form in which they are sent.
fn ports(entry: &NetworkAclEntryDescription) -> Option<PortRange> {
    let (from, to) = entry.from_port.zip(entry.to_port)?;
    Some(PortRange::builder().from(from.into()).to(to.into()).build())
}

/// The request of `$action` with the entry. The SDK has a builder of its own for each action, with the same methods.
macro_rules! with_entry {
    ($ec2:expr, $action:ident, $network_acl_id:expr, $entry:expr) => {{
        let (id, entry) = ($network_acl_id, $entry);
        let request = $ec2.sdk.$action().network_acl_id(id.as_str()).egress(entry.direction == Direction::Egress);
        request
            .rule_number(entry.rule_number.into())
            .rule_action(entry.action.as_str().into())
            .set_port_range(ports(&entry))
            .protocol(entry.protocol)
            .cidr_block(entry.addresses)
    }};
}

impl Call for CreateNetworkAclEntry {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateNetworkAclEntryOutput, Failure> {
        let Self { network_acl_id, entry } = self;
        let request = with_entry!(ec2, create_network_acl_entry, network_acl_id, entry);
        ec2.call(request.send()).await?;
        Ok(CreateNetworkAclEntryOutput {})
    }
}

impl Call for ReplaceNetworkAclEntry {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<ReplaceNetworkAclEntryOutput, Failure> {
        let Self { network_acl_id, entry } = self;
        let request = with_entry!(ec2, replace_network_acl_entry, network_acl_id, entry);
        ec2.call(request.send()).await?;
        Ok(ReplaceNetworkAclEntryOutput {})
    }
}

impl Call for DeleteNetworkAclEntry {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteNetworkAclEntryOutput, Failure> {
        let Self { network_acl_id, direction, rule_number } = self;
        let request = ec2
            .sdk
            .delete_network_acl_entry()
            .network_acl_id(network_acl_id.as_str())
            .egress(direction == Direction::Egress)
            .rule_number(rule_number.into());
        ec2.call(request.send()).await?;
        Ok(DeleteNetworkAclEntryOutput {})
    }
}

impl Call for ReplaceNetworkAclAssociation {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<ReplaceNetworkAclAssociationOutput, Failure> {
        let Self { association_id, network_acl_id } = self;
        let request = ec2.sdk.replace_network_acl_association();
        let request = request.association_id(association_id).network_acl_id(network_acl_id.as_str());
        let answer = ec2.call(request.send()).await?;
        Ok(ReplaceNetworkAclAssociationOutput {
            association_id: present(answer.new_association_id, "newAssociationId")?,
        })
    }
}

impl Call for DeleteNetworkAcl {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteNetworkAclOutput, Failure> {
        ec2.call(ec2.sdk.delete_network_acl().network_acl_id(self.network_acl_id.as_str()).send()).await?;
        Ok(DeleteNetworkAclOutput {})
    }
}
