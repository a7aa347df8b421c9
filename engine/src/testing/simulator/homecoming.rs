//! Starting again after a death, and what must then be there: everything that was acknowledged, and of the rest each thing
//! whole or not at all.

use std::sync::Arc;

use crate::journal::StorageError;
use crate::ports::Clock;
use crate::recovery::RecoveryError;
use crate::sequence::Sequence;
use crate::start::{self, OpenError, StartOptions, Started};
use crate::testing::disk::{Fault, Faults, SimDisk};
use crate::ticker::Ticker;
use crate::time::Millis;

use super::plan::{DOOR, DOSES, OPERATOR, SHOW};
use super::request::{Asked, Request};
use super::world::{Left, Life, Seen, World};

impl World {
    /// Starts, as often as it takes; a start may be cut short like anything else.
    pub fn come_home(&mut self) {
        assert!(self.life.is_none(), "one process at a time");
        let mut tries = 0;
        let mut started = loop {
            tries += 1;
            let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
            // A folder keeps its shards, whatever is asked for later.
            let shards = *self.dice.pick(&[1, 2, 3, 8, 64]);
            let options = StartOptions { shards, ..self.plan.options.clone() };
            match start::start(&self.disk, clock, &mut self.dice, options, |_| {}) {
                Ok(started) => break started,
                Err(error) => self.not_started(&error, tries),
            }
        };
        self.report.starts += 1;
        self.say(|| format!("started: {:?}", started.start));
        let last = self.found(&mut started);
        let Started { core, mark, door, mut writer, start, follower: snapshots, .. } = started;
        let preparer = writer.journal().preparer();
        let ticker = Ticker::new(core.state.shards());
        let incarnation = start.journal.incarnation;
        let first_frame = core.buffer.last();
        let life = Life {
            core,
            mark,
            door,
            writer,
            ticker,
            preparer,
            snapshots,
            incarnation,
            first_frame,
            stops: Vec::new(),
            late: None,
        };
        self.life = Some(life);
        self.compare_engine_time(last);
        self.check_all();
        if self.dead() {
            self.die(true);
        }
    }

    /// A start that failed did so because the disk did, and it has not found damage where there was only a crash.
    fn not_started(&mut self, error: &OpenError, tries: u32) {
        self.say(|| format!("not started: {error}"));
        let honest = match error {
            OpenError::Io(_) | OpenError::NotWritten(_) => true,
            OpenError::Recovery(RecoveryError::Storage(storage)) => matches!(
                storage,
                StorageError::Io { .. } | StorageError::Poisoned { .. } | StorageError::Full { .. }
            ),
            OpenError::Recovery(_) | OpenError::Limits(_) | OpenError::Clock(_) => false,
        };
        assert!(honest, "after a crash: {error}");
        assert!(self.struck() || self.full, "nothing was wrong with the disk: {error}");
        if self.dice.chance(50) {
            self.disk.crash(crate::ports::Rng::next(&mut self.dice));
        } else {
            self.disk.restart();
        }
        self.faults = Faults::None;
        self.make_room();
        if tries < 4 && self.dice.chance(30) && self.waits_for_sync() {
            let call = self.disk.calls() + self.dice.between(1, 40);
            self.set_faults(Faults::From(call, Fault::Io));
        }
    }

    /// The journal has what it must and nothing else, and the books are cut to it.
    fn found(&mut self, started: &mut Started<SimDisk>) -> Sequence {
        let Left { acknowledged, handed_in, incarnation, .. } = self.left;
        // The follower's reading is not what is tried here.
        self.disk.set_faults(Faults::None);
        let last = self.side.read_again(started.writer.journal(), incarnation, &self.ledger.asks);
        self.disk.set_faults(self.faults);
        assert!(last >= acknowledged, "fact {acknowledged} was acknowledged, {last} is the last one found");
        assert!(last <= handed_in, "{last} facts found, {handed_in} handed in");
        let struck = self.ledger.cut(last);
        self.report.lost += struck as u64;
        self.say(|| format!("{acknowledged} acknowledged, {handed_in} handed in, {last} found"));
        assert_eq!(started.start.founded, started.start.journal.last == Sequence::ZERO);
        let unread = !started.start.damaged_snapshots.is_empty();
        assert!(!unread || self.struck(), "a crash has damaged a snapshot");
        self.report.snapshots += u64::from(started.start.snapshot.is_some());
        last
    }

    /// Engine time has not gone back behind anything that is durable, and an outage has shortened no deadline.
    fn compare_engine_time(&mut self, last: Sequence) {
        let before = self.seen;
        let Some(now) = self.now() else { panic!("a start leaves room for a request") };
        let books = &self.ledger.books;
        assert!(now.engine >= books.latest, "engine time went back to {}, {} was", now.engine, books.latest);
        self.ledger.check_told(now.engine);
        self.ledger.asks.start(now.engine);
        self.seen.jumped_ms = 0;
        // A life that left nothing has not interrupted the outage before it.
        if last < self.left.first_frame || last == Sequence::ZERO {
            return;
        }
        let unsaid = self.left.stops.iter().filter(|(number, _)| *number > last);
        let unsaid = unsaid.map(|(_, span)| span.0).sum();
        let excess = allowed_excess(&before, &self.seen, unsaid, self.plan.options.limits.max_away);
        let most = before.engine.plus(excess);
        assert!(
            now.engine <= most,
            "engine time was {} and is {}, not over {most}: an outage shortened deadlines ({before:?}, {:?})",
            before.engine,
            now.engine,
            self.seen
        );
    }

    /// Asks for everything there should be, and once more what was asked before.
    pub fn check_all(&mut self) {
        self.check_line();
        let operator = |request| Asked { caller: OPERATOR, key: None, request };
        let mut all: Vec<Asked> = Vec::new();
        for cart in self.books().carts.keys() {
            all.push(operator(Request::ReadCart { cart: *cart }));
            all.push(operator(Request::ReadOrder { cart: *cart }));
        }
        for (sale, slot) in self.books().slots.keys() {
            all.push(operator(Request::ReadSlot { sale, slot: slot.clone() }));
        }
        for sale in [DOSES, SHOW, DOOR] {
            all.push(operator(Request::ListOrders { sale, page: 1_000 }));
            all.push(operator(Request::ListSlots { sale, page: 7 }));
            all.push(operator(Request::ReadSale { sale }));
            all.push(operator(Request::Totals { sale }));
            if !self.books().codes.is_empty() {
                all.push(operator(Request::ListCodes { sale, wave: None, page: 7 }));
                all.push(operator(Request::ReadWaves { sale }));
            }
        }
        all.extend([Request::ReadLine, Request::ReadDraw, Request::ReadChanges].map(operator));
        all.extend(self.clients.asked(self.books()).rev().take(12).cloned());
        let late = self.life.as_mut().and_then(|life| life.late.take());
        for asked in all {
            self.ask(&asked);
            let crowded = self.life.as_ref().is_some_and(|life| life.core.buffer.in_use() > 1_000);
            if crowded {
                self.write();
            }
        }
        if let Some(life) = &mut self.life {
            life.late = late;
        }
        self.audit();
    }

    /// Whether answers wait for the disk, so that a start is durable when it ends.
    pub fn waits_for_sync(&self) -> bool {
        self.plan.options.ack == crate::commit::Ack::Fsync
    }
}

/// How far engine time may have run while nobody served: what lies beyond the longest outage. Stops that a crash left no
/// word of are part of it. Across a reboot the wall is all there is to measure by, jumps included.
fn allowed_excess(before: &Seen, after: &Seen, unsaid_ms: u64, max_away: Millis) -> Millis {
    let away = if before.boot_id == after.boot_id {
        after.boot - before.boot
    } else {
        u64::try_from(after.wall.0 - before.wall.0).unwrap_or(0) + before.jumped_ms
    };
    Millis((away + unsaid_ms).saturating_sub(max_away.0))
}
