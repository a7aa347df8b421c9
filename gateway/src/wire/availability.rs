//! Public documents about stock: units by venue and day, and bundles that could be held.
//!
//! A count says what it is of (`scope`), so that "nothing left" is never read as more than it means.

use onsale_engine::decide::{Availability, AvailabilityLine, BundleOffer};
use onsale_engine::time::Now;
use serde::{Deserialize, Serialize};

use super::stock::{Numbers, state_word};
use super::time::{Written, day};

/// `GET /v1/sales/{sale}/availability`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityInput {
    /// `venue`, `day` or `venue,day`.
    pub by: Option<String>,
    /// Only of this product.
    pub product: Option<String>,
}

/// `GET /v1/sales/{sale}/bundles`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundlesInput {
    /// The rule; may be left out where a sale has one.
    pub rule: Option<String>,
    /// Only of this venue.
    pub venue: Option<String>,
    /// The first part not before.
    pub from: Option<String>,
    /// At most so many.
    pub limit: Option<u64>,
}

/// How stock stood.
#[derive(Debug, Serialize)]
pub struct WrittenAvailability<'a> {
    scope: Scope<'a>,
    items: Vec<WrittenLine<'a>>,
    next: Option<String>,
    elsewhere: Vec<Elsewhere<'a>>,
    as_of: Written,
    server_time: Written,
}

/// What the counts are of.
#[derive(Debug, Serialize)]
struct Scope<'a> {
    sale: &'a str,
    product: Option<&'a str>,
}

/// Where else there is some.
#[derive(Debug, Serialize)]
pub struct Elsewhere<'a> {
    /// The venue.
    pub venue: &'a str,
    /// `available` or `few`.
    pub state: &'static str,
}

#[derive(Debug, Serialize)]
struct WrittenLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    venue: Option<&'a str>,
    /// Nothing where days are not asked for, null for slots that have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Option<String>>,
    capacity: u64,
    #[serde(flatten)]
    numbers: Numbers,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_release_at: Option<Written>,
    #[serde(skip_serializing_if = "Option::is_none")]
    earliest_return_at: Option<Written>,
}

impl<'a> WrittenAvailability<'a> {
    /// The document; `elsewhere` is what the caller found outside of the scope.
    #[must_use]
    pub fn new(
        (sale, product): (&'a str, Option<&'a str>),
        by_day: bool,
        stock: &'a Availability,
        elsewhere: Vec<Elsewhere<'a>>,
        now: Now,
        exact: bool,
    ) -> Self {
        let line = |line: &'a AvailabilityLine| WrittenLine {
            venue: line.venue.as_deref(),
            day: by_day.then(|| line.day.and_then(day)),
            capacity: line.counts.capacity,
            numbers: Numbers::of(&line.counts, exact),
            state: state_word(line.state),
            next_release_at: line.next_release_at.map(Written),
            earliest_return_at: line.earliest_return_at.map(|at| Written(stock.as_of.wall_of(at))),
        };
        Self {
            scope: Scope { sale, product },
            items: stock.lines.iter().map(line).collect(),
            next: None,
            elsewhere,
            as_of: Written(stock.as_of.wall),
            server_time: Written(now.wall),
        }
    }
}

/// A bundle that could be held: `rule` and `slots` go back as they are in `{"bundle": {"rule", "slots"}}`.
#[derive(Debug, Serialize)]
pub struct WrittenOffer<'a> {
    rule: &'a str,
    venue: &'a str,
    slots: Vec<&'a str>,
    starts_at: Vec<Option<Written>>,
}

impl<'a> WrittenOffer<'a> {
    /// An offer under `rule`.
    #[must_use]
    pub fn new(rule: &'a str, offer: &'a BundleOffer) -> Self {
        Self {
            rule,
            venue: &offer.venue,
            slots: offer.slots.iter().map(|(slot, _)| slot.as_str()).collect(),
            starts_at: offer.slots.iter().map(|(_, starts)| starts.map(Written)).collect(),
        }
    }
}

/// Bundles that could be held.
#[derive(Debug, Serialize)]
pub struct WrittenOffers<'a> {
    /// At most as many as asked for.
    pub items: Vec<WrittenOffer<'a>>,
    /// Always null: a search is not paged, it is asked again with a later `from`.
    pub next: Option<String>,
    /// When they could be held.
    pub as_of: Written,
    /// When it was answered.
    pub server_time: Written,
}
