//! Secrets: a known one goes in wherever one can and must come out nowhere, and each value reaches what it is for, and nothing
//! else.

use std::{sync::Arc, time::Duration};

use palisade::prelude::*;
use palisade_aws::{
    Aws, Backend, Lifecycle, Supplier, failure,
    operations::{GetSecretValue, Request, Response, UntagResource, UpdateSecret},
    resources::AuthenticationFor,
    shapes::{ReplicationGroupDescription, TokenStrategy},
    types::{KmsKeyArn, Redis7, SecretRef},
};
use palisade_core::{
    Address, Json,
    provider::{BoxFuture, ErrorKind, ProviderError, Token},
};
use palisade_emulator::Emulator;
use palisade_testing::{ExposeSecret, Rehearsal, SecretString};
use tokio::time::Instant;

use crate::{current, orders::Nothing, run, run_later};

const CANARY: &str = "CanaryThatMustNotBeSeenAnywhere0123456789";

struct Canary;

impl Supplier for Canary {
    fn supply(&self, _: &str) -> Option<palisade_testing::SecretString> {
        Some(CANARY.into())
    }
}

fn stack(stack: &mut Stack) {
    let secret = stack.add("token", Secret::builder().name(secret_name!("redis/token")).supplied(variable!("TOKEN")));
    let user = RedisUser::with_password(name!("reader"), name!("reader"), &secret);
    stack.add("reader", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
    cache(stack, &secret);
    stack.output("token", secret.value());
}

/// A cache with all that it needs, whose clients prove who they are by `authentication`.
pub(crate) fn cache(stack: &mut Stack, authentication: impl AuthenticationFor<Redis7>) {
    let vpc = stack.add("main", Vpc::builder().cidr_block(cidr!("10.0.0.0/16")));
    let a = stack.add("a", Subnet::private(&vpc, cidr!("10.0.1.0/24"), az!("us-east-1a")));
    let b = stack.add("b", Subnet::private(&vpc, cidr!("10.0.2.0/24"), az!("us-east-1b")));
    let group = SecurityGroup::builder()
        .vpc_id(&vpc)
        .group_name(security_group_name!("redis"))
        .description(description!("redis"));
    let group = stack.add("redis", group);
    let subnets = stack.add("redis", CacheSubnetGroup::builder().name(name!("redis")).subnet_ids([&a, &b]));
    let cache = ReplicationGroup::builder()
        .replication_group_id(name!("redis"))
        .engine(Engine::REDIS_7_1)
        .node_type(node_type!("cache.t4g.micro"))
        .multi_az(replicas!(1))
        .subnet_group_name(&subnets)
        .security_group_ids([&group])
        .authentication(authentication)
        .encrypted(AtRest::default(), InTransit::Required);
    stack.add("redis", cache);
}

#[test]
fn a_secret_is_in_no_file_state_plan_export_or_report() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::open(folder.path(), "us-east-1").unwrap();
    let mut rehearsal = Rehearsal::on(emulator, Arc::new(Canary)).without_rules();
    let plan = rehearsal.plan(stack);
    let first_export = rehearsal.export(stack);
    let report = rehearsal.apply(stack);
    let written = [
        first_export,
        rehearsal.export(stack),
        palisade_cli::plan_text(&plan),
        format!("{plan:?}"),
        format!("{report:?}"),
        format!("{:?}", rehearsal.state()),
        serde_json::to_string(&rehearsal.state()).unwrap(),
    ];
    for text in &written {
        assert!(!text.contains(CANARY), "{text}");
    }
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let (path, canary) = (entry.unwrap().path(), CANARY.as_bytes());
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(canary.len()).any(|window| window == canary), "{}", path.display());
        files += 1;
    }
    assert!(files >= 2, "the account and its key are files");
}

#[test]
fn a_stack_with_a_secret_can_be_applied_again_after_a_destroy_and_has_another_value() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.apply(auth_token::stack);
    let before = value(&rehearsal, "token");
    rehearsal.destroy();
    rehearsal.apply(auth_token::stack);
    assert!(!is_same(&value(&rehearsal, "token"), &before));
    assert!(rehearsal.emulator().calls().contains(&"RestoreSecret"));
    assert!(!rehearsal.plan(auth_token::stack).has_changes());
}

/// A token of another creation of the same stack.
fn another(token: &Token) -> Token {
    let (lineage, rest) = token.digest.split_at(16);
    Token { digest: format!("{lineage}{}", "f".repeat(rest.len())), ..token.clone() }
}

#[test]
fn a_secret_that_is_in_use_is_not_taken_over_by_another_creation() {
    let mut rehearsal = Rehearsal::new();
    rehearsal.apply(auth_token::stack);
    rehearsal.destroy();
    rehearsal.apply(auth_token::stack);
    let before = value(&rehearsal, "token");
    let (secret, id): (Secret, _) = current(&rehearsal, "token");
    let token = rehearsal.state().resources[&Address::new("Secret", "token")].current.clone().unwrap().token;
    let aws = Aws::new(Arc::new(rehearsal.emulator().clone()), Arc::new(Nothing));
    let error = run(secret.create(&aws, &another(&token))).unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    // Without its tags, it is still known to have the value that the program means.
    let keys = ["palisade:stack", "palisade:resource", "palisade:token"].map(str::to_owned).to_vec();
    rehearsal.by_hand(UntagResource { secret_id: id.clone(), keys }).unwrap();
    let renamed = Secret { description: Some("other".to_owned()), ..secret.clone() };
    run(renamed.converge(&aws, &id, Some(&secret))).unwrap();
    assert!(is_same(&value(&rehearsal, "token"), &before));
}

/// An account that refuses one call of those that bring a secret back.
struct Breaking {
    account: Emulator,
    action: &'static str,
}

impl Backend for Breaking {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        if request.action() == self.action {
            return Box::pin(async { Err(failure(self.action, "AccessDeniedException", "It is refused.")) });
        }
        self.account.answer(request)
    }
}

#[test]
fn a_secret_that_is_brought_back_by_halves_has_another_value_in_the_end() {
    for action in ["RestoreSecret", "UpdateSecret", "GetRandomPassword", "PutSecretValue", "TagResource"] {
        let mut rehearsal = Rehearsal::new();
        rehearsal.apply(auth_token::stack);
        let before = value(&rehearsal, "token");
        let (secret, id): (Secret, _) = current(&rehearsal, "token");
        let token = rehearsal.state().resources[&Address::new("Secret", "token")].current.clone().unwrap().token;
        let token = another(&token);
        rehearsal.destroy();
        // The key is another one by then.
        let secret = Secret { kms_key_id: None, ..secret };
        let account = rehearsal.emulator().clone();
        let broken = Arc::new(Breaking { account: account.clone(), action });
        run(async {
            let aws = Aws::new(broken, Arc::new(Nothing));
            assert_eq!(secret.create(&aws, &token).await.unwrap(), id);
            assert_eq!(secret.claim(&aws, &id, &token).await.unwrap_err().kind, ErrorKind::Denied, "{action}");
            let aws = Aws::new(Arc::new(account), Arc::new(Nothing));
            secret.claim(&aws, &id, &token).await.unwrap();
            secret.converge(&aws, &id, None).await.unwrap();
            let found = Secret::read(&aws, std::slice::from_ref(&id)).await.unwrap().pop().flatten().unwrap();
            let SecretRef { secret, version } = found.attributes.value;
            let call = GetSecretValue { secret_id: secret, version_id: version };
            assert!(!is_same(&aws.call(call).await.unwrap().value, &before), "{action}");
        });
    }
}

#[test]
fn a_new_generation_reaches_the_cache_and_the_user_in_one_apply() {
    let rotated = |stack: &mut Stack, generation: u32| {
        let secret = Secret::builder().name(secret_name!("redis/token")).generated().generation(generation);
        let secret = stack.add("token", secret);
        let user = RedisUser::with_password(name!("reader"), name!("reader"), &secret);
        stack.add("reader", user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(|stack| rotated(stack, 1));
    let report = rehearsal.apply(|stack| rotated(stack, 2));
    assert_eq!((report.added, report.changed, report.destroyed), (0, 2, 0));
    assert!(rehearsal.emulator().calls().contains(&"ModifyUser"));
    assert!(!rehearsal.plan(|stack| rotated(stack, 2)).has_changes());
}

/// The current value of the secret with this label. A program never sees it; who may read the secret does.
fn value(rehearsal: &Rehearsal, label: &str) -> SecretString {
    let current = rehearsal.state().attribute(&Address::new("Secret", label), "value").unwrap();
    let SecretRef { secret, version } = serde_json::from_value(current).unwrap();
    rehearsal.by_hand(GetSecretValue { secret_id: secret, version_id: version }).unwrap().value
}

fn generated(stack: &mut Stack, label: &'static str, name: SecretName, generation: u32) -> Handle<Secret> {
    stack.add(label, Secret::builder().name(name).generated().generation(generation))
}

#[test]
fn each_user_has_the_passwords_of_its_own_secrets_and_no_others() {
    let program = |generation: u32, both_have_two: bool| {
        move |stack: &mut Stack| {
            let a = generated(stack, "a", secret_name!("a"), generation);
            let b = generated(stack, "b", secret_name!("b"), 1);
            let c = generated(stack, "c", secret_name!("c"), 1);
            let one = match both_have_two {
                true => RedisUser::with_password(name!("one"), name!("one"), [&a, &c]),
                false => RedisUser::with_password(name!("one"), name!("one"), &a),
            };
            let two = RedisUser::with_password(name!("two"), name!("two"), [&b, &c]);
            for (label, user) in [("one", one), ("two", two)] {
                stack.add(label, user.engine(EngineKind::Redis).access_string(AccessString::read_only()));
            }
        }
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    let mut earlier = Vec::new();
    for (generation, both_have_two) in [(1, false), (2, false), (2, true), (3, true), (3, false)] {
        rehearsal.apply(program(generation, both_have_two));
        let values = ["a", "b", "c"].map(|label| value(&rehearsal, label));
        let accepts = |user, value: &SecretString| rehearsal.emulator().accepts_password(user, value);
        let accepted = ["one", "two"].map(|user| values.each_ref().map(|value| accepts(user, value)));
        let case = format!("generation {generation}, both have two: {both_have_two}");
        assert_eq!(accepted, [[true, false, both_have_two], [false, true, true]], "{case}");
        earlier.retain(|value| !is_same(value, &values[0]));
        assert!(!earlier.iter().any(|value| accepts("one", value)), "{case}: an earlier password is still accepted");
        earlier.extend(values.into_iter().next());
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// With ROTATE, a cache accepts the old token, or none, beside the new one. Only SET ends that.
#[test]
fn a_cache_lets_in_whoever_sends_its_current_token_and_nobody_else() {
    #[derive(Clone, Copy, Debug)]
    enum Clients {
        Token(u32),
        OtherToken,
        Users,
    }
    let program = |clients: Clients| {
        move |stack: &mut Stack| {
            let token = match clients {
                Clients::Token(generation) => generated(stack, "token", secret_name!("token"), generation),
                Clients::OtherToken | Clients::Users => generated(stack, "other", secret_name!("other"), 1),
            };
            match clients {
                Clients::Token(_) | Clients::OtherToken => cache(stack, &token),
                Clients::Users => {
                    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
                    let users = stack.add("users", UserGroup::redis(name!("users"), &default));
                    cache(stack, &users);
                }
            }
        }
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    let mut earlier: Vec<SecretString> = Vec::new();
    for clients in [
        Clients::Token(1),
        Clients::Token(2),
        Clients::OtherToken,
        Clients::Users,
        Clients::Token(1),
        Clients::Token(2),
        Clients::Users,
        Clients::OtherToken,
    ] {
        rehearsal.apply(program(clients));
        let current = match clients {
            Clients::Token(_) => Some(value(&rehearsal, "token")),
            Clients::OtherToken => Some(value(&rehearsal, "other")),
            Clients::Users => None,
        };
        let accepts = |token: Option<&SecretString>| rehearsal.emulator().accepts_token("redis", token);
        assert!(!accepts(None), "{clients:?}: a client without a token is let in");
        assert!(current.as_ref().is_none_or(|current| accepts(Some(current))), "{clients:?}: its token is refused");
        earlier.retain(|token| current.as_ref().is_none_or(|current| !is_same(token, current)));
        let is_old_accepted = earlier.iter().any(|token| accepts(Some(token)));
        assert!(!is_old_accepted, "{clients:?}: an earlier token is still accepted");
        earlier.extend(current);
    }
}

#[test]
fn a_key_and_a_description_that_others_take_away_are_brought_back_and_what_was_never_named_is_not_missed() {
    let program = |is_named: bool| {
        move |stack: &mut Stack| {
            let policy = KeyPolicy::administered().secrets_manager();
            let key = stack.add("secrets", KmsKey::builder().alias(kms_alias!("alias/secrets")).policy(policy));
            let secret = Secret::builder().name(secret_name!("redis/it")).generated();
            if is_named {
                stack.add("it", secret.kms_key_id(&key).description("for the reader"));
            } else {
                stack.add("it", secret);
            }
        }
    };
    let mut rehearsal = Rehearsal::new().without_rules();
    let address = Address::new("Secret", "it");
    let changed = |rehearsal: &Rehearsal, is_named: bool| -> Vec<String> {
        let plan = rehearsal.plan(program(is_named));
        let changes = plan.step(&address).into_iter().flat_map(|step| &step.changes);
        changes.map(|change| change.field.clone()).collect()
    };
    rehearsal.apply(program(true));
    assert!(changed(&rehearsal, true).is_empty());
    let object = rehearsal.state().resources[&address].current.clone().unwrap();
    assert_eq!(object.observed.unwrap().fields["kms_key_id"], object.inputs["kms_key_id"]);
    let id = object.id.unwrap();
    let (secret_id, key) = (Id::reported(id).unwrap(), KmsKeyArn::reported("alias/aws/secretsmanager"));
    let taken = UpdateSecret { secret_id, description: Some(String::new()), kms_key_id: Some(key) };
    rehearsal.by_hand(taken).unwrap();
    assert_eq!(changed(&rehearsal, true), ["description", "kms_key_id"]);
    rehearsal.apply(program(true));
    assert!(changed(&rehearsal, true).is_empty());
    // AWS has a key for it all the same, and an empty description.
    rehearsal.apply(program(false));
    assert!(changed(&rehearsal, false).is_empty());
    let observed = rehearsal.state().resources[&address].current.clone().unwrap().observed.unwrap();
    assert_eq!((&observed.fields["kms_key_id"], &observed.fields["description"]), (&Json::Null, &Json::Null));
}

fn with_token(stack: &mut Stack) {
    let token = generated(stack, "token", secret_name!("token"), 1);
    cache(stack, &token);
}

fn with_users(stack: &mut Stack) {
    generated(stack, "token", secret_name!("token"), 1);
    let default = stack.add("default", RedisUser::disabled_default(name!("redis-default")));
    let users = stack.add("users", UserGroup::redis(name!("users"), &default));
    cache(stack, &users);
}

/// An account that refuses to let go of the other tokens that a cache accepts.
struct Keeping {
    account: Emulator,
    code: &'static str,
}

impl Backend for Keeping {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        match request {
            Request::ModifyReplicationGroup(call) if matches!(call.auth_token, Some((TokenStrategy::Set, _))) => {
                Box::pin(async { Err(failure("ModifyReplicationGroup", self.code, "It is refused.")) })
            }
            other => self.account.answer(other),
        }
    }
}

#[test]
fn a_cache_that_keeps_accepting_another_token_is_not_taken_for_done() {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(with_users);
    let (before, id): (ReplicationGroup, _) = current(&rehearsal, "redis");
    rehearsal.apply(with_token);
    let (after, _): (ReplicationGroup, _) = current(&rehearsal, "redis");
    let converge = |rehearsal: &Rehearsal, code| {
        let account = Keeping { account: rehearsal.emulator().clone(), code };
        let aws = Aws::new(Arc::new(account), Arc::new(Canary));
        let answer = run_later(after.converge(&aws, &id, Some(&before)));
        answer.map_err(|error| error.kind)
    };
    assert_eq!(converge(&rehearsal, "AccessDenied"), Err(ErrorKind::Denied));
    // The token was rotated in just before, so that there is no other one left.
    assert_eq!(converge(&rehearsal, "InvalidParameterCombination"), Ok(()));
    rehearsal.apply(with_users);
    assert_eq!(converge(&rehearsal, "InvalidParameterCombination"), Err(ErrorKind::Invalid), "it never had the token");
}

/// An account that describes a cache in another way.
struct Describing {
    account: Emulator,
    change: fn(&mut ReplicationGroupDescription),
}

impl Backend for Describing {
    fn region(&self) -> &str {
        self.account.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async {
            let mut answer = self.account.answer(request).await;
            if let Ok(Response::DescribeReplicationGroups(described)) = &mut answer {
                described.groups.iter_mut().for_each(self.change);
            }
            answer
        })
    }
}

/// What comes of a cache of users that gets a token, and how long that takes, if it is described in this way.
fn token_in_place_of_users(change: fn(&mut ReplicationGroupDescription)) -> (Result<(), ErrorKind>, Duration) {
    let mut rehearsal = Rehearsal::new().without_rules();
    rehearsal.apply(with_users);
    let (before, id): (ReplicationGroup, _) = current(&rehearsal, "redis");
    rehearsal.apply(with_token);
    let (after, _): (ReplicationGroup, _) = current(&rehearsal, "redis");
    rehearsal.apply(with_users);
    let account = Describing { account: rehearsal.emulator().clone(), change };
    let aws = Aws::new(Arc::new(account), Arc::new(Canary));
    run_later(async {
        let begin = Instant::now();
        let answer = after.converge(&aws, &id, Some(&before)).await;
        (answer.map_err(|error| error.kind), begin.elapsed())
    })
}

#[test]
fn a_cache_that_does_not_show_its_new_clients_is_not_taken_for_done() {
    let no_token = |group: &mut ReplicationGroupDescription| group.auth_token_enabled = false;
    let users = |group: &mut ReplicationGroupDescription| group.user_group_ids = vec![id!(UserGroup, "users")];
    for change in [no_token, users] {
        assert_eq!(token_in_place_of_users(change).0, Err(ErrorKind::TimedOut));
    }
}

#[test]
fn the_status_of_a_cache_is_enough_to_see_that_its_token_is_being_changed() {
    let as_it_is = token_in_place_of_users(|_| ());
    assert_eq!(as_it_is.0, Ok(()));
    assert_eq!(token_in_place_of_users(|group| group.pending_modified_values.clear()), as_it_is);
}
