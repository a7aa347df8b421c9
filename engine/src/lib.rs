//! The in-memory reservation engine: inventory, holds, orders, journal, recovery.

pub mod journal;
pub mod os;
pub mod ports;
pub mod sequence;
pub mod testing;
