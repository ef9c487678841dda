//! [`untracked`]: the objects of a stack that its state does not have.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::try_join_all;
use palisade_core::{
    JsonMap, Resource as _,
    provider::{ErrorKind, Object, ProviderError, Search, Untracked, UntrackedObject},
};
use tokio::time::Instant;

use crate::{
    Aws,
    observe::{STALE, found},
    operations::{DescribeTags, Operation as _},
    provider::{calls_of, lifecycle, schemas},
    resources::{KmsKey, key_of_alias},
    shapes::SelectTags,
    types::Tags,
};

/// An object that the state does not have.
#[derive(Debug)]
struct Seen {
    kind: &'static str,
    id: String,
    resource: String,
    /// The alias by which it was found.
    alias: Option<String>,
}

/// Does what [`Provider::untracked`](palisade_core::provider::Provider::untracked) says.
///
/// EC2 lists the tags of all its objects in one call. It is made before any deletion, and before the creation of such an object. Keys
/// are found by the aliases that are about to be taken. All other objects have names of their own, so a second creation is refused.
pub(crate) async fn untracked(aws: &Aws, search: &Search) -> Result<Untracked, ProviderError> {
    let (start, mut pause) = (Instant::now(), Duration::from_secs(1));
    loop {
        // If the process stands still, the answers are from before that.
        let waited = start.elapsed();
        let seen = existing(aws, seen(aws, search).await?).await?;
        if seen.is_empty() || waited >= STALE {
            return Ok(Untracked { release: release(aws.region(), &seen), objects: objects(seen) });
        }
        aws.pause(pause).await?;
        pause = (pause * 2).min(Duration::from_secs(15));
    }
}

/// What the tags say.
async fn seen(aws: &Aws, search: &Search) -> Result<Vec<Seen>, ProviderError> {
    let mut seen = Vec::new();
    let mut kinds = search.creations.iter().map(|creation| &creation.kind).chain(&search.deleted);
    let is_needed = kinds.any(|kind| is_listed(kind));
    // A state from before the network was made has nothing of it to delete, and the destruction would leave all of it behind.
    if is_needed || !search.deleted.is_empty() {
        match seen_in_ec2(aws, search).await {
            // The policy of a program without a network does not permit it.
            Err(error) if error.kind == ErrorKind::Denied && !is_needed => {}
            listed => seen.extend(listed?),
        }
    }
    for creation in search.creations.iter().filter(|creation| creation.kind == KmsKey::SCHEMA.kind) {
        let Some(alias) = creation.inputs.get("alias").and_then(|alias| alias.as_str()) else { continue };
        if let Some((id, tags)) = key_of_alias(aws, alias, &search.ids).await? {
            seen.extend(missed(search, KmsKey::SCHEMA.kind, id, &tags, Some(alias.to_owned())));
        }
    }
    Ok(seen)
}

async fn seen_in_ec2(aws: &Aws, search: &Search) -> Result<Vec<Seen>, ProviderError> {
    let listed = aws.call(DescribeTags { select: SelectTags::OfStack(search.stack.clone()) }).await?.tags;
    let listed: BTreeSet<_> = listed.into_iter().map(|tag| tag.resource_id).collect();
    // Other objects may have copies of the tags; no creation makes those.
    let unknown: Vec<_> = listed.into_iter().filter(|id| !search.ids.contains(id) && kind_of(id).is_some()).collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let mut tags: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for tag in aws.call(DescribeTags { select: SelectTags::OfObjects(unknown) }).await?.tags {
        tags.entry(tag.resource_id).or_default().insert(tag.key, tag.value);
    }
    let seen = tags.into_iter().filter_map(|(id, tags)| missed(search, kind_of(&id)?, id, &Tags::reported(tags), None));
    Ok(seen.collect())
}

/// The object, if it has the tags of one that the state misses.
fn missed(search: &Search, kind: &'static str, id: String, tags: &Tags, alias: Option<String>) -> Option<Seen> {
    // Anybody who may tag can write anything there, and it is printed.
    let resource = tags.get("palisade:resource").filter(|text| text.chars().all(|c| c.is_ascii_graphic()));
    let resource = resource.unwrap_or(kind).to_owned();
    let is_missed = search.misses(tags.get("palisade:stack")?, tags.get("palisade:token")?);
    is_missed.then_some(Seen { kind, id, resource, alias })
}

/// Those that exist. AWS may go on listing the tags of what was deleted long after descriptions no longer show it.
async fn existing(aws: &Aws, seen: Vec<Seen>) -> Result<Vec<Seen>, ProviderError> {
    let each = seen.into_iter().map(async |seen| {
        let object = Object { id: &seen.id, inputs: &JsonMap::new(), attributes: None };
        let read = match lifecycle(seen.kind)?.read(aws, &[object]).await {
            // A program has the rights for its own kinds. Of another kind, it makes no second object; at most, a deletion fails.
            Err(error) if error.kind == ErrorKind::Denied => None,
            read => found(read)?,
        };
        Ok(read.into_iter().flatten().any(|observation| observation.is_some()).then_some(seen))
    });
    Ok(try_join_all(each).await?.into_iter().flatten().collect())
}

/// Whether EC2 lists the tags of the objects of `kind`.
fn is_listed(kind: &str) -> bool {
    calls_of(kind).is_some_and(|calls| calls.untracked.iter().any(|planned| planned.call() == DescribeTags::CALL))
}

/// The kind of the object, if EC2 lists the tags of its kind.
fn kind_of(id: &str) -> Option<&'static str> {
    schemas().find(|schema| id.starts_with(schema.id_prefix) && is_listed(schema.kind)).map(|schema| schema.kind)
}

fn objects(seen: Vec<Seen>) -> Vec<UntrackedObject> {
    let mut objects: Vec<_> =
        seen.into_iter().map(|seen| UntrackedObject { resource: seen.resource, id: seen.id }).collect();
    objects.sort_by(|one, other| (&one.resource, &one.id).cmp(&(&other.resource, &other.id)));
    objects
}

/// The commands that take their tags from the objects. A key is found by its alias, so it loses that too.
fn release(region: &str, seen: &[Seen]) -> Vec<String> {
    let listed: Vec<_> = seen.iter().filter(|seen| seen.alias.is_none()).map(|seen| seen.id.as_str()).collect();
    let mut commands = Vec::new();
    if !listed.is_empty() {
        commands.push(format!(
            "aws ec2 delete-tags --region {region} --resources {} --tags Key=palisade:stack Key=palisade:resource \
             Key=palisade:token",
            listed.join(" ")
        ));
    }
    for (id, alias) in seen.iter().filter_map(|seen| Some((&seen.id, seen.alias.as_ref()?))) {
        commands.push(format!("aws kms delete-alias --region {region} --alias-name {alias}"));
        commands.push(format!(
            "aws kms untag-resource --region {region} --key-id {id} --tag-keys palisade:stack palisade:resource palisade:token"
        ));
    }
    commands
}
