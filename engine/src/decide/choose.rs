//! What the server chooses: bundles and seats, looked for in one shard at a time and held in the next step.
//!
//! A first look ([`Core::aim`](super::Core::aim)) goes through the shards of the scope in the order its sections came, holding one lock at
//! a time; then only the shards it found something in are locked and the choice is made again there, so that it cannot
//! be lost any more. If others were faster the look is repeated, at most [`MAX_TRIES`] basis. Only then, or if a look
//! finds nothing, everything in the scope is locked at once: that choice takes holds past their deadline for free and
//! parts from several shards, and its "no" is true of the whole scope.
//!
//! [`MAX_TRIES`]: crate::limits::MAX_TRIES

use std::cell::Cell;

use smallvec::SmallVec;

use super::Decision;
use super::aim::{Aim, Basis, barred, wish};
use super::best::{Found, InShard, Way, Wish};
use super::bundle::first_release;
use super::scattered::anywhere;
use super::stock::sum;
use super::wants::{Choice, Resolved};
use crate::fact::NewItem;
use crate::ids::{Quantity, SlotRef};
use crate::inventory::Units;
use crate::limits::MAX_HOLDS;
use crate::refusal::{Missing, Refusal, Scope, Shortage};
use crate::request::Want;
use crate::sale::SaleRules;
use crate::time::Timestamp;

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

/// What one choice comes to; their bundle is not known yet.
pub(super) type Items = SmallVec<[NewItem; 4]>;

/// The items of each choice of a request; nothing for those that are not chosen yet.
pub(super) type Chosen = SmallVec<[Items; 1]>;

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
    /// aim, only there and no worse than it was found. Without one bundles are chosen before seats, all together, and what was
    /// named and falls short is told slot by slot before, whatever is left of the rest; with an aim whoever chooses asks that after.
    pub(super) fn choose(
        &mut self,
        basis: Basis<'_>,
        rules: &SaleRules,
        wants: &[Want],
        resolved: &mut Resolved,
        aim: Option<&Aim>,
    ) -> Result<(), Missed> {
        for choice in &resolved.choices {
            if let Want::AnyBundle { rule, .. } = &wants[choice.want]
                && rules.bundle(rule).is_none()
            {
                return Err(Refusal::NotFound(Missing::Rule(rule.clone())).into());
            }
        }
        let named: SmallVec<[NewItem; 8]> = resolved.items.iter().copied().collect();
        let choices = std::mem::take(&mut resolved.choices);
        let chosen = match aim {
            Some(aim) => self.choose_aimed(basis, wants, &choices, aim, &named)?,
            None => {
                self.stock(&sum(&named), basis.back)?;
                let mut chosen = self.choose_bundles(basis, rules, wants, &choices, &named)?;
                self.choose_all_seats(basis, rules, wants, &choices, &named, &mut chosen)?;
                chosen
            }
        };
        for (choice, mut items) in choices.into_iter().zip(chosen) {
            let want = &wants[choice.want];
            if let Want::AnyBundle { rule, .. } = want {
                let places: SmallVec<[_; 4]> = items.iter().map(|item| item.slot).collect();
                resolved.add_bundle(rule, &places, choice.bundle);
            } else {
                // Neighbours are one bundle: they go back together.
                let together = items.len() > 1 && matches!(want, Want::Best { adjacent: true, .. });
                let bundle = if together { choice.bundle } else { 0 };
                items.iter_mut().for_each(|item| item.bundle = bundle);
                resolved.items.extend(items);
            }
            if resolved.items.len() > MAX_HOLDS {
                return Err(Refusal::TooLarge { field: "items", most: MAX_HOLDS as u64 }.into());
            }
        }
        Ok(())
    }

    /// Every choice again where a first look found it, no worse.
    fn choose_aimed(
        &self,
        basis: Basis<'_>,
        wants: &[Want],
        choices: &[Choice],
        aim: &Aim,
        named: &[NewItem],
    ) -> Result<Chosen, Missed> {
        let mut taken: SmallVec<[NewItem; 8]> = named.iter().copied().collect();
        let mut chosen = Chosen::new();
        for (choice, (number, way)) in choices.iter().zip(aim) {
            let shard = self.guards.look(*number);
            let most = way.saturating_add(1);
            let found = self.core.look_in(shard, *number, basis, &wants[choice.want], &taken, most);
            let (_, items) = found.ok_or(Missed::Lost)?;
            taken.extend(items.iter().copied());
            chosen.push(items);
        }
        Ok(chosen)
    }

    /// Seats for each party of a request, beside what is chosen already: in the order of the request, or if one finds
    /// nothing then, the largest first. That is no search of all ways, so the "no" says no more than it knows.
    fn choose_all_seats(
        &self,
        basis: Basis<'_>,
        rules: &SaleRules,
        wants: &[Want],
        choices: &[Choice],
        named: &[NewItem],
        chosen: &mut Chosen,
    ) -> Result<(), Refusal> {
        let wish_of = |place: usize| wish(basis.sale, &wants[choices[place].want]);
        let mut order: SmallVec<[usize; 4]> =
            (0..choices.len()).filter(|place| wish_of(*place).is_some()).collect();
        let mut seat = |order: &[usize]| {
            let bundles = chosen.iter().flatten().copied();
            let mut taken: SmallVec<[NewItem; 8]> = named.iter().copied().chain(bundles).collect();
            let mut found: SmallVec<[(usize, Items); 4]> = SmallVec::new();
            for place in order {
                let Some(wish) = wish_of(*place) else { continue };
                let items = self.choose_seats(&wish, rules, basis, &choices[*place], &taken)?;
                taken.extend(items.iter().copied());
                found.push((*place, items));
            }
            found.into_iter().for_each(|(place, items)| chosen[place] = items);
            Ok::<_, Refusal>(())
        };
        let Err(refusal) = seat(&order) else { return Ok(()) };
        if choices.len() == 1 {
            return Err(refusal);
        }
        order.sort_by_key(|place| std::cmp::Reverse(wish_of(*place).map(|wish| wish.quantity)));
        if seat(&order).is_ok() {
            return Ok(());
        }
        // What is true of one party alone is said of that one.
        for place in order {
            let Some(wish) = wish_of(place) else { continue };
            self.choose_seats(&wish, rules, basis, &choices[place], named)?;
        }
        let why =
            "each party could be seated, but no way was found to seat all of them in one step; ask for fewer";
        Err(Refusal::BundleIncomplete { why: why.into(), scope: None })
    }

    fn choose_seats(
        &self,
        wish: &Wish<'_>,
        rules: &SaleRules,
        basis: Basis<'_>,
        choice: &Choice,
        taken: &[NewItem],
    ) -> Result<Items, Refusal> {
        let looked = Cell::default();
        let shards = || choice.shards.iter().map(|number| (*number, self.guards.look(*number)));
        let searches = |wall, barring: bool, count_due| -> SmallVec<[InShard<'_>; 4]> {
            let search = |(number, shard)| InShard {
                wish,
                number,
                shard,
                barred: if barring { barred(shard, rules) } else { SmallVec::new() },
                taken,
                back: basis.back,
                wall,
                at: basis.at,
                count_due,
                looked: &looked,
            };
            shards().map(search).collect()
        };
        let mut found = first(&searches(basis.wall, true, false), wish);
        let may_be_due = shards().any(|(_, shard)| shard.may_be_due(basis.at));
        if found.is_none() && may_be_due {
            found = first(&searches(basis.wall, true, true), wish);
        }
        self.core.note_looked(looked.get());
        if let Some(found) = found {
            return Ok(found.items().collect());
        }
        // Why not: in carts, released later, sold only in bundles, or gone.
        let scope = Scope {
            venue: wish.venue.to_owned(),
            section: wish.section.map(str::to_owned),
            quantity: wish.quantity,
            adjacent: wish.adjacent,
            accessible: wish.accessible,
            ..Scope::default()
        };
        let (units, back_at) = self.units_in_scope(wish, basis, choice, may_be_due);
        if units.released == 0 && units.returning > 0 {
            return Err(self.shortage_of(scope, 0, units.returning, back_at));
        }
        let slots = |found: Found| found.slots;
        if shards().any(|(_, shard)| shard.last_release() > basis.wall) {
            let next = first_release(basis.wall, |wall| {
                self.released_by(first(&searches(wall, true, may_be_due), wish)?.slots)
            });
            if next.is_some() {
                return Err(Refusal::NotReleased { next_release_at: next });
            }
        }
        if rules.products.iter().any(|product| product.sold_only_in.is_some())
            && let Some(slots) = first(&searches(basis.wall, false, may_be_due), wish).map(slots)
            && let Some(rule) = slots
                .iter()
                .find_map(|slot| rules.sold_only_in(self.guards.look(slot.shard).product(slot.index)?))
        {
            return Err(Refusal::BundleOnly { rule: rule.to_owned() });
        }
        Err(self.shortage_of(scope, units.free, units.held, back_at))
    }

    /// What there is for a party in the shards it was looked for in, and when the first of what is held comes back.
    fn units_in_scope(
        &self,
        wish: &Wish<'_>,
        basis: Basis<'_>,
        choice: &Choice,
        may_be_due: bool,
    ) -> (Units, Option<Timestamp>) {
        let (mut sum, mut back_at) = (Units::default(), None);
        for number in choice.shards.iter().copied() {
            let shard = self.guards.look(number);
            let Some(venue) = shard.names.known(wish.venue) else { continue };
            let section = wish.section.map(|section| shard.names.known(section));
            for group in shard.groups_of_venue(wish.sale, venue) {
                if section.is_none_or(|section| section.is_some() && group.key.section == section) {
                    let units =
                        shard.units_for(group, wish.accessible, basis.wall, may_be_due.then_some(basis.at));
                    let ours = |slot: &SlotRef| {
                        let here = shard.group_of(slot.index).key == group.key;
                        here && (wish.accessible || !shard.info(slot.index).is_accessible())
                    };
                    let here = basis.back.iter().filter(|(slot, _)| slot.shard == number && ours(slot));
                    let back = here.map(|(_, units)| u64::from(*units)).sum::<u64>();
                    sum.free += units.free + back;
                    sum.released += units.released + back;
                    sum.held += units.held - back;
                    sum.returning += units.returning.saturating_sub(back);
                    // Of what is not for this party, or not for sale yet, nothing comes back for it.
                    if units.returning == 0 {
                        continue;
                    }
                    back_at = shard.first_return(group).into_iter().chain(back_at).min();
                }
            }
        }
        (sum, back_at)
    }

    /// The refusal of a search that found nothing in its scope, where so many units are free and held.
    /// `back_at` is when the first of the held ones comes back.
    pub(super) fn shortage_of(
        &self,
        scope: Scope,
        free: u64,
        held: u64,
        back_at: Option<Timestamp>,
    ) -> Refusal {
        match (free, held) {
            (0, 0) => Refusal::SoldOut(scope.into()),
            (0, _) => {
                let back_in = back_at.map(|at| at.since(self.at()));
                Refusal::AllHeld(Shortage { back_in, ..scope.into() })
            }
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
