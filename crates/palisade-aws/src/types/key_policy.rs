//! [`KeyPolicy`]: who may use a key.

use std::collections::BTreeSet;

use palisade_core::{Field, Json};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LogGroupName, Place};

/// Who may use a key. The account administers it, and IAM says who of the account does; it is used only through the services
/// that are named here. There is no way to name everyone.
///
/// AWS: [Key policies](https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html),
/// [kms:ViaService](https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service)
///
/// ```
/// use palisade_aws::{log_group_name, types::KeyPolicy};
/// let policy = KeyPolicy::administered().elasticache().secrets_manager().logs(log_group_name!("/redis/slow-log"));
/// assert_eq!(policy.users().count(), 3);
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct KeyPolicy(BTreeSet<String>);

const ELASTICACHE: &str = "elasticache";
const SECRETS_MANAGER: &str = "secretsmanager";
/// What comes before the name of a log group.
const LOGS: &str = "logs:";

/// What the account may do: all that changes the key, and nothing that uses it.
const ADMINISTRATION: [&str; 15] = [
    "kms:CancelKeyDeletion",
    "kms:Create*",
    "kms:Delete*",
    "kms:Describe*",
    "kms:Disable*",
    "kms:Enable*",
    "kms:Get*",
    "kms:List*",
    "kms:Put*",
    "kms:Revoke*",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:Update*",
];

const USE: [&str; 6] =
    ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"];

const USE_BY_LOGS: [&str; 5] =
    ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"];

impl KeyPolicy {
    /// The account administers the key, and nobody uses it yet.
    pub fn administered() -> Self {
        Self::default()
    }

    /// Whoever of the account may use the key by IAM uses it through ElastiCache, which encrypts caches and their snapshots.
    #[must_use]
    pub fn elasticache(self) -> Self {
        self.with(ELASTICACHE.to_owned())
    }

    /// Whoever of the account may use the key by IAM uses it through Secrets Manager, which encrypts the values of secrets.
    #[must_use]
    pub fn secrets_manager(self) -> Self {
        self.with(SECRETS_MANAGER.to_owned())
    }

    /// CloudWatch Logs uses the key for the log group of this name, and for no other.
    #[must_use]
    pub fn logs(self, log_group: LogGroupName) -> Self {
        self.with(format!("{LOGS}{log_group}"))
    }

    fn with(mut self, user: String) -> Self {
        self.0.insert(user);
        self
    }

    /// Who uses the key: `elasticache`, `secretsmanager`, and `logs:` before the name of a log group. In what AWS reports
    /// may also stand a statement that this type cannot say, as JSON.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The document as AWS takes it.
    pub(crate) fn document(&self, place: Place<'_>) -> Json {
        let statements = std::iter::once(administration(place));
        let statements = statements.chain(self.users().filter_map(|user| statement(user, place)));
        json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() })
    }

    /// What the document says, which AWS may have written in another way.
    pub(crate) fn read(document: &str, place: Place<'_>) -> Self {
        let document: Json = serde_json::from_str(document).unwrap_or_default();
        let statements = match &document["Statement"] {
            Json::Array(statements) => statements.clone(),
            Json::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let mut users: BTreeSet<_> = statements.iter().filter_map(|statement| user(statement, place)).collect();
        if !statements.iter().any(|statement| same(statement, &administration(place))) {
            users.insert("(the account does not administer it)".to_owned());
        }
        Self(users)
    }
}

/// The account as the principal of a policy.
fn root(place: Place<'_>) -> String {
    format!("arn:{}:iam::{}:root", place.partition, place.account)
}

fn administration(place: Place<'_>) -> Json {
    json!({
        "Sid": "AdministrationByTheAccount",
        "Effect": "Allow",
        "Principal": { "AWS": root(place) },
        "Action": ADMINISTRATION,
        "Resource": "*",
    })
}

/// The statement that lets `user` use the key; `None` if there is no such user.
fn statement(user: &str, place: Place<'_>) -> Option<Json> {
    let Place { partition, region, account } = place;
    let through = |sid: &str, services: &[&str]| {
        let services: Vec<_> = services.iter().map(|service| format!("{service}.{region}.amazonaws.com")).collect();
        json!({
            "Sid": sid,
            "Effect": "Allow",
            "Principal": { "AWS": root(place) },
            "Action": USE,
            "Resource": "*",
            "Condition": { "StringEquals": { "kms:ViaService": services } },
        })
    };
    match user {
        // AWS asks for both names where a key is for ElastiCache.
        ELASTICACHE => Some(through("UseThroughElastiCache", &["dax", "elasticache"])),
        SECRETS_MANAGER => Some(through("UseThroughSecretsManager", &["secretsmanager"])),
        _ => user.strip_prefix(LOGS).map(|name| {
            json!({
                "Effect": "Allow",
                "Principal": { "Service": format!("logs.{region}.amazonaws.com") },
                "Action": USE_BY_LOGS,
                "Resource": "*",
                "Condition": { "ArnEquals": {
                    "kms:EncryptionContext:aws:logs:arn":
                        format!("arn:{partition}:logs:{region}:{account}:log-group:{name}"),
                } },
            })
        }),
    }
}

/// Whom the statement lets use the key, or the statement itself where no program says it.
fn user(found: &Json, place: Place<'_>) -> Option<String> {
    if same(found, &administration(place)) {
        return None;
    }
    let log_group = found["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"].as_str();
    let log_group = log_group.and_then(|arn| arn.split_once(":log-group:")).map(|(_, name)| format!("{LOGS}{name}"));
    let candidates = [Some(ELASTICACHE.to_owned()), Some(SECRETS_MANAGER.to_owned()), log_group];
    let known = candidates.into_iter().flatten();
    let mut known = known.filter(|user| statement(user, place).is_some_and(|statement| same(found, &statement)));
    Some(known.next().unwrap_or_else(|| found.to_string()))
}

/// Whether two statements say the same: the order of a list does not count, nor whether a single text stands in one.
fn same(one: &Json, other: &Json) -> bool {
    plain(one) == plain(other)
}

fn plain(json: &Json) -> Json {
    match json {
        Json::Array(items) => {
            let mut items: Vec<_> = items.iter().map(plain).collect();
            items.sort_by_key(Json::to_string);
            if items.len() == 1 { items.remove(0) } else { Json::Array(items) }
        }
        Json::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        other => other.clone(),
    }
}

impl Field for KeyPolicy {
    fn problem(json: &Json) -> Option<String> {
        json.as_array()?.iter().filter_map(Json::as_str).find_map(|user| match user {
            ELASTICACHE | SECRETS_MANAGER => None,
            _ => match user.strip_prefix(LOGS) {
                Some(name) => LogGroupName::problem(&name.into()),
                None => Some(format!("`{user}` is no user of a key: a policy names services and log groups")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "us-east-1", account: "111122223333" };

    fn policy() -> KeyPolicy {
        KeyPolicy::administered().elasticache().secrets_manager().logs(LogGroupName::literal("/redis/slow-log"))
    }

    #[test]
    fn a_document_is_read_back_as_what_it_was_made_from() {
        for policy in [KeyPolicy::administered(), policy()] {
            let document = policy.document(PLACE).to_string();
            assert_eq!(KeyPolicy::read(&document, PLACE), policy);
            assert!(!document.contains(r#""AWS":"*""#), "{document}");
        }
        // AWS writes a list of one as its only item.
        let document = policy().document(PLACE).to_string();
        let shorter = document
            .replace(r#"["secretsmanager.us-east-1.amazonaws.com"]"#, r#""secretsmanager.us-east-1.amazonaws.com""#);
        assert_ne!(shorter, document);
        assert_eq!(KeyPolicy::read(&shorter, PLACE), policy());
    }

    #[test]
    fn what_somebody_else_wrote_is_no_policy_of_a_program() {
        let everyone = json!({ "Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*" });
        let mut document = policy().document(PLACE);
        document["Statement"].as_array_mut().unwrap().push(everyone.clone());
        let read = KeyPolicy::read(&document.to_string(), PLACE);
        assert_ne!(read, policy());
        let everyone = everyone.to_string();
        assert!(read.users().any(|user| user == everyone));
        assert!(KeyPolicy::problem(&serde_json::to_value(&read).unwrap()).is_some());
        assert_eq!(KeyPolicy::problem(&serde_json::to_value(policy()).unwrap()), None);
        document["Statement"] = json!([]);
        assert_ne!(KeyPolicy::read(&document.to_string(), PLACE), KeyPolicy::administered(), "nobody administers it");
        assert_ne!(KeyPolicy::read("no JSON", PLACE), KeyPolicy::administered());
    }
}
