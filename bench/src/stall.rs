//! What the in-process benches sell: a core with a sale of many venues, a memory-backed journal, and a counter where
//! one thread opens and confirms carts while a fixed number stays live.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use onsale_engine::commit::{Ack, Mark, Writer};
use onsale_engine::customers::CustomerKey;
use onsale_engine::decide::Core;
use onsale_engine::ids::{CartId, CustomerHash};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::frame::JournalId;
use onsale_engine::journal::{FileJournal, Options};
use onsale_engine::limits::Limits;
use onsale_engine::os::disk::FolderDisk;
use onsale_engine::request::{KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::desk::{self, SHOP, START_MS};
use onsale_engine::time::{Now, Timestamp, WallTime};

/// What is sold.
#[derive(Clone, Copy, Debug)]
pub struct Goods {
    /// Venues; each lives in one shard.
    pub venues: usize,
    /// Slots of each venue.
    pub slots: usize,
}

/// The one sale.
pub const SALE: &str = "bench";

/// Its terms: two units a customer.
#[must_use]
pub fn terms() -> SaleRules {
    SaleRules { limit_units: Some(2), ..SaleRules::new(SALE, "UTC") }
}

impl Goods {
    /// The slots of a venue; a day has 144.
    #[must_use]
    pub fn of_venue(self, venue: usize) -> Vec<SlotSpec> {
        let spec = |slot: usize| SlotSpec {
            starts_at: Some(WallTime(START_MS.cast_signed() + (slot as i64 / 144) * 86_400_000)),
            ..SlotSpec::new(&slot_name(venue, slot), &format!("v{venue}"), 10_000_000)
        };
        (0..self.slots).map(spec).collect()
    }
}

/// A core with one sale, and the writer of its journal.
#[derive(Debug)]
pub struct Stall {
    /// The core.
    pub core: Arc<Core>,
    /// What is sold.
    pub goods: Goods,
    /// The writer, unless facts are only counted.
    pub writer: Option<Writer<FileJournal<FolderDisk>>>,
    folder: tempfile::TempDir,
}

/// The one instant of a bench: deadlines never come.
#[must_use]
pub fn now() -> Now {
    Now { engine: Timestamp(START_MS), wall: WallTime(START_MS.cast_signed()) }
}

impl Stall {
    /// Sets up a sale. With a journal, frames go to a folder in memory (`/dev/shm`): framing, checksums and chain are
    /// paid for, the disk is not.
    ///
    /// # Panics
    /// If the core refuses the sale, or there is no memory folder.
    #[must_use]
    pub fn new(goods: Goods, journal: bool) -> Self {
        Self::with(goods, journal, Limits { idempotency_keys: 50_000_000, ..Limits::default() })
    }

    /// The same within other bounds.
    ///
    /// # Panics
    /// As [`Stall::new`].
    #[must_use]
    pub fn with(goods: Goods, journal: bool, limits: Limits) -> Self {
        let core = Arc::new(desk::core(64, limits));
        core.found(now(), now().wall).expect("founding");
        core.configure(now()).expect("configuring");
        core.channel(now(), "web").result.expect("a channel");
        core.put_sale(now(), terms(), IfMatch::Absent).result.expect("a sale");
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
        let writer = journal.then(|| {
            let disk = FolderDisk::open(folder.path()).expect("a folder in memory");
            let (file, _) = FileJournal::open(disk, Options::new(JournalId(1), Sequence::ZERO))
                .expect("an empty journal");
            Writer::new(Arc::clone(&core.buffer), Arc::new(Mark::new(Sequence::ZERO)), file, Ack::None)
        });
        let mut stall = Self { core, goods, writer, folder };
        for venue in 0..goods.venues {
            for part in goods.of_venue(venue).chunks(1_000) {
                let done = stall.core.add_slots(now(), SALE, part, false).result.expect("slots");
                assert_eq!(done.added, part.len() as u64);
                stall.drain();
            }
        }
        stall
    }

    /// Where its journal is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Empties the buffer: into the journal, or away.
    pub fn drain(&mut self) {
        drain(&self.core, self.writer.as_mut());
    }
}

/// Empties a core's buffer: into a journal, or away.
pub fn drain(core: &Core, writer: Option<&mut Writer<FileJournal<FolderDisk>>>) {
    match writer {
        Some(writer) => {
            writer.step();
        }
        None => core.buffer.discard(),
    }
}

/// One of `of` places; a remainder of a length fits into one.
pub(crate) fn pick(number: u64, of: usize) -> usize {
    usize::try_from(number % of as u64).unwrap_or(0)
}

fn slot_name(venue: usize, slot: usize) -> String {
    format!("v{venue}-slot-{slot:05}")
}

/// One seller: opens carts of two slots at its venues and confirms the oldest, so that `live` stay open.
#[derive(Debug)]
pub struct Counter {
    wants: Vec<[Want; 2]>,
    open: VecDeque<CartId>,
    live: usize,
    number: u64,
    folder: CustomerKey,
}

impl Counter {
    /// A seller for the venues `from..to` of a stall; `seed` keeps its customers and keys apart from others'.
    #[must_use]
    pub fn new(goods: Goods, from: usize, to: usize, live: usize, seed: u64) -> Self {
        Self::with_wishes(goods, (from, to), live, seed, 4_096)
    }

    /// The same with so many wishes, which are made in turn.
    #[must_use]
    pub fn with_wishes(
        goods: Goods,
        (from, to): (usize, usize),
        live: usize,
        seed: u64,
        wishes: usize,
    ) -> Self {
        let mut wants = Vec::with_capacity(wishes);
        let mut state = seed + 1;
        for _ in 0..wishes {
            state = onsale_engine::digest::mix(state, 7);
            let venue = from + pick(state >> 3, to - from);
            let (one, other) = (pick(state >> 20, goods.slots), pick(state >> 40, goods.slots));
            let want = |slot| Want::Slot { slot: slot_name(venue, slot), quantity: 1 };
            wants.push([want(one), want(other)]);
        }
        Self { wants, open: VecDeque::new(), live, number: seed << 40, folder: CustomerKey::unkept([7; 32]) }
    }

    /// Makes room for so many open carts beforehand.
    pub fn expect(&mut self, carts: usize) {
        self.open.reserve(carts);
    }

    fn key(&mut self) -> KeyUse {
        self.number += 1;
        // As the gateway does it, with a text of the usual length and a request of 150 bytes.
        let mut text = [b'k'; 24];
        for (place, byte) in text.iter_mut().take(16).enumerate() {
            *byte = b"0123456789abcdef"[usize::try_from(self.number >> (4 * place) & 15).unwrap_or(0)];
        }
        let text = std::str::from_utf8(&text).unwrap_or_default();
        self.folder.key_use(1, SALE, text, &[b"POST", b"/v1/sales/bench/carts", &[b'x'; 150]])
    }

    /// Opens a cart under a key.
    ///
    /// # Panics
    /// If the core refuses; the stall never runs out.
    pub fn hold(&mut self, core: &Core) {
        let cart =
            self.ask(|request| core.open_cart(now(), request)).result.expect("the stall has plenty").cart;
        self.open.push_back(cart);
    }

    /// Makes the next request for a cart.
    pub fn ask<T>(&mut self, act: impl FnOnce(&OpenCart<'_>) -> T) -> T {
        let key = self.key();
        let wants = &self.wants[pick(self.number, self.wants.len())];
        // Mixed twice: as even as the keyed hash that customers come as, of which numbers in a row mixed once are not.
        let half = |which| {
            u128::from(onsale_engine::digest::mix(which, onsale_engine::digest::mix(self.number, which)))
        };
        let customer = half(1) << 64 | half(2);
        let request = OpenCart {
            caller: SHOP,
            key,
            sale: SALE,
            customer: CustomerHash(customer),
            wants,
            notes: Notes::default(),
            code: None,
        };
        act(&request)
    }

    /// Confirms the oldest cart under a key, if more than the live number are open.
    ///
    /// # Panics
    /// If the core refuses.
    pub fn confirm(&mut self, core: &Core) {
        if self.open.len() <= self.live {
            return;
        }
        let Some(cart) = self.open.pop_front() else { return };
        let key = Some(self.key());
        core.checkout(now(), OnCart { caller: SHOP, key, cart }).result.expect("the cart is open");
    }
}
