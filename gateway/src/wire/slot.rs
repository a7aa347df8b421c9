//! The slot as it travels: one JSON object of `POST /v1/sales/{sale}/slots`, and the answer to a whole import.
//!
//! Both directions use these types (the server reads what the importers write), so the two cannot drift apart. Unknown
//! fields of a slot are refused, as everywhere in the contract; the answer tolerates them, because an older
//! `onsale import` may meet a newer server. What a field may *hold* is the engine's to judge, not this file's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::time::Written;

/// RFC 3339, as every time of the contract; jiff alone would take more.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(Written(wall)) = Option::<Written>::deserialize(deserializer)? else { return Ok(None) };
    Timestamp::from_millisecond(wall.0).map(Some).map_err(serde::de::Error::custom)
}

/// A slot as a client describes it. A numbered seat is a slot of capacity 1 with `row` and `seat`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlotInput {
    /// Unique in its sale; importing it again updates the slot.
    pub id: String,
    /// The place: a centre, a hall, a stadium.
    pub venue: String,
    /// A part of the venue: a block, a zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// When it begins. Read with any offset, written in UTC.
    #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_at: Option<Timestamp>,
    /// Units there are. 0 is legal: a slot that may get some later.
    pub capacity: u32,
    /// What kind of thing a unit is (`dose1`, `standing`); bundles name their parts by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The row of a numbered seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// The seat's name in its row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
    /// The seat's place in its row; neighbours differ by 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<i32>,
    /// In the smallest unit of the shop's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<i64>,
    /// Not for sale before.
    #[serde(default, deserialize_with = "time", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub releases_at: Option<Timestamp>,
    /// Never chosen by `best` unless asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accessible: bool,
    /// Anything else that a shop wants to show or filter by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl SlotInput {
    /// A slot with a capacity and nothing else said.
    #[must_use]
    pub fn new(id: impl Into<String>, venue: impl Into<String>, capacity: u32) -> Self {
        Self {
            id: id.into(),
            venue: venue.into(),
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
            labels: BTreeMap::new(),
        }
    }
}

/// What became of the slots of one import request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportReport {
    /// Slots that were not there before.
    pub added: u64,
    /// Slots that were there and are different now.
    pub updated: u64,
    /// Slots that were there exactly so.
    pub unchanged: u64,
    /// Lines that were refused, all of them.
    pub rejected_count: u64,
    /// The first 1,000 refused lines.
    #[serde(default)]
    pub rejected: Vec<RejectedLine>,
}

/// One refused line of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedLine {
    /// The line of the request's body, or the place in its `slots`, from 1.
    pub line: u64,
    /// A stable word for the reason.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_example_is_read_and_a_slip_in_a_field_name_is_not() {
        let text = r#"{"id": "kiel-0412-0905-1", "venue": "kiel", "section": null, "starts_at": "2021-04-12T07:05:00Z",
            "ends_at": "2021-04-12T09:10:00+02:00", "capacity": 12, "product": "dose1", "row": null, "seat": null,
            "price": null, "releases_at": null, "labels": {"vaccine": "bnt"}}"#;
        let slot: SlotInput = serde_json::from_str(text).expect("the example of the contract");
        assert_eq!(slot.capacity, 12);
        assert_eq!(slot.ends_at.map(|at| at.to_string()).as_deref(), Some("2021-04-12T07:10:00Z"));
        assert!(serde_json::from_str::<SlotInput>(&text.replace("capacity", "capasity")).is_err());
    }

    #[test]
    fn what_is_not_said_is_not_written() {
        let json = serde_json::to_string(&SlotInput::new("a", "v", 0)).expect("plain data");
        assert_eq!(json, r#"{"id":"a","venue":"v","capacity":0}"#);
    }
}
