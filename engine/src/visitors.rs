//! What a customer has in a sale: live carts, orders, and so the units that count against the limit.
//!
//! A live cart counts while its deadline is after `now`, so expiry never needs a visitor's lock; entries whose time is
//! over are dropped when the visitor is next touched. Who never comes again is forgotten by the ticker.

mod others;

use smallvec::SmallVec;

use self::others::Others;
use crate::digest::mix;
use crate::ids::{CartId, CustomerHash, Quantity, SaleIx};
use crate::index::Index;
use crate::inventory::Stamp;
use crate::limits::MAX_OF_CUSTOMER;
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

impl VisitorCart {
    /// Whether it is a cart that lives at an instant.
    fn lives(&self, at: Timestamp) -> bool {
        self.until != FOR_EVER && self.until > at
    }
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
}

impl Having {
    fn count(&mut self, entry: &VisitorCart, at: Timestamp) {
        if entry.until == FOR_EVER {
            self.orders += u64::from(entry.units > 0);
            self.units += u64::from(entry.units);
        } else if entry.until > at {
            self.units += u64::from(entry.units);
        }
    }
}

/// All visitors under one lock.
#[derive(Clone, Debug, Default)]
pub struct VisitorShard {
    /// When it last changed.
    pub stamp: Stamp,
    index: Index,
    visitors: Slab<Visitor>,
    /// What visitors have beside their first cart or order; never empty while somebody's.
    more: Slab<Others>,
}

#[expect(clippy::cast_possible_truncation, reason = "halves and low bits are meant")]
fn halves(customer: CustomerHash) -> [u64; 2] {
    [customer.0 as u64, (customer.0 >> 64) as u64]
}

fn hash(customer: [u64; 2], sale: SaleIx) -> u64 {
    mix(customer[1], u64::from(sale.0))
}

impl VisitorShard {
    /// Bytes of its visitors.
    pub(crate) fn bytes(&self) -> usize {
        self.index.bytes() + self.visitors.bytes() + self.more.bytes()
    }

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
        let visitor = &self.visitors[place];
        having.count(&visitor.first(), at);
        if visitor.more != ALONE {
            self.more[visitor.more].count(&mut having, at);
        }
        having
    }

    /// The customer's carts in the sale that live at an instant. Orders, of which there may be many more, are not looked at.
    #[must_use]
    pub fn live_carts(&self, customer: CustomerHash, sale: SaleIx, at: Timestamp) -> VisitorCarts {
        let mut carts = VisitorCarts::new();
        let Some(place) = self.find(customer, sale) else { return carts };
        let visitor = &self.visitors[place];
        carts.extend(Some(visitor.first()).filter(|entry| entry.lives(at)));
        if visitor.more != ALONE {
            self.more[visitor.more].add_live(&mut carts, at);
        }
        carts
    }

    /// Whether the customer has as many carts and orders in the sale as anybody may.
    #[must_use]
    pub fn is_full(&self, customer: CustomerHash, sale: SaleIx) -> bool {
        let more = self.find(customer, sale).map_or(ALONE, |place| self.visitors[place].more);
        more != ALONE && self.more[more].len() >= MAX_OF_CUSTOMER
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
            carts.extend(self.more[visitor.more].iter());
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
        let visitor = &mut self.visitors[place];
        if visitor.more == ALONE {
            visitor.more = self.more.insert(Others::default());
        }
        let (first, others) = (visitor.first(), &mut self.more[visitor.more]);
        others.drop_over(at);
        if first.cart == entry.cart {
            visitor.set_first(sale, entry);
        } else if first.until <= at {
            others.remove(entry.cart);
            visitor.set_first(sale, entry);
        } else {
            others.set(entry);
        }
        self.tidy(place);
    }

    /// The customer no longer has a cart or order. A visitor left with nothing is forgotten.
    pub fn unset(&mut self, customer: CustomerHash, sale: SaleIx, at: Timestamp, cart: CartId) {
        let Some(place) = self.find(customer, sale) else { return };
        let visitor = &mut self.visitors[place];
        let first = visitor.first();
        let mut next = None;
        let first_goes = first.cart == cart || first.until <= at;
        if visitor.more != ALONE {
            let others = &mut self.more[visitor.more];
            others.drop_over(at);
            others.remove(cart);
            next = if first_goes { others.take_first() } else { None };
        }
        match next {
            Some(next) => visitor.set_first(sale, next),
            None if first_goes => visitor.cart = NOBODY,
            None => {}
        }
        self.tidy(place);
        if first_goes && next.is_none() {
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
                let visitor = &mut self.visitors[place];
                visitor.cart = NOBODY;
                if let Some(others) = (visitor.more != ALONE).then(|| &mut self.more[visitor.more]) {
                    others.drop_over(at);
                }
                self.tidy(place);
                self.leave(place);
            }
        }
    }

    /// Whether nothing of a visitor counts any more. A free place has nothing and is not over.
    fn is_over(&self, place: u32, at: Timestamp) -> bool {
        let visitor = &self.visitors[place];
        let others = || visitor.more == ALONE || self.more[visitor.more].are_over(at);
        visitor.cart != NOBODY && visitor.first().until <= at && others()
    }

    /// A visitor who has nothing leaves the index and gives the place back.
    fn leave(&mut self, place: u32) {
        let visitor = &self.visitors[place];
        self.index.remove(hash(visitor.customer, visitor.sale()), place);
        self.visitors.free(place);
    }

    /// Nobody keeps room for others that are gone.
    fn tidy(&mut self, place: u32) {
        let more = self.visitors[place].more;
        if more != ALONE && self.more[more].is_empty() {
            self.more[more] = Others::default();
            self.more.free(more);
            self.visitors[place].more = ALONE;
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
        let Some((first, others)) = carts.split_first() else { return };
        let visitor = &mut self.visitors[place];
        visitor.set_first(sale, *first);
        if !others.is_empty() {
            visitor.more = self.more.insert(others.iter().copied().collect());
        }
        self.enter(place);
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
        let (mut state, mut crowded) = (5, false);
        for step in 0..20_000_u64 {
            state = mix(state, step);
            let (customer, sale, at) = (u128::from(state % 7), SaleIx(u16::from(state & 8 == 0)), step);
            // Few carts of most, many of one.
            let cart = CartId(state >> 8 & if customer == 0 { 0x7f } else { 3 });
            let carts = twin.entry((customer, sale.0)).or_default();
            // Who is dropped on the way is seen only by whoever is touched; an unset of nobody touches nobody.
            if state >> 16 & 3 == 0 {
                carts.retain(|entry| entry.until.0 > at && entry.cart != cart);
                shard.unset(CustomerHash(customer), sale, Timestamp(at), cart);
            } else {
                let lives = (state >> 24 & 63) * if customer == 0 { 50 } else { 1 };
                let until = if state >> 20 & 7 == 0 { FOR_EVER } else { Timestamp(at + lives) };
                let entry = VisitorCart { cart, until, units: u32::from(state & 1 == 0) };
                carts.retain(|entry| entry.until.0 > at && entry.cart != cart);
                carts.push(entry);
                shard.set(CustomerHash(customer), sale, Timestamp(at), entry);
            }
            twin.retain(|_, carts| !carts.is_empty());
            assert_eq!(shard.live() as usize, twin.len());
            for ((customer, sale), carts) in &mut twin {
                let (customer, sale) = (CustomerHash(*customer), SaleIx(*sale));
                let mut having = Having::default();
                carts.iter().for_each(|entry| having.count(entry, Timestamp(at)));
                assert_eq!(shard.having(customer, sale, Timestamp(at)), having);
                let mut here = shard.carts(customer, sale);
                assert!(
                    here[1..].is_sorted_by_key(|entry| entry.cart),
                    "behind the first in the order of their ids"
                );
                here.sort_unstable_by_key(|entry| entry.cart);
                let mut live = shard.live_carts(customer, sale, Timestamp(at));
                live.sort_unstable_by_key(|entry| entry.cart);
                let living = here.iter().filter(|entry| entry.until.0 > at && entry.until != FOR_EVER);
                assert_eq!(live, living.copied().collect::<VisitorCarts>());
                carts.sort_unstable_by_key(|entry| entry.cart);
                assert_eq!(here.as_slice(), carts.as_slice());
            }
            let most = twin.values().map(Vec::len).max();
            crowded |= most.is_some_and(|most| most > 2 * others::FEW);
            assert_eq!(shard.iter().count(), twin.len());
            let others = twin.values().filter(|carts| carts.len() > 1).count();
            assert_eq!(shard.more.live() as usize, others);
        }
        assert!(crowded, "nobody had many");
    }
}
