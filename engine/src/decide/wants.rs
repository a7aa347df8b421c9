//! From what a request wants to the units it would take: names become places, bundles are checked against their rule.
//!
//! First without locks ([`Core::resolve`]: what is named, and where it lives), then under them
//! ([`Decision::check_wants`]: whether the parts fit together and are for sale).

use smallvec::SmallVec;

use super::{Core, Decision};
use crate::carts::DIVISIBLE;
use crate::fact::{NewItem, NewItems};
use crate::ids::{SaleIx, SlotRef};
use crate::limits::{MAX_BEST, MAX_BUNDLES, MAX_HOLDS, MAX_QUANTITY, MAX_WANTS};
use crate::names::Shards;
use crate::refusal::{Missing, Refusal};
use crate::request::Want;
use crate::sale::{BundleRule, SaleRules};
use crate::time::WallTime;

/// The wants of a request with their places, before any lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resolved {
    pub items: NewItems,
    /// For each bundle of a rule: its rule's name and where its items begin and end.
    pub bundles: SmallVec<[(String, usize, usize); 2]>,
    /// What is chosen once the locks are held.
    pub choices: SmallVec<[Choice; 1]>,
    /// Shards that are needed for something else than the items.
    pub beside: u64,
}

/// Something the server is to choose.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// Which want.
    pub want: usize,
    /// The number of the bundle it becomes.
    pub bundle: u8,
    /// The shards it is among, in the order they are looked at.
    pub shards: Shards,
}

impl Resolved {
    /// The inventory shards of the items that are named or chosen already, and those needed beside.
    pub fn named(&self) -> u64 {
        self.items.iter().fold(self.beside, |mask, item| mask | 1 << item.slot.shard)
    }

    /// The inventory shards of the items, and of all that may be chosen.
    pub fn mask(&self) -> u64 {
        let scopes = self.choices.iter().flat_map(|choice| &choice.shards);
        scopes.fold(self.named(), |mask, shard| mask | 1 << shard)
    }

    pub(super) fn add_bundle(&mut self, rule: &str, places: &[SlotRef], bundle: u8) {
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
        let mut to_choose = 0;
        let slots = self.state.names.slots(sale);
        let find =
            |slot: &str| slots.find(slot).ok_or_else(|| Refusal::NotFound(Missing::Slot(slot.to_owned())));
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
                    bundle = next_bundle(bundle);
                    resolved.add_bundle(rule, &places, bundle);
                }
                Want::AnyBundle { venue, .. } => {
                    let shards = self.shards_of(sale, venue, None)?;
                    bundle = next_bundle(bundle);
                    to_choose += 1;
                    resolved.choices.push(Choice { want: place, bundle, shards });
                }
                Want::Best { venue, section, quantity, .. } => {
                    if *quantity > MAX_BEST {
                        return Err(Refusal::TooLarge { field: "quantity", most: u64::from(MAX_BEST) });
                    }
                    if *quantity == 0 {
                        return Err(Refusal::Rule { why: "`best` is asked for at least one seat".into() });
                    }
                    let shards = self.shards_of(sale, venue, section.as_deref())?;
                    bundle = next_bundle(bundle);
                    to_choose += *quantity as usize;
                    resolved.choices.push(Choice { want: place, bundle, shards });
                }
            }
            if resolved.items.len() + to_choose > MAX_HOLDS {
                return Err(Refusal::TooLarge { field: "items", most: MAX_HOLDS as u64 });
            }
        }
        Ok(resolved)
    }

    /// Where a venue, or one of its sections, lives.
    fn shards_of(&self, sale: SaleIx, venue: &str, section: Option<&str>) -> Result<Shards, Refusal> {
        let shards = self.state.names.shards_of(sale, venue, section);
        if !shards.is_empty() {
            return Ok(shards);
        }
        Err(Refusal::NotFound(match section {
            Some(section) if self.state.names.venue(sale, venue) != 0 => Missing::Section(section.to_owned()),
            _ => Missing::Venue(venue.to_owned()),
        }))
    }
}

/// The number of a cart's next bundle. All beyond the last that a cart may have are the one after it: the cart is refused them, in
/// its turn among the refusals, and the mark of a bundle has no room for more.
fn next_bundle(bundle: u8) -> u8 {
    bundle.min(MAX_BUNDLES) + 1
}

impl Decision<'_> {
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
        // What is released after the close is not waited for.
        if rules.closes_at.is_some_and(|closes| wall >= closes) {
            return Err(Refusal::SaleClosed);
        }
        self.check_released(rules, wall, &resolved.items)?;
        debug_assert!(
            resolved
                .items
                .iter()
                .all(|item| self.guards.look(item.slot.shard).slot(item.slot.index).sale == sale)
        );
        let singles = resolved.items.iter().filter(|item| item.bundle == 0 && !rules.bundles.is_empty());
        for item in singles {
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
            .map(|item| self.guards.look(item.slot.shard).slot(item.slot.index).releases_at)
            .filter(|releases_at| wall < *releases_at)
            .max();
        match opens.max(releases) {
            Some(next) => Err(Refusal::NotReleased { next_release_at: Some(next) }),
            None => Ok(()),
        }
    }

    /// Whether the parts make the bundle: as many as the rule has, each of its product, at one venue if the rule says
    /// so, and the days between them within the gap.
    fn check_bundle(&self, rule: &BundleRule, items: &[NewItem]) -> Result<(), Refusal> {
        let incomplete = |why: String| Err(Refusal::BundleIncomplete { why, scope: None });
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
