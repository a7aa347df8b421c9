//! Takes the facts out of a core's buffer, as the writer would, and replays them beside it.

use crate::commit::{Batch, Buffer};
use crate::fact::{self, Fact};
use crate::inventory::Stamp;
use crate::journal::records::Records;
use crate::recovery::{RecoveryError, Replay};
use crate::sequence::Sequence;
use crate::state::State;
use crate::time::Timestamp;

/// A replay that keeps up with a buffer, and every fact it has seen.
#[derive(Debug)]
pub struct Follower {
    replay: Replay,
    batch: Batch,
    facts: Vec<Fact>,
    at: Timestamp,
}

impl Default for Follower {
    fn default() -> Self {
        Self { replay: Replay::new([3, 4]), batch: Batch::default(), facts: Vec::new(), at: Timestamp(0) }
    }
}

impl Follower {
    /// Takes and replays what is in the buffer now; says how many facts that was.
    ///
    /// # Errors
    /// A fact that does not fit what was replayed before it.
    pub fn drain(&mut self, buffer: &Buffer) -> Result<u32, RecoveryError> {
        buffer.take(&mut self.batch);
        for record in Records::of(&self.batch.records) {
            let number = self.replay.last().next();
            self.replay.record(number, record)?;
            let fact = fact::decode(record)
                .map_err(|error| RecoveryError::NoFact { at: number, why: error.to_string() })?;
            self.at = self.at.max(fact.at);
            self.facts.push(fact);
        }
        buffer.written(self.batch.records.len());
        assert_eq!(self.replay.last(), self.batch.last, "the batch and its records end elsewhere");
        Ok(self.batch.count)
    }

    /// All facts so far; fact `n` stands at place `n - 1`.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        &self.facts
    }

    /// The latest time of a fact.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The replayed state.
    ///
    /// # Panics
    /// Before the first fact.
    pub fn state(&mut self) -> &mut State {
        self.replay.state().expect("there was no fact")
    }

    /// The replayed state, ready to go on from, and its last number.
    ///
    /// # Panics
    /// Before the first fact.
    #[must_use]
    pub fn finish(self) -> (State, Stamp) {
        let recovered = self.replay.finish().expect("there was no fact");
        (recovered.state, Stamp { at: recovered.at, sequence: recovered.last })
    }

    /// The number of the last fact replayed.
    #[must_use]
    pub fn last(&self) -> Sequence {
        self.replay.last()
    }
}
