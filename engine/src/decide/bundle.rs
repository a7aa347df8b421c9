//! Finding a bundle: for each part a slot with a free unit, the days between them within the rule's gap.
//!
//! Days are tried in ascending order, guided by each group's counters and its map of free slots, so the cost grows with
//! the days looked at and not with the slots. Only when that finds nothing, and only if some deadline may have come, are
//! slots looked at one by one for holds that are due.
//!
//! The search of one bundle is exact. Several bundles of one request are looked for together in `bundles.rs`.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::Decision;
use super::aim::Basis;
use crate::fact::NewItem;
use crate::ids::{Quantity, SaleIx, SlotRef};
use crate::inventory::{Group, Shard};
use crate::refusal::{Missing, Refusal, Scope};
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
    pub(super) fn starts_inside(&self, starts_at: Option<WallTime>) -> bool {
        let unbounded = self.from.is_none() && self.to.is_none();
        starts_at.map_or(unbounded, |starts| {
            self.from.is_none_or(|from| starts >= from) && self.to.is_none_or(|to| starts < to)
        })
    }
}

/// The slots of a bundle, a part each.
pub(crate) type Parts = SmallVec<[SlotRef; 4]>;

/// Which slot of a day is taken, where all are as good for the bundle.
#[derive(Clone, Copy, Debug)]
enum Pick {
    /// The one with the most left; the first of several, and of the first [`MOST_COMPARED`].
    Emptiest,
    /// The first that is free from this rank on, else the first of all.
    From(u32),
}

/// So many slots of a day are compared for the one with the most left: a venue without days can have a hundred thousand.
const MOST_COMPARED: usize = 64;

/// What decides whether the rest of a bundle can be had: which part is next, the day before it, and how many parts that day
/// has already. Gaps never go back, so units of other days cannot be asked for again; of one day the units of a product
/// are alike, whichever slot they are of. Without gaps all units of a product are alike, and only the part counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Rest {
    part: usize,
    day: Option<i32>,
    on_day: usize,
}

/// One search: the shards of a venue, all held.
pub(crate) struct Search<'a> {
    pub sale: SaleIx,
    pub rule: &'a BundleRule,
    pub venue: &'a str,
    pub window: Window,
    pub shards: SmallVec<[(u8, &'a Shard); 4]>,
    /// Units that are spoken for already, by slot; a slot may stand here several times.
    pub taken: SmallVec<[(SlotRef, Quantity); 4]>,
    /// Units that the same step gives back; a slot stands here once.
    pub back: &'a [(SlotRef, Quantity)],
    /// Whether slots that are full only of holds past their deadline count.
    pub count_due: bool,
}

impl Search<'_> {
    /// The first bundle in the order of days; of a day the slots with the most left, so that those last longest which others
    /// are shown and choose from.
    pub fn first(&self) -> Option<Parts> {
        let mut parts = Parts::new();
        self.extend(&mut parts, Rest::default(), Pick::Emptiest, &mut BTreeSet::new()).then_some(parts)
    }

    /// Bundles that each begin with another slot, at most `most`, in the order of days. What follows is of the same rank in its
    /// day as the first, or the next that is free: a list in which all bundles end with one slot sends the whole crowd to it,
    /// and most of them find it gone.
    pub fn each_first(&self, most: usize) -> Vec<Parts> {
        let mut found = Vec::new();
        let Some(product) = self.rule.parts.first() else { return found };
        for (number, shard) in &self.shards {
            let (Some(venue), Some(product)) = (shard.names.known(self.venue), shard.names.known(product))
            else {
                continue;
            };
            for group in
                shard.groups_from(self.sale, venue, product, None).filter(|group| self.has_day(group))
            {
                let mut rank = 0;
                while let Some(here) = group.next_free(rank).filter(|_| found.len() < most) {
                    rank = here + 1;
                    let index = group.slots[here as usize];
                    let begins = shard.released(index, self.window.wall)
                        && self.window.starts_inside(shard.info(index).starts_at);
                    let mut parts = Parts::from_slice(&[SlotRef { shard: *number, index }]);
                    let rest = self.after(Rest::default(), group);
                    if begins && self.extend(&mut parts, rest, Pick::From(here), &mut BTreeSet::new()) {
                        found.push(parts);
                    } else if begins {
                        // No other slot of this day finds what this one did not.
                        break;
                    }
                }
            }
        }
        found
    }

    /// Adds parts to what is chosen until the bundle is whole; leaves `parts` as it was if it cannot be. Each rest is tried
    /// once: with k parts and d days that is at most k × d × k rests, not d to the k.
    fn extend(&self, parts: &mut Parts, rest: Rest, pick: Pick, in_vain: &mut BTreeSet<Rest>) -> bool {
        let Some(product) = self.rule.parts.get(parts.len()) else { return true };
        if in_vain.contains(&rest) {
            return false;
        }
        let days = match (rest.day, self.rule.gap_days) {
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
                if !self.has_day(group) {
                    continue;
                }
                let Some(index) = self.slot_in(*number, shard, group, parts, pick) else { continue };
                parts.push(SlotRef { shard: *number, index });
                if self.extend(parts, self.after(rest, group), pick, in_vain) {
                    return true;
                }
                parts.pop();
            }
        }
        in_vain.insert(rest);
        false
    }

    /// The rest once a part is of this group.
    fn after(&self, rest: Rest, group: &Group) -> Rest {
        let part = rest.part + 1;
        if self.rule.gap_days.is_none() {
            return Rest { part, ..Rest::default() };
        }
        let on_day = if group.key.day == rest.day { rest.on_day + 1 } else { 1 };
        Rest { part, day: group.key.day, on_day }
    }

    /// Whether the slots of a group can be parts at all: between parts of which one has no day there is no gap.
    fn has_day(&self, group: &Group) -> bool {
        self.rule.gap_days.is_none() || group.key.day.is_some()
    }

    /// A slot of the group that can be had.
    fn slot_in(&self, number: u8, shard: &Shard, group: &Group, parts: &Parts, pick: Pick) -> Option<u32> {
        let first = parts.is_empty();
        let good = |index: u32| {
            let place = SlotRef { shard: number, index };
            shard.released(index, self.window.wall)
                && (!first || self.window.starts_inside(shard.info(index).starts_at))
                && self.has_units(shard, place, parts)
        };
        if group.counts.free() > 0 {
            let free_from = |rank: u32| {
                let free = std::iter::successors(group.next_free(rank), |found| group.next_free(found + 1));
                free.map(|found| group.slots[found as usize]).filter(|index| good(*index))
            };
            let left = |index: &u32| (shard.slot(*index).free(), std::cmp::Reverse(*index));
            let found = match pick {
                Pick::Emptiest => free_from(0).take(MOST_COMPARED).max_by_key(left),
                Pick::From(0) => free_from(0).next(),
                Pick::From(rank) => free_from(rank).next().or_else(|| free_from(0).next()),
            };
            if found.is_some() {
                return found;
            }
        }
        let coming = |slot: &SlotRef| slot.shard == number && shard.group_of(slot.index).key == group.key;
        let mut back = self.back.iter().map(|(slot, _)| *slot).filter(coming).map(|slot| slot.index);
        if let Some(index) = back.find(|index| good(*index)) {
            return Some(index);
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
        let needed = needed.saturating_sub(units_of(self.back, place));
        if self.count_due {
            shard.due_for(place.index, self.window.at, needed).1
        } else {
            shard.slot(place.index).free() >= needed
        }
    }

    /// Units of a part that are free and held, at this venue and in this window. Holds past their deadline are free.
    fn units(&self, product: &str) -> PartUnits {
        let mut units = PartUnits::default();
        for (number, shard) in &self.shards {
            let (Some(venue), Some(product)) = (shard.names.known(self.venue), shard.names.known(product))
            else {
                continue;
            };
            for group in shard.groups_from(self.sale, venue, product, None) {
                let coming = |slot: &SlotRef| shard.group_of(slot.index).key == group.key;
                let back = self.back.iter().filter(|(slot, _)| slot.shard == *number && coming(slot));
                let back = back.map(|(_, units)| u64::from(*units)).sum::<u64>();
                units.any = true;
                let here =
                    shard.units_for(group, true, self.window.wall, self.count_due.then_some(self.window.at));
                units.free += here.free + back;
                units.released += here.released + back;
                units.held += here.held - back;
                units.returning += here.returning.saturating_sub(back);
                units.back_at = shard.first_return(group).into_iter().chain(units.back_at).min();
            }
        }
        units
    }
}

/// How the units of a part stand.
#[derive(Clone, Copy, Default)]
struct PartUnits {
    /// Whether the venue has ever had one.
    any: bool,
    free: u64,
    /// Those of them that are for sale.
    released: u64,
    held: u64,
    /// Those of them that are for sale when they come back.
    returning: u64,
    /// When the first of the held ones comes back.
    back_at: Option<Timestamp>,
}

/// Of each part that is short one must come back, so the last of the first returns counts.
fn back_of(short: &[PartUnits]) -> Option<Timestamp> {
    short.iter().map(|units| units.back_at).max().flatten()
}

/// When the first of what is still to be released can be had: `look` says by when what it finds is released, with everything
/// counted that is by a time. A find is not the earliest, so what is earlier is looked for until there is none; a sale
/// with more than [`MOST_RELEASES`] of them is told one that is right and perhaps not the first.
pub(super) fn first_release(
    now: WallTime,
    mut look: impl FnMut(WallTime) -> Option<WallTime>,
) -> Option<WallTime> {
    let (mut first, mut before) = (None, WallTime(i64::MAX));
    for _ in 0..MOST_RELEASES {
        let Some(found) = look(before).filter(|found| *found > now) else { break };
        first = Some(found);
        before = WallTime(found.0 - 1);
        if before <= now {
            break;
        }
    }
    first
}

/// A launch day has a handful of releases.
const MOST_RELEASES: usize = 16;

/// Units of a slot in a list of sums.
pub(super) fn units_of(sums: &[(SlotRef, Quantity)], slot: SlotRef) -> Quantity {
    sums.iter().find(|(other, _)| *other == slot).map_or(0, |(_, units)| *units)
}

impl Decision<'_> {
    /// A search through the shards of a venue that are held.
    pub(super) fn search_at<'a>(
        &'a self,
        basis: Basis<'a>,
        rule: &'a BundleRule,
        venue: &'a str,
        window: Window,
        taken: &[NewItem],
    ) -> Search<'a> {
        let mask = self.core.state.names.venue(basis.sale, venue) & self.guards.mask();
        let shards =
            (0..64).filter(|shard| mask >> shard & 1 == 1).map(|shard| (shard, self.guards.look(shard)));
        Search {
            sale: basis.sale,
            rule,
            venue,
            window,
            shards: shards.collect(),
            taken: taken.iter().map(|item| (item.slot, item.quantity)).collect(),
            back: basis.back,
            count_due: false,
        }
    }

    /// When the last of these is released.
    pub(super) fn released_by(&self, slots: impl IntoIterator<Item = SlotRef>) -> Option<WallTime> {
        slots.into_iter().map(|slot| self.guards.look(slot.shard).slot(slot.index).releases_at).max()
    }

    /// A bundle at a venue whose shards are held.
    pub(super) fn find_bundle(
        &self,
        basis: Basis<'_>,
        rule: &BundleRule,
        venue: &str,
        window: Window,
        taken: &[NewItem],
    ) -> Result<Parts, Refusal> {
        let mut search = self.search_at(basis, rule, venue, window, taken);
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
        // Why not: in carts, released later, or gone. Said of this venue, rule and window only.
        let scope = Scope {
            venue: venue.to_owned(),
            rule: Some(rule.name.clone()),
            from: window.from,
            to: window.to,
            quantity: 1,
            ..Scope::default()
        };
        let units: SmallVec<[PartUnits; 4]> = rule.parts.iter().map(|part| search.units(part)).collect();
        let short: SmallVec<[PartUnits; 4]> =
            units.iter().filter(|units| units.released == 0).copied().collect();
        if !short.is_empty() && short.iter().all(|units| units.returning > 0) {
            return Err(self.shortage_of(scope, 0, 1, back_of(&short)));
        }
        if search.shards.iter().any(|(_, shard)| shard.last_release() > window.wall) {
            let next = first_release(window.wall, |wall| {
                search.window.wall = wall;
                self.released_by(search.first()?)
            });
            if next.is_some() {
                return Err(Refusal::NotReleased { next_release_at: next });
            }
        }
        if let Some((part, _)) = rule.parts.iter().zip(&units).find(|(_, units)| !units.any) {
            let hint =
                if rule.same_venue { "" } else { "; its parts may be of several venues: name the slots" };
            let why = format!("`{venue}` has no `{part}`, a part of `{}`{hint}", rule.name);
            return Err(Refusal::BundleIncomplete { why, scope: Some(Box::new(scope)) });
        }
        let short: SmallVec<[PartUnits; 4]> = units.into_iter().filter(|units| units.free == 0).collect();
        match short.iter().min_by_key(|units| units.held) {
            Some(PartUnits { free, held, .. }) => Err(self.shortage_of(scope, *free, *held, back_of(&short))),
            None => Err(Refusal::BundleIncomplete {
                why: format!("no free parts of `{}` fit together at `{venue}`", rule.name),
                scope: Some(Box::new(scope)),
            }),
        }
    }
}
