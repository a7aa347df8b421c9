//! From public names to places, without a lock of the state: sales, channels and slots by what callers call them.
//!
//! This is derived, never decisive: what a name leads to is checked again under its shard's lock. Slots are found by a
//! 128-bit hash under seeds of this process, so that nobody can make two names meet on purpose, and by chance it takes
//! 10^19 of them.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use smallvec::SmallVec;

use crate::digest::mix;
use crate::ids::{ChannelIx, SaleIx, SlotRef};
use crate::places::{Look, Places};
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

/// The sections of a venue with their shards, in the order they came; no name for a venue without sections.
type Sections = Vec<(Option<Box<str>>, u8)>;

/// Inventory shards, in an order.
pub type Shards = SmallVec<[u8; 4]>;

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
    slots: Places,
    /// The inventory shards of each venue, as masks.
    venues: DashMap<NameHash, Sections, BuildAsItIs>,
    seeds: [u64; 4],
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
            slots: Places::default(),
            venues: DashMap::with_hasher(BuildAsItIs),
            seeds: [seeds[0], seeds[1], mix(seeds[0], 1), mix(seeds[1], 2)],
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
        // Two hashes side by side, each with its own start and factor: the text is read once.
        let [one, other, first, second] = self.seeds;
        let start = u64::from(sale.0) << 32 | slot.len() as u64;
        let (mut low, mut high) = (mix(one ^ start, first), mix(other ^ start, second));
        let mut add = |word: [u8; 8]| {
            let word = u64::from_le_bytes(word);
            (low, high) = (mix(low ^ word, first), mix(high ^ word, second));
        };
        let (words, rest) = slot.as_bytes().as_chunks::<8>();
        words.iter().for_each(|word| add(*word));
        // The length is in the start, so the last word may repeat bytes of the one before.
        match (rest, slot.as_bytes().last_chunk::<8>()) {
            ([], _) => {}
            (_, Some(last)) => add(*last),
            (rest, None) => {
                let mut last = [0; 8];
                last[..rest.len()].copy_from_slice(rest);
                add(last);
            }
        }
        NameHash(mix(low, first), mix(high, second))
    }

    /// The place of a slot.
    #[must_use]
    pub fn slot(&self, sale: SaleIx, slot: &str) -> Option<SlotRef> {
        self.slots(sale).find(slot)
    }

    /// The slots of a sale, to find several.
    #[inline]
    #[must_use]
    pub fn slots(&self, sale: SaleIx) -> SlotNames<'_> {
        SlotNames { names: self, sale, places: self.slots.look() }
    }

    /// The inventory shards a venue has slots in, as a mask; 0 for a venue nobody knows.
    #[must_use]
    pub fn venue(&self, sale: SaleIx, venue: &str) -> u64 {
        self.venues
            .get(&self.hash(sale, venue))
            .map_or(0, |sections| sections.iter().fold(0, |mask, (_, shard)| mask | 1 << shard))
    }

    /// The inventory shards of a venue, or of one of its sections, each once, in the order the sections came.
    #[must_use]
    pub fn shards_of(&self, sale: SaleIx, venue: &str, section: Option<&str>) -> Shards {
        let mut shards = Shards::new();
        if let Some(sections) = self.venues.get(&self.hash(sale, venue)) {
            let wanted = sections.iter().filter(|(name, _)| section.is_none() || name.as_deref() == section);
            for (_, shard) in wanted {
                if !shards.contains(shard) {
                    shards.push(*shard);
                }
            }
        }
        shards
    }

    /// A section of a venue, or a venue without sections, got its first slot.
    pub fn add_venue(&self, sale: SaleIx, venue: &str, section: Option<&str>, shard: u8) {
        if !self.kept {
            return;
        }
        let mut sections = self.venues.entry(self.hash(sale, venue)).or_default();
        if !sections.iter().any(|(name, _)| name.as_deref() == section) {
            sections.push((section.map(Box::from), shard));
        }
    }

    /// A slot came in.
    pub fn add_slot(&self, sale: SaleIx, slot: &str, place: SlotRef) {
        if !self.kept {
            return;
        }
        let NameHash(one, other) = self.hash(sale, slot);
        self.slots.insert([one, other], place);
    }
}

/// The names of a sale's slots as they stood when this was made.
#[derive(Debug)]
pub struct SlotNames<'a> {
    names: &'a Names,
    sale: SaleIx,
    places: Look,
}

impl SlotNames<'_> {
    /// The place of a slot.
    #[inline]
    #[must_use]
    pub fn find(&self, slot: &str) -> Option<SlotRef> {
        let NameHash(one, other) = self.names.hash(self.sale, slot);
        self.places.find([one, other])
    }
}
