//! Requests in, facts or refusals out. One file a kind of request.
//!
//! Every request goes the same way: reserve room in the journal's buffer, take the locks in their order, fix the time,
//! check everything, then say what happened as facts. A `Decision` is that way, so that no request can leave a step
//! out: a fact can only be said through `Decision::commit`, which numbers it while the locks are held.

mod add;
mod admission;
mod aim;
mod best;
pub(crate) mod bundle;
mod bundles;
mod cancel;
mod cart;
mod checkout;
mod choose;
mod code_views;
mod codes;
mod codes_made;
mod codes_revoked;
mod dials;
mod exchange;
mod extend;
mod housekeeping;
mod import;
mod line;
mod open;
mod release;
mod sales;
mod scattered;
mod sellable;
mod set_aside;
mod shown;
mod slot;
mod stock;
mod vetted;
mod views;
mod wants;

pub use code_views::{CodeState, CodeView, WaveCounts, WaveView};
pub use codes_made::{CodesMadeView, MakeCodes};
pub use codes_revoked::{RevokeCodes, Revoked, Which};
pub use dials::{AdmitNow, LineChange, LineTurned};
pub use housekeeping::Ticked;
pub use import::{SlotRejection, SlotsAdded};
pub use line::{JoinLine, JoinedLine, Proof, Registered, Session, has_pass};
pub use sales::SalePut;
pub use shown::GradeView;
pub use slot::SlotChange;
pub use views::{OrderQuery, Page, SlotQuery, is_slot_cursor};

pub use crate::documents::{Availability, AvailabilityLine, BundleOffer};

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

use crate::apply::apply;
use crate::commit::{Buffer, Reservation, Waking};
use crate::fact::{self, Fact, Kind};
use crate::inventory::Stamp;
use crate::journal::records;
use crate::limits::Limits;
use crate::outcome::Answer;
use crate::refusal::Refusal;
use crate::sequence::Sequence;
use crate::state::{Guards, MAX_SHARDS, State};
use crate::time::{Now, Timestamp};

/// The pure middle of a partition: state and buffer, no clock, no thread, no disk. The engine and the simulator are
/// both built around it.
#[derive(Debug)]
pub struct Core {
    /// Everything that is known.
    pub state: State,
    /// Where facts get their numbers.
    pub buffer: std::sync::Arc<Buffer>,
    /// The bounds.
    pub limits: Limits,
    /// Which partition this is.
    pub partition: u8,
    /// Woken when the buffer is no longer empty.
    pub writer: Waking,
    /// Set by the writer: no room on disk for new holds.
    pub disk_full: AtomicBool,
    /// Set by the writer: it could not write what there is, so that nothing more is decided until it can.
    pub blocked: AtomicBool,
    /// What requests cost, for `/metrics`.
    pub costs: Costs,
    /// Where the secrets of new lines come from.
    pub secrets: Secrets,
    /// How selling goes; noted by whoever answers requests.
    pub pulse: crate::pulse::Pulse,
}

/// Secrets nobody can guess, made from one that the random source gave at the start.
#[derive(Debug)]
pub struct Secrets {
    root: [u8; 32],
    made: AtomicU64,
}

impl Secrets {
    /// Secrets under a root.
    #[must_use]
    pub const fn of(root: [u8; 32]) -> Self {
        Self { root, made: AtomicU64::new(0) }
    }

    /// One that was never given before.
    fn next(&self) -> [u8; 32] {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        *blake3::keyed_hash(&self.root, &number.to_le_bytes()).as_bytes()
    }
}

/// Counters of what requests cost.
#[derive(Debug, Default)]
pub struct Costs {
    /// Carts opened.
    pub opened: Spread,
    /// Inventory locks held by the requests that opened them.
    pub opened_locks: Spread,
    /// Rows that searches for seats looked at.
    pub looked_rows: AtomicU64,
    /// Slots without numbers that searches for seats looked at.
    pub looked_slots: AtomicU64,
}

/// A counter in parts, one for each inventory shard, so that what two cores do in two shards is not counted in a line
/// that both write. A part is written under its shard's lock.
#[derive(Debug)]
pub struct Spread([CachePadded<AtomicU64>; MAX_SHARDS as usize]);

impl Default for Spread {
    fn default() -> Self {
        Self(std::array::from_fn(|_| CachePadded::default()))
    }
}

impl Spread {
    fn add(&self, shard: u8, more: u64) {
        let part = &self.0[usize::from(shard % MAX_SHARDS)];
        part.store(part.load(Ordering::Relaxed) + more, Ordering::Relaxed);
    }

    /// The sum of the parts.
    pub fn load(&self, order: Ordering) -> u64 {
        self.0.iter().map(|part| part.load(order)).sum()
    }
}

/// The way of one request. See the module.
#[derive(Debug)]
pub(crate) struct Decision<'a> {
    core: &'a Core,
    pub guards: Guards<'a>,
    reservation: Reservation<'a>,
    now: Now,
    at: Timestamp,
    /// Whether this request was counted among those who come without a pass.
    arrived: bool,
    /// What [`Decision::together`] has gathered.
    gathered: Option<Box<Gathered>>,
}

/// Facts that get their numbers at once: records, and how many.
#[derive(Debug, Default)]
struct Gathered {
    records: Vec<u8>,
    count: u32,
}

/// What a request reserves beside its own fact: a settling fact for each slot it may ask for, and a lapse.
/// kind 1 + time 6 + slot 6 + count 5 + length 1 = 19; a lapse is 16.
const SETTLING_BYTES: usize = 20;

/// What a fact of a step can need at most, without notes: see `fact/code.rs`. 84 bytes and 13 an item.
pub(crate) const fn step_bytes(items: usize) -> usize {
    128 + items * (13 + SETTLING_BYTES)
}

thread_local! {
    /// Encoded facts on their way into the buffer; kept to keep its memory.
    static SCRATCH: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl<'a> Decision<'a> {
    /// Reserves room; nothing is locked yet.
    pub fn begin(core: &'a Core, now: Now, bytes: usize) -> Result<Self, Refusal> {
        // What was decided now would wait for its answer as long as nobody makes room on the disk. The door says the same; this is for
        // whoever was through it already.
        if core.is_blocked() {
            return Err(Refusal::DiskFull);
        }
        let reservation = core.buffer.reserve(bytes).map_err(|_| Refusal::Overloaded)?;
        let guards = Guards::new(&core.state);
        Ok(Self { core, guards, reservation, now, at: now.engine, arrived: false, gathered: None })
    }

    /// Fixes the time, once all locks are held: the highest of the door's and of every lock's. Without that a delayed
    /// request could act in a past that another has already closed.
    pub fn fix_time(&mut self) -> Timestamp {
        self.at = self.now.engine.max(self.guards.stamp().at);
        self.at
    }

    /// The time of the decision.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Says what happened: numbers the fact, changes the state, and leaves the number with every lock held. What makes sense
    /// only with another fact of the request is said in [`Decision::together`].
    pub fn commit(&mut self, kind: Kind) {
        let fact = Fact { at: self.at, kind };
        // Taken out rather than borrowed: the buffer's lock may let another task of this thread run (shuttle).
        let mut scratch = SCRATCH.take();
        scratch.clear();
        fact::encode(&fact, &mut scratch);
        let numbered = match &mut self.gathered {
            None => Some(self.core.buffer.push(&mut self.reservation, &scratch)),
            Some(gathered) => {
                records::push(&mut gathered.records, &scratch);
                gathered.count += 1;
                None
            }
        };
        SCRATCH.set(scratch);
        apply(&mut self.guards, &fact);
        if let Some(numbered) = numbered {
            self.note_number(numbered);
        }
    }

    /// What is said in here gets its numbers at once when all of it is said, so that it stands in one frame: a power cut leaves
    /// all of it or nothing. Each fact changes the state when it is said; nobody sees that before the numbers are given, as
    /// every lock stays. So nothing is let go in here, and no fact is said that is seen without a lock: a name.
    pub fn together<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        debug_assert!(self.gathered.is_none(), "one request is one");
        self.gathered = Some(Box::default());
        let result = act(self);
        if let Some(gathered) = self.gathered.take().filter(|gathered| gathered.count > 0) {
            let Gathered { records, count } = *gathered;
            let numbered = self.core.buffer.push_all(&mut self.reservation, &records, count);
            self.note_number(numbered);
        }
        result
    }

    /// Leaves the number of the last fact with every lock held, and owes the writer a word.
    fn note_number(&mut self, (sequence, was_empty): (Sequence, bool)) {
        self.guards.set_stamp(Stamp { at: self.at, sequence });
        self.core.writer.owe(was_empty);
    }

    /// The answer, resting on everything that was held.
    pub fn answer<T>(&self, result: Result<T, Refusal>) -> Answer<T> {
        Answer { rests_on: self.guards.stamp().sequence, now: self.now_at(), replayed: false, result }
    }

    /// The answer to a request whose key was used before.
    pub fn replay<T>(&self, result: Result<T, Refusal>) -> Answer<T> {
        Answer { replayed: true, ..self.answer(result) }
    }

    /// Both times at the decision. The wall goes on with the engine when a lock was ahead of the door.
    fn now_at(&self) -> Now {
        Now { engine: self.at, wall: self.now.wall_of(self.at) }
    }
}

impl Core {
    /// A refusal before anything was looked at.
    pub(crate) fn refuse<T>(now: Now, refusal: Refusal) -> Answer<T> {
        Answer { rests_on: Sequence::ZERO, now, replayed: false, result: Err(refusal) }
    }

    /// The journal says how much room it has: while it is not plenty, new holds, new stock and new places in a line are
    /// refused, and nobody is called; giving back, paying and whatever operators do goes on.
    pub fn note_space(&self, space: crate::journal::Space) {
        self.disk_full.store(space != crate::journal::Space::Ok, Ordering::Relaxed);
    }

    /// The writer says whether there was no room at all for what has happened: then nothing more happens.
    pub fn note_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether nothing can be written, so that nothing is decided.
    #[inline]
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Whether the disk has room for more than giving back and paying.
    ///
    /// # Errors
    /// [`Refusal::DiskFull`].
    pub(crate) fn check_room(&self) -> Result<(), Refusal> {
        if self.disk_full.load(Ordering::Relaxed) { Err(Refusal::DiskFull) } else { Ok(()) }
    }

    /// A cart was opened; `shard` is still held.
    fn note_opened(&self, shard: u8, locks: usize) {
        self.costs.opened.add(shard, 1);
        self.costs.opened_locks.add(shard, locks as u64);
    }
}
