//! What a visitor has beside the first cart or order, in the order of their ids. Most have none and some a few; the till that sells
//! all its tickets as one customer has a hundred thousand, and each of its steps must cost no more for it.

use std::collections::{BTreeMap, BTreeSet};

use super::{FOR_EVER, Having, VisitorCart, VisitorCarts};
use crate::ids::{CartId, Quantity};
use crate::time::Timestamp;

/// More than these are kept in trees, until there are none.
pub(super) const FEW: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub(super) enum Others {
    /// By id.
    Few(Vec<VisitorCart>),
    Many(Box<Many>),
}

/// Counted as they come and go.
#[derive(Clone, Debug, Default)]
pub(super) struct Many {
    entries: BTreeMap<CartId, (Timestamp, Quantity)>,
    /// The carts among them, by their deadlines.
    due: BTreeSet<(Timestamp, CartId)>,
    units: u64,
    orders: u64,
}

impl Default for Others {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl FromIterator<VisitorCart> for Others {
    fn from_iter<T: IntoIterator<Item = VisitorCart>>(entries: T) -> Self {
        let mut others = Self::default();
        entries.into_iter().for_each(|entry| others.set(entry));
        others
    }
}

impl Others {
    pub fn len(&self) -> usize {
        match self {
            Self::Few(entries) => entries.len(),
            Self::Many(many) => many.entries.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an entry, or changes the one of its cart.
    pub fn set(&mut self, entry: VisitorCart) {
        match self {
            Self::Few(entries) => {
                match entries.binary_search_by_key(&entry.cart, |entry| entry.cart) {
                    Ok(place) => entries[place] = entry,
                    Err(place) => entries.insert(place, entry),
                }
                if entries.len() > FEW {
                    let mut many = Box::<Many>::default();
                    entries.drain(..).for_each(|entry| many.set(entry));
                    *self = Self::Many(many);
                }
            }
            Self::Many(many) => many.set(entry),
        }
    }

    pub fn remove(&mut self, cart: CartId) {
        match self {
            Self::Few(entries) => entries.retain(|entry| entry.cart != cart),
            Self::Many(many) => drop(many.remove(cart)),
        }
    }

    /// Takes out the one with the lowest id.
    pub fn take_first(&mut self) -> Option<VisitorCart> {
        match self {
            Self::Few(entries) => (!entries.is_empty()).then(|| entries.remove(0)),
            Self::Many(many) => many.entries.keys().next().copied().and_then(|cart| many.remove(cart)),
        }
    }

    /// Forgets the carts whose time is over.
    pub fn drop_over(&mut self, at: Timestamp) {
        match self {
            Self::Few(entries) => entries.retain(|entry| entry.until > at),
            Self::Many(many) => {
                while let Some((_, cart)) = many.due.first().copied().filter(|(until, _)| *until <= at) {
                    many.remove(cart);
                }
            }
        }
    }

    /// Whether nothing of it counts any more.
    pub fn are_over(&self, at: Timestamp) -> bool {
        match self {
            Self::Few(entries) => entries.iter().all(|entry| entry.until <= at),
            Self::Many(many) => {
                let all_are_carts = many.due.len() == many.entries.len();
                all_are_carts && many.due.last().is_none_or(|(until, _)| *until <= at)
            }
        }
    }

    /// Adds what counts at an instant. Of many, only those are looked at whose time is over and that nobody has dropped yet.
    pub fn count(&self, having: &mut Having, at: Timestamp) {
        match self {
            Self::Few(entries) => entries.iter().for_each(|entry| having.count(entry, at)),
            Self::Many(many) => {
                let over = many.due.iter().take_while(|(until, _)| *until <= at);
                let units =
                    over.map(|(_, cart)| many.entries.get(cart).map_or(0, |(_, units)| u64::from(*units)));
                having.units += many.units - units.sum::<u64>();
                having.orders += many.orders;
            }
        }
    }

    /// Adds the carts that live at an instant. Of many, only those are looked at.
    pub fn add_live(&self, carts: &mut VisitorCarts, at: Timestamp) {
        match self {
            Self::Few(entries) => carts.extend(entries.iter().copied().filter(|entry| entry.lives(at))),
            Self::Many(many) => {
                let live = many.due.iter().rev().take_while(|(until, _)| *until > at);
                carts.extend(live.map(|(until, cart)| {
                    let units = many.entries.get(cart).map_or(0, |(_, units)| *units);
                    VisitorCart { cart: *cart, until: *until, units }
                }));
            }
        }
    }

    /// All of it, by id.
    pub fn iter(&self) -> impl Iterator<Item = VisitorCart> {
        let (few, many) = match self {
            Self::Few(entries) => (Some(entries), None),
            Self::Many(many) => (None, Some(&many.entries)),
        };
        let entry = |(cart, (until, units)): (&CartId, &(Timestamp, Quantity))| VisitorCart {
            cart: *cart,
            until: *until,
            units: *units,
        };
        few.into_iter().flatten().copied().chain(many.into_iter().flatten().map(entry))
    }
}

impl Many {
    fn set(&mut self, entry: VisitorCart) {
        self.remove(entry.cart);
        self.units += u64::from(entry.units);
        if entry.until == FOR_EVER {
            self.orders += u64::from(entry.units > 0);
        } else {
            self.due.insert((entry.until, entry.cart));
        }
        self.entries.insert(entry.cart, (entry.until, entry.units));
    }

    fn remove(&mut self, cart: CartId) -> Option<VisitorCart> {
        let (until, units) = self.entries.remove(&cart)?;
        self.units -= u64::from(units);
        if until == FOR_EVER {
            self.orders -= u64::from(units > 0);
        } else {
            self.due.remove(&(until, cart));
        }
        Some(VisitorCart { cart, until, units })
    }
}
