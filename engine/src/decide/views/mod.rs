//! What callers see of carts, orders and slots, rendered while the locks are held.

mod carts;
mod orders;
mod replay;
mod slots;

pub use orders::OrderQuery;
pub(super) use slots::slot_view;
pub use slots::{Page, SlotQuery, is_slot_cursor};
