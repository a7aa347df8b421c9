//! The server's own books, read through the API like anybody could, and the checks that compare them with themselves and
//! with what was acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use super::{Check, Evidence};
use crate::client::Call;
use crate::failure::Failure;
use crate::ledger::{Fate, Ledger};
use crate::operator::{Operator, unreadable};
use crate::wire::{Availability, Cart, Item, Order, Slot};

/// What the server says it has.
#[derive(Debug, Default)]
pub struct Books {
    pub(super) orders: HashMap<String, Order>,
    /// Counts by venue and day.
    pub(super) rows: Vec<Availability>,
    /// Slots, if they were wanted.
    pub(super) slots: Option<Vec<Slot>>,
    /// State of each cart asked for; absent if the server does not know it.
    pub(super) carts: HashMap<String, String>,
    /// When all of it had been read.
    pub(super) read_at: Option<Instant>,
}

impl Order {
    /// Lines that still hold units.
    pub fn live_items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| !item.cancelled)
    }
}

impl Books {
    /// Reads all orders, the counts, the slots if wanted, and the carts only it can tell about.
    pub async fn read(
        operator: &Operator,
        sale: &str,
        undecided: &[String],
        with_slots: bool,
    ) -> Result<Self, Failure> {
        let orders: Vec<Order> = operator.read_all(&format!("/v1/sales/{sale}/orders?limit=1000")).await?;
        let rows: Vec<Availability> =
            operator.read_all(&format!("/v1/sales/{sale}/availability?by=venue,day")).await?;
        let slots = if with_slots {
            Some(operator.read_all(&format!("/v1/sales/{sale}/slots?limit=1000")).await?)
        } else {
            None
        };
        let mut carts = HashMap::new();
        for cart in undecided {
            let path = format!("/v1/carts/{cart}");
            let answer = operator.ask(Call::get(&path)).await?;
            if answer.status == 200 {
                let read: Cart = answer.read().map_err(|error| unreadable(&path, error))?;
                carts.insert(cart.clone(), read.state);
            }
        }
        let orders = orders.into_iter().map(|order| (order.order.clone(), order)).collect();
        Ok(Self { orders, rows, slots, carts, read_at: Some(Instant::now()) })
    }

    /// Orders that still hold units.
    pub fn live_orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.values().filter(|order| order.state != "cancelled")
    }

    /// Units in live orders by slot.
    pub fn sold_by_slot(&self) -> BTreeMap<&str, u64> {
        let mut sold = BTreeMap::new();
        for item in self.live_orders().flat_map(Order::live_items) {
            *sold.entry(item.slot.as_str()).or_default() += item.quantity;
        }
        sold
    }

    /// Units of the stock that are in no live order.
    pub fn unsold(&self, ledger: &Ledger) -> u64 {
        ledger.stock().units().saturating_sub(self.sold_by_slot().values().sum())
    }

    fn total(&self, count: impl Fn(&Availability) -> Option<u64>) -> Option<u64> {
        self.rows.iter().map(count).sum()
    }
}

/// Over all orders of the books, no slot has more units than its capacity.
pub(super) fn nothing_sold_twice(evidence: &Evidence<'_>) -> Check {
    let stock = evidence.ledger.stock();
    let sold = evidence.books.sold_by_slot();
    let cases: Vec<String> = sold
        .iter()
        .filter_map(|(slot, units)| {
            let capacity = stock.places()[stock.number(slot)?].capacity;
            (*units > capacity).then(|| format!("{slot}: {units} sold of {capacity}"))
        })
        .collect();
    let counted = format!("{} units in orders", sold.values().sum::<u64>());
    Check::no_cases("nothing sold twice", &cases, counted)
}

/// Every order that was acknowledged is in the books, with the units that were acknowledged.
pub(super) fn nothing_acknowledged_lost(evidence: &Evidence<'_>) -> Check {
    let stock = evidence.ledger.stock();
    let mut cases = Vec::new();
    let (mut looked_at, mut told_to_somebody) = (0_u64, BTreeSet::new());
    for cart in &evidence.ledger.carts {
        let Fate::Ordered(id) = &cart.fate else { continue };
        looked_at += 1;
        if !told_to_somebody.insert(id) {
            cases.push(format!("{id} of {} is somebody else's as well", cart.cart));
        }
        let Some(order) = evidence.books.orders.get(id) else {
            cases.push(format!("{id} of {} is not in the books", cart.cart));
            continue;
        };
        let mut booked: BTreeMap<&str, u64> = BTreeMap::new();
        order.live_items().for_each(|item| *booked.entry(&item.slot).or_default() += item.quantity);
        let mut told: BTreeMap<&str, u64> = BTreeMap::new();
        for (slot, quantity) in &cart.units {
            *told.entry(&stock.places()[*slot].id).or_default() += quantity;
        }
        if order.state != "confirmed" {
            cases.push(format!("{id} is {} in the books", order.state));
        } else if booked != told {
            cases.push(format!("{id} has {booked:?} in the books, {told:?} was acknowledged"));
        }
    }
    Check::no_cases("nothing acknowledged lost", &cases, format!("{looked_at} acknowledged orders"))
}

/// A cart somebody walked away from is known to the server, and open until it expires.
pub(super) fn walked_away_carts_are_kept(evidence: &Evidence<'_>) -> Check {
    let mut looked_at = 0_u64;
    let mut cases = Vec::new();
    for cart in evidence.ledger.carts.iter().filter(|cart| cart.fate == Fate::Held) {
        looked_at += 1;
        match evidence.books.carts.get(&cart.cart).map(String::as_str) {
            Some("expired")
                if cart.deadline.zip(evidence.books.read_at).is_some_and(|(end, read)| read < end) =>
            {
                cases.push(format!("{} has expired before its deadline", cart.cart));
            }
            Some("open" | "expired") => {}
            Some(other) => cases.push(format!("{} is {other}", cart.cart)),
            None => cases.push(format!("{} is not known", cart.cart)),
        }
    }
    Check::no_cases("carts left open are kept", &cases, format!("{looked_at} carts"))
}

/// `free + held + sold + blocked = capacity` in every row of the counts.
pub(super) fn add_up(books: &Books) -> Check {
    let mut cases = Vec::new();
    for row in &books.rows {
        let name = format!("{} {}", row.venue.as_deref().unwrap_or(""), row.day.as_deref().unwrap_or(""));
        match (row.free_units(), row.held, row.sold, row.blocked) {
            (Some(free), Some(held), Some(sold), Some(blocked)) => {
                if free + held + sold + blocked != row.capacity {
                    let sum = format!("{free} free + {held} held + {sold} sold + {blocked} blocked");
                    cases.push(format!("{name}: {sum} is not {}", row.capacity));
                }
            }
            _ => cases.push(format!("{name}: a count is missing")),
        }
    }
    if books.rows.is_empty() {
        cases.push("the counts have no rows".to_owned());
    }
    Check::no_cases("free + held + sold + blocked = capacity", &cases, format!("{} rows", books.rows.len()))
}

/// The sold units of the counts are the units of the orders.
pub(super) fn sold_is_what_orders_say(books: &Books) -> Check {
    let in_orders: u64 = books.sold_by_slot().values().sum();
    let in_counts = books.total(|row| row.sold);
    let cases = match in_counts {
        Some(counted) if counted == in_orders => vec![],
        Some(counted) => vec![format!("{counted} sold in the counts, {in_orders} in orders")],
        None => vec!["a row of the counts does not tell what is sold".to_owned()],
    };
    Check::no_cases("sold units are those of the orders", &cases, format!("{in_orders} units"))
}

/// The held units of the counts are those of the carts we know to be open; what is unsure may be in or not.
pub(super) fn held_is_what_carts_say(evidence: &Evidence<'_>) -> Check {
    let units = |test: &dyn Fn(&str, &Fate) -> bool| -> u64 {
        let carts = evidence.ledger.carts.iter().filter(|cart| test(&cart.cart, &cart.fate));
        carts.flat_map(|cart| &cart.units).map(|(_, quantity)| quantity).sum()
    };
    let state = |cart: &str| evidence.books.carts.get(cart).map(String::as_str);
    let surely = units(&|cart, fate| *fate == Fate::Held && state(cart) == Some("open"));
    let unsure = evidence.ledger.unsure_units + units(&|_, fate| *fate == Fate::Unsure);
    let cases = match evidence.books.total(|row| row.held) {
        Some(held) if (surely..=surely + unsure).contains(&held) => vec![],
        Some(held) => {
            vec![format!("{held} held in the counts, {surely} in open carts ({unsure} more unsure)")]
        }
        None => vec!["a row of the counts does not tell what is held".to_owned()],
    };
    Check::no_cases("held units are those of the open carts", &cases, format!("{surely} units"))
}

/// For a sell-out: every slot is sold to its last unit.
pub fn sold_to_the_last(ledger: &Ledger, books: &Books) -> Check {
    let sold = books.sold_by_slot();
    let mut cases: Vec<String> = ledger
        .stock()
        .places()
        .iter()
        .filter_map(|place| {
            let units = sold.get(place.id.as_str()).copied().unwrap_or_default();
            (units != place.capacity).then(|| format!("{}: {units} of {} sold", place.id, place.capacity))
        })
        .collect();
    for slot in books.slots.iter().flatten() {
        let may_be_sold = slot.capacity.saturating_sub(slot.blocked.unwrap_or_default());
        if let Some(told) = slot.sold.filter(|told| *told != may_be_sold) {
            cases.push(format!("{}: the slot itself says {told} of {may_be_sold} sold", slot.id));
        }
    }
    let counted = format!("{} units in {} slots", ledger.stock().units(), ledger.stock().places().len());
    Check::no_cases("every unit is sold", &cases, counted)
}
