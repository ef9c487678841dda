//! Route tables and their associations.

use aws_sdk_ec2::{
    Client,
    types::{self, Filter, ResourceType},
};
use palisade_aws::{
    operations::{
        AssociateRouteTable, AssociateRouteTableOutput, CreateRouteTable, CreateRouteTableOutput, DeleteRouteTable,
        DeleteRouteTableOutput, DescribeRouteTables, DescribeRouteTablesOutput, DisassociateRouteTable,
        DisassociateRouteTableOutput, ReplaceRouteTableAssociation, ReplaceRouteTableAssociationOutput,
    },
    shapes::{RouteTableAssociationDescription, RouteTableDescription, SelectRouteTables},
};

use super::{Ec2, by_ids, describe, is_selected, one_of, questions, tags};
use crate::{
    answer::{each, id, present},
    failure::Failure,
    service::Call,
};

/// How many route tables a page has at most.
const PAGE: i32 = 100;

impl Call for CreateRouteTable {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<CreateRouteTableOutput, Failure> {
        let Self { vpc_id, client_token, tags } = self;
        let request = ec2
            .sdk
            .create_route_table()
            .vpc_id(vpc_id.as_str())
            // Left out, the SDK would draw one at random, and a second attempt would make a second table.
            .client_token(client_token)
            .tag_specifications(tags::created(ResourceType::RouteTable, &tags));
        let answer = ec2.call(request.send()).await?;
        let table = present(answer.route_table, "routeTable")?;
        Ok(CreateRouteTableOutput { route_table_id: id(table.route_table_id, "routeTableId")? })
    }
}

impl Call for DescribeRouteTables {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DescribeRouteTablesOutput, Failure> {
        let found = describe(selected(&self.select), async |filters, token| {
            let request = ec2.sdk.describe_route_tables().set_filters(Some(filters));
            let page = ec2.call(request.max_results(PAGE).set_next_token(token).send()).await?;
            Ok((page.route_tables, page.next_token))
        });
        let mut route_tables = each(found.await?, description)?;
        if let SelectRouteTables::Tables(select) = &self.select {
            route_tables.retain(|table| is_selected(select, &table.id, &table.tags));
        }
        Ok(DescribeRouteTablesOutput { route_tables })
    }
}

fn selected(select: &SelectRouteTables) -> Vec<Vec<Filter>> {
    match select {
        SelectRouteTables::Tables(select) => questions("route-table-id", select),
        SelectRouteTables::OfSubnets(subnets) => by_ids("association.subnet-id", subnets),
        SelectRouteTables::MainOf(vpcs) => {
            let mut questions = by_ids("vpc-id", vpcs);
            questions.iter_mut().for_each(|filters| filters.push(one_of("association.main", ["true"])));
            questions
        }
    }
}

fn description(table: types::RouteTable) -> Result<RouteTableDescription, Failure> {
    let associations = table.associations.unwrap_or_default();
    Ok(RouteTableDescription {
        id: id(table.route_table_id, "routeTableId")?,
        vpc_id: id(table.vpc_id, "vpcId")?,
        owner_id: present(table.owner_id, "ownerId")?,
        main: associations.iter().any(|association| association.main == Some(true)),
        // An association without a subnet is that of a main table, or of a gateway.
        associations: each(
            associations.into_iter().filter(|association| association.subnet_id.is_some()).collect(),
            association,
        )?,
        tags: tags::read(table.tags),
    })
}

fn association(association: types::RouteTableAssociation) -> Result<RouteTableAssociationDescription, Failure> {
    let state = association.association_state.and_then(|state| state.state);
    Ok(RouteTableAssociationDescription {
        id: present(association.route_table_association_id, "routeTableAssociationId")?,
        subnet_id: id(association.subnet_id, "subnetId")?,
        state: present(state, "associationState")?.as_str().to_owned(),
    })
}

impl Call for AssociateRouteTable {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<AssociateRouteTableOutput, Failure> {
        let Self { route_table_id, subnet_id } = self;
        let request = ec2.sdk.associate_route_table();
        let request = request.route_table_id(route_table_id.as_str()).subnet_id(subnet_id.as_str());
        let answer = ec2.call(request.send()).await?;
        Ok(AssociateRouteTableOutput { association_id: present(answer.association_id, "associationId")? })
    }
}

impl Call for ReplaceRouteTableAssociation {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<ReplaceRouteTableAssociationOutput, Failure> {
        let Self { association_id, route_table_id } = self;
        let request = ec2.sdk.replace_route_table_association();
        let request = request.association_id(association_id).route_table_id(route_table_id.as_str());
        let answer = ec2.call(request.send()).await?;
        Ok(ReplaceRouteTableAssociationOutput {
            association_id: present(answer.new_association_id, "newAssociationId")?,
        })
    }
}

impl Call for DisassociateRouteTable {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DisassociateRouteTableOutput, Failure> {
        ec2.call(ec2.sdk.disassociate_route_table().association_id(self.association_id).send()).await?;
        Ok(DisassociateRouteTableOutput {})
    }
}

impl Call for DeleteRouteTable {
    type Client = Client;

    async fn send(self, ec2: &Ec2) -> Result<DeleteRouteTableOutput, Failure> {
        ec2.call(ec2.sdk.delete_route_table().route_table_id(self.route_table_id.as_str()).send()).await?;
        Ok(DeleteRouteTableOutput {})
    }
}
