//! A draw checked from its document, by anybody: the same sums again, and the first thing that does not hold.
//!
//! [`check`](check::check) is pure and is what tests and load testers call; [`report`] says it in words, [`fetch`] gets the
//! document from a file or a server, [`spread`] asks whether coming early or late made a difference. The command is in
//! [`command`]; what the draw is, byte for byte, in [`onsale_engine::waiting_room::draw`] and `docs/fair-draw.md`.

pub mod check;
pub mod command;
pub mod entries;
pub mod fetch;
pub mod report;
pub mod spread;
