//! Finding a bundle: for each part a slot with a free unit, the days between them within the rule's gap.
//!
//! Days are tried in ascending order, guided by each group's counters and its map of free slots, so the cost grows with
//! the days looked at and not with the slots. Only when that finds nothing, and only if some deadline may have come, are
//! slots looked at one by one for holds that are due.

use smallvec::SmallVec;

use super::Decision;
use crate::fact::NewItem;
use crate::ids::{Quantity, SaleIx, SlotRef};
use crate::inventory::{Group, Shard};
use crate::refusal::{Missing, Refusal};
use crate::sale::BundleRule;
use crate::time::{Timestamp, WallTime};

/// Which bundles are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The first part starts not before.
    pub from: Option<WallTime>,
    /// The first part starts before.
    pub to: Option<WallTime>,
    /// What is released is released at this time.
    pub wall: WallTime,
    /// What is due is due at this time.
    pub at: Timestamp,
}

impl Window {
    fn starts_inside(&self, starts_at: Option<WallTime>) -> bool {
        let unbounded = self.from.is_none() && self.to.is_none();
        starts_at.map_or(unbounded, |starts| {
            self.from.is_none_or(|from| starts >= from) && self.to.is_none_or(|to| starts < to)
        })
    }
}

/// The slots of a bundle, a part each.
pub(crate) type Parts = SmallVec<[SlotRef; 4]>;

/// One search: the shards of a venue, all held.
pub(super) struct Search<'a> {
    pub sale: SaleIx,
    pub rule: &'a BundleRule,
    pub venue: &'a str,
    pub window: Window,
    pub shards: SmallVec<[(u8, &'a Shard); 4]>,
    /// Units that are spoken for already, by slot; a slot may stand here several times.
    pub taken: SmallVec<[(SlotRef, Quantity); 4]>,
    /// Whether slots that are full only of holds past their deadline count.
    pub count_due: bool,
}

impl Search<'_> {
    /// The first bundle in the order of days.
    pub fn first(&self) -> Option<Parts> {
        let mut parts = Parts::new();
        self.extend(&mut parts, None).then_some(parts)
    }

    /// Adds parts to what is chosen until the bundle is whole; leaves `parts` as it was if it cannot be.
    pub fn extend(&self, parts: &mut Parts, day_before: Option<i32>) -> bool {
        let Some(product) = self.rule.parts.get(parts.len()) else { return true };
        let days = match (day_before, self.rule.gap_days) {
            (Some(before), Some((least, most))) => {
                Some((before + i32::from(least), before + i32::from(most)))
            }
            _ => None,
        };
        for (number, shard) in &self.shards {
            let (Some(venue), Some(product)) = (shard.names.known(self.venue), shard.names.known(product))
            else {
                continue;
            };
            for group in shard.groups_from(self.sale, venue, product, days.map(|(least, _)| least)) {
                if days.is_some_and(|(_, most)| group.key.day.is_none_or(|day| day > most)) {
                    break;
                }
                // Between parts of which one has no day there is no gap.
                if self.rule.gap_days.is_some() && group.key.day.is_none() {
                    continue;
                }
                let Some(index) = self.slot_in(*number, shard, group, parts) else { continue };
                parts.push(SlotRef { shard: *number, index });
                if self.extend(parts, group.key.day) {
                    return true;
                }
                parts.pop();
            }
        }
        false
    }

    /// A slot of the group that can be had.
    fn slot_in(&self, number: u8, shard: &Shard, group: &Group, parts: &Parts) -> Option<u32> {
        let first = parts.is_empty();
        let good = |index: u32| {
            let place = SlotRef { shard: number, index };
            shard.released(index, self.window.wall)
                && (!first || self.window.starts_inside(shard.info(index).starts_at))
                && self.has_units(shard, place, parts)
        };
        if group.counts.free() > 0 {
            let mut rank = 0;
            while let Some(found) = group.next_free(rank) {
                let index = group.slots[found as usize];
                if good(index) {
                    return Some(index);
                }
                rank = found + 1;
            }
        }
        let due =
            |index: &u32| shard.first_deadline(*index).is_some_and(|deadline| deadline <= self.window.at);
        if self.count_due && group.counts.held > 0 {
            return group.slots.iter().copied().find(|index| due(index) && good(*index));
        }
        None
    }

    /// Whether a slot has one unit more than what is spoken for: two parts can be two units of one slot.
    fn has_units(&self, shard: &Shard, place: SlotRef, parts: &Parts) -> bool {
        let chosen = parts.iter().filter(|part| **part == place).map(|_| 1);
        let taken = self.taken.iter().filter(|(slot, _)| *slot == place).map(|(_, units)| *units);
        let needed = taken.chain(chosen).fold(1, Quantity::saturating_add);
        if self.count_due {
            shard.due_for(place.index, self.window.at, needed).1
        } else {
            shard.slot(place.index).free() >= needed
        }
    }

    /// Why there is none: said of this venue and window only.
    fn refusal(&self) -> Refusal {
        let (mut sold_out, mut all_held) = (false, false);
        for product in &self.rule.parts {
            let (mut free, mut held) = (0, 0);
            for (_, shard) in &self.shards {
                let (Some(venue), Some(product)) =
                    (shard.names.known(self.venue), shard.names.known(product))
                else {
                    continue;
                };
                for group in shard.groups_from(self.sale, venue, product, None) {
                    free += group.counts.free();
                    held += group.counts.held;
                }
            }
            sold_out |= free == 0 && held == 0;
            all_held |= free == 0;
        }
        if sold_out {
            Refusal::SoldOut(Vec::new())
        } else if all_held {
            Refusal::AllHeld(Vec::new())
        } else {
            Refusal::BundleIncomplete {
                why: format!("no free parts of `{}` fit together at `{}`", self.rule.name, self.venue),
            }
        }
    }
}

impl Decision<'_> {
    /// A bundle at a venue whose shards are held.
    pub(super) fn find_bundle(
        &self,
        sale: SaleIx,
        rule: &BundleRule,
        venue: &str,
        window: Window,
        taken: &[NewItem],
    ) -> Result<Parts, Refusal> {
        let mask = self.core.state.names.venue(sale, venue) & self.guards.mask();
        let shards =
            (0..64).filter(|shard| mask >> shard & 1 == 1).map(|shard| (shard, self.guards.look(shard)));
        let taken = taken.iter().map(|item| (item.slot, item.quantity)).collect();
        let mut search =
            Search { sale, rule, venue, window, shards: shards.collect(), taken, count_due: false };
        if search.shards.is_empty() {
            return Err(Refusal::NotFound(Missing::Venue(venue.to_owned())));
        }
        if let Some(parts) = search.first() {
            return Ok(parts);
        }
        search.count_due = search.shards.iter().any(|(_, shard)| shard.may_be_due(window.at));
        if search.count_due
            && let Some(parts) = search.first()
        {
            return Ok(parts);
        }
        Err(search.refusal())
    }
}
