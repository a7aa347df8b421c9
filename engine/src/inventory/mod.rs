//! The stock: slots with their counts, locked shard by shard.

mod spec;

pub use spec::{MAX_CAPACITY, SlotSpec};
