//! The seam between the engine, which knows no cloud, and the resources, which know no plan.
//!
//! The futures here are boxed and nothing runs them: this crate names no runtime.

use std::{fmt, pin::Pin};

use serde::{Deserialize, Serialize};

use crate::{Json, JsonMap, Schema};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes declared objects real. The engine calls it with the kind of a resource and JSON that the kind's schema describes.
///
/// Each call may be repeated: after a crash the engine does again what it does not know to be done.
pub trait Provider: Send + Sync {
    /// The schema of `kind`, or `None` if the program that runs has no such kind.
    fn schema(&self, kind: &str) -> Option<&'static Schema>;

    /// Reads what the objects are now, in the order of `objects`; `None` stands for one that does not exist.
    fn read<'a>(
        &'a self,
        kind: &'a str,
        objects: &'a [Object],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>>;

    /// Creates an object and returns its id. Nothing else is done to it: [`Provider::converge`] follows, once the id is
    /// written down.
    fn create<'a>(
        &'a self,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, ProviderError>>;

    /// Finds the object that an interrupted [`Provider::create`] with the same token may have left.
    fn find<'a>(
        &'a self,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>>;

    /// Brings an existing object to `inputs`, from whatever it is, and returns once it has settled. `previous` are the
    /// inputs that were applied last, for what cannot be read back.
    fn converge<'a>(
        &'a self,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;

    /// Deletes an object and returns once it is gone. An object that does not exist is gone.
    fn delete<'a>(&'a self, kind: &'a str, object: &'a Object) -> BoxFuture<'a, Result<(), ProviderError>>;
}

/// An object that the state knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// The id that the cloud knows it by.
    pub id: String,
    /// The inputs that were applied last.
    pub inputs: JsonMap,
}

/// What an object was when it was read.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Observation {
    /// The fields as the cloud has them. A field that cannot be read back is absent.
    pub fields: JsonMap,
    /// The attributes, without `id`.
    pub attributes: JsonMap,
}

/// What makes a creation recognisable: the same token for every attempt at the same step, and another one for every other.
///
/// It is the client token of the calls that take one, and a tag of every object that is created.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Token {
    /// The name of the stack.
    pub stack: String,
    /// The address of the resource, as in `Vpc.main`.
    pub resource: String,
    /// 64 hexadecimal digits that no other step of any stack has.
    pub digest: String,
}

/// Why a call of the [`Provider`] failed, in terms that decide what the engine does.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// The call that failed, as in `CreateSubnet`; empty where none was made.
    pub operation: String,
    /// The code of the cloud, as in `InvalidSubnet.Conflict`; empty where there is none.
    pub code: String,
    /// What is wrong, as a text for people.
    pub message: String,
    /// What to do about it; empty where the message says it all.
    pub help: String,
}

/// The kinds of failure that are told apart.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum ErrorKind {
    /// The object exists already.
    AlreadyExists,
    /// The caller may not do this, or is not known.
    Denied,
    /// The request is wrong: doing it again would fail again.
    Invalid,
    /// What the call is about does not exist.
    NotFound,
    /// Nothing is wrong, and nothing had to be done.
    NothingToDo,
    /// A limit of the account is reached.
    Quota,
    /// The service failed, or did not answer, and the call may or may not have had its effect.
    Service,
    /// Too many calls in too short a time.
    Throttled,
    /// The object is between two states, or still used: the same call can succeed later.
    Transitional,
    /// The wait for a state ran out of time.
    TimedOut,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digest)
    }
}

impl Object {
    /// The inputs as one JSON value.
    pub fn inputs_json(&self) -> Json {
        Json::Object(self.inputs.clone())
    }
}
