//! The journal: every accepted change, in order, in frames. Bytes, not what they mean.
//!
//! [`Journal`] is the trait the engine writes through, [`FileJournal`] the embedded one: preallocated segments, one sync a
//! frame, recovery by a short table (`open.rs`). The layout of every byte is in `docs/journal-format.md`. What a record
//! says is left to the facts; who waits for which number is left to the committer.

pub mod conformance;
mod error;
mod file;
pub mod frame;
mod inspect;
mod open;
mod reader;
pub mod records;
mod scan;
pub mod segment;
mod spares;
mod window;

pub use error::StorageError;
pub use file::{FileJournal, Options, Preparer, Trimmer};
pub use frame::{Frame, FrameDraft};
pub use inspect::{Finding, Inspection, inspect};
pub use open::Opened;

use crate::sequence::Sequence;

/// What became of a frame that was to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Everything up to this number survives a power cut.
    Durable(Sequence),
    /// The frame is written up to this number but not yet synced ([`Sync::Later`]); [`Journal::sync`] makes it durable.
    Written(Sequence),
    /// Nothing was appended: the journal's last number is not the one the writer believed in. Somebody else writes.
    Refused {
        /// The journal's last number.
        last: Sequence,
    },
    /// The journal cannot say (a cluster that lost its leader). The same bytes must be repeated until it can.
    /// A file journal never answers this: what it cannot say poisons it.
    Unknown,
}

/// How long an append waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Until the frame, and everything before it, survives a power cut.
    Now,
    /// Until the system has the bytes; they survive the end of the process, not of the machine.
    Later,
}

/// How much room a journal has. The engine answers new holds with `disk-full` unless this is `Ok`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// The next segment and the reserve are there, or nothing has hindered making them.
    Ok,
    /// The disk had no room for another segment. What is left (the current segment and whatever spares are ready) is for
    /// releases, confirms and expiry.
    Low,
    /// Not even one more frame of the largest size is sure to fit.
    Full,
}

/// What one step of preparing spare segments came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preparing {
    /// All spares are ready; nothing to do.
    Done,
    /// Some zeros were written (at most 1 MiB); there is more to do.
    More,
    /// The disk did not let us. [`Journal::space`] says how much is left; trying again later is right.
    Hindered,
}

/// An ordered, durable log of frames with one writer.
///
/// There is one: [`FileJournal`]. [`conformance`] is what another has to pass; `Refused` and `Unknown` are there so that it may be
/// on several machines.
pub trait Journal: Send {
    /// Appends one frame (one group commit) and returns when it is as durable as `sync` asks. `expected` is the last
    /// number the writer believes in; the frame's first number is the one after it.
    ///
    /// # Errors
    /// [`StorageError::Full`] if there is no room: nothing was written and a later call may succeed.
    /// [`StorageError::Poisoned`] if a write or a sync failed now or ever before: the frame may or may not be found at the
    /// next start, no later call will succeed, and nothing may be acknowledged any more.
    ///
    /// # Panics
    /// If the draft is no frame: no records, a first number other than `expected + 1`, more than
    /// [`frame::BODY_LIMIT`] bytes, or records that do not fill it exactly.
    fn append(
        &mut self,
        expected: Sequence,
        frame: &FrameDraft<'_>,
        sync: Sync,
    ) -> Result<Appended, StorageError>;

    /// Makes everything appended so far durable and returns the last number. Costs nothing if it already is.
    ///
    /// # Errors
    /// [`StorageError::Poisoned`], as for [`Journal::append`].
    fn sync(&mut self) -> Result<Sequence, StorageError>;

    /// The last number appended, durable or not; `Sequence::ZERO` in an empty journal.
    fn last(&self) -> Sequence;

    /// The last number that survives a power cut; readers see up to here.
    fn durable(&self) -> Sequence;

    /// The oldest number that can still be read; one more than `last` if there is none.
    fn first(&self) -> Sequence;

    /// Frames from `from` on, as far as they are durable, and further ones as they become so. The reader can be used in
    /// another thread while appends go on.
    ///
    /// # Errors
    /// [`StorageError::Missing`] if `from` has been trimmed.
    fn reader(&self, from: Sequence) -> Result<Box<dyn FrameReader>, StorageError>;

    /// Gives up facts before `before`, in whole segments, and returns the bytes freed. Never the segment being written.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the disk refuses; the journal goes on and the next call tries again.
    fn trim(&mut self, before: Sequence) -> Result<u64, StorageError>;

    /// Closes the current segment, if it has a frame, so that a snapshot can stand on it and it can be trimmed. Returns
    /// whether it did: while space is low the reserve is not spent on this.
    ///
    /// # Errors
    /// [`StorageError::Poisoned`], as for [`Journal::append`].
    fn close_segment(&mut self) -> Result<bool, StorageError>;

    /// How much room there is.
    fn space(&self) -> Space;

    /// One step of preparing the next segment and the reserve: at most 1 MiB of zeros and one sync. For the time between
    /// opening and serving, and for the writer's idle moments; without it, appends take these steps themselves, for the
    /// next segment at once, for the reserve when the current segment is half full.
    fn prepare_next(&mut self) -> Preparing;
}

/// Reads frames in order.
pub trait FrameReader: Send {
    /// The next durable frame, or `None` if there is none yet; a later call may find one. If the reader began in the middle
    /// of a frame, that frame's [`Frame::records`] starts at the number asked for.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] with file and offset if bytes that were durable cannot be read back;
    /// [`StorageError::Missing`] if the journal was trimmed past the reader.
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, StorageError>;

    /// Where the frame given last stands: name of its file and offset in it. For the sentence that says which fact does
    /// not fit.
    fn place(&self) -> (&str, u64);
}
