//! Checkouts and orders on the wire.

use onsale_engine::ids::PublicId;
use onsale_engine::outcome::{CheckoutView, OrderState, OrderView};
use onsale_engine::time::Now;
use serde::{Deserialize, Serialize};

use super::cart::{WrittenCustomer, WrittenId, WrittenItem, WrittenMetadata};
use super::time::Written;

/// `POST /v1/orders/{order}/cancel`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelInput {
    /// The holds to cancel; without it, the whole order.
    pub holds: Option<Vec<String>>,
}

/// `GET /v1/sales/{sale}/orders`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderQueryInput {
    /// As the shop calls the customer.
    pub customer: Option<String>,
    /// The shop's reference.
    pub reference: Option<String>,
    /// `confirmed`, `partly_cancelled` or `cancelled`.
    pub state: Option<String>,
    /// At most so many.
    pub limit: Option<u64>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// The words of the contract, in one table for both directions.
pub const STATES: [(OrderState, &str); 3] = [
    (OrderState::Confirmed, "confirmed"),
    (OrderState::PartlyCancelled, "partly_cancelled"),
    (OrderState::Cancelled, "cancelled"),
];

/// The word of the contract.
#[must_use]
pub const fn state_word(state: OrderState) -> &'static str {
    match state {
        OrderState::Confirmed => "confirmed",
        OrderState::PartlyCancelled => "partly_cancelled",
        OrderState::Cancelled => "cancelled",
    }
}

/// An order.
#[derive(Debug, Serialize)]
pub struct WrittenOrder<'a> {
    order: WrittenId,
    sale: &'a str,
    state: &'static str,
    cart: WrittenId,
    customer: WrittenCustomer<'a>,
    items: Vec<WrittenItem<'a>>,
    reference: Option<&'a str>,
    metadata: WrittenMetadata<'a>,
    confirmed_at: Written,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_time: Option<Written>,
}

impl<'a> WrittenOrder<'a> {
    /// The order as seen at `now`.
    #[must_use]
    pub fn new(view: &'a OrderView, now: Now) -> Self {
        let notes = view.notes.as_deref();
        Self {
            order: WrittenId(PublicId::order(view.cart)),
            sale: &view.sale,
            state: state_word(view.state),
            cart: WrittenId(PublicId::cart(view.cart)),
            customer: WrittenCustomer(view.customer, notes),
            items: view.items.iter().map(|item| WrittenItem::new(view.cart, item, true)).collect(),
            reference: notes.and_then(|notes| notes.reference.as_deref()),
            metadata: WrittenMetadata(notes),
            confirmed_at: Written(now.wall_of(view.confirmed_at)),
            server_time: Some(Written(now.wall)),
        }
    }

    /// The same inside a list, which says the time once.
    #[must_use]
    pub fn in_list(view: &'a OrderView, now: Now) -> Self {
        Self { server_time: None, ..Self::new(view, now) }
    }
}

/// A checkout. With the provider `instant` nobody is ahead and it is confirmed in the step that asks for it.
#[derive(Debug, Serialize)]
pub struct WrittenCheckout<'a> {
    checkout: WrittenId,
    state: &'static str,
    ahead: u64,
    cart: WrittenId,
    order: WrittenId,
    sale: &'a str,
    server_time: Written,
}

/// The id of a checkout.
#[must_use]
pub const fn checkout_id(view: &CheckoutView) -> PublicId {
    PublicId::checkout(view.order.cart, view.attempt)
}

impl<'a> WrittenCheckout<'a> {
    /// The checkout as seen at `now`.
    #[must_use]
    pub fn new(view: &'a CheckoutView, now: Now) -> Self {
        let cart = view.order.cart;
        Self {
            checkout: WrittenId(checkout_id(view)),
            state: "confirmed",
            ahead: 0,
            cart: WrittenId(PublicId::cart(cart)),
            order: WrittenId(PublicId::order(cart)),
            sale: &view.order.sale,
            server_time: Written(now.wall),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cart::tests::item;
    use onsale_engine::ids::{CartId, CustomerHash};
    use onsale_engine::request::Notes;
    use onsale_engine::time::{Timestamp, WallTime};
    use std::sync::Arc;

    fn order() -> OrderView {
        OrderView {
            cart: CartId(12),
            sale: Arc::from("sh"),
            state: OrderState::Confirmed,
            items: [item(0, 0)].into_iter().collect(),
            customer: CustomerHash(1),
            confirmed_at: Timestamp(0),
            notes: Some(Arc::new(Notes { customer: Some("c-8231".to_owned()), ..Notes::default() })),
        }
    }

    #[test]
    fn an_order_and_its_checkout_are_written_as_the_contract_shows_them() {
        let now = Now { engine: Timestamp(1_000), wall: WallTime(1_000) };
        let order = order();
        let json = serde_json::to_value(WrittenOrder::new(&order, now)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "order": "order_000000000000c", "sale": "sh", "state": "confirmed", "cart": "cart_000000000000c",
                "customer": "c-8231", "reference": null, "metadata": {},
                "items": [{"hold": "hold_000000000000c.0", "bundle": null, "slot": "slot-0", "quantity": 1, "cancelled": false}],
                "confirmed_at": "1970-01-01T00:00:00Z", "server_time": "1970-01-01T00:00:01Z"})
        );
        let view = CheckoutView { attempt: 2, order };
        let json = serde_json::to_value(WrittenCheckout::new(&view, now)).unwrap();
        assert_eq!(
            (json["checkout"].as_str(), json["order"].as_str()),
            (Some("co_000000000000c.2"), Some("order_000000000000c"))
        );
        assert_eq!((json["state"].as_str(), json["ahead"].as_u64()), (Some("confirmed"), Some(0)));
    }

    #[test]
    fn the_table_of_states_is_the_match() {
        for (state, word) in STATES {
            assert_eq!(state_word(state), word);
        }
    }
}
