//! [`Weather`]: what goes wrong during one apply.

use palisade_emulator::Fault;
use proptest::{collection::vec, option, prelude::*};

/// What goes wrong during one apply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weather {
    /// Calls that change something, by number from 1, and what happens to them.
    pub(crate) faults: Vec<(u64, Fault)>,
    /// Calls that only tell something: the first one by number from 1, how many in a row, and what happens to them.
    pub(crate) reads: Vec<(u64, u64, Fault)>,
    /// How many times as long as usual everything takes.
    pub(crate) slowness: u32,
    /// How many calls are under way at a time.
    pub(crate) parallelism: usize,
    pub(crate) fail_fast: bool,
    /// What becomes of the calls to a bucket; `None` if all are answered at once.
    pub(crate) network: Option<u64>,
    /// After how many seconds, and for how many, no call reaches a bucket.
    pub(crate) outage: Option<(u16, u16)>,
    /// At which await point the process stands still, and for how many seconds.
    pub(crate) pause: Option<(u32, u16)>,
    /// After how many seconds somebody removes the lock, or the lease.
    pub(crate) removal: Option<u16>,
    pub(crate) end: End,
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// When all is done.
    Natural,
    /// It is killed at that await point.
    KilledAtAwait(u32),
    /// It is killed while it writes its state for the n-th time, when so many of 255 parts of it have come to be.
    KilledAtWrite { nth: u32, part: u8 },
    /// It is killed while its n-th call to a bucket is on its way, before it takes the lock or after it gives it back, too.
    KilledAtObject { nth: u32, is_sent: bool },
    /// It is asked to stop at that await point.
    StoppedAtAwait(u32),
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) fn fine() -> Self {
        Self {
            faults: Vec::new(),
            reads: Vec::new(),
            slowness: 1,
            parallelism: 10,
            fail_fast: false,
            network: None,
            outage: None,
            pause: None,
            removal: None,
            end: End::Natural,
        }
    }
}

pub(crate) fn weather() -> impl Strategy<Value = Weather> {
    let fault = prop_oneof![
        Just(Fault::Throttled),
        Just(Fault::Unavailable),
        Just(Fault::AnswerLost),
        Just(Fault::TimedOut),
        Just(Fault::NoAnswer),
        Just(Fault::Quota),
        Just(Fault::CreateFailed),
    ];
    let read_fault = prop_oneof![Just(Fault::Throttled), Just(Fault::Unavailable)];
    // An apply takes some thousand polls at most; most take a few hundred.
    let moment = || prop_oneof![1..60_u32, 1..600_u32, 1..4_000_u32];
    let end = prop_oneof![
        3 => Just(End::Natural),
        3 => moment().prop_map(End::KilledAtAwait),
        2 => (1..40_u32, prop_oneof![Just(0), any::<u8>(), Just(255)]).prop_map(|(nth, part)| End::KilledAtWrite { nth, part }),
        1 => (prop_oneof![1..8_u32, 1..40_u32], any::<bool>()).prop_map(|(nth, is_sent)| End::KilledAtObject { nth, is_sent }),
        1 => moment().prop_map(End::StoppedAtAwait),
    ];
    let faults = vec((1..30_u64, fault), 0..4);
    let reads = vec((1..80_u64, prop_oneof![1..4_u64, 1..12_u64], read_fault), 0..3);
    let slowness = prop_oneof![3 => Just(1), 1 => Just(4)];
    let options = (prop_oneof![Just(10_usize), Just(1), Just(2)], option::weighted(0.2, Just(())));
    // A lease lasts a minute.
    let network = option::weighted(0.3, any::<u64>());
    let outage = option::weighted(0.1, (0..600_u16, prop_oneof![1..30_u16, 30..200_u16]));
    let pause = option::weighted(0.15, (moment(), prop_oneof![1..50_u16, 50..400_u16]));
    let removal = option::weighted(0.05, prop_oneof![0..20_u16, 0..600_u16]);
    let lone = (faults, reads, slowness, options, end);
    (lone, network, outage, pause, removal).prop_map(
        |((faults, reads, slowness, (parallelism, fail_fast), end), network, outage, pause, removal)| {
            let fail_fast = fail_fast.is_some();
            Weather { faults, reads, slowness, parallelism, fail_fast, network, outage, pause, removal, end }
        },
    )
}

/// For how many milliseconds the descriptions of an account tell of what was before. Slow accounts take four times as long.
pub(crate) fn lag() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(700), 1 => Just(0), 1 => Just(1_500)]
}
