//! From cart to order. With provider `instant` a checkout is pinned, run and confirmed in one step and one fact; all
//! rules are checked here, so nothing after this can refuse.

use super::Core;
use super::cart::{Beside, Called};
use super::open::lowest;
use crate::carts::Stage;
use crate::fact::Kind;
use crate::ids::CartId;
use crate::outcome::{Answer, CheckoutView, OrderView};
use crate::refusal::{Missing, Refusal};
use crate::request::{Caller, OnCart};
use crate::time::Now;

/// The fact that a session is over: time, kind, sale, lane, number, each at its longest, and to spare.
const ENDED_BYTES: usize = 64;

/// The number of the one checkout a cart has with provider `instant`.
pub const INSTANT_ATTEMPT: u8 = 1;

impl Core {
    /// Checks a cart out. The session of a pass is over with its order: a power cut leaves both or neither, so nobody has an
    /// order and a session that could make another, nor a session that is over and no order.
    pub fn checkout(&self, now: Now, on: OnCart) -> Answer<CheckoutView> {
        let session = on.caller.holder.map(|holder| holder.ticket);
        let beside = Beside {
            bytes: if session.is_some() { ENDED_BYTES } else { 0 },
            shards: 0,
            line: session.map(|ticket| ticket.sale),
        };
        let replayed = |decision: &mut super::Decision<'_>, key| {
            decision.replay_order(key).map(|answer| answer.map(as_checkout))
        };
        self.on_cart(now, on, Called::Cart, beside, replayed, |decision| {
            decision.demand_open(on.cart)?;
            let cart = decision.found(on.cart);
            let (sale, customer) = (cart.sale, cart.customer());
            let Some(shard) = lowest(cart.shards()) else {
                return Err(Refusal::NotFound(Missing::Cart));
            };
            let rules = decision.guards.look(shard).rules(sale).ok_or(Refusal::NotFound(Missing::Sale))?;
            if let Some(limit) = rules.limit_orders
                && decision.guards.look_visitors().having(customer, sale, decision.at()).orders
                    >= u64::from(limit)
            {
                return Err(Refusal::LimitReached { what: "orders", limit: u64::from(limit) });
            }
            let wall = decision.now_at().wall;
            let confirmed = Kind::Confirmed { cart: on.cart, wall, key: on.key };
            if let Some(ticket) = session {
                decision.together(|decision| {
                    decision.end_session(ticket);
                    decision.commit(confirmed);
                });
            } else {
                decision.commit(confirmed);
            }
            Ok(as_checkout(decision.order_view(on.cart, None)))
        })
    }

    /// Reads a checkout.
    pub fn checkout_of(&self, now: Now, caller: Caller, cart: CartId, attempt: u8) -> Answer<CheckoutView> {
        if attempt != INSTANT_ATTEMPT {
            return Self::refuse(now, Refusal::NotFound(Missing::Checkout));
        }
        self.ordered(now, caller, cart, Called::Checkout).map(as_checkout)
    }

    /// Reads an order.
    pub fn order(&self, now: Now, caller: Caller, cart: CartId) -> Answer<OrderView> {
        self.ordered(now, caller, cart, Called::Order)
    }

    fn ordered(&self, now: Now, caller: Caller, cart: CartId, called: Called) -> Answer<OrderView> {
        let on = OnCart { caller, key: None, cart };
        self.on_cart(
            now,
            on,
            called,
            Beside::NOTHING,
            |_, _| None,
            |decision| {
                if decision.found(cart).stage != Stage::Ordered {
                    return Err(Refusal::NotFound(match called {
                        Called::Cart => Missing::Cart,
                        Called::Checkout => Missing::Checkout,
                        Called::Order => Missing::Order,
                    }));
                }
                Ok(decision.order_view(cart, None))
            },
        )
    }
}

fn as_checkout(order: OrderView) -> CheckoutView {
    CheckoutView { attempt: INSTANT_ATTEMPT, order }
}
