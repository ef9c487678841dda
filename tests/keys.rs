//! Keys and log groups, where a creation is cut short, or somebody else is at work.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use palisade::prelude::*;
use palisade_aws::{
    Aws, Backend, Lifecycle, Sighting, failure,
    operations::{
        CreateAlias, CreateKey, DeleteAlias, DeleteSecret, DescribeKey, DescribeSecret, ListAliases, ListAliasesOutput,
        PutKeyPolicy, PutRetentionPolicy, Request, Response, ScheduleKeyDeletion,
    },
};
use palisade_core::{
    Address,
    provider::{BoxFuture, ErrorKind, ProviderError, Token},
};
use palisade_emulator::{Emulator, Fault, Item};
use palisade_testing::Rehearsal;
use tokio::time::Instant;

use crate::{
    current, run_later,
    unheard::{Nothing, refusing},
};

const LOGS: LogGroupName = log_group_name!("/redis/slow-log");

fn key(stack: &mut Stack) -> Handle<KmsKey> {
    let policy = KeyPolicy::administered().secrets_manager().logs(LOGS);
    stack.add("main", KmsKey::builder().alias(kms_alias!("alias/redis")).policy(policy))
}

fn stack(stack: &mut Stack) {
    let key = key(stack);
    stack.add("token", Secret::builder().name(secret_name!("redis/token")).kms_key_id(&key).generated());
    stack.add("slow-log", LogGroup::builder().name(LOGS).kms_key_id(&key));
}

/// The stack, applied to an account that tells at once what somebody else changes.
fn applied() -> Rehearsal {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(stack);
    rehearsal.emulator().lag(Duration::ZERO);
    rehearsal
}

fn keys(rehearsal: &Rehearsal) -> Vec<Item> {
    rehearsal.emulator().inventory().into_iter().filter(|item| item.kind == "KmsKey").collect()
}

fn id(rehearsal: &Rehearsal) -> Id<KmsKey> {
    Id::reported(keys(rehearsal)[0].id.clone()).unwrap()
}

/// The fields that the plan changes.
fn changed(rehearsal: &Rehearsal, kind: &str, name: &str) -> Vec<String> {
    let plan = rehearsal.plan(stack);
    let step = plan.step(&Address::new(kind, name));
    step.into_iter().flat_map(|step| step.changes.iter().map(|change| change.field.clone())).collect()
}

#[test]
fn a_key_without_its_alias_is_found_by_its_tags() {
    let mut rehearsal = Rehearsal::new().without_rules();
    // The first write makes the key, and no answer comes of it.
    rehearsal.emulator().inject(1, Fault::AnswerLost);
    let graph = palisade_testing::graph(stack);
    let report = rehearsal.try_apply(&graph).unwrap();
    if !report.is_complete() {
        assert!(rehearsal.try_apply(&graph).unwrap().is_complete());
    }
    assert!(rehearsal.emulator().calls().contains(&"ListKeys"));
    assert_eq!(keys(&rehearsal).len(), 1);
    assert!(!rehearsal.plan(stack).has_changes());
}

#[test]
fn a_policy_that_somebody_else_changes_is_put_right() {
    let mut rehearsal = applied();
    let key_id = id(&rehearsal);
    let policy = r#"{ "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*" }
    ] }"#;
    rehearsal.by_hand(PutKeyPolicy { key_id, policy: policy.to_owned() }).unwrap();
    assert_eq!(changed(&rehearsal, "KmsKey", "main"), ["policy"]);
    assert_eq!(rehearsal.apply(stack).changed, 1);
    assert!(!rehearsal.plan(stack).has_changes());
}

#[test]
fn a_second_alias_goes() {
    let mut rehearsal = applied();
    let key_id = id(&rehearsal);
    rehearsal.by_hand(CreateAlias { key_id, alias: kms_alias!("alias/aaa") }).unwrap();
    assert_eq!(changed(&rehearsal, "KmsKey", "main"), ["alias"]);
    rehearsal.apply(stack);
    assert!(!rehearsal.plan(stack).has_changes());
    assert!(rehearsal.by_hand(DescribeKey { key_id: "alias/aaa".to_owned() }).is_err());
}

#[test]
fn an_alias_that_is_taken_makes_no_key() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let other = rehearsal.by_hand(CreateKey { description: None, tags: Tags::default() }).unwrap().arn;
    rehearsal.by_hand(CreateAlias { key_id: other, alias: kms_alias!("alias/redis") }).unwrap();
    let report = rehearsal.try_apply(&palisade_testing::graph(|stack| _ = key(stack))).unwrap();
    assert!(!report.is_complete());
    assert_eq!(keys(&rehearsal).len(), 1);
}

#[test]
fn a_key_that_is_to_be_deleted_counts_as_gone() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let only_key = |stack: &mut Stack| _ = key(stack);
    rehearsal.apply(only_key);
    rehearsal.emulator().lag(Duration::ZERO);
    let first = id(&rehearsal);
    rehearsal.by_hand(ScheduleKeyDeletion { key_id: first, window: deletion_days!(7) }).unwrap();
    let plan = rehearsal.plan(only_key);
    assert!(plan.has_changes(), "{plan:?}");
}

#[test]
fn a_stack_that_was_destroyed_has_a_new_key() {
    let mut rehearsal = applied();
    let first = id(&rehearsal);
    rehearsal.destroy();
    assert!(rehearsal.emulator().inventory().is_empty());
    let only_key = |stack: &mut Stack| _ = key(stack);
    rehearsal.apply(only_key);
    assert_ne!(id(&rehearsal), first);
    assert!(!rehearsal.plan(only_key).has_changes());
}

#[test]
fn a_log_group_gives_its_key_up_in_place() {
    let mut rehearsal = applied();
    let without = |stack: &mut Stack| {
        let key = key(stack);
        stack.add("token", Secret::builder().name(secret_name!("redis/token")).kms_key_id(&key).generated());
        stack.add("slow-log", LogGroup::builder().name(LOGS));
    };
    assert_eq!(rehearsal.apply(without).changed, 1);
    assert!(rehearsal.emulator().calls().contains(&"DisassociateKmsKey"));
    assert!(!rehearsal.plan(without).has_changes());
}

#[test]
fn a_retention_that_somebody_else_shortens_is_put_right() {
    let mut rehearsal = applied();
    let name = id!(LogGroup, "/redis/slow-log");
    rehearsal.by_hand(PutRetentionPolicy { name, retention: LogRetention::reported(1) }).unwrap();
    assert_eq!(changed(&rehearsal, "LogGroup", "slow-log"), ["retention"]);
    rehearsal.apply(stack);
    assert!(!rehearsal.plan(stack).has_changes());
}

/// Two keys of the stack, each with an alias: what was declared, and the ids.
fn two_keys() -> (Rehearsal, [(KmsKey, Id<KmsKey>); 2]) {
    let mut rehearsal = Rehearsal::new().without_rules();
    let named = [("one", kms_alias!("alias/one")), ("two", kms_alias!("alias/two"))];
    rehearsal.apply(|stack: &mut Stack| {
        for (name, alias) in named {
            stack.add(name, KmsKey::builder().alias(alias).policy(KeyPolicy::administered()));
        }
    });
    let keys = ["one", "two"].map(|name| current(&rehearsal, name));
    (rehearsal, keys)
}

/// What comes of it if `aws` gives the key another alias, and after what time.
fn renamed(aws: &Aws, key: &KmsKey, id: &Id<KmsKey>, alias: &'static str) -> (Result<(), ErrorKind>, Duration) {
    run_later(async {
        let start = Instant::now();
        let renamed = KmsKey { alias: KmsAlias::reported(alias), ..key.clone() };
        let answer = renamed.converge(aws, id, Some(key)).await;
        (answer.map_err(|error| error.kind), start.elapsed())
    })
}

/// The key that has an alias.
fn owner(rehearsal: &Rehearsal, alias: &str) -> Id<KmsKey> {
    rehearsal.by_hand(DescribeKey { key_id: alias.to_owned() }).unwrap().key.arn
}

#[test]
fn a_key_of_the_stack_has_some_time_to_give_its_alias_away_by_itself() {
    // It may have been deleted by hand, and then it keeps its alias for as long as it can be brought back.
    for is_deleted in [false, true] {
        let (rehearsal, [(_, one), (key, two)]) = two_keys();
        if is_deleted {
            rehearsal.by_hand(ScheduleKeyDeletion { key_id: one, window: deletion_days!(7) }).unwrap();
        }
        let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
        let (answer, took) = renamed(&aws, &key, &two, "alias/one");
        assert_eq!((answer, owner(&rehearsal, "alias/one")), (Ok(()), two));
        assert_eq!(took < Duration::from_secs(20), is_deleted, "{took:?}");
    }
}

#[test]
fn the_alias_of_a_key_that_is_not_of_the_stack_is_left_alone() {
    let (rehearsal, [_, (key, two)]) = two_keys();
    let other = rehearsal.by_hand(CreateKey { description: None, tags: Tags::default() }).unwrap().arn;
    rehearsal.by_hand(CreateAlias { key_id: other.clone(), alias: kms_alias!("alias/other") }).unwrap();
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    let (answer, took) = renamed(&aws, &key, &two, "alias/other");
    assert_eq!((answer, owner(&rehearsal, "alias/other")), (Err(ErrorKind::AlreadyExists), other));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

/// An account that tells of no alias when it is asked for the first time.
struct Late {
    account: Emulator,
    is_asked: AtomicBool,
}

impl Backend for Late {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        match request {
            Request::ListAliases(_) if !self.is_asked.swap(true, Ordering::Relaxed) => {
                Box::pin(async { Ok(Response::ListAliases(ListAliasesOutput { aliases: Vec::new() })) })
            }
            other => self.account.answer(other),
        }
    }
}

#[test]
fn an_alias_that_kms_does_not_tell_of_yet_is_not_taken_away_again() {
    let (rehearsal, [(key, one), _]) = two_keys();
    let late = Late { account: rehearsal.emulator().clone(), is_asked: AtomicBool::new(false) };
    let before = rehearsal.emulator().calls().len();
    let (answer, _) = renamed(&Aws::new(Arc::new(late), Arc::new(Nothing)), &key, &one, "alias/one");
    let calls = rehearsal.emulator().calls().split_off(before);
    assert!(answer == Ok(()) && calls.contains(&"CreateAlias"), "it was there all the time: {calls:?}");
    assert!(!calls.contains(&"DeleteAlias"), "{calls:?}");
}

#[test]
fn what_kms_refuses_about_an_alias_is_told_as_it_is() {
    let (rehearsal, [(key, one), (_, two)]) = two_keys();
    let account = rehearsal.emulator();
    let (answer, took) = renamed(&refusing(account, "CreateAlias", ErrorKind::Denied), &key, &one, "alias/three");
    assert_eq!(answer, Err(ErrorKind::Denied));
    assert!(took < Duration::from_secs(5), "{took:?}");
    // A key whose tags nobody may read is another's. If they cannot be read for another reason, nobody knows whose it is.
    let token = Token { stack: "test".to_owned(), resource: "KmsKey.one".to_owned(), digest: "0a".repeat(32) };
    for (refusal, told) in [(ErrorKind::Denied, ErrorKind::AlreadyExists), (ErrorKind::Invalid, ErrorKind::Invalid)] {
        let aws = refusing(account, "ListResourceTags", refusal);
        let error = run_later(key.create(&aws, &token)).unwrap_err();
        assert_eq!(error.kind, told);
    }
    assert_eq!(owner(&rehearsal, "alias/two"), two);
}

/// An account that tells for a while what it told when it was asked first, in its answers to calls of one action.
struct Old {
    account: Emulator,
    action: &'static str,
    told: Mutex<BTreeMap<String, (Instant, Response)>>,
}

impl Old {
    fn of(rehearsal: &Rehearsal, action: &'static str) -> Aws {
        let told = Mutex::default();
        Aws::new(Arc::new(Self { account: rehearsal.emulator().clone(), action, told }), Arc::new(Nothing))
    }
}

impl Backend for Old {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        if request.action() != self.action {
            return self.account.answer(request);
        }
        let question = format!("{request:?}");
        Box::pin(async move {
            let old = self.told.lock().unwrap().get(&question).cloned();
            if let Some((_, answer)) = old.filter(|(since, _)| since.elapsed() < Duration::from_secs(30)) {
                return Ok(answer);
            }
            let answer = self.account.answer(request).await?;
            self.told.lock().unwrap().insert(question, (Instant::now(), answer.clone()));
            Ok(answer)
        })
    }
}

#[test]
fn an_alias_that_another_key_has_taken_is_not_deleted_because_an_old_list_has_it() {
    // Two keys exchange theirs.
    let (rehearsal, [(first, one), (second, two)]) = two_keys();
    let aws = Old::of(&rehearsal, "ListAliases");
    let named = |key: &KmsKey, alias: &'static str| KmsKey { alias: KmsAlias::reported(alias), ..key.clone() };
    let (to_two, to_one) = (named(&first, "alias/two"), named(&second, "alias/one"));
    let both =
        async { tokio::join!(to_two.converge(&aws, &one, Some(&first)), to_one.converge(&aws, &two, Some(&second))) };
    assert_eq!(run_later(both), (Ok(()), Ok(())));
    assert_eq!((owner(&rehearsal, "alias/two"), owner(&rehearsal, "alias/one")), (one, two));

    // One is deleted after the other has taken its alias.
    let (rehearsal, [(first, one), (_, two)]) = two_keys();
    let aws = Old::of(&rehearsal, "ListAliases");
    run_later(async {
        aws.call(ListAliases { key_id: one.clone() }).await.unwrap();
        let alias = first.alias.clone();
        aws.call(DeleteAlias { alias: alias.clone() }).await.unwrap();
        aws.call(CreateAlias { key_id: two.clone(), alias }).await.unwrap();
        first.delete(&aws, &one).await.unwrap();
    });
    assert_eq!(owner(&rehearsal, "alias/one"), two);
}

#[test]
fn a_key_whose_deletion_is_scheduled_already_needs_no_other() {
    let (rehearsal, [(key, one), _]) = two_keys();
    let aws = Old::of(&rehearsal, "DescribeKey");
    let schedule = ScheduleKeyDeletion { key_id: one.clone(), window: deletion_days!(7) };
    let answer = run_later(async {
        // This description is repeated after somebody else has scheduled the deletion.
        aws.call(DescribeKey { key_id: one.to_string() }).await.unwrap();
        aws.call(schedule).await.unwrap();
        key.delete(&aws, &one).await
    });
    assert_eq!(answer, Ok(()));
    let (rehearsal, [(key, one), _]) = two_keys();
    let denied = refusing(rehearsal.emulator(), "ScheduleKeyDeletion", ErrorKind::Denied);
    assert_eq!(run_later(key.delete(&denied, &one)).map_err(|error| error.kind), Err(ErrorKind::Denied));
}

#[test]
fn a_key_loses_its_alias_though_its_deletion_is_scheduled_or_no_list_tells_of_the_alias() {
    let alias = |rehearsal: &Rehearsal| rehearsal.by_hand(DescribeKey { key_id: "alias/one".to_owned() });
    let (rehearsal, [(key, one), _]) = two_keys();
    rehearsal.by_hand(ScheduleKeyDeletion { key_id: one.clone(), window: deletion_days!(7) }).unwrap();
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    run_later(key.delete(&aws, &one)).unwrap();
    assert!(alias(&rehearsal).is_err());
    let (rehearsal, [(key, one), _]) = two_keys();
    let late = Late { account: rehearsal.emulator().clone(), is_asked: AtomicBool::new(false) };
    run_later(key.delete(&Aws::new(Arc::new(late), Arc::new(Nothing)), &one)).unwrap();
    assert!(alias(&rehearsal).is_err());
}

#[test]
fn a_secret_whose_deletion_is_scheduled_already_needs_no_other() {
    let rehearsal = applied();
    let (secret, id): (Secret, _) = current(&rehearsal, "token");
    let aws = Old::of(&rehearsal, "DescribeSecret");
    let schedule = DeleteSecret { secret_id: id.clone(), recovery_window: recovery_days!(7) };
    let answer = run_later(async {
        aws.call(DescribeSecret { secret_id: id.to_string() }).await.unwrap();
        aws.call(schedule).await.unwrap();
        secret.delete(&aws, &id).await
    });
    assert_eq!(answer, Ok(()));
    let rehearsal = applied();
    let (secret, id): (Secret, _) = current(&rehearsal, "token");
    let denied = refusing(rehearsal.emulator(), "DeleteSecret", ErrorKind::Denied);
    assert_eq!(run_later(secret.delete(&denied, &id)).map_err(|error| error.kind), Err(ErrorKind::Denied));
}

#[test]
fn what_is_read_after_a_change_is_not_what_was_there_before_it() {
    let (rehearsal, [(before, one), _]) = two_keys();
    let aws = Old::of(&rehearsal, "DescribeKey");
    let after = KmsKey { description: Some("another text".to_owned()), ..before.clone() };
    let read = run_later(async {
        after.converge(&aws, &one, Some(&before)).await.unwrap();
        KmsKey::read(&aws, &[one]).await.unwrap().pop().flatten().unwrap()
    });
    assert_eq!(read.fields.description, Some(after.description));

    let rehearsal = applied();
    let (before, name): (LogGroup, _) = current(&rehearsal, "slow-log");
    let aws = Old::of(&rehearsal, "DescribeLogGroups");
    let after = LogGroup { retention: LogRetention::YEARS_10, ..before.clone() };
    let read = run_later(async {
        after.converge(&aws, &name, Some(&before)).await.unwrap();
        LogGroup::read(&aws, &[name]).await.unwrap().pop().flatten().unwrap()
    });
    assert_eq!(read.fields.retention, Some(after.retention));
}

#[test]
fn a_key_of_an_interrupted_creation_whose_deletion_somebody_has_scheduled_is_made_anew() {
    let mut rehearsal = Rehearsal::new().without_rules();
    let graph = palisade_testing::graph(|stack| _ = key(stack));
    // The key is made, and nobody can look for it.
    rehearsal.emulator().inject(1, Fault::AnswerLost);
    (2..100).for_each(|nth| rehearsal.emulator().inject_read(nth, Fault::Unavailable));
    assert!(!rehearsal.try_apply(&graph).unwrap().is_complete());
    rehearsal.emulator().clear_faults();
    let first = id(&rehearsal);
    rehearsal.by_hand(ScheduleKeyDeletion { key_id: first.clone(), window: deletion_days!(7) }).unwrap();
    assert!(rehearsal.try_apply(&graph).unwrap().is_complete());
    assert_eq!(keys(&rehearsal).len(), 1);
    assert_ne!(id(&rehearsal), first);
}

/// An account that does not let the caller read the tags of some keys, or of any if none is named, and what it says.
struct Silent {
    account: Emulator,
    keys: Vec<Id<KmsKey>>,
    code: &'static str,
}

impl Backend for Silent {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        match &request {
            Request::ListResourceTags(call) if self.keys.is_empty() || self.keys.contains(&call.key_id) => {
                let code = self.code;
                Box::pin(async move { Err(failure("ListResourceTags", code, "Not this one.")) })
            }
            _ => self.account.answer(request),
        }
    }
}

#[test]
fn a_key_whose_creation_was_interrupted_is_not_taken_for_missing_by_one_who_may_read_no_tags() {
    let (rehearsal, [(key, one), (_, two)]) = two_keys();
    let made = rehearsal.emulator().inventory().into_iter().find(|item| item.id == one.as_str()).unwrap();
    let token = |digest: String| Token { stack: "test".to_owned(), resource: "KmsKey.one".to_owned(), digest };
    let (ours, never) = (token(made.token.unwrap()), token("0a".repeat(32)));
    // It has no alias yet.
    rehearsal.by_hand(DeleteAlias { alias: key.alias.clone() }).unwrap();
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    assert_eq!(run_later(key.find(&aws, &ours)), Ok(Sighting::Seen(one.clone())));
    let refused = |keys, code| {
        let account = rehearsal.emulator().clone();
        Aws::new(Arc::new(Silent { account, keys, code }), Arc::new(Nothing))
    };
    let silent = |keys| refused(keys, "AccessDeniedException");
    let error = run_later(key.find(&silent(Vec::new()), &ours)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Denied);
    assert!(error.help.contains("`kms:ListResourceTags`"), "{error}");
    // A key that keeps its tags from everybody is another's. If they cannot be read for another reason, nobody knows whose it is.
    assert_eq!(run_later(key.find(&silent(vec![two.clone()]), &ours)), Ok(Sighting::Seen(one.clone())));
    let invalid = run_later(key.find(&refused(vec![two], "InvalidArnException"), &never));
    assert_eq!(invalid.map_err(|error| error.code), Err("InvalidArnException".to_owned()));
    assert_eq!(run_later(key.find(&silent(vec![one.clone()]), &never)), Ok(Sighting::Nothing));
    // Credentials that have run out meanwhile say nothing of any key.
    let expired = refusing(rehearsal.emulator(), "ListResourceTags", ErrorKind::Denied);
    assert_eq!(run_later(key.find(&expired, &ours)).map_err(|error| error.kind), Err(ErrorKind::Denied));
}
