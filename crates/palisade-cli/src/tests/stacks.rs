//! The stacks of the tests. Messages tell where in this file something is declared, so new ones are added at its end.

use palisade_core::{Stack, reason};

use super::fake::{Thing, diary, reference, thing};

/// A thing, and one that refers to it.
pub(super) fn pair(stack: &mut Stack) {
    stack.add("main", thing().set("text", "hello"));
    stack.add("child", thing().set("parent", reference("main", "id")));
    stack.output("endpoint", reference("main", "endpoint"));
}

/// A stack with three findings.
pub(super) fn broken(stack: &mut Stack) {
    stack.add("main", thing());
    stack.add("main", thing());
    stack.add("1st", thing());
    stack.output("the endpoint", reference("main", "endpoint"));
}

/// A stack of which one thing cannot be created if `text` is `boom`.
pub(super) fn chain(stack: &mut Stack, text: &str) {
    stack.add("fine", thing());
    stack.add("bad", thing().set("text", text));
    stack.add("child", thing().set("parent", reference("bad", "id")));
}

/// A thing that is loud, and says why.
pub(super) fn accepted(stack: &mut Stack) {
    let thing = stack.add("bell", thing().set("text", "loud"));
    stack.accept_risk(&thing, Thing::LOUD, reason!("a bell is meant to be heard"));
}

/// A thing that is loud, and one that accepts to be without being so.
pub(super) fn loud(stack: &mut Stack) {
    stack.add("bell", thing().set("text", "loud"));
    let quiet = stack.add("quiet", thing().set("text", "hush"));
    stack.accept_risk(&quiet, Thing::LOUD, reason!("it may ring some day"));
}

/// A thing, and diaries with these titles and texts that refer to it.
pub(super) fn diaries(stack: &mut Stack, diaries: &[(&str, &str, &str)]) {
    stack.add("main", thing().set("text", "hello"));
    for (name, title, text) in diaries {
        stack.add(name, diary(title).set("text", *text).set("parent", reference("main", "id")));
    }
}
