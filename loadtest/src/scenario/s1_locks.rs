//! What the server counts of its locks: whether the venues of the day share them, and how many a pair takes.

use std::collections::BTreeSet;

use super::s1_inventory::NewSlot;
use crate::client::Call;
use crate::failure::Failure;
use crate::operator::{Operator, unreadable};
use crate::verdict::Expectation;

/// Of the venues that have slots so many must lie in shards of their own: at a great scale fewer have any.
const SHARDS: u64 = 12;

/// What `/metrics` says of locks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Locks {
    stocked_shards: u64,
    opened: u64,
    locks: u64,
}

impl Locks {
    /// Asks for it.
    pub(super) async fn read(operator: &Operator) -> Result<Self, Failure> {
        const PATH: &str = "/metrics";
        let answer = operator.expect(Call::get(PATH), &[200]).await?;
        let text = String::from_utf8_lossy(&answer.body);
        Self::of(&text).ok_or_else(|| unreadable(PATH, "it has no counters of inventory locks"))
    }

    fn of(text: &str) -> Option<Self> {
        let value = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<u64>().ok())
        };
        Some(Self {
            stocked_shards: value("onsale_stocked_shards")?,
            opened: value("onsale_carts_opened_total")?,
            locks: value("onsale_carts_opened_locks_total")?,
        })
    }

    /// What is asked of it. Nobody holds anything but pairs.
    pub(super) fn expectations(&self, slots: &[NewSlot]) -> [Expectation; 2] {
        let venues: BTreeSet<&str> = slots.iter().map(|slot| slot.place.venue.as_str()).collect();
        let wanted = u64::try_from(venues.len()).unwrap_or(SHARDS).min(SHARDS);
        let Self { stocked_shards, opened, locks } = *self;
        [
            Expectation::asked(
                "the venues lie in shards of their own",
                format!("{wanted} of {}", venues.len()),
                format!("{stocked_shards} shards have slots"),
                stocked_shards >= wanted,
            ),
            Expectation::asked(
                "inventory locks that a pair takes",
                "1",
                format!("{locks} for {opened} carts"),
                locks == opened && opened > 0,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::s1_inventory;
    use super::*;
    use crate::verdict::Came;

    #[test]
    fn a_pair_that_takes_two_locks_is_a_miss() {
        let text = |shards: u64, locks: u64| {
            format!(
                "# TYPE onsale_carts_opened counter\nonsale_carts_opened_total 7\nonsale_carts_opened_locks_total {locks}\n\
                 onsale_stocked_shards {shards}\n"
            )
        };
        let came = |scale, shards, locks| {
            let read = Locks::of(&text(shards, locks)).expect("all three are there");
            read.expectations(&s1_inventory::opening(scale)).map(|expectation| expectation.came)
        };
        assert_eq!(came(1.0, 12, 7), [Came::True, Came::True]);
        assert_eq!(came(1.0, 11, 8), [Came::Missed, Came::Missed]);
        // Seven pairs are at seven venues.
        assert_eq!(came(300.0, 7, 7), [Came::True, Came::True]);
        assert_eq!(came(300.0, 6, 7), [Came::Missed, Came::True]);
        assert_eq!(Locks::of("onsale_carts_opened_total 7\n"), None);
    }
}
