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
        if let Err(why) = whole(stock, rule, &cart.units) {
            cases.push(format!("{}: {why}", cart.cart));
        }
    }
    for order in evidence.books.live_orders() {
        // Orders of other sales' products cannot be in this list; a slot we do not know makes its bundle half.
        let mut bundles: BTreeMap<&str, Vec<(usize, u64)>> = BTreeMap::new();
        for item in order.live_items() {
            let bundle = bundles.entry(item.bundle.as_deref().unwrap_or("")).or_default();
            bundle.extend(stock.number(&item.slot).map(|slot| (slot, item.quantity)));
        }
        for parts in bundles.values() {
            if let Err(why) = whole(stock, rule, parts) {
                cases.push(format!("{}: {why}", order.order));
            }
        }
    }
    let counted =
        format!("{} carts, {} orders", evidence.ledger.carts.len(), evidence.books.live_orders().count());
    Check::no_cases("no half bundle", &cases, counted)
}

fn whole(stock: &Stock, rule: &PairRule, parts: &[(usize, u64)]) -> Result<(), String> {
    let [(a, one), (b, other)] = parts else { return Err(format!("{} parts instead of 2", parts.len())) };
    if (*one, *other) != (1, 1) {
        return Err(format!("{one} and {other} units instead of one of each part"));
    }
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
        assert_eq!(whole(&stock, &rule, &[(0, 1), (1, 1)]), Ok(()));
        assert_eq!(whole(&stock, &rule, &[(1, 1), (0, 1)]), Ok(()));
        for half in [&[0][..], &[0, 2], &[0, 3], &[1, 3], &[0, 1, 3]] {
            let half: Vec<(usize, u64)> = half.iter().map(|slot| (*slot, 1)).collect();
            assert!(whole(&stock, &rule, &half).is_err(), "{half:?}");
        }
        assert!(whole(&stock, &rule, &[(0, 2), (1, 2)]).is_err(), "two pairs in one");
    }
}
