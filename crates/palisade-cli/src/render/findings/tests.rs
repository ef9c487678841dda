//! Findings in this very file.

use super::*;

fn finding() -> Finding {
    let first = here();
    let second = here();
    Finding {
        message: "there are two Vpc named `main`".to_owned(),
        spans: vec![Span::new(second, "the second"), Span::new(first, "the first")],
        help: "give one of them another name".to_owned(),
    }
}

#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

fn render(list: &[Finding], sources: &Sources) -> String {
    crate::render::style::plain(&findings(list, sources))
}

#[test]
fn a_finding_shows_all_its_places_in_the_source() {
    let sources = Sources::new(Some(Path::new(env!("CARGO_MANIFEST_DIR"))));
    insta::assert_snapshot!(render(&[finding()], &sources), @r"
    error: there are two Vpc named `main`
     --> crates/palisade-cli/src/render/findings/tests.rs:7:18
      |
    6 |     let first = here();
      |                 ------ the first
    7 |     let second = here();
      |                  ^^^^^^ the second
      |
    help: give one of them another name

    error: stopped by an error in the program: nothing was changed
    ");
}

#[test]
fn without_the_source_a_place_is_a_line_and_a_column() {
    let nowhere = Sources { folders: Vec::new() };
    let mut alone = finding();
    alone.help.clear();
    insta::assert_snapshot!(render(&[finding(), alone], &nowhere), @r"
    error: there are two Vpc named `main`
    --> crates/palisade-cli/src/render/findings/tests.rs:7:18
     = note: the second
    ::: crates/palisade-cli/src/render/findings/tests.rs:6:17
     = note: the first
    help: give one of them another name

    error: there are two Vpc named `main`
    --> crates/palisade-cli/src/render/findings/tests.rs:7:18
     = note: the second
    ::: crates/palisade-cli/src/render/findings/tests.rs:6:17
     = note: the first

    error: stopped by 2 errors in the program: nothing was changed
    ");
}

#[test]
fn a_place_that_the_source_does_not_have_has_no_range() {
    assert_eq!(range("one line\n", here()), None);
    assert_eq!(range("", here()), None);
}
