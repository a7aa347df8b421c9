//! The visit of somebody whose turn it is: in with the pass, look for a bundle, hold it, pay; a few let their cart go.
//! What people do inside is what they do in a sale without a waiting room ([`crate::visitor`]), but nobody who has waited
//! an hour leaves after the first page, stays at home because another town has it, or looks only once.

use std::rc::Rc;
use std::time::Instant;

use super::crowd::Buying;
use super::room::Room;
use crate::desk::Buyer;
use crate::draw;
use crate::keys::bearer;
use crate::visitor::{self, Ending};

/// Looks and clicks before somebody who was called gives up.
const SEARCHES: u32 = 20;

/// Streams of the seed before these are the crowd's.
const FIRST_VISIT: u64 = 16;

/// Makes the visit of a called device to its end.
pub async fn visit(room: &Rc<Room>, number: u32, pass: &str) {
    room.seen.borrow_mut().came += 1;
    let shop = &room.shop;
    let ending = match bearer(pass) {
        Ok(key) => {
            let mut rng = draw::stream(shop.seed, FIRST_VISIT + u64::from(number));
            let mut person = shop.behaviour.person(&mut rng);
            person.searches = SEARCHES;
            let mut buyer = Buyer::with_pass(format!("{}-{number}", shop.desk.run), &key, rng);
            let pause = shop.behaviour.think(&mut buyer.rng);
            let turn = shop.desk.turn(Instant::now() + pause).await;
            let (ending, buyer) = visitor::shop_around(shop, person, buyer, turn).await;
            shop.note_if_refused(ending, &buyer);
            ending
        }
        Err(_) => {
            shop.desk.floor.measured.borrow_mut().breach("ticket: a pass that is not printable");
            Ending::Silent
        }
    };
    room.seen.borrow_mut().empty_handed +=
        u64::from(matches!(ending, Ending::ToldNothingLeft | Ending::LostEveryClick));
    let person = room.devices.borrow()[number as usize].person;
    room.people.borrow_mut()[person as usize].buying = match ending {
        Ending::Ordered | Ending::GaveBack | Ending::WalkedAway => Buying::Done,
        _ => Buying::No,
    };
    room.end(number, ending);
}
