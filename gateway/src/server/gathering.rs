//! A worker looks once more before it writes.
//!
//! A runtime that has run out of tasks has not asked the system for a while: what came while it answered is not known to it.
//! Written then, a frame carries what the last look found, and everybody else waits for a sync of their own. So the worker
//! is sent back to look, at the price of a system call or two a frame, until a look has brought nothing new (decision 0014).

use std::sync::atomic::{AtomicU32, Ordering};

use onsale_engine::Engine;
use tokio::sync::Notify;

/// What a worker has gathered.
pub trait Debt {
    /// Facts that wait for the calling thread, and requests since the first of them; 0: none.
    fn owed(&self) -> u32;
    /// Writes and syncs them.
    fn write_owed(&self);
}

impl Debt for Engine {
    fn owed(&self) -> u32 {
        Self::owed(self)
    }

    fn write_owed(&self) {
        Self::write_owed(self);
    }
}

/// One worker's. Only its thread touches it.
#[derive(Debug, Default)]
pub struct Gathering {
    /// What was owed at the last look; 0 after a write.
    seen: AtomicU32,
    awake: Notify,
}

impl Gathering {
    /// Before the worker sleeps: it does not, if the last look has brought something; else what it owes is written. It never
    /// gathers without end, as a long debt is taken from it.
    pub fn before_sleep(&self, debt: &impl Debt) {
        let owed = debt.owed();
        if owed == self.seen.load(Ordering::Relaxed) {
            self.seen.store(0, Ordering::Relaxed);
            debt.write_owed();
        } else {
            self.seen.store(owed, Ordering::Relaxed);
            self.awake.notify_one();
        }
    }

    /// Runs as long as the worker does: being woken is all it is for, as who is about to sleep and is woken looks instead.
    pub async fn keep_awake(&self) {
        loop {
            self.awake.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[derive(Default)]
    struct Owing {
        owed: Cell<u32>,
        written: Cell<u32>,
    }

    impl Debt for Owing {
        fn owed(&self) -> u32 {
            self.owed.get()
        }

        fn write_owed(&self) {
            self.written.set(self.written.get() + self.owed.take());
        }
    }

    /// Whether a sleeper would be sent to look instead.
    fn looks(gathering: &Gathering, debt: &Owing) -> bool {
        gathering.before_sleep(debt);
        let woken = std::pin::pin!(gathering.awake.notified());
        woken.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn what_is_owed_is_written_when_a_look_has_brought_nothing_new() {
        let (gathering, debt) = (Gathering::default(), Owing::default());
        for _ in 0..3 {
            debt.owed.set(2);
            assert!(looks(&gathering, &debt));
            debt.owed.set(5);
            assert!(looks(&gathering, &debt));
            assert_eq!(debt.owed.get(), 5);
            assert!(!looks(&gathering, &debt));
            assert_eq!(debt.owed.get(), 0);
        }
        assert_eq!(debt.written.get(), 15);
    }

    #[test]
    fn who_owes_nothing_sleeps() {
        let (gathering, debt) = (Gathering::default(), Owing::default());
        assert!(!looks(&gathering, &debt));
        debt.owed.set(1);
        assert!(looks(&gathering, &debt));
        // Taken by the journal's thread meanwhile: the debt is less than it was, which is no reason to sleep yet.
        debt.owed.set(0);
        assert!(looks(&gathering, &debt));
        assert!(!looks(&gathering, &debt));
    }
}
