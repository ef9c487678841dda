//! [`Tags`].

use std::collections::BTreeMap;

use palisade_core::{Field, Json, provider::Token};
use serde::{Deserialize, Serialize};

use super::checked::begins;

checked_text! {
    /// The key of a tag: 1 to 128 letters, digits, spaces and `_.:/=+-@`, not beginning with `aws:`, which is AWS's own, nor
    /// with `palisade:`, which is the tool's. `password` and the like are refused, since everybody in the account reads tags.
    TagKey, "the key of a tag", check_key, tag_key
}

checked_text! {
    /// The value of a tag: up to 256 letters, digits, spaces and `_.:/=+-@`.
    TagValue, "the value of a tag", check_value, tag_value
}

/// The tags of an object: at most 47, as AWS takes 50 and the tool needs three.
///
/// ```
/// use palisade_aws::tags;
/// let tags = tags! { "Name" = "main-vpc", "team" = "platform" };
/// assert_eq!(tags.get("team"), Some("platform"));
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Tags(BTreeMap<String, String>);

/// The prefix of the tags by which the tool knows what it made.
const OWN: &str = "palisade:";

impl Tags {
    /// The tags with the keys and values of `pairs`; of two with one key, the last counts.
    pub fn new(pairs: impl IntoIterator<Item = (TagKey, TagValue)>) -> Self {
        Self(pairs.into_iter().map(|(key, value)| (key.as_str().to_owned(), value.as_str().to_owned())).collect())
    }

    /// The tags as AWS reports them.
    pub fn reported(tags: BTreeMap<String, String>) -> Self {
        Self(tags)
    }

    /// The value under `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tags together with those that say whose the object is and which creation made it. They go into the call that
    /// creates, so that there is no moment in which an object exists and is nobody's.
    pub fn owned_by(&self, token: &Token) -> Self {
        let own = [("stack", &token.stack), ("resource", &token.resource), ("token", &token.digest)];
        let own = own.into_iter().map(|(key, value)| (format!("{OWN}{key}"), value.clone()));
        Self(self.0.clone().into_iter().chain(own).collect())
    }

    /// Whether the object was made by the creation of `token`.
    pub fn are_of(&self, token: &Token) -> bool {
        self.get("palisade:token") == Some(&token.digest)
    }

    /// Whether two objects with these tags were made for one stack and by one state.
    pub(crate) fn are_kin_of(&self, other: &Self) -> bool {
        let tag = |key| self.get(key).zip(other.get(key));
        let token = |digest: &str| Token { stack: String::new(), resource: String::new(), digest: digest.to_owned() };
        tag("palisade:stack").is_some_and(|(one, other)| one == other)
            && tag("palisade:token").is_some_and(|(one, other)| token(one).is_kin(other))
    }

    /// The tags that the program declared, without the tool's own and AWS's.
    pub fn declared(&self) -> Self {
        let theirs = |key: &str| !key.starts_with(OWN) && !key.starts_with("aws:");
        Self(self.0.iter().filter(|(key, _)| theirs(key)).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// What must be set, and which keys must go, to lead from the tags `observed` to these. The tool's own tags stay.
    pub fn changes_from(&self, observed: &Self) -> (Self, Vec<String>) {
        let set = self.0.iter().filter(|(key, value)| observed.0.get(*key) != Some(value));
        let removed = observed.declared().0.into_keys().filter(|key| !self.0.contains_key(key));
        (Self(set.map(|(k, v)| (k.clone(), v.clone())).collect()), removed.collect())
    }
}

impl Field for Tags {
    fn problem(json: &Json) -> Option<String> {
        let tags = json.as_object()?;
        if tags.len() > MOST {
            return Some(format!("there are {} tags, and AWS takes {MOST} beside the tool's own", tags.len()));
        }
        tags.iter()
            .find_map(|(key, value)| TagKey::problem(&Json::from(key.as_str())).or_else(|| TagValue::problem(value)))
    }
}

/// How many tags a program can declare: AWS takes 50 for an object, of which the tool needs three.
const MOST: usize = 47;

/// [`Tags`](crate::types::Tags) from literals, checked when the program is compiled.
#[macro_export]
macro_rules! tags {
    (@once) => {};
    (@once $key:literal $($others:literal)*) => {
        const _: () = assert!(
            !$crate::types::is_among($key, &[$($others),*]),
            concat!("the key `", $key, "` stands here twice, and an object has one value for a key: remove one of the two"),
        );
        $crate::tags!(@once $($others)*);
    };
    ($($key:literal = $value:literal),* $(,)?) => {{
        $crate::tags!(@once $($key)*);
        $crate::types::Tags::new([$({
            const KEY: $crate::types::TagKey = $crate::types::TagKey::literal($key);
            const VALUE: $crate::types::TagValue = $crate::types::TagValue::literal($value);
            (KEY, VALUE)
        }),*])
    }};
}

/// Whether `key` is one of `others`.
#[doc(hidden)]
pub const fn is_among(key: &str, others: &[&str]) -> bool {
    let mut i = 0;
    while i < others.len() {
        if key.len() == others[i].len() && begins(key, others[i]) {
            return true;
        }
        i += 1;
    }
    false
}

/// Keys of tags whose values would be secrets.
const SECRETS: [&str; 7] = ["password", "passwd", "secret", "token", "auth_token", "auth-token", "api_key"];

/// Letters beyond ASCII pass, as a `const` function does not tell them from other characters.
const fn has_other_characters(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | 0x80.. => {}
            b'_' | b'.' | b':' | b'/' | b'=' | b'+' | b'-' | b'@' => {}
            _ => return true,
        }
        i += 1;
    }
    false
}

const OTHER_CHARACTERS: &str = "use letters, digits, spaces and _.:/=+-@ only: most services of AWS refuse the others";

const fn check_key(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 128 {
        return Some("the key of a tag has 1 to 128 characters");
    }
    if begins(text, "aws:") {
        return Some("keys that begin with `aws:` are AWS's own");
    }
    if begins(text, "palisade:") {
        return Some("keys that begin with `palisade:` are how the tool knows its objects");
    }
    if has_other_characters(text) {
        return Some(OTHER_CHARACTERS);
    }
    let mut i = 0;
    while i < SECRETS.len() {
        if text.eq_ignore_ascii_case(SECRETS[i]) {
            return Some(
                "everybody in the account reads tags, and they stand in bills and in logs: put what is secret into a \
                 `Secret`, and choose another key if it is none",
            );
        }
        i += 1;
    }
    None
}

const fn check_value(text: &str) -> Option<&'static str> {
    if text.len() > 256 {
        Some("the value of a tag has up to 256 characters")
    } else if has_other_characters(text) {
        Some(OTHER_CHARACTERS)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_hold_no_secret_and_what_aws_takes() {
        for good in ["Name", "cost centre", "team/a:b=c+d-e@f.g_h", "gr\u{f6}\u{df}e", "token-count", "secrets"] {
            assert_eq!((check_key(good), check_value(good)), (None, None), "{good}");
        }
        for secret in ["password", "Password", "AUTH_TOKEN", "auth-token", "Api_Key", "secret"] {
            assert!(check_key(secret).unwrap().contains("everybody"), "{secret}");
            assert_eq!(check_value(secret), None);
        }
        for bad in ["a;b", "a,b", "<a>", "a\nb", "100%"] {
            assert!(check_key(bad).is_some() && check_value(bad).is_some(), "{bad}");
        }
        assert!(is_among("a", &["b", "a"]) && !is_among("a", &["ab", ""]));
    }

    #[test]
    fn changes_leave_the_own_tags_alone() {
        let token = Token { stack: "s".into(), resource: "Vpc.a".into(), digest: "0f".into() };
        let observed = tags! { "a" = "1", "b" = "2" }.owned_by(&token);
        assert!(observed.are_of(&token) && observed.len() == 5);
        assert_eq!(observed.declared(), tags! { "a" = "1", "b" = "2" });
        let (set, removed) = tags! { "b" = "3", "c" = "4" }.changes_from(&observed);
        assert_eq!((set, removed), (tags! { "b" = "3", "c" = "4" }, vec!["a".to_owned()]));
    }
}
