//! What the lifecycles have in common.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use palisade_core::{
    Id, Resource,
    provider::{ErrorKind, ProviderError, Token},
};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::{
    Aws, Sighting,
    operations::{
        AddTagsToResource, CreateTags, DeleteTags, GetSecretValue, ListTagsForResource, Operation,
        RemoveTagsFromResource,
    },
    types::{Arn, SecretRef, Tags},
};

/// How long a new EC2 object may take to be seen by every part of EC2.
pub(crate) const VISIBLE: Duration = Duration::from_mins(5);
/// How long the interfaces of a deleted cache may keep a subnet or a security group from being deleted.
pub(crate) const RELEASED: Duration = Duration::from_mins(20);
/// How long a user group, or what uses it, may be between two states.
pub(crate) const GROUP_SETTLED: Duration = Duration::from_mins(20);

/// How long a description may go on telling how things were before a change that was accepted.
pub(crate) const STALE: Duration = Duration::from_secs(60);

/// Waits, for `limit` at most, until `settled` finds what is waited for in what `describe` tells of an object. `what` and
/// `goal` say it in words: "the user reader", "to be active".
///
/// An object that nobody has seen yet may be too new to be seen, for as long as [`VISIBLE`]. One that was seen, in this wait
/// or before it as `exists` says, and is not there any more, was deleted by somebody else: no wait brings it back.
pub(crate) async fn settle<D, T, F>(
    aws: &Aws,
    (what, goal): (&str, &str),
    limit: Duration,
    exists: bool,
    mut describe: impl FnMut() -> F,
    settled: impl Fn(D) -> Result<Option<T>, ProviderError>,
) -> Result<T, ProviderError>
where
    F: Future<Output = Result<Option<D>, ProviderError>>,
{
    let start = Instant::now();
    let seen = AtomicBool::new(exists);
    aws.wait(&format!("{what} {goal}"), limit, || {
        // If the process stands still, the answer is from before that.
        let waited = start.elapsed();
        let description = describe();
        let (seen, settled) = (&seen, &settled);
        async move {
            match description.await? {
                Some(description) => {
                    seen.store(true, Ordering::Relaxed);
                    settled(description)
                }
                None if seen.load(Ordering::Relaxed) => Err(lost(what, "is gone")),
                None if waited >= VISIBLE => Err(lost(what, "was created, and nothing is seen of it")),
                None => Ok(None),
            }
        }
    })
    .await
}

/// Waits until an object is seen that needs no more than that, as [`settle`] does.
pub(crate) async fn appear<D, F>(
    aws: &Aws,
    what: &str,
    exists: bool,
    describe: impl FnMut() -> F,
) -> Result<D, ProviderError>
where
    F: Future<Output = Result<Option<D>, ProviderError>>,
{
    settle(aws, (what, "to appear"), VISIBLE, exists, describe, |description| Ok(Some(description))).await
}

/// The error for an object that somebody else deleted, or is deleting, while it was waited for.
pub(crate) fn lost(what: &str, how: &str) -> ProviderError {
    ProviderError {
        kind: ErrorKind::NotFound,
        operation: String::new(),
        code: String::new(),
        message: format!("{what} {how}"),
        help: "see who deletes it, and run the same command again: it is created anew".to_owned(),
    }
}

/// Waits, for `limit` at most, until an object that uses another one does not change any more: it has `settled`, or is gone after a
/// deletion that an earlier run has begun.
pub(crate) async fn at_rest<T, D, S, F>(
    aws: &Aws,
    what: &str,
    limit: Duration,
    settled: impl Fn() -> S,
    describe: impl Fn() -> F,
) -> Result<(), ProviderError>
where
    S: Future<Output = Result<T, ProviderError>>,
    F: Future<Output = Result<Option<D>, ProviderError>>,
{
    aws.wait(&format!("{what} to be at rest"), limit, async || match settled().await {
        // It is being deleted; or one answer did not tell of it, and the next one does.
        Err(error) if error.kind == ErrorKind::NotFound => Ok(describe().await?.is_none().then_some(())),
        settled => settled.map(|_| Some(())),
    })
    .await
}

/// Asks `poll` until its answer shows what was just changed, as `is_seen` tells. After [`STALE`] the answer is taken as it
/// is: AWS may write a value in another way than it was given.
pub(crate) async fn once_seen<T, F>(
    aws: &Aws,
    mut poll: impl FnMut() -> F,
    is_seen: impl Fn(&T) -> bool,
) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
{
    let start = Instant::now();
    loop {
        // If the process stands still, the answer is from before that.
        let waited = start.elapsed();
        let answer = poll().await?;
        if is_seen(&answer) || waited >= STALE {
            return Ok(answer);
        }
        aws.pause(Duration::from_secs(1)).await?;
    }
}

/// The error for a change that AWS accepted and does not show. To take it for done would hide it from every later plan.
pub(crate) fn not_shown(what: &str) -> ProviderError {
    ProviderError {
        kind: ErrorKind::TimedOut,
        operation: String::new(),
        code: String::new(),
        message: format!("AWS accepted a change of {what}, and does not show it after {} seconds", STALE.as_secs()),
        help: "see in the console what has become of it, and run the same command again: it is still to be done"
            .to_owned(),
    }
}

/// Puts what was found into the order of the ids that were asked for.
pub(crate) fn in_order<R: Resource, D>(ids: &[Id<R>], found: Vec<D>, id: impl Fn(&D) -> &Id<R>) -> Vec<Option<D>> {
    let mut found: HashMap<_, _> = found.into_iter().map(|described| (id(&described).clone(), described)).collect();
    ids.iter().map(|id| found.remove(id)).collect()
}

/// What was asked for, unless it does not exist.
pub(crate) fn found<T>(answer: Result<T, ProviderError>) -> Result<Option<T>, ProviderError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A part of an object that was just described. A part of a new object may be seen later than the rest; of one that is known to be there,
/// a part that does not exist is an error.
pub(crate) fn part<T>(answer: Result<T, ProviderError>, is_known: bool) -> Result<Option<T>, ProviderError> {
    if is_known { answer.map(Some) } else { found(answer) }
}

/// Takes an object that does not exist for one that was deleted.
pub(crate) fn gone<T>(answer: Result<T, ProviderError>) -> Result<(), ProviderError> {
    match answer {
        Err(error) if error.kind != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Brings the tags of an object from `observed` to `wanted`, by a call that removes some and one that sets some. Those that go make
/// room for those that come: an object has 50 at most, and a role no two whose keys differ in case only.
pub(crate) async fn sync_tags(
    wanted: &Tags,
    observed: &Tags,
    remove: impl AsyncFnOnce(Vec<String>) -> Result<(), ProviderError>,
    set: impl AsyncFnOnce(Tags) -> Result<(), ProviderError>,
) -> Result<(), ProviderError> {
    let (missing, spare) = wanted.changes_from(observed);
    if !spare.is_empty() {
        remove(spare).await?;
    }
    if !missing.is_empty() {
        set(missing).await?;
    }
    Ok(())
}

/// Brings the tags of an EC2 object from `observed` to `wanted`.
pub(crate) async fn sync_ec2_tags(aws: &Aws, id: &str, wanted: &Tags, observed: &Tags) -> Result<(), ProviderError> {
    let resource_id = || id.to_owned();
    let remove = async |keys| aws.call(DeleteTags { resource_id: resource_id(), keys }).await.map(drop);
    let set = async |tags| aws.call(CreateTags { resource_id: resource_id(), tags }).await.map(drop);
    sync_tags(wanted, observed, remove, set).await
}

/// Brings the tags of an ElastiCache object to `wanted`, unless `previous` tells that they are: the tags that were applied
/// last, or `None` of an object that was created with `wanted`.
///
/// Only then are they read, since that takes a call for each object.
pub(crate) async fn sync_cache_tags(
    aws: &Aws,
    arn: &Arn,
    wanted: &Tags,
    previous: Option<&Tags>,
) -> Result<(), ProviderError> {
    if previous.is_none_or(|previous| previous == wanted) {
        return Ok(());
    }
    let observed = cache_tags(aws, arn).await?;
    let remove = async |keys| {
        aws.call_until_settled(GROUP_SETTLED, RemoveTagsFromResource { arn: arn.clone(), keys }).await.map(drop)
    };
    let set = async |tags| {
        aws.call_until_settled(GROUP_SETTLED, AddTagsToResource { arn: arn.clone(), tags }).await.map(drop)
    };
    sync_tags(wanted, &observed, remove, set).await
}

/// The tags of an ElastiCache object, which no description has.
pub(crate) async fn cache_tags(aws: &Aws, arn: &Arn) -> Result<Tags, ProviderError> {
    Ok(aws.call_until_settled(GROUP_SETTLED, ListTagsForResource { arn: arn.clone() }).await?.tags)
}

/// Whether the ElastiCache object `id`, which was just described, is what the creation of `token` has made. Of one that is between two
/// states AWS does not tell, and may even say that it does not exist.
pub(crate) async fn sighted<T>(aws: &Aws, id: T, arn: &Arn, token: &Token) -> Result<Sighting<T>, ProviderError> {
    match aws.call(ListTagsForResource { arn: arn.clone() }).await {
        Ok(answer) => Ok(Some(id).filter(|_| answer.tags.are_of(token)).into()),
        Err(error) if matches!(error.kind, ErrorKind::Transitional | ErrorKind::NotFound) => Ok(Sighting::Unclear),
        Err(error) => Err(error),
    }
}

/// The value of a secret. It goes from here into the call that needs it, and nowhere else.
pub(crate) async fn secret_value(aws: &Aws, secret: &SecretRef) -> Result<SecretString, ProviderError> {
    let SecretRef { secret, version } = secret;
    Ok(aws.call(GetSecretValue { secret_id: secret.clone(), version_id: version.clone() }).await?.value)
}

/// The ARN of an EC2 object, which EC2 does not tell for all of them.
pub(crate) fn ec2_arn(aws: &Aws, owner: &str, kind: &str, id: &str) -> Arn {
    Arn::reported(format!("arn:aws:ec2:{region}:{owner}:{kind}/{id}", region = aws.region()))
}

/// Creates what has a name, once an earlier object of the name is gone whose deletion has begun, as `is_going` tells; `None` if nothing
/// has the name. An interrupted run may have begun it.
pub(crate) async fn create_named<O: Operation, F>(
    aws: &Aws,
    limit: Duration,
    request: O,
    is_going: impl Fn() -> F,
) -> Result<O::Output, ProviderError>
where
    F: Future<Output = Result<Option<bool>, ProviderError>>,
{
    let answer = match aws.call_until_settled(GROUP_SETTLED, request.clone()).await {
        // It may have gone since the refusal.
        Err(error) if error.kind == ErrorKind::AlreadyExists && is_going().await? != Some(false) => {
            let what = "the earlier object of the name to be gone";
            aws.wait(what, limit, async || Ok((is_going().await? != Some(true)).then_some(()))).await?;
            aws.call_until_settled(GROUP_SETTLED, request).await
        }
        answer => answer,
    };
    answer.map_err(taken)
}

/// The error for a name that is taken by something that the state does not know. It may be the stack's own all the same, as
/// after the loss of a state, so it is not called another's, nor is its deletion the first advice.
pub(crate) fn taken(mut error: ProviderError) -> ProviderError {
    if error.kind == ErrorKind::AlreadyExists && error.help.is_empty() {
        error.help = "it exists, and the state does not know it: bring back the newest state, if this one is older or another one \
                      was lost; otherwise choose another name, or delete what has it"
            .to_owned();
    }
    error
}

/// An id that AWS answered with, or that is the name of what was just created.
pub(crate) fn named<R: Resource>(name: impl Into<String>) -> Result<Id<R>, ProviderError> {
    Id::reported(name).map_err(|error| ProviderError {
        kind: ErrorKind::Service,
        operation: String::new(),
        code: String::new(),
        message: error.to_string(),
        help: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, atomic::AtomicUsize};

    use palisade_core::provider::BoxFuture;

    use super::*;
    use crate::{
        Backend, Supplier,
        operations::{CreateAlias, Request, Response},
        types::KmsAlias,
    };

    fn refused(kind: ErrorKind, help: &str) -> ProviderError {
        ProviderError {
            kind,
            operation: "CreateUser".to_owned(),
            code: "UserAlreadyExists".to_owned(),
            message: "User admin already exists.".to_owned(),
            help: help.to_owned(),
        }
    }

    #[test]
    fn a_name_that_is_taken_is_not_said_to_be_anothers() {
        let help = |kind, help| taken(refused(kind, help)).help;
        assert_eq!(
            help(ErrorKind::AlreadyExists, ""),
            "it exists, and the state does not know it: bring back the newest state, if this one is older or another one was \
             lost; otherwise choose another name, or delete what has it"
        );
        assert_eq!(help(ErrorKind::AlreadyExists, "wait"), "wait");
        assert_eq!(help(ErrorKind::Denied, ""), "");
    }

    #[test]
    fn only_what_does_not_exist_is_missing_and_every_other_error_is_one() {
        let answer = |kind| Err::<(), _>(refused(kind, ""));
        let kind = |error: ProviderError| error.kind;
        assert_eq!(found(answer(ErrorKind::NotFound)).map_err(kind), Ok(None));
        assert_eq!(gone(answer(ErrorKind::NotFound)).map_err(kind), Ok(()));
        assert_eq!(part(answer(ErrorKind::NotFound), false).map_err(kind), Ok(None));
        assert_eq!(part(answer(ErrorKind::NotFound), true).map_err(kind), Err(ErrorKind::NotFound));
        for other in [ErrorKind::Denied, ErrorKind::Service, ErrorKind::Transitional] {
            assert_eq!(found(answer(other)).map_err(kind), Err(other));
            assert_eq!(part(answer(other), false).map_err(kind), Err(other));
            assert_eq!(gone(answer(other)).map_err(kind), Err(other));
        }
    }

    /// An account that refuses each call.
    struct Refusing {
        kind: ErrorKind,
        calls: AtomicUsize,
    }

    fn refusing(kind: ErrorKind) -> (Arc<Refusing>, Aws) {
        let account = Arc::new(Refusing { kind, calls: AtomicUsize::new(0) });
        (account.clone(), Aws::new(account.clone(), account))
    }

    impl Backend for Refusing {
        fn region(&self) -> &'static str {
            "us-east-1"
        }

        fn answer(&self, _: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(Err(refused(self.kind, ""))))
        }
    }

    impl Supplier for Refusing {
        fn supply(&self, _: &str) -> Option<SecretString> {
            None
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_described_is_not_taken_for_one_that_does_not_exist_because_its_tags_cannot_be_read() {
        let arn = Arn::reported("arn:aws:elasticache:us-east-1:123456789012:user:it");
        let token = Token { stack: "test".to_owned(), resource: "RedisUser.it".to_owned(), digest: "0a".repeat(32) };
        for (kind, sighting) in [
            (ErrorKind::NotFound, Ok(Sighting::Unclear)),
            (ErrorKind::Transitional, Ok(Sighting::Unclear)),
            (ErrorKind::Denied, Err(ErrorKind::Denied)),
        ] {
            let answer = sighted(&refusing(kind).1, (), &arn, &token).await;
            assert_eq!(answer.map_err(|error| error.kind), sighting);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_creation_is_tried_once_more_only_where_what_had_the_name_is_going_or_gone() {
        for (kind, is_going, expected) in [
            (ErrorKind::Denied, Some(true), 1),
            (ErrorKind::Denied, None, 1),
            (ErrorKind::AlreadyExists, Some(false), 1),
            (ErrorKind::AlreadyExists, None, 2),
        ] {
            let (account, aws) = refusing(kind);
            let request = CreateAlias { key_id: named("arn:it").unwrap(), alias: KmsAlias::literal("alias/it") };
            let answer = create_named(&aws, GROUP_SETTLED, request, async || Ok(is_going)).await;
            let attempts = account.calls.load(Ordering::Relaxed);
            assert_eq!((answer.map(drop).map_err(|error| error.kind), attempts), (Err(kind), expected), "{is_going:?}");
        }
    }

    /// Waits for `available` with these descriptions, of which the last one stays.
    async fn waited(exists: bool, descriptions: &[Option<&'static str>]) -> (Result<(), ErrorKind>, Duration) {
        // It describes by itself, so that only the clock of the account is used.
        let (_, aws) = refusing(ErrorKind::Invalid);
        let left = Mutex::new(descriptions.iter().rev().copied().collect::<Vec<_>>());
        let describe = async || {
            let mut left = left.lock().unwrap();
            Ok(if left.len() > 1 { left.pop().unwrap() } else { left[0] })
        };
        let settled = |status: &str| Ok((status == "available").then_some(()));
        let (start, limit) = (Instant::now(), Duration::from_secs(3600));
        let result = settle(&aws, ("it", "to be available"), limit, exists, describe, settled).await;
        (result.map_err(|error| error.kind), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_object_may_be_seen_late() {
        let descriptions = [None, None, None, Some("creating"), Some("creating"), Some("available")];
        assert_eq!(waited(false, &descriptions).await.0, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_object_that_nobody_ever_sees_is_not_waited_for_to_the_end() {
        let (result, took) = waited(false, &[None]).await;
        assert_eq!(result, Err(ErrorKind::NotFound));
        assert!(took >= VISIBLE && took < VISIBLE * 2, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_vanishes_is_not_waited_for() {
        let (result, took) = waited(false, &[None, Some("creating"), None]).await;
        assert_eq!(result, Err(ErrorKind::NotFound));
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert_eq!(waited(true, &[None]).await, (Err(ErrorKind::NotFound), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_of_which_one_answer_does_not_tell_is_not_waited_for_until_it_is_gone() {
        let (_, aws) = refusing(ErrorKind::Invalid);
        // How it is each time: settled or not, and whether there is anything.
        let rests = async |seen: &[Option<&str>]| {
            let (left, start) = (Mutex::new(seen.iter().rev().copied().collect::<Vec<_>>()), Instant::now());
            let settled = async || match left.lock().unwrap().pop().unwrap() {
                Some("available") => Ok(()),
                Some("refused") => Err(refused(ErrorKind::Denied, "")),
                _ => Err(refused(ErrorKind::NotFound, "")),
            };
            let describe = async || Ok(left.lock().unwrap().pop().unwrap());
            let rests = at_rest(&aws, "it", Duration::from_secs(3600), settled, describe).await;
            let rests = rests.map_err(|error| error.kind);
            (rests, left.into_inner().unwrap().len(), start.elapsed() < Duration::from_secs(5))
        };
        let (deleting, available) = (Some("deleting"), Some("available"));
        assert_eq!(rests(&[available]).await, (Ok(()), 0, true));
        assert_eq!(rests(&[None, available, available]).await, (Ok(()), 0, true));
        assert_eq!(rests(&[deleting, deleting, deleting, None]).await, (Ok(()), 0, true));
        assert_eq!(rests(&[None, None]).await, (Ok(()), 0, true));
        assert_eq!(rests(&[None, Some("refused"), Some("refused")]).await, (Err(ErrorKind::Denied), 0, true));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_never_settles_is_given_up_at_the_limit() {
        let (result, took) = waited(false, &[Some("creating")]).await;
        assert_eq!(result, Err(ErrorKind::TimedOut));
        assert!(took >= Duration::from_secs(3600), "{took:?}");
    }
}
