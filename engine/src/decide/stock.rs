//! Whether what is asked for can be had, slot by slot: the one place where a request is told that units are short.

use smallvec::SmallVec;

use super::Decision;
use crate::fact::{Kind, NewItem};
use crate::ids::{Quantity, SlotRef};
use crate::refusal::{Conflict, Refusal, Shortage};

/// Units by slot, each slot once, in the order of first mention.
pub(crate) type Sums = SmallVec<[(SlotRef, Quantity); 4]>;

/// Sums what is asked for twice: a request for one unit and again one unit of a slot asks for two.
pub(crate) fn sum(items: &[NewItem]) -> Sums {
    let mut sums = Sums::new();
    for item in items {
        match sums.iter_mut().find(|(slot, _)| *slot == item.slot) {
            Some((_, units)) => *units += item.quantity,
            None => sums.push((item.slot, item.quantity)),
        }
    }
    sums
}

impl Decision<'_> {
    /// Settles what must be settled and says whether all of it is free. `coming_back` units count as free: an exchange
    /// gives them back in the same step. No "no" rests on a hold that is past its deadline.
    pub fn stock(&mut self, sums: &Sums, coming_back: &[(SlotRef, Quantity)]) -> Result<(), Refusal> {
        let mut short: SmallVec<[(SlotRef, Quantity, Quantity); 4]> = SmallVec::new();
        for (slot, wanted) in sums {
            let back = coming_back.iter().find(|(other, _)| other == slot).map_or(0, |(_, units)| *units);
            let wanted_free = wanted.saturating_sub(back);
            if self.guards.look(slot.shard).slot(slot.index).free() >= wanted_free {
                continue;
            }
            let (due, enough) = self.guards.look(slot.shard).due_for(slot.index, self.at(), wanted_free);
            if due > 0 {
                self.commit(Kind::Settled { slot: *slot, holds: due });
            }
            if !enough {
                let free = self.guards.look(slot.shard).slot(slot.index).free();
                short.push((*slot, *wanted, free + back));
            }
        }
        if short.is_empty() { Ok(()) } else { Err(self.shortage(&short)) }
    }

    fn shortage(&self, short: &[(SlotRef, Quantity, Quantity)]) -> Refusal {
        let mut conflicts = Vec::with_capacity(short.len());
        let (mut sold_out, mut none_free) = (false, false);
        // Each of them must get something back, so the last of the first returns counts.
        let mut back_at = Some(self.at());
        for (place, wanted, free) in short {
            let shard = self.guards.look(place.shard);
            let slot = shard.slot(place.index);
            sold_out |= *free == 0 && slot.held == 0;
            none_free |= *free == 0;
            back_at = back_at.zip(shard.first_deadline(place.index)).map(|(one, other)| one.max(other));
            conflicts.push(Conflict {
                slot: shard.slot_name(place.index).to_owned(),
                wanted: *wanted,
                free: *free,
            });
        }
        if sold_out {
            Refusal::SoldOut(conflicts.into())
        } else if none_free {
            let back_in = back_at.map(|at| at.since(self.at()));
            Refusal::AllHeld(Shortage { back_in, ..conflicts.into() })
        } else {
            Refusal::SlotTaken(conflicts.into())
        }
    }
}
