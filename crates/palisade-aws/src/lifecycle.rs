//! [`Lifecycle`]: how a declared resource becomes real.

use std::time::Duration;

use palisade_core::{
    Id, JsonMap, OnChange, Resource,
    provider::{BoxFuture, ErrorKind, Object, Observation, Obstacle, ProviderError, Repeated, StepKind, Token},
};
use serde::{Deserialize, Serialize};

use crate::{Aws, calls::Calls, observe::VISIBLE};

/// How a resource becomes real, stays what it should be, and goes.
///
/// The doctrine is *observe, ensure, sync*: what is seen outranks what is remembered, every step can be repeated, and
/// "already exists" and "not found" are races to settle, not failures.
pub trait Lifecycle: Resource + Send + Sync {
    /// What was read; the derive makes it, with one field for each of the resource's.
    type Observed: Serialize + Send;

    /// The calls that the methods below can make. A test holds the lists against what they do make.
    const CALLS: Calls;

    /// What becomes of a [`Lifecycle::create`] that is repeated with the same token. A test holds it against what does.
    const REPEATED: Repeated;

    /// How long the steps usually take, which decides what goes first.
    const TYPICAL: TypicalDurations = TypicalDurations::seconds(1, 1, 1);

    /// Creates the object, with the token's tags in the very call where AWS takes tags, and returns its id. Nothing else:
    /// the id is written down before [`Lifecycle::converge`] goes on.
    fn create(&self, aws: &Aws, token: &Token) -> impl Future<Output = Result<Id<Self>, ProviderError>> + Send;

    /// Makes an earlier object that [`Lifecycle::create`] has found, instead of creating one, that of this creation. Its id is
    /// written down by then, so that an interruption leaves nothing that no state knows.
    fn claim(
        &self,
        _aws: &Aws,
        _id: &Id<Self>,
        _token: &Token,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Looks once for what a creation with the same token left behind, and waits for nothing.
    fn find(&self, aws: &Aws, token: &Token) -> impl Future<Output = Result<Sighting<Id<Self>>, ProviderError>> + Send;

    /// Reads the objects, as many as there are in as few calls as AWS has. The answer is in the order of `ids`.
    fn read(aws: &Aws, ids: &[Id<Self>]) -> impl Future<Output = Result<Snapshots<Self>, ProviderError>> + Send;

    /// Reads again what was read before. `known` are the attributes of then, where they are on record: what cannot have
    /// changed need not be asked for.
    fn refresh(
        aws: &Aws,
        ids: &[Id<Self>],
        known: Vec<Option<Self::Attributes>>,
    ) -> impl Future<Output = Result<Snapshots<Self>, ProviderError>> + Send {
        drop(known);
        Self::read(aws, ids)
    }

    /// Brings the object from whatever it is to what it should be, and returns once it has settled: the same code after a
    /// creation, for an update, and after a crash. `previous` is what was applied last, for what cannot be read back; it is `None` of an object
    /// that was created with these very inputs.
    fn converge(
        &self,
        aws: &Aws,
        id: &Id<Self>,
        previous: Option<&Self>,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// What stands in the way of the deletion of the objects, each with what the program says of its deletion, in the order of
    /// `objects`. It is asked for where [`Calls::obstacles`] has a call.
    fn obstacles(
        _aws: &Aws,
        objects: &[(Self, Id<Self>)],
    ) -> impl Future<Output = Result<Vec<Option<Obstacle>>, ProviderError>> + Send {
        std::future::ready(Ok(vec![None; objects.len()]))
    }

    /// Deletes the object, and returns once it is gone. `self` is what the program says of its deletion.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if AWS says that there is no such object. The caller has to look whether that is true.
    fn delete(&self, aws: &Aws, id: &Id<Self>) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// What a look for an object came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sighting<T> {
    /// Nothing is seen of it. It may be too new to be seen.
    Nothing,
    /// Something is seen that may be it, and AWS does not yet tell.
    Unclear,
    /// This is it.
    Seen(T),
}

impl<T> Sighting<T> {
    /// The same sighting, in other terms.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sighting<U> {
        match self {
            Self::Nothing => Sighting::Nothing,
            Self::Unclear => Sighting::Unclear,
            Self::Seen(object) => Sighting::Seen(change(object)),
        }
    }
}

impl<T> From<Option<T>> for Sighting<T> {
    fn from(found: Option<T>) -> Self {
        found.map_or(Self::Nothing, Self::Seen)
    }
}

/// How long the steps of a kind usually take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TypicalDurations {
    create: Duration,
    update: Duration,
    delete: Duration,
}

impl TypicalDurations {
    /// The durations of a creation, an update and a deletion, in seconds.
    pub const fn seconds(create: u64, update: u64, delete: u64) -> Self {
        let [create, update, delete] =
            [Duration::from_secs(create), Duration::from_secs(update), Duration::from_secs(delete)];
        Self { create, update, delete }
    }

    pub(crate) fn of(self, step: StepKind) -> Duration {
        match step {
            StepKind::Create => self.create,
            StepKind::Update => self.update,
            StepKind::Delete => self.delete,
        }
    }
}

/// What the objects of a kind were when they were read; `None` stands for one that does not exist.
pub type Snapshots<R> = Vec<Option<Snapshot<<R as Lifecycle>::Observed, <R as Resource>::Attributes>>>;

/// What an object was when it was read.
#[derive(Debug)]
pub struct Snapshot<O, A> {
    /// The fields.
    pub fields: O,
    /// The attributes.
    pub attributes: A,
}

/// A [`Lifecycle`] without its type, as the registry holds it: JSON in, JSON out.
pub(crate) trait ErasedLifecycle: Send + Sync {
    fn typical_durations(&self) -> TypicalDurations;
    fn repeated(&self) -> Repeated;
    fn read<'a>(
        &self,
        aws: &'a Aws,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>>;
    fn create<'a>(
        &self,
        aws: &'a Aws,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, ProviderError>>;
    fn claim<'a>(
        &self,
        aws: &'a Aws,
        id: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;
    fn find<'a>(
        &self,
        aws: &'a Aws,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<Sighting<String>, ProviderError>>;
    fn converge<'a>(
        &self,
        aws: &'a Aws,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;
    fn obstacles<'a>(
        &self,
        aws: &'a Aws,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Obstacle>>, ProviderError>>;
    fn delete<'a>(&self, aws: &'a Aws, object: &'a Object<'a>) -> BoxFuture<'a, Result<(), ProviderError>>;
}

/// After what time an object is looked for of which a deletion was told that it does not exist.
const LOOK: Duration = Duration::from_secs(2);

/// Erases the type of `R`'s lifecycle.
pub(crate) struct Erased<R>(pub(crate) std::marker::PhantomData<fn() -> R>);

impl<R: Lifecycle> ErasedLifecycle for Erased<R> {
    fn typical_durations(&self) -> TypicalDurations {
        R::TYPICAL
    }

    fn repeated(&self) -> Repeated {
        R::REPEATED
    }

    fn read<'a>(
        &self,
        aws: &'a Aws,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        Box::pin(async move {
            let ids = objects.iter().map(|object| id::<R>(object.id)).collect::<Result<Vec<_>, _>>()?;
            let known = objects.iter().map(|object| attributes::<R>(object.attributes)).collect();
            let snapshots = R::refresh(aws, &ids, known).await?;
            snapshots.into_iter().map(|snapshot| snapshot.map(observation::<R>).transpose()).collect()
        })
    }

    fn create<'a>(
        &self,
        aws: &'a Aws,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, ProviderError>> {
        Box::pin(async move { Ok(typed::<R>(inputs)?.create(aws, token).await?.to_string()) })
    }

    fn claim<'a>(
        &self,
        aws: &'a Aws,
        id_text: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { typed::<R>(inputs)?.claim(aws, &id(id_text)?, token).await })
    }

    fn find<'a>(
        &self,
        aws: &'a Aws,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<Sighting<String>, ProviderError>> {
        Box::pin(async move { Ok(typed::<R>(inputs)?.find(aws, token).await?.map(|id| id.to_string())) })
    }

    fn converge<'a>(
        &self,
        aws: &'a Aws,
        id_text: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            let previous = previous.map(|previous| typed::<R>(&readable::<R>(inputs, previous))).transpose()?;
            typed::<R>(inputs)?.converge(aws, &id(id_text)?, previous.as_ref()).await
        })
    }

    fn obstacles<'a>(
        &self,
        aws: &'a Aws,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Obstacle>>, ProviderError>> {
        Box::pin(async move {
            if R::CALLS.obstacles.is_empty() {
                return Ok(vec![None; objects.len()]);
            }
            let declared = objects.iter().map(|object| Ok((typed::<R>(object.inputs)?, id::<R>(object.id)?)));
            R::obstacles(aws, &declared.collect::<Result<Vec<_>, _>>()?).await
        })
    }

    fn delete<'a>(&self, aws: &'a Aws, object: &'a Object<'a>) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { delete(aws, &typed::<R>(object.inputs)?, &id(object.id)?, object.attributes).await })
    }
}

/// Deletes an object of which these attributes are on record. That it does not exist is looked at twice.
pub(crate) async fn delete<R: Lifecycle>(
    aws: &Aws,
    declared: &R,
    id: &Id<R>,
    known: Option<&JsonMap>,
) -> Result<(), ProviderError> {
    let attempt = async || match declared.delete(aws, id).await {
        // A part of AWS that has not heard of a young object yet denies it.
        Err(error) if error.kind == ErrorKind::NotFound => {
            aws.pause(LOOK).await?;
            let seen = R::refresh(aws, std::slice::from_ref(id), vec![attributes::<R>(known)]).await;
            if seen.is_ok_and(|seen| seen.iter().all(Option::is_none)) { Ok(()) } else { Err(error) }
        }
        answer => answer,
    };
    aws.until_accepted(VISIBLE, |error| error.kind == ErrorKind::NotFound, attempt).await
}

fn typed<R: Resource>(inputs: &JsonMap) -> Result<R, ProviderError> {
    serde_json::from_value(palisade_core::Json::Object(inputs.clone()))
        .map_err(|error| invalid(format!("the fields are not those of a {}: {error}", R::SCHEMA.kind)))
}

/// The inputs that were applied last, as far as this version of the program can read them: what an older version did not know,
/// or wrote in another way, there is nothing to compare with, and counts as unchanged.
fn readable<R: Resource>(inputs: &JsonMap, previous: &JsonMap) -> JsonMap {
    let mut readable = inputs.clone();
    for (field, now) in inputs {
        let Some(before) = previous.get(field) else { continue };
        readable.insert(field.clone(), before.clone());
        if typed::<R>(&readable).is_err() {
            readable.insert(field.clone(), now.clone());
        }
    }
    readable
}

fn id<R: Resource>(text: &str) -> Result<Id<R>, ProviderError> {
    Id::reported(text).map_err(|error| invalid(error.to_string()))
}

/// The attributes on record, unless there are none, or some are missing that this version of the program knows.
fn attributes<R: Resource>(attributes: Option<&JsonMap>) -> Option<R::Attributes> {
    R::Attributes::deserialize(attributes?).ok()
}

fn observation<R: Lifecycle>(snapshot: Snapshot<R::Observed, R::Attributes>) -> Result<Observation, ProviderError> {
    Ok(Observation { fields: map(&snapshot.fields)?, attributes: map(&snapshot.attributes)? })
}

/// A struct as a map; the attributes of a resource without any are `()`, and so null.
fn map(value: &impl Serialize) -> Result<JsonMap, ProviderError> {
    match serde_json::to_value(value) {
        Ok(palisade_core::Json::Object(map)) => Ok(map),
        Ok(_) => Ok(JsonMap::new()),
        Err(error) => Err(invalid(error.to_string())),
    }
}

/// Refuses to change an object in place that is `observed` to be what no change in place leads from: a change that an earlier
/// run had sent came to its end after the plan was made, such as an upgrade of an engine, which has no way back.
pub(crate) fn check_in_place<R: Lifecycle>(
    id: &Id<R>,
    wanted: &R,
    observed: &R::Observed,
) -> Result<(), ProviderError> {
    let (wanted, observed) = (map(wanted)?, map(observed)?);
    for field in R::SCHEMA.fields {
        let OnChange::ReplaceIf(is_replaced) = field.on_change else { continue };
        let Some((now, wanted)) = observed.get(field.name).zip(wanted.get(field.name)) else { continue };
        if now != wanted && is_replaced(now, wanted) {
            return Err(ProviderError {
                kind: ErrorKind::Transitional,
                operation: String::new(),
                code: String::new(),
                message: format!(
                    "`{}` of {id} has become {now} by an earlier change, and does not become {wanted} in place",
                    field.name
                ),
                help: "run the same command again, and the plan shows what that takes".to_owned(),
            });
        }
    }
    Ok(())
}

/// `wanted`, with the values that the object keeps in the fields that the program leaves to AWS.
pub(crate) fn with_kept<R: Lifecycle>(wanted: &R, observed: &R::Observed) -> Result<R, ProviderError> {
    let (wanted, observed) = (map(wanted)?, map(observed)?);
    let mut complete = wanted.clone();
    for field in R::SCHEMA.fields {
        if let Some(kept) = observed.get(field.name).and_then(|now| field.kept(now, &wanted)) {
            complete.insert(field.name.to_owned(), kept);
        }
    }
    typed(&complete)
}

fn invalid(message: String) -> ProviderError {
    ProviderError {
        kind: ErrorKind::Invalid,
        operation: String::new(),
        code: String::new(),
        message,
        help: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{resources::Vpc, tags};

    #[test]
    fn what_cannot_be_read_of_earlier_inputs_counts_as_unchanged() {
        let map = |json: palisade_core::Json| json.as_object().cloned().unwrap();
        let now = map(json!({
            "cidr_block": "10.0.0.0/16", "enable_dns_support": true, "enable_dns_hostnames": true,
            "enable_network_address_usage_metrics": false, "instance_tenancy": "default", "tags": { "a": "2" },
        }));
        // An older version had no metrics, spelled the tenancy in another way, and had a field that is no more.
        let before = map(json!({
            "cidr_block": "10.0.0.0/16", "enable_dns_support": true, "enable_dns_hostnames": false,
            "instance_tenancy": 7, "tags": { "a": "1" }, "forgotten": 1,
        }));
        let expected = Vpc { enable_dns_hostnames: false, tags: tags! { "a" = "1" }, ..typed(&now).unwrap() };
        assert_eq!(typed::<Vpc>(&readable::<Vpc>(&now, &before)).unwrap(), expected);
    }
}
