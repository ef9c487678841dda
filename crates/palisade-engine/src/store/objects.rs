//! [`Objects`]: a place that keeps objects under keys, and writes one only if it is still what the writer takes it for.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use palisade_core::provider::BoxFuture;

use crate::digest::sha256;

/// Keeps objects under keys, as S3 does: each write is whole or not at all, and is seen by every read that begins later.
pub trait Objects: Send + Sync {
    /// Where the object is, as a person would say it: `s3://bucket/key`.
    fn location(&self, key: &str) -> String;

    /// The object, or `None` if there is none.
    ///
    /// # Errors
    /// [`ObjectsError`] if it cannot be read.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, ObjectsError>>;

    /// Writes an object, if `condition` is true at that moment.
    ///
    /// # Errors
    /// [`ObjectsError`] if it is not known to be written, nor refused. It may be written all the same, even later.
    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>>;

    /// The keys that begin with `prefix`, in their order.
    ///
    /// # Errors
    /// [`ObjectsError`] if they cannot be listed.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>>;

    /// Deletes an object. One that does not exist is deleted.
    ///
    /// # Errors
    /// [`ObjectsError`] if it cannot be deleted.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>>;
}

/// An object that was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// What tells it from what is written to the same key later.
    pub etag: String,
}

/// What must be true of an object for it to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition<'a> {
    /// There is none.
    Absent,
    /// It is the one with this etag.
    Matches(&'a str),
}

/// What came of a write.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Put {
    /// It is written, and has this etag.
    Done(String),
    /// The condition is not true. An earlier attempt at the same write, whose answer was lost, may be the reason.
    Refused,
}

/// Why an object could not be read or written.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ObjectsError {
    /// What is wrong, as a text that fits "cannot write OBJECT: {message}".
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Whether the next attempt may succeed.
    pub is_transient: bool,
}

/// Keeps objects in memory, for tests and rehearsals.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    kept: Mutex<BTreeMap<String, Object>>,
}

impl MemoryObjects {
    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Objects for MemoryObjects {
    fn location(&self, key: &str) -> String {
        format!("memory://{key}")
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, ObjectsError>> {
        Box::pin(async { Ok(self.kept().get(key).cloned()) })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>> {
        Box::pin(async move {
            let mut kept = self.kept();
            let is_true = match (condition, kept.get(key)) {
                (Condition::Absent, found) => found.is_none(),
                (Condition::Matches(etag), found) => found.is_some_and(|found| found.etag == etag),
            };
            if !is_true {
                return Ok(Put::Refused);
            }
            // As in S3, what has the same bytes has the same etag.
            let etag = format!("\"{}\"", sha256(bytes));
            kept.insert(key.to_owned(), Object { bytes: bytes.to_owned(), etag: etag.clone() });
            Ok(Put::Done(etag))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>> {
        Box::pin(async move { Ok(self.kept().keys().filter(|key| key.starts_with(prefix)).cloned().collect()) })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        Box::pin(async move {
            self.kept().remove(key);
            Ok(())
        })
    }
}
