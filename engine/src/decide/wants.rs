//! From what a request wants to the units it would take: names become places, bundles are checked against their rule.
//!
//! First without locks ([`Core::resolve`]: what is named, and where it lives), then under them
//! ([`Decision::check_wants`]: whether the parts fit together and are for sale).

use smallvec::SmallVec;

use super::{Core, Decision};
use crate::carts::DIVISIBLE;
use crate::fact::{NewItem, NewItems};
use crate::ids::{Quantity, SaleIx, SlotRef};
use crate::limits::{MAX_BUNDLES, MAX_HOLDS, MAX_QUANTITY, MAX_WANTS};
use crate::refusal::{Missing, Refusal};
use crate::request::Want;
use crate::sale::{BundleRule, SaleRules};
use crate::time::WallTime;

/// The wants of a request with their places, before any lock.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub items: NewItems,
    /// For each bundle: its rule's name and where its items begin and end.
    pub bundles: SmallVec<[(String, usize, usize); 2]>,
    /// Bundles that are chosen once the locks are held: which want, and its number.
    choices: SmallVec<[(usize, u8); 1]>,
    /// The shards those choices are among.
    scope: u64,
}

impl Resolved {
    /// The inventory shards of the items, and of all that may be chosen.
    pub fn mask(&self) -> u64 {
        self.items.iter().fold(self.scope, |mask, item| mask | 1 << item.slot.shard)
    }

    fn add_bundle(&mut self, rule: &str, places: &[SlotRef], bundle: u8) {
        let begin = self.items.len();
        self.items.extend(places.iter().map(|slot| NewItem { slot: *slot, quantity: 1, bundle }));
        self.bundles.push((rule.to_owned(), begin, self.items.len()));
    }
}

impl Core {
    /// Finds the places of everything a request names, and the shards of what the server is to choose.
    pub(super) fn resolve(
        &self,
        sale: SaleIx,
        wants: &[Want],
        bundles_before: u8,
    ) -> Result<Resolved, Refusal> {
        if wants.len() > MAX_WANTS {
            return Err(Refusal::TooLarge { field: "items", most: MAX_WANTS as u64 });
        }
        let mut resolved = Resolved::default();
        let mut bundle = bundles_before;
        let names = &self.state.names;
        let find = |slot: &str| {
            names.slot(sale, slot).ok_or_else(|| Refusal::NotFound(Missing::Slot(slot.to_owned())))
        };
        for (place, want) in wants.iter().enumerate() {
            match want {
                Want::Slot { slot, quantity } => {
                    if *quantity > MAX_QUANTITY {
                        return Err(Refusal::TooLarge { field: "quantity", most: u64::from(MAX_QUANTITY) });
                    }
                    if *quantity == 0 {
                        return Err(Refusal::Rule { why: "an item asks for at least one unit".into() });
                    }
                    resolved.items.push(NewItem { slot: find(slot)?, quantity: *quantity, bundle: 0 });
                }
                Want::Bundle { rule, slots } => {
                    let places =
                        slots.iter().map(|slot| find(slot)).collect::<Result<SmallVec<[_; 4]>, _>>()?;
                    bundle += 1;
                    resolved.add_bundle(rule, &places, bundle);
                }
                Want::AnyBundle { venue, .. } => {
                    let mask = names.venue(sale, venue);
                    if mask == 0 {
                        return Err(Refusal::NotFound(Missing::Venue(venue.clone())));
                    }
                    resolved.scope |= mask;
                    bundle += 1;
                    resolved.choices.push((place, bundle));
                }
                Want::Best { .. } => {
                    return Err(Refusal::Rule { why: "`best` is not offered by this server".into() });
                }
            }
            if resolved.items.len() > MAX_HOLDS || bundle > MAX_BUNDLES {
                return Err(Refusal::TooLarge { field: "items", most: MAX_HOLDS as u64 });
            }
        }
        Ok(resolved)
    }
}

impl Decision<'_> {
    /// Chooses what the server is to choose, among the shards that are held, so that the choice cannot be lost. After
    /// [`Decision::check_wants`]: that there is no stock is said only of what could be held if there were some.
    pub fn choose(
        &self,
        sale: SaleIx,
        rules: &SaleRules,
        wall: WallTime,
        wants: &[Want],
        resolved: &mut Resolved,
    ) -> Result<(), Refusal> {
        for (place, bundle) in std::mem::take(&mut resolved.choices) {
            let Want::AnyBundle { rule: name, venue, from, to } = &wants[place] else { continue };
            let Some(rule) = rules.bundle(name) else {
                return Err(Refusal::NotFound(Missing::Rule(name.clone())));
            };
            // Named items were counted when they were resolved; what is chosen is counted here.
            if resolved.items.len() + rule.parts.len() > MAX_HOLDS {
                return Err(Refusal::TooLarge { field: "items", most: MAX_HOLDS as u64 });
            }
            let window = super::bundle::Window { from: *from, to: *to, wall, at: self.at() };
            let places = self.find_bundle(sale, rule, venue, window, &resolved.items)?;
            resolved.add_bundle(name, &places, if rule.cancel_parts { bundle | DIVISIBLE } else { bundle });
        }
        Ok(())
    }

    /// Units of all that is named and of all that is still to be chosen.
    pub fn units_wanted(rules: &SaleRules, wants: &[Want], resolved: &Resolved) -> Quantity {
        let named: Quantity = resolved.items.iter().map(|item| item.quantity).sum();
        let parts = resolved.choices.iter().map(|(place, _)| match &wants[*place] {
            Want::AnyBundle { rule, .. } => rules.bundle(rule).map_or(0, |rule| rule.parts.len()),
            _ => 0,
        });
        // At most `MAX_WANTS` bundles of at most `MAX_BUNDLE_PARTS` parts.
        named + Quantity::try_from(parts.sum::<usize>()).unwrap_or(Quantity::MAX / 2)
    }

    /// The terms of a sale, from any inventory shard that is held.
    pub fn rules(&self, sale: SaleIx, shard: u8) -> Result<std::sync::Arc<SaleRules>, Refusal> {
        self.guards.look(shard).rules(sale).cloned().ok_or(Refusal::NotFound(Missing::Sale))
    }

    /// Whether the sale's terms let these units be held now, stock aside. Marks bundles that may be cancelled in parts.
    pub fn check_wants(
        &self,
        sale: SaleIx,
        rules: &SaleRules,
        wall: WallTime,
        wants: &[Want],
        resolved: &mut Resolved,
    ) -> Result<(), Refusal> {
        for want in wants {
            if let Want::Bundle { rule, .. } | Want::AnyBundle { rule, .. } = want
                && rules.bundle(rule).is_none()
            {
                return Err(Refusal::NotFound(Missing::Rule(rule.clone())));
            }
        }
        self.check_released(rules, wall, &resolved.items)?;
        if rules.closes_at.is_some_and(|closes| wall >= closes) {
            return Err(Refusal::SaleClosed);
        }
        debug_assert!(
            resolved
                .items
                .iter()
                .all(|item| self.guards.look(item.slot.shard).slot(item.slot.index).sale == sale)
        );
        for item in resolved.items.iter().filter(|item| item.bundle == 0) {
            if let Some(product) = self.guards.look(item.slot.shard).product(item.slot.index)
                && let Some(rule) = rules.sold_only_in(product)
            {
                return Err(Refusal::BundleOnly { rule: rule.to_owned() });
            }
        }
        for (name, begin, end) in &resolved.bundles {
            let Some(rule) = rules.bundle(name) else { continue };
            self.check_bundle(rule, &resolved.items[*begin..*end])?;
            if rule.cancel_parts {
                for item in &mut resolved.items[*begin..*end] {
                    item.bundle |= DIVISIBLE;
                }
            }
        }
        Ok(())
    }

    fn check_released(&self, rules: &SaleRules, wall: WallTime, items: &[NewItem]) -> Result<(), Refusal> {
        let opens = rules.opens_at.filter(|opens| wall < *opens);
        let releases = items
            .iter()
            .filter(|item| !self.guards.look(item.slot.shard).released(item.slot.index, wall))
            .map(|item| self.guards.look(item.slot.shard).slot(item.slot.index).releases_at)
            .max();
        match opens.max(releases) {
            Some(next) => Err(Refusal::NotReleased { next_release_at: Some(next) }),
            None => Ok(()),
        }
    }

    /// Whether the parts make the bundle: as many as the rule has, each of its product, at one venue if the rule says
    /// so, and the days between them within the gap.
    fn check_bundle(&self, rule: &BundleRule, items: &[NewItem]) -> Result<(), Refusal> {
        let incomplete = |why: String| Err(Refusal::BundleIncomplete { why });
        if items.len() != rule.parts.len() {
            return incomplete(format!(
                "`{}` has {} parts, {} were named",
                rule.name,
                rule.parts.len(),
                items.len()
            ));
        }
        let mut before: Option<(&str, Option<i32>)> = None;
        for (item, part) in items.iter().zip(&rule.parts) {
            let shard = self.guards.look(item.slot.shard);
            let name = shard.slot_name(item.slot.index);
            if shard.product(item.slot.index) != Some(part.as_str()) {
                return incomplete(format!("`{name}` is not of product `{part}`"));
            }
            let key = shard.group_of(item.slot.index).key;
            let venue = shard.names.name(key.venue);
            if let Some((venue_before, day_before)) = before {
                if rule.same_venue && venue != venue_before {
                    return incomplete(format!("`{name}` is not at venue `{venue_before}`"));
                }
                if let Some((least, most)) = rule.gap_days {
                    let gap = key
                        .day
                        .zip(day_before)
                        .map(|(day, day_before)| i64::from(day) - i64::from(day_before));
                    if !gap.is_some_and(|gap| (i64::from(least)..=i64::from(most)).contains(&gap)) {
                        return incomplete(format!(
                            "`{name}` is not {least} to {most} days after the part before it"
                        ));
                    }
                }
            }
            before = Some((venue, key.day));
        }
        Ok(())
    }
}
