//! What can be wrong with a disk. None of these is an answer to a client: the engine stops answering and says them to its
//! operator, with file, offset and numbers.

use std::{error, fmt, io};

use crate::sequence::Sequence;

/// The disk did not do its work, or what is on it is not what was written.
#[derive(Debug)]
pub enum StorageError {
    /// A write or a sync of the log failed. What the disk holds beyond the durable mark is unknown until the next start;
    /// this journal never writes again.
    Poisoned {
        /// The failure, in words.
        why: String,
    },
    /// A call failed that puts no written fact in doubt.
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file; empty for the folder.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// No room for the frame. Nothing was written; once space returns the same call succeeds.
    Full {
        /// Bytes the frame needs.
        needed: u64,
        /// Bytes left in the current segment.
        left: u64,
    },
    /// Bytes that were durable are not there any more or are not what was written.
    Damaged {
        /// Name of the file in the data folder.
        file: String,
        /// Offset of the first byte that cannot be trusted.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// The file was written by a newer version of this program.
    NewerVersion {
        /// Name of the file in the data folder.
        file: String,
        /// Offset of the header that says so.
        offset: u64,
        /// The version found.
        found: u8,
        /// The newest version this program can read.
        known: u8,
    },
    /// Another process has the data folder.
    InUse,
    /// A fact is needed that the journal no longer has.
    Missing {
        /// The number needed.
        needed: Sequence,
        /// The oldest number there is.
        first: Sequence,
    },
    /// The journal ends before a number that is known to have been durable (a snapshot contains it).
    Behind {
        /// The number known to have been durable.
        durable: Sequence,
        /// The last number found.
        last: Sequence,
    },
}

impl StorageError {
    pub(crate) fn io(doing: &'static str, file: impl Into<String>) -> impl FnOnce(io::Error) -> StorageError {
        let file = file.into();
        move |source| StorageError::Io { doing, file, source }
    }

    pub(crate) fn damaged(file: &str, offset: u64, why: impl fmt::Display) -> StorageError {
        StorageError::Damaged { file: file.to_owned(), offset, why: why.to_string() }
    }
}

/// Whether the process or the system has no file handle left, which passes.
pub(crate) fn no_handle(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl StorageError {
    /// Whether it was for want of a file handle, so that the same call may succeed later.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Io { source, .. } if no_handle(source))
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageError::Poisoned { why } => write!(f, "the journal is poisoned and writes no more: {why}"),
            StorageError::Io { doing, file, source } if file.is_empty() => {
                write!(f, "cannot {doing}: {source}")
            }
            StorageError::Io { doing, file, source } => write!(f, "cannot {doing} {file}: {source}"),
            StorageError::Full { needed, left } => {
                write!(f, "the disk is full: a frame needs {needed} bytes, the segment has {left} left")
            }
            StorageError::Damaged { file, offset, why } => {
                write!(f, "{file} is damaged at offset {offset}: {why}")
            }
            StorageError::NewerVersion { file, offset, found, known } => write!(
                f,
                "{file} has format version {found} at offset {offset}; this program reads up to version {known}: start the newer program"
            ),
            StorageError::InUse => f.write_str("another process is using this data folder"),
            StorageError::Missing { needed, first } => {
                write!(f, "fact {needed} is needed but the journal begins at {first}")
            }
            StorageError::Behind { durable, last } => {
                write!(f, "fact {durable} was durable but the journal ends at {last}")
            }
        }
    }
}

impl error::Error for StorageError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            StorageError::Io { source, .. } => Some(source),
            StorageError::Poisoned { .. }
            | StorageError::Full { .. }
            | StorageError::Damaged { .. }
            | StorageError::NewerVersion { .. }
            | StorageError::InUse
            | StorageError::Missing { .. }
            | StorageError::Behind { .. } => None,
        }
    }
}
