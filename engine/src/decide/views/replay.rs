//! The kept answer of a request: what its key points to, rendered as it was.

use super::super::Decision;
use crate::carts::Stage;
use crate::keys::{Answered, KeyRecord};
use crate::outcome::{Answer, CartView, OrderView};
use crate::refusal::Refusal;
use crate::request::KeyUse;

impl Decision<'_> {
    /// What is remembered of a key; the visitor and key locks are held, inventory is not yet.
    fn remembered(&mut self, key: KeyUse) -> Option<Result<KeyRecord, Refusal>> {
        let at = self.fix_time();
        let record = *self.guards.look_keys()?.find(key.key, at)?;
        if record.fingerprint != key.fingerprint {
            return Some(Err(Refusal::KeyReused));
        }
        // Stands for no cart.
        if !record.answered().names_a_cart() {
            return Some(Err(Refusal::KeyReused));
        }
        // The answer names slots of every item the cart ever had: their shards, and those only, are taken.
        #[expect(clippy::cast_possible_truncation, reason = "the record was made with this cart")]
        let home = record.cart.shard() as u8;
        self.guards.lock_shards(1 << home);
        let cart = self.guards.look(home).carts.get(record.cart.index());
        let mask = cart
            .filter(|cart| cart.generation() == record.cart.generation() && cart.stage != Stage::Free)
            .map(|cart| cart.items.iter().fold(1 << home, |mask, item| mask | 1 << item.shard));
        let Some(mask) = mask else {
            self.guards.unlock_shards();
            return None;
        };
        if mask != 1 << home {
            // Items are never removed and the key's cart has not ended long ago, so the set can only have grown by
            // versions this answer does not speak of.
            self.guards.unlock_shards();
            self.guards.lock_shards(mask);
        }
        self.fix_time();
        Some(Ok(record))
    }

    /// The kept answer of a request that changed no cart, if its key was used before: what the record says in a cart's place.
    pub(in super::super) fn replay_other<T>(
        &mut self,
        key: KeyUse,
        answered: Answered,
        told: impl FnOnce(&KeyRecord) -> T,
    ) -> Option<Answer<T>> {
        let at = self.fix_time();
        let record = *self.guards.look_keys()?.find(key.key, at)?;
        if record.fingerprint != key.fingerprint || record.answered() != answered {
            return Some(self.answer(Err(Refusal::KeyReused)));
        }
        Some(self.replay(Ok(told(&record))))
    }

    /// The kept answer of a request that changed a cart, if its key was used before.
    pub(in super::super) fn replay_cart(&mut self, key: KeyUse) -> Option<Answer<CartView>> {
        let record = match self.remembered(key)? {
            Ok(record) => record,
            Err(refusal) => return Some(self.answer(Err(refusal))),
        };
        match record.answered() {
            Answered::Opened
            | Answered::Added
            | Answered::Released
            | Answered::Exchanged
            | Answered::Extended => {
                let view = self.cart_view(record.cart, Some(record.version()));
                Some(self.replay(Ok(view)))
            }
            _ => Some(self.answer(Err(Refusal::KeyReused))),
        }
    }

    /// The kept answer of a request that made or changed an order, if its key was used before.
    pub(in super::super) fn replay_order(&mut self, key: KeyUse) -> Option<Answer<OrderView>> {
        let record = match self.remembered(key)? {
            Ok(record) => record,
            Err(refusal) => return Some(self.answer(Err(refusal))),
        };
        match record.answered() {
            Answered::Confirmed | Answered::Cancelled => {
                let view = self.order_view(record.cart, Some(record.version()));
                Some(self.replay(Ok(view)))
            }
            _ => Some(self.answer(Err(Refusal::KeyReused))),
        }
    }
}
