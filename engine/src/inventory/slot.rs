//! A slot in memory: a hot part that every hold touches, and the rest.

use super::text::TextRef;
use crate::digest::mix;
use crate::expiry::{Due, UNSCHEDULED};
use crate::ids::{Quantity, SaleIx};
use crate::time::WallTime;

/// The hot part, and the name that every answer says. Units only ever move between `free` (what is left of the capacity),
/// `held`, `sold` and `blocked`. One cache line, so that a hold waits for memory once a slot.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Slot {
    /// All there is.
    pub capacity: Quantity,
    /// In live carts.
    pub held: Quantity,
    /// In orders.
    pub sold: Quantity,
    /// Withdrawn by an operator.
    pub blocked: Quantity,
    /// Its live holds by deadline.
    pub due: Due,
    /// The tick the ticker looks at it next.
    pub scheduled: u32,
    /// Its group in the shard.
    pub group: u32,
    /// Its place in the group.
    pub rank: u32,
    /// Of which sale.
    pub sale: SaleIx,
    /// Whether it is a numbered seat, which a row knows.
    pub numbered: bool,
    /// Not for sale before; the least value for "always was".
    pub releases_at: WallTime,
    /// Its public id.
    pub name: TextRef,
}

/// For slots that were never not released.
pub const ALWAYS: WallTime = WallTime(i64::MIN);

impl Slot {
    /// A slot nobody has touched.
    #[must_use]
    pub fn new(
        sale: SaleIx,
        capacity: Quantity,
        releases_at: WallTime,
        group: u32,
        rank: u32,
        name: TextRef,
    ) -> Self {
        Self {
            capacity,
            held: 0,
            sold: 0,
            blocked: 0,
            due: Due::default(),
            scheduled: UNSCHEDULED,
            group,
            rank,
            sale,
            numbered: false,
            releases_at,
            name,
        }
    }

    /// Units that can be held now. Holds past their deadline still count as held until they are settled.
    #[inline]
    #[must_use]
    pub fn free(&self) -> Quantity {
        self.capacity - self.held - self.sold - self.blocked
    }

    /// What it adds to the shard's digest.
    #[inline]
    #[must_use]
    pub fn digest(&self, index: u32) -> u64 {
        let units = mix(
            u64::from(self.capacity) << 32 | u64::from(self.held),
            u64::from(self.sold) << 32 | u64::from(self.blocked),
        );
        mix(units, u64::from(index) | 1 << 40)
    }
}

/// The rest: read when somebody looks at the slot.
#[derive(Clone, Debug)]
pub struct SlotInfo {
    /// When it begins.
    pub starts_at: Option<WallTime>,
    /// When it ends.
    pub ends_at: Option<WallTime>,
    /// What only some slots have.
    pub extra: Option<Box<SlotExtra>>,
}

impl SlotInfo {
    /// Whether `best` chooses it only when asked to: the field says so, or a label of that name.
    #[must_use]
    pub fn is_accessible(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| {
            let label = |(name, value): &(String, String)| {
                name == "accessible" && !matches!(value.as_str(), "" | "0" | "false" | "no")
            };
            extra.accessible || extra.labels.iter().any(label)
        })
    }
}

/// What only some slots have.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SlotExtra {
    /// The row of a numbered seat.
    pub row: Option<String>,
    /// The seat's label.
    pub seat: Option<String>,
    /// Its place in the row.
    pub position: Option<i32>,
    /// In the smallest unit of the shop's currency.
    pub price: Option<i64>,
    /// Never chosen by `best` unless asked for.
    pub accessible: bool,
    /// Anything else.
    pub labels: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hot_part_is_one_cache_line() {
        assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (64, 64));
    }
}
