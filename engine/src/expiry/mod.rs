//! What is due when: the live holds of each slot in the order (deadline, hold), and which slots of a shard to look at
//! next.
//!
//! A request that finds a slot short must be able to settle *that* slot's due holds without looking at the million
//! others of the shard, so the order is kept per slot. Deadlines mostly come in ascending (`now + hold_ttl`), so a slot
//! keeps its holds in a list and a new one goes to the tail; only when an insertion would have to walk more than
//! `WALK` steps does the slot change to a sorted tree, until it is empty again. Both give the same order; the naive
//! twin in the tests says so.
//!
//! The shard's schedule is only a hint for the ticker: it names slots whose first deadline may have come, in ticks of
//! 256 ms in the years one starts in. It is derived from the lists, so it is in no fact and no digest.

mod schedule;

pub use schedule::{Schedule, UNSCHEDULED};

use std::collections::BTreeMap;

use crate::ids::Quantity;
use crate::slab::Slab;
use crate::time::Timestamp;

/// How far an insertion walks from the tail before the slot's list becomes a tree.
const WALK: u32 = 16;

/// No node.
pub const NONE: u32 = u32::MAX;

/// Stands in `Due::head` for "this slot's holds are in the tree".
const CROWDED: u32 = u32::MAX - 1;

/// The place of a live hold in its slot's order. 24 bytes: there are as many as holds.
#[derive(Clone, Debug)]
pub struct Node {
    /// The deadline of its cart.
    pub deadline: Timestamp,
    /// Index of its cart in the cart's home shard.
    pub cart_index: u32,
    prev: u32,
    next: u32,
    /// Units. At most `limits::MAX_QUANTITY`, checked at the door.
    pub quantity: u16,
    /// The cart's home shard.
    pub cart_shard: u8,
    /// Which hold of the cart.
    pub ordinal: u8,
}

/// What orders the holds of a slot. A live cart has its index alone, so no two nodes are equal.
type Order = (Timestamp, u8, u32, u8);

impl Node {
    /// A hold that is in no list yet.
    #[must_use]
    pub fn new(
        deadline: Timestamp,
        quantity: Quantity,
        cart_shard: u8,
        cart_index: u32,
        ordinal: u8,
    ) -> Self {
        let quantity = u16::try_from(quantity).unwrap_or_else(|_| panic!("a hold of {quantity} units"));
        Self { deadline, cart_index, prev: NONE, next: NONE, quantity, cart_shard, ordinal }
    }

    fn order(&self) -> Order {
        (self.deadline, self.cart_shard, self.cart_index, self.ordinal)
    }
}

/// Where the holds of one slot begin and end.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    head: u32,
    tail: u32,
}

impl Default for Due {
    fn default() -> Self {
        Self { head: NONE, tail: NONE }
    }
}

/// All live holds of one shard.
#[derive(Clone, Debug, Default)]
pub struct Expiry {
    nodes: Slab<Node>,
    crowded: BTreeMap<u32, BTreeMap<Order, u32>>,
    /// Which slots the ticker looks at next.
    pub schedule: Schedule,
}

impl Expiry {
    /// Bytes of the holds.
    pub(crate) fn bytes(&self) -> usize {
        self.nodes.bytes()
    }

    /// How many holds are live.
    #[must_use]
    pub fn live(&self) -> u32 {
        self.nodes.live()
    }

    /// A live hold.
    #[must_use]
    pub fn node(&self, node: u32) -> &Node {
        &self.nodes[node]
    }

    /// Reads the end of a slot's list.
    #[must_use]
    pub fn touch(&self, due: &Due) -> u32 {
        self.touch_hold(due.tail)
    }

    /// Reads a hold, if there is one.
    #[must_use]
    pub fn touch_hold(&self, node: u32) -> u32 {
        self.nodes.get(node).map_or(0, |node| node.next)
    }

    /// The hold of the slot that is due first.
    #[must_use]
    pub fn first(&self, slot: u32, due: &Due) -> Option<u32> {
        match due.head {
            NONE => None,
            CROWDED => self.crowded.get(&slot)?.values().next().copied(),
            head => Some(head),
        }
    }

    /// All holds of the slot, in order.
    pub fn iter<'a>(&'a self, slot: u32, due: &Due) -> impl Iterator<Item = &'a Node> {
        let tree = (due.head == CROWDED).then(|| self.crowded.get(&slot)).flatten();
        let mut at = if tree.is_some() { NONE } else { due.head };
        let list = std::iter::from_fn(move || {
            let node = (at < CROWDED).then(|| &self.nodes[at])?;
            at = node.next;
            Some(node)
        });
        tree.into_iter().flat_map(|tree| tree.values().map(|node| &self.nodes[*node])).chain(list)
    }

    /// Puts a hold in its slot's order and gives its place.
    pub fn insert(&mut self, slot: u32, due: &mut Due, node: Node) -> u32 {
        let place = self.nodes.insert(node);
        self.link(slot, due, place);
        place
    }

    /// Takes a hold out; its place may be given to another.
    pub fn remove(&mut self, slot: u32, due: &mut Due, place: u32) {
        self.unlink(slot, due, place);
        // So that nobody takes what is left there for a hold.
        self.nodes[place].quantity = 0;
        self.nodes.free(place);
    }

    /// Moves a hold to another deadline.
    pub fn move_to(&mut self, slot: u32, due: &mut Due, place: u32, deadline: Timestamp) {
        self.unlink(slot, due, place);
        self.nodes[place].deadline = deadline;
        self.link(slot, due, place);
    }

    fn link(&mut self, slot: u32, due: &mut Due, place: u32) {
        let order = self.nodes[place].order();
        if due.head == NONE {
            *due = Due { head: place, tail: place };
            (self.nodes[place].prev, self.nodes[place].next) = (NONE, NONE);
            return;
        }
        if due.head == CROWDED {
            self.crowded.entry(slot).or_default().insert(order, place);
            return;
        }
        let mut after = due.tail;
        let mut steps = 0;
        while after != NONE && self.nodes[after].order() > order {
            after = self.nodes[after].prev;
            steps += 1;
            if steps > WALK {
                self.crowd(slot, due);
                return self.link(slot, due, place);
            }
        }
        let before = if after == NONE { due.head } else { self.nodes[after].next };
        (self.nodes[place].prev, self.nodes[place].next) = (after, before);
        *(if after == NONE { &mut due.head } else { &mut self.nodes[after].next }) = place;
        *(if before == NONE { &mut due.tail } else { &mut self.nodes[before].prev }) = place;
    }

    fn unlink(&mut self, slot: u32, due: &mut Due, place: u32) {
        if due.head == CROWDED {
            let order = self.nodes[place].order();
            let Some(tree) = self.crowded.get_mut(&slot) else { return };
            tree.remove(&order);
            if tree.is_empty() {
                self.crowded.remove(&slot);
                *due = Due::default();
            }
            return;
        }
        let (prev, next) = (self.nodes[place].prev, self.nodes[place].next);
        *(if prev == NONE { &mut due.head } else { &mut self.nodes[prev].next }) = next;
        *(if next == NONE { &mut due.tail } else { &mut self.nodes[next].prev }) = prev;
    }

    /// Turns the slot's list into a tree. Costs one pass, and happens at most once between two times that the slot has
    /// no holds.
    fn crowd(&mut self, slot: u32, due: &mut Due) {
        let mut tree = BTreeMap::new();
        let mut at = due.head;
        while at != NONE {
            tree.insert(self.nodes[at].order(), at);
            at = self.nodes[at].next;
        }
        self.crowded.insert(slot, tree);
        *due = Due { head: CROWDED, tail: CROWDED };
    }

    /// How many places for holds there are, and which of them are free, for a snapshot.
    #[must_use]
    pub fn places(&self) -> (u32, &[u32]) {
        (self.nodes.places(), self.nodes.free_places())
    }

    /// The places of the slot's holds, in order.
    pub fn places_of(&self, slot: u32, due: &Due) -> impl Iterator<Item = u32> {
        let tree = (due.head == CROWDED).then(|| self.crowded.get(&slot)).flatten();
        let mut at = if tree.is_some() { NONE } else { due.head };
        let list = std::iter::from_fn(move || {
            let place = (at < CROWDED).then_some(at)?;
            at = self.nodes[place].next;
            Some(place)
        });
        tree.into_iter().flat_map(|tree| tree.values().copied()).chain(list)
    }

    /// Starts again with what [`Expiry::places`] gave; every place that is not free then gets its hold with
    /// [`Expiry::restore_hold`].
    #[must_use]
    pub fn restore(places: u32, free: Vec<u32>) -> Self {
        let blank = Node::new(Timestamp(0), 0, 0, NONE, 0);
        Self { nodes: Slab::restore((0..places).map(|_| blank.clone()), free), ..Self::default() }
    }

    /// Puts a hold back into its place. Callers go through each slot's holds in ascending order, so each goes to the tail.
    pub fn restore_hold(&mut self, slot: u32, due: &mut Due, place: u32, node: Node) {
        self.nodes[place] = node;
        self.link(slot, due, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::mix;

    /// The naive twin: one sorted vector a slot.
    #[derive(Default)]
    struct Twin(Vec<(Order, u32)>);

    #[test]
    fn the_lists_and_their_naive_twin_agree_under_any_deadlines() {
        for seed in 0..60_u64 {
            let (mut expiry, mut dues, mut twins) =
                (Expiry::default(), [Due::default(); 3], [Twin::default(), Twin::default(), Twin::default()]);
            let mut state = seed;
            let mut crowded = false;
            for step in 0..2_000_u32 {
                state = mix(state, u64::from(step));
                let slot = usize::try_from(state % 3).unwrap_or(0);
                let number = u32::try_from(slot).unwrap_or(0);
                let (due, twin) = (&mut dues[slot], &mut twins[slot]);
                let choice = state >> 8 & 7;
                // Mostly ascending deadlines, sometimes any.
                let spread = if state >> 16 & 31 == 0 { 5_000 } else { 40 };
                let deadline = Timestamp(u64::from(step) * 3 + 10_000 - (state >> 24) % spread);
                if choice < 4 || twin.0.is_empty() {
                    let node = Node::new(deadline, 1, 0, step, 0);
                    let order = node.order();
                    let place = expiry.insert(number, due, node);
                    twin.0.push((order, place));
                } else {
                    let pick = usize::try_from(state >> 40).unwrap_or(0) % twin.0.len();
                    let place = twin.0[pick].1;
                    if choice < 7 {
                        expiry.remove(number, due, place);
                        twin.0.remove(pick);
                    } else {
                        expiry.move_to(number, due, place, deadline);
                        twin.0[pick].0.0 = deadline;
                    }
                }
                twin.0.sort_unstable();
                crowded |= !expiry.crowded.is_empty();
                assert_eq!(expiry.first(number, &dues[slot]), twins[slot].0.first().map(|(_, place)| *place));
                if step % 50 == 0 {
                    let listed: Vec<_> = expiry.iter(number, &dues[slot]).map(Node::order).collect();
                    let expected: Vec<_> = twins[slot].0.iter().map(|(order, _)| *order).collect();
                    assert_eq!(listed, expected, "seed {seed} step {step}");
                }
            }
            assert!(crowded, "seed {seed} never changed to a tree");
        }
    }

    #[test]
    fn a_node_is_24_bytes() {
        assert_eq!(size_of::<Node>(), 24);
    }
}
