//! What a customer has in a sale: live carts, orders, and so the units that count against the limit.
//!
//! A live cart counts while its deadline is after `now`, so expiry never needs a visitor's lock; entries whose time is
//! over are dropped when the visitor is next touched. Who never comes again is forgotten by the ticker.

use smallvec::SmallVec;

use crate::digest::mix;
use crate::ids::{CartId, CustomerHash, Quantity, SaleIx};
use crate::index::Index;
use crate::inventory::Stamp;
use crate::slab::Slab;
use crate::state::one_of;
use crate::time::Timestamp;

/// Stands in [`VisitorCart::until`] for orders: they count for ever.
pub const FOR_EVER: Timestamp = Timestamp(u64::MAX);

/// A cart or an order of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisitorCart {
    /// Which.
    pub cart: CartId,
    /// The deadline of a cart; [`FOR_EVER`] for an order.
    pub until: Timestamp,
    /// Its units.
    pub units: Quantity,
}

/// All carts and orders of a visitor; most have one.
pub type VisitorCarts = SmallVec<[VisitorCart; 2]>;

/// One customer in one sale, with their first cart or order. 40 bytes: there is one for every cart.
#[derive(Clone, Debug)]
struct Visitor {
    customer: [u64; 2],
    /// [`NOBODY`] in a free place.
    cart: CartId,
    /// 48 bits of time, 16 of the sale.
    until_and_sale: u64,
    units: Quantity,
    /// Where the others are, or [`ALONE`].
    more: u32,
}

/// Stands in [`Visitor::cart`] where nobody is: no folder has so many shards.
const NOBODY: CartId = CartId(u64::MAX);

/// Stands in [`Visitor::more`] for "no others".
const ALONE: u32 = u32::MAX;

/// Times have 48 bits, see `fact/code.rs`; all of them set is [`FOR_EVER`].
const TIME_BITS: u64 = (1 << 48) - 1;

impl Visitor {
    #[inline]
    fn new(customer: [u64; 2], sale: SaleIx, entry: VisitorCart) -> Self {
        let mut visitor = Self { customer, cart: NOBODY, until_and_sale: 0, units: 0, more: ALONE };
        visitor.set_first(sale, entry);
        visitor
    }

    #[inline]
    fn set_first(&mut self, sale: SaleIx, entry: VisitorCart) {
        assert!(entry.until == FOR_EVER || entry.until.0 < TIME_BITS, "a deadline {}", entry.until);
        self.cart = entry.cart;
        self.until_and_sale = entry.until.0.min(TIME_BITS) << 16 | u64::from(sale.0);
        self.units = entry.units;
    }

    #[inline]
    fn first(&self) -> VisitorCart {
        let until = self.until_and_sale >> 16;
        let until = if until == TIME_BITS { FOR_EVER } else { Timestamp(until) };
        VisitorCart { cart: self.cart, until, units: self.units }
    }

    fn is(&self, customer: [u64; 2], sale: SaleIx) -> bool {
        self.customer == customer && self.sale() == sale
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are the sale")]
    fn sale(&self) -> SaleIx {
        SaleIx(self.until_and_sale as u16)
    }

    fn customer(&self) -> CustomerHash {
        CustomerHash(u128::from(self.customer[0]) | u128::from(self.customer[1]) << 64)
    }
}

/// What counts against the limits at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Having {
    /// Units in live carts and orders.
    pub units: u64,
    /// Orders.
    pub orders: u64,
    /// Live carts.
    pub carts: u64,
}

/// All visitors under one lock.
#[derive(Clone, Debug, Default)]
pub struct VisitorShard {
    /// When it last changed.
    pub stamp: Stamp,
    index: Index,
    visitors: Slab<Visitor>,
    /// What visitors have beside their first cart or order; never empty while somebody's.
    more: Slab<Vec<VisitorCart>>,
}

#[expect(clippy::cast_possible_truncation, reason = "halves and low bits are meant")]
fn halves(customer: CustomerHash) -> [u64; 2] {
    [customer.0 as u64, (customer.0 >> 64) as u64]
}

fn hash(customer: [u64; 2], sale: SaleIx) -> u64 {
    mix(customer[1], u64::from(sale.0))
}

impl VisitorShard {
    /// Which of `shards` visitor shards a customer belongs to.
    #[must_use]
    pub fn of(customer: CustomerHash, shards: u8) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "low bits are meant")]
        let low = customer.0 as u64;
        one_of(low, shards)
    }

    /// How many visitors are remembered.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.visitors.live()
    }

    fn find(&self, customer: CustomerHash, sale: SaleIx) -> Option<u32> {
        let customer = halves(customer);
        self.index.find(hash(customer, sale), |place| self.visitors[place].is(customer, sale))
    }

    /// Reads where the customer would be found, so that the next look need not wait for it.
    #[must_use]
    pub fn touch(&self, customer: CustomerHash, sale: SaleIx) -> u32 {
        self.index.touch(hash(halves(customer), sale))
    }

    /// What the customer has in the sale, at an instant.
    #[must_use]
    pub fn having(&self, customer: CustomerHash, sale: SaleIx, at: Timestamp) -> Having {
        let mut having = Having::default();
        let Some(place) = self.find(customer, sale) else { return having };
        let mut count = |cart: &VisitorCart| {
            if cart.until == FOR_EVER {
                having.orders += u64::from(cart.units > 0);
                having.units += u64::from(cart.units);
            } else if cart.until > at {
                having.carts += 1;
                having.units += u64::from(cart.units);
            }
        };
        let visitor = &self.visitors[place];
        count(&visitor.first());
        if visitor.more != ALONE {
            self.more[visitor.more].iter().for_each(count);
        }
        having
    }

    /// All entries of the customer in the sale, those whose time is over included.
    #[must_use]
    pub fn carts(&self, customer: CustomerHash, sale: SaleIx) -> VisitorCarts {
        self.find(customer, sale).map_or_else(VisitorCarts::new, |place| self.carts_at(&self.visitors[place]))
    }

    fn carts_at(&self, visitor: &Visitor) -> VisitorCarts {
        let mut carts = VisitorCarts::new();
        if visitor.cart != NOBODY {
            carts.push(visitor.first());
        }
        if visitor.more != ALONE {
            carts.extend_from_slice(&self.more[visitor.more]);
        }
        carts
    }

    /// Sets what the customer has in one cart or order. Entries whose time is over at `at` are dropped on the way. Put in
    /// place, so that an entry which was just made is not read back from memory: that waits for all writes before it.
    #[inline]
    pub fn set(&mut self, customer: CustomerHash, sale: SaleIx, at: Timestamp, entry: VisitorCart) {
        let Some(place) = self.find(customer, sale) else {
            let visitor = Visitor::new(halves(customer), sale, entry);
            let place = self.visitors.insert(visitor);
            return self.enter(place);
        };
        let visitor = &mut self.visitors[place];
        let first = visitor.first();
        if visitor.more == ALONE && (first.cart == entry.cart || first.until <= at) {
            return visitor.set_first(sale, entry);
        }
        self.set_among_others(place, sale, at, entry);
    }

    #[cold]
    fn set_among_others(&mut self, place: u32, sale: SaleIx, at: Timestamp, entry: VisitorCart) {
        let mut carts = self.carts_at(&self.visitors[place]);
        carts.retain(|cart| cart.until > at && cart.cart != entry.cart);
        carts.push(entry);
        self.keep(place, sale, &carts);
    }

    /// The customer no longer has a cart or order. A visitor left with nothing is forgotten.
    pub fn unset(&mut self, customer: CustomerHash, sale: SaleIx, at: Timestamp, cart: CartId) {
        let Some(place) = self.find(customer, sale) else { return };
        let mut carts = self.carts_at(&self.visitors[place]);
        carts.retain(|entry| entry.until > at && entry.cart != cart);
        self.keep(place, sale, &carts);
        if carts.is_empty() {
            self.leave(place);
        }
    }

    /// Of a range of places, the visitors whose time is over at an instant: they have only carts past their deadline.
    #[must_use]
    pub fn over(&self, from: u32, to: u32, at: Timestamp) -> u32 {
        let over = (from..to).filter(|place| self.is_over(*place, at)).count();
        u32::try_from(over).unwrap_or(u32::MAX)
    }

    /// Forgets what [`VisitorShard::over`] counts, in the order of places.
    pub fn forget_over(&mut self, from: u32, to: u32, at: Timestamp) {
        for place in from..to {
            if self.is_over(place, at) {
                let sale = self.visitors[place].sale();
                self.keep(place, sale, &[]);
                self.leave(place);
            }
        }
    }

    /// Whether nothing of a visitor counts any more. A free place has nothing and is not over.
    fn is_over(&self, place: u32, at: Timestamp) -> bool {
        let visitor = &self.visitors[place];
        let others = if visitor.more == ALONE { &[][..] } else { &self.more[visitor.more] };
        visitor.cart != NOBODY && visitor.first().until <= at && others.iter().all(|cart| cart.until <= at)
    }

    /// A visitor who has nothing leaves the index and gives the place back.
    fn leave(&mut self, place: u32) {
        let visitor = &self.visitors[place];
        self.index.remove(hash(visitor.customer, visitor.sale()), place);
        self.visitors.free(place);
    }

    /// The visitor at a place has this and nothing else.
    fn keep(&mut self, place: u32, sale: SaleIx, carts: &[VisitorCart]) {
        let visitor = &mut self.visitors[place];
        let Some((first, others)) = carts.split_first() else {
            visitor.cart = NOBODY;
            return self.keep_others(place, &[]);
        };
        visitor.set_first(sale, *first);
        self.keep_others(place, others);
    }

    fn keep_others(&mut self, place: u32, others: &[VisitorCart]) {
        let visitor = &mut self.visitors[place];
        match (visitor.more, others) {
            (ALONE, []) => {}
            (more, []) => {
                self.more[more] = Vec::new();
                self.more.free(more);
                visitor.more = ALONE;
            }
            (ALONE, others) => visitor.more = self.more.insert(others.to_vec()),
            (more, others) => {
                let kept = &mut self.more[more];
                kept.clear();
                kept.extend_from_slice(others);
            }
        }
    }

    fn enter(&mut self, place: u32) {
        let visitor = &self.visitors[place];
        self.index.insert(hash(visitor.customer, visitor.sale()), place);
    }

    /// How many places there are, free ones included, and which are free, in the order they were freed.
    #[must_use]
    pub fn places(&self) -> (u32, &[u32]) {
        (self.visitors.places(), self.visitors.free_places())
    }

    /// Who has a place and what they have; nothing in a free place.
    #[must_use]
    pub fn at(&self, place: u32) -> (CustomerHash, SaleIx, VisitorCarts) {
        let visitor = &self.visitors[place];
        (visitor.customer(), visitor.sale(), self.carts_at(visitor))
    }

    /// Puts a visitor back into the next place, or a free place if they have nothing.
    pub fn restore(&mut self, customer: CustomerHash, sale: SaleIx, carts: &[VisitorCart]) {
        let nothing = VisitorCart { cart: NOBODY, until: Timestamp(0), units: 0 };
        let place = self.visitors.push(Visitor::new(halves(customer), sale, nothing));
        if !carts.is_empty() {
            self.keep(place, sale, carts);
            self.enter(place);
        }
    }

    /// Says which places are free, in the order they were freed.
    pub fn restore_free(&mut self, free: Vec<u32>) {
        self.visitors.restore_free(free);
    }

    /// All visitors that have something, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (CustomerHash, SaleIx, VisitorCarts)> {
        let taken = self.visitors.iter().filter(|visitor| visitor.cart != NOBODY);
        taken.map(|visitor| (visitor.customer(), visitor.sale(), self.carts_at(visitor)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitor_is_40_bytes() {
        assert_eq!(size_of::<Visitor>(), 40);
    }

    #[test]
    fn visitors_and_their_naive_twin_agree() {
        let mut shard = VisitorShard::default();
        let mut twin = std::collections::BTreeMap::<(u128, u16), Vec<VisitorCart>>::new();
        let mut state = 5;
        for step in 0..20_000_u64 {
            state = mix(state, step);
            let (customer, sale, at) = (u128::from(state % 7), SaleIx(u16::from(state & 8 == 0)), step);
            let cart = CartId(state >> 8 & 3);
            let carts = twin.entry((customer, sale.0)).or_default();
            // Who is dropped on the way is seen only by whoever is touched; an unset of nobody touches nobody.
            if state >> 16 & 3 == 0 {
                carts.retain(|entry| entry.until.0 > at && entry.cart != cart);
                shard.unset(CustomerHash(customer), sale, Timestamp(at), cart);
            } else {
                let until = if state >> 20 & 7 == 0 { FOR_EVER } else { Timestamp(at + (state >> 24 & 63)) };
                let entry = VisitorCart { cart, until, units: u32::from(state & 1 == 0) };
                carts.retain(|entry| entry.until.0 > at && entry.cart != cart);
                carts.push(entry);
                shard.set(CustomerHash(customer), sale, Timestamp(at), entry);
            }
            twin.retain(|_, carts| !carts.is_empty());
            assert_eq!(shard.live() as usize, twin.len());
            for ((customer, sale), carts) in &twin {
                assert_eq!(shard.carts(CustomerHash(*customer), SaleIx(*sale)).as_slice(), carts.as_slice());
            }
            assert_eq!(shard.iter().count(), twin.len());
            let others = twin.values().filter(|carts| carts.len() > 1).count();
            assert_eq!(shard.more.live() as usize, others);
        }
    }
}
