//! Network ACLs, their entries and their associations.

use palisade_aws::{
    operations::{
        CreateNetworkAcl, CreateNetworkAclEntry, DeleteNetworkAcl, DeleteNetworkAclEntry, DeleteSubnet, DeleteVpc,
        DescribeNetworkAcls, ReplaceNetworkAclAssociation, ReplaceNetworkAclEntry,
    },
    resources::{NetworkAcl, Subnet, Vpc},
    shapes::{NetworkAclDescription, NetworkAclEntryDescription, Select, SelectNetworkAcls},
    types::{Direction, RuleAction, Tags},
};
use palisade_core::Id;
use palisade_emulator::Emulator;

use crate::account::{Account, account, id, owned, pass, seconds, tags};

fn create(vpc: &Id<Vpc>, token: &str) -> CreateNetworkAcl {
    CreateNetworkAcl { vpc_id: vpc.clone(), client_token: token.to_owned(), tags: Tags::default() }
}

fn create_entry(acl: &Id<NetworkAcl>, entry: NetworkAclEntryDescription) -> CreateNetworkAclEntry {
    CreateNetworkAclEntry { network_acl_id: acl.clone(), entry }
}

fn replace_entry(acl: &Id<NetworkAcl>, entry: NetworkAclEntryDescription) -> ReplaceNetworkAclEntry {
    ReplaceNetworkAclEntry { network_acl_id: acl.clone(), entry }
}

fn delete_entry(acl: &Id<NetworkAcl>, direction: Direction, rule_number: u16) -> DeleteNetworkAclEntry {
    DeleteNetworkAclEntry { network_acl_id: acl.clone(), direction, rule_number }
}

fn replace(association: &str, acl: &Id<NetworkAcl>) -> ReplaceNetworkAclAssociation {
    ReplaceNetworkAclAssociation { association_id: association.to_owned(), network_acl_id: acl.clone() }
}

/// What lets Redis in.
fn redis(number: u16) -> NetworkAclEntryDescription {
    NetworkAclEntryDescription {
        direction: Direction::Ingress,
        rule_number: number,
        action: RuleAction::Allow,
        protocol: "6".to_owned(),
        from_port: Some(6379),
        to_port: Some(6379),
        addresses: "10.0.0.0/16".to_owned(),
    }
}

async fn found(account: &Account, select: SelectNetworkAcls) -> Vec<NetworkAclDescription> {
    account.call(DescribeNetworkAcls { select }).await.network_acls
}

async fn described(account: &Account, acl: &Id<NetworkAcl>) -> NetworkAclDescription {
    found(account, SelectNetworkAcls::Acls(Select::Ids(vec![acl.clone()]))).await.pop().unwrap()
}

async fn default_of(account: &Account, vpc: &Id<Vpc>) -> NetworkAclDescription {
    found(account, SelectNetworkAcls::DefaultOf(vec![vpc.clone()])).await.pop().unwrap()
}

/// The ACL that the subnet has, and the id of the association.
async fn of_subnet(account: &Account, subnet: &Id<Subnet>) -> (Id<NetworkAcl>, String) {
    let found = found(account, SelectNetworkAcls::OfSubnets(vec![subnet.clone()])).await;
    let [acl] = found.as_slice() else { panic!("a subnet has one network ACL: {found:?}") };
    let association = acl.associations.iter().find(|association| association.subnet_id == *subnet).unwrap();
    (acl.id.clone(), association.id.clone())
}

fn in_short(acl: &NetworkAclDescription) -> Vec<(&str, u16, &str)> {
    let short =
        |entry: &NetworkAclEntryDescription| (entry.direction.as_str(), entry.rule_number, entry.action.as_str());
    let mut entries: Vec<_> = acl.entries.iter().map(short).collect();
    entries.sort_unstable();
    entries
}

#[tokio::test(start_paused = true)]
async fn a_vpc_comes_with_an_acl_that_lets_everything_pass_and_goes_with_it() {
    let account = account();
    let vpc_id = account.vpc().await;
    let default = default_of(&account, &vpc_id).await;
    assert_eq!(
        in_short(&default),
        [("egress", 100, "allow"), ("egress", 32767, "deny"), ("ingress", 100, "allow"), ("ingress", 32767, "deny")]
    );
    assert!(default.entries.iter().all(|entry| entry.protocol == "-1" && entry.from_port.is_none()));
    account.refused(DeleteNetworkAcl { network_acl_id: default.id.clone() }, "InvalidParameterValue").await;
    account.call(DeleteVpc { vpc_id }).await;
    account.refused(DeleteNetworkAcl { network_acl_id: default.id }, "InvalidNetworkAclID.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn an_acl_that_somebody_makes_denies_everything_and_keeps_its_vpc() {
    let account = account();
    let vpc_id = account.vpc().await;
    let network_acl_id = account.call(create(&vpc_id, "a")).await.network_acl_id;
    let acl = described(&account, &network_acl_id).await;
    assert_eq!(in_short(&acl), [("egress", 32767, "deny"), ("ingress", 32767, "deny")]);
    assert!(acl.associations.is_empty());
    account.refused(DeleteVpc { vpc_id: vpc_id.clone() }, "DependencyViolation").await;
    account.call(DeleteNetworkAcl { network_acl_id }).await;
    account.call(DeleteVpc { vpc_id }).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_token_makes_the_same_acl_and_no_other() {
    let account = account();
    let (vpc, other) = (account.vpc().await, account.vpc().await);
    let acl = account.call(create(&vpc, "a")).await.network_acl_id;
    assert_eq!(account.call(create(&vpc, "a")).await.network_acl_id, acl);
    assert_ne!(account.call(create(&vpc, "b")).await.network_acl_id, acl);
    account.refused(create(&other, "a"), "IdempotentParameterMismatch").await;
    let tagged = CreateNetworkAcl { tags: tags([("a", "b")]), ..create(&vpc, "a") };
    account.refused(tagged, "IdempotentParameterMismatch").await;
    account.refused(create(&id("vpc-0"), "c"), "InvalidVpcID.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn an_acl_is_found_by_its_token() {
    let account = account();
    let vpc = account.vpc().await;
    let call = CreateNetworkAcl { tags: owned("NetworkAcl.a"), ..create(&vpc, "a") };
    let acl = account.call(call).await.network_acl_id;
    let select = Select::Token(crate::account::token("NetworkAcl.a").digest);
    let found = found(&account, SelectNetworkAcls::Acls(select)).await;
    assert_eq!(found.into_iter().map(|acl| acl.id).collect::<Vec<_>>(), [acl]);
}

#[tokio::test(start_paused = true)]
async fn a_direction_has_one_entry_of_a_number() {
    let account = account();
    let vpc = account.vpc().await;
    let acl = account.call(create(&vpc, "a")).await.network_acl_id;
    account.call(create_entry(&acl, redis(100))).await;
    let other = NetworkAclEntryDescription { action: RuleAction::Deny, ..redis(100) };
    account.refused(create_entry(&acl, other.clone()), "NetworkAclEntryAlreadyExists").await;
    account.call(create_entry(&acl, NetworkAclEntryDescription { direction: Direction::Egress, ..redis(100) })).await;

    account.call(replace_entry(&acl, other)).await;
    assert_eq!(
        in_short(&described(&account, &acl).await),
        [("egress", 100, "allow"), ("egress", 32767, "deny"), ("ingress", 100, "deny"), ("ingress", 32767, "deny")]
    );
    account.refused(replace_entry(&acl, redis(101)), "InvalidNetworkAclEntry.NotFound").await;
    account.call(delete_entry(&acl, Direction::Ingress, 100)).await;
    account.refused(delete_entry(&acl, Direction::Ingress, 100), "InvalidNetworkAclEntry.NotFound").await;
    account.call(create_entry(&acl, redis(100))).await;
}

#[tokio::test(start_paused = true)]
async fn the_numbers_are_1_to_32766_and_the_entry_behind_them_is_nobodys() {
    let account = account();
    let vpc = account.vpc().await;
    let acl = account.call(create(&vpc, "a")).await.network_acl_id;
    for number in [0, 32767, 32768] {
        account.refused(create_entry(&acl, redis(number)), "InvalidParameterValue").await;
        account.refused(replace_entry(&acl, redis(number)), "InvalidParameterValue").await;
        account.refused(delete_entry(&acl, Direction::Ingress, number), "InvalidParameterValue").await;
    }
    for number in [1, 32766] {
        account.call(create_entry(&acl, redis(number))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_has_ports_in_order_a_protocol_and_a_block_of_addresses() {
    let account = account();
    let vpc = account.vpc().await;
    let acl = account.call(create(&vpc, "a")).await.network_acl_id;
    let good = redis(100);
    for bad in [
        NetworkAclEntryDescription { to_port: Some(6378), ..good.clone() },
        NetworkAclEntryDescription { to_port: None, ..good.clone() },
        NetworkAclEntryDescription { protocol: "tcp".to_owned(), ..good.clone() },
        NetworkAclEntryDescription { protocol: "256".to_owned(), ..good.clone() },
        NetworkAclEntryDescription { addresses: "10.0.0.5/24".to_owned(), ..good.clone() },
        NetworkAclEntryDescription { addresses: "anywhere".to_owned(), ..good.clone() },
    ] {
        account.refused(create_entry(&acl, bad), "InvalidParameterValue").await;
    }
    let everything =
        NetworkAclEntryDescription { protocol: "-1".to_owned(), addresses: "0.0.0.0/0".to_owned(), ..good };
    account.call(create_entry(&acl, everything)).await;
    let entries = described(&account, &acl).await.entries;
    let entry = entries.iter().find(|entry| entry.rule_number == 100).unwrap();
    assert_eq!((entry.from_port, entry.to_port), (None, None), "all protocols have no ports");
    account.refused(create_entry(&id("acl-0"), redis(1)), "InvalidNetworkAclID.NotFound").await;
}

#[tokio::test(start_paused = true)]
async fn a_direction_has_20_entries_at_most_with_the_one_that_denies_the_rest() {
    let account = account();
    let vpc = account.vpc().await;
    let acl = account.call(create(&vpc, "a")).await.network_acl_id;
    for number in 1..=19 {
        account.call(create_entry(&acl, redis(number))).await;
    }
    account.refused(create_entry(&acl, redis(20)), "NetworkAclEntryLimitExceeded").await;
    account.call(create_entry(&acl, NetworkAclEntryDescription { direction: Direction::Egress, ..redis(20) })).await;
    account.call(replace_entry(&acl, redis(19))).await;
}

#[tokio::test(start_paused = true)]
async fn a_subnet_has_one_acl_from_the_start_and_changes_it_under_a_new_id() {
    let account = account();
    let vpc = account.vpc().await;
    let default = default_of(&account, &vpc).await.id;
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let (holder, first) = of_subnet(&account, &subnet).await;
    assert_eq!(holder, default);

    let acl = account.call(create(&vpc, "a")).await.network_acl_id;
    let second = account.call(replace(&first, &acl)).await.association_id;
    assert_eq!(of_subnet(&account, &subnet).await, (acl.clone(), second.clone()));
    account.refused(replace(&first, &default), "InvalidAssociationID.NotFound").await;

    account.refused(DeleteNetworkAcl { network_acl_id: acl.clone() }, "DependencyViolation").await;
    account.call(replace(&second, &default)).await;
    account.call(DeleteNetworkAcl { network_acl_id: acl }).await;
    assert_eq!(of_subnet(&account, &subnet).await.0, default);
}

#[tokio::test(start_paused = true)]
async fn an_acl_and_a_subnet_of_two_vpcs_cannot_be_associated() {
    let account = account();
    let (vpc, other) = (account.vpc().await, account.vpc().await);
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let acl = account.call(create(&other, "a")).await.network_acl_id;
    let (_, association) = of_subnet(&account, &subnet).await;
    account.refused(replace(&association, &acl), "InvalidParameterValue").await;
}

#[tokio::test(start_paused = true)]
async fn an_association_goes_with_its_subnet() {
    let account = account();
    let vpc = account.vpc().await;
    let subnet_id = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let network_acl_id = account.call(create(&vpc, "a")).await.network_acl_id;
    let (_, association) = of_subnet(&account, &subnet_id).await;
    account.call(replace(&association, &network_acl_id)).await;
    account.call(DeleteSubnet { subnet_id }).await;
    account.call(DeleteNetworkAcl { network_acl_id }).await;
}

#[tokio::test(start_paused = true)]
async fn entries_and_associations_are_told_as_they_were_for_a_moment() {
    let account = Account::of(Emulator::in_memory("us-east-1"));
    let vpc = account.vpc().await;
    pass(seconds(1)).await;
    let subnet = account.subnet(&vpc, "10.0.0.0/24", 'a').await;
    let acl = account.call(create(&vpc, "a")).await.network_acl_id;
    account.refused(create_entry(&acl, redis(1)), "InvalidNetworkAclID.NotFound").await;
    pass(seconds(1)).await;
    let (default, association) = of_subnet(&account, &subnet).await;

    account.call(create_entry(&acl, redis(1))).await;
    account.call(replace(&association, &acl)).await;
    assert_eq!(described(&account, &acl).await.entries.len(), 2);
    assert_eq!(of_subnet(&account, &subnet).await, (default, association));
    pass(seconds(1)).await;
    assert_eq!(described(&account, &acl).await.entries.len(), 3);
    assert_eq!(of_subnet(&account, &subnet).await.0, acl);
}
