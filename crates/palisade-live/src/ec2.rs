//! EC2.

mod flow_log;
mod network_acl;
mod route_table;
mod security_group;
mod security_group_rule;
mod subnet;
mod tags;
mod vpc;

use aws_sdk_ec2::{Client, types::Filter};
use palisade_aws::{shapes::Select, types::Tags};
use palisade_core::{Id, Resource};

use crate::{answer::pages, failure::Failure, service::Service};

type Ec2 = Service<Client>;

/// How many values EC2 takes in one filter.
const VALUES: usize = 200;
/// How many objects a page has at most; for route tables, that is 100.
const PAGE: i32 = 1000;

/// Asks for what passes the filters of any of the questions.
async fn describe<T, F>(
    questions: Vec<Vec<Filter>>,
    ask: impl Fn(Vec<Filter>, Option<String>) -> F,
) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<(Option<Vec<T>>, Option<String>), Failure>>,
{
    let mut all = Vec::new();
    for filters in questions {
        all.extend(pages(|token| ask(filters.clone(), token)).await?);
    }
    Ok(all)
}

/// The questions for what `select` selects. Ids go by a filter: asked for by name, one that does not exist would make the
/// whole call fail.
fn questions<R: Resource>(filter: &str, select: &Select<R>) -> Vec<Vec<Filter>> {
    match select {
        Select::Ids(ids) => by_ids(filter, ids),
        Select::Token(token) => vec![vec![one_of("tag:palisade:token", [token.as_str()])]],
    }
}

/// The questions for what has one of these ids in the field that `filter` is about.
fn by_ids<R: Resource>(filter: &str, ids: &[Id<R>]) -> Vec<Vec<Filter>> {
    ids.chunks(VALUES).map(|chunk| vec![one_of(filter, chunk.iter().map(Id::as_str))]).collect()
}

/// Whether `select` selects the object. AWS has filtered already; what stands in for AWS may not know each filter, and then
/// answers with everything.
fn is_selected<R: Resource>(select: &Select<R>, id: &Id<R>, tags: &Tags) -> bool {
    match select {
        Select::Ids(ids) => ids.contains(id),
        Select::Token(token) => tags.get("palisade:token") == Some(token),
    }
}

fn one_of<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

#[cfg(test)]
mod tests {
    use palisade_aws::resources::Vpc;

    use super::*;

    #[test]
    fn more_ids_than_a_filter_takes_make_more_questions() {
        let ids: Vec<Id<Vpc>> = (0..450).filter_map(|number| Id::reported(format!("vpc-{number}")).ok()).collect();
        let questions = questions("vpc-id", &Select::Ids(ids));
        let sizes: Vec<_> = questions.iter().map(|filters| filters[0].values().len()).collect();
        assert_eq!(sizes, [200, 200, 50]);
        assert!(self::questions::<Vpc>("vpc-id", &Select::Ids(Vec::new())).is_empty());
    }
}
