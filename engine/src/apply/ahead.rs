//! Looks at what a run of facts is about to change, before the first of them is applied.
//!
//! Replay waits for memory, not for arithmetic: every fact touches a key's bucket, a visitor, a cart, slots and holds, each
//! far from the last. The looks of different facts depend on nothing, so the machine does many at a time; applied one after
//! the other, each fact would wait for its own. Nothing is decided here and nothing changes: leaving it out costs time only.

use crate::fact::{Fact, Kind};
use crate::ids::{CartId, CustomerHash, SaleIx, SlotRef};
use crate::keys::KeyShard;
use crate::request::KeyUse;
use crate::state::Held;
use crate::visitors::VisitorShard;

/// Looks at all that `facts` will touch.
pub fn look_ahead(held: &mut impl Held, facts: &[Fact]) {
    let mut seen = 0_u64;
    for fact in facts {
        seen ^= directly(held, fact);
    }
    for fact in facts {
        seen ^= through_the_cart(held, fact);
    }
    // Otherwise the compiler may find that nobody needs any of it.
    std::hint::black_box(seen);
}

/// What the fact itself names.
fn directly(held: &mut impl Held, fact: &Fact) -> u64 {
    match &fact.kind {
        Kind::Opened(opened) => {
            let slots = opened.items.iter().fold(0, |seen, item| seen ^ slot(held, item.slot));
            slots ^ visitor(held, opened.customer, opened.sale) ^ key(held, opened.key)
        }
        Kind::Added { cart: id, key: used, .. }
        | Kind::Released { cart: id, key: used, .. }
        | Kind::Exchanged { cart: id, key: used, .. }
        | Kind::Extended { cart: id, key: used, .. }
        | Kind::Confirmed { cart: id, key: used }
        | Kind::Cancelled { cart: id, key: used, .. } => cart(held, *id) ^ key(held, *used),
        Kind::Lapsed { cart: id } => cart(held, *id),
        Kind::Settled { slot: place, .. } => slot(held, *place),
        Kind::Cold(_) => 0,
    }
}

/// What is known only from the cart: whose it is, and what it holds.
fn through_the_cart(held: &mut impl Held, fact: &Fact) -> u64 {
    let id = match &fact.kind {
        Kind::Added { cart, .. }
        | Kind::Released { cart, .. }
        | Kind::Exchanged { cart, .. }
        | Kind::Extended { cart, .. }
        | Kind::Confirmed { cart, .. }
        | Kind::Cancelled { cart, .. } => *cart,
        Kind::Opened(_) | Kind::Lapsed { .. } | Kind::Settled { .. } | Kind::Cold(_) => return 0,
    };
    let Some(home) = home(held, id) else { return 0 };
    let Some(cart) = held.shard(home).carts.get(id.index()) else { return 0 };
    let (customer, sale, items) = (cart.customer(), cart.sale, cart.items.clone());
    let seen = items.iter().fold(0, |seen, item| {
        seen ^ slot(held, item.slot()) ^ held.shard(item.shard).expiry.glance(item.node)
    });
    seen ^ visitor(held, customer, sale)
}

fn home(held: &impl Held, id: CartId) -> Option<u8> {
    u8::try_from(id.shard()).ok().filter(|shard| *shard < held.shards())
}

fn cart(held: &mut impl Held, id: CartId) -> u64 {
    let Some(home) = home(held, id) else { return 0 };
    held.shard(home).carts.get(id.index()).map_or(0, |cart| u64::from(cart.generation))
}

fn slot(held: &mut impl Held, place: SlotRef) -> u64 {
    if place.shard < held.shards() { held.shard(place.shard).glance(place.index) } else { 0 }
}

fn visitor(held: &mut impl Held, customer: CustomerHash, sale: SaleIx) -> u64 {
    let shard = VisitorShard::of(customer, held.shards());
    held.visitors(shard).carts(customer, sale).len() as u64
}

fn key(held: &mut impl Held, used: Option<KeyUse>) -> u64 {
    let Some(used) = used else { return 0 };
    let shard = KeyShard::of(used.key, held.shards());
    u64::from(held.keys(shard).find(used.key, crate::time::Timestamp(0)).is_some())
}
