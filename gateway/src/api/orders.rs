//! Orders: reading one, listing a sale's, cancelling.

use http::StatusCode;
use onsale_engine::decide::OrderQuery;
use onsale_engine::ids::{CartId, IdKind, PublicId};
use onsale_engine::refusal::{Missing, Refusal};

use super::carts::on_cart;
use crate::answer::{Outcome, PRIVATE, Said, json_bytes};
use crate::call::Call;
use crate::durable::settle;
use crate::problem::Problem;
use crate::wire::item::is_customer;
use crate::wire::list::limit;
use crate::wire::order::{self, CancelInput, OrderQueryInput, STATES};

/// `GET /v1/orders/{order}`
pub async fn get(call: Call) -> Outcome {
    let caller = call.principal.seller()?;
    let cart = call.id(0, IdKind::Order)?.cart;
    let order = settle(call.engine(), call.engine().order(caller, cart)).await?;
    Ok(json_bytes(StatusCode::OK, order::order(&order.value, order.now)).cached(PRIVATE))
}

/// `GET /v1/sales/{sale}/orders`
pub async fn list(call: Call) -> Outcome {
    let caller = call.principal.seller()?;
    let input: OrderQueryInput = call.query()?;
    let state =
        input.state.as_deref().map(|word| {
            STATES.iter().find(|(_, known)| *known == word).map(|(state, _)| *state).ok_or_else(|| {
                Problem::malformed("`state` is one of confirmed, partly_cancelled, cancelled.")
            })
        });
    let customer = match input.customer.as_deref() {
        None => None,
        Some(name) if is_customer(name) => Some(call.engine().customer(name)),
        Some(_) => return Err(Problem::malformed("`customer` is 1 to 128 printable ASCII characters.")),
    };
    if input.after.as_deref().is_some_and(|after| PublicId::parse(IdKind::Order, after).is_none()) {
        return Err(Problem::malformed("`after` is none of the texts that a page gave as its `next`."));
    }
    let query = OrderQuery {
        customer,
        reference: input.reference.as_deref(),
        state: state.transpose()?,
        limit: limit(input.limit)?,
        after: input.after.as_deref(),
    };
    let page = settle(call.engine(), call.engine().orders(caller, call.param(0), &query)).await?;
    let list = order::orders(&page.value.items, page.value.next.as_deref(), page.now);
    Ok(json_bytes(StatusCode::OK, list).cached(PRIVATE))
}

/// `POST /v1/orders/{order}/cancel`
pub async fn cancel(call: Call) -> Outcome {
    call.principal.shop()?;
    let on = on_cart(&call, IdKind::Order)?;
    let CancelInput { holds } = call.json_or_empty()?;
    let holds = holds.map(|holds| ordinals(on.cart, &holds)).transpose()?;
    let order = settle(call.engine(), call.engine().cancel_order(on, holds.as_deref())).await?;
    Ok(json_bytes(StatusCode::OK, order::order(&order.value, order.now)).replayed(order.replayed))
}

fn ordinals(cart: CartId, holds: &[String]) -> Result<Vec<u8>, Problem> {
    if holds.is_empty() {
        return Err(Problem::malformed(
            "`holds` names at least one hold; leave it out to cancel the whole order.",
        ));
    }
    let ordinal = |text: &String| match PublicId::parse(IdKind::Hold, text) {
        Some(id) if id.cart == cart => Ok(id.ordinal),
        _ => Err(Problem::from(Refusal::NotFound(Missing::HoldOfOrder))),
    };
    let mut ordinals = holds.iter().map(ordinal).collect::<Result<Vec<_>, _>>()?;
    ordinals.sort_unstable();
    ordinals.dedup();
    Ok(ordinals)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[test]
    fn holds_of_another_order_are_unknown() {
        let own = |ordinal| PublicId::hold(CartId(1), ordinal).to_string();
        assert_eq!(ordinals(CartId(1), &[own(2), own(0), own(2)]).unwrap(), [0, 2]);
        let foreign = PublicId::hold(CartId(2), 0).to_string();
        assert_eq!(ordinals(CartId(1), &[own(0), foreign]).unwrap_err().code(), Some(Code::NotFound));
        assert_eq!(ordinals(CartId(1), &[]).unwrap_err().code(), Some(Code::Malformed));
    }
}
