//! The machine a run was made on, and what else it was doing.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde::Serialize;

use super::series::{Spread, spread};

/// Appends measured.
const SYNCS: usize = 1_000;
/// Bytes of each.
const BLOCK: usize = 4_096;

/// What a figure means nothing without.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: usize,
    /// The kernel.
    pub kernel: String,
    /// Memory in GiB.
    pub memory_gib: u64,
    /// Load averages when the run began: what else was going on.
    pub load_before: String,
    /// And when it ended; the run's own work is in it.
    pub load_after: String,
    /// Microseconds of 4 KiB written over a preallocated file plus `fdatasync`.
    pub sync_us: Spread,
}

impl Machine {
    /// Looks at it. `folder` is where the data will be.
    pub fn look(folder: &Path) -> Result<Self, String> {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib: u64 = field(&memory, "MemTotal").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Ok(Self {
            cpu: field(&cpus, "model name").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            memory_gib: kib >> 20,
            load_before: load(),
            load_after: String::new(),
            sync_us: syncs(folder).map_err(|error| format!("{}: {error}", folder.display()))?,
        })
    }
}

/// The load averages of now.
pub fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_once(':').map_or("", |(_, value)| value.trim())
}

/// Median and ends of one append with its sync, in microseconds. The file is written beforehand, as our segments are.
pub fn syncs(folder: &Path) -> std::io::Result<Spread> {
    let mut file = tempfile::tempfile_in(folder)?;
    file.write_all(&vec![0; BLOCK * SYNCS])?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let mut took = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = Instant::now();
        file.write_all(&[1; BLOCK])?;
        file.sync_data()?;
        took.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(spread(took))
}

/// The commit of the tree, with `+` if something in it was changed.
pub fn commit() -> String {
    let git = |args: &[&str]| {
        let done = Command::new("git").args(args).output().ok().filter(|done| done.status.success());
        done.map(|done| String::from_utf8_lossy(&done.stdout).trim().to_owned())
    };
    match git(&["rev-parse", "--short=9", "HEAD"]) {
        Some(commit)
            if git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|it| it.is_empty()) =>
        {
            commit
        }
        Some(commit) => format!("{commit}+"),
        None => "unknown".to_owned(),
    }
}
