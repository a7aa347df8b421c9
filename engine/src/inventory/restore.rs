//! A shard put together again from a snapshot: what `add_slot` and `take` do, from how things stood instead of from what
//! happened. Counters, ranks, the map of free slots, the schedule and the digest are made again, not believed.

use super::group::{Group, GroupKey};
use super::shard::Shard;
use super::slot::{ALWAYS, Slot, SlotExtra, SlotInfo};
use crate::expiry::Node;
use crate::ids::Quantity;
use crate::time::WallTime;

/// A slot as a snapshot has it.
#[derive(Clone, Debug)]
pub struct SavedSlot<'a> {
    /// Its group in the shard.
    pub group: u32,
    /// Capacity, held, sold, blocked.
    pub units: [Quantity; 4],
    /// Not for sale before.
    pub releases_at: WallTime,
    /// Its public id.
    pub name: &'a str,
    /// When it begins.
    pub starts_at: Option<WallTime>,
    /// When it ends.
    pub ends_at: Option<WallTime>,
    /// What only some slots have.
    pub extra: Option<Box<SlotExtra>>,
}

impl Shard {
    /// All groups, in the order they were made.
    #[must_use]
    pub fn groups_in_order(&self) -> &[Group] {
        &self.groups
    }

    /// The next group, still without slots. False if there is one with this key.
    pub fn restore_group(&mut self, key: GroupKey) -> bool {
        let groups = self.groups.len();
        self.group(key) as usize == groups
    }

    /// The next slot, its holds still to come. False if no such slot can be.
    pub fn restore_slot(&mut self, saved: SavedSlot<'_>) -> bool {
        let [capacity, held, sold, blocked] = saved.units;
        let used = u64::from(held) + u64::from(sold) + u64::from(blocked);
        let Some(group) = self.groups.get_mut(saved.group as usize) else { return false };
        if used > u64::from(capacity) || saved.name.len() > usize::from(u8::MAX) {
            return false;
        }
        let index = self.slots.places();
        let rank = group.add(index);
        let name = self.texts.add(saved.name);
        let slot = Slot {
            held,
            sold,
            blocked,
            ..Slot::new(group.key.sale, capacity, saved.releases_at, saved.group, rank, name)
        };
        group.counts.capacity += u64::from(capacity);
        group.counts.held += u64::from(held);
        group.counts.sold += u64::from(sold);
        group.counts.blocked += u64::from(blocked);
        group.note_free(rank, slot.free() > 0);
        group.note_more(rank, slot.free());
        group.note_release(saved.releases_at, slot.free(), slot.held);
        self.digest.add(slot.digest(index));
        self.slots.push(slot);
        let (starts_at, ends_at) = (saved.starts_at, saved.ends_at);
        let row = saved.extra.as_ref().and_then(|extra| extra.row.clone());
        group.accessible += u32::from(saved.extra.as_ref().is_some_and(|extra| extra.accessible));
        self.infos.push(SlotInfo { starts_at, ends_at, extra: saved.extra });
        if let Some(row) = row {
            self.seat(index, starts_at, &row);
        }
        if saved.releases_at != ALWAYS {
            self.last_release = self.last_release.max(Some(saved.releases_at));
        }
        true
    }

    /// A live hold of a slot, the next in its order.
    pub fn restore_hold(&mut self, index: u32, place: u32, node: Node) {
        let slot = &mut self.slots[index];
        self.groups[slot.group as usize].note_due(node.deadline);
        self.expiry.schedule.note(index, &mut slot.scheduled, node.deadline);
        self.expiry.restore_hold(index, &mut slot.due, place, node);
    }

    /// The places of the live holds of a slot, in the order they are due.
    pub fn places_of_holds(&self, index: u32) -> impl Iterator<Item = u32> {
        self.expiry.places_of(index, &self.slots[index].due)
    }
}
