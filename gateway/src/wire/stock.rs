//! Slots on the wire, and the words for how stock stands.
//!
//! Who shows a key sees exact numbers. A browser sees the state words and about how many are free: exact numbers would tell a
//! crowd where to click, and they are out of date before they are drawn.

use onsale_engine::ids::Quantity;
use onsale_engine::outcome::{Counts, SlotView, StockState};
use onsale_engine::time::Now;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::time::Written;

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

/// How many there are beside the word.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Numbers {
    /// For those who show a key.
    Exact { free: u64, held: u64, sold: u64, blocked: u64 },
    /// For everybody else.
    Coarse { free: u64 },
}

impl Numbers {
    pub(super) fn of(counts: &Counts, exact: bool) -> Self {
        let free = counts.free();
        if exact {
            Self::Exact { free, held: counts.held, sold: counts.sold, blocked: counts.blocked }
        } else {
            Self::Coarse { free: at_least(free) }
        }
    }
}

/// The most of 0, 1, 2, 5, 10, 20, 50, 100, … that is not more. Nothing is nothing, and something is something.
fn at_least(number: u64) -> u64 {
    let Some(digits) = number.checked_ilog10() else { return 0 };
    let ten = 10_u64.pow(digits);
    ten * match number / ten {
        1 => 1,
        2..5 => 2,
        _ => 5,
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
    numbers: Numbers,
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
    /// The slot as seen at `now`, with exact numbers or coarse.
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
            numbers: Numbers::of(&view.counts, exact),
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

#[cfg(test)]
mod tests {
    use super::*;
    use onsale_engine::inventory::SlotSpec;

    #[test]
    fn a_browser_sees_words_and_about_how_many_and_a_key_sees_numbers() {
        let counts = Counts { capacity: 14, held: 2, sold: 3, blocked: 1 };
        let view = SlotView {
            slot: SlotSpec::new("a", "kiel", 12),
            counts,
            state: StockState::Available,
            next_release_at: None,
            earliest_return_at: None,
        };
        let json = serde_json::to_value(WrittenSlot::new(&view, Now::default(), false)).unwrap();
        assert_eq!(json["state"], "available");
        assert_eq!(json["free"], 5);
        assert!(["held", "sold", "blocked"].iter().all(|number| json.get(number).is_none()));
        let json = serde_json::to_value(WrittenSlot::new(&view, Now::default(), true)).unwrap();
        assert_eq!((json["free"].as_u64(), json["sold"].as_u64()), (Some(8), Some(3)));
    }

    #[test]
    fn about_is_never_more_and_never_nothing() {
        let about = [0, 1, 2, 4, 5, 9, 10, 49, 50, 99, 199, 200, 7_654, u64::MAX].map(at_least);
        assert_eq!(about, [0, 1, 2, 2, 5, 5, 10, 20, 50, 50, 100, 200, 5_000, 10_u64.pow(19)]);
    }

    #[test]
    fn the_table_of_states_is_the_match() {
        for (state, word) in STATES {
            assert_eq!(state_word(state), word);
        }
    }
}
