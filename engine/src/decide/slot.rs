//! An operator changes how many units a slot has, or withdraws some.

use super::{Core, Decision, SETTLING_BYTES};
use crate::carts::Stage;
use crate::fact::{Cold, Kind};
use crate::ids::{CartId, Quantity, SlotRef};
use crate::inventory::MAX_CAPACITY;
use crate::limits::{MAX_LOOKED, MAX_PAGE, SETTLE_BUDGET};
use crate::outcome::{Answer, SlotView};
use crate::refusal::{InTheWay, Missing, Refusal};
use crate::sequence::Sequence;
use crate::time::Now;

/// What an operator may change of a slot.
#[derive(Clone, Debug, Default)]
pub struct SlotChange {
    /// New capacity.
    pub capacity: Option<Quantity>,
    /// Units withdrawn, in all.
    pub blocked: Option<Quantity>,
    /// Why, for the books; at most 500 bytes.
    pub reason: Option<String>,
}

impl Core {
    /// Changes capacity and blocked units of a slot. The capacity never falls below held + sold + blocked.
    pub fn change_slot(&self, now: Now, sale: &str, slot: &str, change: &SlotChange) -> Answer<SlotView> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let Some(place) = self.state.names.slot(sale, slot) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Slot(slot.to_owned())));
        };
        let reason = change.reason.as_ref().map_or(0, String::len);
        if reason > 500 {
            return Self::refuse(now, Refusal::TooLarge { field: "reason", most: 500 });
        }
        let most = change.capacity.max(change.blocked).unwrap_or(0);
        if most > MAX_CAPACITY {
            return Self::refuse(now, Refusal::TooLarge { field: "capacity", most: u64::from(MAX_CAPACITY) });
        }
        let answer = loop {
            let mut decision = match Decision::begin(self, now, 128 + reason + 2 * SETTLING_BYTES) {
                Ok(decision) => decision,
                Err(refusal) => return Self::refuse(now, refusal),
            };
            decision.guards.lock_shards(1 << place.shard);
            decision.fix_time();
            // No "no" and no count rests on a hold that is past its deadline; while there are many, others get the shard.
            if decision.settle_due(place) < SETTLE_BUDGET {
                let result = decision.change_slot(place, change);
                break decision.answer(result);
            }
        };
        match answer.result {
            Err(Refusal::BelowCommitted { .. }) => {
                let (in_the_way, seen) = self.in_the_way(now, place);
                let rests_on = answer.rests_on.max(seen);
                Answer { result: Err(Refusal::BelowCommitted { in_the_way }), rests_on, ..answer }
            }
            _ => answer,
        }
    }

    /// Carts that live and orders that have units of a slot, and what was seen of them. Looks at one shard after the other: it
    /// explains a refusal, it does not decide one.
    fn in_the_way(&self, now: Now, place: SlotRef) -> (Vec<InTheWay>, Sequence) {
        let (mut found, mut seen) = (Vec::new(), Sequence::ZERO);
        for number in 0..self.state.shards() {
            let (mut from, mut places) = (0, 1);
            // Bit by bit: whoever buys meanwhile does not wait until all is looked through.
            while from < places {
                let shard = self.state.lock_shard(number);
                seen = seen.max(shard.stamp.sequence);
                let at = now.engine.max(shard.stamp.at);
                places = shard.carts.places();
                let to = places.min(from + MAX_LOOKED);
                for index in from..to {
                    let cart = &shard.carts[index];
                    if cart.stage != Stage::Ordered && !(cart.stage == Stage::Open && cart.open_at(at)) {
                        continue;
                    }
                    let items = cart.items.iter().filter(|item| item.present() && item.slot() == place);
                    let units = items.map(|item| Quantity::from(item.quantity)).sum();
                    if units > 0 {
                        let id = CartId::new(self.partition, number, cart.generation(), index);
                        found.push(InTheWay { cart: id, ordered: cart.stage == Stage::Ordered, units });
                    }
                    if found.len() >= MAX_PAGE {
                        return (found, seen);
                    }
                }
                from = to;
            }
        }
        (found, seen)
    }
}

impl Decision<'_> {
    fn change_slot(&mut self, place: SlotRef, change: &SlotChange) -> Result<SlotView, Refusal> {
        let slot = self.guards.look(place.shard).slot(place.index);
        let capacity = change.capacity.unwrap_or(slot.capacity);
        let blocked = change.blocked.unwrap_or(slot.blocked);
        if slot.numbered && capacity > 1 {
            return Err(Refusal::Rule { why: "a numbered seat is one: its capacity is 0 or 1".into() });
        }
        if u64::from(slot.held) + u64::from(slot.sold) + u64::from(blocked) > u64::from(capacity) {
            return Err(Refusal::BelowCommitted { in_the_way: Vec::new() });
        }
        let grows = capacity > slot.capacity;
        if (capacity, blocked) != (slot.capacity, slot.blocked) {
            if grows {
                self.check_room()?;
            }
            let reason = change.reason.clone();
            self.commit(Kind::Cold(Box::new(Cold::SlotChanged { slot: place, capacity, blocked, reason })));
        }
        Ok(self.slot_view(place))
    }

    /// Settles what is due of one slot, at most [`SETTLE_BUDGET`] holds, and says how many they were.
    fn settle_due(&mut self, place: SlotRef) -> u32 {
        let due = self.guards.look(place.shard).due_count(place.index, self.at(), SETTLE_BUDGET);
        if due > 0 {
            self.commit(Kind::Settled { slot: place, holds: due });
        }
        due
    }

    /// A slot as it stands; its shard is held.
    pub(super) fn slot_view(&self, place: SlotRef) -> SlotView {
        super::views::slot_view(self.guards.look(place.shard), place.index, self.now_at())
    }
}

impl Core {
    /// One slot.
    pub fn slot(&self, now: Now, sale: &str, slot: &str) -> Answer<SlotView> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        let Some(place) = self.state.names.slot(sale, slot) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Slot(slot.to_owned())));
        };
        self.slot_at(now, place)
    }

    /// The slot at a place, settled.
    pub(super) fn slot_at(&self, now: Now, place: SlotRef) -> Answer<SlotView> {
        loop {
            let mut decision = match Decision::begin(self, now, SETTLING_BYTES) {
                Ok(decision) => decision,
                Err(refusal) => return Self::refuse(now, refusal),
            };
            decision.guards.lock_shards(1 << place.shard);
            decision.fix_time();
            // A count never includes a hold that is past its deadline; while there are many, others get the shard too.
            if decision.settle_due(place) < SETTLE_BUDGET {
                return decision.answer(Ok(decision.slot_view(place)));
            }
        }
    }
}
