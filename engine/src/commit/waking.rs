//! Waking the writer's thread, and how seldom that can be done.
//!
//! A wake-up of a sleeping thread is a system call, and on a virtual machine a trip to the host: several times what a hold
//! costs. A thread that serves many requests in turn therefore may be *patient*: it promises to call [`Waking::collect`]
//! whenever it has run out of work, and until then its facts gather in the buffer. Then all of them are written as one
//! frame: by that thread itself if it can, by the journal's otherwise. Everybody else wakes at once.
//!
//! A writer that comes back from a sync leaves alone what is only owed: the thread that gathers will say when its turn is
//! over.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::Duration;

use crossbeam::utils::CachePadded;
use parking_lot::{Condvar, Mutex};

/// A patient thread that has gathered so many facts, and seen so many requests since the first of them, does not wait until it
/// has no more work: who asked first should not wait for a long line of requests behind. A turn of 256 connections, which is
/// written best at once, has twice as many.
const BATCH: u32 = 512;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// What this thread has promised, and to whom.
#[derive(Clone, Copy)]
struct Promise {
    to: u64,
    /// Facts that wait for it, and requests since the first of them.
    owed: u32,
}

thread_local! {
    static PROMISE: Cell<Promise> = const { Cell::new(Promise { to: 0, owed: 0 }) };
}

/// Wakes the writer's thread: two flags and a condition, so that waking somebody awake is no system call.
#[derive(Debug)]
pub struct Waking {
    id: u64,
    /// Somebody wants the buffer written; the facts in it that are only owed do not set this.
    due: CachePadded<AtomicBool>,
    asleep: CachePadded<AtomicBool>,
    lock: Mutex<()>,
    condition: Condvar,
}

impl Default for Waking {
    fn default() -> Self {
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            due: CachePadded::default(),
            asleep: CachePadded::default(),
            lock: Mutex::default(),
            condition: Condvar::new(),
        }
    }
}

impl Waking {
    /// From now on this thread is patient: it calls [`Waking::collect`] before it sleeps, always.
    pub fn promise(&self) {
        PROMISE.set(Promise { to: self.id, owed: 0 });
    }

    /// A fact is in the buffer. Who put the first in wakes the writer: at once, or when it has time.
    pub fn owe(&self, first: bool) {
        let promise = PROMISE.get();
        if promise.to != self.id {
            if first {
                self.wake();
            }
            return;
        }
        // Whether it is the first or not: who put the first in may have much to do before it writes.
        self.add(promise);
    }

    /// This thread has answered one more request. A thread that never runs out of work does not write what it owes: after so
    /// many requests somebody else does.
    pub fn pass(&self) {
        let promise = PROMISE.get();
        if promise.to == self.id && promise.owed > 0 {
            self.add(promise);
        }
    }

    fn add(&self, promise: Promise) {
        let owed = promise.owed + 1;
        if owed < BATCH {
            PROMISE.set(Promise { owed, ..promise });
        } else {
            PROMISE.set(Promise { owed: 0, ..promise });
            self.wake();
        }
    }

    /// How much this thread has gathered: facts that wait for it, and requests since the first of them. 0: it owes nothing.
    #[must_use]
    pub fn owed(&self) -> u32 {
        let promise = PROMISE.get();
        if promise.to == self.id { promise.owed } else { 0 }
    }

    /// Whether this thread owes that its facts be written; from now on it does not, so the caller writes them or wakes.
    #[must_use]
    pub fn collect(&self) -> bool {
        let promise = PROMISE.get();
        let owes = promise.to == self.id && promise.owed > 0;
        if owes {
            PROMISE.set(Promise { owed: 0, ..promise });
        }
        owes
    }

    /// Wakes the sleeper, if it sleeps; otherwise its next sleep ends at once.
    pub fn wake(&self) {
        self.due.store(true, Ordering::SeqCst);
        // The sleeper sets `asleep` and then looks at `due` before it sleeps, under the lock. One of the two sees the other.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            drop(self.lock.lock());
            self.condition.notify_one();
        }
    }

    /// Whether somebody wants the buffer written.
    pub fn is_due(&self) -> bool {
        self.due.load(Ordering::Acquire)
    }

    /// Sleeps until somebody wakes us or the time is over; not at all if somebody has since the last sleep ended.
    pub fn sleep(&self, longest: Duration) {
        if !self.is_due() {
            let mut guard = self.lock.lock();
            self.asleep.store(true, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if !self.due.load(Ordering::SeqCst) {
                self.condition.wait_for(&mut guard, longest);
            }
            self.asleep.store(false, Ordering::SeqCst);
        }
        // Before the buffer is taken: who wakes us from here on has put in what the next look may miss.
        self.due.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a sleeper needs a thread; the engine itself starts none here")]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LONG: Duration = Duration::from_secs(60);

    /// A sleeper, and how it is told that it has woken.
    fn sleeper(waking: &Arc<Waking>) -> std::thread::JoinHandle<()> {
        let theirs = Arc::clone(waking);
        let sleeper = std::thread::spawn(move || theirs.sleep(LONG));
        while !waking.asleep.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        sleeper
    }

    #[test]
    fn who_promised_nothing_wakes_at_once() {
        let waking = Arc::new(Waking::default());
        let sleeper = sleeper(&waking);
        waking.owe(true);
        sleeper.join().unwrap();
    }

    #[test]
    fn a_patient_thread_wakes_nobody_before_its_debt_is_collected() {
        let waking = Arc::new(Waking::default());
        let sleeper = sleeper(&waking);
        waking.promise();
        waking.owe(true);
        waking.owe(false);
        assert!(waking.asleep.load(Ordering::SeqCst));
        assert!(waking.collect());
        waking.wake();
        sleeper.join().unwrap();
        assert!(!waking.collect());
    }

    #[test]
    fn a_long_line_of_facts_does_not_wait_for_its_end() {
        let waking = Arc::new(Waking::default());
        let sleeper = sleeper(&waking);
        waking.promise();
        (0..BATCH).for_each(|number| waking.owe(number == 0));
        sleeper.join().unwrap();
    }

    #[test]
    fn a_thread_that_never_runs_out_of_work_is_not_waited_for() {
        let waking = Waking::default();
        waking.promise();
        (0..2 * BATCH).for_each(|_| waking.pass());
        assert!(!waking.is_due(), "nothing is owed");
        waking.owe(false);
        (0..BATCH - 2).for_each(|_| waking.pass());
        assert!(!waking.is_due());
        waking.pass();
        assert!(waking.is_due() && !waking.collect());
    }

    #[test]
    fn what_is_only_owed_is_not_due() {
        let waking = Waking::default();
        waking.promise();
        waking.owe(true);
        assert!(!waking.is_due());
        assert!(!waking.is_due() && waking.collect());
        waking.wake();
        // Does not sleep, and has then seen it.
        waking.sleep(LONG);
        assert!(!waking.is_due());
        assert!(!waking.collect(), "nothing is owed any more");
    }

    #[test]
    fn a_promise_to_one_is_none_to_another() {
        let (one, other) = (Arc::new(Waking::default()), Arc::new(Waking::default()));
        one.promise();
        let sleeper = sleeper(&other);
        other.owe(true);
        sleeper.join().unwrap();
    }
}
