//! What the engine answers: views of carts, orders and stock, each with the number it rests on.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::ids::{CartId, CustomerHash, Quantity};
use crate::refusal::Refusal;
use crate::request::Notes;
use crate::sequence::Sequence;
use crate::time::{Now, Timestamp, WallTime};

/// An answer and what it rests on. It must not leave the server before the durable mark has passed `rests_on`:
/// not a success, and not a refusal either.
#[derive(Clone, Debug)]
#[must_use = "an answer that is not waited for may be untrue after a crash"]
pub struct Answer<T> {
    /// The highest number seen by any lock the decision held.
    pub rests_on: Sequence,
    /// The times the decision was made at.
    pub now: Now,
    /// Whether this is the kept answer of an earlier request with the same key.
    pub replayed: bool,
    /// The answer.
    pub result: Result<T, Refusal>,
}

impl<T> Answer<T> {
    /// The same answer about something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            rests_on: self.rests_on,
            now: self.now,
            replayed: self.replayed,
            result: self.result.map(change),
        }
    }
}

/// The state of a cart, as the contract names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CartState {
    /// Holds its units until the deadline.
    Open,
    /// Pinned by a checkout.
    CheckingOut,
    /// Became an order.
    Ordered,
    /// Ran past its deadline.
    Expired,
    /// Was given back, or lost its last hold.
    Abandoned,
}

/// One hold of a cart, or one line of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemView {
    /// The ordinal of the hold in its cart.
    pub ordinal: u8,
    /// The bundle it belongs to, from 1; 0 for none.
    pub bundle: u8,
    /// Units.
    pub quantity: Quantity,
    /// Whether an order's line was cancelled.
    pub cancelled: bool,
    /// The slot's public id.
    pub slot: ShortId,
}

/// Holds or lines; most carts have one or two.
pub type ItemViews = SmallVec<[ItemView; 2]>;

/// The public id of a slot or a sale in an answer. Most are short enough to be written in place: a hold of two slots need
/// not ask for memory while its shard is locked, nor count references that other cores count too.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortId(SmallVec<[u8; 24]>);

impl ShortId {
    /// The text, as it is written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl From<&str> for ShortId {
    #[inline]
    fn from(text: &str) -> Self {
        Self(SmallVec::from_slice(text.as_bytes()))
    }
}

impl std::ops::Deref for ShortId {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A cart as it was at the answer.
#[derive(Clone, Debug)]
pub struct CartView {
    /// Its id.
    pub cart: CartId,
    /// The public id of its sale.
    pub sale: ShortId,
    /// Its state.
    pub state: CartState,
    /// Its holds, in the order they were made.
    pub items: ItemViews,
    /// When its units are sellable again; of an order, when it became one.
    pub expires_at: Timestamp,
    /// The latest `expires_at` that extending can reach. Engine time like it: what is left of both stands still in an
    /// outage, so the wall time that is shown of either is later after one.
    pub hard_deadline: Timestamp,
    /// Whose it is.
    pub customer: CustomerHash,
    /// What the client attached.
    pub notes: Option<Arc<Notes>>,
}

/// The state of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    /// All of it stands.
    Confirmed,
    /// Some of it was cancelled.
    PartlyCancelled,
    /// All of it was cancelled.
    Cancelled,
}

/// An order.
#[derive(Clone, Debug)]
pub struct OrderView {
    /// The cart it came from; the order's id is derived from it.
    pub cart: CartId,
    /// The public id of its sale.
    pub sale: ShortId,
    /// Its state.
    pub state: OrderState,
    /// Its lines, cancelled ones included.
    pub items: ItemViews,
    /// Whose it is.
    pub customer: CustomerHash,
    /// When it was confirmed. Wall time: it has happened, and no outage that comes later may move it.
    pub confirmed_at: WallTime,
    /// What the client attached.
    pub notes: Option<Arc<Notes>>,
}

/// A checkout. With provider `instant` it is confirmed in the same step as it is asked for.
#[derive(Clone, Debug)]
pub struct CheckoutView {
    /// Which checkout of the cart, from 1.
    pub attempt: u8,
    /// The order it became.
    pub order: OrderView,
}

/// The state of a slot, a venue or a day, as the contract names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StockState {
    /// Plenty is free.
    Available,
    /// Little is free.
    Few,
    /// Nothing is free, something is held and may come back.
    AllHeld,
    /// All is sold or blocked.
    SoldOut,
    /// Not yet for sale.
    NotReleased,
    /// No longer for sale.
    Closed,
}

/// How many units are where. `free` is what is left of the capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// All there is.
    pub capacity: u64,
    /// In live carts.
    pub held: u64,
    /// In orders.
    pub sold: u64,
    /// Withdrawn by an operator.
    pub blocked: u64,
}

impl Counts {
    /// What can be held now.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.capacity - self.held - self.sold - self.blocked
    }
}

/// A slot and how it stands.
#[derive(Clone, Debug)]
pub struct SlotView {
    /// What was imported.
    pub slot: crate::inventory::SlotSpec,
    /// Its units.
    pub counts: Counts,
    /// Its state at the answer.
    pub state: StockState,
    /// When it will be for sale, if it is not yet.
    pub next_release_at: Option<WallTime>,
    /// When the next of its held units would come back, if nobody pays before.
    pub earliest_return_at: Option<Timestamp>,
}
