//! [`Finding`]: what is wrong with a program, and where.

use std::panic::Location;

/// Something wrong with what a program declares, with the places in the source that have part in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is wrong, as a sentence without a final period.
    pub message: String,
    /// Where, the chief culprit first.
    pub spans: Vec<Span>,
    /// What to write instead.
    pub help: String,
}

/// A place in the source of the user's program.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The place.
    pub location: &'static Location<'static>,
    /// What the place has to do with the finding.
    pub label: String,
}

impl Span {
    /// A place with what it has to do with the finding.
    pub fn new(location: &'static Location<'static>, label: impl Into<String>) -> Self {
        Self { location, label: label.into() }
    }
}

/// The items as a sentence lists them.
///
/// ```
/// use palisade_core::joined_with_and;
/// assert_eq!(joined_with_and(&["`name`".to_owned()]), "`name`");
/// assert_eq!(joined_with_and(&["a".to_owned(), "b".to_owned(), "c".to_owned()]), "a, b and c");
/// ```
pub fn joined_with_and(items: &[String]) -> String {
    match items.split_last() {
        Some((last, others @ [_, ..])) => format!("{} and {last}", others.join(", ")),
        _ => items.concat(),
    }
}
