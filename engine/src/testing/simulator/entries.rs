//! How the books are kept: one entry a success, under the number the success rests on. After a crash the entries beyond
//! the last number found are struck out and the books are written anew.

use std::collections::BTreeMap;

use crate::ids::{CartId, Quantity};
use crate::inventory::SlotSpec;
use crate::sale::SaleRules;
use crate::sequence::Sequence;
use crate::time::{Timestamp, WallTime};

use super::books::{Books, CartBook, KeyBook, Line, SaleBook, SlotBook, Stage};
use super::code_books::CodeEntry;
use super::code_judge::CodeTally;
use super::line_books::LineEntry;
use super::plan::DOOR;
use super::turns::Asks;

/// What a success changed.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Channel { name: String },
    Sale { sale: &'static str, rules: Box<SaleRules>, revision: u64 },
    Slots { sale: &'static str, specs: Vec<SlotSpec> },
    Units { sale: &'static str, slot: String, capacity: Quantity, blocked: Quantity },
    Opened { cart: CartId, book: Box<CartBook> },
    Changed { cart: CartId, out: Vec<u8>, lines: Vec<Line> },
    Extended { cart: CartId, deadline: Timestamp },
    Confirmed { cart: CartId, wall: WallTime },
    Line(Box<LineEntry>),
    Code(Box<CodeEntry>),
}

/// An entry with its number, its time and the key it was made under.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub number: Sequence,
    pub at: Timestamp,
    pub entry: Entry,
    pub key: Option<(u128, KeyBook)>,
}

/// The entries, and the books they come to.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: Vec<Numbered>,
    pub books: Books,
    /// Carts somebody was told have expired, and what that rests on.
    told: BTreeMap<CartId, Sequence>,
    /// Who of the waiting room has asked when.
    pub asks: Asks,
    pub codes: CodeTally,
}

impl Ledger {
    /// Takes a success into the books.
    pub fn note(&mut self, numbered: Numbered) {
        assert!(numbered.number > Sequence::ZERO, "a success that rests on nothing: {numbered:?}");
        self.books.enter(&numbered);
        self.entries.push(numbered);
    }

    /// Somebody was told that a cart has expired.
    pub fn tell_expired(&mut self, cart: CartId, rests_on: Sequence) {
        let told = self.told.entry(cart).or_insert(rests_on);
        *told = (*told).min(rests_on);
    }

    /// After a crash that left the facts up to `last`: strikes the rest. Gives how many entries that were.
    pub fn cut(&mut self, last: Sequence) -> usize {
        let before = self.entries.len();
        self.entries.retain(|numbered| numbered.number <= last);
        self.books = Books::default();
        for numbered in &self.entries {
            self.books.enter(numbered);
        }
        let books = &self.books;
        self.asks.cut(last);
        self.told.retain(|cart, rests_on| *rests_on <= last && books.carts.contains_key(cart));
        before - self.entries.len()
    }

    /// Nobody who was told that a cart has expired sees it alive again.
    pub fn check_told(&self, at: Timestamp) {
        for (cart, rests_on) in &self.told {
            let Some(book) = self.books.carts.get(cart) else { continue };
            assert!(
                !book.live(at),
                "{cart:?} was told expired on fact {rests_on} and is alive at {at}, until {}",
                book.deadline
            );
        }
    }
}

impl Books {
    fn enter(&mut self, numbered: &Numbered) {
        let Numbered { number, at, entry, key } = numbered;
        self.latest = self.latest.max(*at);
        if let Some((key, book)) = key {
            self.keys.insert(*key, book.clone());
        }
        match entry {
            Entry::Channel { name } => self.channels.push(name.clone()),
            Entry::Sale { sale, rules, revision } => {
                let book = SaleBook { rules: (**rules).clone(), revision: *revision, touched: *number };
                if let Some(room) = rules.room.as_deref().filter(|_| *sale == DOOR) {
                    let before = self.sales.get(sale).and_then(|book| book.rules.room.as_deref());
                    self.line.set(before, room, *number);
                }
                self.sales.insert(sale, book);
            }
            Entry::Slots { sale, specs } => {
                for spec in specs {
                    let slot = self.slots.entry((sale, spec.id.clone())).or_insert_with(|| SlotBook {
                        spec: spec.clone(),
                        blocked: 0,
                        touched: *number,
                    });
                    slot.spec = spec.clone();
                    slot.touched = *number;
                }
            }
            Entry::Units { sale, slot, capacity, blocked } => {
                if let Some(book) = self.slots.get_mut(&(*sale, slot.clone())) {
                    book.spec.capacity = *capacity;
                    book.blocked = *blocked;
                    book.touched = *number;
                }
            }
            Entry::Opened { cart, book } => {
                let known = self.carts.insert(*cart, (**book).clone());
                assert!(known.is_none(), "{cart:?} was given twice: {known:?}");
                self.redeem(*cart, book, *at, *number);
                self.touch(*cart, *number);
            }
            Entry::Changed { cart, out, lines } => {
                self.touch(*cart, *number);
                self.move_units(*cart, out, lines, *at);
                let Some(book) = self.carts.get_mut(cart) else { return };
                for ordinal in out {
                    book.lines[usize::from(*ordinal)].there = false;
                }
                book.bundles = lines.iter().map(|line| line.bundle).fold(book.bundles, u8::max);
                book.lines.extend(lines.iter().cloned());
                if book.stage == Stage::Open && !book.lines.iter().any(|line| line.there) {
                    book.stage = Stage::Abandoned;
                    book.deadline = *at;
                }
                self.touch(*cart, *number);
            }
            Entry::Extended { cart, deadline } => {
                if let Some(book) = self.carts.get_mut(cart) {
                    book.deadline = *deadline;
                }
                self.touch(*cart, *number);
            }
            Entry::Line(entry) => self.line.enter(*number, entry),
            Entry::Code(entry) => self.enter_code(*number, *at, entry),
            Entry::Confirmed { cart, wall } => {
                self.touch(*cart, *number);
                self.sell_units(*cart);
                if let Some(book) = self.carts.get_mut(cart) {
                    book.stage = Stage::Ordered;
                    book.deadline = *at;
                    book.confirmed_at = *wall;
                    for line in &mut book.lines {
                        line.sold = line.there;
                    }
                }
                self.touch(*cart, *number);
            }
        }
    }

    /// The cart, its customer, its code and the slots they have units of.
    fn touch(&mut self, cart: CartId, number: Sequence) {
        let Some(book) = self.carts.get_mut(&cart) else { return };
        book.touched = number;
        self.customers.insert(book.customer, number);
        for line in book.lines.iter().filter(|line| line.there) {
            if let Some(slot) = self.slots.get_mut(&(book.sale, line.slot.clone())) {
                slot.touched = number;
            }
        }
        if let Some(hash) = book.code {
            self.touch_code(hash, number);
        }
    }
}
