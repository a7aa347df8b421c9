//! A hold, or the bundle it belongs to, for something else, in one step. On any refusal the old one is kept.

use super::Core;
use super::stock::Sums;
use crate::fact::Kind;
use crate::ids::Quantity;
use crate::outcome::{Answer, CartView};
use crate::request::{OnCart, Want};
use crate::time::Now;

impl Core {
    /// Swaps a hold. Units that leave count as free for what comes: two neighbours can trade a shared seat.
    pub fn exchange_hold(&self, now: Now, on: OnCart, ordinal: u8, want: &Want) -> Answer<CartView> {
        let wants = std::slice::from_ref(want);
        self.with_wants(now, on, wants, |decision, resolved, aim| {
            let out = decision.whole(on.cart, ordinal)?;
            let cart = decision.found(on.cart);
            let leaving: Vec<_> = out.iter().map(|ordinal| cart.items[usize::from(*ordinal)]).collect();
            let mut coming_back = Sums::new();
            for item in &leaving {
                let units = Quantity::from(item.quantity);
                match coming_back.iter_mut().find(|(slot, _)| *slot == item.slot()) {
                    Some((_, sum)) => *sum += units,
                    None => coming_back.push((item.slot(), units)),
                }
            }
            let units = leaving.iter().map(|item| Quantity::from(item.quantity)).sum();
            let items = decision.take_more(on.cart, wants, resolved, aim, &coming_back, units)?;
            decision.commit(Kind::Exchanged { cart: on.cart, out, items, key: on.key });
            Ok(())
        })
    }
}
