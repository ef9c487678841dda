//! What a write makes of an entry that it finds in its place.

use super::super::*;

/// The log of the run with the lease 8. Its last entry is at position 4, and was written under the lease 7.
fn end() -> (LogEnd<&'static str>, Write) {
    let taken = Taken { fencing: 8, needs_fence: true };
    let (end, fence) = LogEnd::new(taken, 4, 7, false, Rules::ALL).expect("nobody else has the lease");
    (end, fence.expect("the run before has not given it back"))
}

/// What comes next for `write`, which sends "mine" and finds "other" there, written under the lease `fencing`.
fn finds(write: &mut Write, end: &mut LogEnd<&'static str>, fencing: u64) -> Step<LogRequest<&'static str>, Outcome> {
    if write.next(end, LogAnswer::Nothing) == Step::Ask(LogRequest::Content) {
        let sent = write.next(end, LogAnswer::Content(Some("mine")));
        assert_eq!(sent, Step::Ask(LogRequest::Put(5, "mine")));
    }
    assert_eq!(write.next(end, LogAnswer::Put(Put::Refused)), Step::Ask(LogRequest::Get(5)));
    write.next(end, LogAnswer::Got(Some(("other", fencing))))
}

#[test]
fn only_a_fence_accepts_an_entry_of_another_run_and_only_of_one_before() {
    let (overtaken, added) = (Step::Done(Outcome::Overtaken), Step::Ask(LogRequest::Add("other")));
    for (fencing, expected) in [(7, added), (8, overtaken.clone()), (9, overtaken.clone())] {
        let (mut end, mut fence) = end();
        assert_eq!(finds(&mut fence, &mut end, fencing), expected, "{fencing}");
    }
    let (mut end, _) = end();
    assert_eq!(finds(&mut Write::default(), &mut end, 7), overtaken);
}

#[test]
fn what_is_sent_again_is_there_or_the_run_is_overtaken() {
    let (mut end, mut fence) = end();
    finds(&mut fence, &mut end, 9);
    // An attempt that was dropped has sent "mine".
    let mut again = Write { is_fence: true, is_repeated: false };
    assert_eq!(again.next(&mut end, LogAnswer::Nothing), Step::Ask(LogRequest::Put(5, "mine")));
    assert_eq!(again.next(&mut end, LogAnswer::Put(Put::Refused)), Step::Ask(LogRequest::Get(5)));
    assert_eq!(again.next(&mut end, LogAnswer::Got(Some(("other", 7)))), Step::Done(Outcome::Overtaken));
    assert_eq!(again.next(&mut end, LogAnswer::Got(Some(("mine", 8)))), Step::Ask(LogRequest::Add("mine")));
}
