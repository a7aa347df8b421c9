//! From a data folder to a partition that can be served from: journal, replay, clocks, the first frame.
//!
//! Generic over disk and clock and without a thread, so that the running engine and the simulator start by the same
//! code. What comes out is alive but idle: somebody must step the writer and the ticker.
//!
//! The steps, each of which can end the start: open the journal (a torn tail is cut), replay it, read or make the
//! customers' key, let engine time go on from where it stood, and write the start itself down as one frame.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::commit::{Ack, Buffer, Mark, Step, Waking, Writer};
use crate::customers::CustomerKey;
use crate::decide::{Core, Costs, Secrets};
use crate::door::{self, Door};
use crate::follower::Follower;
use crate::journal::frame::{self, BODY_LIMIT, JournalId};
use crate::journal::{FileJournal, Opened, Options as JournalOptions, StorageError};
use crate::limits::Limits;
use crate::ports::{Clock, Disk, Rng};
use crate::pulse::Pulse;
use crate::recovery::{self, Found, Recovered, RecoveryError};
use crate::refusal::Refusal;
use crate::resume::resume_lines;
use crate::sequence::Sequence;
use crate::state::State;
use crate::time::{Millis, Now, Timestamp, WallTime};

/// Nobody starts this program before 2020: a clock that says so has not been set since the machine was switched on.
const EARLIEST: WallTime = WallTime(1_577_836_800_000);

/// Nor from 2100 on. An engine time that has once followed such a clock would be ahead of the wall for ever.
const TOO_LATE: WallTime = WallTime(4_102_444_800_000);

/// Why an engine did not start.
#[derive(Debug)]
pub enum OpenError {
    /// The limits do not fit together.
    Limits(String),
    /// The machine's clock cannot be right.
    Clock(WallTime),
    /// The folder, a thread, or the random source.
    Io(io::Error),
    /// The journal, or what is in it.
    Recovery(RecoveryError),
    /// The start itself could not be written down.
    NotWritten(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limits(why) => f.write_str(why),
            Self::Clock(wall) => {
                let stands = if *wall < EARLIEST { "before 2020" } else { "after 2099" };
                write!(
                    f,
                    "the machine's clock says that it is {stands} ({} ms since 1970, UTC): set date and time, and start again; \
                     the times in this folder would follow it and never come back",
                    wall.0
                )
            }
            Self::Io(error) => error.fmt(f),
            Self::Recovery(error) => error.fmt(f),
            Self::NotWritten(why) => write!(f, "the start could not be written to the journal: {why}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<RecoveryError> for OpenError {
    fn from(error: RecoveryError) -> Self {
        Self::Recovery(error)
    }
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        Self::Recovery(error.into())
    }
}

impl OpenError {
    /// Whether another process has the folder.
    #[must_use]
    pub fn in_use(&self) -> bool {
        matches!(self, Self::Recovery(RecoveryError::Storage(StorageError::InUse)))
    }
}

/// What the start found.
#[derive(Clone, Debug)]
pub struct Start {
    /// What the journal found and mended.
    pub journal: Opened,
    /// The last fact of the snapshot that was used, if one was.
    pub snapshot: Option<Sequence>,
    /// Snapshots that could not be used, each with its reason.
    pub damaged_snapshots: Vec<String>,
    /// Facts replayed.
    pub facts: u64,
    /// How long engine time had stood still.
    pub away: Millis,
    /// Whether the folder was new.
    pub founded: bool,
}

/// With what a partition starts.
#[derive(Clone, Debug)]
pub struct StartOptions {
    /// Shards of each kind in a new folder; an old folder keeps its own.
    pub shards: u8,
    /// When an answer may leave.
    pub ack: Ack,
    /// The bounds.
    pub limits: Limits,
    /// How the journal is opened.
    pub journal: JournalOptions,
    /// How often the follower makes a snapshot; 0 for never.
    pub snapshot_every: Millis,
}

impl StartOptions {
    /// The journal's defaults, with frames as large as the buffer, and no snapshots. A new journal gets an id nobody can
    /// know.
    pub fn new(shards: u8, ack: Ack, limits: Limits, rng: &mut dyn Rng) -> Self {
        let mut journal = JournalOptions::new(JournalId(rng.next()), Sequence::ZERO);
        journal.largest_frame_bytes = frame::frame_bytes(limits.journal_buffer.min(BODY_LIMIT)) as u64;
        Self { shards, ack, limits, journal, snapshot_every: Millis(0) }
    }
}

/// A partition that has started: what whoever runs it must step, and what it found.
#[derive(Debug)]
pub struct Started<D: Disk> {
    /// The pure middle.
    pub core: Arc<Core>,
    /// Hashes customers.
    pub customers: CustomerKey,
    /// How far the journal has come.
    pub mark: Arc<Mark>,
    /// Where time is read.
    pub door: Door,
    /// Empties the core's buffer into the journal.
    pub writer: Writer<FileJournal<D>>,
    /// Replays behind the writer and makes the snapshots.
    pub follower: Follower<D>,
    /// What the start found.
    pub start: Start,
}

/// Starts from a folder: recovers what is there, or founds it.
///
/// # Errors
/// See [`OpenError`]. Nothing has been changed on disk but a torn tail that was cut.
pub fn start<D: Disk>(
    disk: &D,
    clock: Arc<dyn Clock>,
    rng: &mut dyn Rng,
    options: StartOptions,
    progress: impl FnMut(Sequence),
) -> Result<Started<D>, OpenError> {
    options.limits.check().map_err(OpenError::Limits)?;
    let wall = clock.wall();
    if !(EARLIEST..TOO_LATE).contains(&wall) {
        return Err(OpenError::Clock(wall));
    }
    let seeds = [rng.next(), rng.next()];
    let mut secret = [0; 32];
    secret.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&rng.next().to_le_bytes()));
    let Found { journal, opened, recovered, snapshot, damaged, generations } =
        recovery::start(disk, options.journal, seeds, progress)?;
    let founded = recovered.is_none();
    let customers = CustomerKey::of_folder(disk, founded, rng)?;
    let Recovered { mut state, last, at, facts } =
        recovered.unwrap_or_else(|| nothing_yet(options.shards, seeds, &*clock));

    let (last_heartbeat, partition) = {
        let catalog = state.lock_catalog();
        (catalog.heartbeat, catalog.partition)
    };
    let away = last_heartbeat.map_or(Millis(0), |heartbeat| {
        // Of the time since the heartbeat, what later facts were decided in was not an outage.
        let served = at.since(heartbeat.at);
        Millis(door::away(&heartbeat, &*clock).0.saturating_sub(served.0))
    });
    // What lies beyond the setting counts as time that ran: an outage of a year does not freeze carts for a year.
    let at = at.plus(Millis(away.0.saturating_sub(options.limits.max_away.0)));

    resume_lines(&mut state, &customers, at);

    let core = Arc::new(Core {
        state,
        buffer: Arc::new(Buffer::new(options.limits.journal_buffer, last)),
        limits: options.limits,
        partition,
        writer: Waking::default(),
        disk_full: AtomicBool::new(false),
        blocked: AtomicBool::new(false),
        costs: Costs::default(),
        secrets: Secrets::of(secret),
        pulse: Pulse::default(),
    });
    let mark = Arc::new(Mark::new(last));
    let door = Door::new(Arc::clone(&clock), at);
    let mut writer = Writer::new(Arc::clone(&core.buffer), Arc::clone(&mark), journal, options.ack);
    let errands = writer.errands();
    let follower = Follower::new(
        disk.clone(),
        writer.journal(),
        generations,
        Arc::clone(&mark),
        errands,
        options.snapshot_every,
    )?;
    first_facts(&core, &*clock, at, away, founded)
        .map_err(|refusal| OpenError::NotWritten(format!("{refusal:?}")))?;
    first_frame(&mut writer, &mark)?;
    let start = Start { journal: opened, snapshot, damaged_snapshots: damaged, facts, away, founded };
    Ok(Started { core, customers, mark, door, writer, follower, start })
}

/// What a new folder starts from. Engine time begins at the wall's, so that a journal reads naturally.
fn nothing_yet(shards: u8, seeds: [u64; 2], clock: &dyn Clock) -> Recovered {
    let at = Timestamp(u64::try_from(clock.wall().0).unwrap_or(0));
    Recovered { state: State::new(shards, seeds), last: Sequence::ZERO, at, facts: 0 }
}

/// The start as facts: the founding of a new folder, a configuration that changed, and that we were away.
fn first_facts(
    core: &Core,
    clock: &dyn Clock,
    at: Timestamp,
    away: Millis,
    founded: bool,
) -> Result<(), Refusal> {
    let wall = clock.wall();
    let now = Now { engine: at, wall };
    if founded {
        core.found(now, wall)?;
    }
    core.configure(now)?;
    let still = Millis(away.0.min(core.limits.max_away.0));
    core.resumed(now, still, wall, clock.boot(), clock.boot_id())
}

fn first_frame<D: Disk>(writer: &mut Writer<FileJournal<D>>, mark: &Mark) -> Result<(), OpenError> {
    match writer.step() {
        Step::Wrote | Step::Idle => Ok(()),
        Step::Blocked => Err(OpenError::NotWritten("the disk is full".into())),
        Step::Failed => {
            let why = mark.failure().map_or_else(String::new, |failure| failure.0);
            Err(OpenError::NotWritten(why))
        }
    }
}
