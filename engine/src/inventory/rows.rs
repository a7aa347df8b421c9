//! Numbered seats by hall and row, in the order people sit: what `best` is chosen from.
//!
//! A hall is one section of one venue at one start, so that nobody is seated at two performances. A row knows its seats
//! by `position`, or by the natural order of their labels if any seat has none; where two neighbours' positions do not differ
//! by 1, or their labels not at all, there is a gap, and nobody sits across it. Of every row the hall keeps which runs of free seats it has
//! ([`runs`]) and, of every 64 rows, the sum: a search steps over what is full without looking at it.
//!
//! All of it is derived from the slots: kept as they come and change, in no fact and in no digest.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use smallvec::SmallVec;

pub use super::hall::{Hall, HallKey};
use super::natural;
use super::runs;
use super::slot::{ALWAYS, SlotInfo};
use crate::ids::SaleIx;
use crate::slab::Slab;
use crate::time::WallTime;

/// Stands for "no seat": a gap in a row, or a slot that is no seat.
pub const NONE: u32 = u32::MAX;

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its slots in the order of the seats, [`NONE`] for a gap.
    pub cells: Vec<u32>,
    /// Free seats, as bits.
    pub free: Vec<u64>,
    /// Seats that are accessible; empty if none is.
    pub accessible: Vec<u64>,
    /// Seats with held units.
    pub held: u32,
    /// All seats are for sale from here on, at the latest.
    pub released_by: WallTime,
    hall: u32,
    rank: u32,
    /// Seats without a position.
    unplaced: u32,
}

/// Where a seat is.
#[derive(Clone, Copy, Debug)]
struct Place {
    row: u32,
    cell: u32,
}

/// What the index must know of a seat besides its description.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// Its slot.
    pub slot: u32,
    /// Whether it is free.
    pub free: bool,
    /// Whether it is held.
    pub held: bool,
}

/// The halls of one shard.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    halls: Vec<Hall>,
    rows: Vec<Row>,
    places: Vec<Place>,
    by_key: BTreeMap<HallKey, u32>,
    by_venue: BTreeMap<(SaleIx, u32), Vec<u32>>,
}

fn set_bit(words: &mut Vec<u64>, at: u32, on: bool) {
    let (word, bit) = ((at >> 6) as usize, 1_u64 << (at & 63));
    if on {
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        words[word] |= bit;
    } else if let Some(word) = words.get_mut(word) {
        *word &= !bit;
    }
}

/// Whether a bit is set; beyond the end none is.
#[must_use]
pub fn bit(words: &[u64], at: u32) -> bool {
    words.get((at >> 6) as usize).is_some_and(|word| word >> (at & 63) & 1 == 1)
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or_else(|_| panic!("{len} rows or seats in one shard"))
}

fn position(infos: &Slab<SlotInfo>, slot: u32) -> Option<i32> {
    infos[slot].extra.as_ref()?.position
}

fn label(infos: &Slab<SlotInfo>, slot: u32) -> &str {
    infos[slot].extra.as_ref().and_then(|extra| extra.seat.as_deref()).unwrap_or("")
}

/// The order of two seats of one row.
fn order(infos: &Slab<SlotInfo>, by_position: bool, one: u32, other: u32) -> Ordering {
    let positions =
        if by_position { position(infos, one).cmp(&position(infos, other)) } else { Ordering::Equal };
    positions.then_with(|| natural::compare(label(infos, one), label(infos, other))).then(one.cmp(&other))
}

impl Row {
    fn new(hall: u32, rank: u32) -> Self {
        let (cells, free, accessible) = (Vec::new(), Vec::new(), Vec::new());
        Self { cells, free, accessible, held: 0, released_by: ALWAYS, hall, rank, unplaced: 0 }
    }

    /// The free seats that are not accessible.
    #[must_use]
    pub fn plain(&self) -> SmallVec<[u64; 4]> {
        let accessible = self.accessible.iter().copied().chain(std::iter::repeat(0));
        self.free.iter().zip(accessible).map(|(free, accessible)| free & !accessible).collect()
    }

    fn lengths(&self) -> u64 {
        if self.accessible.is_empty() { runs::lengths(&self.free) } else { runs::lengths(&self.plain()) }
    }

    /// The slots that are free, in order.
    fn free_slots(&self) -> Vec<u32> {
        runs::first_bits(&self.free, usize::MAX).map(|cell| self.cells[cell as usize]).collect()
    }

    /// Puts a seat at the end.
    fn push(&mut self, places: &mut Vec<Place>, row: u32, slot: u32, free: bool, infos: &Slab<SlotInfo>) {
        // Two slots for one seat are nobody's neighbours, least of all each other's.
        let apart = |last: u32| match self.unplaced {
            0 => position(infos, last).and_then(|last| last.checked_add(1)) != position(infos, slot),
            _ => label(infos, last) == label(infos, slot),
        };
        if self.cells.last().is_some_and(|last| apart(*last)) {
            self.cells.push(NONE);
        }
        let cell = number(self.cells.len());
        self.cells.push(slot);
        self.free.resize(self.cells.len().div_ceil(64), 0);
        set_bit(&mut self.free, cell, free);
        if infos[slot].is_accessible() {
            set_bit(&mut self.accessible, cell, true);
        }
        let slot = slot as usize;
        if places.len() <= slot {
            places.resize(slot + 1, Place { row: NONE, cell: NONE });
        }
        places[slot] = Place { row, cell };
    }
}

impl Rows {
    /// The halls of a venue, in the order they were imported.
    pub fn halls_of(&self, sale: SaleIx, venue: u32) -> impl Iterator<Item = &Hall> {
        let halls = self.by_venue.get(&(sale, venue)).map_or(&[][..], Vec::as_slice);
        halls.iter().map(|hall| &self.halls[*hall as usize])
    }

    /// A row by its number.
    #[must_use]
    pub fn row(&self, row: u32) -> &Row {
        &self.rows[row as usize]
    }

    /// Where in a hall a slot is, by the rank of its row and its cell; none if it is no seat of it.
    #[must_use]
    pub fn place_in(&self, hall: &Hall, slot: u32) -> Option<(u32, u32)> {
        let Place { row, cell } = *self.places.get(slot as usize).filter(|place| place.row != NONE)?;
        let rank = self.rows[row as usize].rank;
        (hall.rows.get(rank as usize) == Some(&row)).then_some((rank, cell))
    }

    /// A seat comes in. Seats that come in their order cost the same each; others cost a sort of their row.
    pub fn add(
        &mut self,
        key: HallKey,
        name: &str,
        seat: Seat,
        releases_at: WallTime,
        infos: &Slab<SlotInfo>,
    ) {
        let at = self.row_named(key, name);
        let row = &mut self.rows[at as usize];
        let was_by_position = row.unplaced == 0;
        row.unplaced += u32::from(position(infos, seat.slot).is_none());
        row.held += u32::from(seat.held);
        row.released_by = row.released_by.max(releases_at);
        let by_position = row.unplaced == 0;
        let follows =
            row.cells.last().is_none_or(|last| order(infos, by_position, *last, seat.slot) == Ordering::Less);
        if follows && (by_position == was_by_position || row.cells.is_empty()) {
            row.push(&mut self.places, at, seat.slot, seat.free, infos);
            self.count(at);
        } else {
            let mut slots: Vec<u32> = row.cells.iter().copied().filter(|slot| *slot != NONE).collect();
            let mut free = row.free_slots();
            slots.push(seat.slot);
            free.extend(seat.free.then_some(seat.slot));
            self.lay_out(at, slots, free, infos);
        }
    }

    /// A seat leaves its row, to come back elsewhere. Its description is still the one it came with, or the row is laid
    /// out by the new one: the rest of the row stays as it was either way.
    pub fn remove(&mut self, seat: Seat, had_position: bool, infos: &Slab<SlotInfo>) {
        let Place { row: at, .. } =
            std::mem::replace(&mut self.places[seat.slot as usize], Place { row: NONE, cell: NONE });
        let row = &mut self.rows[at as usize];
        row.unplaced -= u32::from(!had_position);
        row.held -= u32::from(seat.held);
        let keep = |slot: &u32| *slot != NONE && *slot != seat.slot;
        let slots = row.cells.iter().copied().filter(keep).collect();
        let free = row.free_slots().into_iter().filter(keep).collect();
        self.lay_out(at, slots, free, infos);
    }

    /// Puts the seats of a row in order again.
    fn lay_out(&mut self, at: u32, mut slots: Vec<u32>, mut free: Vec<u32>, infos: &Slab<SlotInfo>) {
        let row = &mut self.rows[at as usize];
        let by_position = row.unplaced == 0;
        slots.sort_by(|one, other| order(infos, by_position, *one, *other));
        free.sort_unstable();
        row.cells.clear();
        row.free.clear();
        row.accessible.clear();
        for slot in slots {
            row.push(&mut self.places, at, slot, free.binary_search(&slot).is_ok(), infos);
        }
        self.count(at);
    }

    /// Sums a row for its hall.
    fn count(&mut self, at: u32) {
        let row = &self.rows[at as usize];
        let hall = &mut self.halls[row.hall as usize];
        let before = std::mem::replace(&mut hall.free[row.rank as usize], runs::count(&row.free));
        hall.total = hall.total - before + hall.free[row.rank as usize];
        set_bit(&mut hall.accessible, row.rank, !row.accessible.is_empty());
        hall.set_lengths(row.rank, row.lengths());
    }

    fn row_named(&mut self, key: HallKey, name: &str) -> u32 {
        let halls = &mut self.halls;
        let by_venue = &mut self.by_venue;
        let at = *self.by_key.entry(key).or_insert_with(|| {
            let at = number(halls.len());
            halls.push(Hall::new(key));
            by_venue.entry((key.sale, key.venue)).or_default().push(at);
            at
        });
        let hall = &mut self.halls[at as usize];
        if let Some(row) = hall.named(name) {
            return row;
        }
        let row = number(self.rows.len());
        self.rows.push(Row::new(at, number(hall.rows.len())));
        hall.add_row(name, row);
        row
    }

    /// A seat became free or stopped being so.
    pub fn note_free(&mut self, slot: u32, free: bool) {
        let Place { row, cell } = self.places[slot as usize];
        let row = &mut self.rows[row as usize];
        set_bit(&mut row.free, cell, free);
        let hall = &mut self.halls[row.hall as usize];
        for count in [&mut hall.free[row.rank as usize], &mut hall.total] {
            *count = if free { *count + 1 } else { *count - 1 };
        }
        hall.set_lengths(row.rank, row.lengths());
    }

    /// Units of a seat became held or stopped being so.
    pub fn note_held(&mut self, slot: u32, held: bool) {
        let count = &mut self.rows[self.places[slot as usize].row as usize].held;
        *count = if held { *count + 1 } else { *count - 1 };
    }
}
