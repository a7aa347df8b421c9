//! Checkout: a cart goes in, an order comes out.
//!
//! With the provider `instant` the checkout is confirmed in the step that asks for it. Without `Prefer: wait` the answer
//! is 202 all the same, so that a client written for slower providers follows the same path: it looks at `state`, or at
//! `Location` later.

use http::{HeaderValue, StatusCode};
use onsale_engine::ids::{IdKind, PublicId};

use super::carts::on_cart;
use crate::answer::{Outcome, PREFERENCE_APPLIED, PRIVATE, Said, json_bytes, json_bytes_reusing};
use crate::call::Call;
use crate::durable::settle;
use crate::idempotency;
use crate::problem::{Code, Problem};
use crate::wire::cart::EmptyInput;
use crate::wire::order::{self, PaymentInput};

/// `POST /v1/carts/{cart}/checkout`
pub async fn post(call: &mut Call) -> Outcome {
    let on = on_cart(call, IdKind::Cart)?;
    let EmptyInput {} = call.json_or_empty()?;
    let wait = call.prefer_wait();
    let checkout = settle(call.engine(), call.engine().checkout(on)).await?;
    let body = order::checkout(&checkout.value, checkout.now);
    let status = if wait.is_some() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    let mut response = json_bytes_reusing(std::mem::take(&mut call.headers), status, body)
        .at(["/v1/checkouts/", order::checkout_id(&checkout.value).text().as_str()].concat())
        .replayed(checkout.replayed);
    match wait.map(|wait| HeaderValue::try_from(format!("wait={}", wait.as_secs()))) {
        Some(Ok(applied)) => {
            response.headers_mut().insert(PREFERENCE_APPLIED, applied);
        }
        // It is done already: look whenever you like.
        _ => response = response.ask_again(0),
    }
    Ok(response)
}

/// `GET /v1/checkouts/{checkout}`
pub async fn get(call: Call) -> Outcome {
    let caller = call.principal.seller()?;
    let PublicId { cart, ordinal, .. } = call.id(0, IdKind::Checkout)?;
    let checkout = settle(call.engine(), call.engine().checkout_of(caller, cart, ordinal)).await?;
    Ok(json_bytes(StatusCode::OK, order::checkout(&checkout.value, checkout.now)).cached(PRIVATE))
}

/// `POST /v1/checkouts/{checkout}/payment`. Only `instant` can be set: a checkout that there is has been paid already. The request is
/// read all the same, so that a shop that is written for slower providers learns its mistakes today.
pub async fn pay(call: Call) -> Outcome {
    let caller = call.principal.shop()?;
    idempotency::required(&call.headers)?;
    let PublicId { cart, ordinal, .. } = call.id(0, IdKind::Checkout)?;
    call.json::<PaymentInput>()?.check()?;
    settle(call.engine(), call.engine().checkout_of(caller, cart, ordinal)).await?;
    Err(Problem::new(
        Code::Rule,
        "This sale's provider is `instant`: a checkout is paid when it is made. Nothing was changed.",
    ))
}
