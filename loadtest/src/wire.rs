//! The answers of the contract as the tester reads them: only the members it uses, everything that may be silent optional.
//! These shapes are written from the contract, not shared with the server: a tester that used the server's own types could
//! not notice that the server changed.

use serde::Deserialize;

/// One page of a list.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    #[serde(default)]
    pub next: Option<String>,
}

/// A list document that says its age.
#[derive(Debug, Deserialize)]
pub struct Dated<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What instant the rows are true of.
    #[serde(default)]
    pub as_of: Option<jiff::Timestamp>,
    /// When it was answered.
    #[serde(default)]
    pub server_time: Option<jiff::Timestamp>,
}

/// One row of `availability`.
#[derive(Debug, Deserialize)]
pub struct Availability {
    /// The venue, when counted by venue.
    #[serde(default)]
    pub venue: Option<String>,
    /// The day, when counted by day.
    #[serde(default)]
    pub day: Option<String>,
    /// All units.
    pub capacity: u64,
    /// Units that could be held now; exact for keys, absent or a word for browsers.
    #[serde(default)]
    pub free: Option<serde_json::Value>,
    /// Units in live carts.
    #[serde(default)]
    pub held: Option<u64>,
    /// Units in orders.
    #[serde(default)]
    pub sold: Option<u64>,
    /// Units withdrawn.
    #[serde(default)]
    pub blocked: Option<u64>,
    /// The state word.
    #[serde(default)]
    pub state: Option<String>,
}

impl Availability {
    /// How many are free: exactly for who shows a key, about for others.
    pub fn free_units(&self) -> Option<u64> {
        self.free.as_ref().and_then(serde_json::Value::as_u64)
    }

    /// Whether a visitor would click here: the state word decides, the count only where there is no word.
    pub fn inviting(&self) -> bool {
        match self.state.as_deref() {
            Some(state) => matches!(state, "available" | "few"),
            None => self.free_units().is_some_and(|free| free > 0),
        }
    }

    /// Whether the word and the counts of the row contradict each other: "nothing left" must be true of what it is said of.
    pub fn untruth(&self) -> Option<String> {
        // Who shows no key is told about how many are free, and not how many are held.
        let (state, free, held) = (self.state.as_deref()?, self.free_units()?, self.held);
        let wrong = match state {
            "sold_out" => free > 0 || held.is_some_and(|held| held > 0),
            "all_held" => free > 0 || held == Some(0),
            "available" | "few" => free == 0,
            _ => false,
        };
        let held = held.map_or("unknown", some);
        wrong.then(|| format!("told {state} with {} free and {held} held", some(free)))
    }

    /// Whether nothing will ever come back here.
    pub fn finished(&self) -> bool {
        matches!(self.state.as_deref(), Some("sold_out"))
    }

    /// Whether the sale has not opened yet.
    pub fn not_open(&self) -> bool {
        matches!(self.state.as_deref(), Some("closed" | "not_released"))
    }
}

/// Counts in a breach are words, so that a thousand contradictions of one sort are one line.
fn some(count: u64) -> &'static str {
    if count == 0 { "none" } else { "some" }
}

/// One row of `slots`.
#[derive(Debug, Deserialize)]
pub struct Slot {
    /// Its id.
    pub id: String,
    /// Its venue.
    pub venue: String,
    /// What is given there.
    #[serde(default)]
    pub product: Option<String>,
    /// When it begins.
    #[serde(default)]
    pub starts_at: Option<jiff::Timestamp>,
    /// All units.
    pub capacity: u64,
    /// Units that could be held now.
    #[serde(default)]
    pub free: Option<serde_json::Value>,
    /// Units in live carts.
    #[serde(default)]
    pub held: Option<u64>,
    /// Units in orders.
    #[serde(default)]
    pub sold: Option<u64>,
    /// Units withdrawn.
    #[serde(default)]
    pub blocked: Option<u64>,
}

impl Slot {
    /// The exact count of free units, if the caller may see it.
    pub fn free_units(&self) -> Option<u64> {
        self.free.as_ref().and_then(serde_json::Value::as_u64)
    }
}

/// One row of `bundles`: the slots of its parts, named plainly or as objects.
#[derive(Debug, Deserialize)]
pub struct Bundle {
    /// The parts in the order of the rule.
    #[serde(alias = "parts", alias = "items")]
    pub slots: Vec<Part>,
}

/// A part of a bundle.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// The slot's id alone.
    Id(String),
    /// An object that names it.
    Named {
        /// The slot's id.
        #[serde(alias = "id")]
        slot: String,
    },
}

impl Part {
    /// The slot's id.
    pub fn slot(&self) -> &str {
        match self {
            Self::Id(id) | Self::Named { slot: id } => id,
        }
    }
}

/// A cart, as made or read.
#[derive(Debug, Deserialize)]
pub struct Cart {
    /// Its id.
    pub cart: String,
    /// Its state.
    pub state: String,
    /// How long it lives, as of the answer.
    #[serde(default)]
    pub expires_in_ms: Option<u64>,
    /// When it was answered.
    #[serde(default)]
    pub server_time: Option<jiff::Timestamp>,
    /// Its holds.
    #[serde(default)]
    pub items: Vec<Item>,
}

/// A line of a cart or an order.
#[derive(Debug, Deserialize)]
pub struct Item {
    /// The slot.
    pub slot: String,
    /// The units.
    #[serde(default = "one")]
    pub quantity: u64,
    /// The bundle it is a part of.
    #[serde(default)]
    pub bundle: Option<String>,
    /// Whether this line of an order was cancelled; then it holds nothing.
    #[serde(default)]
    pub cancelled: bool,
}

fn one() -> u64 {
    1
}

/// A checkout.
#[derive(Debug, Deserialize)]
pub struct Checkout {
    /// Its id.
    pub checkout: String,
    /// Its state.
    pub state: String,
    /// The order, once confirmed.
    #[serde(default)]
    pub order: Option<String>,
}

/// An order of the server's books.
#[derive(Debug, Deserialize)]
pub struct Order {
    /// Its id.
    pub order: String,
    /// Its state.
    pub state: String,
    /// Its lines.
    #[serde(default)]
    pub items: Vec<Item>,
}

/// The answer to a slot import.
#[derive(Debug, Deserialize)]
pub struct Imported {
    /// New slots.
    pub added: u64,
    /// Changed slots.
    pub updated: u64,
    /// Slots that were there already.
    pub unchanged: u64,
    /// Refused lines.
    #[serde(default)]
    pub rejected_count: u64,
    /// The first refused lines.
    #[serde(default)]
    pub rejected: Vec<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_examples_of_the_contract() {
        let cart: Cart = serde_json::from_str(
            r#"{"cart":"cart_1","sale":"sh","state":"open","items":[{"hold":"hold_1","bundle":"bdl_1","slot":"a","quantity":1}],
                "expires_at":"2021-03-23T16:10:00Z","expires_in_ms":600000,"server_time":"2021-03-23T16:00:00Z"}"#,
        )
        .unwrap();
        assert_eq!((cart.items[0].slot.as_str(), cart.items[0].quantity), ("a", 1));
        for bundle in [
            r#"{"rule":"two-doses","venue":"kiel","slots":["a","b"]}"#,
            r#"{"rule":"two-doses","parts":[{"part":"dose1","slot":"a"},{"part":"dose2","slot":"b"}]}"#,
        ] {
            let bundle: Bundle = serde_json::from_str(bundle).unwrap();
            assert_eq!(bundle.slots.iter().map(Part::slot).collect::<Vec<_>>(), ["a", "b"]);
        }
    }

    #[test]
    fn the_state_word_decides_whether_to_click() {
        let row = |json: &str| serde_json::from_str::<Availability>(json).unwrap();
        assert!(row(r#"{"capacity":10,"free":3,"state":"few"}"#).inviting());
        assert!(row(r#"{"capacity":10,"free":3}"#).inviting());
        assert!(!row(r#"{"capacity":10,"free":3,"state":"closed"}"#).inviting());
        assert!(row(r#"{"capacity":10,"free":0,"state":"sold_out"}"#).finished());
        assert!(row(r#"{"capacity":10,"free":0,"held":1,"state":"all_held"}"#).untruth().is_none());
        assert!(row(r#"{"capacity":10,"free":0,"state":"all_held"}"#).untruth().is_none());
        assert!(row(r#"{"capacity":10,"free":0,"held":0,"state":"all_held"}"#).untruth().is_some());
        assert!(row(r#"{"capacity":10,"free":2,"state":"sold_out"}"#).untruth().is_some());
        assert!(row(r#"{"capacity":10,"free":0,"held":1,"state":"sold_out"}"#).untruth().is_some());
    }
}
