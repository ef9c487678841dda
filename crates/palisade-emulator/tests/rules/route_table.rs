//! Route tables and their associations.

use palisade_aws::{
    operations::{
        AssociateRouteTable, CreateRouteTable, DeleteRouteTable, DeleteSubnet, DescribeRouteTables,
        DisassociateRouteTable, ReplaceRouteTableAssociation,
    },
    resources::{RouteTable, Subnet, Vpc},
    shapes::{RouteTableDescription, Select, SelectRouteTables},
    types::Tags,
};
use palisade_core::Id;

use crate::account::{Account, account, owned, pass, seconds, tags};

fn create(vpc: &Id<Vpc>, token: &str) -> CreateRouteTable {
    CreateRouteTable { vpc_id: vpc.clone(), client_token: token.to_owned(), tags: Tags::default() }
}

fn associate(table: &Id<RouteTable>, subnet: &Id<Subnet>) -> AssociateRouteTable {
    AssociateRouteTable { route_table_id: table.clone(), subnet_id: subnet.clone() }
}

async fn of_subnet(account: &Account, subnet: &Id<Subnet>) -> Vec<RouteTableDescription> {
    let select = SelectRouteTables::OfSubnets(vec![subnet.clone()]);
    account.call(DescribeRouteTables { select }).await.route_tables
}

#[tokio::test(start_paused = true)]
async fn the_same_token_makes_the_same_table() {
    let account = account();
    let vpc = account.vpc().await;
    let table = account.call(create(&vpc, "a")).await.route_table_id;
    assert_eq!(account.call(create(&vpc, "a")).await.route_table_id, table);
    assert_ne!(account.call(create(&vpc, "b")).await.route_table_id, table);
}

#[tokio::test(start_paused = true)]
async fn the_same_token_with_other_parameters_is_an_idempotent_parameter_mismatch() {
    let account = account();
    let (vpc, other) = (account.vpc().await, account.vpc().await);
    account.call(create(&vpc, "a")).await;
    account.refused(create(&other, "a"), "IdempotentParameterMismatch").await;
    let tagged = CreateRouteTable { tags: tags([("a", "b")]), ..create(&vpc, "a") };
    account.refused(tagged, "IdempotentParameterMismatch").await;
}

#[tokio::test(start_paused = true)]
async fn a_second_association_of_a_subnet_is_refused_as_already_associated() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let table = account.call(create(&vpc, "a")).await.route_table_id;
    let other = account.call(create(&vpc, "b")).await.route_table_id;
    account.call(associate(&table, &subnet)).await;
    for table in [&table, &other] {
        account.refused(associate(table, &subnet), "Resource.AlreadyAssociated").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_and_a_subnet_of_two_vpcs_cannot_be_associated() {
    let account = account();
    let (vpc, other) = (account.vpc().await, account.vpc().await);
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let table = account.call(create(&other, "a")).await.route_table_id;
    account.refused(associate(&table, &subnet), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn an_association_is_made_in_a_moment_and_replaced_under_a_new_id() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let table = account.call(create(&vpc, "a")).await.route_table_id;
    let other = account.call(create(&vpc, "b")).await.route_table_id;
    let association_id = account.call(associate(&table, &subnet)).await.association_id;
    assert_eq!(of_subnet(&account, &subnet).await[0].associations[0].state, "associating");
    pass(seconds(2)).await;
    assert_eq!(of_subnet(&account, &subnet).await[0].associations[0].state, "associated");

    let replace =
        ReplaceRouteTableAssociation { association_id: association_id.clone(), route_table_id: other.clone() };
    let new = account.call(replace.clone()).await.association_id;
    assert_ne!(new, association_id);
    account.refused(replace, "InvalidAssociationID.NotFound").await;
    let tables = of_subnet(&account, &subnet).await;
    assert_eq!((tables.len(), &tables[0].id, &tables[0].associations[0].id), (1, &other, &new));
}

#[tokio::test(start_paused = true)]
async fn a_table_with_associations_cannot_be_deleted() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let route_table_id = account.call(create(&vpc, "a")).await.route_table_id;
    let association_id = account.call(associate(&route_table_id, &subnet)).await.association_id;
    account.refused(DeleteRouteTable { route_table_id: route_table_id.clone() }, "DependencyViolation").await;
    account.call(DisassociateRouteTable { association_id: association_id.clone() }).await;
    account.refused(DisassociateRouteTable { association_id }, "InvalidAssociationID.NotFound").await;
    account.call(DeleteRouteTable { route_table_id: route_table_id.clone() }).await;
    account.refused(DeleteRouteTable { route_table_id }, "InvalidRouteTableID.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn an_association_goes_with_its_subnet() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet_id = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let route_table_id = account.call(create(&vpc, "a")).await.route_table_id;
    account.call(associate(&route_table_id, &subnet_id)).await;
    account.call(DeleteSubnet { subnet_id }).await;
    account.call(DeleteRouteTable { route_table_id }).await;
}

#[tokio::test(start_paused = true)]
async fn a_subnet_without_association_has_no_table_of_its_own() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    assert_eq!(of_subnet(&account, &subnet).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_table_is_found_by_its_token() {
    let account = account();
    let vpc = account.vpc().await;
    let call = CreateRouteTable { tags: owned("RouteTable.a"), ..create(&vpc, "a") };
    let table = account.call(call).await.route_table_id;
    let select = Select::Token(crate::account::token("RouteTable.a").digest);
    let found = account.call(DescribeRouteTables { select: SelectRouteTables::Tables(select) }).await.route_tables;
    assert_eq!((found.len(), &found[0].id, found[0].main), (1, &table, false));
}
