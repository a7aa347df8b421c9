//! Whether after a start every acknowledged place is there, once, and shows what its holder was shown: looked at without
//! asking, because who asks is there.

use crate::decide::Core;
use crate::time::Now;
use crate::waiting_room::{Act, Claimed, LineShard, Standing, Ticket};

use super::line_books::place_of;
use super::plan::DOOR;
use super::world::World;

/// Whether a ticket is inside, as far as anybody has written down.
pub(super) fn has_session(core: &Core, ticket: Ticket) -> bool {
    let lines = core.state.lock_lines(LineShard::of(ticket.sale, core.state.shards()));
    let row = lines.lines.get(&ticket.sale).and_then(|line| line.row(ticket.lane, ticket.number));
    row.is_some_and(|row| row.standing == Standing::Inside)
}

impl World {
    /// All tickets, all people, the room.
    pub fn check_line(&mut self) {
        let Some(now) = self.now() else { return };
        let Some(life) = &self.life else { return };
        let (core, book) = (&life.core, &self.ledger.books.line);
        let Some(sale) = core.state.names.listing().sale(DOOR) else {
            return assert!(book.tickets.is_empty(), "the sale is gone and {} waited", book.tickets.len());
        };
        let lines = core.state.lock_lines(LineShard::of(sale, core.state.shards()));
        let line = lines.lines.get(&sale).expect("the door has a room");
        let engine = now.engine.max(lines.stamp.at);
        let now = Now { engine, wall: now.wall_of(engine) };
        for (number, lane) in (0_u8..).zip(&line.lanes) {
            assert_eq!(lane.len(), book.given(number), "tickets of lane {number}");
        }
        for known in book.tickets.values() {
            let at = place_of(known.ticket);
            let read = Claimed::read(&known.text).and_then(|claimed| claimed.proven(&line.signer));
            assert_eq!(read, Some(known.ticket), "the text of {at:?}");
            let view = line.ticket(known.ticket, now);
            let view = view.unwrap_or_else(|| panic!("the place {at:?} was acknowledged and is lost"));
            book.same_ticket(at, &view, now.engine, false);
            assert!(known.person == 0 || line.ticket_of(known.person) == Some(at), "the place of a person");
        }
        book.same_room(&line.view(now));
        let turned = line.changes.iter().filter(|change| matches!(change.act, Act::Turned { .. }));
        assert_eq!(turned.count() as u64, book.turned, "changes in the books");
    }
}
