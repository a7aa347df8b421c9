//! The door: where the time of a request is read, once, and where a jump of the clock is noticed before anybody is served.
//!
//! Engine time runs with the boot clock while we serve and stands still while we are away. *Away* is a process that was
//! stopped, a machine that slept, or the time between two runs. A gap of more than [`JUMP`] between two readings (the
//! ticker reads at least every 100 ms) first writes the resume fact; then engine time goes on from where it stood. While the disk
//! has no room at all nobody is let in, so that this is an outage like any other: no deadline passes and no place is lost because
//! nothing could be written.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crossbeam::utils::CachePadded;

use crate::catalog::Heartbeat;
use crate::decide::Core;
use crate::ports::Clock;
use crate::refusal::Refusal;
use crate::sync::Mutex;
use crate::time::{Millis, Now, Timestamp, WallTime};

/// A gap between two readings that means that we were away.
pub const JUMP: Millis = Millis(2_000);

/// Reads both times. See the module.
pub struct Door {
    clock: Arc<dyn Clock>,
    /// Engine time minus boot clock, wrapping.
    offset: CachePadded<AtomicU64>,
    /// Wall time minus boot clock, as last compared.
    wall: CachePadded<AtomicI64>,
    /// The boot clock at the last reading.
    seen: CachePadded<AtomicU64>,
    resuming: Mutex<()>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("seen", &self.seen).finish_non_exhaustive()
    }
}

/// How far the wall may stray from the boot clock before it is followed. Two clocks cut to milliseconds differ by one
/// between any two readings; a deadline shown to people must not.
const STRAY_MS: u64 = 5;

fn wall_ahead(clock: &dyn Clock, boot: u64) -> i64 {
    clock.wall().0.saturating_sub_unsigned(boot)
}

/// How long we were away since the last heartbeat: by the boot clock if it is the same boot, else by the wall, never
/// negative.
#[must_use]
pub fn away(last: &Heartbeat, clock: &dyn Clock) -> Millis {
    if last.boot_id == clock.boot_id() && last.boot_id != 0 {
        Millis(clock.boot().saturating_sub(last.boot))
    } else {
        Millis(u64::try_from(clock.wall().0.saturating_sub(last.wall.0)).unwrap_or(0))
    }
}

impl Door {
    /// Opens the door with engine time standing at `at`.
    pub fn new(clock: Arc<dyn Clock>, at: Timestamp) -> Self {
        let boot = clock.boot();
        Self {
            offset: CachePadded::new(AtomicU64::new(at.0.wrapping_sub(boot))),
            wall: CachePadded::new(AtomicI64::new(wall_ahead(&*clock, boot))),
            seen: CachePadded::new(AtomicU64::new(boot)),
            clock,
            resuming: Mutex::new(()),
        }
    }

    /// The clock behind the door.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Both times, for a request that is about to be decided.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if we were away and that cannot be written down now; [`Refusal::DiskFull`] while nothing can.
    #[inline]
    pub fn now(&self, core: &Core) -> Result<Now, Refusal> {
        // Not seen: when there is room again the whole time was an outage.
        if core.is_blocked() {
            return Err(Refusal::DiskFull);
        }
        let boot = self.clock.boot();
        let seen = self.seen.load(Ordering::Acquire);
        if boot > seen {
            if boot - seen > JUMP.0 {
                return self.resume(core);
            }
            self.seen.fetch_max(boot, Ordering::AcqRel);
        }
        Ok(self.at(boot))
    }

    fn at(&self, boot: u64) -> Now {
        let engine = Timestamp(boot.wrapping_add(self.offset.load(Ordering::Acquire)));
        Now { engine, wall: WallTime(self.wall.load(Ordering::Acquire).saturating_add_unsigned(boot)) }
    }

    /// Compares the wall with the boot clock and follows it if it has strayed. The ticker does this on every tick, so a
    /// wall that was set is believed within 50 ms.
    pub fn look_at_wall(&self) {
        let ahead = wall_ahead(&*self.clock, self.clock.boot());
        if ahead.abs_diff(self.wall.load(Ordering::Acquire)) > STRAY_MS {
            self.wall.store(ahead, Ordering::Release);
        }
    }

    #[cold]
    fn resume(&self, core: &Core) -> Result<Now, Refusal> {
        let _one = self.resuming.lock();
        let boot = self.clock.boot();
        let seen = self.seen.load(Ordering::Acquire);
        self.look_at_wall();
        // Whoever waited for the lock finds the work done.
        if boot.saturating_sub(seen) > JUMP.0 {
            let gap = Millis(boot - seen);
            let still = Millis(gap.0.min(core.limits.max_away.0));
            let offset = self.offset.load(Ordering::Acquire).wrapping_sub(still.0);
            let wall = self.clock.wall();
            let now = Now { engine: Timestamp(boot.wrapping_add(offset)), wall };
            core.resumed(now, still, wall, boot, self.clock.boot_id())?;
            self.offset.store(offset, Ordering::Release);
            self.seen.store(boot, Ordering::Release);
        }
        Ok(self.at(boot))
    }
}
