//! Whether a fact can be applied to a state: asked before every `apply` by whoever replays a journal, so that a wrong
//! journal stops with its number instead of making a wrong state.

use std::fmt;

use super::{codes, codes_fit, line};
use crate::carts::{Item, PRESENT, Stage};
use crate::fact::{Cold, Fact, Kind, NewItem, Opened, SlotEntry};
use crate::ids::{CartId, Quantity, SaleIx, SlotRef};
use crate::inventory::Slot;
use crate::state::{Held, MAX_SHARDS};
use crate::time::Timestamp;

/// Why a fact cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit(pub String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

macro_rules! demand {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(Misfit(format!($($words)*)));
        }
    };
}

/// Checks a fact against the state it is about to change.
///
/// # Errors
/// [`Misfit`] with what does not fit.
pub fn fits(held: &mut impl Held, fact: &Fact) -> Result<(), Misfit> {
    let at = fact.at;
    match &fact.kind {
        Kind::Opened(opened) => {
            opens(held, at, opened)?;
            takes(held, &opened.items, &[])
        }
        Kind::Redeemed(redeemed) => {
            opens(held, at, &redeemed.opened)?;
            let back = codes_fit::redeemed_fits(held, at, redeemed)?;
            takes(held, &redeemed.opened.items, &back)
        }
        Kind::Added { cart, items, .. } => {
            open_cart(held, *cart, at, &[])?;
            demand!(codes::stands_on(held, *cart).is_none(), "{cart:?} of an invitation gets more");
            room_in_cart(held, *cart, items.len())?;
            takes(held, items, &[])
        }
        Kind::Released { cart, out, .. } => open_cart(held, *cart, at, out),
        Kind::Exchanged { cart, out, items, .. } => {
            open_cart(held, *cart, at, out)?;
            room_in_cart(held, *cart, items.len())?;
            #[expect(clippy::cast_possible_truncation, reason = "open_cart has checked it")]
            let home = held.shard(cart.shard() as u8);
            let leaving: Vec<_> =
                out.iter().map(|place| home.carts[cart.index()].items[usize::from(*place)]).collect();
            takes(held, items, &leaving)
        }
        Kind::Extended { cart, deadline, .. } => {
            open_cart(held, *cart, at, &[])?;
            demand!(*deadline > at, "a deadline that has passed");
            codes_fit::extended_fits(held, *cart, *deadline)
        }
        Kind::Confirmed { cart, .. } => open_cart(held, *cart, at, &[]),
        Kind::Cancelled { cart, out, .. } => cart_in(held, *cart, Stage::Ordered, out),
        Kind::Lapsed { cart } => cart_in(held, *cart, Stage::Open, &[]),
        Kind::Settled { slot: place, holds } => {
            slot(held, *place)?;
            let due = held.shard(place.shard).due_count(place.index, at, *holds);
            demand!(due == *holds, "{holds} holds settled where {due} are due");
            Ok(())
        }
        Kind::Joined(joined) => line::joined_fits(held, joined),
        Kind::Cold(cold) => cold_fits(held, at, cold),
    }
}

/// Whether a cart can be made, its items aside.
fn opens(held: &mut impl Held, at: Timestamp, opened: &Opened) -> Result<(), Misfit> {
    demand!(opened.cart.shard() < u16::from(held.shards()), "{:?} names no shard", opened.cart);
    #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
    let home = held.shard(opened.cart.shard() as u8);
    let next = home.carts.next_index();
    demand!(next == opened.cart.index(), "{:?} is not the next cart, {next} is", opened.cart);
    demand!(home.rules(opened.sale).is_some(), "there is no sale {}", opened.sale.0);
    demand!(!opened.items.is_empty(), "a cart without items");
    demand!(at < opened.deadline, "a deadline that has passed");
    demand!(opened.deadline <= opened.hard_deadline, "a deadline beyond the hard one");
    Ok(())
}

pub(super) fn slot(held: &mut impl Held, place: SlotRef) -> Result<(), Misfit> {
    demand!(place.shard < held.shards(), "there is no shard {}", place.shard);
    let slots = held.shard(place.shard).slot_count();
    demand!(place.index < slots, "slot {} of shard {}, which has {slots}", place.index, place.shard);
    Ok(())
}

/// Whether there are so many units free, those of `leaving` items included.
fn takes(held: &mut impl Held, items: &[NewItem], leaving: &[Item]) -> Result<(), Misfit> {
    for item in items {
        slot(held, item.slot)?;
        demand!((1..=u32::from(u16::MAX)).contains(&item.quantity), "a hold of {} units", item.quantity);
        // At most 255 items of 16 bits.
        let wanted: u32 =
            items.iter().filter(|other| other.slot == item.slot).map(|other| other.quantity).sum();
        let back = leaving.iter().filter(|other| other.slot() == item.slot);
        let back: u32 = back.map(|other| u32::from(other.quantity)).sum();
        let free = held.shard(item.slot.shard).slot(item.slot.index).free() + back;
        demand!(free >= wanted, "{wanted} units of slot {:?}, which has {free} free", item.slot);
    }
    Ok(())
}

/// Whether a capacity has room for what is held, sold and blocked.
fn room(slot: &Slot, capacity: Quantity, blocked: Quantity) -> Result<(), Misfit> {
    let needed = u64::from(slot.held) + u64::from(slot.sold) + u64::from(blocked);
    demand!(needed <= u64::from(capacity), "a capacity of {capacity} for {needed} units");
    Ok(())
}

fn open_cart(held: &mut impl Held, id: CartId, at: Timestamp, out: &[u8]) -> Result<(), Misfit> {
    cart_in(held, id, Stage::Open, out)?;
    #[expect(clippy::cast_possible_truncation, reason = "cart_in has checked it")]
    let deadline = held.shard(id.shard() as u8).carts[id.index()].deadline;
    demand!(at < deadline, "{id:?} ran past its deadline {deadline} at {at}");
    holds_are_there(held, id)
}

/// Whether each hold of an open cart is still in its slot's order. One may be gone before the deadline only if the facts'
/// times went back, which no engine lets them.
fn holds_are_there(held: &mut impl Held, id: CartId) -> Result<(), Misfit> {
    #[expect(clippy::cast_possible_truncation, reason = "cart_in has checked it")]
    let home = id.shard() as u8;
    let items = held.shard(home).carts[id.index()].items.len();
    if let Some(code) = codes::stands_on(held, id) {
        return codes_fit::holds_are_there(held, id, code);
    }
    for ordinal in 0..items {
        let item = held.shard(home).carts[id.index()].items[ordinal];
        if item.present() {
            let node = held.shard(item.shard).expiry.node(item.node);
            let there = node.quantity == item.quantity
                && (node.cart_shard, node.cart_index, usize::from(node.ordinal))
                    == (home, id.index(), ordinal);
            demand!(there, "{id:?} has lost hold {ordinal}");
        }
    }
    Ok(())
}

/// Whether a cart can have so many more holds: ordinals and versions are one byte each.
fn room_in_cart(held: &mut impl Held, id: CartId, more: usize) -> Result<(), Misfit> {
    #[expect(clippy::cast_possible_truncation, reason = "cart_in has checked it")]
    let items = held.shard(id.shard() as u8).carts[id.index()].items.len() + more;
    demand!(items <= usize::from(u8::MAX), "{id:?} with {items} holds");
    Ok(())
}

fn cart_in(held: &mut impl Held, id: CartId, stage: Stage, out: &[u8]) -> Result<(), Misfit> {
    demand!(id.shard() < u16::from(held.shards()), "{id:?} names no shard");
    #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
    let home = held.shard(id.shard() as u8);
    let Some(cart) = home.carts.get(id.index()) else {
        return Err(Misfit(format!("there is no {id:?}")));
    };
    demand!(cart.generation() == id.generation(), "{id:?} was another cart");
    demand!(cart.stage == stage, "{id:?} is {:?}, not {stage:?}", cart.stage);
    demand!(cart.version < PRESENT - 1, "{id:?} was changed {} times", cart.version);
    let mut named = [false; 256];
    for ordinal in out {
        let present = cart.items.get(usize::from(*ordinal)).is_some_and(|item| item.present());
        demand!(present, "{id:?} has no hold {ordinal}");
        demand!(!std::mem::replace(&mut named[usize::from(*ordinal)], true), "hold {ordinal} is named twice");
    }
    Ok(())
}

/// Whether a sale is the next one, or its settings the next of it.
fn sale_follows(held: &mut impl Held, sale: SaleIx, revision: u64) -> Result<(), Misfit> {
    let sales = &held.catalog().sales;
    let known = sales.get(usize::from(sale.0)).map_or(0, |sale| sale.revision);
    demand!(usize::from(sale.0) <= sales.len(), "sale {} after {}", sale.0, sales.len());
    demand!(known + 1 == revision, "revision {revision} of a sale at {known}");
    Ok(())
}

fn cold_fits(held: &mut impl Held, at: Timestamp, fact: &Cold) -> Result<(), Misfit> {
    match fact {
        Cold::Founded { shards, .. } => {
            demand!(*shards == held.shards(), "a folder of {shards} shards in a state of {}", held.shards());
            demand!(held.catalog().founded.is_none(), "a second founding");
        }
        Cold::ChannelNamed { channel, .. } => {
            let channels = held.catalog().channels.len();
            demand!(usize::from(channel.0) == channels, "channel {} after {channels}", channel.0);
        }
        Cold::SaleSet { sale, revision, .. } => sale_follows(held, *sale, *revision)?,
        Cold::SaleSetWithRoom { sale, revision, room, secrets, .. } => {
            sale_follows(held, *sale, *revision)?;
            line::room_fits(held, *sale, room, secrets.is_some())?;
        }
        Cold::SaleSetWithCodes { sale, revision, room, secrets, .. } => {
            sale_follows(held, *sale, *revision)?;
            if let Some(room) = room {
                line::room_fits(held, *sale, room, secrets.is_some())?;
            }
        }
        Cold::CodesMade(fact) => codes_fit::made_fits(held, at, fact)?,
        Cold::CodesRevoked(fact) => codes_fit::revoked_fits(held, fact)?,
        Cold::CodesRevokedOnce { codes: fact, told, .. } => {
            demand!(
                told.fit() && told.0[0] as usize >= fact.codes.len(),
                "{told:?} of {} codes",
                fact.codes.len()
            );
            codes_fit::revoked_fits(held, fact)?;
        }
        Cold::CodeDigest { shard, digest } => {
            demand!(*shard < held.shards(), "there are no codes {shard}");
            let here = held.codes(*shard).digest.0;
            demand!(here == *digest, "digest of codes {shard}: journal {digest:016x}, here {here:016x}");
        }
        Cold::Line { sale, fact } => line::line_fits(held, at, *sale, fact)?,
        Cold::LineDigest { shard, digest } => {
            demand!(*shard < held.shards(), "there are no lines {shard}");
            let here = held.lines(usize::from(*shard)).digest.0;
            demand!(here == *digest, "digest of lines {shard}: journal {digest:016x}, here {here:016x}");
        }
        Cold::SlotsSetOnce { added, updated, told, .. } => {
            let said = (told.0[0] as usize, told.0[1] as usize);
            demand!(
                told.fit() && said == (added.len(), updated.len()),
                "{told:?} of {} and {}",
                added.len(),
                updated.len()
            );
            slots_fit(held, added, updated)?;
        }
        Cold::SlotsSet { added, updated, .. } => slots_fit(held, added, updated)?,
        Cold::SlotChanged { slot: place, capacity, blocked, .. } => {
            slot(held, *place)?;
            room(held.shard(place.shard).slot(place.index), *capacity, *blocked)?;
        }
        Cold::ShardDigest { shard, digest } => {
            demand!(*shard < held.shards(), "there is no shard {shard}");
            let here = held.shard(*shard).digest.0;
            demand!(here == *digest, "digest of shard {shard}: journal {digest:016x}, here {here:016x}");
        }
        Cold::Forgotten { shard, from, to, ended_by, carts } => {
            demand!(*shard < held.shards(), "there is no shard {shard}");
            let shard = held.shard(*shard);
            demand!(
                *to <= shard.carts.places() && from <= to,
                "places {from} to {to} of {}",
                shard.carts.places()
            );
            let found = (*from..*to)
                .filter(|index| {
                    let cart = &shard.carts[*index];
                    super::cold::forgettable(cart.stage, cart.deadline, *ended_by)
                })
                .count();
            demand!(found == *carts as usize, "{carts} carts forgotten where {found} could be");
        }
        Cold::VisitorsForgotten { shard, from, to, over_at, visitors } => {
            demand!(*shard < held.shards(), "there is no shard {shard}");
            let shard = held.visitors(usize::from(*shard));
            let places = shard.places().0;
            demand!(*to <= places && from <= to, "places {from} to {to} of {places}");
            let found = shard.over(*from, *to, *over_at);
            demand!(found == *visitors, "{visitors} visitors forgotten where {found} could be");
        }
        Cold::Configured(_) | Cold::Heartbeat { .. } | Cold::Resumed { .. } => {}
    }
    Ok(())
}

/// Whether slots that came in are the next ones, and known ones keep room for what is taken.
fn slots_fit(held: &mut impl Held, added: &[SlotEntry], updated: &[SlotEntry]) -> Result<(), Misfit> {
    let mut before = [0_u32; MAX_SHARDS as usize];
    for entry in added {
        let SlotRef { shard, index } = entry.place;
        demand!(shard < held.shards(), "there is no shard {shard}");
        let before = &mut before[usize::from(shard)];
        let next = held.shard(shard).slot_count() + *before;
        demand!(index == next, "{:?} is not the next slot, {next} is", entry.place);
        *before += 1;
    }
    for entry in updated {
        slot(held, entry.place)?;
        let standing = held.shard(entry.place.shard).slot(entry.place.index);
        room(standing, entry.spec.capacity, standing.blocked)?;
    }
    Ok(())
}
