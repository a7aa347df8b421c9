//! From a data folder to a state: the newest snapshot that is whole, then every later fact of the journal, checked, then
//! applied.
//!
//! | what is found | what happens |
//! |---|---|
//! | a newest snapshot that is damaged, or that the disk cannot read | said, and the older generation is used, if the journal reaches back to it |
//! | one that the disk cannot read, and a journal that does not reach back far enough without it | the start stops with what the disk said |
//! | no snapshot that is whole | the journal from its first fact on, or a stop if that is gone |
//! | a snapshot of a newer version | the start stops with both versions |
//! | a snapshot, damaged or not, newer than the last good frame | the start stops with both numbers |
//! | a snapshot of another journal, or of another past of this one | the start stops with the file |
//! | nothing | a new folder: the first fact is the founding |
//! | a torn tail | the journal has cut it and counted the bytes; the rest is replayed |
//! | damage, a newer version, another process | the start stops with file and offset, or with the version |
//! | a record that is no fact, or a fact that does not fit the state | the start stops with its number |
//! | a first fact that is not the founding | the start stops: this is not a whole journal |

use std::fmt;

use crate::apply::{apply, fetch, fits};
use crate::fact::{self, Cold, Fact, Kind};
use crate::inventory::Stamp;
use crate::journal::{FileJournal, Frame, Journal, Opened, Options, StorageError};
use crate::names::Names;
use crate::ports::Disk;
use crate::sequence::Sequence;
use crate::snapshot::{self, Generations, Head, Restored, snapshot_name};
use crate::state::{MAX_SHARDS, State};
use crate::time::Timestamp;

/// Why a folder cannot be started from.
#[derive(Debug)]
pub enum RecoveryError {
    /// The disk, or what is on it.
    Storage(StorageError),
    /// A record that is no fact of this version.
    NoFact {
        /// Its number.
        at: Sequence,
        /// What is wrong.
        why: String,
    },
    /// A fact that cannot have happened in this state.
    Misfit {
        /// Its number.
        at: Sequence,
        /// What does not fit.
        why: String,
    },
    /// One of these, and where its frame stands.
    In {
        /// The segment.
        file: String,
        /// Where the frame begins.
        offset: u64,
        /// What is wrong.
        error: Box<RecoveryError>,
    },
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::NoFact { at, why } => write!(f, "record {at} of the journal is no fact: {why}"),
            Self::Misfit { at, why } => {
                write!(f, "fact {at} of the journal does not fit the state before it: {why}")
            }
            Self::In { file, offset, error } => write!(f, "{file}, frame at offset {offset}: {error}"),
        }
    }
}

impl std::error::Error for RecoveryError {}

impl RecoveryError {
    /// Says where the frame stands.
    #[must_use]
    pub fn at(self, file: &str, offset: u64) -> Self {
        Self::In { file: file.to_owned(), offset, error: Box::new(self) }
    }
}

impl From<StorageError> for RecoveryError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A state and how far it has come.
#[derive(Debug)]
pub struct Recovered {
    /// Everything that is known.
    pub state: State,
    /// The number of the last fact.
    pub last: Sequence,
    /// The latest time any fact had; engine time goes on from here.
    pub at: Timestamp,
    /// How many facts were replayed.
    pub facts: u64,
}

/// How many facts' memory is asked for at a time. A fact touches a dozen places that nobody has touched for long; asked
/// for together they come in the time of a few.
const AHEAD: usize = 16;

/// Applies facts in order, each checked first. Recovery and the follower are built on it.
#[derive(Debug)]
pub struct Replay {
    state: Option<State>,
    seeds: Option<[u64; 2]>,
    last: Sequence,
    at: Timestamp,
    facts: u64,
}

impl Replay {
    /// From before the first fact.
    #[must_use]
    pub fn new(seeds: [u64; 2]) -> Self {
        Self { state: None, seeds: Some(seeds), last: Sequence::ZERO, at: Timestamp(0), facts: 0 }
    }

    /// From before the first fact, for a state that nobody asks by name: no memory is spent on an index of names.
    #[must_use]
    pub fn nameless() -> Self {
        Self { seeds: None, ..Self::new([0; 2]) }
    }

    /// Names as this replay keeps them.
    #[must_use]
    pub fn names(&self) -> Names {
        self.seeds.map_or_else(Names::none, Names::new)
    }

    /// Goes on from a snapshot instead of from before the first fact.
    #[must_use]
    pub fn resume(self, restored: Restored) -> Self {
        let Head { sequence, at, .. } = restored.head;
        Self { state: Some(restored.state), last: sequence, at, ..self }
    }

    /// Applies a frame.
    ///
    /// # Errors
    /// As [`Replay::record`]; the facts before the one it names are applied.
    pub fn frame(&mut self, frame: &Frame<'_>) -> Result<(), RecoveryError> {
        let mut ahead: [Option<(Sequence, Fact)>; AHEAD] = [const { None }; AHEAD];
        let mut records = frame.records().map(|(number, record)| match fact::decode(record) {
            Ok(fact) => Ok((number, fact)),
            Err(error) => Err(RecoveryError::NoFact { at: number, why: error.to_string() }),
        });
        loop {
            let mut unread = None;
            for place in &mut ahead {
                *place = match records.next() {
                    Some(Ok(next)) => Some(next),
                    Some(Err(error)) => {
                        unread = Some(error);
                        None
                    }
                    None => None,
                };
                if place.is_none() {
                    break;
                }
            }
            if let Some(state) = &mut self.state {
                let mut alone = state.alone();
                for (_, fact) in ahead.iter().map_while(Option::as_ref) {
                    fetch(&mut alone, fact);
                }
            }
            // Where they stand: a fact that was just moved cannot be read before all that was written before it is in the
            // cache, which is half of the time that its own application takes.
            for (number, fact) in ahead.iter().map_while(Option::as_ref) {
                self.fact(*number, fact)?;
            }
            let whole = ahead.iter().all(Option::is_some);
            match unread {
                Some(error) => return Err(error),
                None if whole => {}
                None => return Ok(()),
            }
        }
    }

    /// Reads one record and applies it.
    ///
    /// # Errors
    /// [`RecoveryError::NoFact`] or [`RecoveryError::Misfit`]; the state is as it was before.
    pub fn record(&mut self, number: Sequence, record: &[u8]) -> Result<(), RecoveryError> {
        let fact = fact::decode(record)
            .map_err(|error| RecoveryError::NoFact { at: number, why: error.to_string() })?;
        self.fact(number, &fact)
    }

    fn fact(&mut self, number: Sequence, fact: &Fact) -> Result<(), RecoveryError> {
        let misfit = |why: String| RecoveryError::Misfit { at: number, why };
        if number != self.last.next() {
            return Err(misfit(format!("it follows fact {}", self.last)));
        }
        if self.state.is_none() {
            let Kind::Cold(cold) = &fact.kind else {
                return Err(misfit("the journal's first fact is no founding".into()));
            };
            let Cold::Founded { shards, .. } = **cold else {
                return Err(misfit("the journal's first fact is no founding".into()));
            };
            if !(1..=MAX_SHARDS).contains(&shards) {
                return Err(misfit(format!("a founding with {shards} shards")));
            }
            self.state = Some(State::with_names(shards, self.names()));
        }
        if let Some(state) = &mut self.state {
            let mut alone = state.alone();
            fits(&mut alone, fact).map_err(|why| misfit(why.0))?;
            apply(&mut alone, fact);
        }
        self.last = number;
        self.at = self.at.max(fact.at);
        self.facts += 1;
        Ok(())
    }

    /// The number of the last fact applied.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.last
    }

    /// The latest time any fact had.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// How many facts were applied.
    #[must_use]
    pub fn facts(&self) -> u64 {
        self.facts
    }

    /// The state so far, if there was a first fact.
    pub fn state(&mut self) -> Option<&mut State> {
        self.state.as_mut()
    }

    /// Ends the replay: the state, ready to go on from.
    #[must_use]
    pub fn finish(self) -> Option<Recovered> {
        let mut state = self.state?;
        state.alone().set_all_stamps(Stamp { at: self.at, sequence: self.last });
        Some(Recovered { state, last: self.last, at: self.at, facts: self.facts })
    }
}

/// What the folder was started from.
#[derive(Debug)]
pub struct Found<D: Disk> {
    /// The journal, ready to be appended to.
    pub journal: FileJournal<D>,
    /// What opening it found and mended.
    pub opened: Opened,
    /// Everything that is known; `None` in a folder without a fact.
    pub recovered: Option<Recovered>,
    /// The last fact of the snapshot that was used, if one was.
    pub snapshot: Option<Sequence>,
    /// Snapshots that could not be used, each with its reason.
    pub damaged: Vec<String>,
    /// The snapshots to go on with, for the follower.
    pub generations: Generations,
}

/// Opens a folder: reads the newest snapshot that is whole and replays what came after it, in one pass over the journal.
/// `progress` is told the last number, now and then.
///
/// # Errors
/// See [`RecoveryError`]; the table is in the module.
pub fn start<D: Disk>(
    disk: &D,
    mut options: Options,
    seeds: [u64; 2],
    mut progress: impl FnMut(Sequence),
) -> Result<Found<D>, RecoveryError> {
    let lock = FileJournal::lock(disk)?;
    let mut generations = Generations::of(disk)?;
    options.known_durable = generations.good().last().copied().unwrap_or_default();
    let mut damaged = Vec::new();
    let (restored, unread) = newest_whole(disk, seeds, &mut generations, &mut damaged)?;
    let head = restored.as_ref().map(|restored| restored.head);
    let mut replay = Replay::new(seeds);
    if let Some(restored) = restored {
        replay = replay.resume(restored);
    }
    options.start = replay.last().next();

    let mut failure = None;
    let replayed = FileJournal::open_locked(disk.clone(), lock, options, &mut |file, offset, frame| {
        // Snapshots stand at the ends of frames, so the first frame after one begins at its number and links to it.
        if let Some(head) = &head
            && replay.last() == head.sequence
            && (frame.header().first != head.sequence.next() || !frame.links_to(head.chain))
        {
            return Err(other_past(head));
        }
        let applied = replay.frame(&frame);
        progress(replay.last());
        applied.map_err(|error| {
            let stopped = StorageError::damaged(file, offset, &error);
            failure = Some(error.at(file, offset));
            stopped
        })
    });
    let (journal, opened) = match (replayed, failure) {
        (_, Some(failure)) => return Err(failure),
        // It would not be needed if the snapshots could be read: what is wrong with them is what the operator has to know.
        (Err(missing @ StorageError::Missing { .. }), None) => {
            return Err(without_snapshot(unread, &damaged, missing).into());
        }
        (replayed, None) => replayed?,
    };
    if let Some(head) = &head
        && (head.journal != journal.id() || head.sequence == journal.last() && head.chain != journal.chain())
    {
        return Err(other_past(head).into());
    }
    let snapshot = head.map(|head| head.sequence);
    Ok(Found { journal, opened, recovered: replay.finish(), snapshot, damaged, generations })
}

/// The newest snapshot that can be read whole. Those that cannot are said and distrusted; with it, what is wrong with the newest
/// of them.
fn newest_whole<D: Disk>(
    disk: &D,
    seeds: [u64; 2],
    generations: &mut Generations,
    damaged: &mut Vec<String>,
) -> Result<(Option<Restored>, Option<StorageError>), StorageError> {
    let mut unread = None;
    while let Some(newest) = generations.good().last().copied() {
        match snapshot::read(disk, newest, Names::new(seeds)) {
            Ok(restored) => return Ok((Some(restored), unread)),
            Err(error @ StorageError::Damaged { .. }) => {
                damaged.push(error.to_string());
                generations.distrust(newest);
                unread.get_or_insert(error);
            }
            Err(error @ StorageError::Io { .. }) if !error.passes() => {
                damaged.push(error.to_string());
                generations.distrust(newest);
                unread.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok((None, unread))
}

/// Why a folder cannot be started whose journal does not begin with the first fact and whose snapshots cannot be used.
fn without_snapshot(unread: Option<StorageError>, damaged: &[String], missing: StorageError) -> StorageError {
    match unread {
        None => missing,
        Some(StorageError::Damaged { file, offset, why }) => {
            let others = damaged.iter().skip(1).map(|other| format!("; {other}")).collect::<String>();
            StorageError::damaged(&file, offset, format!("{why}{others}; without a snapshot {missing}"))
        }
        Some(unread) => unread,
    }
}

fn other_past(head: &Head) -> StorageError {
    let why = format!("it does not belong to this journal as it was at fact {}", head.sequence);
    StorageError::damaged(&snapshot_name(head.sequence), 16, why)
}
