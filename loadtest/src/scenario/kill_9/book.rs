//! What was acknowledged, written down the moment it arrives: carts as their owners last saw them, every request with its
//! answer, requests that got none, and what others have read. The audit after a restart holds the server to this book.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::asked::{Ack, Asked};
use super::granted;
use super::line::LineBook;
use super::view::View;
use crate::client::Answer;

/// The two sales of the loop: in one nothing ever expires while it lasts, so its books can be compared to the unit at any
/// time; in the other holds last a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sale {
    /// Holds last a day.
    Keep,
    /// Holds last a second.
    Lapse,
}

impl Sale {
    /// Its id.
    pub fn id(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Lapse => "lapse",
        }
    }
}

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A new cart.
    Open(Sale),
    /// Another content or deadline of this cart.
    Change(String),
    /// An order from this cart.
    Pay(String),
    /// Lines of the order of this cart given back.
    Cancel(String),
}

impl Deed {
    /// The cart it is about, if there is one yet.
    pub fn cart(&self) -> Option<&str> {
        match self {
            Self::Open(_) => None,
            Self::Change(cart) | Self::Pay(cart) | Self::Cancel(cart) => Some(cart),
        }
    }
}

/// A cart as its owner knows it.
#[derive(Clone, Debug)]
pub struct Cart {
    /// Where.
    pub sale: Sale,
    /// As last acknowledged.
    pub view: View,
}

/// Units of a slot in carts and in orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    /// In open carts.
    pub held: u64,
    /// In orders.
    pub sold: u64,
}

/// Units by slot.
pub type Totals = BTreeMap<String, Units>;

/// What an operator has set of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Units there are.
    pub capacity: u64,
    /// Units withdrawn.
    pub blocked: u64,
}

/// The book.
#[derive(Debug, Default)]
pub struct Book {
    /// All carts.
    pub carts: HashMap<String, Cart>,
    /// Acknowledged in this round.
    pub fresh: Vec<Ack>,
    /// Acknowledged before.
    pub archive: Vec<Ack>,
    /// Sent and not answered when the server died.
    pub unanswered: Vec<(Asked, Deed)>,
    /// Carts somebody dealt with in this round.
    pub touched: BTreeSet<String>,
    /// Ends of carts that somebody else has read in this round.
    pub witnessed: Vec<(String, View)>,
    /// Carts that were open when last seen and may expire.
    pub lapsing: BTreeSet<String>,
    /// Slots as the operator has set them.
    pub terms: BTreeMap<String, Terms>,
    /// A change of a slot that got no answer.
    pub terms_unanswered: Option<(String, Terms)>,
    /// Units by slot, of all carts.
    pub totals: Totals,
    /// What should not have been answered while the server lived.
    pub oddities: Vec<String>,
    /// The waiting room.
    pub line: LineBook,
    /// Answers by what they said.
    pub told: BTreeMap<String, u64>,
}

impl Book {
    /// Writes an acknowledgement down; the cart it is about and how it stands now, or why the answer is none.
    pub fn acknowledge(
        &mut self,
        asked: Asked,
        deed: &Deed,
        answer: &Answer,
    ) -> Result<(String, View), String> {
        let body: Value = answer.read().map_err(|error| format!("{}: {error}", asked.name()))?;
        let read = self.read(deed, &body);
        let (cart, sale, view) =
            read.ok_or_else(|| format!("{}: cannot be understood: {body}", asked.name()))?;
        let nothing = View::default();
        let before = self.carts.get(&cart).map_or(&nothing, |known| &known.view);
        let wrong = granted::differs(&asked, deed, sale, before, &view);
        self.fresh.push(Ack::new(asked, answer));
        self.stands(&cart, sale, view.clone());
        wrong.map_or(Ok((cart, view)), Err)
    }

    /// The cart, its sale and how it stands after this answer.
    fn read(&self, deed: &Deed, body: &Value) -> Option<(String, Sale, View)> {
        match deed {
            Deed::Open(sale) => Some((body["cart"].as_str()?.to_owned(), *sale, View::of(body)?)),
            Deed::Change(cart) | Deed::Cancel(cart) => {
                Some((cart.clone(), self.carts.get(cart)?.sale, View::of(body)?))
            }
            Deed::Pay(cart) => {
                let known = self.carts.get(cart)?;
                let order = body["order"].as_str().filter(|_| body["state"] == "confirmed")?;
                Some((cart.clone(), known.sale, known.view.paid(order.to_owned())))
            }
        }
    }

    /// A cart stands so now.
    pub fn stands(&mut self, cart: &str, sale: Sale, view: View) {
        if let Some(before) = self.carts.get(cart) {
            count(&mut self.totals, &before.view, |sum, units| sum.saturating_sub(units));
        }
        count(&mut self.totals, &view, |sum, units| sum + units);
        if sale == Sale::Lapse && view.is_open() {
            self.lapsing.insert(cart.to_owned());
        } else {
            self.lapsing.remove(cart);
        }
        self.touched.insert(cart.to_owned());
        self.carts.insert(cart.to_owned(), Cart { sale, view });
    }

    /// A cart's owner was told that it has expired.
    pub fn expired(&mut self, cart: &str) {
        let Some(Cart { sale, view }) = self.carts.get(cart).cloned() else { return };
        self.stands(cart, sale, View { state: "expired".to_owned(), ..view });
    }

    /// The round is over: what it brought becomes history.
    pub fn archive_round(&mut self) {
        self.archive.extend(self.fresh.drain(..).map(Ack::small));
        self.touched.clear();
        self.witnessed.clear();
        self.line.archive_round();
    }

    /// Counts an answer.
    pub fn tell(&mut self, what: &str) {
        match self.told.get_mut(what) {
            Some(count) => *count += 1,
            None => drop(self.told.insert(what.to_owned(), 1)),
        }
    }
}

/// Adds a view's units to totals, or takes them out.
pub fn count(totals: &mut Totals, view: &View, change: impl Fn(u64, u64) -> u64) {
    for (slot, units) in view.held() {
        let sum = &mut totals.entry(slot.to_owned()).or_default().held;
        *sum = change(*sum, units);
    }
    for (slot, units) in view.sold() {
        let sum = &mut totals.entry(slot.to_owned()).or_default().sold;
        *sum = change(*sum, units);
    }
}
