//! From the slot as it travels to the slot as the engine keeps it, and the bodies around it.

use onsale_engine::ids::Quantity;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::time::WallTime;
use serde::Deserialize;

use super::slot::SlotInput;

/// `POST /v1/sales/{sale}/slots` as `application/json`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotsInput {
    /// All or none of them.
    pub slots: Vec<SlotInput>,
}

/// `PATCH /v1/sales/{sale}/slots/{slot}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotChangeInput {
    /// New capacity.
    pub capacity: Option<Quantity>,
    /// Units withdrawn.
    pub blocked: Option<Quantity>,
    /// Why, for the books.
    pub reason: Option<String>,
}

impl From<SlotInput> for SlotSpec {
    fn from(input: SlotInput) -> Self {
        let wall = |time: jiff::Timestamp| WallTime(time.as_millisecond());
        Self {
            id: input.id,
            venue: input.venue,
            section: input.section,
            starts_at: input.starts_at.map(wall),
            ends_at: input.ends_at.map(wall),
            capacity: input.capacity,
            product: input.product,
            row: input.row,
            seat: input.seat,
            position: input.position,
            price: input.price,
            releases_at: input.releases_at.map(wall),
            accessible: input.accessible,
            // The map is ordered by name, as the engine wants its list.
            labels: input.labels.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;
    use crate::wire::time::parse;

    #[test]
    fn the_slot_of_the_contract_is_read() {
        let text = r#"{"id": "kiel-0412-0905-1", "venue": "kiel", "section": null, "starts_at": "2021-04-12T07:05:00Z",
            "ends_at": "2021-04-12T07:10:00Z", "capacity": 12, "product": "dose1", "row": null, "seat": null,
            "price": null, "releases_at": null, "labels": {"vaccine": "bnt"}}"#;
        let spec = SlotSpec::from(read::json::<SlotInput>(text.as_bytes()).unwrap());
        assert_eq!(spec.check(), Ok(()));
        assert_eq!(spec.starts_at, parse("2021-04-12T07:05:00Z"));
        assert_eq!(spec.labels, [("vaccine".to_owned(), "bnt".to_owned())]);
        let least =
            SlotSpec::from(read::json::<SlotInput>(br#"{"id": "a", "venue": "v", "capacity": 0}"#).unwrap());
        assert_eq!(least, SlotSpec::new("a", "v", 0));
    }
}
