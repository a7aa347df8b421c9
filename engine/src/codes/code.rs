//! One code: its hash, how long it is good, the carts that were made with it, and the units it holds.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::digest::mix;
use crate::ids::{CartId, Quantity, SlotRef};
use crate::time::Timestamp;

/// A code as the engine knows it: 128 bits of a keyed hash over the sale and the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodeHash(pub u128);

/// Where a code lives: its shard of codes, and its place there. A place is never given to another code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodeRef {
    /// Shard of codes.
    pub shard: u8,
    /// Place in it.
    pub index: u32,
}

/// Marks a hold that belongs to a code in [`crate::expiry::Node::cart_shard`]; there are at most 64 shards.
pub const OWNER: u8 = 0x80;

/// The code a hold belongs to, if it is not a cart's.
#[must_use]
pub const fn owner_of(cart_shard: u8, cart_index: u32) -> Option<CodeRef> {
    if cart_shard & OWNER == 0 {
        return None;
    }
    Some(CodeRef { shard: cart_shard & !OWNER, index: cart_index })
}

/// What a cart was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coded {
    /// The code.
    pub code: CodeRef,
    /// Whether the cart stands on units that the code holds.
    pub reserves: bool,
}

/// Units that a code holds of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Of which slot.
    pub slot: SlotRef,
    /// Place of the hold among the shard's live holds; means nothing from the code's deadline on.
    pub node: u32,
    /// How many.
    pub quantity: u16,
    /// Tells the holds of a code apart.
    pub ordinal: u8,
}

/// One code.
#[derive(Clone, Debug)]
pub struct Code {
    /// Its hash in two halves: a `u128` would align the struct to 16.
    hash: [u64; 2],
    /// From here on it lets nobody in, and holds nothing.
    pub until: Timestamp,
    /// The wave it came with, by its number.
    pub wave: u32,
    /// Whether an operator took it back.
    pub revoked: bool,
    /// The last cart of each of its uses that was begun.
    pub carts: SmallVec<[CartId; 1]>,
    /// What it holds.
    pub reserved: SmallVec<[Reserved; 2]>,
}

/// Stands in [`Code::until`] for "no end": the year 10889.
pub const NO_END: Timestamp = Timestamp((1 << 48) - 1);

impl Code {
    /// A code that nobody has used.
    #[must_use]
    pub fn new(hash: CodeHash, wave: u32, until: Option<Timestamp>) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        let hash = [hash.0 as u64, (hash.0 >> 64) as u64];
        let until = until.unwrap_or(NO_END);
        Self { hash, until, wave, revoked: false, carts: SmallVec::new(), reserved: SmallVec::new() }
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> CodeHash {
        CodeHash(u128::from(self.hash[0]) | u128::from(self.hash[1]) << 64)
    }

    /// When it ends, if it does.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        (self.until < NO_END).then_some(self.until)
    }

    /// Whether it holds units at an instant.
    #[must_use]
    pub fn holds_at(&self, at: Timestamp) -> bool {
        !self.reserved.is_empty() && at < self.until
    }

    /// The inventory shards of what it holds, as a mask.
    #[must_use]
    pub fn shards(&self) -> u64 {
        self.reserved.iter().fold(0, |mask, units| mask | 1 << units.slot.shard)
    }

    /// The home shards of its carts, as a mask.
    #[must_use]
    pub fn homes(&self) -> u64 {
        self.carts.iter().fold(0, |mask, cart| mask | 1 << (cart.shard() & 63))
    }

    /// The units it holds, by slot, each slot once.
    #[must_use]
    pub fn units(&self) -> SmallVec<[(SlotRef, Quantity); 4]> {
        let mut sums = SmallVec::<[(SlotRef, Quantity); 4]>::new();
        for units in &self.reserved {
            match sums.iter_mut().find(|(slot, _)| *slot == units.slot) {
                Some((_, sum)) => *sum += Quantity::from(units.quantity),
                None => sums.push((units.slot, Quantity::from(units.quantity))),
            }
        }
        sums
    }

    /// An ordinal that none of its holds has.
    #[must_use]
    pub fn free_ordinal(&self) -> u8 {
        let taken = |ordinal: &u8| self.reserved.iter().any(|units| units.ordinal == *ordinal);
        (0..=u8::MAX).find(|ordinal| !taken(ordinal)).unwrap_or(u8::MAX)
    }

    /// What it adds to its shard's digest. Places of holds are left out, as in carts.
    #[must_use]
    pub fn digest(&self, index: u32) -> u64 {
        let mut hash = mix(u64::from(index) | 3 << 40, u64::from(self.wave) << 1 | u64::from(self.revoked));
        hash = mix(mix(mix(hash, self.hash[0]), self.hash[1]), self.until.0);
        for cart in &self.carts {
            hash = mix(hash, cart.0);
        }
        for units in &self.reserved {
            hash = mix(hash, u64::from(units.slot.index) << 8 | u64::from(units.slot.shard));
            hash = mix(hash, u64::from(units.quantity) << 8 | u64::from(units.ordinal));
        }
        hash
    }
}
