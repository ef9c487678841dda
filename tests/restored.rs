//! States that were restored from before the last run of the stack, in the emulated account.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use palisade::prelude::*;
use palisade_aws::{
    Aws, AwsProvider, Backend, Supplier, failure,
    operations::{
        CreateTags, DeleteAlias, DeleteFlowLogsOutput, DeleteNetworkAclOutput, DeleteRouteTableOutput, DeleteSecret,
        DeleteSecurityGroupOutput, DeleteSubnetOutput, DeleteTags, DeleteVpcOutput, GetSecretValue, Request, Response,
        RevokeSecurityGroupIngressOutput, UntagKey,
    },
    types::SecretRef,
};
use palisade_core::{
    Address, Graph, Id,
    provider::{BoxFuture, ErrorKind, ProviderError, Untracked},
};
use palisade_emulator::{Emulator, Item};
use palisade_engine::{ApplyOptions, Consent, LocalStore, Plan, Report, State, StateError, Store};
use palisade_testing::ExposeSecret;
use tokio::time::{Instant, timeout};

use crate::{run, schema_changes::cases::declare};

/// The emulated account, in which deletions may be noticed late.
#[derive(Clone)]
struct Account {
    emulator: Emulator,
    /// For how long every description shows what was deleted.
    lag: Duration,
    /// The deletions that nobody has noticed yet, and when they are.
    going: Arc<Mutex<Vec<(Instant, Request)>>>,
    /// The action that is refused, and with which code; empty if there is none.
    refused: (&'static str, &'static str),
}

/// The answer to a deletion of an object that EC2 lists.
fn deleted(request: &Request) -> Option<Response> {
    Some(match request {
        Request::DeleteVpc(_) => Response::DeleteVpc(DeleteVpcOutput {}),
        Request::DeleteSubnet(_) => Response::DeleteSubnet(DeleteSubnetOutput {}),
        Request::DeleteRouteTable(_) => Response::DeleteRouteTable(DeleteRouteTableOutput {}),
        Request::DeleteSecurityGroup(_) => Response::DeleteSecurityGroup(DeleteSecurityGroupOutput {}),
        Request::DeleteNetworkAcl(_) => Response::DeleteNetworkAcl(DeleteNetworkAclOutput {}),
        Request::DeleteFlowLogs(_) => Response::DeleteFlowLogs(DeleteFlowLogsOutput {}),
        Request::RevokeSecurityGroupIngress(_) => {
            Response::RevokeSecurityGroupIngress(RevokeSecurityGroupIngressOutput {})
        }
        _ => return None,
    })
}

impl Backend for Account {
    fn region(&self) -> &str {
        self.emulator.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            let (refused, code) = self.refused;
            if request.action() == refused {
                return Err(failure(refused, code, "This is refused."));
            }
            let now = Instant::now();
            let noticed: Vec<_> = self.going.lock().unwrap().extract_if(.., |(at, _)| *at <= now).collect();
            for (_, request) in noticed {
                self.emulator.answer(request).await?;
            }
            match deleted(&request).filter(|_| self.lag > Duration::ZERO) {
                Some(answer) => {
                    self.going.lock().unwrap().push((now + self.lag, request));
                    Ok(answer)
                }
                None => self.emulator.answer(request).await,
            }
        })
    }
}

struct Invented;

impl Supplier for Invented {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        Some("inventedForTheTest".into())
    }
}

/// A folder with the state of a stack, and the account that the stack is in.
struct Desk {
    account: Account,
    provider: AwsProvider,
    folder: tempfile::TempDir,
    lineage: &'static str,
}

/// The files of a state.
type Files = BTreeMap<OsString, Vec<u8>>;

const LINEAGE: &str = "0123456789abcdef0123456789abcdef";

impl Desk {
    fn new() -> Self {
        let emulator = Emulator::in_memory("us-east-1");
        Self::of(Account { emulator, lag: Duration::ZERO, going: Arc::default(), refused: ("", "") }, LINEAGE)
    }

    fn of(account: Account, lineage: &'static str) -> Self {
        let provider = AwsProvider::new(Aws::new(Arc::new(account.clone()), Arc::new(Invented)));
        Self { account, provider, folder: tempfile::tempdir().unwrap(), lineage }
    }

    /// Another folder, for the same account, which refuses an action.
    fn refusing(&self, action: &'static str, code: &'static str) -> Self {
        Self::of(Account { refused: (action, code), ..self.account.clone() }, self.lineage)
    }

    fn emulator(&self) -> &Emulator {
        &self.account.emulator
    }

    fn store(&self) -> LocalStore {
        LocalStore::new(self.folder.path(), "test")
    }

    async fn state(&self) -> State {
        self.store().load().await.unwrap().unwrap_or_else(|| State::new("test", self.lineage))
    }

    async fn plan(&self, graph: &Graph) -> Plan {
        palisade_engine::plan(&self.provider, graph, &self.state().await).await.unwrap()
    }

    async fn try_apply(&self, graph: &Graph) -> Result<Report, StateError> {
        let plan = self.plan(graph).await;
        // Each run has another name.
        let run = format!("{:?}", Instant::now());
        let options = ApplyOptions { run, consent: Consent::All, ..ApplyOptions::default() };
        let store = self.store();
        let mut lock = store.lock("apply", &mut |_| {}).await.unwrap();
        palisade_engine::apply(&self.provider, &mut lock, self.state().await, graph, &plan, &options, &mut |_| {}).await
    }

    /// Applies, and lets so much time pass that nothing is hidden any more.
    async fn apply(&self, graph: &Graph) {
        let report = self.try_apply(graph).await.unwrap();
        assert!(report.is_complete(), "{report:?}");
        tokio::time::sleep(Duration::from_secs(10)).await;
    }

    fn paths(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_none_or(|extension| extension != "lock")).collect()
    }

    fn files(&self) -> Files {
        let paths = self.paths().into_iter();
        paths.map(|path| (path.file_name().unwrap().to_owned(), fs::read(path).unwrap())).collect()
    }

    /// Puts these files in the place of all others.
    fn restore(&self, files: &Files) {
        self.paths().iter().for_each(|path| fs::remove_file(path).unwrap());
        files.iter().for_each(|(name, bytes)| fs::write(self.folder.path().join(name), bytes).unwrap());
    }

    /// Applies, and is refused as the state is older than the account. Nothing was changed by it.
    #[track_caller]
    fn refused(&self, refused: Result<Report, StateError>, before: &Before) -> Untracked {
        let Err(StateError::Behind { path, found, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(path, self.store().path());
        assert_eq!(Before::of(self), *before);
        *found
    }

    /// Does what the commands of a refusal say.
    async fn release(&self, commands: &[String]) {
        let aws = Aws::new(Arc::new(self.emulator().clone()), Arc::new(Invented));
        for command in commands {
            let words: Vec<_> = command.split(' ').collect();
            let values = |option: &str| -> Vec<String> {
                let values = words.iter().skip_while(|word| **word != option).skip(1);
                values.take_while(|word| !word.starts_with("--")).map(|word| (*word).to_owned()).collect()
            };
            assert_eq!(values("--region"), ["us-east-1"]);
            match words[..3] {
                ["aws", "ec2", "delete-tags"] => {
                    let keys =
                        values("--tags").iter().map(|tag| tag.strip_prefix("Key=").unwrap().to_owned()).collect();
                    for resource_id in values("--resources") {
                        let keys: Vec<String> = Vec::clone(&keys);
                        aws.call(DeleteTags { resource_id, keys }).await.unwrap();
                    }
                }
                ["aws", "kms", "delete-alias"] => {
                    let alias = KmsAlias::reported(values("--alias-name").concat());
                    aws.call(DeleteAlias { alias }).await.unwrap();
                }
                ["aws", "kms", "untag-resource"] => {
                    let key_id = Id::reported(values("--key-id").concat()).unwrap();
                    aws.call(UntagKey { key_id, keys: values("--tag-keys") }).await.unwrap();
                }
                _ => panic!("{command}"),
            }
        }
    }
}

/// All that an apply could change.
#[derive(Debug, PartialEq)]
struct Before {
    writes: u64,
    inventory: Vec<Item>,
    files: Files,
}

impl Before {
    fn of(desk: &Desk) -> Self {
        Self { writes: desk.emulator().writes(), inventory: desk.emulator().inventory(), files: desk.files() }
    }
}

fn graph(declare: impl FnOnce(&mut Stack)) -> Graph {
    palisade_testing::graph(declare)
}

/// A network with this many route tables.
fn network(tables: usize) -> Graph {
    graph(|stack| {
        let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        for table in 0..tables {
            stack.add(&format!("table-{table}"), RouteTable::builder().vpc_id(&vpc));
        }
    })
}

fn ids(found: &Untracked) -> Vec<&str> {
    found.objects.iter().map(|object| object.id.as_str()).collect()
}

fn resources(found: &Untracked) -> Vec<&str> {
    found.objects.iter().map(|object| object.resource.as_str()).collect()
}

#[test]
fn the_folder_of_the_first_apply_is_refused_after_the_second() {
    run(async {
        let desk = Desk::new();
        desk.apply(&network(1)).await;
        let first = desk.files();
        desk.apply(&network(3)).await;
        let second = desk.files();
        desk.restore(&first);
        let before = Before::of(&desk);
        for program in [network(3), network(2), graph(|_| {})] {
            let found = desk.refused(desk.try_apply(&program).await, &before);
            assert_eq!(resources(&found), ["RouteTable.table-1", "RouteTable.table-2"]);
        }
        // Where nothing is created or deleted, nothing is in the way.
        desk.apply(&network(1)).await;
        desk.restore(&second);
        assert!(!desk.plan(&network(3)).await.has_changes());
        desk.apply(&network(4)).await;
    });
}

#[test]
fn a_state_from_before_the_network_was_made_is_not_destroyed() {
    run(async {
        let users = graph(|stack| {
            stack.add("off", RedisUser::disabled_default(name!("off")));
        });
        let desk = Desk::new();
        desk.apply(&users).await;
        let first = desk.files();
        let with_network = graph(|stack| {
            stack.add("off", RedisUser::disabled_default(name!("off")));
            stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
        });
        desk.apply(&with_network).await;
        desk.restore(&first);
        let found = desk.refused(desk.try_apply(&graph(|_| {})).await, &Before::of(&desk));
        assert_eq!(resources(&found), ["Vpc.main"]);
        // The policy of a program without a network.
        let narrow = desk.refusing("DescribeTags", "UnauthorizedOperation");
        narrow.restore(&first);
        narrow.apply(&graph(|_| {})).await;
        assert_eq!(desk.emulator().inventory().len(), 1);
    });
}

#[test]
fn a_secret_that_a_lost_run_has_created_is_taken_over_only_from_its_deletion_and_has_another_value() {
    run(async {
        let desk = Desk::new();
        desk.apply(&network(0)).await;
        let first = desk.files();
        let program = graph(|stack| {
            stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
            stack.add("token", Secret::builder().name(secret_name!("token")).generated());
        });
        let value = async || {
            let reference = desk.state().await.attribute(&Address::new("Secret", "token"), "value").unwrap();
            let SecretRef { secret, version } = serde_json::from_value(reference).unwrap();
            let aws = Aws::new(Arc::new(desk.emulator().clone()), Arc::new(Invented));
            let call = GetSecretValue { secret_id: secret, version_id: version };
            aws.call(call).await.unwrap().value.expose_secret().to_owned()
        };
        desk.apply(&program).await;
        let (before, arn) =
            (value().await, desk.state().await.attribute(&Address::new("Secret", "token"), "id").unwrap());
        desk.restore(&first);
        let report = desk.try_apply(&program).await.unwrap();
        assert_eq!(report.failures[0].error.kind, ErrorKind::AlreadyExists, "{report:?}");
        // Somebody deletes it in the account, as an error says.
        let secret_id = Id::reported(arn.as_str().unwrap()).unwrap();
        let delete = DeleteSecret { secret_id, recovery_window: recovery_days!(7) };
        desk.emulator().answer(delete.into()).await.unwrap();
        desk.restore(&first);
        desk.apply(&program).await;
        assert_ne!(value().await, before);
    });
}

#[test]
fn a_copy_from_before_a_run_that_was_killed_is_refused() {
    run(async {
        let desk = Desk::new();
        desk.apply(&network(0)).await;
        let first = desk.files();
        // It is killed once it has created some, and then its snapshot and its journal are lost.
        assert!(timeout(Duration::from_millis(1_200), desk.try_apply(&network(40))).await.is_err());
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(desk.files().keys().any(|name| name == "test.state.journal"), "a run is open");
        let killed = desk.files();
        desk.restore(&first);
        let before = Before::of(&desk);
        let found = desk.refused(desk.try_apply(&network(40)).await, &before);
        assert_eq!(found.objects.len(), before.inventory.len() - 1, "all but the network");
        desk.restore(&killed);
        desk.apply(&network(40)).await;
        assert_eq!(desk.emulator().inventory().len(), 41);
    });
}

/// What becomes of a creation whose object exists, and is not in the state.
#[derive(Debug, PartialEq)]
enum Second {
    /// The apply is refused before it changes anything.
    Refused,
    /// The step fails, as the name is taken.
    Taken,
    /// The object is the stack's again.
    TakenBack,
}

fn second(kind: &str) -> Second {
    match kind {
        "FlowLog" | "KmsKey" | "NetworkAcl" | "RouteTable" | "SecurityGroup" | "SecurityGroupRule" | "Subnet"
        | "Vpc" => Second::Refused,
        "RouteTableAssociation" => Second::TakenBack,
        _ => Second::Taken,
    }
}

#[test]
fn what_a_restored_state_does_not_have_is_not_created_again() {
    for kind in palisade_aws::schemas().map(|schema| schema.kind) {
        run(async {
            let (desk, it) = (Desk::new(), Address::new(kind, "it"));
            let program = graph(|stack| declare(stack, kind, ""));
            desk.apply(&program).await;
            let (newest, mut older) = (desk.files(), desk.state().await);
            let object = older.resources.remove(&it).unwrap().current.unwrap();
            older.serial -= 1;
            desk.restore(&Files::new());
            desk.store().lock("restore", &mut |_| {}).await.unwrap().replace(&older).await.unwrap();
            let before = Before::of(&desk);

            let applied = desk.try_apply(&program).await;
            match second(kind) {
                Second::Refused => {
                    let found = desk.refused(applied, &before);
                    assert_eq!((resources(&found), ids(&found)), (vec![&*it.to_string()], vec![&*object.id.unwrap()]));
                }
                Second::Taken => {
                    let error = applied.unwrap().failures.remove(0).error;
                    assert_eq!(error.kind, ErrorKind::AlreadyExists, "{kind} {error:?}");
                    assert!(error.help.contains("bring back the newest state"), "{kind} {error:?}");
                }
                Second::TakenBack => assert!(applied.unwrap().is_complete(), "{kind}"),
            }
            let ids = |items: Vec<Item>| items.into_iter().map(|item| (item.kind, item.id)).collect::<Vec<_>>();
            assert_eq!(ids(desk.emulator().inventory()), ids(before.inventory), "{kind}");
            if second(kind) != Second::TakenBack {
                desk.restore(&newest);
                assert!(!desk.plan(&program).await.has_changes(), "{kind}");
            }
        });
    }
}

#[test]
fn objects_that_were_released_are_left_alone() {
    run(async {
        let desk = Desk::new();
        let program = |names: &'static [&str]| {
            graph(move |stack| {
                for name in names {
                    stack.add(name, Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
                    let alias = KmsAlias::new(format!("alias/{name}")).unwrap();
                    stack.add(name, KmsKey::builder().alias(alias).policy(KeyPolicy::administered().elasticache()));
                }
            })
        };
        desk.apply(&program(&["a"])).await;
        let first = desk.files();
        desk.apply(&program(&["a", "b", "c"])).await;
        desk.restore(&first);
        let before = Before::of(&desk);
        let found = desk.refused(desk.try_apply(&program(&["a", "b", "c"])).await, &before);
        assert_eq!(resources(&found), ["KmsKey.b", "KmsKey.c", "Vpc.b", "Vpc.c"]);
        desk.release(&found.release).await;
        desk.apply(&program(&["a", "b", "c"])).await;
        assert_eq!(desk.emulator().inventory().len(), before.inventory.len() + 4);
        desk.apply(&program(&[])).await;
        let left: Vec<_> = desk.emulator().inventory().into_iter().map(|item| (item.kind, item.stack)).collect();
        assert_eq!(left, [("KmsKey", None), ("KmsKey", None), ("Vpc", None), ("Vpc", None)]);
    });
}

#[test]
fn a_kind_that_the_caller_may_not_read_any_more_stops_nobody() {
    run(async {
        let desk = Desk::new();
        desk.apply(&network(1)).await;
        let first = desk.files();
        let guarded = graph(|stack| {
            let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
            stack.add("table-0", RouteTable::builder().vpc_id(&vpc));
            let group = SecurityGroup::builder().vpc_id(&vpc).group_name(security_group_name!("redis"));
            stack.add("redis", group.description(description!("redis")));
        });
        desk.apply(&guarded).await;
        desk.restore(&first);
        let found = desk.refused(desk.try_apply(&network(2)).await, &Before::of(&desk));
        assert_eq!(resources(&found), ["SecurityGroup.redis"]);
        // The policy of a program without security groups.
        let narrow = desk.refusing("DescribeSecurityGroups", "UnauthorizedOperation");
        narrow.restore(&first);
        narrow.apply(&network(2)).await;
    });
}

/// The policy of a program without a network does not permit to list the tags of EC2.
#[test]
fn an_account_that_cannot_be_searched_stops_an_apply_unless_the_caller_needs_no_right_to_it() {
    run(async {
        for (code, kind) in
            [("UnauthorizedOperation", ErrorKind::Denied), ("RequestLimitExceeded", ErrorKind::Throttled)]
        {
            let secrets = |names: &'static [&str]| {
                graph(|stack| {
                    for name in names {
                        stack.add(name, Secret::builder().name(SecretName::new(*name).unwrap()).generated());
                    }
                })
            };
            // It creates and deletes.
            for (programs, needs_it) in [([network(1), network(2)], true), ([secrets(&["a"]), secrets(&["b"])], false)]
            {
                let desk = Desk::new();
                desk.apply(&programs[0]).await;
                let narrow = desk.refusing("DescribeTags", code);
                narrow.restore(&desk.files());
                let before = Before::of(&narrow);
                let applied = narrow.try_apply(&programs[1]).await;
                if needs_it || kind != ErrorKind::Denied {
                    let Err(StateError::Unchecked { error, .. }) = applied else { panic!("{applied:?}") };
                    assert_eq!((error.kind, Before::of(&narrow)), (kind, before));
                } else {
                    assert!(applied.unwrap().is_complete());
                }
            }
        }
    });
}

#[test]
fn a_tag_that_somebody_wrote_is_not_printed_raw() {
    run(async {
        let desk = Desk::new();
        desk.apply(&network(1)).await;
        let first = desk.files();
        desk.apply(&network(2)).await;
        let table =
            desk.state().await.resources[&Address::new("RouteTable", "table-1")].current.clone().unwrap().id.unwrap();
        desk.restore(&first);
        let tags =
            Tags::reported([("palisade:resource".to_owned(), "\u{1b}[31mA.b\nhelp: run this".to_owned())].into());
        desk.emulator().answer(CreateTags { resource_id: table, tags }.into()).await.unwrap();
        let found = desk.refused(desk.try_apply(&network(2)).await, &Before::of(&desk));
        assert_eq!(resources(&found), ["RouteTable"]);
    });
}

#[test]
fn what_was_just_deleted_is_not_missed() {
    for (lag, most) in [(0, 2), (2, 6), (6, 12), (30, 50)] {
        run(async {
            let mut account = Desk::new().account;
            account.lag = Duration::from_secs(lag);
            let desk = Desk::of(account, LINEAGE);
            desk.apply(&network(3)).await;
            assert!(desk.try_apply(&network(0)).await.unwrap().is_complete());
            let (start, calls) = (Instant::now(), desk.emulator().calls().len());
            assert!(desk.try_apply(&network(1)).await.unwrap().is_complete(), "{lag}");
            let took = start.elapsed().as_secs();
            assert!((lag..=most).contains(&took), "{lag}: {took} s");
            let calls = desk.emulator().calls().split_off(calls);
            assert!(calls.contains(&"DescribeTags"), "{calls:?}");
        });
    }
}

#[test]
fn an_addition_or_a_deletion_takes_one_call_more() {
    run(async {
        let desk = Desk::new();
        desk.apply(&network(1)).await;
        assert!(!desk.emulator().calls().contains(&"DescribeTags"), "the state was new");
        for tables in [9, 2] {
            let calls = desk.emulator().calls().len();
            desk.apply(&network(tables)).await;
            let calls = desk.emulator().calls().split_off(calls);
            assert_eq!(calls.iter().filter(|call| **call == "DescribeTags").count(), 1, "{calls:?}");
        }
        let calls = desk.emulator().calls().len();
        _ = desk.plan(&network(12)).await;
        assert!(!desk.emulator().calls().split_off(calls).contains(&"DescribeTags"), "a plan changes nothing");
    });
}

#[test]
fn the_objects_of_another_lineage_are_not_missed() {
    run(async {
        let desk = Desk::new();
        desk.apply(&network(2)).await;
        // A stack of the same name, whose folder is another one.
        let other = Desk::of(desk.account.clone(), "fedcba9876543210fedcba9876543210");
        other.apply(&network(0)).await;
        other.apply(&network(1)).await;
        desk.apply(&network(3)).await;
        assert_eq!(desk.emulator().inventory().len(), 4 + 2);
    });
}
