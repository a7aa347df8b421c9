//! From a hash to a place: an index that grows by one cache line at a time.
//!
//! A hash table that doubles moves everything at once while its lock is held, and to move an entry it must look at what
//! the entry stands for. Here one bucket is split whenever the entries have become too many (linear hashing), and an
//! entry carries the bits of its hash that this takes. A bucket is one cache line of seven entries: looking something up
//! waits for memory once, and comes near what the entry stands for only if it is nearly sure to be the right one.

use crate::slab::Slab;

/// Entries of a line.
const WIDE: usize = 7;

/// A bucket is split when there are more entries a bucket than this. Those that are not split yet in a round have up to
/// twice as many as those that are, so a higher load saves little: the second lines eat it.
const LOAD: usize = 4;

/// No line.
const NONE: u32 = u32::MAX;

/// One cache line of entries: 32 bits of hash, 32 of place. Its alignment is left to the chunk it is in: asked for more
/// than 16 bytes, an allocator takes a larger block.
#[derive(Clone, Debug)]
struct Line {
    tags: [u32; WIDE],
    places: [u32; WIDE],
    /// The line with more entries of the bucket; only a full line has one.
    next: u32,
    count: u32,
}

impl Line {
    const EMPTY: Self = Self { tags: [0; WIDE], places: [0; WIDE], next: NONE, count: 0 };

    /// Which entries have a tag, as bits. All are compared, without a branch.
    #[inline]
    fn with(&self, tag: u32) -> u32 {
        let mut bits = 0;
        for (place, here) in self.tags.iter().enumerate() {
            bits |= u32::from(*here == tag) << place;
        }
        bits & ((1 << self.count) - 1)
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// The first line of each bucket.
    buckets: Slab<Line>,
    /// Lines of buckets with more than one.
    more: Slab<Line>,
    len: usize,
}

/// The bits of a hash that an entry carries.
#[inline]
fn tag(hash: u64) -> u32 {
    u32::try_from(hash >> 32).unwrap_or(0)
}

impl Index {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bucket of a tag. With `n` buckets, `2^k <= n < 2^(k+1)`: those that are split already are told by `k + 1` bits.
    #[inline]
    fn bucket(&self, tag: u32) -> u32 {
        let buckets = self.buckets.places();
        let bits = 31 - buckets.leading_zeros();
        let low = tag & ((2_u32 << bits) - 1);
        if low < buckets { low } else { low & ((1 << bits) - 1) }
    }

    /// The place under a hash that is the right one.
    #[inline]
    #[must_use]
    pub fn find(&self, hash: u64, mut right: impl FnMut(u32) -> bool) -> Option<u32> {
        if self.buckets.places() == 0 {
            return None;
        }
        let tag = tag(hash);
        let mut line = &self.buckets[self.bucket(tag)];
        loop {
            let mut bits = line.with(tag);
            while bits != 0 {
                let place = line.places[bits.trailing_zeros() as usize];
                if right(place) {
                    return Some(place);
                }
                bits &= bits - 1;
            }
            if line.next == NONE {
                return None;
            }
            line = &self.more[line.next];
        }
    }

    /// Reads the bucket of a hash and says nothing about it.
    #[inline]
    #[must_use]
    pub fn touch(&self, hash: u64) -> u32 {
        if self.buckets.places() == 0 { 0 } else { self.buckets[self.bucket(tag(hash))].count }
    }

    /// Adds a place under a hash.
    pub fn insert(&mut self, hash: u64, place: u32) {
        if self.buckets.places() == 0 {
            self.buckets.push(Line::EMPTY);
        }
        let tag = tag(hash);
        self.put(self.bucket(tag), tag, place);
        self.len += 1;
        if self.len > self.buckets.places() as usize * LOAD {
            self.split();
        }
    }

    /// Takes a place out; false if it was not there under this hash.
    pub fn remove(&mut self, hash: u64, place: u32) -> bool {
        if self.buckets.places() == 0 {
            return false;
        }
        let tag = tag(hash);
        let bucket = self.bucket(tag);
        let mut before = None;
        let mut line = &self.buckets[bucket];
        let (mut holder, mut found) = (None, None);
        // The last entry of the bucket takes the place of the one that goes, so that only a last line is not full.
        loop {
            if found.is_none()
                && let Some(at) =
                    (0..line.count as usize).find(|at| line.tags[*at] == tag && line.places[*at] == place)
            {
                found = Some((holder, at));
            }
            if line.next == NONE {
                break;
            }
            (before, holder) = (holder, Some(line.next));
            line = &self.more[line.next];
        }
        let Some((from, at)) = found else { return false };
        let end = line.count as usize - 1;
        let (last_tag, last_place) = (line.tags[end], line.places[end]);
        let hole = self.line(bucket, from);
        (hole.tags[at], hole.places[at]) = (last_tag, last_place);
        let end = self.line(bucket, holder);
        end.count -= 1;
        if let Some(emptied) = holder.filter(|_| end.count == 0) {
            self.line(bucket, before).next = NONE;
            self.more.free(emptied);
        }
        self.len -= 1;
        true
    }

    fn line(&mut self, bucket: u32, more: Option<u32>) -> &mut Line {
        match more {
            None => &mut self.buckets[bucket],
            Some(more) => &mut self.more[more],
        }
    }

    #[inline]
    fn put(&mut self, bucket: u32, tag: u32, place: u32) {
        let mut at = None;
        loop {
            let line = self.line(bucket, at);
            let count = line.count as usize;
            if count < WIDE {
                (line.tags[count], line.places[count]) = (tag, place);
                line.count += 1;
                return;
            }
            at = Some(match line.next {
                NONE => {
                    let new = self.more.insert(Line::EMPTY);
                    self.line(bucket, at).next = new;
                    new
                }
                next => next,
            });
        }
    }

    /// One bucket becomes two: the next in turn, by the next bit of its entries.
    fn split(&mut self) {
        let new = self.buckets.places();
        let old = new - (1 << (31 - new.leading_zeros()));
        let bit = new - old;
        // A line's entries fit into one line each way, whatever their bits.
        let (mut stay, mut go) = (Line::EMPTY, Line::EMPTY);
        let line = &self.buckets[old];
        for (tag, place) in line.tags.into_iter().zip(line.places).take(line.count as usize) {
            let line = if tag & bit == 0 { &mut stay } else { &mut go };
            let at = line.count as usize;
            (line.tags[at], line.places[at]) = (tag, place);
            line.count += 1;
        }
        let mut next = line.next;
        self.buckets[old] = stay;
        self.buckets.push(go);
        while next != NONE {
            let line = self.more[next].clone();
            self.more.free(next);
            for (tag, place) in line.tags.into_iter().zip(line.places).take(line.count as usize) {
                self.put(if tag & bit == 0 { old } else { new }, tag, place);
            }
            next = line.next;
        }
    }
}

impl Index {
    /// Bytes of all lines.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.bytes() + self.more.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::mix;
    use std::collections::BTreeSet;

    #[test]
    fn the_index_and_its_naive_twin_agree() {
        for seed in 0..4 {
            let (mut index, mut twin) = (Index::default(), BTreeSet::new());
            let mut state = seed;
            // Few different hashes in every other run, so that buckets have many lines.
            let hash = |place: u32| {
                let hash = mix(77, u64::from(place));
                if seed % 2 == 0 { hash } else { hash & 0x1f << 32 }
            };
            for step in 0..30_000_u64 {
                state = mix(state, step);
                let place = u32::try_from(state >> 20 & 0xfff).unwrap();
                // Grows for a while, shrinks for a while.
                if state % 100 < if step / 5_000 % 2 == 0 { 75 } else { 20 } {
                    if twin.insert(place) {
                        index.insert(hash(place), place);
                    }
                } else {
                    assert_eq!(index.remove(hash(place), place), twin.remove(&place), "{place}");
                }
                assert_eq!(index.len(), twin.len());
                let other = u32::try_from(state >> 40 & 0xfff).unwrap();
                let found = index.find(hash(other), |here| here == other);
                assert_eq!(found, twin.contains(&other).then_some(other));
            }
            for place in 0..0x1000 {
                assert_eq!(index.find(hash(place), |here| here == place).is_some(), twin.contains(&place));
            }
        }
    }

    #[test]
    fn entries_are_told_apart_before_they_are_looked_at_and_cost_20_bytes_at_most() {
        let mut index = Index::default();
        let mut looked = 0;
        // Twice, or numbers in a row would lie too evenly.
        let mix = |seed, place: u64| mix(seed, mix(place, 1));
        for place in 0..100_000 {
            index.insert(mix(5, u64::from(place)), place);
            assert!(index.find(mix(5, u64::from(place)), |here| here == place).is_some());
            let wrong = index.find(mix(6, u64::from(place)), |_| {
                looked += 1;
                false
            });
            assert!(wrong.is_none());
            let (entries, lines) = (index.len(), index.buckets.places() + index.more.places());
            assert!(entries < 1_000 || lines as usize * 64 < 20 * entries, "{lines} lines for {entries}");
        }
        assert!(looked < 20, "{looked} wrong places were looked at");
        assert_eq!(size_of::<Line>(), 64);
    }
}
