//! How many may be called by now: a rate a minute, kept exactly over any length of time and across restarts.
//!
//! Engine time earns credit, a call spends one person of it. Whoever was called and did not come gives theirs back, so
//! that the rate is one of people who come in. What is earned while nobody waits does not pile up: a second of the rate at
//! most, or one person.

use serde::{Deserialize, Serialize};

use super::pace::{PERSON, Pace};
use crate::time::Timestamp;

/// The most seconds of the rate that can be waiting to be spent.
const MOST_SECONDS: u64 = 5;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    saved: u64,
    at: Timestamp,
}

impl Credit {
    fn earned(self, pace: Pace, at: Timestamp) -> u64 {
        let rate = u64::from(pace.at(at));
        // A part of a person more, or what a step earns beyond a whole one would be lost with every person.
        let second = (rate * 1_000).max(PERSON) + PERSON - 1;
        // What was given back may be more than a second's worth; it is not taken away by the clock.
        self.saved.saturating_add(pace.earned(self.at, at)).min(self.saved.max(second))
    }

    /// How many may be called at `at`.
    #[must_use]
    pub fn people(self, pace: Pace, at: Timestamp) -> u32 {
        u32::try_from(self.earned(pace, at) / PERSON).unwrap_or(u32::MAX)
    }

    /// The most that is kept of what was given back.
    fn most(pace: Pace, at: Timestamp) -> u64 {
        // A part of a person more, as above: at a slow rate every one who does not come would take a half of the next along.
        (u64::from(pace.at(at)) * 1_000 * MOST_SECONDS).max(PERSON) + PERSON - 1
    }

    /// So many were called at `at`.
    pub(super) fn spend(&mut self, pace: Pace, at: Timestamp, people: u32) {
        let earned = self.earned(pace, at);
        *self = Self { saved: earned.saturating_sub(u64::from(people) * PERSON), at };
    }

    /// So many who were called did not come.
    pub(super) fn give_back(&mut self, pace: Pace, at: Timestamp, people: u32) {
        let saved = self.earned(pace, at) + u64::from(people) * PERSON;
        *self = Self { saved: saved.min(Self::most(pace, at).max(self.saved)), at };
    }

    /// From `at` on another pace earns.
    pub(super) fn turn(&mut self, old: Pace, at: Timestamp) {
        *self = Self { saved: self.earned(old, at), at };
    }
}

/// A credit that was saved at a higher rate than there is now: it is let out at this one. While there is more than this rate would
/// ever have saved, the clock earns nothing beside it, so nobody is called twice. No state: a restart begins without a second's worth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Valve {
    limits: bool,
    open: u64,
    at: Timestamp,
}

impl Valve {
    /// Follows the clock.
    pub fn step(&mut self, credit: Credit, pace: Pace, at: Timestamp) {
        let limits = credit.saved > Credit::most(pace, at);
        if limits && self.limits {
            let second = (u64::from(pace.at(at)) * 1_000).max(PERSON);
            self.open = (self.open + pace.earned(self.at, at)).min(second + PERSON - 1);
        } else {
            self.open = 0;
        }
        (self.limits, self.at) = (limits, at);
    }

    /// How many it lets out now.
    #[must_use]
    pub fn lets(&self) -> u32 {
        if self.limits { u32::try_from(self.open / PERSON).unwrap_or(u32::MAX) } else { u32::MAX }
    }

    /// So many were called.
    pub fn spend(&mut self, people: u32) {
        self.open = self.open.saturating_sub(u64::from(people) * PERSON);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;
    use crate::waiting_room::Ramp;

    fn still(rate: u32) -> Pace {
        Pace { rate, ramp: None }
    }

    #[test]
    fn a_rate_is_kept_exactly_in_small_steps() {
        for rate in [1, 7, 60, 601, 72_000] {
            let mut credit = Credit::default();
            let mut called = 0_u64;
            for step in 1..=60_000_u64 {
                let at = Timestamp(step * 50);
                let people = credit.people(still(rate), at);
                credit.spend(still(rate), at, people);
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
        assert_eq!(credit.people(still(600), hour), 10);
        assert_eq!(credit.people(still(1), hour), 1);
        credit.spend(still(600), hour, 10);
        assert_eq!(credit.people(still(600), hour), 0);
        credit.give_back(still(600), hour, 3);
        assert_eq!(credit.people(still(600), hour), 3);
        credit.give_back(still(600), hour, 1_000);
        assert_eq!(credit.people(still(600), hour), 50);
    }

    #[test]
    fn what_was_saved_at_a_high_rate_is_let_out_at_the_low_one() {
        let (mut credit, mut valve) = (Credit::default(), Valve::default());
        let mut at = Timestamp(3_600_000);
        credit.give_back(still(6_000), at, 400);
        credit.turn(still(6_000), at);
        let mut minutes = Vec::new();
        for _ in 0..10 {
            let mut called = 0;
            for _ in 0..1_200 {
                at = at.plus(Millis(50));
                valve.step(credit, still(60), at);
                let people = credit.people(still(60), at).min(valve.lets());
                credit.spend(still(60), at, people);
                valve.spend(people);
                called += people;
            }
            minutes.push(called);
        }
        // What is within five seconds of the rate may come at once.
        assert!(minutes.iter().all(|people| (59..=66).contains(people)), "{minutes:?}");
        assert!((600..=606).contains(&minutes.iter().sum::<u32>()), "{minutes:?}");
    }

    #[test]
    fn a_ramp_lets_in_what_lies_under_it() {
        for (from, to, people) in [(600, 1_800, 6_000), (1_800, 600, 6_000), (60, 0, 150)] {
            let begins = Timestamp(0);
            let pace = Pace { rate: to, ramp: Some(Ramp { from, begins, over: Millis(300_000) }) };
            let mut credit = Credit::default();
            let mut called = 0;
            for step in 1..=6_000_u64 {
                let at = Timestamp(step * 50);
                let some = credit.people(pace, at);
                credit.spend(pace, at, some);
                called += some;
            }
            assert_eq!(called, people, "{from} to {to}");
        }
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
                    credit.give_back(still(rate), at, 1);
                }
                let people = credit.people(still(rate), at);
                credit.spend(still(rate), at, people);
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
