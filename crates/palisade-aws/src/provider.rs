//! [`AwsProvider`]: the resources as the engine reaches them.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use palisade_core::{
    Finding, Graph, JsonMap, Resource as _, Schema,
    provider::{
        BoxFuture, CreateError, ErrorKind, Look, Object, Observation, Obstacle, PlannedObject, Provider, ProviderError,
        Repeated, Search, StepKind, Token, Turn, Untracked,
    },
};
use tokio::time::Instant;

use crate::{
    Aws, Lifecycle, Sighting,
    calls::Calls,
    lifecycle::{Erased, ErasedLifecycle},
    observe::{STALE, VISIBLE},
    resources::{
        CacheParameterGroup, CacheSubnetGroup, FlowLog, FlowLogRole, KmsKey, LogGroup, NetworkAcl, RedisUser,
        ReplicationGroup, RouteTable, RouteTableAssociation, Secret, SecurityGroup, SecurityGroupRule, Subnet,
        UserGroup, Vpc, unsupplied,
    },
    types::AvailabilityZone,
    untracked::untracked,
};

/// How long AWS may take to tell whether what is seen is what was looked for: as long as the creation of a cache.
const CLEAR: Duration = Duration::from_mins(90);

/// The registry: one line for each resource.
const REGISTRY: &[Kind] = &[
    kind::<CacheParameterGroup>(),
    kind::<CacheSubnetGroup>(),
    kind::<FlowLog>(),
    kind::<FlowLogRole>(),
    kind::<KmsKey>(),
    kind::<LogGroup>(),
    kind::<NetworkAcl>(),
    kind::<RedisUser>(),
    kind::<ReplicationGroup>(),
    kind::<RouteTable>(),
    kind::<RouteTableAssociation>(),
    kind::<Secret>(),
    kind::<SecurityGroup>(),
    kind::<SecurityGroupRule>(),
    kind::<Subnet>(),
    kind::<UserGroup>(),
    kind::<Vpc>(),
];

struct Kind {
    schema: &'static Schema,
    calls: &'static Calls,
    lifecycle: &'static dyn ErasedLifecycle,
}

const fn kind<R: Lifecycle>() -> Kind {
    Kind { schema: R::SCHEMA, calls: &R::CALLS, lifecycle: &Erased::<R>(PhantomData) }
}

/// The schemas of all resources, in the order of their names.
pub fn schemas() -> impl Iterator<Item = &'static Schema> {
    REGISTRY.iter().map(|kind| kind.schema)
}

/// The calls that the life of a resource of `kind` can take, by its phases; `None` if there is no such kind.
pub fn calls_of(kind: &str) -> Option<&'static Calls> {
    REGISTRY.iter().find(|entry| entry.schema.kind == kind).map(|entry| entry.calls)
}

/// The resources of an account as the engine reaches them.
#[derive(Debug)]
pub struct AwsProvider {
    aws: Aws,
    region: Option<String>,
}

impl AwsProvider {
    /// The resources of the account `aws`, wherever it is.
    pub fn new(aws: Aws) -> Self {
        Self { aws, region: None }
    }

    /// The same resources, in `region`, where no zone of another one is.
    pub fn in_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }
}

impl Provider for AwsProvider {
    fn schema(&self, kind: &str) -> Option<&'static Schema> {
        schemas().find(|schema| schema.kind == kind)
    }

    fn typical_duration(&self, kind: &str, step: StepKind) -> Duration {
        lifecycle(kind).map_or(Duration::ZERO, |lifecycle| lifecycle.typical_durations().of(step))
    }

    fn repeated(&self, kind: &str) -> Repeated {
        lifecycle(kind).map_or(Repeated::MakesAnother, |lifecycle| lifecycle.repeated())
    }

    fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    fn wrong_region(&self, graph: &Graph) -> Vec<Finding> {
        let Some(region) = &self.region else { return Vec::new() };
        let subnets = graph.nodes().filter(|node| node.schema.kind == Subnet::SCHEMA.kind);
        let findings = subnets.filter_map(|subnet| {
            let zone = AvailabilityZone::reported(subnet.text("availability_zone")?);
            (zone.region() != region).then(|| {
                subnet.finding(
                    &format!("the zone {zone} is not in {region}, where this command works"),
                    &format!("work there with `--region {}`, or write a zone of {region}", zone.region()),
                )
            })
        });
        findings.collect()
    }

    fn unsupplied(&self, graph: &Graph, objects: &[PlannedObject<'_>]) -> Vec<Finding> {
        let secrets = objects.iter().filter(|object| object.node.schema.kind == Secret::SCHEMA.kind);
        secrets.filter_map(|secret| unsupplied(&self.aws, graph, secret)).collect()
    }

    fn read<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Observation>>, ProviderError>> {
        Box::pin(async move { lifecycle(kind)?.read(&self.aws.in_turn(turn), objects).await })
    }

    fn create<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<String, CreateError>> {
        Box::pin(async move {
            let (lifecycle, aws) = (lifecycle(kind)?, self.aws.in_turn(turn));
            let created = lifecycle.create(&aws, inputs, token).await;
            created.map_err(|error| CreateError { error, may_exist: aws.may_have_changed() })
        })
    }

    fn find<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
        look: Look,
    ) -> BoxFuture<'a, Result<Option<String>, ProviderError>> {
        Box::pin(async move {
            let (lifecycle, aws) = (lifecycle(kind)?, self.aws.in_turn(turn));
            look_for(&aws, look, &token.resource, || lifecycle.find(&aws, inputs, token)).await
        })
    }

    fn untracked<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        search: &'a Search,
    ) -> BoxFuture<'a, Result<Untracked, ProviderError>> {
        Box::pin(async move { untracked(&self.aws.in_turn(turn), search).await })
    }

    fn claim<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        token: &'a Token,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { lifecycle(kind)?.claim(&self.aws.in_turn(turn), id, inputs, token).await })
    }

    fn catch_up<'a>(&'a self, turn: &'a Arc<dyn Turn>) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move {
            turn.give_way();
            self.aws.in_turn(turn).pause(STALE).await
        })
    }

    fn converge<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        id: &'a str,
        inputs: &'a JsonMap,
        previous: Option<&'a JsonMap>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { lifecycle(kind)?.converge(&self.aws.in_turn(turn), id, inputs, previous).await })
    }

    fn obstacles<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        objects: &'a [Object<'a>],
    ) -> BoxFuture<'a, Result<Vec<Option<Obstacle>>, ProviderError>> {
        Box::pin(async move { lifecycle(kind)?.obstacles(&self.aws.in_turn(turn), objects).await })
    }

    fn delete<'a>(
        &'a self,
        turn: &'a Arc<dyn Turn>,
        kind: &'a str,
        object: &'a Object<'a>,
    ) -> BoxFuture<'a, Result<(), ProviderError>> {
        Box::pin(async move { lifecycle(kind)?.delete(&self.aws.in_turn(turn), object).await })
    }
}

/// Looks for the object of an interrupted creation of `resource` until it is seen, or nothing has been seen for [`VISIBLE`].
async fn look_for<F>(
    aws: &Aws,
    look: Look,
    resource: &str,
    mut find: impl FnMut() -> F,
) -> Result<Option<String>, ProviderError>
where
    F: Future<Output = Result<Sighting<String>, ProviderError>>,
{
    let (start, mut pause) = (Instant::now(), Duration::from_secs(1));
    // When the creation was sent is not on record, and no two machines agree on the time. So the wait counts from now, which is
    // never too short.
    let mut unseen_since = start;
    loop {
        // The last look is one that begins once the time is up: if the process stood still, the answer is from before that.
        let (waited, unseen) = (start.elapsed(), unseen_since.elapsed());
        match find().await? {
            Sighting::Seen(id) => return Ok(Some(id)),
            Sighting::Nothing | Sighting::Unclear if look == Look::Once => return Ok(None),
            Sighting::Nothing if unseen >= VISIBLE => return Ok(None),
            Sighting::Nothing => {}
            Sighting::Unclear if waited >= CLEAR => return Err(unclear(resource)),
            Sighting::Unclear => unseen_since = Instant::now(),
        }
        aws.pause(pause).await?;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// The error for what is there and may be the object of an interrupted creation, of which AWS does not tell what it is.
fn unclear(resource: &str) -> ProviderError {
    ProviderError {
        kind: ErrorKind::TimedOut,
        operation: String::new(),
        code: String::new(),
        message: format!(
            "what may be the object of the interrupted creation of {resource} has been in the making for {} minutes",
            CLEAR.as_secs() / 60
        ),
        help: "see in the console what holds it up, and run the same command again: it continues from here".to_owned(),
    }
}

pub(crate) fn lifecycle(kind: &str) -> Result<&'static dyn ErasedLifecycle, ProviderError> {
    REGISTRY.iter().find(|entry| entry.schema.kind == kind).map(|entry| entry.lifecycle).ok_or_else(|| ProviderError {
        kind: ErrorKind::Invalid,
        operation: String::new(),
        code: String::new(),
        message: format!("there is no resource of the kind {kind}"),
        help: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, future::ready};

    use palisade_core::provider::Unlimited;
    use secrecy::SecretString;

    use super::*;
    use crate::{
        Backend, Supplier,
        operations::{Request, Response},
    };

    /// An account that is never asked.
    struct Unused;

    impl Backend for Unused {
        fn region(&self) -> &'static str {
            "us-east-1"
        }

        fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
            panic!("{request:?}")
        }
    }

    impl Supplier for Unused {
        fn supply(&self, _: &str) -> Option<SecretString> {
            None
        }
    }

    const MINUTE: Duration = Duration::from_mins(1);

    /// The result of a search, and how long it takes. Each sighting lasts for that many minutes, and the last one until the end.
    async fn search(minutes: &[(u32, Sighting<&str>)]) -> (Result<Option<String>, ErrorKind>, Duration) {
        let (start, mut left) = (Instant::now(), VecDeque::from(minutes.to_vec()));
        let mut end = MINUTE * left[0].0;
        let find = || {
            // No minute is one answer.
            while left.len() > 1 && left[0].0 > 0 && start.elapsed() >= end {
                left.pop_front();
                end += MINUTE * left[0].0;
            }
            let (minutes, sighting) = left[0];
            if minutes == 0 {
                left.pop_front();
                end += MINUTE * left[0].0;
            }
            ready(Ok(sighting.map(str::to_owned)))
        };
        let aws = Aws::new(Arc::new(Unused), Arc::new(Unused));
        let found = look_for(&aws, Look::UntilSeen, "UserGroup.it", find).await;
        (found.map_err(|error| error.kind), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_seen_for_five_minutes_does_not_exist() {
        use Sighting::{Nothing, Seen, Unclear};
        let it = || Ok(Some("it".to_owned()));
        assert_eq!(search(&[(4, Nothing), (1, Seen("it"))]).await.0, it());
        let (found, took) = search(&[(1, Nothing)]).await;
        assert!(found == Ok(None) && took >= VISIBLE && took < VISIBLE + MINUTE, "{took:?}");
        // One answer says nothing of what was there a moment ago.
        assert_eq!(search(&[(20, Unclear), (0, Nothing), (1, Seen("it"))]).await.0, it());
        assert_eq!(search(&[(20, Unclear), (4, Nothing), (1, Seen("it"))]).await.0, it());
        let (found, took) = search(&[(20, Unclear), (1, Nothing)]).await;
        assert!(found == Ok(None) && took > 24 * MINUTE && took < 26 * MINUTE, "{took:?}");
        let (found, took) = search(&[(1, Unclear)]).await;
        assert!(found == Err(ErrorKind::TimedOut) && took >= CLEAR && took < CLEAR + MINUTE, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_took_long_says_nothing_of_what_is_there_by_its_end() {
        for (took, first) in [(VISIBLE * 2, Sighting::Nothing), (CLEAR * 2, Sighting::Unclear)] {
            let mut looks = VecDeque::from([(took, first), (Duration::ZERO, Sighting::Seen("it"))]);
            let find = || {
                let (took, sighting) = looks.pop_front().expect("the second look is the last");
                async move {
                    tokio::time::sleep(took).await;
                    Ok(sighting.map(str::to_owned))
                }
            };
            let aws = Aws::new(Arc::new(Unused), Arc::new(Unused));
            let found = look_for(&aws, Look::UntilSeen, "UserGroup.it", find).await;
            assert_eq!(found, Ok(Some("it".to_owned())), "{first:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_description_has_caught_up_once_none_can_be_old_any_more() {
        let provider = AwsProvider::new(Aws::new(Arc::new(Unused), Arc::new(Unused)));
        let (start, turn): (_, Arc<dyn Turn>) = (Instant::now(), Arc::new(Unlimited));
        provider.catch_up(&turn).await.unwrap();
        assert_eq!(start.elapsed(), STALE);
    }

    #[test]
    fn no_module_of_a_resource_is_forgotten() {
        let lines = include_str!("resources/mod.rs").lines();
        let modules = lines.filter(|line| line.starts_with("mod ") && line.ends_with(';')).count();
        assert_eq!(REGISTRY.len(), modules);
        assert!(REGISTRY.is_sorted_by_key(|kind| kind.schema.kind));
    }
}
