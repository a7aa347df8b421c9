//! What facts about carts and orders do. One function a kind, in the order of [`Kind`](crate::fact::Kind).

use smallvec::SmallVec;

use super::codes;
use crate::carts::{Cart, Item, PRESENT, Stage, bundle_number};
use crate::codes::CodeRef;
use crate::expiry::Node;
use crate::fact::{NewItem, Opened};
use crate::ids::{CartId, CustomerHash, Quantity, SaleIx};
use crate::keys::{Answered, KeyShard};
use crate::request::KeyUse;
use crate::state::Held;
use crate::time::{Timestamp, WallTime};
use crate::visitors::{FOR_EVER, VisitorCart, VisitorShard};

#[expect(clippy::cast_possible_truncation, reason = "routing has 64 shards, fits() checked it")]
pub(super) fn home(cart: CartId) -> u8 {
    cart.shard() as u8
}

/// Changes a cart with its digest kept in step.
fn change<T>(held: &mut impl Held, id: CartId, change: impl FnOnce(&mut Cart) -> T) -> T {
    let shard = held.shard(home(id));
    let cart = &mut shard.carts[id.index()];
    shard.digest.subtract(cart.digest(id.index()));
    let result = change(cart);
    shard.digest.add(cart.digest(id.index()));
    result
}

pub(super) fn remember(
    held: &mut impl Held,
    key: Option<KeyUse>,
    at: Timestamp,
    answered: Answered,
    id: CartId,
    version: u8,
) {
    if let Some(key) = key {
        let shard = KeyShard::of(key.key, held.shards());
        held.keys(shard).remember(key, at, answered, id, version);
    }
}

fn visitors(held: &mut impl Held, customer: CustomerHash) -> &mut VisitorShard {
    let shard = VisitorShard::of(customer, held.shards());
    held.visitors(shard)
}

fn set_visitor(held: &mut impl Held, id: CartId, at: Timestamp, until: Timestamp) {
    let (customer, sale, units) = who(held, id);
    visitors(held, customer).set(customer, sale, at, VisitorCart { cart: id, until, units });
}

fn unset_visitor(held: &mut impl Held, id: CartId, at: Timestamp) {
    let (customer, sale, _) = who(held, id);
    visitors(held, customer).unset(customer, sale, at, id);
}

fn who(held: &mut impl Held, id: CartId) -> (CustomerHash, SaleIx, Quantity) {
    let cart = &held.shard(home(id)).carts[id.index()];
    (cart.customer(), cart.sale, cart.units())
}

/// Takes the units of new items and gives each item as the cart keeps it.
pub(super) fn take(
    held: &mut impl Held,
    id: CartId,
    deadline: Timestamp,
    items: &[NewItem],
    first_ordinal: usize,
    version: u8,
    mut taken: impl FnMut(Item),
) {
    for (place, item) in items.iter().enumerate() {
        let ordinal =
            u8::try_from(first_ordinal + place).unwrap_or_else(|_| panic!("a cart of over 256 holds"));
        let node = Node::new(deadline, item.quantity, home(id), id.index(), ordinal);
        let quantity = node.quantity;
        let node = held.shard(item.slot.shard).take(item.slot.index, node);
        taken(Item {
            slot: item.slot.index,
            node,
            quantity,
            shard: item.slot.shard,
            bundle: item.bundle,
            came: version,
            gone: PRESENT,
        });
    }
}

/// Gives back the units of present items.
fn give_back(held: &mut impl Held, items: &[Item]) {
    for item in items {
        held.shard(item.shard).give_back(item.slot, item.node);
    }
}

fn present_items(held: &mut impl Held, id: CartId) -> SmallVec<[Item; 4]> {
    held.shard(home(id)).carts[id.index()].items.iter().filter(|item| item.present()).copied().collect()
}

fn chosen_items(held: &mut impl Held, id: CartId, ordinals: &[u8]) -> SmallVec<[Item; 4]> {
    let cart = &held.shard(home(id)).carts[id.index()];
    ordinals.iter().map(|ordinal| cart.items[usize::from(*ordinal)]).collect()
}

pub fn opened(held: &mut impl Held, at: Timestamp, fact: &Opened) {
    let mut cart = blank(fact);
    take(held, fact.cart, fact.deadline, &fact.items, 0, 0, |item| cart.items.push(item));
    enter(held, at, fact, cart);
}

/// The cart of a fact, still without items.
#[inline]
pub(super) fn blank(fact: &Opened) -> Cart {
    let generation = fact.cart.generation();
    let mut cart =
        Cart::new(generation, fact.sale, fact.channel, fact.customer, fact.deadline, fact.hard_deadline);
    cart.bundles = fact.items.iter().map(|item| bundle_number(item.bundle)).max().unwrap_or(0);
    cart
}

/// A cart that has its items takes its place.
#[inline]
pub(super) fn enter(held: &mut impl Held, at: Timestamp, fact: &Opened, cart: Cart) {
    let id = fact.cart;
    let (units, shard) = (cart.units(), held.shard(home(id)));
    shard.digest.add(cart.digest(id.index()));
    let place = shard.carts.insert(cart);
    assert_eq!(place, id.index(), "cart {id:?} did not get the place it was promised");
    if let Some(notes) = &fact.notes {
        if let Some(reference) = &notes.reference {
            shard.references.entry((fact.sale, reference.as_str().into())).or_default().push(place);
        }
        shard.notes.insert(place, std::sync::Arc::new((**notes).clone()));
    }
    let entry = VisitorCart { cart: id, until: fact.deadline, units };
    visitors(held, fact.customer).set(fact.customer, fact.sale, at, entry);
    remember(held, fact.key, at, Answered::Opened, id, 0);
}

pub fn added(held: &mut impl Held, at: Timestamp, id: CartId, items: &[NewItem], key: Option<KeyUse>) {
    let version = bring(held, id, items, None);
    let deadline = held.shard(home(id)).carts[id.index()].deadline;
    set_visitor(held, id, at, deadline);
    remember(held, key, at, Answered::Added, id, version);
}

/// New items enter the cart as its next version. The holds of an invitation's cart are its code's.
fn bring(held: &mut impl Held, id: CartId, items: &[NewItem], code: Option<CodeRef>) -> u8 {
    let cart = &held.shard(home(id)).carts[id.index()];
    let (version, deadline, first) = (cart.version + 1, cart.deadline, cart.items.len());
    let mut taken = SmallVec::<[Item; 4]>::new();
    match code {
        None => take(held, id, deadline, items, first, version, |item| taken.push(item)),
        Some(code) => codes::take(held, code, items, version, |item| taken.push(item)),
    }
    change(held, id, |cart| {
        cart.version = version;
        cart.bundles = taken.iter().map(|item| bundle_number(item.bundle)).fold(cart.bundles, u8::max);
        cart.items.extend(taken);
    });
    version
}

pub fn released(held: &mut impl Held, at: Timestamp, id: CartId, out: &[u8], key: Option<KeyUse>) {
    let items = chosen_items(held, id, out);
    match codes::stands_on(held, id) {
        None => give_back(held, &items),
        Some(code) => codes::put_back(held, code, &items),
    }
    let (version, emptied, deadline) = change(held, id, |cart| {
        cart.version += 1;
        for ordinal in out {
            cart.items[usize::from(*ordinal)].gone = cart.version;
        }
        let emptied = !cart.items.iter().any(Item::present);
        if emptied {
            cart.stage = Stage::Abandoned;
            cart.deadline = at;
        }
        (cart.version, emptied, cart.deadline)
    });
    if emptied {
        unset_visitor(held, id, at);
    } else {
        set_visitor(held, id, at, deadline);
    }
    remember(held, key, at, Answered::Released, id, version);
}

pub fn exchanged(
    held: &mut impl Held,
    at: Timestamp,
    id: CartId,
    out: &[u8],
    items: &[NewItem],
    key: Option<KeyUse>,
) {
    let gone = chosen_items(held, id, out);
    let code = codes::stands_on(held, id);
    match code {
        None => give_back(held, &gone),
        Some(code) => codes::give_up(held, code, &gone),
    }
    let version = bring(held, id, items, code);
    let deadline = change(held, id, |cart| {
        for ordinal in out {
            cart.items[usize::from(*ordinal)].gone = version;
        }
        cart.deadline
    });
    set_visitor(held, id, at, deadline);
    remember(held, key, at, Answered::Exchanged, id, version);
}

pub fn extended(held: &mut impl Held, at: Timestamp, id: CartId, deadline: Timestamp, key: Option<KeyUse>) {
    // The holds of an invitation end with it, not with its cart.
    if codes::stands_on(held, id).is_none() {
        for item in present_items(held, id) {
            held.shard(item.shard).move_hold(item.slot, item.node, deadline);
        }
    }
    let version = change(held, id, |cart| {
        cart.deadline = deadline;
        cart.version
    });
    set_visitor(held, id, at, deadline);
    remember(held, key, at, Answered::Extended, id, version);
}

pub fn confirmed(held: &mut impl Held, at: Timestamp, id: CartId, wall: WallTime, key: Option<KeyUse>) {
    let code = codes::stands_on(held, id);
    let mut ordinal = 0;
    while let Some(item) = held.shard(home(id)).carts[id.index()].items.get(ordinal).copied() {
        if item.present() {
            held.shard(item.shard).sell(item.slot, item.node);
        }
        ordinal += 1;
    }
    if let Some(code) = code {
        let sold = present_items(held, id);
        codes::sold(held, code, &sold);
    }
    let version = change(held, id, |cart| {
        cart.confirm(wall);
        cart.version
    });
    set_visitor(held, id, at, FOR_EVER);
    remember(held, key, at, Answered::Confirmed, id, version);
}

pub fn cancelled(held: &mut impl Held, at: Timestamp, id: CartId, out: &[u8], key: Option<KeyUse>) {
    let items = chosen_items(held, id, out);
    for item in &items {
        held.shard(item.shard).take_back(item.slot, Quantity::from(item.quantity));
    }
    let (version, whole) = change(held, id, |cart| {
        cart.version += 1;
        for ordinal in out {
            cart.items[usize::from(*ordinal)].gone = cart.version;
        }
        (cart.version, !cart.items.iter().any(Item::present))
    });
    if let Some(code) = codes::stands_on(held, id).filter(|_| whole) {
        codes::restored(held, at, code, &items);
    }
    set_visitor(held, id, at, FOR_EVER);
    remember(held, key, at, Answered::Cancelled, id, version);
}

pub fn lapsed(held: &mut impl Held, id: CartId) {
    change(held, id, |cart| cart.stage = Stage::Lapsed);
}
