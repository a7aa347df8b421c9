//! Who comes to the waiting room and what they do there: people with one proof on several devices, browsers without any, who
//! ask, leave, come back, use their pass and buy with it; and an operator who turns everything.

use crate::decide::LineChange;
use crate::ids::ChannelIx;
use crate::request::{Caller, Holder, Notes, Want};
use crate::testing::rng::SimRng;
use crate::waiting_room::{MAX_DIAL, Mode};

use super::books::Books;
use super::line_books::TicketBook;
use super::plan::{self, DOOR, GATES, OPERATOR, WEB};
use super::request::{Proved, Request};

/// People who prove who they are.
const PEOPLE: u64 = 6;

/// Credentials of passes begin here.
const PASSES: u64 = 1_000;

/// Who shows the pass of a ticket.
fn holder(book: &TicketBook) -> Caller {
    let credential = PASSES + u64::from(book.ticket.lane) * 100_000 + u64::from(book.ticket.number);
    let holder = Holder { ticket: book.ticket, customer: book.customer() };
    Caller { credential, channel: ChannelIx(0), operator: false, holder: Some(holder) }
}

/// Whether a caller is still who it was: a crash takes tickets nobody had been given yet.
pub(super) fn stands(caller: Caller, books: &Books) -> bool {
    caller.holder.is_none_or(|holder| {
        let known = books.line.tickets.values().find(|book| book.ticket == holder.ticket);
        known.is_some_and(|book| book.customer() == holder.customer)
    })
}

/// The next thing somebody does there.
pub(super) fn visit(dice: &mut SimRng, books: &Books) -> (Caller, Request) {
    let tickets: Vec<_> = books.line.tickets.values().collect();
    let kind =
        if tickets.is_empty() { 0 } else { dice.weighted(&[22, 5, 28, 3, 9, 16, 12, 7, 5, 3, 3, 2, 1]) };
    if kind == 0 {
        return (WEB, join(dice));
    }
    let book = *dice.pick(&tickets);
    match kind {
        1 => (WEB, Request::Join { proof: Proved::Ticket(text(dice, book)), lane: None }),
        2 => (WEB, Request::Stand { ticket: text(dice, book) }),
        3 => (WEB, Request::Leave { ticket: text(dice, book) }),
        4 => (holder(book), Request::UsePass { ticket: book.ticket }),
        5 => (holder(book), open(dice, book)),
        6 => on_own_cart(dice, books, book),
        7 => (OPERATOR, turn(dice)),
        8 => (OPERATOR, Request::Admit { count: u32::try_from(dice.between(1, 5)).unwrap_or(1) }),
        9 => (WEB, Request::ReadLine),
        10 => (WEB, Request::ReadDraw),
        11 => {
            let [lane, from, most] = [2, 4, 6].map(|most| dice.below(most));
            let number = |value| u32::try_from(value).unwrap_or(0);
            let lane = u8::try_from(lane).unwrap_or(0);
            (WEB, Request::ReadRegistered { lane, from: number(from), most: 1 + number(most) })
        }
        _ => (OPERATOR, Request::ReadChanges),
    }
}

fn join(dice: &mut SimRng) -> Request {
    let person = u128::from(dice.below(PEOPLE) + 1) << 64 | 99;
    let proof = if dice.chance(50) { Proved::Person(person) } else { Proved::Nobody };
    let lane = match dice.below(20) {
        0..6 => Some(plan::LANES[1]),
        6 => Some("nobody's"),
        7 => Some(plan::LANES[0]),
        _ => None,
    };
    Request::Join { proof, lane }
}

/// A ticket's text, seldom with another sign in it.
fn text(dice: &mut SimRng, book: &TicketBook) -> String {
    if !dice.chance(4) {
        return book.text.clone();
    }
    let mut signs: Vec<char> = book.text.chars().collect();
    let place = usize::try_from(dice.below(signs.len() as u64)).unwrap_or(0);
    signs[place] = if signs[place] == '7' { '8' } else { '7' };
    signs.into_iter().collect()
}

fn open(dice: &mut SimRng, book: &TicketBook) -> Request {
    let quantity = if dice.chance(80) { 1 } else { 3 };
    let slot = (*dice.pick(&GATES)).to_owned();
    let wants = vec![Want::Slot { slot, quantity }];
    let (customer, notes) = (book.customer(), Notes::default());
    Request::Open { sale: DOOR, customer, wants, notes, code: None }
}

fn on_own_cart(dice: &mut SimRng, books: &Books, book: &TicketBook) -> (Caller, Request) {
    // Somebody who has a cart, if anybody has: beginning with one of them and going round.
    let tickets: Vec<_> = books.line.tickets.values().collect();
    let first = tickets.iter().position(|other| other.ticket == book.ticket).unwrap_or(0);
    let carts = |book: &TicketBook| {
        let mut carts = books.carts.iter().filter(|(_, cart)| cart.sale == DOOR);
        carts.rfind(|(_, cart)| cart.customer == book.customer()).map(|(cart, _)| *cart)
    };
    let mut round = tickets.iter().cycle().skip(first).take(tickets.len());
    let found = round.find_map(|book| carts(book).map(|cart| (*book, cart)));
    let Some((book, cart)) = found else { return (holder(book), open(dice, book)) };
    let request = match dice.below(10) {
        0..6 => Request::Checkout { cart },
        6 => Request::Extend { cart },
        7 => Request::Abandon { cart },
        8 => Request::ReadOrder { cart },
        _ => Request::ReadCart { cart },
    };
    (holder(book), request)
}

fn turn(dice: &mut SimRng) -> Request {
    let dial = |dice: &mut SimRng, choice: &[u32]| dice.chance(40).then(|| *dice.pick(choice));
    let words = |dice: &mut SimRng, what: &str| {
        if dice.chance(3) { "x".repeat(501) } else { format!("{what} {}", dice.below(9)) }
    };
    let modes =
        [Mode::Queue, Mode::Queue, Mode::Queue, Mode::Pause, Mode::Drain, Mode::Closed, Mode::PassThrough];
    let change = LineChange {
        // Always said, so that every change is one of the dials as well.
        mode: Some(*dice.pick(&modes)),
        admit_per_minute: dial(dice, &[0, 60, 6_000, 60_000, 600_000, MAX_DIAL + 1]),
        max_active: dial(dice, &[0, 1, 2, 5, 50, MAX_DIAL]),
        message: match dice.below(6) {
            0 => Some(None),
            1 => Some(Some(words(dice, "a word"))),
            _ => None,
        },
        beacon: dice.chance(25).then(|| if dice.chance(10) { String::new() } else { words(dice, "beacon") }),
        reason: dice.chance(50).then(|| words(dice, "because")),
        credential: OPERATOR.credential,
        ..LineChange::default()
    };
    Request::Turn { change, dry_run: dice.chance(20) }
}
