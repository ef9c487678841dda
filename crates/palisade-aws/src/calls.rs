//! [`Calls`]: which calls the phases of a life make. A test holds the lists against what the lifecycles do make.

use palisade_core::{
    Json,
    calls::{CallCount, Count, Work},
    provider::StepKind,
};

use crate::{
    operations::{Call, DescribeTags, Operation as _},
    provider::calls_of,
};

/// The calls of a lifecycle, by its methods.
#[derive(Debug)]
pub struct Calls {
    /// Of [`Lifecycle::read`](crate::Lifecycle::read) and `refresh`.
    pub read: &'static [Planned],
    /// Of [`Lifecycle::find`](crate::Lifecycle::find).
    pub find: &'static [Planned],
    /// Of [`Lifecycle::create`](crate::Lifecycle::create) and `claim`.
    pub create: &'static [Planned],
    /// Of [`Lifecycle::converge`](crate::Lifecycle::converge).
    pub converge: &'static [Planned],
    /// Of [`Lifecycle::delete`](crate::Lifecycle::delete).
    pub delete: &'static [Planned],
    /// Of the look for objects that a creation might make a second time, as a restored state does not have them.
    pub untracked: &'static [Planned],
    /// Of [`Lifecycle::obstacles`](crate::Lifecycle::obstacles); none if nothing can stand in the way of a deletion.
    pub obstacles: &'static [Planned],
}

/// A call, how often it is made, and what for.
#[derive(Clone, Copy, Debug)]
pub struct Planned {
    call: Call,
    times: Times,
    /// The fields of which one must change for the call to be made; none if it is made whatever changes.
    fields: &'static [&'static str],
    /// Whether the call that creates the object sets these fields, so that it is not made after a creation.
    carried: bool,
    /// The field and the value of it that the call is for.
    only: Option<(&'static str, &'static str)>,
}

/// How often a method makes a call.
#[derive(Clone, Copy, Debug)]
enum Times {
    /// Once for all objects that are asked for at a time.
    Together,
    /// So often for each object.
    Each(usize),
    /// Once for each object whose attributes are not on record.
    First,
    /// At most so often.
    UpTo(usize),
    /// As often as a wait asks.
    AsNeeded,
}

impl Call {
    const fn planned(self, times: Times) -> Planned {
        Planned { call: self, times, fields: &[], carried: false, only: None }
    }

    /// Made once.
    pub const fn once(self) -> Planned {
        self.each(1)
    }

    /// Made once for all objects that are asked for at a time.
    pub const fn together(self) -> Planned {
        self.planned(Times::Together)
    }

    /// Made so often for each object.
    pub const fn each(self, times: usize) -> Planned {
        self.planned(Times::Each(times))
    }

    /// Made once for each object whose attributes are not on record.
    pub const fn first(self) -> Planned {
        self.planned(Times::First)
    }

    /// Made at most so often.
    pub const fn up_to(self, times: usize) -> Planned {
        self.planned(Times::UpTo(times))
    }

    /// Made as often as a wait asks.
    pub const fn as_needed(self) -> Planned {
        self.planned(Times::AsNeeded)
    }
}

impl Planned {
    /// Made only for a change of one of these fields, or after a creation that sets one.
    pub const fn on(self, fields: &'static [&'static str]) -> Self {
        Self { fields, ..self }
    }

    /// Made only for a change of one of these fields: the call that creates the object sets them.
    pub const fn carried(self, fields: &'static [&'static str]) -> Self {
        Self { fields, carried: true, ..self }
    }

    /// Made only for an object in which `field` is `value`.
    pub const fn only(self, field: &'static str, value: &'static str) -> Self {
        Self { only: Some((field, value)), ..self }
    }

    /// The call.
    pub const fn call(&self) -> Call {
        self.call
    }

    fn counted(&self, count: Count) -> CallCount {
        let Call { service, action, writes } = self.call;
        CallCount { service, action, writes, count }
    }

    /// How often it is made to read `objects` objects whose attributes are on record.
    fn in_refresh(&self, objects: usize) -> Option<CallCount> {
        let count = match self.times {
            Times::First => return None,
            Times::Together => Count::Exactly(usize::from(objects > 0)),
            Times::Each(times) => Count::Exactly(times * objects),
            Times::UpTo(times) => Count::UpTo(times * objects),
            Times::AsNeeded => Count::AsNeeded,
        };
        Some(self.counted(count))
    }

    /// How often it is made in a step.
    fn in_step(&self, is_creation: bool, fields: &[(&str, &Json)]) -> Option<CallCount> {
        let changed = fields.iter().filter(|(field, _)| self.fields.contains(field)).count();
        let concerns_none = !self.fields.is_empty() && !fields.is_empty() && changed == 0;
        if concerns_none || is_creation && self.carried {
            return None;
        }
        let mut count = match self.times {
            // Steps that run side by side may share it.
            Times::Together => Count::UpTo(1),
            Times::Each(times) => Count::Exactly(times),
            Times::First => Count::Exactly(1),
            Times::UpTo(times) if changed > 0 => Count::UpTo(times.min(changed)),
            Times::UpTo(times) => Count::UpTo(times),
            Times::AsNeeded => Count::AsNeeded,
        };
        if let Some((field, value)) = self.only {
            match (fields.iter().find(|(name, _)| *name == field), count) {
                (Some((_, found)), _) if *found != value => return None,
                (None, Count::Exactly(times)) => count = Count::UpTo(times),
                _ => {}
            }
        }
        Some(self.counted(count))
    }
}

impl Calls {
    /// All of them, whatever the phase.
    pub fn all(&self) -> impl Iterator<Item = Call> {
        let Self { read, find, create, converge, delete, untracked, obstacles } = self;
        let phases = [read, find, create, converge, delete, untracked, obstacles];
        phases.into_iter().flat_map(|phase| phase.iter().map(Planned::call))
    }
}

/// The calls that `work` takes, one entry for each place in a lifecycle that makes one. Where an answer has several pages, each
/// of them is a call more.
pub fn calls_for(work: Work<'_>) -> Vec<CallCount> {
    match work {
        Work::Connect => Vec::new(),
        Work::Read { kind, objects } => {
            calls_of(kind).iter().flat_map(|calls| calls.read).filter_map(|call| call.in_refresh(objects)).collect()
        }
        Work::Find { kind } => {
            calls_of(kind).iter().flat_map(|calls| calls.find).filter_map(|call| call.in_step(false, &[])).collect()
        }
        Work::Search { created, deleted } => search(created, deleted),
        Work::Obstacles { kind, fields } => {
            calls_of(kind).iter().flat_map(|it| it.obstacles).filter_map(|call| call.in_step(false, fields)).collect()
        }
        Work::Step { kind, step, fields } => {
            let Some(calls) = calls_of(kind) else { return Vec::new() };
            let phases = match step {
                StepKind::Create => [calls.create, calls.converge, calls.read],
                StepKind::Update => [&[], calls.converge, calls.read],
                StepKind::Delete => [&[], &[], calls.delete],
            };
            let is_creation = step == StepKind::Create;
            phases.into_iter().flatten().filter_map(|call| call.in_step(is_creation, fields)).collect()
        }
    }
}

/// The calls of the look for objects that a restored state does not have: for each creation its own, and those that find the objects
/// of several kinds once. Those come before any deletion, too.
fn search(created: &[&str], deleted: &[&str]) -> Vec<CallCount> {
    const SHARED: Planned = DescribeTags::CALL.together();
    let each = created.iter().filter_map(|kind| calls_of(kind)).flat_map(|calls| calls.untracked);
    let is_shared = |planned: &&Planned| planned.call == SHARED.call;
    let shared = (!deleted.is_empty() || each.clone().any(|planned| is_shared(&planned))).then_some(&SHARED);
    let calls = shared.into_iter().chain(each.filter(|planned| !is_shared(planned)));
    calls.filter_map(|planned| planned.in_refresh(1)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ec2_is_searched_once_for_all_kinds_and_kms_for_each_key() {
        let calls = |created: &[&str], deleted: &[&str]| -> Vec<_> {
            let calls = calls_for(Work::Search { created, deleted });
            calls.into_iter().map(|call| (call.action, call.count)).collect()
        };
        let ec2 = ("DescribeTags", Count::Exactly(1));
        let (key, tags) = (("DescribeKey", Count::Exactly(1)), ("ListResourceTags", Count::UpTo(1)));
        let kinds = ["Vpc", "Subnet", "KmsKey", "RedisUser", "Vpc", "KmsKey"];
        assert_eq!(calls(&kinds, &[]), [ec2, key, tags, key, tags]);
        assert_eq!(calls(&kinds, &kinds), [ec2, key, tags, key, tags]);
        assert_eq!(calls(&[], &kinds), [ec2]);
        let others = ["RedisUser", "Secret", "RouteTableAssociation"];
        assert_eq!(calls(&others, &[]), []);
        assert_eq!(calls(&others, &others), [ec2]);
    }

    #[test]
    fn snapshots_are_asked_for_once_where_a_deletion_takes_one() {
        let calls = |fields: &[(&str, &Json)]| -> Vec<_> {
            let calls = calls_for(Work::Obstacles { kind: "ReplicationGroup", fields });
            calls.into_iter().map(|call| (call.action, call.count)).collect()
        };
        let (name, port) = (("final_snapshot_identifier", &json!("last")), ("port", &json!(6379)));
        let asked = [("DescribeSnapshots", Count::Exactly(1)), ("DescribeReplicationGroups", Count::UpTo(1))];
        assert_eq!(calls(&[port, name]), asked);
        assert_eq!(calls(&[port, name, port, name]), asked);
        assert_eq!(calls(&[port]), []);
        assert_eq!(calls_for(Work::Obstacles { kind: "Vpc", fields: &[port] }).len(), 0);
    }
}
