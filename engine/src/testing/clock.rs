//! Clocks that stand until somebody moves them: the boot clock and the wall step together, the wall alone can jump, and
//! a reboot starts the boot clock anew under another id.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::ports::Clock;
use crate::time::{Millis, WallTime};

/// Simulated clocks of one machine. Clones are the same clocks.
#[derive(Clone, Debug)]
pub struct SimClock(Arc<Mutex<Hands>>);

#[derive(Debug)]
struct Hands {
    boot: u64,
    boot_id: u128,
    wall: WallTime,
}

/// What the boot clock shows when a machine has come up.
const UP_AFTER_MS: u64 = 5_000;

impl SimClock {
    /// A machine that has just booted.
    #[must_use]
    pub fn new(wall: WallTime) -> Self {
        Self(Arc::new(Mutex::new(Hands { boot: UP_AFTER_MS, boot_id: 1, wall })))
    }

    /// Time passes.
    pub fn step(&self, span: Millis) {
        let mut hands = self.0.lock();
        hands.boot += span.0;
        hands.wall = WallTime(hands.wall.0.saturating_add_unsigned(span.0));
    }

    /// Somebody sets the wall clock, forth or back.
    pub fn jump_wall(&self, by_ms: i64) {
        let mut hands = self.0.lock();
        hands.wall = WallTime(hands.wall.0 + by_ms);
    }

    /// The machine goes down and comes up again after `down`.
    pub fn reboot(&self, down: Millis) {
        let mut hands = self.0.lock();
        hands.wall = WallTime(hands.wall.0.saturating_add_unsigned(down.0));
        hands.boot = UP_AFTER_MS;
        hands.boot_id += 1;
    }
}

impl Clock for SimClock {
    fn boot(&self) -> u64 {
        self.0.lock().boot
    }

    fn boot_id(&self) -> u128 {
        self.0.lock().boot_id
    }

    fn wall(&self) -> WallTime {
        self.0.lock().wall
    }
}
