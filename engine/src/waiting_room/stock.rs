//! The stock as calling sees it, and what is likely to become of it while somebody who is called now comes in.
//!
//! All of it is an opinion, taken from what the last half minute was like; nothing in here is state.

use crate::outcome::StockState;
use crate::sequence::Sequence;
use crate::time::{Millis, Timestamp};

/// Units of the sale, as calling sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Can be held now.
    pub free: u64,
    /// Are held.
    pub held: u64,
    /// Are released later.
    pub later: u64,
    /// Were ever held, since the start.
    pub taken: u64,
    /// Were held and became free again, since the start.
    pub returned: u64,
    /// In a word, for everybody; none while nobody has looked.
    pub word: Option<StockState>,
    /// Whether nothing of what there is is free, held, or released later; false while nobody has looked, and
    /// without any slot.
    pub sold_out: bool,
    /// Of each lane: how many of those who were invited into it and are not called yet have units set aside, so that they need
    /// nothing free.
    pub backed: [u32; super::rules::MAX_LANES],
    /// The highest number seen by any lock this was counted under.
    pub rests_on: Sequence,
}

/// How often the flow is looked at.
const SAMPLE: Millis = Millis(1_000);

/// Over how long it is averaged.
const MEMORY: Millis = Millis(30_000);

/// How long people take from the call to their first use of the pass, while nobody has shown.
const FIRST_GUESS: Millis = Millis(5_000);

/// Of so many people who come in the mean is made.
const PEOPLE: u64 = 64;

/// See the module. Rates are in thousandths of a unit a second.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    sampled: Option<(Timestamp, Stock)>,
    /// Units that people with a pass took, since the start.
    by_pass: u64,
    sampled_by_pass: u64,
    returned: u64,
    others: u64,
    come_in: Millis,
}

impl Default for Flow {
    fn default() -> Self {
        Self { sampled: None, by_pass: 0, sampled_by_pass: 0, returned: 0, others: 0, come_in: FIRST_GUESS }
    }
}

/// Moves a mean towards what was seen for a part of [`MEMORY`].
fn towards(mean: u64, seen: u64, passed: Millis) -> u64 {
    (mean * MEMORY.0 + seen * passed.0) / (MEMORY.0 + passed.0)
}

impl Flow {
    /// The stock was counted.
    pub fn sample(&mut self, at: Timestamp, stock: Stock) {
        let Some((since, before)) = self.sampled else {
            self.sampled = Some((at, stock));
            return;
        };
        let passed = at.since(since);
        if passed < SAMPLE {
            return;
        }
        let rate = |units: u64| units * 1_000_000 / passed.0;
        let taken = stock.taken.saturating_sub(before.taken);
        let others = taken.saturating_sub(self.by_pass - self.sampled_by_pass);
        let returned = stock.returned.saturating_sub(before.returned);
        self.others = towards(self.others, rate(others), passed);
        self.returned = towards(self.returned, rate(returned), passed);
        (self.sampled, self.sampled_by_pass) = (Some((at, stock)), self.by_pass);
    }

    /// Everybody needs a pass: whatever others took before, they take nothing from now on.
    pub fn only_passes(&mut self) {
        self.others = 0;
    }

    /// Somebody with a pass took so many units.
    pub fn note_taken(&mut self, units: u64) {
        self.by_pass += units;
    }

    /// Somebody who was called came in after so long.
    pub fn note_come_in(&mut self, after: Millis) {
        self.come_in = Millis((self.come_in.0 * (PEOPLE - 1) + after.0) / PEOPLE);
    }

    /// Units that can be counted on by who is called now: what is free, and what will come back until they are here, less
    /// what others, who need no pass, will take until then.
    #[must_use]
    pub fn in_view(&self, stock: Stock) -> u64 {
        let until_here = |rate: u64| rate * self.come_in.0;
        let returns = (until_here(self.returned) / 1_000_000).min(stock.held);
        // Rounded to the nearest: what is left of an old rate keeps no unit back for minutes.
        let others = (until_here(self.others) + 500_000) / 1_000_000;
        (stock.free + returns).saturating_sub(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A minute in which so many units a second come back and are taken, some of them with passes.
    fn minute(returned: u64, taken: u64, by_pass: u64) -> Flow {
        let mut flow = Flow::default();
        for second in 0..60 {
            let stock = Stock { taken: taken * second, returned: returned * second, ..Stock::default() };
            flow.sample(Timestamp(second * 1_000), stock);
            flow.note_taken(by_pass);
        }
        flow
    }

    #[test]
    fn what_comes_back_is_counted_on_and_what_others_take_is_not() {
        let stock = |free, held| Stock { free, held, ..Stock::default() };
        assert_eq!(Flow::default().in_view(stock(100, 50)), 100);
        // Four come back every second, people need five seconds to come in; the mean has not quite arrived.
        assert_eq!(minute(4, 0, 0).in_view(stock(100, 50)), 117);
        // Never more than there is to come back.
        assert_eq!(minute(4, 0, 0).in_view(stock(100, 3)), 103);
        // Six of ten are taken by the phone desk.
        assert_eq!(minute(0, 10, 4).in_view(stock(100, 0)), 74);
        assert_eq!(minute(0, 10, 4).in_view(stock(7, 0)), 0);
        assert_eq!(minute(0, 10, 10).in_view(stock(7, 0)), 7);
    }

    #[test]
    fn how_long_people_take_is_learned() {
        let mut flow = minute(4, 0, 0);
        for _ in 0..400 {
            flow.note_come_in(Millis(1_000));
        }
        assert_eq!(flow.in_view(Stock { free: 0, held: 50, ..Stock::default() }), 3);
    }
}
