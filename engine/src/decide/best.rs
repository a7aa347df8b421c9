//! Looking for seats in one shard: a party in one row, or as near to it as can be had.
//!
//! The ways are tried in an order, each over the whole scope before the next: neatly in a row (nobody is left a lone
//! seat), at a place without numbers, in a row at the price of a lone seat, and for parties that need not be neighbours
//! in the fewest rows. In a way the first row in the order of import decides, in a row the place nearest to its centre.
//! Who asks for accessible seats gets a place where all are, else one where some are; nobody else is ever given one.

use std::cell::Cell;

use smallvec::SmallVec;

use super::bundle::units_of;
use super::scattered::fewest_rows;
use crate::fact::NewItem;
use crate::ids::{Quantity, SaleIx, SlotRef};
use crate::inventory::Shard;
use crate::inventory::rows::{Hall, NONE, Row, bit};
use crate::inventory::runs;
use crate::time::{Timestamp, WallTime};

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub sale: SaleIx,
    pub venue: &'a str,
    pub section: Option<&'a str>,
    pub quantity: Quantity,
    pub adjacent: bool,
    pub avoid_orphans: bool,
    pub accessible: bool,
}

/// Which seats of a row count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Those that are not accessible.
    Plain,
    /// Accessible ones.
    Accessible,
    /// Any, but at least one accessible.
    Companions,
}

/// A way to seat a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Side by side in one row.
    Run(Who, bool),
    /// At one slot without numbers.
    General,
    /// Anywhere in one hall, in the fewest rows.
    Scattered(Who),
}

impl Wish<'_> {
    /// The ways to fulfil it, best first.
    pub fn ways(&self) -> SmallVec<[Way; 8]> {
        let mut ways = SmallVec::new();
        let mut run = |who| {
            ways.push(Way::Run(who, self.avoid_orphans));
            if who != Who::Companions {
                ways.push(Way::General);
            }
            ways.extend(self.avoid_orphans.then_some(Way::Run(who, false)));
        };
        if self.accessible {
            run(Who::Accessible);
            run(Who::Companions);
        } else {
            run(Who::Plain);
        }
        if !self.adjacent {
            ways.push(Way::Scattered(if self.accessible { Who::Accessible } else { Who::Plain }));
        }
        ways
    }
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Rows whose seats were looked at.
    pub rows: u64,
    /// Slots without numbers.
    pub slots: u64,
}

/// What was found: seats of one unit each, or one slot for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub slots: SmallVec<[SlotRef; 4]>,
    /// Units of each.
    pub units: Quantity,
}

/// A search of one shard.
pub(crate) struct InShard<'a> {
    pub wish: &'a Wish<'a>,
    pub number: u8,
    pub shard: &'a Shard,
    /// Products that are sold only in bundles, by their numbers in the shard.
    pub barred: SmallVec<[u32; 2]>,
    /// Units spoken for by the same request.
    pub taken: &'a [NewItem],
    /// Units that the same step gives back; a slot stands here once.
    pub back: &'a [(SlotRef, Quantity)],
    /// What is released is released at this time.
    pub wall: WallTime,
    /// What is due is due at this time.
    pub at: Timestamp,
    /// Whether holds past their deadline count as free.
    pub count_due: bool,
    pub looked: &'a Cell<Looked>,
}

/// Free seats of a row that count.
pub(super) struct Free<'a> {
    row: &'a Row,
    words: SmallVec<[u64; 4]>,
    pub count: u32,
    number: u8,
}

impl<'a> InShard<'a> {
    /// The first that can be had in this way.
    pub fn find(&self, way: Way) -> Option<Found> {
        match way {
            Way::Run(who, neat) => self.halls().find_map(|hall| self.run(hall, who, neat)),
            Way::General => self.general(),
            Way::Scattered(who) => self.halls().find_map(|hall| {
                let enough = hall.total >= self.wish.quantity || self.count_due || !self.back.is_empty();
                let slots = enough.then(|| fewest_rows(self.wish.quantity, &self.free_rows(hall, who)))??;
                Some(Found { slots, units: 1 })
            }),
        }
    }

    pub(super) fn halls(&self) -> impl Iterator<Item = &'a Hall> + use<'a> {
        let names = &self.shard.names;
        let section = self.wish.section;
        let number = section.map(|section| names.known(section));
        let venue = names.known(self.wish.venue).filter(|_| number != Some(None));
        let (sale, rows) = (self.wish.sale, self.shard.rows());
        let halls = venue.into_iter().flat_map(move |venue| rows.halls_of(sale, venue));
        halls.filter(move |hall| number.is_none() || hall.key.section == number.flatten())
    }

    /// A place in the first row of a hall that has one.
    fn run(&self, hall: &'a Hall, who: Who, neat: bool) -> Option<Found> {
        let n = self.wish.quantity;
        let mut rank = 0;
        while let Some(here) = self.next_row(hall, who, neat, rank) {
            rank = here + 1;
            let free = self.free(hall, here, who);
            let cells = u32::try_from(free.row.cells.len()).unwrap_or(u32::MAX);
            let place = if who == Who::Companions {
                let accessible = &free.row.accessible;
                let good = |at: u32| (at..at + n).any(|cell| bit(accessible, cell));
                runs::place_where(&free.words, cells, n, neat, good)
            } else {
                runs::place(&free.words, cells, n, neat)
            };
            if let Some(at) = place {
                let slots = (at..at + n).map(|cell| free.slot(cell)).collect();
                return Some(Found { slots, units: 1 });
            }
        }
        None
    }

    /// The next row that can have a run.
    fn next_row(&self, hall: &Hall, who: Who, neat: bool, from: u32) -> Option<u32> {
        // Seats that are free but not for this party part a run: what was too long to be neat may then be so.
        let whole = self.taken.is_empty() && self.barred.is_empty() && self.shard.last_release() <= self.wall;
        let wanted = runs::fitting(self.wish.quantity, neat && whole);
        if who != Who::Plain {
            return runs::next_set(&hall.accessible, from);
        }
        let coming = self.back_in(hall).map(|(rank, _)| rank).filter(|rank| *rank >= from).min();
        if !self.count_due {
            return coming.into_iter().chain(hall.next_with(wanted, from)).min();
        }
        let rows = self.shard.rows();
        let rank = (from as usize..hall.rows.len())
            .find(|rank| hall.has(*rank, wanted) || rows.row(hall.rows[*rank]).held > 0)?;
        u32::try_from(rank).ok()
    }

    /// Seats of a hall that the same step gives back: the ranks of their rows and their cells.
    fn back_in(&self, hall: &Hall) -> impl Iterator<Item = (u32, u32)> {
        let rows = self.shard.rows();
        let here = self.back.iter().filter(|(slot, _)| slot.shard == self.number);
        here.filter_map(move |(slot, _)| rows.place_in(hall, slot.index))
    }

    fn free(&self, hall: &'a Hall, rank: u32, who: Who) -> Free<'a> {
        self.looked.update(|looked| Looked { rows: looked.rows + 1, ..looked });
        let row = self.shard.rows().row(hall.rows[rank as usize]);
        let mut words: SmallVec<[u64; 4]> = SmallVec::from_slice(&row.free);
        if self.count_due && row.held > 0 {
            for (cell, slot) in (0_u32..).zip(&row.cells) {
                if *slot != NONE && self.due(*slot, 1) {
                    words[(cell >> 6) as usize] |= 1 << (cell & 63);
                }
            }
        }
        for (_, cell) in self.back_in(hall).filter(|(there, _)| *there == rank) {
            words[(cell >> 6) as usize] |= 1 << (cell & 63);
        }
        let accessible = row.accessible.iter().copied().chain(std::iter::repeat(0));
        for (word, accessible) in words.iter_mut().zip(accessible) {
            match who {
                Who::Plain => *word &= !accessible,
                Who::Accessible => *word &= accessible,
                Who::Companions => {}
            }
        }
        let all_for_sale = row.released_by <= self.wall && self.barred.is_empty() && self.taken.is_empty();
        if !all_for_sale {
            let seats: SmallVec<[u32; 64]> = runs::first_bits(&words, usize::MAX).collect();
            for cell in seats.into_iter().filter(|cell| !self.for_sale(row.cells[*cell as usize], 1)) {
                words[(cell >> 6) as usize] &= !(1 << (cell & 63));
            }
        }
        let count = runs::count(&words);
        Free { row, words, count, number: self.number }
    }

    /// Whether a slot is for sale at all, and what the same request has taken of it leaves it enough.
    fn for_sale(&self, index: u32, units: Quantity) -> bool {
        let place = SlotRef { shard: self.number, index };
        let taken: Quantity =
            self.taken.iter().filter(|item| item.slot == place).map(|item| item.quantity).sum();
        let product = self.shard.group_of(index).key.product;
        self.shard.released(index, self.wall)
            && !product.is_some_and(|product| self.barred.contains(&product))
            && (taken == 0 || self.had(index, units + taken))
    }

    fn due(&self, index: u32, units: Quantity) -> bool {
        self.shard.slot(index).held > 0 && self.shard.due_for(index, self.at, units).1
    }

    fn had(&self, index: u32, units: Quantity) -> bool {
        let units = units.saturating_sub(units_of(self.back, SlotRef { shard: self.number, index }));
        self.shard.slot(index).free() >= units || self.count_due && self.due(index, units)
    }

    /// One slot without numbers that has enough for all.
    fn general(&self) -> Option<Found> {
        let n = self.wish.quantity;
        let names = &self.shard.names;
        let section = self.wish.section.map(|section| names.known(section));
        let good = |index: u32| {
            self.looked.update(|looked| Looked { slots: looked.slots + 1, ..looked });
            !self.shard.slot(index).numbered
                && self.shard.info(index).is_accessible() == self.wish.accessible
                && self.for_sale(index, n)
        };
        for group in self.shard.groups_of_venue(self.wish.sale, names.known(self.wish.venue)?) {
            let key = &group.key;
            if group.numbered as usize == group.slots.len()
                || section.is_some_and(|section| section.is_none() || key.section != section)
                || key.product.is_some_and(|product| self.barred.contains(&product))
            {
                continue;
            }
            let mut found = None;
            if group.counts.free() >= u64::from(n) {
                let mut rank = 0;
                while let Some(here) = group.next_with(n, rank, |slot| self.shard.slot(slot).free()) {
                    let index = group.slots[here as usize];
                    if good(index) {
                        found = Some(index);
                        break;
                    }
                    rank = here + 1;
                }
            }
            if found.is_none() {
                let coming =
                    |slot: &SlotRef| slot.shard == self.number && self.shard.group_of(slot.index).key == *key;
                let back = self.back.iter().filter(|(slot, _)| coming(slot)).map(|(slot, _)| slot.index);
                found = back.into_iter().find(|index| self.had(*index, n) && good(*index));
            }
            if found.is_none() && self.count_due && group.counts.held > 0 {
                found = group.slots.iter().copied().find(|index| self.due(*index, n) && good(*index));
            }
            if let Some(index) = found {
                let slots = SmallVec::from_slice(&[SlotRef { shard: self.number, index }]);
                return Some(Found { slots, units: n });
            }
        }
        None
    }

    /// All rows of a hall with free seats.
    pub(super) fn free_rows(&self, hall: &'a Hall, who: Who) -> Vec<Free<'a>> {
        let rows = self.shard.rows();
        let coming: SmallVec<[usize; 4]> = self.back_in(hall).map(|(rank, _)| rank as usize).collect();
        let some = |rank: &usize| {
            hall.free[*rank] > 0
                || self.count_due && rows.row(hall.rows[*rank]).held > 0
                || coming.contains(rank)
        };
        let ranks = (0..hall.rows.len()).filter(some).filter_map(|rank| u32::try_from(rank).ok());
        ranks.map(|rank| self.free(hall, rank, who)).filter(|free| free.count > 0).collect()
    }
}

impl Free<'_> {
    fn slot(&self, cell: u32) -> SlotRef {
        SlotRef { shard: self.number, index: self.row.cells[cell as usize] }
    }

    /// At most `n` of its seats, side by side if they can be.
    pub fn some(&self, n: Quantity) -> impl Iterator<Item = SlotRef> {
        let cells = u32::try_from(self.row.cells.len()).unwrap_or(u32::MAX);
        let from = runs::place(&self.words, cells, n, false).unwrap_or(0);
        let seats = runs::first_bits(&self.words, usize::MAX).filter(move |cell| *cell >= from);
        seats.take(n as usize).map(|cell| self.slot(cell))
    }
}
