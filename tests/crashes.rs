//! Runs that are killed right after a call has had its effect.

use std::{sync::Arc, time::Duration};

use palisade_aws::{
    Aws, AwsProvider, Backend,
    operations::{Effect, Request, Response},
};
use palisade_core::{
    Graph,
    provider::{BoxFuture, ProviderError},
};
use palisade_emulator::Emulator;
use palisade_engine::{ApplyOptions, Consent, MemoryStore, State, Store};
use palisade_testing::graph;
use tokio::{
    sync::{Mutex, Notify},
    time::Instant,
};

use crate::{run, unheard::Nothing};

/// The account, which signals the `nth` call that changes something as soon as it has had its effect. Its answer gets lost,
/// and what else is on its way then does not get there.
struct Account {
    emulator: Emulator,
    nth: u64,
    happened: Notify,
    /// Held by the call that is let in.
    way: Mutex<()>,
}

impl Backend for Account {
    fn region(&self) -> &str {
        self.emulator.region()
    }

    fn answer(&self, request: Request) -> BoxFuture<'_, Result<Response, ProviderError>> {
        Box::pin(async move {
            let effect = request.effect();
            let _let_in = if effect == Effect::Write { Some(self.way.lock().await) } else { None };
            let answer = self.emulator.answer(request).await;
            if effect == Effect::Write && self.emulator.writes() >= self.nth {
                self.happened.notify_one();
                std::future::pending::<()>().await;
            }
            answer
        })
    }
}

/// Applies the program and returns how long it took; `None` if it was killed at its `nth` call.
async fn apply(emulator: &Emulator, store: &MemoryStore, program: &Graph, nth: u64) -> Option<Duration> {
    let account = Arc::new(Account { emulator: emulator.clone(), nth, happened: Notify::new(), way: Mutex::default() });
    let provider = AwsProvider::new(Aws::new(account.clone(), Arc::new(Nothing)));
    let begin = Instant::now();
    let mut lock = store.lock("apply", &mut |_| {}).await.unwrap();
    let state = store.load().await.unwrap().unwrap_or_else(|| State::new("test", "0123456789abcdef0123456789abcdef"));
    let plan = palisade_engine::plan(&provider, program, &state).await.unwrap();
    let options = ApplyOptions { consent: Consent::All, ..ApplyOptions::default() };
    let mut listener = |_| {};
    tokio::select! {
        biased;
        () = account.happened.notified() => None,
        report = palisade_engine::apply(&provider, &mut lock, state, program, &plan, &options, &mut listener) => {
            let report = report.unwrap();
            assert!(report.is_complete(), "{report:?}");
            Some(begin.elapsed())
        }
    }
}

/// What a run looks for that is not there, it looks for during five minutes.
#[test]
fn whatever_call_a_crash_follows_the_next_run_looks_for_nothing_that_was_never_made() {
    for declare in [secured_redis::stack, auth_token::stack] {
        let program = graph(declare);
        let account = || Emulator::in_memory("us-east-1").immediately_consistent();
        let (whole, clean) = run(async {
            let emulator = account();
            let took = apply(&emulator, &MemoryStore::default(), &program, u64::MAX).await.unwrap();
            (emulator.writes(), took)
        });
        for nth in 1..=whole {
            run(async {
                let (emulator, store) = (account(), MemoryStore::default());
                assert_eq!(apply(&emulator, &store, &program, nth).await, None, "call {nth}");
                let call = emulator.calls().into_iter().rev().find(|call| !call.starts_with("Describe"));
                let took = apply(&emulator, &store, &program, u64::MAX).await.unwrap();
                assert!(took < clean + Duration::from_secs(60), "after call {nth}, {call:?}: {took:?}, not {clean:?}");
                assert_eq!(emulator.inventory().len(), program.nodes().count(), "after call {nth}");
            });
        }
    }
}
