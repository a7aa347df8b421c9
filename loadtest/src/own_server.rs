//! A server of the tester's own, when no target is given: found, started on a free port with fresh keys and an empty data
//! folder, waited for, and stopped as an operator would stop it, with SIGTERM. A run against it starts from nothing, so its
//! figures can be compared with those of other days. Its data and log are evidence: they stay unless the run says that nobody
//! needs them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::child;
use crate::client::{Call, Client, Target};
use crate::failure::Failure;
use crate::keys::{self, Keys};
use crate::progress::stage;

/// Names the server's program.
const PROGRAM: &str = "ONSALE_BIN";
/// How long a start may take before the tester gives up; the season's bound of 20 s is an expectation, not this.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a stop may take before it is forced.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Set when the person at the terminal has ended the run.
static NOBODY_WILL_LOOK: AtomicBool = AtomicBool::new(false);

/// The run was stopped by its person: what it has left is no evidence of anything.
pub fn nobody_will_look() {
    NOBODY_WILL_LOOK.store(true, Ordering::Relaxed);
}

/// A started server; dropped, it is stopped, and a data folder made for it is removed if it was discarded.
#[derive(Debug)]
pub struct OwnServer {
    program: PathBuf,
    data: PathBuf,
    made_data: bool,
    discarded: bool,
    was_ready: bool,
    keys: Keys,
    port: u16,
    child: Child,
    /// How long the last start took, until it said it was ready.
    pub start_up: Duration,
}

impl OwnServer {
    /// Starts a server. Without a data folder one is made among the temporary files.
    pub async fn start(program: PathBuf, keys: &Keys, data: Option<&Path>) -> Result<Self, Failure> {
        let data_or_made = match data {
            Some(data) => data.to_owned(),
            None => std::env::temp_dir().join(format!("onsale-loadtest-{}", std::process::id())),
        };
        fs::create_dir_all(&data_or_made).map_err(|error| {
            let folder = data_or_made.display();
            Failure::new(format!("No data folder {folder}."), error, "give another one with `--data DIR`")
        })?;
        let port = free_port()?;
        let child = spawn(&program, &data_or_made, keys, port)?;
        let mut server = Self {
            program,
            data: data_or_made,
            made_data: data.is_none(),
            discarded: false,
            was_ready: false,
            keys: keys.clone(),
            port,
            child,
            start_up: Duration::ZERO,
        };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Stops it and starts it again on the same data: what an operator does before a launch day.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        self.stop();
        self.child = spawn(&self.program, &self.data, &self.keys, self.port)?;
        self.wait_until_ready().await
    }

    /// Kills it without a word, as a failing machine would, and starts it again on what it had written.
    pub async fn crash_and_restart(&mut self) -> Result<(), Failure> {
        self.crash();
        self.begin()?;
        self.wait_until_ready().await
    }

    /// Kills it without a word.
    pub fn crash(&mut self) {
        // Both fail only if it has ended already; then the next start tells what is wrong.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again without waiting for it.
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.child = spawn(&self.program, &self.data, &self.keys, self.port)?;
        Ok(())
    }

    /// Nothing was found: a data folder that was made for it goes with the server.
    pub fn discard_data(&mut self) {
        self.discarded = true;
    }

    /// Whether it is still there; if not, its last words.
    pub fn still_runs(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(self.last_words(
                "The server ended in the middle of the run.",
                &format!("it ended with {status}"),
            )),
            _ => Ok(()),
        }
    }

    /// Waits until it says it is ready, and notes how long that took.
    pub async fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        let client = Client::new(&Target::parse(&self.url())?, 4);
        while begun.elapsed() < START_LIMIT {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.not_ready(&format!("it ended with {status}")));
            }
            let ready = client.send(&Call::get("/readyz")).await.outcome;
            if ready.is_ok_and(|answer| answer.status == 200) {
                self.start_up = begun.elapsed();
                self.was_ready = true;
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(self.not_ready("it was not ready after two minutes"))
    }

    fn not_ready(&self, why: &str) -> Failure {
        let what = if self.was_ready {
            "The server did not get ready again."
        } else {
            "The server the tester started did not get ready."
        };
        self.last_words(what, why)
    }

    fn last_words(&self, what: &str, why: &str) -> Failure {
        let log = fs::read_to_string(log_file(&self.data)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(8)..].join("\n        ");
        Failure::new(
            what,
            format!("{why}; its last words:\n        {last}"),
            format!(
                "look into its log, {}, or try it by hand: `{} serve --data {}`",
                log_file(&self.data).display(),
                self.program.display(),
                self.data.join("data").display(),
            ),
        )
        .of_the_server(self.was_ready)
    }

    fn stop(&mut self) {
        child::stop(&mut self.child, Signal::TERM, STOP_LIMIT);
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.stop();
        if !self.made_data {
            return;
        }
        if !self.discarded && !NOBODY_WILL_LOOK.load(Ordering::Relaxed) {
            stage(&format!("the server's data and log are kept in {}", self.data.display()));
        } else {
            // What cannot be removed among the temporary files is the system's to clean.
            let _ = fs::remove_dir_all(&self.data);
        }
    }
}

/// `ONSALE_BIN`, else the `onsale` that was built beside this program.
pub fn find() -> Result<PathBuf, Failure> {
    let missing = |why: String| {
        Failure::new(
            "No server was found to start.",
            why,
            "build one with `cargo build --release -p onsale-gateway`, name one with ONSALE_BIN=…, or give `--target URL` where the run has it",
        )
    };
    if let Some(named) = std::env::var_os(PROGRAM).map(PathBuf::from) {
        return if named.is_file() {
            Ok(named)
        } else {
            Err(missing(format!("ONSALE_BIN names {}, which is no file", named.display())))
        };
    }
    let this = std::env::current_exe().map_err(|error| missing(error.to_string()))?;
    let beside = this.with_file_name(format!("onsale{}", std::env::consts::EXE_SUFFIX));
    if beside.is_file() { Ok(beside) } else { Err(missing(format!("there is no {}", beside.display()))) }
}

fn free_port() -> Result<u16, Failure> {
    child::free_port().map_err(|error| {
        Failure::new("No free port on 127.0.0.1.", error, "close something, or give `--target URL`")
    })
}

fn spawn(program: &Path, data: &Path, keys: &Keys, port: u16) -> Result<Child, Failure> {
    let cannot = |error: std::io::Error| {
        let name = program.display();
        Failure::new(format!("{name} cannot be started."), error, "check that it is the server's program")
    };
    let log = File::options().create(true).append(true).open(log_file(data)).map_err(cannot)?;
    let mut command = Command::new(program);
    command
        .arg("serve")
        .arg("--listen")
        .arg(format!("127.0.0.1:{port}"))
        .arg("--data")
        .arg(data.join("data"));
    // The keys are this run's own; a phone desk's of the environment belongs to another server.
    command.env_remove(PROGRAM).env_remove(keys::PHONE);
    command.env(keys::SERVER, &keys.server);
    if let Some(operator) = &keys.operator {
        command.env(keys::OPERATOR, operator);
    }
    let errors = log.try_clone().map_err(cannot)?;
    command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().map_err(cannot)
}

fn log_file(data: &Path) -> PathBuf {
    data.join("server.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_server_that_ends_at_once_is_told_with_its_last_words() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("onsale");
        fs::write(&program, "#!/bin/sh\necho \"no room for $2 $3\" >&2\nexit 7\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let keys = Keys::made_up();
        let started = OwnServer::start(program, &keys, Some(folder.path()));
        let told = crate::terminal::in_runtime(started).unwrap_err().to_string();
        assert!(
            told.contains("exit status: 7") && told.contains("no room for --listen 127.0.0.1:"),
            "{told}"
        );
    }
}
