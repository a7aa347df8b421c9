//! What happened: the only thing that changes state, and the only thing in the journal.
//!
//! A fact says what happened (these units, this deadline, this key), not what was asked; next year's rules do not
//! change last year's replay. `decide/` makes facts, `apply/` is the only reader that acts on them, `fact/code.rs`
//! turns them into bytes and back.

mod code;
mod codes;

pub use code::{DecodeError, decode, encode};
pub use codes::{CodeEntry, CodesMade, CodesRevoked, Redeemed};

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::codes::CodeTerms;
use crate::ids::{CartId, ChannelIx, CustomerHash, Quantity, SaleIx, SlotRef};
use crate::inventory::SlotSpec;
use crate::keys::ThreeCounts;
use crate::request::{KeyUse, Notes};
use crate::sale::SaleRules;
use crate::time::{Millis, Timestamp, WallTime};
use crate::waiting_room::{Dials, Mode, Raised, Ramp, RoomRules, Span};

/// Units that enter a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// Of which slot.
    pub slot: SlotRef,
    /// How many.
    pub quantity: Quantity,
    /// The bundle of the cart they belong to, from 1; 0 for none.
    pub bundle: u8,
}

/// The items of one step; most steps have one or two.
pub type NewItems = SmallVec<[NewItem; 4]>;

/// Ordinals of holds of one cart.
pub type Ordinals = SmallVec<[u8; 8]>;

/// One accepted change.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The highest of the door's time and the last time of every lock held when it was decided.
    pub at: Timestamp,
    /// What happened.
    pub kind: Kind,
}

/// A cart was made with its first holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// Its id: the place it was given.
    pub cart: CartId,
    /// Of which sale.
    pub sale: SaleIx,
    /// Who sells.
    pub channel: ChannelIx,
    /// Who buys.
    pub customer: CustomerHash,
    /// When the units are sellable again.
    pub deadline: Timestamp,
    /// The latest the deadline can become by extending.
    pub hard_deadline: Timestamp,
    /// What it holds.
    pub items: NewItems,
    /// The request's key.
    pub key: Option<KeyUse>,
    /// What the client attached.
    pub notes: Option<Box<Notes>>,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A cart was made.
    Opened(Opened),
    /// Holds were added to a cart.
    Added {
        /// Which cart.
        cart: CartId,
        /// What came in.
        items: NewItems,
        /// The request's key.
        key: Option<KeyUse>,
    },
    /// Holds were given back; a cart left without holds is abandoned by the same fact.
    Released {
        /// Which cart.
        cart: CartId,
        /// What went out.
        out: Ordinals,
        /// The request's key.
        key: Option<KeyUse>,
    },
    /// Holds were swapped.
    Exchanged {
        /// Which cart.
        cart: CartId,
        /// What went out.
        out: Ordinals,
        /// What came in.
        items: NewItems,
        /// The request's key.
        key: Option<KeyUse>,
    },
    /// The deadline moved.
    Extended {
        /// Which cart.
        cart: CartId,
        /// To when.
        deadline: Timestamp,
        /// The request's key.
        key: Option<KeyUse>,
    },
    /// The cart became an order.
    Confirmed {
        /// Which cart.
        cart: CartId,
        /// When, as people will read it for ever: engine time alone is shown otherwise after every outage.
        wall: WallTime,
        /// The request's key.
        key: Option<KeyUse>,
    },
    /// Lines of an order were cancelled; their units are free at once.
    Cancelled {
        /// The order's cart.
        cart: CartId,
        /// What went out.
        out: Ordinals,
        /// The request's key.
        key: Option<KeyUse>,
    },
    /// Somebody was about to be told that a cart had expired.
    Lapsed {
        /// Which cart.
        cart: CartId,
    },
    /// Holds of one slot that were due were given back, in the order (deadline, hold).
    Settled {
        /// Which slot.
        slot: SlotRef,
        /// How many holds.
        holds: u32,
    },
    /// Somebody joined a line.
    Joined(Joined),
    /// Anything that happens seldom.
    Cold(Box<Cold>),
    /// A cart was made with an access code.
    Redeemed(Box<Redeemed>),
}

/// Somebody joined a line: the next number of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// Of which sale.
    pub sale: SaleIx,
    /// In which lane.
    pub lane: u8,
    /// The number it was given.
    pub number: u32,
    /// A keyed hash of who proved to be it; 0 for a browser that proved nothing.
    pub person: u128,
    /// When, as the draw shows it.
    pub wall: WallTime,
}

/// What happens in a line beside joining.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LineFact {
    /// The running count and digest of the registrations were published.
    Noted {
        /// When.
        wall: WallTime,
    },
    /// Registration closed: who joins from here on stands behind those who registered.
    Closed {
        /// When.
        wall: WallTime,
        /// How many had registered.
        registrations: u32,
    },
    /// An operator posted the outside value that is mixed into the draw.
    Beacon {
        /// Its text.
        beacon: String,
        /// When.
        wall: WallTime,
        /// Which credential it was.
        credential: u64,
        /// Why.
        reason: Option<String>,
    },
    /// The places of those who registered were drawn.
    Drawn {
        /// When.
        wall: WallTime,
        /// How many had registered.
        registrations: u32,
    },
    /// The next places of a lane had their turn.
    Called {
        /// The lane.
        lane: u8,
        /// The first place, from 0.
        from: u32,
        /// How many places.
        places: u32,
        /// Those of them, ascending, whose holders were not there and are passed over.
        passed: Vec<u32>,
        /// How long the others may take to come in.
        until: Timestamp,
    },
    /// The first of those who had missed their turn and are back have another.
    CalledBack {
        /// The lane.
        lane: u8,
        /// How many.
        people: u32,
        /// How long they may take to come in.
        until: Timestamp,
    },
    /// Somebody who had missed the turn, or had left, is back.
    CameBack {
        /// The lane.
        lane: u8,
        /// The number.
        number: u32,
    },
    /// The pass was used for the first time: a session began.
    Claimed {
        /// The lane.
        lane: u8,
        /// The number.
        number: u32,
        /// The end of the session.
        until: Timestamp,
    },
    /// The session is over: its order is made.
    Ended {
        /// The lane.
        lane: u8,
        /// The number.
        number: u32,
    },
    /// Somebody went away.
    Left {
        /// The lane.
        lane: u8,
        /// The number.
        number: u32,
    },
    /// Calls that nobody followed and sessions whose time is over were put away, in the order (end, ticket).
    Settled {
        /// How many.
        stays: u32,
    },
    /// An operator turned the dials.
    Set {
        /// The mode from here on.
        mode: Mode,
        /// The dials from here on.
        dials: Dials,
        /// The way of the rate to its dial, if it takes its time.
        ramp: Option<Ramp>,
        /// What everybody is told from here on.
        message: Option<String>,
        /// The number of the change this one takes back.
        undoes: Option<u64>,
        /// When.
        wall: WallTime,
        /// Which credential it was.
        credential: u64,
        /// Why.
        reason: Option<String>,
    },
    /// An operator had people called; the calls themselves are facts of their own.
    Admitted {
        /// How many.
        people: u32,
        /// When.
        wall: WallTime,
        /// Which credential it was.
        credential: u64,
        /// Why.
        reason: Option<String>,
    },
    /// Tickets were shown a range for the first time, and upper bounds that had been shown rose.
    Shown {
        /// The lane.
        lane: u8,
        /// Of each ticket, by number, at most [`MAX_SHOWN`].
        entries: Vec<ShownRange>,
        /// How often bounds rose since the fact before.
        raised: Raised,
    },
    /// An enqueue token was shown for the first time, and made this ticket.
    Bound {
        /// The lane.
        lane: u8,
        /// The number.
        number: u32,
        /// A keyed hash of the token's own name.
        token: u128,
    },
    /// As `CalledBack`, where some of them had gone again: those are passed over once more.
    TurnedBack {
        /// The lane.
        lane: u8,
        /// How many of the first had their turn.
        looked: u32,
        /// Which of those, counted from 0 and ascending, were not there.
        absent: Vec<u32>,
        /// How long the others may take to come in.
        until: Timestamp,
    },
    /// As `Admitted`, by a request with an idempotency key.
    AdmittedOnce {
        /// How many.
        people: u32,
        /// When.
        wall: WallTime,
        /// Which credential it was.
        credential: u64,
        /// Why.
        reason: Option<String>,
        /// The key of the request.
        key: u128,
        /// What tells another request under it.
        fingerprint: u64,
    },
}

/// The most first ranges in one fact.
pub const MAX_SHOWN: usize = 1_000;

/// The first range a ticket was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownRange {
    /// Its number.
    pub number: u32,
    /// How long before the fact, in tenths of a second.
    pub ago: u16,
    /// At least so long from then.
    pub low: Span,
    /// At most.
    pub high: Span,
}

/// A slot as it entered a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotEntry {
    /// The shard and the index it has there.
    pub place: SlotRef,
    /// Local day of its start in the time zone of its venue, as days since 1970-01-01. It is part of the fact because
    /// the time zone database of next year may say otherwise.
    pub day: Option<i32>,
    /// Its description.
    pub spec: SlotSpec,
}

/// The parts of the running configuration that `apply` needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The newest idempotency keys remembered, in all.
    pub idempotency_keys: u32,
    /// How long an idempotency key is remembered.
    pub idempotency_keep: Millis,
    /// How long an ended cart stays readable.
    pub cart_keep: Millis,
}

/// What happens seldom, written with postcard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Cold {
    /// The data folder was made. Always fact 1.
    Founded {
        /// Which partition this is.
        partition: u8,
        /// How many inventory shards, visitor shards and key shards; never changed afterwards.
        shards: u8,
        /// The wall time of the making.
        wall: WallTime,
    },
    /// The engine runs with this from here on.
    Configured(Configuration),
    /// A channel got its index.
    ChannelNamed {
        /// Index.
        channel: ChannelIx,
        /// Name.
        name: String,
    },
    /// A sale was made or its settings replaced.
    SaleSet {
        /// Index.
        sale: SaleIx,
        /// Counts the changes, from 1.
        revision: u64,
        /// The settings.
        rules: Box<SaleRules>,
    },
    /// Slots came in, or came again with another description.
    SlotsSet {
        /// Of which sale.
        sale: SaleIx,
        /// New ones, in the order of their places.
        added: Vec<SlotEntry>,
        /// Known ones.
        updated: Vec<SlotEntry>,
    },
    /// An operator changed how many units there are.
    SlotChanged {
        /// Which slot.
        slot: SlotRef,
        /// The capacity from here on.
        capacity: Quantity,
        /// The blocked units from here on.
        blocked: Quantity,
        /// Why.
        reason: Option<String>,
    },
    /// Both clocks, once a second while anything is held, and at every start.
    Heartbeat {
        /// Wall time.
        wall: WallTime,
        /// Boot clock, milliseconds.
        boot: u64,
        /// Which boot of the kernel that counts from.
        boot_id: u128,
    },
    /// We were away: engine time stood still for so long.
    Resumed {
        /// How long.
        away: Millis,
        /// Wall time.
        wall: WallTime,
        /// Boot clock, milliseconds.
        boot: u64,
        /// Which boot of the kernel that counts from.
        boot_id: u128,
    },
    /// The digest of a shard at this number.
    ShardDigest {
        /// Which inventory shard.
        shard: u8,
        /// Its digest.
        digest: u64,
    },
    /// Carts that ended long ago were forgotten: all of a shard's places in a range that ended before an instant.
    Forgotten {
        /// Which inventory shard.
        shard: u8,
        /// First place.
        from: u32,
        /// One past the last place.
        to: u32,
        /// Ended not after.
        ended_by: Timestamp,
        /// How many they were.
        carts: u32,
    },
    /// Visitors who have nothing but carts past their deadline were forgotten: all of a range of places.
    VisitorsForgotten {
        /// Which visitor shard.
        shard: u8,
        /// First place.
        from: u32,
        /// One past the last place.
        to: u32,
        /// Past their deadline at this instant.
        over_at: Timestamp,
        /// How many they were.
        visitors: u32,
    },
    /// As `SaleSet`, with a waiting room.
    SaleSetWithRoom {
        /// Index.
        sale: SaleIx,
        /// Counts the changes, from 1.
        revision: u64,
        /// The settings.
        rules: Box<SaleRules>,
        /// The settings of the waiting room.
        room: Box<RoomRules>,
        /// When.
        wall: WallTime,
        /// The secrets of a new line: the seed of its draw and the key of its tickets.
        secrets: Option<([u8; 32], [u8; 32])>,
    },
    /// Something happened in a line.
    Line {
        /// Of which sale.
        sale: SaleIx,
        /// What.
        fact: LineFact,
    },
    /// The digest of the lines under one lock at this number.
    LineDigest {
        /// Which lock.
        shard: u8,
        /// Its digest.
        digest: u64,
    },
    /// As `SaleSet` and `SaleSetWithRoom`, of a sale that asks for access codes.
    SaleSetWithCodes {
        /// Index.
        sale: SaleIx,
        /// Counts the changes, from 1.
        revision: u64,
        /// The settings.
        rules: Box<SaleRules>,
        /// The settings of the waiting room, if it has one.
        room: Option<Box<RoomRules>>,
        /// Where it asks for a code.
        codes: CodeTerms,
        /// When.
        wall: WallTime,
        /// The secrets of a new line.
        secrets: Option<([u8; 32], [u8; 32])>,
    },
    /// Access codes were made, with the units they hold.
    CodesMade(Box<CodesMade>),
    /// Access codes were taken back.
    CodesRevoked(Box<CodesRevoked>),
    /// The digest of the codes under one lock at this number.
    CodeDigest {
        /// Which lock.
        shard: u8,
        /// Its digest.
        digest: u64,
    },
    /// As `SlotsSet`, by a request with an idempotency key.
    SlotsSetOnce {
        /// Of which sale.
        sale: SaleIx,
        /// New ones, in the order of their places.
        added: Vec<SlotEntry>,
        /// Known ones.
        updated: Vec<SlotEntry>,
        /// What was answered: added, updated, unchanged.
        told: ThreeCounts,
        /// The key of the request.
        key: u128,
        /// What tells another request under it.
        fingerprint: u64,
    },
    /// As `CodesRevoked`, the last of a request with an idempotency key.
    CodesRevokedOnce {
        /// Which codes.
        codes: Box<CodesRevoked>,
        /// What was answered: taken back by the whole request, taken back before, in use.
        told: ThreeCounts,
        /// The key of the request.
        key: u128,
        /// What tells another request under it.
        fingerprint: u64,
    },
}
