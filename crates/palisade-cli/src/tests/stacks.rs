//! The stacks of the tests. Messages tell where in this file something is declared, so new ones are added at its end.

use palisade_core::Stack;

use super::fake::{reference, thing};

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
