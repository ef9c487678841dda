//! The account in a folder.

use std::{fs, path::Path};

use palisade_aws::{
    Backend,
    operations::{
        CreateReplicationGroup, CreateSecret, DeleteVpc, DescribeNetworkAcls, DescribeVpcs, GetSecretValue,
        PutSecretValue,
    },
    resources::Secret,
    shapes::{Select, SelectNetworkAcls},
    types::{SecretName, Tags},
};
use palisade_core::Id;
use palisade_emulator::{Emulator, OpenError};
use secrecy::ExposeSecret;
use tempfile::TempDir;

use crate::account::{Account, create_user, create_vpc, id, minutes, pass, password, seconds};

const CANARY: &str = "canary-0123456789-canary";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &Path) -> Account {
    Account::of(Emulator::open(folder, "us-east-1").unwrap().immediately_consistent())
}

fn error(folder: &Path) -> OpenError {
    Emulator::open(folder, "us-east-1").unwrap_err()
}

async fn secret_without_value(account: &Account) -> Id<Secret> {
    let call = CreateSecret {
        name: SecretName::reported("redis"),
        description: None,
        kms_key_id: None,
        client_request_token: "c".repeat(64),
        tags: Tags::default(),
    };
    account.call(call).await.arn
}

async fn secret(account: &Account) -> Id<Secret> {
    let secret_id = secret_without_value(account).await;
    let value = CANARY.to_owned().into();
    account.call(PutSecretValue { secret_id: secret_id.clone(), client_request_token: "a".repeat(64), value }).await;
    secret_id
}

#[tokio::test(start_paused = true)]
async fn an_account_goes_on_where_the_last_process_left_it() {
    let folder = folder();
    let first = open(folder.path());
    let vpc = first.vpc().await;
    let arn = secret(&first).await;
    drop(first);
    let second = open(folder.path());
    assert_ne!(second.vpc().await, vpc, "an id is given twice");
    let vpcs = second.call(DescribeVpcs { select: Select::Ids(vec![vpc]) }).await.vpcs;
    assert_eq!(vpcs.len(), 1);
    let value = second.call(GetSecretValue { secret_id: arn, version_id: "a".repeat(64) }).await.value;
    assert_eq!(value.expose_secret(), CANARY);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_has_changed_is_seen_at_once() {
    let folder = folder();
    let (first, second) = (open(folder.path()), open(folder.path()));
    let vpc = first.vpc().await;
    let vpcs = async || second.call(DescribeVpcs { select: Select::Ids(vec![vpc.clone()]) }).await.vpcs.len();
    assert_eq!(vpcs().await, 1);
    first.call(DeleteVpc { vpc_id: vpc.clone() }).await;
    pass(seconds(1)).await;
    assert_eq!(vpcs().await, 0);
    // What cannot be read is an error each time, and no earlier account.
    let file = folder.path().join("account.json");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, "{").unwrap();
    for _ in 0..2 {
        second.error(DescribeVpcs { select: Select::Ids(vec![vpc.clone()]) }).await;
    }
    fs::write(&file, whole).unwrap();
    drop(first);
    second.vpc().await;
    assert_eq!(vpcs().await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_clock_goes_on_too_and_what_was_waited_for_is_not_waited_for_again() {
    let folder = folder();
    let first = open(folder.path());
    let network = first.network().await;
    first.call(network.cache("redis")).await;
    pass(minutes(4)).await;
    assert_eq!(first.describe_cache(&id("redis")).await.status, "creating");
    drop(first);
    let second = open(folder.path());
    assert_eq!(second.describe_cache(&id("redis")).await.status, "creating");
    pass(minutes(3)).await;
    assert_eq!(second.describe_cache(&id("redis")).await.status, "creating");
    pass(minutes(1)).await;
    assert_eq!(second.describe_cache(&id("redis")).await.status, "available");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_only_waits_keeps_what_it_waited_for() {
    let folder = folder();
    let killed = open(folder.path());
    let network = killed.network().await;
    killed.call(network.cache("redis")).await;
    let at_the_kill = fs::read(folder.path().join("account.json")).unwrap();
    drop(killed);
    fs::write(folder.path().join("account.json"), at_the_kill).unwrap();
    let waiting = open(folder.path());
    assert_eq!(waiting.describe_cache(&id("redis")).await.status, "creating");
    pass(minutes(8)).await;
    assert_eq!(waiting.describe_cache(&id("redis")).await.status, "available");
    drop(waiting);
    assert_eq!(open(folder.path()).describe_cache(&id("redis")).await.status, "available");
}

#[tokio::test(start_paused = true)]
async fn reading_writes_nothing() {
    let folder = folder();
    let account = open(&folder.path().join("state"));
    account.call(DescribeVpcs { select: Select::Ids(Vec::new()) }).await;
    account.refused(create_vpc("10.0.0.0/8"), "InvalidVpc.Range").await;
    drop(account);
    assert!(!folder.path().join("state/account.json").exists());

    let writer = open(folder.path());
    writer.vpc().await;
    drop(writer);
    let before = fs::read(folder.path().join("account.json")).unwrap();
    let reader = open(folder.path());
    pass(minutes(60)).await;
    reader.call(DescribeVpcs { select: Select::Ids(Vec::new()) }).await;
    drop(reader);
    assert_eq!(fs::read(folder.path().join("account.json")).unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_file_in_clear() {
    let folder = folder();
    let account = open(folder.path());
    secret(&account).await;
    account.user(create_user("app", "on ~* +@all", password(CANARY))).await;
    let network = account.network().await;
    let auth_token = Some(CANARY.to_owned().into());
    account.cache(CreateReplicationGroup { auth_token, ..network.cache("redis") }).await;
    assert!(!format!("{:?}", account.emulator).contains("canary"));
    drop(account);
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
        for needle in [CANARY, hex.as_str()] {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle.as_bytes()), "{}", path.display());
        }
        files += 1;
    }
    assert_eq!(files, 3, "the account, its key and its lock");
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    secret(&open(folder.path())).await;
    for entry in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn an_empty_file_is_no_new_account() {
    let folder = folder();
    fs::write(folder.path().join("account.json"), "\n").unwrap();
    let error = error(folder.path());
    assert!(matches!(error, OpenError::Empty { .. }));
    assert!(error.to_string().ends_with("account.json, is empty") && error.help().starts_with("restore the file"));
}

#[tokio::test(start_paused = true)]
async fn a_torn_file_is_refused_wherever_it_ends() {
    let folder = folder();
    open(folder.path()).vpc().await;
    let path = folder.path().join("account.json");
    let whole = fs::read_to_string(&path).unwrap();
    // Every length would take seconds; a prime step meets the ends of all kinds of tokens.
    let last = whole.trim_end().len() - 1;
    for length in (1..last).step_by(31).chain([last]) {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(error(folder.path()), OpenError::Damaged { .. }), "{length} bytes are accepted");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_damaged_while_the_account_is_open_is_not_overwritten() {
    let folder = folder();
    open(folder.path()).vpc().await;
    let account = open(folder.path());
    let path = folder.path().join("account.json");
    fs::write(&path, "{").unwrap();
    for _ in 0..2 {
        let error = account.error(create_vpc("10.0.0.0/16")).await;
        assert!(error.message.contains("is damaged"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"{");
}

#[test]
fn a_file_of_a_later_version_is_refused_before_anything_else_is_looked_at() {
    let folder = folder();
    fs::write(folder.path().join("account.json"), r#"{"format": 2, "things": []}"#).unwrap();
    let error = error(folder.path());
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }));
    assert!(error.to_string().ends_with("has the format 2, and this version reads up to 1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_account_of_another_region_is_refused() {
    let folder = folder();
    open(folder.path()).vpc().await;
    let error = Emulator::open(folder.path(), "eu-west-1").unwrap_err();
    assert!(error.to_string().ends_with("is of the region us-east-1, not eu-west-1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_secrets_nobody_can_read_is_refused() {
    let folder = folder();
    secret(&open(folder.path())).await;
    let key = folder.path().join("account.key");
    for damage in ["", "zz", "00"] {
        fs::write(&key, damage).unwrap();
        assert!(matches!(error(folder.path()), OpenError::Key { .. }));
    }
    fs::remove_file(&key).unwrap();
    assert!(error(folder.path()).to_string().contains("does not exist, and the account has secrets"));
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_written_as_a_whole_is_not_there() {
    let folder = folder();
    let account = open(folder.path());
    let secret_id = secret_without_value(&account).await;
    // Where it is written first, there is no room: so it never gets its name.
    std::os::unix::fs::symlink("/dev/full", folder.path().join("account.key.tmp")).unwrap();
    let value = CANARY.to_owned().into();
    let put = PutSecretValue { secret_id, client_request_token: "a".repeat(64), value };
    assert!(account.emulator.answer(put.into()).await.is_err());
    assert!(!folder.path().join("account.key").exists());
}

#[tokio::test(start_paused = true)]
async fn one_process_at_a_time_changes_the_account_and_the_next_one_sees_what_it_did() {
    let folder = folder();
    let (first, second) = (open(folder.path()), open(folder.path()));
    let vpc = first.vpc().await;
    let error = second.emulator.answer(create_vpc("10.0.0.0/16").into()).await.unwrap_err();
    assert!(error.message.contains("another process is changing it"), "{error}");
    drop(first);
    pass(seconds(1)).await;
    assert_ne!(second.vpc().await, vpc);
    assert_eq!(second.emulator.inventory().len(), 2);
}

/// Before there were network ACLs in it, an account said nothing of those that AWS makes by itself.
#[tokio::test(start_paused = true)]
async fn an_account_of_an_earlier_version_gets_its_network_acls() {
    let folder = folder();
    let first = open(folder.path());
    let vpc = first.vpc().await;
    let subnet = first.subnet(&vpc, "10.0.1.0/24", 'a').await;
    let acls = async |account: &Account| {
        let select = SelectNetworkAcls::OfSubnets(vec![subnet.clone()]);
        account.call(DescribeNetworkAcls { select }).await.network_acls
    };
    let before = acls(&first).await;
    drop(first);

    let path = folder.path().join("account.json");
    let mut document: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let account = document["account"].as_object_mut().unwrap();
    assert!(account.remove("network_acls").is_some() && account.remove("acl_associations").is_some());
    fs::write(&path, document.to_string()).unwrap();
    let after = acls(&open(folder.path())).await;
    let in_short = |acls: &[palisade_aws::shapes::NetworkAclDescription]| {
        acls.iter().map(|acl| (acl.id.clone(), acl.associations.len(), acl.entries.len())).collect::<Vec<_>>()
    };
    assert_eq!(in_short(&after), in_short(&before));
    assert_eq!(after.len(), 1);
}
