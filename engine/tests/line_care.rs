//! What calling takes care of beside rate and cap: slow checkouts, what others take and what comes back, who does nothing
//! inside, and a crowd that nobody expected.

use std::sync::Arc;

use onsale_engine::decide::{JoinLine, Proof};
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::pulse::{Beat, Beats, Step};
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{Caller, Holder, Notes, OnCart, OpenCart};
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{Desk, SHOP, slot};
use onsale_engine::time::Millis;
use onsale_engine::waiting_room::{
    Act, Dials, ITSELF, LineView, Mode, RoomRules, SwitchOn, TicketState, Trouble,
};

const GOOD: Beat = Beat { checkout: None, asked: 0, failed: 0, journal_lag: Millis(0) };
const BAD: Beat = Beat { journal_lag: Millis(900), ..GOOD };

fn desk(stock: u32, change: impl FnOnce(&mut RoomRules)) -> Desk {
    let desk = Desk::new(4);
    let dials = Dials { admit_per_minute: 600, max_active: 100_000 };
    let mut room = RoomRules { dials, ..RoomRules::default() };
    change(&mut room);
    desk.sale(SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") });
    desk.slots("day", &[SlotSpec::new("one", "hall", stock)]);
    desk
}

fn join(desk: &Desk) -> String {
    let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    desk.core.join_line(desk.now(), &join).result.unwrap().ticket.text
}

fn line(desk: &Desk) -> LineView {
    desk.core.line(desk.now(), "day").result.unwrap()
}

/// Time passes; everybody in `there` asks every four seconds; every second is as it is told.
fn pass(desk: &mut Desk, seconds: u64, there: &[String], beat: &Beat) {
    for step in 1..=seconds * 20 {
        desk.clock += 50;
        if step % 80 == 1 {
            for ticket in there {
                desk.core.ticket(desk.now(), ticket).result.unwrap();
            }
        }
        if step % 20 == 0 {
            desk.core.note_beat(desk.now(), beat);
        }
        desk.core.tick_lines(desk.now());
        desk.core.buffer.discard();
    }
    onsale_engine::invariants::check(&desk.core.state, desk.now().engine).unwrap();
}

/// A cart of one with the pass of a ticket.
fn buy(desk: &mut Desk, ticket: &str) -> Result<onsale_engine::ids::CartId, Refusal> {
    let (ticket, _) = desk.core.ticket_holder(desk.now(), ticket).result.unwrap();
    let customer = CustomerHash(u128::from(ticket.number) + 1);
    let caller = Caller {
        credential: 100 + u64::from(ticket.number),
        holder: Some(Holder { ticket, customer }),
        ..SHOP
    };
    let (key, notes) = (desk.key(), Notes::default());
    let wants = [slot("one", 1)];
    let request = OpenCart { caller, sale: "day", customer, wants: &wants, key, notes, code: None };
    desk.core.open_cart(desk.now(), &request).result.map(|cart| cart.cart)
}

#[test]
fn trouble_slows_calling_and_health_lets_it_go_on() {
    let mut desk = desk(10_000, |rules| rules.claim = Millis(3_600_000));
    let all: Vec<_> = (0..900).map(|_| join(&desk)).collect();
    pass(&mut desk, 10, &all, &GOOD);
    let before = line(&desk).called;
    assert!((100..=111).contains(&before), "{before}");
    pass(&mut desk, 1, &all, &BAD);
    assert_eq!(line(&desk).brake, (500, Some(Trouble::Journal)));
    pass(&mut desk, 10, &all, &BAD);
    let slowed = line(&desk).called;
    // A half, a quarter, an eighth... of ten a second.
    assert!((15..=25).contains(&(slowed - before)), "{before} to {slowed}");
    pass(&mut desk, 10, &all, &Beat { journal_lag: Millis(6_000), ..GOOD });
    assert_eq!(line(&desk).called, slowed);
    pass(&mut desk, 10, &all, &GOOD);
    assert_eq!(line(&desk).brake, (1_000, None));
    let eased = line(&desk).called;
    pass(&mut desk, 10, &all, &GOOD);
    assert!((99..=101).contains(&(line(&desk).called - eased)));
}

#[test]
fn the_pulse_is_felt_through_the_seconds() {
    let (desk, mut beats) = (desk(100, |_| {}), Beats::default());
    for _ in 0..50 {
        desk.core.pulse.note(Step::Checkout, Millis(4_000), false);
    }
    let beat = beats.second(&desk.core.pulse);
    desk.core.note_beat(desk.now(), &beat);
    assert_eq!(line(&desk).brake, (500, Some(Trouble::SlowCheckout)));
}

#[test]
fn what_the_phone_desk_takes_is_not_promised_to_the_line() {
    let mut desk = desk(400, |rules| {
        rules.open_channels = vec!["web".into()];
        rules.dials.admit_per_minute = 0;
    });
    let all: Vec<_> = (0..400).map(|_| join(&desk)).collect();
    let mut customer = 1 << 40;
    for _ in 0..60 {
        // Four a second go by another way.
        for _ in 0..4 {
            customer += 1;
            desk.open("day", customer, &[slot("one", 1)]).result.unwrap();
        }
        pass(&mut desk, 1, &all, &GOOD);
    }
    assert_eq!(line(&desk).free, 160);
    let change = onsale_engine::decide::LineChange { admit_per_minute: Some(600_000), ..Default::default() };
    desk.core.set_line(desk.now(), "day", &change).result.unwrap();
    pass(&mut desk, 1, &all, &GOOD);
    // Five seconds' worth of what the others take stays for them.
    let called = line(&desk).called;
    assert!((138..=146).contains(&called), "{called}");
}

#[test]
fn what_comes_back_is_called_for_before_it_is_back() {
    let mut desk = desk(60, |rules| rules.open_channels = vec!["web".into()]);
    let carts: Vec<_> = (0..60_u128)
        .map(|customer| desk.open("day", 1 << 40 | customer, &[slot("one", 1)]).result.unwrap().cart)
        .collect();
    let all: Vec<_> = (0..400).map(|_| join(&desk)).collect();
    pass(&mut desk, 1, &all, &GOOD);
    assert_eq!((line(&desk).called, line(&desk).free), (0, 0));
    for cart in carts.into_iter().take(50) {
        let on = desk.on(cart);
        desk.core.abandon(desk.now(), on).result.unwrap();
        pass(&mut desk, 1, &all, &GOOD);
    }
    // One a second comes back; people take five seconds to come in: four more are called than there are units.
    let (called, free) = (u64::from(line(&desk).called), line(&desk).free);
    assert_eq!(free, 50);
    assert!((free + 2..=free + 5).contains(&called), "{called} called for {free}");
}

#[test]
fn who_does_nothing_inside_makes_room_and_who_has_a_cart_does_not() {
    let mut desk = desk(100, |rules| {
        rules.idle = Millis(20_000);
        rules.dials.max_active = 2;
    });
    let all: Vec<_> = (0..3).map(|_| join(&desk)).collect();
    pass(&mut desk, 2, &all, &GOOD);
    let state = |desk: &Desk, ticket: &str| desk.core.ticket(desk.now(), ticket).result.unwrap().state;
    let inside: Vec<_> =
        all.iter().filter(|ticket| state(&desk, ticket) == TicketState::Called).cloned().collect();
    let [busy, lazy] = inside.as_slice() else { panic!("{inside:?}") };
    let third = all.iter().find(|ticket| !inside.contains(ticket)).unwrap();
    let cart = buy(&mut desk, busy).unwrap();
    let (ticket, _) = desk.core.ticket_holder(desk.now(), lazy).result.unwrap();
    desk.core.use_pass(desk.now(), ticket).result.unwrap();
    pass(&mut desk, 19, &all, &GOOD);
    assert_eq!((state(&desk, busy), state(&desk, lazy)), (TicketState::Admitted, TicketState::Admitted));
    assert_eq!(state(&desk, third), TicketState::Waiting);
    pass(&mut desk, 2, &all, &GOOD);
    assert_eq!((state(&desk, busy), state(&desk, lazy)), (TicketState::Admitted, TicketState::Lapsed));
    assert_eq!(state(&desk, third), TicketState::Called);
    // It makes no cart any more; whoever has one goes on with it.
    assert_eq!(buy(&mut desk, lazy), Err(Refusal::PassExpired));
    let on = OnCart { cart, ..desk.on(cart) };
    desk.core.extend(desk.now(), on).result.unwrap();
}

#[test]
fn a_crowd_nobody_expected_switches_the_room_on() {
    let mut desk = desk(10_000, |rules| rules.switch_on = Some(SwitchOn { carts_per_minute: 120 }));
    assert_eq!(line(&desk).mode, Mode::PassThrough);
    let mut customer = 1 << 40;
    let mut second = |desk: &mut Desk, carts: u32| {
        let mut refused = 0;
        for _ in 0..carts {
            customer += 1;
            refused += u32::from(desk.open("day", customer, &[slot("one", 1)]).result.is_err());
        }
        pass(desk, 1, &[], &GOOD);
        refused
    };
    for _ in 0..10 {
        assert_eq!(second(&mut desk, 2), 0);
    }
    assert_eq!(line(&desk).mode, Mode::PassThrough);
    let after = (1..=5).find(|_| {
        second(&mut desk, 6);
        line(&desk).mode == Mode::Queue
    });
    assert!(after.is_some());
    assert_eq!(second(&mut desk, 1), 1);
    let books = desk.core.changes(desk.now(), Some("day")).result.unwrap();
    let (_, change) = books.last().unwrap();
    assert!(matches!(change.act, Act::Turned { .. }) && change.credential == ITSELF, "{change:?}");
    assert!(change.reason.as_deref().unwrap().contains("carts a minute"), "{change:?}");
}

#[test]
fn once_everybody_needs_a_pass_nothing_is_kept_back_for_those_who_came_without() {
    let mut desk = desk(60, |rules| rules.switch_on = Some(SwitchOn { carts_per_minute: 120 }));
    let (mut taken, mut customer) = (0, 1 << 40);
    for _ in 0..10 {
        for _ in 0..6 {
            customer += 1;
            taken += usize::from(desk.open("day", customer, &[slot("one", 1)]).result.is_ok());
        }
        pass(&mut desk, 1, &[], &GOOD);
        if line(&desk).mode == Mode::Queue {
            break;
        }
    }
    assert_eq!(line(&desk).mode, Mode::Queue);
    let left: Vec<_> = (taken..60).map(|_| join(&desk)).collect();
    assert!(left.len() > 20, "{taken} taken");
    // Ten a second are let in.
    pass(&mut desk, 10, &left, &GOOD);
    let state = |ticket: &String| desk.core.ticket(desk.now(), ticket).result.unwrap().state;
    let waiting = left.iter().filter(|ticket| state(ticket) != TicketState::Called).count();
    assert_eq!(waiting, 0, "of {}", left.len());
}

#[test]
fn an_hour_behind_the_line_does_not_switch_it_on_again() {
    let mut desk = desk(10_000, |rules| rules.switch_on = Some(SwitchOn { carts_per_minute: 120 }));
    let set = |desk: &Desk, mode| {
        let change = onsale_engine::decide::LineChange { mode: Some(mode), ..Default::default() };
        desk.core.set_line(desk.now(), "day", &change).result.unwrap();
    };
    set(&desk, Mode::Queue);
    for customer in 0..500_u128 {
        assert_eq!(
            desk.open("day", 1 << 40 | customer, &[slot("one", 1)]).result.unwrap_err(),
            Refusal::NotAdmitted
        );
    }
    pass(&mut desk, 1, &[], &BAD);
    set(&desk, Mode::PassThrough);
    pass(&mut desk, 5, &[], &GOOD);
    assert_eq!(line(&desk).mode, Mode::PassThrough);
}
