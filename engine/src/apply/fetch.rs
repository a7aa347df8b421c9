//! Asking for the memory a fact will touch, before it is checked and applied: a replay knows the next facts, and the
//! processor waits for many places at a time no longer than for one. Changes nothing and believes nothing.

use std::hint::black_box;

use crate::fact::{Fact, Kind, Opened};
use crate::ids::{CartId, CustomerHash, SaleIx};
use crate::keys::KeyShard;
use crate::request::KeyUse;
use crate::state::Held;
use crate::visitors::VisitorShard;

/// Touches what the frequent facts will touch.
pub fn fetch(held: &mut impl Held, fact: &Fact) {
    let (cart, key) = match &fact.kind {
        Kind::Redeemed(redeemed) => (None, redeemed.opened.key),
        Kind::Opened(Opened { customer, sale, items, key, .. }) => {
            let shards = held.shards();
            for item in items.iter().filter(|item| item.slot.shard < shards) {
                black_box(held.shard(item.slot.shard).touch(item.slot.index));
            }
            visitor(held, *customer, *sale);
            (None, *key)
        }
        Kind::Confirmed { cart, key, .. } | Kind::Extended { cart, key, .. } => (Some(*cart), *key),
        Kind::Added { cart, key, .. }
        | Kind::Released { cart, key, .. }
        | Kind::Exchanged { cart, key, .. }
        | Kind::Cancelled { cart, key, .. } => (Some(*cart), *key),
        Kind::Lapsed { cart } => (Some(*cart), None),
        Kind::Settled { .. } | Kind::Joined(_) | Kind::Cold(_) => (None, None),
    };
    if let Some(KeyUse { key, .. }) = key {
        let shard = KeyShard::of(key, held.shards());
        black_box(held.keys(shard).touch(key));
    }
    if let Some(id) = cart {
        of_cart(held, id);
    }
}

fn visitor(held: &mut impl Held, customer: CustomerHash, sale: SaleIx) {
    let shard = VisitorShard::of(customer, held.shards());
    black_box(held.visitors(shard).touch(customer, sale));
}

fn of_cart(held: &mut impl Held, id: CartId) {
    let Some(home) = u8::try_from(id.shard()).ok().filter(|shard| *shard < held.shards()) else { return };
    let Some(cart) = held.shard(home).carts.get(id.index()) else { return };
    let (customer, sale, two) =
        (cart.customer(), cart.sale, [cart.items.first().copied(), cart.items.get(1).copied()]);
    visitor(held, customer, sale);
    let shards = held.shards();
    for item in two.into_iter().flatten().filter(|item| item.shard < shards) {
        black_box(held.shard(item.shard).touch_hold(item.slot, item.node));
    }
}
