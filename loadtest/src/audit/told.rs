//! The way back from the books to the answers: whoever has an order was told so. Only a payment that never got its answer may
//! have become an order nobody knows of.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::books::Books;
use super::{Check, Evidence};
use crate::ledger::{Fate, HeldCart};
use crate::shown::SoldOut;
use crate::stock::Stock;
use crate::wire::Order;

/// Every order was acknowledged to somebody, or is what an unanswered payment was for.
pub(super) fn every_order_was_told(evidence: &Evidence<'_>) -> Check {
    let ledger = evidence.ledger;
    let told: HashSet<&str> = ledger
        .carts
        .iter()
        .filter_map(|cart| match &cart.fate {
            Fate::Ordered(order) => Some(order.as_str()),
            _ => None,
        })
        .collect();
    let unanswered = ledger.carts.iter().filter(|cart| cart.fate == Fate::Unsure && cart.paid_with.is_some());
    let mut lost: Vec<BTreeMap<&str, u64>> = unanswered.map(|cart| units_of(cart, ledger.stock())).collect();
    let mut cases = Vec::new();
    let mut orders: Vec<&Order> = evidence.books.orders.values().collect();
    orders.sort_unstable_by_key(|order| order.order.as_str());
    for order in orders.into_iter().filter(|order| !told.contains(order.order.as_str())) {
        let mut units: BTreeMap<&str, u64> = BTreeMap::new();
        order.items.iter().for_each(|item| *units.entry(&item.slot).or_default() += item.quantity);
        match lost.iter().position(|cart| *cart == units) {
            // Each unanswered payment explains one order.
            Some(number) => drop(lost.swap_remove(number)),
            None => cases.push(format!("{} ({}) of {units:?} was told to nobody", order.order, order.state)),
        }
    }
    let counted = format!("{} orders", evidence.books.orders.len());
    Check::no_cases("every order in the books was told", &cases, counted)
}

/// Where people were told that nothing is left and nothing will come back, all is sold in the end.
pub(super) fn nothing_left_was_true(told: &SoldOut, books: &Books) -> Check {
    let mut cases = Vec::new();
    for (venue, day) in told.iter().flat_map(|(venue, days)| days.iter().map(move |day| (venue, day))) {
        let here = |name: &Option<String>, wanted: &str| name.as_deref() == Some(wanted);
        let row = books.rows.iter().find(|row| here(&row.venue, venue) && here(&row.day, day));
        let left = row.and_then(|row| Some(row.free_units()? + row.held?));
        if left != Some(0) {
            cases
                .push(format!("{venue} {day} was told sold out, at the end {left:?} units are free or held"));
        }
    }
    let counted = format!("{} venues and days", told.values().map(BTreeSet::len).sum::<usize>());
    Check::no_cases("nothing left was only said of what is sold", &cases, counted)
}

fn units_of<'a>(cart: &HeldCart, stock: &'a Stock) -> BTreeMap<&'a str, u64> {
    let mut units = BTreeMap::new();
    for (slot, quantity) in &cart.units {
        *units.entry(stock.places()[*slot].id.as_str()).or_default() += quantity;
    }
    units
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::{Duration, Instant};

    use http::HeaderValue;

    use super::*;
    use crate::ledger::Ledger;
    use crate::measured::Measured;
    use crate::stock::Place;

    #[test]
    fn an_order_that_was_told_to_nobody_needs_a_payment_without_an_answer() {
        let place = |id: &str| Place {
            id: id.into(),
            venue: "kiel".into(),
            product: "dose1".into(),
            day: 0,
            capacity: 9,
        };
        let now = Instant::now();
        let key = HeaderValue::from_static("k");
        let mut ledger = Ledger::new(Rc::new(Stock::new(vec![place("a"), place("b")])), now, &[]);
        for (cart, slot) in [("told", "a"), ("lost", "b"), ("left", "a"), ("given-back", "a")] {
            ledger.held(cart, &[(slot.to_owned(), 1)], now, None);
        }
        ledger.ordered("told", "order_1", &key, "once");
        ledger.payment_unanswered("lost", &key, "twice");
        ledger.giving_back("given-back");
        let order = |id: &str, slot: &str| {
            serde_json::from_value(
                serde_json::json!({"order": id, "state": "confirmed", "items": [{"slot": slot}]}),
            )
            .unwrap()
        };
        let measured = Measured::new(now, Duration::from_secs(1));
        let check = |orders: &[(&str, &str)]| {
            let orders = orders.iter().map(|(id, slot)| ((*id).to_owned(), order(id, slot))).collect();
            let books = Books { orders, ..Books::default() };
            let (ledger, measured) = (&ledger, &measured);
            every_order_was_told(&Evidence {
                ledger,
                measured,
                books: &books,
                loaded: None,
                pairs: None,
                alone: true,
                without_final_answer: 0,
                not_asked: 0,
                visits: 4,
            })
            .holds
        };
        assert!(check(&[("order_1", "a")]));
        assert!(check(&[("order_1", "a"), ("order_2", "b")]), "the payment that got no answer");
        assert!(!check(&[("order_1", "a"), ("order_2", "a")]), "nobody asked to pay for that cart");
        assert!(!check(&[("order_2", "b"), ("order_3", "b")]), "one payment makes one order");
    }
}
