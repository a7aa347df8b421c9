//! The terms of a sale: what an operator sets, checked once, then read under the shard locks by every decision.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codes::CodeTerms;
use crate::time::{Millis, WallTime};
use crate::waiting_room::RoomRules;

/// Parts that are held, sold and given back as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleRule {
    /// Its name in the sale.
    pub name: String,
    /// The product of each part, in order.
    pub parts: Vec<String>,
    /// All parts at one venue.
    pub same_venue: bool,
    /// From the local day of each part to that of the next: at least and at most so many days.
    pub gap_days: Option<(u16, u16)>,
    /// Whether an order's bundle may be cancelled in parts.
    pub cancel_parts: bool,
}

/// What is said of a product beyond its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRule {
    /// The product's name.
    pub name: String,
    /// Sold only as a part of this bundle rule.
    pub sold_only_in: Option<String>,
}

/// All settings of a sale. A value of this type is consistent: [`SaleRules::check`] has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleRules {
    /// The public id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// IANA name; days, weekdays and gaps are in it.
    pub time_zone: String,
    /// Venues that keep another time: venue id and IANA name.
    pub venue_time_zones: Vec<(String, String)>,
    /// Nothing is held before.
    pub opens_at: Option<WallTime>,
    /// Nothing is held or extended from here on; live carts may still be paid.
    pub closes_at: Option<WallTime>,
    /// How long a hold lasts.
    pub hold_ttl: Millis,
    /// How long extending can keep a cart, from its first hold.
    pub hold_max: Millis,
    /// Units one customer may hold and own over the whole sale.
    pub limit_units: Option<u32>,
    /// Orders one customer may make over the whole sale.
    pub limit_orders: Option<u32>,
    /// Keep what the shop calls the customer, in clear, beside the hash.
    pub keep_customer: bool,
    /// `few` is said at this share of the capacity or less, in percent.
    pub few_percent: u8,
    /// `few` is said at this many units or fewer.
    pub few_units: u32,
    /// Bundle rules by name, ascending.
    pub bundles: Vec<BundleRule>,
    /// Product rules by name, ascending.
    pub products: Vec<ProductRule>,
    /// The waiting room, if the sale has one. Written by facts and snapshots of its own: settings of older journals have none.
    #[serde(skip)]
    pub room: Option<Arc<RoomRules>>,
    /// Where it asks for access codes, if anywhere. Written apart, like the waiting room.
    #[serde(skip)]
    pub codes: Option<Arc<CodeTerms>>,
}

/// The most parts a bundle rule may have.
pub const MAX_BUNDLE_PARTS: usize = 16;
/// The most bundle rules of a sale.
pub const MAX_BUNDLES: usize = 1_000;
/// The most products, and the most venues, of which something is said in the settings of a sale.
pub const MAX_NAMED: usize = 10_000;

impl SaleRules {
    /// Settings with the defaults of the contract: 10 minutes to hold, 30 at most, no limit per customer.
    #[must_use]
    pub fn new(id: &str, time_zone: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: id.to_owned(),
            time_zone: time_zone.to_owned(),
            venue_time_zones: Vec::new(),
            opens_at: None,
            closes_at: None,
            hold_ttl: Millis(600_000),
            hold_max: Millis(1_800_000),
            limit_units: None,
            limit_orders: None,
            keep_customer: false,
            few_percent: 10,
            few_units: 5,
            bundles: Vec::new(),
            products: Vec::new(),
            room: None,
            codes: None,
        }
    }

    /// Whether the settings fit together; the sentence says what does not.
    ///
    /// # Errors
    /// The first thing found wrong, as a sentence for the operator.
    pub fn check(&self) -> Result<(), String> {
        use crate::ids::{is_id, is_sale_id};
        if !is_sale_id(&self.id) {
            return Err("the id of a sale is 1 to 64 lower-case letters, digits and hyphens".into());
        }
        for (what, count, most) in [
            ("bundles", self.bundles.len(), MAX_BUNDLES),
            ("products", self.products.len(), MAX_NAMED),
            ("venues", self.venue_time_zones.len(), MAX_NAMED),
        ] {
            if count > most {
                return Err(format!("{what} has at most {most} entries"));
            }
        }
        // No slot is ever at such a venue or of such a product: the setting would never apply.
        if let Some((venue, _)) = self.venue_time_zones.iter().find(|(venue, _)| !is_id(venue)) {
            return Err(format!("`{venue}` is no name for a venue"));
        }
        if let Some(product) = self.products.iter().find(|product| !is_id(&product.name)) {
            return Err(format!("`{}` is no name for a product", product.name));
        }
        for zone in std::iter::once(&self.time_zone).chain(self.venue_time_zones.iter().map(|(_, zone)| zone))
        {
            jiff::tz::TimeZone::get(zone).map_err(|_| format!("`{zone}` is no IANA time zone"))?;
        }
        if !(1_000..=86_400_000).contains(&self.hold_ttl.0) {
            return Err("hold_ttl_ms is 1,000 to 86,400,000".into());
        }
        if self.hold_max < self.hold_ttl || self.hold_max.0 > 7 * 86_400_000 {
            return Err("hold_max_ms is at least hold_ttl_ms and at most 604,800,000".into());
        }
        if let (Some(opens), Some(closes)) = (self.opens_at, self.closes_at)
            && closes <= opens
        {
            return Err("closes_at is not after opens_at".into());
        }
        if self.limit_units == Some(0) || self.limit_orders == Some(0) {
            return Err("a limit per customer is at least 1; leave it out for none".into());
        }
        if self.few_percent > 100 {
            return Err("few.percent is 0 to 100".into());
        }
        for rule in &self.bundles {
            if !is_id(&rule.name) {
                return Err(format!("`{}` is no name for a bundle rule", rule.name));
            }
            if !(2..=MAX_BUNDLE_PARTS).contains(&rule.parts.len()) {
                return Err(format!("bundle rule `{}` needs 2 to {MAX_BUNDLE_PARTS} parts", rule.name));
            }
            if let Some(part) = rule.parts.iter().find(|part| !is_id(part)) {
                return Err(format!("`{part}` in bundle rule `{}` is no name for a product", rule.name));
            }
            if rule.gap_days.is_some_and(|(least, most)| least > most) {
                return Err(format!(
                    "gap_days of bundle rule `{}`: the first is above the second",
                    rule.name
                ));
            }
        }
        // Looked up, not searched for: there may be thousands of both.
        let mut rules_of = BTreeMap::<&str, Vec<&str>>::new();
        for rule in &self.bundles {
            for part in &rule.parts {
                rules_of.entry(part).or_default().push(&rule.name);
            }
        }
        for ProductRule { name, sold_only_in } in &self.products {
            let Some(only) = sold_only_in.as_deref() else { continue };
            let rules = rules_of.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            if !rules.contains(&only) {
                return Err(format!("product `{name}` is sold only in `{only}`, which has no such part"));
            }
            if let Some(other) = rules.iter().find(|rule| **rule != only) {
                return Err(format!(
                    "product `{name}` is sold only in one bundle rule and is a part of `{other}` as well"
                ));
            }
        }
        let distinct = |names: &mut dyn Iterator<Item = &str>| {
            let mut names: Vec<_> = names.collect();
            names.sort_unstable();
            names.windows(2).all(|pair| pair[0] != pair[1])
        };
        if !distinct(&mut self.bundles.iter().map(|rule| rule.name.as_str()))
            || !distinct(&mut self.products.iter().map(|product| product.name.as_str()))
        {
            return Err("two bundle rules or two products have one name".into());
        }
        if let Some(codes) = &self.codes {
            let known = |lane: &&String| self.room.as_ref().is_some_and(|room| room.lane(lane).is_some());
            if let Some(lane) = codes.lanes.iter().find(|lane| !known(lane)) {
                return Err(format!("the waiting room has no lane `{lane}` that could require a code"));
            }
        }
        self.room.as_ref().map_or(Ok(()), |room| room.check())
    }

    /// The bundle rule of that name.
    #[must_use]
    pub fn bundle(&self, name: &str) -> Option<&BundleRule> {
        self.bundles.iter().find(|rule| rule.name == name)
    }

    /// The rule a product is sold only in, if there is one.
    #[must_use]
    pub fn sold_only_in(&self, product: &str) -> Option<&str> {
        self.products.iter().find(|rule| rule.name == product)?.sold_only_in.as_deref()
    }
}

/// A sale as it stands.
#[derive(Clone, Debug)]
pub struct SaleView {
    /// Its settings.
    pub rules: Arc<SaleRules>,
    /// Counts the changes of the settings, from 1; the ETag.
    pub revision: u64,
}

/// What the caller knows of the sale it wants to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Nothing was said.
    Absent,
    /// `*`: whatever stands there.
    Any,
    /// This revision.
    Revision(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn venues(count: usize) -> SaleRules {
        let named = (0..count).map(|venue| (format!("v-{venue}"), "UTC".to_owned()));
        SaleRules { venue_time_zones: named.collect(), ..SaleRules::new("sh", "UTC") }
    }

    fn products(names: impl Iterator<Item = String>) -> SaleRules {
        let products = names.map(|name| ProductRule { name, sold_only_in: None });
        SaleRules { products: products.collect(), ..SaleRules::new("sh", "UTC") }
    }

    fn bundles(count: usize) -> SaleRules {
        let rule = |number: usize| BundleRule {
            name: format!("b-{number}"),
            parts: vec!["x".to_owned(), "y".to_owned()],
            same_venue: false,
            gap_days: None,
            cancel_parts: false,
        };
        SaleRules { bundles: (0..count).map(rule).collect(), ..SaleRules::new("sh", "UTC") }
    }

    #[test]
    fn what_is_named_is_bounded() {
        for (allowed, one_more) in [
            (venues(MAX_NAMED), venues(MAX_NAMED + 1)),
            (
                products((0..MAX_NAMED).map(|product| product.to_string())),
                products((0..=MAX_NAMED).map(|product| product.to_string())),
            ),
            (bundles(MAX_BUNDLES), bundles(MAX_BUNDLES + 1)),
        ] {
            assert_eq!(allowed.check(), Ok(()));
            assert!(one_more.check().is_err_and(|why| why.contains("at most")));
        }
    }

    #[test]
    fn what_is_sold_only_in_a_bundle_is_a_part_of_that_one() {
        let only = |product: &str, rule: &str, count: usize| {
            let mut rules = bundles(count);
            let sold_only_in = Some(rule.to_owned());
            rules.products.push(ProductRule { name: product.to_owned(), sold_only_in });
            rules.check()
        };
        assert_eq!(only("x", "b-0", 1), Ok(()));
        assert!(only("z", "b-0", 1).is_err_and(|why| why.contains("no such part")));
        assert!(only("x", "b-9", 1).is_err_and(|why| why.contains("no such part")));
        assert!(only("x", "b-1", 2).is_err_and(|why| why.contains("`b-0` as well")));
    }

    #[test]
    fn a_name_that_no_slot_can_have_is_refused() {
        let long = "x".repeat(65);
        for name in ["", "dose 1", "f\u{fc}nf", "a/b", &long] {
            let mut there = venues(0);
            there.venue_time_zones.push((name.to_owned(), "UTC".to_owned()));
            assert!(there.check().is_err_and(|why| why.contains("venue")), "{name}");
            let of = products(std::iter::once(name.to_owned()));
            assert!(of.check().is_err_and(|why| why.contains("product")), "{name}");
        }
    }
}
