//! Programs that must not compile, each with the message that its author reads.
//!
//! A program begins with the rule that it breaks, as a sentence, and names the rules of safety that it tries to break, if
//! any, as `posture` names them. `tests/compile_pass` has the same program as it should be, under the same name. After a
//! change of a message, run the test with `TRYBUILD=overwrite`, and read the difference as a user would; then
//! `cargo xtask rules --write` writes the page of the documentation.

#[test]
fn what_is_unsafe_or_impossible_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
