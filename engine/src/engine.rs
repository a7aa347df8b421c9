//! A running partition: the core with a clock at its door, a journal behind it and the threads that keep it going.
//!
//! Every method reads the time once, decides, and answers at once; whoever passes the answer on waits until
//! [`Engine::mark`] has reached what it rests on.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::commit::{Ack, Buffer, Failure, Mark, Step, Writer};
use crate::customers::CustomerKey;
use crate::decide::{
    Availability, BundleOffer, Core, Costs, OrderQuery, Page, SalePut, SlotChange, SlotQuery, SlotsAdded,
};
use crate::door::{self, Door};
use crate::ids::{CartId, ChannelIx, CustomerHash};
use crate::inventory::SlotSpec;
use crate::journal::frame::JournalId;
use crate::journal::{FileJournal, Opened, Options as JournalOptions, Space, StorageError};
use crate::limits::Limits;
use crate::os::clock::MachineClock;
use crate::os::disk::FolderDisk;
use crate::os::rng::MachineRng;
use crate::os::threads;
use crate::outcome::{Answer, CartView, CheckoutView, OrderView, SlotView};
use crate::ports::{Clock, Rng};
use crate::recovery::{self, RecoveryError};
use crate::refusal::Refusal;
use crate::request::{Caller, OnCart, OpenCart, Want};
use crate::sale::{IfMatch, SaleRules, SaleView};
use crate::sequence::Sequence;
use crate::state::{MAX_SHARDS, State};
use crate::sync::Waking;
use crate::time::{Millis, Now, Timestamp, WallTime};

/// How a data folder is opened.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The data folder; made if it is not there.
    pub data: PathBuf,
    /// Shards of each kind in a new folder, 1 to 64; an old folder keeps its own.
    pub shards: u8,
    /// When an answer may leave.
    pub ack: Ack,
    /// The bounds.
    pub limits: Limits,
}

impl EngineOptions {
    /// The defaults: 64 shards, every answer after its sync.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into(), shards: MAX_SHARDS, ack: Ack::Fsync, limits: Limits::default() }
    }
}

/// Why an engine did not start.
#[derive(Debug)]
pub enum OpenError {
    /// The folder, a thread, or the random source.
    Io(io::Error),
    /// The journal, or what is in it.
    Recovery(RecoveryError),
    /// The start itself could not be written down.
    NotWritten(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Recovery(error) => error.fmt(f),
            Self::NotWritten(why) => write!(f, "the start could not be written to the journal: {why}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<RecoveryError> for OpenError {
    fn from(error: RecoveryError) -> Self {
        Self::Recovery(error)
    }
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        Self::Recovery(error.into())
    }
}

impl OpenError {
    /// Whether another process has the folder.
    #[must_use]
    pub fn in_use(&self) -> bool {
        matches!(self, Self::Recovery(RecoveryError::Storage(StorageError::InUse)))
    }
}

/// What the start found.
#[derive(Clone, Debug)]
pub struct Start {
    /// What the journal found and mended.
    pub journal: Opened,
    /// Facts replayed.
    pub facts: u64,
    /// How long engine time had stood still.
    pub away: Millis,
    /// Whether the folder was new.
    pub founded: bool,
}

/// How the journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Serving.
    Ready,
    /// A write or sync failed: nothing more is acknowledged.
    JournalFailed(String),
}

/// Numbers for `/metrics`.
#[derive(Clone, Debug, Default)]
pub struct Gauges {
    /// The number of the last fact.
    pub last: u64,
    /// What survives a power cut.
    pub durable: u64,
    /// Frames written since the start.
    pub frames: u64,
    /// Syncs made since the start.
    pub syncs: u64,
    /// Bytes of facts waiting for the disk or reserved.
    pub buffer_bytes: u64,
    /// Live holds.
    pub holds: u64,
    /// Carts and orders remembered.
    pub carts: u64,
    /// Visitors remembered.
    pub visitors: u64,
    /// Idempotency keys remembered.
    pub keys: u64,
    /// Age of the oldest idempotency key.
    pub oldest_key: Millis,
    /// Slots loaded.
    pub slots: u64,
    /// Carts opened since the start.
    pub opened: u64,
    /// Inventory locks held by the requests that opened them.
    pub opened_locks: u64,
    /// Whether new holds are refused for lack of disk space.
    pub disk_full: bool,
}

/// What the threads share with the engine.
#[derive(Debug)]
struct Shared {
    core: Arc<Core>,
    customers: CustomerKey,
    mark: Arc<Mark>,
    door: Door,
    ack: Ack,
    stopping: AtomicBool,
    stopped_writing: AtomicBool,
    frames: AtomicU64,
    syncs: AtomicU64,
    space: AtomicU8,
}

/// One partition, running. See the module.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    threads: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens a data folder: recovers what is there, or founds it, and starts to serve.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing has been changed on disk but a torn tail that was cut.
    pub fn open(
        options: EngineOptions,
        progress: impl FnMut(Sequence, Sequence),
    ) -> Result<(Self, Start), OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(MachineClock::new());
        let mut rng = MachineRng::new()?;
        let seeds = [rng.next(), rng.next()];
        let disk = FolderDisk::open(&options.data)?;
        let mut journal_options = JournalOptions::new(JournalId(rng.next()), Sequence::ZERO);
        journal_options.largest_frame_bytes = options.limits.journal_buffer as u64;
        let (journal, opened) = FileJournal::open(disk.clone(), journal_options)?;
        let recovered = recovery::recover(&journal, seeds, progress)?;
        let customers = CustomerKey::of_folder(&disk, recovered.is_none(), &mut rng)?;

        let founded = recovered.is_none();
        let wall = clock.wall();
        let (state, last, at, facts) = match recovered {
            Some(recovered) => (recovered.state, recovered.last, recovered.at, recovered.facts),
            None => {
                let at = Timestamp(u64::try_from(wall.0).unwrap_or(0));
                (State::new(options.shards, seeds), Sequence::ZERO, at, 0)
            }
        };
        let (last_heartbeat, partition) = {
            let catalog = state.lock_catalog();
            (catalog.heartbeat, catalog.partition)
        };
        let away = last_heartbeat.map_or(Millis(0), |heartbeat| door::away(&heartbeat, &*clock));
        // What lies beyond the setting counts as time that ran: an outage of a year does not freeze carts for a year.
        let at = at.plus(Millis(away.0.saturating_sub(options.limits.max_away.0)));

        let core = Arc::new(Core {
            state,
            buffer: Arc::new(Buffer::new(options.limits.journal_buffer, last)),
            limits: options.limits,
            partition,
            writer: Waking::default(),
            disk_full: AtomicBool::new(false),
            costs: Costs::default(),
        });
        let mark = Arc::new(Mark::new(last));
        let door = Door::new(Arc::clone(&clock), at);
        let mut writer = Writer::new(Arc::clone(&core.buffer), Arc::clone(&mark), journal, options.ack);

        let now = Now { engine: at, wall };
        let not_written = |refusal: Refusal| OpenError::NotWritten(format!("{refusal:?}"));
        if founded {
            core.found(now, wall).map_err(not_written)?;
        }
        core.configure(now).map_err(not_written)?;
        let away_noted = Millis(away.0.min(core.limits.max_away.0));
        core.resumed(now, away_noted, wall, clock.boot(), clock.boot_id()).map_err(not_written)?;
        match writer.step() {
            Step::Wrote | Step::Idle => {}
            Step::Blocked => return Err(OpenError::NotWritten("the disk is full".into())),
            Step::Failed => {
                let why = mark.failure().map_or_else(String::new, |failure| failure.0);
                return Err(OpenError::NotWritten(why));
            }
        }

        let shared = Arc::new(Shared {
            core,
            customers,
            mark,
            door,
            ack: options.ack,
            stopping: AtomicBool::new(false),
            stopped_writing: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            space: AtomicU8::new(0),
        });
        let writing = Arc::clone(&shared);
        let ticking = Arc::clone(&shared);
        let threads = vec![
            threads::start("journal", move || writing.write(writer))?,
            threads::start("ticker", move || ticking.tick())?,
        ];
        let start = Start { journal: opened, facts, away, founded };
        Ok((Self { shared, threads: parking_lot::Mutex::new(threads) }, start))
    }

    /// Stops: writes what is left, syncs, and ends the threads. Answers still waiting are woken by the last sync.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.core.writer.wake();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has ended the process already (`panic = "abort"`).
            let _ = thread.join();
        }
    }

    fn now_or(&self) -> Result<Now, Refusal> {
        if self.shared.mark.has_failed() {
            return Err(Refusal::JournalFailed);
        }
        self.shared.door.now(&self.shared.core)
    }

    fn decide<T>(&self, act: impl FnOnce(&Core, Now) -> Answer<T>) -> Answer<T> {
        match self.now_or() {
            Ok(now) => act(&self.shared.core, now),
            Err(refusal) => {
                let now = Now { engine: Timestamp(0), wall: self.shared.door.clock().wall() };
                Answer { rests_on: Sequence::ZERO, now, replayed: false, result: Err(refusal) }
            }
        }
    }

    /// Both times, for answers that rest on nothing.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now_or().unwrap_or(Now { engine: Timestamp(0), wall: self.shared.door.clock().wall() })
    }

    /// Up to here answers may leave.
    #[must_use]
    pub fn mark(&self) -> Sequence {
        self.shared.mark.answerable()
    }

    /// Up to here everything survives a power cut.
    #[must_use]
    pub fn durable(&self) -> Sequence {
        self.shared.mark.durable()
    }

    /// A customer as the engine knows them: a hash under the folder's own key.
    #[must_use]
    pub fn customer(&self, name: &str) -> CustomerHash {
        self.shared.customers.hash(name)
    }

    /// When answers may leave.
    #[must_use]
    pub fn ack(&self) -> Ack {
        self.shared.ack
    }

    /// Registers a waker that is called every time the mark has moved or the journal has failed.
    pub fn on_mark(&self, waker: Waker) {
        self.shared.mark.listen(waker);
    }

    /// How the journal stands.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.shared.mark.failure() {
            None => Health::Ready,
            Some(Failure(why)) => Health::JournalFailed(why),
        }
    }

    /// Waits, blocking, until an answer may leave. For tools and tests; servers listen to the mark.
    ///
    /// # Errors
    /// Why it never will.
    pub fn wait(&self, rests_on: Sequence) -> Result<(), Failure> {
        let parker = crossbeam::sync::Parker::new();
        let unparker = parker.unparker().clone();
        if self.mark() >= rests_on {
            return Ok(());
        }
        let waker = Waker::from(Arc::new(Unpark(unparker)));
        self.shared.mark.listen(waker);
        loop {
            if self.mark() >= rests_on {
                return Ok(());
            }
            if let Some(failure) = self.shared.mark.failure() {
                return Err(failure);
            }
            parker.park_timeout(Duration::from_millis(5));
        }
    }

    /// Numbers for `/metrics`. Takes every lock once, one after the other.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let core = &self.shared.core;
        let mut gauges = Gauges {
            last: core.buffer.last().0,
            durable: self.durable().0,
            frames: self.shared.frames.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            buffer_bytes: core.buffer.in_use(),
            opened: core.costs.opened.load(Ordering::Relaxed),
            opened_locks: core.costs.opened_locks.load(Ordering::Relaxed),
            disk_full: core.disk_full.load(Ordering::Relaxed),
            ..Gauges::default()
        };
        let mut oldest: Option<Timestamp> = None;
        for shard in 0..core.state.shards() {
            gauges.visitors += u64::from(core.state.lock_visitors(usize::from(shard)).live());
            let keys = core.state.lock_keys(usize::from(shard));
            gauges.keys += keys.live() as u64;
            oldest = match (oldest, keys.oldest()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            drop(keys);
            let inventory = core.state.lock_shard(shard);
            gauges.holds += u64::from(inventory.expiry.live());
            gauges.carts += u64::from(inventory.carts.live());
            gauges.slots += u64::from(inventory.slot_count());
        }
        gauges.oldest_key = oldest.map_or(Millis(0), |oldest| self.now().engine.since(oldest));
        gauges
    }

    /// The wall time at which engine time will be `at`, if there is no outage before.
    #[must_use]
    pub fn wall_of(&self, at: Timestamp) -> WallTime {
        self.now().wall_of(at)
    }
}

struct Unpark(crossbeam::sync::Unparker);

impl std::task::Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

macro_rules! requests {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident : $type:ty),*) -> $out:ty;)*) => {
        /// Requests. What each does and refuses is said where it is decided, in `decide/`.
        impl Engine {
            $($(#[$doc])* pub fn $name(&self $(, $arg: $type)*) -> Answer<$out> {
                self.decide(|core, now| core.$name(now $(, $arg)*))
            })*
        }
    };
}

requests! {
    /// The index of a channel, made when it is new.
    fn channel(name: &str) -> ChannelIx;
    /// Makes a sale or replaces its settings.
    fn put_sale(rules: SaleRules, if_match: IfMatch) -> SalePut;
    /// One sale.
    fn sale(sale: &str) -> SaleView;
    /// All sales, by id.
    fn sales() -> Vec<SaleView>;
    /// Adds slots, or updates known ones; `atomic`: all or none.
    fn add_slots(sale: &str, slots: &[SlotSpec], atomic: bool) -> SlotsAdded;
    /// One slot.
    fn slot(sale: &str, slot: &str) -> SlotView;
    /// Slots by venue, start and id.
    fn slots(sale: &str, query: &SlotQuery<'_>) -> Page<SlotView>;
    /// Changes capacity or blocked units of a slot.
    fn change_slot(sale: &str, slot: &str, change: &SlotChange) -> SlotView;
    /// Units by venue and/or local day, of one product or all.
    fn availability(sale: &str, by_venue: bool, by_day: bool, product: Option<&str>) -> Availability;
    /// Bundles that could be held.
    fn bundles(sale: &str, rule: &str, venue: Option<&str>, from: Option<WallTime>, limit: usize) -> Vec<BundleOffer>;
    /// Makes a cart and its first holds, all or nothing.
    fn open_cart(request: &OpenCart<'_>) -> CartView;
    /// Reads a cart.
    fn cart(caller: Caller, cart: CartId) -> CartView;
    /// Adds holds to a cart.
    fn add_holds(on: OnCart, wants: &[Want]) -> CartView;
    /// Gives back one hold, or the bundle it belongs to.
    fn release_hold(on: OnCart, ordinal: u8) -> CartView;
    /// Swaps a hold, or the bundle it belongs to, for something else.
    fn exchange_hold(on: OnCart, ordinal: u8, want: &Want) -> CartView;
    /// Moves the deadline.
    fn extend(on: OnCart) -> CartView;
    /// Gives all back.
    fn abandon(on: OnCart) -> CartView;
    /// Checks a cart out.
    fn checkout(on: OnCart) -> CheckoutView;
    /// Reads a checkout.
    fn checkout_of(caller: Caller, cart: CartId, attempt: u8) -> CheckoutView;
    /// Reads an order.
    fn order(caller: Caller, cart: CartId) -> OrderView;
    /// Lists orders.
    fn orders(caller: Caller, sale: &str, query: &OrderQuery<'_>) -> Page<OrderView>;
    /// Cancels an order: whole, or the listed holds.
    fn cancel_order(on: OnCart, holds: Option<&[u8]>) -> OrderView;
}

/// How often the ticker looks at every shard.
const TICK: Duration = Duration::from_millis(50);

impl Shared {
    /// The writer's thread: one frame after the other, until the engine stops and the buffer is empty.
    fn write(&self, mut writer: Writer<FileJournal<FolderDisk>>) {
        let window = self.ack.window().map(|window| Duration::from_millis(window.0));
        let mut since_sync = Duration::ZERO;
        loop {
            let step = writer.step();
            let (frames, syncs) = writer.counts();
            self.frames.store(frames, Ordering::Relaxed);
            self.syncs.store(syncs, Ordering::Relaxed);
            self.note_space(writer.space());
            match step {
                Step::Wrote => {}
                Step::Failed => break,
                Step::Blocked => self.core.writer.sleep(Duration::from_millis(100), || false),
                Step::Idle if self.stopping.load(Ordering::Acquire) => break,
                Step::Idle => {
                    let more = writer.prepare();
                    if !more {
                        let longest = window.unwrap_or(Duration::from_millis(500));
                        self.core.writer.sleep(longest, || self.core.buffer.has_facts());
                    }
                }
            }
            if let Some(window) = window {
                let seen = self.door.clock().boot();
                let now = Duration::from_millis(seen);
                if now.saturating_sub(since_sync) >= window {
                    since_sync = now;
                    if writer.sync() == Step::Failed {
                        break;
                    }
                }
            }
        }
        writer.sync();
        self.stopped_writing.store(true, Ordering::Release);
    }

    fn note_space(&self, space: Space) {
        let code = match space {
            Space::Ok => 0,
            Space::Low => 1,
            Space::Full => 2,
        };
        if self.space.swap(code, Ordering::Relaxed) != code {
            self.core.disk_full.store(code > 0, Ordering::Relaxed);
        }
    }

    /// The ticker's thread: settles idle shards, writes clocks and digests down, forgets what is long over.
    fn tick(&self) {
        let shards = self.core.state.shards();
        let mut digests = vec![0_u64; usize::from(shards)];
        let mut forget = (0_u8, 0_u32);
        let (mut next_second, mut digest_shard) = (0, 0_u8);
        let parker = crossbeam::sync::Parker::new();
        while !self.stopping.load(Ordering::Acquire) && !self.mark.has_failed() {
            parker.park_timeout(TICK);
            let Ok(now) = self.door.now(&self.core) else { continue };
            self.settle(now);
            self.core.refresh_documents(now);
            let boot = self.door.clock().boot();
            if boot < next_second {
                continue;
            }
            next_second = boot + 1_000;
            if self.core.anything_held() {
                let _ = self.core.heartbeat(now, boot, self.door.clock().boot_id());
            }
            let known = &mut digests[usize::from(digest_shard)];
            if let Ok(digest) = self.core.note_digest(now, digest_shard, *known) {
                *known = digest;
                digest_shard = (digest_shard + 1) % shards;
            }
            if let Ok(next) = self.core.forget_carts(now, forget.0, forget.1) {
                forget = if next == 0 { ((forget.0 + 1) % shards, 0) } else { (forget.0, next) };
            }
        }
    }

    /// Settles what is due everywhere, shard after shard, in bounded steps, so that nobody waits long for a shard.
    fn settle(&self, now: Now) {
        for shard in 0..self.core.state.shards() {
            loop {
                match self.core.settle_shard(now, shard) {
                    Ok(ticked) if ticked.more && !self.stopping.load(Ordering::Acquire) => {}
                    // No room in the buffer: the requests that filled it settle what they need themselves.
                    _ => break,
                }
            }
        }
    }
}
