//! Carts: opening one with its first holds, reading it, extending it, giving it back.

use std::borrow::Cow;

use axum::response::Response;
use http::StatusCode;
use onsale_engine::ids::{CartId, CustomerHash, IdKind, PublicId};
use onsale_engine::outcome::{Answer, CartView};
use onsale_engine::request::{Caller, Notes, OnCart, OpenCart, Want};

use super::access_codes::Tried;
use super::slots::zone_of;
use crate::answer::{Outcome, PRIVATE, Said, json_bytes, json_bytes_reusing};
use crate::call::Call;
use crate::durable::{Settled, settle};
use crate::idempotency;
use crate::problem::{Code, Problem};
use crate::wire;
use crate::wire::cart::{CartInput, EmptyInput};
use crate::wire::item::{is_customer, notes, wants};
use crate::wire::{plain_cart, twins};

/// A cart as it is answered everywhere.
pub(super) fn written(status: StatusCode, cart: &Settled<CartView>) -> Response {
    json_bytes(status, wire::cart::cart(&cart.value, cart.now)).replayed(cart.replayed)
}

/// `POST /v1/sales/{sale}/carts`
pub async fn open(call: &mut Call) -> Outcome {
    let (answer, code) = opened(call)?;
    let cart = call.tried(code, settle(call.engine(), answer).await)?;
    let location = ["/v1/carts/", PublicId::cart(cart.value.cart).text().as_str()].concat();
    let body = wire::cart::cart(&cart.value, cart.now);
    let table = std::mem::take(&mut call.headers);
    Ok(json_bytes_reusing(table, StatusCode::CREATED, body).replayed(cart.replayed).at(location))
}

/// What the engine says, and the code that was shown. All that was read for it is gone when the answer is waited for.
fn opened(call: &Call) -> Result<(Answer<CartView>, Option<Tried>), Problem> {
    let caller = call.principal.seller()?;
    let sale = call.param(0);
    let key = call.key(caller, sale)?;
    let Asked { customer, wants, mut notes, code } = asked(call, caller, sale)?;
    // In clear only if the sale says so. An unknown sale is told by the call below.
    if call.engine().keeps_customer(sale) {
        notes.customer = customer.in_clear.map(Cow::into_owned);
    }
    let customer = customer.hash;
    let shown = code.map(|code| code.hash);
    let request = OpenCart { caller, key, sale, customer, wants: &wants, notes, code: shown };
    Ok((call.engine().open_cart(&request), code))
}

/// Who asks for what, what is attached, and the access code it is made with.
struct Asked<'a> {
    customer: Buyer<'a>,
    wants: Vec<Want>,
    notes: Notes,
    code: Option<Tried>,
}

fn asked<'a>(call: &'a Call, caller: Caller, sale: &str) -> Result<Asked<'a>, Problem> {
    call.expect_json()?;
    if let Some((customer, wants)) = plain_cart::read(call.bytes()) {
        let customer = buyer(call, caller, Some(customer.into()))?;
        return Ok(Asked { customer, wants, notes: Notes::default(), code: None });
    }
    let CartInput { customer, items, reference, metadata, access_code } = call.json()?;
    let customer = buyer(call, caller, customer)?;
    if items.is_none() && access_code.is_none() && caller.holder.is_none() {
        return Err(Problem::malformed("missing field `items`: what the cart is to hold."));
    }
    let wants =
        items.map_or(Ok(Vec::new()), |items| wants(items, |venue| zone_of(call, sale, Some(venue))))?;
    if !metadata.is_empty() {
        twins::refuse(call.bytes())?;
    }
    let notes = notes(reference, metadata)?;
    let code = access_code.map(|code| call.try_code(sale, &code)).transpose()?;
    Ok(Asked { customer, wants, notes, code })
}

/// Whose cart it will be.
struct Buyer<'a> {
    hash: CustomerHash,
    in_clear: Option<Cow<'a, str>>,
}

/// A key says whose cart it will be; a pass has its own customer, and its own sale.
fn buyer<'a>(call: &Call, caller: Caller, named: Option<Cow<'a, str>>) -> Result<Buyer<'a>, Problem> {
    match (caller.holder, named) {
        (Some(holder), None) => {
            if *call.engine().sale_id(holder.ticket.sale) != *call.param(0) {
                return Err(Problem::new(Code::WrongSale, "The pass was given for another sale."));
            }
            Ok(Buyer { hash: holder.customer, in_clear: None })
        }
        (Some(_), Some(_)) => {
            Err(Problem::malformed("With a pass `customer` is left out: the pass has its own."))
        }
        (None, Some(name)) if is_customer(&name) => {
            Ok(Buyer { hash: call.engine().customer(&name), in_clear: Some(name) })
        }
        (None, _) => Err(Problem::malformed("`customer` is 1 to 128 printable ASCII characters.")),
    }
}

/// `GET /v1/carts/{cart}`
pub async fn get(call: &mut Call) -> Outcome {
    let caller = call.principal.seller()?;
    let cart = call.id(0, IdKind::Cart)?.cart;
    let cart = settle(call.engine(), call.engine().cart(caller, cart)).await?;
    Ok(written(StatusCode::OK, &cart).cached(PRIVATE))
}

/// Who changes which cart under which key: what all POSTs on a cart begin with.
pub(super) fn on_cart(call: &Call, kind: IdKind) -> Result<OnCart, Problem> {
    let caller = call.principal.seller()?;
    // A missing key is told before an unknown cart: it is the mistake that is always there.
    idempotency::required(&call.headers)?;
    let cart = call.id(0, kind)?.cart;
    Ok(OnCart { caller, key: Some(call.key_of_cart(caller, cart)?), cart })
}

/// The same for `DELETE`, which is safe to repeat and needs no key; one that is sent counts.
pub(super) fn on_cart_to_delete(call: &Call) -> Result<OnCart, Problem> {
    let caller = call.principal.seller()?;
    let sent = idempotency::optional(&call.headers)?.is_some();
    let cart: CartId = call.id(0, IdKind::Cart)?.cart;
    let key = if sent { Some(call.key_of_cart(caller, cart)?) } else { None };
    Ok(OnCart { caller, key, cart })
}

/// Waits for the cart and answers 200.
pub(super) async fn answer(call: &Call, cart: Answer<CartView>) -> Outcome {
    Ok(written(StatusCode::OK, &settle(call.engine(), cart).await?))
}

/// `POST /v1/carts/{cart}/extend`
pub async fn extend(call: Call) -> Outcome {
    let on = on_cart(&call, IdKind::Cart)?;
    let EmptyInput {} = call.json_or_empty()?;
    answer(&call, call.engine().extend(on)).await
}

/// `DELETE /v1/carts/{cart}`
pub async fn abandon(call: Call) -> Outcome {
    let on = on_cart_to_delete(&call)?;
    answer(&call, call.engine().abandon(on)).await
}
