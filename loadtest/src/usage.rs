//! What a process used: processor time and memory, from Linux's `/proc`. Elsewhere nothing is told rather than guessed.

use std::fs;

use serde::{Deserialize, Serialize};

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Processor time, user and system.
    pub cpu_ms: u64,
    /// Memory resident now.
    pub resident_kib: u64,
    /// The most that was resident.
    pub peak_kib: u64,
}

impl Usage {
    /// Reads a process.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Self {
            cpu_ms: cpu_ms(&stat)?,
            resident_kib: line(&status, "VmRSS:")?,
            peak_kib: line(&status, "VmHWM:")?,
        })
    }

    /// Processor time since an earlier reading.
    pub fn cpu_ms_since(&self, earlier: &Self) -> u64 {
        self.cpu_ms.saturating_sub(earlier.cpu_ms)
    }
}

/// Fields 14 and 15, in hundredths of a second: Linux shows times to programs in that unit on every machine.
fn cpu_ms(stat: &str) -> Option<u64> {
    // The second field is the name in brackets and may hold anything, blanks too.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * 10)
}

fn line(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_lines() {
        let stat = "7 (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 250 50 0 0 20 0 1 0 5 0 0";
        assert_eq!(cpu_ms(stat), Some(3_000));
        assert_eq!(line("VmHWM:\t  1234 kB\nVmRSS:\t 99 kB\n", "VmRSS:"), Some(99));
    }
}
