//! The only code that changes state. The live path, recovery and the follower, who makes the snapshots, all come through
//! [`apply`], with the same fact, and end in the same state.
//!
//! `apply` cannot fail: whoever decided has checked, and whoever replays asks [`fits`] first. It touches only what the
//! fact's decider held.

mod carts;
mod codes;
mod codes_fit;
mod cold;
mod fetch;
mod fits;
mod line;

pub use codes::stands_on;
pub use cold::{forgettable, give_codes, give_room};
pub use fetch::fetch;
pub use fits::{Misfit, fits};
pub use line::keeps_lanes;

use crate::fact::{Fact, Kind};
use crate::state::Held;

/// Changes the state by one fact.
#[inline]
pub fn apply(held: &mut impl Held, fact: &Fact) {
    let at = fact.at;
    match &fact.kind {
        Kind::Opened(opened) => carts::opened(held, at, opened),
        Kind::Added { cart, items, key } => carts::added(held, at, *cart, items, *key),
        Kind::Released { cart, out, key } => carts::released(held, at, *cart, out, *key),
        Kind::Exchanged { cart, out, items, key } => carts::exchanged(held, at, *cart, out, items, *key),
        Kind::Extended { cart, deadline, key } => carts::extended(held, at, *cart, *deadline, *key),
        Kind::Confirmed { cart, wall, key } => carts::confirmed(held, at, *cart, *wall, *key),
        Kind::Cancelled { cart, out, key } => carts::cancelled(held, at, *cart, out, *key),
        Kind::Lapsed { cart } => carts::lapsed(held, *cart),
        Kind::Settled { slot, holds } => held.shard(slot.shard).settle(slot.index, *holds),
        Kind::Joined(fact) => line::joined(held, fact),
        Kind::Cold(fact) => cold::apply(held, at, fact),
        Kind::Redeemed(fact) => codes::redeemed(held, at, fact),
    }
}
