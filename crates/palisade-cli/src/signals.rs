//! [`Interrupts`]: what asks a command to stop, such as Ctrl-C, and how long it may take to.

use std::{
    io,
    process::exit,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    thread,
    time::Duration,
};

use tokio::{
    runtime::Builder,
    sync::watch,
    time::{Instant, sleep_until},
};

/// How long an apply waits for calls in flight once it is interrupted.
pub(crate) const ANSWERED: Duration = Duration::from_secs(3);

/// When the state must be saved, counted from the interrupt like the two that follow.
pub(crate) const SAVED: Duration = Duration::from_millis(3700);

/// When the lock must be given back.
pub(crate) const RELEASED: Duration = Duration::from_millis(4100);

/// How long somebody has to read what was printed, once nothing else is left to do.
pub(crate) const READ: Duration = Duration::from_millis(300);

/// When the process ends in any case. What is left of the five seconds is for a machine that is busy.
const ENDED: Duration = Duration::from_millis(4500);

const _: () = {
    assert!(ANSWERED.as_millis() < SAVED.as_millis() && SAVED.as_millis() < RELEASED.as_millis());
    assert!(RELEASED.as_millis() + READ.as_millis() < ENDED.as_millis() && ENDED.as_millis() < 5000);
};

/// How long one event may take to be heard as a whole. A signal that comes once more within this time is taken for the same: a program
/// that started this one may pass a Ctrl-C on that the terminal has sent to both. And a terminal that ends is heard as the end of the
/// input and as a signal.
pub(crate) const SAME: Duration = Duration::from_millis(100);

/// The exit code of the end of the terminal. Two signals come of that, one from the shell and then one from the system, so it never
/// stands for a second Ctrl-C.
const HUNG_UP: u8 = 129;

/// The command that listens, which the first signal asks to stop. A second Ctrl-C or `kill` ends the process at once, as does any signal
/// that comes when no command listens any more. Signals belong to the process, and so does this.
static LISTENING: Mutex<Weak<Interruption>> = Mutex::new(Weak::new());

/// Whether the thread that waits for signals was started.
static IS_STARTED: Mutex<bool> = Mutex::new(false);

/// Whether a command is to stop. All clones are of one command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupts(Arc<Interruption>);

/// A command has heard that it is to stop, and left what it was doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Interrupted;

#[derive(Debug, Default)]
struct Interruption {
    /// Becomes true once the command is to stop.
    stop: watch::Sender<bool>,
    exit_code: OnceLock<u8>,
}

impl Interrupts {
    /// From now on, a signal does not end the process but asks the command to stop. The process still ends within five seconds
    /// of it, whatever the command is doing then: at [`ENDED`], or at a second Ctrl-C.
    ///
    /// # Errors
    /// If the operating system does not tell of its signals.
    pub(crate) fn listen(&self) -> io::Result<()> {
        let mut is_started = lock(&IS_STARTED);
        if !*is_started {
            start()?;
            *is_started = true;
        }
        *lock(&LISTENING) = Arc::downgrade(&self.0);
        Ok(())
    }

    /// Asks the command to stop, and to end with this exit code. False if it was asked before.
    pub(crate) fn interrupt(&self, exit_code: u8) -> bool {
        let is_first = self.0.exit_code.set(exit_code).is_ok();
        self.0.stop.send_replace(true);
        is_first
    }

    /// What the engine hears of it.
    pub(crate) fn receiver(&self) -> watch::Receiver<bool> {
        self.0.stop.subscribe()
    }

    /// Ends once the command is to stop.
    pub(crate) async fn stopped(&self) {
        // The sender is in `self`, so the wait has no other end.
        _ = self.receiver().wait_for(|is_to_stop| *is_to_stop).await;
    }

    /// The exit code of a program that ends by the signal that came, if one did.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        self.0.exit_code.get().copied()
    }
}

/// Starts the thread that waits for signals. It has a runtime of its own, so that it hears them whatever the command is doing,
/// and whatever the clock of that is.
fn start() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _guard = runtime.enter();
        system::Signals::new()?
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(heed(signals)))?;
    Ok(())
}

async fn heed(mut signals: system::Signals) {
    let mut first = None;
    loop {
        tokio::select! {
            exit_code = signals.next() => match listening() {
                Some(interrupts) if interrupts.interrupt(exit_code) => {
                    first = Some((exit_code, Instant::now()));
                }
                Some(_) if exit_code == HUNG_UP || is_same(first, exit_code) => {}
                _ => exit(exit_code.into()),
            },
            () = until(first.map(|(_, came)| came + ENDED)) => {
                if let Some(exit_code) = listening().and_then(|interrupts| interrupts.exit_code()) {
                    exit(exit_code.into());
                }
                first = None;
            }
        }
    }
}

/// Whether a signal is the one that came first, once more.
fn is_same(first: Option<(u8, Instant)>, exit_code: u8) -> bool {
    first.is_some_and(|(first, came)| first == exit_code && came.elapsed() < SAME)
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

fn listening() -> Option<Interrupts> {
    lock(&LISTENING).upgrade().map(Interrupts)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
mod system {
    use std::{fs, future::poll_fn, io, task::Poll};

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Ctrl-C, `kill`, and the end of the terminal, each with its exit code.
    pub(super) struct Signals(Vec<(u8, Signal)>);

    impl Signals {
        /// Those that whoever started the program lets it ignore, as `nohup` does, are ignored.
        pub(super) fn new() -> io::Result<Self> {
            let ignored = ignored();
            let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
            let heard = kinds.into_iter().filter(|kind| ignored >> (kind.as_raw_value() - 1) & 1 == 0);
            // The shells' convention.
            let code = |kind: SignalKind| 128 + u8::try_from(kind.as_raw_value()).unwrap_or_default();
            Ok(Self(heard.map(|kind| Ok((code(kind), signal(kind)?))).collect::<io::Result<_>>()?))
        }

        pub(super) async fn next(&mut self) -> u8 {
            poll_fn(|context| {
                let came =
                    self.0.iter_mut().find_map(|(code, signal)| signal.poll_recv(context).is_ready().then_some(*code));
                came.map_or(Poll::Pending, Poll::Ready)
            })
            .await
        }
    }

    /// The signals that the process ignores, a bit for each. Only Linux tells without a call of the C library.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    use tokio::signal::windows::{CtrlC, ctrl_c};

    /// Ctrl-C.
    pub(super) struct Signals(CtrlC);

    impl Signals {
        pub(super) fn new() -> io::Result<Self> {
            ctrl_c().map(Self)
        }

        pub(super) async fn next(&mut self) -> u8 {
            self.0.recv().await;
            crate::exit_code::INTERRUPTED
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_signal_within_a_moment_is_the_first_once_more() {
        let first = Some((130, Instant::now()));
        assert!(is_same(first, 130));
        assert!(!is_same(first, 143) && !is_same(None, 130));
        assert!(!is_same(Some((130, Instant::now() - SAME)), 130));
    }
}
