//! Spare segments: files of zeros, written and synced before they are needed.
//!
//! Two are kept: the next segment and the reserve, from which releases go on when the disk is full. A spare is made in
//! steps of 1 MiB, each synced, by whoever has time: the writer when idle, a helper thread through
//! [`Preparer`](super::Preparer), or the appends themselves. While it is being made it is called `.tmp`; with the name
//! `.seg` it is complete, so its name is all that a restart needs to know.
//!
//! Nothing here is part of the log: a failure is remembered as "no room", never as poison, and what was taken is given
//! back at once, so that a snapshot (which lets old segments go) finds room.

use std::io;

use parking_lot::Mutex;

use super::Preparing;
use super::error::StorageError;
use super::segment::{filling_name, spare_name};
use crate::ports::{Disk, DiskFile};

/// Zeros written in one step.
pub(super) const STEP_BYTES: u64 = 1 << 20;

/// A file of zeros that can become a segment.
#[derive(Debug)]
pub(super) struct Spare {
    pub name: String,
    pub bytes: u64,
}

/// The spares of one journal, shared with whoever prepares them.
#[derive(Debug)]
pub(super) struct Shelf<D: Disk> {
    disk: D,
    /// How many spares to keep ready.
    keep: usize,
    /// Bytes of the smallest that counts. Smaller ones, left by an earlier program, are used up beside.
    least: u64,
    state: Mutex<State<D::File>>,
}

#[derive(Debug)]
struct State<F> {
    ready: Vec<Spare>,
    filling: Option<Filling<F>>,
    /// A step is under way in some thread.
    busy: bool,
    /// The last attempt failed and none has succeeded since.
    hindered: bool,
    /// Bytes of the next spare to be begun.
    wanted: u64,
    next_number: u64,
}

impl<F> State<F> {
    /// How many spares of at least so many bytes are ready.
    fn ready(&self, least: u64) -> usize {
        self.ready.iter().filter(|spare| spare.bytes >= least).count()
    }
}

#[derive(Debug)]
struct Filling<F> {
    number: u64,
    file: F,
    bytes: u64,
    done: u64,
}

impl<D: Disk> Shelf<D> {
    /// A shelf that begins with the spares a restart found; new ones are numbered from `next_number`.
    pub(super) fn new(
        disk: D,
        keep: usize,
        least: u64,
        ready: Vec<Spare>,
        wanted: u64,
        next_number: u64,
    ) -> Shelf<D> {
        let state = State { ready, filling: None, busy: false, hindered: false, wanted, next_number };
        Shelf { disk, keep, least, state: Mutex::new(state) }
    }

    /// Bytes of the spares to be begun from now on.
    pub(super) fn want(&self, bytes: u64) {
        self.state.lock().wanted = bytes;
    }

    /// How many spares are ready that whatever comes next fits into.
    pub(super) fn ready(&self) -> usize {
        self.state.lock().ready(self.least)
    }

    /// Whether the last attempt to make a spare failed.
    pub(super) fn hindered(&self) -> bool {
        self.state.lock().hindered
    }

    /// One step: at most [`STEP_BYTES`] of zeros and their sync. No lock is held meanwhile.
    pub(super) fn step(&self) -> Preparing {
        let (filling, number, wanted) = {
            let mut state = self.state.lock();
            if state.ready(self.least) >= self.keep {
                return Preparing::Done;
            }
            if state.busy {
                return Preparing::More;
            }
            state.busy = true;
            let filling = state.filling.take();
            if filling.is_none() {
                state.next_number += 1;
            }
            (filling, state.next_number - 1, state.wanted)
        };
        let result = match filling {
            Some(filling) => self.advance(filling),
            None => self.begin(number, wanted).and_then(|filling| self.advance(filling)),
        };
        let mut state = self.state.lock();
        state.busy = false;
        match result {
            Ok(Advanced::Partly(filling)) => {
                state.filling = Some(filling);
                Preparing::More
            }
            Ok(Advanced::Ready(spare)) => {
                state.ready.push(spare);
                state.hindered = false;
                if state.ready(self.least) >= self.keep { Preparing::Done } else { Preparing::More }
            }
            Err(_) => {
                state.hindered = true;
                Preparing::Hindered
            }
        }
    }

    /// Takes a spare of at least `bytes` off the shelf, and makes one on the spot if there is none.
    pub(super) fn take(&self, bytes: u64) -> Result<Spare, io::Error> {
        let (filling, number, wanted) = {
            let mut state = self.state.lock();
            if let Some(place) = state.ready.iter().position(|spare| spare.bytes >= bytes) {
                return Ok(state.ready.remove(place));
            }
            // One that is too small stays for the next smaller frame.
            let filling = if state.filling.as_ref().is_some_and(|filling| filling.bytes >= bytes) {
                state.filling.take()
            } else {
                None
            };
            state.next_number += 1;
            (filling, state.next_number - 1, state.wanted.max(bytes))
        };
        let make = |bytes| self.begin(number, bytes).and_then(|filling| self.finish(filling));
        let mut result = match filling {
            Some(filling) => self.finish(filling),
            None => make(wanted),
        };
        self.state.lock().hindered = result.is_err();
        let smallest = bytes.next_multiple_of(STEP_BYTES);
        if smallest < wanted && result.as_ref().is_err_and(is_full) {
            // A small one is enough to go on, as who waits for room has facts to write now. The disk is as full as it was.
            result = make(smallest);
        }
        result
    }

    /// Puts a spare back that was taken and not touched.
    pub(super) fn put_back(&self, spare: Spare) {
        self.state.lock().ready.push(spare);
    }

    /// Fills a spare to its end.
    fn finish(&self, mut filling: Filling<D::File>) -> io::Result<Spare> {
        loop {
            match self.advance(filling)? {
                Advanced::Partly(rest) => filling = rest,
                Advanced::Ready(spare) => return Ok(spare),
            }
        }
    }

    fn begin(&self, number: u64, bytes: u64) -> io::Result<Filling<D::File>> {
        // Asking first leaves the last bytes of a full disk to those who can free some.
        if self.disk.free_space()? < bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = self.disk.open_or_create(&filling_name(number))?;
        Ok(Filling { number, file, bytes, done: 0 })
    }

    fn advance(&self, mut filling: Filling<D::File>) -> io::Result<Advanced<D::File>> {
        let number = filling.number;
        let result = Self::write_step(&mut filling).and_then(|()| {
            if filling.done < filling.bytes {
                return Ok(Advanced::Partly(filling));
            }
            let name = spare_name(number);
            self.disk.rename(&filling_name(number), &name)?;
            self.disk.sync_folder()?;
            Ok(Advanced::Ready(Spare { name, bytes: filling.bytes }))
        });
        if result.is_err() {
            // Whichever name it has got to; what remains is removed at the next start.
            let _ = self.disk.remove(&filling_name(number));
            let _ = self.disk.remove(&spare_name(number));
        }
        result
    }

    fn write_step(filling: &mut Filling<D::File>) -> io::Result<()> {
        let part = STEP_BYTES.min(filling.bytes - filling.done);
        filling.file.write_zeros(filling.done, part)?;
        filling.file.sync_data()?;
        filling.done += part;
        Ok(())
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

enum Advanced<F> {
    Partly(Filling<F>),
    Ready(Spare),
}

/// Removes a file that is not part of the log.
pub(super) fn discard(disk: &impl Disk, name: &str) -> Result<(), StorageError> {
    disk.remove(name).map_err(StorageError::io("remove", name))
}
