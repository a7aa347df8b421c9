//! Who of those whose turn comes next has come with an access code that is no good any more: taken back, or over. Nothing could be
//! bought with it, so their turn passes them over.
//!
//! Codes come before lines in the order of locks. So who is next is looked up first, then their codes, and what was found is noted
//! in the line; nobody is called beyond the places that were looked at. A code that is no good never is again.

use super::Core;
use crate::codes::{CodeHash, CodeShard};
use crate::ids::SaleIx;
use crate::time::Now;
use crate::waiting_room::{LineShard, Packed, Row, Standing, packed};

/// So many places are looked at for each lane, and a few more for each who may be called: not everybody is there.
const LOOK: u32 = 250;
const FOR_EACH: u32 = 4;

impl Core {
    /// Notes in the line whose code is no good any more, among those who come next if so many are called.
    pub(super) fn vet(&self, now: Now, sale: SaleIx, people: u32) {
        if !self.state.lock_codes(0).waves().iter().any(|wave| wave.sale == sale) {
            return;
        }
        let number = LineShard::of(sale, self.state.shards());
        let (next, up_to) = {
            let lines = self.state.lock_lines(number);
            let Some(line) = lines.lines.get(&sale) else { return };
            let look = LOOK.saturating_add(people.saturating_mul(FOR_EACH)).min(super::admission::BATCH);
            let mut next = Vec::<(CodeHash, Packed)>::new();
            for (nth, lane) in (0_u8..).zip(&line.lanes) {
                let places = (lane.turns..lane.len().min(lane.turns.saturating_add(look)))
                    .filter_map(|place| lane.at(place))
                    .chain(lane.back.iter().copied().take(look as usize));
                let waits = |row: &&Row| matches!(row.standing, Standing::Waiting | Standing::Back);
                next.extend(places.filter_map(|number| {
                    let row = lane.row(number).filter(waits).filter(|row| row.person() != 0)?;
                    Some((CodeHash(row.person()), packed(nth, number)))
                }));
            }
            (next, line.lanes.iter().map(|lane| lane.turns.saturating_add(look)).collect())
        };
        let mut spent = Vec::new();
        for shard in 0..self.state.shards() {
            let codes = self.state.lock_codes(usize::from(shard));
            let here = |code: &CodeHash| CodeShard::of(*code, self.state.shards()) == usize::from(shard);
            let is_over = |index: u32| codes.code(index).revoked || now.engine >= codes.code(index).until;
            let found = next.iter().filter(|(code, _)| here(code) && codes.find(*code).is_some_and(is_over));
            spent.extend(found.map(|(_, ticket)| *ticket));
        }
        if let Some(line) = self.state.lock_lines(number).lines.get_mut(&sale) {
            line.spent.extend(spent);
            line.vetted = Some(up_to);
        }
    }
}
