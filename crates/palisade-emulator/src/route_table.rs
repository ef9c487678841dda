//! Route tables and their associations with subnets.

use palisade_aws::{
    operations::{
        AssociateRouteTable, AssociateRouteTableOutput, CreateRouteTable, CreateRouteTableOutput, DeleteRouteTable,
        DeleteRouteTableOutput, DescribeRouteTables, DescribeRouteTablesOutput, DisassociateRouteTable,
        DisassociateRouteTableOutput, ReplaceRouteTableAssociation, ReplaceRouteTableAssociationOutput,
    },
    shapes::{RouteTableAssociationDescription, RouteTableDescription, SelectRouteTables},
    types::Tags,
};
use serde::{Deserialize, Serialize};

use crate::{
    account::{Account, selects},
    clock::{Millis, NETWORK},
    creation::Creation,
    ids::{ACCOUNT, RouteTableId, SubnetId, VpcId},
    refusal::{Answer, known, refuse, require},
    tags,
};

/// How many route tables a VPC has at most, unless AWS is asked for more.
const QUOTA: usize = 200;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct RouteTable {
    pub(crate) vpc: VpcId,
    pub(crate) main: bool,
    /// What the creation was sent with: the same token makes the same table.
    pub(crate) token: Option<Creation>,
    pub(crate) tags: Tags,
    pub(crate) made: Millis,
}

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Association {
    pub(crate) table: RouteTableId,
    pub(crate) subnet: SubnetId,
    pub(crate) made: Millis,
}

impl Account {
    pub(crate) fn create_route_table(&mut self, call: CreateRouteTable) -> Answer<CreateRouteTableOutput> {
        let CreateRouteTable { vpc_id, client_token, tags } = call;
        tags::check_ec2(&tags)?;
        let made = self.route_tables.iter().map(|(id, table)| (id, table.token.as_ref(), table.vpc == vpc_id));
        if let Some(route_table_id) = Creation::made_before(made, &client_token, &tags)? {
            return Ok(CreateRouteTableOutput { route_table_id });
        }
        self.vpc(&vpc_id)?;
        let count = self.route_tables.values().filter(|table| table.vpc == vpc_id).count();
        require(count < QUOTA, "RouteTableLimitExceeded", || {
            format!("The maximum number of route tables has been reached for {vpc_id}.")
        })?;
        let route_table_id: RouteTableId = self.ids.next("rtb");
        let token = Some(Creation { token: client_token, tags: tags.clone() });
        let table = RouteTable { vpc: vpc_id, main: false, token, tags, made: self.now };
        self.route_tables.insert(route_table_id.clone(), table);
        Ok(CreateRouteTableOutput { route_table_id })
    }

    pub(crate) fn describe_route_tables(&mut self, call: DescribeRouteTables) -> Answer<DescribeRouteTablesOutput> {
        let is_selected = |id: &RouteTableId, table: &RouteTable| match &call.select {
            SelectRouteTables::Tables(select) => selects(select, id, &table.tags),
            SelectRouteTables::MainOf(vpcs) => table.main && vpcs.contains(&table.vpc),
            SelectRouteTables::OfSubnets(subnets) => {
                self.associations.values().any(|a| a.table == *id && subnets.contains(&a.subnet) && self.shows(a.made))
            }
        };
        let tables = self.route_tables.iter();
        let tables = tables.filter(|(id, table)| is_selected(id, table) && self.shows(table.made));
        let describe = |(id, table): (&RouteTableId, &RouteTable)| RouteTableDescription {
            id: id.clone(),
            vpc_id: table.vpc.clone(),
            owner_id: ACCOUNT.to_owned(),
            main: table.main,
            associations: self.describe_associations(id),
            tags: table.tags.clone(),
        };
        Ok(DescribeRouteTablesOutput { route_tables: tables.map(describe).collect() })
    }

    fn describe_associations(&self, table: &RouteTableId) -> Vec<RouteTableAssociationDescription> {
        let associations = self.associations.iter();
        let associations = associations.filter(|(_, a)| a.table == *table && self.shows(a.made));
        let describe = |(id, association): (&String, &Association)| RouteTableAssociationDescription {
            id: id.clone(),
            subnet_id: association.subnet.clone(),
            state: if self.now < association.made + NETWORK { "associating" } else { "associated" }.to_owned(),
        };
        associations.map(describe).collect()
    }

    pub(crate) fn associate_route_table(&mut self, call: AssociateRouteTable) -> Answer<AssociateRouteTableOutput> {
        let AssociateRouteTable { route_table_id, subnet_id } = call;
        let (table_vpc, subnet_vpc) = (&self.route_table(&route_table_id)?.vpc, &self.subnet(&subnet_id)?.vpc);
        require(table_vpc == subnet_vpc, "InvalidParameterValue", || {
            format!("Route table {route_table_id} and subnet {subnet_id} belong to different networks")
        })?;
        require(self.associations.values().all(|a| a.subnet != subnet_id), "Resource.AlreadyAssociated", || {
            format!("the specified association for route table {route_table_id} conflicts with an existing association")
        })?;
        Ok(AssociateRouteTableOutput { association_id: self.add_association(route_table_id, subnet_id) })
    }

    pub(crate) fn replace_route_table_association(
        &mut self,
        call: ReplaceRouteTableAssociation,
    ) -> Answer<ReplaceRouteTableAssociationOutput> {
        let ReplaceRouteTableAssociation { association_id, route_table_id } = call;
        let subnet = self.association(&association_id)?.subnet.clone();
        let table_vpc = &self.route_table(&route_table_id)?.vpc;
        require(
            self.subnets.get(&subnet).is_some_and(|subnet| subnet.vpc == *table_vpc),
            "InvalidParameterValue",
            || format!("Route table {route_table_id} and subnet {subnet} belong to different networks"),
        )?;
        self.associations.remove(&association_id);
        // The association gets a new id, by which callers that keep the old one find out.
        Ok(ReplaceRouteTableAssociationOutput { association_id: self.add_association(route_table_id, subnet) })
    }

    pub(crate) fn disassociate_route_table(
        &mut self,
        call: DisassociateRouteTable,
    ) -> Answer<DisassociateRouteTableOutput> {
        self.association(&call.association_id)?;
        self.associations.remove(&call.association_id);
        Ok(DisassociateRouteTableOutput {})
    }

    pub(crate) fn delete_route_table(&mut self, call: DeleteRouteTable) -> Answer<DeleteRouteTableOutput> {
        let id = call.route_table_id;
        let table = self.route_table(&id)?;
        if table.main || self.associations.values().any(|association| association.table == id) {
            return refuse(
                "DependencyViolation",
                format!("The routeTable '{id}' has dependencies and cannot be deleted."),
            );
        }
        self.route_tables.remove(&id);
        Ok(DeleteRouteTableOutput {})
    }

    fn add_association(&mut self, table: RouteTableId, subnet: SubnetId) -> String {
        let id = format!("rtbassoc-0{}", self.ids.digits(16));
        self.associations.insert(id.clone(), Association { table, subnet, made: self.now });
        id
    }

    pub(crate) fn route_table(&self, id: &RouteTableId) -> Answer<&RouteTable> {
        let table = self.route_tables.get(id).filter(|table| self.shows(table.made));
        known(table, "InvalidRouteTableID.NotFound", || format!("The routeTable ID '{id}' does not exist"))
    }

    fn association(&self, id: &str) -> Answer<&Association> {
        let association = self.associations.get(id).filter(|association| self.shows(association.made));
        known(association, "InvalidAssociationID.NotFound", || format!("The association ID '{id}' does not exist"))
    }
}
