//! The codes under one lock, found by their hash. Waves are few: every shard has all of them, read under its own lock.

use std::sync::Arc;

use super::code::{Code, CodeHash};
use super::wave::Wave;
use crate::digest::{Digest, mix};
use crate::ids::SaleIx;
use crate::index::Index;
use crate::inventory::Stamp;
use crate::slab::Slab;
use crate::state::one_of;
use crate::time::Timestamp;

/// The codes of a wave under one lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// How many of them hold units, those past their deadline included.
    pub codes: u32,
    /// When all of them are over at the latest, outages reckoned in: the wave's terms know only what the wall was to say. A
    /// bound, no state: a code that was taken back is over before, and so is one that an outage has not moved beside one
    /// that was made after it, or the other way round.
    pub until: Timestamp,
}

/// Some of the codes.
#[derive(Clone, Debug, Default)]
pub struct CodeShard {
    /// When it last changed.
    pub stamp: Stamp,
    /// The sum of its codes and of all waves.
    pub digest: Digest,
    codes: Slab<Code>,
    index: Index,
    waves: Vec<Arc<Wave>>,
    /// Of each wave.
    holding: Vec<Holding>,
}

fn by_hash(hash: CodeHash) -> u64 {
    u64::try_from(hash.0 >> 64).unwrap_or(0)
}

impl CodeShard {
    /// Bytes of its codes.
    pub(crate) fn bytes(&self) -> usize {
        self.index.bytes() + self.codes.bytes()
    }

    /// Which shard a code lives in.
    #[must_use]
    pub fn of(hash: CodeHash, shards: u8) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
        one_of(hash.0 as u64, shards)
    }

    /// How many codes there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.codes.places()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of a code.
    #[must_use]
    pub fn find(&self, hash: CodeHash) -> Option<u32> {
        self.index.find(by_hash(hash), |place| self.codes.get(place).is_some_and(|code| code.hash() == hash))
    }

    /// A code, if there is one at that place.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Code> {
        self.codes.get(index)
    }

    /// A code that is there.
    #[must_use]
    pub fn code(&self, index: u32) -> &Code {
        &self.codes[index]
    }

    /// All waves of all sales, by number.
    #[must_use]
    pub fn waves(&self) -> &[Arc<Wave>] {
        &self.waves
    }

    /// The wave of a code.
    #[must_use]
    pub fn wave_of(&self, code: &Code) -> Option<&Arc<Wave>> {
        self.waves.get(usize::try_from(code.wave).unwrap_or(usize::MAX))
    }

    /// The number of a sale's wave.
    #[must_use]
    pub fn wave_named(&self, sale: SaleIx, name: &str) -> Option<u32> {
        let place = self.waves.iter().position(|wave| wave.sale == sale && wave.terms.name == name)?;
        u32::try_from(place).ok()
    }

    /// Of each wave, what the codes here hold.
    #[must_use]
    pub fn holding(&self) -> &[Holding] {
        &self.holding
    }

    /// Of each wave, how many of the codes here hold units.
    #[must_use]
    pub fn holders(&self) -> Vec<u32> {
        self.holding.iter().map(|holding| holding.codes).collect()
    }

    /// The next wave.
    pub fn add_wave(&mut self, wave: &Arc<Wave>) {
        let number = self.waves.len() as u64;
        let bytes = postcard::to_stdvec(&**wave).unwrap_or_default();
        let text = bytes.iter().fold(mix(number, 4 << 40), |hash, byte| mix(hash, u64::from(*byte)));
        self.digest.add(text);
        self.waves.push(Arc::clone(wave));
        self.holding.push(Holding::default());
    }

    /// The next code, and its place.
    pub fn add(&mut self, code: Code) -> u32 {
        let hash = code.hash();
        let index = self.codes.places();
        self.digest.add(code.digest(index));
        self.count(&code, true);
        if let Some(holding) = usize::try_from(code.wave).ok().and_then(|wave| self.holding.get_mut(wave)) {
            holding.until = holding.until.max(code.until);
        }
        self.codes.push(code);
        self.index.insert(by_hash(hash), index);
        index
    }

    /// Changes a code with everything that counts it kept in step.
    pub fn change<T>(&mut self, index: u32, change: impl FnOnce(&mut Code) -> T) -> T {
        let before = self.codes[index].clone();
        self.digest.subtract(before.digest(index));
        self.count(&before, false);
        let result = change(&mut self.codes[index]);
        let after = self.codes[index].clone();
        self.digest.add(after.digest(index));
        self.count(&after, true);
        result
    }

    fn count(&mut self, code: &Code, add: bool) {
        if code.reserved.is_empty() {
            return;
        }
        if let Some(holding) = usize::try_from(code.wave).ok().and_then(|wave| self.holding.get_mut(wave)) {
            holding.codes = if add { holding.codes + 1 } else { holding.codes.saturating_sub(1) };
        }
    }
}
