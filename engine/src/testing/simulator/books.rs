//! The naive twin of a partition: what should be known, put together from the engine's answers and nothing else. No
//! shards, no settling, no lists by deadline: a hold past its deadline simply does not count.
//!
//! Each subject (slot, cart, customer, sale) remembers the number of the last success that touched it: an answer about it
//! must rest on no less.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codes::{CodeHash, WaveTerms};
use crate::decide::Revoked;
use crate::ids::{CartId, ChannelIx, CustomerHash, Quantity, SaleIx};
use crate::inventory::SlotSpec;
use crate::outcome::{CartState, ItemView, OrderState};
use crate::request::{Caller, Notes};
use crate::sale::SaleRules;
use crate::sequence::Sequence;
use crate::time::{Timestamp, WallTime};

use super::code_books::CodeBook;
use super::line_books::LineBook;
use super::plan::START;

/// A sale as it was last answered.
#[derive(Clone, Debug)]
pub(super) struct SaleBook {
    pub rules: SaleRules,
    pub revision: u64,
    pub touched: Sequence,
}

/// A slot as it was last answered; its capacity is in the spec.
#[derive(Clone, Debug)]
pub(super) struct SlotBook {
    pub spec: SlotSpec,
    pub blocked: Quantity,
    pub touched: Sequence,
}

/// One hold of a cart, in the order they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub slot: String,
    pub quantity: Quantity,
    pub bundle: u8,
    /// Whether its bundle may be cancelled in parts.
    pub divisible: bool,
    /// Neither given back nor cancelled.
    pub there: bool,
    /// It was there when the cart became an order.
    pub sold: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    Ordered,
    Abandoned,
}

/// A cart or the order it became.
#[derive(Clone, Debug)]
pub(super) struct CartBook {
    pub sale: &'static str,
    pub channel: ChannelIx,
    pub customer: CustomerHash,
    pub lines: Vec<Line>,
    /// While open: when its units are sellable again. Afterwards: when it ended.
    pub deadline: Timestamp,
    pub hard_deadline: Timestamp,
    pub stage: Stage,
    /// Of an order, by the wall.
    pub confirmed_at: WallTime,
    pub notes: Notes,
    pub bundles: u8,
    /// What it was made with.
    pub code: Option<CodeHash>,
    /// Whether it stands on units that its code holds.
    pub reserves: bool,
    pub touched: Sequence,
}

/// What was answered to the request with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Cart {
        cart: CartId,
        state: CartState,
        items: Vec<ItemView>,
    },
    Order {
        cart: CartId,
        state: OrderState,
        items: Vec<ItemView>,
        confirmed_at: WallTime,
    },
    Codes {
        made: u32,
    },
    /// Slots that were added, updated, unchanged.
    Slots([u64; 3]),
    Revoked(Revoked),
}

#[derive(Clone, Debug)]
pub(super) struct KeyBook {
    pub fingerprint: u64,
    pub at: Timestamp,
    pub kept: Kept,
    pub number: Sequence,
}

/// What counts against a customer's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Having {
    pub units: u64,
    pub orders: u64,
}

/// Everything that was answered, as it stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub channels: Vec<String>,
    pub sales: BTreeMap<&'static str, SaleBook>,
    pub slots: BTreeMap<(&'static str, String), SlotBook>,
    pub carts: BTreeMap<CartId, CartBook>,
    pub keys: BTreeMap<u128, KeyBook>,
    pub customers: BTreeMap<CustomerHash, Sequence>,
    pub codes: BTreeMap<CodeHash, CodeBook>,
    /// In the order they were made.
    pub waves: Vec<(&'static str, Arc<WaveTerms>)>,
    /// The one waiting room.
    pub line: LineBook,
    /// The latest time anything was decided at.
    pub latest: Timestamp,
}

/// How sure a caller can be to find a cart.
#[derive(Debug)]
pub(super) enum Sight<'a> {
    Sure(&'a CartBook),
    /// It ended so long ago that it may have been forgotten.
    Maybe(&'a CartBook),
    Never,
}

impl CartBook {
    pub fn live(&self, at: Timestamp) -> bool {
        self.stage == Stage::Open && at < self.deadline
    }

    /// What a reader sees of it as a cart.
    pub fn items(&self) -> Vec<ItemView> {
        self.views(|line| line.there, |_| false)
    }

    /// What a reader sees of it as an order.
    pub fn order_lines(&self) -> Vec<ItemView> {
        self.views(|line| line.sold, |line| !line.there)
    }

    fn views(&self, shown: impl Fn(&Line) -> bool, cancelled: impl Fn(&Line) -> bool) -> Vec<ItemView> {
        let lines = self.lines.iter().enumerate().filter(|(_, line)| shown(line));
        let view = |(ordinal, line): (usize, &Line)| ItemView {
            ordinal: u8::try_from(ordinal).unwrap_or(u8::MAX),
            bundle: line.bundle,
            quantity: line.quantity,
            cancelled: cancelled(line),
            slot: line.slot.as_str().into(),
        };
        lines.map(view).collect()
    }

    pub fn state(&self, at: Timestamp) -> CartState {
        match self.stage {
            Stage::Open if at < self.deadline => CartState::Open,
            Stage::Open => CartState::Expired,
            Stage::Ordered => CartState::Ordered,
            Stage::Abandoned => CartState::Abandoned,
        }
    }

    /// The ordinal and all that belongs to its bundle; none if it is not there.
    pub fn whole(&self, ordinal: u8) -> Option<Vec<u8>> {
        let line = self.lines.get(usize::from(ordinal)).filter(|line| line.there)?;
        if line.bundle == 0 {
            return Some(vec![ordinal]);
        }
        Some(
            self.present()
                .into_iter()
                .filter(|other| self.lines[usize::from(*other)].bundle == line.bundle)
                .collect(),
        )
    }

    pub fn present(&self) -> Vec<u8> {
        let places = self.lines.iter().enumerate().filter(|(_, line)| line.there);
        places.map(|(place, _)| u8::try_from(place).unwrap_or(u8::MAX)).collect()
    }

    fn units(&self, slot: &str) -> Quantity {
        self.lines.iter().filter(|line| line.there && line.slot == slot).map(|line| line.quantity).sum()
    }
}

impl SlotBook {
    pub fn released(&self, wall: WallTime) -> bool {
        self.spec.releases_at.is_none_or(|releases| releases <= wall)
    }

    /// The local day. All slots begin at the same hour of days that a simulated sale numbers.
    pub fn day(&self) -> Option<i64> {
        self.spec.starts_at.map(|starts| (starts.0 - START.0).div_euclid(86_400_000))
    }
}

impl Books {
    pub fn slot(&self, sale: &'static str, slot: &str) -> Option<&SlotBook> {
        self.slots.get(&(sale, slot.to_owned()))
    }

    /// Units of a slot in live carts, or set aside. What a cart stands on is its code's.
    pub fn held(&self, sale: &str, slot: &str, at: Timestamp) -> Quantity {
        let own = |cart: &&CartBook| cart.sale == sale && cart.live(at) && !cart.reserves;
        let in_carts: Quantity = self.carts.values().filter(own).map(|cart| cart.units(slot)).sum();
        in_carts + self.set_aside(sale, slot, at)
    }

    /// Units of a slot in orders.
    pub fn sold(&self, sale: &str, slot: &str) -> Quantity {
        let orders = self.carts.values().filter(|cart| cart.sale == sale && cart.stage == Stage::Ordered);
        orders.map(|cart| cart.units(slot)).sum()
    }

    /// Units of a slot that can be held; negative would be units sold twice.
    pub fn free(&self, sale: &'static str, slot: &str, at: Timestamp) -> i64 {
        let Some(book) = self.slot(sale, slot) else { return 0 };
        let taken = self.held(sale, slot, at) + self.sold(sale, slot) + book.blocked;
        i64::from(book.spec.capacity) - i64::from(taken)
    }

    pub fn having(&self, customer: CustomerHash, sale: &str, at: Timestamp) -> Having {
        let mut having = Having::default();
        for cart in self.carts.values().filter(|cart| cart.customer == customer && cart.sale == sale) {
            let there = cart.lines.iter().filter(|line| line.there);
            let units: u64 = there.map(|line| u64::from(line.quantity)).sum();
            if cart.stage == Stage::Ordered {
                having.units += units;
                having.orders += u64::from(units > 0);
            } else if cart.live(at) {
                having.units += units;
            }
        }
        having
    }

    /// What is shown of a cart's notes: a name in clear only while the sale keeps names.
    pub fn shown_notes(&self, cart: &CartBook) -> Notes {
        let keeps = self.sales[cart.sale].rules.keep_customer;
        Notes { customer: cart.notes.customer.clone().filter(|_| keeps), ..cart.notes.clone() }
    }

    /// What a caller sees of a cart, when those that ended by some time may have been forgotten.
    pub fn sight(&self, caller: Caller, cart: CartId, ended_by: Timestamp) -> Sight<'_> {
        match self.carts.get(&cart) {
            // Passes are of one sale, and carts made with one are the only ones of their customers.
            Some(book)
                if !caller.may_see(
                    caller.holder.map_or(SaleIx(0), |it| it.ticket.sale),
                    book.channel,
                    book.customer,
                ) =>
            {
                Sight::Never
            }
            Some(book) if book.stage != Stage::Ordered && book.deadline <= ended_by => Sight::Maybe(book),
            Some(book) => Sight::Sure(book),
            None => Sight::Never,
        }
    }
}
