//! What can go wrong with a call, and what tests can see.

use std::time::Duration;

use palisade_aws::{
    Backend,
    operations::{CreateVpc, DeleteReplicationGroup, DescribeVpcs},
    shapes::Select,
};
use palisade_core::provider::ErrorKind;
use palisade_emulator::{Emulator, Fault};
use tokio::time::{Instant, timeout};

use crate::account::{Account, account, create_vpc, id, minutes, modify, owned, pass};

/// The call as it is made once: [`palisade_aws::Aws`] repeats some.
async fn once(emulator: &Emulator) -> Result<(), ErrorKind> {
    emulator.answer(create_vpc("10.0.0.0/16").into()).await.map(|_| ()).map_err(|error| error.kind)
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_has_no_effect() {
    let emulator = account().emulator;
    emulator.inject(2, Fault::Throttled);
    assert_eq!(once(&emulator).await, Ok(()));
    assert_eq!(once(&emulator).await, Err(ErrorKind::Throttled));
    assert_eq!(once(&emulator).await, Ok(()));
    assert_eq!((emulator.inventory().len(), emulator.writes()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_unavailable_has_no_effect() {
    let emulator = account().emulator;
    emulator.inject(1, Fault::Unavailable);
    assert_eq!(once(&emulator).await, Err(ErrorKind::Service));
    assert_eq!(emulator.inventory(), []);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_is_lost_has_its_effect() {
    let emulator = account().emulator;
    emulator.inject(1, Fault::AnswerLost);
    assert_eq!(once(&emulator).await, Err(ErrorKind::Service));
    assert_eq!(emulator.inventory().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_has_its_effect() {
    let emulator = account().emulator;
    emulator.inject(1, Fault::NoAnswer);
    assert!(timeout(minutes(60), once(&emulator)).await.is_err());
    assert_eq!(emulator.inventory().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_before_it_arrives_has_no_effect() {
    let emulator = account().emulator;
    assert!(timeout(Duration::from_millis(100), once(&emulator)).await.is_err());
    assert_eq!(emulator.inventory(), []);
    assert!(timeout(Duration::from_millis(200), once(&emulator)).await.is_err());
    assert_eq!(emulator.inventory().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_fails_can_only_be_deleted() {
    let account = account();
    let network = account.network().await;
    account.emulator.inject(1, Fault::CreateFailed);
    account.call(network.cache("redis")).await;
    pass(minutes(8)).await;
    let cache = account.describe_cache(&id("redis")).await;
    assert_eq!((cache.status.as_str(), cache.primary_endpoint), ("create-failed", None));
    account.refused(modify(&cache.id), "InvalidReplicationGroupState").await;
    account.call(DeleteReplicationGroup { replication_group_id: cache.id, final_snapshot_identifier: None }).await;
    pass(minutes(6)).await;
    account.cache(network.cache("redis")).await;
}

#[tokio::test(start_paused = true)]
async fn calls_take_time_and_are_written_down() {
    let account = Account::of(Emulator::in_memory("us-east-1"));
    let start = Instant::now();
    account.vpc().await;
    assert_eq!(start.elapsed(), Duration::from_millis(300));
    // One by ids would wait a moment for others.
    account.call(DescribeVpcs { select: Select::Token(String::new()) }).await;
    assert_eq!(start.elapsed(), Duration::from_millis(400));
    account.refused(create_vpc("10.0.0.0/8"), "InvalidVpc.Range").await;
    assert_eq!(account.emulator.calls(), ["CreateVpc", "DescribeVpcs", "CreateVpc"]);
    assert_eq!(account.emulator.account_id(), "123456789012");
}

#[tokio::test(start_paused = true)]
async fn the_inventory_tells_whose_an_object_is() {
    let account = account();
    account.call(CreateVpc { tags: owned("Vpc.main"), ..create_vpc("10.0.0.0/16") }).await;
    let [vpc] = account.emulator.inventory().try_into().unwrap();
    assert_eq!((vpc.stack.as_deref(), vpc.resource.as_deref()), (Some("s"), Some("Vpc.main")));
    assert_eq!(vpc.to_string(), format!("Vpc {} (Vpc.main)", vpc.id));
}

#[tokio::test(start_paused = true)]
async fn ids_are_the_same_in_every_run() {
    let (one, other) = (account(), account());
    assert_eq!(one.vpc().await, other.vpc().await);
    assert_ne!(one.vpc().await, one.vpc().await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_has_its_effect_and_an_error_in_the_end() {
    let emulator = account().emulator;
    emulator.inject(1, Fault::TimedOut);
    let start = Instant::now();
    assert_eq!(once(&emulator).await, Err(ErrorKind::Service));
    assert!(start.elapsed() >= Duration::from_secs(60));
    assert_eq!(emulator.inventory().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_used_up_lets_nothing_be_made() {
    let emulator = account().emulator;
    emulator.inject(1, Fault::Quota);
    assert_eq!(once(&emulator).await, Err(ErrorKind::Quota));
    assert_eq!(emulator.inventory(), []);
}

#[tokio::test(start_paused = true)]
async fn reads_fail_by_their_own_numbers() {
    let emulator = account().emulator;
    let read = async || {
        let answer = emulator.answer(DescribeVpcs { select: Select::Ids(Vec::new()) }.into()).await;
        answer.map(|_| ()).map_err(|error| error.kind)
    };
    emulator.inject_read(2, Fault::Unavailable);
    emulator.inject_read(3, Fault::Throttled);
    assert_eq!((once(&emulator).await, read().await), (Ok(()), Ok(())));
    assert_eq!((read().await, once(&emulator).await), (Err(ErrorKind::Service), Ok(())));
    emulator.clear_faults();
    assert_eq!(read().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_contents_are_what_the_account_holds() {
    let emulator = account().emulator;
    once(&emulator).await.unwrap();
    let contents = emulator.contents();
    let id = &emulator.inventory()[0].id;
    assert_eq!(contents["vpcs"][id]["cidr_block"], "10.0.0.0/16");
}
