//! Whether a place will most likely be reached before everything is gone: said early, with the reason in figures.
//!
//! Nobody is told they have no chance: carts come back and people go away. "Low" is said only if those who are there ahead
//! will want more than there is even if as many do not come as can be thought, and is taken back when it is not so any more.

use super::line::Line;
use super::moves::{Outlook, size};
use crate::time::Timestamp;

/// Low is said when what is wanted ahead is so much more than what is left, and taken back when it is not more.
const ENTER: f64 = 1.1;

/// Terms of the sale weigh as much as so many people who came in.
const TERMS: f64 = 30.0;

/// Chances are low, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowChances {
    /// So many people are there ahead, and have their turn before, about.
    pub people_ahead: u64,
    /// What is left is enough for so many, about.
    pub enough_for: u64,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of people, clamped")]
fn whole(count: f64) -> u64 {
    count.clamp(0.0, 1e15).round() as u64
}

impl Line {
    /// Units that go for each person who comes in: what the terms say, and more and more what was measured.
    fn units_taken(&self, outlook: &Outlook) -> f64 {
        let terms = f64::from(self.rules.units_per_visitor);
        let (units, people) = outlook.units.unwrap_or_default();
        ((terms * TERMS + units) / (TERMS + people)).clamp(terms / 4.0, terms * 4.0)
    }

    /// For how many people still outside, who come, the stock is enough; none while nobody has looked.
    pub(super) fn enough_for(&self, outlook: &Outlook, at: Timestamp) -> Option<f64> {
        self.moves.outlook?;
        let units = self.units_taken(outlook);
        // Of the called, those who will not come are most: their windows are whole, the others have been used at once.
        let called = f64::from(self.inside.called());
        let called = (called - self.circling(outlook.no_shows.mid, at)).max(called * 0.1);
        let stock = size(self.stock.free) + size(self.stock.later);
        Some((stock / units - called - self.looking()).max(0.0))
    }

    /// How many are inside and hold nothing yet, about: each will want something.
    pub(super) fn looking(&self) -> f64 {
        let sessions = f64::from(self.inside.active() - self.inside.called());
        let holding = size(self.stock.held) / f64::from(self.rules.units_per_visitor);
        (sessions - holding).max(0.0)
    }

    /// Whether the chances of a place (from 0) are low.
    #[must_use]
    pub fn chances(&self, lane: u8, number: u32, place: u32, at: Timestamp) -> Option<LowChances> {
        self.drawn?;
        let outlook = self.outlook();
        let left = self.enough_for(&outlook, at)?;
        let people = self.calls_before(lane, place);
        let coming = people * (1.0 - outlook.no_shows.high);
        let bound = if self.told.is_low(lane, number) { left } else { left * ENTER };
        (coming >= bound.max(1.0))
            .then(|| LowChances { people_ahead: whole(people), enough_for: whole(left) })
    }
}
