//! The brake: people are called more slowly while what comes behind the line is in trouble, and not at all while the
//! journal stands still.
//!
//! Every second in trouble halves what the dial lets in, every good one gives a tenth of the dial back: it is quick to
//! help and slow to trust. No state: a restart begins with the brake released, and the calls themselves are facts.

use serde::{Deserialize, Serialize};

use super::pace::{PERSON, Pace};
use crate::pulse::Beat;
use crate::time::{Millis, Timestamp};

/// From where on something is in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeRules {
    /// Nine of ten checkouts take no longer than this.
    pub checkout: Millis,
    /// Of a hundred requests for carts and checkouts at most so many fail by our fault.
    pub error_percent: u8,
    /// No fact waits longer for the disk.
    pub journal: Millis,
}

impl Default for BrakeRules {
    /// What people still bear, and what a disk in health stays far below.
    fn default() -> Self {
        Self { checkout: Millis(1_000), error_percent: 5, journal: Millis(500) }
    }
}

/// Why the brake is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Checkouts are slow.
    SlowCheckout,
    /// Requests fail.
    Errors,
    /// The journal does not keep up.
    Journal,
}

/// The brake is released.
pub const OPEN: u32 = 1_000;

/// What a good second gives back.
const EASE: u32 = 100;

/// Nobody is called any more while facts wait so many times as long as they may.
const STANDSTILL: u64 = 10;

/// How much of the dial is let through.
#[derive(Clone, Copy, Debug)]
pub struct Brake {
    /// In thousandths.
    open: u32,
    trouble: Option<Trouble>,
    saved: u64,
    at: Timestamp,
}

impl Default for Brake {
    fn default() -> Self {
        Self { open: OPEN, trouble: None, saved: 0, at: Timestamp(0) }
    }
}

impl Brake {
    /// A second has passed, and this is how it was.
    pub fn step(&mut self, beat: &Beat, rules: BrakeRules, at: Timestamp) {
        let trouble = beat.trouble(rules);
        let was = self.open;
        self.open = match trouble {
            Some(Trouble::Journal) if beat.journal_lag.0 > rules.journal.0 * STANDSTILL => 0,
            Some(_) => self.open / 2,
            None => (self.open + EASE).min(OPEN),
        };
        // What was saved before is not let through in a standstill either.
        if was == OPEN && self.open < OPEN || self.open == 0 {
            (self.saved, self.at) = (0, at);
        }
        // The reason stays until the brake is released.
        if trouble.is_some() || self.open == OPEN {
            self.trouble = trouble;
        }
    }

    /// How much of the dial is let through, in thousandths.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.open
    }

    /// Why the brake is on.
    #[must_use]
    pub const fn trouble(&self) -> Option<Trouble> {
        self.trouble
    }

    /// How many the brake lets through now: all, if it is released.
    pub fn lets(&mut self, pace: Pace, at: Timestamp) -> u32 {
        if self.open == OPEN {
            return u32::MAX;
        }
        let earned = pace.earned(self.at, at) * u64::from(self.open) / u64::from(OPEN);
        let second = u64::from(pace.at(at)) * 1_000;
        (self.saved, self.at) = ((self.saved + earned).min(second.max(PERSON)), at);
        u32::try_from(self.saved / PERSON).unwrap_or(u32::MAX)
    }

    /// So many were called.
    pub fn spend(&mut self, people: u32) {
        self.saved = self.saved.saturating_sub(u64::from(people) * PERSON);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Beat = Beat { checkout: Some(Millis(3_000)), asked: 100, failed: 0, journal_lag: Millis(0) };
    const GOOD: Beat = Beat { checkout: Some(Millis(3)), asked: 100, failed: 1, journal_lag: Millis(2) };

    #[test]
    fn trouble_halves_and_health_gives_back() {
        let rules = BrakeRules::default();
        let mut brake = Brake::default();
        brake.step(&GOOD, rules, Timestamp(0));
        assert_eq!((brake.open(), brake.trouble()), (1_000, None));
        for open in [500, 250, 125] {
            brake.step(&BAD, rules, Timestamp(0));
            assert_eq!((brake.open(), brake.trouble()), (open, Some(Trouble::SlowCheckout)));
        }
        for open in [225, 325, 425, 525, 625, 725, 825, 925] {
            brake.step(&GOOD, rules, Timestamp(0));
            assert_eq!((brake.open(), brake.trouble()), (open, Some(Trouble::SlowCheckout)));
        }
        brake.step(&GOOD, rules, Timestamp(0));
        assert_eq!((brake.open(), brake.trouble()), (1_000, None));
        brake.step(&Beat { failed: 6, ..GOOD }, rules, Timestamp(0));
        assert_eq!((brake.open(), brake.trouble()), (500, Some(Trouble::Errors)));
        brake.step(&Beat { journal_lag: Millis(5_001), ..GOOD }, rules, Timestamp(0));
        assert_eq!((brake.open(), brake.trouble()), (0, Some(Trouble::Journal)));
    }

    #[test]
    fn a_standstill_lets_nobody_through_who_was_let_through_before() {
        let (mut brake, pace) = (Brake::default(), Pace { rate: 6_000, ramp: None });
        brake.step(&Beat { journal_lag: Millis(600), ..GOOD }, BrakeRules::default(), Timestamp(5_000));
        assert_eq!(brake.lets(pace, Timestamp(6_000)), 50);
        brake.step(&Beat { journal_lag: Millis(5_001), ..GOOD }, BrakeRules::default(), Timestamp(6_000));
        assert_eq!(brake.lets(pace, Timestamp(9_000)), 0);
        brake.step(&GOOD, BrakeRules::default(), Timestamp(9_000));
        assert_eq!(brake.lets(pace, Timestamp(9_000)), 0, "time that stood still earns nothing");
        assert_eq!(brake.lets(pace, Timestamp(10_000)), 10);
    }

    #[test]
    fn what_is_let_through_is_a_part_of_the_dial() {
        let mut brake = Brake::default();
        let pace = Pace { rate: 600, ramp: None };
        assert_eq!(brake.lets(pace, Timestamp(5_000)), u32::MAX);
        brake.step(&BAD, BrakeRules::default(), Timestamp(5_000));
        let mut called = 0;
        for step in 1..=1_200_u64 {
            let some = brake.lets(pace, Timestamp(5_000 + step * 50));
            brake.spend(some);
            called += some;
        }
        // Half of ten a second, for a minute.
        assert_eq!(called, 300);
    }
}
