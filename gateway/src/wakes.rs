//! Wakes that a connection gives itself and that lead to nothing.
//!
//! Who takes a piece of a body wakes whoever reads it from the socket, so that he reads the next. With HTTP/1 both are one
//! task, and of a body that came whole nothing more is read: the task would be polled once more for nothing, after everybody
//! else and with everything it needs gone from the caches. That cost a hold about as much as its answer's way through hyper.
//!
//! So hyper is given a waker of ours ([`Quiet`]), which notes a wake instead of passing it on while a piece is taken
//! ([`taking`]); whoever took it knows whether that was the last (decision 0015).

use std::cell::Cell;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taking {
    /// Wakes are passed on.
    No,
    /// A piece is being taken.
    Yes,
    /// And a wake has come of it.
    Woken,
}

thread_local! {
    static TAKING: Cell<Taking> = const { Cell::new(Taking::No) };
}

/// Passes wakes on to a task, unless they come while the calling thread takes a piece of a body.
#[derive(Debug)]
pub struct Quiet(Waker);

impl Quiet {
    /// A waker in front of another.
    #[must_use]
    pub fn before(waker: &Waker) -> Waker {
        Arc::new(Self(waker.clone())).into()
    }
}

impl Wake for Quiet {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if TAKING.get() == Taking::No {
            self.0.wake_by_ref();
        } else {
            TAKING.set(Taking::Woken);
        }
    }
}

/// Takes a piece: `take` gives it, and whether there is nothing to read after it. Otherwise a wake that comes of it is given.
///
/// Right only where whoever takes and whoever reads are one task, as with HTTP/1: the wake is noted without asking whose it is, and
/// given to the one of `cx`.
pub fn taking<T>(cx: &mut Context<'_>, take: impl FnOnce(&mut Context<'_>) -> (T, bool)) -> T {
    let noting = Noting::begin();
    let (taken, last) = take(cx);
    if noting.end() && !last {
        cx.waker().wake_by_ref();
    }
    taken
}

/// While it lives wakes are noted: not longer, whatever becomes of who takes.
struct Noting;

impl Noting {
    fn begin() -> Self {
        TAKING.set(Taking::Yes);
        Self
    }

    /// Whether there was one.
    fn end(self) -> bool {
        TAKING.get() == Taking::Woken
    }
}

impl Drop for Noting {
    fn drop(&mut self) {
        TAKING.set(Taking::No);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_the_wake_of_a_last_piece_is_lost() {
        let count = Arc::new(Count::default());
        let quiet = Quiet::before(&Arc::clone(&count).into());
        let mut cx = Context::from_waker(&quiet);
        let woken = || count.0.load(Ordering::Relaxed);
        let mut take = |last: bool| {
            taking(&mut cx, |cx| {
                cx.waker().wake_by_ref();
                ((), last)
            });
        };
        take(true);
        assert_eq!(woken(), 0);
        take(false);
        assert_eq!(woken(), 1);
        // Nothing is held back afterwards, nor what another thread says meanwhile.
        quiet.wake_by_ref();
        assert_eq!(woken(), 2);
        let other = quiet.clone();
        taking(&mut Context::from_waker(&quiet), |_| {
            std::thread::spawn(move || other.wake_by_ref()).join().unwrap();
            ((), true)
        });
        assert_eq!(woken(), 3);
    }
}
