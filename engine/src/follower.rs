//! The follower: reads the journal behind the writer, up to the durable mark, and applies it to a state of its own.
//!
//! It is how we know, all day long, that live memory equals replay: every digest the live side writes down is compared,
//! every fact must fit. On a difference nothing is acknowledged any more. And it makes the snapshots, from facts that are
//! durable and that a replay has understood, without the live side noticing.
//!
//! No thread and no clock: [`Follower::step`] does a bounded piece of work and is handed the time. While a snapshot is
//! saved the state stands still and facts wait where they are, on disk; syncing the rest, reading back and trimming do
//! not hold it up. Memory: one more copy of the state, without the index of names.

use std::sync::Arc;

use crate::commit::{Errands, Failure, Mark};
use crate::journal::frame::{Chain, JournalId};
use crate::journal::{FileJournal, FrameReader, Journal, StorageError, Trimmer};
use crate::ports::Disk;
use crate::recovery::{Recovered, RecoveryError, Replay};
use crate::sequence::Sequence;
use crate::snapshot::{self, Checking, Generations, Head, Made, Saving};
use crate::time::Millis;

/// Facts applied in one step, and the rest of the last one's frame.
const STEP_FACTS: u64 = 4_096;

/// A segment is closed when it is older than this and a snapshot is made, so that a quiet sale's journal can be trimmed.
const CLOSE_AFTER: Millis = Millis(60_000);

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Facts were applied; there may be more.
    Applied,
    /// A slice of a snapshot was written or read back.
    Sliced,
    /// A snapshot stands; this many bytes of the journal went.
    Made(Made, u64),
    /// A snapshot was not made, or something old not removed. The journal is whole, so nothing stops for it; the next
    /// one is tried in its time.
    Hindered(String),
    /// Nothing to do until the mark has moved.
    Idle,
}

#[derive(Debug)]
enum Making<D: Disk> {
    /// Its own state is still to be read, from this snapshot.
    Loading(Sequence),
    Nothing,
    Saving(Box<Saving<D>>),
    Checking(Box<Checking<D>>),
}

/// Follows one journal. See the module.
pub struct Follower<D: Disk> {
    disk: D,
    reader: Box<dyn FrameReader>,
    trimmer: Trimmer<D>,
    mark: Arc<Mark>,
    errands: Arc<Errands>,
    replay: Replay,
    journal: JournalId,
    chain: Chain,
    making: Making<D>,
    generations: Generations,
    /// The last snapshot that stands.
    made: Sequence,
    every: Millis,
    /// Boot clock at which the next snapshot is due; none before the first step.
    due: Option<u64>,
    /// The segment being read, and since when.
    segment: (String, u64),
}

impl<D: Disk> std::fmt::Debug for Follower<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("last", &self.replay.last()).finish_non_exhaustive()
    }
}

impl<D: Disk> Follower<D> {
    /// A follower of an open journal, beginning at the newest of `generations`, which it reads in its first step. Makes a
    /// snapshot after every `every` of boot clock; 0 is never.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if the journal does not reach back to it.
    pub fn new(
        disk: D,
        journal: &FileJournal<D>,
        generations: Generations,
        mark: Arc<Mark>,
        errands: Arc<Errands>,
        every: Millis,
    ) -> Result<Self, StorageError> {
        let newest = generations.good().last().copied();
        let made = newest.unwrap_or_default();
        Ok(Self {
            reader: journal.reader(made.next())?,
            trimmer: journal.trimmer(),
            journal: journal.id(),
            disk,
            mark,
            errands,
            replay: Replay::nameless(),
            chain: Chain::START,
            making: newest.map_or(Making::Nothing, Making::Loading),
            generations,
            made,
            every,
            due: None,
            segment: (String::new(), 0),
        })
    }

    /// The last fact applied.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.replay.last()
    }

    /// The last fact of the last snapshot that stands.
    #[must_use]
    pub fn snapshot(&self) -> Sequence {
        self.made
    }

    /// Whether a snapshot is under way.
    #[must_use]
    pub fn making(&self) -> bool {
        matches!(self.making, Making::Saving(_) | Making::Checking(_))
    }

    /// Ends following and gives the state, if there is one.
    #[must_use]
    pub fn into_state(self) -> Option<Recovered> {
        self.replay.finish()
    }

    /// A bounded piece of work, at an instant of the boot clock.
    ///
    /// # Errors
    /// Why nothing may be acknowledged any more; the mark has been told.
    pub fn step(&mut self, boot: u64) -> Result<Followed, Failure> {
        let due = *self.due.get_or_insert(boot.saturating_add(self.every.0));
        let followed = if self.mark.has_failed() {
            // Whatever is in the journal now, nobody knows how far it is durable: no snapshot from here on.
            self.give_up();
            Ok(Followed::Idle)
        } else if self.every.0 > 0 && boot >= due && matches!(self.making, Making::Nothing) {
            self.due = Some(boot.saturating_add(self.every.0));
            if boot.saturating_sub(self.segment.1) >= CLOSE_AFTER.0 {
                self.errands.ask_close();
                self.segment.1 = boot;
            }
            self.begin_snapshot()
        } else {
            self.go_on(boot)
        };
        followed.map_err(|error| {
            let failure = Failure(format!("the follower cannot go on: {error}"));
            self.mark.fail(failure.clone());
            failure
        })
    }

    /// Begins a snapshot of what is applied so far, whatever the time; nothing new is needed for none.
    pub fn snapshot_now(&mut self) -> Followed {
        match self.making {
            Making::Nothing if !self.mark.has_failed() => {
                self.begin_snapshot().unwrap_or_else(|error| Followed::Hindered(error.to_string()))
            }
            _ => Followed::Idle,
        }
    }

    /// Comes up with the mark and makes a last snapshot, as long as `more` says that there is time. Says whether the
    /// newest snapshot holds everything that is durable.
    pub fn wind_up(&mut self, mut more: impl FnMut() -> bool) -> bool {
        self.every = Millis(0);
        while more() && !self.mark.has_failed() {
            match self.step(0) {
                Ok(Followed::Idle) if self.last() < self.mark.durable() => {}
                Ok(Followed::Idle) => {
                    if self.made == self.last() || !matches!(self.snapshot_now(), Followed::Sliced) {
                        break;
                    }
                }
                Ok(Followed::Hindered(_)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        self.give_up();
        self.made == self.mark.durable()
    }

    fn give_up(&mut self) {
        if let Making::Saving(saving) = std::mem::replace(&mut self.making, Making::Nothing) {
            saving.drop_file();
        }
    }

    fn begin_snapshot(&mut self) -> Result<Followed, RecoveryError> {
        let sequence = self.replay.last();
        let (at, durable) = (self.replay.at(), self.mark.durable());
        let Some(state) = self.replay.state() else { return Ok(Followed::Idle) };
        if sequence == self.made {
            return Ok(Followed::Idle);
        }
        if sequence > durable {
            // The journal has synced and the mark has not been moved yet: a matter of microseconds.
            self.due = Some(0);
            return Ok(Followed::Idle);
        }
        let head = Head { journal: self.journal, sequence, at, chain: self.chain, shards: state.shards() };
        match Saving::begin(&self.disk, head, durable) {
            Ok(saving) => {
                self.making = Making::Saving(Box::new(saving));
                Ok(Followed::Sliced)
            }
            Err(error) => Ok(Followed::Hindered(error.to_string())),
        }
    }

    fn go_on(&mut self, boot: u64) -> Result<Followed, RecoveryError> {
        match std::mem::replace(&mut self.making, Making::Nothing) {
            Making::Loading(sequence) => {
                let restored = match snapshot::read(&self.disk, sequence, self.replay.names()) {
                    // It cannot be opened now.
                    Err(error) if error.passes() => {
                        self.making = Making::Loading(sequence);
                        return Ok(Followed::Idle);
                    }
                    restored => restored?,
                };
                self.chain = restored.head.chain;
                self.replay = Replay::nameless().resume(restored);
                Ok(Followed::Applied)
            }
            Making::Nothing => self.follow(boot),
            Making::Saving(saving) => Ok(self.save(saving)),
            Making::Checking(mut checking) => {
                // Facts go first: reading back has time.
                if self.follow(boot)? == Followed::Applied {
                    self.making = Making::Checking(checking);
                    return Ok(Followed::Applied);
                }
                match checking.slice() {
                    Ok(Some(made)) => Ok(self.stands(made)),
                    Ok(None) => {
                        self.making = Making::Checking(checking);
                        Ok(Followed::Sliced)
                    }
                    Err(error) => Ok(Followed::Hindered(error.to_string())),
                }
            }
        }
    }

    fn save(&mut self, mut saving: Box<Saving<D>>) -> Followed {
        let Some(state) = self.replay.state() else { return Followed::Idle };
        match saving.slice(state) {
            Ok(true) => {
                self.making = Making::Saving(saving);
                Followed::Sliced
            }
            Ok(false) => match saving.seal() {
                Ok(checking) => {
                    self.making = Making::Checking(Box::new(checking));
                    Followed::Sliced
                }
                Err(error) => Followed::Hindered(error.to_string()),
            },
            Err(error) => Followed::Hindered(error.to_string()),
        }
    }

    fn stands(&mut self, made: Made) -> Followed {
        self.made = made.sequence;
        let trimmed = match self.generations.made(&self.disk, made.sequence) {
            Ok(Some(needed)) => self.trimmer.trim(needed),
            Ok(None) => Ok(0),
            Err(error) => Err(error),
        };
        match trimmed {
            Ok(freed) => Followed::Made(made, freed),
            Err(error) => Followed::Hindered(error.to_string()),
        }
    }

    /// Applies frames, up to the mark.
    fn follow(&mut self, boot: u64) -> Result<Followed, RecoveryError> {
        let before = self.replay.facts();
        while self.replay.facts() - before < STEP_FACTS && self.replay.last() < self.mark.durable() {
            let frame = match self.reader.next_frame() {
                // The next segment cannot be opened now; it is not entered.
                Err(error) if error.passes() => return Ok(Followed::Idle),
                frame => frame?,
            };
            let Some(frame) = frame else { break };
            let (applied, chain) = (self.replay.frame(&frame), frame.chain());
            let (file, offset) = self.reader.place();
            if self.segment.0 != file {
                self.segment = (file.to_owned(), boot);
            }
            applied.map_err(|error| error.at(file, offset))?;
            self.chain = chain;
        }
        Ok(if self.replay.facts() > before { Followed::Applied } else { Followed::Idle })
    }
}
