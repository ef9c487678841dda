//! Writes beside those of another run, and writes that fail.

use super::*;

type Intrusion<'a> = &'a dyn Fn(&LocalStore);

/// What another run leaves that has taken the lock of `store` away: all is as it was, and then `change` was made.
fn intrude(store: &LocalStore, change: impl FnOnce(&LocalStore)) {
    let lock = store.sibling("lock");
    let kept = store.sibling("kept");
    fs::rename(&lock, &kept).unwrap();
    change(store);
    // So that the lock alone does not give it away.
    fs::rename(&kept, &lock).unwrap();
}

/// The names and the bytes of all files of the state.
fn files(store: &LocalStore) -> Vec<(String, Vec<u8>)> {
    let names = names(store).into_iter().filter(|name| !name.ends_with("lock") && !name.ends_with("tmp"));
    names.map(|name| (name.clone(), fs::read(store.folder.join(name)).unwrap())).collect()
}

/// A state with as many changes as `changed(serial)`, and another last one.
fn other(serial: u64) -> State {
    State { outputs: JsonMap::from_iter([("other".to_owned(), Json::from(serial))]), ..state(serial) }
}

#[test]
fn what_another_run_has_written_is_never_written_over() {
    let changes: [(&str, Intrusion<'_>); 7] = [
        ("1 goes on from change 5, and the last is 6", &|store| append(store, &[record(6)]).unwrap()),
        ("2 goes on from change 5, and the last is 7", &|store| replace(store, &changed(7)).unwrap()),
        ("3 it has the same number of changes, but not the same ones", &|store| replace(store, &other(5)).unwrap()),
        ("4 which ends with change 1; change 5 had been saved", &|store| {
            write(store, &format::snapshot(&state(1)));
            fs::remove_file(store.journal_path()).unwrap();
        }),
        ("5 it is that of another stack of the same name", &|store| {
            write(store, &format::snapshot(&State { lineage: "other".to_owned(), ..state(9) }));
            fs::remove_file(store.journal_path()).unwrap();
        }),
        ("6 state.journal is gone", &|store| fs::remove_file(store.journal_path()).unwrap()),
        ("7 which this run has read up to change 5, is gone", &|store| {
            for name in names(store).iter().filter(|name| name.starts_with("shop.state")) {
                fs::remove_file(store.folder.join(name)).unwrap();
            }
        }),
    ];
    for (expected, change) in changes {
        let (_folder, store) = journaled();
        let writer = writer(&store);
        // A question is open, so this run has not looked yet.
        intrude(&store, change);
        let left = files(&store);
        let error = writer.begin_now(&changed(5)).unwrap_err().to_string();
        assert!(error.contains(&expected[2..]), "{expected}: {error}");
        assert!(files(&store) == left, "{expected}");
    }
    for (expected, change) in changes {
        let (_folder, store) = journaled();
        let writer = writer(&store);
        writer.begin_now(&changed(5)).unwrap();
        intrude(&store, change);
        let left = files(&store);
        let next = [record(6)];
        let attempts: [&dyn Fn() -> Result<(), StateError>; 5] = [
            &|| writer.append_now(&next),
            &|| writer.append_now(&next),
            &|| writer.replace_now(&changed(6)),
            &|| writer.append_now(&next),
            &|| writer.begin_now(&changed(5)),
        ];
        for attempt in attempts {
            let error = attempt().unwrap_err().to_string();
            assert!(error.contains(&expected[2..]), "{expected}: {error}");
            assert!(files(&store) == left, "{expected}");
        }
    }
}

/// The memory of a writer that has just looked at the files, and what they hold.
fn looked<'a>(writer: &'a LocalWriter<'_>) -> (MutexGuard<'a, Memory>, Kept) {
    let mut memory = writer.memory();
    let kept = writer.kept(&mut memory).unwrap();
    memory.own.push(kept.print());
    (memory, kept)
}

#[test]
fn what_another_run_writes_in_the_last_moment_is_not_written_over() {
    let (_folder, store) = journaled();
    let writer = writer(&store);
    let (mut memory, mut kept) = looked(&writer);
    // The files are looked at once more, right before each of these steps.
    intrude(&store, |store| append(store, &[record(6)]).unwrap());
    let left = files(&store);
    assert!(writer.write_snapshot(&mut memory, &mut kept, &changed(6)).is_err());
    kept.content = store.find().unwrap().as_ref().map(Content::of);
    assert!(writer.add_entry(&mut memory, &mut kept, &[record(7)]).is_err());
    kept.content.as_mut().unwrap().is_journaled = false;
    assert!(writer.mark(&mut memory, &mut kept).is_err());
    assert!(files(&store) == left);
}

#[test]
fn what_is_about_to_be_written_is_not_once_the_lock_is_gone() {
    let (_folder, store) = journaled();
    let writer = writer(&store);
    let (mut memory, mut kept) = looked(&writer);
    let left = files(&store);
    fs::remove_file(store.sibling("lock")).unwrap();
    let is_lost = |result: Result<(), StateError>| matches!(result, Err(StateError::LeaseLost { .. }));
    assert!(is_lost(writer.add_entry(&mut memory, &mut kept, &[record(6)])));
    kept.content.as_mut().unwrap().is_journaled = false;
    assert!(is_lost(writer.mark(&mut memory, &mut kept)));
    assert!(is_lost(writer.write_snapshot(&mut memory, &mut kept, &changed(6))));
    assert!(files(&store) == left);
}

#[test]
fn an_entry_that_is_not_where_it_was_written_is_missed() {
    let touch: Intrusion<'_> = &|store| {
        let copy = fs::read(store.journal_path()).unwrap();
        fs::remove_file(store.journal_path()).unwrap();
        fs::write(store.journal_path(), copy).unwrap();
    };
    // The guard sees none of this: it happens right before the entry is written, or right after.
    let cases: [(Option<Intrusion<'_>>, Option<Intrusion<'_>>, bool); 4] = [
        (None, None, true),
        (None, Some(touch), true),
        (Some(&|store| append(store, &[record(6)]).unwrap()), None, false),
        (None, Some(&|store| fs::write(store.journal_path(), text(&journaled().1.journal_path())).unwrap()), false),
    ];
    for (number, (before, after, is_found)) in cases.into_iter().enumerate() {
        let (_folder, store) = journaled();
        let writer = writer(&store);
        let (mut memory, mut kept) = looked(&writer);
        if let Some(before) = before {
            intrude(&store, before);
        }
        let entry = kept.content.as_mut().unwrap().enter(&[record(6)]);
        memory.own.push(kept.print());
        let written = extend(&store.journal_path(), None, &entry).unwrap();
        // So nothing is read again where nobody else has written.
        assert_eq!(kept.journal_length() == Some(written.length), before.is_none());
        if let Some(after) = after {
            intrude(&store, after);
        }
        let found = writer.find_entry(&memory, &mut kept, written);
        assert_eq!(found.is_ok(), is_found, "{number}: {found:?}");
        assert!(!is_found || kept.journal_length() == Some(written.length) && kept.serial() == 6);
    }
}

#[test]
fn an_entry_that_a_failed_write_has_left_without_its_line_end_is_known_again() {
    let (_folder, store) = journaled();
    let writer = writer(&store);
    let (mut memory, mut kept) = looked(&writer);
    let entry = kept.content.as_mut().unwrap().enter(&[record(6)]);
    memory.own.push(kept.print());
    extend(&store.journal_path(), None, entry.trim_end()).unwrap();
    drop(memory);
    writer.append_now(&[record(6), record(7)]).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(7)));
}

#[test]
fn only_what_is_torn_is_cut_off() {
    let (_folder, store) = journaled();
    let whole = fs::metadata(store.journal_path()).unwrap().len();
    let torn = || writer(&store).kept(&mut Memory::default()).unwrap().torn();
    assert_eq!(torn(), None);
    fs::write(store.journal_path(), text(&store.journal_path()) + "{").unwrap();
    assert_eq!(torn(), Some(whole));
}

#[test]
fn a_file_that_was_only_touched_is_still_that_of_the_run() {
    let (_folder, store) = journaled();
    let writer = writer(&store);
    writer.begin_now(&changed(5)).unwrap();
    for path in [store.path(), &store.journal_path()] {
        let copy = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        fs::write(path, copy).unwrap();
    }
    writer.append_now(&[record(6)]).unwrap();
    writer.replace_now(&changed(6)).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(6)));
}

#[test]
fn a_write_that_has_failed_is_known_again_and_can_be_repeated() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    let first = writer(&store);
    first.begin_now(&state(1)).unwrap();
    // There is no journal yet.
    let obstacle = obstruct(&store.journal_path());
    for _ in 0..2 {
        let error = first.append_now(&[record(2)]).unwrap_err();
        assert!(matches!(&error, StateError::Io { path, .. } if *path == obstacle), "{error:?}");
        assert_eq!(store.load_now().unwrap(), Some(state(1)));
    }
    fs::remove_dir(obstacle).unwrap();
    // The journal is there, and the mark is not.
    let obstacle = obstruct(store.path());
    for _ in 0..2 {
        assert!(matches!(first.append_now(&[record(2)]), Err(StateError::Io { .. })));
        assert_eq!(store.load_now().unwrap(), Some(changed(2)));
    }
    fs::remove_dir(obstacle).unwrap();
    first.append_now(&[record(2)]).unwrap();
    assert!(text(store.path()).contains(r#""journaled":true"#), "a repetition does what is left");
    assert_eq!(text(&store.journal_path()).lines().count(), 2);
    // The snapshot is there, and neither its copy is nor has the journal been removed.
    let obstacle = obstruct(&store.backup());
    assert!(matches!(first.replace_now(&changed(3)), Err(StateError::Io { .. })));
    assert_eq!(store.load_now().unwrap(), Some(changed(3)));
    fs::remove_dir(obstacle).unwrap();
    first.append_now(&[record(3), record(4)]).unwrap();
    assert_eq!(store.load_now().unwrap(), Some(changed(4)));
    first.replace_now(&changed(4)).unwrap();
    assert_eq!(files(&store).len(), 2);
}

#[test]
fn what_cannot_be_brought_to_the_disk_is_an_error() {
    let (_folder, store) = store();
    assert!(matches!(store.sync(), Err(StateError::Io { action: "write", .. })), "there is no such folder");
    fs::create_dir_all(store.journal_path()).unwrap();
    assert!(
        matches!(store.sync_journal(), Err(StateError::Io { action: "write", .. })),
        "a folder is in the place of the journal"
    );
}

#[test]
fn a_journal_that_cannot_be_removed_is_an_error() {
    let (_folder, store) = journaled();
    let writer = writer(&store);
    let (mut memory, mut kept) = looked(&writer);
    fs::remove_file(store.journal_path()).unwrap();
    fs::create_dir(store.journal_path()).unwrap();
    kept.stamps = store.stamps().unwrap();
    let written = writer.write_snapshot(&mut memory, &mut kept, &changed(5));
    assert!(matches!(written, Err(StateError::Io { action: "remove", .. })), "{written:?}");
}

#[test]
fn what_another_run_writes_after_a_failed_write_is_not_taken_for_that() {
    // With as many changes as the failed write would have led to.
    let intrusions: [Intrusion<'_>; 2] = [&|store| replace(store, &other(2)).unwrap(), &|store| {
        replace(store, &state(1)).unwrap();
        let outputs = JsonMap::new();
        append(store, &[Record { serial: 2, change: Change::Outputs { outputs } }]).unwrap();
    }];
    for intrusion in intrusions {
        let (_folder, store) = store();
        replace(&store, &state(1)).unwrap();
        let first = writer(&store);
        let obstacle = obstruct(&store.journal_path());
        assert!(matches!(first.append_now(&[record(2)]), Err(StateError::Io { .. })));
        fs::remove_dir(obstacle).unwrap();
        intrude(&store, intrusion);
        let left = files(&store);
        assert!(matches!(first.append_now(&[record(2)]), Err(StateError::Replaced { .. })));
        assert!(matches!(first.replace_now(&changed(2)), Err(StateError::Replaced { .. })));
        assert!(files(&store) == left);
    }
}

#[test]
fn a_lock_is_lost_with_its_file() {
    let (_folder, store) = journaled();
    let lock = store.sibling("lock");
    let ways: [(&str, &dyn Fn()); 2] = [
        ("was removed", &|| fs::remove_file(&lock).unwrap()),
        ("another file is in the place", &|| {
            fs::remove_file(&lock).unwrap();
            fs::write(&lock, "").unwrap();
        }),
    ];
    for (expected, way) in ways {
        let writer = writer(&store);
        writer.begin_now(&changed(5)).unwrap();
        writer.lock.check().unwrap();
        let left = files(&store);
        way();
        for result in [
            writer.lock.check(),
            writer.begin_now(&changed(5)),
            writer.append_now(&[record(6)]),
            writer.replace_now(&changed(6)),
        ] {
            let Err(StateError::LeaseLost { stack, detail }) = result else { panic!("{expected}: it is held") };
            assert!(stack == "shop" && detail.contains(expected) && detail.contains("shop.lock"), "{detail}");
        }
        assert!(files(&store) == left);
    }
}

#[test]
fn a_lock_that_cannot_be_read_is_lost() {
    let (folder, store) = journaled();
    let writer = writer(&store);
    fs::rename(&store.folder, folder.path().join("elsewhere")).unwrap();
    fs::write(&store.folder, "no folder").unwrap();
    let Err(StateError::LeaseLost { detail, .. }) = writer.lock.check() else { panic!("it is held") };
    assert!(detail.contains("shop.lock cannot be read: "), "{detail}");
}

#[test]
fn a_lock_names_its_holder_and_ends_when_it_is_dropped() {
    let (_folder, store) = store();
    let lock = store.lock_now("apply, process 7").unwrap();
    let Err(StateError::Locked { holder, .. }) = store.lock_now("destroy") else { panic!("it is locked twice") };
    assert_eq!(holder, "apply, process 7");
    // It has not written its name yet.
    fs::write(store.sibling("lock"), "").unwrap();
    let Err(StateError::Locked { holder, .. }) = store.lock_now("destroy") else { panic!("it is locked twice") };
    assert_eq!(holder, "another process");
    drop(lock);
    drop(store.lock_now("destroy").unwrap());
}

#[test]
fn who_reads_while_another_writes_gets_a_state_that_there_was() {
    let (_folder, store) = store();
    replace(&store, &state(1)).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for serial in 2..200 {
                match serial % 10 {
                    0 => replace(&store, &changed(serial)).unwrap(),
                    _ => append(&store, &[record(serial)]).unwrap(),
                }
            }
        });
        let mut last = 1;
        while !writer.is_finished() {
            let found = store.load_now().unwrap().unwrap();
            assert!(found.serial >= last, "it goes back from {last} to {}", found.serial);
            last = found.serial;
            assert!(last == 1 || found == changed(last));
        }
    });
}
