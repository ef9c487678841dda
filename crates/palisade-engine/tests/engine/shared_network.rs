//! [`Network`]: the way of one run to objects that all share, on which calls are slow, fail and get lost.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use palisade_core::provider::BoxFuture;
use palisade_engine::{Condition, Object, Objects, ObjectsError, Put};
use tokio::time::sleep;

/// Numbers that look random, and are the same each time.
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) % end
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Answered,
    /// It does not get there.
    NotSent,
    /// It has its effect, and the answer gets lost.
    AnswerLost,
    /// It is given up, and has its effect after so many seconds.
    Late(u64),
}

/// A kind of call that can be made to wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    GetEntry,
    List,
    PutLease,
    PutEntry,
}

pub(crate) struct Network {
    objects: Arc<dyn Objects>,
    /// What becomes of the next writes; all after them are answered, or as `numbers` say.
    fates: Mutex<Vec<Fate>>,
    numbers: Option<Mutex<Numbers>>,
    is_down: AtomicBool,
    /// The kind of call of which the next one waits, and how long, before it is sent.
    stall: Mutex<Option<(Call, Duration)>>,
}

impl Network {
    /// A way on which all goes well but the first writes.
    pub(crate) fn new(objects: &Arc<impl Objects + 'static>, fates: &[Fate]) -> Arc<Self> {
        let (objects, fates) = (Arc::clone(objects) as _, Mutex::new(fates.iter().rev().copied().collect()));
        let (is_down, stall) = (AtomicBool::new(false), Mutex::default());
        Arc::new(Self { objects, fates, numbers: None, is_down, stall })
    }

    /// A way on which anything happens.
    pub(crate) fn random(objects: &Arc<impl Objects + 'static>, seed: u64) -> Arc<Self> {
        let (objects, numbers) = (Arc::clone(objects) as _, Some(Mutex::new(Numbers::new(seed))));
        let (fates, is_down, stall) = (Mutex::default(), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { objects, fates, numbers, is_down, stall })
    }

    /// Lets no call through any more, or all again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// Stops the run for so long before it sends its next call of this kind.
    pub(crate) fn stall(&self, call: Call, duration: Duration) {
        *self.stall.lock().unwrap() = Some((call, duration));
    }

    async fn wait_before(&self, call: Call) {
        let stall = self.stall.lock().unwrap().take_if(|(stalled, _)| *stalled == call);
        if let Some((_, duration)) = stall {
            sleep(duration).await;
        }
    }

    /// Takes a while, as every call does, one way.
    async fn travel(&self) {
        if let Some(numbers) = &self.numbers {
            let millis = numbers.lock().unwrap().below(400);
            sleep(Duration::from_millis(millis)).await;
        }
    }

    fn fate(&self, is_write: bool) -> Fate {
        if self.is_down.load(Ordering::Relaxed) {
            return Fate::NotSent;
        }
        let given = if is_write { self.fates.lock().unwrap().pop() } else { None };
        let Some(numbers) = given.is_none().then_some(self.numbers.as_ref()).flatten() else {
            return given.unwrap_or(Fate::Answered);
        };
        let mut numbers = numbers.lock().unwrap();
        match numbers.below(20) {
            0 => Fate::NotSent,
            1 => Fate::AnswerLost,
            2 if is_write => Fate::Late(numbers.below(300)),
            _ => Fate::Answered,
        }
    }
}

fn lost() -> ObjectsError {
    ObjectsError { message: "no answer".to_owned(), help: "see that there is a network".to_owned(), is_transient: true }
}

impl Objects for Network {
    fn location(&self, key: &str) -> String {
        self.objects.location(key)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, ObjectsError>> {
        Box::pin(async move {
            if !key.ends_with("lease.json") {
                self.wait_before(Call::GetEntry).await;
            }
            self.travel().await;
            let found = self.objects.get(key).await;
            self.travel().await;
            if self.fate(false) == Fate::Answered { found } else { Err(lost()) }
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        condition: Condition<'a>,
    ) -> BoxFuture<'a, Result<Put, ObjectsError>> {
        Box::pin(async move {
            self.wait_before(if key.ends_with("lease.json") { Call::PutLease } else { Call::PutEntry }).await;
            self.travel().await;
            let fate = self.fate(true);
            let put = match fate {
                Fate::NotSent => return Err(lost()),
                Fate::Late(seconds) => {
                    let (objects, key, bytes) = (Arc::clone(&self.objects), key.to_owned(), bytes.to_owned());
                    let etag = match condition {
                        Condition::Absent => None,
                        Condition::Matches(etag) => Some(etag.to_owned()),
                    };
                    tokio::spawn(async move {
                        sleep(Duration::from_secs(seconds)).await;
                        let condition = etag.as_deref().map_or(Condition::Absent, Condition::Matches);
                        objects.put(&key, &bytes, condition).await
                    });
                    return Err(lost());
                }
                Fate::Answered | Fate::AnswerLost => self.objects.put(key, bytes, condition).await,
            };
            self.travel().await;
            if fate == Fate::AnswerLost { Err(lost()) } else { put }
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, ObjectsError>> {
        Box::pin(async move {
            self.wait_before(Call::List).await;
            self.travel().await;
            let found = self.objects.list(prefix).await;
            self.travel().await;
            if self.fate(false) == Fate::Answered { found } else { Err(lost()) }
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<(), ObjectsError>> {
        Box::pin(async move {
            self.travel().await;
            if self.fate(false) == Fate::Answered { self.objects.delete(key).await } else { Err(lost()) }
        })
    }
}
