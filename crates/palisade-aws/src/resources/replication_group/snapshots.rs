//! Which snapshots are lost, and the names of final ones, of which each can be given once.

use std::collections::{BTreeMap, BTreeSet};

use palisade_core::{
    Id, Json,
    provider::{Obstacle, ProviderError},
};

use super::{ReplicationGroup, lifecycle::has_data};
use crate::{
    Aws,
    calls::Planned,
    operations::{DescribeReplicationGroups, DescribeSnapshots, Operation},
    types::Name,
};

/// What a shorter retention deletes.
pub(super) fn lost(old: &Json, new: &Json) -> Option<String> {
    let (old, new) = (old.as_u64()?, new.as_u64()?);
    (new < old).then(|| {
        format!(
            "automatic snapshots older than {new} days will be deleted (they were kept for {old} days); manual and final snapshots \
             stay"
        )
    })
}

/// What becomes of the name of a final snapshot that a replacement takes, and that the program still says of the successor.
pub(super) fn used_up(taken: &Json, next: &Json) -> Option<String> {
    let name = taken.as_str().filter(|_| taken == next)?;
    Some(format!(
        "the final snapshot of this replacement gets the name `{name}`: write another `final_snapshot_identifier` before this cache \
         is replaced or deleted again"
    ))
}

const FIELD: &[&str] = &["final_snapshot_identifier"];

/// The calls of [`obstacles`] where nothing is in the way.
pub(super) const CALLS: &[Planned] =
    &[DescribeSnapshots::CALL.once().on(FIELD), DescribeReplicationGroups::CALL.up_to(1).on(FIELD)];

/// What keeps AWS from taking the final snapshots of the caches: a snapshot that has the name already, or another one of these caches
/// that gets the same name.
///
/// A cache whose deletion has begun is not in the way of itself: the snapshot is its own.
pub(super) async fn obstacles(
    aws: &Aws,
    caches: &[(ReplicationGroup, Id<ReplicationGroup>)],
) -> Result<Vec<Option<Obstacle>>, ProviderError> {
    let mut wanted: BTreeMap<&Name, Vec<&Id<ReplicationGroup>>> = BTreeMap::new();
    for (cache, id) in caches {
        if let Some(name) = &cache.final_snapshot_identifier {
            wanted.entry(name).or_default().push(id);
        }
    }
    let mut reserved: BTreeSet<_> = wanted.keys().map(ToString::to_string).collect();
    let taken = existing(aws, wanted.keys().map(|&name| name.clone())).await?;
    wanted.retain(|name, ids| ids.len() > 1 || taken.contains(name.as_str()));
    if wanted.is_empty() {
        return Ok(vec![None; caches.len()]);
    }
    let ids = wanted.values().flatten().map(|&id| id.clone()).collect();
    let groups = aws.call(DescribeReplicationGroups { ids }).await?.groups;
    let standing: BTreeSet<_> = groups.into_iter().filter(has_data).map(|group| group.id).collect();
    let mut first: BTreeMap<&Name, &Id<ReplicationGroup>> = BTreeMap::new();
    let mut obstacles = Vec::new();
    for (cache, id) in caches {
        let name = cache.final_snapshot_identifier.as_ref().filter(|name| wanted.contains_key(name));
        let Some(name) = name.filter(|_| standing.contains(id)) else {
            obstacles.push(None);
            continue;
        };
        let other = first.get(name).copied();
        if other.is_none() && !taken.contains(name.as_str()) {
            first.insert(name, id);
            obstacles.push(None);
            continue;
        }
        let free = free(aws, name, &reserved).await?;
        reserved.insert(free.to_string());
        let message = match other {
            Some(other) => {
                format!("its final snapshot would be named `{name}`, as that of {other}, which is deleted too")
            }
            None => format!("its final snapshot would be named `{name}`, and a snapshot of that name exists"),
        };
        obstacles.push(Some(Obstacle {
            message,
            instead: format!(".final_snapshot_identifier(name!(\"{free}\"))"),
            by_hand: format!(
                "aws elasticache delete-replication-group --replication-group-id {id} --final-snapshot-identifier {free}"
            ),
        }));
    }
    Ok(obstacles)
}

/// Those of the names that snapshots of the account have.
async fn existing(aws: &Aws, names: impl Iterator<Item = Name>) -> Result<BTreeSet<String>, ProviderError> {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(aws.call(DescribeSnapshots { names }).await?.names.into_iter().collect())
}

/// A name like `name` that no snapshot has and that is not `reserved`: the one with the next number.
async fn free(aws: &Aws, name: &Name, reserved: &BTreeSet<String>) -> Result<Name, ProviderError> {
    let candidates = numbered(name.as_str());
    let taken = existing(aws, candidates.iter().cloned()).await?;
    let is_free = |name: &&Name| [&taken, reserved].iter().all(|names| !names.contains(name.as_str()));
    let free = candidates.iter().find(is_free);
    // Whoever has numbered that many goes on numbering.
    Ok(free.unwrap_or(&candidates[candidates.len() - 1]).clone())
}

/// The names that follow: `last-2`, `last-3` and so on after `last`, and `last-8` after `last-7`.
fn numbered(name: &str) -> Vec<Name> {
    let (base, number) = match name.rsplit_once('-') {
        Some((base, digits)) => digits.parse().map_or((name, 1), |number: u32| (base, number)),
        None => (name, 1),
    };
    let next = (1..=20).map(|step| {
        let end = format!("-{}", number.saturating_add(step));
        // A name has 40 characters at most.
        let base = base.get(..40 - end.len()).unwrap_or(base).trim_end_matches('-');
        Name::reported(format!("{base}{end}"))
    });
    next.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_used_up_is_followed_by_one_with_the_next_number() {
        let long = "a-name-of-just-as-many-letters-as-it-may-x";
        for (name, first, second) in [
            ("last", "last-2", "last-3"),
            ("last-7", "last-8", "last-9"),
            ("last-seven", "last-seven-2", "last-seven-3"),
            (&long[..40], "a-name-of-just-as-many-letters-as-it-m-2", "a-name-of-just-as-many-letters-as-it-m-3"),
        ] {
            let numbered = numbered(name);
            assert_eq!([numbered[0].as_str(), numbered[1].as_str()], [first, second]);
            assert!(numbered.iter().all(|name| Name::new(name.as_str()).is_ok()), "{numbered:?}");
        }
    }
}
