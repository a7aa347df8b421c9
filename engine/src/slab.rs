//! Storage that grows without moving: places in fixed chunks, handed out and taken back by index.
//!
//! A `Vec` that doubles copies everything at once; with a million carts under a shard lock that is a stall of tens of
//! milliseconds. Here growing is one more chunk. Freed places are handed out again, last freed first, so that two
//! runs over the same facts give the same indices.

use std::ops::{Index, IndexMut};

/// The most bytes of a chunk. An allocator rounds what is larger up to its own pages, which with huge pages are resident:
/// chunks of 1,024 carts cost 49 bytes a cart more than the carts.
const CHUNK_BYTES: usize = 32 << 10;

/// How many values a chunk has at most, as a power of two.
const MOST_BITS: u32 = 10;

/// Values by index. A free place keeps its last value until it is handed out again.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    chunks: Vec<Vec<T>>,
    free: Vec<u32>,
    len: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    const BITS: u32 = match CHUNK_BYTES / size_of::<T>() {
        0 | 1 => 0,
        values if values.ilog2() < MOST_BITS => values.ilog2(),
        _ => MOST_BITS,
    };
    const CHUNK: usize = 1 << Self::BITS;

    /// How many places were ever handed out; every index is below it.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.len
    }

    /// Bytes of all places, taken or not; what their values point to is not counted.
    pub(crate) fn bytes(&self) -> usize {
        self.places() as usize * size_of::<T>()
    }

    /// How many places are in use.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.len - u32::try_from(self.free.len()).unwrap_or(u32::MAX)
    }

    /// The index that [`Slab::insert`] will use next.
    #[must_use]
    pub fn next_index(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.len)
    }

    /// The value at a place, if there ever was one.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.chunks.get((index >> Self::BITS) as usize)?.get(index as usize & (Self::CHUNK - 1))
    }

    /// Puts a value in the last freed place, or in a new one. Put in place, as [`Slab::push`] is.
    #[inline]
    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self[index] = value;
            return index;
        }
        self.push(value)
    }

    /// Puts a value in a new place at the end. Put in place, so that a value which was just made goes there at once: one that
    /// is written somewhere first and copied word by word cannot be read before all writes before it are in the cache.
    #[inline]
    pub fn push(&mut self, value: T) -> u32 {
        let index = self.len;
        if index as usize & (Self::CHUNK - 1) == 0 {
            self.grow();
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(value);
        }
        self.len += 1;
        index
    }

    #[cold]
    fn grow(&mut self) {
        self.chunks.push(Vec::with_capacity(Self::CHUNK));
    }

    /// Takes a place back. The caller no longer refers to it.
    pub fn free(&mut self, index: u32) {
        debug_assert!(index < self.len);
        self.free.push(index);
    }

    /// All places in order, free ones included.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// The free places, in the order they were freed.
    #[must_use]
    pub fn free_places(&self) -> &[u32] {
        &self.free
    }

    /// Puts a slab together again from what [`Slab::iter`] and [`Slab::free_places`] gave.
    pub fn restore(values: impl IntoIterator<Item = T>, free: Vec<u32>) -> Self {
        let mut slab = Self::default();
        for value in values {
            slab.push(value);
        }
        slab.restore_free(free);
        slab
    }

    /// Says which places of a slab that was put together with [`Slab::push`] are free, in the order they were freed.
    pub fn restore_free(&mut self, free: Vec<u32>) {
        self.free = free;
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;
    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.chunks[(index >> Self::BITS) as usize][index as usize & (Self::CHUNK - 1)]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.chunks[(index >> Self::BITS) as usize][index as usize & (Self::CHUNK - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_freed_place_is_the_next_handed_out() {
        let mut slab = Slab::default();
        for value in 0..3_000 {
            assert_eq!(slab.insert(value), value);
        }
        slab.free(5);
        slab.free(2_999);
        assert_eq!((slab.live(), slab.next_index()), (2_998, 2_999));
        assert_eq!((slab.insert(1), slab.insert(2), slab.insert(3)), (2_999, 5, 3_000));
        assert_eq!((slab[5], slab[3_000], slab.places()), (2, 3, 3_001));
        assert_eq!(slab.get(3_001), None);
    }
}
