//! Waking the writer's thread, and how seldom that can be done.
//!
//! A wake-up of a sleeping thread is a system call, and on a virtual machine a trip to the host: several times what a hold
//! costs. A thread that serves many requests in turn therefore may be *patient*: it promises to call [`Waking::pay`]
//! whenever it has run out of work, and until then its facts gather in the buffer. The writer then takes all of them as one
//! frame. Everybody else wakes at once.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// A patient thread that has gathered so many facts does not wait until it has no more work: the disk should not idle
/// while a long line of requests is worked through.
const BATCH: u32 = 32;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// What this thread has promised, and to whom.
#[derive(Clone, Copy)]
struct Promise {
    to: u64,
    owed: u32,
}

thread_local! {
    static PROMISE: Cell<Promise> = const { Cell::new(Promise { to: 0, owed: 0 }) };
}

/// Wakes the writer's thread: a flag and a condition, so that waking somebody awake costs one atomic read.
#[derive(Debug)]
pub struct Waking {
    id: u64,
    asleep: AtomicBool,
    pending: Mutex<bool>,
    condition: Condvar,
}

impl Default for Waking {
    fn default() -> Self {
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            asleep: AtomicBool::new(false),
            pending: Mutex::new(false),
            condition: Condvar::new(),
        }
    }
}

impl Waking {
    /// From now on this thread is patient: it calls [`Waking::pay`] before it sleeps, always.
    pub fn promise(&self) {
        PROMISE.set(Promise { to: self.id, owed: 0 });
    }

    /// A fact is in the buffer. Who put the first in wakes the writer: at once, or when it pays.
    pub fn owe(&self, first: bool) {
        let promise = PROMISE.get();
        if promise.to != self.id {
            if first {
                self.wake();
            }
            return;
        }
        // Not the first, and nothing owed: whoever put the first in has woken the writer or will.
        if !first && promise.owed == 0 {
            return;
        }
        let owed = promise.owed + 1;
        if owed < BATCH {
            PROMISE.set(Promise { owed, ..promise });
        } else {
            PROMISE.set(Promise { owed: 0, ..promise });
            self.wake();
        }
    }

    /// Wakes the writer if this thread owes that.
    pub fn pay(&self) {
        let promise = PROMISE.get();
        if promise.to == self.id && promise.owed > 0 {
            PROMISE.set(Promise { owed: 0, ..promise });
            self.wake();
        }
    }

    /// Wakes the sleeper, if it sleeps; otherwise its next sleep ends at once.
    pub fn wake(&self) {
        // The sleeper sets `asleep` and then looks for work again before it sleeps, under the lock; the waker has made
        // its work visible before it comes here. One of the two sees the other.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) {
            *self.pending.lock() = true;
            self.condition.notify_one();
        }
    }

    /// Sleeps until somebody wakes us or the time is over, unless `busy` says that there is work.
    pub fn sleep(&self, longest: Duration, busy: impl FnOnce() -> bool) {
        let mut pending = self.pending.lock();
        self.asleep.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if !*pending && !busy() {
            self.condition.wait_for(&mut pending, longest);
        }
        self.asleep.store(false, Ordering::SeqCst);
        *pending = false;
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
        let sleeper = std::thread::spawn(move || theirs.sleep(LONG, || false));
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
    fn a_patient_thread_wakes_when_it_pays_and_not_before() {
        let waking = Arc::new(Waking::default());
        let sleeper = sleeper(&waking);
        waking.promise();
        waking.owe(true);
        waking.owe(false);
        assert!(waking.asleep.load(Ordering::SeqCst));
        waking.pay();
        sleeper.join().unwrap();
        assert_eq!(PROMISE.get().owed, 0);
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
    fn a_promise_to_one_is_none_to_another() {
        let (one, other) = (Arc::new(Waking::default()), Arc::new(Waking::default()));
        one.promise();
        let sleeper = sleeper(&other);
        other.owe(true);
        sleeper.join().unwrap();
    }
}
