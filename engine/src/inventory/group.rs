//! All slots of one sale, venue, section, local day and product: the counters people look at, kept as units move,
//! and a map of which slots have something free.

use std::cell::Cell;

use crate::ids::{Quantity, SaleIx};
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
    /// How many of its slots are numbered seats.
    pub numbered: u32,
    free: Vec<u64>,
    /// Of every 64 slots, a bound: none has more units free. Raised when units come back, lowered by who looks.
    most_free: Vec<Cell<Quantity>>,
}

impl Group {
    /// A group without slots.
    #[must_use]
    pub fn new(key: GroupKey) -> Self {
        Self {
            key,
            counts: Counts::default(),
            slots: Vec::new(),
            numbered: 0,
            free: Vec::new(),
            most_free: Vec::new(),
        }
    }

    /// Adds a slot and gives its rank.
    pub fn add(&mut self, slot: u32) -> u32 {
        let rank = self.slots.len();
        self.slots.push(slot);
        self.free.resize(self.slots.len().div_ceil(64), 0);
        self.most_free.resize(self.slots.len().div_ceil(64), Cell::new(0));
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

    /// Notes that a slot has come to have so many units free.
    #[inline]
    pub fn note_more(&mut self, rank: u32, free: Quantity) {
        let most = &mut self.most_free[(rank >> 6) as usize];
        *most.get_mut() = free.max(most.get());
    }

    /// The first slot at or after `from` that has `units` free, by its rank; `free` tells the units of a slot. Of 64 slots
    /// that turn out to have fewer, this is noted, so that the next who asks steps over them.
    pub fn next_with(&self, units: Quantity, from: u32, free: impl Fn(u32) -> Quantity) -> Option<u32> {
        let mut rank = from;
        loop {
            rank = self.next_free(rank)?;
            let block = rank >> 6;
            if self.most_free[block as usize].get() >= units {
                let whole = rank & 63 == 0 || self.next_free(block << 6) == Some(rank);
                let (mut most, mut at) = (0, Some(rank));
                while let Some(here) = at.filter(|here| here >> 6 == block) {
                    let has = free(self.slots[here as usize]);
                    if has >= units {
                        return Some(here);
                    }
                    most = has.max(most);
                    at = self.next_free(here + 1);
                }
                if whole {
                    self.most_free[block as usize].set(most);
                }
            }
            rank = (block + 1) << 6;
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
