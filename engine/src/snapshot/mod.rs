//! Snapshots: a whole state at a number of the journal, so that a start need not read everything that ever happened.
//!
//! A snapshot is never the truth, the journal is: it shortens the way. It is made by the follower from facts that are
//! durable, and only when it was read back do older segments go. `docs/snapshot-format.md` has every byte.
//!
//! `chunks` is the file, `bytes` the small change, `save` and `restore` mirror each other item by item (`lines` and `grades` do both for waiting rooms), `writer` is the
//! life of one snapshot, `generations` says which stay.

mod bytes;
mod chunks;
mod generations;
mod grades;
mod lines;
mod restore;
mod save;
mod tokens;
mod writer;

pub use chunks::{HEADER_BYTES, Head, VERSION};
pub use generations::{Generations, KEPT, snapshot_name};
pub use writer::{Checking, Made, Saving};

use crate::journal::StorageError;
use crate::names::Names;
use crate::ports::Disk;
use crate::sequence::Sequence;
use crate::state::State;

/// A state that was read back.
#[derive(Debug)]
pub struct Restored {
    /// What the snapshot says of itself.
    pub head: Head,
    /// Everything as it was after its last fact.
    pub state: State,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Reads the snapshot at a number. `names` are filled on the way.
///
/// # Errors
/// [`StorageError::Damaged`] with file and offset, [`StorageError::NewerVersion`], [`StorageError::Io`].
pub fn read<D: Disk>(disk: &D, sequence: Sequence, names: Names) -> Result<Restored, StorageError> {
    let name = snapshot_name(sequence);
    let file = disk.open(&name).map_err(StorageError::io("open", &name))?;
    let mut from = chunks::ChunkReader::begin(file, &name)?;
    if from.head().sequence != sequence {
        let why = format!("it holds facts up to {}, its name says {sequence}", from.head().sequence);
        return Err(StorageError::damaged(&name, 24, why));
    }
    let state = restore::restore(&mut from, names)?;
    Ok(Restored { head: *from.head(), state, bytes: from.bytes() })
}

/// Makes a snapshot in one go: for tools, tests and benches.
///
/// # Errors
/// As [`Saving`] and [`Checking`].
pub fn write<D: Disk>(
    disk: &D,
    head: Head,
    durable: Sequence,
    state: &mut State,
) -> Result<Made, StorageError> {
    let mut saving = Saving::begin(disk, head, durable)?;
    while saving.slice(state)? {}
    let mut checking = saving.seal()?;
    loop {
        if let Some(made) = checking.slice()? {
            return Ok(made);
        }
    }
}
