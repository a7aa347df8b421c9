//! Holds of a cart that is open: adding, giving one back, swapping one.

use http::StatusCode;
use onsale_engine::ids::{CartId, IdKind};
use onsale_engine::refusal::{Missing, Refusal};

use super::carts::{answer, on_cart, on_cart_to_delete, written};
use super::slots::zone_of;
use crate::answer::Outcome;
use crate::call::Call;
use crate::durable::settle;
use crate::problem::Problem;
use crate::wire::cart::{ExchangeInput, MoreInput};
use crate::wire::item::wants;

/// The ordinal of the hold the path names. One of another cart is as unknown as one that never was.
fn hold(call: &Call, cart: CartId) -> Result<u8, Problem> {
    let id = call.id(1, IdKind::Hold)?;
    if id.cart == cart { Ok(id.ordinal) } else { Err(Refusal::NotFound(Missing::Hold).into()) }
}

/// A cart does not name its sale in the path; dates are meant in its time zone, or the venue's.
fn zone(call: &Call, on: &onsale_engine::request::OnCart, venue: &str) -> Option<jiff::tz::TimeZone> {
    let cart = call.engine().cart(on.caller, on.cart).result.ok()?;
    zone_of(call, &cart.sale, Some(venue))
}

/// `POST /v1/carts/{cart}/holds`
pub async fn add(call: Call) -> Outcome {
    let on = on_cart(&call, IdKind::Cart)?;
    let MoreInput { items } = call.json()?;
    let wants = wants(items, |venue| zone(&call, &on, venue))?;
    let cart = settle(call.engine(), call.engine().add_holds(on, &wants)).await?;
    Ok(written(StatusCode::CREATED, &cart))
}

/// `DELETE /v1/carts/{cart}/holds/{hold}`
pub async fn release(call: Call) -> Outcome {
    let on = on_cart_to_delete(&call)?;
    let ordinal = hold(&call, on.cart)?;
    answer(&call, call.engine().release_hold(on, ordinal)).await
}

/// `POST /v1/carts/{cart}/holds/{hold}/exchange`
pub async fn exchange(call: Call) -> Outcome {
    let on = on_cart(&call, IdKind::Cart)?;
    let ordinal = hold(&call, on.cart)?;
    let ExchangeInput { item } = call.json()?;
    let wants = wants(vec![item], |venue| zone(&call, &on, venue))?;
    answer(&call, call.engine().exchange_hold(on, ordinal, &wants[0])).await
}
