//! ElastiCache.
//!
//! The SDK's inputs and builders print passwords and tokens when they are formatted for debugging. No module here formats
//! one, and a secret is put into a builder last.

mod parameter_group;
mod replication_group;
mod subnet_group;
mod tags;
mod user;
mod user_group;

use std::collections::BTreeSet;

use aws_sdk_elasticache::Client;
use palisade_aws::types::EngineKind;

use crate::{answer::pages_until, failure::Failure, service::Service};

type ElastiCache = Service<Client>;

/// How many objects a page has at most.
const PAGE: i32 = 100;

/// Asks for the objects with these names. `ask` asks for the one with a name, or for a page of all where there is no name.
///
/// ElastiCache takes one name or none: several objects are found among all of the account, which is one call for each
/// hundred of them, until all are found.
async fn describe<T, F>(
    names: Vec<impl ToString>,
    ask: impl Fn(Option<String>, Option<String>) -> F,
    name: impl Fn(&T) -> Option<&String>,
) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>,
{
    let names: BTreeSet<_> = names.iter().map(ToString::to_string).collect();
    let only = match names.len() {
        0 => return Ok(Vec::new()),
        1 => names.first().cloned(),
        _ => None,
    };
    let is_named = |object: &T| name(object).is_some_and(|name| names.contains(name));
    let all_found = |found: &[T]| found.iter().filter(|object| is_named(object)).count() == names.len();
    match pages_until(|marker| ask(only.clone(), marker), all_found).await {
        Err(failure) if only.is_some() && failure.is_not_found() => Ok(Vec::new()),
        Err(failure) => Err(failure),
        Ok(mut found) => {
            found.retain(is_named);
            Ok(found)
        }
    }
}

/// The engine, which the documentation writes in capitals at times.
fn engine(text: &str) -> Option<EngineKind> {
    EngineKind::reported(&text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found() -> Failure {
        Failure::Refused {
            status: 404,
            code: "UserNotFound".to_owned(),
            message: String::new(),
            endpoint: String::new(),
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn one_name_that_does_not_exist_is_no_failure() {
        let ask = async |name: Option<String>, _: Option<String>| {
            assert_eq!(name.as_deref(), Some("a"));
            Err(not_found())
        };
        assert!(describe(texts(&["a"]), ask, |name: &String| Some(name)).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn several_names_are_found_on_all_pages() {
        let ask = async |name: Option<String>, marker: Option<String>| {
            assert_eq!(name, None);
            match marker.as_deref() {
                None => Ok((Some(texts(&["a", "b"])), Some("2".to_owned()))),
                Some("2") => Ok((None, Some("3".to_owned()))),
                _ => Ok((Some(texts(&["c", "d"])), Some(String::new()))),
            }
        };
        let found = describe(texts(&["d", "a", "x"]), ask, |name| Some(name)).await.unwrap();
        assert_eq!(found, ["a", "d"]);
    }

    #[tokio::test]
    async fn no_page_is_asked_for_once_all_names_are_found() {
        let ask = async |_: Option<String>, marker: Option<String>| {
            assert_eq!(marker, None);
            Ok((Some(texts(&["a", "b", "c"])), Some("2".to_owned())))
        };
        let found = describe(texts(&["c", "a"]), ask, |name| Some(name)).await.unwrap();
        assert_eq!(found, ["a", "c"]);
    }
}
