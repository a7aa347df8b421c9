//! What the server chooses, and what its "no" is true of.

use onsale_engine::digest::mix;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::CartView;
use onsale_engine::refusal::{Missing, Refusal};
use onsale_engine::request::Want;
use onsale_engine::sale::{BundleRule, ProductRule, SaleRules};
use onsale_engine::testing::desk::{Desk, slot};
use onsale_engine::time::{Millis, WallTime};

fn seat(section: &str, row: u32, seat: u32) -> SlotSpec {
    SlotSpec {
        section: Some(section.to_owned()),
        row: Some(row.to_string()),
        seat: Some(seat.to_string()),
        ..SlotSpec::new(&format!("{section}-{row}-{seat}"), "hall", 1)
    }
}

fn rows(section: &str, rows: u32, seats: u32) -> Vec<SlotSpec> {
    (1..=rows).flat_map(|row| (1..=seats).map(move |number| seat(section, row, number))).collect()
}

fn best(quantity: u32) -> Want {
    Want::Best {
        venue: "hall".into(),
        section: None,
        quantity,
        adjacent: true,
        avoid_orphans: true,
        accessible: false,
    }
}

fn of_section(want: Want, name: &str) -> Want {
    match want {
        Want::Best { venue, quantity, adjacent, avoid_orphans, accessible, .. } => {
            Want::Best { venue, section: Some(name.into()), quantity, adjacent, avoid_orphans, accessible }
        }
        other => other,
    }
}

fn two_doses() -> BundleRule {
    BundleRule {
        name: "two-doses".into(),
        parts: vec!["dose1".into(), "dose2".into()],
        same_venue: true,
        gap_days: Some((21, 28)),
        cancel_parts: false,
    }
}

fn names(cart: &CartView) -> Vec<&str> {
    cart.items.iter().map(|item| item.slot.as_str()).collect()
}

fn desk(shards: u8, slots: &[SlotSpec]) -> Desk {
    let desk = Desk::new(shards);
    desk.sale(SaleRules { hold_ttl: Millis(10_000), ..SaleRules::new("day", "UTC") });
    desk.slots("day", slots);
    desk
}

#[test]
fn a_party_sits_in_the_middle_of_the_first_row_and_leaves_nobody_alone() {
    let mut desk = desk(4, &rows("a", 2, 9));
    let mut buy = |n| {
        let cart = desk.open("day", 1, &[best(n)]).result.expect("seats");
        names(&cart).join(" ")
    };
    assert_eq!(buy(3), "a-1-4 a-1-5 a-1-6");
    // Three are left on either side: a pair would leave one alone, so it goes to the next row.
    assert_eq!(buy(2), "a-2-4 a-2-5");
    assert_eq!(buy(3), "a-1-1 a-1-2 a-1-3");
    assert_eq!(buy(3), "a-1-7 a-1-8 a-1-9");
    // Three and four are left; a pair takes one end of the four.
    assert_eq!(buy(2), "a-2-6 a-2-7");
    assert_eq!(buy(2), "a-2-8 a-2-9");
    // Now it cannot be had any more: one stays alone.
    assert_eq!(buy(2), "a-2-2 a-2-3");
    assert_eq!(buy(1), "a-2-1");
}

#[test]
fn neighbours_go_back_together_and_a_place_without_numbers_will_do() {
    let standing = SlotSpec { section: Some("pit".into()), ..SlotSpec::new("pit", "hall", 10) };
    let mut slots = rows("a", 1, 3);
    slots.push(standing);
    let mut desk = desk(4, &slots);
    let cart = desk.open("day", 1, &[best(3)]).result.expect("a row");
    assert!(cart.items.iter().all(|item| item.bundle == 1));
    let on = desk.on(cart.cart);
    assert_eq!(desk.core.release_hold(desk.now(), on, 1).result.expect("a hold").items.len(), 0);
    let cart = desk.open("day", 1, &[best(4)]).result.expect("the pit");
    assert_eq!((names(&cart), cart.items[0].quantity), (vec!["pit"], 4));
    let on = desk.on(cart.cart);
    // A pair would leave one of three seats alone, so the pit is better; one at the end leaves nobody.
    let more = desk.core.add_holds(desk.now(), on, &[best(2), best(1)]).result.expect("more");
    assert_eq!(names(&more), ["pit", "pit", "a-1-1"]);
}

#[test]
fn nobody_is_seated_at_two_performances_or_across_a_gap() {
    let mut slots = Vec::new();
    for (show, starts) in [("early", 3_600_000), ("late", 7_200_000)] {
        for number in 1..=4_i32 {
            slots.push(SlotSpec {
                id: format!("{show}-{number}"),
                starts_at: Some(WallTime(starts)),
                position: Some(if number > 2 { number + 1 } else { number }),
                ..seat("a", 1, number.cast_unsigned())
            });
        }
    }
    let mut desk = desk(4, &slots);
    let pair = desk.open("day", 1, &[best(2)]).result.expect("a pair");
    assert_eq!(names(&pair), ["early-1", "early-2"]);
    assert!(matches!(desk.open("day", 1, &[best(3)]).result, Err(Refusal::SlotTaken(_))), "aisle or shows");
    let apart = |quantity| Want::Best {
        venue: "hall".into(),
        section: None,
        quantity,
        adjacent: false,
        avoid_orphans: true,
        accessible: false,
    };
    let four = desk.open("day", 1, &[apart(4)]).result.expect("the whole late row");
    assert_eq!(names(&four), ["late-1", "late-2", "late-3", "late-4"]);
    assert!(matches!(desk.open("day", 1, &[apart(3)]).result, Err(Refusal::SlotTaken(_))));
}

#[test]
fn a_no_is_true_of_the_scope_it_names_and_says_where_else_there_is_some() {
    let mut slots = rows("a", 1, 4);
    slots.extend(rows("b", 1, 2));
    slots.extend((0..7).map(|n| SlotSpec::new(&format!("other-{n}"), &format!("venue-{n}"), 10 + n)));
    let mut desk = desk(16, &slots);
    let cart = desk.open("day", 1, &[of_section(best(4), "a")]).result.expect("section a");
    let scope = |refusal: Refusal| match refusal {
        Refusal::SoldOut(short) => ("sold out", short.scope.expect("a scope")),
        Refusal::AllHeld(short) => ("all held", short.scope.expect("a scope")),
        Refusal::SlotTaken(short) => ("taken", short.scope.expect("a scope")),
        other => panic!("{other:?}"),
    };
    let (word, no) = scope(desk.open("day", 1, &[of_section(best(1), "a")]).result.unwrap_err());
    assert_eq!((word, no.venue.as_str(), no.section.as_deref()), ("all held", "hall", Some("a")));
    assert_eq!(no.elsewhere, ["venue-6", "venue-5", "venue-4", "venue-3", "venue-2"]);
    let (word, no) = scope(desk.open("day", 1, &[best(3)]).result.unwrap_err());
    assert_eq!((word, no.section, no.quantity), ("taken", None, 3));
    desk.checkout(cart.cart).result.expect("paid");
    assert_eq!(scope(desk.open("day", 1, &[of_section(best(1), "a")]).result.unwrap_err()).0, "sold out");
    assert_eq!(
        desk.open("day", 1, &[of_section(best(1), "z")]).result.unwrap_err(),
        Refusal::NotFound(Missing::Section("z".into()))
    );
    let ghost = Want::AnyBundle { rule: "x".into(), venue: "nowhere".into(), from: None, to: None };
    assert_eq!(
        desk.open("day", 1, &[ghost]).result.unwrap_err(),
        Refusal::NotFound(Missing::Venue("nowhere".into()))
    );
}

#[test]
fn holds_past_their_deadline_are_free_for_a_search() {
    for shards in [1, 8] {
        let mut slots = rows("a", 1, 4);
        slots.extend(rows("b", 1, 4));
        let mut desk = desk(shards, &slots);
        for _ in 0..2 {
            desk.open("day", 1, &[best(4)]).result.expect("seats");
        }
        desk.clock = 9_999;
        assert!(matches!(desk.open("day", 1, &[best(4)]).result, Err(Refusal::AllHeld(_))));
        desk.clock = 10_000;
        // Nobody has settled anything; units that are back are counted in the "no" as well.
        let no = desk.open("day", 1, &[best(5)]).result.unwrap_err();
        assert!(matches!(no, Refusal::SlotTaken(_)), "{no:?}");
        for section in ["a", "b"] {
            let cart = desk.open("day", 1, &[best(4)]).result.expect("due seats are free");
            assert!(names(&cart).iter().all(|name| name.starts_with(section)));
        }
    }
}

#[test]
fn what_is_released_later_or_sold_only_in_a_bundle_is_said_so() {
    let mut slots = rows("a", 1, 4);
    let later = WallTime(onsale_engine::testing::desk::START_MS.cast_signed() + 60_000);
    slots.iter_mut().for_each(|slot| slot.releases_at = Some(later));
    slots.extend(rows("b", 1, 2).into_iter().map(|slot| SlotSpec { product: Some("dose".into()), ..slot }));
    let mut desk = Desk::new(8);
    let products = vec![ProductRule { name: "dose".into(), sold_only_in: Some("pair".into()) }];
    let parts = vec!["dose".into(), "dose".into()];
    let pair =
        BundleRule { name: "pair".into(), parts, same_venue: true, gap_days: None, cancel_parts: false };
    desk.sale(SaleRules { products, bundles: vec![pair], ..SaleRules::new("day", "UTC") });
    desk.slots("day", &slots);
    let no = |desk: &mut Desk, want| desk.open("day", 1, &[want]).result.unwrap_err();
    assert_eq!(no(&mut desk, best(2)), Refusal::NotReleased { next_release_at: Some(later) });
    assert_eq!(no(&mut desk, of_section(best(2), "b")), Refusal::BundleOnly { rule: "pair".into() },);
    desk.clock = 60_000;
    assert_eq!(desk.open("day", 1, &[best(4)]).result.expect("released").items.len(), 4);
}

/// Who comes back at the time that was said must not have missed what was to be had before.
#[test]
fn the_next_release_is_the_first() {
    let hours =
        |hours: i64| WallTime(onsale_engine::testing::desk::START_MS.cast_signed() + hours * 3_600_000);
    let mut slots = Vec::new();
    for (row, at) in [(1, 10), (2, 1), (3, 5)] {
        slots.extend((1..=2).map(|n| SlotSpec { releases_at: Some(hours(at)), ..seat("a", row, n) }));
    }
    let dose = |id: &str, at: i64| SlotSpec {
        product: Some("dose".into()),
        releases_at: Some(hours(at)),
        ..SlotSpec::new(id, "park", 1)
    };
    slots.extend([dose("late", 9), dose("soon", 2), dose("next", 3)]);
    let parts = vec!["dose".into(), "dose".into()];
    let pair =
        BundleRule { name: "pair".into(), parts, same_venue: true, gap_days: None, cancel_parts: false };
    for shards in [1, 8] {
        let mut desk = Desk::new(shards);
        desk.sale(SaleRules { bundles: vec![pair.clone()], ..SaleRules::new("day", "UTC") });
        desk.slots("day", &slots);
        let any = || Want::AnyBundle { rule: "pair".into(), venue: "park".into(), from: None, to: None };
        // A bundle takes two of the three.
        for (want, at) in [(best(2), 1), (any(), 3)] {
            let no = desk.open("day", 1, std::slice::from_ref(&want)).result.unwrap_err();
            assert_eq!(no, Refusal::NotReleased { next_release_at: Some(hours(at)) }, "{want:?}");
        }
    }
}

/// "Fewer are free than were asked for" was said of a hall in which nothing was left but the accessible seats, which are given to
/// nobody who does not ask for them: whoever asked was sent away to try again for ever.
#[test]
fn accessible_seats_are_not_what_is_left_for_others() {
    for (shards, standing) in [(1, false), (8, false), (1, true)] {
        let mut slots = match standing {
            true => vec![SlotSpec::new("plain", "hall", 2), SlotSpec::new("ramp", "hall", 1)],
            false => rows("a", 1, 3),
        };
        slots.last_mut().unwrap().accessible = true;
        let mut desk = desk(shards, &slots);
        let carts: Vec<_> =
            (0..2).map(|_| desk.open("day", 1, &[best(1)]).result.expect("a seat").cart).collect();
        match desk.open("day", 2, &[best(1)]).result.unwrap_err() {
            Refusal::AllHeld(short) => assert_eq!(short.back_in, Some(Millis(10_000))),
            other => panic!("{other:?}"),
        }
        desk.checkout(carts[0]).result.expect("paid");
        assert!(matches!(desk.open("day", 2, &[best(1)]).result, Err(Refusal::AllHeld(_))));
        desk.checkout(carts[1]).result.expect("paid");
        assert!(matches!(desk.open("day", 2, &[best(1)]).result, Err(Refusal::SoldOut(_))));
        let asked = Want::Best {
            venue: "hall".into(),
            section: None,
            quantity: 1,
            adjacent: true,
            avoid_orphans: true,
            accessible: true,
        };
        desk.open("day", 2, &[asked]).result.expect("they are theirs who ask");
        assert!(
            matches!(desk.open("day", 3, &[best(1)]).result, Err(Refusal::SoldOut(_))),
            "held, not for them"
        );
    }
}

/// While all that is for sale is in carts, what comes next month is no answer: it may be back in ten minutes.
#[test]
fn what_is_in_carts_comes_before_what_is_released_later() {
    let later = WallTime(onsale_engine::testing::desk::START_MS.cast_signed() + 60_000);
    let next = |id: &str, product: Option<&str>| SlotSpec {
        product: product.map(str::to_owned),
        releases_at: Some(later),
        ..SlotSpec::new(id, "hall", 1)
    };
    let dose = |id: &str| SlotSpec { product: Some("dose".into()), ..SlotSpec::new(id, "hall", 1) };
    let parts = vec!["dose".into(), "dose".into()];
    let pair =
        BundleRule { name: "pair".into(), parts, same_venue: true, gap_days: None, cancel_parts: false };
    let any = || Want::AnyBundle { rule: "pair".into(), venue: "hall".into(), from: None, to: None };
    let mut desk = Desk::new(8);
    let ttl = Millis(10_000);
    desk.sale(SaleRules { hold_ttl: ttl, bundles: vec![pair], ..SaleRules::new("day", "UTC") });
    desk.slots("day", &[dose("one"), dose("two"), next("three", Some("dose")), next("four", Some("dose"))]);
    let cart = desk.open("day", 1, &[any()]).result.expect("a pair").cart;
    for want in [any(), best(1)] {
        let no = desk.open("day", 2, std::slice::from_ref(&want)).result.unwrap_err();
        assert!(matches!(&no, Refusal::AllHeld(short) if short.back_in == Some(ttl)), "{want:?}: {no:?}");
    }
    desk.checkout(cart).result.expect("paid");
    for want in [any(), best(1)] {
        let no = desk.open("day", 2, std::slice::from_ref(&want)).result.unwrap_err();
        assert_eq!(no, Refusal::NotReleased { next_release_at: Some(later) }, "{want:?}");
    }
    // After the close nothing is waited for, named or not.
    let closes_at = Some(WallTime(later.0 - 30_000));
    desk.sale(SaleRules { closes_at, ..SaleRules::new("day", "UTC") });
    desk.clock = 30_000;
    for want in [slot("three", 1), best(1)] {
        assert_eq!(desk.open("day", 2, &[want]).result.unwrap_err(), Refusal::SaleClosed);
    }
}

/// Two slots for one seat are a fault of whoever loads them; nobody is told that they sit side by side on it.
#[test]
fn one_seat_loaded_twice_is_not_two_side_by_side() {
    for position in [None, Some(4)] {
        let twice = |id: &str| SlotSpec { id: id.into(), position, ..seat("a", 1, 7) };
        let mut desk = desk(1, &[twice("first"), twice("second")]);
        assert!(desk.open("day", 1, &[best(2)]).result.is_err());
        desk.open("day", 1, &[best(1)]).result.expect("each alone can be had");
    }
}

/// A named seat parts its row: what is left of it may be neat although the row as it stands is not.
#[test]
fn nobody_is_left_alone_beside_a_seat_named_in_the_same_request() {
    for shards in [1, 8] {
        let mut desk = desk(shards, &rows("a", 2, 3));
        let cart = desk.open("day", 1, &[slot("a-2-1", 1), best(2)]).result.expect("seats");
        let mut seats = names(&cart);
        seats.sort_unstable();
        assert_eq!(seats, ["a-2-1", "a-2-2", "a-2-3"]);
    }
}

#[test]
fn what_was_named_and_falls_short_is_told_beside_what_is_to_be_chosen() {
    for shards in [1, 8] {
        let mut slots = rows("a", 1, 2);
        slots.extend([SlotSpec::new("p", "park", 1), SlotSpec::new("q", "lake", 1)]);
        let mut desk = desk(shards, &slots);
        desk.open("day", 1, &[slot("p", 1), best(2)]).result.expect("all of it is free");
        for wants in [[slot("p", 1), slot("q", 5), best(1)], [best(1), slot("p", 1), slot("q", 5)]] {
            match desk.open("day", 2, &wants).result.unwrap_err() {
                Refusal::AllHeld(short) => {
                    let named = short
                        .conflicts
                        .iter()
                        .map(|conflict| (&*conflict.slot, conflict.wanted, conflict.free));
                    assert_eq!(named.collect::<Vec<_>>(), [("p", 1, 0), ("q", 5, 1)]);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_venue_without_a_part_is_not_sold_out_and_no_alternative() {
    let day = |days: i64| WallTime(onsale_engine::testing::desk::START_MS.cast_signed() + days * 86_400_000);
    let dose = |product: &str, venue: &str, days: i64| SlotSpec {
        product: Some(product.to_owned()),
        starts_at: Some(day(days)),
        ..SlotSpec::new(&format!("{venue}-{product}-{days}"), venue, 5)
    };
    let slots = [
        dose("dose1", "first", 1),
        dose("dose2", "second", 22),
        dose("dose1", "early", 1),
        dose("dose2", "early", 2),
        dose("dose1", "whole", 1),
        dose("dose2", "whole", 22),
    ];
    let anywhere = BundleRule { name: "anywhere".into(), same_venue: false, ..two_doses() };
    let mut desk = Desk::new(8);
    desk.sale(SaleRules { bundles: vec![two_doses(), anywhere], ..SaleRules::new("day", "UTC") });
    desk.slots("day", &slots);
    for (rule, venue, lacking, hint) in [
        ("two-doses", "first", "dose2", false),
        ("two-doses", "second", "dose1", false),
        ("anywhere", "first", "dose2", true),
    ] {
        let any = Want::AnyBundle { rule: rule.into(), venue: venue.into(), from: None, to: None };
        match desk.open("day", 1, &[any]).result.unwrap_err() {
            Refusal::BundleIncomplete { why, scope } => {
                assert!(why.starts_with(&format!("`{venue}` has no `{lacking}`")), "{why}");
                assert_eq!(why.contains("name the slots"), hint, "{why}");
                // `early` has both, a day apart.
                assert_eq!(scope.expect("a scope").elsewhere, ["whole"]);
            }
            other => panic!("{other:?}"),
        }
    }
    let named =
        |slots: [&str; 2]| Want::Bundle { rule: "anywhere".into(), slots: slots.map(str::to_owned).to_vec() };
    desk.open("day", 1, &[named(["first-dose1-1", "second-dose2-22"])]).result.expect("over two venues");
}

/// The gap is in local days: on 2021-03-28 the clocks of Berlin went from 2:00 to 3:00, so a day there has 23 hours.
#[test]
fn a_gap_is_counted_in_local_days_across_a_change_of_the_clocks() {
    let at = |text: &str| -> WallTime {
        let zoned: jiff::Zoned = text.parse().expect("a time");
        WallTime(zoned.timestamp().as_millisecond())
    };
    // First dose, second dose, whether 21 to 28 local days lie between them.
    let table = "
        2021-03-27T23:59 2021-04-17T00:01 yes
        2021-03-28T00:00 2021-04-17T23:59 no
        2021-03-28T00:01 2021-04-18T00:00 yes
        2021-03-08T00:00 2021-03-28T23:59 no
        2021-03-07T23:59 2021-03-28T00:00 yes
        2021-03-01T00:00 2021-03-29T23:59 yes
        2021-02-28T23:59 2021-03-29T00:00 no
        2021-03-27T23:30 2021-04-24T23:59 yes
        2021-03-27T23:30 2021-04-25T00:00 no
        2021-10-10T23:59 2021-10-31T00:00 yes
        2021-10-31T00:00 2021-11-20T23:59 no
        2021-10-03T00:00 2021-10-31T23:59 yes
        2021-10-02T23:59 2021-10-31T00:00 no
    ";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let mut desk = Desk::new(4);
        desk.sale(SaleRules { bundles: vec![two_doses()], ..SaleRules::new("day", "Europe/Berlin") });
        let dose = |id: &str, when: &str| SlotSpec {
            product: Some(id.to_owned()),
            starts_at: Some(at(&format!("{when}[Europe/Berlin]"))),
            ..SlotSpec::new(id, "kiel", 1)
        };
        desk.slots("day", &[dose("dose1", parts[0]), dose("dose2", parts[1])]);
        let any = || Want::AnyBundle { rule: "two-doses".into(), venue: "kiel".into(), from: None, to: None };
        let named = Want::Bundle { rule: "two-doses".into(), slots: vec!["dose1".into(), "dose2".into()] };
        let offers =
            desk.core.bundles(desk.now(), "day", "two-doses", None, None, 10).result.expect("offers");
        let fits = parts[2] == "yes";
        assert_eq!(offers.len(), usize::from(fits), "{line}");
        match desk.open("day", 1, &[any()]).result {
            Ok(cart) => {
                assert!(fits, "{line}");
                let on = desk.on(cart.cart);
                desk.core.abandon(desk.now(), on).result.expect("an open cart");
            }
            Err(Refusal::BundleIncomplete { scope, .. }) => {
                assert!(!fits, "{line}");
                assert_eq!(scope.expect("a scope").rule.as_deref(), Some("two-doses"));
            }
            Err(other) => panic!("{line}: {other:?}"),
        }
        assert_eq!(desk.open("day", 1, &[named]).result.is_ok(), fits, "{line}");
    }
}

/// A list of which every bundle ends with the same slot sends everybody who reads it to that slot.
#[test]
fn offers_of_a_day_end_with_slots_of_their_own() {
    let desk = Desk::new(4);
    desk.sale(SaleRules { bundles: vec![two_doses()], ..SaleRules::new("day", "UTC") });
    let day = 86_400_000_i64;
    let slots: Vec<SlotSpec> = [("dose1", 0), ("dose2", 21)]
        .into_iter()
        .flat_map(|(product, days)| {
            (0..10_i64).map(move |number| SlotSpec {
                product: Some(product.to_owned()),
                starts_at: Some(WallTime(1_700_000_000_000 + days * day + number * 300_000)),
                ..SlotSpec::new(&format!("{product}-{number}"), "kiel", 3)
            })
        })
        .collect();
    desk.slots("day", &slots);
    let offers = desk.core.bundles(desk.now(), "day", "two-doses", Some("kiel"), None, 20).result.unwrap();
    let second: std::collections::BTreeSet<&str> =
        offers.iter().map(|offer| offer.slots[1].0.as_str()).collect();
    assert_eq!((offers.len(), second.len()), (10, 10), "{second:?}");
}

#[test]
fn a_search_does_not_look_at_what_is_full() {
    let looked = |desk: &Desk| {
        let costs = &desk.core.costs;
        let of = |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
        of(&costs.looked_rows) + of(&costs.looked_slots)
    };
    let mut costs = Vec::new();
    for many in [4, 400] {
        let mut slots = rows("a", many, 10);
        slots.extend((0..many * 50).map(|n| SlotSpec::new(&format!("ga-{n}"), "hall", 2)));
        let mut desk = desk(1, &slots);
        for row in 1..many {
            let seats = (1..=10).filter(|number| number % 3 != 0);
            let wants: Vec<Want> = seats.map(|number| slot(&format!("a-{row}-{number}"), 1)).collect();
            desk.open("day", 1, &wants).result.expect("free");
        }
        desk.open("day", 1, &[slot(&format!("ga-{}", many * 50 - 1), 1)]).result.expect("free");
        let mut cost = |n| {
            let before = looked(&desk);
            let said = desk.open("day", 1, &[best(n)]).result.is_ok();
            (said, looked(&desk) - before)
        };
        // A pair is in the last row; so are four; eleven are nowhere, nor is a place for three without numbers. The
        // first who asks for three finds out about the slots of two, and notes it.
        costs.push([cost(2), cost(4), cost(11), cost(11), cost(3), cost(3), cost(1)]);
    }
    assert_eq!(costs[0], costs[1], "400 rows and 20,000 slots cost what 4 rows and 200 slots do");
    assert!(costs[0].iter().all(|(_, looked)| *looked <= 4), "{costs:?}");
}

#[test]
fn random_parties_never_get_what_is_not_asked_for() {
    let mut desk = desk(8, &[rows("a", 6, 12), rows("b", 6, 12)].concat());
    let mut seats = 0;
    for step in 0..200_u64 {
        let n = 1 + u32::try_from(mix(step, 9) % 4).unwrap();
        if let Ok(cart) = desk.open("day", u128::from(step), &[best(n)]).result {
            let mut places: Vec<(&str, u32)> = cart
                .items
                .iter()
                .map(|item| {
                    let (row, number) = item.slot.rsplit_once('-').unwrap();
                    (row, number.parse().unwrap())
                })
                .collect();
            places.sort_unstable();
            assert!(places.windows(2).all(|pair| pair[0].0 == pair[1].0 && pair[0].1 + 1 == pair[1].1));
            seats += n;
        }
    }
    assert!(seats > 140, "{seats} of 144 seats");
}

#[test]
fn several_parties_of_one_request_do_not_take_each_others_seats() {
    let careless = |quantity| Want::Best {
        venue: "hall".into(),
        section: None,
        quantity,
        adjacent: true,
        avoid_orphans: false,
        accessible: false,
    };
    for shards in [1, 8] {
        let mut desk = desk(shards, &rows("a", 1, 3));
        // A single sits in the middle of three, where a pair does not fit beside him; the pair first, and both fit.
        let cart = desk.open("day", 1, &[careless(1), careless(2)]).result.expect("a way to seat all");
        assert_eq!(cart.items.len(), 3);
        assert_eq!(cart.items.iter().map(|item| item.bundle).collect::<Vec<_>>(), [0, 2, 2]);
        let mut desk = self::desk(shards, &rows("a", 1, 3));
        // What is true of one of them alone is said of that one; else nothing is said of the hall.
        let no = desk.open("day", 1, &[careless(1), careless(4)]).result.unwrap_err();
        assert!(
            matches!(no, Refusal::SlotTaken(short) if short.scope.as_ref().is_some_and(|scope| scope.quantity == 4))
        );
        match desk.open("day", 1, &[careless(2), careless(2)]).result.unwrap_err() {
            Refusal::BundleIncomplete { why, scope: None } => assert!(why.contains("ask for fewer"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}
