//! The seam between the engine, which knows no cloud, and the resources, which know no plan.
//!
//! The futures here are boxed and nothing runs them: this crate names no runtime.

use std::{any::Any, collections::BTreeSet, fmt, pin::Pin, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Finding, Graph, JsonMap, Node, Schema};

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes declared objects real. The engine calls it with the kind of a resource and JSON that the kind's schema describes.
///
/// Each call may be repeated: after a crash the engine does again what it does not know to be done. All that a method sends,
/// and all that it waits for, goes by the step's [`Turn`].
pub trait Provider: Send + Sync {
    /// The schema of `kind`, or `None` if the program that runs has no such kind.
    fn schema(&self, kind: &str) -> Option<&'static Schema>;

    /// How long a step usually takes. Earlier runs may tell better; then this is not asked for. It decides what goes first,
    /// and no result.
    fn typical_duration(&self, _kind: &str, _step: StepKind) -> Duration {
        Duration::from_secs(1)
    }

    /// The region in which this provider works; `None` where the cloud has none.
    fn region(&self) -> Option<&str> {
        None
    }

    /// What of the program cannot be in that region, as far as that is known without a call.
    fn wrong_region(&self, _graph: &Graph) -> Vec<Finding> {
        Vec::new()
    }

    /// The values that come from outside of the program and the cloud, such as supplied secrets, and that an apply needs to make
    /// `objects`: those that are missing, and those that the cloud would refuse. Nothing is sent.
    fn unsupplied(&self, _graph: &Graph, _objects: &[PlannedObject<'_>]) -> Vec<Finding> {
        Vec::new()
    }

    /// Reads what the objects are now, in the order of `objects`; `None` stands for one that does not exist.
    fn read<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>>;

    /// What becomes of a creation that is sent again, with the same inputs and token, while nobody knows what became of the
    /// first.
    fn repeated(&self, _kind: &str) -> Repeated {
        Repeated::MakesAnother
    }

    /// Creates an object and returns its id. Nothing else is done to it: [`Provider::converge`] follows, once the id is
    /// written down.
    ///
    /// The error says of this call alone whether the object may exist. Of an earlier call with the same token it says nothing.
    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>>;

    /// Finds the object that an earlier [`Provider::create`] with the same inputs and token may have left.
    ///
    /// `None` says after [`Look::Once`] that nothing is seen, and after [`Look::UntilSeen`] that there is nothing.
    fn find<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
        look: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>>;

    /// Finds objects that a run of the same state has created, and that the state does not have, as after it was restored from
    /// before that run: each of `search.creations` might create such an object a second time, and the cloud refuses to delete what
    /// contains one.
    ///
    /// The cloud is asked in few calls, so not every kind need be found. A new object may still be hidden. An object whose
    /// deletion may not show yet is looked at again for as long as that can take, so every object in the answer exists.
    fn untracked<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _search: &'a Search,
    ) -> BoxFuture<'a, Result<Untracked, ProviderError>> {
        Box::pin(std::future::ready(Ok(Untracked::default())))
    }

    /// Makes an object that exists that of the creation with this token, once its id is written down: [`Provider::create`] may
    /// have found an earlier object that can be used again. It can be repeated.
    fn claim<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        _id: &'a str,
        _inputs: &'a JsonMap,
        _token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Returns once every description shows what earlier runs have sent. A run that was interrupted right after a call may have
    /// changed an object whose description still shows how it was before.
    fn catch_up<'a>(&'a self, _turn: &'a Arc<dyn Turn>) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Brings an existing object to `inputs`, from whatever it is, and returns once it has settled. `previous` are the
    /// inputs that were applied last, for what cannot be read back.
    fn converge<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;

    /// What stands in the way of deletions that are about to begin, in the order of `objects`, of which each has the inputs by which
    /// it is to be deleted; `None` for one that nothing is known of, and for one that is gone. Nothing is changed.
    ///
    /// It is asked for each kind once, and only if a field of it counts at the deletion.
    fn obstacles<'a>(
        &'a self,
        _turn: &'a Arc<dyn Turn>,
        _kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Obstacle>>, ProviderError>> {
        Box::pin(std::future::ready(Ok(vec![None; objects.len()])))
    }

    /// Deletes an object and returns once it is gone. An object that does not exist is gone.
    fn delete<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;
}

/// Why an object cannot be deleted by the inputs that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Obstacle {
    /// What is in the way, as in "a snapshot named `last` exists".
    pub message: String,
    /// What to write in the declaration instead, as in `.final_snapshot_identifier(name!("last-2"))`.
    pub instead: String,
    /// The command that deletes the object by hand, for one that no declaration is about any more.
    pub by_hand: String,
}

/// How long something is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// It is asked for once, and not waited for.
    Once,
    /// Until it is seen, or has not been seen for so long, from now on, that the cloud can no longer hide it.
    UntilSeen,
}

/// What [`Provider::untracked`] looks for.
#[derive(Clone, Debug)]
pub struct Search {
    /// The name of the stack.
    pub stack: String,
    /// The first [`LINEAGE_DIGITS`] of all tokens of the state.
    pub lineage: String,
    /// The ids of the objects that the state has.
    pub ids: BTreeSet<String>,
    /// The digests of their tokens.
    pub digests: BTreeSet<String>,
    /// The creations that are about to be sent.
    pub creations: Vec<Creation>,
    /// The kinds of the objects that are about to be deleted.
    pub deleted: BTreeSet<String>,
}

/// A creation that is about to be sent.
#[derive(Clone, Debug)]
pub struct Creation {
    /// The kind of the object.
    pub kind: String,
    /// The inputs, as far as they are known.
    pub inputs: JsonMap,
}

impl Search {
    /// Whether a run of the same state has created an object of this stack whose token has this digest, and the state does not
    /// have it.
    pub fn misses(&self, stack: &str, digest: &str) -> bool {
        stack == self.stack && digest.starts_with(&self.lineage) && !self.digests.contains(digest)
    }
}

/// Objects that a run of the same state has created, and that the state does not have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Untracked {
    /// The objects.
    pub objects: Vec<UntrackedObject>,
    /// The commands that take from the objects whatever they are recognised by, and leave them in the cloud.
    pub release: Vec<String>,
}

/// One of [`Untracked::objects`].
#[derive(Clone, Debug, PartialEq)]
pub struct UntrackedObject {
    /// The address of the resource that it was created for, as in `Vpc.main`.
    pub resource: String,
    /// The id that the cloud knows it by.
    pub id: String,
}

/// What becomes of a creation that is sent again, while nobody knows what became of the first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Repeated {
    /// It is refused with [`ErrorKind::AlreadyExists`] if the first had its effect, as the object has what no two can have.
    IsRefused,
    /// It answers with the object of the first, if that had its effect.
    AnswersTheSame,
    /// It makes a second object. So it is not sent before it is known that the first had no effect.
    MakesAnother,
}

/// The kinds of step that an apply takes. A replacement is two.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum StepKind {
    /// Creates an object and brings it to its inputs.
    Create,
    /// Brings an object to its inputs.
    Update,
    /// Deletes an object.
    Delete,
}

/// What one step may do now: when it may send a call, and whether it is still worth waiting.
pub trait Turn: Send + Sync {
    /// Waits until a call may be sent. It is sent while the slot is held, and the slot is free again once it is dropped;
    /// whoever only waits holds none. A call that was sent is waited for in any case, so that what it did can be recorded.
    ///
    /// Fails with [`ErrorKind::Interrupted`] once the run is to stop.
    fn slot(&self) -> BoxFuture<'_, Result<Slot, ProviderError>>;

    /// Whether a call may still be sent. A caller that holds a slot, and has waited since it got it, asks this right before the call.
    ///
    /// Fails with [`ErrorKind::Interrupted`] once the run is to stop.
    fn may_send(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Gives back the slot that the step began with, if it has sent no call yet: it is about to wait for what others send,
    /// and they may need the slot for it.
    fn give_way(&self) {}

    /// Ends once the run is to stop. Whoever waits for anything but an answer gives up then, with [`interrupted`].
    fn stopped(&self) -> BoxFuture<'_, ()>;
}

/// The right to have one call under way. It is given back when it is dropped.
pub struct Slot(#[expect(dead_code, reason = "it is dropped, and does what it does then")] Box<dyn Any + Send>);

impl Slot {
    /// A slot that is given back by dropping `held`.
    pub fn new(held: impl Any + Send) -> Self {
        Self(Box::new(held))
    }
}

/// The turn of whoever works alone: there is always a slot, and no end.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

impl Turn for Unlimited {
    fn slot(&self) -> BoxFuture<'_, Result<Slot, ProviderError>> {
        Box::pin(std::future::ready(Ok(Slot::new(()))))
    }

    fn stopped(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// The error of a step that gives up as the run is to stop.
pub fn interrupted() -> ProviderError {
    ProviderError {
        kind: ErrorKind::Interrupted,
        operation: String::new(),
        code: String::new(),
        message: "the run was interrupted".to_owned(),
        help: "run the same command again: it goes on from here".to_owned(),
    }
}

/// An object that the state knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object<'a> {
    /// The id that the cloud knows it by.
    pub id: &'a str,
    /// The inputs that were applied last.
    pub inputs: &'a JsonMap,
    /// The attributes that were read last; `None` where they are to be read anew.
    pub attributes: Option<&'a JsonMap>,
}

/// An object that a plan creates or changes in place.
#[derive(Clone, Debug)]
pub struct PlannedObject<'a> {
    /// What the program declares.
    pub node: &'a Node,
    /// The object as it was read for the plan, with the inputs that count as applied last; `None` where it is to be created.
    pub existing: Option<Object<'a>>,
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
    /// 64 hexadecimal digits that no other step of any stack has. The first [`LINEAGE_DIGITS`] are those of the state.
    pub digest: String,
}

/// How many digits of a [`Token`] all tokens of one state have in common, and of two states do not.
pub const LINEAGE_DIGITS: usize = 16;

impl Token {
    /// Whether `digest` is that of a token of the same state.
    pub fn is_kin(&self, digest: &str) -> bool {
        let lineage = |digest: &str| digest.get(..LINEAGE_DIGITS).map(str::to_owned);
        lineage(digest).is_some_and(|theirs| lineage(&self.digest) == Some(theirs))
    }
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

/// Why [`Provider::create`] failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error}")]
pub struct CreateError {
    /// What went wrong.
    pub error: ProviderError,
    /// Whether the object may exist all the same: a call that writes had its effect, or nobody knows that it had none.
    pub may_exist: bool,
}

/// The kinds of failure that are told apart.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum ErrorKind {
    /// The object exists already.
    AlreadyExists,
    /// What was to be created could not be, and what there was of it is gone. Only of an object that is being brought to its inputs.
    CreateFailed,
    /// The caller may not do this, or is not known.
    Denied,
    /// The run is to stop, so that a call was not sent, or a state not waited for.
    Interrupted,
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
    /// The service was not reached: the call was not sent, so it had no effect.
    Unreached,
}

impl ErrorKind {
    /// Whether a call that writes may have had its effect, although it failed with this.
    pub fn may_have_effect(self) -> bool {
        match self {
            Self::Service | Self::TimedOut => true,
            Self::AlreadyExists
            | Self::CreateFailed
            | Self::Denied
            | Self::Interrupted
            | Self::Invalid
            | Self::NotFound
            | Self::NothingToDo
            | Self::Quota
            | Self::Throttled
            | Self::Transitional
            | Self::Unreached => false,
        }
    }
}

/// The error of a creation that consists of one call.
impl From<ProviderError> for CreateError {
    fn from(error: ProviderError) -> Self {
        Self { may_exist: error.kind.may_have_effect(), error }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digest)
    }
}
