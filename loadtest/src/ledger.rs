//! What the server has acknowledged, written down as the answers come in: carts, what became of them, and when. The audit
//! reads this book and the server's own, and the two must tell the same story.
//!
//! A request whose answer never came may or may not have happened; such a cart or unit is *unsure* and the audit allows
//! both, as a client would have to. Asking again with the same idempotency key usually settles it during the run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::stock::Stock;

/// What the tester knows of one cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Held, and left to its time-out.
    Held,
    /// Confirmed under this order.
    Ordered(String),
    /// Given back, and the server said so.
    GivenBack,
    /// A checkout or a giving back was asked and no final answer came.
    Unsure,
}

/// One acknowledged cart.
#[derive(Clone, Debug)]
pub struct HeldCart {
    /// Its id.
    pub cart: String,
    /// Slot numbers with units, as acknowledged.
    pub units: Vec<(usize, u64)>,
    /// What became of it.
    pub fate: Fate,
    /// The credential and idempotency key it was paid with, answered or not.
    pub paid_with: Option<(HeaderValue, String)>,
    /// Until when it was promised, at least.
    pub deadline: Option<Instant>,
    /// Whether its units count as taken: not while it is given back, and not after its deadline unless it was bought.
    counted: bool,
}

/// The book of acknowledgements.
#[derive(Debug)]
pub struct Ledger {
    stock: Rc<Stock>,
    t0: Instant,
    /// All acknowledged carts, in the order of their answers.
    pub carts: Vec<HeldCart>,
    by_cart: HashMap<String, usize>,
    deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    live: Vec<u64>,
    live_units: u64,
    not_yet_full: usize,
    full_once: Vec<bool>,
    /// When this many units were first held at one time, after t0: only marks asked for are kept.
    pub reached: BTreeMap<u64, Option<Duration>>,
    /// When the last slot was full for the first time.
    pub all_full_after: Option<Duration>,
    /// The worst overdraft seen while answers came in: slot, units acknowledged at one time.
    pub overdrawn: BTreeMap<usize, u64>,
    /// Hold requests whose outcome is unknown, in units at most.
    pub unsure_units: u64,
    /// When each order was acknowledged, after t0.
    pub ordered_after: Vec<Duration>,
    /// Carts that are not what was asked for, in words.
    pub not_as_asked: Vec<String>,
    /// Answers naming slots or carts that cannot be, in words.
    pub oddities: Vec<String>,
}

impl Ledger {
    /// An empty book over this stock; `marks` are counts of units whose first reaching is timed.
    pub fn new(stock: Rc<Stock>, t0: Instant, marks: &[u64]) -> Self {
        let slots = stock.places().len();
        Self {
            not_yet_full: stock.places().iter().filter(|place| place.capacity > 0).count(),
            full_once: vec![false; slots],
            deadlines: BinaryHeap::new(),
            live: vec![0; slots],
            live_units: 0,
            stock,
            t0,
            carts: Vec::new(),
            by_cart: HashMap::new(),
            reached: marks.iter().map(|mark| (*mark, None)).collect(),
            all_full_after: None,
            overdrawn: BTreeMap::new(),
            unsure_units: 0,
            ordered_after: Vec::new(),
            not_as_asked: Vec::new(),
            oddities: Vec::new(),
        }
    }

    /// The instant of the opening.
    pub fn t0(&self) -> Instant {
        self.t0
    }

    /// The server acknowledged a cart with these units. Who asks gets one final answer, so a cart that is known is somebody else's.
    /// From `deadline` on the units may be somebody else's, unless the cart was bought.
    pub fn held(&mut self, cart: &str, items: &[(String, u64)], at: Instant, deadline: Option<Instant>) {
        if self.by_cart.contains_key(cart) {
            self.oddities.push(format!("{cart} was acknowledged to two people"));
            return;
        }
        self.lapse(at);
        let mut units = Vec::with_capacity(items.len());
        for (slot, quantity) in items {
            match self.stock.number(slot) {
                Some(number) => units.push((number, *quantity)),
                None => self.oddities.push(format!("{cart} holds {slot}, which is no slot of this run")),
            }
        }
        let after = at.saturating_duration_since(self.t0);
        for (slot, quantity) in &units {
            self.add(*slot, *quantity, after);
        }
        let number = self.carts.len();
        self.by_cart.insert(cart.to_owned(), number);
        self.deadlines.extend(deadline.map(|deadline| Reverse((deadline, number))));
        let (cart, fate) = (cart.to_owned(), Fate::Held);
        self.carts.push(HeldCart { cart, units, fate, paid_with: None, deadline, counted: true });
    }

    /// Before a giving back is asked for: from now on the units may be sold to somebody else, before our answer is here.
    pub fn giving_back(&mut self, cart: &str) {
        let Some(number) = self.by_cart.get(cart).copied() else { return };
        self.uncount(number);
        self.carts[number].fate = Fate::Unsure;
    }

    /// The server says that a cart is over.
    pub fn expired(&mut self, cart: &str, at: Instant) {
        let cart = self.by_cart.get(cart).map(|number| &self.carts[*number]);
        if let Some(cart) = cart.filter(|cart| cart.deadline.is_some_and(|deadline| at < deadline)) {
            self.oddities.push(format!("{} was over before its deadline", cart.cart));
        }
    }

    /// What became of a cart, as acknowledged.
    pub fn became(&mut self, cart: &str, fate: Fate) {
        match self.by_cart.get(cart) {
            Some(number) => self.carts[*number].fate = fate,
            None => self.oddities.push(format!("{cart} became {fate:?} and was never held")),
        }
    }

    /// A cart was confirmed, paid with this credential and idempotency key.
    pub fn ordered(&mut self, cart: &str, order: &str, credential: &HeaderValue, key: &str) {
        self.became(cart, Fate::Ordered(order.to_owned()));
        let Some(number) = self.by_cart.get(cart).copied() else { return };
        self.carts[number].paid_with = Some((credential.clone(), key.to_owned()));
        self.ordered_after.push(Instant::now().saturating_duration_since(self.t0));
        // The answer to a payment in the last moment comes after the deadline.
        if !std::mem::replace(&mut self.carts[number].counted, true) {
            let after = Instant::now().saturating_duration_since(self.t0);
            for (slot, quantity) in self.carts[number].units.clone() {
                self.add(slot, quantity, after);
            }
        }
    }

    /// A payment was asked for with this credential and key, and no final answer came: it may have happened.
    pub fn payment_unanswered(&mut self, cart: &str, credential: &HeaderValue, key: &str) {
        self.became(cart, Fate::Unsure);
        let Some(number) = self.by_cart.get(cart).copied() else { return };
        self.carts[number].paid_with = Some((credential.clone(), key.to_owned()));
    }

    /// Units in live acknowledged carts and orders now.
    pub fn live_units(&self) -> u64 {
        self.live_units
    }

    /// Carts whose state only the server's books can tell: left open, or unsure.
    pub fn undecided(&self) -> Vec<String> {
        let open = self.carts.iter().filter(|cart| matches!(cart.fate, Fate::Held | Fate::Unsure));
        open.map(|cart| cart.cart.clone()).collect()
    }

    /// The stock this book is about.
    pub fn stock(&self) -> &Stock {
        &self.stock
    }

    /// Units of carts whose deadline has come are no longer theirs.
    fn lapse(&mut self, now: Instant) {
        while let Some(Reverse((deadline, number))) = self.deadlines.peek().copied() {
            if deadline > now {
                return;
            }
            self.deadlines.pop();
            if !matches!(self.carts[number].fate, Fate::Ordered(_)) {
                self.uncount(number);
            }
        }
    }

    fn uncount(&mut self, number: usize) {
        if std::mem::replace(&mut self.carts[number].counted, false) {
            for (slot, quantity) in self.carts[number].units.clone() {
                self.live[slot] = self.live[slot].saturating_sub(quantity);
                self.live_units = self.live_units.saturating_sub(quantity);
            }
        }
    }

    fn add(&mut self, slot: usize, quantity: u64, after: Duration) {
        self.live[slot] += quantity;
        self.live_units += quantity;
        let capacity = self.stock.places()[slot].capacity;
        if self.live[slot] > capacity {
            let worst = self.overdrawn.entry(slot).or_default();
            *worst = (*worst).max(self.live[slot]);
        }
        if self.live[slot] >= capacity && !std::mem::replace(&mut self.full_once[slot], true) {
            self.not_yet_full = self.not_yet_full.saturating_sub(1);
            if self.not_yet_full == 0 {
                self.all_full_after = Some(after);
            }
        }
        for (mark, reached) in &mut self.reached {
            if self.live_units >= *mark && reached.is_none() {
                *reached = Some(after);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Place;

    fn ledger() -> Ledger {
        let place = |id: &str, capacity| Place {
            id: id.into(),
            venue: "kiel".into(),
            product: "dose1".into(),
            day: 0,
            capacity,
        };
        Ledger::new(Rc::new(Stock::new(vec![place("a", 2), place("b", 1)])), Instant::now(), &[2])
    }

    #[test]
    fn a_unit_acknowledged_twice_shows_at_once() {
        let mut ledger = ledger();
        let now = Instant::now();
        ledger.held("cart_1", &[("b".into(), 1)], now, None);
        assert!(ledger.overdrawn.is_empty());
        ledger.held("cart_2", &[("b".into(), 1)], now, None);
        assert_eq!(ledger.overdrawn, BTreeMap::from([(1, 2)]));
        ledger.held("cart_2", &[("b".into(), 1)], now, None);
        assert_eq!(ledger.carts.len(), 2, "one cart, however often it is acknowledged");
        assert_eq!(ledger.oddities, ["cart_2 was acknowledged to two people"]);
    }

    #[test]
    fn what_is_being_given_back_may_be_sold_again() {
        let mut ledger = ledger();
        let now = Instant::now();
        ledger.held("cart_1", &[("a".into(), 2)], now, None);
        assert!(ledger.all_full_after.is_none() && ledger.reached[&2].is_some());
        ledger.giving_back("cart_1");
        ledger.held("cart_2", &[("a".into(), 2), ("b".into(), 1)], now, None);
        ledger.became("cart_1", Fate::GivenBack);
        assert!(ledger.overdrawn.is_empty());
        assert!(ledger.all_full_after.is_some(), "both slots were full once");
        assert_eq!(ledger.live_units(), 3);
    }

    #[test]
    fn a_cart_that_is_over_before_its_deadline_shows() {
        let mut ledger = ledger();
        let (now, soon) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        ledger.held("cart_1", &[("b".into(), 1)], now, Some(soon));
        ledger.expired("cart_1", soon);
        assert!(ledger.oddities.is_empty());
        ledger.expired("cart_1", now);
        assert_eq!(ledger.oddities, ["cart_1 was over before its deadline"]);
    }

    #[test]
    fn from_its_deadline_on_a_cart_has_nothing_unless_it_was_bought() {
        let mut ledger = ledger();
        let (now, soon) = (Instant::now(), Instant::now() + Duration::from_secs(1));
        ledger.held("cart_1", &[("b".into(), 1)], now, Some(soon));
        ledger.held("cart_2", &[("b".into(), 1)], soon, None);
        assert!(ledger.overdrawn.is_empty());
        // It was bought in the last moment after all: then the second one must not have been.
        ledger.ordered("cart_1", "order_1", &HeaderValue::from_static("k"), "once");
        assert_eq!(ledger.overdrawn, BTreeMap::from([(1, 2)]));
    }

    #[test]
    fn a_slot_nobody_offered_is_an_oddity() {
        let mut ledger = ledger();
        ledger.held("cart_1", &[("zzz".into(), 1)], Instant::now(), None);
        assert_eq!(ledger.oddities.len(), 1);
    }
}
