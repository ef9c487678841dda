//! What an SDK's answer, in which every field is optional, must have.

use palisade_core::{Id, Resource};

use crate::failure::Failure;

/// The value of a field that AWS always sends.
pub(crate) fn present<T>(value: Option<T>, field: &'static str) -> Result<T, Failure> {
    value.ok_or(Failure::Lacks(field))
}

/// The value of a field that AWS always sends, in our own type.
pub(crate) fn known<T>(
    value: Option<impl AsRef<str>>,
    field: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Failure> {
    let value = present(value, field)?;
    let value = value.as_ref();
    read(value).ok_or_else(|| Failure::Unusable { field, value: value.to_owned() })
}

/// The id in a field that AWS always sends.
pub(crate) fn id<R: Resource>(value: Option<impl AsRef<str>>, field: &'static str) -> Result<Id<R>, Failure> {
    known(value, field, |text| Id::reported(text).ok())
}

/// The ids in a list, which AWS leaves out where it is empty.
pub(crate) fn ids<R: Resource, C: FromIterator<Id<R>>>(
    values: Option<Vec<String>>,
    field: &'static str,
) -> Result<C, Failure> {
    values.unwrap_or_default().into_iter().map(|value| id(Some(value), field)).collect()
}

/// What a list holds, each in our own type.
pub(crate) fn each<T, U>(values: Vec<T>, read: impl Fn(T) -> Result<U, Failure>) -> Result<Vec<U>, Failure> {
    values.into_iter().map(read).collect()
}

/// All pages of a list. `ask` asks for the page behind a marker, the first one behind none, and answers with what is on it
/// and the next marker.
pub(crate) async fn pages<T, F>(ask: impl FnMut(Option<String>) -> F) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>,
{
    pages_until(ask, |_| false).await
}

/// The pages of a list, as [`pages`], up to the one with which there `is_enough`.
pub(crate) async fn pages_until<T, F>(
    mut ask: impl FnMut(Option<String>) -> F,
    is_enough: impl Fn(&[T]) -> bool,
) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>,
{
    let (mut all, mut marker) = (Vec::new(), None);
    loop {
        let (page, next) = ask(marker).await?;
        all.extend(page.into_iter().flatten());
        // Some services end with an empty marker, and some without one.
        marker = next.filter(|next| !next.is_empty());
        if marker.is_none() || is_enough(&all) {
            return Ok(all);
        }
    }
}
