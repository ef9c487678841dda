//! ARNs.

checked_text! {
    /// The Amazon Resource Name of an object.
    Arn, "an ARN", check_any, arn
}

checked_text! {
    /// The ARN of a KMS key, as in `arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`. An alias
    /// is not accepted: AWS reports the key's ARN, so that an alias would look like a change of the key.
    KmsKeyArn, "the ARN of a KMS key", check_kms, kms_key_arn
}

checked_text! {
    /// The ARN of an SNS topic, as in `arn:aws:sns:us-east-1:111122223333:cache-events`, which is no FIFO topic.
    TopicArn, "the ARN of an SNS topic", check_sns, topic_arn
}

checked_text! {
    /// The ARN of a log group of CloudWatch Logs, as in `arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs`, without
    /// the `:*` that stands behind it in some places.
    LogGroupArn, "the ARN of a log group", check_log_group, log_group_arn
}

checked_text! {
    /// The ARN of an IAM role, as in `arn:aws:iam::111122223333:role/vpc-flow-logs`.
    RoleArn, "the ARN of a role", check_role, role_arn
}

const fn check_any(text: &str) -> Option<&'static str> {
    if has_service(text, "") {
        None
    } else {
        Some("an ARN has six parts, as in arn:aws:elasticache:us-east-1:111122223333:user:a")
    }
}

const fn check_kms(text: &str) -> Option<&'static str> {
    if has_service(text, "kms") && has_resource(text, "key/") {
        None
    } else if has_service(text, "kms") && has_resource(text, "alias/aws/") {
        Some(
            "the keys whose alias begins with `alias/aws/` are AWS's own, and nobody decides who may use them: declare a \
             `KmsKey`, or write the ARN of a key of the account, which has `:key/`",
        )
    } else if has_service(text, "kms") && has_resource(text, "alias/") {
        Some(
            "an alias is read back as the ARN of its key, which would look like a change for ever: write the ARN of the \
             key, which has `:key/`",
        )
    } else {
        Some(
            "write the ARN of the key, as in arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        )
    }
}

const fn check_sns(text: &str) -> Option<&'static str> {
    if has_service(text, "sns") && ends(text, ".fifo") {
        Some("ElastiCache refuses a FIFO topic, whose name ends in `.fifo`: write the ARN of a standard one")
    } else if has_service(text, "sns") {
        None
    } else {
        Some("write the ARN of a topic, as in arn:aws:sns:us-east-1:111122223333:cache-events")
    }
}

const fn check_log_group(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if has_service(text, "logs") && has_resource(text, "log-group:") && bytes[bytes.len() - 1] != b'*' {
        None
    } else {
        Some(
            "write the ARN of a log group without `:*`, as in arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs",
        )
    }
}

const fn check_role(text: &str) -> Option<&'static str> {
    if has_service(text, "iam") && has_resource(text, "role/") {
        None
    } else {
        Some("write the ARN of a role, as in arn:aws:iam::111122223333:role/vpc-flow-logs")
    }
}

const fn ends(text: &str, suffix: &str) -> bool {
    let (text, suffix) = (text.as_bytes(), suffix.as_bytes());
    let mut i = 0;
    while i < suffix.len() {
        if suffix.len() > text.len() || text[text.len() - suffix.len() + i] != suffix[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether the sixth part of `text` begins with `kind`, and has more than that.
const fn has_resource(text: &str, kind: &str) -> bool {
    let (bytes, kind) = (text.as_bytes(), kind.as_bytes());
    let (mut colons, mut i) = (0, 0);
    while i < bytes.len() && colons < 5 {
        if bytes[i] == b':' {
            colons += 1;
        }
        i += 1;
    }
    let mut j = 0;
    while j < kind.len() {
        if i + j >= bytes.len() || bytes[i + j] != kind[j] {
            return false;
        }
        j += 1;
    }
    i + j < bytes.len()
}

/// Where an object is, as its ARN tells. A policy names it, and a program does not know it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Place<'a> {
    pub(crate) partition: &'a str,
    /// Empty for what is in all regions, as a role.
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
}

impl<'a> Place<'a> {
    /// The place that `arn` tells; `None` if it is no ARN.
    pub(crate) fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.split(':');
        let mut part = |nth| parts.nth(nth);
        Some(Self { partition: part(1)?, region: part(1)?, account: part(0)? })
    }
}

/// Whether `text` is an ARN of `service`, or of any where it is empty.
const fn has_service(text: &str, service: &str) -> bool {
    let (bytes, service) = (text.as_bytes(), service.as_bytes());
    let (mut colons, mut i, mut in_service, mut matches) = (0, 0, 0, true);
    while i < bytes.len() {
        if bytes[i] == b':' {
            colons += 1;
        } else if colons == 2 {
            matches = matches && in_service < service.len() && bytes[i] == service[in_service];
            in_service += 1;
        }
        i += 1;
    }
    let begins = bytes.len() > 4 && bytes[0] == b'a' && bytes[1] == b'r' && bytes[2] == b'n' && bytes[3] == b':';
    begins
        && colons >= 5
        && bytes[bytes.len() - 1] != b':'
        && (service.is_empty() || (matches && in_service == service.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_of_its_service() {
        assert_eq!(check_kms("arn:aws:kms:us-east-1:111122223333:key/1"), None);
        assert_eq!(check_any("arn:aws:kms:us-east-1:111122223333:key/1"), None);
        for bad in [
            "alias/a",
            "arn:aws:sns:us-east-1:111122223333:t",
            "arn:aws:kms:us-east-1:111122223333:",
            "arn:aws:km:a:b:c",
        ] {
            assert!(check_kms(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_key_is_no_alias_and_a_topic_no_queue() {
        assert!(check_kms("arn:aws:kms:us-east-1:111122223333:alias/aws/elasticache").unwrap().contains("AWS's own"));
        assert!(check_kms("arn:aws:kms:us-east-1:111122223333:alias/redis").unwrap().contains("read back"));
        assert!(check_kms("arn:aws:kms:us-east-1:111122223333:key/").is_some());
        assert_eq!(check_sns("arn:aws:sns:us-east-1:111122223333:fifo"), None);
        assert!(check_sns("arn:aws:sns:us-east-1:111122223333:events.fifo").unwrap().contains("FIFO"));
    }

    #[test]
    fn an_arn_is_of_its_kind() {
        assert_eq!(check_log_group("arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs"), None);
        for bad in [
            "/vpc/flow-logs",
            "arn:aws:logs:us-east-1:111122223333:log-group:/vpc/flow-logs:*",
            "arn:aws:logs:us-east-1:111122223333:log-group:",
            "arn:aws:logs:us-east-1:111122223333:destination:a",
            "arn:aws:s3:::log-group:a",
        ] {
            assert!(check_log_group(bad).is_some(), "{bad}");
        }
        assert_eq!(check_role("arn:aws:iam::111122223333:role/path/a"), None);
        for bad in ["a", "arn:aws:iam::111122223333:user/a", "arn:aws:iam::111122223333:role/", "arn:aws:sts::1:role/a"]
        {
            assert!(check_role(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn an_arn_says_where_its_object_is() {
        let place = |partition, region, account| Some(Place { partition, region, account });
        assert_eq!(Place::of("arn:aws-cn:logs:cn-north-1:1:log-group:a:b"), place("aws-cn", "cn-north-1", "1"));
        assert_eq!(
            Place::of("arn:aws-cn:kms:cn-north-1:111122223333:key/1"),
            place("aws-cn", "cn-north-1", "111122223333")
        );
        assert_eq!(Place::of("arn:aws:iam::1:role/a"), place("aws", "", "1"));
        assert_eq!(Place::of("a"), None);
        assert_eq!(Place::of("alias/a"), None);
    }
}
