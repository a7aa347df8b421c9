//! What a shop calls its customers never enters the engine: only a hash under a key that never leaves the data folder.
//! Idempotency keys are hashed under the same key: both are chosen by clients, so neither hash may be predictable.
//!
//! The key stands beside the journal, not in it, so that a journal can be handed to an auditor without the means to try
//! names. A folder that has facts and has lost its key would count every customer anew, so it is refused.

use std::hash::Hasher;
use std::io;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::ids::CustomerHash;
use crate::ports::{Disk, DiskFile, Rng};
use crate::request::KeyUse;

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
    /// A key that is not kept anywhere, for tests and benches.
    #[must_use]
    pub fn unkept(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

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

    fn half(&self, which: usize) -> SipHasher24 {
        let mut key = [0; 16];
        key.copy_from_slice(&self.0[16 * which..16 * which + 16]);
        SipHasher24::new_with_key(&key)
    }

    /// The hash of a name: SipHash-2-4, 128 bits, under the first half of the key.
    #[must_use]
    pub fn hash(&self, name: &str) -> CustomerHash {
        let mut hasher = self.half(0);
        hasher.write(name.as_bytes());
        CustomerHash(hasher.finish128().as_u128())
    }

    /// An idempotency key of a caller in a scope, and the request it stands for, under the second half of the key, so
    /// that no client can make two keys meet. `request` is hashed part by part, each with its length.
    #[must_use]
    pub fn key_use(&self, credential: u64, scope: &str, key: &str, request: &[&[u8]]) -> KeyUse {
        let mut hasher = self.half(1);
        hasher.write_u64(credential);
        hasher.write_usize(scope.len());
        hasher.write(scope.as_bytes());
        hasher.write(key.as_bytes());
        let key = hasher.finish128().as_u128();
        let mut hasher = self.half(1);
        for part in request {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        KeyUse { key, fingerprint: hasher.finish128().h1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_key_and_of_its_request_counts() {
        let folder = CustomerKey::unkept([7; 32]);
        let request: [&[u8]; 3] = [b"POST", b"/v1/x", b"{}"];
        let base = folder.key_use(1, "sh", "k", &request);
        assert_eq!(base, folder.key_use(1, "sh", "k", &request));
        for other in [folder.key_use(2, "sh", "k", &request), folder.key_use(1, "s", "hk", &request)] {
            assert_ne!(base.key, other.key);
        }
        let moved: [&[u8]; 3] = [b"POST", b"/v1/x{", b"}"];
        for other in [moved, [b"PUT", b"/v1/x", b"{}"], [b"POST", b"/v1/x", b"{} "]] {
            let other = folder.key_use(1, "sh", "k", &other);
            assert_eq!(base.key, other.key);
            assert_ne!(base.fingerprint, other.fingerprint);
        }
        assert_ne!(CustomerKey::unkept([8; 32]).key_use(1, "sh", "k", &request).key, base.key);
    }
}
