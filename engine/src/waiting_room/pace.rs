//! The rate at which people may come in, as it is at any instant: a dial, or a dial that is on its way.
//!
//! A ramp goes in a straight line, so what it earns is an area, computed exactly: the same steps after a restart earn the
//! same, and small steps earn as much as one long one.

use serde::{Deserialize, Serialize};

use crate::time::{Millis, Timestamp};

/// The longest a ramp may take: a day.
pub const MAX_RAMP: Millis = Millis(86_400_000);

/// One person: what a rate of one a minute earns in so many milliseconds.
pub(super) const PERSON: u64 = 60_000;

/// A dial on its way to where it was turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ramp {
    /// People a minute when it began.
    pub from: u32,
    /// When it began.
    pub begins: Timestamp,
    /// How long it takes; more than 0, at most [`MAX_RAMP`].
    pub over: Millis,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// People a minute, at the end of the ramp if there is one.
    pub rate: u32,
    /// The way there.
    pub ramp: Option<Ramp>,
}

impl Pace {
    /// People a minute at an instant.
    #[must_use]
    pub fn at(self, at: Timestamp) -> u32 {
        let Some(Ramp { from, begins, over }) = self.ramp else { return self.rate };
        let passed = at.since(begins).0.min(over.0);
        let way = |from: u32, to: u32| u64::from(to - from) * passed / over.0.max(1);
        let moved = |way: u64| u32::try_from(way).unwrap_or(u32::MAX);
        if self.rate >= from {
            from + moved(way(from, self.rate))
        } else {
            from - moved(way(self.rate, from))
        }
    }

    /// Whether nobody comes in: the dial is at 0, and on no way from or to anywhere else.
    #[must_use]
    pub fn stands_still(self, at: Timestamp) -> bool {
        let from = self.ramp.filter(|_| self.is_moving(at)).map_or(0, |ramp| ramp.from);
        self.rate == 0 && from == 0
    }

    /// Whether the ramp is still on its way.
    #[must_use]
    pub fn is_moving(self, at: Timestamp) -> bool {
        self.ramp.is_some_and(|ramp| at.since(ramp.begins) < ramp.over)
    }

    /// What the rate earns from one instant to a later one, in parts of [`PERSON`].
    pub(super) fn earned(self, since: Timestamp, at: Timestamp) -> u64 {
        let Some(ramp) = self.ramp.filter(|ramp| since.since(ramp.begins) < ramp.over) else {
            return u64::from(self.rate).saturating_mul(at.since(since).0);
        };
        let early = Millis(ramp.begins.since(since).0.min(at.since(since).0));
        let area = |at: Timestamp| self.area(ramp, at.since(ramp.begins));
        u64::from(ramp.from).saturating_mul(early.0).saturating_add(area(at).saturating_sub(area(since)))
    }

    /// What is earned from the beginning of the ramp on. Rounded down here alone, so that parts add up to the whole.
    fn area(self, ramp: Ramp, passed: Millis) -> u64 {
        let on_ramp = u128::from(passed.0.min(ramp.over.0));
        let (from, to, over) = (u128::from(ramp.from), u128::from(self.rate), u128::from(ramp.over.0.max(1)));
        // from × t + (to - from) × t² / (2 × over), without a negative number on the way.
        let square = on_ramp * on_ramp;
        let on_way = (from * (2 * over * on_ramp - square) + to * square) / (2 * over);
        let behind = u128::from(passed.0.saturating_sub(ramp.over.0)) * to;
        u64::try_from(on_way + behind).unwrap_or(u64::MAX)
    }

    /// How long it takes from `at` until so many people have had their turn; none if it never comes to that.
    #[must_use]
    pub fn time_for(self, people: u64, at: Timestamp) -> Option<Millis> {
        let wanted = people.checked_mul(PERSON)?;
        let enough = |after: u64| self.earned(at, at.plus(Millis(after))) >= wanted;
        // A year is for ever.
        let (mut low, mut high) = (0, 366 * 86_400_000);
        if !enough(high) {
            return None;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if enough(middle) { high = middle } else { low = middle + 1 }
        }
        Some(Millis(low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(from: u32, to: u32, over: u64) -> Pace {
        Pace { rate: to, ramp: Some(Ramp { from, begins: Timestamp(10_000), over: Millis(over) }) }
    }

    #[test]
    fn a_ramp_goes_straight_up_or_down_and_stays() {
        for (from, to) in [(100, 300), (300, 100), (0, 600), (7, 7)] {
            let pace = ramp(from, to, 300_000);
            assert_eq!(pace.at(Timestamp(0)), from);
            assert_eq!(pace.at(Timestamp(10_000)), from);
            assert_eq!(pace.at(Timestamp(160_000)), from.midpoint(to));
            assert_eq!(pace.at(Timestamp(310_000)), to);
            assert_eq!(pace.at(Timestamp(9_000_000)), to);
            assert!(pace.is_moving(Timestamp(309_999)) && !pace.is_moving(Timestamp(310_000)));
        }
    }

    #[test]
    fn a_ramp_from_or_to_nothing_is_on_its_way() {
        for (from, to) in [(0, 1), (1, 0), (0, 600)] {
            let pace = ramp(from, to, 300_000);
            for passed in [0, 1, 150_000, 299_999] {
                assert!(!pace.stands_still(Timestamp(10_000 + passed)), "{from} to {to} after {passed}");
            }
            assert_eq!(pace.stands_still(Timestamp(310_000)), to == 0);
        }
        assert!(ramp(0, 0, 300_000).stands_still(Timestamp(10_000)));
        assert!(Pace { rate: 0, ramp: None }.stands_still(Timestamp(5)));
    }

    #[test]
    fn small_steps_earn_exactly_what_one_long_one_does() {
        for pace in
            [ramp(100, 301, 300_000), ramp(301, 100, 77_777), ramp(0, 1, 1), Pace { rate: 17, ramp: None }]
        {
            let (begin, end) = (Timestamp(4_000), Timestamp(900_000));
            let mut sum = 0;
            let mut at = begin;
            for step in (1..=50_u64).cycle() {
                let next = at.plus(Millis(step)).min(end);
                sum += pace.earned(at, next);
                at = next;
                if at == end {
                    break;
                }
            }
            assert_eq!(sum, pace.earned(begin, end));
        }
        // Five minutes from 100 to 300 are 1,000 people.
        assert_eq!(ramp(100, 300, 300_000).earned(Timestamp(10_000), Timestamp(310_000)), 1_000 * PERSON);
    }

    #[test]
    fn the_end_of_a_line_is_found_on_a_ramp_as_well() {
        let still = Pace { rate: 600, ramp: None };
        assert_eq!(still.time_for(18_240, Timestamp(5)), Some(Millis(1_824_000)));
        assert_eq!(Pace { rate: 0, ramp: None }.time_for(1, Timestamp(5)), None);
        assert_eq!(Pace { rate: 0, ramp: None }.time_for(0, Timestamp(5)), Some(Millis(0)));
        let pace = ramp(100, 300, 300_000);
        assert_eq!(pace.time_for(1_000, Timestamp(10_000)), Some(Millis(300_000)));
        assert_eq!(pace.time_for(1_300, Timestamp(10_000)), Some(Millis(360_000)));
        assert_eq!(ramp(600, 0, 60_000).time_for(301, Timestamp(10_000)), None);
    }
}
