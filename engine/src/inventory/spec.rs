//! A slot as it is imported: what stays the same while its units come and go.

use serde::{Deserialize, Serialize};

use crate::ids::{Quantity, is_id};
use crate::time::WallTime;

/// The description of a slot. A numbered seat is a slot of capacity 1 with `row` and `seat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSpec {
    /// Public id, unique in its sale.
    pub id: String,
    /// Public id of the venue.
    pub venue: String,
    /// Public id of the section, where a venue has several.
    pub section: Option<String>,
    /// When it begins.
    pub starts_at: Option<WallTime>,
    /// When it ends.
    pub ends_at: Option<WallTime>,
    /// Units there are. 0 is legal: a slot that may get some later.
    pub capacity: Quantity,
    /// What kind of thing a unit is.
    pub product: Option<String>,
    /// The row of a numbered seat.
    pub row: Option<String>,
    /// The seat's label in its row.
    pub seat: Option<String>,
    /// The seat's place in its row; neighbours differ by 1. Without it the natural order of `seat` decides.
    pub position: Option<i32>,
    /// In the smallest unit of the shop's currency.
    pub price: Option<i64>,
    /// Not for sale before.
    pub releases_at: Option<WallTime>,
    /// Never chosen by `best` unless asked for.
    pub accessible: bool,
    /// Anything else, at most 16 pairs of at most 100 bytes each, by name ascending.
    pub labels: Vec<(String, String)>,
}

/// The most units one slot may have.
pub const MAX_CAPACITY: Quantity = 10_000_000;
/// The most bytes of the name of a row or a seat.
pub const MAX_SEAT_BYTES: usize = 64;
/// The most labels of a slot.
pub const MAX_LABELS: usize = 16;
/// The most bytes of a label's name, and of its value.
pub const MAX_LABEL_BYTES: usize = 100;

/// The code of a capacity beyond [`MAX_CAPACITY`], the same wherever it is said.
pub(crate) const TOO_LARGE: &str = "too-large-number";

/// What is wrong with the description of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotFault {
    /// A stable word.
    pub code: &'static str,
    /// A sentence for the operator.
    pub why: String,
}

impl SlotSpec {
    /// A slot with a capacity and nothing else said.
    #[must_use]
    pub fn new(id: &str, venue: &str, capacity: Quantity) -> Self {
        Self {
            id: id.to_owned(),
            venue: venue.to_owned(),
            section: None,
            starts_at: None,
            ends_at: None,
            capacity,
            product: None,
            row: None,
            seat: None,
            position: None,
            price: None,
            releases_at: None,
            accessible: false,
            labels: Vec::new(),
        }
    }

    /// Whether the description makes sense by itself. Importers ask the same before they send anything.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn check(&self) -> Result<(), SlotFault> {
        let fault = |code, why: String| Err(SlotFault { code, why });
        let named = [
            ("id", Some(&self.id)),
            ("venue", Some(&self.venue)),
            ("section", self.section.as_ref()),
            ("product", self.product.as_ref()),
        ];
        for (field, value) in named {
            if let Some(value) = value.filter(|value| !is_id(value)) {
                let why = format!("`{field}` is 1 to 64 of the characters A-Z a-z 0-9 . _ -, not `{value}`");
                return fault("not-an-id", why);
            }
        }
        for (field, value) in [("row", &self.row), ("seat", &self.seat)] {
            if value.as_ref().is_some_and(|value| value.is_empty() || value.len() > MAX_SEAT_BYTES) {
                return fault("too-long", format!("`{field}` is 1 to {MAX_SEAT_BYTES} bytes"));
            }
        }
        if self.capacity > MAX_CAPACITY {
            let why = format!("`capacity` is at most {MAX_CAPACITY}, not {}", self.capacity);
            return fault(TOO_LARGE, why);
        }
        if self.row.is_some() != self.seat.is_some() {
            return fault("half-a-seat", "a numbered seat has both `row` and `seat`".into());
        }
        if self.seat.is_some() && self.capacity > 1 {
            let why = format!("a numbered seat has a capacity of 1, or 0, not {}", self.capacity);
            return fault("seat-for-several", why);
        }
        if let (Some(starts), Some(ends)) = (self.starts_at, self.ends_at)
            && ends < starts
        {
            return fault("ends-before-start", "`ends_at` is before `starts_at`".into());
        }
        let long = |text: &String| text.len() > MAX_LABEL_BYTES;
        if self.labels.len() > MAX_LABELS || self.labels.iter().any(|(name, value)| long(name) || long(value))
        {
            let why =
                format!("at most {MAX_LABELS} labels, names and values of at most {MAX_LABEL_BYTES} bytes");
            return fault("labels", why);
        }
        Ok(())
    }
}
