//! Access codes at a desk: what a code lets its holder do, what it holds, and when each comes back.

mod codes_desk;

use codes_desk::{Booth, HOUR, code, terms, units};
use onsale_engine::codes::{CodeTerms, MAX_CODES_AT_ONCE, Reserve, WaveTerms};
use onsale_engine::decide::{CodeState, CodesMadeView, JoinLine, MakeCodes, Proof, Revoked, Which};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::refusal::{Missing, Refusal};
use onsale_engine::request::Want;
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{START_MS, slot};
use onsale_engine::time::{Millis, Now, WallTime};
use onsale_engine::waiting_room::{Dials, Lane, RoomRules, TicketState};
use std::sync::Arc;

#[test]
fn a_code_makes_one_cart_at_a_time_and_one_order() {
    let mut booth = Booth::new(5);
    booth.make(&terms("w"), &[code(1)]).result.unwrap();
    let cart = booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    let refused = booth.open(code(1), &[slot("a", 1)]).result.unwrap_err();
    assert_eq!(refused, Refusal::CodeUsed { back_in: Some(Millis(600_000)) });
    // The cart lapses: at that instant the code is good again.
    booth.desk.clock += 599_999;
    assert!(booth.open(code(1), &[slot("a", 1)]).result.is_err());
    booth.desk.clock += 1;
    let again = booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    assert_ne!(again.cart, cart.cart);
    // Given back: at once.
    let on = booth.desk.on(again.cart);
    booth.desk.core.abandon(booth.desk.now(), on).result.unwrap();
    let third = booth.open(code(1), &[slot("a", 2)]).result.unwrap();
    booth.desk.checkout(third.cart).result.unwrap();
    booth.desk.clock += 30 * HOUR;
    let used = booth.open(code(1), &[slot("a", 1)]).result.unwrap_err();
    assert_eq!(used, Refusal::CodeUsed { back_in: None });
    assert_eq!(booth.view(code(1)).state, CodeState::Used);
    // Cancelled in part it stays used, cancelled whole it is good again.
    let on = booth.desk.on(third.cart);
    booth.desk.core.cancel_order(booth.desk.now(), on, None).result.unwrap();
    assert_eq!(booth.view(code(1)).state, CodeState::Live);
    booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    assert_eq!(
        booth.open(code(2), &[slot("a", 1)]).result.unwrap_err(),
        Refusal::NotFound(Missing::AccessCode)
    );
    booth.check();
}

#[test]
fn invitations_leave_accessible_seats_to_who_asks_for_one() {
    let mut booth = Booth::new(4);
    let seat = |row: &str, accessible| SlotSpec {
        row: Some(row.into()),
        seat: Some("1".into()),
        accessible,
        ..SlotSpec::new(&format!("seat-{row}"), "arena", 1)
    };
    booth.desk.slots("day", &[seat("1", true), seat("2", false)]);
    let terms = booth.reserving("w", units("arena", None, 1));
    booth.make(&terms, &[code(1)]).result.unwrap();
    assert_eq!(booth.view(code(1)).holds.len(), 1);
    let best = |accessible| Want::Best {
        venue: "arena".into(),
        section: None,
        quantity: 1,
        adjacent: true,
        avoid_orphans: false,
        accessible,
    };
    assert!(booth.desk.open("day", 1, &[best(false)]).result.is_err());
    let cart = booth.desk.open("day", 2, &[best(true)]).result.unwrap();
    assert_eq!(&*cart.items[0].slot, "seat-1");
}

#[test]
fn several_uses_are_so_many_carts() {
    let mut booth = Booth::new(5);
    booth.make(&WaveTerms { uses: 3, ..terms("w") }, &[code(1)]).result.unwrap();
    let carts: Vec<_> = (0..3).map(|_| booth.open(code(1), &[slot("a", 1)]).result.unwrap()).collect();
    assert!(matches!(booth.open(code(1), &[slot("a", 1)]).result, Err(Refusal::CodeUsed { .. })));
    booth.desk.checkout(carts[1].cart).result.unwrap();
    let on = booth.desk.on(carts[2].cart);
    booth.desk.core.abandon(booth.desk.now(), on).result.unwrap();
    booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    assert!(matches!(booth.open(code(1), &[slot("a", 1)]).result, Err(Refusal::CodeUsed { .. })));
    let view = booth.view(code(1));
    assert_eq!((view.used, view.in_carts, view.state), (1, 2, CodeState::InCart));
    booth.check();
}

#[test]
fn a_code_is_good_for_its_scope_only() {
    let mut booth = Booth::new(5);
    let now = booth.desk.now().wall;
    let scoped = WaveTerms {
        venues: vec!["park".into()],
        valid_from: Some(WallTime(now.0 + 1_000)),
        expires_at: Some(WallTime(now.0 + 9_000)),
        ..terms("w")
    };
    booth.make(&scoped, &[code(1)]).result.unwrap();
    let why = |booth: &mut Booth, wants: &[Want]| match booth.open(code(1), wants).result {
        Err(Refusal::CodeScope { why }) => why,
        other => panic!("{other:?}"),
    };
    assert!(why(&mut booth, &[slot("b", 1)]).contains("not good yet"));
    booth.desk.clock += 1_000;
    assert!(why(&mut booth, &[slot("a", 1)]).contains("`park`, not for `hall`"));
    let cart = booth.open(code(1), &[slot("b", 1)]).result.unwrap();
    let on = booth.desk.on(cart.cart);
    let more = booth.desk.core.add_holds(booth.desk.now(), on, &[slot("a", 1)]).result.unwrap_err();
    assert!(matches!(more, Refusal::CodeScope { .. }), "{more:?}");
    let on = booth.desk.on(cart.cart);
    booth.desk.core.add_holds(booth.desk.now(), on, &[slot("b", 1)]).result.unwrap();
    let on = booth.desk.on(cart.cart);
    booth.desk.core.abandon(booth.desk.now(), on).result.unwrap();
    booth.desk.clock += 8_000;
    assert!(why(&mut booth, &[slot("b", 1)]).contains("expired"));
    assert_eq!(booth.view(code(1)).state, CodeState::Lapsed);

    let phone = WaveTerms { channel: Some("phone".into()), ..terms("p") };
    assert!(matches!(booth.make(&phone, &[code(2)]).result, Err(Refusal::Rule { .. })), "an unknown channel");
    booth.desk.core.channel(booth.desk.now(), "phone").result.unwrap();
    booth.make(&phone, &[code(2)]).result.unwrap();
    let refused = booth.open(code(2), &[slot("b", 1)]).result.unwrap_err();
    assert_eq!(refused, Refusal::CodeScope { why: "This access code is for channel `phone` only.".into() });
}

#[test]
fn what_is_set_aside_is_nobody_elses_until_the_deadline() {
    let mut booth = Booth::new(3);
    let wave = booth.reserving("w", units("hall", None, 1));
    booth.make(&wave, &[code(1), code(2)]).result.unwrap();
    assert_eq!(booth.counts("a"), (3, 2, 0), "capacity, held, sold");
    // One is left for everybody.
    booth.desk.open("day", 7, &[slot("a", 1)]).result.unwrap();
    assert!(matches!(booth.desk.open("day", 8, &[slot("a", 1)]).result, Err(Refusal::AllHeld(_))));
    // Another wave of more than is left is refused whole, and says how many there would be.
    let more = booth.reserving("more", units("hall", None, 1));
    let refused = booth.make(&more, &[code(3), code(4), code(5), code(6)]).result.unwrap_err();
    assert!(matches!(refused, Refusal::AllotmentExhausted { wanted: 4, possible: 3, .. }), "{refused:?}");
    // Who was invited finds it, and keeps it while the cart lives, lapses and is made again.
    let cart = booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    assert_eq!(booth.counts("a"), (3, 3, 0));
    booth.desk.clock += 600_000;
    assert!(booth.desk.open("day", 8, &[slot("a", 1)]).result.is_ok(), "the cart of 7 has lapsed");
    assert!(
        booth.desk.open("day", 9, &[slot("a", 1)]).result.is_err(),
        "that of the invited has not given up its unit"
    );
    booth.desk.core.cart(booth.desk.now(), onsale_engine::testing::desk::SHOP, cart.cart).result.unwrap();
    let again = booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    booth.desk.checkout(again.cart).result.unwrap();
    assert_eq!(booth.counts("a"), (3, 2, 1));
    // The other one never comes: not a millisecond before the deadline, and at it, its unit is for sale.
    booth.desk.clock = HOUR - 1;
    booth.desk.open("day", 9, &[slot("a", 1)]).result.unwrap();
    assert!(booth.desk.open("day", 10, &[slot("a", 1)]).result.is_err());
    booth.desk.clock = HOUR;
    booth.desk.open("day", 10, &[slot("a", 1)]).result.unwrap();
    assert_eq!(booth.counts("a"), (3, 2, 1));
    assert_eq!(booth.view(code(2)).state, CodeState::Lapsed);
    booth.check();
}

#[test]
fn a_cart_of_an_invitation_ends_with_it() {
    let mut booth = Booth::new(1);
    let wave = booth.reserving("w", units("hall", None, 1));
    booth.make(&wave, &[code(1)]).result.unwrap();
    booth.desk.clock = HOUR - 60_000;
    let cart = booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    assert_eq!(cart.expires_at.since(booth.desk.now().engine), Millis(60_000));
    let on = booth.desk.on(cart.cart);
    let extended = booth.desk.core.extend(booth.desk.now(), on).result.unwrap();
    assert_eq!(extended.expires_at, cart.expires_at);
    booth.desk.clock = HOUR;
    let on = booth.desk.on(cart.cart);
    assert_eq!(booth.desk.core.checkout(booth.desk.now(), on).result.unwrap_err(), Refusal::CartExpired);
    booth.desk.open("day", 1, &[slot("a", 1)]).result.unwrap();
    booth.check();
}

#[test]
fn an_invited_person_takes_another_slot_and_the_first_is_free() {
    let mut booth = Booth::new(2);
    let wave = booth.reserving("w", units("hall", None, 1));
    booth.make(&wave, &[code(1), code(2)]).result.unwrap();
    assert_eq!((booth.counts("a"), booth.counts("c")), ((2, 2, 0), (2, 0, 0)));
    let cart = booth.open(code(1), &[slot("c", 1)]).result.unwrap();
    assert_eq!((booth.counts("a"), booth.counts("c")), ((2, 1, 0), (2, 1, 0)));
    // Exchanged back again, and out of the scope not at all.
    let on = booth.desk.on(cart.cart);
    let out = booth.desk.core.exchange_hold(booth.desk.now(), on, 0, &slot("b", 1)).result.unwrap_err();
    assert!(matches!(out, Refusal::CodeScope { .. }), "{out:?}");
    let on = booth.desk.on(cart.cart);
    let two = booth.desk.core.exchange_hold(booth.desk.now(), on, 0, &slot("a", 2)).result.unwrap_err();
    assert!(matches!(two, Refusal::CodeScope { .. } | Refusal::SlotTaken(_)), "{two:?}");
    let on = booth.desk.on(cart.cart);
    booth.desk.core.exchange_hold(booth.desk.now(), on, 0, &slot("a", 1)).result.unwrap();
    assert_eq!((booth.counts("a"), booth.counts("c")), ((2, 2, 0), (2, 0, 0)));
    let on = booth.desk.on(cart.cart);
    assert!(matches!(
        booth.desk.core.add_holds(booth.desk.now(), on, &[slot("c", 1)]).result,
        Err(Refusal::Rule { .. })
    ));
    // Released it stays with the code.
    let on = booth.desk.on(cart.cart);
    booth.desk.core.release_hold(booth.desk.now(), on, 1).result.unwrap();
    assert_eq!(booth.counts("a"), (2, 2, 0));
    // Sold, cancelled: the code holds it again.
    let again = booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    booth.desk.checkout(again.cart).result.unwrap();
    assert_eq!(booth.counts("a"), (2, 1, 1));
    let on = booth.desk.on(again.cart);
    booth.desk.core.cancel_order(booth.desk.now(), on, None).result.unwrap();
    assert_eq!(booth.counts("a"), (2, 2, 0));
    assert_eq!(booth.view(code(1)).holds, [("a".to_owned(), 1)]);
    booth.check();
}

#[test]
fn taken_back_the_unit_is_free_at_once_unless_a_cart_stands_on_it() {
    let mut booth = Booth::new(3);
    let wave = booth.reserving("w", units("hall", None, 1));
    booth.make(&wave, &[code(1), code(2), code(3)]).result.unwrap();
    let cart = booth.open(code(2), &[slot("a", 1)]).result.unwrap();
    let done = booth.revoke(Which::Codes(&[code(1), code(2)])).result.unwrap();
    assert_eq!((done.revoked, done.in_use, done.unchanged), (2, 1, 0));
    assert_eq!(booth.counts("a"), (3, 2, 0), "that of the first is free, the cart of the second goes on");
    assert!(matches!(booth.open(code(1), &[slot("a", 1)]).result, Err(Refusal::CodeScope { .. })));
    let on = booth.desk.on(cart.cart);
    let extended = booth.desk.core.extend(booth.desk.now(), on).result.unwrap();
    assert_eq!(extended.expires_at, cart.expires_at);
    booth.desk.clock += 600_000;
    booth.desk.open("day", 1, &[slot("a", 2)]).result.unwrap();
    let rest = booth.revoke(Which::Wave("w")).result.unwrap();
    assert_eq!((rest.revoked, rest.unchanged), (1, 2));
    assert_eq!(booth.revoke(Which::Wave("w")).result.unwrap().unchanged, 3);
    assert_eq!(
        booth.revoke(Which::Wave("x")).result.unwrap_err(),
        Refusal::NotFound(Missing::Wave("x".into()))
    );
    booth.desk.open("day", 2, &[slot("a", 1)]).result.unwrap();
    booth.check();
}

/// More codes than one fact should have are taken back in steps, and counted once.
#[test]
fn a_wave_of_many_is_taken_back_in_steps() {
    let booth = Booth::new(3);
    let many: Vec<_> = (0..45_000).map(code).collect();
    for part in many.chunks(15_000) {
        booth.make(&terms("w"), part).result.unwrap();
        booth.desk.core.buffer.discard();
    }
    // Room for the fact of the first step, and not for that of a second.
    let room = 1_024 + MAX_CODES_AT_ONCE * 16;
    let full = (booth.desk.core.limits.journal_buffer - room - 1_000)
        .checked_sub(usize::try_from(booth.desk.core.buffer.in_use()).unwrap())
        .unwrap();
    let taken = booth.desk.core.buffer.reserve(full).unwrap();
    let half = booth.revoke(Which::Wave("w"));
    assert_eq!(half.result, Err(Refusal::Unfinished));
    assert_eq!(half.rests_on, booth.desk.core.buffer.last(), "what was done is what the answer rests on");
    drop(taken);
    booth.desk.core.buffer.discard();
    let at_once = u32::try_from(MAX_CODES_AT_ONCE).unwrap();
    let rest = booth.revoke(Which::Wave("w")).result.unwrap();
    assert_eq!(rest, Revoked { revoked: 45_000 - at_once, unchanged: at_once, in_use: 0 });
    let other: Vec<_> = (50_000..95_000).map(code).collect();
    for part in other.chunks(15_000) {
        booth.make(&terms("v"), part).result.unwrap();
        booth.desk.core.buffer.discard();
    }
    let all = booth.revoke(Which::Wave("v")).result.unwrap();
    assert_eq!(all, Revoked { revoked: 45_000, unchanged: 0, in_use: 0 });
}

/// A quiet hour before a restart was counted as an outage, so that codes that had ended were good again.
#[test]
fn clocks_are_written_down_as_long_as_a_code_ends() {
    let mut booth = Booth::new(3);
    assert!(!booth.desk.core.anything_runs(booth.desk.now().engine));
    booth.make(&terms("open"), &[code(1)]).result.unwrap();
    assert!(!booth.desk.core.anything_runs(booth.desk.now().engine), "it has no end");
    let expires_at = Some(WallTime((START_MS + HOUR).cast_signed()));
    booth.make(&WaveTerms { expires_at, ..terms("w") }, &[code(2)]).result.unwrap();
    booth.desk.clock = HOUR - 1;
    assert!(booth.desk.core.anything_runs(booth.desk.now().engine));
    booth.desk.clock = HOUR;
    assert!(!booth.desk.core.anything_runs(booth.desk.now().engine), "all have ended");
}

#[test]
fn bundles_are_set_aside_whole() {
    let mut booth = Booth::new(4);
    let bundle =
        |rule: &str| Reserve::Bundle { rule: rule.into(), venue: "clinic".into(), from: None, to: None };
    let wave = booth.reserving("w", bundle("two-doses"));
    // Two first doses on day 0, two on day 1; second ones on day 21 (one) and 22 (two): three pairs.
    let refused = booth.make(&wave, &[code(1), code(2), code(3), code(4)]).result.unwrap_err();
    assert!(matches!(refused, Refusal::AllotmentExhausted { wanted: 4, possible: 3, .. }), "{refused:?}");
    booth.make(&wave, &[code(1), code(2), code(3)]).result.unwrap();
    assert_eq!(
        booth.desk.core.waves(booth.desk.now(), "day", None).result.unwrap()[0].counts.units_reserved,
        6
    );
    let any = Want::AnyBundle { rule: "two-doses".into(), venue: "clinic".into(), from: None, to: None };
    assert!(
        booth.desk.open("day", 1, std::slice::from_ref(&any)).result.is_err(),
        "nothing is left for others"
    );
    let cart = booth.open(code(2), std::slice::from_ref(&any)).result.unwrap();
    assert_eq!(cart.items.len(), 2);
    booth.desk.checkout(cart.cart).result.unwrap();
    // Not half of it, and nothing else.
    let half = booth.open(code(1), &[slot("d1-0", 1)]).result.unwrap_err();
    assert!(matches!(half, Refusal::BundleOnly { .. } | Refusal::CodeScope { .. }), "{half:?}");
    let products = booth.reserving("x", units("clinic", Some("dose1"), 1));
    assert!(matches!(booth.make(&products, &[code(9)]).result, Err(Refusal::BundleOnly { .. })));
    let order = booth.desk.on(cart.cart);
    booth.desk.core.cancel_order(booth.desk.now(), order, None).result.unwrap();
    assert!(
        booth.desk.open("day", 1, std::slice::from_ref(&any)).result.is_err(),
        "it went back to its code"
    );
    booth.open(code(2), std::slice::from_ref(&any)).result.unwrap();
    booth.check();
}

#[test]
fn a_wave_is_made_once_and_its_codes_are_made_once() {
    let booth = Booth::new(3);
    let made = booth.make(&terms("w"), &[code(1), code(2)]).result.unwrap();
    assert_eq!(made, CodesMadeView { created: 2, unchanged: 0 });
    let again = booth.make(&terms("w"), &[code(2), code(3)]).result.unwrap();
    assert_eq!(again, CodesMadeView { created: 1, unchanged: 1 });
    for (terms, codes) in [
        (WaveTerms { uses: 2, ..terms("w") }, vec![code(4)]),
        (terms("v"), vec![code(5), code(3)]),
        (terms("v"), vec![code(5), code(5)]),
        (terms("v"), vec![]),
        (WaveTerms { uses: 0, ..terms("v") }, vec![code(5)]),
        (WaveTerms { lane: Some("codes".into()), ..terms("v") }, vec![code(5)]),
        (WaveTerms { reserve: Some(units("hall", None, 1)), ..terms("v") }, vec![code(5)]),
        (WaveTerms { expires_at: Some(booth.desk.now().wall), ..terms("v") }, vec![code(5)]),
    ] {
        let refused = booth.make(&terms, &codes).result.unwrap_err();
        assert!(matches!(refused, Refusal::Rule { .. }), "{terms:?}: {refused:?}");
    }
    let wave = booth.desk.core.waves(booth.desk.now(), "day", None).result.unwrap();
    assert_eq!((wave.len(), wave[0].counts.codes, wave[0].counts.live), (1, 3, 3));
    let page = booth.desk.core.codes(booth.desk.now(), "day", Some("w"), None, 2).result.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (2, true));
    let after = page.items.last().map(|code| code.hash);
    let rest = booth.desk.core.codes(booth.desk.now(), "day", Some("w"), after, 2).result.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
}

fn with_room(booth: &Booth, terms: CodeTerms) {
    let room = RoomRules {
        dials: Dials { admit_per_minute: 6_000, max_active: 100 },
        lanes: vec![Lane { name: "general".into(), weight: 1 }, Lane { name: "codes".into(), weight: 1 }],
        open_channels: vec!["web".into()],
        ..RoomRules::default()
    };
    booth.desk.sale(SaleRules {
        room: Some(Arc::new(room)),
        codes: (!terms.is_empty()).then(|| Arc::new(terms)),
        ..booth.rules()
    });
}

#[test]
fn a_code_is_a_place_in_the_line_whatever_the_device() {
    let mut booth = Booth::new(3);
    with_room(&booth, CodeTerms { lanes: vec!["codes".into()], ..CodeTerms::default() });
    booth.make(&WaveTerms { lane: Some("codes".into()), ..terms("w") }, &[code(1)]).result.unwrap();
    let join = |booth: &Booth, proof, lane| {
        booth.desk.core.join_line(booth.desk.now(), &JoinLine { sale: "day", proof, lane }).result
    };
    let first = join(&booth, Proof::Code(code(1)), None).unwrap();
    assert!(first.created && first.ticket.lane == "codes");
    let second = join(&booth, Proof::Code(code(1)), None).unwrap();
    assert!(!second.created && second.ticket.ticket == first.ticket.ticket);
    assert!(matches!(join(&booth, Proof::Code(code(1)), Some("general")), Err(Refusal::CodeScope { .. })));
    assert_eq!(join(&booth, Proof::Code(code(2)), None).unwrap_err(), Refusal::NotFound(Missing::AccessCode));
    assert_eq!(join(&booth, Proof::Nobody, Some("codes")).unwrap_err(), Refusal::CodeRequired);
    assert!(join(&booth, Proof::Nobody, None).unwrap().created);
    // Used up, it is no place any more.
    let cart = booth.open(code(1), &[slot("a", 1)]).result.unwrap();
    join(&booth, Proof::Code(code(1)), None).unwrap();
    booth.desk.checkout(cart.cart).result.unwrap();
    assert_eq!(join(&booth, Proof::Code(code(1)), None).unwrap_err(), Refusal::CodeUsed { back_in: None });

    with_room(&booth, CodeTerms { carts: true, ..CodeTerms::default() });
    assert_eq!(join(&booth, Proof::Nobody, None).unwrap_err(), Refusal::CodeRequired);
    let before = booth.desk.core.buffer.last();
    assert_eq!(booth.desk.open("day", 1, &[slot("a", 1)]).result.unwrap_err(), Refusal::CodeRequired);
    assert_eq!(booth.desk.core.buffer.last(), before, "a refusal is no fact");
}

/// Every other venue is gone: what there is is at the hall, to be set aside.
fn only_the_hall(booth: &Booth) {
    for name in ["b", "c", "d1-0", "d1-1", "d2-21", "d2-22"] {
        let change = onsale_engine::decide::SlotChange { capacity: Some(0), ..Default::default() };
        booth.desk.core.change_slot(booth.desk.now(), "day", name, &change).result.unwrap();
    }
}

#[test]
fn whoever_was_invited_is_called_though_nothing_is_free() {
    let booth = Booth::new(1);
    with_room(&booth, CodeTerms { lanes: vec!["codes".into()], ..CodeTerms::default() });
    only_the_hall(&booth);
    let wave = WaveTerms { lane: Some("codes".into()), ..booth.reserving("w", units("hall", None, 1)) };
    booth.make(&wave, &[code(1)]).result.unwrap();
    let join = |proof| {
        let request = JoinLine { sale: "day", proof, lane: None };
        booth.desk.core.join_line(booth.desk.now(), &request).result.unwrap().ticket
    };
    let (nobody, invited) = (join(Proof::Nobody), join(Proof::Code(code(1))));
    let mut booth = booth;
    for _ in 0..40 {
        booth.desk.clock += 50;
        booth.desk.core.tick_lines(booth.desk.now());
    }
    let state = |text: &str| booth.desk.core.ticket(booth.desk.now(), text).result.unwrap().state;
    assert_eq!((state(&nobody.text), state(&invited.text)), (TicketState::Waiting, TicketState::Called));
}

/// Somebody inside whose code had ended was taken for somebody whose unit is still set aside: with as many of them as codes that
/// held units nobody who was invited was called any more.
#[test]
fn whoever_was_invited_is_called_though_others_inside_came_too_late() {
    let mut booth = Booth::new(2);
    let day = Millis(24 * HOUR);
    let room = RoomRules {
        dials: Dials { admit_per_minute: 6_000, max_active: 100 },
        session: day,
        idle: day,
        open_channels: vec!["web".into()],
        ..RoomRules::default()
    };
    let codes = Some(Arc::new(CodeTerms { line: true, ..CodeTerms::default() }));
    booth.desk.sale(SaleRules { room: Some(Arc::new(room)), codes, ..booth.rules() });
    only_the_hall(&booth);
    let wave = |name: &str, hours: u64| WaveTerms {
        expires_at: Some(WallTime((START_MS + hours * HOUR).cast_signed())),
        ..booth.reserving(name, units("hall", None, 1))
    };
    let (first, second) = (wave("first", 1), wave("second", 9));
    booth.make(&first, &[code(1)]).result.unwrap();
    booth.make(&second, &[code(2)]).result.unwrap();
    let join = |booth: &Booth, number| {
        let request = JoinLine { sale: "day", proof: Proof::Code(code(number)), lane: None };
        booth.desk.core.join_line(booth.desk.now(), &request).result.unwrap().ticket
    };
    let called = |booth: &mut Booth, ticket: &str| {
        (0..40).any(|_| {
            booth.desk.clock += 50;
            booth.desk.core.tick_lines(booth.desk.now());
            let now = booth.desk.now();
            booth.desk.core.ticket(now, ticket).result.unwrap().state == TicketState::Called
        })
    };
    let late = join(&booth, 1);
    assert!(called(&mut booth, &late.text));
    booth.desk.core.use_pass(booth.desk.now(), late.ticket).result.unwrap();
    booth.desk.clock = HOUR;
    booth.desk.open("day", 1, &[slot("a", 1)]).result.expect("what was set aside is free");
    let invited = join(&booth, 2);
    assert!(called(&mut booth, &invited.text), "their unit waits for them");
}

/// The end of a code is engine time: what an outage took is added. By the wall the wave was over, its units were still held,
/// and nobody was called.
#[test]
fn whoever_was_invited_is_called_for_as_long_as_the_units_wait() {
    let mut booth = Booth::new(1);
    with_room(&booth, CodeTerms { lanes: vec!["codes".into()], ..CodeTerms::default() });
    only_the_hall(&booth);
    let wave = WaveTerms { lane: Some("codes".into()), ..booth.reserving("w", units("hall", None, 1)) };
    booth.make(&wave, &[code(1)]).result.unwrap();
    let request = JoinLine { sale: "day", proof: Proof::Code(code(1)), lane: None };
    let invited = booth.desk.core.join_line(booth.desk.now(), &request).result.unwrap().ticket;
    // Five minutes before the end; but the server was away for ten.
    booth.desk.clock = HOUR - 300_000;
    for _ in 0..40 {
        booth.desk.clock += 50;
        let now = booth.desk.now();
        let now = Now { wall: WallTime(now.wall.0 + 600_000), ..now };
        booth.desk.core.ticket(now, &invited.text).result.unwrap();
        booth.desk.core.tick_lines(now);
    }
    let seen = booth.desk.core.ticket(booth.desk.now(), &invited.text).result.unwrap();
    assert_eq!(seen.state, TicketState::Called);
}

#[test]
fn who_names_nothing_gets_what_was_set_aside() {
    let mut booth = Booth::new(3);
    let wave = booth.reserving("w", units("hall", None, 2));
    booth.make(&wave, &[code(1)]).result.unwrap();
    let cart = booth.open(code(1), &[]).result.unwrap();
    assert_eq!((cart.items[0].slot.as_str(), cart.items[0].quantity), ("a", 2));
    let bundle = Reserve::Bundle { rule: "two-doses".into(), venue: "clinic".into(), from: None, to: None };
    let wave = booth.reserving("b", bundle);
    booth.make(&wave, &[code(2)]).result.unwrap();
    let cart = booth.open(code(2), &[]).result.unwrap();
    assert_eq!((cart.items.len(), cart.items[0].bundle, cart.items[1].bundle), (2, 1, 1));
    booth.desk.checkout(cart.cart).result.unwrap();
    assert_eq!(booth.open(code(2), &[]).result.unwrap_err(), Refusal::CodeUsed { back_in: None });
    // A code that holds nothing has nothing to give.
    booth.make(&terms("n"), &[code(3)]).result.unwrap();
    assert!(matches!(booth.open(code(3), &[]).result, Err(Refusal::Rule { .. })));
    booth.desk.clock = HOUR;
    assert!(matches!(booth.open(code(1), &[]).result, Err(Refusal::CodeScope { .. })));
    booth.check();
}

/// Nobody is sent away on account of terms that a crash may undo.
#[test]
fn that_a_code_is_needed_is_said_once_the_terms_are_durable() {
    let mut booth = Booth::new(3);
    let codes = Some(Arc::new(CodeTerms { carts: true, ..CodeTerms::default() }));
    booth.desk.sale(SaleRules { codes, ..booth.rules() });
    let terms = booth.desk.core.buffer.last();
    for customer in 1..20 {
        let answer = booth.desk.open("day", customer, &[slot("a", 1)]);
        assert_eq!(answer.result.unwrap_err(), Refusal::CodeRequired);
        assert!(
            answer.rests_on >= terms,
            "the terms are fact {terms}, the answer rests on {}",
            answer.rests_on
        );
    }
}

/// The time is read at the door; by the time the locks are had, carts may be over that nobody has looked at since.
#[test]
fn what_became_free_on_the_way_to_the_locks_can_be_set_aside() {
    let mut booth = Booth::new(1);
    for (customer, name) in [(1, "a"), (2, "c")] {
        booth.desk.open("day", customer, &[slot(name, 1)]).result.unwrap();
    }
    let early = booth.desk.now();
    booth.desk.clock += 600_000;
    booth.make(&terms("meanwhile"), &[code(9)]).result.unwrap();
    let (terms, codes) = (booth.reserving("w", units("hall", None, 1)), [code(1), code(2)]);
    let request = MakeCodes { sale: "day", terms, codes: &codes, key: None, credential: 1 };
    let made = booth.desk.core.make_codes(early, &request).result.unwrap();
    assert_eq!(made, CodesMadeView { created: 2, unchanged: 0 });
    booth.check();
}

/// A capacity cannot fall below what is set aside.
#[test]
fn what_is_set_aside_is_committed() {
    let booth = Booth::new(3);
    let wave = booth.reserving("w", units("hall", None, 2));
    booth.make(&wave, &[code(1)]).result.unwrap();
    let change = onsale_engine::decide::SlotChange { capacity: Some(1), ..Default::default() };
    let refused = booth.desk.core.change_slot(booth.desk.now(), "day", "a", &change).result.unwrap_err();
    assert!(matches!(refused, Refusal::BelowCommitted { .. }), "{refused:?}");
}
