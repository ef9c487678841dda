//! [`Batches`]: descriptions that are wanted at about the same time become one call.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{Shared, WeakShared},
};
use palisade_core::provider::{BoxFuture, ProviderError, Turn};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Backend,
    operations::{
        DescribeCacheClusters, DescribeCacheClustersOutput, DescribeCacheParameterGroups,
        DescribeCacheParameterGroupsOutput, DescribeCacheSubnetGroups, DescribeCacheSubnetGroupsOutput,
        DescribeFlowLogs, DescribeFlowLogsOutput, DescribeNetworkAcls, DescribeNetworkAclsOutput,
        DescribeReplicationGroups, DescribeReplicationGroupsOutput, DescribeRouteTables, DescribeRouteTablesOutput,
        DescribeSecurityGroupRules, DescribeSecurityGroupRulesOutput, DescribeSecurityGroups,
        DescribeSecurityGroupsOutput, DescribeSubnets, DescribeSubnetsOutput, DescribeUserGroups,
        DescribeUserGroupsOutput, DescribeUsers, DescribeUsersOutput, DescribeVpcs, DescribeVpcsOutput, Effect,
        Request, Response, Service,
    },
    shapes::{Select, SelectNetworkAcls, SelectRouteTables, SelectRules, SelectSecurityGroups},
};

/// For how long a description waits for others in any case: as long as it takes all that are ready to ask, and not so long that
/// anybody notices.
const MOMENT: Duration = Duration::from_millis(1);

/// For how long a description waits for the writes to its service that are under way. When many objects are created, the
/// descriptions of all come out as one each second; when few are, the writes end long before.
const PATIENCE: Duration = Duration::from_secs(2);

type Answer = Result<Response, ProviderError>;
/// A call that several callers wait for. Whichever of them is polled drives it, so that it goes on as long as one is left.
type Joint = Shared<BoxFuture<'static, Arc<Answer>>>;

/// Passes calls on, and makes one of the descriptions by ids that can be one.
///
/// A description is not sent at once. It first lets all ask that are ready to, then waits for the writes under way, since
/// whoever made them will ask too, and then for the description of the same operation that is under way, and last for a slot,
/// in the turn of whoever asked first. Whoever asks meanwhile joins it, and gets its own objects out of the answer. A failure
/// is the failure of all.
pub(crate) struct Batches {
    backend: Arc<dyn Backend>,
    /// What is asked by the operations that descriptions are made of.
    lines: Mutex<HashMap<&'static str, Line>>,
    /// How many writes to each service are under way.
    writes: [watch::Sender<usize>; Service::COUNT],
}

/// The descriptions of one operation.
#[derive(Default)]
struct Line {
    /// Held while one is under way.
    underway: Arc<tokio::sync::Mutex<()>>,
    /// Those that were not sent yet, with the rest of an operation's questions: by the ids of an object, by those of its owner.
    open: Vec<Open>,
}

/// A description that others can still join.
struct Open {
    /// What is asked for so far; `None` once it was sent.
    request: Arc<Mutex<Option<Request>>>,
    answer: WeakShared<BoxFuture<'static, Arc<Answer>>>,
}

impl Batches {
    pub(crate) fn new(backend: Arc<dyn Backend>) -> Self {
        let writes = std::array::from_fn(|_| watch::Sender::new(0));
        Self { backend, lines: Mutex::default(), writes }
    }

    pub(crate) fn region(&self) -> &str {
        self.backend.region()
    }

    /// Answers one call, as the backend does, once it is its `turn`.
    pub(crate) async fn answer(&self, turn: &Arc<dyn Turn>, request: Request) -> Answer {
        if !is_joinable(&request) {
            let underway = (request.effect() == Effect::Write).then(|| &self.writes[request.service() as usize]);
            let _underway = underway.map(Underway::begin);
            let _slot = turn.slot().await?;
            return self.backend.answer_in_turn(turn, request).await;
        }
        turn.give_way();
        let answer = self.join(turn, &request).await;
        match &*answer {
            Ok(response) => Ok(own_part(&request, response)),
            Err(error) => Err(error.clone()),
        }
    }

    /// The call that answers `request`, and others along with it.
    fn join(&self, turn: &Arc<dyn Turn>, request: &Request) -> Joint {
        let mut lines = lock(&self.lines);
        let line = lines.entry(request.action()).or_default();
        let joined = line.open.iter().find_map(|open| {
            let answer = open.answer.upgrade()?;
            lock(&open.request).as_mut().is_some_and(|asked| joins(asked, request)).then_some(answer)
        });
        if let Some(answer) = joined {
            return answer;
        }
        let asked = Arc::new(Mutex::new(Some(request.clone())));
        let answer = self.send(turn.clone(), line.underway.clone(), asked.clone(), request.service()).boxed().shared();
        line.open.retain(|open| open.answer.upgrade().is_some() && lock(&open.request).is_some());
        line.open.extend(answer.downgrade().map(|answer| Open { request: asked, answer }));
        answer
    }

    fn send(
        &self,
        turn: Arc<dyn Turn>,
        line: Arc<tokio::sync::Mutex<()>>,
        asked: Arc<Mutex<Option<Request>>>,
        service: Service,
    ) -> impl Future<Output = Arc<Answer>> + Send + 'static {
        let (backend, mut writes) = (self.backend.clone(), self.writes[service as usize].subscribe());
        async move {
            sleep(MOMENT).await;
            // It is sent in any case: an error here is that the time is up.
            timeout(PATIENCE, writes.wait_for(|writes| *writes == 0)).await.ok();
            let _underway = line.lock().await;
            let _slot = match turn.slot().await {
                Ok(slot) => slot,
                Err(error) => return Arc::new(Err(error)),
            };
            let request = lock(&asked).take().expect("a request is taken once, by the one future that sends it");
            Arc::new(backend.answer_in_turn(&turn, request).await)
        }
    }
}

/// A write that is under way, counted until it is dropped.
struct Underway<'a>(&'a watch::Sender<usize>);

impl<'a> Underway<'a> {
    fn begin(writes: &'a watch::Sender<usize>) -> Self {
        writes.send_modify(|writes| *writes += 1);
        Self(writes)
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|writes| *writes -= 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No lock is held over anything that can panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lists the descriptions that can be joined: the field that says what is asked for, as `$asked` and `$more` take the ids out
/// of it, the list of the answer, and whether one of its objects is asked for by one of the ids.
macro_rules! joinable {
    (
        ($asked:ident, $more:ident, $ids:ident, $object:ident)
        $( $action:ident { $field:ident: $into:pat, $from:pat } -> $output:ident { $list:ident } if $is_asked_for:expr; )*
    ) => {
        /// Whether `request` is a description by ids.
        fn is_joinable(request: &Request) -> bool {
            match request {
                $( Request::$action($action { $field: $from }) => { let _ = $more; true } )*
                _ => false,
            }
        }

        /// Makes `asked` ask for what `request` asks for too, if the two are of one sort.
        fn joins(asked: &mut Request, request: &Request) -> bool {
            match (asked, request) {
                $( (Request::$action($action { $field: $into }), Request::$action($action { $field: $from })) => {
                    $asked.extend($more.iter().cloned());
                    true
                } )*
                _ => false,
            }
        }

        /// What `request` asks for, out of the answer to a request that it joined.
        fn own_part(request: &Request, response: &Response) -> Response {
            match (request, response) {
                $( (Request::$action($action { $field: $from }), Response::$action(answer)) => {
                    let $ids: HashSet<_> = $more.iter().collect();
                    let own = answer.$list.iter().filter(|$object| $is_asked_for).cloned().collect();
                    Response::$action($output { $list: own })
                } )*
                (_, response) => response.clone(),
            }
        }
    };
}

joinable! {
    (asked, more, ids, object)
    DescribeVpcs { select: Select::Ids(asked), Select::Ids(more) }
        -> DescribeVpcsOutput { vpcs } if ids.contains(&object.id);
    DescribeSubnets { select: Select::Ids(asked), Select::Ids(more) }
        -> DescribeSubnetsOutput { subnets } if ids.contains(&object.id);
    DescribeRouteTables {
        select: SelectRouteTables::Tables(Select::Ids(asked)), SelectRouteTables::Tables(Select::Ids(more))
    } -> DescribeRouteTablesOutput { route_tables } if ids.contains(&object.id);
    DescribeRouteTables { select: SelectRouteTables::OfSubnets(asked), SelectRouteTables::OfSubnets(more) }
        -> DescribeRouteTablesOutput { route_tables } if object.associations.iter().any(|a| ids.contains(&a.subnet_id));
    DescribeNetworkAcls {
        select: SelectNetworkAcls::Acls(Select::Ids(asked)), SelectNetworkAcls::Acls(Select::Ids(more))
    } -> DescribeNetworkAclsOutput { network_acls } if ids.contains(&object.id);
    DescribeNetworkAcls { select: SelectNetworkAcls::OfSubnets(asked), SelectNetworkAcls::OfSubnets(more) }
        -> DescribeNetworkAclsOutput { network_acls } if object.associations.iter().any(|a| ids.contains(&a.subnet_id));
    DescribeSecurityGroups {
        select: SelectSecurityGroups::Groups(Select::Ids(asked)), SelectSecurityGroups::Groups(Select::Ids(more))
    } -> DescribeSecurityGroupsOutput { security_groups } if ids.contains(&object.id);
    DescribeSecurityGroupRules { select: SelectRules::Rules(Select::Ids(asked)), SelectRules::Rules(Select::Ids(more)) }
        -> DescribeSecurityGroupRulesOutput { rules } if ids.contains(&object.id);
    DescribeSecurityGroupRules { select: SelectRules::OfGroups(asked), SelectRules::OfGroups(more) }
        -> DescribeSecurityGroupRulesOutput { rules } if ids.contains(&object.group_id);
    DescribeFlowLogs { select: Select::Ids(asked), Select::Ids(more) }
        -> DescribeFlowLogsOutput { flow_logs } if ids.contains(&object.id);
    DescribeCacheSubnetGroups { ids: asked, more }
        -> DescribeCacheSubnetGroupsOutput { groups } if ids.contains(&object.name);
    DescribeCacheParameterGroups { ids: asked, more }
        -> DescribeCacheParameterGroupsOutput { groups } if ids.contains(&object.name);
    DescribeReplicationGroups { ids: asked, more }
        -> DescribeReplicationGroupsOutput { groups } if ids.contains(&object.id);
    DescribeCacheClusters { ids: asked, more } -> DescribeCacheClustersOutput { clusters } if ids.contains(&object.id);
    DescribeUsers { ids: asked, more } -> DescribeUsersOutput { users } if ids.contains(&object.id);
    DescribeUserGroups { ids: asked, more } -> DescribeUserGroupsOutput { groups } if ids.contains(&object.id);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use palisade_core::{
        Id,
        provider::{ErrorKind, Unlimited},
    };
    use tokio::{
        task::{JoinHandle, yield_now},
        time::Instant,
    };

    use super::*;
    use crate::{
        failure,
        operations::{DeleteUserGroup, DeleteUserGroupOutput, DeleteVpc, DeleteVpcOutput},
        resources::RedisUser,
        shapes::UserGroupDescription,
        types::{Arn, EngineKind},
    };

    /// How long a description takes.
    const READ: Duration = Duration::from_millis(100);
    /// How long the answer to one takes that nothing holds up.
    const ANSWER: Duration = MOMENT.saturating_add(READ);

    /// An account in which there are the user groups whose ids do not begin with `no`. The deletion of one takes as long as
    /// its id says.
    #[derive(Default)]
    struct Account {
        /// What each description asked for.
        asked: Mutex<Vec<Vec<String>>>,
        /// How many of the next descriptions fail.
        failing: AtomicUsize,
    }

    impl Backend for Account {
        fn region(&self) -> &str {
            "us-east-1"
        }

        fn answer(&self, request: Request) -> BoxFuture<'_, Answer> {
            Box::pin(async move {
                let ids = match request {
                    Request::DescribeUserGroups(DescribeUserGroups { ids }) => ids,
                    Request::DeleteUserGroup(DeleteUserGroup { user_group_id }) => {
                        sleep(Duration::from_millis(user_group_id.as_str()["ms-".len()..].parse().unwrap())).await;
                        return Ok(Response::DeleteUserGroup(DeleteUserGroupOutput {}));
                    }
                    Request::DeleteVpc(_) => {
                        sleep(Duration::from_secs(60)).await;
                        return Ok(Response::DeleteVpc(DeleteVpcOutput {}));
                    }
                    other => panic!("{other:?}"),
                };
                lock(&self.asked).push(ids.iter().map(ToString::to_string).collect());
                sleep(READ).await;
                let fails = self.failing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
                if fails.is_ok() {
                    return Err(failure("DescribeUserGroups", "InternalFailure", "not now".to_owned()));
                }
                let groups = ids.into_iter().filter(|id| !id.as_str().starts_with("no")).map(group).collect();
                Ok(Response::DescribeUserGroups(DescribeUserGroupsOutput { groups }))
            })
        }
    }

    fn group(id: Id<crate::resources::UserGroup>) -> UserGroupDescription {
        let user_ids = std::collections::BTreeSet::<Id<RedisUser>>::new();
        let (status, engine, arn) = ("active".to_owned(), EngineKind::Redis, Arn::reported("arn"));
        UserGroupDescription { id, status, engine, user_ids, replication_groups: Vec::new(), arn }
    }

    struct Desk {
        account: Arc<Account>,
        batches: Arc<Batches>,
    }

    impl Desk {
        fn new() -> Self {
            let account = Arc::new(Account::default());
            Self { batches: Arc::new(Batches::new(account.clone())), account }
        }

        fn send(&self, request: Request) -> JoinHandle<Answer> {
            let batches = self.batches.clone();
            tokio::spawn(async move { batches.answer(&(Arc::new(Unlimited) as Arc<dyn Turn>), request).await })
        }

        /// Asks for groups; the ids of those that there are.
        fn describe(&self, ids: &[&str]) -> JoinHandle<Result<Vec<String>, ErrorKind>> {
            let ids = ids.iter().map(|id| Id::new(*id).unwrap()).collect();
            let answer = self.send(DescribeUserGroups { ids }.into());
            tokio::spawn(async move {
                match answer.await.unwrap() {
                    Ok(Response::DescribeUserGroups(answer)) => {
                        Ok(answer.groups.iter().map(|group| group.id.to_string()).collect())
                    }
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => Err(error.kind),
                }
            })
        }

        /// Sends a write to ElastiCache that takes so many milliseconds.
        fn write(&self, milliseconds: u128) -> JoinHandle<Answer> {
            self.send(DeleteUserGroup { user_group_id: Id::new(format!("ms-{milliseconds}")).unwrap() }.into())
        }

        fn asked(&self) -> Vec<Vec<String>> {
            lock(&self.account.asked).clone()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_that_ask_at_a_time_are_one_call_and_each_gets_its_own() {
        let desk = Desk::new();
        let (ab, none, c) = (desk.describe(&["a", "b"]), desk.describe(&["none"]), desk.describe(&["c"]));
        assert_eq!(ab.await.unwrap().unwrap(), ["a", "b"]);
        assert_eq!(c.await.unwrap().unwrap(), ["c"]);
        assert!(none.await.unwrap().unwrap().is_empty(), "what does not exist fails nobody");
        assert_eq!(desk.asked(), [["a", "b", "none", "c"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_while_a_description_is_under_way_shares_the_next_one() {
        let desk = Desk::new();
        let first = desk.describe(&["a"]);
        sleep(READ / 2).await;
        let (second, third) = (desk.describe(&["b"]), desk.describe(&["a"]));
        for (asked, expected) in [(first, "a"), (second, "b"), (third, "a")] {
            assert_eq!(asked.await.unwrap().unwrap(), [expected]);
        }
        assert_eq!(desk.asked(), [vec!["a"], vec!["b", "a"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_failure_of_a_call_is_that_of_all_who_share_it_and_of_nobody_else() {
        let desk = Desk::new();
        desk.account.failing.store(1, Ordering::Relaxed);
        let (a, b) = (desk.describe(&["a"]), desk.describe(&["b"]));
        assert_eq!((a.await.unwrap(), b.await.unwrap()), (Err(ErrorKind::Service), Err(ErrorKind::Service)));
        assert_eq!(desk.describe(&["a"]).await.unwrap().unwrap(), ["a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_away_leaves_the_others_their_answer() {
        // Before it was sent, and while it is under way; and with nobody left, whoever comes later starts anew.
        for patience in [MOMENT / 2, READ / 2] {
            let desk = Desk::new();
            let batches = desk.batches.clone();
            let request: Request = DescribeUserGroups { ids: vec![Id::new("a").unwrap()] }.into();
            let turn: Arc<dyn Turn> = Arc::new(Unlimited);
            let mut first = Box::pin(batches.answer(&turn, request));
            // It is the first to be polled, and so the one that drives the call.
            assert!((&mut first).now_or_never().is_none());
            let second = desk.describe(&["b"]);
            tokio::select! { _ = &mut first => panic!("too early"), () = sleep(patience) => {} }
            drop(first);
            assert_eq!(second.await.unwrap().unwrap(), ["b"]);

            let alone = desk.describe(&["c"]);
            yield_now().await;
            alone.abort();
            assert_eq!(desk.describe(&["d"]).await.unwrap().unwrap(), ["d"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_description_waits_for_the_writes_to_its_service_and_not_for_ever() {
        let desk = Desk::new();
        let took = async |asked: JoinHandle<Result<Vec<String>, ErrorKind>>| {
            let begin = Instant::now();
            asked.await.unwrap().unwrap();
            begin.elapsed()
        };
        let elsewhere = desk.send(DeleteVpc { vpc_id: Id::reported("vpc-1").unwrap() }.into());
        assert_eq!(took(desk.describe(&["a"])).await, ANSWER, "no write to this service is under way");

        let (short, shorter) = (desk.write(300), desk.write(200));
        yield_now().await;
        let first = desk.describe(&["a"]);
        shorter.await.unwrap().unwrap();
        let second = desk.describe(&["b"]);
        assert_eq!(took(first).await, Duration::from_millis(100) + READ);
        assert_eq!(took(second).await, Duration::ZERO, "it went along with the first");
        short.await.unwrap().unwrap();

        let long = desk.write(PATIENCE.as_millis() * 2);
        yield_now().await;
        assert_eq!(took(desk.describe(&["a"])).await, PATIENCE + ANSWER);
        let gone = desk.write(PATIENCE.as_millis());
        yield_now().await;
        for write in [long, gone, elsewhere] {
            write.abort();
        }
        assert_eq!(
            took(desk.describe(&["a"])).await,
            ANSWER,
            "a write that nobody waits for any more is not under way"
        );
    }
}
