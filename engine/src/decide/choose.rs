//! What the server chooses: bundles and seats, looked for in one shard at a time and held in the next step.
//!
//! A first look ([`Core::aim`]) goes through the shards of the scope in the order its sections came, holding one lock at
//! a time; then only the shards it found something in are locked and the choice is made again there, so that it cannot
//! be lost any more. If others were faster the look is repeated, at most [`MAX_TRIES`] times. Only then, or if a look
//! finds nothing, everything in the scope is locked at once: that choice takes holds past their deadline for free and
//! parts from several shards, and its "no" is true of the whole scope.
//!
//! [`MAX_TRIES`]: crate::limits::MAX_TRIES

use std::cell::Cell;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::best::{Found, InShard, Looked, Way, Wish, anywhere};
use super::bundle::{Search, Window};
use super::wants::{Choice, Resolved};
use super::{Core, Decision};
use crate::fact::NewItem;
use crate::ids::{Quantity, SaleIx};
use crate::inventory::Shard;
use crate::limits::MAX_HOLDS;
use crate::refusal::{Missing, Refusal, Scope};
use crate::request::Want;
use crate::sale::SaleRules;
use crate::time::{Now, Timestamp, WallTime};

/// Why nothing was held.
#[derive(Debug)]
pub(super) enum Missed {
    /// Others were faster where the first look had found something.
    Lost,
    /// The answer is no.
    Refused(Refusal),
}

impl From<Refusal> for Missed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Where a first look found something for each choice: the shard, and how many ways were tried until then.
pub(super) type Aim = SmallVec<[(u8, usize); 1]>;

/// The times of a search.
#[derive(Clone, Copy)]
struct Times {
    wall: WallTime,
    at: Timestamp,
}

/// The shards to lock for a request: those a first look found something in, or all it may choose from.
pub(super) fn locks_for(resolved: &Resolved, aim: Option<&Aim>) -> u64 {
    match aim {
        Some(aim) => aim.iter().fold(resolved.named(), |mask, (shard, _)| mask | 1 << shard),
        None => resolved.mask(),
    }
}

/// The wish of a want for seats.
fn wish(sale: SaleIx, want: &Want) -> Option<Wish<'_>> {
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
fn barred(shard: &Shard, rules: &SaleRules) -> SmallVec<[u32; 2]> {
    let only = rules.products.iter().filter(|product| product.sold_only_in.is_some());
    only.filter_map(|product| shard.names.known(&product.name)).collect()
}

impl Core {
    /// Looks for everything that is to be chosen, one shard at a time. None if something was found nowhere: then only
    /// a look with everything locked may say no.
    pub(super) fn aim(&self, now: Now, sale: SaleIx, wants: &[Want], resolved: &Resolved) -> Option<Aim> {
        let mut taken: SmallVec<[NewItem; 8]> = resolved.items.iter().copied().collect();
        let mut aim = Aim::new();
        for choice in &resolved.choices {
            let mut best: Option<(u8, usize, SmallVec<[NewItem; 4]>)> = None;
            for number in &choice.shards {
                let shard = self.state.lock_shard(*number);
                let times = Times { wall: now.wall, at: now.engine };
                let most = best.as_ref().map_or(usize::MAX, |(_, way, _)| *way);
                let found = self.look_in(&shard, *number, sale, &wants[choice.want], times, &taken, most);
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
    fn look_in(
        &self,
        shard: &Shard,
        number: u8,
        sale: SaleIx,
        want: &Want,
        times: Times,
        taken: &[NewItem],
        most: usize,
    ) -> Option<(usize, SmallVec<[NewItem; 4]>)> {
        let rules = shard.rules(sale)?;
        if let Some(wish) = wish(sale, want) {
            let looked = Cell::default();
            let search = InShard {
                wish: &wish,
                number,
                shard,
                barred: barred(shard, rules),
                taken,
                wall: times.wall,
                at: times.at,
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
            window: Window { from: *from, to: *to, wall: times.wall, at: times.at },
            shards: SmallVec::from_slice(&[(number, shard)]),
            taken: taken.iter().map(|item| item.slot).collect(),
            count_due: false,
        };
        let parts = search.first()?;
        Some((0, parts.iter().map(|slot| NewItem { slot: *slot, quantity: 1, bundle: 0 }).collect()))
    }

    fn note_looked(&self, looked: Looked) {
        self.costs.looked_rows.fetch_add(looked.rows, Ordering::Relaxed);
        self.costs.looked_slots.fetch_add(looked.slots, Ordering::Relaxed);
    }
}

impl Found {
    /// As items of a cart.
    fn items(&self) -> impl Iterator<Item = NewItem> {
        self.slots.iter().map(|slot| NewItem { slot: *slot, quantity: self.units, bundle: 0 })
    }
}

impl Decision<'_> {
    /// Units a request comes to.
    pub(super) fn units_wanted(rules: &SaleRules, wants: &[Want], resolved: &Resolved) -> Quantity {
        let named: Quantity = resolved.items.iter().map(|item| item.quantity).sum();
        let chosen = resolved.choices.iter().map(|choice| match &wants[choice.want] {
            Want::Best { quantity, .. } => *quantity,
            Want::AnyBundle { rule, .. } => {
                let parts = rules.bundle(rule).map_or(0, |rule| rule.parts.len());
                Quantity::try_from(parts).unwrap_or(0)
            }
            Want::Slot { .. } | Want::Bundle { .. } => 0,
        });
        named + chosen.sum::<Quantity>()
    }

    /// Chooses what the server is to choose, among the shards that are held, so that the choice cannot be lost. With an
    /// aim, only there and no worse than it was found.
    pub(super) fn choose(
        &self,
        sale: SaleIx,
        rules: &SaleRules,
        wall: WallTime,
        wants: &[Want],
        resolved: &mut Resolved,
        aim: Option<&Aim>,
    ) -> Result<(), Missed> {
        let times = Times { wall, at: self.at() };
        for (place, choice) in std::mem::take(&mut resolved.choices).into_iter().enumerate() {
            let want = &wants[choice.want];
            if let Want::AnyBundle { rule, .. } = want
                && rules.bundle(rule).is_none()
            {
                return Err(Refusal::NotFound(Missing::Rule(rule.clone())).into());
            }
            let items: SmallVec<[NewItem; 4]> = if let Some((number, way)) = aim.map(|aim| aim[place]) {
                let shard = self.guards.look(number);
                let most = way.saturating_add(1);
                let found = self.core.look_in(shard, number, sale, want, times, &resolved.items, most);
                found.ok_or(Missed::Lost)?.1
            } else {
                self.choose_of_all(sale, rules, times, want, &choice, &resolved.items)?
            };
            if let Want::AnyBundle { rule, .. } = want {
                let places: SmallVec<[_; 4]> = items.iter().map(|item| item.slot).collect();
                resolved.add_bundle(rule, &places, choice.bundle);
            } else {
                // Neighbours are one bundle: they go back together.
                let together = items.len() > 1 && matches!(want, Want::Best { adjacent: true, .. });
                let bundle = if together { choice.bundle } else { 0 };
                resolved.items.extend(items.iter().map(|item| NewItem { bundle, ..*item }));
            }
            if resolved.items.len() > MAX_HOLDS {
                return Err(Refusal::TooLarge { field: "items", most: MAX_HOLDS as u64 }.into());
            }
        }
        Ok(())
    }

    /// The choice with every shard of the scope held.
    fn choose_of_all(
        &self,
        sale: SaleIx,
        rules: &SaleRules,
        times: Times,
        want: &Want,
        choice: &Choice,
        taken: &[NewItem],
    ) -> Result<SmallVec<[NewItem; 4]>, Refusal> {
        if let Some(wish) = wish(sale, want) {
            return self.choose_seats(&wish, rules, times, choice, taken);
        }
        let Want::AnyBundle { rule, venue, from, to } = want else { return Ok(SmallVec::new()) };
        let Some(rule) = rules.bundle(rule) else {
            return Err(Refusal::NotFound(Missing::Rule(rule.clone())));
        };
        let window = Window { from: *from, to: *to, wall: times.wall, at: times.at };
        let parts = self.find_bundle(sale, rule, venue, window, taken)?;
        Ok(parts.iter().map(|slot| NewItem { slot: *slot, quantity: 1, bundle: 0 }).collect())
    }

    fn choose_seats(
        &self,
        wish: &Wish<'_>,
        rules: &SaleRules,
        times: Times,
        choice: &Choice,
        taken: &[NewItem],
    ) -> Result<SmallVec<[NewItem; 4]>, Refusal> {
        let looked = Cell::default();
        let shards = || choice.shards.iter().map(|number| (*number, self.guards.look(*number)));
        let searches = |wall, barring: bool, count_due| -> SmallVec<[InShard<'_>; 4]> {
            let search = |(number, shard)| InShard {
                wish,
                number,
                shard,
                barred: if barring { barred(shard, rules) } else { SmallVec::new() },
                taken,
                wall,
                at: times.at,
                count_due,
                looked: &looked,
            };
            shards().map(search).collect()
        };
        let mut found = first(&searches(times.wall, true, false), wish);
        let may_be_due = shards().any(|(_, shard)| shard.may_be_due(times.at));
        if found.is_none() && may_be_due {
            found = first(&searches(times.wall, true, true), wish);
        }
        self.core.note_looked(looked.get());
        if let Some(found) = found {
            return Ok(found.items().collect());
        }
        // Why not: released later, sold only in bundles, or gone.
        let slots = |found: Found| found.slots;
        if shards().any(|(_, shard)| shard.last_release() > times.wall)
            && let Some(slots) = first(&searches(WallTime(i64::MAX), true, may_be_due), wish).map(slots)
        {
            let next = slots.iter().map(|slot| self.guards.look(slot.shard).slot(slot.index).releases_at);
            return Err(Refusal::NotReleased { next_release_at: next.max() });
        }
        if rules.products.iter().any(|product| product.sold_only_in.is_some())
            && let Some(slots) = first(&searches(times.wall, false, may_be_due), wish).map(slots)
            && let Some(rule) = slots
                .iter()
                .find_map(|slot| rules.sold_only_in(self.guards.look(slot.shard).product(slot.index)?))
        {
            return Err(Refusal::BundleOnly { rule: rule.to_owned() });
        }
        let scope = Scope {
            venue: wish.venue.to_owned(),
            section: wish.section.map(str::to_owned),
            quantity: wish.quantity,
            adjacent: wish.adjacent,
            accessible: wish.accessible,
            ..Scope::default()
        };
        let (mut free, mut held) = (0, 0);
        for (_, shard) in shards() {
            let Some(venue) = shard.names.known(wish.venue) else { continue };
            let section = wish.section.map(|section| shard.names.known(section));
            for group in shard.groups_of_venue(wish.sale, venue) {
                if section.is_none_or(|section| section.is_some() && group.key.section == section) {
                    let due = if may_be_due { shard.due_units(group, times.at) } else { 0 };
                    free += group.counts.free() + due;
                    held += group.counts.held - due;
                }
            }
        }
        Err(self.shortage_of(wish.sale, scope, free, held))
    }

    /// The refusal of a search that found nothing in its scope, where so many units are free and held.
    pub(super) fn shortage_of(&self, _sale: SaleIx, scope: Scope, free: u64, held: u64) -> Refusal {
        match (free, held) {
            (0, 0) => Refusal::SoldOut(scope.into()),
            (0, _) => Refusal::AllHeld(scope.into()),
            _ => Refusal::SlotTaken(scope.into()),
        }
    }
}

/// The first way in which one of the searches finds something; for parties that need not be neighbours, at last what all
/// of them have together.
fn first(searches: &[InShard<'_>], wish: &Wish<'_>) -> Option<Found> {
    let in_one = |way: Way| searches.iter().find_map(|search| search.find(way));
    wish.ways()
        .into_iter()
        .find_map(in_one)
        .or_else(|| (!wish.adjacent).then(|| anywhere(searches, wish)).flatten())
}
