//! What a run may do while it loses its lease, or gives it back.

use super::super::*;

const TTL: Duration = Duration::from_secs(60);

fn at(seconds: u64) -> Now {
    let total = Duration::from_secs(seconds);
    Now { awake: total, total }
}

/// A lease that was taken at the time zero.
fn taken_lease() -> LeaseState {
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
    let mut state = taken_lease();
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
        let mut state = taken_lease();
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
    let mut state = taken_lease();
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

#[test]
fn a_renewal_that_has_failed_is_tried_again_in_the_time_that_is_left() {
    let state = taken_lease();
    assert_eq!(state.retry_pause(at(20)), TTL / 12);
    assert_eq!(state.retry_pause(at(49)), Duration::from_secs(1));
}

/// The lease of a run that has not given it back.
fn of_another(run: &str) -> KeptLease {
    let (stack, holder, run) = ("shop".to_owned(), run.to_owned(), run.to_owned());
    let lease = Lease { stack, fencing: 7, holder, run, ttl: 60_000, renewals: 0, is_free: false, serial: 3 };
    KeptLease { lease, etag: "another".to_owned() }
}

#[test]
fn a_lease_that_is_not_renewed_is_over_when_its_time_is() {
    let mut state = LeaseState::new("shop", "this run".to_owned(), TTL, Rules::ALL);
    let mut acquire = Acquire::new("somebody");
    let mut look = |seconds| {
        let kept = LeaseAnswer::Lease(Some(of_another("another run")));
        acquire.next(&mut state, kept, at(seconds)).unwrap()
    };
    assert_eq!(look(0), Step::Ask(LeaseRequest::Tell("another run".to_owned())));
    assert!(matches!(look(59), Step::Ask(LeaseRequest::Pause(_))));
    assert_eq!(attempt(look(60)).lease.fencing, 8);
}

#[test]
fn a_lease_that_somebody_has_removed_is_waited_for() {
    let mut state = LeaseState::new("shop", "this run".to_owned(), TTL, Rules::ALL);
    let mut acquire = Acquire::new("somebody");
    let absent = LeaseAnswer::Lease(None);
    assert_eq!(acquire.next(&mut state, absent, at(0)).unwrap(), Step::Ask(LeaseRequest::ReadFencing));
    let mut look = |answer: LeaseAnswer, seconds| acquire.next(&mut state, answer, at(seconds));
    assert_eq!(look(LeaseAnswer::Fencing(7), 0).unwrap(), Step::Ask(LeaseRequest::Tell(REMOVED.to_owned())));
    assert!(matches!(look(LeaseAnswer::Fencing(7), 59).unwrap(), Step::Ask(LeaseRequest::Pause(_))));
    // Another one that has waited has taken it.
    let taken = look(LeaseAnswer::Lease(Some(of_another("another run"))), 59);
    assert!(matches!(taken, Err(StateError::Locked { .. })), "{taken:?}");
    let sent = attempt(look(LeaseAnswer::Fencing(7), 60).unwrap());
    assert_eq!((sent.lease.fencing, sent.replaces), (8, None));
}

#[test]
fn a_lease_that_was_there_and_is_removed_is_waited_for_from_then_on() {
    let mut state = LeaseState::new("shop", "this run".to_owned(), TTL, Rules::ALL);
    let mut acquire = Acquire::new("somebody");
    acquire.next(&mut state, LeaseAnswer::Lease(Some(of_another("another run"))), at(0)).unwrap();
    let told = acquire.next(&mut state, LeaseAnswer::Fencing(7), at(30)).unwrap();
    assert_eq!(told, Step::Ask(LeaseRequest::Tell(REMOVED.to_owned())));
    let waiting = acquire.next(&mut state, LeaseAnswer::Fencing(7), at(89)).unwrap();
    assert!(matches!(waiting, Step::Ask(LeaseRequest::Pause(_))));
    attempt(acquire.next(&mut state, LeaseAnswer::Fencing(7), at(90)).unwrap());
}

#[test]
fn a_lease_that_was_removed_twice_is_waited_for_twice() {
    let mut state = LeaseState::new("shop", "this run".to_owned(), TTL, Rules::ALL);
    let mut acquire = Acquire::new("somebody");
    acquire.next(&mut state, LeaseAnswer::Fencing(7), at(0)).unwrap();
    // Another run has taken it meanwhile, and has put its fence.
    let told = acquire.next(&mut state, LeaseAnswer::Fencing(8), at(60)).unwrap();
    assert_eq!(told, Step::Ask(LeaseRequest::Tell(REMOVED.to_owned())));
    let waiting = acquire.next(&mut state, LeaseAnswer::Fencing(8), at(119)).unwrap();
    assert!(matches!(waiting, Step::Ask(LeaseRequest::Pause(_))));
    attempt(acquire.next(&mut state, LeaseAnswer::Fencing(8), at(120)).unwrap());
}

#[test]
fn a_renewal_is_never_the_same_as_an_earlier_one() {
    let mut state = taken_lease();
    let first = attempt(Change::Renew.next(&mut state, LeaseAnswer::Nothing, at(20)).unwrap());
    let done = LeaseAnswer::Written(first.clone(), Put::Done("first".to_owned()));
    Change::Renew.next(&mut state, done, at(20)).unwrap();
    // Somebody puts the lease back as it was before.
    let lease = Lease { renewals: 0, ..first.lease.clone() };
    let kept = KeptLease { lease, etag: "put back".to_owned() };
    let second = attempt(Change::Renew.next(&mut state, LeaseAnswer::Lease(Some(kept)), at(40)).unwrap());
    assert_eq!((second.lease.renewals, second.replaces.as_deref()), (2, Some("put back")));
}

#[test]
fn a_lease_that_is_older_than_the_log_is_left_under_a_later_number() {
    let taken = Taken { fencing: 7, needs_fence: false };
    for fencing in [7, 8] {
        assert_eq!(LogEnd::<()>::new(taken, 4, fencing, false, Rules::ALL), None);
    }
    let mut state = taken_lease();
    let raised = attempt(Change::Raise(8).next(&mut state, LeaseAnswer::Nothing, at(1)).unwrap());
    assert_eq!((raised.lease.fencing, raised.lease.is_free), (8, false));
    // This run sends no call under it.
    assert!(matches!(state.check(at(1)), Err(StateError::LeaseLost { .. })));
    let done = LeaseAnswer::Written(raised, Put::Done("raised".to_owned()));
    assert_eq!(Change::Raise(8).next(&mut state, done, at(1)).unwrap(), Step::Done(()));
    assert!(matches!(state.check(at(1)), Err(StateError::LeaseLost { .. })));
}

#[test]
fn a_lease_gets_a_fence_if_one_of_the_attempts_that_may_have_succeeded_needs_it() {
    let mut state = LeaseState::new("shop", "this run".to_owned(), TTL, Rules::ALL);
    let mut acquire = Acquire::new("somebody");
    let mut free = of_another("another run");
    free.lease.is_free = true;
    attempt(acquire.next(&mut state, LeaseAnswer::Lease(Some(free)), at(0)).unwrap());
    // There is no answer. Then the lease is removed, and the log ends with the run before.
    acquire.next(&mut state, LeaseAnswer::Fencing(7), at(1)).unwrap();
    let sent = attempt(acquire.next(&mut state, LeaseAnswer::Fencing(7), at(61)).unwrap());
    assert_eq!(sent.lease.fencing, 8);
    let kept = KeptLease { lease: sent.lease, etag: "own".to_owned() };
    let taken = acquire.next(&mut state, LeaseAnswer::Lease(Some(kept)), at(62)).unwrap();
    assert_eq!(taken, Step::Done(Taken { fencing: 8, needs_fence: true }));
}

#[test]
fn what_became_of_a_renewal_without_an_answer_is_read() {
    let mut state = taken_lease();
    let renewed = attempt(Change::Renew.next(&mut state, LeaseAnswer::Nothing, at(20)).unwrap()).lease;
    assert_eq!(renewed.renewals, 1);
    // It was written. So the next renewal replaces it, and so does giving the lease back, which is still to be done.
    for change in [Change::Renew, Change::Release(None)] {
        let kept = KeptLease { lease: renewed.clone(), etag: "second".to_owned() };
        let sent = attempt(change.next(&mut state, LeaseAnswer::Lease(Some(kept)), at(21)).unwrap());
        assert_eq!(sent.replaces.as_deref(), Some("second"));
        let is_free = change != Change::Renew;
        let renewals = if is_free { 1 } else { 2 };
        assert_eq!(sent.lease, Lease { renewals, is_free, ..renewed.clone() });
    }
}
