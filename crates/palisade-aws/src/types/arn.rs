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
    /// The ARN of an SNS topic, as in `arn:aws:sns:us-east-1:111122223333:cache-events`.
    TopicArn, "the ARN of an SNS topic", check_sns, topic_arn
}

const fn check_any(text: &str) -> Option<&'static str> {
    if has_service(text, "") {
        None
    } else {
        Some("an ARN has six parts, as in arn:aws:elasticache:us-east-1:111122223333:user:a")
    }
}

const fn check_kms(text: &str) -> Option<&'static str> {
    if has_service(text, "kms") {
        None
    } else {
        Some(
            "write the ARN of the key, as in arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        )
    }
}

const fn check_sns(text: &str) -> Option<&'static str> {
    if has_service(text, "sns") {
        None
    } else {
        Some("write the ARN of a topic, as in arn:aws:sns:us-east-1:111122223333:cache-events")
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
}
