//! The in-memory reservation engine: inventory, holds, orders, journal, recovery.
//!
//! No HTTP, no JSON, no async runtime. [`Engine`] is one running partition; [`decide::Core`] its pure middle, which is
//! handed a time and never asks a clock. `docs/architecture.md` says where what lives.

pub mod apply;
pub mod carts;
pub mod catalog;
pub mod codes;
pub mod commit;
pub mod customers;
pub mod decide;
pub mod digest;
pub mod documents;
pub mod door;
pub mod engine;
pub mod expiry;
pub mod fact;
pub mod follower;
pub mod ids;
pub mod index;
pub mod inspect;
pub mod invariants;
pub mod inventory;
pub mod journal;
pub mod keys;
pub mod limits;
pub mod names;
pub mod os;
pub mod outcome;
pub mod places;
pub mod ports;
pub mod pulse;
pub mod queue;
pub mod recovery;
pub mod refusal;
pub mod request;
pub mod resume;
pub mod sale;
pub mod sequence;
pub mod slab;
pub mod snapshot;
pub mod start;
pub mod state;
pub mod sync;
pub mod testing;
pub mod ticker;
pub mod time;
pub mod visitors;
pub mod waiting_room;

pub use engine::{Engine, EngineOptions, Health, OpenError};
