//! What a wave's codes are for: which slots units may be set aside of, and what a cart made with a code may hold.

use std::collections::BTreeMap;

use crate::codes::{Reserve, WaveTerms};
use crate::ids::Quantity;
use crate::time::Now;

use super::books::{Books, Line};
use super::code_books::Units;

/// Whether a slot of the sale is one that a wave may set units aside of.
pub(super) fn is_good(books: &Books, sale: &'static str, slot: &str, reserve: &Reserve, now: Now) -> bool {
    let Some(book) = books.slot(sale, slot) else { return false };
    let product = book.spec.product.as_deref();
    let sold_alone = || product.is_none_or(|name| books.sales[sale].rules.sold_only_in(name).is_none());
    book.released(now.wall)
        && book.spec.venue == reserve.venue()
        && !book.spec.accessible
        && match reserve {
            Reserve::Units { product: wanted, .. } => {
                sold_alone() && (wanted.is_none() || wanted.as_deref() == product)
            }
            Reserve::Bundle { .. } => true,
        }
}

/// Whether the first part of a bundle is in the time a wave is for.
pub(super) fn is_in_time(books: &Books, sale: &'static str, slot: &str, reserve: &Reserve) -> bool {
    let Reserve::Bundle { from, to, .. } = reserve else { return true };
    let starts = books.slot(sale, slot).and_then(|book| book.spec.starts_at);
    from.is_none_or(|from| starts.is_some_and(|starts| starts >= from))
        && to.is_none_or(|to| starts.is_some_and(|starts| starts < to))
}

/// What speaks against taking these lines with a code of a wave, beside units that stay.
pub(super) fn out_of_scope(
    books: &Books,
    sale: &'static str,
    terms: &WaveTerms,
    lines: &[Line],
    stays: Quantity,
) -> Option<&'static str> {
    let spec = |line: &Line| books.slot(sale, &line.slot).map(|book| &book.spec);
    let venues = || lines.iter().filter_map(spec).map(|spec| &spec.venue);
    if !terms.venues.is_empty() && venues().any(|venue| !terms.venues.contains(venue)) {
        return Some("another venue");
    }
    let reserve = terms.reserve.as_ref()?;
    if venues().any(|venue| *venue != reserve.venue()) {
        return Some("another venue than the units'");
    }
    match reserve {
        Reserve::Units { product, quantity, .. } => {
            let other = |line: &Line| spec(line).is_some_and(|spec| spec.product != *product);
            let units = stays + lines.iter().map(|line| line.quantity).sum::<Quantity>();
            if product.is_some() && lines.iter().any(other) {
                return Some("another product");
            }
            (units > Quantity::from(*quantity)).then_some("more units")
        }
        Reserve::Bundle { rule, .. } => {
            let parts = books.sales[sale].rules.bundle(rule).map_or(0, |rule| rule.parts.len());
            let whole = lines.len() == parts
                && lines.iter().all(|line| line.bundle != 0 && line.bundle == lines[0].bundle);
            if !whole {
                return Some("something else than one bundle");
            }
            (!is_in_time(books, sale, &lines[0].slot, reserve)).then_some("another time")
        }
    }
}

/// Units by slot.
pub(super) fn sums<'a>(units: impl IntoIterator<Item = &'a Units>) -> BTreeMap<String, Quantity> {
    let mut sums = BTreeMap::new();
    for (slot, units) in units {
        *sums.entry(slot.clone()).or_insert(0) += units;
    }
    sums
}
