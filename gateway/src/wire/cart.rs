//! Carts on the wire.

use std::borrow::Cow;
use std::collections::BTreeMap;

use onsale_engine::ids::{CartId, CustomerHash, NumberText, PublicId};
use onsale_engine::outcome::{CartState, CartView, ItemView};
use onsale_engine::request::Notes;
use onsale_engine::time::Now;
use serde::Deserialize;

use super::item::ItemInput;
use super::json::{self, Object};
use super::time::{Deadline, Written};

/// `POST /v1/sales/{sale}/carts`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartInput<'a> {
    /// Whose cart it will be; left out with a pass.
    #[serde(borrow, default)]
    pub customer: Option<Cow<'a, str>>,
    /// What it asks for; with a code, or the pass of one, it may be left out: then it is what the code holds.
    pub items: Option<Vec<ItemInput>>,
    /// The access code it is made with.
    #[serde(borrow, default)]
    pub access_code: Option<Cow<'a, str>>,
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

/// A digit of base 16. Arithmetic, not a table: the processor does it for sixteen at a time.
const fn hex(half: u8) -> u8 {
    half + if half < 10 { b'0' } else { b'a' - 10 }
}

/// What is shown of a customer: the name the shop uses, if the sale keeps it, else the keyed hash.
pub(super) fn customer(object: &mut Object<'_>, hash: CustomerHash, notes: Option<&Notes>) {
    if let Some(name) = notes.and_then(|notes| notes.customer.as_deref()) {
        return object.text("customer", name);
    }
    let mut text = *b"ch_00000000000000000000000000000000";
    let bytes = hash.0.to_be_bytes();
    let (highs, lows) = (bytes.map(|byte| hex(byte >> 4)), bytes.map(|byte| hex(byte & 15)));
    for (pair, (high, low)) in text[3..].as_chunks_mut().0.iter_mut().zip(highs.into_iter().zip(lows)) {
        *pair = [high, low];
    }
    object.ascii("customer", &text);
}

/// Metadata in the order it is kept.
pub(super) fn metadata(object: &mut Object<'_>, notes: Option<&Notes>) {
    let pairs = notes.map_or(&[][..], |notes| &notes.metadata);
    object.pairs("metadata", pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
}

/// One hold of a cart, or one line of an order.
pub(super) fn item(object: &mut Object<'_>, (cart, number): (CartId, NumberText), item: &ItemView) {
    object.id_with("hold", PublicId::hold(cart, item.ordinal), number);
    match item.bundle {
        0 => object.null("bundle"),
        bundle => object.id_with("bundle", PublicId::bundle(cart, bundle), number),
    }
    object.ascii("slot", item.slot.as_bytes());
    object.number("quantity", item.quantity.into());
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

/// A cart as seen at `now`.
#[must_use]
pub fn cart(view: &CartView, now: Now) -> Vec<u8> {
    let notes = view.notes.as_deref();
    let Deadline { expires_at, expires_in_ms } = Deadline::new(now, view.expires_at);
    let number = view.cart.number_text();
    json::document(|object| {
        object.id_with("cart", PublicId::cart(view.cart), number);
        object.ascii("sale", view.sale.as_bytes());
        object.plain("state", state_word(view.state));
        customer(object, view.customer, notes);
        object.list("items", &view.items, |object, line| item(object, (view.cart, number), line));
        if view.state == CartState::Ordered {
            object.id("order", PublicId::order(view.cart));
        }
        if let Some(reference) = notes.and_then(|notes| notes.reference.as_deref()) {
            object.text("reference", reference);
        }
        if notes.is_some_and(|notes| !notes.metadata.is_empty()) {
            metadata(object, notes);
        }
        object.time("expires_at", expires_at);
        object.number("expires_in_ms", expires_in_ms);
        object.time("hard_deadline", Written(now.wall_of(view.hard_deadline)));
        object.time("server_time", Written(now.wall));
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use onsale_engine::time::{Timestamp, WallTime};
    use std::sync::Arc;

    pub(crate) fn item(ordinal: u8, bundle: u8) -> ItemView {
        ItemView {
            ordinal,
            bundle,
            quantity: 1,
            cancelled: false,
            slot: format!("slot-{ordinal}").as_str().into(),
        }
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
            sale: "sh".into(),
            state: CartState::Open,
            items: [item(0, 1), item(1, 0)].into_iter().collect(),
            expires_at: Timestamp(600_000),
            hard_deadline: Timestamp(1_800_000),
            customer: CustomerHash(255),
            notes: Some(Arc::new(notes)),
        };
        let now = Now { engine: Timestamp(0), wall: WallTime(1_616_515_200_000) };
        let json: serde_json::Value = serde_json::from_slice(&cart(&view, now)).unwrap();
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
