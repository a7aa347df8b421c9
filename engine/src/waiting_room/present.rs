//! How many of those who wait are there, by where they stand: looked at a little with every step, so that a place far behind
//! costs no more to estimate than one in front. No state.
//!
//! Those who were drawn stand in random order, so one share is true for every stretch of them. Who came later stands in the
//! order of joining, and the last to join are there more often than the first: they are counted in blocks.

use super::lane::{LaneLine, Standing};
use super::seen::{Presence, Seen};
use crate::time::Timestamp;

/// Tickets looked at in one step of a lane: a million are looked at in twelve seconds.
const LOOKS: u32 = 4_096;

/// Tickets of one block of those who came later.
const BLOCK: u32 = 1_024;

/// Of one lane.
#[derive(Clone, Debug, Default)]
pub struct Present {
    /// The next number to be looked at.
    cursor: u32,
    /// Of the round that runs: there, and nobody can say yet.
    round: (u32, u32),
    /// Of the last whole round: those who were drawn and are there, of so many places without a turn.
    drawn: (u32, u32),
    /// Whether there was a whole round.
    looked: bool,
    /// How many nobody could say of.
    unknown: u32,
    /// Those who came later, by block of numbers, and the block that is being looked at.
    blocks: Vec<u32>,
    block: u32,
}

impl Present {
    /// Looks at the next tickets.
    pub fn look(&mut self, lane: &LaneLine, seen: &Seen, at: Timestamp) {
        let count = lane.registered.count();
        let mut looks = 0;
        while looks < LOOKS && self.cursor < lane.len() {
            let number = self.cursor;
            let waits = lane.row(number).is_some_and(|row| row.standing == Standing::Waiting);
            let presence = if waits { seen.presence(number, at) } else { Presence::Gone };
            let (there, unknown) = match presence {
                Presence::There => (1, 0),
                Presence::Unknown => (1, 1),
                Presence::Gone => (0, 0),
            };
            self.round.1 += unknown;
            if number < count {
                self.round.0 += there;
            } else {
                self.block += there;
                let of = number - count;
                if of % BLOCK == BLOCK - 1 || number + 1 == lane.len() {
                    let block = (of / BLOCK) as usize;
                    if self.blocks.len() <= block {
                        self.blocks.resize(block + 1, 0);
                    }
                    self.blocks[block] = std::mem::take(&mut self.block);
                }
            }
            self.cursor += 1;
            looks += 1;
        }
        if self.cursor >= lane.len() {
            self.drawn = (self.round.0, count.saturating_sub(lane.turns));
            self.unknown = self.round.1;
            self.looked = true;
            (self.cursor, self.round, self.block) = (0, (0, 0), 0);
        }
    }

    /// Whether it is known who is there: after a restart nobody is, until everybody has had the time to ask again.
    #[must_use]
    pub fn is_known(&self, lane: &LaneLine) -> bool {
        self.looked && u64::from(self.unknown) * 10 <= u64::from(lane.waiting())
    }

    /// How many are there between the head of the line and a place (from 0), about.
    #[must_use]
    pub fn ahead(&self, lane: &LaneLine, place: u32) -> f64 {
        let count = lane.registered.count();
        let ahead_drawn = place.min(count).saturating_sub(lane.turns);
        let (there, of) = self.drawn;
        let share = if of == 0 { 1.0 } else { (f64::from(there) / f64::from(of)).min(1.0) };
        f64::from(ahead_drawn) * share + self.late(lane, lane.turns.max(count), place.max(count))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self, lane: &LaneLine) -> f64 {
        self.ahead(lane, lane.len())
    }

    /// Of those who came later, from one place to another: whole blocks as they were counted, parts of one in proportion.
    fn late(&self, lane: &LaneLine, from: u32, to: u32) -> f64 {
        let count = lane.registered.count();
        let (from, to) = (from.saturating_sub(count), to.saturating_sub(count));
        let late = lane.len().saturating_sub(count);
        let mut sum = 0.0;
        for block in from / BLOCK..to.div_ceil(BLOCK) {
            let (first, end) = (block * BLOCK, ((block + 1) * BLOCK).min(late));
            // Places whose turn has been are in nobody's count.
            let turned = (lane.turns.max(count) - count).clamp(first, end);
            let part = (to.min(end).saturating_sub(from.max(turned))).min(end - turned);
            let counted = self.blocks.get(block as usize).copied().unwrap_or(end - first);
            if end > turned {
                sum += (f64::from(counted) / f64::from(end - turned)).min(1.0) * f64::from(part);
            }
        }
        sum
    }
}
