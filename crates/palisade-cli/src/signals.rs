//! [`Interrupts`]: what asks a running apply to stop, such as Ctrl-C.

use std::{
    io,
    process::exit,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
};

use tokio::{runtime::Builder, sync::watch};

/// The apply that runs, which the first signal asks to stop. A second one ends the program at once, as does one that comes
/// when nothing runs any more. Signals belong to the process, and so does this.
static RUNNING: Mutex<Option<Running>> = Mutex::new(None);

/// Whether the thread that waits for signals was started.
static IS_LISTENING: Mutex<bool> = Mutex::new(false);

struct Running {
    stop: watch::Sender<bool>,
    exit_code: Arc<OnceLock<u8>>,
}

/// The signals that come while an apply runs.
pub(crate) struct Interrupts {
    /// Becomes true once the run is to stop.
    pub(crate) stop: watch::Receiver<bool>,
    exit_code: Arc<OnceLock<u8>>,
}

impl Interrupts {
    /// From now on, a signal does not end the program but asks the run to stop. Before, as during a plan and at the question,
    /// it ends the program: nothing is under way that would have to come back.
    ///
    /// # Errors
    /// If the operating system does not tell of its signals.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut is_listening = lock(&IS_LISTENING);
        if !*is_listening {
            start_listening()?;
            *is_listening = true;
        }
        let (stop, receiver) = watch::channel(false);
        let exit_code = Arc::default();
        *lock(&RUNNING) = Some(Running { stop, exit_code: Arc::clone(&exit_code) });
        Ok(Self { stop: receiver, exit_code })
    }

    /// The exit code of a program that ends by the signal that came, if one did.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        self.exit_code.get().copied()
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        *lock(&RUNNING) = None;
    }
}

/// Starts the thread that waits for signals. It has a runtime of its own, so that it hears them whatever the apply is doing,
/// and whatever the clock of that is.
fn start_listening() -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut signals = {
        let _guard = runtime.enter();
        system::Signals::new()?
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            loop {
                let exit_code = signals.next().await;
                if !is_asked_to_stop(exit_code) {
                    exit(exit_code.into());
                }
            }
        });
    })?;
    Ok(())
}

/// Asks what runs to stop, if it was not asked before.
fn is_asked_to_stop(exit_code: u8) -> bool {
    let running = lock(&RUNNING);
    let Some(running) = running.as_ref().filter(|running| running.exit_code.set(exit_code).is_ok()) else {
        return false;
    };
    running.stop.send_replace(true);
    true
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
