//! More time: the deadline becomes now + `hold_ttl_ms`, never past the hard deadline, never earlier than it was.

use super::Core;
use super::cart::{Beside, Called};
use super::line::Wish;
use crate::codes::Coded;
use crate::fact::Kind;
use crate::outcome::{Answer, CartView};
use crate::refusal::{Missing, Refusal};
use crate::request::OnCart;
use crate::time::Now;

impl Core {
    /// Extends a cart. At the hard deadline the answer is the cart as it is.
    pub fn extend(&self, now: Now, on: OnCart) -> Answer<CartView> {
        let replayed = |decision: &mut super::Decision<'_>, key| decision.replay_cart(key);
        let answer = self.on_cart(now, on, Called::Cart, Beside::NOTHING, replayed, |decision| {
            decision.demand_open(on.cart)?;
            let cart = decision.found(on.cart);
            let (deadline, hard, sale) = (cart.deadline, cart.hard_deadline(), cart.sale);
            let Some(shard) = super::open::lowest(cart.shards()) else {
                return Err(Refusal::NotFound(Missing::Cart));
            };
            let rules = decision.rules(sale, shard)?;
            if rules.closes_at.is_some_and(|closes| decision.now_at().wall >= closes) {
                return Err(Refusal::SaleClosed);
            }
            let mut longest = decision.at().plus(rules.hold_ttl).min(hard);
            // The cart of an invitation ends with what it stands on.
            if let Some(Coded { code, reserves: true }) = decision.coded(on.cart) {
                longest = longest.min(decision.guards.look_codes(code.shard).code(code.index).until);
            }
            let deadline = longest.max(deadline);
            decision.commit(Kind::Extended { cart: on.cart, deadline, key: on.key });
            Ok(decision.cart_view(on.cart, None))
        });
        if let (Some(holder), Ok(cart)) = (on.caller.holder, &answer.result) {
            self.note_wish(now, holder.ticket, Wish::Extended { until: cart.expires_at });
        }
        answer
    }
}
