//! Group commit: where facts get their numbers, and how everybody learns that they are on disk.
//!
//! `buffer` takes facts while their locks are held and numbers them in the same breath; `writer` empties it into the
//! journal, one frame at a time; `waking` wakes it, no more often than it must; `mark` says how far that has come and wakes who waits for it.

mod buffer;
mod errands;
mod mark;
mod waking;
mod writer;

pub use buffer::{Batch, Buffer, NoRoom, Reservation};
pub use errands::Errands;
pub use mark::{Failure, Mark};
pub use waking::Waking;
pub use writer::{Ack, Step, Writer};
