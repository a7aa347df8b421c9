//! From a data folder to a state: every fact of the journal, checked, then applied.
//!
//! | what is found | what happens |
//! |---|---|
//! | nothing | a new folder: the first fact is the founding |
//! | a torn tail | the journal has cut it and counted the bytes; the rest is replayed |
//! | damage, a newer version, another process | the start stops with file and offset, or with the version |
//! | a record that is no fact, or a fact that does not fit the state | the start stops with its number |
//! | a first fact that is not the founding | the start stops: this is not a whole journal |

use std::fmt;

use crate::apply::{apply, fits};
use crate::fact::{self, Cold, Fact, Kind};
use crate::inventory::Stamp;
use crate::journal::{FrameReader, Journal, StorageError};
use crate::sequence::Sequence;
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
}

impl fmt::Display for RecoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::NoFact { at, why } => write!(f, "record {at} of the journal is no fact: {why}"),
            Self::Misfit { at, why } => {
                write!(f, "fact {at} of the journal does not fit the state before it: {why}")
            }
        }
    }
}

impl std::error::Error for RecoveryError {}

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

/// Applies facts in order, each checked first. Recovery, the follower and a standby are built on it.
#[derive(Debug)]
pub struct Replay {
    state: Option<State>,
    seeds: [u64; 2],
    last: Sequence,
    at: Timestamp,
    facts: u64,
}

impl Replay {
    /// From before the first fact.
    #[must_use]
    pub fn new(seeds: [u64; 2]) -> Self {
        Self { state: None, seeds, last: Sequence::ZERO, at: Timestamp(0), facts: 0 }
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
            self.state = Some(State::new(shards, self.seeds));
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

/// Replays a whole journal. `progress` is told the last number and the one to come to, now and then. `None` is a folder
/// without a fact.
///
/// # Errors
/// See [`RecoveryError`].
pub fn recover(
    journal: &impl Journal,
    seeds: [u64; 2],
    mut progress: impl FnMut(Sequence, Sequence),
) -> Result<Option<Recovered>, RecoveryError> {
    let mut replay = Replay::new(seeds);
    let to = journal.last();
    let mut reader: Box<dyn FrameReader> = journal.reader(Sequence::ZERO.next())?;
    while replay.last() < to {
        let Some(frame) = reader.next_frame()? else { break };
        for (number, record) in frame.records() {
            replay.record(number, record)?;
        }
        progress(replay.last(), to);
    }
    if replay.last() != to {
        let why = format!("the journal ends at {to}, its records at {}", replay.last());
        return Err(RecoveryError::Misfit { at: replay.last().next(), why });
    }
    Ok(replay.finish())
}
