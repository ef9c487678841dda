//! Tests of the state in a folder.

use palisade_core::{Json, JsonMap};

use super::*;
use crate::{Change, store::SHORT};

mod others;

fn store() -> (tempfile::TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path().join("state"), "shop");
    (folder, store)
}

fn state(serial: u64) -> State {
    State { serial, ..State::new("shop", "00112233445566778899aabbccddeeff") }
}

/// A change that can be told from all others.
fn record(serial: u64) -> Record {
    let outputs = JsonMap::from_iter([("serial".to_owned(), Json::from(serial))]);
    Record { serial, change: Change::Outputs { outputs } }
}

/// The state after the change `serial`.
fn changed(serial: u64) -> State {
    let mut state = state(serial - 1);
    state.apply(&record(serial).change);
    state
}

fn writer(store: &LocalStore) -> LocalWriter<'_> {
    store.lock_now("a test").unwrap()
}

/// What a run does that has nothing in memory.
fn replace(store: &LocalStore, state: &State) -> Result<(), StateError> {
    store.lock_now("a test")?.replace_now(state)
}

fn append(store: &LocalStore, records: &[Record]) -> Result<(), StateError> {
    store.lock_now("a test")?.append_now(records)
}

/// A store with a snapshot of serial 1 and three entries, the second of which has two changes.
fn journaled() -> (tempfile::TempDir, LocalStore) {
    let (folder, store) = store();
    replace(&store, &state(1)).unwrap();
    let writer = writer(&store);
    for records in [&[record(2)][..], &[record(3), record(4)], &[record(5)]] {
        writer.append_now(records).unwrap();
    }
    drop(writer);
    (folder, store)
}

fn write(store: &LocalStore, text: &str) {
    fs::create_dir_all(&store.folder).unwrap();
    fs::write(store.path(), text).unwrap();
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

fn names(store: &LocalStore) -> Vec<String> {
    let entries = fs::read_dir(&store.folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Makes each write of `path` fail, as on a full disk.
fn obstruct(path: &Path) -> PathBuf {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".tmp");
    fs::create_dir(&fresh).unwrap();
    fresh.into()
}

#[test]
fn what_is_kept_is_loaded_and_there_is_a_copy_of_it() {
    let (_folder, store) = store();
    assert_eq!(store.load_now().unwrap(), None);
    for serial in 1..=3 {
        replace(&store, &state(serial)).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(state(serial)));
        assert_eq!(text(store.path()), text(&store.backup()));
    }
    assert_eq!(names(&store), ["shop.lock", "shop.state.json", "shop.state.json.backup"]);
}

#[test]
fn a_state_that_is_older_than_its_copy_was_restored() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    let earlier = text(store.path());
    replace(&store, &changed(4)).unwrap();
    append(&store, &[record(5)]).unwrap();
    fs::remove_file(store.journal_path()).unwrap();
    write(&store, &earlier);
    let refused_as = |whole: bool, result: Result<(), StateError>| {
        let Err(StateError::Restored { path, copy, found, expected, is_whole }) = result else { panic!("{result:?}") };
        assert_eq!((&*path, copy, found, expected, is_whole), (store.path(), store.backup(), 1, 4, whole));
    };
    let refused = |result| refused_as(true, result);
    refused(store.load_now().map(drop));
    refused(append(&store, &[record(2)]));
    refused(replace(&store, &changed(5)));
    // It was copied during a run, whose journal is gone; or a run that was interrupted has left its journal beside the newer one.
    write(&store, &format::journaled_snapshot(&state(1), &sha256(&earlier)));
    refused_as(false, store.load_now().map(drop));
    fs::copy(store.backup(), store.path()).unwrap();
    append(&store, &[record(5)]).unwrap();
    write(&store, &earlier);
    refused_as(false, store.load_now().map(drop));
    fs::copy(store.backup(), store.path()).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(5)));
    fs::remove_file(store.journal_path()).unwrap();
    write(&store, &earlier);
    // Another stack of the name, and a copy that is damaged, say nothing.
    let copy = text(&store.backup());
    fs::write(store.backup(), &copy[1..]).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(state(1)));
    fs::write(store.backup(), format::snapshot(&State { lineage: "other".to_owned(), ..changed(4) })).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(state(1)));
    fs::write(store.backup(), &copy).unwrap();
    fs::copy(store.backup(), store.path()).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(4)));
}

#[test]
fn a_state_whose_journal_leads_to_its_copy_is_whole() {
    // As a backup has it that was taken file by file while a run came to its end.
    let (_folder, store) = journaled();
    for (copy, is_whole) in [(5, true), (6, false)] {
        fs::write(store.backup(), format::snapshot(&changed(copy))).unwrap();
        let found = store.load_now();
        assert_eq!(found.as_ref().ok(), is_whole.then(|| Some(changed(5))).as_ref(), "{found:?}");
        // The error names the last change of the journal.
        assert!(is_whole || matches!(found, Err(StateError::Restored { found: 5, expected: 6, is_whole: true, .. })));
    }
    // The next journal continues the copy, too.
    fs::write(store.backup(), format::snapshot(&changed(5))).unwrap();
    append(&store, &[record(6)]).unwrap();
    fs::copy(store.backup(), store.path()).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(6)));
}

#[test]
fn a_journal_that_cannot_be_read_is_mended_before_an_earlier_snapshot_is() {
    let (_folder, store) = journaled();
    fs::write(store.backup(), format::snapshot(&changed(9))).unwrap();
    assert!(matches!(store.load_now(), Err(StateError::Restored { .. })));
    fs::write(store.journal_path(), "{\n").unwrap();
    let Err(StateError::Corrupt { path, .. }) = store.load_now() else { panic!("the copy would not help") };
    assert_eq!(path, store.journal_path());
    // The cure of the error.
    fs::remove_file(path).unwrap();
    fs::copy(store.backup(), store.path()).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(9)));
}

#[test]
fn changes_are_added_until_the_state_is_replaced() {
    let (_folder, store) = journaled();
    assert_eq!(store.load_now().unwrap(), Some(changed(5)));
    assert_eq!(names(&store), ["shop.lock", "shop.state.journal", "shop.state.json", "shop.state.json.backup"]);
    append(&store, &[record(6)]).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(6)));
    replace(&store, &changed(7)).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(7)));
    assert_eq!(names(&store), ["shop.lock", "shop.state.json", "shop.state.json.backup"]);
    append(&store, &[record(8)]).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(8)));
}

#[test]
fn the_snapshot_is_marked_once_and_only_beside_a_journal() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    let writer = writer(&store);
    let snapshot = || FileId::of(&fs::metadata(store.path()).unwrap());
    let before = snapshot();
    // Nothing of this is new.
    writer.append_now(&[record(1)]).unwrap();
    assert!(snapshot() == before && store.load_now().unwrap() == Some(state(1)));
    writer.append_now(&[record(2)]).unwrap();
    let marked = snapshot();
    assert!(marked != before);
    writer.append_now(&[record(3)]).unwrap();
    assert!(snapshot() == marked);
}

#[test]
fn the_documents_begin_with_their_format() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    insta::assert_snapshot!(text(store.path()), @r#"{"format":3,"checksum":"7f2f1db2febfafc2ac35160f6ad7bb2c56cdc8374dc46e983ed5551f231e7389","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{},"durations":{}}}"#);
    append(&store, &[record(2)]).unwrap();
    insta::assert_snapshot!(text(store.path()), @r#"{"format":3,"checksum":"d13fb807ac8f0bac8bda3de4c7158e160970d67d067a4ec9c992d315c528baa1","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{},"durations":{},"journaled":true,"unmarked":"4443b3271cf82be32e6873073435a8b2f4dc5cf13f81030e385c425f55f068c3"}}"#);
    insta::assert_snapshot!(text(&store.journal_path()), @r#"
    {"format":3,"checksum":"7ea8187c89f8c9827270841c4909ab4db4cdb6e01909e01ce3ac93e928b8345d","journal":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","continues":1,"snapshot":"4443b3271cf82be32e6873073435a8b2f4dc5cf13f81030e385c425f55f068c3"}}
    {"checksum":"a799f850d4d146c56d22d9fe0f54e0381d0341e128ffbb8d54602d780772bee5","records":[{"serial":2,"change":{"Outputs":{"outputs":{"serial":2}}}}]}
    "#);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, store) = journaled();
    let _lock = store.lock_now("apply").unwrap();
    for name in names(&store) {
        let path = store.folder.join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn an_empty_file_is_not_a_new_stack() {
    let (_folder, store) = store();
    write(&store, "");
    assert!(matches!(store.load_now(), Err(StateError::Empty { .. })));
    let (_folder, store) = journaled();
    fs::write(store.journal_path(), "").unwrap();
    let Err(StateError::Empty { path }) = store.load_now() else { panic!("the journal is taken for none") };
    assert_eq!(path, store.journal_path());
}

#[test]
fn a_file_that_is_gone_is_not_a_new_stack() {
    let (_folder, store) = journaled();
    fs::remove_file(store.path()).unwrap();
    let Err(StateError::Missing { path, beside }) = store.load_now() else { panic!("it is taken for a new stack") };
    fs::copy(&beside, path).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(5)), "the copy has the same journal");
    for path in [store.path(), &beside] {
        fs::remove_file(path).unwrap();
    }
    let Err(StateError::Missing { beside, .. }) = store.load_now() else { panic!("it is taken for a new stack") };
    assert_eq!(beside, store.journal_path());
}

#[test]
fn a_torn_snapshot_is_refused_at_every_length() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    let whole = text(store.path());
    for length in 1..whole.trim_end().len() {
        write(&store, &whole[..length]);
        let Err(StateError::Corrupt { detail, .. }) = store.load_now() else { panic!("{length} bytes are accepted") };
        assert!(detail.contains("line ") && detail.contains("column "), "{detail}");
    }
}

/// What a load finds in these bytes, without the disk, which takes longer.
fn load(snapshot: &[u8], journal: &[u8]) -> Result<State, StateError> {
    let mut snapshot = format::read_snapshot(snapshot, "shop", "snapshot".as_ref())?;
    format::read_journal(journal, "shop", "journal".as_ref())?.replay(&mut snapshot, "journal".as_ref())?;
    Ok(snapshot.state)
}

#[test]
fn a_torn_journal_ends_with_its_last_whole_entry() {
    let (_folder, store) = journaled();
    let (snapshot, copy, whole) = (text(store.path()), text(&store.backup()), text(&store.journal_path()));
    let ends: Vec<usize> = whole.match_indices('\n').map(|(at, _)| at + 1).collect();
    for length in 0..=whole.len() {
        let torn = &whole[..length];
        // An entry may lack its line end.
        let expected =
            match ends.iter().skip(1).filter(|end| **end <= length + 1).count() + usize::from(length >= ends[0]) {
                // The first line comes into place with the first entry, so it is never torn.
                0 => {
                    let error = load(snapshot.as_bytes(), torn.as_bytes()).unwrap_err();
                    assert!(matches!(error, StateError::Empty { .. } | StateError::Corrupt { .. }));
                    continue;
                }
                1 => {
                    assert_eq!(load(snapshot.as_bytes(), torn.as_bytes()).unwrap(), state(1));
                    // It had its first entry before the snapshot said that there is a journal.
                    fs::write(store.journal_path(), torn).unwrap();
                    let Err(StateError::Corrupt { detail, .. }) = store.load_now() else { panic!("{length} bytes") };
                    assert_eq!(detail, "it has no whole change");
                    continue;
                }
                2 => changed(2),
                3 => changed(4),
                _ => changed(5),
            };
        assert_eq!(load(snapshot.as_bytes(), torn.as_bytes()).unwrap(), expected, "{length} bytes");
        // The next writer goes on from there.
        if ends.iter().any(|end| length.abs_diff(*end) < 2) || length % 100 == 0 {
            write(&store, &snapshot);
            fs::write(store.backup(), &copy).unwrap();
            fs::write(store.journal_path(), torn).unwrap();
            let next = expected.serial + 1;
            append(&store, &[record(next)]).unwrap();
            assert_eq!(store.load_now().unwrap(), Some(changed(next)), "{length} bytes");
        }
    }
}

#[test]
fn a_write_that_has_not_come_to_its_end_may_have_left_anything() {
    let (_folder, store) = journaled();
    let whole = text(&store.journal_path());
    let last = whole.trim_end().rfind('\n').unwrap() + 1;
    for rest in ["\n".to_owned(), "\0".repeat(5000), "{}\n{}\n".to_owned(), whole[last + 1..].to_owned()] {
        fs::write(store.journal_path(), whole[..last].to_owned() + &rest).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(4)), "{rest}");
    }
}

/// The bytes with each bit in turn the other way round, and the byte in which it is.
fn flips(whole: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let flips = (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, 1_u8 << bit)));
    flips.map(|(at, flip)| {
        let mut damaged = whole.to_owned();
        damaged[at] ^= flip;
        (at, damaged)
    })
}

#[test]
fn a_damaged_byte_is_found_or_costs_the_last_write_and_never_makes_another_state() {
    let (_folder, store) = journaled();
    let (snapshot, journal) = (fs::read(store.path()).unwrap(), fs::read(store.journal_path()).unwrap());
    let last = journal.trim_ascii_end().iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    // What one bit makes of the number of the format may be an earlier one, and the content is still what was written.
    let format = r#"{"format":"#.len();
    for (at, damaged) in flips(&snapshot) {
        match load(&damaged, &journal) {
            Err(_) => {}
            Ok(state) => assert!(at == format && state == changed(5), "byte {at} of the snapshot"),
        }
    }
    for (at, damaged) in flips(&journal) {
        match load(&snapshot, &damaged) {
            Err(_) => {}
            Ok(state) if at == format => assert_eq!(state, changed(5)),
            Ok(state) => assert!(at >= last && state == changed(4), "byte {at} of the journal: {state:?}"),
        }
    }
}

#[test]
fn damage_before_whole_entries_says_where_it_is() {
    let (_folder, store) = journaled();
    let whole = text(&store.journal_path());
    let mut lines: Vec<&str> = whole.lines().collect();
    lines.remove(2);
    fs::write(store.journal_path(), lines.join("\n") + "\n").unwrap();
    let Err(StateError::Corrupt { path, detail }) = store.load_now() else { panic!("a line may be missing") };
    assert_eq!((path, detail.as_str()), (store.journal_path(), "change 2 is followed by change 5"));
    let edited = whole.replace(r#""serial":3"#, r#""serial":9"#);
    for edited in [edited.trim_end(), &edited] {
        fs::write(store.journal_path(), edited).unwrap();
        let Err(StateError::Corrupt { detail, .. }) = store.load_now() else { panic!("the edit is accepted") };
        assert_eq!(detail, "line 3 is not what was written, and whole entries follow it");
    }
}

#[test]
fn a_snapshot_whose_journal_was_not_removed_yet_has_all() {
    for serial in [5, 6] {
        let (_folder, store) = journaled();
        let journal = fs::read(store.journal_path()).unwrap();
        replace(&store, &changed(serial)).unwrap();
        fs::write(store.journal_path(), journal).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(serial)));
        append(&store, &[record(serial + 1)]).unwrap();
        assert_eq!(store.load_now().unwrap(), Some(changed(serial + 1)));
    }
}

#[test]
fn a_journal_of_another_snapshot_is_refused() {
    let (_folder, store) = journaled();
    fs::remove_file(store.backup()).unwrap();
    write(&store, &format::snapshot(&state(0)));
    let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
    assert_eq!(detail, "it continues change 1, and the state file ends with change 0");
    assert!(matches!(append(&store, &[record(1)]), Err(StateError::OtherJournal { .. })));
    write(&store, &format::snapshot(&State { lineage: "other".to_owned(), ..state(1) }));
    let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
    assert_eq!(detail, "it is of another stack of the same name");
    // It is of a copy of the folder, and another run has changed the state since.
    write(&store, &format::snapshot(&changed(3)));
    let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
    assert_eq!(detail, "it continues change 1, and the state file has a part of it, up to change 3");
    assert!(matches!(append(&store, &[record(4)]), Err(StateError::OtherJournal { .. })));
    // Both have had as many changes.
    let other = State { account: Some("other".to_owned()), ..state(1) };
    let plain = format::snapshot(&other);
    for text in [&plain, &format::journaled_snapshot(&other, &sha256(&plain))] {
        write(&store, text);
        let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is accepted") };
        assert_eq!(detail, "it continues another state, which also ended with change 1");
    }
}

#[test]
fn a_journal_goes_on_from_the_copy_of_the_snapshot_too() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    let earlier = text(&store.backup());
    replace(&store, &changed(2)).unwrap();
    // An interruption has left the copy as it was.
    fs::write(store.backup(), earlier).unwrap();
    append(&store, &[record(3)]).unwrap();
    fs::copy(store.backup(), store.path()).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(3)));
}

#[test]
fn changes_that_do_not_go_on_from_the_state_are_refused() {
    let (_folder, store) = store();
    let missed = |records: &[Record]| match append(&store, records) {
        Err(StateError::TakenBack { found, expected, .. }) => (found, expected),
        other => panic!("{other:?}"),
    };
    assert_eq!(missed(&[record(3)]), (0, 2));
    assert!(matches!(append(&store, &[record(1)]), Err(StateError::Empty { .. })));
    replace(&store, &state(1)).unwrap();
    assert_eq!(missed(&[record(3)]), (1, 2));
    append(&store, &[record(2), record(3)]).unwrap();
    // A repetition changes nothing, and its new part is added.
    append(&store, &[record(2), record(3)]).unwrap();
    append(&store, &[record(3), record(4)]).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(4)));
}

#[test]
fn a_long_journal_becomes_a_part_of_the_snapshot() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    let long = |serial: u64| {
        let outputs = JsonMap::from_iter([(serial.to_string(), Json::from("x".repeat(100_000)))]);
        Record { serial, change: Change::Outputs { outputs } }
    };
    let mut longest = 0;
    for serial in 2..40 {
        append(&store, &[long(serial)]).unwrap();
        let journal = fs::metadata(store.journal_path()).map_or(0, |metadata| metadata.len());
        longest = longest.max(journal);
        assert_eq!(store.load_now().unwrap().unwrap().serial, serial);
    }
    assert!((900_000..=SHORT).contains(&longest), "{longest}");
    // Beside a long snapshot, it may be twice as long as that.
    let Change::Outputs { outputs } = long(1).change else { panic!() };
    let outputs = (0..7).map(|copy| (copy.to_string(), outputs["1"].clone())).collect();
    replace(&store, &State { outputs, ..state(40) }).unwrap();
    for serial in 41..54 {
        append(&store, &[long(serial)]).unwrap();
    }
    assert!(fs::metadata(store.journal_path()).unwrap().len() > 1_300_000);
    append(&store, &[long(54)]).unwrap();
    assert!(!store.journal_path().exists());
}

#[test]
fn an_edit_by_hand_is_noticed() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    write(&store, &text(store.path()).replace(r#""serial":1"#, r#""serial":2"#));
    let Err(StateError::Corrupt { detail, .. }) = store.load_now() else { panic!("the edit is accepted") };
    assert!(detail.contains("edited by hand, or damaged"), "{detail}");
}

#[test]
fn a_file_of_the_format_before_is_read_and_gets_no_journal() {
    let (_folder, store) = store();
    // As the version before has written it.
    let old = r#"{"format":1,"checksum":"ff73d181490ef1eb27367ede767d3789949f8680fe6e5ffc5e08efb7365e2221","state":{"stack":"shop","lineage":"00112233445566778899aabbccddeeff","serial":1,"resources":{},"outputs":{}}}"#;
    write(&store, &format!("{old}\n"));
    assert_eq!(store.load_now().unwrap(), Some(state(1)));
    assert!(text(store.path()).starts_with(r#"{"format":1,"#), "reading writes nothing");
    // At no moment is there a journal beside it, which that version would not know of.
    let obstacle = obstruct(store.path());
    assert!(append(&store, &[record(2)]).is_err());
    assert!(!store.journal_path().exists());
    fs::remove_dir(obstacle).unwrap();
    append(&store, &[record(2)]).unwrap();
    assert!(text(store.path()).starts_with(r#"{"format":3,"#));
    assert_eq!(store.load_now().unwrap(), Some(changed(2)));
}

#[test]
fn a_later_format_is_refused_before_anything_else_is_looked_at() {
    let (_folder, store) = journaled();
    for path in [store.journal_path(), store.path().to_owned()] {
        fs::write(&path, "{\"format\": 4, \"resources\": []}\n").unwrap();
        let Err(StateError::Newer { path: of, found: 4, known: 3 }) = store.load_now() else { panic!("it is read") };
        assert_eq!(of, path);
    }
    for none in [r#"{"version": 4, "resources": []}"#, r#"{"format": 0}"#] {
        write(&store, none);
        assert!(matches!(store.load_now(), Err(StateError::Corrupt { .. })));
    }
}

#[test]
fn a_state_of_another_stack_is_refused() {
    let (_folder, store) = store();
    replace(&store, &State::new("bank", "")).unwrap();
    let Err(StateError::OtherStack { found, expected, .. }) = store.load_now() else { panic!("it is accepted") };
    assert_eq!((found.as_str(), expected.as_str()), ("bank", "shop"));
}

#[test]
fn a_folder_that_cannot_be_made_or_read_is_an_error() {
    let (folder, _) = store();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let store = LocalStore::new(&file, "shop");
    assert!(matches!(store.lock_now("a test"), Err(StateError::Io { action: "create", .. })));
    assert!(matches!(store.load_now(), Err(StateError::Io { action: "read", .. })), "it is not taken for a new stack");
    assert!(matches!(store.stamps(), Err(StateError::Io { action: "read", .. })));
    let store = LocalStore::new(folder.path(), "shop");
    fs::create_dir(store.path()).unwrap();
    assert!(matches!(store.load_now(), Err(StateError::Io { action: "read", .. })), "nor is a folder in its place");
}

#[test]
fn a_state_is_not_taken_back() {
    let (_folder, store) = journaled();
    assert!(matches!(replace(&store, &changed(4)), Err(StateError::Overtaken { found: 5, expected: 4, .. })));
    let other = State { lineage: "other".to_owned(), ..changed(6) };
    assert!(matches!(replace(&store, &other), Err(StateError::Replaced { .. })));
    assert_eq!(store.load_now().unwrap(), Some(changed(5)));
}

#[test]
fn a_journal_that_is_gone_is_missed_until_it_is_a_part_of_the_snapshot() {
    let (_folder, store) = journaled();
    let journal = fs::read(store.journal_path()).unwrap();
    fs::remove_file(store.journal_path()).unwrap();
    let Err(StateError::Missing { path, beside }) = store.load_now() else { panic!("it is not missed") };
    assert_eq!((path, beside.as_path()), (store.journal_path(), store.path()));
    // One from before that run is not what is missing.
    let old = format::journal(&Identity::of(&state(0)), None) + &format::entry(&[record(1)]);
    fs::write(store.journal_path(), old).unwrap();
    let Err(StateError::OtherJournal { detail, .. }) = store.load_now() else { panic!("it is not missed") };
    assert_eq!(detail, "it has no change after change 1, and the state file says it has");
    fs::write(store.journal_path(), journal).unwrap();
    replace(&store, &changed(5)).unwrap();
    assert!(!store.journal_path().exists());
    assert_eq!(store.load_now().unwrap(), Some(changed(5)), "nothing is missed once the run has ended");
}

#[test]
fn a_run_that_ends_before_it_has_marked_the_snapshot_leaves_nothing_wrong() {
    let (_folder, store) = journaled();
    write(&store, &format::snapshot(&state(1)));
    assert_eq!(store.load_now().unwrap(), Some(changed(5)));
    append(&store, &[record(6)]).unwrap();
    assert!(text(store.path()).contains(r#""journaled":true"#), "the next one marks it");
    assert_eq!(store.load_now().unwrap(), Some(changed(6)));
}

#[test]
fn a_whole_entry_that_this_version_does_not_know_is_no_torn_one() {
    for (records, expected) in [
        (r#"[{"serial":6,"change":{"Tagged":{"address":"Vpc.main"}}}]"#, "unknown variant `Tagged`"),
        (r#"[{"serial":6,"change":{"Outputs":{"outputs":{},"more":1}}}]"#, "unknown field `more`"),
        (r#"[{"serial":6,"change":{"Outputs":{"outputs":{}}},"more":1}]"#, "unknown field `more`"),
    ] {
        let (_folder, store) = journaled();
        let checksum: String = Sha256::digest(records).iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = format!("{{\"checksum\":\"{checksum}\",\"records\":{records}}}\n");
        let journal = text(&store.journal_path()) + &entry;
        fs::write(store.journal_path(), journal.trim_end()).unwrap();
        assert!(matches!(store.load_now(), Err(StateError::Unknown { .. })), "it is left out without its line end");
        for torn in ["", "{", "\0\0"] {
            fs::write(store.journal_path(), journal.clone() + torn).unwrap();
            let Err(StateError::Unknown { path, detail }) = store.load_now() else { panic!("{records} is left out") };
            assert_eq!(path, store.journal_path());
            assert!(detail.starts_with(expected), "{detail}");
            assert!(matches!(append(&store, &[record(6)]), Err(StateError::Unknown { .. })));
            assert_eq!(text(&store.journal_path()), journal.clone() + torn, "it is not cut off");
        }
    }
}
