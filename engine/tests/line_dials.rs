//! What operators do to a line: ramps, taking back, admitting, and the books of it.

use std::sync::Arc;

use onsale_engine::decide::{AdmitNow, JoinLine, LineChange, Proof};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::KeyUse;
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{Desk, START_MS};
use onsale_engine::time::{Millis, WallTime};
use onsale_engine::waiting_room::{Act, Dials, LineView, Mode, RoomRules};

/// A sale without an opening, whose room calls at once.
fn desk(rate: u32, people: usize) -> (Desk, Vec<String>) {
    let desk = Desk::new(4);
    let dials = Dials { admit_per_minute: rate, max_active: 100_000 };
    // Nobody's call lapses in these tests.
    let room = RoomRules { dials, claim: Millis(3_600_000), ..RoomRules::default() };
    desk.sale(SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") });
    desk.slots("day", &[SlotSpec::new("one", "hall", 100_000)]);
    let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    let tickets =
        (0..people).map(|_| desk.core.join_line(desk.now(), &join).result.unwrap().ticket.text).collect();
    (desk, tickets)
}

fn turn(desk: &Desk, change: &LineChange) -> Result<LineView, Refusal> {
    let turned = desk.core.set_line(desk.now(), "day", change).result.map(|turned| turned.line);
    desk.core.buffer.discard();
    turned
}

fn line(desk: &Desk) -> LineView {
    desk.core.line(desk.now(), "day").result.unwrap()
}

#[test]
fn a_ramp_calls_what_lies_under_it_and_ends_where_it_was_told() {
    let (mut desk, tickets) = desk(60, 3_000);
    let up = LineChange { admit_per_minute: Some(600), ramp: Some(Millis(300_000)), ..LineChange::default() };
    let would = turn(&desk, &LineChange { dry_run: true, ..up.clone() }).unwrap();
    assert_eq!((would.rate, would.dials.admit_per_minute), (60, 600));
    turn(&desk, &up).unwrap();
    let begin = desk.clock;
    for _ in 0..6_000 {
        desk.clock += 50;
        if desk.clock % 5_000 == 0 {
            for ticket in &tickets {
                desk.core.ticket(desk.now(), ticket).result.unwrap();
            }
        }
        desk.core.tick_lines(desk.now());
        desk.core.buffer.discard();
        if desk.clock == begin + 150_000 {
            assert_eq!(line(&desk).rate, 330);
        }
    }
    // Five minutes from 60 to 600, and one person whom the idle time before had earned.
    assert_eq!((line(&desk).rate, line(&desk).lanes[0].called_up_to), (600, 1_651));
}

/// What lies under the part of a ramp where the rate is less than a person a minute counts as well.
#[test]
fn a_slow_ramp_from_nothing_calls_before_it_is_a_person_a_minute() {
    let (mut desk, tickets) = desk(0, 4);
    let slowly =
        LineChange { admit_per_minute: Some(1), ramp: Some(Millis(240_000)), ..LineChange::default() };
    turn(&desk, &slowly).unwrap();
    let begins = desk.clock;
    let mut first = None;
    while desk.clock - begins < 240_000 && first.is_none() {
        desk.clock += 1_000;
        for ticket in &tickets {
            desk.core.ticket(desk.now(), ticket).result.unwrap();
        }
        desk.core.tick_lines(desk.now());
        first = (line(&desk).called > 0).then_some((desk.clock - begins) / 1_000);
    }
    // Half of t²/240 minutes is one person after the root of 480 minutes: 170 s.
    assert!(first.is_some_and(|second| (169..=172).contains(&second)), "{first:?}");
}

#[test]
fn a_change_while_the_ramp_goes_on_leaves_the_ramp_and_a_new_rate_ends_it() {
    let (mut desk, _) = desk(600, 1);
    let down = LineChange { admit_per_minute: Some(0), ramp: Some(Millis(60_000)), ..LineChange::default() };
    turn(&desk, &down).unwrap();
    desk.clock += 30_000;
    assert_eq!(line(&desk).rate, 300);
    turn(&desk, &LineChange { max_active: Some(7), ..LineChange::default() }).unwrap();
    assert_eq!(line(&desk).rate, 300);
    desk.clock += 15_000;
    assert_eq!(line(&desk).rate, 150);
    // From where it is, not from where it began.
    let up = LineChange { admit_per_minute: Some(350), ramp: Some(Millis(10_000)), ..LineChange::default() };
    turn(&desk, &up).unwrap();
    desk.clock += 5_000;
    assert_eq!(line(&desk).rate, 250);
    turn(&desk, &LineChange { admit_per_minute: Some(40), ..LineChange::default() }).unwrap();
    assert_eq!(line(&desk).rate, 40);
}

#[test]
fn what_cannot_be_turned_is_refused_and_nothing_changed() {
    let (desk, _) = desk(60, 3);
    let before = line(&desk);
    let refused = [
        LineChange { ramp: Some(Millis(5)), ..LineChange::default() },
        LineChange { admit_per_minute: Some(5), ramp: Some(Millis(86_400_001)), ..LineChange::default() },
        LineChange { undo: Some(1), ..LineChange::default() },
        LineChange { undo: Some(1), mode: Some(Mode::Pause), ..LineChange::default() },
        LineChange { admit_per_minute: Some(10_000_001), ..LineChange::default() },
    ];
    for change in refused {
        assert!(matches!(turn(&desk, &change), Err(Refusal::Rule { .. })), "{change:?}");
    }
    let late = LineChange { mode: Some(Mode::Pause), version: Some(1), ..LineChange::default() };
    assert_eq!(turn(&desk, &late), Err(Refusal::Stale));
    assert_eq!(line(&desk), before);
    let in_time = LineChange { version: Some(0), ..late };
    assert_eq!(turn(&desk, &in_time).unwrap().version, 1);
}

#[test]
fn an_admission_is_in_the_books_and_a_dry_run_is_not() {
    let (desk, tickets) = desk(0, 30);
    let key = Some(KeyUse { key: 77, fingerprint: 1 });
    let reason = Some("the phone desk is free");
    let wish = AdmitNow { count: 20, reason, credential: 7, key, dry_run: true };
    let admit = |dry_run| desk.core.admit(desk.now(), "day", AdmitNow { dry_run, ..wish }).result.unwrap();
    // Registration closes and the draw is made by the ticker.
    desk.core.tick_lines(desk.now());
    assert_eq!((admit(true), line(&desk).called), (20, 0));
    assert_eq!((admit(false), line(&desk).called), (20, 20));
    assert_eq!(admit(true), 10);
    // Asked again, for want of an answer.
    let again = desk.core.admit(desk.now(), "day", AdmitNow { dry_run: false, ..wish });
    assert_eq!((again.replayed, again.result), (true, Ok(20)));
    let other = Some(KeyUse { key: 77, fingerprint: 2 });
    let other = desk.core.admit(desk.now(), "day", AdmitNow { dry_run: false, key: other, ..wish });
    assert_eq!(other.result, Err(Refusal::KeyReused));
    assert_eq!(line(&desk).called, 20);
    assert_eq!(tickets.len(), 30);
    let books = desk.core.changes(desk.now(), Some("day")).result.unwrap();
    let [(_, change)] = books.as_slice() else { panic!("{books:?}") };
    assert_eq!((&change.act, change.credential), (&Act::Admitted { people: 20 }, 7));
    assert_eq!(change.reason.as_deref(), wish.reason);
    // What was done cannot be undone, and says so.
    let undo = LineChange { undo: Some(change.number), ..LineChange::default() };
    assert!(matches!(turn(&desk, &undo), Err(Refusal::Rule { why }) if why.contains("cannot be taken back")));
}

#[test]
fn the_longest_change_there_is_fits_its_reservation() {
    let mut desk = Desk::new(4);
    let opens = WallTime((START_MS + 3_600_000).cast_signed());
    let room = RoomRules { closes_before: Millis(600_000), ..RoomRules::default() };
    let rules =
        SaleRules { opens_at: Some(opens), room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") };
    desk.sale(rules);
    desk.clock = 3_100_000;
    desk.core.tick_lines(desk.now());
    let text = || "x".repeat(500);
    let change = LineChange {
        beacon: Some(text()),
        message: Some(Some(text())),
        reason: Some(text()),
        mode: Some(Mode::Pause),
        admit_per_minute: Some(10_000_000),
        ramp: Some(Millis(86_400_000)),
        max_active: Some(10_000_000),
        credential: u64::MAX,
        ..LineChange::default()
    };
    // The first posts a beacon and turns everything; the second has no beacon to post any more.
    assert_eq!(turn(&desk, &change).unwrap().dials.max_active, 10_000_000);
    assert!(matches!(turn(&desk, &change), Err(Refusal::Rule { .. })));
}

#[test]
fn what_was_turned_away_and_back_since_is_not_taken_back() {
    let (desk, _) = desk(60, 1);
    let mode = |mode| LineChange { mode: Some(mode), ..LineChange::default() };
    let undo = |number| LineChange { undo: Some(number), ..LineChange::default() };
    turn(&desk, &mode(Mode::Pause)).unwrap();
    turn(&desk, &mode(Mode::Queue)).unwrap();
    turn(&desk, &mode(Mode::Pause)).unwrap();
    // It stands as change 1 left it, but change 3 meant it so.
    assert!(matches!(turn(&desk, &undo(1)), Err(Refusal::Rule { .. })));
    assert_eq!(turn(&desk, &undo(3)).unwrap().mode, Mode::Queue);
    assert_eq!(turn(&desk, &undo(2)).unwrap().mode, Mode::Pause);
    assert_eq!(turn(&desk, &undo(1)).unwrap().mode, Mode::Queue);
}

#[test]
fn a_setting_of_the_sale_moves_its_own_dial_and_no_other() {
    let (desk, _) = desk(60, 1);
    let up = LineChange { admit_per_minute: Some(600), ramp: Some(Millis(300_000)), ..LineChange::default() };
    turn(&desk, &up).unwrap();
    let settings = |rate: u32, most: u32| {
        let dials = Dials { admit_per_minute: rate, max_active: most };
        let room = RoomRules { dials, claim: Millis(3_600_000), ..RoomRules::default() };
        desk.sale(SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") });
        let line = line(&desk);
        (line.dials.admit_per_minute, line.rate, line.dials.max_active)
    };
    assert_eq!(settings(60, 500), (600, 60, 500), "the rate is on its way to where an operator turned it");
    assert_eq!(settings(90, 500), (90, 90, 500));
    // The books have both, after the operator's own, and nothing of settings that turn no dial.
    assert_eq!(settings(90, 500), (90, 90, 500));
    let books = desk.core.changes(desk.now(), Some("day")).result.unwrap();
    let reasons: Vec<_> = books.iter().map(|(_, change)| change.reason.as_deref()).collect();
    assert_eq!(reasons, [None, Some("the settings of the sale"), Some("the settings of the sale")]);
}
