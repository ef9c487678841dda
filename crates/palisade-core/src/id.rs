//! [`Id`]: the identity of an object in the cloud, typed by what it identifies.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{IdRules, Resource, Schema};

/// The identity that the cloud knows an object of the type `R` by, as in `vpc-0a1b2c3d`.
///
/// An `Id<Subnet>` is not accepted where an `Id<Vpc>` is wanted. A program seldom writes one: `&vpc`, the handle that
/// [`Stack::add`](crate::Stack::add) returned, stands for it. For an object that the stack does not manage, `id!` checks a
/// literal when the program is compiled, and [`Id::new`] a text when it runs.
pub struct Id<R> {
    text: Cow<'static, str>,
    resource: PhantomData<fn() -> R>,
}

/// A text that is no id of its resource.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is not the id of a {kind}: {rule}")]
pub struct IdError {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

/// Why a text cannot be an id; one text for the compile-time and the run-time check.
const EMPTY: &str = "an id is not empty";
const PREFIX: &str = "an id begins with the prefix of its kind, as in vpc-0a1b2c3d for a Vpc";
const DIGITS: &str =
    "an id ends in 8 or 17 digits of 0-9 and a-f, as in vpc-0a1b2c3d: AWS gives it to the object, and it is no name";

impl<R: Resource> Id<R> {
    /// The id `text`.
    ///
    /// # Errors
    /// [`IdError`] if the text is empty, or does not begin with the prefix of the resource's ids where it has one
    /// (`vpc-`, `subnet-`, `rtb-`, `sg-`, `sgr-`, `arn:`), or breaks the [`IdRules`] of the resource.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        match check(&text, R::SCHEMA) {
            Some(rule) => Err(IdError { text, kind: R::SCHEMA.kind, rule }),
            None => Ok(Self { text: Cow::Owned(text), resource: PhantomData }),
        }
    }

    /// The id `text` as the cloud reports it: of its prefix, and else whatever it is. A stack that declares it is checked
    /// all the same.
    ///
    /// # Errors
    /// [`IdError`] if the text is empty, or does not begin with the prefix of the resource's ids where it has one.
    pub fn reported(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        match check_prefix(&text, R::SCHEMA.id_prefix) {
            Some(rule) => Err(IdError { text, kind: R::SCHEMA.kind, rule }),
            None => Ok(Self { text: Cow::Owned(text), resource: PhantomData }),
        }
    }

    /// The id `text`, checked when the program is compiled: write `id!(Vpc, "vpc-0a1b2c3d")`.
    ///
    /// # Panics
    /// On the conditions of [`Id::new`]; in a constant, that is a compile error.
    #[track_caller]
    pub const fn literal(text: &'static str) -> Self {
        match check(text, R::SCHEMA) {
            Some(rule) => panic!("{}", rule),
            None => Self { text: Cow::Borrowed(text), resource: PhantomData },
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Returns the rule that `text` breaks as an id that a program names.
const fn check(text: &str, schema: &Schema) -> Option<&'static str> {
    let IdRules { hexadecimal, refused } = schema.ids;
    let broken = check_prefix(text, schema.id_prefix);
    if broken.is_some() {
        return broken;
    }
    if hexadecimal && !is_hexadecimal(text.as_bytes(), schema.id_prefix.len()) {
        return Some(DIGITS);
    }
    let mut i = 0;
    while i < refused.len() {
        let (id, why) = refused[i];
        if id.len() == text.len() && check_prefix(text, id).is_none() {
            return Some(why);
        }
        i += 1;
    }
    None
}

const fn is_hexadecimal(text: &[u8], mut from: usize) -> bool {
    let digits = text.len() - from;
    while from < text.len() {
        if !matches!(text[from], b'0'..=b'9' | b'a'..=b'f') {
            return false;
        }
        from += 1;
    }
    digits == 8 || digits == 17
}

/// Returns the rule that `text` breaks as the id of an object of whatever name.
const fn check_prefix(text: &str, prefix: &str) -> Option<&'static str> {
    let (text, prefix) = (text.as_bytes(), prefix.as_bytes());
    if text.is_empty() {
        return Some(EMPTY);
    }
    let mut i = 0;
    while i < prefix.len() {
        if i >= text.len() || text[i] != prefix[i] {
            return Some(PREFIX);
        }
        i += 1;
    }
    None
}

impl<R> Clone for Id<R> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), resource: PhantomData }
    }
}

impl<R> fmt::Debug for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl<R> fmt::Display for Id<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<R> PartialEq for Id<R> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<R> Eq for Id<R> {}

impl<R> PartialOrd for Id<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Id<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<R> std::hash::Hash for Id<R> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl<R> Serialize for Id<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, R: Resource> Deserialize<'de> for Id<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::reported(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
