//! Which slots of a shard the ticker looks at next: buckets of slots by the tick of their first deadline.
//!
//! A slot stands in at most one bucket, and its bucket is never later than its first deadline's. Holds that leave do
//! not move it: the ticker finds nothing due, and puts the slot where it belongs now. So a slot that is held and sold
//! all day costs one entry per hold lifetime, not one per hold.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// From [`FINE_FROM`] to [`FINE_TO`] a tick is 256 ms.
const FINE_BITS: u32 = 8;

/// Before and after it is 8 s, so that 32 bits last from 1970 to 2154: a folder that was founded, or once started, by a clock
/// nobody had set still gives back what nobody asks for.
const COARSE_BITS: u32 = 13;

/// 2020-01-01.
const FINE_FROM: u64 = 1_577_836_800_000;

/// 2050-01-01.
const FINE_TO: u64 = 2_524_608_000_000;

/// The tick of a slot that stands in no bucket.
pub const UNSCHEDULED: u32 = u32::MAX;

/// Buckets by tick.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    buckets: BTreeMap<u32, Vec<u32>>,
}

impl Schedule {
    /// The tick of an instant. A later one never has a lower tick.
    #[must_use]
    pub fn tick(at: Timestamp) -> u32 {
        let before = at.0.min(FINE_FROM) >> COARSE_BITS;
        let between = (at.0.clamp(FINE_FROM, FINE_TO) - FINE_FROM) >> FINE_BITS;
        let after = at.0.saturating_sub(FINE_TO) >> COARSE_BITS;
        u32::try_from(before + between + after).unwrap_or(UNSCHEDULED).min(UNSCHEDULED - 1)
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

    /// Whether any bucket's tick has come, or comes next: [`Schedule::note_next`] puts what is due later in the running
    /// tick there. False means that nothing is due.
    #[must_use]
    pub fn may_be_due(&self, now: Timestamp) -> bool {
        self.buckets.first_key_value().is_some_and(|(tick, _)| *tick <= Self::tick(now).saturating_add(1))
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

    /// All entries as slot and tick; those that are no slot's own note are old ones that [`Schedule::take`] passes over.
    pub fn entries(&self) -> impl Iterator<Item = (u32, u32)> {
        self.buckets.iter().flat_map(|(tick, slots)| slots.iter().map(|slot| (*slot, *tick)))
    }

    /// Puts a slot into the bucket after `now`, because what it has left is due later in the running tick.
    pub fn note_next(&mut self, slot: u32, scheduled: &mut u32, now: Timestamp) {
        let tick = Self::tick(now) + 1;
        *scheduled = tick;
        self.buckets.entry(tick).or_default().push(slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Years before 2020 and after 2050 among them, and both ends of the fine ticks.
    #[test]
    fn a_slot_is_looked_at_soon_after_its_deadline_in_any_year() {
        let years =
            [10_000, 86_400_000, 1_400_000_000_000, 1_800_000_000_000, 2_800_000_000_000, 5_600_000_000_000];
        let seams = [FINE_FROM - 60_000, FINE_FROM, FINE_TO - 60_000, FINE_TO];
        for start in years.into_iter().chain(seams) {
            for ttl in (1..60_000).step_by(997) {
                let deadline = Timestamp(start + ttl);
                let (mut schedule, mut scheduled) = (Schedule::default(), UNSCHEDULED);
                schedule.note(7, &mut scheduled, deadline);
                assert_eq!(schedule.take(Timestamp(start - 8_192)), None, "{start} + {ttl}");
                // As the ticker does it: who comes early in the right tick comes again with the next.
                let mut at = Timestamp(start);
                while schedule.take(at).is_none() || at < deadline {
                    if schedule.entries().next().is_none() {
                        scheduled = UNSCHEDULED;
                        schedule.note_next(7, &mut scheduled, at);
                    }
                    at = at.plus(crate::time::Millis(50));
                    let tick = if (FINE_FROM..FINE_TO).contains(&deadline.0) { 256 } else { 8_192 };
                    assert!(at.0 <= deadline.0 + tick + 50, "{start} + {ttl}: not looked at");
                }
            }
        }
    }

    #[test]
    fn ticks_never_go_back() {
        let mut last = 0;
        for at in (0..6_000_000_000_000).step_by(999_999_937) {
            assert!(Schedule::tick(Timestamp(at)) >= last);
            last = Schedule::tick(Timestamp(at));
        }
        for seam in [FINE_FROM, FINE_TO] {
            for at in seam - 20_000..seam + 20_000 {
                let step = Schedule::tick(Timestamp(at + 1)) - Schedule::tick(Timestamp(at));
                assert!(step <= 1, "{at}");
            }
        }
        assert!(Schedule::tick(Timestamp(u64::MAX)) < UNSCHEDULED);
    }
}
