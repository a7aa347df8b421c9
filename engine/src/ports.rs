//! What the engine asks of the world outside: a disk, clocks, chance.
//!
//! The real one is in `os/`, the simulated one in `testing/`. Both pass the same conformance suite
//! (`journal/conformance.rs`), so a test on the simulated disk says something about the real one.

use std::{fmt, io};

/// One data folder. A path is a plain name inside it: no separators, no sub-folders.
///
/// What a crash may take away: every byte written and not yet covered by [`DiskFile::sync_data`], and every create, rename
/// and remove not yet covered by [`Disk::sync_folder`], each independently of the others. Handles are cheap to clone and name
/// the same folder.
pub trait Disk: Clone + fmt::Debug + Send + Sync + 'static {
    /// An open file of this folder.
    type File: DiskFile;
    /// Proof that this process alone writes to the folder; dropping it gives the folder free.
    type Lock: fmt::Debug + Send + Sync + 'static;

    /// Opens `name` for reading and writing and makes it, empty, if it is not there.
    ///
    /// # Errors
    /// What the system says.
    fn open_or_create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens `name` for reading and writing.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// The names of all files, sorted.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Gives a file a new name; a file that had that name is gone.
    ///
    /// # Errors
    /// `NotFound` if there is no file `from`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Takes a name away. Handles that are open keep reading the file.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Returns when every create, rename and remove so far survives a power cut.
    ///
    /// # Errors
    /// What the system says; the caller must then assume that any of them may be lost.
    fn sync_folder(&self) -> io::Result<()>;

    /// Takes the folder for this process, without waiting.
    ///
    /// # Errors
    /// `WouldBlock` if somebody else has it.
    fn lock(&self) -> io::Result<Self::Lock>;

    /// Bytes that could still be written in this folder, as far as the system knows.
    ///
    /// # Errors
    /// What the system says.
    fn free_space(&self) -> io::Result<u64>;
}

/// An open file: bytes at offsets, no cursor, so that two handles of one file do not disturb each other.
#[expect(
    clippy::len_without_is_empty,
    reason = "the length is asked of the system and can fail; nobody asks for emptiness"
)]
pub trait DiskFile: fmt::Debug + Send + 'static {
    /// Writes all of `bytes` at `offset`; a gap before `offset` reads as zeros.
    ///
    /// # Errors
    /// What the system says. Any part of `bytes` may then be on the disk.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Fills `into` from `offset` and returns how many bytes there were: fewer than asked only at the end of the file.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Bytes in the file.
    ///
    /// # Errors
    /// What the system says.
    fn len(&self) -> io::Result<u64>;

    /// Makes the file shorter or longer. Longer takes no space on most systems: use [`DiskFile::write_zeros`] for that.
    ///
    /// # Errors
    /// What the system says.
    fn set_len(&mut self, len: u64) -> io::Result<()>;

    /// Returns when everything written through any handle of this file survives a power cut, its length included.
    ///
    /// # Errors
    /// What the system says. After a failure the system may have thrown the bytes away and may answer the next call with
    /// success, so a failed sync must never be tried again.
    fn sync_data(&mut self) -> io::Result<()>;

    /// Writes `len` zeros from `offset`: space that is really taken, so that later writes and syncs need no new metadata.
    ///
    /// # Errors
    /// As [`DiskFile::write_at`].
    fn write_zeros(&mut self, offset: u64, len: u64) -> io::Result<()> {
        const BLOCK: usize = 64 * 1024;
        static ZEROS: [u8; BLOCK] = [0; BLOCK];
        let mut done = 0;
        while done < len {
            let part = usize::try_from(len - done).unwrap_or(BLOCK).min(BLOCK);
            self.write_at(offset + done, &ZEROS[..part])?;
            done += part as u64;
        }
        Ok(())
    }
}

/// The clocks of a machine.
pub trait Clock: Send + Sync {
    /// Milliseconds since the kernel booted, sleep included; never goes back.
    fn boot(&self) -> u64;
    /// Which boot that counts from.
    fn boot_id(&self) -> u128;
    /// The time on the wall. May jump.
    fn wall(&self) -> crate::time::WallTime;
}

/// A source of chance. Only for seeds and keys: whatever decides something enters as part of a fact.
pub trait Rng: Send {
    /// 64 bits nobody can guess.
    fn next(&mut self) -> u64;
}
