//! A name that is taken by what is just being deleted, as by somebody else, or by a run that was interrupted then.

use palisade::prelude::*;
use palisade_aws::operations::{DeleteReplicationGroup, DeleteUser, DeleteUserGroup};
use palisade_core::Address;
use palisade_testing::Rehearsal;

use crate::schema_changes::cases::declare;

#[test]
fn what_is_being_deleted_is_made_again_once_it_is_gone() {
    // The kinds that AWS deletes only by and by.
    for kind in ["RedisUser", "UserGroup", "ReplicationGroup"] {
        let mut rehearsal = Rehearsal::new().without_rules();
        let object = |rehearsal: &Rehearsal| {
            rehearsal.state().resources[&Address::new(kind, "it")].current.clone().expect("it is there")
        };
        rehearsal.apply(|stack| declare(stack, kind, ""));
        let before = object(&rehearsal);
        let id = before.id.unwrap();
        match kind {
            "RedisUser" => _ = rehearsal.by_hand(DeleteUser { user_id: Id::reported(id).unwrap() }).unwrap(),
            "UserGroup" => {
                _ = rehearsal.by_hand(DeleteUserGroup { user_group_id: Id::reported(id).unwrap() }).unwrap();
            }
            _ => {
                let replication_group_id = Id::reported(id).unwrap();
                let call = DeleteReplicationGroup { replication_group_id, final_snapshot_identifier: None };
                _ = rehearsal.by_hand(call).unwrap();
            }
        }
        let report = rehearsal.apply(|stack| declare(stack, kind, ""));
        assert_eq!((report.added, report.changed, report.destroyed), (1, 0, 0), "{kind}");
        assert_ne!(object(&rehearsal).token, before.token, "{kind}");
        assert!(!rehearsal.plan(|stack| declare(stack, kind, "")).has_changes(), "{kind}");
    }
}
