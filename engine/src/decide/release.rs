//! Giving back: one hold, or the bundle it belongs to, or the whole cart.

use super::cart::{Beside, Called};
use super::{Core, Decision};
use crate::carts::MAX_VERSION;
use crate::carts::bundle_number;
use crate::fact::{Kind, Ordinals};
use crate::ids::CartId;
use crate::limits::MAX_HOLDS;
use crate::outcome::{Answer, CartView};
use crate::refusal::{Missing, Refusal};
use crate::request::OnCart;
use crate::time::Now;

impl Core {
    /// Gives back one hold; a bundle goes whole. A cart left without holds is abandoned.
    pub fn release_hold(&self, now: Now, on: OnCart, ordinal: u8) -> Answer<CartView> {
        self.release(now, on, |decision| decision.whole(on.cart, ordinal))
    }

    /// Gives everything back.
    pub fn abandon(&self, now: Now, on: OnCart) -> Answer<CartView> {
        self.release(now, on, |decision| Ok(decision.present(on.cart)))
    }

    fn release(
        &self,
        now: Now,
        on: OnCart,
        out: impl Fn(&mut Decision<'_>) -> Result<Ordinals, Refusal>,
    ) -> Answer<CartView> {
        let replayed = |decision: &mut Decision<'_>, key| decision.replay_cart(key);
        let answer = self.on_cart(now, on, Called::Cart, Beside::bytes(MAX_HOLDS), replayed, |decision| {
            decision.demand_open(on.cart)?;
            let out = out(decision)?;
            let whole = out.len() == decision.present(on.cart).len();
            // The last version is kept for giving everything back, which must always be possible.
            if decision.found(on.cart).version >= MAX_VERSION && !whole {
                return Err(Refusal::LimitReached { what: "changes", limit: u64::from(MAX_VERSION) });
            }
            decision.commit(Kind::Released { cart: on.cart, out, key: on.key });
            Ok(decision.cart_view(on.cart, None))
        });
        if answer.result.is_ok() {
            self.note_given_back(answer.now, on.caller);
        }
        answer
    }
}

impl Decision<'_> {
    /// The ordinals of all that is there.
    pub(super) fn present(&self, id: CartId) -> Ordinals {
        let items = self.found(id).items.iter().enumerate();
        items.filter(|(_, item)| item.present()).filter_map(|(place, _)| u8::try_from(place).ok()).collect()
    }

    /// A present hold and all that belongs to its bundle.
    pub(super) fn whole(&self, id: CartId, ordinal: u8) -> Result<Ordinals, Refusal> {
        let cart = self.found(id);
        let Some(item) = cart.items.get(usize::from(ordinal)).filter(|item| item.present()) else {
            return Err(Refusal::NotFound(Missing::Hold));
        };
        let bundle = bundle_number(item.bundle);
        if bundle == 0 {
            return Ok(Ordinals::from_slice(&[ordinal]));
        }
        let mut all = self.present(id);
        all.retain(|other| bundle_number(cart.items[usize::from(*other)].bundle) == bundle);
        Ok(all)
    }
}
