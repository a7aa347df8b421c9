//! All slots of one sale, venue, section, local day and product: the counters people look at, kept as units move,
//! and a map of which slots have something free.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::slot::ALWAYS;
use crate::ids::{Quantity, SaleIx};
use crate::outcome::Counts;
use crate::time::{Timestamp, WallTime};

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
    /// How many of its slots are accessible: not for a party that did not ask.
    pub accessible: u32,
    /// Units that were ever held, since the start; no state.
    pub taken: u64,
    /// Held units that became free again, since the start; no state.
    pub returned: u64,
    free: Vec<u64>,
    /// Of every 64 slots, a bound: none has more units free. Raised when units come back, lowered by who looks.
    most_free: Vec<Cell<Quantity>>,
    /// Units that are not for sale yet, by when they will be. Only slots released after `released_to` are in it.
    unreleased: BTreeMap<WallTime, Unreleased>,
    released_to: WallTime,
    /// No hold is due before; `true`: and one is due then.
    first_due: Cell<(Timestamp, bool)>,
    /// Its slots by start and id, once somebody has listed them.
    in_order: RefCell<Option<Arc<[u32]>>>,
}

/// What of a group is released at one instant.
#[derive(Clone, Copy, Debug, Default)]
struct Unreleased {
    slots: u32,
    free: u64,
    held: u64,
}

/// A release that is to come. Those that bring something are before those that bring nothing: of slots without units, or with none
/// left, nobody needs to wait for more than the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    /// Whether nothing of it can be had or come back.
    pub empty: bool,
    /// When.
    pub at: WallTime,
}

/// Stands in `first_due` for "nothing is held".
const NEVER: Timestamp = Timestamp(u64::MAX);

impl Group {
    /// A group without slots.
    #[must_use]
    pub fn new(key: GroupKey) -> Self {
        Self {
            key,
            counts: Counts::default(),
            slots: Vec::new(),
            numbered: 0,
            accessible: 0,
            taken: 0,
            returned: 0,
            free: Vec::new(),
            most_free: Vec::new(),
            unreleased: BTreeMap::new(),
            released_to: ALWAYS,
            first_due: Cell::new((NEVER, true)),
            in_order: RefCell::default(),
        }
    }

    /// Adds a slot and gives its rank.
    pub fn add(&mut self, slot: u32) -> u32 {
        let rank = self.slots.len();
        self.slots.push(slot);
        self.reorder();
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

    /// The order of its slots is no longer known.
    pub fn reorder(&mut self) {
        *self.in_order.get_mut() = None;
    }

    /// Its slots in the order that `sort` makes, which is kept until a slot comes or moves.
    pub fn in_order(&self, sort: impl FnOnce(&mut [u32])) -> Arc<[u32]> {
        let mut kept = self.in_order.borrow_mut();
        let sorted = kept.get_or_insert_with(|| {
            let mut slots = self.slots.clone();
            sort(&mut slots);
            slots.into()
        });
        Arc::clone(sorted)
    }

    /// Notes that a slot with so many units free, and so many held, comes, if it is not for sale yet.
    #[inline]
    pub fn note_release(&mut self, releases_at: WallTime, free: Quantity, held: Quantity) {
        if releases_at > self.released_to {
            let here = self.unreleased.entry(releases_at).or_default();
            here.slots += 1;
            here.free += u64::from(free);
            here.held += u64::from(held);
        }
    }

    /// Takes back what [`Group::note_release`] noted.
    #[inline]
    pub fn forget_release(&mut self, releases_at: WallTime, free: Quantity, held: Quantity) {
        if releases_at > self.released_to
            && let Some(here) = self.unreleased.get_mut(&releases_at)
        {
            here.slots -= 1;
            here.free -= u64::from(free);
            here.held -= u64::from(held);
            if here.slots == 0 {
                self.unreleased.remove(&releases_at);
            }
        }
    }

    /// Forgets releases that have come. Their slots are no longer told apart, even if the wall goes back.
    pub fn release_to(&mut self, wall: WallTime) {
        self.released_to = self.released_to.max(wall);
        while let Some(first) = self.unreleased.first_entry().filter(|first| *first.key() <= wall) {
            first.remove();
        }
    }

    /// What is not for sale yet: units that are free, units that are held, and the next release.
    #[must_use]
    pub fn unreleased(&self) -> (u64, u64, Option<Release>) {
        let sum = |sum: (u64, u64), here: &Unreleased| (sum.0 + here.free, sum.1 + here.held);
        let (free, held) = self.unreleased.values().fold((0, 0), sum);
        let release =
            |(at, here): (&WallTime, &Unreleased)| Release { empty: here.free + here.held == 0, at: *at };
        (free, held, self.unreleased.iter().map(release).min())
    }

    /// Notes that a hold comes.
    #[inline]
    pub fn note_due(&mut self, deadline: Timestamp) {
        let first = self.first_due.get_mut();
        if deadline <= first.0 {
            *first = (deadline, true);
        }
    }

    /// Notes that a hold goes. If it was the first one due, the next is looked for when somebody asks.
    #[inline]
    pub fn note_gone(&mut self, deadline: Timestamp) {
        let held = self.counts.held;
        let first = self.first_due.get_mut();
        if held == 0 {
            *first = (NEVER, true);
        } else if deadline <= first.0 {
            first.1 = false;
        }
    }

    /// When the first hold is due; `look` finds it among the slots if it is not known.
    pub fn first_due(&self, look: impl FnOnce(&[u32]) -> Option<Timestamp>) -> Option<Timestamp> {
        if self.counts.held == 0 {
            return None;
        }
        if !self.first_due.get().1 {
            self.first_due.set((look(&self.slots).unwrap_or(NEVER), true));
        }
        Some(self.first_due.get().0).filter(|first| *first != NEVER)
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
