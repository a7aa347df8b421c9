//! The façade (signatures first, so that the gateway can be written against it).

use std::sync::Arc;
use std::task::Waker;

use crate::ids::{CartId, ChannelIx, CustomerHash};
use crate::inventory::SlotSpec;
use crate::outcome::{Answer, CartView, CheckoutView, Counts, OrderView, SlotView, StockState};
use crate::refusal::Refusal;
use crate::request::{Caller, OnCart, OpenCart, Want};
use crate::sale::{IfMatch, SaleRules, SaleView};
use crate::sequence::Sequence;
use crate::time::{Now, Timestamp, WallTime};

/// One partition.
#[derive(Debug)]
pub struct Engine;

/// Whether the sale was new.
#[derive(Clone, Debug)]
pub struct SalePut {
    /// It did not exist before.
    pub created: bool,
    /// It as it stands.
    pub sale: SaleView,
}

/// What an import did.
#[derive(Clone, Debug, Default)]
pub struct SlotsAdded {
    /// New slots.
    pub added: u64,
    /// Known slots that changed.
    pub updated: u64,
    /// Known slots that were the same.
    pub unchanged: u64,
    /// Index into the request, and why not.
    pub rejected: Vec<(usize, SlotRejection)>,
}

/// Why a slot was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotRejection {
    /// The description makes no sense; the sentence says why.
    Malformed(String),
    /// The engine said no.
    Refused(Refusal),
}

/// What an operator may change of a slot.
#[derive(Clone, Debug, Default)]
pub struct SlotChange {
    /// New capacity.
    pub capacity: Option<u32>,
    /// Units withdrawn.
    pub blocked: Option<u32>,
    /// Why, for the books.
    pub reason: Option<String>,
}

/// Which slots to list.
#[derive(Clone, Debug, Default)]
pub struct SlotQuery<'a> {
    /// Of this venue.
    pub venue: Option<&'a str>,
    /// Of this section.
    pub section: Option<&'a str>,
    /// Of this product.
    pub product: Option<&'a str>,
    /// Starting not before.
    pub from: Option<WallTime>,
    /// Starting before.
    pub to: Option<WallTime>,
    /// In this state.
    pub state: Option<StockState>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// Where the next part begins; none at the end.
    pub next: Option<String>,
}

/// A line of the availability document.
#[derive(Clone, Debug)]
pub struct AvailabilityLine {
    /// The venue, if asked by venue.
    pub venue: Option<String>,
    /// The local day as days since 1970-01-01, if asked by day.
    pub day: Option<i32>,
    /// The units.
    pub counts: Counts,
    /// Their state.
    pub state: StockState,
}

/// How stock stood, at most 2 s ago.
#[derive(Clone, Debug)]
pub struct Availability {
    /// When.
    pub as_of: Now,
    /// By venue and day, ascending.
    pub lines: Arc<Vec<AvailabilityLine>>,
}

/// A bundle that could be held.
#[derive(Clone, Debug)]
pub struct BundleOffer {
    /// The venue.
    pub venue: String,
    /// The slots of the parts, in order, with their starts.
    pub slots: Vec<(String, Option<WallTime>)>,
}

/// Which orders to list.
#[derive(Clone, Debug, Default)]
pub struct OrderQuery<'a> {
    /// Of this customer.
    pub customer: Option<CustomerHash>,
    /// With this reference.
    pub reference: Option<&'a str>,
    /// In this state.
    pub state: Option<crate::outcome::OrderState>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
    /// The `next` of the page before.
    pub after: Option<&'a str>,
}

/// How the journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Serving.
    Ready,
    /// A write or sync failed: nothing more is acknowledged.
    JournalFailed(String),
}

macro_rules! sketch {
    ($($(#[$doc:meta])* fn $name:ident(&self $(, $arg:ident : $type:ty)*) -> $out:ty;)*) => {
        #[allow(unused_variables, clippy::unimplemented, reason = "sketch")]
        impl Engine { $($(#[$doc])* pub fn $name(&self $(, $arg: $type)*) -> $out { unimplemented!() })* }
    };
}

sketch! {
    /// Both times.
    fn now(&self) -> Now;
    /// Keeps a keyed customer hash apart per data folder.
    fn customer(&self, name: &str) -> CustomerHash;
    /// The index of a channel, made when it is new.
    fn channel(&self, name: &str) -> Answer<ChannelIx>;
    /// Up to here everything is on disk (or written, as `ack` says).
    fn mark(&self) -> Sequence;
    /// Calls the waker (again and again, until the returned registration is replaced) whenever the mark has moved or the journal has failed.
    fn on_mark(&self, waker: Waker) -> ();
    /// How the journal stands.
    fn health(&self) -> Health;
    /// Makes or replaces a sale.
    fn put_sale(&self, caller: Caller, rules: SaleRules, if_match: IfMatch) -> Answer<SalePut>;
    /// One sale.
    fn sale(&self, sale: &str) -> Answer<SaleView>;
    /// All sales, by id.
    fn sales(&self) -> Answer<Vec<SaleView>>;
    /// Adds slots; `atomic`: all or none.
    fn add_slots(&self, caller: Caller, sale: &str, slots: &[SlotSpec], atomic: bool) -> Answer<SlotsAdded>;
    /// One slot.
    fn slot(&self, sale: &str, slot: &str) -> Answer<SlotView>;
    /// A list of slots, by venue, start, id.
    fn slots(&self, sale: &str, query: &SlotQuery<'_>) -> Answer<Page<SlotView>>;
    /// Changes capacity or blocked units.
    fn change_slot(&self, caller: Caller, sale: &str, slot: &str, change: &SlotChange) -> Answer<SlotView>;
    /// Units by venue and/or day.
    fn availability(&self, sale: &str, by_venue: bool, by_day: bool, product: Option<&str>) -> Answer<Availability>;
    /// Bundles that could be held.
    fn bundles(&self, sale: &str, rule: &str, venue: Option<&str>, from: Option<WallTime>, limit: usize) -> Answer<Vec<BundleOffer>>;
    /// Makes a cart and its first holds, all or nothing.
    fn open_cart(&self, request: &OpenCart<'_>) -> Answer<CartView>;
    /// Reads a cart.
    fn cart(&self, caller: Caller, cart: CartId) -> Answer<CartView>;
    /// Adds to a cart.
    fn add_holds(&self, on: OnCart, wants: &[Want]) -> Answer<CartView>;
    /// Gives back one hold, or the bundle it belongs to.
    fn release_hold(&self, on: OnCart, ordinal: u8) -> Answer<CartView>;
    /// Swaps a hold, or the bundle it belongs to, for something else.
    fn exchange_hold(&self, on: OnCart, ordinal: u8, want: &Want) -> Answer<CartView>;
    /// Moves the deadline.
    fn extend(&self, on: OnCart) -> Answer<CartView>;
    /// Gives all back.
    fn abandon(&self, on: OnCart) -> Answer<CartView>;
    /// Checks a cart out.
    fn checkout(&self, on: OnCart) -> Answer<CheckoutView>;
    /// Reads a checkout.
    fn checkout_of(&self, caller: Caller, cart: CartId, attempt: u8) -> Answer<CheckoutView>;
    /// Reads an order.
    fn order(&self, caller: Caller, cart: CartId) -> Answer<OrderView>;
    /// Lists orders.
    fn orders(&self, caller: Caller, sale: &str, query: &OrderQuery<'_>) -> Answer<Page<OrderView>>;
    /// Cancels an order: whole (`None`), or the listed holds.
    fn cancel_order(&self, on: OnCart, holds: Option<&[u8]>) -> Answer<OrderView>;
    /// The wall time of an engine time, for `expires_at`.
    fn wall_of(&self, at: Timestamp) -> WallTime;
}
