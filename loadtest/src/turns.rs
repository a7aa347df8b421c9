//! Who takes the next place of the plan: visitors in the middle of a visit register when their next step is due, and the
//! [`crate::driver`] hands out the places. Steps come before people who have not begun, earliest due first; equal instants
//! in the order they were asked for.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Instant;

use tokio::sync::oneshot;

/// Steps waiting for their time.
#[derive(Debug, Default)]
pub struct Turns {
    waiting: RefCell<BinaryHeap<Waiting>>,
    asked: Cell<u64>,
}

/// A place given to a step: the instant its request is intended, and how long the step waited for a place after it was due.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// The latency of the request counts from here.
    pub intended: Instant,
    /// When the step was due by the visitor's own clock.
    pub due: Instant,
    /// Whether it was somebody's step, who had to wait for a place; a page view fills a place that nobody wanted.
    pub waits: bool,
    /// Where the first try was intended of a request that is asked again; else the same as `intended`.
    pub first: Instant,
}

impl Turn {
    /// A turn that is due and intended at the same instant.
    pub fn at(instant: Instant) -> Self {
        Self { waits: false, ..Self::of(instant, instant) }
    }

    /// A turn at this place of the plan, for a step that was due then.
    pub fn of(place: Instant, due: Instant) -> Self {
        Self { intended: place, due, first: place, waits: true }
    }
}

impl Turns {
    /// Waits for a place at or after `due`. Without a driver (a closed run) nobody hands out places: do not call it there.
    pub async fn at(&self, due: Instant) -> Turn {
        let (give, receive) = oneshot::channel();
        let order = self.asked.get();
        self.asked.set(order + 1);
        self.waiting.borrow_mut().push(Waiting { due, order, give });
        // The driver outlives every visit; should it be dropped by a bug, the step goes at its own time.
        let intended = receive.await.unwrap_or(due);
        Turn::of(intended, due)
    }

    /// Gives the place at `instant` to the step due first, if one is due by then. In the wind-down nobody thinks any longer:
    /// `all_due` gives the place to the first step whenever it is due.
    pub fn give(&self, instant: Instant, all_due: bool) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        while waiting.peek().is_some_and(|first| all_due || first.due <= instant) {
            if let Some(first) = waiting.pop()
                && first.give.send(instant).is_ok()
            {
                return true;
            }
        }
        false
    }

    /// Without a plan of places a step goes when it is due: gives the first that is due by `now` its own instant.
    pub fn give_due(&self, now: Instant) -> bool {
        let mut waiting = self.waiting.borrow_mut();
        while waiting.peek().is_some_and(|first| first.due <= now) {
            if let Some(Waiting { due, give, .. }) = waiting.pop()
                && give.send(due).is_ok()
            {
                return true;
            }
        }
        false
    }

    /// When the first step is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.borrow().peek().map(|first| first.due)
    }
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    order: u64,
    give: oneshot::Sender<Instant>,
}

// Reversed, because the heap of the standard library gives the greatest first.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.order).cmp(&(self.due, self.order))
    }
}
impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn the_step_due_first_takes_the_first_place() {
        let turns = Turns::default();
        let t0 = Instant::now();
        let ms = |n| t0 + Duration::from_millis(n);
        let given = async {
            tokio::task::yield_now().await;
            assert!(!turns.give(ms(5), false), "nobody is due yet");
            assert!(turns.give(ms(21), false));
            assert!(turns.give(ms(22), false));
            assert!(!turns.give(ms(23), false));
            assert!(turns.give(ms(24), true), "in the wind-down everybody is due");
        };
        let (late, early, later, ()) =
            tokio::join!(turns.at(ms(20)), turns.at(ms(10)), turns.at(ms(900)), given);
        assert_eq!((early.intended, late.intended, later.intended), (ms(21), ms(22), ms(24)));
    }
}
