//! Checkouts and orders on the wire.

use onsale_engine::ids::PublicId;
use onsale_engine::outcome::{CheckoutView, OrderState, OrderView};
use onsale_engine::time::Now;
use serde::Deserialize;

use super::cart;
use super::json::{self, Object};
use super::time::Written;
use crate::problem::Problem;

/// `POST /v1/orders/{order}/cancel`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelInput {
    /// The holds to cancel; without it, the whole order.
    pub holds: Option<Vec<String>>,
}

/// `POST /v1/checkouts/{checkout}/payment`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentInput {
    /// What became of it.
    pub result: PaymentResult,
    /// What the provider calls it.
    pub reference: Option<String>,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentResult {
    /// The money is there.
    Approved,
    /// It is not, and will not come.
    Declined,
}

impl PaymentInput {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// `malformed`
    pub fn check(&self) -> Result<(), Problem> {
        match &self.reference {
            Some(text) if text.is_empty() || text.len() > 100 => {
                Err(Problem::malformed("`reference` is 1 to 100 bytes."))
            }
            _ => Ok(()),
        }
    }
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

fn fill(object: &mut Object<'_>, view: &OrderView) {
    let notes = view.notes.as_deref();
    object.id("order", PublicId::order(view.cart));
    object.ascii("sale", view.sale.as_bytes());
    object.plain("state", state_word(view.state));
    object.id("cart", PublicId::cart(view.cart));
    cart::customer(object, view.customer, notes);
    let number = view.cart.number_text();
    object.list("items", &view.items, |object, line| {
        cart::item(object, (view.cart, number), line);
        object.flag("cancelled", line.cancelled);
    });
    match notes.and_then(|notes| notes.reference.as_deref()) {
        Some(reference) => object.text("reference", reference),
        None => object.null("reference"),
    }
    cart::metadata(object, notes);
    object.time("confirmed_at", Written(view.confirmed_at));
}

/// An order as seen at `now`.
#[must_use]
pub fn order(view: &OrderView, now: Now) -> Vec<u8> {
    json::document(|object| {
        fill(object, view);
        object.time("server_time", Written(now.wall));
    })
}

/// A part of a list of orders, as [`List`](super::list::List); the time is said once.
#[must_use]
pub fn orders(items: &[OrderView], next: Option<&str>, now: Now) -> Vec<u8> {
    json::document(|object| {
        object.list("items", items, fill);
        match next {
            Some(next) => object.text("next", next),
            None => object.null("next"),
        }
        object.time("server_time", Written(now.wall));
    })
}

/// The id of a checkout.
#[must_use]
pub const fn checkout_id(view: &CheckoutView) -> PublicId {
    PublicId::checkout(view.order.cart, view.attempt)
}

/// A checkout as seen at `now`. With the provider `instant` nobody is ahead and it is confirmed in the step that asks
/// for it.
#[must_use]
pub fn checkout(view: &CheckoutView, now: Now) -> Vec<u8> {
    let cart = view.order.cart;
    json::document(|object| {
        object.id("checkout", checkout_id(view));
        object.plain("state", "confirmed");
        object.number("ahead", 0);
        object.id("cart", PublicId::cart(cart));
        object.id("order", PublicId::order(cart));
        object.plain("sale", &view.order.sale);
        object.time("server_time", Written(now.wall));
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cart::tests::item;
    use onsale_engine::ids::{CartId, CustomerHash};
    use onsale_engine::request::Notes;
    use onsale_engine::time::{Timestamp, WallTime};
    use std::sync::Arc;

    fn confirmed() -> OrderView {
        OrderView {
            cart: CartId(12),
            sale: "sh".into(),
            state: OrderState::Confirmed,
            items: [item(0, 0)].into_iter().collect(),
            customer: CustomerHash(1),
            confirmed_at: WallTime(0),
            notes: Some(Arc::new(Notes { customer: Some("c-8231".to_owned()), ..Notes::default() })),
        }
    }

    #[test]
    fn an_order_and_its_checkout_are_written_as_the_contract_shows_them() {
        let now = Now { engine: Timestamp(1_000), wall: WallTime(1_000) };
        let confirmed = confirmed();
        let json: serde_json::Value = serde_json::from_slice(&order(&confirmed, now)).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "order": "order_000000000000c", "sale": "sh", "state": "confirmed", "cart": "cart_000000000000c",
                "customer": "c-8231", "reference": null, "metadata": {},
                "items": [{"hold": "hold_000000000000c.0", "bundle": null, "slot": "slot-0", "quantity": 1, "cancelled": false}],
                "confirmed_at": "1970-01-01T00:00:00Z", "server_time": "1970-01-01T00:00:01Z"})
        );
        let page: serde_json::Value =
            serde_json::from_slice(&orders(std::slice::from_ref(&confirmed), None, now)).unwrap();
        assert_eq!((&page["items"][0]["order"], &page["next"]), (&json["order"], &serde_json::Value::Null));
        assert_eq!(page["items"][0].get("server_time"), None);
        let view = CheckoutView { attempt: 2, order: confirmed };
        let json: serde_json::Value = serde_json::from_slice(&checkout(&view, now)).unwrap();
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
