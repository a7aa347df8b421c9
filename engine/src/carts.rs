//! Carts: what one customer holds, with one fate. A cart becomes an order in place, so an order is found like a cart.
//!
//! Items are never removed from a cart that lives: each says at which of the cart's versions it came and went. So the
//! answer to an idempotency key is rebuilt from the key's version instead of being kept.

use smallvec::SmallVec;

use crate::digest::mix;
use crate::ids::{ChannelIx, CustomerHash, GENERATION_BITS, Quantity, SaleIx, SlotRef};
use crate::time::{Timestamp, WallTime};

/// What a cart's record says. `Open` includes carts past their deadline that nobody has been told about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stage {
    /// A free place.
    Free = 0,
    /// Holds its units until the deadline.
    Open = 1,
    /// Became an order.
    Ordered = 2,
    /// Somebody was told that it ran past its deadline.
    Lapsed = 3,
    /// Was given back.
    Abandoned = 4,
}

/// Stands in [`Item::gone`] for "still there".
pub const PRESENT: u8 = u8::MAX;

/// Marks a bundle whose order may be cancelled in parts, in [`crate::fact::NewItem::bundle`] and [`crate::carts::Item::bundle`].
pub const DIVISIBLE: u8 = 0x80;

/// The number of a bundle without its mark.
#[must_use]
pub const fn bundle_number(bundle: u8) -> u8 {
    bundle & !DIVISIBLE
}

/// One hold of a cart, or one line of an order. 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Index of its slot in its shard.
    pub slot: u32,
    /// Place of its hold among the shard's live holds; means nothing once the cart has ended or the deadline passed.
    pub node: u32,
    /// Units.
    pub quantity: u16,
    /// The shard of its slot.
    pub shard: u8,
    /// The bundle of the cart it belongs to, from 1; 0 for none.
    pub bundle: u8,
    /// The version of the cart that brought it.
    pub came: u8,
    /// The version of the cart that took it away, or [`PRESENT`]. In an order: when it was cancelled.
    pub gone: u8,
}

impl Item {
    /// Where its slot lives.
    #[must_use]
    pub fn slot(&self) -> SlotRef {
        SlotRef { shard: self.shard, index: self.slot }
    }

    /// Whether it was there at a version.
    #[must_use]
    pub fn present_at(&self, version: u8) -> bool {
        self.came <= version && version < self.gone
    }

    /// Whether it is there.
    #[must_use]
    pub fn present(&self) -> bool {
        self.gone == PRESENT
    }
}

/// One cart. 80 bytes and what its items need beyond two.
#[derive(Clone, Debug)]
pub struct Cart {
    /// The customer's hash in two halves: a `u128` would align the struct to 16 and cost 8 bytes.
    customer: [u64; 2],
    /// While open: when its units are sellable again. Afterwards: when it ended; of an order [`Cart::confirmed_at`] knows.
    pub deadline: Timestamp,
    /// 44 bits of the latest the deadline can become by extending, 20 of the generation.
    hard_deadline_and_generation: u64,
    /// What it holds and held; the place is the ordinal.
    pub items: SmallVec<[Item; 2]>,
    /// Of which sale.
    pub sale: SaleIx,
    /// Who sold.
    pub channel: ChannelIx,
    /// Counts changes of the items, from 0; see [`MAX_VERSION`].
    pub version: u8,
    /// What became of it.
    pub stage: Stage,
    /// How many bundles it ever had.
    pub bundles: u8,
    /// In an order: the version of the items when it was confirmed.
    pub confirmed: u8,
}

/// The year 2527; a cart that could be extended longer ends then.
const LATEST_HARD_DEADLINE: u64 = (1 << (64 - GENERATION_BITS)) - 1;

/// A cart's items change at most so often.
pub const MAX_VERSION: u8 = 250;

impl Cart {
    /// A cart without items.
    #[must_use]
    pub fn new(
        generation: u32,
        sale: SaleIx,
        channel: ChannelIx,
        customer: CustomerHash,
        deadline: Timestamp,
        hard_deadline: Timestamp,
    ) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let customer = [customer.0 as u64, (customer.0 >> 64) as u64];
        Self {
            customer,
            deadline,
            hard_deadline_and_generation: hard_deadline.0.min(LATEST_HARD_DEADLINE) << GENERATION_BITS
                | u64::from(generation) & ((1 << GENERATION_BITS) - 1),
            items: SmallVec::new(),
            sale,
            channel,
            version: 0,
            stage: Stage::Open,
            bundles: 0,
            confirmed: 0,
        }
    }

    /// The latest the deadline can become by extending.
    #[must_use]
    pub fn hard_deadline(&self) -> Timestamp {
        Timestamp(self.hard_deadline_and_generation >> GENERATION_BITS)
    }

    /// Tells it from the cart that had the place before; as many bits as an id has for it.
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.hard_deadline_and_generation as u32 & ((1 << GENERATION_BITS) - 1)
    }

    /// It becomes an order. An order has no deadline any more, so the place keeps the wall time of this.
    pub fn confirm(&mut self, wall: WallTime) {
        self.stage = Stage::Ordered;
        self.deadline = Timestamp(u64::try_from(wall.0).unwrap_or(0));
        self.confirmed = self.version;
    }

    /// Of an order: when it was confirmed.
    #[must_use]
    pub fn confirmed_at(&self) -> WallTime {
        debug_assert_eq!(self.stage, Stage::Ordered);
        WallTime(i64::try_from(self.deadline.0).unwrap_or(i64::MAX))
    }

    /// The version of the items that became the order.
    #[must_use]
    pub fn confirmed_version(&self) -> u8 {
        self.confirmed
    }

    /// Whose it is.
    #[must_use]
    pub fn customer(&self) -> CustomerHash {
        CustomerHash(u128::from(self.customer[0]) | u128::from(self.customer[1]) << 64)
    }

    /// Whether it still has its units at an instant.
    #[must_use]
    pub fn open_at(&self, at: Timestamp) -> bool {
        self.stage == Stage::Open && at < self.deadline
    }

    /// Units of the items that are there.
    #[must_use]
    pub fn units(&self) -> Quantity {
        self.items.iter().filter(|item| item.present()).map(|item| Quantity::from(item.quantity)).sum()
    }

    /// The inventory shards its present items live in, as a mask.
    #[must_use]
    pub fn shards(&self) -> u64 {
        self.items.iter().filter(|item| item.present()).fold(0, |mask, item| mask | 1 << item.shard)
    }

    /// The inventory shards all items it ever had live in, as a mask.
    #[must_use]
    pub fn all_shards(&self) -> u64 {
        self.items.iter().fold(0, |mask, item| mask | 1 << item.shard)
    }

    /// What it adds to its shard's digest. Places of holds are left out: they mean nothing after the deadline.
    #[must_use]
    pub fn digest(&self, index: u32) -> u64 {
        let mut hash = mix(u64::from(index) | 2 << 40, u64::from(self.generation()) << 8 | self.stage as u64);
        hash = mix(hash, self.deadline.0);
        hash = mix(hash, self.hard_deadline().0);
        hash = mix(hash, self.customer[0]);
        for item in &self.items {
            hash = mix(
                hash,
                u64::from(item.slot) << 32 | u64::from(item.shard) << 16 | u64::from(item.quantity),
            );
            hash = mix(hash, u64::from(item.bundle) << 16 | u64::from(item.came) << 8 | u64::from(item.gone));
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stay_as_small_as_they_were_made() {
        assert_eq!((size_of::<Item>(), size_of::<Cart>()), (16, 80));
    }
}
