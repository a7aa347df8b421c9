//! What the server counts of its locks: whether the venues of the day share them, and how many a pair takes.

use super::s1_inventory::VENUES;
use crate::client::Call;
use crate::failure::Failure;
use crate::operator::{Operator, unreadable};
use crate::verdict::Expectation;

/// Of 15 venues so many must lie in shards of their own.
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
    pub(super) fn expectations(&self) -> [Expectation; 2] {
        let Self { stocked_shards, opened, locks } = *self;
        [
            Expectation::asked(
                "the venues lie in shards of their own",
                format!("{SHARDS} of {}", VENUES.len()),
                format!("{stocked_shards} shards have slots"),
                stocked_shards >= SHARDS,
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
        let came = |shards, locks| {
            let read = Locks::of(&text(shards, locks)).expect("all three are there");
            read.expectations().map(|expectation| expectation.came)
        };
        assert_eq!(came(12, 7), [Came::True, Came::True]);
        assert_eq!(came(11, 8), [Came::Missed, Came::Missed]);
        assert_eq!(Locks::of("onsale_carts_opened_total 7\n"), None);
    }
}
