//! The stock: slots with their counts, locked shard by shard.
//!
//! `spec` is a slot as it is imported, `slot` as it lives in memory, `group` the counters by venue, day and product,
//! `hall` and `rows` the
//! numbered seats as people sit (`runs` its bits, `natural` its order of labels), `shard` all of it under one lock with the
//! moves of units, `text` the packed names.

mod group;
mod hall;
mod natural;
mod restore;
pub mod rows;
pub mod runs;
mod shard;
mod slot;
mod spec;
mod text;

pub use group::{Group, GroupKey, Release};
pub use restore::SavedSlot;
pub use shard::{Shard, Stamp, Units};
pub use slot::{ALWAYS, Slot, SlotExtra, SlotInfo};
pub(crate) use spec::TOO_LARGE;
pub use spec::{MAX_CAPACITY, MAX_LABEL_BYTES, MAX_LABELS, MAX_SEAT_BYTES, SlotFault, SlotSpec};
