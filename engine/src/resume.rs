//! What the lines of a partition know again when it starts in the middle of a day.
//!
//! How a line moves, and who does what inside, is no state: nobody could say of a minute ago what it was like. It begins anew.
//! But who is inside is state, and so is what they have in their carts. From that two things follow which calling must know
//! from the first step on: who has not had what they came for, so that what is free is not shown to others as well; and when a
//! session will have been in nobody's use for long enough, so that one whose browser is closed does not keep its room.

use crate::codes::{CodeHash, CodeShard};
use crate::customers::CustomerKey;
use crate::ids::{CustomerHash, SaleIx};
use crate::state::{Held, State};
use crate::time::Timestamp;
use crate::visitors::{FOR_EVER, VisitorShard};
use crate::waiting_room::{Line, Packed, Row, Standing, Stay, Ticket, unpacked};

/// Who is inside.
struct Insider {
    sale: SaleIx,
    ticket: Packed,
    customer: CustomerHash,
}

/// Lets the lines of a recovered state go on at an instant.
pub fn resume_lines(state: &mut State, customers: &CustomerKey, at: Timestamp) {
    let mut alone = state.alone();
    let shards = alone.shards();
    for shard in 0..usize::from(shards) {
        let mut inside = Vec::new();
        for (sale, line) in &mut alone.lines(shard).lines {
            // A replay has counted what happened before the process began; nothing else has.
            line.moves = Default::default();
            let sessions =
                line.inside.iter().filter(|(_, stay, until)| *stay == Stay::Session && *until > at);
            inside.extend(sessions.map(|(ticket, ..)| {
                let (lane, number) = unpacked(ticket);
                let customer = match line.row(lane, number).map_or(0, Row::person) {
                    0 => {
                        let text = line.text_of(Ticket { sale: *sale, lane, number });
                        customers.hash(text.as_str())
                    }
                    person => CustomerHash(person),
                };
                Insider { sale: *sale, ticket, customer }
            }));
        }
        know_code_lanes(&mut alone, shard);
        for Insider { sale, ticket, customer } in inside {
            let carts = alone.visitors(VisitorShard::of(customer, shards)).carts(customer, sale);
            let live = carts.iter().map(|cart| cart.until).filter(|until| *until != FOR_EVER && *until > at);
            let live = live.max();
            if let Some(line) = alone.lines(shard).lines.get_mut(&sale) {
                let in_use = at.plus(line.rules.idle);
                line.idle.stir(ticket, live.map_or(in_use, |until| until.max(in_use)));
                // Somebody's order may have been paid by the shop, so that their session runs: they have what they came for.
                if carts.is_empty() {
                    line.unserved.insert(ticket);
                }
            }
        }
    }
}

/// Which lanes of a room that was taken away were for code holders alone, as their terms are gone with it: those in which nobody else
/// stands.
fn know_code_lanes(alone: &mut impl Held, shard: usize) {
    let listing = alone.names().listing();
    let has_room =
        |sale: SaleIx| listing.sales.get(usize::from(sale.0)).is_some_and(|sale| sale.rules.room.is_some());
    let waits = |row: &&Row| matches!(row.standing, Standing::Waiting | Standing::Back);
    let people = |line: &Line| -> Vec<Vec<u128>> {
        let lanes = line.lanes.iter();
        lanes
            .map(|lane| (0..lane.len()).filter_map(|n| lane.row(n)).filter(waits).map(Row::person).collect())
            .collect()
    };
    let gone = alone.lines(shard).lines.iter().filter(|(sale, line)| !has_room(**sale) && line.is_in_use());
    let gone: Vec<_> = gone.map(|(sale, line)| (*sale, people(line))).collect();
    for (sale, lanes) in gone {
        let mut mask = 0;
        for (lane, people) in lanes.iter().enumerate() {
            let mut has_code = |person: &u128| {
                let codes =
                    alone.codes(u8::try_from(CodeShard::of(CodeHash(*person), alone.shards())).unwrap_or(0));
                codes.find(CodeHash(*person)).is_some()
            };
            mask |= u8::from(people.iter().all(&mut has_code)) << lane;
        }
        if let Some(line) = alone.lines(shard).lines.get_mut(&sale) {
            line.code_lanes = mask;
        }
    }
}
