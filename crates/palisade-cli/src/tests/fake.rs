//! A cloud with two kinds of object: the `Thing`, and the `Diary`, which holds data.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use palisade_core::{
    Address, AttributeSchema, Control, Data, Declaration, Declare, FieldSchema, Graph, Hold, Input, IntoInput, Json,
    JsonMap, OnChange, Output, Reference, Resource, Risk, Rule, Schema, Stack, Violation,
    calls::{CallCount, Count, Work},
    provider::{
        BoxFuture, CreateError, ErrorKind, Look, Object, Observation, Provider, ProviderError, Search, StepKind, Token,
        Turn, Untracked,
    },
};
use palisade_engine::{Condition, MemoryObjects, Object as Kept, Objects, ObjectsError, Put};
use serde_json::json;

use crate::{Cloud, ConnectError, Connection, S3Location, Settings, exit_code, signals::Interrupts};

const fn field(name: &'static str, on_change: OnChange) -> FieldSchema {
    FieldSchema { default: Some(|| Json::Null), terraform_name: Some(name), ..FieldSchema::new(name, on_change) }
}

const RULES: &[Rule] = &[
    Rule {
        id: "thing-of-matter",
        title: "the thing is made of matter",
        why: "what is not cannot be touched",
        controls: &[],
        hold: Hold::Compile("no thing is made of anything else"),
    },
    Rule {
        id: "thing-discreet",
        title: "the thing keeps quiet",
        why: "walls have ears",
        controls: &[Control::fsbp("Thing.1"), Control::cis("1.2"), Control::checkov("CKV_THING_1")],
        hold: Hold::Risk {
            path: "Thing::LOUD",
            check: |node, _| {
                (node.text("text") == Some("loud")).then(|| Violation::new("the thing is loud", "choose another text"))
            },
        },
    },
];

static SCHEMA: Schema = Schema {
    id_prefix: "thing-",
    attributes: &[AttributeSchema { name: "endpoint", doc: "", changes_with: &[], terraform_name: Some("endpoint") }],
    terraform_type: "fake_thing",
    rules: RULES,
    ..Schema::new("Thing", &[field("parent", OnChange::Replace), field("text", OnChange::Update)])
};

/// A diary, whose pages are lost with it, unless its text says that there is a copy.
static DIARY: Schema = Schema {
    id_prefix: "thing-",
    terraform_type: "fake_diary",
    data: Some(|inputs| {
        let text = |field: &str| inputs.get(field).and_then(Json::as_str).unwrap_or_default();
        if text("text") == "copied" {
            let fate = format!("the pages of `{}` can be recovered for 30 days", text("title"));
            return Data { fate, needs_consent: false };
        }
        Data { fate: format!("all pages of `{}` will be lost", text("title")), needs_consent: true }
    }),
    ..Schema::new(
        "Diary",
        &[
            FieldSchema { identity: true, ..field("title", OnChange::Replace) },
            field("parent", OnChange::Replace),
            field("text", OnChange::Update),
        ],
    )
};

/// The one kind of object without data. The creation of one takes five minutes, and fails if its text is `boom`.
#[derive(serde::Deserialize, serde::Serialize)]
pub(crate) struct Thing;

impl Resource for Thing {
    type Attributes = ();
    type Fields<'a> = ();
    const SCHEMA: &'static Schema = &SCHEMA;
}

impl Thing {
    pub(crate) const LOUD: Risk<Self> = Risk::new(&RULES[1]);
}

/// The kind of object that holds data.
#[derive(serde::Deserialize, serde::Serialize)]
pub(crate) struct Diary;

impl Resource for Diary {
    type Attributes = ();
    type Fields<'a> = ();
    const SCHEMA: &'static Schema = &DIARY;
}

/// A declaration of a [`Thing`], or of a [`Diary`].
pub(crate) struct Builder<R>(Declaration, PhantomData<R>);

pub(crate) fn thing() -> Builder<Thing> {
    Builder(Declaration::new(&SCHEMA), PhantomData)
}

pub(crate) fn diary(title: &str) -> Builder<Diary> {
    Builder(Declaration::new(&DIARY), PhantomData).set("title", title)
}

impl<R> Builder<R> {
    pub(crate) fn set(mut self, field: &'static str, value: impl IntoInput<String>) -> Self {
        let value: Input<String> = value.into_input();
        self.0.set(field, value);
        self
    }
}

impl<R: Resource> Declare for Builder<R> {
    type Resource = R;
    type Brand = ();

    fn declare(self) -> Declaration {
        self.0
    }
}

/// A reference to an attribute of the thing `name`.
pub(crate) fn reference(name: &str, attribute: &str) -> Output<String> {
    Output::new(Reference { address: Address::new("Thing", name), attribute: attribute.to_owned() })
}

pub(crate) fn graph(declare: impl FnOnce(&mut Stack)) -> Graph {
    let mut stack = Stack::new("test");
    declare(&mut stack);
    Graph::new(&stack)
}

/// The things that exist, by id, and the region that a command works in. Clones are the same account.
#[derive(Clone, Default)]
pub(crate) struct Account(Arc<Mutex<Things>>, String);

#[derive(Default)]
struct Things {
    objects: BTreeMap<String, JsonMap>,
    made: usize,
    /// Texts that are refused for now.
    refused: BTreeSet<String>,
    /// What the buckets hold.
    buckets: Arc<MemoryObjects>,
    /// What is answered to the search for things that a state does not have.
    untracked: Option<Result<Untracked, ProviderError>>,
    /// The call during which an interrupt comes.
    interrupted: Option<(&'static str, Interrupts)>,
    /// The call during which a file is removed.
    removed: Option<(&'static str, PathBuf)>,
    /// The command in which the buckets do not answer any more once it is interrupted.
    silenced: Option<Interrupts>,
}

impl Account {
    /// How many things there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().objects.len()
    }

    /// What the buckets hold: they are one, as there is one test in each account.
    pub(crate) fn buckets(&self) -> Arc<MemoryObjects> {
        Arc::clone(&self.0.lock().unwrap().buckets)
    }

    /// Lets the creation of a thing with this text fail, or no longer.
    pub(crate) fn refuse(&self, text: &str, is_refused: bool) {
        let refused = &mut self.0.lock().unwrap().refused;
        _ = if is_refused { refused.insert(text.to_owned()) } else { refused.remove(text) };
    }

    /// Answers the search for things that a state does not have.
    pub(crate) fn find_untracked(&self, answer: Result<Untracked, ProviderError>) {
        self.0.lock().unwrap().untracked = Some(answer);
    }

    /// Lets an interrupt come during a call, which has no answer.
    pub(crate) fn interrupt_at(&self, operation: &'static str, interrupts: &Interrupts) {
        self.0.lock().unwrap().interrupted = Some((operation, interrupts.clone()));
    }

    /// Interrupts the command if it is to be by now. Tells whether it is.
    fn interrupts(&self, operation: &str) -> bool {
        let interrupted = self.0.lock().unwrap().interrupted.take_if(|(during, _)| *during == operation);
        interrupted.is_some_and(|(_, interrupts)| interrupts.interrupt(exit_code::INTERRUPTED))
    }

    /// Lets somebody remove a file during a call.
    pub(crate) fn remove_at(&self, operation: &'static str, file: PathBuf) {
        self.0.lock().unwrap().removed = Some((operation, file));
    }

    /// Lets the buckets not answer any more once the command is interrupted.
    pub(crate) fn silence_after(&self, interrupts: &Interrupts) {
        self.0.lock().unwrap().silenced = Some(interrupts.clone());
    }

    /// Lets the buckets answer again.
    pub(crate) fn answer_again(&self) {
        self.0.lock().unwrap().silenced = None;
    }

    /// Waits forever if an interrupt comes during this call.
    async fn arrive(&self, operation: &str) {
        let removed = self.0.lock().unwrap().removed.take_if(|(during, _)| *during == operation);
        if let Some((_, file)) = removed {
            std::fs::remove_file(file).unwrap();
        }
        if self.interrupts(operation) {
            std::future::pending().await
        }
    }

    /// Does what somebody else does to the account.
    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&mut BTreeMap<String, JsonMap>) -> T) -> T {
        edit(&mut self.0.lock().unwrap().objects)
    }
}

impl Cloud for Account {
    fn paused_clock(&self) -> bool {
        true
    }

    fn default_region(&self) -> Option<&'static str> {
        Some("us-east-1")
    }

    fn objects<'a>(
        &'a self,
        _: &'a S3Location,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn Objects>, ConnectError>> {
        let silenced = self.0.lock().unwrap().silenced.clone();
        let buckets = Buckets { account: self.clone(), objects: self.buckets(), silenced };
        Box::pin(async move {
            self.arrive("objects").await;
            self.interrupts("lock");
            Ok(Arc::new(buckets) as Arc<dyn Objects>)
        })
    }

    fn policy(&self, kinds: &BTreeSet<&str>, _: Option<&S3Location>) -> palisade_core::Json {
        kinds.iter().map(|kind| palisade_core::Json::from(*kind)).collect()
    }

    fn calls(&self, work: Work<'_>) -> Vec<CallCount> {
        let call = |action, writes, count| CallCount { service: "fake", action, writes, count };
        match work {
            Work::Connect => vec![call("Hello", false, Count::Exactly(1))],
            Work::Read { objects, .. } => vec![call("DescribeThings", false, Count::Exactly(objects.min(1)))],
            Work::Search { created: [], deleted: [] } | Work::Obstacles { .. } => Vec::new(),
            Work::Search { .. } => vec![call("ListThings", false, Count::Exactly(1))],
            Work::Find { .. } => vec![call("DescribeThings", false, Count::AsNeeded)],
            Work::Step { step: StepKind::Create, .. } => {
                vec![call("CreateThing", true, Count::Exactly(1)), call("DescribeThings", false, Count::AsNeeded)]
            }
            Work::Step { step: StepKind::Update, fields, .. } => {
                let texts = fields.iter().filter(|(field, _)| *field == "text").count();
                vec![call("ModifyThing", true, Count::UpTo(texts))]
            }
            Work::Step { step: StepKind::Delete, .. } => vec![call("DeleteThing", true, Count::Exactly(1))],
        }
    }

    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>> {
        Box::pin(async {
            self.arrive("connect").await;
            let region = settings.region.as_deref().unwrap_or_default();
            if region == "nowhere-1" {
                return Err(ConnectError {
                    message: "there is no region `nowhere-1`".to_owned(),
                    help: "name one that exists with --region".to_owned(),
                });
            }
            Ok(Connection {
                provider: Arc::new(Self(Arc::clone(&self.0), region.to_owned())),
                account: "fake".to_owned(),
                description: format!("a fake account, region {region}"),
            })
        })
    }
}

/// Buckets that may not answer any more.
struct Buckets {
    account: Account,
    objects: Arc<MemoryObjects>,
    silenced: Option<Interrupts>,
}

impl Buckets {
    fn answer<'a, T: Send + 'a>(&self, answer: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        let is_silent = self.silenced.as_ref().is_some_and(|interrupts| interrupts.exit_code().is_some());
        if is_silent { Box::pin(std::future::pending()) } else { answer }
    }
}

impl Objects for Buckets {
    fn location(&self, key: &str) -> String {
        self.objects.location(key)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Kept>, ObjectsError>> {
        self.answer(self.objects.get(key))
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>> {
        self.answer(self.objects.put(key, bytes, condition))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>> {
        self.answer(self.objects.list(prefix))
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        let deleted = async {
            self.account.arrive("DeleteObject").await;
            self.objects.delete(key).await
        };
        self.answer(Box::pin(deleted))
    }
}

/// A cloud that is not the emulated account: it has no region of its own, and cannot be reached.
pub(crate) struct Elsewhere;

impl Cloud for Elsewhere {
    fn paused_clock(&self) -> bool {
        false
    }

    fn default_region(&self) -> Option<&'static str> {
        None
    }

    fn policy(&self, _: &BTreeSet<&str>, _: Option<&S3Location>) -> palisade_core::Json {
        palisade_core::Json::Null
    }

    fn calls(&self, _: Work<'_>) -> Vec<CallCount> {
        Vec::new()
    }

    fn connect<'a>(&'a self, settings: &'a Settings) -> BoxFuture<'a, Result<Connection, ConnectError>> {
        let region = settings.region.as_deref().unwrap_or("any region");
        let message = format!("no credentials for {region}");
        Box::pin(async { Err(ConnectError { message, help: "log in".to_owned() }) })
    }
}

impl Provider for Account {
    fn region(&self) -> Option<&str> {
        Some(&self.1)
    }

    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        [&SCHEMA, &DIARY].into_iter().find(|schema| schema.kind == kind)
    }

    fn read<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        let things = self.0.lock().unwrap();
        let read = |object: &Object<'_>| {
            let attributes = json!({ "endpoint": format!("{}.example", object.id) });
            let attributes = attributes.as_object().cloned().unwrap_or_default();
            things.objects.get(object.id).map(|fields| Observation { fields: fields.clone(), attributes })
        };
        let read = Ok(objects.iter().map(read).collect());
        Box::pin(async {
            self.arrive("DescribeThings").await;
            read
        })
    }

    fn create<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        inputs: &'a JsonMap,
        _token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        Box::pin(async {
            self.arrive("CreateThing").await;
            tokio::time::sleep(Duration::from_secs(300)).await;
            let is_refused = inputs["text"].as_str().is_some_and(|text| self.0.lock().unwrap().refused.contains(text));
            if is_refused || inputs["text"] == "boom" {
                return Err(ProviderError {
                    kind: ErrorKind::Invalid,
                    operation: "CreateThing".to_owned(),
                    code: "InvalidText".to_owned(),
                    message: "the text must not explode".to_owned(),
                    help: "write another text".to_owned(),
                }
                .into());
            }
            let mut things = self.0.lock().unwrap();
            things.made += 1;
            let id = format!("thing-{}", things.made);
            things.objects.insert(id.clone(), inputs.clone());
            Ok(id)
        })
    }

    fn find<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        _inputs: &'a JsonMap,
        _token: &'a Token,
        _look: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>> {
        Box::pin(async { Ok(None) })
    }

    fn untracked<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _search: &'a Search,
    ) -> BoxFuture<'a, Result<Untracked, ProviderError>> {
        let answer = self.0.lock().unwrap().untracked.clone().unwrap_or_else(|| Ok(Untracked::default()));
        Box::pin(async {
            self.arrive("ListThings").await;
            answer
        })
    }

    fn converge<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        _previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        self.edit(|objects| _ = objects.insert(id.to_owned(), inputs.clone()));
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async {
            self.arrive("DeleteThing").await;
            self.edit(|objects| _ = objects.remove(object.id));
            Ok(())
        })
    }
}
