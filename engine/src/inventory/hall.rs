//! One hall: the rows of a section at one start, and which runs of free seats each has, so that a search steps over what
//! is full.

use std::collections::BTreeMap;

use crate::ids::SaleIx;
use crate::time::WallTime;

/// What the seats of a hall have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HallKey {
    /// The sale.
    pub sale: SaleIx,
    /// The venue, by its number in the shard.
    pub venue: u32,
    /// The section, if it has one.
    pub section: Option<u32>,
    /// When it begins.
    pub starts_at: Option<WallTime>,
}

/// One hall: its rows in the order they were imported.
#[derive(Clone, Debug)]
pub struct Hall {
    /// What its seats have in common.
    pub key: HallKey,
    /// Its rows.
    pub rows: Vec<u32>,
    /// Free seats of each row, accessible ones included.
    pub free: Vec<u32>,
    /// Free seats of all rows.
    pub total: u32,
    /// Rows that have an accessible seat, as bits.
    pub accessible: Vec<u64>,
    lengths: Vec<u64>,
    blocks: Vec<u64>,
    names: BTreeMap<Box<str>, u32>,
}

impl Hall {
    pub(super) fn new(key: HallKey) -> Self {
        Self {
            key,
            rows: Vec::new(),
            free: Vec::new(),
            total: 0,
            accessible: Vec::new(),
            lengths: Vec::new(),
            blocks: Vec::new(),
            names: BTreeMap::new(),
        }
    }

    /// The first row at or after `from` that has a run of one of the `wanted` lengths, see `runs::fitting`. One word
    /// tells 64 rows.
    #[must_use]
    pub fn next_with(&self, wanted: u64, from: u32) -> Option<u32> {
        let mut rank = from as usize;
        while rank < self.lengths.len() {
            if self.blocks[rank / 64] & wanted == 0 {
                rank = (rank / 64 + 1) * 64;
            } else if self.lengths[rank] & wanted == 0 {
                rank += 1;
            } else {
                return u32::try_from(rank).ok();
            }
        }
        None
    }

    /// Whether a row has a run of one of the lengths.
    #[must_use]
    pub fn has(&self, rank: usize, wanted: u64) -> bool {
        self.lengths[rank] & wanted != 0
    }

    pub(super) fn set_lengths(&mut self, rank: u32, lengths: u64) {
        let (rank, block) = (rank as usize, rank as usize / 64);
        let before = std::mem::replace(&mut self.lengths[rank], lengths);
        if before & !lengths == 0 {
            self.blocks[block] |= lengths;
        } else {
            let end = (block * 64 + 64).min(self.lengths.len());
            self.blocks[block] = self.lengths[block * 64..end].iter().fold(0, |sum, row| sum | row);
        }
    }

    /// Another row, and its rank.
    pub(super) fn add_row(&mut self, name: &str, row: u32) {
        self.rows.push(row);
        self.free.push(0);
        self.lengths.push(0);
        self.blocks.resize(self.rows.len().div_ceil(64), 0);
        self.names.insert(name.into(), row);
    }

    /// The row of a name.
    pub(super) fn named(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }
}
