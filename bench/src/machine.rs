//! What a thread has had of the machine: one that is shared with other programs says little by the clock on the wall.

use std::time::Duration;

/// For how long this thread has had a core.
#[must_use]
pub fn on_core() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

/// Seconds of a core that all threads of this process have had.
#[must_use]
pub fn of_process() -> f64 {
    crate::compare::process::cpu_seconds(std::process::id())
}

/// The load averages of now.
#[must_use]
pub fn load() -> String {
    crate::compare::machine::load()
}
