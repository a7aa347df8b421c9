//! From public names to places, without a lock of the state: sales, channels and slots by what callers call them.
//!
//! This is derived, never decisive: what a name leads to is checked again under its shard's lock. Slots are found by a
//! 128-bit hash under seeds of this process, so that nobody can make two names meet on purpose, and by chance it takes
//! 10^19 of them.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use foldhash::quality::FixedState;

use crate::ids::{ChannelIx, SaleIx, SlotRef};
use crate::sale::SaleView;

/// The key is already a hash.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 ^= value;
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct BuildAsItIs;

impl BuildHasher for BuildAsItIs {
    type Hasher = AsItIs;
    fn build_hasher(&self) -> AsItIs {
        AsItIs(0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NameHash(u64, u64);

impl std::hash::Hash for NameHash {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0);
    }
}

/// Sales and channels as they stand, replaced whole when one changes.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// By index.
    pub sales: Vec<SaleView>,
    /// By index.
    pub channels: Vec<Arc<str>>,
    ids: Vec<Arc<str>>,
}

impl Listing {
    /// Puts a listing together.
    #[must_use]
    pub fn new(sales: Vec<SaleView>, channels: Vec<Arc<str>>) -> Self {
        let ids = sales.iter().map(|sale| Arc::from(sale.rules.id.as_str())).collect();
        Self { sales, channels, ids }
    }

    /// The index of a sale.
    #[must_use]
    pub fn sale(&self, id: &str) -> Option<SaleIx> {
        let index = self.ids.iter().position(|known| &**known == id)?;
        u16::try_from(index).ok().map(SaleIx)
    }

    /// The public id of a sale.
    #[must_use]
    pub fn sale_id(&self, sale: SaleIx) -> Arc<str> {
        self.ids.get(usize::from(sale.0)).cloned().unwrap_or_else(|| Arc::from(""))
    }

    /// The index of a channel.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<ChannelIx> {
        let index = self.channels.iter().position(|known| &**known == name)?;
        u16::try_from(index).ok().map(ChannelIx)
    }
}

/// All names of a partition.
#[derive(Debug)]
pub struct Names {
    kept: bool,
    listing: ArcSwap<Listing>,
    slots: DashMap<NameHash, SlotRef, BuildAsItIs>,
    /// The inventory shards of each venue, as masks.
    venues: DashMap<NameHash, u64, BuildAsItIs>,
    low: FixedState,
    high: FixedState,
}

impl Names {
    /// No names yet; `seeds` come from the random source of this process.
    #[must_use]
    pub fn new(seeds: [u64; 2]) -> Self {
        Self { kept: true, ..Self::unkept(seeds) }
    }

    /// Names that nobody will ask for: nothing is kept of them. The follower's state has such.
    #[must_use]
    pub fn none() -> Self {
        Self::unkept([0; 2])
    }

    fn unkept(seeds: [u64; 2]) -> Self {
        Self {
            kept: false,
            listing: ArcSwap::default(),
            slots: DashMap::with_hasher(BuildAsItIs),
            venues: DashMap::with_hasher(BuildAsItIs),
            low: FixedState::with_seed(seeds[0]),
            high: FixedState::with_seed(seeds[1]),
        }
    }

    /// Sales and channels as they stand.
    pub fn listing(&self) -> arc_swap::Guard<Arc<Listing>> {
        self.listing.load()
    }

    /// A sale or a channel changed.
    pub fn set_listing(&self, listing: Listing) {
        if !self.kept {
            return;
        }
        self.listing.store(Arc::new(listing));
    }

    fn hash(&self, sale: SaleIx, slot: &str) -> NameHash {
        let hash = |state: &FixedState| {
            let mut hasher = state.build_hasher();
            hasher.write_u16(sale.0);
            hasher.write(slot.as_bytes());
            hasher.finish()
        };
        NameHash(hash(&self.low), hash(&self.high))
    }

    /// The place of a slot.
    #[inline]
    #[must_use]
    pub fn slot(&self, sale: SaleIx, slot: &str) -> Option<SlotRef> {
        self.slots.get(&self.hash(sale, slot)).map(|place| *place)
    }

    /// The inventory shards a venue has slots in, as a mask; 0 for a venue nobody knows.
    #[must_use]
    pub fn venue(&self, sale: SaleIx, venue: &str) -> u64 {
        self.venues.get(&self.hash(sale, venue)).map_or(0, |mask| *mask)
    }

    /// A venue got its first slot in a shard.
    pub fn add_venue(&self, sale: SaleIx, venue: &str, shard: u8) {
        if !self.kept {
            return;
        }
        *self.venues.entry(self.hash(sale, venue)).or_insert(0) |= 1 << shard;
    }

    /// A slot came in.
    pub fn add_slot(&self, sale: SaleIx, slot: &str, place: SlotRef) {
        if !self.kept {
            return;
        }
        self.slots.insert(self.hash(sale, slot), place);
    }
}
