//! [`Account`]: a cloud account in memory, which remembers every object and refuses what a cloud refuses.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use palisade_core::{
    Json, JsonMap, OnChange, Schema,
    provider::{
        BoxFuture, CreateError, ErrorKind, Look, Object, Observation, Provider, ProviderError, Repeated, Search, Token,
        Turn, Untracked, UntrackedObject, interrupted,
    },
};
use palisade_engine::{Entry, Hold, Lock, ObjectState, Record, State, StateError, Store, Writer};
use tokio::time::Instant;

use crate::kinds::{REFERENCES, schema_of};

/// The account, and the store of the stack in it: the two share the moments at which a crash can happen.
#[derive(Debug, Default)]
pub(crate) struct Account(Mutex<Inner>);

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) world: World,
    /// The state that is on disk.
    pub(crate) saved: Option<State>,
    /// All pairs of state on disk and world that there were, in order.
    pub(crate) moments: Vec<Moment>,
    /// What the account had to refuse.
    pub(crate) violations: Vec<String>,
    /// The ids of the objects that were claimed, each with the digest of the token.
    pub(crate) claimed: Vec<(String, String)>,
    /// How many of these claims came after the state on disk had the id.
    pub(crate) recorded_claims: usize,
    /// The inputs that were said to be applied last, for each object that was brought to some.
    pub(crate) previous: Vec<Option<JsonMap>>,
    /// What was said at each deletion.
    pub(crate) farewells: Vec<Json>,
    /// The calls so far, as in "delete Net.net-1".
    pub(crate) calls: Vec<String>,
    /// When each of them started.
    pub(crate) started: Vec<Instant>,
    /// How long each call takes beside what makes the calls differ.
    pub(crate) pace: Duration,
    /// Whether the lock of the stack is lost.
    pub(crate) is_lost: Arc<AtomicBool>,
    /// Whether a run has ended without the answer to a call.
    pub(crate) is_unanswered: Arc<AtomicBool>,
    pub(crate) saves: usize,
    pub(crate) fault: Option<Fault>,
    /// For how long an object is hidden from those who look for it.
    pub(crate) lag: Duration,
    /// Whether a network that is created again with the same token is the same.
    pub(crate) has_client_tokens: bool,
    /// The number of the save that fails.
    pub(crate) failing_save: Option<usize>,
    /// What becomes of the search for objects that a state does not have. In any case, what was searched for is written down.
    pub(crate) search: Answer,
    pub(crate) searches: Vec<Search>,
    /// How often a step has waited until descriptions show what was sent.
    pub(crate) waits: usize,
    /// How many calls there were when it failed.
    pub(crate) calls_before_failure: Option<usize>,
}

/// What becomes of a search.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Answer {
    /// It takes no time, and is no call, so that tests which count calls are about the steps alone.
    #[default]
    AtOnce,
    /// It is a call.
    ByCall,
    /// It is never answered.
    Never,
}

/// The state on disk, the world, and when it was so.
pub(crate) type Moment = (Option<State>, World, Instant);

/// The objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<(String, String), Thing>,
    next: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Thing {
    pub(crate) fields: JsonMap,
    token: String,
    seen_from: Instant,
}

/// For how long the account can hide an object.
pub(crate) const HIDDEN: Duration = Duration::from_secs(300);

/// For how long the account can describe an object as it was before a change.
pub(crate) const STALE: Duration = Duration::from_secs(60);

/// A call that fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The number of the call, from zero.
    pub(crate) call: usize,
    /// Whether it has its effect all the same.
    pub(crate) after_effect: bool,
    pub(crate) kind: ErrorKind,
}

impl Account {
    pub(crate) fn of(world: World, saved: Option<State>) -> Self {
        Self(Mutex::new(Inner { world, saved, ..Inner::default() }))
    }

    /// The account and the state as they were at a moment, as if it were now.
    pub(crate) fn again((saved, world, at): &Moment) -> Self {
        let mut world = world.clone();
        for thing in world.objects.values_mut() {
            thing.seen_from += at.elapsed();
        }
        Self::of(world, saved.clone())
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Makes the call fail that has `number` others before it, from now on.
    pub(crate) fn fail(&self, number: usize, kind: ErrorKind, after_effect: bool) {
        let mut inner = self.lock();
        let call = inner.calls.len() + number;
        inner.fault = Some(Fault { call, after_effect, kind });
    }

    /// Makes a call: it takes a while, it may fail, and its effect may be refused.
    async fn call<T>(
        &self,
        turn: &Arc<dyn Turn>,
        name: String,
        effect: impl FnOnce(&mut Inner) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let _slot = turn.slot().await?;
        let (number, pace) = {
            let mut inner = self.lock();
            inner.calls.push(name);
            inner.started.push(Instant::now());
            (inner.calls.len() - 1, inner.pace)
        };
        tokio::time::sleep(pace + Duration::from_millis(number as u64 * 7 % 5)).await;
        let fault = self.lock().fault.filter(|fault| fault.call == number);
        let result = match fault {
            Some(Fault { after_effect: false, kind, .. }) => Err(error(kind, "it failed")),
            _ => {
                let mut inner = self.lock();
                let before = inner.world.clone();
                let result = effect(&mut inner);
                if inner.world != before {
                    inner.note_moment();
                }
                result
            }
        };
        tokio::time::sleep(Duration::from_millis(number as u64 * 3 % 4)).await;
        match fault {
            Some(Fault { after_effect: true, .. }) => result.and(Err(error(ErrorKind::Service, "no answer"))),
            _ => result,
        }
    }
}

impl Inner {
    fn note_moment(&mut self) {
        self.moments.push((self.saved.clone(), self.world.clone(), Instant::now()));
    }

    fn refuse<T>(&mut self, message: String) -> Result<T, ProviderError> {
        self.violations.push(message.clone());
        Err(error(ErrorKind::Invalid, &message))
    }
}

impl Inner {
    /// A write, which fails if it is the one that is to fail.
    fn save(&mut self, change: impl FnOnce(&mut Option<State>)) -> Result<(), StateError> {
        self.saves += 1;
        if self.failing_save == Some(self.saves) {
            self.calls_before_failure = Some(self.calls.len());
            let error = std::io::Error::other("the disk is full");
            return Err(StateError::Io { action: "write", path: "state".into(), error });
        }
        change(&mut self.saved);
        self.note_moment();
        Ok(())
    }
}

/// What is kept here is locked by nobody else.
impl Store for Account {
    fn load(&self) -> BoxFuture<'_, Result<Option<State>, StateError>> {
        Box::pin(async { Ok(self.lock().saved.clone()) })
    }

    fn acquire<'a: 'w, 'w>(
        &'a self,
        _holder: &'w str,
        _wait: &'w mut (dyn FnMut(&str) + Send),
    ) -> BoxFuture<'w, Result<Box<dyn Writer + 'a>, StateError>> {
        Box::pin(async move { Ok(Box::new(self) as Box<dyn Writer>) })
    }
}

impl Account {
    /// The lock of the state that is kept here.
    pub(crate) async fn held(&self) -> Lock<'_> {
        Store::lock(self, "a test", &mut |_| {}).await.unwrap()
    }
}

impl Writer for &Account {
    fn begin<'a>(&'a self, continued: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        let kept = self.lock().saved.as_ref().map_or(0, |state| state.serial);
        assert_eq!(kept, continued.serial);
        Box::pin(async { Ok(()) })
    }

    fn append<'a>(&'a self, records: &'a [Record]) -> BoxFuture<'a, Result<(), StateError>> {
        let append = move |saved: &mut Option<State>| {
            let saved = saved.as_mut().unwrap();
            // What is read back is what was written.
            let text = serde_json::to_string(records).unwrap();
            for record in serde_json::from_str::<Vec<Record>>(&text).unwrap() {
                assert_eq!(record.serial, saved.serial + 1);
                saved.apply(&record.change);
            }
        };
        Box::pin(async move { self.lock().save(append) })
    }

    fn replace<'a>(&'a self, state: &'a State) -> BoxFuture<'a, Result<(), StateError>> {
        let replace = move |saved: &mut Option<State>| {
            let text = serde_json::to_string(state).unwrap();
            *saved = Some(serde_json::from_str(&text).unwrap());
            assert_eq!(saved.as_ref(), Some(state));
        };
        Box::pin(async move { self.lock().save(replace) })
    }

    fn path(&self) -> PathBuf {
        "state".into()
    }

    fn hold(&self) -> Arc<dyn Hold> {
        struct Flags {
            is_lost: Arc<AtomicBool>,
            is_unanswered: Arc<AtomicBool>,
        }
        impl Hold for Flags {
            fn check(&self) -> Result<(), StateError> {
                if self.is_lost.load(Ordering::Relaxed) { Err(lost()) } else { Ok(()) }
            }

            fn leave_unanswered(&self) {
                self.is_unanswered.store(true, Ordering::Relaxed);
            }
        }
        let inner = self.lock();
        Arc::new(Flags { is_lost: Arc::clone(&inner.is_lost), is_unanswered: Arc::clone(&inner.is_unanswered) })
    }

    fn release<'a>(self: Box<Self>) -> BoxFuture<'a, Result<(), StateError>>
    where
        Self: 'a,
    {
        Box::pin(async { Ok(()) })
    }
}

/// The error of a lock that is lost.
fn lost() -> StateError {
    StateError::LeaseLost { stack: "test".to_owned(), detail: "somebody took it away".to_owned() }
}

impl Provider for Account {
    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        schema_of(kind)
    }

    fn repeated(&self, kind: &str) -> Repeated {
        match kind {
            "Net" if self.lock().has_client_tokens => Repeated::AnswersTheSame,
            "Net" => Repeated::MakesAnother,
            _ => Repeated::IsRefused,
        }
    }

    fn read<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        let read = |inner: &mut Inner| {
            let thing = |id| inner.world.thing(kind, id).filter(|thing| thing.is_seen());
            let each = objects.iter().map(|object| Some(thing(object.id)?.observation(kind, object.id)));
            Ok(each.collect())
        };
        Box::pin(self.call(turn, format!("read {} {kind}", objects.len()), read))
    }

    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        let create = move |inner: &mut Inner| {
            let fields: JsonMap =
                only(kind, inputs, |on_change| kind == "Rule" || !matches!(on_change, OnChange::Update));
            if let Some(missing) = inner.world.missing(&fields) {
                return inner.refuse(format!("create {kind} with {missing}, which does not exist"));
            }
            let of_token = inner.world.find(kind, token).map(|(id, _)| id.clone());
            match of_token {
                Some(id) if kind == "Net" && inner.has_client_tokens => return Ok(id),
                Some(_) if kind != "Net" => return Err(error(ErrorKind::AlreadyExists, "the name is taken")),
                _ => {}
            }
            inner.world.next += 1;
            let id = match inputs.get("name").and_then(Json::as_str) {
                Some(name) => name.to_owned(),
                None => format!("{}-{}", kind.to_lowercase(), inner.world.next),
            };
            let key = (kind.to_owned(), id.clone());
            if inner.world.objects.contains_key(&key) {
                return inner.refuse(format!("create a second {kind} {id}"));
            }
            if let Some(rival) = inner.world.rival(kind, &id, inputs) {
                return inner.refuse(format!("create {kind} {id} beside {rival}"));
            }
            let seen_from = Instant::now() + inner.lag;
            inner.world.objects.insert(key, Thing { fields, token: token.digest.clone(), seen_from });
            Ok(id)
        };
        Box::pin(async move { Ok(self.call(turn, format!("create {}", token.resource), create).await?) })
    }

    fn find<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        _inputs: &'a JsonMap,
        token: &'a Token,
        look: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>> {
        let find = move |inner: &mut Inner| {
            let found = inner.world.find(kind, token).filter(|(_, thing)| thing.is_seen());
            Ok(found.map(|(id, _)| id.clone()))
        };
        Box::pin(async move {
            let start = Instant::now();
            loop {
                let found = self.call(turn, format!("find {}", token.resource), find).await?;
                if found.is_some() || look == Look::Once || start.elapsed() >= HIDDEN {
                    return Ok(found);
                }
                tokio::time::sleep(HIDDEN).await;
            }
        })
    }

    fn untracked<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        search: &'a Search,
    ) -> BoxFuture<'a, Result<Untracked, ProviderError>> {
        let look = |inner: &mut Inner| {
            inner.searches.push(search.clone());
            let things = inner.world.objects.iter().filter(|(_, thing)| thing.is_seen());
            let missed = things.filter(|(_, thing)| search.misses("test", &thing.token));
            let object =
                |((kind, id), _): (&(String, String), _)| UntrackedObject { resource: kind.clone(), id: id.clone() };
            Ok(Untracked { objects: missed.map(object).collect(), release: Vec::new() })
        };
        Box::pin(async move {
            let answer = self.lock().search;
            match answer {
                Answer::AtOnce => look(&mut self.lock()),
                Answer::ByCall => self.call(turn, "search".to_owned(), look).await,
                Answer::Never => std::future::pending().await,
            }
        })
    }

    fn catch_up<'a>(&'a self, _turn: &'a Arc<dyn Turn>) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.lock().waits += 1;
        Box::pin(async {
            tokio::time::sleep(STALE).await;
            Ok(())
        })
    }

    fn claim<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        id: &'a str,
        _inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let mut inner = self.lock();
        let is_claimed = |object: &ObjectState| object.id.as_deref() == Some(id);
        let objects = inner.saved.iter().flat_map(|saved| saved.resources.values()).flat_map(Entry::objects);
        let is_recorded = { objects }.any(is_claimed);
        inner.recorded_claims += usize::from(is_recorded);
        inner.claimed.push((id.to_owned(), token.digest.clone()));
        Box::pin(async { Ok(()) })
    }

    fn converge<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.lock().previous.push(previous.cloned());
        let converge = move |inner: &mut Inner| {
            if let Some(missing) = inner.world.missing(inputs) {
                return inner.refuse(format!("bring {kind} {id} to {missing}, which does not exist"));
            }
            if let Some(rival) = inner.world.rival(kind, id, inputs) {
                return inner.refuse(format!("change {kind} {id} beside {rival}"));
            }
            let Some(thing) = inner.world.objects.get_mut(&(kind.to_owned(), id.to_owned())) else {
                return inner.refuse(format!("bring {kind} {id}, which does not exist, to its inputs"));
            };
            let fixed = |fields| only(kind, fields, |on_change| matches!(on_change, OnChange::Replace));
            if fixed(&thing.fields) != fixed(inputs) {
                return inner.refuse(format!("change what cannot be changed of {kind} {id}"));
            }
            thing.fields = only(kind, inputs, |_| true);
            Ok(())
        };
        Box::pin(async move {
            let seen_from = self.lock().world.thing(kind, id).map(|thing| thing.seen_from);
            if let Some(seen_from) = seen_from {
                tokio::time::sleep_until(seen_from).await;
            }
            self.call(turn, format!("converge {kind}.{id}"), converge).await?;
            // The change has been accepted, and takes its time.
            tokio::select! {
                biased;
                () = turn.stopped() => Err(interrupted()),
                () = tokio::time::sleep(Duration::from_millis(id.len() as u64 % 3)) => Ok(()),
            }
        })
    }

    fn delete<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        let id = object.id;
        let delete = move |inner: &mut Inner| {
            let holder =
                inner.world.objects.iter().find(|(key, thing)| thing.holds(&key.0, id)).map(|(key, _)| key.clone());
            if let Some(holder) = holder {
                return inner.refuse(format!("delete {kind} {id}, which {holder:?} refers to"));
            }
            if inner.world.thing(kind, id).is_some_and(|thing| !thing.is_seen()) {
                return inner.refuse(format!("delete {kind} {id}, which cannot be seen"));
            }
            inner.world.objects.remove(&(kind.to_owned(), id.to_owned()));
            inner.farewells.extend(object.inputs.get("farewell").cloned());
            for thing in inner.world.objects.values_mut() {
                if let Some(Json::Array(users)) = thing.fields.get_mut("users") {
                    users.retain(|user| user != id);
                }
            }
            Ok(())
        };
        Box::pin(self.call(turn, format!("delete {kind}.{id}"), delete))
    }
}

impl World {
    fn find(&self, kind: &str, token: &Token) -> Option<(&String, &Thing)> {
        let mut objects = self.objects.iter();
        let found = objects.find(|((of, _), thing)| of == kind && thing.token == token.digest);
        found.map(|((_, id), thing)| (id, thing))
    }

    pub(crate) fn thing(&self, kind: &str, id: &str) -> Option<&Thing> {
        self.objects.get(&(kind.to_owned(), id.to_owned()))
    }

    /// An object that cannot exist beside one with these fields.
    fn rival(&self, kind: &str, id: &str, fields: &JsonMap) -> Option<&str> {
        let others = self.objects.iter().filter(|((of, other), _)| of == kind && other != id);
        let text = |fields: &JsonMap, field: &str| Some(fields.get(field)?.as_str()?.to_owned());
        let clashes = |other: &JsonMap| match kind {
            "Rule" => text(other, "peer") == text(fields, "peer"),
            "Server" => text(other, "name").zip(text(fields, "name")).is_some_and(|(one, two)| one[..1] == two[..1]),
            _ => false,
        };
        { others }.find(|(_, thing)| clashes(&thing.fields)).map(|((_, id), _)| id.as_str())
    }

    /// A reference in `fields` to what does not exist.
    fn missing(&self, fields: &JsonMap) -> Option<String> {
        let targets = REFERENCES.iter().filter_map(|field| fields.get(*field)).flat_map(targets);
        targets.into_iter().find(|target| !self.objects.keys().any(|(_, id)| id == target)).map(str::to_owned)
    }
}

impl Thing {
    /// The digest of what it was created by.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Hides it, as a change can that gives it another id.
    pub(crate) fn hide(&mut self, hidden: Duration) {
        self.seen_from = Instant::now() + hidden;
    }

    fn is_seen(&self) -> bool {
        self.seen_from <= Instant::now()
    }

    fn observation(&self, kind: &str, id: &str) -> Observation {
        // What can be read and is not set is null. What is absent cannot be read.
        let readable = schema_of(kind).unwrap().fields.iter().map(|field| field.name).filter(|name| *name != "secret");
        let read = |name: &str| (name.to_owned(), self.fields.get(name).cloned().unwrap_or_default());
        let mut fields: JsonMap = readable.map(read).collect();
        if let Some(Json::String(access)) = fields.get_mut("access") {
            *access = access.to_uppercase();
        }
        let tag = self.fields.get("tag").and_then(Json::as_str).unwrap_or_default();
        let route = format!("{id}:{tag}").into();
        Observation { fields, attributes: JsonMap::from_iter([("route".to_owned(), route)]) }
    }

    /// Whether the object refers to `id` in a way that keeps it from being deleted.
    fn holds(&self, kind: &str, id: &str) -> bool {
        let fields = schema_of(kind).unwrap().fields.iter().filter(|field| !field.released);
        let references = fields.filter(|field| REFERENCES.contains(&field.name));
        references.filter_map(|field| self.fields.get(field.name)).flat_map(targets).any(|target| target == id)
    }
}

/// The ids that a value refers to; a route names its network before the colon.
fn targets(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => vec![text.split(':').next().unwrap()],
        Json::Array(items) => items.iter().flat_map(targets).collect(),
        _ => Vec::new(),
    }
}

/// The fields of the kind that are set, and whose change does what `is_wanted` says.
fn only(kind: &str, fields: &JsonMap, is_wanted: impl Fn(OnChange) -> bool) -> JsonMap {
    let schema = schema_of(kind).unwrap().fields.iter().filter(|field| is_wanted(field.on_change));
    schema.filter_map(|field| Some((field.name.to_owned(), fields.get(field.name)?.clone()))).collect()
}

fn error(kind: ErrorKind, message: &str) -> ProviderError {
    let (operation, code, help) = (String::new(), String::new(), String::new());
    ProviderError { kind, operation, code, message: message.to_owned(), help }
}
