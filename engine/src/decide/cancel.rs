//! Cancelling an order, whole or in part. The units are free at once.

use super::Core;
use super::cart::{Beside, Called};
use crate::carts::Stage;
use crate::carts::{DIVISIBLE, MAX_VERSION, bundle_number};
use crate::fact::{Kind, Ordinals};
use crate::limits::MAX_HOLDS;
use crate::outcome::{Answer, OrderView};
use crate::refusal::{Missing, Refusal};
use crate::request::OnCart;
use crate::time::Now;

impl Core {
    /// Cancels all of an order, or the listed holds. A bundle goes whole unless its rule, when it was held, allowed parts.
    pub fn cancel_order(&self, now: Now, on: OnCart, holds: Option<&[u8]>) -> Answer<OrderView> {
        let replayed = |decision: &mut super::Decision<'_>, key| decision.replay_order(key);
        self.on_cart(now, on, Called::Order, Beside::bytes(MAX_HOLDS), replayed, |decision| {
            if decision.found(on.cart).stage != Stage::Ordered {
                return Err(Refusal::NotFound(Missing::Order));
            }
            let present = decision.present(on.cart);
            let mut out: Ordinals = match holds {
                None => present.clone(),
                Some(holds) => Ordinals::from_slice(holds),
            };
            out.sort_unstable();
            out.dedup();
            let cart = decision.found(on.cart);
            // The order lists what it was made of, cancelled or not; what was given back before it was made is not in it.
            let listed = |ordinal: &u8| {
                let item = cart.items.get(usize::from(*ordinal));
                item.is_some_and(|item| item.present_at(cart.confirmed_version()))
            };
            if !out.iter().all(listed) {
                return Err(Refusal::NotFound(Missing::HoldOfOrder));
            }
            if out.iter().any(|ordinal| !present.contains(ordinal)) {
                return Err(Refusal::Rule {
                    why: "a hold that was named is cancelled already; nothing was cancelled now".into(),
                });
            }
            if out.is_empty() {
                return Err(Refusal::Rule { why: "nothing of this order is left to cancel".into() });
            }
            for ordinal in &out {
                let bundle = cart.items[usize::from(*ordinal)].bundle;
                if bundle == 0 || bundle & DIVISIBLE != 0 {
                    continue;
                }
                let apart = present.iter().any(|other| {
                    bundle_number(cart.items[usize::from(*other)].bundle) == bundle_number(bundle)
                        && !out.contains(other)
                });
                if apart {
                    return Err(Refusal::Rule {
                        why: "a bundle is cancelled whole: name all of its holds".into(),
                    });
                }
            }
            // As for carts: the versions end, and the last is kept for giving back all that is left.
            if cart.version >= MAX_VERSION && out.len() < present.len() {
                return Err(Refusal::LimitReached { what: "changes", limit: u64::from(MAX_VERSION) });
            }
            decision.commit(Kind::Cancelled { cart: on.cart, out, key: on.key });
            Ok(decision.order_view(on.cart, None))
        })
    }
}
