//! Creations of which nobody knows what became of them, for each kind of resource in the emulated account.

use std::{
    cell::Cell,
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use palisade::prelude::*;
use palisade_aws::{
    Aws, AwsProvider, Backend, Supplier, failure,
    operations::{
        CreateKey, DescribeCacheParameterGroupsOutput, DescribeCacheSubnetGroupsOutput, DescribeLogGroupsOutput,
        DescribeReplicationGroupsOutput, DescribeRouteTablesOutput, DescribeSecurityGroupsOutput,
        DescribeUserGroupsOutput, Effect, ListKeysOutput, Request, Response,
    },
};
use palisade_core::{
    Address, Graph, JsonMap, Schema,
    provider::{
        BoxFuture, CreateError, ErrorKind, Look, Object, Observation, Provider, ProviderError, Repeated, Search, Token,
        Turn, Unlimited, Untracked,
    },
};
use palisade_emulator::{Emulator, Fault};
use palisade_engine::{Action, ApplyOptions, Consent, MemoryStore, Phase, Plan, Report, State, Store};
use palisade_testing::Rehearsal;
use tokio::time::{Instant, timeout};

use crate::{
    run,
    schema_changes::cases::{cache, declare, fields},
};

/// What happens to the calls that create the resource `it`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// They have their effect, and their answer is lost.
    Lost,
    /// They are refused.
    Refused(ErrorKind),
    /// The one of this action is refused, after others had their effect.
    PartlyRefused(&'static str),
}

tokio::task_local! {
    /// The fate of the calls that write.
    static FATE: Cell<Option<Fate>>;
    /// Until when nothing is seen of what is looked for.
    static UNSEEN: Option<Instant>;
    /// How many calls there are yet before one whose part of the cloud has not heard of the object.
    static MISSED: Arc<Mutex<Option<usize>>>;
}

/// What is told where nothing has been heard of an object yet.
fn unheard(request: &Request) -> Result<Response, ProviderError> {
    match request {
        Request::DescribeRouteTables(_) => {
            Ok(Response::DescribeRouteTables(DescribeRouteTablesOutput { route_tables: Vec::new() }))
        }
        Request::DescribeSecurityGroups(_) => {
            Ok(Response::DescribeSecurityGroups(DescribeSecurityGroupsOutput { security_groups: Vec::new() }))
        }
        other => Err(refusal(other.action(), ErrorKind::NotFound)),
    }
}

/// Whether this call is the one that is missed. Most of those that describe any number of objects are left out: an object that
/// they do not tell of is hidden as a whole.
fn is_missed(request: &Request) -> bool {
    let action = request.action();
    let parts = ["DescribeCacheParameters", "DescribeRouteTables", "DescribeSecurityGroups"];
    if action.starts_with("Describe") && action.ends_with('s') && !parts.contains(&action) {
        return false;
    }
    MISSED.try_with(|left| counts(&mut left.lock().unwrap())).unwrap_or(false)
}

/// Counts a call, and tells whether it is the one.
fn counts(left: &mut Option<usize>) -> bool {
    match *left {
        Some(0) => left.take().is_some(),
        _ => {
            *left = left.map(|left| left - 1);
            false
        }
    }
}

/// What is told of an object that is hidden, as far as the emulated account hides none of its kind. What others ask for as well is
/// told.
fn nothing(request: &Request) -> Option<Result<Response, ProviderError>> {
    let answer = match request {
        Request::DescribeCacheParameterGroups(call) if call.ids.len() == 1 => {
            Response::DescribeCacheParameterGroups(DescribeCacheParameterGroupsOutput { groups: Vec::new() })
        }
        Request::DescribeCacheSubnetGroups(call) if call.ids.len() == 1 => {
            Response::DescribeCacheSubnetGroups(DescribeCacheSubnetGroupsOutput { groups: Vec::new() })
        }
        Request::DescribeUserGroups(call) if call.ids.len() == 1 => {
            Response::DescribeUserGroups(DescribeUserGroupsOutput { groups: Vec::new() })
        }
        Request::DescribeLogGroups(_) => Response::DescribeLogGroups(DescribeLogGroupsOutput { group: None }),
        Request::ListKeys(_) => Response::ListKeys(ListKeysOutput { keys: Vec::new() }),
        Request::DescribeSecret(_) => {
            return Some(Err(failure("DescribeSecret", "ResourceNotFoundException", "There is none.")));
        }
        _ => return None,
    };
    Some(Ok(answer))
}

/// The emulated account, in which some calls have a fate.
struct Account(Emulator);

impl Backend for Account {
    fn region(&self) -> &str {
        self.0.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        let fate = FATE.try_with(Cell::get).ok().flatten().filter(|_| request.effect() == Effect::Write);
        let is_unseen = UNSEEN.try_with(|until| until.is_some_and(|until| Instant::now() < until)).unwrap_or(false);
        if let Some(answer) = nothing(&request).filter(|_| is_unseen) {
            return Box::pin(async { answer });
        }
        let action = request.action();
        if is_missed(&request) {
            return Box::pin(async move { unheard(&request) });
        }
        match fate {
            Some(Fate::Refused(kind)) => Box::pin(async move { Err(refusal(action, kind)) }),
            Some(Fate::PartlyRefused(part)) if part == action => {
                Box::pin(async move { Err(refusal(action, ErrorKind::Denied)) })
            }
            None | Some(Fate::PartlyRefused(_)) => self.0.answer(request),
            Some(Fate::Lost) => Box::pin(async move {
                let answer = self.0.answer(request).await;
                answer.and_then(|_| Err(failure(action, "InternalFailure", "There is no answer.")))
            }),
        }
    }
}

fn refusal(action: &str, kind: ErrorKind) -> ProviderError {
    ProviderError { kind, ..failure(action, "Refused", "It is refused.") }
}

struct Invented;

impl Supplier for Invented {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        Some("inventedForTheTest".into())
    }
}

/// The stack of a kind, in which the resource `it` is of the kind.
struct Life {
    emulator: Emulator,
    provider: AwsProvider,
    store: MemoryStore,
    it: Address,
    fate: Mutex<Option<Fate>>,
    unseen: Mutex<Option<Instant>>,
    /// Which call of those that bring `it` to its inputs, or read it, is told that it does not exist.
    missed: Arc<Mutex<Option<usize>>>,
    /// Whether each description says that `it` does not exist.
    is_absent: AtomicBool,
    /// How many descriptions of `it` there are yet before one that says so.
    overlooked: Mutex<Option<usize>>,
    /// Until when each one says so after that.
    absent_until: Mutex<Option<Instant>>,
    /// Whether `it` cannot be deleted.
    stays: AtomicBool,
    /// What a second creation with the same token came to, where one is made after each first.
    repeated: Mutex<Option<Vec<Result<String, ErrorKind>>>>,
}

impl Provider for Life {
    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        self.provider.schema(kind)
    }

    fn repeated(&self, kind: &str) -> Repeated {
        self.provider.repeated(kind)
    }

    fn read<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        Box::pin(async move {
            let mut seen = self.missing(kind, self.provider.read(turn, kind, objects)).await?;
            if kind == self.it.kind() {
                let now = Instant::now();
                let mut until = self.absent_until.lock().unwrap();
                if counts(&mut self.overlooked.lock().unwrap()) {
                    *until = Some(now + Duration::from_secs(1));
                }
                if self.is_absent.load(Relaxed) || until.is_some_and(|until| now < until) {
                    seen.fill(None);
                }
            }
            Ok(seen)
        })
    }

    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        if token.resource != self.it.to_string() {
            return self.provider.create(turn, kind, inputs, token);
        }
        let fate = Cell::new(*self.fate.lock().unwrap());
        Box::pin(FATE.scope(fate, async move {
            let first = self.provider.create(turn, kind, inputs, token).await;
            if self.repeated.lock().unwrap().is_some() {
                let again = self.provider.create(turn, kind, inputs, token).await;
                let both = [&first, &again].map(|answer| answer.clone().map_err(|error| error.error.kind));
                *self.repeated.lock().unwrap() = Some(both.to_vec());
            }
            first
        }))
    }

    fn untracked<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        search: &'a Search,
    ) -> BoxFuture<'a, Result<Untracked, ProviderError>> {
        self.provider.untracked(turn, search)
    }

    fn claim<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let fate = Cell::new(self.fate.lock().unwrap().filter(|_| token.resource == self.it.to_string()));
        Box::pin(FATE.scope(fate, self.provider.claim(turn, kind, id, inputs, token)))
    }

    fn find<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
        look: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>> {
        let unseen = self.unseen.lock().unwrap().filter(|_| token.resource == self.it.to_string());
        Box::pin(UNSEEN.scope(unseen, self.provider.find(turn, kind, inputs, token, look)))
    }

    fn catch_up<'a>(&'a self, turn: &'a Arc<dyn Turn>) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.provider.catch_up(turn)
    }

    fn converge<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.missing(kind, self.provider.converge(turn, kind, id, inputs, previous))
    }

    fn delete<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        if kind == self.it.kind() && self.stays.load(Relaxed) {
            return Box::pin(async { Err(refusal("Delete", ErrorKind::Denied)) });
        }
        self.missing(kind, self.provider.delete(turn, kind, object))
    }
}

/// How long AWS tells nothing of what was just made; the emulated account does so within less than a second by itself.
const USUAL: Duration = Duration::from_millis(700);
const HIDDEN: Duration = Duration::from_secs(240);

impl Life {
    fn new(kind: &str) -> Self {
        let emulator = Emulator::in_memory("us-east-1");
        let provider = AwsProvider::new(Aws::new(Arc::new(Account(emulator.clone())), Arc::new(Invented)));
        let (store, it) = (MemoryStore::default(), Address::new(kind, "it"));
        Self {
            emulator,
            provider,
            store,
            it,
            fate: Mutex::new(None),
            unseen: Mutex::new(None),
            missed: Arc::default(),
            is_absent: AtomicBool::new(false),
            overlooked: Mutex::default(),
            absent_until: Mutex::default(),
            stays: AtomicBool::new(false),
            repeated: Mutex::new(None),
        }
    }

    async fn state(&self) -> State {
        let loaded = self.store.load().await.unwrap();
        loaded.unwrap_or_else(|| State::new("test", "0123456789abcdef0123456789abcdef"))
    }

    fn graph(&self, field: &str) -> Graph {
        palisade_testing::graph(|stack| declare(stack, self.it.kind(), field))
    }

    async fn plan(&self, graph: &Graph) -> Plan {
        palisade_engine::plan(self, graph, &self.state().await).await.unwrap()
    }

    async fn apply(&self, graph: &Graph) -> Report {
        let plan = self.plan(graph).await;
        self.carry_out(graph, &plan).await
    }

    async fn carry_out(&self, graph: &Graph, plan: &Plan) -> Report {
        let options = ApplyOptions { consent: Consent::All, ..ApplyOptions::default() };
        let mut lock = self.store.lock("apply", &mut |_| {}).await.unwrap();
        palisade_engine::apply(self, &mut lock, self.state().await, graph, plan, &options, &mut |_| {}).await.unwrap()
    }

    /// A call for an object of a kind. Of those for the kind of `it`, one may be missed.
    fn missing<'a, T: 'a>(&self, kind: &str, call: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        let missed = if kind == self.it.kind() { Arc::clone(&self.missed) } else { Arc::default() };
        Box::pin(MISSED.scope(missed, call))
    }

    /// Applies, with this fate for the creation of `it`.
    async fn fail(&self, fate: Fate) -> Report {
        *self.fate.lock().unwrap() = Some(fate);
        let report = self.apply(&self.graph("")).await;
        *self.fate.lock().unwrap() = None;
        report
    }

    /// Applies, and the answer to the creation of `it` is lost. All that it needs is there before. From then on, what was made is
    /// hidden for `lag`.
    async fn lose(&self, lag: Duration) {
        self.fail(Fate::Refused(ErrorKind::Denied)).await;
        assert!(!self.state().await.resources.contains_key(&self.it), "{}", self.it);
        // By then nothing of it is new.
        tokio::time::sleep(HIDDEN).await;
        self.emulator.lag(lag);
        let report = self.fail(Fate::Lost).await;
        *self.unseen.lock().unwrap() = Some(Instant::now() + lag);
        assert!(report.failures.iter().any(|failure| failure.address == self.it), "{report:?}");
    }

    /// Applies until nothing remains to be done, and asserts that each object is one of the program's and on record.
    async fn complete(&self, graph: &Graph) {
        let report = self.apply(graph).await;
        assert!(report.is_complete(), "{} {:?}", self.it, report.failures);
        self.emulator.lag(USUAL);
        let plan = self.plan(graph).await;
        assert!(!plan.has_changes(), "{} {plan:#?}", self.it);
        let state = self.state().await;
        let known: Vec<_> = state.resources.values().flat_map(palisade_engine::Entry::objects).collect();
        assert_eq!(known.len(), graph.nodes().count());
        assert!(known.iter().all(|object| object.phase == Phase::Ready));
        assert_eq!(self.count(), of_program(graph).await, "{}", self.it);
    }

    /// How much of everything there is, as in the rules of groups, which are no objects of their own.
    fn sizes(&self) -> BTreeMap<String, usize> {
        let contents = self.emulator.contents();
        let size = |value: &serde_json::Value| {
            value.as_array().map_or(0, Vec::len) + value.as_object().map_or(0, |map| map.len())
        };
        contents.as_object().unwrap().iter().map(|(name, value)| (name.clone(), size(value))).collect()
    }

    /// How many objects of each kind there are.
    fn count(&self) -> BTreeMap<String, usize> {
        let mut count = BTreeMap::new();
        for item in self.emulator.inventory() {
            *count.entry(item.kind.to_owned()).or_default() += 1;
        }
        count
    }
}

/// How many objects of each kind there are once the program was applied to an empty account.
async fn of_program(graph: &Graph) -> BTreeMap<String, usize> {
    let life = Life::new("None");
    life.emulator.lag(USUAL);
    assert!(life.apply(graph).await.is_complete());
    life.count()
}

fn kinds() -> impl Iterator<Item = &'static str> {
    palisade_aws::schemas().map(|schema| schema.kind)
}

#[test]
fn a_second_creation_does_what_the_kind_says() {
    for kind in kinds() {
        run(async {
            let life = Life::new(kind);
            *life.repeated.lock().unwrap() = Some(Vec::new());
            life.apply(&life.graph("")).await;
            let answers = life.repeated.lock().unwrap().take().unwrap();
            let [Ok(first), again] = &answers[..] else { panic!("{kind} {answers:?}") };
            let found = match again {
                Ok(again) if again == first => Repeated::AnswersTheSame,
                Ok(_) => Repeated::MakesAnother,
                Err(ErrorKind::AlreadyExists) => Repeated::IsRefused,
                Err(other) => panic!("{kind} {other:?}"),
            };
            assert_eq!(found, life.repeated(kind), "{kind}");
        });
    }
}

#[test]
fn the_refusal_of_a_second_attempt_forgets_nothing_of_the_first() {
    use ErrorKind::*;
    for kind in kinds() {
        for refusal in [
            AlreadyExists,
            Denied,
            Interrupted,
            Invalid,
            NotFound,
            NothingToDo,
            Quota,
            Service,
            Throttled,
            TimedOut,
            Transitional,
            Unreached,
        ] {
            run(async {
                let life = Life::new(kind);
                life.lose(HIDDEN).await;
                life.fail(Fate::Refused(refusal)).await;
                assert!(life.state().await.resources.contains_key(&life.it), "{kind} {refusal:?}");
                life.emulator.lag(USUAL);
                life.complete(&life.graph("")).await;
            });
        }
    }
}

#[test]
fn a_creation_whose_inputs_changed_leaves_nothing_behind() {
    for (schema, field) in fields() {
        run(async {
            let life = Life::new(schema.kind);
            life.lose(Duration::from_secs(30)).await;
            life.complete(&life.graph(field)).await;
        });
    }
}

#[test]
fn a_lost_creation_is_destroyed() {
    for kind in kinds() {
        run(async {
            let life = Life::new(kind);
            life.lose(Duration::from_secs(30)).await;
            life.complete(&palisade_testing::graph(|_| {})).await;
        });
    }
}

#[test]
fn a_plan_after_a_lost_creation_waits_for_nothing() {
    for kind in kinds() {
        run(async {
            let life = Life::new(kind);
            life.lose(HIDDEN).await;
            let start = Instant::now();
            let plan = life.plan(&life.graph("")).await;
            assert!(start.elapsed() < Duration::from_secs(2), "{kind} {:?}", start.elapsed());
            let step = plan.step(&life.it).unwrap();
            assert!(step.id.is_none() && step.reason.as_ref().unwrap().contains("unsettled"), "{step:#?}");
        });
    }
}

#[test]
fn a_plan_does_not_wait_for_a_cache_that_is_being_created() {
    run(async {
        let life = Life::new("ReplicationGroup");
        life.lose(USUAL).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let start = Instant::now();
        let plan = life.plan(&life.graph("")).await;
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        assert!(plan.step(&life.it).unwrap().reason.as_ref().unwrap().contains("unsettled"), "{plan:#?}");
        life.complete(&life.graph("")).await;
    });
}

/// Lives once undisturbed, and then once for each call that can be missed: each time there has to be as much of everything. `life` takes
/// the number of the call, and tells whether it was reached and how much there is.
async fn with_each_call_missed(kind: &str, life: impl AsyncFn(Option<usize>) -> (bool, BTreeMap<String, usize>)) {
    let (_, undisturbed) = life(None).await;
    for call in 0.. {
        let (is_reached, sizes) = life(Some(call)).await;
        assert_eq!(sizes, undisturbed, "{kind} {call}");
        if !is_reached {
            break;
        }
    }
}

#[test]
fn a_part_of_the_cloud_that_has_not_heard_of_a_new_object_is_asked_again() {
    for kind in kinds() {
        let life = async |missed: Option<usize>| {
            let life = Life::new(kind);
            life.fail(Fate::Refused(ErrorKind::Denied)).await;
            tokio::time::sleep(HIDDEN).await;
            *life.missed.lock().unwrap() = missed;
            life.apply(&life.graph("")).await;
            let is_reached = life.missed.lock().unwrap().take().is_none();
            life.complete(&life.graph("")).await;
            (is_reached, life.sizes())
        };
        run(with_each_call_missed(kind, life));
    }
}

#[test]
fn a_part_of_the_cloud_that_has_not_heard_of_a_young_object_does_not_let_its_deletion_be_forgotten() {
    for kind in kinds() {
        let life = async |missed: Option<usize>| {
            let life = Life::new(kind);
            assert!(life.apply(&life.graph("")).await.is_complete());
            tokio::time::sleep(USUAL).await;
            let nothing = palisade_testing::graph(|_| {});
            let plan = life.plan(&nothing).await;
            *life.missed.lock().unwrap() = missed;
            let report = life.carry_out(&nothing, &plan).await;
            let is_reached = life.missed.lock().unwrap().take().is_none();
            assert!(report.is_complete(), "{kind} {missed:?} {:?}", report.failures);
            (is_reached, life.sizes())
        };
        run(with_each_call_missed(kind, life));
    }
}

#[test]
fn what_no_description_tells_of_for_a_moment_does_not_show_that_an_interrupted_deletion_has_come_to_its_end() {
    for kind in kinds() {
        let life = async |overlooked: Option<usize>| {
            let life = Life::new(kind);
            assert!(life.apply(&life.graph("")).await.is_complete());
            tokio::time::sleep(USUAL).await;
            life.stays.store(true, Relaxed);
            assert!(!life.apply(&palisade_testing::graph(|_| {})).await.is_complete());
            life.stays.store(false, Relaxed);
            let (graph, before) = (life.graph(""), life.state().await.resources[&life.it].clone());
            let plan = life.plan(&graph).await;
            *life.overlooked.lock().unwrap() = overlooked;
            life.carry_out(&graph, &plan).await;
            let is_reached = life.overlooked.lock().unwrap().take().is_none();
            tokio::time::sleep(Duration::from_secs(2)).await;
            life.complete(&graph).await;
            let after = life.state().await.resources[&life.it].clone();
            assert_eq!(after.current.unwrap().id, before.current.unwrap().id, "{kind} {overlooked:?}");
            (is_reached, life.sizes())
        };
        run(with_each_call_missed(kind, life));
    }
}

/// An account that tells once of no cache.
struct Blind {
    account: Emulator,
    left: Mutex<Option<usize>>,
}

impl Backend for Blind {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        if matches!(request, Request::DescribeReplicationGroups(_)) && counts(&mut self.left.lock().unwrap()) {
            let groups = Vec::new();
            let answer = Response::DescribeReplicationGroups(DescribeReplicationGroupsOutput { groups });
            return Box::pin(async { Ok(answer) });
        }
        self.account.answer(request)
    }
}

#[test]
fn one_description_does_not_show_that_a_cache_that_aws_could_not_create_is_deleted() {
    let life = async |left: Option<usize>| {
        let life = Life::new("ReplicationGroup");
        // All that it needs is there, and the next creation is that of the cache.
        life.fail(Fate::Refused(ErrorKind::Denied)).await;
        life.emulator.inject(1, Fault::CreateFailed);
        let account = Arc::new(Blind { account: life.emulator.clone(), left: Mutex::new(left) });
        let life =
            Life { provider: AwsProvider::new(Aws::new(Arc::<Blind>::clone(&account), Arc::new(Invented))), ..life };
        let report = life.apply(&life.graph("")).await;
        assert!(!report.is_complete(), "{left:?}");
        let is_reached = account.left.lock().unwrap().take().is_none();
        // It may not have been seen at all, and then this one deletes it.
        life.apply(&life.graph("")).await;
        life.complete(&life.graph("")).await;
        (is_reached, life.sizes())
    };
    run(with_each_call_missed("ReplicationGroup", life));
}

#[test]
fn a_key_is_found_among_many_by_one_call_at_a_time() {
    run(async {
        let life = Life::new("KmsKey");
        life.lose(USUAL).await;
        let aws = Aws::new(Arc::new(life.emulator.clone()), Arc::new(Invented));
        for _ in 0..20 {
            aws.call(CreateKey { description: None, tags: Tags::default() }).await.unwrap();
        }
        let (graph, options) = (life.graph(""), ApplyOptions { parallelism: NonZeroUsize::MIN, ..Default::default() });
        let (plan, state) = (life.plan(&graph).await, life.state().await);
        let mut lock = life.store.lock("apply", &mut |_| {}).await.unwrap();
        let mut listener = |_| {};
        let applied = palisade_engine::apply(&life, &mut lock, state, &graph, &plan, &options, &mut listener);
        let report = timeout(Duration::from_mins(10), applied).await.expect("a call waits for another one").unwrap();
        assert!(report.is_complete(), "{report:?}");
        let keys = life.emulator.calls().into_iter().filter(|call| *call == "CreateKey").count();
        assert_eq!(keys, 21, "it was found");
    });
}

#[test]
fn the_refusal_of_a_creation_forgets_nothing_of_what_its_plan_had_missed() {
    for kind in kinds() {
        run(async {
            let life = Life::new(kind);
            assert!(life.apply(&life.graph("")).await.is_complete());
            let recorded = life.state().await.resources[&life.it].clone();
            life.is_absent.store(true, Relaxed);
            let report = life.fail(Fate::Refused(ErrorKind::Quota)).await;
            life.is_absent.store(false, Relaxed);
            assert!(report.failures.iter().any(|failure| failure.address == life.it), "{kind} {report:?}");
            assert_eq!(life.state().await.resources.get(&life.it), Some(&recorded), "{kind}");
            life.complete(&life.graph("")).await;
        });
    }
}

#[test]
fn a_creation_without_an_answer_forgets_nothing_of_what_its_plan_had_missed() {
    for kind in kinds() {
        run(async {
            let life = Life::new(kind);
            if life.repeated(kind) == Repeated::AnswersTheSame {
                return;
            }
            assert!(life.apply(&life.graph("")).await.is_complete());
            let before = life.state().await.resources[&life.it].current.clone().unwrap();
            life.is_absent.store(true, Relaxed);
            life.fail(Fate::Refused(ErrorKind::Service)).await;
            life.is_absent.store(false, Relaxed);
            // One whose name is taken is looked for, and the next run finds what has the name.
            life.apply(&life.graph("")).await;
            life.complete(&life.graph("")).await;
            let after = life.state().await.resources[&life.it].current.clone().unwrap();
            assert_eq!((after.id, after.token), (before.id, before.token), "{kind}");
        });
    }
}

#[test]
fn what_a_lost_creation_has_made_is_not_taken_for_the_object_that_was_there_before() {
    for (kind, lag) in kinds().flat_map(|kind| [(kind, USUAL), (kind, Duration::from_secs(30))]) {
        run(async {
            let life = Life::new(kind);
            assert!(life.apply(&life.graph("")).await.is_complete());
            let state = life.state().await;
            let object = state.resources[&life.it].current.as_ref().unwrap().object().unwrap();
            let turn: Arc<dyn Turn> = Arc::new(Unlimited);
            life.delete(&turn, kind, &object).await.unwrap();
            tokio::time::sleep(HIDDEN).await;
            life.emulator.lag(lag);
            let report = life.fail(Fate::Lost).await;
            assert!(report.failures.iter().any(|failure| failure.address == life.it), "{kind} {report:?}");
            let begin = life.emulator.calls().len();
            life.complete(&life.graph("")).await;
            let calls = life.emulator.calls().split_off(begin);
            let is_deletion = |call: &&&str| call.starts_with("Delete") || call.starts_with("Schedule");
            assert_eq!(calls.iter().find(is_deletion), None, "{kind} {lag:?} {calls:?}");
        });
    }
}

#[test]
fn a_new_object_of_which_a_part_is_not_seen_yet_is_no_error_of_a_plan_and_not_gone() {
    let mut kinds_with_parts = Vec::new();
    for kind in kinds() {
        run(async {
            let life = Life::new(kind);
            life.lose(USUAL).await;
            tokio::time::sleep(USUAL).await;
            for call in 0.. {
                *life.missed.lock().unwrap() = Some(call);
                let plan = life.plan(&life.graph("")).await;
                if life.missed.lock().unwrap().take().is_some() {
                    break;
                }
                // It is neither gone nor an error; what it has already may be told.
                let step = plan.step(&life.it).unwrap();
                assert_eq!((step.action, step.id.is_some()), (Action::Update, true), "{kind} {call} {step:#?}");
                kinds_with_parts.push(kind);
            }
            life.complete(&life.graph("")).await;
        });
    }
    kinds_with_parts.dedup();
    let several = [
        "CacheParameterGroup",
        "FlowLogRole",
        "KmsKey",
        "LogGroup",
        "RouteTable",
        "RouteTableAssociation",
        "Secret",
        "SecurityGroup",
        "Vpc",
    ];
    assert_eq!(kinds_with_parts, several);
}

#[test]
fn what_counts_only_at_the_deletion_is_known() {
    let of = |schema: &'static Schema| {
        schema.fields.iter().filter(|field| field.at_deletion).map(|field| (schema.kind, field.name))
    };
    let counts: Vec<_> = palisade_aws::schemas().flat_map(of).collect();
    let expected = [
        ("KmsKey", "deletion_window_days"),
        ("ReplicationGroup", "final_snapshot_identifier"),
        ("Secret", "recovery_window"),
    ];
    assert_eq!(counts, expected);
}

#[test]
fn a_vpc_that_is_hidden_for_minutes_is_one() {
    for seconds in [1, 30, 240] {
        run(async {
            let life = Life::new("Vpc");
            let graph = palisade_testing::graph(|stack: &mut Stack| {
                stack.add("it", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
            });
            *life.fate.lock().unwrap() = Some(Fate::Lost);
            assert!(!life.apply(&graph).await.is_complete());
            *life.fate.lock().unwrap() = None;
            life.emulator.lag(Duration::from_secs(seconds));
            life.complete(&graph).await;
            let creations = life.emulator.calls().into_iter().filter(|call| *call == "CreateVpc").count();
            assert_eq!(creations, 1, "{seconds}");
        });
    }
}

#[test]
fn a_secret_that_was_brought_back_is_not_forgotten() {
    for field in [None, Some(""), Some("description")] {
        run(async {
            let life = Life::new("Secret");
            let (graph, nothing) = (life.graph(""), palisade_testing::graph(|_| {}));
            assert!(life.apply(&graph).await.is_complete() && life.apply(&nothing).await.is_complete());
            let report = life.fail(Fate::PartlyRefused("TagResource")).await;
            assert_eq!(report.failures.len(), 1, "{report:?}");
            assert!(life.emulator.calls().contains(&"RestoreSecret"));
            life.complete(&field.map_or(nothing, |field| life.graph(field))).await;
            // Whatever the program has become, the object is that of the last creation.
            if let Some(entry) = life.state().await.resources.get(&life.it) {
                let token = &entry.current.as_ref().unwrap().token.digest;
                assert!(life.emulator.contents().to_string().contains(token), "{field:?}");
            }
        });
    }
}

/// A cache, whose name of a last snapshot is `last`. Another port replaces it.
fn with_last_snapshot(port: u16, minor_upgrades: bool, last: Option<&str>) -> Graph {
    palisade_testing::graph(|stack| {
        cache(stack, Engine::REDIS_7_1.erased(), |cache| {
            let cache = cache.multi_az(replicas!(1)).port(Port::reported(port));
            let cache = cache.auto_minor_version_upgrade(minor_upgrades);
            match last {
                Some(last) => cache.final_snapshot_identifier(Name::reported(last)),
                None => cache,
            }
        });
    })
}

fn snapshots(rehearsal: &Rehearsal) -> Vec<String> {
    let items = rehearsal.emulator().inventory().into_iter();
    items.filter(|item| item.kind == "Snapshot").map(|item| item.id).collect()
}

#[test]
fn a_cache_whose_update_was_refused_is_deleted_as_the_program_has_said_last() {
    for (before, after) in [(None, Some("last")), (Some("last"), None), (Some("one"), Some("other"))] {
        for is_replaced in [false, true] {
            let mut rehearsal = Rehearsal::new().without_rules();
            assert!(rehearsal.try_apply(&with_last_snapshot(6379, true, before)).unwrap().is_complete());
            rehearsal.emulator().inject(1, Fault::Quota);
            assert!(!rehearsal.try_apply(&with_last_snapshot(6379, false, after)).unwrap().is_complete());
            if is_replaced {
                assert!(rehearsal.try_apply(&with_last_snapshot(6380, false, after)).unwrap().is_complete());
            } else {
                let plan = rehearsal.try_plan(&palisade_testing::graph(|_| {})).unwrap();
                let mut told = plan.steps.iter().flat_map(|step| &step.changes);
                let told = told.find(|change| change.field == "final_snapshot_identifier");
                assert_eq!(told.and_then(|change| change.before.clone()), after.map(Into::into));
                assert!(rehearsal.destroy().is_complete());
            }
            assert_eq!(snapshots(&rehearsal), after.into_iter().collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_cache_that_aws_could_not_create_is_not_looked_for() {
    let kind = "ReplicationGroup";
    let program = palisade_testing::graph(|stack| declare(stack, kind, ""));
    let mut rehearsal = Rehearsal::new().without_rules();
    (1..100).for_each(|nth| rehearsal.emulator().inject(nth, Fault::CreateFailed));
    let report = rehearsal.try_apply(&program).unwrap();
    assert_eq!(report.failures[0].error.code, "create-failed", "{report:?}");
    rehearsal.emulator().clear_faults();
    let plan = rehearsal.try_plan(&program).unwrap();
    let step = plan.step(&Address::new(kind, "it")).unwrap();
    assert_eq!((step.action, step.reason.as_deref()), (Action::Create, None));
    assert!(rehearsal.try_apply(&program).unwrap().is_complete());
}
