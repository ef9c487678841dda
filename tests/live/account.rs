//! The account that ministack emulates, as anyone sees it who asks over HTTP: none of our code is between.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::Value as Json;

/// Where ministack is.
///
/// # Panics
/// If the environment does not say so, or leads to anything that is not on this machine.
pub(crate) fn ministack() -> SocketAddr {
    let url = std::env::var("AWS_ENDPOINT_URL").unwrap_or_default();
    let address = url.strip_prefix("http://").and_then(|address| address.parse::<SocketAddr>().ok());
    match address {
        Some(address) if address.ip().is_loopback() => address,
        _ => panic!("this test needs ministack at AWS_ENDPOINT_URL, on the loopback interface: run `cargo xtask live`"),
    }
}

/// One of the accounts that ministack emulates: each access key that is a number of an account leads to its own.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) access_key: String,
}

impl Account {
    /// The account that the environment of the tests leads to.
    pub(crate) fn of_the_environment() -> Self {
        Self { access_key: "test".to_owned() }
    }

    /// An account that nobody has used.
    pub(crate) fn unused() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(200_000_000_000);
        Self { access_key: NEXT.fetch_add(1, Ordering::Relaxed).to_string() }
    }

    /// Makes an empty bucket.
    pub(crate) fn make_bucket(&self, name: &str) {
        let scope = format!("AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/s3/aws4_request", self.access_key);
        let scope = format!("{scope}, SignedHeaders=host, Signature=0");
        exchange(&format!("PUT /{name}"), &[("Authorization", scope)], "");
    }

    /// What the account holds. A secret or a key whose deletion is scheduled counts as gone.
    pub(crate) fn inventory(&self) -> Inventory {
        let mut inventory: Inventory = LISTINGS.iter().map(|listing| (listing.0, self.listed(listing).len())).collect();
        inventory.insert("Secret", self.secrets().len());
        inventory.insert("KmsKey", self.keys().len());
        inventory.insert("LogGroup", self.log_groups().len());
        inventory
    }

    /// The ids of all objects that are resources, by their kind.
    pub(crate) fn ids(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut ids: BTreeMap<_, _> = LISTINGS.iter().map(|listing| (listing.0, self.listed(listing))).collect();
        // The nodes of a cache are a part of it, and an association goes by its subnet.
        ids.remove("CacheCluster");
        ids.insert("RouteTableAssociation", self.listed(&("", "ec2", EC2, "DescribeRouteTables", "subnetId")));
        ids.insert("Secret", self.secrets());
        ids.insert("KmsKey", self.keys());
        ids.insert("LogGroup", self.log_groups());
        ids
    }

    fn listed(&self, &(_, service, version, action, element): &Listing) -> Vec<String> {
        let body = format!("Action={action}&Version={version}");
        let answer = self.ask(service, "application/x-www-form-urlencoded", &[], &body);
        elements(&answer, element).into_iter().map(str::to_owned).collect()
    }

    /// The ARNs of the secrets.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let answer = self.ask_secrets_manager("ListSecrets", "{}");
        answer["SecretList"]
            .as_array()
            .unwrap()
            .iter()
            .map(|secret| secret["ARN"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The values of the secrets.
    pub(crate) fn secret_values(&self) -> Vec<String> {
        let value = |arn: String| {
            let answer =
                self.ask_secrets_manager("GetSecretValue", &serde_json::json!({ "SecretId": arn }).to_string());
            answer["SecretString"].as_str().unwrap().to_owned()
        };
        self.secrets().into_iter().map(value).collect()
    }

    /// The ARNs of the keys of the account, without those that AWS keeps for it.
    fn keys(&self) -> Vec<String> {
        let all = self.json("kms", "TrentService.ListKeys", "{}");
        let keys = all["Keys"].as_array().unwrap().iter().map(|key| key["KeyArn"].as_str().unwrap().to_owned());
        let is_there = |arn: &String| {
            let key = serde_json::json!({ "KeyId": arn }).to_string();
            let described = self.json("kms", "TrentService.DescribeKey", &key);
            described["KeyMetadata"]["KeyState"] == "Enabled" && described["KeyMetadata"]["KeyManager"] == "CUSTOMER"
        };
        keys.filter(is_there).collect()
    }

    /// The names of the log groups.
    fn log_groups(&self) -> Vec<String> {
        let all = self.json("logs", "Logs_20140328.DescribeLogGroups", "{}");
        let groups = all["logGroups"].as_array().unwrap().iter();
        groups.map(|group| group["logGroupName"].as_str().unwrap().to_owned()).collect()
    }

    /// Makes a call to Secrets Manager, as somebody else would.
    pub(crate) fn ask_secrets_manager(&self, action: &str, body: &str) -> Json {
        self.json("secretsmanager", &format!("secretsmanager.{action}"), body)
    }

    /// Makes a call to a service that takes JSON.
    fn json(&self, service: &str, target: &str, body: &str) -> Json {
        let target = ("X-Amz-Target", target.to_owned());
        serde_json::from_str(&self.ask(service, "application/x-amz-json-1.1", &[target], body)).unwrap()
    }

    /// Makes a call to a service that takes forms, as somebody else would.
    pub(crate) fn form(&self, service: &str, form: &str) -> String {
        let version = if service == "ec2" { EC2 } else { ELASTICACHE };
        self.ask(service, "application/x-www-form-urlencoded", &[], &format!("{form}&Version={version}"))
    }

    /// Asks a service. ministack tells the services apart by what is signed, and does not check the signature.
    fn ask(&self, service: &str, kind: &str, headers: &[(&str, String)], body: &str) -> String {
        let scope =
            format!("AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/{service}/aws4_request", self.access_key);
        let scope = format!("{scope}, SignedHeaders=host, Signature=0");
        let mut all = vec![("Authorization", scope), ("Content-Type", kind.to_owned())];
        all.extend_from_slice(headers);
        exchange("POST /", &all, body)
    }
}

/// How many objects of each kind there are. What a fresh account has is among them.
pub(crate) type Inventory = BTreeMap<&'static str, usize>;

/// A kind of object, and how a service lists all of it: its version, the action, and the element that has the id.
type Listing = (&'static str, &'static str, &'static str, &'static str, &'static str);

const EC2: &str = "2016-11-15";
const ELASTICACHE: &str = "2015-02-02";
const IAM: &str = "2010-05-08";
const LISTINGS: [Listing; 15] = [
    ("Vpc", "ec2", EC2, "DescribeVpcs", "vpcId"),
    ("Subnet", "ec2", EC2, "DescribeSubnets", "subnetId"),
    ("RouteTable", "ec2", EC2, "DescribeRouteTables", "routeTableId"),
    ("RouteTableAssociation", "ec2", EC2, "DescribeRouteTables", "routeTableAssociationId"),
    ("NetworkAcl", "ec2", EC2, "DescribeNetworkAcls", "networkAclId"),
    ("SecurityGroup", "ec2", EC2, "DescribeSecurityGroups", "groupId"),
    ("SecurityGroupRule", "ec2", EC2, "DescribeSecurityGroupRules", "securityGroupRuleId"),
    ("FlowLog", "ec2", EC2, "DescribeFlowLogs", "flowLogId"),
    ("FlowLogRole", "iam", IAM, "ListRoles", "RoleName"),
    ("CacheSubnetGroup", "elasticache", ELASTICACHE, "DescribeCacheSubnetGroups", "CacheSubnetGroupName"),
    ("CacheParameterGroup", "elasticache", ELASTICACHE, "DescribeCacheParameterGroups", "CacheParameterGroupName"),
    ("ReplicationGroup", "elasticache", ELASTICACHE, "DescribeReplicationGroups", "ReplicationGroupId"),
    ("CacheCluster", "elasticache", ELASTICACHE, "DescribeCacheClusters", "CacheClusterId"),
    ("RedisUser", "elasticache", ELASTICACHE, "DescribeUsers", "UserId"),
    ("UserGroup", "elasticache", ELASTICACHE, "DescribeUserGroups", "UserGroupId"),
];

/// The different texts of all elements of a name.
fn elements<'a>(xml: &'a str, name: &str) -> BTreeSet<&'a str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&begin).skip(1).filter_map(|rest| rest.split(&end).next()).collect()
}

fn exchange(request: &str, headers: &[(&str, String)], body: &str) -> String {
    let address = ministack();
    let mut text = format!("{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{request}: {answer}");
    body.to_owned()
}
