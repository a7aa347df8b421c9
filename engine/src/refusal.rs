//! Why the engine says no: one closed list.
//!
//! A refusal is an expected answer: it has changed nothing, and it carries what a client needs to go on. The order of
//! the variants is the order of precedence: when several would be true, the first is said. The gateway maps each to a
//! status and a sentence in one exhaustive table.

use crate::ids::{CartId, Quantity};
use crate::time::WallTime;

/// An item that fell short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The slot, by its public id.
    pub slot: String,
    /// Units asked for, over the whole request.
    pub wanted: Quantity,
    /// Units that were free at that instant.
    pub free: Quantity,
}

/// Who stands in the way of a smaller capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InTheWay {
    /// The cart, or the cart an order came from.
    pub cart: CartId,
    /// Whether it is an order.
    pub ordered: bool,
    /// Units of the slot it has.
    pub units: Quantity,
}

/// What was not found. Unknown and foreign are the same thing to who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// A sale.
    Sale,
    /// A slot of the sale, by its public id.
    Slot(String),
    /// A cart.
    Cart,
    /// A hold of the cart.
    Hold,
    /// A checkout.
    Checkout,
    /// An order.
    Order,
    /// A bundle rule of the sale.
    Rule(String),
    /// A venue of the sale.
    Venue(String),
}

/// An expected "no". Variants are in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing was decided: the journal's buffer has no room. Ask again.
    Overloaded,
    /// The journal is poisoned; nothing more is accepted.
    JournalFailed,
    /// No room on disk for new holds; giving back and confirming go on.
    DiskFull,
    /// The idempotency key was used with another body.
    KeyReused,
    /// Unknown, or somebody else's.
    NotFound(Missing),
    /// A number beyond its limit.
    TooLarge {
        /// The field.
        field: &'static str,
        /// The most it may be.
        most: u64,
    },
    /// The sale's settings were changed since the caller read them.
    Stale,
    /// The sale exists and the request named no version.
    IfMatchRequired,
    /// The cart is past its deadline.
    CartExpired,
    /// The cart is being paid, is an order, or was given back.
    CartNotOpen,
    /// The sale has not opened.
    NotReleased {
        /// When it, or the first of the slots asked for, will be.
        next_release_at: Option<WallTime>,
    },
    /// The sale has closed.
    SaleClosed,
    /// A product that is sold only inside a bundle.
    BundleOnly {
        /// The rule it is sold in.
        rule: String,
    },
    /// The parts do not make the bundle the rule asks for, or the server found none to hold.
    BundleIncomplete {
        /// Which condition is not met.
        why: String,
    },
    /// A rule of the sale.
    Rule {
        /// Which, and how it was broken.
        why: String,
    },
    /// The customer would have more than the sale allows.
    LimitReached {
        /// What is limited: `units`, `orders`, `carts`, `items`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Nothing of it will come back: all units are sold or blocked.
    SoldOut(Vec<Conflict>),
    /// Nothing is free now, but some of it is only held.
    AllHeld(Vec<Conflict>),
    /// Fewer are free than were asked for.
    SlotTaken(Vec<Conflict>),
    /// The capacity would fall below what is held, sold and blocked.
    BelowCommitted {
        /// Carts and orders in the way, at most 1,000.
        in_the_way: Vec<InTheWay>,
    },
}
