//! The life of one snapshot: saved aside in slices, synced, renamed, the folder synced, then read back and compared.
//!
//! Only while it is saved must the state stand still. Whatever fails, what was written is removed and the older
//! generations stand; a crash leaves a file aside, or a whole snapshot, or one that is noticed to be none.

use super::chunks::{ChunkReader, ChunkWriter, Head};
use super::generations::{aside_name, snapshot_name};
use super::save::Saver;
use crate::journal::StorageError;
use crate::ports::Disk;
use crate::sequence::Sequence;
use crate::state::State;

/// So many bytes are synced at a time.
const SYNC_BYTES: u64 = 4 << 20;

/// A snapshot that is being saved aside.
#[derive(Debug)]
pub struct Saving<D: Disk> {
    disk: D,
    head: Head,
    out: ChunkWriter<D::File>,
    saver: Saver,
}

impl<D: Disk> Saving<D> {
    /// Begins a snapshot of the state after fact `head.sequence`.
    ///
    /// # Errors
    /// [`StorageError::Io`].
    ///
    /// # Panics
    /// If it would hold a fact beyond `durable`: after a power cut it would know of sales that never were.
    pub fn begin(disk: &D, head: Head, durable: Sequence) -> Result<Self, StorageError> {
        let sequence = head.sequence;
        assert!(sequence <= durable, "a snapshot at {sequence}, beyond the durable mark {durable}");
        let name = aside_name(sequence);
        let begin = || {
            let mut file = disk.open_or_create(&name).map_err(StorageError::io("make", &name))?;
            crate::ports::DiskFile::set_len(&mut file, 0).map_err(StorageError::io("empty", &name))?;
            ChunkWriter::begin(file, &name, &head)
        };
        let out = begin().inspect_err(|_| drop(disk.remove(&name)))?;
        Ok(Self { disk: disk.clone(), head, out, saver: Saver::new() })
    }

    /// Saves the next slice of the state, which is as it was when this began. False when all of it is saved.
    ///
    /// # Errors
    /// [`StorageError::Io`]; what was written is gone.
    pub fn slice(&mut self, state: &mut State) -> Result<bool, StorageError> {
        let saved = self.saver.slice(&mut state.alone(), &mut self.out);
        let synced = saved.and_then(|more| self.out.sync_every(SYNC_BYTES).map(|()| more));
        synced.inspect_err(|_| self.drop_file())
    }

    /// Gives it its name, durably. The state may change from here on.
    ///
    /// # Errors
    /// [`StorageError::Io`]; what was written is gone, as far as the disk lets us.
    pub fn seal(self) -> Result<Checking<D>, StorageError> {
        let Self { disk, head, out, saver: _ } = self;
        let (aside, name) = (aside_name(head.sequence), snapshot_name(head.sequence));
        let seal = || {
            let (bytes, hash) = out.finish()?;
            disk.rename(&aside, &name).map_err(StorageError::io("rename", &aside))?;
            disk.sync_folder().map_err(StorageError::io("sync the data folder", ""))?;
            let file = disk.open(&name).map_err(StorageError::io("open", &name))?;
            Ok((ChunkReader::begin(file, &name)?, bytes, hash))
        };
        match seal() {
            Ok((from, bytes, hash)) => Ok(Checking { disk, head, from, bytes, hash }),
            Err(error) => {
                let _ = disk.remove(&aside);
                let _ = disk.remove(&name);
                Err(error)
            }
        }
    }

    /// Gives it up.
    pub fn drop_file(&self) {
        let _ = self.disk.remove(&aside_name(self.head.sequence));
    }
}

/// A snapshot that has its name and is read back.
#[derive(Debug)]
pub struct Checking<D: Disk> {
    disk: D,
    head: Head,
    from: ChunkReader<D::File>,
    bytes: u64,
    hash: blake3::Hash,
}

/// A snapshot that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// The last fact it holds.
    pub sequence: Sequence,
    /// Bytes of the file.
    pub bytes: u64,
}

impl<D: Disk> Checking<D> {
    /// Reads the next chunk back; `Some` when all is what was written.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if it is not, [`StorageError::Io`]. The file is gone then.
    pub fn slice(&mut self) -> Result<Option<Made>, StorageError> {
        let read = self.from.next_chunk().and_then(|more| {
            if more {
                return Ok(None);
            }
            let same = self.from.hash() == Some(self.hash)
                && self.from.bytes() == self.bytes
                && *self.from.head() == self.head;
            if !same {
                let name = snapshot_name(self.head.sequence);
                return Err(StorageError::damaged(&name, 0, "it is not what was written"));
            }
            Ok(Some(Made { sequence: self.head.sequence, bytes: self.bytes }))
        });
        read.inspect_err(|_| drop(self.disk.remove(&snapshot_name(self.head.sequence))))
    }
}
