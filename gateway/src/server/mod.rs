//! The sockets: accepting them, bounding them, serving them on worker threads, letting go of them in order.
//!
//! `axum::serve` sets no timers and knows no caps, so a few thousand slow sockets could hold it for ever; this is the
//! small loop that does. Each worker is a single-threaded runtime: what a request touches stays on one core.

mod accept;
mod caps;
mod clock;
mod connection;
mod gathering;
mod hurry;
mod recovering;
mod workers;

pub use accept::{MAX_LAST_WORDS, bind};
pub use hurry::Hurry;
pub use recovering::{Interim, answer_recovering};
pub use workers::{Running, start};
