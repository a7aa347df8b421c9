//! Stock on the wire: slots, availability, bundles.
//!
//! Who shows a key sees exact numbers. A browser sees the state words only: exact numbers would tell a crowd where to
//! click, and they are out of date before they are drawn.

use onsale_engine::decide::{Availability, AvailabilityLine, BundleOffer};
use onsale_engine::ids::Quantity;
use onsale_engine::outcome::{Counts, SlotView, StockState};
use onsale_engine::time::Now;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::time::{Written, day};

/// `GET /v1/sales/{sale}/slots`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are those of the engine's `SlotQuery`, which explains them")]
pub struct SlotQueryInput {
    pub venue: Option<String>,
    pub section: Option<String>,
    pub product: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub state: Option<String>,
    pub limit: Option<u64>,
    pub after: Option<String>,
}

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

/// The words of the contract, in one table for both directions. `not_for_you` is said of allotments, which are not
/// built yet.
pub const STATES: [(StockState, &str); 6] = [
    (StockState::Available, "available"),
    (StockState::Few, "few"),
    (StockState::AllHeld, "all_held"),
    (StockState::SoldOut, "sold_out"),
    (StockState::NotReleased, "not_released"),
    (StockState::Closed, "closed"),
];

/// The word of the contract.
#[must_use]
pub const fn state_word(state: StockState) -> &'static str {
    match state {
        StockState::Available => "available",
        StockState::Few => "few",
        StockState::AllHeld => "all_held",
        StockState::SoldOut => "sold_out",
        StockState::NotReleased => "not_released",
        StockState::Closed => "closed",
    }
}

/// Whether something can be held.
#[must_use]
pub const fn has_some(state: StockState) -> bool {
    matches!(state, StockState::Available | StockState::Few)
}

/// Exact numbers, for those who show a key.
#[derive(Debug, Serialize)]
struct Exact {
    free: u64,
    held: u64,
    sold: u64,
    blocked: u64,
}

impl Exact {
    const fn of(counts: &Counts) -> Self {
        Self { free: counts.free(), held: counts.held, sold: counts.sold, blocked: counts.blocked }
    }
}

/// A slot and how it stands.
#[derive(Debug, Serialize)]
pub struct WrittenSlot<'a> {
    id: &'a str,
    venue: &'a str,
    section: Option<&'a str>,
    starts_at: Option<Written>,
    ends_at: Option<Written>,
    capacity: Quantity,
    product: Option<&'a str>,
    row: Option<&'a str>,
    seat: Option<&'a str>,
    position: Option<i32>,
    price: Option<i64>,
    releases_at: Option<Written>,
    accessible: bool,
    labels: Labels<'a>,
    state: &'static str,
    #[serde(flatten)]
    exact: Option<Exact>,
    next_release_at: Option<Written>,
    earliest_return_at: Option<Written>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<Written>,
}

#[derive(Debug)]
struct Labels<'a>(&'a [(String, String)]);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'a> WrittenSlot<'a> {
    /// The slot as seen at `now`, with exact numbers or without.
    #[must_use]
    pub fn new(view: &'a SlotView, now: Now, exact: bool) -> Self {
        let slot = &view.slot;
        Self {
            id: &slot.id,
            venue: &slot.venue,
            section: slot.section.as_deref(),
            starts_at: slot.starts_at.map(Written),
            ends_at: slot.ends_at.map(Written),
            capacity: slot.capacity,
            product: slot.product.as_deref(),
            row: slot.row.as_deref(),
            seat: slot.seat.as_deref(),
            position: slot.position,
            price: slot.price,
            releases_at: slot.releases_at.map(Written),
            accessible: slot.accessible,
            labels: Labels(&slot.labels),
            state: state_word(view.state),
            exact: exact.then(|| Exact::of(&view.counts)),
            next_release_at: view.next_release_at.map(Written),
            earliest_return_at: view.earliest_return_at.map(|at| Written(now.wall_of(at))),
            server_time: Some(Written(now.wall)),
        }
    }

    /// The same inside a list, which says the time once.
    #[must_use]
    pub fn in_list(view: &'a SlotView, now: Now, exact: bool) -> Self {
        Self { server_time: None, ..Self::new(view, now, exact) }
    }
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
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    capacity: u64,
    #[serde(flatten)]
    exact: Option<Exact>,
    state: &'static str,
}

impl<'a> WrittenAvailability<'a> {
    /// The document; `elsewhere` is what the caller found outside of the scope.
    #[must_use]
    pub fn new(
        sale: &'a str,
        product: Option<&'a str>,
        stock: &'a Availability,
        elsewhere: Vec<Elsewhere<'a>>,
        now: Now,
        exact: bool,
    ) -> Self {
        let line = |line: &'a AvailabilityLine| WrittenLine {
            venue: line.venue.as_deref(),
            day: line.day.and_then(day),
            capacity: line.counts.capacity,
            exact: exact.then(|| Exact::of(&line.counts)),
            state: state_word(line.state),
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

#[cfg(test)]
mod tests {
    use super::*;
    use onsale_engine::inventory::SlotSpec;

    #[test]
    fn a_browser_sees_words_and_a_key_sees_numbers() {
        let counts = Counts { capacity: 12, held: 2, sold: 3, blocked: 1 };
        let view = SlotView {
            slot: SlotSpec::new("a", "kiel", 12),
            counts,
            state: StockState::Available,
            next_release_at: None,
            earliest_return_at: None,
        };
        let json = serde_json::to_value(WrittenSlot::new(&view, Now::default(), false)).unwrap();
        assert_eq!(json["state"], "available");
        assert!(json.get("free").is_none() && json.get("held").is_none());
        let json = serde_json::to_value(WrittenSlot::new(&view, Now::default(), true)).unwrap();
        assert_eq!((json["free"].as_u64(), json["sold"].as_u64()), (Some(6), Some(3)));
    }

    #[test]
    fn the_table_of_states_is_the_match() {
        for (state, word) in STATES {
            assert_eq!(state_word(state), word);
        }
    }
}
