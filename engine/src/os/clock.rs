//! The machine's clocks: `CLOCK_BOOTTIME`, which runs through sleep, and the wall.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "os/ is where the engine meets the clocks"
)]

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::ports::Clock;
use crate::time::WallTime;

/// The real clocks.
#[derive(Debug)]
pub struct MachineClock {
    boot_id: u128,
}

impl MachineClock {
    /// Reads the kernel's boot id once; 0 where it cannot be read, which makes every restart look like another boot.
    #[must_use]
    pub fn new() -> Self {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = id.chars().filter(char::is_ascii_hexdigit).collect();
        Self { boot_id: u128::from_str_radix(&digits, 16).unwrap_or(0) }
    }
}

/// Microseconds of a clock that never goes back, for what is measured and decides nothing.
#[must_use]
pub fn monotonic_micros() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000 + now.tv_nsec.cast_unsigned() / 1_000
}

impl Default for MachineClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MachineClock {
    fn boot(&self) -> u64 {
        let now = clock_gettime(ClockId::Boottime);
        now.tv_sec.cast_unsigned() * 1_000 + now.tv_nsec.cast_unsigned() / 1_000_000
    }

    fn boot_id(&self) -> u128 {
        self.boot_id
    }

    fn wall(&self) -> WallTime {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
        };
        WallTime(millis)
    }
}
