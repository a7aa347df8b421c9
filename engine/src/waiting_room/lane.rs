//! One lane: its tickets by number, their order, and how far calling has come.

use std::collections::VecDeque;

use super::draw::RunningDigest;
use super::grade::{First, Grade};
use super::permutation::Permutation;
use super::span::Span;
use crate::digest::mix;
use crate::slab::Slab;

/// One of so many calls goes to somebody who missed the turn.
pub const BACK_EVERY: u64 = 20;

/// Where a ticket stands, times aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Standing {
    /// Registered or waiting for its turn.
    #[default]
    Waiting = 0,
    /// Was not there when its turn came.
    Passed = 1,
    /// Missed its turn, is back, and waits among those who are.
    Back = 2,
    /// May come in.
    Called = 3,
    /// Is inside.
    Inside = 4,
    /// Was called and did not come in time.
    Lapsed = 5,
    /// Was inside; has bought, or the time was over.
    Over = 6,
    /// Went away.
    Left = 7,
}

impl Standing {
    /// The standing a byte of a snapshot stands for.
    #[must_use]
    pub const fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Waiting,
            1 => Self::Passed,
            2 => Self::Back,
            3 => Self::Called,
            4 => Self::Inside,
            5 => Self::Lapsed,
            6 => Self::Over,
            7 => Self::Left,
            _ => return None,
        })
    }
}

/// A ticket in memory. 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// A keyed hash of who proved to be it; 0 for a browser that proved nothing.
    person: [u64; 2],
    /// Milliseconds from the making of the line to the joining; 49 days at most.
    pub joined: u32,
    /// The first range it was shown, if its upper bound is not zero.
    first_shown: u32,
    first_low: Span,
    first_high: Span,
    /// Where it stands.
    pub standing: Standing,
}

impl Row {
    /// A ticket that joins.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "both halves are kept")]
    pub fn new(person: u128, joined: u32) -> Self {
        Self { person: [person as u64, (person >> 64) as u64], joined, ..Self::default() }
    }

    /// The first range it was shown.
    #[must_use]
    pub fn first(&self) -> Option<First> {
        let first = First { shown: self.first_shown, low: self.first_low, high: self.first_high };
        (!first.high.is_zero()).then_some(first)
    }

    /// It was shown its first range.
    pub fn show(&mut self, first: First) {
        (self.first_shown, self.first_low, self.first_high) = (first.shown, first.low, first.high);
    }

    /// Who proved to be it; 0 for nobody.
    #[must_use]
    pub fn person(&self) -> u128 {
        u128::from(self.person[0]) | u128::from(self.person[1]) << 64
    }

    /// What it adds to the line's digest.
    #[must_use]
    pub fn digest(&self, lane: u8, number: u32) -> u64 {
        let place = u64::from(lane) << 40 | u64::from(number) << 8 | self.standing as u64;
        let hash = mix(mix(self.person[0] ^ place, self.person[1]), u64::from(self.joined));
        // Who was shown nothing counts as in journals of before there were ranges.
        self.first().map_or(hash, |first| {
            let range = u64::from(first.low.bits()) << 16 | u64::from(first.high.bits());
            mix(hash, u64::from(first.shown) << 32 | range)
        })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct LaneLine {
    rows: Slab<Row>,
    /// The registrations, until the draw.
    pub registered: RunningDigest,
    /// The order of those who registered; none before the draw.
    permutation: Option<Permutation>,
    /// How many places have had their turn.
    pub turns: u32,
    /// How many were called, for the lane's share.
    pub called: u64,
    /// Who missed the turn and is back, in the order they came back.
    pub back: VecDeque<u32>,
    /// What came of the ranges that people were shown.
    pub grade: Grade,
}

impl LaneLine {
    /// Bytes of its tickets.
    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// A lane that nobody has joined.
    #[must_use]
    pub fn new(sale: &str, lane: &str) -> Self {
        Self {
            rows: Slab::default(),
            registered: RunningDigest::new(sale, lane),
            permutation: None,
            turns: 0,
            called: 0,
            back: VecDeque::new(),
            grade: Grade::default(),
        }
    }

    /// How many tickets there are: the next number.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.rows.places()
    }

    /// Whether nobody ever joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A ticket.
    #[must_use]
    pub fn row(&self, number: u32) -> Option<&Row> {
        self.rows.get(number)
    }

    pub(super) fn push(&mut self, row: Row) -> u32 {
        self.rows.push(row)
    }

    pub(super) fn row_mut(&mut self, number: u32) -> &mut Row {
        &mut self.rows[number]
    }

    pub(super) fn draw(&mut self, key: &[u8; 32]) {
        self.permutation = Some(Permutation::new(key, self.registered.count()));
    }

    /// The place of a ticket, from 0; none before the draw.
    #[must_use]
    pub fn place(&self, number: u32) -> Option<u32> {
        let permutation = self.permutation.as_ref()?;
        Some(if number < permutation.count() { permutation.place(number) } else { number })
    }

    /// The ticket at a place, both from 0; none before the draw or behind the last.
    #[must_use]
    pub fn at(&self, place: u32) -> Option<u32> {
        let permutation = self.permutation.as_ref()?;
        if place < permutation.count() {
            return Some(permutation.number(place));
        }
        (place < self.len()).then_some(place)
    }

    /// How many places have not had their turn.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.len() - self.turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_32_bytes_and_standings_come_back() {
        assert_eq!(size_of::<Row>(), 32);
        for byte in 0..8 {
            assert_eq!(Standing::of(byte).unwrap() as u8, byte);
        }
        assert_eq!(Standing::of(8), None);
        assert_eq!(Row::new(u128::MAX - 5, 0).person(), u128::MAX - 5);
    }
}
