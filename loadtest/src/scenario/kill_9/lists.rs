//! The lists at the end of the run: every order is in the list of its sale, no other is, and nobody has more than the limit.

use std::collections::BTreeMap;

use serde_json::Value;

use super::book::Sale;
use super::findings::{LISTED, TWICE};
use super::reckoning::Audit;
use super::shelf::LIMIT_UNITS;
use super::view::View;
use crate::failure::Failure;

impl Audit {
    /// Reads the lists of orders and compares them with the book.
    pub async fn orders(&self) -> Result<(), Failure> {
        for sale in [Sale::Keep, Sale::Lapse] {
            let path = format!("/v1/sales/{}/orders?limit=1000", sale.id());
            let mut listed = BTreeMap::new();
            let mut units = BTreeMap::<String, u64>::new();
            for order in self.operator.read_all::<Value>(&path).await? {
                let Some(view) = View::of(&order) else { continue };
                let customer = order["customer"].as_str().unwrap_or_default().to_owned();
                *units.entry(customer).or_default() += view.sold().map(|(_, units)| units).sum::<u64>();
                listed.insert(view.order.clone().unwrap_or_default(), view);
            }
            let mut findings = self.findings.borrow_mut();
            let book = self.floor.book.borrow();
            let known = book.carts.values().filter(|cart| cart.sale == sale && cart.view.order.is_some());
            for cart in known {
                let now = listed.remove(cart.view.order.as_deref().unwrap_or_default());
                let same = now.as_ref() == Some(&cart.view);
                let words = || format!("{} is listed as {now:?}", cart.view.words());
                findings.look(LISTED, (!same).then(words));
            }
            for (order, view) in listed {
                findings.look(LISTED, Some(format!("{order} {} was never acknowledged", view.words())));
            }
            for (customer, units) in units {
                let over = units > LIMIT_UNITS;
                findings.look(
                    TWICE,
                    over.then(|| format!("{customer} has {units} units, the limit is {LIMIT_UNITS}")),
                );
            }
        }
        Ok(())
    }
}
