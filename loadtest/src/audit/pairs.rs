//! No first appointment without its second: each bundle in the answers and in the books is one of each product, at one
//! venue, as many days apart as the rule says.

use std::collections::BTreeMap;

use super::{Check, Evidence, PairRule};
use crate::stock::Stock;

/// Looks at every acknowledged cart and every live order.
pub(super) fn no_half_bundle(evidence: &Evidence<'_>, rule: &PairRule) -> Check {
    let stock = evidence.ledger.stock();
    let mut cases = Vec::new();
    for cart in &evidence.ledger.carts {
        let slots: Vec<usize> = cart.units.iter().map(|(slot, _)| *slot).collect();
        if let Err(why) = whole(stock, rule, &slots) {
            cases.push(format!("{}: {why}", cart.cart));
        }
    }
    for order in evidence.books.live_orders() {
        // Orders of other sales' products cannot be in this list; a slot we do not know makes its bundle half.
        let mut bundles: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for item in order.live_items() {
            let bundle = bundles.entry(item.bundle.as_deref().unwrap_or("")).or_default();
            bundle.extend(stock.number(&item.slot));
        }
        for slots in bundles.values() {
            if let Err(why) = whole(stock, rule, slots) {
                cases.push(format!("{}: {why}", order.order));
            }
        }
    }
    let counted =
        format!("{} carts, {} orders", evidence.ledger.carts.len(), evidence.books.live_orders().count());
    Check::no_cases("no half bundle", &cases, counted)
}

fn whole(stock: &Stock, rule: &PairRule, slots: &[usize]) -> Result<(), String> {
    let [a, b] = slots else { return Err(format!("{} parts instead of 2", slots.len())) };
    let (a, b) = (&stock.places()[*a], &stock.places()[*b]);
    let (first, second) = if a.product == rule.first { (a, b) } else { (b, a) };
    if first.product != rule.first || second.product != rule.second {
        return Err(format!("{} and {}", first.product, second.product));
    }
    if first.venue != second.venue {
        return Err(format!("parts at {} and {}", first.venue, second.venue));
    }
    let gap = second.day - first.day;
    if rule.gap_days.contains(&gap) { Ok(()) } else { Err(format!("{gap} days apart")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Place;

    #[test]
    fn a_pair_is_both_products_at_one_venue_in_time() {
        let place = |id: &str, venue: &str, product: &str, day| Place {
            id: id.into(),
            venue: venue.into(),
            product: product.into(),
            day,
            capacity: 1,
        };
        let stock = Stock::new(vec![
            place("a", "kiel", "dose1", 0),
            place("b", "kiel", "dose2", 21),
            place("c", "husum", "dose2", 21),
            place("d", "kiel", "dose2", 29),
        ]);
        let rule = PairRule { first: "dose1", second: "dose2", gap_days: 21..=28 };
        assert_eq!(whole(&stock, &rule, &[0, 1]), Ok(()));
        assert_eq!(whole(&stock, &rule, &[1, 0]), Ok(()));
        for half in [&[0][..], &[0, 2], &[0, 3], &[1, 3], &[0, 1, 3]] {
            assert!(whole(&stock, &rule, half).is_err(), "{half:?}");
        }
    }
}
