//! The waiting room's line, told as short days: who joins, who is called, who comes in.

use onsale_engine::decide::{JoinLine, LineChange, Proof, Session};
use onsale_engine::ids::{ChannelIx, CustomerHash};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::Answer;
use onsale_engine::refusal::{Missing, Refusal};
use onsale_engine::request::{Caller, Holder, Notes, OnCart, OpenCart};
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{Desk, START_MS, slot};
use onsale_engine::time::{Millis, Now, WallTime};
use onsale_engine::waiting_room::draw::{Registrations, RunningDigest, Seed};
use onsale_engine::waiting_room::permutation::Permutation;
use onsale_engine::waiting_room::{Dials, Lane, Mode, Phase, RoomRules, TicketState, TicketView};
use std::sync::Arc;

const OPENING: u64 = 3_600_000;

/// A sale that opens in an hour, registers from now on, and has `stock` units.
fn room(change: impl FnOnce(&mut RoomRules), stock: u32) -> Desk {
    let desk = Desk::new(4);
    let mut rules =
        RoomRules { dials: Dials { admit_per_minute: 60, max_active: 1_000 }, ..RoomRules::default() };
    change(&mut rules);
    let opens = WallTime((START_MS + OPENING).cast_signed());
    desk.sale(SaleRules {
        opens_at: Some(opens),
        room: Some(Arc::new(rules)),
        ..SaleRules::new("day", "UTC")
    });
    desk.slots("day", &[SlotSpec::new("one", "hall", stock)]);
    desk
}

fn join(desk: &Desk, proof: Proof<'_>) -> TicketView {
    joined(desk, proof, None).result.unwrap().ticket
}

fn joined(desk: &Desk, proof: Proof<'_>, lane: Option<&str>) -> Answer<onsale_engine::decide::JoinedLine> {
    desk.core.join_line(desk.now(), &JoinLine { sale: "day", proof, lane })
}

fn look(desk: &Desk, ticket: &str) -> TicketView {
    desk.core.ticket(desk.now(), ticket).result.unwrap()
}

fn use_pass(desk: &Desk, ticket: &str) -> Answer<Session> {
    let (ticket, _) = desk.core.ticket_holder(desk.now(), ticket).result.unwrap();
    desk.core.use_pass(desk.now(), ticket)
}

/// Time passes second by second, everybody in `there` asks every two seconds, and the ticker ticks.
fn pass(desk: &mut Desk, seconds: u64, there: &[String]) {
    for second in 0..seconds {
        desk.clock += 1_000;
        if second % 2 == 0 {
            for ticket in there {
                look(desk, ticket);
            }
        }
        desk.core.tick_lines(desk.now());
        check(desk);
    }
}

/// What must always be true.
fn check(desk: &Desk) {
    if let Err(broken) = onsale_engine::invariants::check(&desk.core.state, desk.now().engine) {
        panic!("{broken}");
    }
    // Nobody takes the facts of this desk away.
    desk.core.buffer.discard();
}

#[test]
fn places_are_drawn_at_the_opening_and_anybody_can_redo_them() {
    let mut desk = room(|_| {}, 1_000);
    let commitment = desk.core.line(desk.now(), "day").result.unwrap().commitment;
    let mut tickets = Vec::new();
    for person in 1..=100_u128 {
        desk.clock += 17;
        let view = join(&desk, Proof::Person(person << 64));
        assert_eq!((view.state, view.place, view.ahead), (TicketState::Prequeue, None, None));
        tickets.push((view, desk.now().wall));
    }
    let line = desk.core.line(desk.now(), "day").result.unwrap();
    assert_eq!((line.phase, line.seed, line.registrations.count), (Phase::Prequeue, None, 100));
    desk.clock = OPENING;
    let late = join(&desk, Proof::Nobody);
    assert_eq!((late.place, late.state), (Some(101), TicketState::Waiting));

    let line = desk.core.line(desk.now(), "day").result.unwrap();
    let seed = Seed(line.seed.unwrap());
    assert_eq!(seed.commitment(), commitment);
    let mut running = RunningDigest::new("day", "general");
    for (ticket, wall) in &tickets {
        let leaf = onsale_engine::waiting_room::draw::Leaf::of_ticket(&ticket.text);
        running.add(u64::try_from(wall.0).unwrap(), leaf);
    }
    let registrations = Registrations::of_lanes([("general", running)]);
    assert_eq!(registrations, line.registrations);
    let order = Permutation::new(&seed.lane_key(&registrations, "general", ""), 100);
    for (number, (ticket, _)) in (0..).zip(&tickets) {
        assert_eq!(look(&desk, &ticket.text).place, Some(order.place(number) + 1));
    }
}

#[test]
fn one_person_has_one_place_and_nobody_takes_anothers() {
    let desk = room(|_| {}, 10);
    let first = join(&desk, Proof::Person(7 << 70));
    let again = joined(&desk, Proof::Person(7 << 70), None).result.unwrap();
    assert_eq!((again.created, &again.ticket.text), (false, &first.text));
    assert_eq!(join(&desk, Proof::Ticket(&first.text)).text, first.text);
    assert_ne!(join(&desk, Proof::Nobody).text, join(&desk, Proof::Nobody).text);
    let mut forged = first.text.clone();
    forged.pop();
    forged.push(if first.text.ends_with('0') { '2' } else { '0' });
    for nothing in [forged.as_str(), "qt_", "", "qt_0000000000000000000000000000000000000"] {
        let answer = desk.core.ticket(desk.now(), nothing);
        assert_eq!(answer.result.unwrap_err(), Refusal::NotFound(Missing::Ticket));
        assert!(joined(&desk, Proof::Ticket(nothing), None).result.is_err());
    }
}

#[test]
fn a_paper_makes_a_place_for_one_person() {
    let desk = room(|_| {}, 10);
    let paper = |person: u128, paper: u128| Proof::Paper { person: person << 64, paper };
    let first = join(&desk, paper(1, 70));
    // The same person has the place whatever shows it: the paper again, another one, none.
    for same in [paper(1, 70), paper(1, 71), Proof::Person(1 << 64)] {
        let again = joined(&desk, same, None).result.unwrap();
        assert_eq!((again.created, &again.ticket.text), (false, &first.text));
    }
    // Somebody else does not have it, and gets none by it; one that only came along makes a place like any other.
    let before = desk.core.line(desk.now(), "day").result.unwrap().lanes[0].waiting;
    assert_eq!(joined(&desk, paper(2, 70), None).result.unwrap_err(), Refusal::PaperUsed);
    assert_eq!(desk.core.line(desk.now(), "day").result.unwrap().lanes[0].waiting, before);
    let second = join(&desk, paper(2, 71));
    assert_ne!(second.text, first.text);
    assert_eq!(joined(&desk, paper(1, 71), None).result.unwrap_err(), Refusal::PaperUsed);
}

#[test]
fn the_rate_is_one_of_people_who_come_in_and_the_cap_is_hard() {
    let mut desk = room(|rules| rules.dials = Dials { admit_per_minute: 60, max_active: 40 }, 10_000);
    let all: Vec<String> = (0..400).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING;
    let mut came = 0;
    for minute in 0..5_u64 {
        for _ in 0..60 {
            pass(&mut desk, 1, &all);
            let line = desk.core.line(desk.now(), "day").result.unwrap();
            assert!(line.active <= 40, "{} active", line.active);
            // Three of ten never come.
            for (at, ticket) in all.iter().enumerate() {
                if at % 10 >= 3 && look(&desk, ticket).state == TicketState::Called {
                    use_pass(&desk, ticket).result.unwrap();
                    desk.core.leave_line(desk.now(), ticket).result.unwrap();
                    came += 1;
                }
            }
        }
        // Calls nobody follows come back after a minute; from then on the rate is that of the dial.
        let expected = if minute == 0 { 33..=52 } else { (60 * minute + 20)..=(60 * minute + 60) };
        assert!(expected.contains(&came), "{came} after {} minutes", minute + 1);
    }
}

#[test]
fn who_is_called_counts_in_the_cap_and_makes_room_when_the_call_lapses() {
    let mut desk = room(|rules| rules.dials = Dials { admit_per_minute: 6_000, max_active: 10 }, 10_000);
    let all: Vec<String> = (0..100).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING;
    for second in 0..125 {
        pass(&mut desk, 1, &all);
        let line = desk.core.line(desk.now(), "day").result.unwrap();
        // Nobody comes: ten, and ten others every minute.
        assert_eq!(
            (line.active, line.lanes[0].called_up_to),
            (10, 10 * (second / 60 + 1)),
            "second {second}"
        );
    }
}

#[test]
fn who_is_not_there_is_passed_over_and_comes_back_behind_those_who_are() {
    let mut desk = room(|_| {}, 100);
    let there: Vec<String> = (0..20).map(|_| join(&desk, Proof::Nobody).text).collect();
    let away: Vec<String> = (0..20).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING - 30_000;
    pass(&mut desk, 30 + 25, &there);
    let states = |desk: &Desk, tickets: &[String]| -> Vec<TicketState> {
        tickets.iter().map(|ticket| look(desk, ticket).state).collect()
    };
    assert!(states(&desk, &there).iter().all(|state| *state == TicketState::Called));
    // Asking is being back.
    assert!(states(&desk, &away).iter().all(|state| *state == TicketState::Waiting));
    // Whose turn is over has no place of their own: a number would rise.
    assert_eq!((look(&desk, &away[3]).place, look(&desk, &away[3]).ahead), (None, None));
    pass(&mut desk, 25, &away);
    assert!(states(&desk, &away).iter().all(|state| *state == TicketState::Called));
}

/// Who was back and has gone again costs nobody a turn: with one call a minute fifty of them would be nearly an hour.
#[test]
fn who_came_back_and_went_again_is_passed_over_again() {
    let mut desk = room(|_| {}, 100);
    let gone: Vec<String> = (0..50).map(|_| join(&desk, Proof::Nobody).text).collect();
    let stays = [join(&desk, Proof::Nobody).text];
    desk.clock = OPENING - 30_000;
    // Nobody is there at the opening; then all are back, and all but one go for good.
    pass(&mut desk, 90, &[]);
    for ticket in gone.iter().chain(&stays) {
        assert_eq!(look(&desk, ticket).state, TicketState::Waiting);
    }
    let change = LineChange { admit_per_minute: Some(0), ..LineChange::default() };
    desk.core.set_line(desk.now(), "day", &change).result.unwrap();
    pass(&mut desk, 60, &stays);
    let waiting = desk.core.line(desk.now(), "day").result.unwrap();
    let called_before = waiting.called;
    let change = LineChange { admit_per_minute: Some(60), ..LineChange::default() };
    desk.core.set_line(desk.now(), "day", &change).result.unwrap();
    pass(&mut desk, 3, &stays);
    assert_eq!(look(&desk, &stays[0]).state, TicketState::Called, "{called_before} were called before");
    // And whoever comes again is back again.
    assert_eq!(look(&desk, &gone[40]).state, TicketState::Waiting);
    pass(&mut desk, 3, &[gone[40].clone()]);
    assert_eq!(look(&desk, &gone[40]).state, TicketState::Called);
}

/// A link token begins the session before anything is chosen: the stock is not shown to others meanwhile.
#[test]
fn who_is_inside_and_has_not_chosen_yet_is_in_view() {
    let mut desk = room(|rules| rules.dials = Dials { admit_per_minute: 6_000, max_active: 100 }, 5);
    let all: Vec<String> = (0..30).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING;
    for _ in 0..20 {
        pass(&mut desk, 1, &all);
        for ticket in &all {
            if look(&desk, ticket).state == TicketState::Called {
                use_pass(&desk, ticket).result.unwrap();
            }
        }
    }
    assert_eq!(desk.core.line(desk.now(), "day").result.unwrap().active, 5);
}

#[test]
fn a_pass_opens_one_session_inside_its_window() {
    let mut desk = room(|_| {}, 100);
    let [quick, slow, early] = std::array::from_fn(|_| join(&desk, Proof::Nobody).text);
    assert_eq!(use_pass(&desk, &early).result, Err(Refusal::NotAdmitted));
    desk.clock = OPENING;
    pass(&mut desk, 5, &[quick.clone(), slow.clone(), early.clone()]);
    let session = use_pass(&desk, &quick).result.unwrap();
    desk.clock += 30_000;
    assert_eq!(use_pass(&desk, &quick).result.unwrap(), session);
    assert_eq!(look(&desk, &quick).state, TicketState::Admitted);
    desk.clock += 30_000;
    assert_eq!(use_pass(&desk, &slow).result, Err(Refusal::PassExpired));
    desk.clock = session.until.0 - START_MS;
    assert_eq!(use_pass(&desk, &quick).result, Err(Refusal::PassExpired));
    assert_eq!(look(&desk, &quick).state, TicketState::Lapsed);
    check(&desk);
}

#[test]
fn nobody_is_called_in_vain_and_sold_out_is_said() {
    // The phone desk sells beside the line.
    let mut desk = room(|rules| rules.open_channels = vec!["web".into()], 3);
    let all: Vec<String> = (0..30).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING;
    pass(&mut desk, 30, &all);
    let called =
        |desk: &Desk| all.iter().filter(|ticket| look(desk, ticket).state == TicketState::Called).count();
    assert_eq!(called(&desk), 3);
    let cart = desk.open("day", 5, &[slot("one", 3)]).result.unwrap().cart;
    pass(&mut desk, 2, &all);
    assert_eq!(called(&desk), 3);
    assert_eq!(desk.core.line(desk.now(), "day").result.unwrap().phase, Phase::Open);
    let _ = desk.checkout(cart);
    pass(&mut desk, 1, &all);
    assert_eq!(desk.core.line(desk.now(), "day").result.unwrap().phase, Phase::SoldOut);
    assert_eq!(
        look(&desk, &all[0]).state == TicketState::SoldOut,
        look(&desk, &all[0]).state != TicketState::Called
    );
}

#[test]
fn modes_stop_what_they_say() {
    let mut desk = room(|_| {}, 100);
    let all: Vec<String> = (0..100).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING;
    pass(&mut desk, 5, &all);
    let set = |desk: &Desk, mode| {
        let change = LineChange { mode: Some(mode), reason: Some("test".into()), ..LineChange::default() };
        desk.core.set_line(desk.now(), "day", &change).result.unwrap().line
    };
    let turns = |desk: &Desk| desk.core.line(desk.now(), "day").result.unwrap().lanes[0].called_up_to;
    assert_eq!(set(&desk, Mode::Pause).phase, Phase::Paused);
    let before = turns(&desk);
    pass(&mut desk, 5, &all);
    assert_eq!(turns(&desk), before);
    assert!(joined(&desk, Proof::Nobody, None).result.is_ok());
    assert_eq!(set(&desk, Mode::Drain).phase, Phase::Draining);
    assert_eq!(joined(&desk, Proof::Nobody, None).result.unwrap_err(), Refusal::SaleClosed);
    pass(&mut desk, 5, &all);
    assert!(turns(&desk) > before);
    assert_eq!(set(&desk, Mode::Closed).phase, Phase::Closed);
    assert_eq!(look(&desk, &all[99]).state == TicketState::Closed, look(&desk, &all[99]).ahead > Some(0));
}

#[test]
fn lanes_share_by_weight() {
    let lanes = |rules: &mut RoomRules| {
        rules.lanes =
            vec![Lane { name: "general".into(), weight: 3 }, Lane { name: "phone".into(), weight: 1 }];
    };
    let mut desk = room(lanes, 1_000);
    let in_lane = |lane: &'static str| -> Vec<String> {
        (0..100).map(|_| joined(&desk, Proof::Nobody, Some(lane)).result.unwrap().ticket.text).collect()
    };
    let mut all = in_lane("general");
    all.extend(in_lane("phone"));
    desk.clock = OPENING;
    pass(&mut desk, 40, &all);
    let line = desk.core.line(desk.now(), "day").result.unwrap();
    let turns: Vec<u32> = line.lanes.iter().map(|lane| lane.called_up_to).collect();
    assert!((3 * turns[1]..=3 * turns[1] + 3).contains(&turns[0]), "{turns:?}");
    assert_eq!(turns[0] + turns[1], 40);
    assert!(joined(&desk, Proof::Nobody, Some("vip")).result.is_err());
}

/// The phone desk opens an hour after the line: it does not get all calls until it has had as many as the line's hour was worth.
#[test]
fn a_lane_that_was_empty_makes_up_for_nothing() {
    let lanes = |rules: &mut RoomRules| {
        rules.lanes =
            vec![Lane { name: "general".into(), weight: 1 }, Lane { name: "phone".into(), weight: 1 }];
    };
    let mut desk = room(lanes, 1_000);
    let in_lane = |desk: &Desk, lane: &'static str, people: u32| -> Vec<String> {
        (0..people).map(|_| joined(desk, Proof::Nobody, Some(lane)).result.unwrap().ticket.text).collect()
    };
    let mut all = in_lane(&desk, "general", 200);
    desk.clock = OPENING;
    pass(&mut desk, 60, &all);
    let turns = |desk: &Desk| -> Vec<u32> {
        let line = desk.core.line(desk.now(), "day").result.unwrap();
        line.lanes.iter().map(|lane| lane.called_up_to).collect()
    };
    let before = turns(&desk);
    all.extend(in_lane(&desk, "phone", 100));
    pass(&mut desk, 20, &all);
    let since: Vec<u32> = turns(&desk).iter().zip(before).map(|(now, before)| now - before).collect();
    assert!(since[0] + since[1] >= 20, "{since:?}");
    assert!(since[0].abs_diff(since[1]) <= 2, "{since:?}");
}

#[test]
fn the_dials_are_bounded_and_a_dry_run_changes_nothing() {
    let desk = room(|_| {}, 100);
    let change = LineChange { max_active: Some(7), dry_run: true, ..LineChange::default() };
    let would = desk.core.set_line(desk.now(), "day", &change).result.unwrap();
    assert_eq!(would.line.dials.max_active, 7);
    assert_eq!(desk.core.line(desk.now(), "day").result.unwrap().dials.max_active, 1_000);
    let wild = LineChange { max_active: Some(u32::MAX), ..LineChange::default() };
    assert!(matches!(desk.core.set_line(desk.now(), "day", &wild).result, Err(Refusal::Rule { .. })));
    let long = LineChange { message: Some(Some("x".repeat(501))), ..LineChange::default() };
    assert!(matches!(desk.core.set_line(desk.now(), "day", &long).result, Err(Refusal::TooLarge { .. })));
    assert!(matches!(desk.core.line(desk.now(), "night").result, Err(Refusal::NotFound(Missing::Sale))));
}

/// Somebody who was called came back in the instant in which the call had ended and nobody had put it away yet: whoever
/// did not come gives the admission back then as well.
#[test]
fn a_call_that_ended_gives_back_also_to_who_comes_back_at_once() {
    let mut desk = room(
        |rules| {
            rules.dials.admit_per_minute = 1;
            rules.claim = Millis(10_000);
        },
        100,
    );
    let tickets: Vec<_> = (0..4).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING - 1_000;
    // What was earned before the opening is worth nearly two people.
    pass(&mut desk, 4, &tickets);
    let called = |desk: &Desk| {
        let called = tickets.iter().filter(|ticket| look(desk, ticket).state == TicketState::Called);
        called.cloned().collect::<Vec<_>>()
    };
    let first = called(&desk);
    assert_eq!(first.len(), 2);
    desk.clock += 10_000;
    for ticket in &first {
        assert_eq!(join(&desk, Proof::Ticket(ticket)).state, TicketState::Waiting);
    }
    desk.core.tick_lines(desk.now());
    assert_eq!(called(&desk).len(), 1, "ten seconds earn a sixth of a person: the next comes in their place");
}

/// A room without an opening closes registration at once, with nobody in it. When its lanes were changed then, what had been
/// published spoke of lanes that were no longer there, and the draw could not be checked.
#[test]
fn what_was_published_of_nobody_speaks_of_the_lanes_there_are() {
    let desk = Desk::new(4);
    let sale = |lanes: &[&str]| {
        let lanes = lanes.iter().map(|name| Lane { name: (*name).into(), weight: 1 }).collect();
        let room = Some(Arc::new(RoomRules { lanes, ..RoomRules::default() }));
        desk.sale(SaleRules { room, ..SaleRules::new("day", "UTC") });
    };
    sale(&["general"]);
    desk.core.tick_lines(desk.now());
    sale(&["phone", "general"]);
    desk.core
        .join_line(desk.now(), &JoinLine { sale: "day", proof: Proof::Nobody, lane: None })
        .result
        .unwrap();
    let draw = desk.core.draw(desk.now(), "day").result.unwrap();
    let published = draw.minutes.last().expect("registration is closed");
    assert_eq!((published.registrations, &published.by_lane), (draw.registrations, &vec![0, 0]));
}

/// A wall clock that was set back an hour while people registered had no minute published until it was there again; and then,
/// for an hour, one with every tick.
#[test]
fn minutes_are_published_minute_by_minute_though_the_wall_is_set_back() {
    let mut desk = room(|rules| rules.opens_before = Millis(2 * OPENING), 10);
    let hour = OPENING.cast_signed();
    for second in 0..1_800_i64 {
        desk.clock += 1_000;
        let now = desk.now();
        let back = if second < 600 { 0 } else { hour };
        let now = Now { wall: WallTime(now.wall.0 - back), ..now };
        desk.core.join_line(now, &JoinLine { sale: "day", proof: Proof::Nobody, lane: None }).result.unwrap();
        desk.core.tick_lines(now);
    }
    let draw = desk.core.draw(desk.now(), "day").result.unwrap();
    assert!((29..=31).contains(&draw.minutes.len()), "{}", draw.minutes.len());
    assert!(draw.minutes.is_sorted_by_key(|minute| (minute.wall, minute.registrations.count)));
    let steps = draw.minutes.windows(2).map(|two| two[1].registrations.count - two[0].registrations.count);
    assert_eq!(steps.max(), Some(60), "whoever joined is in the next minute's digest");
}

/// Who shows the pass of a ticket.
fn holder(desk: &Desk, ticket: &str) -> Caller {
    let (ticket, _) = desk.core.ticket_holder(desk.now(), ticket).result.unwrap();
    let holder = Holder { ticket, customer: CustomerHash(1 << 90 | u128::from(ticket.number)) };
    Caller { credential: 9, channel: ChannelIx(0), operator: false, holder: Some(holder) }
}

fn open(desk: &mut Desk, now: Now, caller: Caller) -> Answer<onsale_engine::outcome::CartView> {
    let (key, customer) = (desk.key(), caller.holder.map_or(CustomerHash(5), |holder| holder.customer));
    let (wants, notes) = ([slot("one", 1)], Notes::default());
    desk.core
        .open_cart(now, &OpenCart { caller, key, sale: "day", customer, wants: &wants, notes, code: None })
}

/// Somebody inside read the time at the door before the session ended, and reached the stock when others had been there
/// later: the cart would have been made after the end of its session.
#[test]
fn a_cart_is_not_made_after_its_session_by_who_is_late() {
    let mut desk = room(|rules| rules.session = Millis(10_000), 10);
    let tickets = [join(&desk, Proof::Nobody).text];
    desk.clock = OPENING - 1_000;
    pass(&mut desk, 2, &tickets);
    let session = use_pass(&desk, &tickets[0]).result.unwrap();
    let (late, inside) = (desk.now(), holder(&desk, &tickets[0]));
    desk.clock += 20_000;
    let operator = Caller { credential: 3, channel: ChannelIx(0), operator: true, holder: None };
    let now = desk.now();
    let other = open(&mut desk, now, operator);
    assert!(other.result.is_ok() && other.now.engine > session.until);
    let refused = open(&mut desk, late, inside);
    assert_eq!(refused.result.unwrap_err(), Refusal::PassExpired);
    assert!(refused.now.engine >= session.until, "it is true at its own time");
}

/// The line had seen the session end; whoever had read the time before was told so at a time at which it had not.
#[test]
fn an_expired_pass_is_told_at_a_time_at_which_it_has_expired() {
    let mut desk = room(|rules| rules.session = Millis(10_000), 10);
    let tickets = [join(&desk, Proof::Nobody).text];
    desk.clock = OPENING - 1_000;
    pass(&mut desk, 2, &tickets);
    let session = use_pass(&desk, &tickets[0]).result.unwrap();
    let (late, inside) = (desk.now(), holder(&desk, &tickets[0]));
    desk.clock += 20_000;
    desk.core.tick_lines(desk.now());
    let refused = open(&mut desk, late, inside);
    assert_eq!(refused.result.unwrap_err(), Refusal::PassExpired);
    assert!(refused.now.engine >= session.until);
}

/// A kept answer to a checkout says nothing of the session that its ticket has by now.
#[test]
fn an_order_ends_its_own_session_and_no_later_one() {
    let mut desk = room(|_| {}, 10);
    let tickets = [join(&desk, Proof::Nobody).text];
    desk.clock = OPENING - 1_000;
    pass(&mut desk, 2, &tickets);
    assert!(use_pass(&desk, &tickets[0]).result.is_ok());
    let inside = holder(&desk, &tickets[0]);
    let now = desk.now();
    let cart = open(&mut desk, now, inside).result.unwrap().cart;
    let paid = OnCart { caller: inside, key: Some(desk.key()), cart };
    assert!(desk.core.checkout(desk.now(), paid).result.is_ok());
    assert_eq!(use_pass(&desk, &tickets[0]).result.unwrap_err(), Refusal::PassExpired);

    join(&desk, Proof::Ticket(&tickets[0]));
    pass(&mut desk, 60, &tickets);
    assert!(use_pass(&desk, &tickets[0]).result.is_ok(), "back, and called again");
    let again = desk.core.checkout(desk.now(), paid);
    assert!(again.replayed && again.result.is_ok());
    assert!(use_pass(&desk, &tickets[0]).result.is_ok(), "the second session runs on");
}

/// The phone desk holds a cart for the customer of a pass, who can neither see it nor give it back: the session may make its one
/// cart beside it. What the customer may have in all counts both. At one of many venues the cart of the desk lives in a shard
/// that the pass's own units are not in.
#[test]
fn what_another_channel_holds_does_not_make_a_session_busy() {
    for venue in 0..8 {
        let mut desk = room(|_| {}, 10);
        desk.slots("day", &[SlotSpec::new("far", &format!("hall-{venue}"), 10)]);
        desk.core.channel(desk.now(), "phone").result.unwrap();
        let tickets = [join(&desk, Proof::Nobody).text];
        desk.clock = OPENING - 1_000;
        pass(&mut desk, 2, &tickets);
        let inside = holder(&desk, &tickets[0]);
        let customer = inside.holder.unwrap().customer;
        let phone = Caller { credential: 4, channel: ChannelIx(1), operator: true, holder: None };
        let by_phone = |desk: &mut Desk| {
            let (key, wants) = (desk.key(), [slot("far", 1)]);
            let notes = Notes::default();
            let request =
                OpenCart { caller: phone, key, sale: "day", customer, wants: &wants, notes, code: None };
            desk.core.open_cart(desk.now(), &request).result.unwrap()
        };
        let foreign = by_phone(&mut desk).cart;
        let missing = Refusal::NotFound(Missing::Cart);
        assert_eq!(desk.core.cart(desk.now(), inside, foreign).result.unwrap_err(), missing);

        let now = desk.now();
        let own = open(&mut desk, now, inside).result.expect("the first cart of the session");
        assert_eq!(open(&mut desk, now, inside).result.unwrap_err(), Refusal::SessionBusy);
        let on = OnCart { caller: inside, key: Some(desk.key()), cart: own.cart };
        assert!(desk.core.abandon(desk.now(), on).result.is_ok());
        let rules = SaleRules::clone(&desk.core.state.names.listing().sales[0].rules);
        desk.sale(SaleRules { limit_units: Some(1), ..rules });
        let refused = open(&mut desk, now, inside).result.unwrap_err();
        assert_eq!(refused, Refusal::LimitReached { what: "units", limit: 1 });
        check(&desk);
    }
}

/// The customer of a pass may have a cart in another sale, made at the shop: the pass is none of it.
#[test]
fn a_pass_sees_nothing_of_another_sale() {
    let mut desk = room(|_| {}, 10);
    desk.sale(SaleRules::new("other", "UTC"));
    desk.slots("other", &[SlotSpec::new("two", "hall", 5)]);
    let ticket = join(&desk, Proof::Nobody).text;
    let inside = holder(&desk, &ticket);
    let customer = inside.holder.unwrap().customer;
    let cart = desk.open("other", customer.0, &[slot("two", 1)]).result.unwrap().cart;
    let own = desk.on(cart).caller;
    assert_eq!(
        (own.channel, own.holder),
        (inside.channel, None),
        "but for the sale it could be the pass's own"
    );
    assert!(desk.core.cart(desk.now(), own, cart).result.is_ok());
    assert_eq!(
        desk.core.cart(desk.now(), inside, cart).result.unwrap_err(),
        Refusal::NotFound(Missing::Cart)
    );
    let paid = OnCart { caller: inside, key: Some(desk.key()), cart };
    assert_eq!(desk.core.checkout(desk.now(), paid).result.unwrap_err(), Refusal::NotFound(Missing::Cart));
}

/// The last units are in carts: when the next person is called is when one of those ends, which no rate says.
#[test]
fn who_waits_for_carts_to_end_is_not_told_the_wait_of_the_rate() {
    let mut desk = room(|rules| rules.open_channels = vec!["web".into()], 20);
    let early: Vec<String> = (0..19).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING;
    // A person a second is called, until the last unit but one is gone.
    for _ in 0..20 {
        pass(&mut desk, 1, &early);
        for ticket in &early {
            if look(&desk, ticket).state == TicketState::Called {
                let (now, caller) = (desk.now(), holder(&desk, ticket));
                open(&mut desk, now, caller).result.unwrap();
            }
        }
    }
    let ticket = join(&desk, Proof::Nobody).text;
    let (low, high) = look(&desk, &ticket).wait.unwrap();
    assert!(low < high && high < Millis(5_000));
    let _cart = desk.open("day", 5, &[slot("one", 1)]).result.unwrap().cart;
    for _ in 0..60 {
        pass(&mut desk, 1, std::slice::from_ref(&ticket));
        let view = look(&desk, &ticket);
        assert_eq!((view.state, view.ahead, view.wait), (TicketState::Waiting, Some(0), None));
    }
}

/// The same after minutes in which people were called as units came back.
#[test]
fn a_measured_pace_is_not_told_for_long_after_it_has_ended() {
    let mut desk = room(|rules| rules.open_channels = vec!["web".into()], 30);
    let all: Vec<String> = (0..80).map(|_| join(&desk, Proof::Nobody).text).collect();
    desk.clock = OPENING;
    let waits = |desk: &Desk| {
        let views = all.iter().map(|ticket| look(desk, ticket));
        views.filter(|view| view.state == TicketState::Waiting).collect::<Vec<_>>()
    };
    // Shops have all of it and give one back every four seconds, for a while; whoever is called takes it.
    let mut shops: Vec<_> =
        (0..100).map_while(|who| desk.open("day", who, &[slot("one", 1)]).result.ok()).collect();
    for second in 0..135 {
        pass(&mut desk, 1, &all);
        for ticket in &all {
            if look(&desk, ticket).state == TicketState::Called {
                let (now, caller) = (desk.now(), holder(&desk, ticket));
                let _ = open(&mut desk, now, caller).result;
            }
        }
        if second == 60 {
            let told = waits(&desk);
            assert!(told.iter().all(|view| view.wait.is_some()), "{:?}", told[0].wait);
        }
        if second % 4 == 0 && second < 100 {
            let on = desk.on(shops.remove(0).cart);
            desk.core.abandon(desk.now(), on).result.unwrap();
        }
    }
    let told = waits(&desk);
    assert!(told.len() > 20, "{} are left", told.len());
    assert!(told.iter().all(|view| view.wait.is_none()), "{:?}", told[0].wait);
}
