//! Nobody is called who could not buy: not before the opening, not after the close, not at a rate of 0, not while the journal
//! stands still, not for half a bundle, not with a code that is no good. And what is left, a place or a unit, is
//! somebody's.

mod codes_desk;

use std::sync::Arc;

use codes_desk::{Booth, code, terms};
use onsale_engine::decide::{AdmitNow, JoinLine, LineChange, Proof, Which};
use onsale_engine::ids::{ChannelIx, CustomerHash};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::StockState;
use onsale_engine::pulse::Beat;
use onsale_engine::refusal::{Missing, Refusal};
use onsale_engine::request::{Caller, Holder, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{BundleRule, ProductRule, SaleRules};
use onsale_engine::testing::desk::{Desk, START_MS, slot};
use onsale_engine::time::{Millis, WallTime};
use onsale_engine::waiting_room::{Dials, Lane, LineView, Mode, Phase, RoomRules, TicketState, TicketView};

const HOUR: u64 = 3_600_000;

fn wall(ms: u64) -> WallTime {
    WallTime((START_MS + ms).cast_signed())
}

fn join(desk: &Desk) -> String {
    let request = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    desk.core.join_line(desk.now(), &request).result.unwrap().ticket.text
}

fn crowd(desk: &Desk, people: usize) -> Vec<String> {
    (0..people).map(|_| join(desk)).collect()
}

fn look(desk: &Desk, ticket: &str) -> TicketView {
    desk.core.ticket(desk.now(), ticket).result.unwrap()
}

fn line(desk: &Desk) -> LineView {
    desk.core.line(desk.now(), "day").result.unwrap()
}

fn called(desk: &Desk) -> u32 {
    line(desk).lanes[0].called_up_to
}

/// Second after second, in which everybody named asks.
fn pass(desk: &mut Desk, seconds: u64, there: &[String]) {
    for second in 0..seconds {
        desk.clock += 1_000;
        if second % 2 == 0 {
            for ticket in there {
                look(desk, ticket);
            }
        }
        desk.core.tick_lines(desk.now());
        desk.core.buffer.discard();
    }
}

fn room(rate: u32, active: u32) -> RoomRules {
    RoomRules { dials: Dials { admit_per_minute: rate, max_active: active }, ..RoomRules::default() }
}

fn sale(room: Option<RoomRules>) -> SaleRules {
    SaleRules { room: room.map(Arc::new), ..SaleRules::new("day", "UTC") }
}

fn desk_with(rules: SaleRules, units: u32) -> Desk {
    let desk = Desk::new(4);
    desk.sale(rules);
    desk.slots("day", &[SlotSpec::new("one", "hall", units)]);
    desk
}

fn holder(desk: &Desk, ticket: &str) -> Caller {
    let (ticket, person) = desk.core.ticket_holder(desk.now(), ticket).result.unwrap();
    let customer = CustomerHash(if person == 0 { 1 << 90 | u128::from(ticket.number) } else { person });
    Caller {
        credential: 9,
        channel: ChannelIx(0),
        operator: false,
        holder: Some(Holder { ticket, customer }),
    }
}

fn open(desk: &mut Desk, ticket: &str, wants: &[Want]) -> Result<OnCart, Refusal> {
    let caller = holder(desk, ticket);
    let customer = caller.holder.unwrap().customer;
    let (key, notes) = (desk.key(), Notes::default());
    let request = OpenCart { caller, key, sale: "day", customer, wants, notes, code: None };
    let cart = desk.core.open_cart(desk.now(), &request).result?.cart;
    Ok(OnCart { caller, key: Some(desk.key()), cart })
}

#[test]
fn an_opening_that_is_put_off_after_the_draw_is_waited_for() {
    let opens = |ms| SaleRules { opens_at: Some(wall(ms)), ..sale(Some(room(60, 1_000))) };
    let mut desk = desk_with(opens(60_000), 100);
    let tickets = crowd(&desk, 10);
    desk.clock = 59_000;
    pass(&mut desk, 2, &tickets);
    let drawn = line(&desk).drawn_at;
    let before = called(&desk);
    assert!(drawn.is_some() && before > 0, "{:?}", line(&desk));
    for (later, phase) in [(2 * HOUR, Phase::Scheduled), (HOUR / 2, Phase::Paused)] {
        desk.sale(opens(desk.clock + later));
        pass(&mut desk, 8, &tickets);
        let there = line(&desk);
        assert_eq!((called(&desk), there.phase, there.drawn_at), (before, phase, drawn));
        assert_eq!(there.stock, Some(StockState::NotReleased));
        let waits =
            tickets.iter().map(|ticket| look(&desk, ticket)).find(|view| view.ahead != Some(0)).unwrap();
        assert_eq!((waits.state, waits.wait), (TicketState::Waiting, None));
        let finish = there.finish.unwrap();
        assert!(finish.0 > later - 8_000 && finish.0 < later + 60_000, "{finish:?} with {later} to go");
    }
    // An operator calls nobody into a sale that is not open either.
    let five = AdmitNow { count: 5, ..AdmitNow::default() };
    assert_eq!(desk.core.admit(desk.now(), "day", five).result, Ok(0));
    desk.clock += HOUR / 2;
    pass(&mut desk, 4, &tickets);
    assert!(called(&desk) > before && line(&desk).phase == Phase::Open, "{:?}", line(&desk));
}

#[test]
fn a_room_that_was_made_before_its_opening_was_known_still_draws() {
    let mut desk = desk_with(sale(Some(room(60, 1_000))), 100);
    pass(&mut desk, 1, &[]);
    assert_eq!(line(&desk).phase, Phase::Open);
    desk.sale(SaleRules { opens_at: Some(wall(HOUR / 2)), ..sale(Some(room(60, 1_000))) });
    let tickets = crowd(&desk, 10);
    pass(&mut desk, 5, &tickets);
    let there = line(&desk);
    assert_eq!((there.phase, there.drawn_at, there.active), (Phase::Prequeue, None, 0));
    assert_eq!(there.registrations.count, 10);
    desk.clock = HOUR / 2;
    pass(&mut desk, 5, &tickets);
    assert!(line(&desk).drawn_at.is_some() && called(&desk) > 0, "{:?}", line(&desk));
}

/// A stranger with a paper that is none, or somebody without a code, made the draw of a sale in which nobody was, so that the
/// opening which was set afterwards had none.
#[test]
fn who_is_refused_draws_nothing() {
    let terms = || Some(Arc::new(onsale_engine::codes::CodeTerms { line: true, ..Default::default() }));
    let junk = Proof::Ticket("qt_0000000000000000000000000000000000000");
    for (codes, mode, proof) in [
        (None, Mode::Queue, junk),
        (terms(), Mode::Queue, Proof::Nobody),
        (None, Mode::Closed, Proof::Nobody),
    ] {
        let rules = |opens_at| SaleRules { codes: codes.clone(), opens_at, ..sale(Some(room(60, 1_000))) };
        let mut desk = desk_with(rules(None), 100);
        let turn = |mode| LineChange { mode: Some(mode), ..LineChange::default() };
        desk.core.set_line(desk.now(), "day", &turn(mode)).result.unwrap();
        let before = desk.core.buffer.last();
        desk.core.join_line(desk.now(), &JoinLine { sale: "day", proof, lane: None }).result.unwrap_err();
        assert_eq!((desk.core.buffer.last(), line(&desk).drawn_at), (before, None), "a refusal is no fact");
        // So an opening that is set now is one with a registration.
        desk.core.set_line(desk.now(), "day", &turn(Mode::Queue)).result.unwrap();
        desk.sale(rules(Some(wall(HOUR / 2))));
        pass(&mut desk, 2, &[]);
        assert_eq!((line(&desk).drawn_at, line(&desk).phase), (None, Phase::Prequeue));
    }
}

#[test]
fn who_joins_an_open_sale_first_waits_at_once() {
    let mut desk = desk_with(sale(Some(room(60, 1_000))), 100);
    let ticket = join(&desk);
    assert_eq!((look(&desk, &ticket).state, look(&desk, &ticket).place), (TicketState::Waiting, Some(1)));
    pass(&mut desk, 1, std::slice::from_ref(&ticket));
    assert_eq!(look(&desk, &ticket).state, TicketState::Called);
}

#[test]
fn nobody_is_called_after_the_close() {
    let closes = |ms| SaleRules { closes_at: Some(wall(ms)), ..sale(Some(room(60, 1_000))) };
    let mut desk = desk_with(closes(10_000), 100);
    let tickets = crowd(&desk, 30);
    pass(&mut desk, 9, &tickets);
    let before = called(&desk);
    assert!(before > 0);
    pass(&mut desk, 10, &tickets);
    let there = line(&desk);
    assert_eq!((called(&desk), there.phase, there.stock), (before, Phase::Closed, Some(StockState::Closed)));
    assert_eq!(there.finish, None);
    let states: Vec<_> = tickets.iter().map(|ticket| look(&desk, ticket).state).collect();
    assert!(states.contains(&TicketState::Closed) && !states.contains(&TicketState::Waiting), "{states:?}");
    let request = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    assert_eq!(desk.core.join_line(desk.now(), &request).result.unwrap_err(), Refusal::SaleClosed);
    // An hour more: the line goes on where it stopped.
    desk.sale(closes(HOUR));
    pass(&mut desk, 4, &tickets);
    assert!(called(&desk) > before && line(&desk).phase == Phase::Open);
}

#[test]
fn a_rate_of_0_calls_nobody_and_a_lower_one_not_at_the_old() {
    for (rate, most) in [(0, 0), (60, 45)] {
        let rules = RoomRules { claim: Millis(5_000), ..room(6_000, 20) };
        let mut desk = desk_with(sale(Some(rules)), 1_000);
        let tickets = crowd(&desk, 300);
        // The cap holds the line; who is called does not come, and gives back what their call has cost.
        pass(&mut desk, 30, &tickets);
        let turned =
            LineChange { admit_per_minute: Some(rate), max_active: Some(1_000), ..LineChange::default() };
        desk.core.set_line(desk.now(), "day", &turned).result.unwrap();
        let before = called(&desk);
        pass(&mut desk, 40, &tickets);
        let more = called(&desk) - before;
        assert!(more <= most, "{more} called in 40 s at {rate} a minute");
        assert!(rate == 0 || more >= 38, "{more} called in 40 s at {rate} a minute");
    }
}

#[test]
fn who_waits_in_a_room_that_was_taken_away_is_let_through() {
    let mut desk = desk_with(sale(Some(room(60, 1_000))), 100);
    let tickets = crowd(&desk, 30);
    pass(&mut desk, 5, &tickets);
    desk.sale(sale(None));
    let view = look(&desk, &tickets[29]);
    assert_eq!((view.phase, line(&desk).phase), (Phase::PassThrough, Phase::PassThrough));
    let request = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    let refused = desk.core.join_line(desk.now(), &request).result.unwrap_err();
    assert_eq!(refused, Refusal::NotFound(Missing::WaitingRoom));
    pass(&mut desk, 40, &tickets);
    assert_eq!(called(&desk), 30, "everybody has had a turn");
    // Calls and sessions end as ever.
    desk.clock += HOUR;
    pass(&mut desk, 2, &[]);
    assert_eq!(line(&desk).active, 0);
    // The room is back, and so are its places.
    desk.sale(sale(Some(room(60, 1_000))));
    assert_eq!(line(&desk).phase, Phase::Open);
    let last = join(&desk);
    assert_eq!(look(&desk, &last).place, Some(31));
}

/// The opening of a sale whose room was taken away is the sale's: the line went by the one it had known.
#[test]
fn a_room_that_was_taken_away_opens_when_its_sale_does() {
    let opens = |ms: Option<u64>, room| SaleRules { opens_at: ms.map(wall), ..sale(room) };
    let mut desk = desk_with(opens(Some(60_000), Some(room(600, 1_000))), 100);
    let tickets = crowd(&desk, 3);
    desk.sale(opens(Some(HOUR), None));
    desk.clock = 61_000;
    pass(&mut desk, 5, &tickets);
    assert_eq!((line(&desk).drawn_at, called(&desk)), (None, 0));
    desk.clock = HOUR;
    pass(&mut desk, 5, &tickets);
    assert_eq!(called(&desk), 3, "{:?}", line(&desk));

    let mut desk = desk_with(opens(Some(HOUR), Some(room(600, 1_000))), 100);
    let tickets = crowd(&desk, 3);
    desk.sale(opens(None, None));
    pass(&mut desk, 5, &tickets);
    assert_eq!(called(&desk), 3, "{:?}", line(&desk));
}

/// Whose units are set aside need none in view, also when the room is taken away and its lanes with it: they waited until the codes
/// ended.
#[test]
fn who_was_invited_is_let_through_when_the_room_is_taken_away() {
    let mut booth = Booth::new(1);
    let codes = onsale_engine::codes::CodeTerms { lanes: vec!["vip".into()], ..Default::default() };
    let lane = |name: &str| Lane { name: name.into(), weight: 1 };
    let rules = RoomRules { lanes: vec![lane("general"), lane("vip")], ..room(600, 100) };
    let with_room = SaleRules { room: Some(Arc::new(rules)), codes: Some(Arc::new(codes)), ..booth.rules() };
    booth.desk.sale(with_room);
    for name in ["b", "c", "d1-0", "d1-1", "d2-21", "d2-22"] {
        let none = onsale_engine::decide::SlotChange { capacity: Some(0), ..Default::default() };
        booth.desk.core.change_slot(booth.desk.now(), "day", name, &none).result.unwrap();
    }
    let reserving = booth.reserving("vips", codes_desk::units("hall", None, 1));
    let wave = onsale_engine::codes::WaveTerms { lane: Some("vip".into()), ..reserving };
    booth.make(&wave, &[code(1)]).result.unwrap();
    let pause = LineChange { mode: Some(Mode::Pause), ..LineChange::default() };
    booth.desk.core.set_line(booth.desk.now(), "day", &pause).result.unwrap();
    let by_code = JoinLine { sale: "day", proof: Proof::Code(code(1)), lane: None };
    let ticket = booth.desk.core.join_line(booth.desk.now(), &by_code).result.unwrap().ticket.text;
    pass(&mut booth.desk, 3, std::slice::from_ref(&ticket));
    assert_eq!(look(&booth.desk, &ticket).state, TicketState::Waiting);
    booth.desk.sale(booth.rules());
    pass(&mut booth.desk, 3, std::slice::from_ref(&ticket));
    assert_eq!(look(&booth.desk, &ticket).state, TicketState::Called);
}

/// How long the one place inside is kept by somebody whose cart is given back, or paid.
fn kept(pay: bool) -> u64 {
    let rules = RoomRules { idle: Millis(10_000), ..room(6_000, 1) };
    let mut desk = desk_with(sale(Some(rules)), 100);
    let first = join(&desk);
    pass(&mut desk, 1, std::slice::from_ref(&first));
    let cart = open(&mut desk, &first, &[slot("one", 1)]).unwrap();
    if pay {
        desk.core.checkout(desk.now(), cart).result.unwrap();
        let again = JoinLine { sale: "day", proof: Proof::Ticket(&first), lane: None };
        desk.core.join_line(desk.now(), &again).result.unwrap();
        pass(&mut desk, 1, &[]);
        desk.core.use_pass(desk.now(), cart.caller.holder.unwrap().ticket).result.unwrap();
    } else {
        desk.core.abandon(desk.now(), cart).result.unwrap();
    }
    let next = join(&desk);
    let since = desk.clock;
    while called(&desk) < 2 && desk.clock - since < HOUR {
        pass(&mut desk, 1, std::slice::from_ref(&next));
    }
    (desk.clock - since) / 1_000
}

#[test]
fn a_place_is_free_as_soon_as_nothing_is_in_a_cart() {
    assert!(kept(false) <= 12, "after the cart was given back: {} s", kept(false));
    assert!(kept(true) <= 12, "after an order and another turn: {} s", kept(true));
}

/// What another channel holds for the same person is no cart of the session.
#[test]
fn what_the_phone_desk_holds_keeps_no_place_inside() {
    let rules = RoomRules { idle: Millis(10_000), open_channels: vec!["phone".into()], ..room(6_000, 1) };
    let mut desk = desk_with(sale(Some(rules)), 100);
    let phone = desk.core.channel(desk.now(), "phone").result.unwrap();
    let person = Proof::Person(7 << 64 | 1);
    let joined = JoinLine { sale: "day", proof: person, lane: None };
    let first = desk.core.join_line(desk.now(), &joined).result.unwrap().ticket.text;
    pass(&mut desk, 1, std::slice::from_ref(&first));
    let cart = open(&mut desk, &first, &[slot("one", 1)]).unwrap();
    let customer = cart.caller.holder.unwrap().customer;
    let (key, notes, wants) = (desk.key(), Notes::default(), [slot("one", 1)]);
    let caller = Caller { credential: 3, channel: phone, operator: false, holder: None };
    let request = OpenCart { caller, key, sale: "day", customer, wants: &wants, notes, code: None };
    desk.core.open_cart(desk.now(), &request).result.expect("the desk sells as well");
    desk.core.abandon(desk.now(), cart).result.unwrap();
    pass(&mut desk, 12, &[]);
    assert_ne!(look(&desk, &first).state, TicketState::Admitted);
}

#[test]
fn who_gives_one_cart_back_and_has_another_is_not_idle() {
    let rules = RoomRules { idle: Millis(10_000), ..room(6_000, 1) };
    let mut desk = desk_with(sale(Some(rules)), 100);
    let first = join(&desk);
    pass(&mut desk, 1, std::slice::from_ref(&first));
    let cart = open(&mut desk, &first, &[slot("one", 1)]).unwrap();
    desk.core.abandon(desk.now(), cart).result.unwrap();
    open(&mut desk, &first, &[slot("one", 1)]).unwrap();
    // The answer is lost, and the same is asked again.
    desk.core.abandon(desk.now(), cart).result.unwrap();
    pass(&mut desk, 60, &[]);
    assert_eq!(look(&desk, &first).state, TicketState::Admitted);
}

/// A hundred of `d1` and so many of `d2`, which are sold in one bundle alone.
fn pairs(seconds: u32, upv: u32) -> Desk {
    let product = |name: &str| ProductRule { name: name.into(), sold_only_in: Some("two".into()) };
    let two = BundleRule {
        name: "two".into(),
        parts: vec!["d1".into(), "d2".into()],
        same_venue: true,
        gap_days: None,
        cancel_parts: false,
    };
    let desk = Desk::new(4);
    desk.sale(SaleRules {
        bundles: vec![two],
        products: vec![product("d1"), product("d2")],
        ..sale(Some(RoomRules { units_per_visitor: upv, ..room(600, 100) }))
    });
    let one = |id: &str, product: &str, units| SlotSpec {
        product: Some(product.into()),
        ..SlotSpec::new(id, "hall", units)
    };
    desk.slots("day", &[one("a", "d1", 100), one("b", "d2", seconds)]);
    desk
}

#[test]
fn nobody_is_called_for_half_a_bundle() {
    let any = Want::AnyBundle { rule: "two".into(), venue: "hall".into(), from: None, to: None };
    for (seconds, people) in [(0, 0), (7, 7)] {
        let mut desk = pairs(seconds, 2);
        let tickets = crowd(&desk, 30);
        pass(&mut desk, 10, &tickets);
        assert_eq!((called(&desk), line(&desk).free), (people, u64::from(people) * 2));
        for ticket in &tickets {
            if look(&desk, ticket).state == TicketState::Called {
                open(&mut desk, ticket, std::slice::from_ref(&any)).unwrap();
            }
        }
        pass(&mut desk, 5, &tickets);
        let there = line(&desk);
        assert_eq!((called(&desk), there.in_vain), (people, 0));
        let (phase, word) = match people {
            0 => (Phase::SoldOut, StockState::SoldOut),
            _ => (Phase::Open, StockState::AllHeld),
        };
        assert_eq!((there.phase, there.stock), (phase, Some(word)));
    }
}

/// Fifty of one half here and fifty of the other there are no pair where both have to be at one venue.
#[test]
fn nobody_is_called_for_halves_at_two_venues() {
    let mut desk = pairs(0, 2);
    let second = |id: &str, venue: &str, units| SlotSpec {
        product: Some("d2".into()),
        ..SlotSpec::new(id, venue, units)
    };
    desk.slots("day", &[second("far", "park", 50)]);
    let tickets = crowd(&desk, 20);
    pass(&mut desk, 5, &tickets);
    assert_eq!((called(&desk), line(&desk).phase), (0, Phase::SoldOut));
    desk.slots("day", &[second("near", "hall", 3)]);
    pass(&mut desk, 5, &tickets);
    assert_eq!((called(&desk), line(&desk).free), (3, 6));
}

#[test]
fn the_last_unit_is_somebodys() {
    let mut desk = desk_with(sale(Some(RoomRules { units_per_visitor: 2, ..room(600, 100) })), 1);
    let tickets = crowd(&desk, 3);
    pass(&mut desk, 10, &tickets);
    assert_eq!(called(&desk), 1, "one for the last unit, and nobody beside them");
}

#[test]
fn a_slot_of_nothing_is_not_waited_for() {
    let mut desk = desk_with(sale(Some(room(60, 10))), 0);
    desk.slots(
        "day",
        &[SlotSpec { releases_at: Some(wall(24 * HOUR)), ..SlotSpec::new("later", "hall", 0) }],
    );
    pass(&mut desk, 1, &[]);
    assert_eq!((line(&desk).phase, line(&desk).stock), (Phase::SoldOut, Some(StockState::SoldOut)));
    desk.slots("day", &[SlotSpec { releases_at: Some(wall(24 * HOUR)), ..SlotSpec::new("more", "hall", 1) }]);
    pass(&mut desk, 1, &[]);
    assert_eq!((line(&desk).phase, line(&desk).stock), (Phase::Open, Some(StockState::NotReleased)));
}

#[test]
fn nobody_is_called_while_the_journal_stands_still() {
    let mut desk = desk_with(sale(Some(room(6_000, 50))), 1_000);
    let tickets = crowd(&desk, 400);
    let mut up_to = Vec::new();
    for second in 0..14_u64 {
        let journal_lag = Millis(match second {
            0..3 => 0,
            3..6 => 600,
            _ => 60_000,
        });
        desk.core.note_beat(desk.now(), &Beat { checkout: None, asked: 0, failed: 0, journal_lag });
        if second == 7 {
            // The called give their calls back: there is room under the cap.
            for ticket in &tickets {
                if look(&desk, ticket).state == TicketState::Called {
                    desk.core.leave_line(desk.now(), ticket).result.unwrap();
                }
            }
        }
        pass(&mut desk, 1, &tickets);
        up_to.push(called(&desk));
    }
    assert!(up_to[6] > 0 && up_to[6] == up_to[13], "{up_to:?}");
}

/// In a sale with codes a call by an operator goes past as many who have gone home as in any other.
#[test]
fn an_operator_finds_who_is_there_behind_those_who_are_not() {
    for coded in [false, true] {
        let mut booth = Booth::new(50);
        booth.desk.sale(SaleRules { room: Some(Arc::new(room(0, 1_000))), ..booth.rules() });
        if coded {
            booth.make(&terms("unrelated"), &[code(1)]).result.unwrap();
        }
        crowd(&booth.desk, 400);
        pass(&mut booth.desk, 60, &[]);
        let there = crowd(&booth.desk, 10);
        let ten = AdmitNow { count: 10, ..AdmitNow::default() };
        for dry_run in [true, false] {
            let people = booth.desk.core.admit(booth.desk.now(), "day", AdmitNow { dry_run, ..ten });
            assert_eq!(people.result, Ok(10), "codes: {coded}, only asked: {dry_run}");
        }
        let called = |ticket: &String| look(&booth.desk, ticket).state == TicketState::Called;
        assert!(there.iter().all(called));
    }
}

#[test]
fn whose_code_is_no_good_any_more_is_passed_over() {
    for revoked in [true, false] {
        let mut booth = Booth::new(4);
        booth.desk.sale(SaleRules { room: Some(Arc::new(room(600, 1))), ..booth.rules() });
        let expires_at = (!revoked).then(|| wall(30_000));
        let codes: Vec<_> = (1..=5).map(code).collect();
        let short = onsale_engine::codes::WaveTerms { expires_at, ..terms("short") };
        booth.make(&short, &codes).result.unwrap();
        booth.make(&terms("good"), &[code(9)]).result.unwrap();
        let by_code = |number| {
            let request = JoinLine { sale: "day", proof: Proof::Code(code(number)), lane: None };
            booth.desk.core.join_line(booth.desk.now(), &request).result.unwrap().ticket.text
        };
        let mut tickets: Vec<_> = (1..=5).map(by_code).collect();
        tickets.push(by_code(9));
        if revoked {
            booth.revoke(Which::Wave("short")).result.unwrap();
        } else {
            booth.desk.clock += 30_000;
        }
        pass(&mut booth.desk, 3, &tickets);
        let states: Vec<_> = tickets.iter().map(|ticket| look(&booth.desk, ticket).state).collect();
        let lapsed = [TicketState::Lapsed; 5];
        assert_eq!((&states[..5], states[5]), (&lapsed[..], TicketState::Called));
        // The cap is one: nobody of them has had it, and asking changes nothing.
        assert_eq!((line(&booth.desk).active, line(&booth.desk).in_vain), (1, 0));
        booth.check();
    }
}
