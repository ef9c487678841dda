//! [`Life`]: a stack in an account, from its first apply to its end, and what must hold on the way.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::Duration,
};

use palisade_aws::{
    Aws, AwsProvider, Supplier,
    operations::{GetRandomPassword, GetSecretValue},
};
use palisade_core::{Graph, Id, provider::BoxFuture};
use palisade_emulator::{Emulator, Fault};
use palisade_engine::{
    ApplyOptions, Event, Hold, LocalStore, Plan, PlanError, Record, Report, State, StateError, Store, Writer,
    format::Identity,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::watch, time::timeout};

use crate::{
    judge, refused,
    watch::Watch,
    weather::{End, Weather},
};

/// The runs that may be needed after all that went wrong.
const RUNS: usize = 2;

/// No apply takes so long by itself: whoever waits then waits for an answer that does not come.
const FOR_EVER: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// By then, all that was begun has come to its end.
const REST: Duration = Duration::from_secs(3 * 60 * 60);

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

/// A stack in an account.
pub(crate) struct Life {
    emulator: Emulator,
    watch: Arc<Watch>,
    aws: Aws,
    disk: Disk,
    /// The snapshots that may outlive the stack.
    snapshots: BTreeSet<String>,
    /// All that was written and shown.
    texts: Mutex<Vec<String>>,
    /// What must not be in it.
    secrets: BTreeSet<String>,
}

/// How an apply ended.
enum Ended {
    Refused(PlanError),
    Failed(StateError),
    Done(Box<Plan>, Box<Report>),
    Killed,
}

/// What became of a program.
pub(crate) enum Settled {
    /// The account is what it says.
    Equal,
    /// It can only be reached by way of an empty account, and the reason was told.
    OutOfReach,
}

impl Life {
    /// A life in an empty account, whose descriptions tell of a change after so many milliseconds.
    pub(crate) fn new(lag: u64) -> Self {
        let emulator = Emulator::in_memory("us-east-1");
        emulator.lag(Duration::from_millis(lag));
        let watch = Arc::new(Watch::new(emulator.clone()));
        let aws = Aws::new(watch.clone(), Arc::new(Canaries));
        let secrets = ["TOKEN", "PASSWORD"].map(canary).into();
        let (disk, snapshots, texts) = (Disk::new(), BTreeSet::new(), Mutex::default());
        Self { emulator, watch, aws, disk, snapshots, texts, secrets }
    }

    /// One apply of the program in that weather, however it ends.
    pub(crate) async fn suffer(&mut self, program: &Graph, weather: &Weather) -> Result<(), String> {
        self.expect_snapshots(program);
        self.attempt(program, weather).await?;
        self.learn_secrets().await;
        Ok(())
    }

    /// At most two runs in which nothing goes wrong bring the account to what the program says.
    pub(crate) async fn settle(&mut self, program: &Graph) -> Result<Settled, String> {
        self.expect_snapshots(program);
        let mut left = String::new();
        for run in 1..=RUNS {
            match self.attempt(program, &Weather::fine()).await? {
                Ended::Done(_, report) if report.is_complete() => {
                    self.check_settled(program).await.map_err(|problem| format!("after run {run}: {problem}"))?;
                    return Ok(Settled::Equal);
                }
                Ended::Done(_, report) => {
                    if refused::is_out_of_reach(&report) {
                        return Ok(Settled::OutOfReach);
                    }
                    left = format!("{:#?}\n{:?}", report.failures, report.skipped);
                }
                Ended::Refused(PlanError::Impossible(findings)) => {
                    refused::check(&self.state().await, program, &findings)?;
                    return Ok(Settled::OutOfReach);
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
        self.suffer(&Graph::empty("test"), weather).await?;
        match self.settle(&Graph::empty("test")).await? {
            Settled::Equal => {}
            Settled::OutOfReach => return Err("a stack can always be destroyed".to_owned()),
        }
        let left: Vec<_> = self.emulator.inventory().into_iter().filter(|item| item.kind != "Snapshot").collect();
        if left.is_empty() { Ok(()) } else { Err(format!("after the end there is {left:?}")) }
    }

    /// Nothing that is secret was written or shown.
    pub(crate) fn check_secrets(&self) -> Result<(), String> {
        let texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = self.emulator.contents().to_string();
        for text in texts.iter().chain(&self.disk.texts()).chain([&contents]) {
            if let Some(secret) = self.secrets.iter().find(|secret| text.contains(secret.as_str())) {
                return Err(format!("the secret {secret} is in {text}"));
            }
        }
        Ok(())
    }

    /// The program is reached: a plan finds nothing to do, an apply does nothing, and the account says so.
    async fn check_settled(&mut self, program: &Graph) -> Result<(), String> {
        let before = (self.emulator.writes(), self.disk.writes());
        let Ended::Done(plan, report) = self.attempt(program, &Weather::fine()).await? else {
            return Err("there is no plan any more".to_owned());
        };
        if plan.has_changes() || !plan.drift.is_empty() {
            return Err(format!("a plan still finds {:?}\n{}", plan.drift, palisade_cli::plan_text(&plan)));
        }
        let after = (self.emulator.writes(), self.disk.writes());
        if before != after || !report.is_complete() {
            return Err(format!("an apply of nothing made {:?}", self.emulator.calls()));
        }
        // What was accepted and cannot be read back comes to be by itself.
        tokio::time::sleep(REST).await;
        self.check_values(program).await?;
        judge::equals(&self.emulator, &self.state().await, program, &self.snapshots)
    }

    /// The secrets have the values that were supplied.
    async fn check_values(&mut self, program: &Graph) -> Result<(), String> {
        self.learn_secrets().await;
        for node in program.nodes().filter(|node| node.address.kind() == "Secret") {
            let address = &node.address;
            let value =
                self.state().await.attribute(address, "value").ok_or_else(|| format!("{address} has no value"))?;
            let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
            let secret_id = Id::reported(text("secret")).map_err(|error| error.to_string())?;
            let call = GetSecretValue { secret_id, version_id: text("version") };
            let found = self.aws.call(call).await.map_err(|error| format!("{address}: {error}"))?.value;
            let variable = node.json("source").and_then(|source| source["supplied"]["variable"].as_str());
            if variable.is_some_and(|variable| found.expose_secret() != canary(variable)) {
                return Err(format!("{address} has another value than was supplied"));
            }
        }
        Ok(())
    }

    /// One plan and one apply.
    async fn attempt(&self, graph: &Graph, weather: &Weather) -> Result<Ended, String> {
        self.let_go_wrong(weather);
        let ended = self.run(graph, weather).await;
        self.let_go_wrong(&Weather::fine());
        let ended = ended?;
        match self.watch.take_wrong().as_slice() {
            [] => Ok(ended),
            wrong => Err(wrong.join("\n")),
        }
    }

    fn let_go_wrong(&self, weather: &Weather) {
        self.emulator.clear_faults();
        for (nth, fault) in &weather.faults {
            self.emulator.inject(*nth, *fault);
        }
        for (first, count, fault) in &weather.reads {
            for nth in *first..first + count {
                self.emulator.inject_read(nth, *fault);
            }
        }
        self.emulator.slow_down(weather.slowness);
        self.disk.kill_at(match weather.end {
            End::KilledAtWrite { nth, part } => Some((nth, part)),
            _ => None,
        });
    }

    async fn run(&self, graph: &Graph, weather: &Weather) -> Result<Ended, String> {
        let state = self.state().await;
        let provider = AwsProvider::new(Aws::new(self.watch.clone(), Arc::new(Canaries)));
        let plan = match palisade_engine::plan(&provider, graph, &state).await {
            Ok(plan) => plan,
            Err(error) => {
                self.see(format!("{error:?} {error}"));
                return Ok(Ended::Refused(error));
            }
        };
        self.see(palisade_cli::plan_text(&plan));
        self.see(format!("{plan:?}"));
        let (stop, stopped) = watch::channel(false);
        let options = ApplyOptions {
            fail_fast: weather.fail_fast,
            parallelism: weather.parallelism.try_into().map_err(|_| "no call may be made".to_owned())?,
            stop: stopped,
            ..ApplyOptions::default()
        };
        let mut listener = |event: Event| self.see(format!("{event:?}"));
        // What a process knows, and what it holds, ends with it.
        let store = self.disk.store();
        let writer = store.lock("apply", &mut |_| {}).await.map_err(|error| error.to_string())?;
        let writer = DiskWriter { disk: &self.disk, writer };
        let apply = palisade_engine::apply(&provider, &writer, state, graph, &plan, &options, &mut listener);
        let mut apply = pin!(apply);
        let mut polls = 0;
        let mut stopped_at = None;
        let apply = poll_fn(|context| {
            polls += 1;
            match weather.end {
                End::KilledAtAwait(at) if polls >= at => return Poll::Ready(None),
                End::StoppedAtAwait(at) if polls == at => {
                    stopped_at = Some(tokio::time::Instant::now());
                    // It may be at its end.
                    _ = stop.send(true);
                }
                _ => {}
            }
            match catch_unwind(AssertUnwindSafe(|| apply.as_mut().poll(context))) {
                Ok(poll) => poll.map(Some),
                Err(reason) if reason.is::<Killed>() => Poll::Ready(None),
                Err(reason) => resume_unwind(reason),
            }
        });
        let result = timeout(FOR_EVER, apply).await;
        if let Some(at) = stopped_at
            && at.elapsed() > STOPPED
        {
            return Err(format!("a stopped run goes on for {:?}", at.elapsed()));
        }
        match result {
            Ok(Some(Ok(report))) => {
                self.see(format!("{report:?}"));
                Ok(Ended::Done(Box::new(plan.clone()), Box::new(report)))
            }
            Ok(Some(Err(error))) => {
                self.see(format!("{error:?} {error}"));
                Ok(Ended::Failed(error))
            }
            Ok(None) => Ok(Ended::Killed),
            // Somebody kills it in the end.
            Err(_) if weather.faults.iter().any(|(_, fault)| *fault == Fault::NoAnswer) => Ok(Ended::Killed),
            Err(_) => Err(format!(
                "the apply never ends after {:?}",
                self.emulator.calls().iter().rev().take(5).collect::<Vec<_>>()
            )),
        }
    }

    async fn state(&self) -> State {
        let saved = self.disk.store().load().await.unwrap_or_else(|error| panic!("the state is lost: {error}"));
        saved.unwrap_or_else(|| State::new("test", "0123456789abcdef0123456789abcdef"))
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

/// What a killed process unwinds with.
struct Killed;

/// The disk: what was written stays, whatever becomes of the process.
struct Disk {
    folder: tempfile::TempDir,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    writes: u32,
    /// The write at which the process is killed, and how many of 255 parts of it come to be.
    kill_at: Option<(u32, u8)>,
}

impl Disk {
    fn new() -> Self {
        // In memory, where there is such a place: what a disk does when its power is lost is not what is tested.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("there is a place for temporary files");
        Self { folder, inner: Mutex::default() }
    }

    /// The store, as a new process opens it.
    fn store(&self) -> LocalStore {
        LocalStore::new(self.folder.path(), "test")
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writes(&self) -> u32 {
        self.inner().writes
    }

    /// Begins a process, which is killed at its n-th write.
    fn kill_at(&self, moment: Option<(u32, u8)>) {
        let mut inner = self.inner();
        inner.kill_at = moment.map(|(nth, part)| (inner.writes + nth, part));
    }

    /// The files, as far as they are texts.
    fn texts(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).expect("the disk does not fail");
        files
            .map(|file| std::fs::read_to_string(file.expect("the disk does not fail").path()).expect("state is text"))
            .collect()
    }

    /// The journal, and how long it is.
    fn journal(&self) -> (PathBuf, u64) {
        let path = self.folder.path().join("test.state.journal");
        let length = path.metadata().map_or(0, |file| file.len());
        (path, length)
    }

    /// Counts a write, and says how much of it comes to be, if the process is killed at it.
    fn count(&self) -> Option<u8> {
        let mut inner = self.inner();
        inner.writes += 1;
        inner.kill_at.filter(|(at, _)| *at == inner.writes).map(|(_, part)| part)
    }

    /// Ends the process. Not by a panic, since nobody is to be told.
    fn kill(&self) -> ! {
        resume_unwind(Box::new(Killed))
    }
}

/// What writes to the disk, until the process is killed.
struct DiskWriter<'a> {
    disk: &'a Disk,
    writer: Box<dyn Writer + 'a>,
}

impl Writer for DiskWriter<'_> {
    fn begin<'a>(&'a self, continued: &'a Identity) -> BoxFuture<'a, Result<(), StateError>> {
        self.writer.begin(continued)
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let killed = self.disk.count();
            let (_, before) = self.disk.journal();
            self.writer.append(records).await?;
            let Some(part) = killed else { return Ok(()) };
            let (path, after) = self.disk.journal();
            // A journal gets its name with its first entry whole, and then grows byte by byte.
            if before > 0 && after > before {
                let kept = before + (after - before) * u64::from(part) / 255;
                let file = std::fs::OpenOptions::new().write(true).open(path);
                file.and_then(|file| file.set_len(kept)).expect("the disk does not fail");
            }
            self.disk.kill()
        })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        Box::pin(async {
            let killed = self.disk.count();
            // A snapshot is there as a whole, or not at all.
            if killed.is_none_or(|part| part >= 128) {
                self.writer.replace(state).await?;
            }
            if killed.is_some() { self.disk.kill() } else { Ok(()) }
        })
    }

    fn path(&self) -> PathBuf {
        self.writer.path()
    }

    fn hold(&self) -> Arc<dyn Hold> {
        self.writer.hold()
    }

    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a,
    {
        self.writer.release()
    }
}
