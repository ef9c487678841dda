//! When a plan needs a value that is supplied in an environment variable, and which values it takes.

use std::sync::{Arc, Mutex};

use palisade::prelude::*;
use palisade_aws::{Aws, AwsProvider, Supplier, operations::PutSecretValue};
use palisade_core::{Address, Graph, provider::Observation};
use palisade_emulator::{Emulator, Fault};
use palisade_engine::{Origin, PlanError, SavedPlan, SavedPlanError};
use palisade_testing::{Rehearsal, SecretString};

use crate::run_later;

/// The version that somebody else puts.
const BY_HAND: &str = "0123456789abcdef0123456789abcdef";

const FITS: &str = "fits0123456789ab";

/// The value of each variable, which can be changed.
#[derive(Clone)]
struct Variable(Arc<Mutex<Option<&'static str>>>);

impl Supplier for Variable {
    fn supply(&self, _: &str) -> Option<SecretString> {
        self.0.lock().unwrap().map(Into::into)
    }
}

impl Variable {
    fn set(&self, value: Option<&'static str>) {
        *self.0.lock().unwrap() = value;
    }
}

fn account(value: Option<&'static str>) -> (Rehearsal, Variable) {
    let variable = Variable(Arc::new(Mutex::new(value)));
    let emulator = Emulator::in_memory("us-east-1");
    (Rehearsal::on(emulator, Arc::new(variable.clone())).without_rules(), variable)
}

/// What a program says of a secret and its network.
#[derive(Clone, Copy)]
struct Program {
    is_there: bool,
    variable: &'static str,
    generation: u32,
    tag: &'static str,
    network: &'static str,
}

const BASE: Program = Program { is_there: true, variable: "TOKEN", generation: 1, tag: "a", network: "a" };

impl Program {
    fn graph(self) -> Graph {
        let Self { is_there, variable, generation, tag, network } = self;
        let tagged = |tag: &str| Tags::new([(TagKey::literal("it"), TagValue::new(tag).unwrap())]);
        palisade_testing::graph(|stack| {
            stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")).tags(tagged(network)));
            if is_there {
                let variable = palisade_aws::types::Variable::new(variable).unwrap();
                let secret = Secret::builder().name(secret_name!("redis/token")).supplied(variable);
                stack.add("token", secret.generation(generation).tags(tagged(tag)));
            }
        })
    }
}

/// The messages of a plan that is refused.
fn refusal(error: PlanError) -> Vec<String> {
    match error {
        PlanError::Impossible(findings) => findings.into_iter().map(|finding| finding.message).collect(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_plan_needs_a_value_only_where_its_apply_puts_one() {
    let before = |rehearsal: &mut Rehearsal, programs: &[Program]| {
        for program in programs {
            assert!(rehearsal.try_apply(&program.graph()).unwrap().is_complete());
        }
    };
    let gone = Program { is_there: false, ..BASE };
    for (what, earlier, by_hand, next, needed) in [
        ("it is created", &[][..], false, BASE, Some("TOKEN")),
        ("it exists", &[BASE], false, BASE, None),
        ("its tags change", &[BASE], false, Program { tag: "b", ..BASE }, None),
        ("another resource changes", &[BASE], false, Program { network: "b", ..BASE }, None),
        ("its generation is raised", &[BASE], false, Program { generation: 2, ..BASE }, Some("TOKEN")),
        ("its variable is another one", &[BASE], false, Program { variable: "OTHER", ..BASE }, Some("OTHER")),
        ("it is deleted", &[BASE], false, gone, None),
        ("it is restored", &[BASE, gone], false, BASE, Some("TOKEN")),
        ("its value was put by hand", &[BASE], true, BASE, None),
        ("a value that was put by hand stays", &[BASE], true, Program { tag: "b", ..BASE }, None),
        ("it does not stay", &[BASE], true, Program { generation: 2, ..BASE }, Some("TOKEN")),
    ] {
        let (mut rehearsal, variable) = account(Some(FITS));
        before(&mut rehearsal, earlier);
        if by_hand {
            put_by_hand(&rehearsal);
        }
        for unset in [None, Some("")] {
            variable.set(unset);
            let expected: Vec<_> = needed.into_iter().map(unset_message).collect();
            let planned = rehearsal.try_plan(&next.graph()).map_or_else(refusal, |_| Vec::new());
            assert_eq!(planned, expected, "{what}");
            if needed.is_some() {
                let writes = rehearsal.emulator().writes();
                assert_eq!(refusal(rehearsal.try_apply(&next.graph()).unwrap_err()), expected, "{what}");
                assert_eq!(rehearsal.emulator().writes(), writes, "{what}: a call was made before the refusal");
            }
        }
        // The cure, or no cure where none is needed.
        variable.set(needed.map(|_| FITS));
        assert!(rehearsal.try_apply(&next.graph()).unwrap().is_complete(), "{what}");
        assert!(!rehearsal.try_plan(&next.graph()).unwrap().has_changes(), "{what}");
        assert_eq!(has_value_by_hand(&rehearsal), by_hand && needed.is_none(), "{what}");
    }
}

fn unset_message(variable: &str) -> String {
    format!("Secret.token: the environment variable {variable}, which supplies the value, is not set, or is empty")
}

fn put_by_hand(rehearsal: &Rehearsal) {
    let id = rehearsal.state().attribute(&Address::new("Secret", "token"), "id").unwrap();
    let secret_id = Id::reported(id.as_str().unwrap()).unwrap();
    let client_request_token = BY_HAND.to_owned();
    rehearsal.by_hand(PutSecretValue { secret_id, client_request_token, value: "by hand".into() }).unwrap();
}

fn has_value_by_hand(rehearsal: &Rehearsal) -> bool {
    current(rehearsal).is_some_and(|secret| secret.attributes["value"]["version"] == BY_HAND)
}

/// The secret as the account has it.
fn current(rehearsal: &Rehearsal) -> Option<Observation> {
    let id = rehearsal.state().attribute(&Address::new("Secret", "token"), "id")?;
    rehearsal.read("Secret", &[id.as_str()?.to_owned()]).pop().flatten()
}

#[test]
fn a_creation_that_stopped_before_its_value_was_put_needs_the_value() {
    // The program may have changed meanwhile, though not in what it says of the value.
    for next in [BASE, Program { tag: "b", ..BASE }] {
        let (mut rehearsal, variable) = account(Some(FITS));
        let plan = rehearsal.try_plan(&BASE.graph()).unwrap();
        variable.set(None);
        let report = rehearsal.carry_out(&BASE.graph(), &plan);
        assert_eq!(report.failures[0].error.message, &unset_message("TOKEN")["Secret.token: ".len()..]);
        assert_eq!(refusal(rehearsal.try_plan(&next.graph()).unwrap_err()), [unset_message("TOKEN")]);
        variable.set(Some(FITS));
        assert!(rehearsal.try_apply(&next.graph()).unwrap().is_complete());
        let version = &current(&rehearsal).unwrap().attributes["value"]["version"];
        assert_ne!(version, "", "it has a value");
    }
}

/// The first call of the change puts the value, and the second one the tags.
#[test]
fn after_an_interrupted_change_a_value_is_needed_unless_the_current_one_is_that_of_the_program() {
    let raised = Program { generation: 2, tag: "b", ..BASE };
    for (failing, next, is_needed) in [(1, raised, true), (1, BASE, false), (2, raised, false), (2, BASE, true)] {
        let (mut rehearsal, variable) = account(Some(FITS));
        assert!(rehearsal.try_apply(&BASE.graph()).unwrap().is_complete());
        rehearsal.emulator().inject(failing, Fault::Unavailable);
        assert!(!rehearsal.try_apply(&raised.graph()).unwrap().is_complete());
        variable.set(None);
        let needed: Vec<_> = is_needed.then(|| unset_message("TOKEN")).into_iter().collect();
        let case = format!("call {failing} fails, and then generation {}", next.generation);
        assert_eq!(rehearsal.try_plan(&next.graph()).map_or_else(refusal, |_| Vec::new()), needed, "{case}");
        variable.set(is_needed.then_some(FITS));
        assert!(rehearsal.try_apply(&next.graph()).unwrap().is_complete(), "{case}");
    }
}

#[test]
fn a_saved_plan_needs_a_value_as_long_as_its_step_is_left_to_do() {
    let (mut rehearsal, variable) = account(Some(FITS));
    let first = Program { is_there: false, ..BASE };
    assert!(rehearsal.try_apply(&first.graph()).unwrap().is_complete());
    let other = Program { network: "b", ..first };
    let save = |program: Program| {
        let origin = Origin { lineage: None, account: "test".to_owned(), region: None, made_at: 0, is_destroy: false };
        SavedPlan::new(rehearsal.try_plan(&program.graph()).unwrap(), &program.graph(), origin)
    };
    let (creates, does_not) = (save(Program { network: "b", ..BASE }), save(other));
    variable.set(None);
    let rest = |rehearsal: &Rehearsal, saved: &SavedPlan, program: Program| {
        let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(variable.clone()));
        match run_later(saved.rest(&AwsProvider::new(aws), &program.graph(), &rehearsal.state())) {
            Ok(_) => Vec::new(),
            Err(SavedPlanError::Plan(error)) => refusal(error),
            Err(error) => panic!("{error}"),
        }
    };
    let now = Program { network: "b", ..BASE };
    assert_eq!(rest(&rehearsal, &creates, now), [unset_message("TOKEN")]);
    assert_eq!(rest(&rehearsal, &does_not, now), [""; 0], "the secret is left alone");
    variable.set(Some(FITS));
    assert!(rehearsal.try_apply(&now.graph()).unwrap().is_complete());
    variable.set(None);
    assert_eq!(rest(&rehearsal, &creates, now), [""; 0], "it is done");
}

fn password(stack: &mut Stack) {
    let secret = stack.add("it", Secret::builder().name(secret_name!("it")).supplied(variable!("TOKEN")));
    let user = RedisUser::with_password(name!("reader"), name!("reader"), &secret);
    stack.add("reader", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
}

fn token(stack: &mut Stack) {
    let secret = stack.add("it", Secret::builder().name(secret_name!("it")).supplied(variable!("TOKEN")));
    crate::secrets::cache(stack, &secret);
}

fn unused(stack: &mut Stack) {
    stack.add("it", Secret::builder().name(secret_name!("it")).supplied(variable!("TOKEN")));
}

/// What a plan refuses is what the account refuses, which has rules of its own.
#[test]
fn a_plan_refuses_a_value_that_elasticache_would_refuse_and_does_not_tell_it() {
    const SHORT: &str = "it has fewer than 16 characters";
    const LONG: &str = "it has more than 128 characters";
    const OTHER: &str = "it has a character that ElastiCache does not allow";
    let (longest, longer): (&'static str, &'static str) = ("x".repeat(128).leak(), "x".repeat(129).leak());
    for (value, as_token, as_password) in [
        ("0123456789abcde", Some(SHORT), Some(SHORT)),
        ("0123456789abcdef", None, None),
        (longest, None, None),
        (longer, Some(LONG), Some(LONG)),
        ("0123456789!&#$^<>-", None, None),
        ("0123456789abcdef=", Some(OTHER), None),
        ("0123456789abcdef%*", Some(OTHER), None),
        ("0123456789abcdef@", Some(OTHER), Some(OTHER)),
        ("0123456789abcdef,", Some(OTHER), Some(OTHER)),
        ("0123456789abcdef\"", Some(OTHER), Some(OTHER)),
        ("0123456789abcdef/", Some(OTHER), Some(OTHER)),
        ("0123456789 abcdef", Some(OTHER), Some(OTHER)),
        ("0123456789abcdef\n", Some(OTHER), Some(OTHER)),
        ("0123456789abcdef\u{fc}", Some(OTHER), Some(OTHER)),
    ] {
        for (program, role, problem) in [
            (token as fn(&mut Stack), "the AUTH token of ReplicationGroup.redis", as_token),
            (password, "a password of RedisUser.reader", as_password),
            (unused, "", None),
        ] {
            let program = palisade_testing::graph(program);
            let (mut rehearsal, variable) = account(Some(FITS));
            let plan = rehearsal.try_plan(&program).unwrap();
            variable.set(Some(value));
            let expected: Vec<_> = problem
                .into_iter()
                .map(|problem| {
                    format!("Secret.it: the value of the environment variable TOKEN cannot be {role}: {problem}")
                })
                .collect();
            let planned = rehearsal.try_plan(&program).map_or_else(refusal, |_| Vec::new());
            assert_eq!(planned, expected);
            let report = rehearsal.carry_out(&program, &plan);
            assert_eq!(report.is_complete(), problem.is_none(), "{role}, {value:?}: {:?}", report.failures);
        }
    }
}
