//! A cart or an order, as it stands or as it was at a version of its items.

use std::sync::Arc;

use super::super::Decision;
use crate::carts::{Item, PRESENT, Stage, bundle_number};
use crate::ids::{CartId, Quantity};
use crate::outcome::{CartState, CartView, ItemView, OrderState, OrderView};

impl Decision<'_> {
    fn item_view(&self, ordinal: usize, item: &Item, cancelled: bool) -> ItemView {
        ItemView {
            ordinal: u8::try_from(ordinal).unwrap_or(u8::MAX),
            bundle: bundle_number(item.bundle),
            quantity: Quantity::from(item.quantity),
            cancelled,
            slot: self.guards.look(item.shard).slot_name(item.slot).to_owned(),
        }
    }

    /// A cart as it stands, or as it was at a version of its items.
    pub(in super::super) fn cart_view(&self, id: CartId, version: Option<u8>) -> CartView {
        let cart = self.found(id);
        let present = |item: &&Item| version.map_or(item.present(), |version| item.present_at(version));
        let items = cart.items.iter().enumerate().filter(|(_, item)| present(item));
        let items: smallvec::SmallVec<[ItemView; 4]> =
            items.map(|(ordinal, item)| self.item_view(ordinal, item, false)).collect();
        let state = match (version, cart.stage) {
            // As it was: it was open, unless that change took the last hold.
            (Some(_), _) if items.is_empty() => CartState::Abandoned,
            (Some(_), _) => CartState::Open,
            (None, Stage::Open) if cart.open_at(self.at()) => CartState::Open,
            (None, Stage::Open | Stage::Lapsed) => CartState::Expired,
            (None, Stage::Ordered) => CartState::Ordered,
            (None, Stage::Abandoned | Stage::Free) => CartState::Abandoned,
        };
        CartView {
            cart: id,
            sale: self.core.state.names.listing().sale_id(cart.sale),
            state,
            items,
            expires_at: match cart.stage {
                Stage::Ordered => self.now_at().engine_of_past(cart.confirmed_at()),
                _ => cart.deadline,
            },
            hard_deadline: cart.hard_deadline,
            customer: cart.customer(),
            notes: self.notes(id),
        }
    }

    fn notes(&self, id: CartId) -> Option<Arc<crate::request::Notes>> {
        #[expect(clippy::cast_possible_truncation, reason = "the cart was found, so its shard exists")]
        let shard = self.guards.look(id.shard() as u8);
        if shard.notes.is_empty() { None } else { shard.notes.get(&id.index()).cloned() }
    }

    /// An order as it stands, or as it was at a version of its items.
    pub(in super::super) fn order_view(&self, id: CartId, version: Option<u8>) -> OrderView {
        let cart = self.found(id);
        let version = version.unwrap_or(cart.version);
        let confirmed = cart.confirmed_version();
        let lines = cart.items.iter().enumerate().filter(|(_, item)| item.present_at(confirmed));
        let items: smallvec::SmallVec<[ItemView; 4]> = lines
            .map(|(ordinal, item)| {
                self.item_view(ordinal, item, item.gone != PRESENT && item.gone <= version)
            })
            .collect();
        let cancelled = items.iter().filter(|item| item.cancelled).count();
        let state = match cancelled {
            0 => OrderState::Confirmed,
            all if all == items.len() => OrderState::Cancelled,
            _ => OrderState::PartlyCancelled,
        };
        OrderView {
            cart: id,
            sale: self.core.state.names.listing().sale_id(cart.sale),
            state,
            items,
            customer: cart.customer(),
            confirmed_at: cart.confirmed_at(),
            notes: self.notes(id),
        }
    }
}
