//! The ids of the objects, by short names, and what they are made from.

use palisade_aws::{
    resources,
    types::{Arn, Name},
};
use palisade_core::{Id, Resource};
use sha2::{Digest, Sha256};

use crate::refusal::{Answer, require};

pub(crate) type VpcId = Id<resources::Vpc>;
pub(crate) type SubnetId = Id<resources::Subnet>;
pub(crate) type RouteTableId = Id<resources::RouteTable>;
pub(crate) type SecurityGroupId = Id<resources::SecurityGroup>;
pub(crate) type RuleId = Id<resources::SecurityGroupRule>;
pub(crate) type NetworkAclId = Id<resources::NetworkAcl>;
pub(crate) type SubnetGroupId = Id<resources::CacheSubnetGroup>;
pub(crate) type ParameterGroupId = Id<resources::CacheParameterGroup>;
pub(crate) type ReplicationGroupId = Id<resources::ReplicationGroup>;
pub(crate) type UserId = Id<resources::RedisUser>;
pub(crate) type UserGroupId = Id<resources::UserGroup>;
pub(crate) type FlowLogId = Id<resources::FlowLog>;
pub(crate) type RoleId = Id<resources::FlowLogRole>;
pub(crate) type KeyId = Id<resources::KmsKey>;
pub(crate) type LogGroupId = Id<resources::LogGroup>;
pub(crate) type SecretId = Id<resources::Secret>;

/// The one account that there is.
pub(crate) const ACCOUNT: &str = "123456789012";

/// Makes ids that look like AWS's, the same ones in every run.
#[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
pub(crate) struct Ids {
    seed: String,
    count: u64,
}

impl Ids {
    pub(crate) fn new(seed: String) -> Self {
        Self { seed, count: 0 }
    }

    /// `length` hexadecimal digits that were not drawn before.
    pub(crate) fn digits(&mut self, length: usize) -> String {
        self.count += 1;
        let digest = Sha256::digest(format!("{}/{}", self.seed, self.count));
        let mut digits = hex(&digest);
        digits.truncate(length);
        digits
    }

    /// An EC2 id: a prefix, a hyphen and 17 digits, of which the first is 0 on AWS.
    pub(crate) fn next<R: Resource>(&mut self, prefix: &str) -> Id<R> {
        let digits = self.digits(16);
        id(format!("{prefix}-0{digits}"))
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What hexadecimal digits stand for.
pub(crate) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok().filter(|_| pair.len() == 2)).collect()
}

/// An id from a text that is known to be one.
pub(crate) fn id<R: Resource>(text: impl Into<String>) -> Id<R> {
    Id::reported(text).expect("the text was made here, with its kind's prefix, or is a name that was checked")
}

/// The ARN of an ElastiCache object.
pub(crate) fn cache_arn(region: &str, kind: &str, name: &str) -> Arn {
    Arn::reported(format!("arn:aws:elasticache:{region}:{ACCOUNT}:{kind}:{name}"))
}

/// The name of an ElastiCache object as AWS keeps it, which is in lower case.
pub(crate) fn identifier(parameter: &str, name: &Name, longest: usize) -> Answer<String> {
    let name = name.as_str().to_ascii_lowercase();
    let bytes = name.as_bytes();
    let well_formed = bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && !name.ends_with('-')
        && !name.contains("--");
    require(well_formed && name.len() <= longest, "InvalidParameterValue", || {
        format!(
            "The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain only \
             ASCII letters, digits, and hyphens; must have at most {longest} characters; and must not end with a hyphen or \
             contain two consecutive hyphens."
        )
    })?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_those_of_aws_and_repeat() {
        let (mut one, mut other) = (Ids::new("a".to_owned()), Ids::new("a".to_owned()));
        let first: VpcId = one.next("vpc");
        assert_eq!(first.as_str().len(), "vpc-0a1b2c3d4e5f67890".len());
        assert_eq!(first, other.next("vpc"));
        assert_ne!(first, one.next("vpc"));
    }

    #[test]
    fn hexadecimal_digits_are_read_back() {
        assert_eq!(unhex(&hex(&[0, 15, 255])), Some(vec![0, 15, 255]));
        assert_eq!((unhex("0"), unhex("zz")), (None, None));
    }
}
