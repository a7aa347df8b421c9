//! Which slots of a shard the ticker looks at next: buckets of slots by the tick of their first deadline.
//!
//! A slot stands in at most one bucket, and its bucket is never later than its first deadline's. Holds that leave do
//! not move it: the ticker finds nothing due, and puts the slot where it belongs now. So a slot that is held and sold
//! all day costs one entry per hold lifetime, not one per hold.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// A tick is 256 ms.
const TICK_BITS: u32 = 8;

/// Ticks count from here (2020-01-01) so that they fit 32 bits until 2054.
const EPOCH_MS: u64 = 1_577_836_800_000;

/// The tick of a slot that stands in no bucket.
pub const UNSCHEDULED: u32 = u32::MAX;

/// Buckets by tick.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    buckets: BTreeMap<u32, Vec<u32>>,
}

impl Schedule {
    /// The tick of an instant.
    #[must_use]
    pub fn tick(at: Timestamp) -> u32 {
        u32::try_from(at.0.saturating_sub(EPOCH_MS) >> TICK_BITS).unwrap_or(UNSCHEDULED - 1)
    }

    /// Sees to it that the slot is looked at when `deadline` comes. `scheduled` is the slot's own note of its bucket.
    #[inline]
    pub fn note(&mut self, slot: u32, scheduled: &mut u32, deadline: Timestamp) {
        let tick = Self::tick(deadline);
        if tick < *scheduled {
            // An entry in a later bucket stays behind; `take` tells it by the slot's note.
            *scheduled = tick;
            self.buckets.entry(tick).or_default().push(slot);
        }
    }

    /// Whether something may be due; false means that nothing is. A slot that was looked at a moment too early stands in
    /// the bucket after its deadline's ([`Schedule::note_next`]), so the next bucket counts as well.
    #[must_use]
    pub fn may_be_due(&self, now: Timestamp) -> bool {
        self.buckets.first_key_value().is_some_and(|(tick, _)| *tick <= Self::tick(now) + 1)
    }

    /// Takes one slot whose tick has come, and the tick it stood in. The caller compares it with the slot's note (an
    /// older entry is passed over), resets the note, and calls [`Schedule::note`] again if the slot still has holds.
    pub fn take(&mut self, now: Timestamp) -> Option<(u32, u32)> {
        let mut first = self.buckets.first_entry()?;
        let tick = *first.key();
        if tick > Self::tick(now) {
            return None;
        }
        let slot = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        slot.map(|slot| (slot, tick))
    }

    /// Puts a slot into the bucket after `now`, because what it has left is due later in the running tick.
    pub fn note_next(&mut self, slot: u32, scheduled: &mut u32, now: Timestamp) {
        let tick = Self::tick(now) + 1;
        *scheduled = tick;
        self.buckets.entry(tick).or_default().push(slot);
    }
}
