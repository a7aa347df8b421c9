//! The first look of a search: through the shards of a scope one at a time, none locked for longer than it is looked at.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::Core;
use super::best::{Found, InShard, Looked, Wish};
use super::bundle::{Search, Window};
use super::wants::Resolved;
use crate::fact::NewItem;
use crate::ids::{Quantity, SaleIx, SlotRef};
use crate::inventory::Shard;
use crate::request::Want;
use crate::sale::SaleRules;
use crate::time::{Now, Timestamp, WallTime};

/// Where a first look found something for each choice: the shard, and how many ways were tried until then.
pub(super) type Aim = SmallVec<[(u8, usize); 1]>;

/// What every search of a request counts with.
#[derive(Clone, Copy)]
pub(super) struct Basis<'a> {
    pub sale: SaleIx,
    /// What is released is released at this time.
    pub wall: WallTime,
    /// What is due is due at this time.
    pub at: Timestamp,
    /// Units that the same step gives back: an exchange counts them as free. A slot stands here once.
    pub back: &'a [(SlotRef, Quantity)],
}

/// The shards to lock for a request: those a first look found something in, or all it may choose from.
pub(super) fn locks_for(resolved: &Resolved, aim: Option<&Aim>) -> u64 {
    match aim {
        Some(aim) => aim.iter().fold(resolved.named(), |mask, (shard, _)| mask | 1 << shard),
        None => resolved.mask(),
    }
}

/// The wish of a want for seats.
pub(super) fn wish(sale: SaleIx, want: &Want) -> Option<Wish<'_>> {
    let Want::Best { venue, section, quantity, adjacent, avoid_orphans, accessible } = want else {
        return None;
    };
    Some(Wish {
        sale,
        venue,
        section: section.as_deref(),
        quantity: *quantity,
        adjacent: *adjacent,
        avoid_orphans: *avoid_orphans,
        accessible: *accessible,
    })
}

/// Products of a sale that are sold only in bundles, by their numbers in a shard.
pub(super) fn barred(shard: &Shard, rules: &SaleRules) -> SmallVec<[u32; 2]> {
    let only = rules.products.iter().filter(|product| product.sold_only_in.is_some());
    only.filter_map(|product| shard.names.known(&product.name)).collect()
}

impl Core {
    /// Looks for everything that is to be chosen, one shard at a time. None if something was found nowhere: then only
    /// a look with everything locked may say no. What an exchange gives back does not count yet.
    pub(super) fn aim(&self, now: Now, sale: SaleIx, wants: &[Want], resolved: &Resolved) -> Option<Aim> {
        let mut taken: SmallVec<[NewItem; 8]> = resolved.items.iter().copied().collect();
        let mut aim = Aim::new();
        let basis = Basis { sale, wall: now.wall, at: now.engine, back: &[] };
        for choice in &resolved.choices {
            let mut best: Option<(u8, usize, SmallVec<[NewItem; 4]>)> = None;
            for number in &choice.shards {
                let shard = self.state.lock_shard(*number);
                let most = best.as_ref().map_or(usize::MAX, |(_, way, _)| *way);
                let found = self.look_in(&shard, *number, basis, &wants[choice.want], &taken, most);
                if let Some((way, items)) = found {
                    best = Some((*number, way, items));
                    if way == 0 {
                        break;
                    }
                }
            }
            let (shard, way, items) = best?;
            taken.extend(items);
            aim.push((shard, way));
        }
        Some(aim)
    }

    /// The best that one shard has for a want in fewer than `most` ways, without looking at deadlines.
    pub(super) fn look_in(
        &self,
        shard: &Shard,
        number: u8,
        basis: Basis<'_>,
        want: &Want,
        taken: &[NewItem],
        most: usize,
    ) -> Option<(usize, SmallVec<[NewItem; 4]>)> {
        let Basis { sale, wall, at, back } = basis;
        let rules = shard.rules(sale)?;
        if let Some(wish) = wish(sale, want) {
            let looked = Cell::default();
            let search = InShard {
                wish: &wish,
                number,
                shard,
                barred: barred(shard, rules),
                taken,
                back,
                wall,
                at,
                count_due: false,
                looked: &looked,
            };
            let ways = wish.ways();
            let found = ways.iter().take(most).enumerate().find_map(|(place, way)| {
                let found = search.find(*way)?;
                Some((place, found.items().collect()))
            });
            self.note_looked(looked.get());
            return found;
        }
        let Want::AnyBundle { rule, venue, from, to } = want else { return None };
        let search = Search {
            sale,
            rule: rules.bundle(rule)?,
            venue,
            window: Window { from: *from, to: *to, wall, at },
            shards: SmallVec::from_slice(&[(number, shard)]),
            taken: taken.iter().map(|item| (item.slot, item.quantity)).collect(),
            back,
            count_due: false,
        };
        let parts = search.first()?;
        Some((0, parts.iter().map(|slot| NewItem { slot: *slot, quantity: 1, bundle: 0 }).collect()))
    }

    pub(super) fn note_looked(&self, looked: Looked) {
        self.costs.looked_rows.fetch_add(looked.rows, Ordering::Relaxed);
        self.costs.looked_slots.fetch_add(looked.slots, Ordering::Relaxed);
    }
}

impl Found {
    /// As items of a cart.
    pub fn items(&self) -> impl Iterator<Item = NewItem> {
        self.slots.iter().map(|slot| NewItem { slot: *slot, quantity: self.units, bundle: 0 })
    }
}
