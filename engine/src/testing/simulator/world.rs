//! The world: one disk, one set of clocks, and the life of a process on them, which begins with a start and ends with a
//! death. What outlives a process is on the disk, in the books, and in what was acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::commit::{Mark, Step, Writer};
use crate::decide::Core;
use crate::door::Door;
use crate::journal::FileJournal;
use crate::outcome::Answer;
use crate::ports::{Clock, Rng};
use crate::request::OpenCart;
use crate::sequence::Sequence;
use crate::testing::clock::SimClock;
use crate::testing::disk::{Faults, SimDisk};
use crate::testing::rng::SimRng;
use crate::ticker::Ticker;
use crate::time::{Millis, Now, Timestamp, WallTime};

use super::books::Books;
use super::clients::Clients;
use super::entries::Ledger;
use super::follower::Follower;
use super::judge::Judge;
use super::plan::{Plan, START};
use super::request::{Asked, Request};
use super::run::Report;

/// A running process.
pub(super) struct Life {
    pub core: Arc<Core>,
    pub mark: Arc<Mark>,
    pub door: Door,
    pub writer: Writer<FileJournal<SimDisk>>,
    pub ticker: Ticker,
    /// The journal's count of this opening.
    pub incarnation: u32,
    /// The last number of the frame it began with.
    pub first_frame: Sequence,
    /// Times the process was stopped, with the number of the fact that says so.
    pub stops: Vec<(Sequence, Millis)>,
    /// A time read at the door by somebody who is still on the way to his locks.
    pub late: Option<Now>,
}

/// The clocks when they were last looked at, and how far the wall has jumped forward since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub engine: Timestamp,
    pub boot: u64,
    pub boot_id: u128,
    pub wall: WallTime,
    pub jumped_ms: u64,
}

/// What a death leaves to be demanded of the next start.
#[derive(Clone, Debug, Default)]
pub(super) struct Left {
    /// Everything up to here must be there again.
    pub acknowledged: Sequence,
    /// Nothing beyond this was ever handed in by that process.
    pub handed_in: Sequence,
    pub incarnation: u32,
    pub first_frame: Sequence,
    pub stops: Vec<(Sequence, Millis)>,
}

/// Everything a seed decides.
pub(super) struct World {
    pub dice: SimRng,
    pub plan: Plan,
    pub disk: SimDisk,
    pub clock: SimClock,
    pub life: Option<Life>,
    pub ledger: Ledger,
    pub follower: Follower,
    pub clients: Clients,
    pub seen: Seen,
    pub left: Left,
    pub faults: Faults,
    /// Whether the disk has little room.
    pub full: bool,
    pub report: Report,
    trace: VecDeque<String>,
}

/// How many lines of a failing seed's past are shown.
const TRACE: usize = 60;

impl World {
    pub fn new(seed: u64) -> Self {
        let mut dice = SimRng::new(seed);
        let plan = Plan::new(&mut dice);
        Self {
            disk: SimDisk::new(dice.next()),
            clock: SimClock::new(START),
            life: None,
            ledger: Ledger::default(),
            follower: Follower::new(),
            clients: Clients::default(),
            seen: Seen::default(),
            left: Left::default(),
            faults: Faults::None,
            full: false,
            report: Report::default(),
            trace: VecDeque::new(),
            plan,
            dice,
        }
    }

    /// A line for whoever will have to read a failing seed.
    pub fn say(&mut self, line: impl FnOnce() -> String) {
        if self.trace.len() >= TRACE {
            self.trace.pop_front();
        }
        self.trace.push_back(line());
    }

    pub fn past(&self) -> impl Iterator<Item = &String> {
        self.trace.iter()
    }

    pub fn books(&self) -> &Books {
        &self.ledger.books
    }

    /// From now on the disk misbehaves like this.
    pub fn set_faults(&mut self, faults: Faults) {
        let calls = self.disk.calls();
        self.say(|| format!("disk, after {calls} calls: {faults:?}"));
        self.faults = faults;
        self.disk.set_faults(faults);
    }

    /// Whether a fault has struck, or may have.
    pub fn struck(&self) -> bool {
        match self.faults {
            Faults::None => false,
            Faults::At(call, _) | Faults::From(call, _) => self.disk.calls() >= call,
            Faults::Every(..) => true,
        }
    }

    /// Whether the process, or the machine, has died at a disk call.
    pub fn dead(&self) -> bool {
        matches!(self.faults, Faults::From(call, _) if self.disk.calls() >= call)
    }

    /// Reads the time at the door, as every request does. None: no room to write down that we were away.
    pub fn now(&mut self) -> Option<Now> {
        let life = self.life.as_ref()?;
        let now = life.door.now(&life.core).ok()?;
        self.seen.engine = now.engine;
        self.seen.boot = self.clock.boot();
        self.seen.boot_id = self.clock.boot_id();
        self.seen.wall = self.clock.wall();
        Some(now)
    }

    /// One frame, if there is anything to write, or one step of preparing segments.
    pub fn write(&mut self) -> Option<Step> {
        let life = self.life.as_mut()?;
        let step = life.writer.step();
        if step == Step::Idle {
            life.writer.prepare();
        }
        life.core.note_space(life.writer.space());
        let (durable, last) = (life.mark.durable(), life.core.buffer.last());
        assert!(durable <= life.mark.answerable() && life.mark.answerable() <= last);
        Some(step)
    }

    /// Writes until nothing is left, if the disk lets us.
    pub fn write_all(&mut self) -> Option<Step> {
        loop {
            match self.write()? {
                Step::Wrote => {}
                step => return Some(step),
            }
        }
    }

    /// Asks, and judges the answer.
    pub fn ask(&mut self, asked: &Asked) {
        let Some(now) = self.now() else { return };
        let Some(life) = &mut self.life else { return };
        if life.mark.has_failed() {
            return;
        }
        // Somebody who read the time earlier gets to his locks only now.
        let now = match life.late {
            Some(late) if self.dice.chance(30) => late,
            _ => now,
        };
        let core = Arc::clone(&life.core);
        self.report.requests += 1;
        let disk_full = core.disk_full.load(std::sync::atomic::Ordering::Relaxed);
        self.say(|| {
            format!(
                "{} {:?} key {:?}: {:?}",
                now.engine,
                asked.caller.credential,
                asked.key.map(|k| k.key % 1_000),
                asked.request
            )
        });
        let limits = &self.plan.options.limits;
        let mut judge = Judge {
            ledger: &mut self.ledger,
            asked,
            door: now,
            newest: self.seen.engine,
            key_keep: limits.idempotency_keep,
            cart_keep: limits.cart_keep,
            disk_full,
            few_keys: limits.idempotency_keys < 1_000,
        };
        let told = put(&core, now, asked, &mut judge);
        self.say(|| format!("    {told}"));
        if let (Request::Open { .. }, Some(cart)) = (&asked.request, told.cart) {
            self.clients.know(cart);
        }
        self.report.refusals += u64::from(told.refused);
        self.report.replays += u64::from(told.replayed);
    }
}

/// An answer in short, for the trace and the counts.
pub(super) struct Told {
    words: String,
    refused: bool,
    replayed: bool,
    cart: Option<crate::ids::CartId>,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

fn told<T>(answer: &Answer<T>) -> Told {
    let words = match &answer.result {
        Ok(_) if answer.replayed => format!("-> replayed, on {}, at {}", answer.rests_on, answer.now.engine),
        Ok(_) => format!("-> yes, on {}, at {}", answer.rests_on, answer.now.engine),
        Err(refusal) => format!("-> {refusal:?}, on {}, at {}", answer.rests_on, answer.now.engine),
    };
    Told { words, refused: answer.result.is_err(), replayed: answer.replayed, cart: None }
}

/// Puts the request to the core and the answer before the judge.
fn put(core: &Core, now: Now, asked: &Asked, judge: &mut Judge<'_>) -> Told {
    macro_rules! put {
        ($judged:ident, $answer:expr) => {{
            let answer = $answer;
            judge.$judged(&answer);
            told(&answer)
        }};
    }
    match &asked.request {
        Request::Open { sale, customer, wants, notes } => {
            let Some(key) = asked.key else { panic!("a cart is opened under a key") };
            let (caller, customer, notes) = (asked.caller, *customer, notes.clone());
            let answer = core.open_cart(now, &OpenCart { caller, key, sale, customer, wants, notes });
            judge.cart(&answer);
            Told { cart: answer.result.as_ref().ok().map(|view| view.cart), ..told(&answer) }
        }
        Request::Add { cart, wants } => put!(cart, core.add_holds(now, asked.on(*cart), wants)),
        Request::Release { cart, ordinal } => put!(cart, core.release_hold(now, asked.on(*cart), *ordinal)),
        Request::Exchange { cart, ordinal, want } => {
            put!(cart, core.exchange_hold(now, asked.on(*cart), *ordinal, want))
        }
        Request::Extend { cart } => put!(cart, core.extend(now, asked.on(*cart))),
        Request::Abandon { cart } => put!(cart, core.abandon(now, asked.on(*cart))),
        Request::Checkout { cart } => put!(checkout, core.checkout(now, asked.on(*cart))),
        Request::Cancel { cart, holds } => {
            put!(order, core.cancel_order(now, asked.on(*cart), holds.as_deref()))
        }
        Request::ReadCart { cart } => put!(cart, core.cart(now, asked.caller, *cart)),
        Request::ReadOrder { cart } => put!(order, core.order(now, asked.caller, *cart)),
        Request::ReadCheckout { cart, attempt } => {
            put!(checkout, core.checkout_of(now, asked.caller, *cart, *attempt))
        }
        Request::ReadSlot { sale, slot } => put!(slot, core.slot(now, sale, slot)),
        Request::ListSlots { sale } => {
            let query = crate::decide::SlotQuery { limit: 1_000, ..Default::default() };
            put!(slot_list, core.slots(now, sale, &query))
        }
        Request::ListOrders { sale } => {
            let query = crate::decide::OrderQuery { limit: 1_000, ..Default::default() };
            put!(order_list, core.orders(now, asked.caller, sale, &query))
        }
        Request::Totals { sale } => put!(totals, core.availability(now, sale, true, true, None)),
        Request::Bundles { sale } => {
            put!(offers, core.bundles(now, sale, super::plan::PAIR, None, None, 10))
        }
        Request::PutSale { rules, if_match } => put!(sale, core.put_sale(now, (**rules).clone(), *if_match)),
        Request::AddSlots { sale, slots, atomic } => {
            put!(slots_added, core.add_slots(now, sale, slots, *atomic))
        }
        Request::ChangeSlot { sale, slot, change } => put!(slot, core.change_slot(now, sale, slot, change)),
    }
}
