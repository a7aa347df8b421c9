//! A cart or an order, as it stands or as it was at a version of its items.

use std::sync::Arc;

use super::super::Decision;
use crate::carts::{Cart, Item, PRESENT, Stage, bundle_number};
use crate::ids::{CartId, Quantity, SaleIx};
use crate::inventory::Shard;
use crate::outcome::{CartState, CartView, ItemView, ItemViews, OrderState, OrderView};
use crate::request::Notes;

impl Decision<'_> {
    /// The items that `shown` says are shown, and whether as cancelled.
    fn item_views(&self, cart: &Cart, shown: impl Fn(&Item) -> Option<bool>) -> ItemViews {
        let mut views = ItemViews::new();
        let mut ordinal = 0;
        for item in &cart.items {
            if let Some(cancelled) = shown(item) {
                views.push(ItemView {
                    ordinal,
                    bundle: bundle_number(item.bundle),
                    quantity: Quantity::from(item.quantity),
                    cancelled,
                    slot: self.guards.look(item.shard).slot_name(item.slot).into(),
                });
            }
            ordinal = ordinal.saturating_add(1);
        }
        views
    }

    /// A cart as it stands, or as it was at a version of its items.
    pub(in super::super) fn cart_view(&self, id: CartId, version: Option<u8>) -> CartView {
        let (shard, cart) = self.found_in(id);
        let items = self.item_views(cart, |item| {
            version.map_or(item.present(), |version| item.present_at(version)).then_some(false)
        });
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
            sale: shard.sale_id(cart.sale).into(),
            state,
            items,
            expires_at: match cart.stage {
                Stage::Ordered => self.now_at().engine_of_past(cart.confirmed_at()),
                _ => cart.deadline,
            },
            hard_deadline: cart.hard_deadline(),
            customer: cart.customer(),
            notes: notes(shard, cart.sale, id),
        }
    }

    /// An order as it stands, or as it was at a version of its items.
    pub(in super::super) fn order_view(&self, id: CartId, version: Option<u8>) -> OrderView {
        let (shard, cart) = self.found_in(id);
        let version = version.unwrap_or(cart.version);
        let confirmed = cart.confirmed_version();
        let items = self.item_views(cart, |item| {
            item.present_at(confirmed).then_some(item.gone != PRESENT && item.gone <= version)
        });
        let cancelled = items.iter().filter(|item| item.cancelled).count();
        let state = match cancelled {
            0 => OrderState::Confirmed,
            all if all == items.len() => OrderState::Cancelled,
            _ => OrderState::PartlyCancelled,
        };
        OrderView {
            cart: id,
            sale: shard.sale_id(cart.sale).into(),
            state,
            items,
            customer: cart.customer(),
            confirmed_at: cart.confirmed_at(),
            notes: notes(shard, cart.sale, id),
        }
    }
}

/// What is kept with a cart, as far as it is shown. A name in clear is shown while the sale says so, whatever it said when the cart
/// was made: who stops keeping names means those that are there.
fn notes(shard: &Shard, sale: SaleIx, id: CartId) -> Option<Arc<Notes>> {
    if shard.notes.is_empty() {
        return None;
    }
    let kept = shard.notes.get(&id.index())?;
    if kept.customer.is_none() || shard.rules(sale).is_some_and(|rules| rules.keep_customer) {
        return Some(Arc::clone(kept));
    }
    let shown = Notes { customer: None, ..Notes::clone(kept) };
    (!shown.is_empty()).then(|| Arc::new(shown))
}
