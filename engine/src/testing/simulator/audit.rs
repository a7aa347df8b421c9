//! What is always true of a state, check by check. Looks at everything, so it is slow; nothing here asks how a state came
//! about.

use std::collections::BTreeMap;

use crate::carts::Stage;
use crate::digest::Digest;
use crate::expiry::UNSCHEDULED;
use crate::ids::{CartId, Quantity, SlotRef};
use crate::inventory::Shard;
use crate::outcome::Counts;
use crate::state::State;
use crate::time::Timestamp;
use crate::visitors::FOR_EVER;

/// A hold as the slot and the cart must agree on it: slot, home shard and place of the cart, ordinal, units, deadline.
type Hold = (SlotRef, u8, u32, u8, u16, Timestamp);

/// All checks. `at` is not before any time a fact was decided at.
pub(super) fn audit(state: &State, at: Timestamp) {
    let mut of_slots: Vec<Hold> = Vec::new();
    let mut of_carts: Vec<Hold> = Vec::new();
    let mut sold: BTreeMap<SlotRef, Quantity> = BTreeMap::new();
    let mut owned: BTreeMap<CartId, (Timestamp, Quantity)> = BTreeMap::new();
    for number in 0..state.shards() {
        let shard = state.lock_shard(number);
        digest_is_the_sum(number, &shard);
        groups_are_sums(number, &shard);
        for index in 0..shard.slot_count() {
            units_are_conserved(number, &shard, index);
            let slot = SlotRef { shard: number, index };
            of_slots.extend(shard.holds_of(index).filter(|node| node.deadline > at).map(|node| {
                (slot, node.cart_shard, node.cart_index, node.ordinal, node.quantity, node.deadline)
            }));
        }
        for index in 0..shard.carts.places() {
            let cart = &shard.carts[index];
            let live = cart.open_at(at);
            for (ordinal, item) in cart.items.iter().enumerate().filter(|(_, item)| item.present()) {
                let ordinal = u8::try_from(ordinal).unwrap_or(u8::MAX);
                if live {
                    of_carts.push((item.slot(), number, index, ordinal, item.quantity, cart.deadline));
                } else if cart.stage == Stage::Ordered {
                    *sold.entry(item.slot()).or_insert(0) += Quantity::from(item.quantity);
                }
            }
            if live || cart.stage == Stage::Ordered {
                let id = CartId::new(state.lock_catalog().partition, number, cart.generation, index);
                let until = if live { cart.deadline } else { FOR_EVER };
                owned.insert(id, (until, cart.units()));
            }
        }
    }
    of_slots.sort_unstable();
    of_carts.sort_unstable();
    assert_eq!(of_slots, of_carts, "live holds, as slots and as carts have them");
    sold_is_what_orders_have(state, &sold);
    visitors_have_what_they_own(state, at, owned);
}

/// The incremental digest is the sum over all slots and carts.
fn digest_is_the_sum(number: u8, shard: &Shard) {
    let mut digest = Digest::default();
    for index in 0..shard.slot_count() {
        digest.add(shard.slot(index).digest(index));
    }
    for index in 0..shard.carts.places() {
        if shard.carts[index].stage != Stage::Free {
            digest.add(shard.carts[index].digest(index));
        }
    }
    assert_eq!(digest, shard.digest, "the digest of shard {number}");
}

/// Held is the sum of the slot's holds; free, held, sold and blocked make the capacity; a slot with holds is scheduled.
fn units_are_conserved(number: u8, shard: &Shard, index: u32) {
    let slot = shard.slot(index);
    let held: Quantity = shard.holds_of(index).map(|node| Quantity::from(node.quantity)).sum();
    assert_eq!(slot.held, held, "held of slot {index} in shard {number}");
    assert_eq!(slot.free() + slot.held + slot.sold + slot.blocked, slot.capacity);
    let ordered = shard.holds_of(index).is_sorted_by_key(|node| node.deadline);
    assert!(ordered, "holds of slot {index} in shard {number} out of order");
    let forgotten = held > 0 && slot.scheduled == UNSCHEDULED;
    assert!(!forgotten, "nobody will settle slot {index} of shard {number}");
}

/// A group counts what its slots count, and knows which have something free.
fn groups_are_sums(number: u8, shard: &Shard) {
    for group in shard.groups() {
        let mut counts = Counts::default();
        for (rank, index) in (0_u32..).zip(&group.slots) {
            let slot = shard.slot(*index);
            counts.capacity += u64::from(slot.capacity);
            counts.held += u64::from(slot.held);
            counts.sold += u64::from(slot.sold);
            counts.blocked += u64::from(slot.blocked);
            assert_eq!(
                group.next_free(rank) == Some(rank),
                slot.free() > 0,
                "slot {index} of shard {number}"
            );
        }
        assert_eq!(counts, group.counts, "a group of shard {number}");
    }
}

/// No unit is in two orders, and none is sold that no order has.
fn sold_is_what_orders_have(state: &State, sold: &BTreeMap<SlotRef, Quantity>) {
    for number in 0..state.shards() {
        let shard = state.lock_shard(number);
        for index in 0..shard.slot_count() {
            let ordered = sold.get(&SlotRef { shard: number, index }).copied().unwrap_or(0);
            assert_eq!(shard.slot(index).sold, ordered, "sold of slot {index} in shard {number}");
        }
    }
}

/// What counts against a customer's limit is what they have in live carts and orders.
fn visitors_have_what_they_own(
    state: &State,
    at: Timestamp,
    mut owned: BTreeMap<CartId, (Timestamp, Quantity)>,
) {
    for number in 0..state.shards() {
        let visitors = state.lock_visitors(usize::from(number));
        for (customer, _, carts) in visitors.iter() {
            for entry in carts.iter().filter(|entry| entry.until > at) {
                let own = owned.remove(&entry.cart);
                assert_eq!(own, Some((entry.until, entry.units)), "{:?} of {customer:?}", entry.cart);
            }
        }
    }
    assert!(owned.is_empty(), "carts and orders that no customer has: {owned:?}");
}

/// Whether anything is held at all, past its deadline or not.
pub(super) fn anything_held(state: &State) -> bool {
    (0..state.shards()).any(|number| {
        let shard = state.lock_shard(number);
        shard.expiry.live() > 0 || (0..shard.slot_count()).any(|index| shard.slot(index).held > 0)
    })
}
