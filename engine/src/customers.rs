//! What a shop calls its customers never enters the engine: only a hash under a key that never leaves the data folder.
//!
//! The key stands beside the journal, not in it, so that a journal can be handed to an auditor without the means to try
//! names. A folder that has facts and has lost its key would count every customer anew, so it is refused.

use std::io;

use crate::ids::CustomerHash;
use crate::ports::{Disk, DiskFile, Rng};

/// The file with the key, 32 bytes.
pub const KEY_FILE: &str = "customer.key";

/// The key of one data folder.
#[derive(Clone)]
pub struct CustomerKey([u8; 32]);

impl std::fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerKey")
    }
}

impl CustomerKey {
    /// Reads the key of a folder; makes one if the folder is new. A key that is found in a folder without facts is not
    /// used: a start that was killed may have left it in the system's memory only, and nobody has been counted under it.
    ///
    /// # Errors
    /// What the disk says; `NotFound` or `InvalidData`, with a sentence, if a folder with facts has no whole key.
    pub fn of_folder<D: Disk>(disk: &D, new: bool, rng: &mut dyn Rng) -> io::Result<Self> {
        if new { Self::make(disk, rng) } else { Self::read(disk) }
    }

    fn read<D: Disk>(disk: &D) -> io::Result<Self> {
        let file = disk.open(KEY_FILE).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let why = format!(
                    "`{KEY_FILE}` is missing beside the journal; customers' limits rest on it, put it back"
                );
                io::Error::new(io::ErrorKind::NotFound, why)
            }
            _ => error,
        })?;
        let mut key = [0_u8; 32];
        if file.read_at(0, &mut key)? != key.len() {
            let why =
                format!("`{KEY_FILE}` is shorter than 32 bytes; put the whole file back beside the journal");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Self(key))
    }

    /// Durable, name included, before the first fact can rest on it.
    fn make<D: Disk>(disk: &D, rng: &mut dyn Rng) -> io::Result<Self> {
        let mut key = [0_u8; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&rng.next().to_le_bytes()[..part.len()]);
        }
        let mut file = disk.open_or_create(KEY_FILE)?;
        file.write_at(0, &key)?;
        file.sync_data()?;
        disk.sync_folder()?;
        Ok(Self(key))
    }

    /// The hash of a name: keyed blake3, 128 bits.
    #[must_use]
    pub fn hash(&self, name: &str) -> CustomerHash {
        let hash = blake3::keyed_hash(&self.0, name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash.as_bytes()[..16]);
        CustomerHash(u128::from_le_bytes(bytes))
    }
}
