//! The state in S3, on a bucket of ministack, which honours conditional writes.

use std::{sync::Arc, time::Duration};

use palisade_engine::{RemoteStore, State, StateError, Store};
use palisade_live::S3Objects;
use tokio::time::timeout;

use crate::{
    account::{Account, ministack},
    program::{Program, text},
};

/// A lease that ends soon. The rest of what depends on it is tested on a clock that does not wait.
const TTL: Duration = Duration::from_secs(6);

#[test]
fn a_stack_lives_in_a_bucket() {
    let account = Account::unused();
    account.make_bucket("acme-state");
    let program = Program::new(&account);
    let on = |arguments: &str| {
        let arguments = format!("{arguments} --state s3://acme-state/prod");
        program.succeed(ministack(), &arguments.split(' ').collect::<Vec<_>>())
    };
    on("apply -y");
    assert_eq!(account.inventory()["ReplicationGroup"], 1);
    on("plan --detailed-exitcode");
    assert!(on("state list").contains("Vpc.main"));
    assert!(!program.has_folder(), "nothing is kept elsewhere");
    on("destroy -y");
    assert_eq!(account.inventory()["ReplicationGroup"], 0);
    // What is missing is said.
    let output = program.run(ministack(), &["plan", "--state", "s3://acme-other/prod"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("there is no bucket `acme-other`"), "{}", text(&output));
}

#[test]
fn one_writes_at_a_time_and_whoever_comes_too_late_is_refused() {
    Account::of_the_environment().make_bucket("acme-team");
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let objects = Arc::new(S3Objects::open("acme-team", "", None).await.unwrap());
        let store = |run: &str| RemoteStore::new(Arc::clone(&objects) as _, "shop", run).with_ttl(TTL);
        let (first, second) = (store("1"), store("2"));
        let state = |serial| State { serial, ..State::new("shop", "00112233445566778899aabbccddeeff") };
        assert_eq!(first.load().await.unwrap(), None);
        let mut ignore = |_: &str| {};
        let writer = first.lock("first", &mut ignore).await.unwrap();
        writer.replace(&state(1)).await.unwrap();
        // Whoever is at work renews the lease.
        let mut ignore = |_: &str| {};
        let refused = tokio::select! {
            lost = writer.keep() => panic!("{lost}"),
            refused = second.lock("second", &mut ignore) => refused.map(drop),
        };
        assert!(matches!(refused, Err(StateError::Locked { holder, .. }) if holder == "first"));
        // Whoever stands still is taken over, and its next write finds the fence.
        let mut ignore = |_: &str| {};
        let taken = timeout(TTL * 10, second.lock("second", &mut ignore)).await.unwrap().unwrap();
        taken.replace(&state(2)).await.unwrap();
        assert!(matches!(writer.hold().check(), Err(StateError::LeaseLost { .. })));
        assert!(matches!(writer.begin(&state(1)).await, Err(StateError::LeaseLost { .. })));
        assert!(matches!(writer.replace(&state(5)).await, Err(StateError::Overtaken { found: 2, expected: 1, .. })));
        taken.release().await.unwrap();
        assert_eq!(store("3").load().await.unwrap(), Some(state(2)));
    });
}
