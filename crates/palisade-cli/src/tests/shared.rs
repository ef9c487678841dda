//! The state in S3: `--state`.

use std::sync::Arc;

use insta::assert_snapshot;
use palisade_engine::{Condition, Objects, RemoteStore, Store};

use super::harness::Desk;

const STATE: &str = "--state s3://acme/prod";

pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

fn keys(desk: &Desk) -> Vec<String> {
    run(desk.account.buckets().list("")).unwrap()
}

#[test]
fn a_stack_lives_without_a_folder() {
    let desk = Desk::new();
    assert_eq!(desk.run(&format!("apply -y {STATE}")).code, 0);
    assert_eq!(desk.run(&format!("output endpoint --raw {STATE}")).stdout, "thing-1.example");
    assert_eq!(desk.run(&format!("state list {STATE}")).stdout, "Thing.child\nThing.main\n");
    let written = keys(&desk);
    assert_eq!(desk.run(&format!("plan --detailed-exitcode {STATE}")).code, 0);
    assert_eq!(keys(&desk), written, "a plan writes nothing");
    assert_eq!(desk.run("plan --detailed-exitcode").code, 2, "the folder knows nothing of it");
    assert_eq!(desk.run(&format!("destroy -y {STATE}")).code, 0);
    assert_eq!(desk.account.count(), 0);
    assert!(!desk.state_dir().exists());
}

#[test]
fn a_run_that_is_gone_is_waited_for_and_then_taken_over() {
    let desk = Desk::new();
    let store = RemoteStore::new(desk.account.buckets() as Arc<dyn Objects>, "test", "1");
    run(async { drop(store.lock("`apply`, process 1 on ci", &mut |_| {}).await.unwrap()) });
    let outcome = desk.run(&format!("apply -y {STATE}"));
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
    assert!(
        outcome.stderr.starts_with("Waiting: the stack is locked by `apply`, process 1 on ci. Is it still there?\n")
    );
    // What was given back is free at once.
    assert!(!desk.run(&format!("apply -y {STATE}")).stderr.contains("Waiting"));
}

#[test]
fn whoever_does_not_approve_gives_the_stack_back() {
    let desk = Desk::new();
    assert_eq!(desk.run(&format!("apply {STATE}")).code, 1);
    assert!(!desk.run(&format!("apply -y {STATE}")).stderr.contains("Waiting"));
}

#[test]
fn a_run_whose_lease_another_run_has_taken_over_at_its_question_has_changed_nothing() {
    let desk = Desk::new();
    let outcome = desk.run_paused(&format!("apply {STATE}"), || {
        // It waits for as long as the lease lasts.
        assert_eq!(desk.run(&format!("apply -y {STATE}")).code, 0);
    });
    let (_, errors) = outcome.stderr.split_once("Enter a value:").unwrap();
    let (before, rest) = errors.trim_start().split_once(", process ").unwrap();
    let (_, after) = rest.split_once(" GMT ").unwrap();
    assert_snapshot!(format!("{before} {after}"), @r"
    error: this run has lost the lock of the stack `test`: it ran out, and `apply` has taken it over
    help: for a state in S3: answer the question within a minute after the lock is taken, or do without it by --auto-approve; see that nothing stops this process, and that S3 can be reached
    help: for a state in a folder: never remove the lock file; a lock ends with its process, and the file locks nothing
    help: nothing was changed: run `apply` again
    ");
    assert_eq!((outcome.code, desk.account.count()), (1, 2));
    assert_eq!(desk.run(&format!("plan --detailed-exitcode {STATE}")).code, 0);
}

#[test]
fn a_lease_that_is_damaged_at_the_question_does_not_end_by_itself() {
    let desk = Desk::new();
    let outcome = desk.run_paused(&format!("apply {STATE}"), || {
        run(async {
            let (buckets, key) = (desk.account.buckets(), "test/lease.json");
            buckets.delete(key).await.unwrap();
            buckets.put(key, b"{", Condition::Absent).await.unwrap();
        });
    });
    let (_, errors) = outcome.stderr.split_once("Enter a value:").unwrap();
    assert_snapshot!(errors.trim_start(), @r"
    The lock of the stack is not given back: the state file memory://test/lease.json is damaged: EOF while parsing an object at line 1 column 1
    error: the state file memory://test/lease.json is damaged: EOF while parsing an object at line 1 column 1
    help: remove memory://test/lease.json: the next run waits a minute, as another one may be at work, and writes a new one
    ");
}

#[test]
fn a_damaged_state_is_refused() {
    let desk = Desk::new();
    assert_eq!(desk.run(&format!("apply -y {STATE}")).code, 0);
    let (buckets, newest) = (desk.account.buckets(), keys(&desk).pop().unwrap());
    run(buckets.delete(&newest)).unwrap();
    assert_snapshot!(desk.run(&format!("plan {STATE}")).error(), @r"
    error: the state file memory://test/log/ is gone, and memory://test/lease.json, which was kept with it, is still there
    help: bring memory://test/log/ back as it was, from the versions that the bucket keeps: without its state, a stack knows no objects
    help: delete memory://test/lease.json if the stack is gone: then this is a new one
    ");
}

#[test]
fn an_earlier_log_is_no_state_of_the_stack_until_its_lease_is_removed() {
    let desk = Desk::new();
    assert_eq!(desk.run(&format!("apply -y {STATE}")).code, 0);
    let (buckets, earlier) = (desk.account.buckets(), keys(&desk).pop().unwrap());
    let text = run(buckets.get(&earlier)).unwrap().unwrap().bytes;
    assert_eq!(desk.run(&format!("destroy -y {STATE}")).code, 0);
    for key in keys(&desk).iter().filter(|key| key.contains("/log/")) {
        run(buckets.delete(key)).unwrap();
    }
    run(buckets.put(&earlier, &text, Condition::Absent)).unwrap();
    assert_snapshot!(desk.run(&format!("apply -y {STATE}")).error(), @r"
    error: the state memory://test/log/ was replaced by an earlier one, which ends with change 8; change 13 had been saved
    help: bring back the newest state, up to change 13, from the versions that the bucket keeps: the earlier one does not know what was created since
    help: if the earlier state is the right one, delete in the account what later runs have created, and then remove memory://test/lease.json, and run the command again
    ");
    run(buckets.delete("test/lease.json")).unwrap();
    let outcome = desk.run(&format!("apply -y {STATE}"));
    assert_eq!(outcome.code, 0, "{}", outcome.transcript());
}

#[test]
fn a_cloud_without_buckets_says_so() {
    let desk = Desk::with_choice();
    assert_snapshot!(desk.run(&format!("output {STATE}")).error(), @r"
    Cloud: not reached, and not needed: no credentials for any region
    error: this cloud cannot keep a state in S3
    help: leave out --state and PALISADE_STATE, so that the state is in a folder; or work on AWS, with a program that is built with the feature `s3-state`
    ");
}

#[test]
fn what_names_no_place_is_refused() {
    for (place, why) in [
        ("s3:/acme", "write s3://BUCKET/PREFIX"),
        ("s3://ACME", "`ACME` is not the name of a bucket"),
        ("s3://acme/a//b", "`a//b` is not a plain prefix"),
        ("s3://acme/../b", "`../b` is not a plain prefix"),
    ] {
        let error = Desk::new().run(&format!("plan --state {place}")).error();
        assert!(error.contains(why), "{place}: {error}");
    }
    assert_snapshot!(Desk::new().run(&format!("plan {STATE} --state-dir DESK")).error(), @r"
    error: the argument '--state <s3://BUCKET/PREFIX>' cannot be used with '--state-dir <DIR>'

    Usage: test plan --state <s3://BUCKET/PREFIX> --region <REGION>

    For more information, try '--help'.
    ");
}
