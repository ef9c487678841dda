//! An association gets another id whenever its table changes: what is described as it was before is asked for again.

use std::{
    slice,
    sync::{Arc, Mutex},
};

use palisade::prelude::*;
use palisade_aws::{
    Aws, AwsProvider, Backend, Lifecycle,
    operations::{DescribeRouteTables, DescribeRouteTablesOutput, ReplaceRouteTableAssociation, Request, Response},
    shapes::SelectRouteTables,
};
use palisade_core::provider::{BoxFuture, ErrorKind, Object, Provider, ProviderError, Turn, Unlimited};
use palisade_emulator::Emulator;
use palisade_testing::Rehearsal;

use crate::{
    current, run_later,
    unheard::{Nothing, refusing},
};

/// An account that describes its route tables once as they were before.
struct Late {
    account: Emulator,
    before: Mutex<Option<DescribeRouteTablesOutput>>,
}

impl Backend for Late {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        let before = match request {
            Request::DescribeRouteTables(_) => self.before.lock().unwrap().take(),
            _ => None,
        };
        match before {
            Some(before) => Box::pin(async { Ok(Response::DescribeRouteTables(before)) }),
            None => self.account.answer(request),
        }
    }
}

/// A subnet that went by the first of three tables, and that somebody has given the second one.
struct Moved {
    association: RouteTableAssociation,
    id: Id<RouteTableAssociation>,
    third: Id<RouteTable>,
    late: Arc<Late>,
    aws: Aws,
}

fn moved() -> Moved {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack: &mut Stack| {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        let subnet = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
        let [first, ..] = ["first", "second", "third"].map(|name| stack.add(name, RouteTable::builder().vpc_id(&vpc)));
        stack.add("a", RouteTableAssociation::builder().subnet_id(&subnet).route_table_id(&first));
    });
    let (association, id): (RouteTableAssociation, _) = current(&rehearsal, "a");
    let [second, third] = ["second", "third"].map(|name| current::<RouteTable>(&rehearsal, name).1);
    let select = SelectRouteTables::OfSubnets(vec![association.subnet_id.clone()]);
    let before = rehearsal.by_hand(DescribeRouteTables { select }).unwrap();
    let association_id = before.route_tables[0].associations[0].id.clone();
    rehearsal.by_hand(ReplaceRouteTableAssociation { association_id, route_table_id: second }).unwrap();
    let late = Arc::new(Late { account: rehearsal.emulator().clone(), before: Mutex::new(Some(before)) });
    let aws = Aws::new(late.clone(), Arc::new(Nothing));
    Moved { association, id, third, late, aws }
}

#[test]
fn an_association_is_given_up_though_it_was_replaced_meanwhile() {
    let Moved { association, id, aws, .. } = moved();
    let left = run_later(async {
        association.delete(&aws, &id).await.unwrap();
        let left = RouteTableAssociation::read(&aws, std::slice::from_ref(&id)).await.unwrap();
        // It may be gone before its deletion, too; whoever asked for that looks again.
        let gone = association.delete(&aws, &id).await.unwrap_err();
        (left, gone.kind)
    });
    assert!(matches!(left, (left, ErrorKind::NotFound) if left[0].is_none()));
}

#[test]
fn what_is_refused_about_an_association_for_another_reason_is_told() {
    let Moved { association, id, late, third, .. } = moved();
    let refused = |action| refusing(&late.account, action, ErrorKind::Denied);
    let delete = run_later(association.delete(&refused("DisassociateRouteTable"), &id));
    let after = RouteTableAssociation { route_table_id: third, ..association };
    let change = run_later(after.converge(&refused("ReplaceRouteTableAssociation"), &id, None));
    for answer in [delete, change] {
        assert_eq!(answer.map_err(|error| error.kind), Err(ErrorKind::Denied));
    }
}

#[test]
fn an_association_that_is_not_described_at_first_is_given_up() {
    let Moved { association, id, late, .. } = moved();
    *late.before.lock().unwrap() = Some(DescribeRouteTablesOutput { route_tables: Vec::new() });
    let inputs = serde_json::to_value(&association).unwrap().as_object().unwrap().clone();
    let object = Object { id: id.as_str(), inputs: &inputs, attributes: None };
    let provider = AwsProvider::new(Aws::new(late.clone(), Arc::new(Nothing)));
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    run_later(async {
        for _ in 0..2 {
            provider.delete(&turn, "RouteTableAssociation", &object).await.unwrap();
            let left = provider.read(&turn, "RouteTableAssociation", slice::from_ref(&object)).await.unwrap();
            assert_eq!(left, [None]);
        }
    });
}

#[test]
fn an_association_is_led_to_its_table_though_it_was_replaced_meanwhile() {
    let Moved { association, id, third, aws, .. } = moved();
    let after = RouteTableAssociation { route_table_id: third.clone(), ..association.clone() };
    let read = run_later(async {
        after.converge(&aws, &id, Some(&association)).await.unwrap();
        RouteTableAssociation::read(&aws, &[id]).await.unwrap().pop().flatten().unwrap()
    });
    assert_eq!(read.fields.route_table_id, Some(third));
}
