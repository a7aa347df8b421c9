//! The launch days the tester can replay, one file each, and what they share: whose server, whose keys.

pub mod kill_9;
pub mod p1;
pub mod p2;
pub mod room_day;
pub mod s1;
pub mod s1_inventory;
mod s1_locks;
pub mod s1_room;
pub mod s5;
pub mod sell_out;

mod at_target;
mod dials;
mod p1_expectations;
mod p1_inventory;
mod p1_terms;
mod p2_expectations;
mod p2_inventory;
mod p2_terms;
mod pre_opening;
mod room_audit;
mod room_expectations;
mod room_use;
mod s1_expectations;
mod s5_books;
mod s5_invited;
mod s5_terms;

pub use at_target::{AtTarget, Where};
