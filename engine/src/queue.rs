//! A queue that grows without moving: in at the back, out at the front, any entry by its place.
//!
//! As with [`Slab`](crate::slab::Slab), growing is one more chunk. A `VecDeque` that doubles copies all idempotency keys of
//! a shard at once, under its lock, into memory the kernel has to clear first: a millisecond that everybody else waits for,
//! and a quarter of the time of a replay.

use std::collections::VecDeque;

const CHUNK_BITS: u32 = 9;
const CHUNK: usize = 1 << CHUNK_BITS;

/// See the module.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    chunks: VecDeque<Vec<T>>,
    /// Entries of the first chunk that are already out.
    gone: usize,
    len: usize,
    /// An emptied chunk, to be filled again.
    spare: Vec<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), gone: 0, len: 0, spare: Vec::new() }
    }
}

impl<T> Queue<T> {
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

    /// Bytes of what is in it.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * size_of::<T>()
    }

    /// The entry that came first.
    #[must_use]
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// An entry by its place; 0 came first.
    #[inline]
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        let at = self.gone + place;
        self.chunks.get(at >> CHUNK_BITS)?.get(at & (CHUNK - 1))
    }

    /// Adds an entry at the back.
    #[inline]
    pub fn push_back(&mut self, value: T) {
        if self.chunks.back().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.grow();
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.push(value);
            self.len += 1;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let mut chunk = std::mem::take(&mut self.spare);
        chunk.reserve_exact(CHUNK);
        self.chunks.push_back(chunk);
    }

    /// Drops the entry that came first.
    pub fn pop_front(&mut self) {
        if self.len == 0 {
            return;
        }
        self.len -= 1;
        self.gone += 1;
        if (self.gone == CHUNK || self.len == 0)
            && let Some(mut chunk) = self.chunks.pop_front()
        {
            chunk.clear();
            self.spare = chunk;
            self.gone = 0;
        }
    }

    /// All entries, the first to come first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten().skip(self.gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_and_its_naive_twin_agree() {
        let (mut queue, mut twin) = (Queue::default(), VecDeque::new());
        let mut state = 1_u64;
        for step in 0..20_000_u64 {
            state = crate::digest::mix(state, step);
            // Grows for a while, shrinks for a while, is emptied now and then.
            if state % 100 < if step / 2_500 % 2 == 0 { 70 } else { 25 } {
                queue.push_back(step);
                twin.push_back(step);
            } else {
                queue.pop_front();
                twin.pop_front();
            }
            assert_eq!((queue.len(), queue.front()), (twin.len(), twin.front()));
            let place = usize::try_from(state >> 40).unwrap_or(0) % (twin.len() + 2);
            assert_eq!(queue.get(place), twin.get(place));
            if step % 500 == 0 {
                assert!(queue.iter().eq(twin.iter()));
            }
        }
    }
}
