//! Units for the codes of a wave: which slots each of them holds.
//!
//! The slots of a part are taken day by day in the order of their groups, each slot until nothing of it is left, so a wave of
//! thousands is chosen in one pass. Bundles are put together from the earliest first part on with the earliest parts that
//! fit behind it; since the gap is the same for all of them, a part that is passed over for one is too early for all that
//! follow. What a day has shown to be impossible stays so: units only become fewer.

use std::collections::{BTreeMap, BTreeSet};

use super::Decision;
use crate::codes::Reserve;
use crate::ids::{Quantity, SaleIx, SlotRef};
use crate::inventory::Shard;
use crate::limits::MAX_BUNDLE_LOOKS;
use crate::refusal::{Missing, Refusal};
use crate::sale::{BundleRule, SaleRules};
use crate::time::WallTime;

/// The units of one code.
pub(super) type Share = Vec<(SlotRef, u16)>;

/// Slots of one product and day at a venue, in the order they are taken.
struct Pile {
    day: Option<i32>,
    slots: Vec<SlotRef>,
    /// Everything before has nothing left.
    from: usize,
}

/// The piles of each part, and what is left of each slot.
struct Search<'a> {
    rule: &'a BundleRule,
    piles: Vec<Vec<Pile>>,
    left: BTreeMap<SlotRef, Quantity>,
    /// Parts and the day before them for which there is no rest of a bundle any more.
    in_vain: BTreeSet<(usize, Option<i32>)>,
    /// Looks that are left: beyond them what was found is all there is.
    looks: u32,
}

impl Decision<'_> {
    /// What each of `codes` codes would hold; fewer than that if there is not enough. The shards of the venue are held, and
    /// what was due there is settled.
    pub(super) fn set_aside(
        &self,
        sale: SaleIx,
        rules: &SaleRules,
        reserve: &Reserve,
        codes: usize,
    ) -> Result<Vec<Share>, Refusal> {
        let wall = self.now_at().wall;
        let venue = reserve.venue();
        // A shard that the venue was given since the locks were taken is one it does not have yet.
        let mask = self.core.state.names.venue(sale, venue) & self.guards.mask();
        if mask == 0 {
            return Err(Refusal::NotFound(Missing::Venue(venue.to_owned())));
        }
        let shards: Vec<(u8, &Shard)> = (0..64)
            .filter(|shard| mask >> shard & 1 == 1)
            .map(|shard| (shard, self.guards.look(shard)))
            .collect();
        match reserve {
            Reserve::Units { product, quantity, .. } => {
                if let Some(rule) = product.as_deref().and_then(|product| rules.sold_only_in(product)) {
                    return Err(Refusal::BundleOnly { rule: rule.to_owned() });
                }
                let here = piles(&shards, sale, venue, product.as_deref(), wall, &|_| true);
                Ok(units(&shards, rules, here, *quantity, codes))
            }
            Reserve::Bundle { rule, from, to, .. } => {
                let rule =
                    rules.bundle(rule).ok_or_else(|| Refusal::NotFound(Missing::Rule(rule.clone())))?;
                let inside = |starts: Option<WallTime>| {
                    from.is_none_or(|from| starts.is_some_and(|starts| starts >= from))
                        && to.is_none_or(|to| starts.is_some_and(|starts| starts < to))
                };
                let piles: Vec<Vec<Pile>> = rule
                    .parts
                    .iter()
                    .enumerate()
                    .map(|(place, part)| {
                        let inside: &dyn Fn(Option<WallTime>) -> bool =
                            if place == 0 { &inside } else { &|_| true };
                        piles(&shards, sale, venue, Some(part), wall, inside)
                    })
                    .collect();
                let all = piles.iter().flatten().flat_map(|pile| &pile.slots);
                let left = all.map(|slot| (*slot, free(&shards, *slot))).collect();
                // A bundle takes a look for each of its parts; what goes beyond it is bounded as every search is.
                let parts = u32::try_from(codes * rule.parts.len()).unwrap_or(u32::MAX);
                let looks = parts.saturating_mul(2).saturating_add(MAX_BUNDLE_LOOKS);
                let mut search = Search { rule, piles, left, in_vain: BTreeSet::new(), looks };
                let mut shares = Vec::new();
                while shares.len() < codes {
                    let mut parts = Vec::new();
                    if !search.extend(None, &mut parts) {
                        break;
                    }
                    shares.push(parts.into_iter().map(|slot| (slot, 1)).collect());
                }
                Ok(shares)
            }
        }
    }
}

fn free(shards: &[(u8, &Shard)], slot: SlotRef) -> Quantity {
    let shard = shards.iter().find(|(number, _)| *number == slot.shard);
    shard.map_or(0, |(_, shard)| shard.slot(slot.index).free())
}

/// The slots of a product at a venue that have something free, by day.
fn piles(
    shards: &[(u8, &Shard)],
    sale: SaleIx,
    venue: &str,
    product: Option<&str>,
    wall: WallTime,
    inside: &dyn Fn(Option<WallTime>) -> bool,
) -> Vec<Pile> {
    let mut piles = Vec::new();
    for (number, shard) in shards {
        let Some(venue) = shard.names.known(venue) else { continue };
        let known = product.map(|product| shard.names.known(product));
        if known == Some(None) {
            continue;
        }
        for group in shard.groups_of_venue(sale, venue) {
            if known.is_some_and(|known| known != group.key.product) || group.counts.free() == 0 {
                continue;
            }
            let good = |index: &&u32| {
                shard.slot(**index).free() > 0
                    && shard.released(**index, wall)
                    // Kept for whoever asks for one, as by `best`.
                    && !shard.info(**index).is_accessible()
                    && inside(shard.info(**index).starts_at)
            };
            let in_order = shard.in_order(group);
            let slots = in_order.iter().filter(good).map(|index| SlotRef { shard: *number, index: *index });
            let slots: Vec<_> = slots.collect();
            piles.push(Pile { day: group.key.day, slots, from: 0 });
        }
    }
    // Stable: of one day, in the order of shards and sections.
    piles.sort_by_key(|pile| pile.day);
    piles
}

/// So many units of one slot for each code.
fn units(
    shards: &[(u8, &Shard)],
    rules: &SaleRules,
    piles: Vec<Pile>,
    quantity: u16,
    codes: usize,
) -> Vec<Share> {
    let mut shares = Vec::new();
    for slot in piles.into_iter().flat_map(|pile| pile.slots) {
        let Some((_, shard)) = shards.iter().find(|(number, _)| *number == slot.shard) else { continue };
        if shard.product(slot.index).is_some_and(|product| rules.sold_only_in(product).is_some()) {
            continue;
        }
        let times = shard.slot(slot.index).free() / Quantity::from(quantity);
        for _ in 0..times {
            if shares.len() == codes {
                return shares;
            }
            shares.push(vec![(slot, quantity)]);
        }
    }
    shares
}

impl Search<'_> {
    /// Adds parts until the bundle is whole; leaves everything as it was if it cannot be.
    fn extend(&mut self, before: Option<i32>, parts: &mut Vec<SlotRef>) -> bool {
        let part = parts.len();
        if part == self.rule.parts.len() {
            return true;
        }
        let gap = self.rule.gap_days.filter(|_| part > 0);
        if self.in_vain.contains(&(part, before)) {
            return false;
        }
        if self.looks == 0 {
            return false;
        }
        self.looks -= 1;
        let repeats = self.repeats(part);
        for number in 0..self.piles[part].len() {
            let day = self.piles[part][number].day;
            if self.rule.gap_days.is_some() && day.is_none() {
                continue;
            }
            if let (Some((least, most)), Some(before), Some(day)) = (gap, before, day) {
                if day < before + i32::from(least) {
                    continue;
                }
                if day > before + i32::from(most) {
                    break;
                }
            }
            if self.in_vain.contains(&(part + 1, day)) {
                continue;
            }
            let Some(slot) = self.next(part, number) else { continue };
            // Piles of another part can be of the same slots: what was stepped over there comes back with the slot.
            let froms: Vec<usize> = if repeats {
                self.piles.iter().flatten().map(|pile| pile.from).collect()
            } else {
                Vec::new()
            };
            self.take(slot, parts);
            if self.extend(day, parts) {
                return true;
            }
            parts.pop();
            *self.left.entry(slot).or_default() += 1;
            for (pile, from) in self.piles.iter_mut().flatten().zip(froms) {
                pile.from = from;
            }
        }
        // Where parts are of one product, one that was in the way of another may be free for the next bundle.
        if !repeats {
            self.in_vain.insert((part, before));
        }
        false
    }

    /// Whether this part and another one are of one product.
    fn repeats(&self, part: usize) -> bool {
        let product = &self.rule.parts[part];
        self.rule.parts.iter().enumerate().any(|(place, other)| place != part && other == product)
    }

    fn next(&mut self, part: usize, number: usize) -> Option<SlotRef> {
        let pile = &mut self.piles[part][number];
        while let Some(slot) = pile.slots.get(pile.from) {
            if self.left.get(slot).is_some_and(|left| *left > 0) {
                return Some(*slot);
            }
            pile.from += 1;
        }
        None
    }

    fn take(&mut self, slot: SlotRef, parts: &mut Vec<SlotRef>) {
        if let Some(left) = self.left.get_mut(&slot) {
            *left -= 1;
        }
        parts.push(slot);
    }
}
