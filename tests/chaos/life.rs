//! [`Life`]: a stack in an account, from its first apply to its end, and what must hold on the way.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_util::future::join_all;
use palisade_aws::{
    Aws, AwsProvider, Supplier,
    operations::{DeleteReplicationGroup, GetRandomPassword, GetSecretValue},
};
use palisade_core::{Address, Graph, Id, Json};
use palisade_emulator::{Emulator, Fault};
use palisade_engine::{
    Action, ApplyOptions, Blocked, Consent, Event, FieldChange, Lock, Plan, PlanError, PlanOptions, ReplaceOrder,
    Report, State, StateError, StepKind, Store, Writer,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, Sleep, sleep, timeout},
};

use crate::{
    judge,
    others::Other,
    place::{Kept, Killed, Place},
    refused,
    watch::{PlanWatch, Watch},
    weather::{End, Weather},
};

/// The runs that may be needed after all that went wrong.
const RUNS: usize = 2;

/// No apply takes so long by itself: whoever waits then waits for an answer that does not come.
const FOR_EVER: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// By then, all that was begun has come to its end.
const REST: Duration = Duration::from_hours(3);

/// A plan is made by then.
const PLANNED: Duration = Duration::from_secs(60);

/// A stopped run is over by then.
const STOPPED: Duration = Duration::from_secs(5);

/// The value of each secret that is supplied. It must not be seen anywhere.
fn canary(variable: &str) -> String {
    format!("CanaryOf{variable}ThatNobodyMaySee0123456789")
}

struct Canaries;

impl Supplier for Canaries {
    fn supply(&self, variable: &str) -> Option<SecretString> {
        Some(canary(variable).into())
    }
}

/// How often a run asks for a lock that another one holds, and how long after the last time.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(20);

/// A stack in an account.
pub(crate) struct Life {
    emulator: Emulator,
    aws: Aws,
    place: Place,
    /// Counts the runs.
    runs: AtomicU32,
    /// Whether what others did may be under way.
    is_changing: bool,
    /// The snapshots that may outlive the stack.
    snapshots: BTreeSet<String>,
    /// All that was written and shown.
    texts: Mutex<Vec<String>>,
    /// What must not be in it.
    secrets: BTreeSet<String>,
}

/// One run, and how long after the others it begins.
pub(crate) struct Run<'a> {
    pub(crate) after: Duration,
    pub(crate) program: &'a Graph,
    pub(crate) weather: &'a Weather,
}

/// How an apply ended.
enum Ended {
    Refused(PlanError),
    /// The state cannot be read or written, or another run holds it.
    Failed(StateError),
    Done(Box<Plan>, Box<Report>),
    Killed,
}

/// What became of a program.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Settled {
    /// The account is what it says.
    Equal,
    /// It can only be reached by way of an empty account: so says the plan, for these reasons.
    Refused(Vec<String>),
}

impl Life {
    /// A life in an empty account, whose descriptions tell of a change after so many milliseconds.
    pub(crate) fn new(lag: u64, kept: Kept) -> Self {
        let emulator = Emulator::in_memory("us-east-1");
        emulator.lag(Duration::from_millis(lag));
        let aws = Aws::new(Arc::new(emulator.clone()), Arc::new(Canaries));
        let secrets = ["TOKEN", "PASSWORD"].map(canary).into();
        let (place, runs, snapshots, texts) = (Place::new(kept), AtomicU32::new(0), BTreeSet::new(), Mutex::default());
        Self { emulator, aws, place, runs, is_changing: false, snapshots, texts, secrets }
    }

    /// Somebody does something to the account by hand.
    pub(crate) async fn meddle(&mut self, other: Other) {
        // A call, so that the contents are those of now.
        self.learn_secrets().await;
        other.act(&self.emulator).await;
        self.is_changing = true;
    }

    /// Runs that may overlap, each in its weather, however they end.
    pub(crate) async fn suffer(&mut self, runs: &[Run<'_>]) -> Result<(), String> {
        runs.iter().for_each(|run| self.expect_snapshots(run.program));
        let weathers: Vec<_> = runs.iter().map(|run| run.weather).collect();
        self.let_go_wrong(&weathers);
        let ended = join_all(runs.iter().map(async |run| {
            sleep(run.after).await;
            self.run(run.program, run.weather, &weathers).await
        }));
        let removals = join_all(runs.iter().filter_map(|run| run.weather.removal.map(|at| (run.after, at))).map(
            async |(after, seconds)| {
                sleep(after + Duration::from_secs(seconds.into())).await;
                self.place.remove_lock().await;
            },
        ));
        let (ended, _) = tokio::join!(ended, removals);
        self.let_go_wrong(&[]);
        for ended in ended {
            ended?;
        }
        self.learn_secrets().await;
        Ok(())
    }

    /// At most two runs in which nothing goes wrong bring the account to what the program says.
    pub(crate) async fn settle(&mut self, program: &Graph) -> Result<Settled, String> {
        self.expect_snapshots(program);
        if std::mem::take(&mut self.is_changing) {
            // What others have sent and no description shows yet, nobody can see.
            sleep(REST).await;
        }
        let mut left = String::new();
        for run in 1..=RUNS {
            match self.attempt(program).await? {
                Ended::Done(_, report) if report.is_complete() => {
                    self.check_settled(program).await.map_err(|problem| format!("after run {run}: {problem}"))?;
                    return Ok(Settled::Equal);
                }
                Ended::Done(_, report) => {
                    left = format!("{:#?}\n{:?}", report.failures, report.skipped);
                }
                Ended::Refused(PlanError::Impossible(findings)) => {
                    refused::check(&self.state().await, program, &findings)?;
                    return Ok(Settled::Refused(findings.into_iter().map(|finding| finding.message).collect()));
                }
                Ended::Refused(error) => left = format!("there is no plan: {error:?}"),
                Ended::Failed(error) => left = format!("the state is not saved: {error}"),
                Ended::Killed => left = "the apply never ends".to_owned(),
            }
        }
        Err(format!("{RUNS} runs without a fault did not do it: {left}"))
    }

    /// Destroys all in that weather, and then in a fine one: the account is empty.
    pub(crate) async fn end(&mut self, weather: &Weather) -> Result<(), String> {
        let program = Graph::empty("test");
        self.suffer(&[Run { after: Duration::ZERO, program: &program, weather }]).await?;
        if self.settle(&program).await? != Settled::Equal {
            return Err("a stack can always be destroyed".to_owned());
        }
        let left: Vec<_> = self.emulator.inventory().into_iter().filter(|item| item.kind != "Snapshot").collect();
        if left.is_empty() { Ok(()) } else { Err(format!("after the end there is {left:?}")) }
    }

    /// Nothing that is secret was written or shown.
    pub(crate) async fn check_secrets(&self) -> Result<(), String> {
        let kept = self.place.texts().await;
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = self.emulator.contents().to_string();
        for text in texts.iter().chain(&kept).chain([&contents]) {
            if let Some(secret) = self.secrets.iter().find(|secret| text.contains(secret.as_str())) {
                return Err(format!("the secret {secret} is in {text}"));
            }
        }
        Ok(())
    }

    /// The program is reached: a plan finds nothing to do, an apply does nothing, and the account says so.
    async fn check_settled(&mut self, program: &Graph) -> Result<(), String> {
        let before = (self.emulator.writes(), self.place.writes());
        let (plan, report) = match self.attempt(program).await? {
            Ended::Done(plan, report) => (plan, report),
            Ended::Refused(error) => return Err(format!("there is no plan any more: {error:?}")),
            Ended::Failed(error) => return Err(format!("the state is not saved any more: {error}")),
            Ended::Killed => return Err("the apply never ends any more".to_owned()),
        };
        if plan.has_changes() || !plan.drift.is_empty() {
            return Err(format!("a plan still finds {:?}\n{}", plan.drift, palisade_cli::plan_text(&plan)));
        }
        let after = (self.emulator.writes(), self.place.writes());
        if before != after || !report.is_complete() {
            return Err(format!("an apply of nothing made {:?}", self.emulator.calls()));
        }
        // What was accepted and cannot be read back comes to be by itself.
        tokio::time::sleep(REST).await;
        self.check_values(program).await?;
        judge::equals(&self.emulator, &self.state().await, program, &self.snapshots)
    }

    /// The secrets have the values that were supplied, and the users and caches accept those of their secrets, and no other one.
    async fn check_values(&mut self, program: &Graph) -> Result<(), String> {
        self.learn_secrets().await;
        let state = self.state().await;
        let mut drawn = BTreeSet::new();
        for node in program.nodes() {
            let address = &node.address;
            let field = |name: &str| {
                let value = node.fields.get(name)?.substitute(&|r| state.attribute(&r.address, &r.attribute));
                value.into_json()
            };
            match address.kind() {
                "Secret" => {
                    let value = state.attribute(address, "value").ok_or_else(|| format!("{address} has no value"))?;
                    let value = self.value(address, &value).await?;
                    let variable = node.json("source").and_then(|source| source["supplied"]["variable"].as_str());
                    match variable {
                        Some(variable) if value != canary(variable) => {
                            return Err(format!("{address} has another value than was supplied"));
                        }
                        None if !drawn.insert(value) => {
                            return Err(format!("{address} has the value of another secret"));
                        }
                        _ => {}
                    }
                }
                "RedisUser" => {
                    let mut passwords = BTreeSet::new();
                    for password in field("passwords").iter().filter_map(Json::as_array).flatten() {
                        passwords.insert(self.value(address, password).await?);
                    }
                    let id = field("user_id").unwrap_or_default();
                    let id = id.as_str().ok_or_else(|| format!("{address} has no id"))?;
                    self.check_access(address, &passwords, |value| self.emulator.accepts_password(id, value))?;
                }
                "ReplicationGroup" => {
                    let mut tokens = BTreeSet::new();
                    if let Some(token) = field("auth_token").filter(|token| !token.is_null()) {
                        tokens.insert(self.value(address, &token).await?);
                    }
                    let id = field("replication_group_id").unwrap_or_default();
                    let id = id.as_str().ok_or_else(|| format!("{address} has no id"))?;
                    if !tokens.is_empty() && self.emulator.accepts_token(id, None) {
                        return Err(format!("{address} lets in who has no token"));
                    }
                    if !tokens.is_empty() {
                        self.check_access(address, &tokens, |value| self.emulator.accepts_token(id, Some(value)))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a reference to the value of a secret stands for.
    async fn value(&self, address: &Address, reference: &Json) -> Result<String, String> {
        let text = |field: &str| reference[field].as_str().unwrap_or_default().to_owned();
        let secret_id = Id::reported(text("secret")).map_err(|error| format!("{address}: {error}"))?;
        let call = GetSecretValue { secret_id, version_id: text("version") };
        let answer = self.aws.call(call).await.map_err(|error| format!("{address}: {error}"))?;
        Ok(answer.value.expose_secret().to_owned())
    }

    /// Of all values that there ever were, those that are wanted open the door, and no other one.
    fn check_access(
        &self,
        address: &Address,
        wanted: &BTreeSet<String>,
        opens: impl Fn(&SecretString) -> bool,
    ) -> Result<(), String> {
        for value in self.secrets.union(wanted) {
            match (wanted.contains(value), opens(&value.as_str().into())) {
                (true, false) => return Err(format!("{address} refuses the value of its secret")),
                (false, true) => return Err(format!("{address} accepts a value that is not of its secrets")),
                _ => {}
            }
        }
        Ok(())
    }

    /// One plan and one apply in which nothing goes wrong. If the names of final snapshots are used up, somebody does first what the
    /// plan advises.
    async fn attempt(&mut self, program: &Graph) -> Result<Ended, String> {
        let ended = self.run(program, &Weather::fine(), &[]).await?;
        let Ended::Refused(PlanError::Impossible(findings)) = &ended else { return Ok(ended) };
        let caches = refused::used_up(&self.state().await, findings);
        if caches.is_empty() {
            return Ok(ended);
        }
        for (replication_group_id, name) in caches {
            self.snapshots.insert(name.to_string());
            let call = DeleteReplicationGroup { replication_group_id, final_snapshot_identifier: Some(name) };
            self.aws.call_until_settled(REST, call).await.map_err(|error| format!("no deletion by hand: {error}"))?;
        }
        self.run(program, &Weather::fine(), &[]).await
    }

    /// Lets go wrong with the account what all these weathers say.
    fn let_go_wrong(&self, weathers: &[&Weather]) {
        self.emulator.clear_faults();
        for (nth, fault) in weathers.iter().flat_map(|weather| &weather.faults) {
            self.emulator.inject(*nth, *fault);
        }
        for (first, count, fault) in weathers.iter().flat_map(|weather| &weather.reads) {
            for nth in *first..first + count {
                self.emulator.inject_read(nth, *fault);
            }
        }
        self.emulator.slow_down(weathers.iter().map(|weather| weather.slowness).max().unwrap_or(1));
    }

    /// One run, as the command line does it: it locks, plans, applies, and gives the lock back. What a process knows, and what
    /// it holds, ends with it. `around` is the weather of all runs of this time.
    async fn run(&self, program: &Graph, weather: &Weather, around: &[&Weather]) -> Result<Ended, String> {
        let run = format!("run {}", self.runs.fetch_add(1, Ordering::Relaxed));
        let (killed, watch) = (Arc::default(), OnceLock::new());
        let ended = tokio::select! {
            biased;
            () = Notify::notified(&killed) => Ended::Killed,
            ended = self.run_to_its_end(&run, program, weather, around, &killed, &watch) => ended?,
        };
        match watch.get().map(|watch: &Arc<Watch>| watch.take_wrong()).unwrap_or_default().as_slice() {
            [] => Ok(ended),
            wrong => Err(format!("{run}: {}", wrong.join("\n"))),
        }
    }

    async fn run_to_its_end(
        &self,
        run: &str,
        program: &Graph,
        weather: &Weather,
        around: &[&Weather],
        killed: &Arc<Notify>,
        watch: &OnceLock<Arc<Watch>>,
    ) -> Result<Ended, String> {
        let store = self.place.store(run, weather, killed);
        let writer = match lock(&*store, run).await {
            Ok(writer) => writer,
            Err(error) => return Ok(self.failed(error)),
        };
        let held = self.place.held(run);
        let ended = match store.load().await {
            Ok(state) => {
                let stands_still = weather.pause.is_some();
                let watch = watch.get_or_init(|| Arc::new(Watch::new(self.emulator.clone(), held, stands_still)));
                let state = state.unwrap_or_else(new_state);
                self.plan_and_apply(run, program, weather, around, (&*writer, state), watch).await?
            }
            Err(error) => self.failed(error),
        };
        if !matches!(ended, Ended::Killed) {
            match writer.release().await {
                Ok(()) => store.tidy().await,
                Err(error) => self.see(format!("{error:?} {error}")),
            }
        }
        Ok(ended)
    }

    async fn plan_and_apply(
        &self,
        run: &str,
        program: &Graph,
        weather: &Weather,
        around: &[&Weather],
        (writer, state): (&dyn Writer, State),
        watch: &Arc<Watch>,
    ) -> Result<Ended, String> {
        let (begin, plan_watch) = (Instant::now(), Arc::new(PlanWatch::new(self.emulator.clone())));
        let aws = Aws::new(Arc::<PlanWatch>::clone(&plan_watch), Arc::new(Canaries));
        let provider = AwsProvider::new(aws);
        let mut plan = palisade_engine::plan(&provider, program, &state).await;
        // What others have done blocks a step, and the plan says what to add.
        let blocked = plan.iter().flat_map(|plan| &plan.steps).filter(|step| step.blocked == Some(Blocked::ByDrift));
        let replace: BTreeSet<_> = blocked.map(|step| step.address.clone()).collect();
        if !replace.is_empty() {
            plan = palisade_engine::plan_with(&provider, program, &state, &PlanOptions { replace }).await;
        }
        if let Some(action) = plan_watch.write() {
            return Err(format!("a plan sends {action}"));
        }
        // Calls that fail are sent again; nothing else is waited for.
        if around.len() == 1 && weather.reads.is_empty() && begin.elapsed() > PLANNED {
            return Err(format!("the plan took {:?}", begin.elapsed()));
        }
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => {
                self.see(format!("{error:?} {error}"));
                return Ok(Ended::Refused(error));
            }
        };
        self.see(palisade_cli::plan_text(&plan));
        self.see(format!("{plan:?}"));
        if plan.steps.iter().any(|step| step.blocked.is_some()) {
            return Err(format!(
                "what was to be replaced is blocked all the same:\n{}",
                palisade_cli::plan_text(&plan)
            ));
        }
        let (stop, stopped) = watch::channel(false);
        let options = ApplyOptions {
            fail_fast: weather.fail_fast,
            parallelism: weather.parallelism.try_into().map_err(|_| "no call may be made".to_owned())?,
            stop: stopped,
            run: run.to_owned(),
            consent: Consent::All,
            ..ApplyOptions::default()
        };
        let ended = Mutex::new(Vec::new());
        let mut listener = |event: Event| {
            self.see(format!("{event:?}"));
            if let Event::Finished { address, step, .. } = event {
                ended.lock().unwrap_or_else(PoisonError::into_inner).push((address, step));
            }
        };
        let provider = AwsProvider::new(Aws::new(Arc::<Watch>::clone(watch), Arc::new(Canaries)));
        let store = self.place.written(writer, weather.end);
        let mut lock = store.lock(run, &mut |_| {}).await.map_err(|error| error.to_string())?;
        let apply = palisade_engine::apply(&provider, &mut lock, state, program, &plan, &options, &mut listener);
        let mut apply = pin!(apply);
        let (mut polls, mut stopped_at, mut stands_still) = (0, None, None::<std::pin::Pin<Box<Sleep>>>);
        let apply = poll_fn(|context| {
            if let Some(pause) = &mut stands_still
                && pause.as_mut().poll(context).is_pending()
            {
                return Poll::Pending;
            }
            stands_still = None;
            polls += 1;
            match weather.end {
                End::KilledAtAwait(at) if polls >= at => return Poll::Ready(None),
                End::StoppedAtAwait(at) if polls == at => {
                    stopped_at = Some(Instant::now());
                    // It may be at its end.
                    _ = stop.send(true);
                }
                _ => {}
            }
            if let Some((at, seconds)) = weather.pause
                && polls == at
            {
                stands_still = Some(Box::pin(sleep(Duration::from_secs(seconds.into()))));
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            match catch_unwind(AssertUnwindSafe(|| apply.as_mut().poll(context))) {
                Ok(poll) => poll.map(Some),
                Err(reason) if reason.is::<Killed>() => Poll::Ready(None),
                Err(reason) => resume_unwind(reason),
            }
        });
        // Without an answer, somebody kills it in the end.
        let faults = || around.iter().flat_map(|weather| &weather.faults);
        let hangs = faults().any(|(_, fault)| *fault == Fault::NoAnswer);
        let result = timeout(if hangs { REST } else { FOR_EVER }, apply).await;
        // A place that cannot be reached takes longer, and a process that stands still hears nothing.
        let is_near = weather.network.is_none() && weather.outage.is_none() && weather.pause.is_none();
        if let Some(at) = stopped_at
            && is_near
            && at.elapsed() > STOPPED
        {
            return Err(format!("a stopped run goes on for {:?}", at.elapsed()));
        }
        match result {
            Ok(Some(Ok(report))) => {
                self.see(format!("{report:?}"));
                if let Some(gap) = gap(program, &plan, &report, &ended.lock().unwrap_or_else(PoisonError::into_inner)) {
                    return Err(gap);
                }
                Ok(Ended::Done(Box::new(plan.clone()), Box::new(report)))
            }
            Ok(Some(Err(error))) => Ok(self.failed(error)),
            Ok(None) => Ok(Ended::Killed),
            Err(_) if hangs => Ok(Ended::Killed),
            Err(_) => Err(format!(
                "the apply never ends after {:?}",
                self.emulator.calls().iter().rev().take(5).collect::<Vec<_>>()
            )),
        }
    }

    fn failed(&self, error: StateError) -> Ended {
        self.see(format!("{error:?} {error}"));
        Ended::Failed(error)
    }

    async fn state(&self) -> State {
        let saved = self.place.store("judge", &Weather::fine(), &Arc::default()).load().await;
        saved.unwrap_or_else(|error| panic!("the state is lost: {error}")).unwrap_or_else(new_state)
    }

    /// Whether a final snapshot that the program names is there already.
    pub(crate) fn has_snapshots_of(&self, program: &Graph) -> bool {
        let items = self.emulator.inventory();
        let mut names = program.nodes().filter_map(|node| node.text("final_snapshot_identifier"));
        names.any(|name| items.iter().any(|item| item.kind == "Snapshot" && item.id == name))
    }

    fn expect_snapshots(&mut self, program: &Graph) {
        let names = program.nodes().filter_map(|node| node.text("final_snapshot_identifier"));
        self.snapshots.extend(names.map(str::to_owned));
    }

    /// Remembers the values that Secrets Manager has drawn.
    async fn learn_secrets(&mut self) {
        // A call, so that the contents are those of now.
        _ = self.aws.call(GetRandomPassword { length: 32, exclude_punctuation: true }).await;
        let contents = self.emulator.contents();
        for (arn, secret) in contents["secrets"].as_object().into_iter().flatten() {
            for version in secret["versions"].as_array().into_iter().flatten() {
                let Some(version) = version[0].as_str() else { continue };
                let secret_id = Id::reported(arn.as_str()).expect("the account has ids");
                let call = GetSecretValue { secret_id, version_id: version.to_owned() };
                if let Ok(answer) = self.aws.call(call).await {
                    self.secrets.insert(answer.value.expose_secret().to_owned());
                }
            }
        }
    }

    fn see(&self, text: String) {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
}

fn new_state() -> State {
    State::new("test", "0123456789abcdef0123456789abcdef")
}

/// Takes the lock, as somebody who tries again when another run has it.
async fn lock<'a>(store: &'a dyn Store, run: &str) -> Result<Lock<'a>, StateError> {
    let mut tries = 0;
    loop {
        match store.lock(run, &mut |_| {}).await {
            Err(StateError::Locked { .. }) if tries < TRIES => {
                tries += 1;
                sleep(PAUSE).await;
            }
            taken => return taken,
        }
    }
}

/// A cache that is gone, and whose successor cannot be made: it was deleted, although something has failed that its successor refers to,
/// and that could be done before. What is deleted first itself, as a group under the same name, goes after the cache; and a group lets go
/// after it of the subnets in which its nodes stand.
fn gap(program: &Graph, plan: &Plan, report: &Report, finished: &[(Address, StepKind)]) -> Option<String> {
    let first = Action::Replace(ReplaceOrder::DeleteFirst);
    let leaves_subnets = |address: &Address| {
        let changes = plan.step(address).into_iter().flat_map(|step| &step.changes);
        let mut left = changes.filter(|change| change.field == "subnet_ids").flat_map(FieldChange::dropped);
        address.kind() == "CacheSubnetGroup" && left.next().is_some()
    };
    let could_be_before = |because: &Address| {
        let is_deleted_first = plan.step(because).is_some_and(|step| step.action == first);
        let has_failed =
            |step| report.failures.iter().any(|failure| failure.address == *because && failure.step == step);
        let has_failed_before =
            has_failed(StepKind::Create) || (has_failed(StepKind::Update) && !leaves_subnets(because));
        !is_deleted_first && has_failed_before
    };
    let is_gap = |address: &Address| {
        let needed = needed(program, address);
        finished.contains(&(address.clone(), StepKind::Delete))
            && report.skipped.iter().any(|(skipped, step, because)| {
                let is_successor = skipped == address && *step == StepKind::Create;
                is_successor && needed.contains(because) && could_be_before(because)
            })
    };
    let caches = plan.steps.iter().filter(|step| step.address.kind() == "ReplicationGroup" && step.action == first);
    let gap = caches.map(|step| &step.address).find(|address| is_gap(address))?;
    Some(format!(
        "{gap} is gone, and its successor waits for what has failed: {:?} {:?}",
        report.failures, report.skipped
    ))
}

/// All that a resource refers to, however many are between.
fn needed<'a>(program: &'a Graph, address: &Address) -> BTreeSet<&'a Address> {
    let (mut open, mut needed) = (program.dependencies(address), BTreeSet::new());
    while let Some(address) = open.pop() {
        if needed.insert(address) {
            open.extend(program.dependencies(address));
        }
    }
    needed
}
