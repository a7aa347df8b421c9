//! What the threads of a running engine share, and what each of them does: writing, following, ticking.
//!
//! Facts are written by whoever has time for it: the journal's thread when it is woken, or a worker that has answered all
//! it was asked and would only wait for the sync (decision 0014). One of them at a time, under the writer's lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::commit::{Ack, Failure, Mark, Step, Writer};
use crate::customers::CustomerKey;
use crate::decide::Core;
use crate::door::Door;
use crate::follower::{Followed, Follower};
use crate::journal::FileJournal;
use crate::os::clock::monotonic_micros;
use crate::os::threads;
use crate::ports::Disk;
use crate::sequence::Sequence;
use crate::ticker::Ticker;
use crate::time::Millis;

/// How long the writer waits for room on the disk before it tries again.
const BLOCKED_FOR: Duration = Duration::from_millis(100);

/// The journal's thread looks so often whether there is something to prepare.
const NOTHING_TO_DO: Duration = Duration::from_millis(500);

/// Without room for so long, who waits for an answer is told that it may take for ever. In milliseconds.
const STUCK_AFTER: u64 = 2_000;

/// While the engine stops it tries so often, three seconds in all; what was not written then is answered by nobody.
const MOST_BLOCKED: u32 = 30;

/// As long as a step takes less than this, in microseconds and on average, waiting for it costs a worker less than having it
/// done: two wake-ups, and being interrupted. Beyond, a worker had better answer others meanwhile. A hold
/// costs a worker some 6 us less where it writes itself, so with 64 connections the two should be even at 400 us.
const QUICK: u64 = 300;

/// The average moves by an eighth of the difference: a stall of 3 ms leaves some ten steps to the thread, the longest some 25.
const SMOOTH: u64 = 8;

/// Longer than this no step counts, in microseconds: a disk that hung for a minute is tried again after a few good steps.
const STALL: u64 = 20_000;

/// How often the ticker looks at every shard.
const TICK: Duration = Duration::from_millis(50);

/// How long the follower sleeps when it has caught up: what it does then costs one wake-up, however little has come.
const IDLE: Duration = Duration::from_millis(20);

/// The follower's pause after each slice of a snapshot: at most 256 MiB/s.
const BETWEEN_SLICES: Duration = Duration::from_millis(1);

/// What the journal's thread keeps from turn to turn.
struct Duty {
    /// From one sync to the next at most, in the modes that do not wait for it.
    window: Option<u64>,
    /// Milliseconds since boot.
    synced_at: u64,
    /// Since when there is no room at all; milliseconds since boot.
    blocked_since: Option<u64>,
    /// Turns for which there was none while the engine stopped.
    blocked: u32,
}

/// What it does next.
enum Next {
    Turn,
    Sleep(Duration),
    End,
}

/// See the module. Over any disk, so that its threads can be seen on one that is full.
#[derive(Debug)]
pub(super) struct Shared<D: Disk> {
    pub core: Arc<Core>,
    pub customers: CustomerKey,
    pub mark: Arc<Mark>,
    pub door: Door,
    pub ack: Ack,
    pub stopping: AtomicBool,
    pub frames: AtomicU64,
    pub frames_by_workers: AtomicU64,
    pub syncs: AtomicU64,
    pub followed: AtomicU64,
    pub snapshot: AtomicU64,
    pub hindered: AtomicU64,
    /// Held for one step; none once the engine has stopped, so that the folder is free.
    writer: parking_lot::Mutex<Option<Writer<FileJournal<D>>>>,
    /// How long a step takes, on average, whoever makes it.
    step_micros: AtomicU64,
    workers_write: bool,
    stopped_writing: AtomicBool,
    last_snapshot: Millis,
}

impl<D: Disk> Shared<D> {
    pub fn new(
        core: Arc<Core>,
        customers: CustomerKey,
        mark: Arc<Mark>,
        door: Door,
        (writer, ack, workers_write): (Writer<FileJournal<D>>, Ack, bool),
        last_snapshot: Millis,
    ) -> Self {
        Self {
            core,
            customers,
            mark,
            door,
            ack,
            stopping: AtomicBool::new(false),
            frames: AtomicU64::new(0),
            frames_by_workers: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            followed: AtomicU64::new(0),
            snapshot: AtomicU64::new(0),
            hindered: AtomicU64::new(0),
            writer: parking_lot::Mutex::new(Some(writer)),
            step_micros: AtomicU64::new(0),
            workers_write,
            stopped_writing: AtomicBool::new(false),
            last_snapshot,
        }
    }

    /// Writes what is in the buffer as one frame.
    fn step(&self, writer: &mut Writer<FileJournal<D>>) -> Step {
        let began = monotonic_micros();
        let step = writer.step();
        if step == Step::Wrote {
            let (took, average) = (monotonic_micros() - began, self.step_micros.load(Ordering::Relaxed));
            let average = average - average / SMOOTH + took.min(STALL) / SMOOTH;
            self.step_micros.store(average, Ordering::Relaxed);
        }
        let (frames, syncs) = writer.counts();
        self.frames.store(frames, Ordering::Relaxed);
        self.syncs.store(syncs, Ordering::Relaxed);
        self.core.note_space(writer.space());
        self.core.note_blocked(step == Step::Blocked);
        step
    }

    /// Writes what is in the buffer on the calling thread, unless somebody is at it or the disk is slow: then the journal's
    /// thread is woken. So it is for a full disk and a failure, which are for it to deal with.
    pub fn write_or_wake(&self) {
        let quick = self.workers_write && self.step_micros.load(Ordering::Relaxed) < QUICK;
        let mut writer = quick.then(|| self.writer.try_lock()).flatten();
        let step = writer.as_deref_mut().and_then(Option::as_mut).map(|writer| self.step(writer));
        drop(writer);
        match step {
            Some(Step::Wrote) => {
                self.frames_by_workers.fetch_add(1, Ordering::Relaxed);
            }
            Some(Step::Idle) => {}
            Some(Step::Blocked | Step::Failed) | None => self.core.writer.wake(),
        }
    }

    /// The journal's thread: one turn after the other, until the engine stops and the buffer is empty.
    pub fn write(&self) {
        let mut duty = Duty {
            window: self.ack.window().map(|window| window.0),
            synced_at: 0,
            blocked_since: None,
            blocked: 0,
        };
        loop {
            let next = match &mut *self.writer.lock() {
                Some(writer) => self.turn(writer, &mut duty),
                None => Next::End,
            };
            match next {
                Next::Turn => {}
                Next::Sleep(long) => self.core.writer.sleep(long),
                Next::End => break,
            }
        }
        if let Some(mut writer) = self.writer.lock().take() {
            writer.sync();
        }
        self.stopped_writing.store(true, Ordering::Release);
    }

    /// One frame, what others ask of the writer, and the sync of the modes that do not wait for it.
    fn turn(&self, writer: &mut Writer<FileJournal<D>>, duty: &mut Duty) -> Next {
        let step = self.step(writer);
        if step == Step::Failed || writer.run_errands() == Step::Failed {
            return Next::End;
        }
        let stopping = self.stopping.load(Ordering::Acquire);
        let mut longest = NOTHING_TO_DO;
        if let Some(window) = duty.window {
            let now = self.door.clock().boot();
            if now.saturating_sub(duty.synced_at) >= window {
                duty.synced_at = now;
                if writer.sync() == Step::Failed {
                    return Next::End;
                }
            }
            longest =
                longest.min(Duration::from_millis((duty.synced_at + window).saturating_sub(now).max(1)));
        }
        let now = self.door.clock().boot();
        duty.blocked_since = (step == Step::Blocked).then(|| duty.blocked_since.unwrap_or(now));
        if duty.blocked_since.is_some_and(|since| now.saturating_sub(since) >= STUCK_AFTER) {
            self.mark.set_stuck();
        }
        match step {
            Step::Blocked if stopping && duty.blocked >= MOST_BLOCKED => {
                self.mark.fail(Failure("the disk stayed full while the server stopped".to_owned()));
                return Next::End;
            }
            Step::Blocked => {
                duty.blocked += u32::from(stopping);
                return Next::Sleep(BLOCKED_FOR);
            }
            Step::Idle if stopping => return Next::End,
            Step::Wrote | Step::Idle | Step::Failed => {}
        }
        // What came during the sync and is only owed waits for its worker's turn to end: one frame for all of it.
        if !stopping && (self.core.writer.is_due() || !self.prepare(writer)) {
            Next::Sleep(longest)
        } else {
            Next::Turn
        }
    }

    /// Makes a piece of the next segment; says whether there is more of that to do.
    fn prepare(&self, writer: &mut Writer<FileJournal<D>>) -> bool {
        let more = writer.prepare();
        self.core.note_space(writer.space());
        more
    }

    /// The follower's thread: behind everybody else, and a last snapshot when the writer has ended.
    pub fn follow(&self, mut follower: Follower<D>) {
        threads::give_way();
        let parker = crossbeam::sync::Parker::new();
        while !self.stopping.load(Ordering::Acquire) {
            match follower.step(self.door.clock().boot()) {
                Ok(Followed::Applied | Followed::Made(..)) => {}
                Ok(Followed::Sliced) => parker.park_timeout(BETWEEN_SLICES),
                Ok(Followed::Idle) => parker.park_timeout(IDLE),
                Ok(Followed::Hindered(_)) => {
                    self.hindered.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => return,
            }
            self.followed.store(follower.last().0, Ordering::Relaxed);
            self.snapshot.store(follower.snapshot().0, Ordering::Relaxed);
        }
        while !self.stopped_writing.load(Ordering::Acquire) {
            parker.park_timeout(Duration::from_millis(1));
        }
        let end = self.door.clock().boot() + self.last_snapshot.0;
        follower.wind_up(|| self.door.clock().boot() < end);
        self.snapshot.store(follower.snapshot().0, Ordering::Relaxed);
    }

    /// Notes how long the fact that was the newest when `waiting` was set has been waiting for its answer to leave.
    fn watch_journal(&self, waiting: &mut Option<(Sequence, u64)>) {
        let (boot, answerable) = (self.door.clock().boot(), self.mark.answerable());
        if waiting.is_none_or(|(newest, _)| newest <= answerable) {
            let newest = self.core.buffer.last();
            *waiting = (newest > answerable).then_some((newest, boot));
        }
        let lag = waiting.map_or(0, |(_, since)| boot.saturating_sub(since));
        self.core.pulse.note_journal(Millis(lag));
    }

    /// The first tick, before anybody asks: what is sold out is said to be from the first answer on.
    pub fn first_tick(&self) -> Ticker {
        let mut ticker = Ticker::new(self.core.state.shards());
        ticker.tick(&self.core, &self.door, || false);
        ticker
    }

    /// The ticker's thread.
    pub fn tick(&self, mut ticker: Ticker) {
        let parker = crossbeam::sync::Parker::new();
        let mut waiting = None;
        while !self.stopping.load(Ordering::Acquire) && !self.mark.has_failed() {
            parker.park_timeout(TICK);
            self.watch_journal(&mut waiting);
            ticker.tick(&self.core, &self.door, || self.stopping.load(Ordering::Acquire));
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "it is threads that are looked at")]
mod tests {
    use super::*;
    use crate::decide::SlotChange;
    use crate::inventory::SlotSpec;
    use crate::limits::Limits;
    use crate::sale::{IfMatch, SaleRules};
    use crate::start::{self, StartOptions, Started};
    use crate::testing::clock::SimClock;
    use crate::testing::disk::SimDisk;
    use crate::testing::rng::SimRng;
    use crate::time::WallTime;

    /// In microseconds.
    const SOON: u64 = 20_000_000;

    fn wait_until(what: &str, mut true_now: impl FnMut() -> bool) {
        let began = monotonic_micros();
        while !true_now() {
            assert!(monotonic_micros() - began < SOON, "{what} was waited for in vain");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// A full disk, then one without any room, then one with room again: what the journal's thread says of it, to the decider
    /// and to who waits for an answer.
    #[test]
    fn the_journals_thread_says_that_there_is_no_room_and_that_there_is_again() {
        let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_800_000_000_000)));
        let limits = Limits { journal_buffer: 64 << 10, ..Limits::default() };
        let mut options = StartOptions::new(2, Ack::Fsync, limits, &mut SimRng::new(1));
        (options.journal.segment_bytes, options.journal.smallest_segment_bytes) = (256 << 10, 128 << 10);
        let started = start::start(&disk, Arc::new(clock.clone()), &mut SimRng::new(2), options, |_| {});
        let Started { core, customers, mark, door, writer, .. } = started.expect("an empty disk");
        let shared =
            Arc::new(Shared::new(core, customers, mark, door, (writer, Ack::Fsync, true), Millis(0)));
        let (core, mark) = (&shared.core, &shared.mark);
        let writing = Arc::clone(&shared);
        let thread = std::thread::spawn(move || writing.write());

        let now = shared.door.now(core).expect("nothing hinders");
        core.put_sale(now, SaleRules::new("day", "UTC"), IfMatch::Absent).result.expect("a sale");
        core.add_slots(now, "day", &[SlotSpec::new("a", "kiel", 9)], false).result.expect("a slot");
        let durable = || mark.durable() == core.buffer.last();
        wait_until("the first sync", durable);

        // Operators' changes are taken to the end of the reserve.
        disk.set_capacity(disk.used());
        let reason = "x".repeat(400);
        let changes = (0..1_000_000).take_while(|_| !shared.core.is_blocked());
        for change in changes {
            let (blocked, reason) = (Some(change % 5), Some(reason.clone()));
            let change = SlotChange { blocked, reason, ..SlotChange::default() };
            // Refused while the buffer is full.
            let _ = core.change_slot(now, "day", "a", &change);
        }
        assert!(shared.core.is_blocked(), "the disk has room for everything");
        assert!(shared.core.disk_full.load(Ordering::Relaxed), "that holds are refused was said before");
        assert!(shared.door.now(core).is_err(), "somebody was let in");
        assert!(!durable() && !mark.is_stuck() && !mark.has_failed());

        // Only then has the thread surely read the time from which on there was none.
        std::thread::sleep(2 * BLOCKED_FOR);
        clock.step(Millis(STUCK_AFTER - 1));
        std::thread::sleep(2 * BLOCKED_FOR);
        assert!(!mark.is_stuck(), "who waits is told too soon");
        clock.step(Millis(1));
        wait_until("that who waits is told", || mark.is_stuck());

        disk.set_capacity(u64::MAX);
        wait_until("that all is written", durable);
        wait_until("that somebody is let in", || !shared.core.is_blocked());
        assert!(!mark.is_stuck() && !mark.has_failed());

        shared.stopping.store(true, Ordering::Release);
        shared.core.writer.wake();
        thread.join().expect("the journal's thread");
        assert!(shared.stopped_writing.load(Ordering::Acquire));
    }
}
