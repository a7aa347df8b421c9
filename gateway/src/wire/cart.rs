//! Carts on the wire.

use std::borrow::Cow;
use std::collections::BTreeMap;

use onsale_engine::ids::{CartId, CustomerHash, PublicId, Quantity};
use onsale_engine::outcome::{CartState, CartView, ItemView};
use onsale_engine::request::Notes;
use onsale_engine::time::Now;
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use super::item::ItemInput;
use super::time::{Deadline, Written};

/// `POST /v1/sales/{sale}/carts`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartInput<'a> {
    /// Whose cart it will be.
    #[serde(borrow)]
    pub customer: Cow<'a, str>,
    /// What it asks for.
    pub items: Vec<ItemInput>,
    /// The shop's own reference.
    pub reference: Option<String>,
    /// Anything else, at most 10 pairs.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// `POST …/holds`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoreInput {
    /// What it asks for.
    pub items: Vec<ItemInput>,
}

/// `POST …/holds/{hold}/exchange`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeInput {
    /// What it asks for instead.
    pub item: ItemInput,
}

/// A call that takes no settings yet: `{}` or no body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyInput {}

/// A public id, written without a detour over a string.
#[derive(Clone, Copy, Debug)]
pub struct WrittenId(pub PublicId);

impl Serialize for WrittenId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.text().as_str())
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What is shown of a customer: the name the shop uses, if the sale keeps it, else the keyed hash.
#[derive(Clone, Copy, Debug)]
pub struct WrittenCustomer<'a>(pub CustomerHash, pub Option<&'a Notes>);

impl Serialize for WrittenCustomer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1.and_then(|notes| notes.customer.as_deref()) {
            Some(name) => serializer.serialize_str(name),
            None => {
                let hash = self.0.0.to_be_bytes();
                let mut text = *b"ch_00000000000000000000000000000000";
                for (byte, place) in hash.into_iter().zip((3..).step_by(2)) {
                    text[place] = HEX[usize::from(byte >> 4)];
                    text[place + 1] = HEX[usize::from(byte & 15)];
                }
                serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default())
            }
        }
    }
}

/// Metadata in the order it is kept.
#[derive(Clone, Copy, Debug)]
pub struct WrittenMetadata<'a>(pub Option<&'a Notes>);

impl Serialize for WrittenMetadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.map_or(&[][..], |notes| &notes.metadata);
        let mut map = serializer.serialize_map(Some(pairs.len()))?;
        for (name, value) in pairs {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// One hold, or one line of an order.
#[derive(Debug, Serialize)]
pub struct WrittenItem<'a> {
    hold: WrittenId,
    bundle: Option<WrittenId>,
    slot: &'a str,
    quantity: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<bool>,
}

impl<'a> WrittenItem<'a> {
    /// A hold of a cart; of an order if `of_order`, which also says what was cancelled.
    #[must_use]
    pub fn new(cart: CartId, item: &'a ItemView, of_order: bool) -> Self {
        Self {
            hold: WrittenId(PublicId::hold(cart, item.ordinal)),
            bundle: (item.bundle > 0).then(|| WrittenId(PublicId::bundle(cart, item.bundle))),
            slot: &item.slot,
            quantity: item.quantity,
            cancelled: of_order.then_some(item.cancelled),
        }
    }
}

/// A cart.
#[derive(Debug, Serialize)]
pub struct WrittenCart<'a> {
    cart: WrittenId,
    sale: &'a str,
    state: &'static str,
    customer: WrittenCustomer<'a>,
    items: Vec<WrittenItem<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<WrittenId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<WrittenMetadata<'a>>,
    expires_at: Written,
    expires_in_ms: u64,
    hard_deadline: Written,
    server_time: Written,
}

/// The word of the contract.
#[must_use]
pub const fn state_word(state: CartState) -> &'static str {
    match state {
        CartState::Open => "open",
        CartState::CheckingOut => "checking_out",
        CartState::Ordered => "ordered",
        CartState::Expired => "expired",
        CartState::Abandoned => "abandoned",
    }
}

impl<'a> WrittenCart<'a> {
    /// The cart as seen at `now`.
    #[must_use]
    pub fn new(view: &'a CartView, now: Now) -> Self {
        let notes = view.notes.as_deref();
        let Deadline { expires_at, expires_in_ms } = Deadline::new(now, view.expires_at);
        Self {
            cart: WrittenId(PublicId::cart(view.cart)),
            sale: &view.sale,
            state: state_word(view.state),
            customer: WrittenCustomer(view.customer, notes),
            items: view.items.iter().map(|item| WrittenItem::new(view.cart, item, false)).collect(),
            order: (view.state == CartState::Ordered).then(|| WrittenId(PublicId::order(view.cart))),
            reference: notes.and_then(|notes| notes.reference.as_deref()),
            metadata: notes
                .filter(|notes| !notes.metadata.is_empty())
                .map(|notes| WrittenMetadata(Some(notes))),
            expires_at,
            expires_in_ms,
            hard_deadline: Written(now.wall_of(view.hard_deadline)),
            server_time: Written(now.wall),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use onsale_engine::time::{Timestamp, WallTime};
    use std::sync::Arc;

    pub(crate) fn item(ordinal: u8, bundle: u8) -> ItemView {
        ItemView { ordinal, bundle, quantity: 1, cancelled: false, slot: format!("slot-{ordinal}") }
    }

    #[test]
    fn a_cart_is_written_as_the_contract_shows_it() {
        let notes = Notes {
            reference: Some("A-17".to_owned()),
            metadata: vec![("lang".to_owned(), "de".to_owned())],
            customer: None,
        };
        let view = CartView {
            cart: CartId(12),
            sale: Arc::from("sh"),
            state: CartState::Open,
            items: [item(0, 1), item(1, 0)].into_iter().collect(),
            expires_at: Timestamp(600_000),
            hard_deadline: Timestamp(1_800_000),
            customer: CustomerHash(255),
            notes: Some(Arc::new(notes)),
        };
        let now = Now { engine: Timestamp(0), wall: WallTime(1_616_515_200_000) };
        let json = serde_json::to_value(WrittenCart::new(&view, now)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "cart": "cart_000000000000c", "sale": "sh", "state": "open",
                "customer": "ch_000000000000000000000000000000ff",
                "items": [
                    {"hold": "hold_000000000000c.0", "bundle": "bdl_000000000000c.1", "slot": "slot-0", "quantity": 1},
                    {"hold": "hold_000000000000c.1", "bundle": null, "slot": "slot-1", "quantity": 1}],
                "reference": "A-17", "metadata": {"lang": "de"},
                "expires_at": "2021-03-23T16:10:00Z", "expires_in_ms": 600_000,
                "hard_deadline": "2021-03-23T16:30:00Z", "server_time": "2021-03-23T16:00:00Z"})
        );
    }
}
