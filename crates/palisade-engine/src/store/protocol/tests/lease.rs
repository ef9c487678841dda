//! What a run may do while it loses its lease, or gives it back.

use super::super::*;

const TTL: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Now {
    let total = Duration::from_secs(seconds);
    Now { awake: total, total }
}

/// A lease that was taken at the time zero.
fn taken() -> LeaseState {
    let mut state = LeaseState::new("shop", "this run".to_owned(), TTL, Rules::ALL);
    let mut acquire = Acquire::new("somebody");
    let step = acquire.next(&mut state, LeaseAnswer::Fencing(0), at(0)).unwrap();
    let written = LeaseAnswer::Written(attempt(step), Put::Done("first".to_owned()));
    assert!(matches!(acquire.next(&mut state, written, at(0)), Ok(Step::Done(Taken { fencing: 1, .. }))));
    state.check(at(0)).unwrap();
    state
}

fn attempt<D: std::fmt::Debug>(step: Step<LeaseRequest, D>) -> Attempt {
    match step {
        Step::Ask(LeaseRequest::Write(attempt)) => attempt,
        step => panic!("{step:?}"),
    }
}

#[test]
fn a_lease_that_is_being_given_back_permits_no_call() {
    let mut state = taken();
    let release = Change::Release(None);
    let given_back = attempt(release.next(&mut state, LeaseAnswer::Nothing, at(1)).unwrap());
    assert!(given_back.lease.is_free);
    // The request may have arrived, and another run may have begun.
    assert!(matches!(state.check(at(1)), Err(StateError::LeaseLost { .. })));
    assert!(matches!(state.keep(None, at(1)), Err(StateError::LeaseLost { .. })));
}

#[test]
fn a_renewal_that_succeeds_too_late_revives_no_lease() {
    for lose in [|state: &mut LeaseState| drop(state.keep(None, at(50)).unwrap_err()), LeaseState::stop] {
        let mut state = taken();
        let renew = Change::Renew;
        let sent = attempt(renew.next(&mut state, LeaseAnswer::Nothing, at(49)).unwrap());
        lose(&mut state);
        let done = LeaseAnswer::Written(sent, Put::Done("second".to_owned()));
        renew.next(&mut state, done, at(51)).unwrap();
        assert!(matches!(state.check(at(51)), Err(StateError::LeaseLost { .. })));
        assert!(matches!(state.keep(None, at(51)), Err(StateError::LeaseLost { .. })));
    }
}

#[test]
fn a_lease_that_is_lost_is_not_renewed() {
    let mut state = taken();
    let renew = Change::Renew;
    let sent = attempt(renew.next(&mut state, LeaseAnswer::Nothing, at(49)).unwrap());
    state.keep(None, at(50)).unwrap_err();
    let refused = renew.next(&mut state, LeaseAnswer::Written(sent.clone(), Put::Refused), at(51)).unwrap();
    assert_eq!(refused, Step::Ask(LeaseRequest::Read));
    // An earlier attempt at it has succeeded.
    let kept = KeptLease { lease: sent.lease, etag: "second".to_owned() };
    let read = renew.next(&mut state, LeaseAnswer::Lease(Some(kept)), at(51));
    assert!(matches!(read, Err(StateError::LeaseLost { .. })), "{read:?}");
}
