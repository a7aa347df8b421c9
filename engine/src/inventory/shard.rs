//! One inventory shard: the slots under one lock, their counters, the live holds on them and the carts that live here.
//!
//! The moves of units are all here, in pairs: `take`/`give_back` between free and held, `sell`/`take_back` from held to
//! sold and from sold to free. Each keeps the slot, its group's counters, the map of free slots and the digest in step,
//! so nothing else ever writes a count.

use std::sync::Arc;

use super::group::{Group, GroupKey};
use super::rows::{HallKey, Rows, Seat};
use super::slot::{ALWAYS, Slot, SlotExtra, SlotInfo};
use super::spec::SlotSpec;
use super::text::{Interned, Texts};
use crate::carts::Cart;
use crate::codes::Coded;
use crate::digest::Digest;
use crate::expiry::{Expiry, Node, Schedule, UNSCHEDULED};
use crate::ids::{Quantity, SaleIx};
use crate::request::Notes;
use crate::sale::SaleRules;
use crate::sequence::Sequence;
use crate::slab::Slab;
use crate::time::{Timestamp, WallTime};

/// When a lock's content last changed. Every lock has one: facts are never earlier than it, answers never rest on less.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamp {
    /// The time of the last fact.
    pub at: Timestamp,
    /// Its number.
    pub sequence: Sequence,
}

impl Stamp {
    /// The later of both, part by part.
    #[inline]
    #[must_use]
    pub fn or_later(self, other: Self) -> Self {
        Self { at: self.at.max(other.at), sequence: self.sequence.max(other.sequence) }
    }
}

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::quality::FixedState>;

/// One inventory shard.
#[derive(Clone, Debug, Default)]
pub struct Shard {
    /// When it last changed.
    pub stamp: Stamp,
    /// The sum of its slots and carts.
    pub digest: Digest,
    /// The carts that live here.
    pub carts: Slab<Cart>,
    /// What clients attached to carts, for those few that have something.
    pub notes: Map<u32, Arc<Notes>>,
    /// Carts by the shop's reference.
    pub references: Map<(SaleIx, Box<str>), Vec<u32>>,
    /// Carts that were made with an access code, those few.
    pub coded: Map<u32, Coded>,
    /// The live holds on its slots.
    pub expiry: Expiry,
    /// The terms of each sale, by its index. Every shard has its own copy, read under its own lock: what all shards
    /// shared would be counted by all cores.
    pub sales: Vec<Option<Arc<SaleRules>>>,
    /// Names of venues, sections and products.
    pub names: Interned,
    pub(super) slots: Slab<Slot>,
    pub(super) infos: Slab<SlotInfo>,
    pub(super) texts: Texts,
    pub(super) groups: Vec<Group>,
    pub(super) group_of: std::collections::BTreeMap<GroupKey, u32>,
    /// The numbered seats by hall and row.
    pub(super) rows: Rows,
    pub(super) last_release: Option<WallTime>,
}

/// Units that a party could have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// Free, released or not.
    pub free: u64,
    /// Free and released.
    pub released: u64,
    /// In carts.
    pub held: u64,
    /// Those of them that are for sale when they come back.
    pub returning: u64,
}

impl Shard {
    /// Bytes of its slots with their names, of its carts, and of the live holds.
    pub(crate) fn bytes(&self) -> [usize; 3] {
        let slots = self.slots.bytes() + self.infos.bytes() + self.texts.bytes();
        [slots, self.carts.bytes(), self.expiry.bytes()]
    }

    /// How many slots it has.
    #[must_use]
    pub fn slot_count(&self) -> u32 {
        self.slots.places()
    }

    /// The hot part of a slot.
    #[inline]
    #[must_use]
    pub fn slot(&self, index: u32) -> &Slot {
        &self.slots[index]
    }

    /// Reads a slot and the end of its holds, so that the next look need not wait for them.
    #[must_use]
    pub fn touch(&self, index: u32) -> Quantity {
        self.slots.get(index).map_or(0, |slot| slot.held ^ self.expiry.touch(&slot.due))
    }

    /// Reads a slot and one of its holds.
    #[must_use]
    pub fn touch_hold(&self, index: u32, node: u32) -> Quantity {
        self.slots.get(index).map_or(0, |slot| slot.held ^ self.expiry.touch_hold(node))
    }

    /// The public id of a slot.
    #[inline]
    #[must_use]
    pub fn slot_name(&self, index: u32) -> &str {
        self.texts.get(self.slots[index].name)
    }

    /// The rest of a slot.
    #[must_use]
    pub fn info(&self, index: u32) -> &SlotInfo {
        &self.infos[index]
    }

    /// The group of a slot.
    #[inline]
    #[must_use]
    pub fn group_of(&self, index: u32) -> &Group {
        &self.groups[self.slots[index].group as usize]
    }

    /// All groups, by sale, venue, product and day.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.group_of.values().map(|group| &self.groups[*group as usize])
    }

    /// The groups of a sale, in the order of [`GroupKey`].
    pub fn groups_of_sale(&self, sale: SaleIx) -> impl Iterator<Item = &Group> {
        let first = GroupKey { sale, venue: 0, product: None, day: None, section: None };
        self.group_of
            .range(first..)
            .take_while(move |(key, _)| key.sale == sale)
            .map(|(_, group)| &self.groups[*group as usize])
    }

    /// The groups of a venue, and of one product if asked, by product and day.
    pub fn groups_of_venue(&self, sale: SaleIx, venue: u32) -> impl Iterator<Item = &Group> {
        let first = GroupKey { sale, venue, product: None, day: None, section: None };
        self.group_of
            .range(first..)
            .take_while(move |(key, _)| key.sale == sale && key.venue == venue)
            .map(|(_, group)| &self.groups[*group as usize])
    }

    /// The groups of a venue and product from a day on, by day.
    pub fn groups_from(
        &self,
        sale: SaleIx,
        venue: u32,
        product: u32,
        day: Option<i32>,
    ) -> impl Iterator<Item = &Group> {
        let product = Some(product);
        let first = GroupKey { sale, venue, product, day, section: None };
        self.group_of
            .range(first..)
            .take_while(move |(key, _)| key.sale == sale && key.venue == venue && key.product == product)
            .map(|(_, group)| &self.groups[*group as usize])
    }

    /// The numbered seats by hall and row.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// From here on, at the latest, all its slots are for sale.
    #[must_use]
    pub fn last_release(&self) -> WallTime {
        self.last_release.unwrap_or(ALWAYS)
    }

    /// Units of a group in holds that are due. Looks at every slot of it: for whoever is about to say no.
    #[must_use]
    pub fn due_units(&self, group: &Group, at: Timestamp) -> u64 {
        if group.counts.held == 0 {
            return 0;
        }
        group.slots.iter().filter(|slot| self.slots[**slot].held > 0).map(|slot| self.due_of(*slot, at)).sum()
    }

    fn due_of(&self, index: u32, at: Timestamp) -> u64 {
        let holds = self.holds_of(index).take_while(|node| node.deadline <= at);
        holds.map(|node| u64::from(node.quantity)).sum()
    }

    /// Whether any slot's first deadline may have come; false means surely not.
    #[must_use]
    pub fn may_be_due(&self, at: Timestamp) -> bool {
        self.expiry.schedule.may_be_due(at)
    }

    /// The terms of a sale.
    #[must_use]
    pub fn rules(&self, sale: SaleIx) -> Option<&Arc<SaleRules>> {
        self.sales.get(usize::from(sale.0))?.as_ref()
    }

    /// The public id of a sale.
    #[must_use]
    pub fn sale_id(&self, sale: SaleIx) -> &str {
        self.rules(sale).map_or("", |rules| &rules.id)
    }

    /// A sale gets its first terms, or others.
    pub fn set_rules(&mut self, sale: SaleIx, rules: &SaleRules) {
        let place = usize::from(sale.0);
        if self.sales.len() <= place {
            self.sales.resize(place + 1, None);
        }
        self.sales[place] = Some(Arc::new(rules.clone()));
    }

    /// The name of the product of a slot.
    #[must_use]
    pub fn product(&self, index: u32) -> Option<&str> {
        self.group_of(index).key.product.map(|product| self.names.name(product))
    }

    /// The description of a slot, put together again.
    #[must_use]
    pub fn spec(&self, index: u32) -> SlotSpec {
        let (slot, info, key) = (self.slot(index), self.info(index), self.group_of(index).key);
        let extra = info.extra.as_deref().cloned().unwrap_or_default();
        SlotSpec {
            id: self.slot_name(index).to_owned(),
            venue: self.names.name(key.venue).to_owned(),
            section: key.section.map(|section| self.names.name(section).to_owned()),
            starts_at: info.starts_at,
            ends_at: info.ends_at,
            capacity: slot.capacity,
            product: key.product.map(|product| self.names.name(product).to_owned()),
            row: extra.row,
            seat: extra.seat,
            position: extra.position,
            price: extra.price,
            releases_at: (slot.releases_at != ALWAYS).then_some(slot.releases_at),
            accessible: extra.accessible,
            labels: extra.labels,
        }
    }

    fn key_of(&mut self, sale: SaleIx, day: Option<i32>, spec: &SlotSpec) -> GroupKey {
        GroupKey {
            sale,
            venue: self.names.number(&spec.venue),
            product: spec.product.as_deref().map(|name| self.names.number(name)),
            day,
            section: spec.section.as_deref().map(|name| self.names.number(name)),
        }
    }

    pub(super) fn group(&mut self, key: GroupKey) -> u32 {
        let groups = &mut self.groups;
        *self.group_of.entry(key).or_insert_with(|| {
            groups.push(Group::new(key));
            u32::try_from(groups.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// A slot comes in, at the next index.
    pub fn add_slot(&mut self, sale: SaleIx, day: Option<i32>, spec: &SlotSpec) -> u32 {
        let index = self.slots.places();
        let key = self.key_of(sale, day, spec);
        let group = self.group(key);
        let rank = self.groups[group as usize].add(index);
        let (name, releases_at) = (self.texts.add(&spec.id), spec.releases_at.unwrap_or(ALWAYS));
        self.slots.push(Slot::new(sale, spec.capacity, releases_at, group, rank, name));
        let extra = extra_of(spec);
        self.infos.push(SlotInfo { starts_at: spec.starts_at, ends_at: spec.ends_at, extra });
        self.groups[group as usize].accessible += u32::from(spec.accessible);
        self.groups[group as usize].counts.capacity += u64::from(spec.capacity);
        self.groups[group as usize].note_free(rank, spec.capacity > 0);
        self.groups[group as usize].note_more(rank, spec.capacity);
        self.groups[group as usize].note_release(spec.releases_at.unwrap_or(ALWAYS), spec.capacity, 0);
        if let Some(row) = &spec.row {
            self.seat(index, spec.starts_at, row);
        }
        self.last_release = self.last_release.max(spec.releases_at);
        self.digest.add(self.slots[index].digest(index));
        index
    }

    /// Puts a numbered seat in its row.
    pub(super) fn seat(&mut self, index: u32, starts_at: Option<WallTime>, row: &str) {
        let slot = &mut self.slots[index];
        slot.numbered = true;
        let group = &mut self.groups[slot.group as usize];
        group.numbered += 1;
        let GroupKey { sale, venue, section, .. } = group.key;
        let key = HallKey { sale, venue, section, starts_at };
        let seat = Seat { slot: index, free: slot.free() > 0, held: slot.held > 0 };
        self.rows.add(key, row, seat, slot.releases_at, &self.infos);
    }

    /// A known slot gets another description. Venue, section, product and day stay: they are its place.
    pub fn update_slot(&mut self, index: u32, spec: &SlotSpec) {
        self.change(index, |slot| {
            slot.capacity = spec.capacity;
            slot.releases_at = spec.releases_at.unwrap_or(ALWAYS);
        });
        // A seat leaves its row and comes back: row, place, start or release may be others now.
        let slot = &mut self.slots[index];
        if std::mem::take(&mut slot.numbered) {
            self.groups[slot.group as usize].numbered -= 1;
            let had_position = self.infos[index].extra.as_ref().is_some_and(|extra| extra.position.is_some());
            let seat = Seat { slot: index, free: slot.free() > 0, held: slot.held > 0 };
            self.rows.remove(seat, had_position, &self.infos);
        }
        let info = &mut self.infos[index];
        if info.starts_at != spec.starts_at {
            self.groups[self.slots[index].group as usize].reorder();
        }
        let group = &mut self.groups[self.slots[index].group as usize];
        group.accessible = group.accessible - u32::from(info.is_accessible()) + u32::from(spec.accessible);
        info.starts_at = spec.starts_at;
        info.ends_at = spec.ends_at;
        info.extra = extra_of(spec);
        self.last_release = self.last_release.max(spec.releases_at);
        if let Some(row) = &spec.row {
            self.seat(index, spec.starts_at, row);
        }
    }

    /// Changes the units of a slot and everything that counts them.
    #[inline]
    fn change(&mut self, index: u32, change: impl FnOnce(&mut Slot)) {
        let slot = &mut self.slots[index];
        let group = &mut self.groups[slot.group as usize];
        counted(index, slot, group, &mut self.rows, &mut self.digest, change);
    }

    /// Free units become held, until the deadline. Gives the place of the hold.
    pub fn take(&mut self, index: u32, node: Node) -> u32 {
        let slot = &mut self.slots[index];
        let group = &mut self.groups[slot.group as usize];
        let (units, deadline) = (Quantity::from(node.quantity), node.deadline);
        counted(index, slot, group, &mut self.rows, &mut self.digest, |slot| slot.held += units);
        // What an invitation sets aside is not what people take.
        if !set_aside(&node) {
            group.taken += u64::from(units);
        }
        group.note_due(deadline);
        self.expiry.schedule.note(index, &mut slot.scheduled, deadline);
        self.expiry.insert(index, &mut slot.due, node)
    }

    /// Held units become free.
    pub fn give_back(&mut self, index: u32, place: u32) {
        let node = self.expiry.node(place);
        let (units, set_aside) = (Quantity::from(node.quantity), set_aside(node));
        self.leave(index, place, |slot, units| slot.held -= units);
        if !set_aside {
            let group = self.slots[index].group;
            self.groups[group as usize].returned += u64::from(units);
        }
    }

    /// Held units become sold.
    pub fn sell(&mut self, index: u32, place: u32) {
        self.leave(index, place, |slot, units| {
            slot.held -= units;
            slot.sold += units;
        });
    }

    /// A hold ends, one way or the other.
    #[inline]
    fn leave(&mut self, index: u32, place: u32, change: impl FnOnce(&mut Slot, Quantity)) {
        let slot = &mut self.slots[index];
        let group = &mut self.groups[slot.group as usize];
        let node = self.expiry.node(place);
        let (units, deadline) = (Quantity::from(node.quantity), node.deadline);
        self.expiry.remove(index, &mut slot.due, place);
        counted(index, slot, group, &mut self.rows, &mut self.digest, |slot| change(slot, units));
        group.note_gone(deadline);
    }

    /// The slots of a group by start and id.
    #[must_use]
    pub fn in_order(&self, group: &Group) -> Arc<[u32]> {
        let order = |slot: &u32| (self.infos[*slot].starts_at, self.slot_name(*slot));
        group.in_order(|slots| slots.sort_unstable_by(|one, other| order(one).cmp(&order(other))))
    }

    /// When the first held unit of a group comes back, if nobody pays before.
    #[must_use]
    pub fn first_return(&self, group: &Group) -> Option<Timestamp> {
        group.first_due(|slots| slots.iter().filter_map(|slot| self.first_deadline(*slot)).min())
    }

    /// Units of a group, as they stand for a party that asks for accessible seats or does not: nobody else is given those. What is
    /// due at `due_at` counts as free.
    #[must_use]
    pub fn units_for(
        &self,
        group: &Group,
        accessible: bool,
        wall: WallTime,
        due_at: Option<Timestamp>,
    ) -> Units {
        let counts = &group.counts;
        let (later, later_held, next) = group.unreleased();
        // What has been released since anybody looked counts as released.
        let stale = next.is_some_and(|next| next.at <= wall);
        let (later, later_held) = if stale { (0, 0) } else { (later, later_held) };
        let due = due_at.map_or(0, |at| self.due_units(group, at));
        let mut units = Units {
            free: counts.free() + due,
            released: counts.free().saturating_sub(later) + due,
            held: counts.held - due,
            returning: (counts.held - due).saturating_sub(later_held),
        };
        if accessible || group.accessible == 0 {
            return units;
        }
        for index in group.slots.iter().copied().filter(|index| self.infos[*index].is_accessible()) {
            let slot = &self.slots[index];
            let due = due_at.map_or(0, |at| self.due_of(index, at));
            let free = u64::from(slot.free());
            let held = u64::from(slot.held) - due;
            units.free -= free + due;
            units.held -= held;
            if stale || self.released(index, wall) {
                units.released = units.released.saturating_sub(free + due);
                units.returning = units.returning.saturating_sub(held);
            }
        }
        units
    }

    /// Forgets what is released by now among what is not released yet.
    pub fn release_to(&mut self, sale: SaleIx, wall: WallTime) {
        let first = GroupKey { sale, venue: 0, product: None, day: None, section: None };
        for (_, group) in self.group_of.range(first..).take_while(|(key, _)| key.sale == sale) {
            self.groups[*group as usize].release_to(wall);
        }
    }

    /// Sold units become free.
    pub fn take_back(&mut self, index: u32, units: Quantity) {
        self.change(index, |slot| slot.sold -= units);
    }

    /// A hold gets another deadline.
    pub fn move_hold(&mut self, index: u32, place: u32, deadline: Timestamp) {
        let slot = &mut self.slots[index];
        let group = &mut self.groups[slot.group as usize];
        group.note_gone(self.expiry.node(place).deadline);
        group.note_due(deadline);
        self.expiry.move_to(index, &mut slot.due, place, deadline);
        self.expiry.schedule.note(index, &mut slot.scheduled, deadline);
    }

    /// An operator sets how many there are and how many of them are withdrawn.
    pub fn set_units(&mut self, index: u32, capacity: Quantity, blocked: Quantity) {
        self.change(index, |slot| {
            slot.capacity = capacity;
            slot.blocked = blocked;
        });
    }

    /// The deadline of the hold that is due first.
    #[must_use]
    pub fn first_deadline(&self, index: u32) -> Option<Timestamp> {
        self.expiry.first(index, &self.slots[index].due).map(|place| self.expiry.node(place).deadline)
    }

    /// The live holds of a slot, in the order they are due.
    pub fn holds_of(&self, index: u32) -> impl Iterator<Item = &Node> {
        self.expiry.iter(index, &self.slots[index].due)
    }

    /// How many holds due at `at` must be settled so that `wanted` units are free, at most all; and whether they are
    /// free then. Looks at no more holds than it counts.
    #[must_use]
    pub fn due_for(&self, index: u32, at: Timestamp, wanted: Quantity) -> (u32, bool) {
        let mut free = self.slots[index].free();
        let mut holds = 0;
        for node in self.holds_of(index) {
            if free >= wanted || node.deadline > at {
                break;
            }
            free += Quantity::from(node.quantity);
            holds += 1;
        }
        (holds, free >= wanted)
    }

    /// How many holds of a slot are due at `at`, counted no further than `most`.
    #[must_use]
    pub fn due_count(&self, index: u32, at: Timestamp, most: u32) -> u32 {
        let due = self.holds_of(index).take_while(|node| node.deadline <= at).take(most as usize).count();
        u32::try_from(due).unwrap_or(most)
    }

    /// Gives back the first `holds` holds of a slot.
    pub fn settle(&mut self, index: u32, holds: u32) {
        let (mut units, mut returned) = (0, 0);
        for _ in 0..holds {
            let Some(place) = self.expiry.first(index, &self.slots[index].due) else { break };
            let node = self.expiry.node(place);
            let quantity = Quantity::from(node.quantity);
            units += quantity;
            returned += if set_aside(node) { 0 } else { u64::from(quantity) };
            self.expiry.remove(index, &mut self.slots[index].due, place);
        }
        self.change(index, |slot| slot.held -= units);
        // What is due is due before all that stays.
        let group = self.slots[index].group;
        self.groups[group as usize].note_gone(Timestamp(0));
        self.groups[group as usize].returned += returned;
    }

    /// A slot whose first deadline may have come, for the ticker. It leaves the schedule; [`Shard::reschedule`] puts it
    /// back.
    pub fn next_scheduled(&mut self, at: Timestamp) -> Option<u32> {
        while let Some((index, tick)) = self.expiry.schedule.take(at) {
            let slot = &mut self.slots[index];
            if slot.scheduled == tick {
                slot.scheduled = UNSCHEDULED;
                return Some(index);
            }
        }
        None
    }

    /// Puts a slot back into the schedule if it still has holds.
    pub fn reschedule(&mut self, index: u32, at: Timestamp) {
        let Some(deadline) = self.first_deadline(index) else { return };
        let slot = &mut self.slots[index];
        if Schedule::tick(deadline) <= Schedule::tick(at) && deadline > at {
            self.expiry.schedule.note_next(index, &mut slot.scheduled, at);
        } else {
            self.expiry.schedule.note(index, &mut slot.scheduled, deadline);
        }
    }

    /// Whether a slot is for sale at a wall time.
    #[must_use]
    pub fn released(&self, index: u32, wall: WallTime) -> bool {
        self.slots[index].releases_at <= wall
    }
}

/// Whether a hold is an invitation's, not a cart's: its coming and going is no demand.
fn set_aside(node: &Node) -> bool {
    crate::codes::owner_of(node.cart_shard, node.cart_index).is_some()
}

/// Changes the units of a slot; group, rows and digest count them anew.
#[inline]
fn counted(
    index: u32,
    slot: &mut Slot,
    group: &mut Group,
    rows: &mut Rows,
    digest: &mut Digest,
    change: impl FnOnce(&mut Slot),
) {
    let before = slot.digest(index);
    let (capacity, held, sold, blocked) = (slot.capacity, slot.held, slot.sold, slot.blocked);
    let (was_free, was_held, was_released_at) = (slot.free(), held > 0, slot.releases_at);
    change(slot);
    assert!(
        u64::from(slot.held) + u64::from(slot.sold) + u64::from(slot.blocked) <= u64::from(slot.capacity),
        "slot {index}: held {} + sold {} + blocked {} > capacity {}",
        slot.held,
        slot.sold,
        slot.blocked,
        slot.capacity
    );
    digest.subtract(before);
    digest.add(slot.digest(index));
    let moved = |count: &mut u64, before: Quantity, after: Quantity| {
        *count = *count + u64::from(after) - u64::from(before);
    };
    moved(&mut group.counts.capacity, capacity, slot.capacity);
    moved(&mut group.counts.held, held, slot.held);
    moved(&mut group.counts.sold, sold, slot.sold);
    moved(&mut group.counts.blocked, blocked, slot.blocked);
    let is_free = slot.free();
    if (was_released_at, was_free, held) != (slot.releases_at, is_free, slot.held) {
        group.forget_release(was_released_at, was_free, held);
        group.note_release(slot.releases_at, is_free, slot.held);
    }
    if is_free > was_free {
        group.note_more(slot.rank, is_free);
    }
    if (was_free > 0) != (is_free > 0) {
        group.note_free(slot.rank, is_free > 0);
        if slot.numbered {
            rows.note_free(index, is_free > 0);
        }
    }
    if slot.numbered && was_held != (slot.held > 0) {
        rows.note_held(index, slot.held > 0);
    }
}

fn extra_of(spec: &SlotSpec) -> Option<Box<SlotExtra>> {
    let extra = SlotExtra {
        row: spec.row.clone(),
        seat: spec.seat.clone(),
        position: spec.position,
        price: spec.price,
        accessible: spec.accessible,
        labels: spec.labels.clone(),
    };
    (extra != SlotExtra::default()).then(|| Box::new(extra))
}
