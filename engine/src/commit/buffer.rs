//! The number line's open end: facts that have happened in memory and are not yet in the journal.
//!
//! The buffer is bounded by reservation: a request reserves its bytes *before* its first lock, so that after its decision
//! nothing can fail. What was reserved and not used is given back when the request ends; what was used, when its frame
//! is written.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

use crate::journal::frame::BODY_LIMIT;
use crate::journal::records;
use crate::sequence::Sequence;
use crate::sync::Mutex;

/// No room for so many bytes now; nothing was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Facts not yet taken by the writer.
#[derive(Debug, Default)]
struct Filling {
    bytes: Vec<u8>,
    /// The number of the last fact in here, or before it if it is empty.
    last: Sequence,
    count: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Buffer {
    filling: CachePadded<Mutex<Filling>>,
    taken: CachePadded<AtomicU64>,
    room: u64,
}

/// Facts taken by the writer: one frame.
#[derive(Debug, Default)]
pub struct Batch {
    /// The records, each with its length.
    pub records: Vec<u8>,
    /// How many.
    pub count: u32,
    /// The number of the last.
    pub last: Sequence,
}

impl Buffer {
    /// An empty buffer of so many bytes after fact `last`. More than one frame can carry makes no sense.
    #[must_use]
    pub fn new(room: usize, last: Sequence) -> Self {
        let room = room.min(BODY_LIMIT);
        let filling = Filling { last, ..Filling::default() };
        Self {
            filling: CachePadded::new(Mutex::new(filling)),
            taken: CachePadded::new(AtomicU64::new(0)),
            room: room as u64,
        }
    }

    /// Sets aside room for so many bytes of records.
    ///
    /// # Errors
    /// [`NoRoom`] if they are not to be had now.
    pub fn reserve(&self, bytes: usize) -> Result<Reservation<'_>, NoRoom> {
        let bytes = bytes as u64;
        let before = self.taken.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.room {
            self.taken.fetch_sub(bytes, Ordering::Relaxed);
            return Err(NoRoom);
        }
        Ok(Reservation { buffer: self, left: bytes })
    }

    /// Numbers a fact. The caller holds every lock the fact was decided under, so the order here is the order in which
    /// things happened in every one of them. Gives the number and whether the buffer was empty, so that the writer may
    /// have to be woken.
    pub fn push(&self, reservation: &mut Reservation<'_>, fact: &[u8]) -> (Sequence, bool) {
        reservation.use_up(records::room_for(fact.len()));
        let mut filling = self.filling.lock();
        let was_empty = filling.count == 0;
        records::push(&mut filling.bytes, fact);
        filling.count += 1;
        filling.last = filling.last.next();
        (filling.last, was_empty)
    }

    /// Numbers several facts at once, each with its length before it: [`Buffer::take`] takes all of them or none, so they
    /// stand in one frame. Gives the number of the last, and the same as [`Buffer::push`].
    pub fn push_all(
        &self,
        reservation: &mut Reservation<'_>,
        records: &[u8],
        count: u32,
    ) -> (Sequence, bool) {
        reservation.use_up(records.len());
        let mut filling = self.filling.lock();
        let was_empty = filling.count == 0;
        filling.bytes.extend_from_slice(records);
        filling.count += count;
        filling.last = filling.last.plus(u64::from(count));
        (filling.last, was_empty)
    }

    /// The number of the last fact.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.filling.lock().last
    }

    /// Takes everything there is. `batch` is emptied and its memory used for what comes next.
    pub fn take(&self, batch: &mut Batch) {
        batch.records.clear();
        let mut filling = self.filling.lock();
        std::mem::swap(&mut filling.bytes, &mut batch.records);
        batch.count = std::mem::take(&mut filling.count);
        batch.last = filling.last;
    }

    /// Throws away everything there is, as if it were written: for benches of the core alone.
    pub fn discard(&self) {
        let mut filling = self.filling.lock();
        let bytes = filling.bytes.len();
        filling.bytes.clear();
        filling.count = 0;
        drop(filling);
        self.written(bytes);
    }

    /// A batch of so many bytes is written: they can be reserved again.
    pub fn written(&self, bytes: usize) {
        self.taken.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes reserved or waiting to be written.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// Room set aside. Dropping it gives back what was not used.
#[derive(Debug)]
pub struct Reservation<'a> {
    buffer: &'a Buffer,
    left: u64,
}

impl Reservation<'_> {
    #[inline]
    fn use_up(&mut self, bytes: usize) {
        let bytes = bytes as u64;
        assert!(bytes <= self.left, "facts of {bytes} bytes where {} were reserved", self.left);
        self.left -= bytes;
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.buffer.taken.fetch_sub(self.left, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_when_unused_and_when_written() {
        let buffer = Buffer::new(1_000, Sequence(7));
        let mut reservation = buffer.reserve(600).expect("there is room");
        assert!(buffer.reserve(401).is_err());
        assert_eq!(buffer.push(&mut reservation, &[1; 99]), (Sequence(8), true));
        assert_eq!(buffer.push(&mut reservation, &[2; 99]), (Sequence(9), false));
        drop(reservation);
        assert_eq!(buffer.in_use(), 200);
        let mut batch = Batch::default();
        buffer.take(&mut batch);
        assert_eq!((batch.count, batch.last, batch.records.len()), (2, Sequence(9), 200));
        assert!(buffer.reserve(801).is_err());
        buffer.written(batch.records.len());
        assert!(buffer.reserve(1_000).is_ok());
    }

    #[test]
    fn facts_that_come_at_once_are_taken_at_once() {
        let buffer = Buffer::new(1_000, Sequence(7));
        let mut reservation = buffer.reserve(20).expect("there is room");
        let mut both = Vec::new();
        records::push(&mut both, b"one");
        records::push(&mut both, b"other");
        assert_eq!(buffer.push_all(&mut reservation, &both, 2), (Sequence(9), true));
        assert_eq!(buffer.push(&mut reservation, b"third"), (Sequence(10), false));
        drop(reservation);
        let mut batch = Batch::default();
        buffer.take(&mut batch);
        assert_eq!((batch.count, batch.last), (3, Sequence(10)));
        assert!(records::Records::of(&batch.records).eq([&b"one"[..], b"other", b"third"]));
        assert_eq!(buffer.in_use(), batch.records.len() as u64);
    }
}
