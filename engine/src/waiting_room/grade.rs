//! Whether what people were told came true: counted when they are called. State: it follows from facts, and a restart or a
//! replay comes to the same.
//!
//! What is graded is the *first* range a ticket was shown, which is what somebody planned their evening by. Later ones are
//! easier. Who left, or was not there at the turn, is counted apart: nothing can be said of a call that did not happen.

use serde::{Deserialize, Serialize};

use super::span::Span;
use crate::digest::mix;
use crate::time::{Millis, Timestamp};

/// The bounds between the classes of errors, as hundredths of the promised middle; below zero is earlier than said.
pub const ERRORS: [i64; 10] = [-50, -30, -20, -10, 0, 10, 20, 30, 50, 100];

/// How many classes there are.
pub const CLASSES: usize = ERRORS.len() + 1;

/// An error is a share of the promised middle, or of this if the middle is less: nobody asks more often.
const SHORTEST: Millis = Millis(10_000);

/// The first range a ticket was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct First {
    /// When, in tenths of a second of engine time, the lowest 32 bits: 13 years.
    pub shown: u32,
    /// At least so long from then.
    pub low: Span,
    /// At most.
    pub high: Span,
}

/// An instant as [`First::shown`] has it.
#[must_use]
pub fn tenths(at: Timestamp) -> u32 {
    u32::try_from((at.0 / 100) & 0xffff_ffff).unwrap_or(0)
}

impl First {
    /// How long it is from the showing to `at`.
    #[must_use]
    pub fn waited(self, at: Timestamp) -> Millis {
        Millis(u64::from(tenths(at).wrapping_sub(self.shown)) * 100)
    }
}

/// What came of ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Called within the range.
    pub inside: u64,
    /// Called before it.
    pub early: u64,
    /// Called after it.
    pub late: u64,
    /// Called within a fifth of the promised middle.
    pub near: u64,
    /// By the error as a share of the promised middle; the classes of [`ERRORS`].
    pub errors: [u64; CLASSES],
}

impl Marks {
    /// Somebody is called.
    pub fn mark(&mut self, first: First, at: Timestamp) {
        let waited = first.waited(at);
        let (low, high) = (first.low.millis(), first.high.millis());
        // Instants are kept to the tenth of a second.
        if waited.0 + 100 < low.0 {
            self.early += 1;
        } else if waited.0 > high.0 + 100 {
            self.late += 1;
        } else {
            self.inside += 1;
        }
        let middle = i64::try_from(u64::midpoint(low.0, high.0)).unwrap_or(i64::MAX / 200);
        let error = i64::try_from(waited.0).unwrap_or(i64::MAX / 200) - middle;
        let of = middle.max(i64::try_from(SHORTEST.0).unwrap_or(1));
        let hundredths = (error * 100).div_euclid(of);
        self.near += u64::from(error.abs() * 5 <= of);
        self.errors[ERRORS.iter().take_while(|bound| hundredths >= **bound).count()] += 1;
    }

    /// How many were called.
    #[must_use]
    pub fn called(&self) -> u64 {
        self.inside + self.early + self.late
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.inside += other.inside;
        self.early += other.early;
        self.late += other.late;
        self.near += other.near;
        for (mine, theirs) in self.errors.iter_mut().zip(other.errors) {
            *mine += theirs;
        }
        self
    }
}

/// How often an upper bound rose that somebody had been shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    /// How often, whatever the cause.
    pub times: u64,
    /// Of those, after something had really changed: a pause, a dial, a cap or a stock that began to limit.
    pub caused: u64,
    /// Tickets whose bound rose without that.
    pub tickets: u64,
    /// The sum of what it rose by.
    pub by: Millis,
    /// The most it rose by at once.
    pub most: Millis,
}

impl Raised {
    /// Whether none did.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.times == 0
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            times: self.times + other.times,
            caused: self.caused + other.caused,
            tickets: self.tickets + other.tickets,
            by: Millis(self.by.0.saturating_add(other.by.0)),
            most: self.most.max(other.most),
        }
    }
}

/// Of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// Tickets that were shown a range.
    pub shown: u64,
    /// Called, and nobody turned a dial since they had been shown theirs.
    pub steady: Marks,
    /// Called, and somebody did.
    pub turned: Marks,
    /// Called in their turn without having been shown a range.
    pub untold: u64,
    /// Shown a range, and not there at their turn.
    pub absent: u64,
    /// Shown a range, and gone away before their turn.
    pub left: u64,
    /// How often an upper bound rose.
    pub raised: Raised,
}

impl Grade {
    /// All who were called.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.steady.and(&self.turned)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            shown: self.shown + other.shown,
            steady: self.steady.and(&other.steady),
            turned: self.turned.and(&other.turned),
            untold: self.untold + other.untold,
            absent: self.absent + other.absent,
            left: self.left + other.left,
            raised: self.raised.and(&other.raised),
        }
    }

    /// What it adds to the digest of the lines; nothing while nobody has been shown a range, as in journals of before there were any.
    #[must_use]
    pub fn digest(&self, lane: u8) -> u64 {
        if self.shown == 0 && self.raised.is_none() {
            return 0;
        }
        let mut hash = 0x6772_6164_6500_0000 | u64::from(lane);
        let mut add = |value: u64| hash = mix(hash, value);
        for marks in [&self.steady, &self.turned] {
            [marks.inside, marks.early, marks.late, marks.near].into_iter().for_each(&mut add);
            marks.errors.into_iter().for_each(&mut add);
        }
        let Raised { times, caused, tickets, by, most } = self.raised;
        [self.shown, self.untold, self.absent, self.left, times, caused, tickets, by.0, most.0]
            .into_iter()
            .for_each(&mut add);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(low_s: u64, high_s: u64) -> First {
        First {
            shown: tenths(Timestamp(1_000_000)),
            low: Span::at_most(Millis(low_s * 1_000)),
            high: Span::at_least(Millis(high_s * 1_000)),
        }
    }

    #[test]
    fn a_call_is_inside_early_or_late_and_has_one_error() {
        let mut marks = Marks::default();
        // The middle is 100 s.
        let classes = [(40, 0), (79, 2), (80, 3), (99, 4), (100, 5), (119, 6), (121, 7), (150, 9), (201, 10)];
        for (waited, class) in classes {
            let before = marks.errors[class];
            marks.mark(first(80, 120), Timestamp(1_000_000 + waited * 1_000));
            assert_eq!(marks.errors[class], before + 1, "{waited}: {:?}", marks.errors);
        }
        assert_eq!((marks.early, marks.inside, marks.late), (2, 4, 3));
        assert_eq!((marks.called(), marks.near), (9, 4));
    }

    #[test]
    fn seconds_at_the_front_are_no_errors() {
        let mut marks = Marks::default();
        marks.mark(first(0, 2), Timestamp(1_002_000));
        assert_eq!((marks.inside, marks.near), (1, 1));
    }

    #[test]
    fn tenths_go_round() {
        let late = Timestamp((1_u64 << 32) * 100 - 300);
        let told = First { shown: tenths(late), ..First::default() };
        assert_eq!(told.waited(late.plus(Millis(5_000))), Millis(5_000));
    }

    #[test]
    fn every_figure_is_in_the_digest_and_the_sum() {
        let mut grade = Grade { untold: 3, ..Grade::default() };
        assert_eq!(grade.digest(1), 0);
        grade.shown = 1;
        grade.steady.mark(first(80, 120), Timestamp(1_090_000));
        let one = grade.digest(1);
        grade.raised.times += 1;
        assert_ne!(one, grade.digest(1));
        assert_ne!(grade.digest(1), grade.digest(2));
        let both = grade.and(&grade);
        assert_eq!((both.marks().inside, both.raised.times), (2, 2));
    }
}
