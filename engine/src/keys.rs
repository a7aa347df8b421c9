//! Idempotency keys: which request made which change, so that asking again gives the same answer and does nothing.
//!
//! A record is written by the same fact as the change itself, under the key's own lock, so a second request with the
//! key either waits for the first or finds its record. It does not hold the answer but where to rebuild it from: the
//! cart and the version of its items.

use serde::{Deserialize, Serialize};

use crate::fact::Configuration;
use crate::ids::CartId;
use crate::index::Index;
use crate::inventory::Stamp;
use crate::queue::Queue;
use crate::request::KeyUse;
use crate::state::one_of;
use crate::time::{Millis, Timestamp};

/// What kind of answer a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Answered {
    /// A cart was made.
    Opened = 1,
    /// Holds were added.
    Added = 2,
    /// Holds were given back.
    Released = 3,
    /// Holds were swapped.
    Exchanged = 4,
    /// The deadline moved.
    Extended = 5,
    /// The cart became an order.
    Confirmed = 6,
    /// Lines of an order were cancelled.
    Cancelled = 7,
    /// Access codes were made; in place of the cart stand the wave's number and how many they were.
    CodesMade = 8,
    /// People were called at once; in place of the cart stands how many they were.
    Admitted = 9,
    /// Slots came in; in place of the cart and its version stand [`ThreeCounts`].
    SlotsSet = 10,
    /// Access codes were taken back; in place of the cart and its version stand [`ThreeCounts`].
    CodesRevoked = 11,
}

impl Answered {
    /// Whether the record names a cart, from which the answer is rebuilt.
    #[must_use]
    pub const fn names_a_cart(self) -> bool {
        !matches!(self, Self::CodesMade | Self::Admitted | Self::SlotsSet | Self::CodesRevoked)
    }
}

/// What an answer that is only numbers says: three counts, each less than 2^24. Together they have the room that a cart
/// and its version have in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreeCounts(pub [u32; 3]);

impl ThreeCounts {
    /// What one of them can be at most. A body has fewer slots, and all sales together fewer codes.
    pub const MOST: u32 = (1 << 24) - 1;

    /// Whether all of them have room.
    #[must_use]
    pub fn fit(self) -> bool {
        self.0.into_iter().all(|count| count <= Self::MOST)
    }

    /// As a record keeps them.
    pub(crate) fn to_record(self) -> (CartId, u8) {
        let [first, second, third] = self.0.map(u64::from);
        let [.., high, middle, low] = third.to_be_bytes();
        (CartId(first << 40 | second << 16 | u64::from(middle) << 8 | u64::from(low)), high)
    }
}

/// What is remembered of a key. 40 bytes.
#[derive(Clone, Copy, Debug)]
pub struct KeyRecord {
    key: [u64; 2],
    /// Tells another request under the same key.
    pub fingerprint: u64,
    /// The cart the answer speaks of.
    pub cart: CartId,
    /// 48 bits of time, 8 of version, 8 of kind.
    packed: u64,
}

impl KeyRecord {
    /// The key.
    #[must_use]
    pub fn key(&self) -> u128 {
        u128::from(self.key[0]) | u128::from(self.key[1]) << 64
    }

    /// The record as a snapshot keeps it.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let words = [self.key[0], self.key[1], self.fingerprint, self.cart.0, self.packed];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The record that [`KeyRecord::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 40]) -> Self {
        let mut words = [0; 5];
        for (word, place) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(place);
            *word = u64::from_le_bytes(eight);
        }
        let [low, high, fingerprint, cart, packed] = words;
        Self { key: [low, high], fingerprint, cart: CartId(cart), packed }
    }

    /// When the change was made.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        Timestamp(self.packed >> 16)
    }

    /// The version of the cart's items in the answer.
    #[must_use]
    pub fn version(&self) -> u8 {
        self.packed.to_le_bytes()[1]
    }

    /// What an answer that is only numbers says.
    #[must_use]
    pub fn counts(&self) -> ThreeCounts {
        let part = |shift: u32, bits: u32| {
            u32::try_from(self.cart.0 >> shift & ((1 << bits) - 1)).unwrap_or(ThreeCounts::MOST)
        };
        ThreeCounts([part(40, 24), part(16, 24), u32::from(self.version()) << 16 | part(0, 16)])
    }

    /// What kind of answer.
    #[must_use]
    pub fn answered(&self) -> Answered {
        match self.packed.to_le_bytes()[0] {
            1 => Answered::Opened,
            2 => Answered::Added,
            3 => Answered::Released,
            4 => Answered::Exchanged,
            5 => Answered::Extended,
            6 => Answered::Confirmed,
            8 => Answered::CodesMade,
            9 => Answered::Admitted,
            10 => Answered::SlotsSet,
            11 => Answered::CodesRevoked,
            _ => Answered::Cancelled,
        }
    }
}

/// All keys under one lock, the oldest first.
#[derive(Clone, Debug)]
pub struct KeyShard {
    /// When it last changed.
    pub stamp: Stamp,
    index: Index,
    /// In the order they came, so in the order of their times.
    records: Queue<KeyRecord>,
    /// The number of `records[0]`; the index speaks of numbers, which wrap.
    first: u32,
    most: u32,
    keep: Millis,
}

impl Default for KeyShard {
    fn default() -> Self {
        Self {
            stamp: Stamp::default(),
            index: Index::default(),
            records: Queue::default(),
            first: 0,
            most: u32::MAX,
            keep: Millis(86_400_000),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "halves are meant")]
fn halves(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}

impl KeyShard {
    /// Bytes of its keys.
    pub(crate) fn bytes(&self) -> usize {
        self.index.bytes() + self.records.bytes()
    }

    /// Which of `shards` key shards a key belongs to.
    #[must_use]
    pub fn of(key: u128, shards: u8) -> usize {
        one_of(halves(key)[1], shards)
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn live(&self) -> usize {
        self.records.len()
    }

    /// When the oldest remembered key came.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.records.front().map(KeyRecord::at)
    }

    /// How many keys to remember, and for how long, of `shards` shards.
    pub fn configure(&mut self, configuration: &Configuration, shards: u8) {
        self.most = (configuration.idempotency_keys / u32::from(shards)).max(1);
        self.keep = configuration.idempotency_keep;
    }

    /// What is remembered of a key at an instant.
    #[must_use]
    pub fn find(&self, key: u128, at: Timestamp) -> Option<&KeyRecord> {
        let key = halves(key);
        let number = self.index.find(key[0], |number| self.record(number).key == key)?;
        let record = self.record(number);
        (at < record.at().plus(self.keep)).then_some(record)
    }

    /// Reads where a key would be found, so that the next look need not wait for it.
    #[must_use]
    pub fn touch(&self, key: u128) -> u32 {
        self.index.touch(halves(key)[0])
    }

    fn record(&self, number: u32) -> &KeyRecord {
        let place = number.wrapping_sub(self.first);
        self.records.get(place as usize).unwrap_or_else(|| panic!("no record of key {number}"))
    }

    /// Remembers what a key did; what is too old or too many is forgotten.
    pub fn remember(&mut self, key: KeyUse, at: Timestamp, answered: Answered, cart: CartId, version: u8) {
        while self.records.front().is_some_and(|oldest| {
            at >= oldest.at().plus(self.keep) || self.records.len() >= self.most as usize
        }) {
            self.forget_oldest();
        }
        let record = KeyRecord {
            key: halves(key.key),
            fingerprint: key.fingerprint,
            cart,
            packed: at.0 << 16 | u64::from(version) << 8 | answered as u64,
        };
        self.restore(record);
    }

    /// Puts a record behind the others. Put in place, as [`Slab::push`](crate::slab::Slab::push) is.
    #[inline]
    pub fn restore(&mut self, record: KeyRecord) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "numbers wrap; there are fewer than 2^32 records"
        )]
        let number = self.first.wrapping_add(self.records.len() as u32);
        self.records.push_back(record);
        self.index.insert(record.key[0], number);
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.records.front() {
            self.index.remove(oldest.key[0], self.first);
        }
        self.records.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    /// How many keys the index speaks of; as many as are remembered.
    #[must_use]
    pub fn indexed(&self) -> usize {
        self.index.len()
    }

    /// A record by its age; 0 is the oldest.
    #[must_use]
    pub fn nth(&self, place: usize) -> Option<&KeyRecord> {
        self.records.get(place)
    }

    /// All records, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &KeyRecord> {
        self.records.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_forgotten_by_age_and_by_number_and_never_mixed_up() {
        let mut shard = KeyShard::default();
        shard.configure(
            &Configuration { idempotency_keys: 100, idempotency_keep: Millis(1_000), cart_keep: Millis(0) },
            1,
        );
        // All with one low half: they meet in the index.
        let key = |n: u32| KeyUse { key: u128::from(n) << 64 | 7, fingerprint: u64::from(n) };
        for n in 0..500 {
            shard.remember(key(n), Timestamp(u64::from(n)), Answered::Opened, CartId(u64::from(n)), 3);
        }
        assert_eq!(shard.live(), 100);
        for n in 0..500 {
            let found =
                shard.find(key(n).key, Timestamp(500)).map(|record| (record.fingerprint, record.version()));
            assert_eq!(found, (n >= 400).then_some((u64::from(n), 3)), "{n}");
        }
        assert!(shard.find(key(450).key, Timestamp(1_449)).is_some());
        assert!(shard.find(key(450).key, Timestamp(1_450)).is_none());
        shard.remember(key(450), Timestamp(1_450), Answered::Extended, CartId(1), 4);
        assert_eq!(shard.live(), 50);
        assert_eq!(
            shard.find(key(450).key, Timestamp(1_450)).map(KeyRecord::answered),
            Some(Answered::Extended)
        );
    }

    #[test]
    fn three_counts_have_room_in_the_place_of_a_cart() {
        let most = ThreeCounts::MOST;
        for counts in [[0, 0, 0], [1, 2, 3], [most, 0, 1], [0, most, 0], [0, 1, most], [most; 3]] {
            let mut shard = KeyShard::default();
            let (cart, version) = ThreeCounts(counts).to_record();
            let key = KeyUse { key: 7, fingerprint: 9 };
            shard.remember(key, Timestamp((1 << 48) - 1), Answered::SlotsSet, cart, version);
            let record = shard.find(7, Timestamp((1 << 48) - 1)).expect("it is remembered");
            assert_eq!((record.counts().0, record.answered()), (counts, Answered::SlotsSet));
            assert_eq!(record.at(), Timestamp((1 << 48) - 1));
            assert!(ThreeCounts(counts).fit() && !ThreeCounts([0, most + 1, 0]).fit());
        }
    }

    #[test]
    fn a_record_is_40_bytes() {
        assert_eq!(size_of::<KeyRecord>(), 40);
    }
}
