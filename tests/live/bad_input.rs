//! What a user is told when AWS cannot be reached, says no, or says what it should not: which call on which resource of which
//! line, what is done, what is not, and what to do.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Output,
};

use insta::assert_snapshot;

use crate::{
    account::{Account, ministack},
    program::{Program, text},
    proxy::{Call, Fault, Proxy, first},
};

const APPLY: [&str; 2] = ["apply", "--auto-approve"];

/// What the program said from its first error on, in which what differs between two runs has a name.
#[track_caller]
fn told(output: &Output, endpoint: SocketAddr) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(output));
    let said = String::from_utf8_lossy(&output.stderr);
    let begin = said.find("error: ").unwrap_or_else(|| panic!("there is no error: {said}"));
    said[begin..].replace(&endpoint.to_string(), "ENDPOINT").replace('\\', "/")
}

fn program() -> Program {
    Program::new(&Account::unused())
}

/// What an apply says with AWS behind this script, after which one more apply finishes the work.
#[track_caller]
fn apply_told(script: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> String {
    let (program, proxy) = (program(), Proxy::start(ministack(), script));
    let said = told(&program.run(proxy.address, &APPLY), proxy.address);
    program.succeed(ministack(), &APPLY);
    program.succeed(ministack(), &["plan", "--detailed-exitcode"]);
    said
}

/// What a plan says of a stack that was applied, with AWS behind this script.
#[track_caller]
fn plan_told(script: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> String {
    let (program, proxy) = (program(), Proxy::start(ministack(), script));
    program.succeed(ministack(), &APPLY);
    told(&program.run(proxy.address, &["plan"]), proxy.address)
}

/// A plan with these arguments, and this in the environment.
fn plan_with(arguments: &[&str], endpoint: &str, without: &[&str], with: &[(&str, &str)]) -> Output {
    let program = program();
    let mut command = program.command(endpoint, &[&["plan"], arguments].concat());
    for variable in without {
        command.env_remove(variable);
    }
    command.envs(with.iter().copied()).output().unwrap()
}

fn nobody() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn nobody_listens() {
    let nobody = nobody();
    let output = plan_with(&[], &format!("http://{nobody}"), &[], &[]);
    assert_snapshot!(told(&output, nobody), @r"
    error: GetCallerIdentity: http://ENDPOINT cannot be reached: Connection refused
    help: see that there is a network, and that the region and AWS_ENDPOINT_URL, if it is set, are right; or work on the emulated account with --emulated
    ");
}

#[test]
fn the_name_of_the_endpoint_is_not_known() {
    let output = plan_with(&[], "http://aws.invalid", &[], &[]);
    let said = told(&output, nobody());
    assert!(said.starts_with("error: GetCallerIdentity: http://aws.invalid cannot be reached: "), "{said}");
}

#[test]
fn the_endpoint_hangs() {
    let proxy = Proxy::start(ministack(), |_| Some(Fault::Silent));
    let output = plan_with(&[], &format!("http://{}", proxy.address), &[], &[]);
    assert_snapshot!(told(&output, proxy.address), @r"
    error: GetCallerIdentity: http://ENDPOINT gives no answer: nothing came within the time-out
    help: see that there is a network, and that the region and AWS_ENDPOINT_URL, if it is set, are right; or work on the emulated account with --emulated
    ");
}

#[test]
fn a_service_hangs_while_a_plan_is_made() {
    assert_snapshot!(plan_told(|call| (call.action == "DescribeSubnets").then_some(Fault::Silent)), @r"
    error: cannot read the Subnet objects of the stack, so there is no plan, and nothing was changed: DescribeSubnets: EC2 at http://ENDPOINT gives no answer: nothing came within the time-out
      --> examples/secured-redis/src/lib.rs:22:19: Subnet.private-a
      --> examples/secured-redis/src/lib.rs:23:19: Subnet.private-b
    help: see that there is a network, and that the region and AWS_ENDPOINT_URL, if it is set, are right
    ");
}

#[test]
fn there_are_no_credentials() {
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let endpoint = ministack();
    let output = plan_with(&[], &format!("http://{endpoint}"), &keys, &[]);
    assert_snapshot!(told(&output, endpoint), @r"
    error: no AWS credentials were found
    help: log in, for example with `aws sso login`; or choose a profile with AWS_PROFILE; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or work on the emulated account with --emulated
    ");
}

#[test]
fn the_profile_does_not_exist() {
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let endpoint = ministack();
    let output = plan_with(&[], &format!("http://{endpoint}"), &keys, &[("AWS_PROFILE", "prod")]);
    assert_snapshot!(told(&output, endpoint), @r"
    error: no AWS credentials were found
    help: see that the profile `prod`, which AWS_PROFILE names, is in ~/.aws/config or ~/.aws/credentials, and is logged in; or log in, for example with `aws sso login`; or choose a profile with AWS_PROFILE; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or work on the emulated account with --emulated
    ");
}

#[test]
fn the_credentials_are_expired() {
    let expired = Fault::Refused("ExpiredToken", "The security token included in the request is expired");
    let proxy = Proxy::start(ministack(), move |call| (call.service == "sts").then_some(expired));
    let output = plan_with(&[], &format!("http://{}", proxy.address), &[], &[]);
    assert_snapshot!(told(&output, proxy.address), @r"
    error: GetCallerIdentity: ExpiredToken: The security token included in the request is expired
    help: the credentials are expired, or not of this partition: log in, for example with `aws sso login`; or choose a profile with AWS_PROFILE; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or work on the emulated account with --emulated
    ");
}

#[test]
fn the_credentials_expire_in_the_middle_of_an_apply() {
    let expired = Fault::Refused("ExpiredToken", "The security token included in the request is expired");
    // The last thing that is made, so that there is one error.
    assert_snapshot!(apply_told(first(1, "CreateReplicationGroup", expired)), @r"
    error: cannot create ReplicationGroup.redis: CreateReplicationGroup: ExpiredToken: The security token included in the request is expired
      --> examples/secured-redis/src/lib.rs:68:23
    help: the credentials are expired, or not of this partition: log in, for example with `aws sso login`; or choose a profile with AWS_PROFILE; or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY

    Done and recorded: 19 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
}

#[test]
fn one_call_of_many_is_denied() {
    let denied = Fault::Refused("UnauthorizedOperation", "You are not authorized to perform this operation.");
    assert_snapshot!(apply_told(first(1, "CreateSecurityGroup", denied)), @r"
    error: cannot create SecurityGroup.redis: CreateSecurityGroup: UnauthorizedOperation: You are not authorized to perform this operation.
      --> examples/secured-redis/src/lib.rs:35:32
    help: allow the caller `ec2:CreateSecurityGroup`

    Not tried:
      SecurityGroupRule.redis-from-vpc (create), as SecurityGroup.redis failed
      ReplicationGroup.redis (create), as SecurityGroup.redis failed

    Done and recorded: 17 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
}

#[test]
fn a_read_is_denied_while_a_plan_is_made() {
    let denied = Fault::Refused("UnauthorizedOperation", "You are not authorized to perform this operation.");
    assert_snapshot!(plan_told(move |call| (call.action == "DescribeSubnets").then_some(denied)), @r"
    error: cannot read the Subnet objects of the stack, so there is no plan, and nothing was changed: DescribeSubnets: UnauthorizedOperation: You are not authorized to perform this operation.
      --> examples/secured-redis/src/lib.rs:22:19: Subnet.private-a
      --> examples/secured-redis/src/lib.rs:23:19: Subnet.private-b
    help: allow the caller `ec2:DescribeSubnets`
    ");
}

#[test]
fn the_account_has_as_many_vpcs_as_it_may() {
    let quota = Fault::Refused("VpcLimitExceeded", "The maximum number of VPCs has been reached.");
    assert_snapshot!(apply_told(first(1, "CreateVpc", quota)), @r"
    error: cannot create Vpc.main: CreateVpc: VpcLimitExceeded: The maximum number of VPCs has been reached.
      --> examples/secured-redis/src/lib.rs:21:21
    help: ask for a higher quota in the Service Quotas console, or use less

    Not tried:
      Subnet.private-a (create), as Vpc.main failed
      RouteTableAssociation.private-a (create), as Vpc.main failed
      CacheSubnetGroup.redis (create), as Vpc.main failed
      ReplicationGroup.redis (create), as Vpc.main failed
      Subnet.private-b (create), as Vpc.main failed
      RouteTableAssociation.private-b (create), as Vpc.main failed
      RouteTable.private (create), as Vpc.main failed
      FlowLog.main (create), as Vpc.main failed
      SecurityGroup.redis (create), as Vpc.main failed
      SecurityGroupRule.redis-from-vpc (create), as Vpc.main failed

    Done and recorded: 9 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
}

#[test]
fn the_account_has_as_many_cache_nodes_as_it_may() {
    let quota = Fault::Refused("NodeQuotaForCustomerExceeded", "You have exceeded the number of nodes.");
    assert_snapshot!(apply_told(first(1, "CreateReplicationGroup", quota)), @r"
    error: cannot create ReplicationGroup.redis: CreateReplicationGroup: NodeQuotaForCustomerExceeded: You have exceeded the number of nodes.
      --> examples/secured-redis/src/lib.rs:68:23
    help: ask for a higher quota in the Service Quotas console, or use less

    Done and recorded: 19 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
}

#[test]
fn somebody_else_has_the_name() {
    let account = Account::unused();
    let user = "Action=CreateUser&UserId=admin&UserName=admin&Engine=redis&NoPasswordRequired=true";
    account.form("elasticache", &format!("{user}&AccessString=on%20~*%20%2B%40all"));
    let program = Program::new(&account);
    let endpoint = ministack();
    assert_snapshot!(told(&program.run(endpoint, &APPLY), endpoint), @r"
    error: cannot create RedisUser.admin: CreateUser: UserAlreadyExists: User admin already exists
      --> examples/secured-redis/src/lib.rs:52:23
    help: it exists, and the state does not know it: bring back the newest state, if this one is older or another one was lost; otherwise choose another name, or delete what has it

    Not tried:
      UserGroup.redis (create), as RedisUser.admin failed
      ReplicationGroup.redis (create), as RedisUser.admin failed

    Done and recorded: 17 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
    account.form("elasticache", "Action=DeleteUser&UserId=admin");
    program.succeed(endpoint, &APPLY);
    program.succeed(endpoint, &["plan", "--detailed-exitcode"]);
}

#[test]
fn an_object_was_deleted_behind_our_back() {
    let account = Account::unused();
    let program = Program::new(&account);
    let endpoint = ministack();
    program.succeed(endpoint, &APPLY);
    account.form("elasticache", "Action=DeleteReplicationGroup&ReplicationGroupId=secured-redis");
    let planned = program.run(endpoint, &["plan", "--detailed-exitcode"]);
    assert_eq!(planned.status.code(), Some(2), "{}", text(&planned));
    let said = text(&planned);
    assert!(said.contains("1 to add, 0 to change, 0 to destroy"), "{said}");
    program.succeed(endpoint, &APPLY);
    program.succeed(endpoint, &["plan", "--detailed-exitcode"]);
}

fn without_ids(answer: &str) -> String {
    assert!(answer.contains("<subnetId>"), "{answer}");
    answer.replace("<subnetId>", "<other>").replace("</subnetId>", "</other>")
}

#[test]
fn an_answer_lacks_a_field() {
    let lacking = Fault::Altered(without_ids);
    assert_snapshot!(plan_told(move |call| (call.action == "DescribeSubnets").then_some(lacking)), @r"
    error: cannot read the Subnet objects of the stack, so there is no plan, and nothing was changed: DescribeSubnets: the answer lacks subnetId
      --> examples/secured-redis/src/lib.rs:22:19: Subnet.private-a
      --> examples/secured-redis/src/lib.rs:23:19: Subnet.private-b
    help: update Palisade; if AWS_ENDPOINT_URL is set, what answers there is not AWS
    ");
}

/// The one that creates: it may have had its effect, and the next apply finds out that it had.
#[test]
fn the_answer_to_a_creation_lacks_the_id() {
    let lacking = |call: &Call| call.action == "CreateSubnet" && call.body.contains("CidrBlock=10.0.1.0");
    let once = first(1, "CreateSubnet", Fault::Altered(without_ids));
    assert_snapshot!(apply_told(move |call| if lacking(call) { once(call) } else { None }), @r"
    error: cannot create Subnet.private-a: CreateSubnet: the answer lacks subnetId
      --> examples/secured-redis/src/lib.rs:22:19
    note: Subnet.private-a may exist all the same: the next run looks for it before it creates another
    help: update Palisade; if AWS_ENDPOINT_URL is set, what answers there is not AWS

    Not tried:
      RouteTableAssociation.private-a (create), as Subnet.private-a failed
      CacheSubnetGroup.redis (create), as Subnet.private-a failed
      ReplicationGroup.redis (create), as Subnet.private-a failed

    Done and recorded: 16 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
}

#[test]
fn an_answer_is_empty() {
    let empty = Fault::Altered(|_| String::new());
    assert_snapshot!(plan_told(move |call| (call.action == "DescribeSubnets").then_some(empty)), @r"
    error: cannot read the Subnet objects of the stack, so there is no plan, and nothing was changed: DescribeSubnets: EC2 at http://ENDPOINT answered with HTTP status 200, and with no error or answer of AWS
      --> examples/secured-redis/src/lib.rs:22:19: Subnet.private-a
      --> examples/secured-redis/src/lib.rs:23:19: Subnet.private-b
    help: see whether AWS_ENDPOINT_URL or a proxy leads to something that is not AWS
    ");
}

const PORTAL: Fault = Fault::Strange("200 OK", "<html><body>Welcome to the hotel. Please log in.</body></html>");

#[test]
fn something_else_than_aws_answers() {
    let proxy = Proxy::start(ministack(), |_| Some(PORTAL));
    let output = plan_with(&[], &format!("http://{}", proxy.address), &[], &[]);
    assert_snapshot!(told(&output, proxy.address), @r"
    error: GetCallerIdentity: http://ENDPOINT answered with HTTP status 200, and with no error or answer of AWS
    help: see whether AWS_ENDPOINT_URL or a proxy leads to something that is not AWS; or work on the emulated account with --emulated
    ");
}

#[test]
fn something_else_than_aws_answers_in_the_middle_of_an_apply() {
    assert_snapshot!(apply_told(first(1, "CreateReplicationGroup", PORTAL)), @r"
    error: cannot create ReplicationGroup.redis: CreateReplicationGroup: ElastiCache at http://ENDPOINT answered with HTTP status 200, and with no error or answer of AWS
      --> examples/secured-redis/src/lib.rs:68:23
    note: ReplicationGroup.redis may exist all the same: the next run looks for it before it creates another
    help: see whether AWS_ENDPOINT_URL or a proxy leads to something that is not AWS

    Done and recorded: 19 added, 0 changed, 0 destroyed.
    help: run `apply` again to go on from here, once the cause is removed
    ");
}

#[test]
fn the_region_is_misspelt() {
    let endpoint = ministack();
    let output = plan_with(&["--region", "us-eest-1"], &format!("http://{endpoint}"), &[], &[]);
    assert_snapshot!(told(&output, endpoint), @r"
    error: `us-eest-1` is not a region of AWS
    help: did you mean `us-east-1`?
    ");
}

#[test]
fn there_is_no_region() {
    let endpoint = ministack();
    let output = plan_with(&[], &format!("http://{endpoint}"), &["AWS_REGION"], &[]);
    assert_snapshot!(told(&output, endpoint), @r"
    error: no AWS region is chosen
    help: name one with --region, with AWS_REGION, or in the profile; or work on the emulated account with --emulated
    ");
}

#[test]
fn the_endpoint_is_no_url() {
    let endpoint = ministack();
    let output = plan_with(&[], "localhost:4566", &[], &[]);
    assert_snapshot!(told(&output, endpoint), @r"
    error: AWS_ENDPOINT_URL is `localhost:4566`, which is no URL of an endpoint
    help: write `http://localhost:4566`
    ");
    let of_a_service = [("AWS_ENDPOINT_URL_EC2", "ec2")];
    let output = plan_with(&[], &format!("http://{endpoint}"), &[], &of_a_service);
    assert_snapshot!(told(&output, endpoint), @r"
    error: AWS_ENDPOINT_URL_EC2 is `ec2`, which is no URL of an endpoint
    help: write `http://ec2`
    ");
}

#[test]
fn the_state_is_of_another_account() {
    let (mine, other) = (Account::unused(), Account::unused());
    let program = Program::new(&mine);
    let endpoint = ministack();
    program.succeed(endpoint, &APPLY);
    let mut command = program.command(&format!("http://{endpoint}"), &["destroy", "--auto-approve"]);
    let output = command.env("AWS_ACCESS_KEY_ID", &other.access_key).output().unwrap();
    let said = told(&output, endpoint).replace(&mine.access_key, "MINE").replace(&other.access_key, "OTHER");
    assert_snapshot!(said, @r"
    error: the state is of the account `aws MINE us-east-1`, and this is `aws OTHER us-east-1`
    help: choose that account, with its credentials, `--region` or `--emulated`; or name another folder for the state of this one with `--state-dir`
    ");
}
