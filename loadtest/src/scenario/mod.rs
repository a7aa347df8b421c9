//! The launch days the tester can replay, one file each, and what they share: whose server, whose keys.

pub mod kill_9;
pub mod p1;
pub mod s1;
pub mod s1_inventory;
pub mod s5;
pub mod sell_out;

mod at_target;
mod p1_audit;
mod p1_expectations;
mod p1_inventory;
mod p1_terms;
mod p1_use;
mod pre_opening;
mod s1_expectations;
mod s5_invited;
mod s5_terms;

pub use at_target::{AtTarget, Where};
