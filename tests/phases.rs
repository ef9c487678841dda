//! The lists of calls beside the lifecycles, held phase by phase against the calls that these make.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use palisade::Stack;
use palisade_aws::{
    Aws, AwsProvider, Backend, Calls, Planned, Supplier, calls_of,
    operations::{Request, Response},
};
use palisade_core::{
    JsonMap, Schema,
    provider::{BoxFuture, CreateError, Look, Object, Observation, Provider, ProviderError, Token, Turn, Unlimited},
};
use palisade_emulator::Emulator;
use palisade_engine::{ApplyOptions, MemoryStore, State, Store};

use crate::schema_changes::cases::{declare, fields};

/// A method of a lifecycle.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Read,
    Find,
    Create,
    Converge,
    Delete,
}

impl Phase {
    const ALL: [Self; 5] = [Self::Read, Self::Find, Self::Create, Self::Converge, Self::Delete];

    fn of(self, calls: &'static Calls) -> BTreeSet<&'static str> {
        let planned = match self {
            Self::Read => calls.read,
            Self::Find => calls.find,
            Self::Create => calls.create,
            Self::Converge => calls.converge,
            Self::Delete => calls.delete,
        };
        planned.iter().map(|planned: &Planned| planned.call().action).collect()
    }
}

type Made = BTreeMap<(&'static str, Phase), BTreeSet<&'static str>>;

tokio::task_local! {
    /// The kind and the method whose work goes on.
    static WORK: (&'static str, Phase);
}

/// The emulated account, which writes down who makes which call.
///
/// A description that several ask for is written down for the one that was polled, whose question it is as well.
#[derive(Clone)]
struct Account {
    emulator: Emulator,
    made: Arc<Mutex<Made>>,
}

impl Backend for Account {
    fn region(&self) -> &str {
        self.emulator.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        self.made.lock().unwrap().entry(WORK.get()).or_default().insert(request.action());
        self.emulator.answer(request)
    }
}

/// The provider, which says whose work goes on.
struct Marked(AwsProvider);

impl Marked {
    fn mark<'a, T: 'a>(&self, kind: &str, phase: Phase, work: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        let kind = self.schema(kind).unwrap().kind;
        Box::pin(WORK.scope((kind, phase), work))
    }
}

impl Provider for Marked {
    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        self.0.schema(kind)
    }

    fn read<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        self.mark(kind, Phase::Read, self.0.read(turn, kind, objects))
    }

    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        self.mark(kind, Phase::Create, self.0.create(turn, kind, inputs, token))
    }

    fn claim<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.mark(kind, Phase::Create, self.0.claim(turn, kind, id, inputs, token))
    }

    fn find<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
        look: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>> {
        self.mark(kind, Phase::Find, self.0.find(turn, kind, inputs, token, look))
    }

    fn converge<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.mark(kind, Phase::Converge, self.0.converge(turn, kind, id, inputs, previous))
    }

    fn delete<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        object: &'a Object,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.mark(kind, Phase::Delete, self.0.delete(turn, kind, object))
    }
}

struct Invented;

impl Supplier for Invented {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        Some("inventedForTheTest".into())
    }
}

/// Applies the stack to what `store` knows.
async fn apply(provider: &Marked, store: &MemoryStore, declare: impl FnOnce(&mut Stack)) {
    let state = store.load().await.unwrap().unwrap_or_else(|| State::new("test", "0123456789abcdef0123456789abcdef"));
    let graph = palisade_testing::graph(declare);
    let plan = palisade_engine::plan(provider, &graph, &state).await.unwrap();
    let options = ApplyOptions::default();
    let writer = store.lock("apply", &mut |_| {}).await.unwrap();
    let report = palisade_engine::apply(provider, &*writer, state, &graph, &plan, &options, &mut |_| {}).await.unwrap();
    assert!(report.is_complete(), "{:?}", report.failures);
}

/// The calls of a life in which `field` of the resource `it` changes, and in which all objects are looked for.
async fn live(made: &Arc<Mutex<Made>>, kind: &'static str, field: &'static str) {
    let account = Account { emulator: Emulator::in_memory("us-east-1"), made: made.clone() };
    let provider = Marked(AwsProvider::new(Aws::new(Arc::new(account), Arc::new(Invented))));
    let store = MemoryStore::default();
    apply(&provider, &store, |stack| declare(stack, kind, "")).await;
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    for (address, entry) in store.load().await.unwrap().unwrap().resources {
        let object = entry.current.unwrap();
        let found = provider.find(&turn, address.kind(), &object.inputs, &object.token, Look::Once).await.unwrap();
        assert_eq!(found, object.id, "{address}");
    }
    apply(&provider, &store, |stack| declare(stack, kind, field)).await;
    apply(&provider, &store, |_| {}).await;
}

/// Calls that no life here makes in that phase, and why they are in its list all the same.
const NOT_MADE_HERE: &[(&str, Phase, &str)] = &[
    // The users and groups that change here are in use by nobody.
    ("RedisUser", Phase::Converge, "DescribeUserGroups"),
    ("RedisUser", Phase::Converge, "DescribeReplicationGroups"),
    ("RedisUser", Phase::Converge, "DescribeCacheClusters"),
    ("RedisUser", Phase::Delete, "DescribeUserGroups"),
    ("RedisUser", Phase::Delete, "DescribeReplicationGroups"),
    ("RedisUser", Phase::Delete, "DescribeCacheClusters"),
    ("UserGroup", Phase::Converge, "DescribeReplicationGroups"),
    ("UserGroup", Phase::Converge, "DescribeCacheClusters"),
    // `a_role_that_somebody_else_changes_is_put_right`.
    ("FlowLogRole", Phase::Converge, "UpdateAssumeRolePolicy"),
    // `a_new_key_takes_the_alias_of_the_one_that_it_replaces`.
    ("KmsKey", Phase::Create, "ListResourceTags"),
    // `a_key_without_its_alias_is_found_by_its_tags`.
    ("KmsKey", Phase::Find, "ListKeys"),
    // `a_log_group_gives_its_key_up_in_place`.
    ("LogGroup", Phase::Converge, "DisassociateKmsKey"),
    // The example `auth-token` creates a cache with its token.
    ("ReplicationGroup", Phase::Create, "GetSecretValue"),
    // `the_shards_of_a_cache_and_their_replicas_change_in_place`.
    ("ReplicationGroup", Phase::Converge, "ModifyReplicationGroupShardConfiguration"),
    // `a_stack_with_a_secret_can_be_applied_again_after_a_destroy`.
    ("Secret", Phase::Create, "RestoreSecret"),
    ("Secret", Phase::Create, "TagResource"),
    // `a_tenancy_that_becomes_shared_is_changed_in_place`.
    ("Vpc", Phase::Converge, "ModifyVpcTenancy"),
];

#[test]
fn each_phase_makes_the_calls_of_its_list_and_no_others() {
    let made = Arc::new(Mutex::new(Made::new()));
    for (schema, field) in fields() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(live(&made, schema.kind, field));
    }
    let made = made.lock().unwrap();
    let mut wrong = Vec::new();
    for schema in palisade_aws::schemas() {
        for phase in Phase::ALL {
            let listed = phase.of(calls_of(schema.kind).unwrap());
            let made = made.get(&(schema.kind, phase)).cloned().unwrap_or_default();
            let kept: BTreeSet<_> = NOT_MADE_HERE
                .iter()
                .filter(|(kind, in_phase, _)| (*kind, *in_phase) == (schema.kind, phase))
                .map(|(_, _, call)| *call)
                .collect();
            let unlisted: Vec<_> = made.difference(&listed).collect();
            let unmade: Vec<_> = listed.difference(&made).filter(|call| !kept.contains(*call)).collect();
            if !unlisted.is_empty() || !unmade.is_empty() {
                wrong.push(format!("{} {phase:?}: not in the list {unlisted:?}, not made {unmade:?}", schema.kind));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
