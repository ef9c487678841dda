//! The methods of the lifecycles, phase by phase: they make the calls of the lists beside them and no others, and return only
//! once everything that they changed has settled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use palisade::Stack;
use palisade_aws::{
    Aws, AwsProvider, Backend, Calls, Planned, Supplier, calls_of,
    operations::{
        DeleteReplicationGroup, DeleteUser, DeleteUserGroup, DescribeRouteTables, DescribeSubnets, DescribeVpcs,
        Request, Response,
    },
    shapes::{Select, SelectRouteTables},
};
use palisade_core::{
    Address, Id, Json, JsonMap, Resource, Schema,
    provider::{
        BoxFuture, CreateError, Creation, Look, Object, Observation, Obstacle, Provider, ProviderError, Search, Token,
        Turn, Unlimited, Untracked,
    },
};
use palisade_emulator::{Emulator, Fault};
use palisade_engine::{ApplyOptions, Consent, MemoryStore, ObjectState, State, Store};

use crate::schema_changes::cases::{declare, fields};

/// A method of a lifecycle.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Phase {
    Read,
    Find,
    Create,
    Converge,
    Delete,
    Untracked,
    Obstacles,
}

impl Phase {
    const ALL: [Self; 7] =
        [Self::Read, Self::Find, Self::Create, Self::Converge, Self::Delete, Self::Untracked, Self::Obstacles];

    fn of(self, calls: &'static Calls) -> BTreeSet<&'static str> {
        let planned = match self {
            Self::Read => calls.read,
            Self::Find => calls.find,
            Self::Create => calls.create,
            Self::Converge => calls.converge,
            Self::Delete => calls.delete,
            Self::Untracked => calls.untracked,
            Self::Obstacles => calls.obstacles,
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

/// The provider, which says whose work goes on, and looks at the account once it is over.
struct Marked {
    provider: AwsProvider,
    emulator: Emulator,
}

impl Marked {
    fn new(made: &Arc<Mutex<Made>>) -> Self {
        let emulator = Emulator::in_memory("us-east-1");
        let account = Account { emulator: emulator.clone(), made: made.clone() };
        Self { provider: AwsProvider::new(Aws::new(Arc::new(account), Arc::new(Invented))), emulator }
    }

    fn mark<'a, T: 'a>(&self, kind: &str, phase: Phase, work: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        let kind = self.schema(kind).unwrap().kind;
        Box::pin(WORK.scope((kind, phase), work))
    }
}

impl Provider for Marked {
    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        self.provider.schema(kind)
    }

    fn read<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        self.mark(kind, Phase::Read, self.provider.read(turn, kind, objects))
    }

    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        self.mark(kind, Phase::Create, self.provider.create(turn, kind, inputs, token))
    }

    fn claim<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.mark(kind, Phase::Create, self.provider.claim(turn, kind, id, inputs, token))
    }

    fn find<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
        look: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>> {
        self.mark(kind, Phase::Find, self.provider.find(turn, kind, inputs, token, look))
    }

    fn untracked<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        search: &'a Search,
    ) -> BoxFuture<'a, Result<Untracked, ProviderError>> {
        Box::pin(async move {
            for creation in &search.creations {
                let search = Search { creations: vec![creation.clone()], deleted: [].into(), ..search.clone() };
                let found = self.provider.untracked(turn, &search);
                let found = self.mark(&creation.kind, Phase::Untracked, found).await?;
                assert_eq!(found, Untracked::default());
            }
            Ok(Untracked::default())
        })
    }

    fn converge<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let work = self.mark(kind, Phase::Converge, self.provider.converge(turn, kind, id, inputs, previous));
        Box::pin(async move {
            work.await?;
            let unsettled = unsettled(&self.emulator, kind, id).await;
            assert!(unsettled.is_empty(), "{kind} {id} counts as done before these are: {unsettled:?}");
            Ok(())
        })
    }

    fn obstacles<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Obstacle>>, ProviderError>> {
        self.mark(kind, Phase::Obstacles, self.provider.obstacles(turn, kind, objects))
    }

    fn delete<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let work = self.mark(kind, Phase::Delete, self.provider.delete(turn, kind, object));
        Box::pin(async move {
            work.await?;
            let account = self.emulator.contents();
            // The objects of the other kinds go at once.
            let objects = match kind {
                "RedisUser" => &account["users"],
                "UserGroup" => &account["user_groups"],
                "ReplicationGroup" => &account["replication_groups"],
                _ => &Json::Null,
            };
            assert!(objects.get(object.id).is_none(), "{kind} {} counts as deleted before it is gone", object.id);
            Ok(())
        })
    }
}

/// Which objects have not settled yet, of those that a change of this one goes on to.
async fn unsettled(emulator: &Emulator, kind: &str, id: &str) -> Vec<String> {
    let states = states(emulator, kind, id).await;
    let account = emulator.contents();
    let named = |table: &'static str, used: &dyn Fn(&str, &Json) -> bool| -> Vec<(String, Json)> {
        let objects = account[table].as_object().unwrap().iter();
        objects.filter(|(id, it)| used(id, it)).map(|(id, it)| (id.clone(), it.clone())).collect()
    };
    let users = if kind == "RedisUser" { named("users", &|it, _| it == id) } else { Vec::new() };
    let groups = match kind {
        "RedisUser" => named("user_groups", &|_, group| {
            group["settings"]["users"].as_array().unwrap().iter().any(|user| user == id)
        }),
        "UserGroup" => named("user_groups", &|it, _| it == id),
        _ => Vec::new(),
    };
    let caches = match kind {
        "ReplicationGroup" => named("replication_groups", &|it, _| it == id),
        _ => named("replication_groups", &|_, cache| {
            groups.iter().any(|(group, _)| cache["settings"]["user_group"] == group.as_str())
        }),
    };
    let objects = users.into_iter().chain(groups).chain(caches);
    let changing = objects.filter(|(_, object)| is_changing(object)).map(|(id, _)| id);
    changing.chain(states.into_iter().filter(|state| state == "pending" || state == "associating")).collect()
}

/// Whether the object, or one of its members, is between two states. What could not be created stays as it is.
fn is_changing(object: &Json) -> bool {
    if object["phase"] == "Failed" {
        return false;
    }
    let is_stable = |object: &Json| object["phase"] == "Stable";
    let mut members = object["members"].as_object().into_iter().flat_map(|members| members.values());
    !is_stable(object) || !members.all(is_stable)
}

/// The states of an object of the network, which is made within moments.
async fn states(emulator: &Emulator, kind: &str, id: &str) -> Vec<String> {
    fn select<R: Resource>(id: &str) -> Select<R> {
        Select::Ids(vec![Id::reported(id).unwrap()])
    }
    let aws = Aws::new(Arc::new(emulator.clone()), Arc::new(Invented));
    match kind {
        "Vpc" => {
            let vpcs = aws.call(DescribeVpcs { select: select(id) }).await.unwrap().vpcs;
            vpcs.into_iter().map(|vpc| vpc.state).collect()
        }
        "Subnet" => {
            let subnets = aws.call(DescribeSubnets { select: select(id) }).await.unwrap().subnets;
            subnets.into_iter().map(|subnet| subnet.state).collect()
        }
        // It has the id of its subnet.
        "RouteTableAssociation" => {
            let select = SelectRouteTables::OfSubnets(vec![Id::reported(id).unwrap()]);
            let tables = aws.call(DescribeRouteTables { select }).await.unwrap().route_tables;
            tables.into_iter().flat_map(|table| table.associations).map(|association| association.state).collect()
        }
        _ => Vec::new(),
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
    let options = ApplyOptions { consent: Consent::All, ..ApplyOptions::default() };
    let mut lock = store.lock("apply", &mut |_| {}).await.unwrap();
    let report =
        palisade_engine::apply(provider, &mut lock, state, &graph, &plan, &options, &mut |_| {}).await.unwrap();
    assert!(report.is_complete(), "{:?}", report.failures);
}

/// A search before creations like those of all objects of the state.
fn all_known(state: &State) -> Search {
    let objects = || state.resources.iter().map(|(address, entry)| (address, entry.current.as_ref().unwrap()));
    let creation = |(address, object): (&Address, &ObjectState)| Creation {
        kind: address.kind().to_owned(),
        inputs: object.inputs.clone(),
    };
    Search {
        stack: state.stack.clone(),
        lineage: String::new(),
        ids: objects().filter_map(|(_, object)| object.id.clone()).collect(),
        digests: objects().map(|(_, object)| object.token.digest.clone()).collect(),
        creations: objects().map(creation).collect(),
        deleted: [].into(),
    }
}

/// The calls of a life in which `field` of the resource `it` changes, and in which all objects are looked for.
async fn live(made: &Arc<Mutex<Made>>, kind: &'static str, field: &'static str) {
    let provider = Marked::new(made);
    let store = MemoryStore::default();
    apply(&provider, &store, |stack| declare(stack, kind, "")).await;
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    let state = store.load().await.unwrap().unwrap();
    provider.untracked(&turn, &all_known(&state)).await.unwrap();
    // What has a known id is not missed, whatever its tags say.
    let known_by_id = Search { digests: [].into(), ..all_known(&state) };
    provider.untracked(&turn, &known_by_id).await.unwrap();
    for (address, entry) in state.resources {
        let object = entry.current.unwrap();
        let found = provider.find(&turn, address.kind(), &object.inputs, &object.token, Look::Once).await.unwrap();
        assert_eq!(found, object.id, "{address}");
        // A subnet has one association, whoever made it, and no tags.
        if address.kind() != "RouteTableAssociation" {
            let theirs = Token { digest: "f".repeat(64), ..object.token };
            let found = provider.find(&turn, address.kind(), &object.inputs, &theirs, Look::Once).await.unwrap();
            assert_eq!(found, None, "{address} is another's");
        }
    }
    apply(&provider, &store, |stack| declare(stack, kind, field)).await;
    apply(&provider, &store, |_| {}).await;
}

/// What is being deleted is not what a creation has made, whatever its tags say.
async fn find_what_is_being_deleted(made: &Arc<Mutex<Made>>, kind: &'static str) {
    let provider = Marked::new(made);
    let store = MemoryStore::default();
    apply(&provider, &store, |stack| declare(stack, kind, "")).await;
    let object = store.load().await.unwrap().unwrap().resources[&Address::new(kind, "it")].current.clone().unwrap();
    let id = object.id.unwrap();
    let delete: Request = match kind {
        "RedisUser" => DeleteUser { user_id: Id::reported(id).unwrap() }.into(),
        "UserGroup" => DeleteUserGroup { user_group_id: Id::reported(id).unwrap() }.into(),
        _ => {
            let replication_group_id = Id::reported(id).unwrap();
            DeleteReplicationGroup { replication_group_id, final_snapshot_identifier: None }.into()
        }
    };
    provider.emulator.answer(delete).await.unwrap();
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    assert_eq!(provider.find(&turn, kind, &object.inputs, &object.token, Look::Once).await.unwrap(), None, "{kind}");
}

/// A cache whose creation fails is found, so that it can be deleted, though AWS does not tell its tags.
async fn find_what_could_not_be_created() {
    const KIND: &str = "ReplicationGroup";
    // The lists leave the calls of this deletion out: with them, each change of a cache would be said to delete it.
    let provider = Marked::new(&Arc::default());
    let store = MemoryStore::default();
    apply(&provider, &store, |stack| declare(stack, KIND, "")).await;
    let resources = store.load().await.unwrap().unwrap().resources;
    let object = resources[&Address::new(KIND, "it")].current.clone().unwrap();
    let (id, mut inputs) = (object.id.unwrap(), object.inputs);
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    let exists = || provider.emulator.contents()["replication_groups"].get(&id).is_some();

    // A cache that cannot be read is left alone.
    (1..=8).for_each(|nth| provider.emulator.inject_read(nth, Fault::Unavailable));
    provider.converge(&turn, KIND, &id, &inputs, Some(&inputs)).await.unwrap_err();
    assert!(exists(), "it was deleted");

    let known = Object { id: &id, inputs: &inputs, attributes: None };
    provider.delete(&turn, KIND, &known).await.unwrap();
    inputs.insert("final_snapshot_identifier".to_owned(), "last".into());
    // The first attempts are refused, as the user group has not let go of the earlier cache yet.
    (1..100).for_each(|nth| provider.emulator.inject(nth, Fault::CreateFailed));
    provider.create(&turn, KIND, &inputs, &object.token).await.unwrap();
    assert_eq!(provider.find(&turn, KIND, &inputs, &object.token, Look::UntilSeen).await.unwrap(), Some(id.clone()));
    // It does not hold up what it uses.
    let user = resources[&Address::new("RedisUser", "one")].current.clone().unwrap();
    let mut changed = user.inputs.clone();
    changed.insert("access_string".to_owned(), "off -@all".into());
    provider.converge(&turn, "RedisUser", &user.id.unwrap(), &changed, Some(&user.inputs)).await.unwrap();
    let error = provider.converge(&turn, KIND, &id, &inputs, None).await.unwrap_err();
    assert_eq!(error.code, "create-failed");
    assert!(!exists(), "it keeps its name taken");
    // It is to be deleted while AWS is still at its creation.
    (1..100).for_each(|nth| provider.emulator.inject(nth, Fault::CreateFailed));
    provider.create(&turn, KIND, &inputs, &object.token).await.unwrap();
    let known = Object { id: &id, inputs: &inputs, attributes: None };
    provider.delete(&turn, KIND, &known).await.unwrap();
    assert!(!exists());
    assert_eq!(provider.emulator.contents()["snapshots"], Json::Array(Vec::new()), "it never held anything");
}

/// The calls of changes of a user and of a user group that a cache uses, each of which goes on to the next.
async fn change_in_use(made: &Arc<Mutex<Made>>) {
    let provider = Marked::new(made);
    let store = MemoryStore::default();
    apply(&provider, &store, |stack| declare(stack, "ReplicationGroup", "")).await;
    let turn: Arc<dyn Turn> = Arc::new(Unlimited);
    let resources = store.load().await.unwrap().unwrap().resources;
    for (kind, name, field, value) in [
        ("RedisUser", "one", "access_string", Json::from("off -@all")),
        ("UserGroup", "users", "user_ids", Json::from(vec!["my-default", "two"])),
    ] {
        let object = resources[&Address::new(kind, name)].current.clone().unwrap();
        let mut inputs = object.inputs.clone();
        inputs.insert(field.to_owned(), value).expect("the field is set already");
        provider.converge(&turn, kind, &object.id.unwrap(), &inputs, Some(&object.inputs)).await.unwrap();
    }
}

/// Calls that no life here makes in that phase, and why they are in its list all the same.
const NOT_MADE_HERE: &[(&str, Phase, &str)] = &[
    ("RedisUser", Phase::Delete, "DescribeUserGroups"),
    ("RedisUser", Phase::Delete, "DescribeReplicationGroups"),
    ("RedisUser", Phase::Delete, "DescribeCacheClusters"),
    // `a_role_that_somebody_else_changes_is_put_right`.
    ("FlowLogRole", Phase::Converge, "UpdateAssumeRolePolicy"),
    // `a_new_key_takes_the_alias_of_the_one_that_it_replaces`.
    ("KmsKey", Phase::Create, "ListResourceTags"),
    // `a_key_without_its_alias_is_found_by_its_tags`.
    ("KmsKey", Phase::Find, "ListKeys"),
    // `what_a_restored_state_does_not_have_is_not_created_again`.
    ("KmsKey", Phase::Untracked, "ListResourceTags"),
    // `a_log_group_gives_its_key_up_in_place`.
    ("LogGroup", Phase::Converge, "DisassociateKmsKey"),
    // The example `auth-token` creates a cache with its token.
    ("ReplicationGroup", Phase::Create, "GetSecretValue"),
    // `a_name_of_a_final_snapshot_that_is_used_up_is_found_in_the_plan`.
    ("ReplicationGroup", Phase::Obstacles, "DescribeReplicationGroups"),
    // `the_shards_of_a_cache_and_their_replicas_change_in_place`.
    ("ReplicationGroup", Phase::Converge, "ModifyReplicationGroupShardConfiguration"),
    // `a_stack_with_a_secret_can_be_applied_again_after_a_destroy_and_has_another_value`.
    ("Secret", Phase::Create, "RestoreSecret"),
    ("Secret", Phase::Create, "UpdateSecret"),
    ("Secret", Phase::Create, "GetRandomPassword"),
    ("Secret", Phase::Create, "PutSecretValue"),
    ("Secret", Phase::Create, "TagResource"),
    // `a_tenancy_that_becomes_shared_is_changed_in_place`.
    ("Vpc", Phase::Converge, "ModifyVpcTenancy"),
];

#[test]
fn each_phase_makes_the_calls_of_its_list_and_no_others_and_ends_once_all_has_settled() {
    let made = Arc::new(Mutex::new(Made::new()));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    for (schema, field) in fields() {
        runtime().block_on(live(&made, schema.kind, field));
    }
    runtime().block_on(change_in_use(&made));
    runtime().block_on(find_what_could_not_be_created());
    for kind in ["RedisUser", "UserGroup", "ReplicationGroup"] {
        runtime().block_on(find_what_is_being_deleted(&made, kind));
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
