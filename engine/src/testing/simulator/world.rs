//! The world: one disk, one set of clocks, and the life of a process on them, which begins with a start and ends with a
//! death. What outlives a process is on the disk, in the books, and in what was acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::commit::{Mark, Step, Writer};
use crate::decide::Core;
use crate::door::Door;
use crate::follower::Follower;
use crate::journal::{FileJournal, Preparer};
use crate::ports::{Clock, Rng};
use crate::sequence::Sequence;
use crate::testing::clock::SimClock;
use crate::testing::disk::{Faults, SimDisk};
use crate::testing::rng::SimRng;
use crate::ticker::Ticker;
use crate::time::{Millis, Now, Timestamp, WallTime};

use super::books::Books;
use super::clients::Clients;
use super::entries::Ledger;
use super::plan::{Plan, START};
use super::run::Report;
use super::side::Side;

/// A running process.
pub(super) struct Life {
    pub core: Arc<Core>,
    pub mark: Arc<Mark>,
    pub door: Door,
    pub writer: Writer<FileJournal<SimDisk>>,
    pub ticker: Ticker,
    /// The engine's own follower, which makes the snapshots.
    pub snapshots: Follower<SimDisk>,
    pub preparer: Preparer<SimDisk>,
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
    pub side: Side,
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
            side: Side::new(),
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
            // The helper thread's way and the writer's own come to the same.
            if self.dice.chance(50) {
                life.preparer.step();
            } else {
                life.writer.prepare();
            }
        }
        life.core.note_space(life.writer.space());
        life.writer.run_errands();
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
}
