//! How many may be called by now: a rate a minute, kept exactly over any length of time and across restarts.
//!
//! Engine time earns credit, a call spends one person of it. Whoever was called and did not come gives theirs back, so
//! that the rate is one of people who come in. What is earned while nobody waits does not pile up: a second of the rate at
//! most, or one person.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One person, in credit: what a rate of one a minute earns in so many milliseconds.
const PERSON: u64 = 60_000;

/// The most seconds of the rate that can be waiting to be spent.
const MOST_SECONDS: u64 = 5;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    saved: u64,
    at: Timestamp,
}

impl Credit {
    fn earned(self, rate: u32, at: Timestamp) -> u64 {
        let rate = u64::from(rate);
        // A part of a person more, or what a step earns beyond a whole one would be lost with every person.
        let second = (rate * 1_000).max(PERSON) + PERSON - 1;
        // What was given back may be more than a second's worth; it is not taken away by the clock.
        (self.saved + rate * at.since(self.at).0).min(self.saved.max(second))
    }

    /// How many may be called at `at`.
    #[must_use]
    pub fn people(self, rate: u32, at: Timestamp) -> u32 {
        u32::try_from(self.earned(rate, at) / PERSON).unwrap_or(u32::MAX)
    }

    /// So many were called at `at`.
    pub(super) fn spend(&mut self, rate: u32, at: Timestamp, people: u32) {
        let earned = self.earned(rate, at);
        *self = Self { saved: earned.saturating_sub(u64::from(people) * PERSON), at };
    }

    /// So many who were called did not come.
    pub(super) fn give_back(&mut self, rate: u32, at: Timestamp, people: u32) {
        // A part of a person more, as above: at a slow rate every one who does not come would take a half of the next along.
        let most = (u64::from(rate) * 1_000 * MOST_SECONDS).max(PERSON) + PERSON - 1;
        let saved = self.earned(rate, at) + u64::from(people) * PERSON;
        *self = Self { saved: saved.min(most.max(self.saved)), at };
    }

    /// From `at` on another rate earns.
    pub(super) fn turn(&mut self, old: u32, at: Timestamp) {
        *self = Self { saved: self.earned(old, at), at };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_exactly_in_small_steps() {
        for rate in [1, 7, 60, 601, 72_000] {
            let mut credit = Credit::default();
            let mut called = 0_u64;
            for step in 1..=60_000_u64 {
                let at = Timestamp(step * 50);
                let people = credit.people(rate, at);
                credit.spend(rate, at, people);
                called += u64::from(people);
            }
            // 50 minutes.
            assert_eq!(called, u64::from(rate) * 50, "{rate}");
        }
    }

    #[test]
    fn an_idle_hour_is_worth_a_second_and_who_does_not_come_gives_back() {
        let mut credit = Credit::default();
        let hour = Timestamp(3_600_000);
        assert_eq!(credit.people(600, hour), 10);
        assert_eq!(credit.people(1, hour), 1);
        credit.spend(600, hour, 10);
        assert_eq!(credit.people(600, hour), 0);
        credit.give_back(600, hour, 3);
        assert_eq!(credit.people(600, hour), 3);
        credit.give_back(600, hour, 1_000);
        assert_eq!(credit.people(600, hour), 50);
    }
    /// Three of ten who are called do not come, and say so by their silence a minute later. At a slow rate each of them took a
    /// half of the next person along, because no more than one was ever saved.
    #[test]
    fn a_slow_rate_is_one_of_people_who_come_too() {
        for rate in [1, 6, 60] {
            let (mut credit, mut came, mut called) = (Credit::default(), 0_u64, 0_u64);
            let mut lapses = std::collections::VecDeque::new();
            for step in 1..=600 * 1_200_u64 {
                let at = Timestamp(step * 50);
                while lapses.front().is_some_and(|lapse| *lapse <= at.0) {
                    lapses.pop_front();
                    credit.give_back(rate, at, 1);
                }
                let people = credit.people(rate, at);
                credit.spend(rate, at, people);
                for _ in 0..people {
                    called += 1;
                    if called * 7 % 10 < 3 {
                        lapses.push_back(at.0 + 61_037);
                    } else {
                        came += 1;
                    }
                }
            }
            let wanted = u64::from(rate) * 600;
            assert!(came * 100 >= wanted * 99 && came <= wanted, "{came} of {wanted} at {rate} a minute");
        }
    }
}
