//! Resident bytes, as the kernel counts them: growth of the process divided by what was added.

use onsale_engine::limits::Limits;

use crate::stall::{Counter, Goods, Stall};

/// Carts added.
const CARTS: u32 = 1_000_000;

/// Bytes of a live cart of two slots and of what belongs to it: its customer under the limit, its expiry, and its
/// idempotency key if keys are remembered.
pub fn per_cart(keys: bool) -> f64 {
    let idempotency_keys = if keys { 4 * CARTS } else { 1 };
    let goods = Goods { venues: 128, slots: 800 };
    let mut stall = Stall::with(goods, false, Limits { idempotency_keys, ..Limits::default() });
    let mut counter = Counter::new(goods, 0, goods.venues, usize::MAX, 1);
    // The counter's own list of open carts must not be in the figure: it is grown before.
    counter.expect(CARTS as usize);
    let before = resident();
    for _ in 0..CARTS {
        counter.hold(&stall.core);
        stall.drain();
    }
    // The list is 8 bytes a cart, touched while holding.
    (resident() - before) / f64::from(CARTS) - 8.0
}

/// Bytes of a slot with its ids and what is needed to find it.
pub fn per_slot(venues: usize) -> f64 {
    let before = resident();
    let goods = Goods { venues, slots: 1_000 };
    let stall = Stall::new(goods, false);
    let grown = resident() - before;
    drop(stall);
    grown / (venues * goods.slots) as f64
}

/// Bytes of this process that are in memory.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) * 1_024.0
}
