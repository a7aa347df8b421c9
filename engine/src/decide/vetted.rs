//! Who of those whose turn comes next has come with an access code that is no good any more: taken back, or over. Nothing could be
//! bought with it, so their turn passes them over.
//!
//! Codes come before lines in the order of locks. So who is next is looked up first, then their codes, and what was found is noted
//! in the line; the step that follows calls nobody beyond the places that were looked at. A code that is no good never is again.

use super::Core;
use super::admission::BATCH;
use crate::codes::{CodeHash, CodeShard};
use crate::ids::SaleIx;
use crate::time::Now;
use crate::waiting_room::{LineShard, Packed, Row, Standing, packed};

/// Up to which place each lane was looked at: as far as one step goes.
#[derive(Debug)]
pub(super) struct Vetted(Vec<u32>);

impl Vetted {
    /// The first place of a lane that was not looked at.
    pub fn up_to(&self, lane: u8) -> u32 {
        self.0.get(usize::from(lane)).copied().unwrap_or(0)
    }
}

impl Core {
    /// Notes in the line whose code is no good any more, among those who come next. None if the sale has no codes.
    pub(super) fn vet(&self, now: Now, sale: SaleIx) -> Option<Vetted> {
        if !self.state.lock_codes(0).waves().iter().any(|wave| wave.sale == sale) {
            return None;
        }
        let number = LineShard::of(sale, self.state.shards());
        let (mut next, up_to) = {
            let lines = self.state.lock_lines(number);
            let line = lines.lines.get(&sale)?;
            let mut next = Vec::<(usize, CodeHash, Packed)>::new();
            for (nth, lane) in (0_u8..).zip(&line.lanes) {
                let places = (lane.turns..lane.len().min(lane.turns.saturating_add(BATCH)))
                    .filter_map(|place| lane.at(place))
                    .chain(lane.back.iter().copied().take(BATCH as usize));
                let waits = |row: &&Row| matches!(row.standing, Standing::Waiting | Standing::Back);
                next.extend(places.filter_map(|number| {
                    let row = lane.row(number).filter(waits).filter(|row| row.person() != 0)?;
                    let code = CodeHash(row.person());
                    Some((CodeShard::of(code, self.state.shards()), code, packed(nth, number)))
                }));
            }
            (next, line.lanes.iter().map(|lane| lane.turns.saturating_add(BATCH)).collect())
        };
        let mut spent = Vec::new();
        next.sort_unstable();
        for here in next.chunk_by(|one, other| one.0 == other.0) {
            let codes = self.state.lock_codes(here[0].0);
            let is_over = |index: u32| codes.code(index).revoked || now.engine >= codes.code(index).until;
            let found = here.iter().filter(|(_, code, _)| codes.find(*code).is_some_and(is_over));
            spent.extend(found.map(|(.., ticket)| *ticket));
        }
        if let Some(line) = self.state.lock_lines(number).lines.get_mut(&sale).filter(|_| !spent.is_empty()) {
            line.spent.extend(spent);
        }
        Some(Vetted(up_to))
    }
}
