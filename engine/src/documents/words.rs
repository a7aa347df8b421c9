//! The word for how stock stands: one table for a slot, a venue, a day.
//!
//! | the sale | for sale now | not yet for sale | word | also says |
//! |---|---|---|---|---|
//! | has closed | any | any | `closed` | |
//! | opens later | any | any | `not_released` | when it opens, or its first release after that if nothing is for sale before |
//! | is open | some free | any | `few` or `available` | the next release, if there is one |
//! | is open | none free, some held | any | `all_held` | the earliest return, and the next release |
//! | is open | none free, none held | some | `not_released` | the next release |
//! | is open | none free, none held | none | `sold_out` | |

use crate::inventory::Release;
use crate::outcome::{Counts, StockState};
use crate::sale::SaleRules;
use crate::time::WallTime;

/// Units, and which of them are not for sale yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// All units.
    pub counts: Counts,
    /// Free ones of slots that are not released.
    pub free_later: u64,
    /// Held ones of slots that are not released: set aside before, or taken before the release was put off.
    pub held_later: u64,
    /// The first release of the others.
    pub next_release: Option<Release>,
}

impl Standing {
    /// Adds another's units to its own.
    pub fn add(&mut self, other: &Self) {
        self.counts.capacity += other.counts.capacity;
        self.counts.held += other.counts.held;
        self.counts.sold += other.counts.sold;
        self.counts.blocked += other.counts.blocked;
        self.free_later += other.free_later;
        self.held_later += other.held_later;
        self.next_release = match (self.next_release, other.next_release) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// Units that can be held now, if the sale is open.
    #[must_use]
    pub fn free_now(&self) -> u64 {
        self.counts.free().saturating_sub(self.free_later)
    }

    /// Whether a slot that is released has a unit which can be had, or can come back. A slot without units, or with none left,
    /// is nothing to wait for.
    fn some_released(&self) -> bool {
        self.free_now() > 0 || self.counts.held > self.held_later
    }
}

/// The word, and when more will be for sale.
#[must_use]
pub fn word(standing: &Standing, rules: &SaleRules, wall: WallTime) -> (StockState, Option<WallTime>) {
    if rules.closes_at.is_some_and(|closes| wall >= closes) {
        return (StockState::Closed, None);
    }
    let next = standing.next_release.map(|next| next.at).filter(|next| *next > wall);
    if let Some(opens) = rules.opens_at.filter(|opens| wall < *opens) {
        let first = if standing.some_released() { opens } else { opens.max(next.unwrap_or(opens)) };
        return (StockState::NotReleased, Some(first));
    }
    let free = standing.free_now();
    let few = free <= u64::from(rules.few_units)
        || free * 100 <= standing.counts.capacity * u64::from(rules.few_percent);
    let state = match (free, standing.counts.held) {
        (0, 0) if next.is_some() => StockState::NotReleased,
        (0, 0) => StockState::SoldOut,
        (0, _) => StockState::AllHeld,
        _ if few => StockState::Few,
        _ => StockState::Available,
    };
    (state, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a case: capacity, held, sold, blocked, free later, held later (none if not said); opens, closes, next release (0 for none); at 100.
    #[test]
    fn every_case_has_its_word() {
        let table = "
            100   0  0  0   0 |   0   0   0 | Available   -
            100   0 90  0   0 |   0   0   0 | Few         -
            100   0 89  0   0 |   0   0   0 | Available   -
              5   0  0  0   0 |   0   0   0 | Few         -
              6   0  0  0   0 |   0   0   0 | Available   -
             10  10  0  0   0 |   0   0   0 | AllHeld     -
             10   1  9  0   0 |   0   0   0 | AllHeld     -
             10   0 10  0   0 |   0   0   0 | SoldOut     -
             10   0  4  6   0 |   0   0   0 | SoldOut     -
              0   0  0  0   0 |   0   0   0 | SoldOut     -
             10   0  0  0  10 |   0   0 200 | NotReleased 200
             20   0 10  0  10 |   0   0 200 | NotReleased 200
             20   1  9  0  10 |   0   0 200 | AllHeld     200
             40   0 10  0  10 |   0   0 200 | Available   200
             20   0  8  0  10 |   0   0 200 | Few         200
            100   0  0  0   0 | 150   0   0 | NotReleased 150
             10   0  0  0  10 | 150   0 200 | NotReleased 200
             10   0  0  0  10 | 150   0 120 | NotReleased 150
             10   0  0  0   5 | 150   0 200 | NotReleased 150
              3   0  0  0   3 | 150   0 200 | NotReleased 200
             10   0  3  4   3 | 150   0 200 | NotReleased 200
             10   7  0  0   3 | 150   0 200 | NotReleased 150
             10   7  0  0 3 7 | 150   0 200 | NotReleased 200
             10   0  0  0   0 | 100   0   0 | Available   -
             10   0  0  0   0 |   0 100   0 | Closed      -
             10   0  0  0  10 |   0 100 200 | Closed      -
             10   0  0  0   0 |   0 101   0 | Available   -
             10   0  0  0   0 |   0   0 100 | Available   -
        ";
        for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let parts: Vec<&str> = line.split('|').collect();
            let numbers = |part: &str| -> Vec<u64> {
                part.split_whitespace().map(|number| number.parse().unwrap()).collect()
            };
            let (units, times) = (numbers(parts[0]), numbers(parts[1]));
            let time = |at: usize| (times[at] > 0).then(|| WallTime(times[at].cast_signed()));
            let counts = Counts { capacity: units[0], held: units[1], sold: units[2], blocked: units[3] };
            let standing = Standing {
                counts,
                free_later: units[4],
                held_later: units.get(5).copied().unwrap_or(0),
                next_release: time(2).map(|at| Release { empty: false, at }),
            };
            let rules = SaleRules { opens_at: time(0), closes_at: time(1), ..SaleRules::new("day", "UTC") };
            let (state, next) = word(&standing, &rules, WallTime(100));
            let said = format!("{state:?} {}", next.map_or("-".into(), |next| next.0.to_string()));
            let expected: Vec<&str> = parts[2].split_whitespace().collect();
            assert_eq!(said, expected.join(" "), "{line}");
        }
    }
}
