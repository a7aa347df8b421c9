//! A running partition: the core with a clock at its door, a journal behind it and the threads that keep it going.
//!
//! Every method reads the time once, decides, and answers at once; whoever passes the answer on waits until
//! [`Engine::mark`] has reached what it rests on.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::codes::CodeHash;
use crate::commit::{Ack, Failure};
use crate::decide::{
    AdmitNow, Availability, BundleOffer, Core, GradeView, JoinLine, JoinedLine, LineChange, LineTurned,
    OrderQuery, Page, Registered, SalePut, Session, SlotChange, SlotQuery, SlotsAdded,
};
use crate::decide::{CodeView, CodesMadeView, MakeCodes, RevokeCodes, Revoked, WaveView};
use crate::ids::{CartId, ChannelIx, CustomerHash, SaleIx};
use crate::inventory::SlotSpec;
use crate::limits::Limits;
use crate::os::clock::MachineClock;
use crate::os::disk::FolderDisk;
use crate::os::rng::MachineRng;
use crate::os::threads;
use crate::outcome::{Answer, CartView, CheckoutView, OrderView, SlotView};
use crate::pulse::Pulse;
use crate::refusal::Refusal;
use crate::request::{Caller, Holder, KeyUse, OnCart, OpenCart, Want};
use crate::sale::{IfMatch, SaleRules, SaleView};
use crate::sequence::Sequence;
use crate::start::{self, StartOptions, Started};
pub use crate::start::{OpenError, Start};
use crate::state::MAX_SHARDS;
use crate::time::{Millis, Now, Timestamp, WallTime};
use crate::waiting_room::{Change, Line, LineView, Ticket, TicketKey, TicketView};

mod shared;

use shared::Shared;

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
    /// How often a snapshot is made; 0 is never, not even at the end.
    pub snapshot_every: Millis,
    /// Whether threads that promised to ([`Engine::promise_to_write`]) write and sync what they owe themselves; else the journal's
    /// thread does all of it.
    pub workers_write: bool,
    /// How long the last snapshot, at the shutdown, may take; 0 is none.
    pub last_snapshot: Millis,
}

impl EngineOptions {
    /// The defaults: 64 shards, every answer after its sync, a snapshot a minute.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            shards: MAX_SHARDS,
            ack: Ack::Fsync,
            limits: Limits::default(),
            snapshot_every: Millis(60_000),
            workers_write: true,
            last_snapshot: Millis(10_000),
        }
    }
}

/// How the journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Serving.
    Ready,
    /// The disk has no room for what has happened: nothing is answered until it has.
    Blocked,
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
    /// Of these, by threads that promised to write ([`Engine::promise_to_write`]); the rest by the journal's own.
    pub frames_by_workers: u64,
    /// Syncs made since the start.
    pub syncs: u64,
    /// Bytes of facts waiting for the disk or reserved.
    pub buffer_bytes: u64,
    /// The last fact the follower has applied.
    pub followed: u64,
    /// The last fact of the last snapshot that stands; 0 before there is one in this run.
    pub snapshot: u64,
    /// Snapshots that could not be made since the start.
    pub hindered_snapshots: u64,
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
    /// Inventory shards that have slots: what one venue's sales can keep locked is one of them.
    pub stocked_shards: u64,
    /// Carts opened since the start.
    pub opened: u64,
    /// Inventory locks held by the requests that opened them.
    pub opened_locks: u64,
    /// Whether new holds are refused for lack of disk space.
    pub disk_full: bool,
    /// Bytes of the live copy.
    pub memory: Memory,
}

/// Bytes of the tables of the live copy, by what is in them; texts beside them and what a rare value points to are not counted. The
/// follower's copy is as large again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Slots with their names.
    pub slots: u64,
    /// Carts and orders.
    pub carts: u64,
    /// Live holds.
    pub holds: u64,
    /// Visitors.
    pub visitors: u64,
    /// Idempotency keys.
    pub keys: u64,
    /// Tickets of waiting rooms.
    pub tickets: u64,
    /// Access codes.
    pub codes: u64,
}

/// One partition, running. See the module.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared<FolderDisk>>,
    threads: parking_lot::Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Opens a data folder: recovers what is there, or founds it, and starts to serve.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing has been changed on disk but a torn tail that was cut.
    pub fn open(options: EngineOptions, progress: impl FnMut(Sequence)) -> Result<(Self, Start), OpenError> {
        let mut rng = MachineRng::new()?;
        let disk = FolderDisk::open(&options.data)?;
        let start_options = StartOptions {
            snapshot_every: options.snapshot_every,
            ..StartOptions::new(options.shards, options.ack, options.limits, &mut rng)
        };
        let clock = Arc::new(MachineClock::new());
        let Started { core, customers, mark, door, writer, follower, start } =
            start::start(&disk, clock, &mut rng, start_options, progress)?;

        let last_snapshot =
            if options.snapshot_every == Millis(0) { Millis(0) } else { options.last_snapshot };
        let writing = (writer, options.ack, options.workers_write);
        let shared = Arc::new(Shared::new(core, customers, mark, door, writing, last_snapshot));
        let ticker = shared.first_tick();
        let writing = Arc::clone(&shared);
        let ticking = Arc::clone(&shared);
        let following = Arc::clone(&shared);
        let threads = vec![
            threads::start("journal", move || writing.write())?,
            threads::start("ticker", move || ticking.tick(ticker))?,
            threads::start("follower", move || following.follow(follower))?,
        ];
        Ok((Self { shared, threads: parking_lot::Mutex::new(threads) }, start))
    }

    /// Stops: writes what is left, syncs, makes a last snapshot if that takes no longer than it may, and ends the threads.
    /// Answers still waiting are woken by the last sync.
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

    /// Where whoever answers requests notes how selling goes.
    #[must_use]
    pub fn pulse(&self) -> &Pulse {
        &self.shared.core.pulse
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

    /// An access code of a sale as the engine knows it: a keyed hash. `code` is in the form in which all its spellings agree.
    #[must_use]
    pub fn code_hash(&self, sale: &str, code: &str) -> CodeHash {
        // No customer's name begins so: they are printable.
        let name = ["\0code\0", sale, "\0", code].concat();
        CodeHash(self.customer(&name).0)
    }

    /// A secret of the data folder for a purpose: the same after every start.
    #[must_use]
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        self.shared.customers.secret(purpose)
    }

    /// The public id of a sale. For who prepares a request; nothing rests on it.
    #[must_use]
    pub fn sale_id(&self, sale: SaleIx) -> Arc<str> {
        self.shared.core.state.names.listing().sale_id(sale)
    }

    /// An idempotency key of a caller in a scope, and the request it stands for, as the engine knows them.
    #[must_use]
    pub fn key_use(&self, credential: u64, scope: &str, key: &str, request: &[&[u8]]) -> KeyUse {
        self.shared.customers.key_use(credential, scope, key, request)
    }

    /// Who shows a pass for a ticket: whose carts it makes. A ticket that nobody proved to be has a customer of its own.
    pub fn holder(&self, ticket: &str) -> Answer<Holder> {
        let alone = self.customer(ticket);
        self.decide(|core, now| core.ticket_holder(now, ticket)).map(|(ticket, person)| {
            let customer = if person == 0 { alone } else { CustomerHash(person) };
            Holder { ticket, customer }
        })
    }

    /// Whether the sale keeps what the shop calls the customer. For who prepares a request; nothing rests on it.
    #[must_use]
    pub fn keeps_customer(&self, sale: &str) -> bool {
        let listing = self.shared.core.state.names.listing();
        listing.sale(sale).is_some_and(|sale| listing.sales[usize::from(sale.0)].rules.keep_customer)
    }

    /// The public id of the sale of a cart the caller may see. For who prepares a request; nothing rests on it.
    #[must_use]
    pub fn sale_of_cart(&self, caller: Caller, cart: CartId) -> Option<Arc<str>> {
        let sale = self.shared.core.sale_of(caller, cart)?;
        Some(self.shared.core.state.names.listing().sale_id(sale))
    }

    /// When answers may leave.
    #[must_use]
    pub fn ack(&self) -> Ack {
        self.shared.ack
    }

    /// Registers a waker that is called every time the mark has moved, is stuck ([`Engine::is_stuck`]), or the journal has failed.
    pub fn on_mark(&self, waker: Waker) {
        self.shared.mark.listen(waker);
    }

    /// Makes the calling thread patient: it promises to call [`Engine::write_owed`] before every sleep. Until then its facts
    /// gather.
    pub fn promise_to_write(&self) {
        self.shared.core.writer.promise();
    }

    /// The calling thread has another request to answer. One that is patient and never runs out of work is not waited for without
    /// end.
    pub fn pass_request(&self) {
        self.shared.core.writer.pass();
    }

    /// How much the calling thread has gathered since it wrote last: facts that wait for it, and requests since the first of
    /// them. 0: [`Engine::write_owed`] has nothing to do.
    #[must_use]
    pub fn owed(&self) -> u32 {
        self.shared.core.writer.owed()
    }

    /// Writes and syncs what the calling thread's facts wait for, or has the journal's thread do it if that is at it or the
    /// disk is slow. Cheap if the thread owes nothing; otherwise it takes as long as a sync.
    pub fn write_owed(&self) {
        if self.shared.core.writer.collect() {
            self.shared.write_or_wake();
        }
    }

    /// How the journal stands.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.shared.mark.failure() {
            None if self.shared.core.blocked.load(Ordering::Relaxed) => Health::Blocked,
            None => Health::Ready,
            Some(Failure(why)) => Health::JournalFailed(why),
        }
    }

    /// Whether answers have waited for room on the disk longer than anybody should; what they rest on may become durable yet.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.shared.mark.is_stuck()
    }

    /// Whether the disk has no room for more than giving back and paying.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared.core.disk_full.load(Ordering::Relaxed)
    }

    /// How many of the journal's facts are in no snapshot: what the next start replays. After [`Engine::shutdown`] none, unless the
    /// last snapshot could not be made.
    #[must_use]
    pub fn facts_in_no_snapshot(&self) -> u64 {
        self.durable().0.saturating_sub(self.shared.snapshot.load(Ordering::Relaxed))
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
            frames_by_workers: self.shared.frames_by_workers.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            followed: self.shared.followed.load(Ordering::Relaxed),
            snapshot: self.shared.snapshot.load(Ordering::Relaxed),
            hindered_snapshots: self.shared.hindered.load(Ordering::Relaxed),
            buffer_bytes: core.buffer.in_use(),
            opened: core.costs.opened.load(Ordering::Relaxed),
            opened_locks: core.costs.opened_locks.load(Ordering::Relaxed),
            disk_full: core.disk_full.load(Ordering::Relaxed),
            ..Gauges::default()
        };
        let mut oldest: Option<Timestamp> = None;
        for shard in 0..core.state.shards() {
            let visitors = core.state.lock_visitors(usize::from(shard));
            gauges.visitors += u64::from(visitors.live());
            gauges.memory.visitors += visitors.bytes() as u64;
            drop(visitors);
            let keys = core.state.lock_keys(usize::from(shard));
            gauges.keys += keys.live() as u64;
            oldest = match (oldest, keys.oldest()) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            gauges.memory.keys += keys.bytes() as u64;
            drop(keys);
            gauges.memory.codes += core.state.lock_codes(usize::from(shard)).bytes() as u64;
            let inventory = core.state.lock_shard(shard);
            gauges.holds += u64::from(inventory.expiry.live());
            gauges.carts += u64::from(inventory.carts.live());
            gauges.slots += u64::from(inventory.slot_count());
            gauges.stocked_shards += u64::from(inventory.slot_count() > 0);
            let [slots, carts, holds] = inventory.bytes();
            gauges.memory.slots += slots as u64;
            gauges.memory.carts += carts as u64;
            gauges.memory.holds += holds as u64;
            drop(inventory);
            let lines = core.state.lock_lines(usize::from(shard));
            gauges.memory.tickets += lines.lines.values().map(Line::bytes).sum::<usize>() as u64;
        }
        gauges.oldest_key = oldest.map_or(Millis(0), |oldest| self.now().engine.since(oldest));
        gauges
    }

    /// What came of what people in all lines were told, for counters: as it stands, durable or not.
    #[must_use]
    pub fn grades(&self) -> Vec<GradeView> {
        self.shared.core.grades()
    }

    /// All lines as everybody sees them, for gauges: as they stand, durable or not.
    #[must_use]
    pub fn line_views(&self) -> Vec<LineView> {
        self.shared.core.line_views(self.now())
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
    /// The same, all or none, once under an idempotency key.
    fn add_slots_once(sale: &str, slots: &[SlotSpec], key: KeyUse) -> SlotsAdded;
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
    /// Gives a place in a line, or the place the caller has.
    fn join_line(request: &JoinLine<'_>) -> JoinedLine;
    /// How a ticket stands. Who asks is there.
    fn ticket(ticket: &str) -> TicketView;
    /// Uses a pass: its session begins, or is found.
    fn use_pass(ticket: Ticket) -> Session;
    /// What the tickets of a sale's line are signed with. For who gives them other names.
    fn ticket_key(sale: SaleIx) -> TicketKey;
    /// Goes away from a line.
    fn leave_line(ticket: &str) -> TicketView;
    /// A line as everybody sees it.
    fn line(sale: &str) -> LineView;
    /// Turns the dials of a line, or says what would stand then.
    fn set_line(sale: &str, change: &LineChange) -> LineTurned;
    /// A line with the registrations as they were published.
    fn draw(sale: &str) -> LineView;
    /// Registrations of a lane from a number on.
    fn registered(sale: &str, lane: u8, from: u32, most: u32) -> Registered;
    /// What came of what people in a line were told.
    fn estimates(sale: &str) -> GradeView;
    /// What operators did, oldest first.
    fn changes(sale: Option<&str>) -> Vec<(String, Change)>;
    /// Calls so many at once, or says how many would be called.
    fn admit(sale: &str, wish: AdmitNow<'_>) -> u32;
    /// Makes access codes, all or none.
    fn make_codes(request: &MakeCodes<'_>) -> CodesMadeView;
    /// Takes access codes back.
    fn revoke_codes(request: &RevokeCodes<'_>) -> Revoked;
    /// Access codes of a sale, or of one of its waves.
    fn codes(sale: &str, wave: Option<&str>, after: Option<CodeHash>, limit: usize) -> Page<CodeView>;
    /// One access code.
    fn code(sale: &str, hash: CodeHash) -> CodeView;
    /// Waves of access codes, counted.
    fn waves(sale: &str, name: Option<&str>) -> Vec<WaveView>;
    /// Cancels an order: whole, or the listed holds.
    fn cancel_order(on: OnCart, holds: Option<&[u8]>) -> OrderView;
}
