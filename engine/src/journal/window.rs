//! A window on a file: large reads, slices handed out without copying.
//!
//! Reading 1 MiB at a time makes the system call's cost vanish beside the checksum's. The window grows only for a frame
//! that is larger than it, and a frame's length is bounded before it is asked for.

use std::io;

use crate::ports::DiskFile;

/// Bytes read at once.
pub(super) const CHUNK: usize = 1 << 20;

/// The part of one file that is in memory.
#[derive(Debug, Default)]
pub(super) struct Window {
    buffer: Vec<u8>,
    /// Offset in the file of the buffer's first byte.
    start: u64,
    /// Bytes of the buffer that hold the file's.
    filled: usize,
}

impl Window {
    /// Forgets everything: another file, or the same one after it was written.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    /// The bytes from `offset` on: `wanted` of them, or as many as there are before `limit`.
    pub(super) fn load(
        &mut self,
        file: &impl DiskFile,
        offset: u64,
        wanted: usize,
        limit: u64,
    ) -> io::Result<&[u8]> {
        let there = usize::try_from(limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(there);
        if self.get(offset, wanted).is_none() {
            self.refill(file, offset, wanted.max(CHUNK.min(there)))?;
        }
        // A file shorter than its limit gives what it has.
        let at = usize::try_from(offset - self.start).expect("within the buffer");
        Ok(&self.buffer[at..self.filled.min(at + wanted)])
    }

    /// Bytes that are already here.
    pub(super) fn get(&self, offset: u64, bytes: usize) -> Option<&[u8]> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        self.buffer[..self.filled].get(at..at.checked_add(bytes)?)
    }

    /// Moves the window to `offset`, keeping what it already has from there on.
    fn refill(&mut self, file: &impl DiskFile, offset: u64, bytes: usize) -> io::Result<()> {
        let kept = match offset.checked_sub(self.start).and_then(|at| usize::try_from(at).ok()) {
            Some(at) if at < self.filled => {
                self.buffer.copy_within(at..self.filled, 0);
                self.filled - at
            }
            _ => 0,
        };
        self.start = offset;
        self.filled = kept;
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        if kept < bytes {
            self.filled += file.read_at(offset + kept as u64, &mut self.buffer[kept..bytes])?;
        }
        Ok(())
    }
}
