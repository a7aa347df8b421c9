//! The launch days the tester can replay, one file each, and what they share: whose server, whose keys.

pub mod kill_9;
pub mod s1;
pub mod s1_inventory;
pub mod sell_out;

mod at_target;
mod pre_opening;
mod s1_expectations;

pub use at_target::{AtTarget, Where};
