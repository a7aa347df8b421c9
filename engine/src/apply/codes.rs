//! What facts about access codes do: codes are made and taken back, a cart is made with one. And what becomes of the units
//! a code holds while its cart goes its way.
//!
//! A cart that stands on units of a code shares the code's holds. Given back or lapsed, it leaves them where they are;
//! exchanged, they are others; sold, they leave the code; and an order that is cancelled whole gives them back to it.

use std::sync::Arc;

use smallvec::SmallVec;

use super::carts::{blank, enter, home, remember};
use crate::carts::{Item, PRESENT};
use crate::codes::{Code, CodeRef, CodeShard, Coded, OWNER, Reserved, Wave};
use crate::expiry::Node;
use crate::fact::{CodesMade, CodesRevoked, NewItem, Redeemed};
use crate::ids::{CartId, Quantity, SlotRef};
use crate::keys::Answered;
use crate::state::Held;
use crate::time::Timestamp;

/// The code whose units a cart stands on, if it does.
#[inline]
pub fn stands_on(held: &mut impl Held, cart: CartId) -> Option<CodeRef> {
    let coded = &held.shard(home(cart)).coded;
    if coded.is_empty() {
        return None;
    }
    coded.get(&cart.index()).filter(|coded| coded.reserves).map(|coded| coded.code)
}

fn code(held: &mut impl Held, code: CodeRef) -> &Code {
    held.codes(code.shard).code(code.index)
}

/// Holds units of a slot for a code, until its deadline.
fn hold(held: &mut impl Held, at: CodeRef, slot: SlotRef, quantity: Quantity) -> Reserved {
    let (until, ordinal) = {
        let code = code(held, at);
        (code.until, code.free_ordinal())
    };
    let node = Node::new(until, quantity, OWNER | at.shard, at.index, ordinal);
    let quantity = node.quantity;
    let node = held.shard(slot.shard).take(slot.index, node);
    let units = Reserved { slot, node, quantity, ordinal };
    held.codes(at.shard).change(at.index, |code| code.reserved.push(units));
    units
}

/// Gives back what a code holds as far as `out` says so.
fn let_go(held: &mut impl Held, at: CodeRef, mut out: impl FnMut(&Reserved) -> bool) {
    let gone: SmallVec<[Reserved; 2]> =
        code(held, at).reserved.iter().filter(|units| out(units)).copied().collect();
    for units in &gone {
        held.shard(units.slot.shard).give_back(units.slot.index, units.node);
    }
    held.codes(at.shard).change(at.index, |code| code.reserved.retain(|units| !gone.contains(units)));
}

fn same(units: &Reserved, item: &Item) -> bool {
    units.slot == item.slot() && units.node == item.node
}

pub fn made(held: &mut impl Held, at: Timestamp, fact: &CodesMade) {
    let shards = held.shards();
    if let Some(terms) = &fact.terms {
        let wave = Arc::new(Wave { sale: fact.sale, made: fact.wall, terms: terms.clone() });
        for shard in 0..shards {
            held.codes(shard).add_wave(&wave);
        }
    }
    for entry in &fact.codes {
        let shard = u8::try_from(CodeShard::of(entry.hash, shards)).unwrap_or(0);
        let index = held.codes(shard).add(Code::new(entry.hash, fact.wave, fact.until));
        for (slot, quantity) in &entry.units {
            hold(held, CodeRef { shard, index }, *slot, Quantity::from(*quantity));
        }
    }
    if let Some(key) = fact.key_use() {
        let count = fact.codes.len() as u64 & ((1 << 24) - 1);
        let told = CartId(u64::from(fact.wave) << 24 | count);
        remember(held, Some(key), at, Answered::CodesMade, told, 0);
    }
}

pub fn revoked(held: &mut impl Held, at: Timestamp, fact: &CodesRevoked) {
    for (which, until) in &fact.codes {
        let holds = code(held, *which).holds_at(at);
        if holds && *until <= at {
            let_go(held, *which, |_| true);
        } else if holds {
            for units in code(held, *which).reserved.clone() {
                held.shard(units.slot.shard).move_hold(units.slot.index, units.node, *until);
            }
        }
        held.codes(which.shard).change(which.index, |code| {
            code.revoked = true;
            code.until = code.until.min(*until);
        });
    }
}

pub fn redeemed(held: &mut impl Held, at: Timestamp, fact: &Redeemed) {
    let Redeemed { opened, code: which, nth } = fact;
    let reserves = code(held, *which).holds_at(at);
    let mut cart = blank(opened);
    if reserves {
        match shared(code(held, *which), &opened.items) {
            Some(items) => cart.items.extend(items),
            None => {
                let_go(held, *which, |_| true);
                take(held, *which, &opened.items, 0, |item| cart.items.push(item));
            }
        }
    } else {
        super::carts::take(held, opened.cart, opened.deadline, &opened.items, 0, 0, |item| {
            cart.items.push(item);
        });
    }
    enter(held, at, opened, cart);
    let before = held.codes(which.shard).change(which.index, |code| {
        let nth = usize::from(*nth);
        if nth < code.carts.len() {
            return Some(std::mem::replace(&mut code.carts[nth], opened.cart));
        }
        code.carts.push(opened.cart);
        None
    });
    // The cart that had the use before is over.
    if let Some(before) = before {
        let shard = held.shard(home(before));
        let same =
            shard.carts.get(before.index()).is_some_and(|cart| cart.generation() == before.generation());
        if same && before != opened.cart {
            shard.coded.remove(&before.index());
        }
    }
    held.shard(home(opened.cart)).coded.insert(opened.cart.index(), Coded { code: *which, reserves });
}

/// The items of a cart on the very holds of the code, if it asks for just these.
fn shared(code: &Code, wanted: &[NewItem]) -> Option<SmallVec<[Item; 4]>> {
    let mut left = code.reserved.clone();
    if left.len() != wanted.len() {
        return None;
    }
    let mut items = SmallVec::new();
    for item in wanted {
        let same =
            |units: &Reserved| units.slot == item.slot && Quantity::from(units.quantity) == item.quantity;
        let units = left.remove(left.iter().position(same)?);
        items.push(as_item(units, item.bundle, 0));
    }
    Some(items)
}

fn as_item(units: Reserved, bundle: u8, came: u8) -> Item {
    let Reserved { slot, node, quantity, .. } = units;
    Item { slot: slot.index, node, quantity, shard: slot.shard, bundle, came, gone: PRESENT }
}

/// Takes units for the cart of a code: the code holds them.
pub fn take(held: &mut impl Held, at: CodeRef, items: &[NewItem], version: u8, mut taken: impl FnMut(Item)) {
    for item in items {
        let units = hold(held, at, item.slot, item.quantity);
        taken(as_item(units, item.bundle, version));
    }
}

/// Items leave a live cart and stay with its code; one that was taken back keeps nothing.
pub fn put_back(held: &mut impl Held, at: CodeRef, items: &[Item]) {
    if code(held, at).revoked {
        give_up(held, at, items);
    }
}

/// Items leave a live cart for others, and the code lets go of them.
pub fn give_up(held: &mut impl Held, at: CodeRef, items: &[Item]) {
    let_go(held, at, |units| items.iter().any(|item| same(units, item)));
}

/// Items were sold: they are no longer held, and what the code holds beside them goes back.
pub fn sold(held: &mut impl Held, at: CodeRef, items: &[Item]) {
    held.codes(at.shard).change(at.index, |code| {
        code.reserved.retain(|units| !items.iter().any(|item| same(units, item)));
    });
    let_go(held, at, |_| true);
}

/// An order was cancelled whole: the code that is still good holds its last units again.
pub fn restored(held: &mut impl Held, now: Timestamp, at: CodeRef, items: &[Item]) {
    let code = code(held, at);
    if code.revoked || now >= code.until {
        return;
    }
    for item in items {
        hold(held, at, item.slot(), Quantity::from(item.quantity));
    }
}
