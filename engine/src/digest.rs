//! A running sum that says whether two copies of a shard are the same.
//!
//! Every entity contributes one 64-bit number; the digest is their sum modulo 2^64, so a change costs one subtraction
//! and one addition and the order of changes does not matter. It finds accidents (a lost unit, a divergent replay), not
//! forgeries: those are the hash chain's business.

/// Folds a value into a hash: multiply to 128 bits, xor the halves (the idea of wyhash's `mum`).
#[inline]
#[must_use]
pub const fn mix(hash: u64, value: u64) -> u64 {
    let product = ((hash ^ 0x9e37_79b9_7f4a_7c15) as u128) * ((value ^ 0xd1b5_4a32_d192_ed03) as u128);
    #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
    let low = product as u64;
    low ^ (product >> 64) as u64
}

/// The sum over all entities of one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Digest(pub u64);

impl Digest {
    /// An entity came, or came back changed.
    #[inline]
    pub fn add(&mut self, entity: u64) {
        self.0 = self.0.wrapping_add(entity);
    }

    /// An entity goes, or goes away to be changed.
    #[inline]
    pub fn subtract(&mut self, entity: u64) {
        self.0 = self.0.wrapping_sub(entity);
    }
}
