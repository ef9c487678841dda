//! A canary in the logs: the SDKs log each request at their most verbose level, and those of ElastiCache hold passwords.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing_subscriber::filter::LevelFilter;

use crate::{
    account::{Account, ministack},
    life::rehearsal_at,
    program::{Example, Program, text},
    proxy::Proxy,
};

/// The token that a proxy saw on its way to ElastiCache.
fn token(proxy: &Proxy) -> String {
    let calls = proxy.calls();
    let create = calls.iter().find(|call| call.action == "CreateReplicationGroup").unwrap();
    let token = create.body.split('&').find_map(|pair| pair.strip_prefix("AuthToken=")).unwrap();
    assert_eq!(token.len(), 64, "it has letters and digits only, so that the form shows it as it is");
    token.to_owned()
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_secret_is_logged_however_much_a_program_logs() {
    let (log, account) = (Log::default(), Account::unused());
    let writer = log.clone();
    let logger =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).finish();
    let proxy = Proxy::start(ministack(), |_| None);
    tracing::subscriber::with_default(logger, || {
        rehearsal_at(proxy.address, &account, Duration::from_secs(30)).apply(auth_token::stack);
    });
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    assert!(log.contains("TRACE"), "the log is to be as verbose as can be: {log}");
    assert!(!log.contains(&token(&proxy)), "the token is logged");
    // What an SDK shows of a request differs between its versions, so there is to be nothing of any.
    assert!(!log.contains("CreateReplicationGroup"), "a call is logged");
}

#[test]
fn no_secret_is_said_or_written_by_the_program() {
    let account = Account::unused();
    let proxy = Proxy::start(ministack(), |_| None);
    let program = Program::of(Example::AuthToken.program(), &account);
    let verbose = [("RUST_LOG", "trace".to_owned()), ("RUST_BACKTRACE", "full".to_owned())];
    let mut said = String::new();
    for arguments in [&["apply", "--auto-approve"][..], &["plan", "--json"], &["output", "--json"]] {
        let output = program.start_with(proxy.address, arguments, &verbose).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        said += &text(&output);
    }
    let token = token(&proxy);
    assert!(!said.contains(&token));
    let mut files = 0;
    let mut folders = vec![program.folder().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains(&token), "{}", path.display());
                files += 1;
            }
        }
    }
    assert!(files > 0, "the state is a file");
}
