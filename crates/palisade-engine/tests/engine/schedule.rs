//! In which order the calls go, and how long a run takes by it, on a clock that does not wait.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    time::Duration,
};

use palisade_core::{
    Address, FieldSchema, Graph, JsonMap, OnChange, Schema, Stack,
    provider::{
        BoxFuture, CreateError, Look, Object, Observation, Provider, ProviderError, Repeated, StepKind, Token, Turn,
    },
};
use palisade_engine::{ApplyOptions, MemoryStore, State, Store, apply, plan};
use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use tokio::time::sleep;

use crate::{
    kinds::{Kind, make},
    runs::{graph, run},
};

const fn schema(kind: &'static str) -> Schema {
    const AFTER: FieldSchema = FieldSchema::new("after", OnChange::Update);
    Schema::new(kind, &[AFTER])
}

/// The kinds of task: one call of so many seconds creates what is declared, and deletes it.
const KINDS: [(&Schema, u64); 5] = [(&ONE, 1), (&TWO, 2), (&FIVE, 5), (&TEN, 10), (&TWIN, 3)];
static ONE: Schema = schema("One");
static TWO: Schema = schema("Two");
static FIVE: Schema = schema("Five");
static TEN: Schema = schema("Ten");
/// A creation of it that is sent again makes another object.
static TWIN: Schema = schema("Twin");

macro_rules! tasks {
    ($($name:ident $schema:ident),*) => {$(
        enum $name {}
        impl Kind for $name {
            const SCHEMA: &'static Schema = &$schema;
        }
    )*};
}
tasks!(One ONE, Two TWO, Five FIVE, Ten TEN, Twin TWIN);

fn took(kind: &str) -> Duration {
    Duration::from_secs(KINDS.iter().find(|(schema, _)| schema.kind == kind).unwrap().1)
}

fn task(stack: &mut Stack, kind: usize, name: &str, after: &[&Address]) -> Address {
    match kind {
        0 => make::<One>().refer_all("after", after).add(stack, name),
        1 => make::<Two>().refer_all("after", after).add(stack, name),
        2 => make::<Five>().refer_all("after", after).add(stack, name),
        4 => make::<Twin>().refer_all("after", after).add(stack, name),
        _ => make::<Ten>().refer_all("after", after).add(stack, name),
    }
}

/// A cloud in which nothing takes time but its calls. It keeps the order in which they were sent.
#[derive(Debug, Default)]
struct Clockwork {
    sent: Mutex<Vec<String>>,
    under_way: Mutex<Vec<String>>,
    most: Mutex<usize>,
    /// The calls that were under way at the same time, two by two.
    together: Mutex<Vec<[String; 2]>>,
}

impl Clockwork {
    async fn call(&self, turn: &Arc<dyn Turn>, name: &str, took: Duration) -> Result<(), ProviderError> {
        let _slot = turn.slot().await?;
        self.sent.lock().unwrap().push(name.to_owned());
        let now = {
            let mut under_way = self.under_way.lock().unwrap();
            let pairs = under_way.iter().map(|other| [other.clone(), name.to_owned()]);
            self.together.lock().unwrap().extend(pairs);
            under_way.push(name.to_owned());
            under_way.len()
        };
        let most = *self.most.lock().unwrap();
        *self.most.lock().unwrap() = most.max(now);
        sleep(took).await;
        self.under_way.lock().unwrap().retain(|other| other != name);
        Ok(())
    }
}

impl Provider for Clockwork {
    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        KINDS.iter().map(|(schema, _)| *schema).find(|schema| schema.kind == kind)
    }

    fn typical_duration(&self, kind: &str, _step: StepKind) -> Duration {
        took(kind)
    }

    fn repeated(&self, kind: &str) -> Repeated {
        if kind == "Twin" { Repeated::MakesAnother } else { Repeated::IsRefused }
    }

    fn read<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        let read =
            |object: &Object<'_>| Some(Observation { fields: object.inputs.clone(), attributes: JsonMap::new() });
        let read = objects.iter().map(read).collect();
        Box::pin(async { Ok(read) })
    }

    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        _inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        Box::pin(async move {
            if kind == "Twin" {
                // A look before it is a call too.
                self.call(turn, &token.resource, Duration::from_secs(1)).await?;
            }
            self.call(turn, &token.resource, took(kind)).await?;
            Ok(token.resource.clone())
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

    fn converge<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        _id: &'a str,
        _inputs: &'a JsonMap,
        _previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async { Ok(()) })
    }

    fn delete<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(self.call(turn, object.id, took(kind)))
    }
}

/// What a run came to.
struct Outcome {
    took: Duration,
    /// The calls in the order in which they were sent.
    sent: Vec<String>,
    /// How many calls were under way at a time.
    most: usize,
    /// Those that were under way at the same time, two by two.
    together: Vec<[String; 2]>,
}

/// Creates all that is declared, and then deletes all.
fn there_and_back(program: &Graph, slots: usize) -> [Outcome; 2] {
    let nothing = Graph::empty("test");
    outcomes([program, &nothing], slots)
}

/// Applies the programs one after the other.
fn outcomes(programs: [&Graph; 2], slots: usize) -> [Outcome; 2] {
    let options = ApplyOptions { parallelism: NonZeroUsize::new(slots).unwrap(), ..ApplyOptions::default() };
    let store = MemoryStore::default();
    run(async {
        let mut outcomes = Vec::new();
        let mut state = State::new("test", "0123456789abcdef0123456789abcdef");
        for target in programs {
            let cloud = Clockwork::default();
            let plan = plan(&cloud, target, &state).await.unwrap();
            let mut lock = store.lock("apply", &mut |_| {}).await.unwrap();
            let report = apply(&cloud, &mut lock, state, target, &plan, &options, &mut |_| {}).await.unwrap();
            assert!(report.is_complete(), "{report:?}");
            state = store.load().await.unwrap().unwrap();
            let (sent, most) = (cloud.sent.into_inner().unwrap(), cloud.most.into_inner().unwrap());
            let together = cloud.together.into_inner().unwrap();
            outcomes.push(Outcome { took: report.took, sent, most, together });
        }
        outcomes.try_into().ok().unwrap()
    })
}

/// No order can take less: the longest path has to be gone, and all calls have to be sent.
fn bound(program: &Graph, slots: u32) -> Duration {
    let mut ends: std::collections::HashMap<&Address, Duration> = std::collections::HashMap::new();
    // Each comes after all that it refers to.
    for node in program.nodes() {
        let begin = program.dependencies(&node.address).into_iter().map(|before| ends[before]).max();
        ends.insert(&node.address, begin.unwrap_or_default() + took(node.address.kind()));
    }
    let work: Duration = program.nodes().map(|node| took(node.address.kind())).sum();
    ends.into_values().max().unwrap_or_default().max(work / slots)
}

fn ratio(outcome: &Outcome, bound: Duration) -> f64 {
    outcome.took.as_secs_f64() / bound.as_secs_f64()
}

/// Ninety tasks of a second, and a chain of ten of them.
fn ninety_and_a_chain() -> Graph {
    graph(|stack| {
        for number in 0..90 {
            task(stack, 0, &format!("free-{number}"), &[]);
        }
        let mut last = task(stack, 0, "chain-0", &[]);
        for number in 1..10 {
            last = task(stack, 0, &format!("chain-{number}"), &[&last]);
        }
    })
}

/// Up to eighty tasks, each of which waits for up to three of those before it.
fn random() -> impl Strategy<Value = Graph> {
    let task_of = (0..4_usize, vec(0..80_usize, 0..4));
    vec(task_of, 20..80).prop_map(|tasks| {
        graph(|stack| {
            let mut made: Vec<Address> = Vec::new();
            for (number, (kind, after)) in tasks.iter().enumerate() {
                let after: Vec<_> = after.iter().filter_map(|of| made.get(*of)).collect();
                made.push(task(stack, *kind, &format!("t{number}"), &after));
            }
        })
    })
}

#[test]
fn the_longest_way_goes_first() {
    let program = ninety_and_a_chain();
    for outcome in there_and_back(&program, 10) {
        let ratio = ratio(&outcome, bound(&program, 10));
        assert!(ratio <= 1.05, "{ratio}: {:?}", outcome.sent);
        assert_eq!(outcome.most, 10);
    }
}

#[test]
fn equals_go_in_the_order_of_the_plan() {
    let program = graph(|stack| {
        let wide = task(stack, 0, "wide", &[]);
        for name in ["c", "a", "b"] {
            task(stack, 0, name, &[&wide]);
        }
        let slow = task(stack, 3, "slow", &[]);
        task(stack, 2, "last", &[&slow]);
    });
    let [there, back] = there_and_back(&program, 1);
    assert_eq!(there.sent, ["Ten.slow", "Five.last", "One.wide", "One.c", "One.a", "One.b"]);
    assert_eq!(back.sent, ["Five.last", "Ten.slow", "One.c", "One.b", "One.a", "One.wide"]);
}

#[test]
fn a_deletion_that_waits_for_nothing_begins_at_once() {
    let chain = |kind: usize| {
        graph(|stack| {
            let first = task(stack, kind, "first", &[]);
            task(stack, kind, "then", &[&first]);
        })
    };
    let [_, edit] = outcomes([&chain(2), &chain(3)], 10);
    // The two at once.
    assert_eq!(edit.sent, ["Ten.first", "Five.then", "Five.first", "Ten.then"]);
    assert_eq!(edit.took, Duration::from_secs(20));
}

#[test]
fn a_creation_that_would_make_a_second_object_is_sent_alone() {
    let program = graph(|stack| {
        for number in 0..20 {
            task(stack, number % 5, &format!("free-{number}"), &[]);
        }
        let twin = task(stack, 4, "twin", &[]);
        task(stack, 2, "then", &[&twin]);
    });
    let [there, back] = there_and_back(&program, 3);
    let is_twin = |name: &String| name.starts_with("Twin");
    assert_eq!(there.together.iter().flatten().find(|name| is_twin(name)), None);
    // All others go side by side, as all deletions do.
    assert_eq!(there.most, 3);
    assert!(back.together.iter().flatten().any(is_twin));
}

/// Prints its figures for `cargo xtask bench`.
#[test]
fn makespans_against_their_bounds() {
    let mut lines = vec!["schedule: how long a run takes, over the least that is possible".to_owned()];
    let [there, back] = there_and_back(&ninety_and_a_chain(), 10).map(|outcome| outcome.took);
    lines.push(format!(
        "schedule: 90 tasks and a chain of 10, 10 slots: created in {there:?}, deleted in {back:?}, bound 10s"
    ));
    let mut runner = TestRunner::deterministic();
    for slots in [2, 4, 10] {
        let mut ratios = Vec::new();
        for _ in 0..60 {
            let program = random().new_tree(&mut runner).unwrap().current();
            let bound = bound(&program, slots);
            for outcome in there_and_back(&program, slots as usize) {
                assert!(outcome.most <= slots as usize);
                // What list scheduling is known never to exceed, whatever its order: twice the least, less one slot's share.
                let ratio = ratio(&outcome, bound);
                assert!((1.0..=2.0).contains(&ratio), "{ratio}");
                ratios.push(ratio);
            }
        }
        ratios.sort_by(f64::total_cmp);
        let [median, most] = [ratios[ratios.len() / 2], ratios[ratios.len() - 1]];
        let within = ratios.iter().filter(|ratio| **ratio <= 1.05).count();
        lines.push(format!(
            "schedule: {} random graphs, {slots} slots: median {median:.3}, most {most:.3}, {within} within 1.05",
            ratios.len()
        ));
    }
    print(&lines);
}

#[expect(clippy::print_stdout, reason = "the figures are read by whoever runs the benchmark")]
fn print(lines: &[String]) {
    for line in lines {
        println!("{line}");
    }
}
