//! The one door to locks. Everything that locks takes its `Mutex` from here, so that a test can put shuttle's in its
//! place and try the interleavings (`--features shuttle`).

use std::sync::atomic::{AtomicBool, Ordering, fence};

use parking_lot::{Condvar, Mutex as Awake};

#[cfg(not(feature = "shuttle"))]
pub use parking_lot::{Mutex, MutexGuard};

#[cfg(feature = "shuttle")]
pub use explored::{Mutex, MutexGuard};

#[cfg(feature = "shuttle")]
mod explored {
    //! shuttle's mutex with parking_lot's face: no poisoning, `lock` gives the guard.
    pub use shuttle::sync::MutexGuard;

    /// A mutex whose waiting is decided by shuttle's scheduler.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// Puts a value behind a lock.
        pub fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        /// The lock, if nobody has it.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }

        /// The value, if nobody else can have it.
        pub fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

/// Wakes the writer thread: a flag and a condition, so that waking somebody awake costs one atomic read.
#[derive(Debug, Default)]
pub struct Waking {
    asleep: AtomicBool,
    pending: Awake<bool>,
    condition: Condvar,
}

impl Waking {
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
    pub fn sleep(&self, longest: std::time::Duration, busy: impl FnOnce() -> bool) {
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
