//! What of a sale's units can be sold: a product that is sold in one bundle alone is worth no more than the bundles it can be part of.
//!
//! Counted over all days at once, and over all venues where a bundle may be of several, so it is what there is at most: whether the
//! parts of a bundle fit each other is known by who looks for one.

use std::collections::BTreeMap;

use crate::inventory::Shard;
use crate::sale::{BundleRule, SaleRules};

/// Units as they stand: free now, held, and released later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Units {
    pub free: u64,
    pub held: u64,
    pub later: u64,
}

impl Units {
    pub fn add(&mut self, other: Self) {
        self.free += other.free;
        self.held += other.held;
        self.later += other.later;
    }
}

/// The units of a sale, group by group.
pub(super) struct Sellable<'a> {
    rules: &'a SaleRules,
    /// Rules with parts that are sold nowhere else.
    bundles: Vec<&'a BundleRule>,
    /// Units of every product in one of them, by venue.
    parts: BTreeMap<&'a str, BTreeMap<Box<str>, Units>>,
    /// Units that are sold as they are.
    alone: Units,
}

impl<'a> Sellable<'a> {
    /// Nothing counted yet.
    pub fn new(rules: &'a SaleRules) -> Self {
        let only = |rule: &&BundleRule| rule.parts.iter().any(|part| rules.sold_only_in(part).is_some());
        let bundles: Vec<_> = rules.bundles.iter().filter(only).collect();
        let parts = bundles.iter().flat_map(|rule| &rule.parts);
        let parts = parts.map(|part| (part.as_str(), BTreeMap::new())).collect();
        Self { rules, bundles, parts, alone: Units::default() }
    }

    /// Counts what a shard has of each product at each venue; most sales have no bundles, and no name is looked up then.
    pub fn add(&mut self, shard: &Shard, groups: impl Iterator<Item = (Option<u32>, u32, Units)>) {
        let mut products = BTreeMap::<(u32, u32), Units>::new();
        for (product, venue, units) in groups {
            match product.filter(|_| !self.parts.is_empty()) {
                Some(product) => products.entry((product, venue)).or_default().add(units),
                None => self.alone.add(units),
            }
        }
        for ((product, venue), units) in products {
            let name = shard.names.name(product);
            if let Some(part) = self.parts.get_mut(name) {
                // Sections of a venue may stand in several shards.
                part.entry(shard.names.name(venue).into()).or_default().add(units);
            }
            if self.rules.sold_only_in(name).is_none() {
                self.alone.add(units);
            }
        }
    }

    /// What can be sold at most: now, with what is held if it comes back, and with what is released later.
    pub fn units(&self) -> Units {
        let free = self.in_bundles(|units| units.free);
        let back = self.in_bundles(|units| units.free + units.held);
        let all = self.in_bundles(|units| units.free + units.held + units.later);
        let Units { free: alone, held, later } = self.alone;
        Units { free: alone + free, held: held + back - free, later: later + all - back }
    }

    /// Units of products that are sold in bundles alone, as many as there can be bundles.
    fn in_bundles(&self, count: impl Fn(&Units) -> u64) -> u64 {
        let of_rule = |rule: &&BundleRule| {
            let times = |part: &str| rule.parts.iter().filter(|other| *other == part).count() as u64;
            let of = |part: &str, venue: Option<&str>| match (self.parts.get(part), venue) {
                (None, _) => 0,
                (Some(venues), Some(venue)) => venues.get(venue).map_or(0, &count),
                (Some(venues), None) => venues.values().map(&count).sum(),
            };
            let enough_for =
                |venue| rule.parts.iter().map(|part| of(part, venue) / times(part)).min().unwrap_or(0);
            let bundles = if rule.same_venue {
                let venues = rule.parts.first().and_then(|part| self.parts.get(part.as_str()));
                venues.into_iter().flatten().map(|(venue, _)| enough_for(Some(venue))).sum()
            } else {
                enough_for(None)
            };
            let only = rule.parts.iter().filter(|part| self.rules.sold_only_in(part).is_some());
            bundles * only.count() as u64
        };
        self.bundles.iter().map(of_rule).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sale::ProductRule;

    #[test]
    fn a_part_is_worth_what_its_bundle_is() {
        let bundle = |name: &str, parts: &[&str], same_venue| BundleRule {
            name: name.into(),
            parts: parts.iter().map(|part| (*part).into()).collect(),
            same_venue,
            gap_days: None,
            cancel_parts: false,
        };
        let only =
            |name: &str, rule: &str| ProductRule { name: name.into(), sold_only_in: Some(rule.into()) };
        let rules = SaleRules {
            bundles: vec![
                bundle("pair", &["d1", "d2"], true),
                bundle("pass", &["day", "day", "camp"], false),
            ],
            products: vec![only("d1", "pair"), only("d2", "pair"), only("camp", "pass")],
            ..SaleRules::new("day", "UTC")
        };
        let mut sellable = Sellable::new(&rules);
        let set = |sellable: &mut Sellable<'_>, part: &'static str, free, held, later| {
            let here = sellable.parts.get_mut(part).unwrap();
            here.insert("kiel".into(), Units { free, held, later });
        };
        set(&mut sellable, "d1", 100, 0, 50);
        assert_eq!(sellable.units(), Units::default());
        // Three of the second are in carts, two come tomorrow.
        set(&mut sellable, "d2", 4, 3, 2);
        assert_eq!(sellable.units(), Units { free: 8, held: 6, later: 4 });
        // A pass takes two days and a place in the camp; the days are sold alone too.
        set(&mut sellable, "camp", 9, 0, 0);
        set(&mut sellable, "day", 5, 0, 0);
        sellable.alone = Units { free: 5, held: 0, later: 0 };
        assert_eq!(sellable.units(), Units { free: 8 + 2 + 5, held: 6, later: 4 });
        // Halves of a pair at two venues are no pair; days and camps may be of several.
        for (part, venue) in [("d2", "husum"), ("day", "husum"), ("camp", "flensburg")] {
            let there = Units { free: 3, held: 0, later: 0 };
            sellable.parts.get_mut(part).unwrap().insert(venue.into(), there);
        }
        assert_eq!(sellable.units(), Units { free: 8 + 4 + 5, held: 6, later: 4 });
    }
}
