//! The names that a user gives to what AWS keeps.

use palisade_core::{Input, IntoInput};

use super::checked::begins;

checked_text! {
    /// The name of an ElastiCache object (a replication group, a user, a user group, a subnet group, a parameter group),
    /// unique in its account and region.
    ///
    /// 1 to 40 lower-case letters, digits and hyphens, a letter first, no hyphen last and no two in a row. AWS takes
    /// upper-case letters too, and keeps the name in lower case, so that the program and the account would disagree forever.
    ///
    /// ```
    /// use palisade_aws::{name, types::Name};
    /// assert_eq!(name!("secured-redis").as_str(), "secured-redis");
    /// assert_eq!(
    ///     Name::new("Redis").unwrap_err().to_string(),
    ///     "`Redis` is not a name: use lower-case letters, digits and hyphens only, since AWS keeps names in lower case",
    /// );
    /// ```
    Name, "a name", check_name, name
}

checked_text! {
    /// The name by which a client logs in to the cache: 1 to 120 characters without spaces. `default` is the user that a
    /// client gets who gives no name.
    UserName, "a user name", check_user_name, user_name
}

checked_text! {
    /// The name of a security group, unique in its VPC without regard to case: 1 to 255 characters, not beginning with `sg-`,
    /// and not `default`.
    SecurityGroupName, "the name of a security group", check_security_group_name, security_group_name
}

checked_text! {
    /// The name of a secret: 1 to 512 letters, digits and `/_+=.@-`. It must not end in a hyphen and six characters, which
    /// is how Secrets Manager ends the ARN of a secret.
    SecretName, "the name of a secret", check_secret_name, secret_name
}

checked_text! {
    /// The alias of a KMS key, unique in its account and region: `alias/` and 1 to 250 letters, digits and `/_-`, not
    /// beginning with `alias/aws/`, which is AWS's own.
    KmsAlias, "the alias of a key", check_kms_alias, kms_alias
}

checked_text! {
    /// What a security group, or a rule of one, is for: 1 to 255 letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`.
    Description, "a description", check_description, description
}

/// A name is also a user name.
impl IntoInput<UserName> for Name {
    fn into_input(self) -> Input<UserName> {
        UserName(self.0).into_input()
    }
}

const fn check_name(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 40 {
        return Some("a name has 1 to 40 characters");
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' => {}
            b'0'..=b'9' | b'-' if i == 0 => return Some("a name begins with a letter"),
            b'0'..=b'9' => {}
            b'-' if i + 1 == bytes.len() => return Some("a name does not end with a hyphen"),
            b'-' if bytes[i + 1] == b'-' => return Some("a name has no two hyphens in a row"),
            b'-' => {}
            _ => return Some("use lower-case letters, digits and hyphens only, since AWS keeps names in lower case"),
        }
        i += 1;
    }
    None
}

const fn check_user_name(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 120 {
        return Some("a user name has 1 to 120 characters");
    }
    let mut i = 0;
    while i < bytes.len() {
        if !bytes[i].is_ascii_graphic() {
            return Some("a user name has no spaces, and only printable ASCII characters");
        }
        i += 1;
    }
    None
}

const fn check_security_group_name(text: &str) -> Option<&'static str> {
    if begins(text, "sg-") {
        return Some("the name of a security group does not begin with `sg-`, which is how its id begins");
    }
    if text.eq_ignore_ascii_case("default") {
        return Some(
            "each VPC has a security group `default` of AWS's own, which nothing should use: say what the group is for",
        );
    }
    check_description(text)
}

const fn check_secret_name(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 512 {
        return Some("the name of a secret has 1 to 512 characters");
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'_' | b'+' | b'=' | b'.' | b'@' | b'-' => {}
            _ => return Some("use letters, digits and /_+=.@- only"),
        }
        i += 1;
    }
    if bytes.len() > 7 && bytes[bytes.len() - 7] == b'-' {
        let mut alphanumeric = true;
        let mut i = bytes.len() - 6;
        while i < bytes.len() {
            alphanumeric = alphanumeric && bytes[i].is_ascii_alphanumeric();
            i += 1;
        }
        if alphanumeric {
            return Some(
                "the name must not end with a hyphen and six characters, which AWS appends to the secret's ARN: add a suffix",
            );
        }
    }
    None
}

const fn check_kms_alias(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if !begins(text, "alias/") || bytes.len() == 6 {
        return Some("the alias of a key begins with `alias/`, as in alias/redis");
    }
    if begins(text, "alias/aws/") {
        return Some("an alias that begins with `alias/aws/` is AWS's own");
    }
    if bytes.len() > 256 {
        return Some("an alias has up to 250 characters behind `alias/`");
    }
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'_' | b'-' => {}
            _ => return Some("use letters, digits and /_- only"),
        }
        i += 1;
    }
    None
}

/// Whether the text has `password` or `passwd`, in whatever case, right before a colon or an equals sign.
pub(crate) const fn tells_a_password(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 2] = [b"password", b"passwd"];
    let mut word = 0;
    while word < WORDS.len() {
        let mut start = 0;
        while start + WORDS[word].len() < text.len() {
            let mut i = 0;
            while i < WORDS[word].len() && text[start + i].to_ascii_lowercase() == WORDS[word][i] {
                i += 1;
            }
            if i == WORDS[word].len() && matches!(text[start + i], b':' | b'=') {
                return true;
            }
            start += 1;
        }
        word += 1;
    }
    false
}

const fn check_description(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 255 {
        return Some("say what it is for, in 1 to 255 characters");
    }
    if tells_a_password(bytes) {
        return Some("whoever may list resources reads this text, and it tells a password: a password is a `Secret`");
    }
    let (mut i, mut spaces) = (0, 0);
    while i < bytes.len() {
        if bytes[i] == b' ' {
            spaces += 1;
        }
        match bytes[i] {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b' '
            | b'_'
            | b'.'
            | b':'
            | b'/'
            | b'('
            | b')'
            | b'#'
            | b','
            | b'@'
            | b'['
            | b']'
            | b'+'
            | b'='
            | b'&'
            | b';'
            | b'{'
            | b'}'
            | b'!'
            | b'$'
            | b'*'
            | b'-' => {}
            _ => return Some("use letters, digits, spaces and ._-:/()#,@[]+=&;{}!$* only: EC2 refuses the others"),
        }
        i += 1;
    }
    if spaces == bytes.len() {
        return Some("write more than spaces: nobody dares to remove what does not say what it is for");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aws-semantics: `^[A-Za-z](-?[A-Za-z0-9])*$`, 1 to 40, and upper case is refused rather than lowered.
    #[test]
    fn names_follow_the_rule_of_elasticache() {
        for good in ["a", "secured-redis", "a1-b2", &"a".repeat(40)] {
            assert_eq!(check_name(good), None, "{good}");
        }
        for bad in ["", "1a", "-a", "a-", "a--b", "A", "a_b", "a b", &"a".repeat(41)] {
            assert!(check_name(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_secret_name_does_not_look_like_an_arn() {
        assert_eq!(check_secret_name("app/token-v2"), None);
        assert!(check_secret_name("app/token-abc123").is_some());
        assert!(check_secret_name("app token").is_some());
    }

    #[test]
    fn an_alias_is_no_alias_of_aws() {
        for good in ["alias/redis", "alias/a/b_c-1", &format!("alias/{}", "a".repeat(250))] {
            assert_eq!(check_kms_alias(good), None, "{good}");
        }
        for bad in ["redis", "alias/", "alias/aws/elasticache", "alias/a b", &format!("alias/{}", "a".repeat(251))] {
            assert!(check_kms_alias(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_security_group_name_is_no_id() {
        assert!(check_security_group_name("sg-redis").is_some());
        assert_eq!(check_security_group_name("redis sg"), None);
        assert!(check_security_group_name("default").unwrap().contains("AWS's own"));
        assert_eq!(check_security_group_name("default-app"), None);
        assert!(check_description("  ").is_some());
        assert!(check_description("it's").is_some(), "EC2 refuses the apostrophe");
        for told in ["Redis, Password: hunter2", "passwd=x", "the password:"] {
            assert!(check_description(told).is_some(), "{told}");
        }
        assert_eq!(check_description("Users with a password"), None);
    }
}
