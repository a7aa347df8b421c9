//! How selling goes, second by second: whether checkouts are slow, requests fail, or facts wait for the disk. It is what the
//! brake of a waiting room looks at. Whoever answers requests notes them here; nothing in here is state.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::time::Millis;
use crate::waiting_room::{BrakeRules, Trouble};

/// Powers of two of a millisecond: the last is everything from 16 s on.
const STEPS: usize = 16;

/// Over how many seconds it is summed.
const SECONDS: usize = 5;

/// Fewer checkouts, or requests, say nothing.
const ENOUGH: u64 = 10;

/// Counters of the second that runs.
#[derive(Debug, Default)]
pub struct Pulse {
    /// Checkouts, by how long they took.
    checkouts: [AtomicU64; STEPS],
    asked: AtomicU64,
    failed: AtomicU64,
    journal_lag: AtomicU64,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A cart, or more in it.
    Hold,
    /// An order.
    Checkout,
}

impl Pulse {
    /// A request was answered. `failed`: by our fault.
    pub fn note(&self, step: Step, took: Millis, failed: bool) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(u64::from(failed), Ordering::Relaxed);
        if step == Step::Checkout {
            let place = (u64::BITS - took.0.leading_zeros()) as usize;
            self.checkouts[place.min(STEPS - 1)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The oldest fact that waits for the disk has waited so long; nothing waits: 0.
    pub fn note_journal(&self, lag: Millis) {
        self.journal_lag.store(lag.0, Ordering::Relaxed);
    }

    fn take(&self) -> Second {
        Second {
            checkouts: std::array::from_fn(|place| self.checkouts[place].swap(0, Ordering::Relaxed)),
            asked: self.asked.swap(0, Ordering::Relaxed),
            failed: self.failed.swap(0, Ordering::Relaxed),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Second {
    checkouts: [u64; STEPS],
    asked: u64,
    failed: u64,
}

/// The last seconds, one after the other.
#[derive(Debug, Default)]
pub struct Beats {
    last: [Second; SECONDS],
    next: usize,
}

/// How the last seconds were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Nine of ten checkouts took no longer, rounded up to a power of two; none if there were too few to say.
    pub checkout: Option<Millis>,
    /// Requests for carts and orders.
    pub asked: u64,
    /// Those that failed by our fault.
    pub failed: u64,
    /// How long the oldest fact waits for the disk.
    pub journal_lag: Millis,
}

impl Beats {
    /// A second is over.
    pub fn second(&mut self, pulse: &Pulse) -> Beat {
        self.last[self.next] = pulse.take();
        self.next = (self.next + 1) % SECONDS;
        let sum = |count: fn(&Second) -> u64| self.last.iter().map(count).sum::<u64>();
        let by_time: [u64; STEPS] =
            std::array::from_fn(|place| self.last.iter().map(|second| second.checkouts[place]).sum());
        let journal_lag = Millis(pulse.journal_lag.load(Ordering::Relaxed));
        let all: u64 = by_time.iter().sum();
        let mut quicker = 0;
        let place = by_time.iter().position(|count| {
            quicker += count;
            quicker * 10 >= all * 9
        });
        let checkout = place.filter(|_| all >= ENOUGH).map(|place| Millis(1 << place));
        Beat { checkout, asked: sum(|second| second.asked), failed: sum(|second| second.failed), journal_lag }
    }
}

impl Beat {
    /// What is in trouble by these rules, the worst first.
    #[must_use]
    pub fn trouble(&self, rules: BrakeRules) -> Option<Trouble> {
        if self.journal_lag > rules.journal {
            Some(Trouble::Journal)
        } else if self.asked >= ENOUGH && self.failed * 100 > self.asked * u64::from(rules.error_percent) {
            Some(Trouble::Errors)
        } else if self.checkout.is_some_and(|checkout| checkout.0 / 2 >= rules.checkout.0) {
            Some(Trouble::SlowCheckout)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_of_ten_are_told_from_one_of_ten_and_five_seconds_are_remembered() {
        let (pulse, mut beats) = (Pulse::default(), Beats::default());
        for number in 0..100 {
            pulse.note(Step::Checkout, Millis(if number % 10 == 0 { 5_000 } else { 3 }), number % 50 == 0);
        }
        let beat = beats.second(&pulse);
        assert_eq!((beat.checkout, beat.asked, beat.failed), (Some(Millis(4)), 100, 2));
        assert_eq!(beat.trouble(BrakeRules::default()), None);
        for _ in 0..20 {
            pulse.note(Step::Checkout, Millis(5_000), false);
        }
        let beat = beats.second(&pulse);
        assert_eq!(beat.checkout, Some(Millis(8_192)));
        assert_eq!(beat.trouble(BrakeRules::default()), Some(Trouble::SlowCheckout));
        let patient = BrakeRules { checkout: Millis(5_000), ..BrakeRules::default() };
        assert_eq!(beat.trouble(patient), None);
        for _ in 0..5 {
            pulse.note(Step::Hold, Millis(1), true);
            beats.second(&pulse);
        }
        // Five requests say nothing yet, even if all failed.
        let beat = beats.second(&pulse);
        assert_eq!((beat.checkout, beat.asked, beat.trouble(BrakeRules::default())), (None, 4, None));
        pulse.note_journal(Millis(501));
        assert_eq!(beats.second(&pulse).trouble(BrakeRules::default()), Some(Trouble::Journal));
    }
}
