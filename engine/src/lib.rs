//! The in-memory reservation engine: inventory, holds, orders, journal, recovery.

pub mod engine;
pub mod ids;
pub mod inventory;
pub mod outcome;
pub mod refusal;
pub mod request;
pub mod sale;
pub mod sequence;
pub mod time;

pub use engine::Engine;
