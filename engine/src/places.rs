//! From the hash of a name to the place of its slot: written under a lock, looked at without one. Nothing is ever taken out.
//!
//! Every hold looks for its slots here, from every core and somewhere in all the memory there is. A lock, even one that many
//! may hold at a time, is a line that each of them writes, and behind it no look begins before the one before it has ended.
//! Here nothing is written by who looks, and the looks of a request wait for memory together.
//!
//! An entry is three words: both halves of the hash, and the place. The first half is zero while nobody is there, and it is
//! written last: who sees it sees the others. A part that becomes too full is written anew, twice as large, and the old one
//! stays as it was for whoever still looks at it. There are many parts, so that this never takes long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use crate::ids::SlotRef;
use crate::sync::Mutex;

/// A power of two; the upper bits of a hash say which.
const PARTS: usize = 64;

/// Entries of a part that has none yet. All lengths are powers of two.
const LEAST: usize = 8;

/// Stands in [`Entry::first`] where nobody is.
const NOBODY: u64 = 0;

#[derive(Debug, Default)]
struct Entry {
    first: AtomicU64,
    second: AtomicU64,
    place: AtomicU64,
}

impl Entry {
    fn set(&self, [first, second]: [u64; 2], place: u64) {
        self.place.store(place, Ordering::Relaxed);
        self.second.store(second, Ordering::Relaxed);
        self.first.store(first, Ordering::Release);
    }
}

type Parts = [Arc<[Entry]>; PARTS];

fn entries(count: usize) -> Arc<[Entry]> {
    (0..count).map(|_| Entry::default()).collect()
}

/// A hash that no empty entry has.
fn told([first, second]: [u64; 2]) -> [u64; 2] {
    [first.max(NOBODY + 1), second]
}

#[expect(clippy::cast_possible_truncation, reason = "there are as many parts as these bits tell")]
fn part_of([_, second]: [u64; 2]) -> usize {
    (second >> (64 - PARTS.ilog2())) as usize
}

/// The entry of a hash, or the empty one where it belongs; and whether it is there. A part is never full.
#[inline]
fn seek(part: &[Entry], [first, second]: [u64; 2]) -> (&Entry, bool) {
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are meant")]
    let mut at = second as usize;
    loop {
        let entry = &part[at & (part.len() - 1)];
        match entry.first.load(Ordering::Acquire) {
            NOBODY => return (entry, false),
            here if here == first && entry.second.load(Ordering::Relaxed) == second => return (entry, true),
            _ => at = at.wrapping_add(1),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Places {
    parts: ArcSwap<Parts>,
    /// How many each part has. Who holds this may write.
    counts: Mutex<[usize; PARTS]>,
}

impl Default for Places {
    fn default() -> Self {
        let parts = std::array::from_fn(|_| entries(LEAST));
        Self { parts: ArcSwap::from_pointee(parts), counts: Mutex::new([0; PARTS]) }
    }
}

impl Places {
    /// All places as they stand, to look for several.
    #[inline]
    #[must_use]
    pub fn look(&self) -> Look {
        Look(self.parts.load())
    }

    /// Keeps the place of a hash, or another one of a hash that is known.
    pub fn insert(&self, hash: [u64; 2], place: SlotRef) {
        let (hash, place) = (told(hash), u64::from(place.shard) << 32 | u64::from(place.index));
        let which = part_of(hash);
        let mut counts = self.counts.lock();
        let parts = self.parts.load();
        let part = &parts[which];
        let (entry, known) = seek(part, hash);
        if known {
            return entry.set(hash, place);
        }
        counts[which] += 1;
        if counts[which] * 4 <= part.len() * 3 {
            return entry.set(hash, place);
        }
        let wider = entries(part.len() * 2);
        for old in part.iter() {
            let [first, second, place] =
                [&old.first, &old.second, &old.place].map(|word| word.load(Ordering::Relaxed));
            if first != NOBODY {
                seek(&wider, [first, second]).0.set([first, second], place);
            }
        }
        seek(&wider, hash).0.set(hash, place);
        let mut parts = Parts::clone(&parts);
        parts[which] = wider;
        self.parts.store(Arc::new(parts));
    }
}

/// The places as they stood when this was made, and most of what came since.
#[derive(Debug)]
pub struct Look(arc_swap::Guard<Arc<Parts>>);

impl Look {
    /// The place of a hash.
    #[expect(clippy::cast_possible_truncation, reason = "that is how they were put together")]
    #[inline]
    #[must_use]
    pub fn find(&self, hash: [u64; 2]) -> Option<SlotRef> {
        let hash = told(hash);
        let (entry, known) = seek(&self.0[part_of(hash)], hash);
        let place = entry.place.load(Ordering::Relaxed);
        known.then_some(SlotRef { shard: (place >> 32) as u8, index: place as u32 })
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "readers beside a writer need threads; the engine itself starts none here"
)]
mod tests {
    use super::*;
    use crate::digest::mix;
    use std::sync::atomic::AtomicU32;

    fn hash(name: u32) -> [u64; 2] {
        // Few different halves, so that they meet; zero among them.
        [u64::from(name % 5), mix(u64::from(name / 3), 7) & !0xff]
    }

    fn place(name: u32) -> SlotRef {
        SlotRef { shard: u8::try_from(name % 64).unwrap(), index: u32::MAX - name }
    }

    #[test]
    fn every_name_that_was_kept_is_found_and_no_other() {
        let places = Places::default();
        let mut twin = std::collections::BTreeMap::new();
        for name in 0..6_000 {
            let known = twin.insert(told(hash(name)), place(name));
            assert_eq!(places.look().find(hash(name)), known);
            places.insert(hash(name), place(name));
        }
        let look = places.look();
        assert!(twin.iter().all(|(hash, place)| look.find(*hash) == Some(*place)));
        assert_eq!(look.find([6, 6]), None);
        assert_eq!(places.counts.lock().iter().sum::<usize>(), twin.len());
    }

    #[test]
    fn who_looks_while_others_write_sees_whole_entries() {
        let (places, written) = (Places::default(), AtomicU32::new(0));
        let apart = |name: u32| [u64::from(name), mix(u64::from(name), 1)];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for name in 0..30_000 {
                    places.insert(apart(name), place(name));
                    written.store(name + 1, Ordering::Release);
                }
            });
            while written.load(Ordering::Acquire) < 30_000 {
                let before = written.load(Ordering::Acquire);
                let look = places.look();
                for name in (0..before + 50).rev().take(200) {
                    let found = look.find(apart(name));
                    assert!(found == Some(place(name)) || found.is_none() && name >= before, "{name}");
                }
            }
        });
    }
}
