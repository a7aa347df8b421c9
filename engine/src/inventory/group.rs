//! All slots of one sale, venue, section, local day and product: the counters people look at, kept as units move,
//! and a map of which slots have something free.

use crate::ids::SaleIx;
use crate::outcome::Counts;

/// What the slots of a group have in common. Names are numbers of the shard's interned names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// The sale.
    pub sale: SaleIx,
    /// The venue.
    pub venue: u32,
    /// The product, if it has one.
    pub product: Option<u32>,
    /// The local day of the start, as days since 1970-01-01, if there is a start.
    pub day: Option<i32>,
    /// The section, if it has one.
    pub section: Option<u32>,
}

/// One group.
#[derive(Clone, Debug)]
pub struct Group {
    /// What its slots have in common.
    pub key: GroupKey,
    /// Their units, summed.
    pub counts: Counts,
    /// Their indices, in the order they came.
    pub slots: Vec<u32>,
    free: Vec<u64>,
}

impl Group {
    /// A group without slots.
    #[must_use]
    pub fn new(key: GroupKey) -> Self {
        Self { key, counts: Counts::default(), slots: Vec::new(), free: Vec::new() }
    }

    /// Adds a slot and gives its rank.
    pub fn add(&mut self, slot: u32) -> u32 {
        let rank = self.slots.len();
        self.slots.push(slot);
        self.free.resize(self.slots.len().div_ceil(64), 0);
        u32::try_from(rank).unwrap_or_else(|_| panic!("a group of {rank} slots"))
    }

    /// Notes whether a slot has something free.
    #[inline]
    pub fn note_free(&mut self, rank: u32, free: bool) {
        let (word, bit) = ((rank >> 6) as usize, 1_u64 << (rank & 63));
        if free {
            self.free[word] |= bit;
        } else {
            self.free[word] &= !bit;
        }
    }

    /// The first rank at or after `from` that has something free. One word tells 64 slots.
    #[must_use]
    pub fn next_free(&self, from: u32) -> Option<u32> {
        let mut word = (from >> 6) as usize;
        let mut bits = self.free.get(word)? & (u64::MAX << (from & 63));
        loop {
            if bits != 0 {
                return u32::try_from(word * 64).ok().map(|start| start + bits.trailing_zeros());
            }
            word += 1;
            bits = *self.free.get(word)?;
        }
    }
}
