//! How far the journal has come. Nothing decisive leaves the server before the mark has passed what it rests on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use crossbeam::utils::CachePadded;

use crate::sequence::Sequence;
use crate::sync::Mutex;

/// Why the mark will never move again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

/// The marks and who listens to them.
///
/// `durable` survives a power cut. `answerable` is what answers wait for: the same with `ack = "fsync"`, what is written
/// with the weaker modes.
#[derive(Debug, Default)]
pub struct Mark {
    durable: CachePadded<AtomicU64>,
    answerable: CachePadded<AtomicU64>,
    stuck: AtomicBool,
    failed: AtomicBool,
    failure: Mutex<Option<Failure>>,
    wakers: Mutex<Vec<Waker>>,
}

impl Mark {
    /// Everything up to `last` is durable.
    #[must_use]
    pub fn new(last: Sequence) -> Self {
        let mark = Self::default();
        mark.durable.store(last.0, Ordering::Release);
        mark.answerable.store(last.0, Ordering::Release);
        mark
    }

    /// What survives a power cut.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        Sequence(self.durable.load(Ordering::Acquire))
    }

    /// What answers may rest on.
    #[must_use]
    pub fn answerable(&self) -> Sequence {
        Sequence(self.answerable.load(Ordering::Acquire))
    }

    /// Why the mark will never move again, if so.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        if self.failed.load(Ordering::Acquire) { self.failure.lock().clone() } else { None }
    }

    /// Whether the mark will never move again.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Whether the mark has not moved for a while, as the disk has no room, and nobody knows when it will.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire)
    }

    /// The writer has had no room for longer than anybody should wait for an answer. Ends when a mark moves.
    pub fn set_stuck(&self) {
        if !self.stuck.swap(true, Ordering::AcqRel) {
            self.wake();
        }
    }

    /// Registers who is woken, every time, when a mark has moved, is stuck, or will never move again. One waker for many waiters:
    /// the thread that synced has better things to do than to wake each.
    pub fn listen(&self, waker: Waker) {
        let mut wakers = self.wakers.lock();
        if !wakers.iter().any(|known| known.will_wake(&waker)) {
            wakers.push(waker);
        }
    }

    /// Only the writer moves the marks; they never go back.
    pub(super) fn advance(&self, answerable: Sequence, durable: Sequence) {
        self.durable.store(durable.0, Ordering::Release);
        self.answerable.store(answerable.0, Ordering::Release);
        if self.is_stuck() {
            self.stuck.store(false, Ordering::Release);
        }
        self.wake();
    }

    /// Nothing is acknowledged from here on: the writer's disk failed, or the follower found that memory and journal
    /// differ. The first reason stays.
    pub fn fail(&self, failure: Failure) {
        self.failure.lock().get_or_insert(failure);
        self.failed.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        for waker in self.wakers.lock().iter() {
            waker.wake_by_ref();
        }
    }
}
