//! The waiting room: who waits for a sale to open, and in what order they are called.

pub mod draw;
pub mod permutation;
