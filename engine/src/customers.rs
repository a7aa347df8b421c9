//! What a shop calls its customers never enters the engine: only a hash under a key that never leaves the data folder.
//! Idempotency keys are hashed under the same key: both are chosen by clients, so neither hash may be predictable.
//!
//! The key stands beside the journal, not in it, so that a journal can be handed to an auditor without the means to try
//! names. A folder that has facts and has lost its key would count every customer anew, so it is refused.

use std::io;

use siphasher::sip128::SipHasher24;

use crate::digest::mix;
use crate::ids::CustomerHash;
use crate::ports::{Disk, DiskFile, Rng};
use crate::request::KeyUse;

/// The file with the key, 32 bytes.
pub const KEY_FILE: &str = "customer.key";

/// The key of one data folder: for customers, and for idempotency keys.
#[derive(Clone)]
pub struct CustomerKey([[u64; 2]; 2]);

impl std::fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustomerKey")
    }
}

impl CustomerKey {
    /// A key that is not kept anywhere, for tests and benches.
    #[must_use]
    pub fn unkept(bytes: [u8; 32]) -> Self {
        let mut words = [0; 4];
        for (word, part) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = part.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        let [name_low, name_high, key_low, key_high] = words;
        Self([[name_low, name_high], [key_low, key_high]])
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
        Ok(Self::unkept(key))
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
        Ok(Self::unkept(key))
    }

    fn half(&self, which: usize) -> SipHasher24 {
        let [low, high] = self.0[which];
        SipHasher24::new_with_keys(low, high)
    }

    /// The hash of a name: SipHash-2-4, 128 bits, under the first half of the key.
    #[must_use]
    pub fn hash(&self, name: &str) -> CustomerHash {
        CustomerHash(self.half(0).hash(name.as_bytes()).as_u128())
    }

    /// A secret for something else than customers, as strong as the key and telling nothing of it.
    #[must_use]
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        let mut key = [0; 32];
        for (part, word) in key.chunks_exact_mut(8).zip(self.0.as_flattened()) {
            part.copy_from_slice(&word.to_le_bytes());
        }
        *blake3::keyed_hash(&key, purpose.as_bytes()).as_bytes()
    }

    /// An idempotency key of a caller in a scope, and the request it stands for, under the second half of the key, so
    /// that no client can make two keys meet. `request` is hashed part by part, each with its length.
    #[must_use]
    pub fn key_use(&self, credential: u64, scope: &str, key: &str, request: &[&[u8]]) -> KeyUse {
        // In one piece: the hasher is several times slower when it is fed part by part.
        let scoped = 16 + scope.len();
        let length = scoped + key.len();
        let (mut short, mut long) = ([0; 128], Vec::new());
        let whole = if length <= short.len() {
            &mut short[..length]
        } else {
            long.resize(length, 0);
            &mut long[..]
        };
        whole[..8].copy_from_slice(&credential.to_le_bytes());
        whole[8..16].copy_from_slice(&(scope.len() as u64).to_le_bytes());
        whole[16..scoped].copy_from_slice(scope.as_bytes());
        whole[scoped..].copy_from_slice(key.as_bytes());
        let key = self.half(1).hash(whole).as_u128();
        KeyUse { key, fingerprint: self.fingerprint(request) }
    }

    /// Tells requests under one key apart. Nothing is looked up by it, and who makes two of his own requests meet gets
    /// his own first answer again: so a multiplication a word is enough where a key takes SipHash.
    fn fingerprint(&self, request: &[&[u8]]) -> u64 {
        let [first, second] = self.0[1];
        let mut hash = first;
        for part in request {
            hash = mix(hash ^ part.len() as u64, second);
            let (pairs, rest) = part.as_chunks::<16>();
            for pair in pairs {
                hash = fold(hash, second, *pair);
            }
            let mut last = [0; 16];
            last[..rest.len()].copy_from_slice(rest);
            hash = fold(hash, second, last);
        }
        mix(hash, second)
    }
}

/// Folds 16 bytes into a hash.
#[expect(clippy::cast_possible_truncation, reason = "halves are meant")]
fn fold(hash: u64, secret: u64, bytes: [u8; 16]) -> u64 {
    let both = u128::from_le_bytes(bytes);
    mix(hash ^ both as u64, secret ^ (both >> 64) as u64)
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
        let elsewhere = CustomerKey::unkept([8; 32]).key_use(1, "sh", "k", &request);
        assert_ne!((elsewhere.key, elsewhere.fingerprint), (base.key, base.fingerprint));
    }

    /// Both stand in journals: what is hashed faster must stay what it was.
    #[test]
    fn a_key_and_a_name_are_siphash_of_all_parts() {
        use siphasher::sip128::Hasher128;
        use std::hash::Hasher;
        let folder = CustomerKey::unkept(std::array::from_fn(|place| u8::try_from(place).unwrap()));
        for length in [0, 1, 7, 8, 40, 300] {
            let text = "k".repeat(length);
            let mut parts =
                SipHasher24::new_with_key(&std::array::from_fn(|place| 16 + u8::try_from(place).unwrap()));
            parts.write_u64(77);
            parts.write_usize(4);
            parts.write(b"sale");
            parts.write(text.as_bytes());
            assert_eq!(folder.key_use(77, "sale", &text, &[]).key, parts.finish128().as_u128());
            let mut name =
                SipHasher24::new_with_key(&std::array::from_fn(|place| u8::try_from(place).unwrap()));
            name.write(text.as_bytes());
            assert_eq!(folder.hash(&text).0, name.finish128().as_u128());
        }
    }

    #[test]
    fn every_bit_of_a_request_moves_half_of_its_fingerprint() {
        let folder = CustomerKey::unkept([7; 32]);
        let mut body: [u8; 45] = std::array::from_fn(|place| u8::try_from(place * 5).unwrap());
        let base = folder.key_use(1, "", "", &[&body]).fingerprint;
        for bit in 0..body.len() * 8 {
            body[bit / 8] ^= 1 << (bit % 8);
            let moved = (folder.key_use(1, "", "", &[&body]).fingerprint ^ base).count_ones();
            assert!((12..=52).contains(&moved), "bit {bit} moves {moved}");
            body[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
