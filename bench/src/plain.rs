//! The yardstick of the in-process benches: hold and confirm as a straightforward program does them, with the maps of the
//! standard library behind 64 mutexes and each step encoded for a journal. It knows no names, keys, limits, refusals, answers
//! or digests, writes nothing, and cannot be asked twice. What it does in the same minute says how fast the machine is just then.

use std::collections::{BTreeSet, HashMap, VecDeque};

use parking_lot::Mutex;

use crate::stall::{Goods, pick};

const SHARDS: usize = 64;
const HOLD_MS: u64 = 600_000;

/// What is left of one slot.
#[derive(Clone, Copy, Debug)]
struct Slot {
    free: u32,
    held: u32,
    sold: u32,
}

#[derive(Debug)]
struct Cart {
    slots: [u64; 2],
    customer: [u64; 2],
    deadline: u64,
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<u64, Slot>,
    carts: HashMap<u64, Cart>,
    deadlines: BTreeSet<(u64, u64)>,
}

/// A straightforward program that sells the same goods.
#[derive(Debug)]
pub struct Plain {
    goods: Goods,
    shards: Vec<Mutex<Shard>>,
    open: VecDeque<(usize, u64)>,
    journal: Vec<u8>,
    number: u64,
    state: u64,
}

impl Plain {
    /// With so many carts open.
    #[must_use]
    pub fn new(goods: Goods, live: usize) -> Self {
        let mut shards: Vec<Shard> = (0..SHARDS).map(|_| Shard::default()).collect();
        for venue in 0..goods.venues {
            for slot in 0..goods.slots {
                let left = Slot { free: 10_000_000, held: 0, sold: 0 };
                shards[venue % SHARDS].slots.insert(id(venue, slot), left);
            }
        }
        let shards = shards.into_iter().map(Mutex::new).collect();
        let mut plain =
            Self { goods, shards, open: VecDeque::new(), journal: Vec::new(), number: 0, state: 1 };
        for _ in 0..live {
            plain.hold();
        }
        plain
    }

    /// Holds two slots of a venue.
    ///
    /// # Panics
    /// If there is nothing left, which there is.
    pub fn hold(&mut self) {
        self.number += 1;
        self.state = onsale_engine::digest::mix(self.state, 7);
        let venue = pick(self.state >> 3, self.goods.venues);
        let slot = |bits| id(venue, pick(self.state >> bits, self.goods.slots));
        let (slots, cart, deadline) = ([slot(20), slot(40)], self.number, self.number + HOLD_MS);
        let customer = [self.state, self.number];
        let home = venue % SHARDS;
        let mut shard = self.shards[home].lock();
        assert!(slots.iter().all(|slot| shard.slots[slot].free > 1), "there is plenty");
        for slot in slots {
            let left = shard.slots.entry(slot).or_insert(Slot { free: 0, held: 0, sold: 0 });
            left.free -= 1;
            left.held += 1;
        }
        shard.carts.insert(cart, Cart { slots, customer, deadline });
        shard.deadlines.insert((deadline, cart));
        drop(shard);
        self.open.push_back((home, cart));
        self.write(1, &[cart, deadline, slots[0], slots[1], self.state]);
    }

    /// Confirms the oldest cart.
    pub fn confirm(&mut self) {
        let Some((home, number)) = self.open.pop_front() else { return };
        let mut shard = self.shards[home].lock();
        let Some(cart) = shard.carts.remove(&number) else { return };
        shard.deadlines.remove(&(cart.deadline, number));
        for slot in cart.slots {
            if let Some(left) = shard.slots.get_mut(&slot) {
                left.held -= 1;
                left.sold += 1;
            }
        }
        drop(shard);
        self.write(2, &[number, cart.customer[0]]);
    }

    /// Units held and sold, so that nothing of it is for nothing.
    #[must_use]
    pub fn units(&self) -> (u64, u64) {
        let mut units = (0, 0);
        for shard in &self.shards {
            for slot in shard.lock().slots.values() {
                units = (units.0 + u64::from(slot.held), units.1 + u64::from(slot.sold));
            }
        }
        units
    }

    /// As a journal would have it, three KiB of it at a time.
    fn write(&mut self, kind: u8, words: &[u64]) {
        if self.journal.len() > 64 * 48 {
            self.journal.clear();
        }
        self.journal.push(kind);
        words.iter().for_each(|word| self.journal.extend_from_slice(&word.to_le_bytes()));
    }
}

fn id(venue: usize, slot: usize) -> u64 {
    (venue as u64) << 32 | slot as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_confirmed_is_sold_and_no_longer_held() {
        let mut plain = Plain::new(Goods { venues: 2, slots: 3 }, 5);
        assert_eq!(plain.units(), (10, 0));
        plain.hold();
        plain.confirm();
        assert_eq!(plain.units(), (10, 2));
    }
}
