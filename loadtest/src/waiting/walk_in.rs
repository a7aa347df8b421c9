//! The visit of somebody who comes when nobody needs a pass yet: look, choose, hold, pay, as in a sale without a waiting room.
//! Whose click is answered with "not admitted" has met a room that has switched itself on, and joins. The shop remembers that
//! answer, and sends whoever comes from then on to the line at once, as a shop's page does.

use std::rc::Rc;
use std::time::Instant;

use super::crowd::Buying;
use super::room::Room;
use crate::desk::Buyer;
use crate::draw;
use crate::turns::Turn;
use crate::visitor::{self, Ending};

/// Streams of the seed from here on are those of walk-ins: the same device draws anew when it is called.
const FIRST_WALK_IN: u64 = 1 << 40;

/// Makes the visit to its end, or to the line.
pub async fn visit(room: &Rc<Room>, number: u32, due: Instant) {
    let shop = &room.shop;
    let mut rng = draw::stream(shop.seed, FIRST_WALK_IN + u64::from(number));
    let person = shop.behaviour.person(&mut rng);
    let buyer = Buyer::new(format!("{}-w{number}", shop.desk.run), &shop.web_key, rng);
    let (ending, buyer) = visitor::shop_around(shop, person, buyer, Turn::at(due)).await;
    if ending == Ending::Refused && buyer.carts == 0 && buyer.refused_with == "not-admitted" {
        return room.is_sent_to_the_line(number);
    }
    shop.note_if_refused(ending, &buyer);
    if buyer.carts > 0 {
        let mut seen = room.seen.borrow_mut();
        seen.carts_without_pass += 1;
        if matches!(ending, Ending::Refused | Ending::Silent) {
            let why = if buyer.refused_with.is_empty() { "no final answer" } else { &buyer.refused_with };
            seen.carts_lost.add(|| format!("{}: {why}", buyer.name));
        }
        let owner = room.devices.borrow()[number as usize].person;
        room.people.borrow_mut()[owner as usize].buying = Buying::Done;
    }
    room.end(number, ending);
}
