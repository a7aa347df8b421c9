//! `onsale serve`: says what was started, serves until told to stop, says how it ended.

use std::io::{self, IsTerminal, Write as _};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ArgMatches;
use tokio::signal::unix::{SignalKind, signal};

use super::{CommandError, checked, readable, say};
use crate::config::Config;
use crate::keys::{NewKey, Role};
use crate::serve::{Server, Started, start_telling};

/// How often the journal's health is looked at.
const HEALTH_EVERY: Duration = Duration::from_millis(500);

/// Signals so close to the first are the same wish to stop: `timeout` and other wrappers send theirs twice.
const ONE_WISH: Duration = Duration::from_secs(1);

/// Runs it.
pub fn run(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    let (_, config) = checked(matches)?;
    log_to_stderr(&config)?;
    // Signals that come while starting must not be lost.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let environment: Vec<_> = std::env::vars_os().filter_map(readable).collect();
    let reading = Arc::new(AtomicBool::new(true));
    let starting = {
        let (config, reading) = (config.clone(), Arc::clone(&reading));
        move || start_telling(&config, environment, || reading.store(false, Ordering::Release), show_keys)
    };
    let mut told = None;
    let started = runtime.block_on(async {
        let mut starting = tokio::task::spawn_blocking(starting);
        tokio::select! {
            biased;
            started = &mut starting => return Some(started),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        told = Some(Instant::now());
        if reading.load(Ordering::Acquire) { None } else { Some(starting.await) }
    });
    let Some(started) = started else {
        // Reading may end at any instant, as a journal may: nobody waits for it.
        tracing::info!("stopped while the journal was read: nothing was lost, the next start reads it again");
        runtime.shutdown_background();
        return Ok(ExitCode::SUCCESS);
    };
    let Started { server, .. } = started.map_err(|error| CommandError(error.to_string()))??;
    if matches.get_flag("sample") {
        server.load_sample().map_err(CommandError)?;
    }
    greet(&config, &server);
    let failed = runtime.block_on(async {
        let mut room = Room::default();
        loop {
            if told.is_some() {
                return None;
            }
            tokio::select! {
                _ = terminate.recv() => return None,
                _ = interrupt.recv() => return None,
                () = tokio::time::sleep(HEALTH_EVERY) => {}
            }
            if let Some(why) = server.failure() {
                return Some(why);
            }
            room.look(&server);
        }
    });
    // First done, then said: who reads the log may look at once.
    server.start_draining();
    match &failed {
        None if config.limits.notice.is_zero() => {
            tracing::info!("stopping: no more requests are accepted, what runs is finished");
        }
        None => tracing::info!(
            "stopping: /readyz says so; in {} ms no more requests are accepted, and what runs is finished",
            config.limits.notice.as_millis()
        ),
        Some(why) => tracing::error!(%why, "stopping: the journal has failed"),
    }
    let (hurry, told) = (server.hurry(), told.unwrap_or_else(Instant::now));
    let late = runtime.block_on(async {
        let mut stopping = tokio::task::spawn_blocking(|| server.stop());
        loop {
            let signal = tokio::select! {
                late = &mut stopping => return late,
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if told.elapsed() >= ONE_WISH {
                tracing::warn!(
                    "told again ({signal}): what still runs is cut off; the journal is brought to its end"
                );
                hurry.up();
                return stopping.await;
            }
        }
    });
    let late = late.map_err(|error| CommandError(error.to_string()))?;
    if let (None, Some(why)) = (&failed, &late) {
        tracing::error!(%why, "stopped, and the journal has failed on the way");
    }
    Ok(if failed.is_none() && late.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the log last said of the room on the disk.
#[derive(Default)]
struct Room {
    full: bool,
    blocked: bool,
}

impl Room {
    /// Says what has changed.
    fn look(&mut self, server: &Server) {
        if server.is_full() != self.full {
            self.full = !self.full;
            match self.full {
                true => tracing::warn!(
                    "the disk is full: new holds, new stock and new places in waiting rooms are refused; paying and giving back go on from the reserve"
                ),
                false => tracing::info!("the disk has room again: new holds are taken"),
            }
        }
        if server.is_blocked() != self.blocked {
            self.blocked = !self.blocked;
            match self.blocked {
                true => tracing::error!(
                    "there is no room (or no file handle) for the journal's next segment: nothing is decided until there is"
                ),
                false => tracing::info!("there is room again: the journal goes on"),
            }
        }
    }
}

fn log_to_stderr(config: &Config) -> Result<(), CommandError> {
    let filter: tracing_subscriber::EnvFilter = config.log.parse()?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A log that cannot be written (its disk is full, its reader gone) would be complained of by a macro that panics.
    let subscriber = subscriber.log_internal_errors(false);
    // A second subscriber is a test that runs twice in one process; the first one serves.
    let _ = subscriber.with_ansi(io::stderr().is_terminal()).try_init();
    Ok(())
}

/// The only time new keys are seen. They are not kept before they have left this process.
fn show_keys(keys: &[NewKey]) -> io::Result<()> {
    if leads_nowhere(io::stdout())? {
        // So is a stdout that was closed before this program began.
        return Err(io::Error::other("it is /dev/null"));
    }
    let mut out = io::stdout().lock();
    for NewKey { role, text } in keys {
        let whose = match role {
            Role::Operator => "operator key".to_owned(),
            Role::Server { channel } => format!("server key, channel {channel}"),
        };
        writeln!(out, "{whose}: {text}   (shown once; only its hash is kept)")?;
    }
    out.flush()
}

fn leads_nowhere(stream: impl AsFd) -> io::Result<bool> {
    let (stream, nowhere) = (rustix::fs::fstat(stream)?, rustix::fs::stat("/dev/null")?);
    let is_device =
        rustix::fs::FileType::from_raw_mode(stream.st_mode) == rustix::fs::FileType::CharacterDevice;
    Ok(is_device && stream.st_rdev == nowhere.st_rdev)
}

fn greet(config: &Config, server: &Server) {
    say(&format!("listening on http://{}", server.address()));
    say(&format!("data folder {}", config.data.display()));
    match config.ack.warning() {
        None => say("an answer leaves when it is on disk (ack = fsync)"),
        Some((mode, lost)) => say(&format!("ack = {mode}: {lost}")),
    }
    say(&format!("API: http://{}/docs", server.address()));
}
