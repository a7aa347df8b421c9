//! Whether facts about access codes can be applied: the mirror of `codes.rs`.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use super::carts::home;
use super::codes::stands_on;
use super::fits::{Misfit, slot};
use crate::carts::{Item, PRESENT};
use crate::codes::{Code, CodeRef, CodeShard, MAX_WAVES, OWNER, Standing, stands};
use crate::fact::{CodesMade, CodesRevoked, Redeemed};
use crate::ids::{CartId, Quantity, SaleIx};
use crate::state::Held;
use crate::time::Timestamp;

macro_rules! demand {
    ($condition:expr, $($words:tt)*) => {
        if !$condition {
            return Err(Misfit(format!($($words)*)));
        }
    };
}

/// A code of a sale.
fn code(held: &mut impl Held, sale: SaleIx, which: CodeRef) -> Result<&Code, Misfit> {
    demand!(which.shard < held.shards(), "there are no codes {}", which.shard);
    let shard = held.codes(which.shard);
    let Some(code) = shard.get(which.index) else { return Err(Misfit(format!("there is no {which:?}"))) };
    let whose = shard.wave_of(code).map(|wave| wave.sale);
    demand!(whose == Some(sale), "{which:?} is of {whose:?}, not of sale {}", sale.0);
    Ok(code)
}

pub fn made_fits(held: &mut impl Held, at: Timestamp, fact: &CodesMade) -> Result<(), Misfit> {
    let waves = held.codes(0).waves();
    let next = u32::try_from(waves.len()).unwrap_or(u32::MAX);
    match (&fact.terms, usize::try_from(fact.wave).ok().and_then(|wave| waves.get(wave))) {
        (Some(terms), None) => {
            demand!(fact.wave == next && next < MAX_WAVES, "wave {} after {next}", fact.wave);
            terms.check().map_err(Misfit)?;
        }
        (None, Some(wave)) => {
            demand!(wave.sale == fact.sale, "wave {} is of sale {}", fact.wave, wave.sale.0);
        }
        _ => return Err(Misfit(format!("wave {} of {next}, new: {}", fact.wave, fact.terms.is_some()))),
    }
    let known = held.catalog().sales.len();
    demand!(usize::from(fact.sale.0) < known, "there is no sale {}", fact.sale.0);
    let shards = held.shards();
    let (mut seen, mut items) = (BTreeSet::new(), Vec::new());
    for entry in &fact.codes {
        demand!(seen.insert(entry.hash), "a code is named twice");
        let shard = u8::try_from(CodeShard::of(entry.hash, shards)).unwrap_or(0);
        demand!(held.codes(shard).find(entry.hash).is_none(), "a code that is there already");
        demand!(entry.units.is_empty() || fact.until.is_some_and(|until| until > at), "units without an end");
        for (place, quantity) in &entry.units {
            slot(held, *place)?;
            demand!(*quantity > 0, "a hold of nothing");
            items.push((*place, Quantity::from(*quantity)));
        }
    }
    // Sorted, so that many codes on one slot are summed once.
    items.sort_unstable();
    for units in items.chunk_by(|one, other| one.0 == other.0) {
        let quantity: u64 = units.iter().map(|(_, quantity)| u64::from(*quantity)).sum();
        let place = units[0].0;
        let free = held.shard(place.shard).slot(place.index).free();
        demand!(quantity <= u64::from(free), "{quantity} units of slot {place:?}, which has {free} free");
    }
    Ok(())
}

pub fn revoked_fits(held: &mut impl Held, fact: &CodesRevoked) -> Result<(), Misfit> {
    for (which, until) in &fact.codes {
        let code = code(held, fact.sale, *which)?;
        demand!(!code.revoked, "{which:?} is taken back twice");
        demand!(code.reserved.is_empty() || *until <= code.until, "{which:?} would last longer");
    }
    Ok(())
}

/// Whether a cart can be made with a code, and the units that come back for it.
pub fn redeemed_fits(
    held: &mut impl Held,
    at: Timestamp,
    fact: &Redeemed,
) -> Result<SmallVec<[Item; 2]>, Misfit> {
    let Redeemed { opened, code: which, nth } = fact;
    let code = code(held, opened.sale, *which)?;
    demand!(!code.revoked && at < code.until, "{which:?} is no longer good");
    let holds = code.holds_at(at);
    demand!(!holds || opened.hard_deadline <= code.until, "a cart that outlives what {which:?} holds");
    let (begun, last) = (code.carts.len(), code.carts.get(usize::from(*nth)).copied());
    let back = code.reserved.iter().filter(|_| holds).map(|units| Item {
        slot: units.slot.index,
        node: units.node,
        quantity: units.quantity,
        shard: units.slot.shard,
        bundle: 0,
        came: 0,
        gone: PRESENT,
    });
    let back: SmallVec<[Item; 2]> = back.collect();
    let shard = held.codes(which.shard);
    let uses = shard.wave_of(shard.code(which.index)).map_or(0, |wave| wave.terms.uses);
    demand!(*nth < uses && usize::from(*nth) <= begun, "use {nth} of {which:?}, which has {begun} of {uses}");
    if let Some(last) = last {
        demand!(last.shard() < u16::from(held.shards()), "{last:?} names no shard");
        let cart = held.shard(home(last)).carts.get(last.index());
        let standing = stands(cart, last, at);
        demand!(standing == Standing::Free, "use {nth} of {which:?} is {standing:?}");
    }
    Ok(back)
}

/// Whether a deadline is within what the code of a cart holds.
pub fn extended_fits(held: &mut impl Held, cart: CartId, deadline: Timestamp) -> Result<(), Misfit> {
    let Some(which) = stands_on(held, cart) else { return Ok(()) };
    let until = held.codes(which.shard).code(which.index).until;
    demand!(deadline <= until, "{cart:?} would outlive what {which:?} holds");
    Ok(())
}

/// Whether each hold of an invitation's open cart is one that its code has, and in its slot's order.
pub fn holds_are_there(held: &mut impl Held, id: CartId, which: CodeRef) -> Result<(), Misfit> {
    let items: SmallVec<[Item; 4]> =
        held.shard(home(id)).carts[id.index()].items.iter().filter(|item| item.present()).copied().collect();
    for item in items {
        let code = held.codes(which.shard).code(which.index);
        let units = code.reserved.iter().find(|units| units.slot == item.slot() && units.node == item.node);
        let units = units.copied();
        let node = held.shard(item.shard).expiry.node(item.node);
        let there = units.is_some_and(|units| {
            node.quantity == item.quantity
                && (node.cart_shard, node.cart_index, node.ordinal)
                    == (OWNER | which.shard, which.index, units.ordinal)
        });
        demand!(there, "{id:?} has lost a hold of {which:?}");
    }
    Ok(())
}
