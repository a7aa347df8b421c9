//! Resident bytes, as the kernel counts them: growth of the process divided by what was added.

use std::sync::Arc;

use onsale_engine::decide::{JoinLine, Proof};
use onsale_engine::digest::mix;
use onsale_engine::limits::Limits;
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::time::WallTime;

use crate::stall::{Counter, Goods, Stall, now};

/// Visitors who join.
const WAITING: u32 = 1_000_000;

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

/// Bytes of somebody who has registered in a waiting room and proved who they are.
///
/// # Panics
/// If the core refuses a join.
pub fn per_waiting() -> f64 {
    let stall = Stall::new(Goods { venues: 1, slots: 1 }, false);
    let opens = WallTime(now().wall.0 + 3_600_000);
    let rules =
        SaleRules { opens_at: Some(opens), room: Some(Arc::default()), ..SaleRules::new("line", "UTC") };
    stall.core.put_sale(now(), rules, IfMatch::Absent).result.expect("a sale");
    let join = |number: u32| {
        let half = |which| u128::from(mix(which, mix(u64::from(number), which)));
        let proof = Proof::Person(half(1) << 64 | half(2));
        let request = JoinLine { sale: "line", proof, lane: None };
        assert!(stall.core.join_line(now(), &request).result.expect("a place").created);
        if number.is_multiple_of(64) {
            stall.core.buffer.discard();
        }
    };
    join(0);
    let before = resident();
    (1..=WAITING).for_each(join);
    (resident() - before) / f64::from(WAITING)
}

/// Bytes of this process that are in memory.
pub(super) fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) * 1_024.0
}
