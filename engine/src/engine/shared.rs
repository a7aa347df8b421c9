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
use crate::os::disk::FolderDisk;
use crate::os::threads;
use crate::sequence::Sequence;
use crate::ticker::Ticker;
use crate::time::Millis;

/// How long the writer waits for room on the disk before it tries again.
const BLOCKED_FOR: Duration = Duration::from_millis(100);

/// While the engine stops it tries so often, three seconds in all; what was not written then is answered by nobody.
const MOST_BLOCKED: u32 = 30;

/// A step that took so long says that the disk is slow, in milliseconds: a worker that waited for it kept everybody else on
/// its connections waiting as well.
const SLOW: u64 = 5;

/// For so long after a slow step writing is the journal's thread's alone, in milliseconds.
const LEFT_ALONE: u64 = 1_000;

/// How often the ticker looks at every shard.
const TICK: Duration = Duration::from_millis(50);

/// How long the follower sleeps when it has caught up: what it does then costs one wake-up, however little has come.
const IDLE: Duration = Duration::from_millis(20);

/// The follower's pause after each slice of a snapshot: at most 256 MiB/s.
const BETWEEN_SLICES: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    pub core: Arc<Core>,
    pub customers: CustomerKey,
    pub mark: Arc<Mark>,
    pub door: Door,
    pub ack: Ack,
    pub stopping: AtomicBool,
    pub frames: AtomicU64,
    pub syncs: AtomicU64,
    pub followed: AtomicU64,
    pub snapshot: AtomicU64,
    pub hindered: AtomicU64,
    /// Held for one step.
    writer: parking_lot::Mutex<Writer<FileJournal<FolderDisk>>>,
    /// Until then, in milliseconds since boot, workers leave writing alone.
    left_alone_until: AtomicU64,
    stopped_writing: AtomicBool,
    last_snapshot: Millis,
}

impl Shared {
    pub fn new(
        core: Arc<Core>,
        customers: CustomerKey,
        mark: Arc<Mark>,
        door: Door,
        (writer, ack): (Writer<FileJournal<FolderDisk>>, Ack),
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
            syncs: AtomicU64::new(0),
            followed: AtomicU64::new(0),
            snapshot: AtomicU64::new(0),
            hindered: AtomicU64::new(0),
            writer: parking_lot::Mutex::new(writer),
            left_alone_until: AtomicU64::new(0),
            stopped_writing: AtomicBool::new(false),
            last_snapshot,
        }
    }

    /// Writes what is in the buffer as one frame.
    fn step(&self, writer: &mut Writer<FileJournal<FolderDisk>>) -> Step {
        let began = self.door.clock().boot();
        let step = writer.step();
        let ended = self.door.clock().boot();
        if ended.saturating_sub(began) >= SLOW {
            self.left_alone_until.store(ended + LEFT_ALONE, Ordering::Relaxed);
        }
        let (frames, syncs) = writer.counts();
        self.frames.store(frames, Ordering::Relaxed);
        self.syncs.store(syncs, Ordering::Relaxed);
        self.core.note_space(writer.space());
        step
    }

    /// Writes what is in the buffer on the calling thread, unless somebody is at it or the disk is slow: then the journal's
    /// thread is woken. So it is for a full disk and a failure, which are for it to deal with.
    pub fn write_or_wake(&self) {
        let quick = self.door.clock().boot() >= self.left_alone_until.load(Ordering::Relaxed);
        let writer = quick.then(|| self.writer.try_lock()).flatten();
        let step = writer.map(|mut writer| self.step(&mut writer));
        if !matches!(step, Some(Step::Wrote | Step::Idle)) {
            self.core.writer.wake();
        }
    }

    /// The journal's thread: one frame after the other, until the engine stops and the buffer is empty.
    pub fn write(&self) {
        let window = self.ack.window().map(|window| Duration::from_millis(window.0));
        let mut since_sync = Duration::ZERO;
        let mut blocked = 0;
        loop {
            let mut writer = self.writer.lock();
            let step = self.step(&mut writer);
            if writer.run_errands() == Step::Failed {
                break;
            }
            match step {
                Step::Failed => break,
                Step::Blocked if self.stopping.load(Ordering::Acquire) && blocked >= MOST_BLOCKED => {
                    self.mark.fail(Failure("the disk stayed full while the server stopped".to_owned()));
                    break;
                }
                Step::Blocked => {
                    drop(writer);
                    blocked += u32::from(self.stopping.load(Ordering::Acquire));
                    self.core.writer.sleep(BLOCKED_FOR);
                }
                Step::Idle if self.stopping.load(Ordering::Acquire) => break,
                // What came during the sync and is only owed waits for its worker's turn to end: one frame for all of it.
                Step::Wrote | Step::Idle => {
                    let stopping = self.stopping.load(Ordering::Acquire);
                    let sleeps = !stopping && (self.core.writer.is_due() || !writer.prepare());
                    drop(writer);
                    if sleeps {
                        self.core.writer.sleep(window.unwrap_or(Duration::from_millis(500)));
                    }
                }
            }
            if let Some(window) = window {
                let seen = self.door.clock().boot();
                let now = Duration::from_millis(seen);
                if now.saturating_sub(since_sync) >= window {
                    since_sync = now;
                    if self.writer.lock().sync() == Step::Failed {
                        break;
                    }
                }
            }
        }
        self.writer.lock().sync();
        self.stopped_writing.store(true, Ordering::Release);
    }

    /// The follower's thread: behind everybody else, and a last snapshot when the writer has ended.
    pub fn follow(&self, mut follower: Follower<FolderDisk>) {
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

    /// The ticker's thread.
    pub fn tick(&self) {
        let mut ticker = Ticker::new(self.core.state.shards());
        let parker = crossbeam::sync::Parker::new();
        let mut waiting = None;
        while !self.stopping.load(Ordering::Acquire) && !self.mark.has_failed() {
            parker.park_timeout(TICK);
            self.watch_journal(&mut waiting);
            ticker.tick(&self.core, &self.door, || self.stopping.load(Ordering::Acquire));
        }
    }
}
