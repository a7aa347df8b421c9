//! A probe of the disk in the same minute as the run: appends of 4 KiB, each followed by a data sync, as a journal does them.
//! A hold cannot be acknowledged faster than this without lying, so its p99 is printed beside that of a hold.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::latency::{Spread, Times};

/// How many appends one probe makes; at 1 ms a sync it lasts a fifth of a second.
const APPENDS: usize = 200;

/// One probe.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The folder probed.
    pub folder: String,
    /// Before or after the rush.
    pub when: String,
    /// Times of append and sync together.
    pub sync: Spread,
    /// True if the folder is in memory: such a sync says nothing about a disk.
    pub in_memory: bool,
}

/// Probes a folder.
pub fn probe(folder: &Path, when: &str) -> Result<Probe, Failure> {
    let name = folder.join(format!(".loadtest-probe-{}", std::process::id()));
    let times = append_and_sync(&name);
    // The probe's own file is of no use to anyone; if it cannot be removed the folder shows it.
    let _ = fs::remove_file(&name);
    let times = times.map_err(|error| {
        Failure::new(
            format!("The disk cannot be probed in {}.", folder.display()),
            error,
            "give a folder that can be written to, on the disk of the server's data: `--data DIR`",
        )
    })?;
    Ok(Probe {
        folder: folder.display().to_string(),
        when: when.to_owned(),
        sync: times.spread(),
        in_memory: in_memory(folder),
    })
}

fn append_and_sync(name: &Path) -> std::io::Result<Times> {
    let block = [0xA5_u8; 4096];
    let mut file = File::create(name)?;
    let mut times = Times::default();
    for _ in 0..APPENDS {
        let begun = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.record(begun.elapsed());
    }
    Ok(times)
}

#[cfg(target_os = "linux")]
fn in_memory(folder: &Path) -> bool {
    const TMPFS: i128 = 0x0102_1994;
    // The width of this number differs between platforms.
    rustix::fs::statfs(folder).is_ok_and(|found| i128::from(found.f_type) == TMPFS)
}

#[cfg(not(target_os = "linux"))]
fn in_memory(_folder: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let probe = probe(folder.path(), "before").unwrap();
        assert_eq!(probe.sync.count, 200);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(super::probe(&folder.path().join("absent"), "before").is_err());
    }
}
