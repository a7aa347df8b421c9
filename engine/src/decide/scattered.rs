//! Seats for a party that need not sit together: from the fewest rows, of one hall or, at last, of several.

use smallvec::SmallVec;

use super::best::{Found, Free, InShard, Who, Wish};
use crate::ids::{Quantity, SlotRef};

/// Seats of one start in several halls, some of them perhaps in other shards: for parties that need not be neighbours,
/// when no hall has enough.
pub(super) fn anywhere(searches: &[InShard<'_>], wish: &Wish<'_>) -> Option<Found> {
    let who = if wish.accessible { Who::Accessible } else { Who::Plain };
    let mut starts = std::collections::BTreeMap::<_, Vec<Free<'_>>>::new();
    for search in searches {
        for hall in search.halls() {
            starts.entry(hall.key.starts_at).or_default().extend(search.free_rows(hall, who));
        }
    }
    let slots = starts.values().find_map(|rows| fewest_rows(wish.quantity, rows))?;
    Some(Found { slots, units: 1 })
}

/// Seats for `n` from the fewest rows: the first row that has enough, else the fullest ones.
pub(super) fn fewest_rows(n: Quantity, rows: &[Free<'_>]) -> Option<SmallVec<[SlotRef; 4]>> {
    if rows.iter().map(|row| row.count).sum::<u32>() < n {
        return None;
    }
    if let Some(row) = rows.iter().find(|row| row.count >= n) {
        return Some(row.some(n).collect());
    }
    let mut fullest: Vec<_> = rows.iter().collect();
    fullest.sort_by_key(|row| std::cmp::Reverse(row.count));
    let (mut slots, mut rest) = (SmallVec::new(), n);
    for row in fullest {
        slots.extend(row.some(rest));
        rest = rest.saturating_sub(row.count);
        if rest == 0 {
            break;
        }
    }
    Some(slots)
}
