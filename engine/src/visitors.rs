//! What a customer has in a sale: live carts, orders, and so the units that count against the limit.
//!
//! A live cart counts while its deadline is after `now`, so expiry never needs a visitor's lock; entries whose time is
//! over are dropped when the visitor is next touched. Who never comes again is forgotten by the ticker.

use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::digest::mix;
use crate::ids::{CartId, CustomerHash, Quantity, SaleIx};
use crate::inventory::Stamp;
use crate::slab::Slab;
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

/// One customer in one sale.
#[derive(Clone, Debug)]
pub struct Visitor {
    customer: [u64; 2],
    /// The sale.
    pub sale: SaleIx,
    /// What they have.
    pub carts: SmallVec<[VisitorCart; 1]>,
}

impl Visitor {
    /// Who it is.
    #[must_use]
    pub fn customer(&self) -> CustomerHash {
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
    index: HashTable<u32>,
    visitors: Slab<Visitor>,
}

#[expect(clippy::cast_possible_truncation, reason = "halves and low bits are meant")]
fn halves(customer: CustomerHash) -> [u64; 2] {
    [customer.0 as u64, (customer.0 >> 64) as u64]
}

fn hash(customer: [u64; 2], sale: SaleIx) -> u64 {
    mix(customer[1], u64::from(sale.0))
}

/// Whether nothing of a visitor counts any more. A free place has nothing and is not over.
fn is_over(visitor: &Visitor, at: Timestamp) -> bool {
    !visitor.carts.is_empty() && visitor.carts.iter().all(|cart| cart.until <= at)
}

impl VisitorShard {
    /// Which of `shards` visitor shards a customer belongs to.
    #[must_use]
    pub fn of(customer: CustomerHash, shards: u8) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "low bits are meant")]
        let low = customer.0 as u64;
        usize::try_from(low % u64::from(shards)).unwrap_or(0)
    }

    /// How many visitors are remembered.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.visitors.live()
    }

    fn find(&self, customer: CustomerHash, sale: SaleIx) -> Option<u32> {
        let customer = halves(customer);
        self.index
            .find(hash(customer, sale), |place| {
                let visitor = &self.visitors[*place];
                visitor.customer == customer && visitor.sale == sale
            })
            .copied()
    }

    /// What the customer has in the sale, at an instant.
    #[must_use]
    pub fn having(&self, customer: CustomerHash, sale: SaleIx, at: Timestamp) -> Having {
        let mut having = Having::default();
        for cart in self.carts(customer, sale) {
            if cart.until == FOR_EVER {
                having.orders += u64::from(cart.units > 0);
                having.units += u64::from(cart.units);
            } else if cart.until > at {
                having.carts += 1;
                having.units += u64::from(cart.units);
            }
        }
        having
    }

    /// All entries of the customer in the sale, those whose time is over included.
    #[must_use]
    pub fn carts(&self, customer: CustomerHash, sale: SaleIx) -> &[VisitorCart] {
        self.find(customer, sale).map_or(&[], |place| &self.visitors[place].carts)
    }

    /// Sets what the customer has in one cart or order. Entries whose time is over at `at` are dropped on the way.
    pub fn set(&mut self, customer: CustomerHash, sale: SaleIx, at: Timestamp, entry: VisitorCart) {
        let place = self.find(customer, sale).unwrap_or_else(|| self.add(customer, sale));
        let carts = &mut self.visitors[place].carts;
        carts.retain(|cart| cart.until > at && cart.cart != entry.cart);
        carts.push(entry);
    }

    /// The customer no longer has a cart or order. A visitor left with nothing is forgotten.
    pub fn unset(&mut self, customer: CustomerHash, sale: SaleIx, at: Timestamp, cart: CartId) {
        let Some(place) = self.find(customer, sale) else { return };
        let carts = &mut self.visitors[place].carts;
        carts.retain(|entry| entry.until > at && entry.cart != cart);
        if carts.is_empty() {
            self.leave(place);
        }
    }

    /// Of a range of places, the visitors whose time is over at an instant: they have only carts past their deadline.
    #[must_use]
    pub fn over(&self, from: u32, to: u32, at: Timestamp) -> u32 {
        let over = (from..to).filter(|place| is_over(&self.visitors[*place], at)).count();
        u32::try_from(over).unwrap_or(u32::MAX)
    }

    /// Forgets what [`VisitorShard::over`] counts, in the order of places.
    pub fn forget_over(&mut self, from: u32, to: u32, at: Timestamp) {
        for place in from..to {
            if is_over(&self.visitors[place], at) {
                self.visitors[place].carts.clear();
                self.leave(place);
            }
        }
    }

    /// A visitor who has nothing leaves the index and gives the place back.
    fn leave(&mut self, place: u32) {
        let Visitor { customer, sale, .. } = self.visitors[place];
        if let Ok(found) = self.index.find_entry(hash(customer, sale), |other| *other == place) {
            found.remove();
        }
        self.visitors.free(place);
    }

    fn add(&mut self, customer: CustomerHash, sale: SaleIx) -> u32 {
        let customer = halves(customer);
        let place = self.visitors.insert(Visitor { customer, sale, carts: SmallVec::new() });
        self.enter(place);
        place
    }

    fn enter(&mut self, place: u32) {
        let visitors = &self.visitors;
        let of = |place: u32| hash(visitors[place].customer, visitors[place].sale);
        self.index.insert_unique(of(place), place, |place| of(*place));
    }

    /// All places, free ones included: those have nothing.
    #[must_use]
    pub fn places(&self) -> &Slab<Visitor> {
        &self.visitors
    }

    /// Puts a visitor back into the next place, or a free place if they have nothing.
    pub fn restore(
        &mut self,
        customer: CustomerHash,
        sale: SaleIx,
        carts: impl IntoIterator<Item = VisitorCart>,
    ) {
        let customer = halves(customer);
        let carts: SmallVec<_> = carts.into_iter().collect();
        let free = carts.is_empty();
        let place = self.visitors.push(Visitor { customer, sale, carts });
        if !free {
            self.enter(place);
        }
    }

    /// Says which places are free, in the order they were freed.
    pub fn restore_free(&mut self, free: Vec<u32>) {
        self.visitors.restore_free(free);
    }

    /// Makes room for so many visitors at once.
    pub fn expect(&mut self, visitors: usize) {
        let known = &self.visitors;
        self.index.reserve(visitors, |place| hash(known[*place].customer, known[*place].sale));
    }

    /// All visitors that have something, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (CustomerHash, SaleIx, &[VisitorCart])> {
        self.visitors
            .iter()
            .filter(|visitor| !visitor.carts.is_empty())
            .map(|visitor| (visitor.customer(), visitor.sale, visitor.carts.as_slice()))
    }
}
