//! Network ACLs where subnets move, AWS is late, or somebody else is at work.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use palisade::prelude::*;
use palisade_aws::{
    Aws, Backend, Lifecycle,
    operations::{
        CreateNetworkAclEntry, DeleteNetworkAclEntry, DescribeNetworkAcls, Operation, ReplaceNetworkAclAssociation,
        ReplaceNetworkAclEntry, Request, Response,
    },
    shapes::{NetworkAclDescription, NetworkAclEntryDescription, Select, SelectNetworkAcls},
};
use palisade_core::{
    Address,
    provider::{BoxFuture, ErrorKind, ProviderError},
};
use palisade_emulator::{Emulator, Fault};
use palisade_testing::Rehearsal;

use crate::{
    current, run_later,
    unheard::{Nothing, refusing},
};

const NETWORK: PrivateRange = private_range!("10.0.0.0/16");

fn network(stack: &mut Stack) -> (Handle<Vpc>, [Handle<Subnet>; 3]) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let subnets = [
        ("a", cidr!("10.0.1.0/24"), az!("us-east-1a")),
        ("b", cidr!("10.0.2.0/24"), az!("us-east-1b")),
        ("c", cidr!("10.0.3.0/24"), az!("us-east-1c")),
    ];
    let subnets = subnets.map(|(name, block, zone)| stack.add(name, Subnet::private(&vpc, block, zone)));
    (vpc, subnets)
}

fn rules() -> NetworkRules {
    network_rules![
        NetworkRule::deny(rule_number!(50), private_range!("10.0.99.0/24")),
        NetworkRule::serve(rule_number!(100), port!(6379), private_range!("10.0.0.0/16")),
    ]
}

/// A network ACL over the first subnets of three, as many as `count`.
fn over(count: usize) -> impl Fn(&mut Stack) {
    move |stack| {
        let (vpc, subnets) = network(stack);
        let subnets: Vec<_> = subnets.iter().take(count).collect();
        stack.add("cache", NetworkAcl::builder().vpc_id(&vpc).subnet_ids(subnets).rules(rules()));
    }
}

fn id<R: Lifecycle>(rehearsal: &Rehearsal, name: &str) -> Id<R> {
    current(rehearsal, name).1
}

/// The ACL of a subnet, and the id of the association.
fn holder(rehearsal: &Rehearsal, subnet: &str) -> (NetworkAclDescription, String) {
    let subnet: Id<Subnet> = id(rehearsal, subnet);
    let select = SelectNetworkAcls::OfSubnets(vec![subnet.clone()]);
    let acl = rehearsal.by_hand(DescribeNetworkAcls { select }).unwrap().network_acls.pop().unwrap();
    let association = acl.associations.iter().find(|association| association.subnet_id == subnet).unwrap().id.clone();
    (acl, association)
}

/// The names of the ACLs that the subnets have; those that AWS made have none.
fn holders(rehearsal: &Rehearsal) -> Vec<String> {
    let state = rehearsal.state();
    let names: BTreeMap<_, _> = state
        .resources
        .iter()
        .filter(|(address, _)| address.kind() == "NetworkAcl")
        .filter_map(|(address, entry)| Some((entry.current.as_ref()?.id.clone()?, address.name().to_owned())))
        .collect();
    let name = |subnet| names.get(holder(rehearsal, subnet).0.id.as_str()).cloned().unwrap_or_default();
    ["a", "b", "c"].map(name).into()
}

fn applied(declare: impl Fn(&mut Stack)) -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(declare);
    rehearsal.emulator().lag(Duration::ZERO);
    rehearsal
}

/// The actions of the second apply that change something.
fn calls(rehearsal: &mut Rehearsal, declare: impl Fn(&mut Stack)) -> Vec<&'static str> {
    let before = rehearsal.emulator().calls().len();
    rehearsal.apply(&declare);
    let calls = rehearsal.emulator().calls().split_off(before);
    let plan = rehearsal.plan(&declare);
    assert!(!plan.has_changes() && plan.drift.is_empty(), "{plan:?}");
    calls.into_iter().filter(|call| !call.starts_with("Describe")).collect()
}

fn is_gone(mut rehearsal: Rehearsal) {
    rehearsal.destroy();
    assert!(rehearsal.emulator().inventory().is_empty());
}

#[test]
fn a_subnet_comes_from_the_acl_of_its_vpc_and_goes_back_there() {
    let mut rehearsal = applied(over(2));
    assert_eq!(holders(&rehearsal), ["cache", "cache", ""]);
    assert_eq!(calls(&mut rehearsal, over(3)), ["ReplaceNetworkAclAssociation"]);
    assert_eq!(holders(&rehearsal), ["cache", "cache", "cache"]);
    assert_eq!(calls(&mut rehearsal, over(1)), ["ReplaceNetworkAclAssociation"; 2]);
    assert_eq!(holders(&rehearsal), ["cache", "", ""]);

    let without = |stack: &mut Stack| drop(network(stack));
    assert_eq!(calls(&mut rehearsal, without), ["ReplaceNetworkAclAssociation", "DeleteNetworkAcl"]);
    assert_eq!(holders(&rehearsal), ["", "", ""]);
    is_gone(rehearsal);
}

#[test]
fn two_acls_exchange_their_subnets_in_one_apply() {
    let program = |is_exchanged: bool| {
        move |stack: &mut Stack| {
            let (vpc, [a, b, c]) = network(stack);
            let acl = || NetworkAcl::builder().vpc_id(&vpc);
            let (one, two) = if is_exchanged { ([&c, &b], [&a]) } else { ([&a, &b], [&c]) };
            stack.add("one", acl().subnet_ids(one).rules(rules()));
            stack.add("two", acl().subnet_ids(two).rules(rules()));
        }
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(program(false));
    calls(&mut rehearsal, program(true));
    rehearsal.emulator().lag(Duration::ZERO);
    assert_eq!(holders(&rehearsal), ["two", "one", "one"]);
    calls(&mut rehearsal, program(false));
    assert_eq!(holders(&rehearsal), ["one", "one", "two"]);
    is_gone(rehearsal);
}

#[test]
fn a_subnet_that_is_replaced_comes_back_under_the_acl() {
    let program = |zone: AvailabilityZone| {
        move |stack: &mut Stack| {
            let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
            let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), zone.clone()));
            stack.add("cache", NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&a]).rules(rules()));
        }
    };
    let mut rehearsal = applied(program(az!("us-east-1a")));
    let first: Id<Subnet> = id(&rehearsal, "a");
    let made = ["DeleteSubnet", "CreateSubnet", "ReplaceNetworkAclAssociation"];
    assert_eq!(calls(&mut rehearsal, program(az!("us-east-1b"))), made);
    assert_ne!(id::<Subnet>(&rehearsal, "a"), first);
    assert_eq!(holder(&rehearsal, "a").0.id, id(&rehearsal, "cache"));
    is_gone(rehearsal);
}

/// The fields of the ACL that the plan changes.
fn changed(rehearsal: &Rehearsal) -> Vec<String> {
    let plan = rehearsal.plan(over(2));
    let step = plan.step(&Address::new("NetworkAcl", "cache")).unwrap();
    step.changes.iter().map(|change| change.field.clone()).collect()
}

#[track_caller]
fn is_put_right(rehearsal: &mut Rehearsal, fields: &[&str], made: &[&str]) {
    assert_eq!(changed(rehearsal), fields);
    assert_eq!(calls(rehearsal, over(2)), made);
    assert!(changed(rehearsal).is_empty());
}

/// What lets everything in from everywhere.
fn anything(rule_number: u16) -> NetworkAclEntryDescription {
    NetworkAclEntryDescription {
        direction: Direction::Ingress,
        rule_number,
        action: RuleAction::Allow,
        protocol: "-1".to_owned(),
        from_port: None,
        to_port: None,
        addresses: "0.0.0.0/0".to_owned(),
    }
}

#[test]
fn what_somebody_else_changes_is_told_and_put_right() {
    let mut rehearsal = applied(over(2));
    let network_acl_id: Id<NetworkAcl> = id(&rehearsal, "cache");

    let create = CreateNetworkAclEntry { network_acl_id: network_acl_id.clone(), entry: anything(10) };
    rehearsal.by_hand(create).unwrap();
    let text = palisade_cli::plan_text(&rehearsal.plan(over(2)));
    assert!(text.contains("ingress 10: allow all protocols, 0.0.0.0/0"), "{text}");
    is_put_right(&mut rehearsal, &["other_entries"], &["DeleteNetworkAclEntry"]);

    let replace = ReplaceNetworkAclEntry { network_acl_id: network_acl_id.clone(), entry: anything(100) };
    rehearsal.by_hand(replace).unwrap();
    is_put_right(&mut rehearsal, &["ingress", "other_entries"], &["ReplaceNetworkAclEntry"]);

    let from_a_stranger = NetworkAclEntryDescription {
        protocol: "6".to_owned(),
        from_port: Some(6379),
        to_port: Some(6379),
        ..anything(100)
    };
    let replace = ReplaceNetworkAclEntry { network_acl_id: network_acl_id.clone(), entry: from_a_stranger };
    rehearsal.by_hand(replace).unwrap();
    is_put_right(&mut rehearsal, &["ingress"], &["ReplaceNetworkAclEntry"]);

    let direction = Direction::Egress;
    let delete = DeleteNetworkAclEntry { network_acl_id: network_acl_id.clone(), direction, rule_number: 100 };
    rehearsal.by_hand(delete).unwrap();
    is_put_right(&mut rehearsal, &["egress"], &["CreateNetworkAclEntry"]);

    let (of_vpc, _) = holder(&rehearsal, "c");
    let (_, association_id) = holder(&rehearsal, "a");
    rehearsal.by_hand(ReplaceNetworkAclAssociation { association_id, network_acl_id: of_vpc.id }).unwrap();
    is_put_right(&mut rehearsal, &["subnet_ids"], &["ReplaceNetworkAclAssociation"]);

    // One that nobody asked for is given back.
    let (_, association_id) = holder(&rehearsal, "c");
    rehearsal.by_hand(ReplaceNetworkAclAssociation { association_id, network_acl_id }).unwrap();
    is_put_right(&mut rehearsal, &["subnet_ids"], &["ReplaceNetworkAclAssociation"]);
    assert_eq!(holders(&rehearsal), ["cache", "cache", ""]);
    is_gone(rehearsal);
}

/// Rules of as many numbers as the quota leaves room for, from `first` on.
fn full(first: u16) -> impl Fn(&mut Stack) {
    move |stack| {
        let (vpc, [a, ..]) = network(stack);
        let rule = |number| NetworkRule::serve(RuleNumber::new(number).unwrap(), port!(6379), NETWORK);
        let acl = NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&a]).rules((first..first + 19).map(rule));
        stack.add("cache", acl);
    }
}

#[test]
fn what_is_allowed_before_and_after_passes_meanwhile_and_what_is_denied_does_not() {
    let program = |first: bool| {
        move |stack: &mut Stack| {
            let (vpc, [a, ..]) = network(stack);
            let rules = if first {
                rules()
            } else {
                network_rules![
                    NetworkRule::deny(rule_number!(60), private_range!("10.0.99.0/24")),
                    NetworkRule::serve(rule_number!(110), port!(6379), private_range!("10.0.0.0/16")),
                ]
            };
            stack.add("cache", NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&a]).rules(rules));
        }
    };
    let mut rehearsal = applied(program(true));
    let calls = calls(&mut rehearsal, program(false));
    assert_eq!(calls, [["CreateNetworkAclEntry"; 4], ["DeleteNetworkAclEntry"; 4]].concat());

    // Where the quota leaves no room for both, what was allowed goes first.
    let mut rehearsal = applied(full(100));
    let calls = self::calls(&mut rehearsal, full(200));
    let number = |action: &str| calls.iter().filter(|call| **call == action).count();
    assert_eq!((number("CreateNetworkAclEntry"), number("DeleteNetworkAclEntry")), (39, 38), "one was refused");
    is_gone(rehearsal);
}

#[test]
fn a_change_that_takes_aws_a_while_to_show_is_made_once() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.emulator().lag(Duration::from_secs(20));
    let made = calls(&mut rehearsal, over(2));
    let number = |action: &str| made.iter().filter(|call| **call == action).count();
    assert_eq!((number("CreateNetworkAclEntry"), number("ReplaceNetworkAclAssociation")), (4, 2));
    assert_eq!(calls(&mut rehearsal, over(1)), ["ReplaceNetworkAclAssociation"]);
    is_gone(rehearsal);
}

/// Whichever call has its effect and no answer, the next apply finds what is there and goes on.
#[test]
fn an_interrupted_creation_is_finished_by_the_next_apply() {
    let first = {
        let rehearsal = applied(over(2));
        let calls = rehearsal.emulator().calls();
        let writes = calls.into_iter().filter(|call| !call.starts_with("Describe"));
        writes.enumerate().filter(|(_, call)| call.contains("NetworkAcl")).map(|(index, _)| index as u64 + 1)
    };
    let numbers: Vec<_> = first.collect();
    assert_eq!(numbers.len(), 7, "the ACL, four entries and two subnets");
    for number in numbers {
        let mut rehearsal = Rehearsal::new().without_rules();
        rehearsal.emulator().inject(number, Fault::AnswerLost);
        let interrupted = rehearsal.try_apply(&palisade_testing::graph(over(2))).unwrap();
        assert!(!interrupted.is_complete(), "{number}");
        rehearsal.apply(over(2));
        let made = rehearsal.emulator().inventory();
        assert_eq!(made.iter().filter(|item| item.kind == "NetworkAcl").count(), 1, "{number}");
        assert!(!rehearsal.plan(over(2)).has_changes(), "{number}");
        is_gone(rehearsal);
    }
}

#[test]
fn an_acl_of_a_subnet_that_is_no_more_goes_with_the_others() {
    let mut rehearsal = applied(over(3));
    let calls = calls(&mut rehearsal, |_| {});
    assert!(calls.contains(&"DeleteNetworkAcl") && calls.contains(&"DeleteVpc"), "{calls:?}");
    assert!(rehearsal.emulator().inventory().is_empty());
}

#[test]
fn terraform_has_the_entries_and_the_subnets_in_the_acl() {
    let rehearsal = applied(over(1));
    let text = rehearsal.export(over(1));
    // The `import` blocks stand behind the document.
    let mut documents = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let export = documents.next().unwrap().unwrap();
    let acl = &export["resource"]["aws_network_acl"]["cache"];
    assert_eq!(acl["subnet_ids"], serde_json::json!(["${aws_subnet.a.id}"]));
    let entry = |action: &str, range: &str, number: u16, from: u16, to: u16| {
        serde_json::json!({
            "action": action, "cidr_block": range, "from_port": from, "to_port": to, "protocol": "tcp",
            "rule_no": number, "icmp_code": null, "icmp_type": null, "ipv6_cidr_block": null,
        })
    };
    let deny = entry("deny", "10.0.99.0/24", 50, 1, 65535);
    assert_eq!(acl["ingress"], serde_json::json!([deny.clone(), entry("allow", "10.0.0.0/16", 100, 6379, 6379)]));
    assert_eq!(acl["egress"], serde_json::json!([deny, entry("allow", "10.0.0.0/16", 100, 1024, 65535)]));
    let id: Id<NetworkAcl> = id(&rehearsal, "cache");
    let import = &text[documents.byte_offset()..];
    let block = import.split("import {").find(|block| block.contains("aws_network_acl.cache")).unwrap();
    assert!(block.contains(&format!("\"{id}\"")), "{import}");
}

/// What was declared of the network ACL.
fn declared(rehearsal: &mut Rehearsal, rules: Vec<NetworkRule>) -> NetworkAcl {
    rehearsal.apply(|stack| {
        let (vpc, [a, ..]) = network(stack);
        stack.add("cache", NetworkAcl::builder().vpc_id(&vpc).subnet_ids([&a]).rules(rules));
    });
    current(rehearsal, "cache").0
}

/// Whether a client with this address may reach the subnets.
fn lets_in(acl: &NetworkAclDescription, client: Cidr) -> bool {
    let mut entries: Vec<_> = acl.entries.iter().filter(|entry| entry.direction == Direction::Ingress).collect();
    entries.sort_by_key(|entry| entry.rule_number);
    let first = entries.iter().find(|entry| Cidr::reported(&entry.addresses).unwrap().contains(client));
    first.unwrap().action == RuleAction::Allow
}

/// An account that looks, after each call, whom the ACL lets in.
struct Watched {
    account: Emulator,
    acl: Id<NetworkAcl>,
    stranger: Cidr,
    is_in: AtomicBool,
}

impl Backend for Watched {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            let answer = self.account.answer(request).await;
            let select = SelectNetworkAcls::Acls(Select::Ids(vec![self.acl.clone()]));
            let told = self.account.answer(DescribeNetworkAcls { select }.into()).await?;
            let told = DescribeNetworkAcls::output(told).unwrap().network_acls.pop().unwrap();
            self.is_in.fetch_or(lets_in(&told, self.stranger), Ordering::Relaxed);
            answer
        })
    }
}

#[test]
fn nobody_comes_in_while_entries_come_and_go() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let stranger = private_range!("10.0.99.0/24");
    let some = NetworkRule::serve(rule_number!(50), port!(6379), private_range!("10.0.1.0/24"));
    let all = NetworkRule::serve(rule_number!(100), port!(6379), NETWORK);
    let wide = declared(&mut rehearsal, vec![some, NetworkRule::deny(rule_number!(90), stranger), all]);
    let narrow = declared(&mut rehearsal, vec![some]);
    rehearsal.emulator().lag(Duration::ZERO);
    let (account, acl) = (rehearsal.emulator().clone(), id::<NetworkAcl>(&rehearsal, "cache"));
    let watched = Watched { account, acl: acl.clone(), stranger: stranger.cidr(), is_in: AtomicBool::new(false) };
    let watched = Arc::new(watched);
    let aws = Aws::new(watched.clone(), Arc::new(Nothing));
    run_later(async {
        for (before, after) in [(&narrow, &wide), (&wide, &narrow)] {
            after.converge(&aws, &acl, Some(before)).await.unwrap();
            assert!(!watched.is_in.load(Ordering::Relaxed), "they are denied before and after");
        }
    });
}

#[test]
fn a_change_that_nobody_may_make_changes_nothing_else() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let deny = |number| NetworkRule::deny(RuleNumber::new(number).unwrap(), private_range!("10.0.99.0/24"));
    let serve = |port| NetworkRule::serve(rule_number!(100), port, NETWORK);
    let port = port!(6379);
    let [added, replaced, removed, before] =
        [vec![deny(60)], vec![deny(50), serve(port!(7000))], vec![deny(50)], vec![deny(50), serve(port)]]
            .map(|rules| declared(&mut rehearsal, rules));
    let left = NetworkAcl { subnet_ids: [].into(), ..before.clone() };
    rehearsal.emulator().lag(Duration::ZERO);
    let acl = id::<NetworkAcl>(&rehearsal, "cache");
    for (wanted, action) in [
        (added, "CreateNetworkAclEntry"),
        (replaced, "ReplaceNetworkAclEntry"),
        (removed, "DeleteNetworkAclEntry"),
        (left, "ReplaceNetworkAclAssociation"),
    ] {
        let told = || {
            let holder = holder(&rehearsal, "a").0;
            (holder.id, holder.entries)
        };
        let there = told();
        let aws = refusing(rehearsal.emulator(), action, ErrorKind::Denied);
        let error = run_later(wanted.converge(&aws, &acl, Some(&before))).unwrap_err();
        assert_eq!((error.kind, told()), (ErrorKind::Denied, there), "{action}");
    }
}

#[test]
fn an_entry_is_made_or_replaced_whatever_a_late_description_says_of_it() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let serve = |port| vec![NetworkRule::serve(rule_number!(100), port, NETWORK)];
    let [after, before] = [serve(port!(7000)), serve(port!(6379))].map(|rules| declared(&mut rehearsal, rules));
    let network_acl_id = id::<NetworkAcl>(&rehearsal, "cache");
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    let lag = Duration::from_secs(30);
    rehearsal.emulator().lag(lag);
    let direction = Direction::Ingress;
    let delete = DeleteNetworkAclEntry { network_acl_id: network_acl_id.clone(), direction, rule_number: 100 };
    let create = CreateNetworkAclEntry { network_acl_id: network_acl_id.clone(), entry: anything(100) };
    run_later(async {
        aws.call(delete.clone()).await.unwrap();
        after.converge(&aws, &network_acl_id, Some(&before)).await.unwrap();

        aws.call(delete).await.unwrap();
        tokio::time::sleep(lag).await;
        aws.call(create).await.unwrap();
        after.converge(&aws, &network_acl_id, Some(&after)).await.unwrap();
    });
}

/// An account in which each move of a subnet takes a minute or more.
struct Slow(Emulator);

impl Backend for Slow {
    fn region(&self) -> &str {
        self.0.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            if matches!(request, Request::ReplaceNetworkAclAssociation(_)) {
                tokio::time::sleep(Duration::from_secs(70)).await;
            }
            self.0.answer(request).await
        })
    }
}

#[test]
fn moves_that_take_long_are_given_the_usual_time_to_show() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let [after, before] = [3, 1].map(|count| {
        rehearsal.apply(over(count));
        current::<NetworkAcl>(&rehearsal, "cache").0
    });
    rehearsal.emulator().lag(Duration::from_secs(5));
    let aws = Aws::new(Arc::new(Slow(rehearsal.emulator().clone())), Arc::new(Nothing));
    run_later(after.converge(&aws, &id::<NetworkAcl>(&rehearsal, "cache"), Some(&before))).unwrap();
}

#[test]
fn entries_that_aws_does_not_show_are_not_taken_for_done() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(over(1));
    rehearsal.emulator().lag(Duration::from_secs(200));
    let (acl, id): (NetworkAcl, _) = current(&rehearsal, "cache");
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    let answer = run_later(async {
        tokio::time::sleep(Duration::from_secs(300)).await;
        let after = NetworkAcl { ingress: BTreeSet::new(), ..acl.clone() };
        after.converge(&aws, &id, Some(&acl)).await
    });
    let error = answer.unwrap_err();
    assert!(error.kind == ErrorKind::TimedOut && error.message.contains("does not show it"), "{error}");
}
