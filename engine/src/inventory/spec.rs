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

    /// Whether the description makes sense by itself; the sentence says what does not.
    ///
    /// # Errors
    /// The first thing found wrong, as a sentence for the operator.
    pub fn check(&self) -> Result<(), String> {
        let named = [
            ("id", Some(&self.id)),
            ("venue", Some(&self.venue)),
            ("section", self.section.as_ref()),
            ("product", self.product.as_ref()),
        ];
        for (field, value) in named {
            if value.is_some_and(|value| !is_id(value)) {
                return Err(format!("`{field}` is 1 to 64 of the characters A-Z a-z 0-9 . _ -"));
            }
        }
        for (field, value) in [("row", &self.row), ("seat", &self.seat)] {
            if value.as_ref().is_some_and(|value| value.is_empty() || value.len() > 64) {
                return Err(format!("`{field}` is 1 to 64 bytes"));
            }
        }
        if self.capacity > MAX_CAPACITY {
            return Err(format!("`capacity` is at most {MAX_CAPACITY}"));
        }
        if self.row.is_some() != self.seat.is_some() {
            return Err("a numbered seat has both `row` and `seat`".into());
        }
        if self.seat.is_some() && self.capacity > 1 {
            return Err("a numbered seat has a capacity of 1, or 0".into());
        }
        if let (Some(starts), Some(ends)) = (self.starts_at, self.ends_at)
            && ends < starts
        {
            return Err("`ends_at` is before `starts_at`".into());
        }
        if self.labels.len() > 16
            || self.labels.iter().any(|(name, value)| name.len() > 100 || value.len() > 100)
        {
            return Err("at most 16 labels of at most 100 bytes".into());
        }
        Ok(())
    }
}
