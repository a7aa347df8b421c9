//! Why the engine says no: one closed list.
//!
//! A refusal is an expected answer: it has changed nothing, and it carries what a client needs to go on. The order of
//! the variants is the order of precedence: when several would be true, the first is said. The gateway maps each to a
//! status and a sentence in one exhaustive table.

use crate::ids::{CartId, Quantity};
use crate::time::{Millis, WallTime};

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

/// What a search looked through, all of it: its "no" is true of this, and says nothing of anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The venue.
    pub venue: String,
    /// The section, if one was named.
    pub section: Option<String>,
    /// The bundle rule, if a bundle was looked for.
    pub rule: Option<String>,
    /// The first part starts not before.
    pub from: Option<WallTime>,
    /// The first part starts before.
    pub to: Option<WallTime>,
    /// Units that were wanted together.
    pub quantity: Quantity,
    /// Whether they had to be neighbours.
    pub adjacent: bool,
    /// Whether they had to be accessible.
    pub accessible: bool,
    /// Other venues of the sale that had some, at most 2 s ago; at most 5.
    pub elsewhere: Vec<String>,
}

/// What was short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortage {
    /// The items that fell short, if slots were named.
    pub conflicts: Vec<Conflict>,
    /// What was looked through, if the server was to choose.
    pub scope: Option<Box<Scope>>,
    /// When all is held: the time until enough of it can have come back at the earliest, if nobody pays before. Sooner
    /// than that asking again is in vain, unless a cart is given back.
    pub back_in: Option<Millis>,
}

impl From<Vec<Conflict>> for Shortage {
    fn from(conflicts: Vec<Conflict>) -> Self {
        Self { conflicts, ..Self::default() }
    }
}

impl From<Scope> for Shortage {
    fn from(scope: Scope) -> Self {
        Self { scope: Some(Box::new(scope)), ..Self::default() }
    }
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
    /// A hold of the order.
    HoldOfOrder,
    /// A checkout.
    Checkout,
    /// An order.
    Order,
    /// A bundle rule of the sale.
    Rule(String),
    /// A venue of the sale.
    Venue(String),
    /// A section of the venue.
    Section(String),
    /// The sale's waiting room.
    WaitingRoom,
    /// A ticket of a waiting room.
    Ticket,
    /// An access code of the sale.
    AccessCode,
    /// A wave of access codes of the sale.
    Wave(String),
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
    /// A part of it was done, and for the rest there is no room just now: ask again.
    Unfinished,
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
    /// The sale has a waiting room, and the caller has not been called.
    NotAdmitted,
    /// The sale, or the lane, is for those who have an access code, and none was given.
    CodeRequired,
    /// The pass was not used in time, or its session is over.
    PassExpired,
    /// The pass's session has a live cart already.
    SessionBusy,
    /// The paper that proves who joins has made another person's place.
    PaperUsed,
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
    /// The access code has made all the carts it may.
    CodeUsed {
        /// The time until the next of them runs out, if it is a live cart: then the code is good again unless that one is
        /// ordered.
        back_in: Option<Millis>,
    },
    /// The access code is not for this, or not now.
    CodeScope {
        /// What it is not for.
        why: String,
    },
    /// A product that is sold only inside a bundle.
    BundleOnly {
        /// The rule it is sold in.
        rule: String,
    },
    /// The parts do not make the bundle the rule asks for, or the server found none to hold.
    BundleIncomplete {
        /// Which condition is not met.
        why: String,
        /// What was looked through, if the server was to choose.
        scope: Option<Box<Scope>>,
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
    SoldOut(Shortage),
    /// Nothing is free now, but some of it is only held.
    AllHeld(Shortage),
    /// Fewer are free than were asked for.
    SlotTaken(Shortage),
    /// Fewer units are free than a wave would set aside.
    AllotmentExhausted {
        /// For how many codes units were wanted.
        wanted: u64,
        /// For how many there are units.
        possible: u64,
        /// What each of them would hold, in words.
        each: String,
    },
    /// The capacity would fall below what is held, sold and blocked.
    BelowCommitted {
        /// Carts and orders in the way, at most 1,000.
        in_the_way: Vec<InTheWay>,
    },
}

impl Refusal {
    /// What a search looked through, if it is a search that says no.
    pub fn scope_mut(&mut self) -> Option<&mut Scope> {
        match self {
            Self::SoldOut(short) | Self::AllHeld(short) | Self::SlotTaken(short) => {
                short.scope.as_deref_mut()
            }
            Self::BundleIncomplete { scope, .. } => scope.as_deref_mut(),
            _ => None,
        }
    }
}
