//! Whether a success was allowed: the units were free, the sale was open, the limits were kept, the bundle is one.

use std::collections::BTreeMap;

use crate::ids::Quantity;
use crate::outcome::ItemView;
use crate::request::Want;
use crate::sale::SaleRules;
use crate::sequence::Sequence;
use crate::time::{Now, WallTime};

use super::books::{Books, CartBook, Line};
use super::seats::are_neighbours;

/// The lines that wants come to: what is named in its order, then what the server was to choose, as it was answered.
pub(super) fn expected_lines(
    rules: &SaleRules,
    wants: &[Want],
    bundles_before: u8,
    answered: &[ItemView],
) -> Vec<Line> {
    let line = |slot: &str, quantity: Quantity, bundle: u8, divisible: bool| Line {
        slot: slot.to_owned(),
        quantity,
        bundle,
        divisible,
        there: true,
        sold: false,
    };
    let divisible = |rule: &str| rules.bundle(rule).is_some_and(|rule| rule.cancel_parts);
    let (mut lines, mut choices, mut bundle) = (Vec::new(), Vec::new(), bundles_before);
    let parts = |rule: &str| rules.bundle(rule).map_or(0, |rule| rule.parts.len());
    for want in wants {
        match want {
            Want::Slot { slot, quantity } => lines.push(line(slot, *quantity, 0, false)),
            Want::Bundle { rule, slots } => {
                bundle += 1;
                lines.extend(slots.iter().map(|slot| line(slot, 1, bundle, divisible(rule))));
            }
            Want::AnyBundle { .. } | Want::Best { .. } => {
                bundle += 1;
                choices.push((bundle, want));
            }
        }
    }
    for (bundle, want) in choices {
        let (many, units, bundle, divisible) = match want {
            Want::AnyBundle { rule, .. } => (parts(rule), 1, bundle, divisible(rule)),
            // One place without numbers for all, or a seat each; neighbours go back together.
            Want::Best { quantity, adjacent, .. } => match answered.get(lines.len()) {
                Some(first) if first.quantity == *quantity => (1, *quantity, 0, false),
                _ => (*quantity as usize, 1, if *adjacent { bundle } else { 0 }, false),
            },
            Want::Slot { .. } | Want::Bundle { .. } => continue,
        };
        for _ in 0..many {
            let chosen = &answered[lines.len()];
            lines.push(line(&chosen.slot, units, bundle, divisible));
        }
    }
    lines
}

/// Units by slot.
pub(super) fn sums(lines: &[Line]) -> BTreeMap<&str, Quantity> {
    let mut sums = BTreeMap::new();
    for line in lines {
        *sums.entry(line.slot.as_str()).or_insert(0) += line.quantity;
    }
    sums
}

/// Demands that a cart could take these lines, while others leave it in the same step; what the code of a new cart holds comes
/// back for it.
pub(super) fn may_take(books: &Books, cart: &CartBook, lines: &[Line], leaving: &[Line], now: Now) {
    let sale = cart.sale;
    let rules = &books.sales[sale].rules;
    assert!(!lines.is_empty(), "nothing was taken");
    assert!(open(rules, now.wall), "taken at {:?} from a sale that is not open: {rules:?}", now.wall);
    let back = sums(leaving);
    let code = cart.code.and_then(|hash| books.code(sale, hash));
    let is_new = cart.touched == Sequence::ZERO;
    for (slot, units) in sums(lines) {
        let book = books.slot(sale, slot).unwrap_or_else(|| panic!("there is no slot {slot}"));
        assert!(book.released(now.wall), "slot {slot} is not released at {:?}", now.wall);
        let of_code = if is_new { code.map_or(0, |code| code.held(slot, now.engine)) } else { 0 };
        let back = of_code + back.get(slot).copied().unwrap_or(0);
        let free = books.free(sale, slot, now.engine) + i64::from(back);
        assert!(i64::from(units) <= free, "{units} units of {slot} were taken, {free} were free");
    }
    let having = books.having(cart.customer, sale, now.engine);
    let units = |lines: &[Line]| lines.iter().map(|line| u64::from(line.quantity)).sum::<u64>();
    let after = having.units + units(lines) - units(leaving);
    if let Some(limit) = rules.limit_units {
        let grows = after > having.units;
        assert!(!grows || after <= u64::from(limit), "{after} units, the limit is {limit}");
    }
    if let Some(limit) = rules.limit_orders {
        assert!(having.orders < u64::from(limit), "{} orders, the limit is {limit}", having.orders);
    }
    check_bundles(books, sale, rules, lines);
}

/// Whether a sale takes holds at a wall time.
pub(super) fn open(rules: &SaleRules, wall: WallTime) -> bool {
    rules.opens_at.is_none_or(|opens| wall >= opens) && rules.closes_at.is_none_or(|closes| wall < closes)
}

fn check_bundles(books: &Books, sale: &'static str, rules: &SaleRules, lines: &[Line]) {
    let mut bundles: BTreeMap<u8, Vec<&str>> = BTreeMap::new();
    for line in lines {
        if line.bundle == 0 {
            let product = books.slot(sale, &line.slot).and_then(|book| book.spec.product.as_deref());
            let only = product.and_then(|product| rules.sold_only_in(product));
            assert!(only.is_none(), "{} is sold only in {only:?}", line.slot);
        } else {
            bundles.entry(line.bundle).or_default().push(&line.slot);
        }
    }
    for slots in bundles.values() {
        // A sale without rules has no other bundles than neighbours.
        if rules.bundles.is_empty() {
            assert!(are_neighbours(books, sale, slots), "{slots:?} do not sit together");
            continue;
        }
        assert!(is_bundle(books, sale, rules, slots), "{slots:?} are no bundle of {rules:?}");
    }
}

/// Whether these slots make the bundle of the sale's one rule.
pub(super) fn is_bundle(books: &Books, sale: &'static str, rules: &SaleRules, slots: &[&str]) -> bool {
    let Some(rule) = rules.bundles.first() else { return false };
    let parts: Option<Vec<_>> = slots.iter().map(|slot| books.slot(sale, slot)).collect();
    let Some(parts) = parts else { return false };
    parts.len() == rule.parts.len()
        && parts.iter().zip(&rule.parts).all(|(slot, part)| slot.spec.product.as_deref() == Some(part))
        && parts.windows(2).all(|pair| {
            let gap = pair[1].day().zip(pair[0].day()).map(|(day, before)| day - before);
            let near = |(least, most): (u16, u16)| {
                gap.is_some_and(|gap| (i64::from(least)..=i64::from(most)).contains(&gap))
            };
            (!rule.same_venue || pair[0].spec.venue == pair[1].spec.venue) && rule.gap_days.is_none_or(near)
        })
}
