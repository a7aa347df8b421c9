//! The settings of a sale on the wire, both ways.
//!
//! What is read back can be sent again: `PATCH` merges into the written form (RFC 7396) and reads the result with the
//! same strictness as `PUT`, so there is one place where a setting is understood.

use std::collections::BTreeMap;
use std::sync::Arc;

use onsale_engine::sale::{BundleRule, ProductRule, SaleRules, SaleView};
use onsale_engine::time::{Millis, WallTime};
use serde::{Deserialize, Serialize};

use super::room::WaitingRoom;
use super::time::Written;
use crate::problem::{Code, Problem};

/// All settings. What is left out has its default.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What people call it.
    pub name: Option<String>,
    /// IANA name; days, weekdays and gaps are in it.
    pub time_zone: Option<String>,
    /// Nothing is held before.
    pub opens_at: Option<Written>,
    /// Nothing is held or extended from here on.
    pub closes_at: Option<Written>,
    /// How long a hold lasts.
    pub hold_ttl_ms: Option<u64>,
    /// How long extending can keep a cart.
    pub hold_max_ms: Option<u64>,
    /// Over the whole sale.
    pub limit_per_customer: Option<LimitPerCustomer>,
    /// Keep what the shop calls the customer, in clear.
    pub keep_customer: Option<bool>,
    /// When `few` is said.
    pub few: Option<Few>,
    /// Nobody makes a cart, or joins the waiting room, without an access code.
    pub require_code: Option<bool>,
    /// The waiting room.
    pub waiting_room: Option<WaitingRoom>,
    /// Not built yet: only `{"provider": "instant"}`.
    pub checkout: Option<Checkout>,
    /// Bundle rules by name.
    pub bundles: Option<BTreeMap<String, Bundle>>,
    /// Product rules by name.
    pub products: Option<BTreeMap<String, Product>>,
    /// Venues that keep another time, by id.
    pub venues: Option<BTreeMap<String, Venue>>,
}

/// What one customer may have.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LimitPerCustomer {
    /// Units held and owned.
    pub units: Option<u32>,
    /// Orders made.
    pub orders: Option<u32>,
}

/// When `few` is said: at this share of the capacity, or at this many units.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Few {
    /// In percent of the capacity.
    pub percent: Option<u8>,
    /// In units.
    pub units: Option<u32>,
}

/// The checkout's settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Checkout {
    /// Who takes the money.
    pub provider: String,
}

/// A bundle rule.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// The product of each part, in order.
    pub parts: Vec<String>,
    /// `venue`: all parts at one venue.
    pub same: Option<String>,
    /// From the local day of each part to that of the next.
    pub gap_days: Option<(u16, u16)>,
    /// Whether an order's bundle may be cancelled in parts.
    #[serde(default)]
    pub cancel_parts: bool,
}

/// A product rule.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// Sold only as a part of this bundle rule.
    pub sold_only_in: Option<String>,
}

/// What is said of a venue.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Venue {
    /// IANA name.
    pub time_zone: String,
}

/// A sale as it is answered: its id, its settings, when.
#[derive(Debug, Serialize)]
pub struct WrittenSale {
    sale: String,
    #[serde(flatten)]
    settings: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<Written>,
}

impl WrittenSale {
    /// The sale as it stood at `now`; inside a list, `None`.
    #[must_use]
    pub fn new(view: &SaleView, now: Option<WallTime>) -> Self {
        Self {
            sale: view.rules.id.clone(),
            settings: Settings::from(&*view.rules),
            server_time: now.map(Written),
        }
    }
}

impl Settings {
    /// The checked rules of the sale `id`.
    ///
    /// # Errors
    /// `rule` with a sentence about the first setting that does not fit.
    pub fn rules(self, id: &str) -> Result<SaleRules, Problem> {
        let rule = |why: String| Problem::new(Code::Rule, why);
        if self.checkout.is_some_and(|checkout| checkout.provider != "instant") {
            return Err(rule(
                "`checkout.provider` is `instant`; other providers are not available yet.".into(),
            ));
        }
        let zone = self.time_zone.ok_or_else(|| {
            Problem::malformed("`time_zone` is required: an IANA name such as `Europe/Berlin`.")
        })?;
        let mut rules = SaleRules::new(id, &zone);
        if let Some(name) = self.name {
            if name.is_empty() || name.len() > 200 {
                return Err(rule("`name` is 1 to 200 bytes.".into()));
            }
            rules.name = name;
        }
        let mut codes = self.waiting_room.as_ref().map(WaitingRoom::codes).unwrap_or_default();
        codes.carts = self.require_code.unwrap_or_default();
        rules.codes = (!codes.is_empty()).then(|| Arc::new(codes));
        rules.room = self.waiting_room.and_then(WaitingRoom::rules).map(Arc::new);
        rules.opens_at = self.opens_at.map(|time| time.0);
        rules.closes_at = self.closes_at.map(|time| time.0);
        rules.hold_ttl = self.hold_ttl_ms.map_or(rules.hold_ttl, Millis);
        rules.hold_max = self.hold_max_ms.map_or(rules.hold_max.max(rules.hold_ttl), Millis);
        let limit = self.limit_per_customer.unwrap_or_default();
        (rules.limit_units, rules.limit_orders) = (limit.units, limit.orders);
        rules.keep_customer = self.keep_customer.unwrap_or_default();
        let few = self.few.unwrap_or_default();
        rules.few_percent = few.percent.unwrap_or(rules.few_percent);
        rules.few_units = few.units.unwrap_or(rules.few_units);
        // The maps are ordered by name, as the engine wants its lists.
        for (name, bundle) in self.bundles.unwrap_or_default() {
            let same_venue = match bundle.same.as_deref() {
                None => false,
                Some("venue") => true,
                Some(other) => {
                    return Err(rule(format!(
                        "`bundles.{name}.same` is `venue` or left out, not `{other}`."
                    )));
                }
            };
            let Bundle { parts, gap_days, cancel_parts, .. } = bundle;
            rules.bundles.push(BundleRule { name, parts, same_venue, gap_days, cancel_parts });
        }
        for (name, Product { sold_only_in }) in self.products.unwrap_or_default() {
            rules.products.push(ProductRule { name, sold_only_in });
        }
        let venues = self.venues.unwrap_or_default().into_iter();
        rules.venue_time_zones = venues.map(|(venue, Venue { time_zone })| (venue, time_zone)).collect();
        rules.check().map_err(rule)?;
        Ok(rules)
    }
}

impl From<&SaleRules> for Settings {
    fn from(rules: &SaleRules) -> Self {
        let bundle = |rule: &BundleRule| Bundle {
            parts: rule.parts.clone(),
            same: rule.same_venue.then(|| "venue".to_owned()),
            gap_days: rule.gap_days,
            cancel_parts: rule.cancel_parts,
        };
        let product = |rule: &ProductRule| Product { sold_only_in: rule.sold_only_in.clone() };
        let venue = |(venue, zone): &(String, String)| (venue.clone(), Venue { time_zone: zone.clone() });
        Self {
            name: Some(rules.name.clone()),
            time_zone: Some(rules.time_zone.clone()),
            opens_at: rules.opens_at.map(Written),
            closes_at: rules.closes_at.map(Written),
            hold_ttl_ms: Some(rules.hold_ttl.0),
            hold_max_ms: Some(rules.hold_max.0),
            limit_per_customer: Some(LimitPerCustomer {
                units: rules.limit_units,
                orders: rules.limit_orders,
            }),
            keep_customer: Some(rules.keep_customer),
            few: Some(Few { percent: Some(rules.few_percent), units: Some(rules.few_units) }),
            require_code: Some(rules.codes.as_ref().is_some_and(|codes| codes.carts)),
            waiting_room: Some(WaitingRoom::of(rules.room.as_deref(), rules.codes.as_deref())),
            checkout: Some(Checkout { provider: "instant".to_owned() }),
            bundles: Some(rules.bundles.iter().map(|rule| (rule.name.clone(), bundle(rule))).collect()),
            products: Some(rules.products.iter().map(|rule| (rule.name.clone(), product(rule))).collect()),
            venues: Some(rules.venue_time_zones.iter().map(venue).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::merge::merge;
    use crate::wire::read;
    use serde_json::json;

    const CONTRACT: &str = r#"{"name": "Impfzentren Schleswig-Holstein", "time_zone": "Europe/Berlin",
        "opens_at": "2021-03-23T16:00:00Z", "closes_at": null, "hold_ttl_ms": 600000, "hold_max_ms": 1800000,
        "limit_per_customer": {"units": 2, "orders": 1}, "waiting_room": {"enabled": false},
        "checkout": {"provider": "instant"},
        "bundles": {"two-doses": {"parts": ["dose1", "dose2"], "same": "venue", "gap_days": [21, 28]}},
        "products": {"dose1": {"sold_only_in": "two-doses"}, "dose2": {"sold_only_in": "two-doses"}}}"#;

    fn read_rules(text: &str) -> Result<SaleRules, Problem> {
        read::json::<Settings>(text.as_bytes())?.rules("sh")
    }

    #[test]
    fn the_example_of_the_contract_goes_in_and_comes_out() {
        let rules = read_rules(CONTRACT).unwrap();
        assert_eq!((rules.limit_units, rules.limit_orders), (Some(2), Some(1)));
        assert_eq!(rules.bundles[0].gap_days, Some((21, 28)));
        assert!(rules.bundles[0].same_venue);
        let written = serde_json::to_string(&Settings::from(&rules)).unwrap();
        assert_eq!(read_rules(&written).unwrap(), rules);
    }

    #[test]
    fn what_is_not_built_or_does_not_fit_is_refused_with_a_sentence() {
        for (text, code, says) in [
            (r#"{"time_zone": "UTC", "waiting_room": {"enabled": true, "claim_ms": 1}}"#, "rule", "claim_ms"),
            (
                r#"{"time_zone": "UTC", "waiting_room": {"enabled": true, "fair": 1}}"#,
                "unknown-field",
                "fair",
            ),
            (r#"{"time_zone": "Europe/Berlin", "checkout": {"provider": "webhook"}}"#, "rule", "instant"),
            (r#"{"time_zone": "Europe/Atlantis"}"#, "rule", "Atlantis"),
            (
                r#"{"time_zone": "UTC", "bundles": {"b": {"parts": ["x", "y"], "same": "day"}}}"#,
                "rule",
                "`venue`",
            ),
            (r#"{"time_zone": "UTC", "hold_ttl": 5}"#, "unknown-field", "hold_ttl"),
            (r#"{"time_zone": "UTC", "opens_at": "at four"}"#, "malformed", "RFC 3339"),
            (r#"{"time_zone": "UTC", "few": {"percent": 300}}"#, "too-large-number", "few.percent"),
            ("{}", "malformed", "time_zone"),
        ] {
            let problem = read_rules(text).unwrap_err();
            assert_eq!(problem.code().map(Code::name), Some(code), "{text}: {}", problem.detail());
            assert!(problem.detail().contains(says), "{text}: {}", problem.detail());
        }
    }

    #[test]
    fn a_patch_merges_as_rfc_7396_says() {
        let rules = read_rules(CONTRACT).unwrap();
        let mut settings = serde_json::to_value(Settings::from(&rules)).unwrap();
        merge(
            &mut settings,
            json!({"hold_ttl_ms": 60000, "limit_per_customer": {"units": 4}, "products": {"dose2": null}}),
        );
        let merged = read::value::<Settings>(settings).unwrap().rules("sh").unwrap();
        assert_eq!(merged.hold_ttl, Millis(60_000));
        assert_eq!((merged.limit_units, merged.limit_orders), (Some(4), Some(1)));
        assert_eq!(merged.products.len(), 1);
        assert_eq!(merged.name, rules.name);
    }
}
