//! What the tests of snapshots and follower share: a desk with a journal on the simulated disk and a random day's
//! business on it.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use std::sync::Arc;

use onsale_engine::commit::{Ack, Mark, Step, Writer};
use onsale_engine::decide::SlotChange;
use onsale_engine::follower::{Followed, Follower};
use onsale_engine::ids::CartId;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::frame::{Chain, JournalId};
use onsale_engine::journal::{FileJournal, Options, StorageError};
use onsale_engine::outcome::CartView;
use onsale_engine::request::{KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{BundleRule, SaleRules};
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot::{Generations, Head};
use onsale_engine::state::{Held, State};
use onsale_engine::testing::desk::{Desk, SHOP, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::{Millis, Timestamp, WallTime};

/// A small generator, the same on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

pub const ID: JournalId = JournalId(0x0123_4567_89ab_cdef);

/// Small segments, so that a test has many.
pub fn options() -> Options {
    Options {
        segment_bytes: 16 << 10,
        smallest_segment_bytes: 8 << 10,
        largest_frame_bytes: 4 << 10,
        ..Options::new(ID, Sequence::ZERO)
    }
}

/// A desk where anything can happen.
pub struct Market {
    pub desk: Desk,
    dice: Dice,
    carts: Vec<CartId>,
    /// Requests that opened a cart, to be asked again.
    pub opened: Vec<(u128, Vec<Want>, KeyUse, CartView)>,
    slots: u32,
    /// Whether idle shards are settled. When exactly is a hint that a snapshot does not keep.
    pub ticker: bool,
}

pub const SHARDS: u8 = 4;

impl Market {
    pub fn new(seed: u64) -> Self {
        let desk = Desk::new(SHARDS);
        desk.sale(SaleRules {
            hold_ttl: Millis(20_000),
            hold_max: Millis(60_000),
            limit_units: Some(12),
            bundles: vec![BundleRule {
                name: "both".into(),
                parts: vec!["first".into(), "second".into()],
                same_venue: true,
                gap_days: None,
                cancel_parts: true,
            }],
            ..SaleRules::new("day", "Europe/Berlin")
        });
        let mut market =
            Self { desk, dice: Dice(seed), carts: Vec::new(), opened: Vec::new(), slots: 0, ticker: true };
        for _ in 0..4 {
            market.more_slots();
        }
        market
    }

    fn more_slots(&mut self) {
        let specs: Vec<_> = (self.slots..self.slots + 10)
            .map(|n| SlotSpec {
                starts_at: (n % 3 > 0).then(|| WallTime(1_616_600_000_000 + i64::from(n) * 3_600_000)),
                ends_at: (n % 3 > 1).then(|| WallTime(1_616_603_600_000 + i64::from(n) * 3_600_000)),
                section: (n % 5 == 0).then(|| "north".into()),
                product: Some(if n % 2 == 0 { "first" } else { "second" }.into()),
                labels: if n % 7 == 0 { vec![("gate".into(), "7".into())] } else { Vec::new() },
                price: (n % 4 == 0).then_some(4_900),
                releases_at: (n % 11 == 0).then_some(WallTime(1_000)),
                ..SlotSpec::new(&format!("slot-{n}"), &format!("venue-{}", n % 6), 1 + n % 9)
            })
            .collect();
        self.desk.slots("day", &specs);
        self.slots += 10;
    }

    fn wants(&mut self) -> Vec<Want> {
        (0..=self.dice.roll(3))
            .map(|_| {
                slot(
                    &format!("slot-{}", self.dice.roll(u64::from(self.slots))),
                    1 + u32::from(self.dice.roll(4) == 0),
                )
            })
            .collect()
    }

    fn some_cart(&mut self) -> Option<OnCart> {
        let count = self.carts.len() as u64;
        let pick = self.dice.roll(count.max(1));
        let cart = *self.carts.get(usize::try_from(count.saturating_sub(1 + pick.min(20))).unwrap())?;
        Some(self.desk.on(cart))
    }

    /// One random thing happens. Refusals are as welcome as anything.
    pub fn act(&mut self) {
        self.desk.clock += self.dice.roll(700);
        let now = self.desk.now();
        let choice = self.dice.roll(100);
        let cart = self.some_cart();
        let core = &self.desk.core;
        match (choice, cart) {
            (0..40, _) | (_, None) => {
                let (wants, key) = (self.wants(), self.desk.key());
                let customer = u128::from(self.dice.roll(60)) << 70 | u128::from(self.dice.roll(9));
                let mut notes = Notes::default();
                if self.dice.roll(4) == 0 {
                    notes.reference = Some(format!("R-{}", self.dice.roll(5)));
                }
                let customer = onsale_engine::ids::CustomerHash(customer);
                let request =
                    OpenCart { caller: SHOP, key, sale: "day", customer, wants: &wants, notes, code: None };
                if let Ok(cart) = self.desk.core.open_cart(now, &request).result {
                    self.carts.push(cart.cart);
                    self.opened.push((customer.0, wants, key, cart));
                }
            }
            (40..48, Some(on)) => {
                let wants = self.wants();
                drop(self.desk.core.add_holds(now, on, &wants));
            }
            (48..54, Some(on)) => {
                let ordinal = u8::try_from(self.dice.roll(3)).unwrap();
                drop(self.desk.core.release_hold(now, on, ordinal));
            }
            (54..60, Some(on)) => {
                let (ordinal, wants) = (u8::try_from(self.dice.roll(3)).unwrap(), self.wants());
                drop(self.desk.core.exchange_hold(now, on, ordinal, &wants[0]));
            }
            (60..66, Some(on)) => drop(core.extend(now, on)),
            (66..70, Some(on)) => drop(core.abandon(now, on)),
            (70..84, Some(on)) => drop(core.checkout(now, on)),
            (84..88, Some(on)) => drop(core.cancel_order(now, on, None)),
            (88..90, Some(on)) => drop(core.cart(now, SHOP, on.cart)),
            (90..94, _) if !self.ticker => {}
            (90..94, _) => {
                let shard = u8::try_from(self.dice.roll(u64::from(SHARDS))).unwrap();
                core.settle_shard(now, shard).unwrap();
            }
            (94..97, _) => {
                for shard in 0..SHARDS {
                    core.note_digest(now, shard, 0).unwrap();
                }
                core.heartbeat(now, 77, 5).unwrap();
            }
            (97, _) => {
                // Long enough that what ended long ago is forgotten and places are handed out again.
                if self.dice.roll(3) == 0 {
                    self.desk.clock += 26 * 3_600_000;
                    let now = self.desk.now();
                    for shard in 0..SHARDS {
                        self.desk.core.forget_carts(now, shard, 0).unwrap();
                    }
                }
            }
            (98, _) => self.more_slots(),
            _ => {
                let name = format!("slot-{}", self.dice.roll(u64::from(self.slots)));
                let change = SlotChange {
                    capacity: Some(9 + u32::try_from(self.dice.roll(9)).unwrap()),
                    ..SlotChange::default()
                };
                drop(core.change_slot(now, "day", &name, &change));
            }
        }
    }
}

/// A market whose facts go to a journal on a simulated disk, and its follower.
pub struct Shop {
    pub market: Market,
    pub disk: SimDisk,
    pub writer: Writer<FileJournal<SimDisk>>,
    pub mark: Arc<Mark>,
    pub follower: Follower<SimDisk>,
    pub boot: u64,
}

impl Shop {
    pub fn new(seed: u64, every: Millis) -> Result<Self, StorageError> {
        Self::on(SimDisk::new(seed), seed, every)
    }

    pub fn on(disk: SimDisk, seed: u64, every: Millis) -> Result<Self, StorageError> {
        Self::with_ack(disk, seed, every, Ack::Fsync)
    }

    pub fn with_ack(disk: SimDisk, seed: u64, every: Millis, ack: Ack) -> Result<Self, StorageError> {
        let market = Market::new(seed);
        let (journal, _) = FileJournal::open(disk.clone(), options())?;
        let mark = Arc::new(Mark::new(Sequence::ZERO));
        let mut writer = Writer::new(Arc::clone(&market.desk.core.buffer), Arc::clone(&mark), journal, ack);
        let errands = writer.errands();
        let follower = Follower::new(
            disk.clone(),
            writer.journal(),
            Generations::default(),
            Arc::clone(&mark),
            errands,
            every,
        )?;
        Ok(Self { market, disk, writer, mark, follower, boot: 0 })
    }

    /// Some business, then a frame, then some following. False when the journal has failed.
    pub fn round(&mut self, acts: u64) -> bool {
        for _ in 0..acts {
            self.market.act();
        }
        self.boot += 100;
        let written = self.writer.step() != Step::Failed && self.writer.run_errands() != Step::Failed;
        self.writer.prepare();
        written
    }

    /// Steps the follower until it has nothing to do. Gives what it said beside "applied" and "sliced".
    pub fn follow(&mut self) -> Vec<Followed> {
        let mut said = Vec::new();
        loop {
            match self.follower.step(self.boot).expect("memory and journal agree") {
                Followed::Idle => return said,
                Followed::Applied | Followed::Sliced => {}
                other => said.push(other),
            }
        }
    }
}

/// A header for a state that has no journal.
pub fn head(sequence: u64) -> Head {
    Head { journal: ID, sequence: Sequence(sequence), at: Timestamp(9), chain: Chain::START, shards: SHARDS }
}

/// The bytes of a snapshot of the state: two states are the same if these are.
pub fn image(state: &mut State) -> Vec<u8> {
    let disk = SimDisk::new(1);
    let head = Head { shards: state.shards(), ..head(1) };
    onsale_engine::snapshot::write(&disk, head, Sequence(1), state).expect("the simulated disk works");
    disk.get(&onsale_engine::snapshot::snapshot_name(Sequence(1))).expect("it is there")
}

/// The digests of all shards.
pub fn digests(state: &mut State) -> Vec<u64> {
    let mut alone = state.alone();
    (0..alone.shards()).map(|shard| alone.shard(shard).digest.0).collect()
}
