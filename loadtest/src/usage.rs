//! What a process used, processor time and memory, and what the machine's host kept for itself, from Linux's `/proc`. Elsewhere
//! nothing is told rather than guessed.

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

/// What the tester, its server and the machine's host use from now on.
#[derive(Debug)]
pub struct Watch {
    server: Option<u32>,
    tester: Usage,
    served: Usage,
    machine: Option<Processors>,
}

/// What was used while it was watched.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// Processor time of the tester.
    pub tester_cpu_ms: u64,
    /// Processor time of the server; 0 without one of its own.
    pub server_cpu_ms: u64,
    /// The server at the end.
    pub server: Usage,
    /// See [`Processors::stolen_permille_since`].
    pub stolen_permille: Option<u64>,
}

impl Watch {
    /// Begins to watch this process and a server, if it is one of ours.
    pub fn begin(server: Option<u32>) -> Self {
        let of = |pid: Option<u32>| pid.and_then(Usage::of).unwrap_or_default();
        Self { server, tester: of(Some(std::process::id())), served: of(server), machine: Processors::now() }
    }

    /// What was used since.
    pub fn end(&self) -> Used {
        let now = Self::begin(self.server);
        Used {
            tester_cpu_ms: now.tester.cpu_ms_since(&self.tester),
            server_cpu_ms: now.served.cpu_ms_since(&self.served),
            server: now.served,
            stolen_permille: self
                .machine
                .zip(now.machine)
                .and_then(|(then, now)| now.stolen_permille_since(&then)),
        }
    }
}

/// The time of all processors of this machine since its start, in the kernel's own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Processors {
    all: u64,
    stolen: u64,
}

impl Processors {
    /// Reads them.
    pub fn now() -> Option<Self> {
        processors(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// Thousandths of the processors' time since an earlier reading in which this machine wanted to run and its host ran others.
    pub fn stolen_permille_since(&self, earlier: &Self) -> Option<u64> {
        (self.stolen.saturating_sub(earlier.stolen) * 1_000).checked_div(self.all.saturating_sub(earlier.all))
    }
}

/// The first line's fields are user, nice, system, idle, iowait, irq, softirq, steal; what guests used after that is in user already.
fn processors(stat: &str) -> Option<Processors> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_ascii_whitespace().take(8);
    let fields: Vec<u64> = fields.map(|field| field.parse().ok()).collect::<Option<_>>()?;
    Some(Processors { all: fields.iter().sum(), stolen: *fields.get(7)? })
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
        let then = processors("cpu  100 0 50 800 0 0 0 50 7 7\ncpu0 1 1 1\n").unwrap();
        let now = processors("cpu  150 0 50 1600 0 0 0 200 7 7\n").unwrap();
        assert_eq!((then.all, now.stolen_permille_since(&then)), (1_000, Some(150)));
        assert_eq!(now.stolen_permille_since(&now), None, "no time has gone by");
        assert_eq!(line("VmHWM:\t  1234 kB\nVmRSS:\t 99 kB\n", "VmRSS:"), Some(99));
    }
}
