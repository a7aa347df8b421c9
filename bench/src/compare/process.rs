//! Programs of the comparison: found, started on loopback, waited for, and stopped when they are dropped.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use onsale_loadtest::child;
use rustix::process::Signal;

/// How long a program may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long it may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// `USER_HZ` of every Linux we know: the unit of `/proc/PID/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// A program that runs until this is dropped.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    farewell: Signal,
}

impl Program {
    /// Starts it; what it says goes to `log`. It is stopped with `farewell`.
    pub fn start(name: &str, command: &mut Command, log: &Path, farewell: Signal) -> Result<Self, String> {
        let file = fs::File::create(log).map_err(|error| format!("{}: {error}", log.display()))?;
        let again = file.try_clone().map_err(|error| format!("{}: {error}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(again)
            .spawn()
            .map_err(|error| format!("{name} cannot be started: {error}"))?;
        Ok(Self { name: name.to_owned(), child, farewell })
    }

    /// Waits until something listens on the port.
    pub fn wait_for(&mut self, port: u16, log: &Path) -> Result<(), String> {
        let begun = Instant::now();
        while begun.elapsed() < START_LIMIT {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                let said = fs::read_to_string(log).unwrap_or_default();
                return Err(format!("{} ended with {status}:\n{said}", self.name));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(format!("{} did not listen within {START_LIMIT:?}", self.name))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Seconds of CPU it has used, all threads, user and system.
    pub fn cpu_seconds(&self) -> f64 {
        cpu_seconds(self.pid())
    }
}

/// Seconds of CPU a process has used so far; 0 if it is gone.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may contain blanks; the fields after it do not.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: f64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

impl Drop for Program {
    fn drop(&mut self) {
        child::stop(&mut self.child, self.farewell, STOP_LIMIT);
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> Result<u16, String> {
    child::free_port().map_err(|error| error.to_string())
}

/// A temporary folder on the disk that is measured.
pub fn folder(within: &Path, what: &str) -> Result<tempfile::TempDir, String> {
    tempfile::Builder::new()
        .prefix(&format!("onsale-compare-{what}-"))
        .tempdir_in(within)
        .map_err(|error| format!("no folder in {}: {error}", within.display()))
}

/// Where a program is: on the path, or where Debian keeps PostgreSQL's.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    on_path.or_else(|| {
        let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
            .filter(|file| file.is_file())
            .collect();
        versions.sort();
        versions.pop()
    })
}

/// Runs a command to its end and gives what it wrote; an error says what it complained about.
pub fn output(name: &str, command: &mut Command) -> Result<String, String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{name} cannot be started: {error}"))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        return Ok(said);
    }
    Err(format!("{name} ended with {}:\n{said}{}", done.status, String::from_utf8_lossy(&done.stderr)))
}
