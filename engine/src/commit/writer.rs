//! Empties the buffer into the journal: one frame, one sync, one move of the mark, again.
//!
//! While a sync runs the next frame fills by itself, so a frame carries as many facts as came in one sync's time, and a
//! lone client waits for one sync only.

use std::sync::Arc;

use super::buffer::{Batch, Buffer};
use super::errands::Errands;
use super::mark::{Failure, Mark};
use crate::journal::{Appended, FrameDraft, Journal, Preparing, Space, StorageError, Sync};
use crate::sequence::Sequence;
use crate::time::Millis;

/// When an answer may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// When what it rests on survives a power cut. The default.
    Fsync,
    /// When it is written; the disk is synced at least so often. A power cut loses at most that.
    Interval(Millis),
    /// When it is written; the disk is synced when the system likes, at the latest every second.
    None,
}

impl Ack {
    /// The longest time between two syncs, for the modes that do not wait.
    #[must_use]
    pub const fn window(self) -> Option<Millis> {
        match self {
            Self::Fsync => None,
            Self::Interval(window) => Some(window),
            Self::None => Some(Millis(1_000)),
        }
    }
}

/// What one step of the writer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A frame was written.
    Wrote,
    /// There was nothing to write.
    Idle,
    /// The disk is full and nothing was written; the same frame is tried again by the next step.
    Blocked,
    /// The journal is poisoned; there will be no other step.
    Failed,
}

/// The one writer of a partition's journal.
#[derive(Debug)]
pub struct Writer<J> {
    buffer: Arc<Buffer>,
    mark: Arc<Mark>,
    journal: J,
    ack: Ack,
    errands: Arc<Errands>,
    batch: Batch,
    last: Sequence,
    frames: u64,
    syncs: u64,
}

impl<J: Journal> Writer<J> {
    /// A writer that goes on after the journal's last number.
    pub fn new(buffer: Arc<Buffer>, mark: Arc<Mark>, journal: J, ack: Ack) -> Self {
        let last = journal.last();
        let errands = Arc::default();
        Self { buffer, mark, journal, ack, errands, batch: Batch::default(), last, frames: 0, syncs: 0 }
    }

    /// Writes what is in the buffer as one frame.
    pub fn step(&mut self) -> Step {
        if self.mark.has_failed() {
            return Step::Failed;
        }
        // A frame the disk had no room for is still here.
        let again = self.batch.count > 0;
        if !again {
            self.buffer.take(&mut self.batch);
        }
        if self.batch.count == 0 {
            return Step::Idle;
        }
        let frame =
            FrameDraft { first: self.last.next(), count: self.batch.count, records: &self.batch.records };
        let sync = if self.ack == Ack::Fsync { Sync::Now } else { Sync::Later };
        loop {
            match self.journal.append(self.last, &frame, sync) {
                Ok(Appended::Durable(last)) => {
                    self.syncs += 1;
                    self.advance(last, last);
                    break;
                }
                Ok(Appended::Written(last)) => {
                    let durable = self.journal.durable();
                    self.advance(last, durable);
                    break;
                }
                Ok(Appended::Refused { last }) => {
                    let why =
                        format!("the journal ends at {last}, not at {}: another writer has it", self.last);
                    return self.fail(why);
                }
                // The same bytes again until the journal can say; a file journal never asks for this.
                Ok(Appended::Unknown) => {}
                Err(StorageError::Full { .. }) => return Step::Blocked,
                Err(error) => return self.fail(error.to_string()),
            }
        }
        self.batch.count = 0;
        self.frames += 1;
        self.buffer.written(self.batch.records.len());
        if again {
            // What has come meanwhile has waited long enough, and who asked for this step means it.
            return match self.step() {
                Step::Idle => Step::Wrote,
                step => step,
            };
        }
        Step::Wrote
    }

    /// Syncs what is written, for the modes that do not sync every frame.
    pub fn sync(&mut self) -> Step {
        if self.mark.has_failed() {
            return Step::Failed;
        }
        if self.mark.durable() == self.last {
            return Step::Idle;
        }
        match self.journal.sync() {
            Ok(durable) => {
                self.syncs += 1;
                self.mark.advance(self.mark.answerable(), durable);
                Step::Wrote
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// What others ask of this writer; see [`Writer::run_errands`].
    #[must_use]
    pub fn errands(&self) -> Arc<Errands> {
        Arc::clone(&self.errands)
    }

    /// Does what was asked since the last time. Between two steps.
    pub fn run_errands(&mut self) -> Step {
        if self.mark.has_failed() {
            return Step::Failed;
        }
        if !self.errands.take_close() {
            return Step::Idle;
        }
        match self.journal.close_segment() {
            Ok(_) => {
                // Closing has synced what was only written.
                let durable = self.journal.durable();
                self.mark.advance(self.mark.answerable(), durable);
                Step::Wrote
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// Uses an idle moment: the journal prepares its next segment. Says whether there is more of that to do.
    pub fn prepare(&mut self) -> bool {
        !self.mark.has_failed() && self.journal.prepare_next() == Preparing::More
    }

    /// How much room the journal has.
    pub fn space(&self) -> Space {
        self.journal.space()
    }

    /// The journal, for who trims it and closes its segments.
    pub fn journal(&mut self) -> &mut J {
        &mut self.journal
    }

    /// Frames written and syncs made since the start.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.frames, self.syncs)
    }

    fn advance(&mut self, answerable: Sequence, durable: Sequence) {
        self.last = answerable;
        self.mark.advance(answerable, durable);
    }

    fn fail(&mut self, why: String) -> Step {
        self.mark.fail(Failure(why));
        Step::Failed
    }
}
