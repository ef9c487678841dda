//! Every parser of what comes from outside gets bytes that nobody wrote: it says what is wrong, and never panics. What it
//! accepts, it writes back as the same.
//!
//! The cases are the same everywhere; `PROPTEST_CASES` asks for more of them.

use std::{
    cell::Cell,
    collections::BTreeSet,
    fmt::Debug,
    fs,
    panic::{UnwindSafe, catch_unwind, set_hook, take_hook},
    path::Path,
    sync::Once,
};

use palisade::{prelude::*, types};
use palisade_core::{Address, Id, Json};
use palisade_emulator::Emulator;
use palisade_engine::{Origin, SavedPlan, State, format};
use palisade_testing::Rehearsal;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::{Config, RngSeed, TestRunner},
};
use sha2::{Digest, Sha256};

/// Tries `check` on as many values as there is time for.
fn fuzz<T: Debug>(values: impl Strategy<Value = T>, check: impl Fn(T)) {
    // The number of cases comes from the environment, if it says one.
    let cases = Config::default().cases * 8;
    let config = Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(0x5eed), ..Config::default() };
    let result = TestRunner::new(config).run(&values, |value| {
        check(value);
        Ok(())
    });
    result.unwrap_or_else(|problem| panic!("{problem}"));
}

/// What is done to a text that is good.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<Index>(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (
            any::<Index>(),
            select(vec![&b"null"[..], b"0", b"-1", b"1e99", b"\"\"", b"[]", b"{}", b"\xc3\xa4", b"/33", b" "])
        )
            .prop_map(|(at, bytes)| Mutation::Insert(at, bytes.to_vec())),
        (any::<Index>(), 1..9_usize).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<Index>(), 1..9_usize).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        any::<Index>().prop_map(Mutation::Cut),
    ]
}

fn mutated(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match mutation {
            Mutation::Replace(at, byte) => {
                let at = place(at);
                bytes.get_mut(at).into_iter().for_each(|old| *old = *byte);
            }
            Mutation::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Mutation::Remove(at, count) => {
                let at = place(at);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Mutation::Repeat(at, count) => {
                let at = place(at);
                let again = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
            Mutation::Cut(at) => bytes.truncate(at.index(bytes.len() + 1)),
        }
    }
    bytes
}

/// Good texts with a few mistakes, and bytes without any sense.
fn bytes(good: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let near = (select(good), vec(mutation(), 0..5)).prop_map(|(good, mutations)| mutated(good, &mutations));
    prop_oneof![8 => near, 1 => vec(any::<u8>(), 0..80)]
}

fn texts(good: &[&str]) -> impl Strategy<Value = String> + use<> {
    bytes(good.iter().map(|text| text.as_bytes().to_vec()).collect())
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn stack(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).tags(tags! { "a" = "b" }));
    stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let secret = stack.add("token", Secret::builder().name(secret_name!("redis/token")).generated());
    let user = RedisUser::with_password(name!("reader"), user_name!("reader"), &secret);
    stack.add("reader", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
    stack.output("vpc", vpc.arn());
}

/// The state of a stack.
fn state() -> State {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(stack);
    rehearsal.state()
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text with checksums that are right, so that what is behind them is read.
fn sealed(text: &str, content: &str) -> String {
    let checksum = digest(content);
    text.replace("CONTENT", content).replace("CHECKSUM", &checksum)
}

#[test]
fn a_state_file() {
    let state = state();
    let good = format::snapshot(&state);
    let path = Path::new("state");
    let read = |bytes: &[u8]| {
        if let Ok(read) = format::read_snapshot(bytes, "test", path) {
            let again = format::read_snapshot(format::snapshot(&read.state).as_bytes(), "test", path).unwrap();
            assert_eq!(again.state, read.state);
        }
    };
    read(good.as_bytes());
    fuzz(bytes(vec![good.clone().into_bytes()]), |bytes| read(&bytes));
    // With a checksum that is right, the mistakes get further.
    let inner = serde_json::to_string(&state).unwrap();
    fuzz(texts(&[&inner]), |inner| {
        read(sealed(r#"{"format":3,"checksum":"CHECKSUM","state":CONTENT}"#, &inner).as_bytes());
    });
}

#[test]
fn a_journal() {
    let state = state();
    let path = Path::new("journal");
    let snapshot = format::read_snapshot(format::snapshot(&state).as_bytes(), "test", path).unwrap();
    let head = format::journal(&format::Identity::of(&state), None);
    let change = r#"[{"serial":SERIAL,"change":{"Deleted":{"address":"Vpc.main"}}},{"serial":NEXT,"change":{"Outputs":{"outputs":{"a":1}}}}]"#;
    let change = change.replace("SERIAL", &(state.serial + 1).to_string());
    let change = change.replace("NEXT", &(state.serial + 2).to_string());
    let entry = |records: &str| format!("{}\n", sealed(r#"{"checksum":"CHECKSUM","records":CONTENT}"#, records));
    let read = |bytes: &[u8]| {
        let journal = format::read_journal(bytes, "test", path).ok()?;
        let mut snapshot = snapshot.clone();
        journal.replay(&mut snapshot, path).ok()?;
        Some(snapshot.state)
    };
    let good = format!("{head}{}", entry(&change));
    assert_eq!(read(good.as_bytes()).map(|state| state.serial), Some(state.serial + 2), "{good}");
    fuzz(bytes(vec![good.clone().into_bytes(), head.clone().into_bytes()]), |bytes| _ = read(&bytes));
    fuzz(texts(&[&change]), |records| _ = read(format!("{head}{}", entry(&records)).as_bytes()));
}

#[test]
fn a_saved_plan() {
    let graph = palisade_testing::graph(stack);
    let plan = Rehearsal::new().without_rules().plan(stack);
    let account = "aws 111122223333 us-east-1".to_owned();
    let origin = Origin { lineage: None, account, region: None, made_at: 0, is_destroy: false };
    let good = SavedPlan::new(plan, &graph, origin).encode();
    let read = |bytes: &[u8]| {
        if let Ok(plan) = SavedPlan::decode(bytes) {
            assert_eq!(SavedPlan::decode(plan.encode().as_bytes()).unwrap().encode(), plan.encode());
        }
    };
    assert!(SavedPlan::decode(good.as_bytes()).is_ok());
    fuzz(bytes(vec![good.clone().into_bytes()]), |bytes| read(&bytes));
    let document: Json = serde_json::from_str(&good).unwrap();
    let fields = document.as_object().unwrap();
    let (name, _) = fields.iter().find(|(_, value)| value.is_object()).unwrap();
    let start = good.find(&format!("\"{name}\":")).unwrap() + name.len() + 3;
    let inner = good[start..].trim_end().strip_suffix('}').unwrap();
    let before = good[..start].replace(fields["checksum"].as_str().unwrap(), "CHECKSUM");
    assert!(SavedPlan::decode(sealed(&format!("{before}CONTENT}}"), inner).as_bytes()).is_ok(), "{good}");
    fuzz(texts(&[inner]), |inner| read(sealed(&format!("{before}CONTENT}}"), &inner).as_bytes()));
}

#[test]
fn the_file_of_an_emulated_account() {
    let folder = tempfile::tempdir().unwrap();
    let mut rehearsal =
        Rehearsal::on(Emulator::open(folder.path(), "us-east-1").unwrap(), std::sync::Arc::new(Nobody)).without_rules();
    rehearsal.apply(stack);
    drop(rehearsal);
    let (account, key) = (folder.path().join("account.json"), folder.path().join("account.key"));
    let (good, good_key) = (fs::read(&account).unwrap(), fs::read(&key).unwrap());
    fuzz(bytes(vec![good.clone()]), |bytes| {
        fs::write(&account, bytes).unwrap();
        if let Ok(emulator) = Emulator::open(folder.path(), "us-east-1") {
            emulator.inventory();
        }
    });
    fs::write(&account, good).unwrap();
    fuzz(bytes(vec![good_key]), |bytes| {
        fs::write(&key, bytes).unwrap();
        _ = Emulator::open(folder.path(), "us-east-1");
    });
}

struct Nobody;

impl palisade_aws::Supplier for Nobody {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        None
    }
}

/// Lists the text types, each with a text that it accepts.
macro_rules! text_types {
    ($($type:ident: $good:literal),* $(,)?) => {
        const TEXT_TYPES: &[&str] = &[$( stringify!($type) ),*];

        #[test]
        fn every_text_type() {
            $(
                assert_eq!(types::$type::new($good).unwrap().as_str(), $good);
                fuzz(texts(&[$good]), |text| {
                    let new = types::$type::new(text.clone());
                    // The texts of a few thousand cases.
                    let leaked: &'static str = Box::leak(text.clone().into_boxed_str());
                    let literal = quietly(move || types::$type::literal(leaked));
                    assert_eq!(new.as_ref().ok(), literal.as_ref(), "{text:?}");
                    if let Ok(value) = new {
                        assert_eq!(value.to_string(), text);
                        assert_eq!(types::$type::new(value.to_string()).as_ref(), Ok(&value));
                    }
                    assert_eq!(types::$type::reported(text.clone()).as_str(), text);
                });
            )*
        }
    };
}

text_types! {
    AccessString: "on ~app:* %R~b &c -@all +@read +get|x (~d +set)",
    Arn: "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1",
    AvailabilityZone: "us-east-1a",
    Description: "Redis over TLS",
    EngineVersion: "7.1",
    KmsAlias: "alias/redis",
    KmsKeyArn: "arn:aws:kms:us-east-1:123456789012:key/1",
    LogGroupArn: "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/flow-logs",
    LogGroupName: "/redis/slow-log",
    MaintenanceWindow: "wed:10:00-wed:11:00",
    Name: "secured-redis",
    NodeType: "cache.t4g.micro",
    RoleArn: "arn:aws:iam::123456789012:role/flow-logs",
    RoleName: "flow-logs",
    SecretName: "redis/token",
    SecurityGroupName: "redis",
    SnapshotWindow: "01:00-02:00",
    TagKey: "team",
    TagValue: "platform",
    TopicArn: "arn:aws:sns:us-east-1:123456789012:events",
    UserName: "reader",
    Variable: "APP_TOKEN",
}

/// Lists the number types, each with the widest type of numbers.
macro_rules! number_types {
    ($($type:ident: $number:ty),* $(,)?) => {
        const NUMBER_TYPES: &[&str] = &[$( stringify!($type) ),*];

        #[test]
        fn every_number_type() {
            $(
                for number in <$number>::MIN..=<$number>::MAX {
                    let new = types::$type::new(number);
                    assert_eq!(new.as_ref().ok(), quietly(move || types::$type::literal(number)).as_ref());
                    assert!(new.is_err() || types::$type::reported(number).to_string() == number.to_string());
                }
            )*
        }
    };
}

number_types! {
    DeletionWindow: u8, NodeCount: u8, Port: u16, RecoveryWindow: u8, Replicas: u8, RotationPeriod: u16, RuleNumber: u16,
    Shards: u16, SnapshotRetention: u8,
}

/// Lists the types of which AWS's word is read.
macro_rules! word_types {
    ($($type:ident),* $(,)?) => {
        const WORD_TYPES: &[&str] = &[$( stringify!($type) ),*];

        #[test]
        fn every_word_type() {
            fuzz(texts(&["redis", "default", "ipv4", "tcp", "slow-log", "json", "iam", "redis7", "ingress"]), |text| {
                $( assert!(types::$type::reported(&text).is_none_or(|word| word.as_str() == text)); )*
            });
        }
    };
}

word_types! {
        AuthenticationType, Direction, EngineKind, HostnameType, IpDiscovery, LogDestinationType, LogFormat, LogGroupClass, LogType, NetworkType, ParameterGroupFamily, Protocol, RuleAction, Tenancy, TrafficType,
}

thread_local! {
    /// Whether a panic of this thread is nobody's concern.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `make` makes, unless it panics, which nobody is told of: thousands of backtraces take minutes.
fn quietly<T>(make: impl FnOnce() -> T + UnwindSafe) -> Option<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                usual(panic);
            }
        }));
    });
    QUIET.set(true);
    let made = catch_unwind(make).ok();
    QUIET.set(false);
    made
}

/// A type that somebody adds is in one of the lists above.
#[test]
fn no_type_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/palisade-aws/src/types");
    let mut found: [BTreeSet<String>; 3] = Default::default();
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let source = fs::read_to_string(path).unwrap();
        for (kind, marker) in ["checked_text! {", "checked_number! {", "text_enum! {"].iter().enumerate() {
            for body in source.split(marker).skip(1) {
                let line = body.lines().map(str::trim).find(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
                let name = line.and_then(|line| line.split(|c: char| !c.is_ascii_alphanumeric()).next());
                found[kind].insert(name.unwrap().to_owned());
            }
        }
    }
    let listed = [TEXT_TYPES, NUMBER_TYPES, WORD_TYPES];
    assert_eq!(found, listed.map(|names| names.iter().map(|name| (*name).to_owned()).collect()));
}

#[test]
fn blocks_and_ranges() {
    fuzz(texts(&["10.0.0.0/16", "192.168.1.0/24", "172.16.0.0/28", "0.0.0.0/0"]), |text| {
        let leaked: &'static str = Box::leak(text.clone().into_boxed_str());
        let (block, range) = (Cidr::new(&text), PrivateRange::new(&text));
        assert_eq!(block.as_ref().ok(), quietly(move || Cidr::literal(leaked)).as_ref());
        assert_eq!(range.as_ref().ok(), quietly(move || PrivateRange::literal(leaked)).as_ref());
        if let Some(block) = Cidr::reported(&text) {
            assert_eq!(Cidr::reported(&block.to_string()), Some(block));
            assert!(block.contains(block) && block.overlaps(block));
        }
        if let Ok(block) = block {
            assert_eq!(block.to_string(), text);
        }
        if let Some(range) = PrivateRange::reported(&text) {
            assert_eq!(PrivateRange::reported(&range.to_string()), Some(range));
        }
    });
}

#[test]
fn ids_and_addresses() {
    fuzz(texts(&["vpc-0a1b2c3d", "redis", "arn:aws:secretsmanager:us-east-1:1:secret:a-b"]), |text| {
        if let Ok(id) = Id::<Vpc>::new(text.clone()) {
            assert_eq!(id.as_str(), text);
        }
        _ = (Id::<Secret>::new(text.clone()), Id::<UserGroup>::new(text));
    });
    fuzz(texts(&["Subnet.private-a"]), |text| {
        if let Ok(address) = text.parse::<Address>() {
            assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
        }
    });
}

/// What a program, or a state, says of any field of any resource.
#[test]
fn every_field_of_every_resource() {
    let good = [
        "null",
        "true",
        "1",
        "\"redis\"",
        "[\"a\"]",
        "{\"a\":\"b\"}",
        "[{\"secret\":\"arn:a\",\"version\":\"1\"}]",
        "{\"supplied\":{\"variable\":\"A\"}}",
        "[{\"log_type\":\"slow-log\",\"destination\":\"/a\"}]",
        "[{\"rule_number\":1,\"action\":\"deny\",\"protocol\":\"tcp\",\"from_port\":2,\"to_port\":1,\"cidr_block\":\"10.0.0.0/16\"}]",
    ];
    fuzz(texts(&good), |text| {
        let Ok(json) = serde_json::from_str::<Json>(&text) else { return };
        for field in palisade_aws::schemas().flat_map(|schema| schema.fields) {
            _ = (field.problem)(&json);
            _ = field.on_change.replaces(&json, Some(&json));
            _ = field.late.map(|late| late(&json, &json));
            _ = field.clashes.map(|clashes| clashes(&json, &json));
            _ = field.fold(json.clone());
        }
    });
}

#[test]
fn windows_overlap_or_not() {
    let maintenance = texts(&["wed:10:00-wed:11:00", "sun:23:30-mon:01:00"]);
    fuzz((maintenance, texts(&["01:00-02:00", "23:30-00:30"])), |(maintenance, snapshot)| {
        // AWS may report what no program can say.
        _ = MaintenanceWindow::reported(maintenance).overlaps(&SnapshotWindow::reported(snapshot));
    });
}
