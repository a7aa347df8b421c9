//! From settings to a server that runs, and back: the only file that opens and closes an engine.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use onsale_engine::commit;
use onsale_engine::journal::Opened;
use onsale_engine::outcome::Answer;
use onsale_engine::sequence::Sequence;
use onsale_engine::time::Millis;
use onsale_engine::{Engine, EngineOptions, Health};

use crate::app::{App, Limits};
use crate::auth::Doorkeeper;
use crate::config::{Ack, Config};
use crate::handles;
use crate::keys::{self, KeyError, KeyRing, NewKey};
use crate::problem::{Code, Problem};
use crate::sample;
use crate::server::{self, Hurry, Running};
use crate::waiting_room::pass::PassKeys;

/// Beside the journal in the data folder.
const KEY_FILE: &str = "keys";
/// How long a fact of starting up may take to become durable.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// While a long journal is read.
const TELL_PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Why a server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The data folder cannot be used.
    Data(String),
    /// The keys cannot be had.
    Keys(KeyError),
    /// New keys could not be shown.
    Unseen(io::Error),
    /// New keys were shown and could not be kept.
    NotKept(KeyError),
    /// The engine refused something that belongs to starting.
    Refused(String),
    /// The threads cannot be made.
    Threads(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "{address} is in use by another program; choose another with --listen")
            }
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Data(why) | Self::Refused(why) => f.write_str(why),
            Self::Keys(error) => error.fmt(f),
            Self::NotKept(error) => write!(f, "{error}\nthe keys just shown were not kept and open nothing"),
            Self::Unseen(error) => write!(
                f,
                "the keys made for this folder could not be shown on stdout: {error}\nnone was kept: start with a stdout that \
                 somebody reads, or set ONSALE_OPERATOR_KEY and ONSALE_SERVER_KEY"
            ),
            Self::Threads(error) => write!(f, "cannot start the worker threads: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A server that was started, and the keys that were made for it.
#[derive(Debug)]
pub struct Started {
    /// The server.
    pub server: Server,
    /// Keys that are seen this once.
    pub new_keys: Vec<NewKey>,
}

/// A server that runs on threads of its own.
#[derive(Debug)]
pub struct Server {
    running: Running,
    engine: Arc<Engine>,
    snapshots: bool,
}

/// Starts a server: the socket first, so that a port in use costs nothing and whoever comes early is told to wait; then
/// what can be checked without writing; then the data folder, new keys, threads.
///
/// # Errors
/// What stood in the way.
pub fn start(
    config: &Config,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Started, StartError> {
    start_telling(config, environment, || {}, |_| Ok(()))
}

/// The same; `opened` is told when the data folder has been read. Up to then a start may be given up at any instant; afterwards keys
/// may be shown that would not be kept. `show` is given new keys, and they are kept once it has shown them: a key that is kept and
/// that nobody has seen would lock everybody out for good.
///
/// # Errors
/// What stood in the way.
pub fn start_telling(
    config: &Config,
    environment: impl IntoIterator<Item = (String, String)>,
    opened: impl FnOnce(),
    show: impl FnOnce(&[NewKey]) -> io::Result<()>,
) -> Result<Started, StartError> {
    // Before anybody comes: they must not take the handles that the journal needs.
    let sockets = handles::sockets(config.limits.connections, config.workers);
    if sockets < config.limits.connections {
        tracing::warn!(
            "at most {sockets} sockets, not {}: the system gives this process too few file handles (`ulimit -n`, LimitNOFILE=)",
            config.limits.connections
        );
    }
    let listener = server::bind(config.listen).map_err(|error| StartError::Listen(config.listen, error))?;
    if config.data.exists() && !config.data.is_dir() {
        let why = "is a file, not a folder; name another with --data";
        return Err(StartError::Data(format!("{} {why}", config.data.display())));
    }
    let key_file = config.data.join(KEY_FILE);
    let mut ring = KeyRing::read(&key_file, environment).map_err(StartError::Keys)?;
    let durability = config.ack.warning().and_then(|(mode, _)| HeaderValue::try_from(mode).ok());
    let interim =
        server::answer_recovering(&listener, sockets, durability.clone()).map_err(StartError::Threads)?;
    let engine = open_engine(config);
    interim.end();
    let engine = engine?;
    opened();
    let new_keys = make_keys(&mut ring, &key_file, show).inspect_err(|_| close_engine(&engine))?;
    let passes = PassKeys::new(&engine.secret("passes"), &[]);
    let doorkeeper = Doorkeeper::new(ring, passes, |channel| wait(&engine, engine.channel(channel)))
        .map_err(|problem| StartError::Refused(problem.detail().to_owned()))?;
    let limits = Limits { connections: sockets, ..config.limits.clone() };
    let (shop, connector) = (config.shop.clone(), config.connector.clone());
    let app = App::new(Arc::clone(&engine), doorkeeper, limits, durability, shop, connector);
    let running = server::start(Arc::new(app), listener, config.workers).map_err(StartError::Threads)?;
    let snapshots = config.snapshot_every_ms > 0;
    Ok(Started { server: Server { running, engine, snapshots }, new_keys })
}

/// Makes the keys that are missing: first shown, then kept.
fn make_keys(
    ring: &mut KeyRing,
    file: &Path,
    show: impl FnOnce(&[NewKey]) -> io::Result<()>,
) -> Result<Vec<NewKey>, StartError> {
    let made = ring.make_missing().map_err(StartError::Keys)?;
    if !made.is_empty() {
        show(&made).map_err(StartError::Unseen)?;
        keys::keep(file, &made).map_err(StartError::NotKept)?;
    }
    Ok(made)
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.running.address()
    }

    /// Why it cannot go on, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        match self.engine.health() {
            Health::Ready | Health::Blocked => None,
            Health::JournalFailed(why) => Some(why),
        }
    }

    /// Whether the journal waits for room on the disk.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.engine.health() == Health::Blocked
    }

    /// Whether new holds are refused for want of room on the disk.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.engine.is_full()
    }

    /// Adds the sale `sample`, unless it is there already.
    ///
    /// # Errors
    /// What the engine says.
    pub fn load_sample(&self) -> Result<(), String> {
        sample::load(&self.engine)
            .map_err(|problem| format!("the sample could not be added: {}", problem.detail()))
    }

    /// From now on `/readyz` says no, while everything else goes on: [`Server::stop`] is about to be called.
    pub fn start_draining(&self) {
        self.running.app().start_draining();
    }

    /// Makes a stop that is under way on another thread a quick one.
    #[must_use]
    pub fn hurry(&self) -> Hurry {
        self.running.hurry()
    }

    /// Stops accepting, finishes what runs, closes the data folder. Says why the journal could not be brought to its end, if so.
    #[must_use]
    pub fn stop(self) -> Option<String> {
        self.running.drain();
        close_engine(&self.engine);
        let facts = self.engine.facts_in_no_snapshot();
        match self.engine.health() {
            Health::Ready | Health::Blocked if self.snapshots && facts > 0 => {
                tracing::warn!(
                    facts,
                    "the last snapshot could not be made: the next start reads these facts from the journal as well"
                );
                None
            }
            Health::Ready | Health::Blocked => None,
            Health::JournalFailed(why) => Some(why),
        }
    }
}

/// Opens the data folder. Whoever makes it syncs its name as well, so that is left to the engine.
fn open_engine(config: &Config) -> Result<Arc<Engine>, StartError> {
    let data = &config.data;
    let mut options = EngineOptions::new(data);
    options.shards = config.shards;
    options.snapshot_every = Millis(config.snapshot_every_ms);
    options.workers_write = config.workers_write;
    options.limits.idempotency_keys = config.idempotency_keys;
    options.limits.max_away = Millis(config.max_away_ms);
    options.ack = match config.ack {
        Ack::Fsync => commit::Ack::Fsync,
        Ack::Interval(span) => {
            commit::Ack::Interval(Millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
        }
        Ack::None => commit::Ack::None,
    };
    let mut told = Instant::now();
    let progress = |done: Sequence| {
        if told.elapsed() >= TELL_PROGRESS_EVERY {
            told = Instant::now();
            tracing::info!("recovering: {done} facts so far");
        }
    };
    let (engine, start) = Engine::open(options, progress).map_err(|error| {
        StartError::Data(match error.in_use() {
            true => format!(
                "{} is in use by another process; stop it, or name another folder with --data",
                data.display()
            ),
            false => format!("{}: {error}", data.display()),
        })
    })?;
    if start.journal.cut_bytes > 0 {
        let Opened { cut_bytes, cut_at, .. } = &start.journal;
        tracing::warn!(
            cut_bytes,
            ?cut_at,
            "a torn end of the journal was cut: it had never been acknowledged"
        );
    }
    for snapshot in &start.damaged_snapshots {
        tracing::warn!("a snapshot could not be used, an older one was: {snapshot}");
    }
    if !start.founded {
        let snapshot = start.snapshot.map_or(0, |snapshot| snapshot.0);
        tracing::info!(snapshot, facts = start.facts, away_ms = start.away.0, "recovered");
    }
    Ok(Arc::new(engine))
}

/// Writes what is still in memory and lets go of the folder.
fn close_engine(engine: &Engine) {
    engine.shutdown();
}

/// Waits for an answer outside of any worker, as starting up does.
pub(crate) fn wait<T>(engine: &Engine, answer: Answer<T>) -> Result<T, Problem> {
    let started = Instant::now();
    while engine.mark() < answer.rests_on {
        if engine.health() != Health::Ready || started.elapsed() > START_PATIENCE {
            return Err(Problem::new(Code::OutcomeUnknown, "the journal did not take it"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    answer.result.map_err(Problem::from)
}
