//! How long plans of large stacks take, how much memory they need, and how both grow:
//! `cargo bench -p palisade-engine --bench stacks`.
//!
//! The account is in memory and answers at once, so that all that is measured is the engine. The figures inform: nothing
//! fails because of a duration.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures durations")]
#![expect(clippy::print_stdout, reason = "its figures are read on a terminal or in a log")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on measures nothing")]

use std::{collections::BTreeSet, process::Command, sync::Arc, time::Instant};

use futures_util::FutureExt;
use palisade_core::{
    Address, Declaration, Declare, Field, FieldSchema, Graph, Handle, IntoInput, Json, JsonMap, OnChange, Output,
    Reference, Resource, Schema, Stack,
    provider::{BoxFuture, CreateError, ErrorKind, Look, Object, Observation, Provider, ProviderError, Token, Turn},
};
use palisade_engine::{Entry, ObjectState, Phase, State, plan};
use serde::{Deserialize, Serialize};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// What a plan may take for every 10,000 objects: seconds and MiB.
const BOUND: (f64, f64) = (1.0, 70.0);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [scenario, size] => one(scenario, size.parse().unwrap()),
        _ => all(),
    }
}

/// Runs each scenario in each size, in a process of its own, as a process tells only its highest use of memory.
fn all() {
    let program = std::env::current_exe().unwrap();
    println!("{:<10}{:>9}{:>12}{:>12}{:>9}{:>9}", "plan of", "objects", "time", "peak", "x time", "x peak");
    for (scenario, _) in SCENARIOS {
        let mut before: Option<(f64, f64)> = None;
        for size in SIZES {
            let output = Command::new(&program).args([*scenario, &size.to_string()]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{scenario} {size}: {}{text}", String::from_utf8_lossy(&output.stderr));
            let mut figures = text.split_whitespace().map(|figure| figure.parse::<f64>().unwrap());
            let (seconds, mebibytes) = (figures.next().unwrap(), figures.next().unwrap());
            let grown = before.map(|(time, peak)| format!("{:>9.1}{:>9.1}", seconds / time, mebibytes / peak));
            println!(
                "{scenario:<10}{size:>9}{:>9.1} ms{mebibytes:>8.0} MiB{}{}",
                seconds * 1e3,
                grown.unwrap_or_default(),
                bound(size, seconds, mebibytes)
            );
            before = Some((seconds, mebibytes));
        }
    }
}

/// Whether the plan of a large stack took no more than it may.
fn bound(size: usize, seconds: f64, mebibytes: f64) -> String {
    let times = (size / 10_000) as f64;
    let (most_seconds, most_mebibytes) = (BOUND.0 * times, BOUND.1 * times);
    if times == 0.0 {
        String::new()
    } else if seconds <= most_seconds && mebibytes <= most_mebibytes {
        format!("  within {most_seconds} s and {most_mebibytes} MiB")
    } else {
        format!("  OVER {most_seconds} s or {most_mebibytes} MiB")
    }
}

/// Two programs: the one that was applied, and the one that is planned.
type Scenario = fn(usize) -> (Network, Network);

const SCENARIOS: &[(&str, Scenario)] = &[
    ("nothing", |size| (Network::of(size), Network::of(size))),
    ("creates", |size| (Network::of(0), Network::of(size))),
    ("updates", |size| (Network::of(size), Network { tag: "new", ..Network::of(size) })),
    ("edits", |size| (Network::of(size), Network { first: size / 10, tag: "new", ..Network::of(size) })),
    ("replaces", |size| (Network::of(size), Network { range: "20", ..Network::of(size) })),
    // Lamps have no names, so that each has a successor before it goes: all of these come before any lamp goes.
    ("succeeds", |size| {
        let lamps = Network { prefix: LAMP, ..Network::of(size) };
        (lamps, Network { range: "20", ..lamps })
    }),
    ("renames", |size| (Network::of(size), Network { prefix: "new", ..Network::of(size) })),
    ("destroys", |size| (Network::of(size), Network::of(0))),
    // Both programs have doors only: each two have exchanged their numbers in the account, so that one of them is replaced.
    // Each two get a part of the room of the other one, so that one of them goes before its successor comes.
    ("overlaps", |size| {
        let rooms = Network { prefix: ROOM, ..Network::of(size) };
        (rooms, Network { tag: "part", ..rooms })
    }),
    ("exchanges", |size| {
        (Network { prefix: DOOR, ..Network::of(size) }, Network { prefix: DOOR, ..Network::of(size) })
    }),
];

/// Prints the seconds that the plan took, and the highest use of memory in MiB.
fn one(scenario: &str, size: usize) {
    let (_, programs) = SCENARIOS.iter().find(|(name, _)| *name == scenario).unwrap();
    let (before, after) = programs(size);
    let state = applied(&before.graph());
    let after = after.graph();
    let begin = Instant::now();
    // Nothing is waited for, so one poll is enough.
    let plan = plan(&Account, &after, &state).now_or_never().unwrap().unwrap();
    let took = begin.elapsed();
    let counts = plan.counts();
    let hosts = size / 5 * 4;
    let groups = size - 1 - hosts;
    let expected = match scenario {
        "creates" => (size, 0, 0),
        "updates" => (0, size, 0),
        "edits" => (size / 10, size - size / 10, size / 10),
        "replaces" => (hosts + 1, groups, hosts + 1),
        "succeeds" => (size, 0, size),
        "destroys" => (0, 0, size),
        "exchanges" => (size / 2, size / 2, size / 2),
        "overlaps" => (size, 0, size),
        _ => (0, 0, 0),
    };
    assert_eq!(counts, expected);
    println!("{} {}", took.as_secs_f64(), peak());
}

/// One network, hosts in it, and groups of hosts: all refer to one object, and most to others as well.
#[derive(Clone, Copy)]
struct Network {
    /// How many objects there are.
    size: usize,
    /// The number of the first host.
    first: usize,
    /// How the names in the program begin.
    prefix: &'static str,
    range: &'static str,
    tag: &'static str,
}

impl Network {
    fn of(size: usize) -> Self {
        Self { size, first: 0, prefix: "old", range: "10", tag: "old" }
    }

    fn graph(self) -> Graph {
        let Self { size, first, prefix, range, tag } = self;
        let mut stack = Stack::new("bench");
        if prefix == DOOR {
            for number in 0..size {
                stack.add(&format!("{prefix}-{number}"), make::<3>().set::<String>("number", number.to_string()));
            }
            return Graph::new(&stack);
        }
        if prefix == ROOM {
            for number in 0..size {
                let room = if tag == "part" { format!("{}-{tag}", number ^ 1) } else { number.to_string() };
                stack.add(
                    &format!("{prefix}-{number}"),
                    make::<4>().set::<String>("room", room).set::<String>("house", (number / 2).to_string()),
                );
            }
            return Graph::new(&stack);
        }
        if size == 0 {
            return Graph::new(&stack);
        }
        let net = stack.add("main", make::<0>().set::<String>("range", range).set::<String>("tag", tag));
        if prefix == LAMP {
            for number in 1..size {
                stack.add(&format!("{prefix}-{number}"), make::<5>().set::<String>("net", id(&net)));
            }
            return Graph::new(&stack);
        }
        let count = size / 5 * 4;
        let hosts = (first..first + count).map(|number| {
            let host = make::<1>().set::<String>("name", format!("host-{number}")).set::<String>("tag", tag);
            stack.add(&format!("{prefix}-{number}"), host.set::<String>("net", id(&net)))
        });
        let hosts: Vec<_> = hosts.collect();
        for number in 0..size - 1 - count {
            let members: Vec<_> = (0..4).map(|member| id(&hosts[(number * 4 + member) % count])).collect();
            let group = make::<2>().set::<String>("name", format!("group-{number}")).set::<String>("tag", tag);
            let group = group.set::<BTreeSet<String>>("members", members);
            stack.add(&format!("{prefix}-{number}"), group.set::<String>("net", id(&net)));
        }
        Graph::new(&stack)
    }
}

/// The state after an apply of `graph`.
fn applied(graph: &Graph) -> State {
    let mut state = State::new("bench", "0123456789abcdef0123456789abcdef");
    for (number, node) in graph.nodes().enumerate() {
        let resolve = |reference: &Reference| state.attribute(&reference.address, &reference.attribute);
        let inputs: JsonMap = node
            .fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.substitute(&resolve).into_json().unwrap()))
            .collect();
        let address = node.address.clone();
        let digest = format!("{number:064x}");
        let token = Token { stack: "bench".to_owned(), resource: address.to_string(), digest };
        let depends_on: BTreeSet<_> = graph.dependencies(&address).into_iter().cloned().collect();
        let is_released = |target: &&Address| address.kind() == "Group" && target.kind() == "Host";
        let current = ObjectState {
            id: Some(format!("{}-{number:08x}", address.kind())),
            phase: Phase::Ready,
            token,
            attempted: None,
            is_being_deleted: false,
            observed: Some(Arc::new(Observation { fields: inputs.clone(), attributes: JsonMap::new() })),
            inputs,
            released: depends_on.iter().filter(is_released).cloned().collect(),
            depends_on,
            missed: None,
        };
        state.resources.insert(address, Entry { current: Some(current), deposed: Vec::new() });
    }
    state
}

/// An account in which every object is what was applied last.
struct Account;

impl Provider for Account {
    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        [&NET, &HOST, &GROUP, &DOORS, &ROOMS, &LAMPS].into_iter().find(|schema| schema.kind == kind)
    }

    fn read<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        let read = |object: &Object<'_>| {
            let mut fields = object.inputs.clone();
            if let Some(number) = fields.get_mut("number") {
                *number = (number.as_str().unwrap().parse::<usize>().unwrap() ^ 1).to_string().into();
            }
            Some(Observation { fields, attributes: JsonMap::new() })
        };
        Box::pin(async move { Ok(objects.iter().map(read).collect()) })
    }

    fn create<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        _inputs: &'a JsonMap,
        _token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        Box::pin(async { Err(read_only().into()) })
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

    fn converge<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        _id: &'a str,
        _inputs: &'a JsonMap,
        _previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async { Err(read_only()) })
    }

    fn delete<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        _object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async { Err(read_only()) })
    }
}

fn read_only() -> ProviderError {
    let text = String::new;
    ProviderError {
        kind: ErrorKind::Denied,
        operation: text(),
        code: text(),
        message: "a plan changes nothing".to_owned(),
        help: text(),
    }
}

static NET: Schema =
    Schema::new("Net", &[FieldSchema::new("range", OnChange::Replace), FieldSchema::new("tag", OnChange::Update)]);

static HOST: Schema = Schema::new(
    "Host",
    &[
        FieldSchema { identity: true, ..FieldSchema::new("name", OnChange::Replace) },
        FieldSchema::new("net", OnChange::Replace),
        FieldSchema::new("tag", OnChange::Update),
    ],
);

static GROUP: Schema = Schema::new(
    "Group",
    &[
        FieldSchema { identity: true, ..FieldSchema::new("name", OnChange::Replace) },
        FieldSchema { released: true, ..FieldSchema::new("members", OnChange::Update) },
        FieldSchema::new("net", OnChange::Update),
        FieldSchema::new("tag", OnChange::Update),
    ],
);

/// No two doors have one number, which can be changed.
static DOORS: Schema =
    Schema::new("Door", &[FieldSchema { identity: true, ..FieldSchema::new("number", OnChange::Update) }]);

/// No two rooms of a house can be one, or a part of one.
static ROOMS: Schema = Schema::new(
    "Room",
    &[
        FieldSchema { identity: true, ..FieldSchema::new("house", OnChange::Replace) },
        FieldSchema {
            identity: true,
            clashes: Some(|one, other| whole(one) == whole(other)),
            ..FieldSchema::new("room", OnChange::Replace)
        },
    ],
);

fn whole(room: &Json) -> &str {
    room.as_str().unwrap().trim_end_matches("-part")
}

/// A lamp is in a network, and there can be any number of them.
static LAMPS: Schema = Schema::new("Lamp", &[FieldSchema::new("net", OnChange::Replace)]);

/// How the names of lamps begin in the program.
const LAMP: &str = "lamp";

/// How the names of rooms begin in the program.
const ROOM: &str = "room";

/// How the names of doors begin in the program.
const DOOR: &str = "door";

/// One of the kinds as a type.
#[derive(Deserialize, Serialize)]
struct Kind<const N: usize>;

impl<const N: usize> Resource for Kind<N> {
    type Attributes = ();
    type Fields<'a> = ();
    const SCHEMA: &'static Schema = [&NET, &HOST, &GROUP, &DOORS, &ROOMS, &LAMPS][N];
}

/// A declaration of a resource, field by field.
struct Make<const N: usize>(Declaration);

fn make<const N: usize>() -> Make<N> {
    Make(Declaration::new(Kind::<N>::SCHEMA))
}

impl<const N: usize> Make<N> {
    fn set<T: Field>(mut self, field: &'static str, value: impl IntoInput<T>) -> Self {
        self.0.set(field, value.into_input());
        self
    }
}

impl<const N: usize> Declare for Make<N> {
    type Resource = Kind<N>;
    type Brand = ();

    fn declare(self) -> Declaration {
        self.0
    }
}

fn id<const N: usize>(handle: &Handle<Kind<N>>) -> Output<String> {
    Output::new(Reference { address: handle.address().clone(), attribute: "id".to_owned() })
}

/// The highest use of memory of this process so far, in MiB; 0 where the system does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
