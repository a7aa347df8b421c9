//! What the public is shown: snapshots that cost no lock, their words and times, and lists that cost their page.

use std::sync::Arc;

use onsale_engine::decide::{Availability, OrderQuery, SlotQuery};
use onsale_engine::digest::mix;
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::StockState;
use onsale_engine::sale::{BundleRule, SaleRules};
use onsale_engine::testing::desk::{Desk, SHOP, START_MS, slot};
use onsale_engine::time::{Millis, Timestamp, WallTime};

fn wall(after: u64) -> WallTime {
    WallTime((START_MS + after).cast_signed())
}

fn read(desk: &Desk, by_venue: bool, by_day: bool) -> Availability {
    desk.core.availability(desk.now(), "day", by_venue, by_day, None).result.expect("a sale")
}

fn words(desk: &Desk) -> String {
    let line = |line: &onsale_engine::decide::AvailabilityLine| {
        let after = |at: u64| format!("+{}", at - START_MS);
        let release = line.next_release_at.map(|at| after(at.0.cast_unsigned()));
        let back = line.earliest_return_at.map(|at| after(at.0));
        let times = [release, back].into_iter().flatten().collect::<Vec<_>>().join(" ");
        format!("{} {:?} {} {times}", line.venue.as_deref().unwrap_or("-"), line.state, line.counts.free())
    };
    read(desk, true, false)
        .lines
        .iter()
        .map(|here| line(here).trim().to_owned())
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn words_and_times_follow_the_stock() {
    let mut desk = Desk::new(4);
    let rules = SaleRules { hold_ttl: Millis(10_000), few_units: 1, ..SaleRules::new("day", "UTC") };
    desk.sale(SaleRules { opens_at: Some(wall(5_000)), closes_at: Some(wall(100_000)), ..rules });
    let later =
        |id: &str, venue: &str, at| SlotSpec { releases_at: Some(wall(at)), ..SlotSpec::new(id, venue, 3) };
    desk.slots(
        "day",
        &[
            SlotSpec::new("a", "kiel", 2),
            later("b", "kiel", 30_000),
            later("c", "plön", 40_000).tap(|slot| slot.venue = "ploen".into()),
        ],
    );
    assert_eq!(words(&desk), "kiel NotReleased 5 +5000; ploen NotReleased 3 +40000");
    desk.clock = 5_000;
    assert_eq!(words(&desk), "kiel Available 5 +30000; ploen NotReleased 3 +40000");
    desk.open("day", 1, &[slot("a", 1)]).result.expect("free");
    desk.clock = 7_000;
    assert_eq!(words(&desk), "kiel Few 4 +30000; ploen NotReleased 3 +40000");
    let second = desk.open("day", 2, &[slot("a", 1)]).result.expect("free").cart;
    desk.clock = 9_000;
    assert_eq!(words(&desk), "kiel AllHeld 3 +30000 +15000; ploen NotReleased 3 +40000");
    // The first one due goes back: the next is found among what is left.
    desk.clock = 15_000;
    assert_eq!(words(&desk), "kiel Few 4 +30000; ploen NotReleased 3 +40000");
    let third = desk.open("day", 3, &[slot("a", 1)]).result.expect("free").cart;
    desk.clock = 16_500;
    assert_eq!(words(&desk), "kiel AllHeld 3 +30000 +17000; ploen NotReleased 3 +40000");
    desk.checkout(second).result.expect("still open");
    desk.clock = 18_000;
    assert_eq!(words(&desk), "kiel AllHeld 3 +30000 +25000; ploen NotReleased 3 +40000");
    desk.checkout(third).result.expect("still open");
    desk.clock = 20_000;
    // Not sold out: more will be released.
    assert_eq!(words(&desk), "kiel NotReleased 3 +30000; ploen NotReleased 3 +40000");
    desk.clock = 30_000;
    assert_eq!(words(&desk), "kiel Available 3; ploen NotReleased 3 +40000");
    let cart = desk.open("day", 4, &[slot("b", 3)]).result.expect("released").cart;
    desk.checkout(cart).result.expect("open");
    desk.clock = 40_000;
    assert_eq!(words(&desk), "kiel SoldOut 0; ploen Available 3");
    desk.clock = 100_000;
    assert_eq!(words(&desk), "kiel Closed 0; ploen Closed 3");
}

/// A slot without units, or with none left, brings nothing when it is released: it made a line say an instant at which nothing
/// could be had.
#[test]
fn the_next_release_is_of_units_not_of_slots() {
    let mut desk = Desk::new(4);
    desk.sale(SaleRules { hold_ttl: Millis(10_000), ..SaleRules::new("day", "UTC") });
    let spec = |id: &str, venue: &str, capacity, releases: Option<u64>| SlotSpec {
        releases_at: releases.map(wall),
        ..SlotSpec::new(id, venue, capacity)
    };
    // Two products: what is true of one group is true of several.
    let other = |spec: SlotSpec| spec.tap(|slot| slot.product = Some("other".into()));
    desk.slots(
        "day",
        &[
            spec("z", "kiel", 0, None),
            spec("n", "kiel", 3, Some(90_000)),
            other(spec("y", "kiel", 0, Some(70_000))),
            spec("s", "luebeck", 1, None),
            other(spec("m", "luebeck", 3, Some(90_000))),
            spec("nothing", "ploen", 0, Some(70_000)),
        ],
    );
    let cart = desk.open("day", 1, &[slot("s", 1)]).result.expect("free").cart;
    desk.sale(SaleRules { opens_at: Some(wall(50_000)), ..SaleRules::new("day", "UTC") });
    desk.clock = 1_000;
    // What is held may come back before the opening.
    let (kiel, ploen) = ("kiel NotReleased 3 +90000", "ploen NotReleased 0 +70000");
    assert_eq!(words(&desk), format!("{kiel}; luebeck NotReleased 3 +50000; {ploen}"));
    desk.checkout(cart).result.expect("open");
    desk.clock = 5_000;
    assert_eq!(words(&desk), format!("{kiel}; luebeck NotReleased 3 +90000; {ploen}"));
    // One that was put off with a hold in it.
    desk.sale(SaleRules::new("day", "UTC"));
    desk.slots("day", &[spec("h", "selent", 1, None)]);
    desk.open("day", 2, &[slot("h", 1)]).result.expect("free");
    desk.slots("day", &[spec("h", "selent", 1, Some(80_000))]);
    desk.sale(SaleRules { opens_at: Some(wall(50_000)), ..SaleRules::new("day", "UTC") });
    desk.clock = 10_000;
    assert!(words(&desk).ends_with("selent NotReleased 0 +80000"), "{}", words(&desk));
}

trait Tap: Sized {
    fn tap(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Tap for SlotSpec {}

#[test]
fn a_reader_waits_for_no_lock_and_sees_nothing_older_than_two_seconds() {
    let mut desk = Desk::new(4);
    desk.sale(SaleRules::new("day", "UTC"));
    desk.slots("day", &[SlotSpec::new("a", "kiel", 100)]);
    let free = |of: &Availability| of.lines[0].counts.free();
    let first = read(&desk, true, true);
    let before = desk.core.buffer.last();
    desk.open("day", 1, &[slot("a", 10)]).result.expect("free");
    desk.clock = 999;
    {
        // Every shard is locked: whoever needed one would wait for ever.
        let _held: Vec<_> = (0..4).map(|shard| desk.core.state.lock_shard(shard)).collect();
        let again = read(&desk, true, true);
        assert!(Arc::ptr_eq(&first.lines, &again.lines));
        assert_eq!((free(&again), again.as_of.engine), (100, Timestamp(START_MS)));
        let answer = desk.core.availability(desk.now(), "day", true, true, None);
        assert_eq!(answer.rests_on, before, "it rests on what it saw, not on what happened since");
    }
    desk.clock = 1_000;
    assert_eq!(free(&read(&desk, true, true)), 90);
    // The ticker keeps it younger than a quarter of a second as long as somebody reads.
    desk.open("day", 1, &[slot("a", 10)]).result.expect("free");
    desk.clock = 1_249;
    desk.core.refresh_documents(desk.now());
    assert_eq!(free(&read(&desk, true, true)), 90);
    desk.clock = 1_250;
    desk.core.refresh_documents(desk.now());
    assert_eq!(free(&read(&desk, true, true)), 80);
    desk.clock = 20_000;
    desk.core.refresh_documents(desk.now());
    assert_eq!(desk.core.state.documents.all_stock().len(), 1);
    assert_eq!(
        read(&desk, true, true).as_of.engine,
        Timestamp(START_MS + 20_000),
        "nobody read it meanwhile"
    );
}

#[test]
fn offers_are_taken_seldom_and_questions_are_bounded() {
    let mut desk = Desk::new(4);
    let parts = vec!["one".into(), "two".into()];
    let rule =
        BundleRule { name: "pair".into(), parts, same_venue: true, gap_days: None, cancel_parts: false };
    desk.sale(SaleRules { bundles: vec![rule], ..SaleRules::new("day", "UTC") });
    let part =
        |id: &str, product: &str| SlotSpec { product: Some(product.into()), ..SlotSpec::new(id, "kiel", 1) };
    let slots: Vec<_> =
        (0..5).flat_map(|n| [part(&format!("a{n}"), "one"), part(&format!("b{n}"), "two")]).collect();
    desk.slots("day", &slots);
    let offers = |desk: &Desk, limit| {
        desk.core.bundles(desk.now(), "day", "pair", None, None, limit).result.expect("a rule").len()
    };
    assert_eq!((offers(&desk, 3), offers(&desk, 100)), (3, 5));
    desk.open("day", 1, &[slot("a0", 1)]).result.expect("free");
    assert_eq!(offers(&desk, 100), 5, "as of a moment ago");
    desk.clock = 1_000;
    assert_eq!(offers(&desk, 100), 4);
    for limit in 0..1_000 {
        assert_eq!(offers(&desk, limit), limit.min(4));
    }
    assert!(desk.core.state.documents.all_offers(desk.now()).len() <= 256);
    desk.clock = 60_000;
    assert_eq!(desk.core.state.documents.all_offers(desk.now()).len(), 0, "nobody asks any more");
}

#[test]
fn a_list_by_pages_is_the_list() {
    let desk = Desk::new(8);
    desk.sale(SaleRules::new("day", "Europe/Berlin"));
    let mut slots: Vec<SlotSpec> = (0..1_500_u64)
        .map(|n| {
            let what = mix(n, 77);
            SlotSpec {
                section: (what & 1 == 1).then(|| format!("s{}", what >> 4 & 3)),
                product: (what & 2 == 2).then(|| "dose".into()),
                starts_at: (what >> 8 & 15 != 0)
                    .then(|| WallTime(wall(0).0 + ((what >> 16) % 200).cast_signed() * 1_800_000)),
                ..SlotSpec::new(
                    &format!("n{n}"),
                    &format!("v{}", what >> 32 & 3),
                    1 + u32::from(what >> 40 & 1 == 1) * 20,
                )
            }
        })
        .collect();
    desk.slots("day", &slots);
    slots.sort_by(|one, other| {
        let order = |slot: &SlotSpec| (slot.venue.clone(), slot.starts_at, slot.id.clone());
        order(one).cmp(&order(other))
    });
    let all = |query: &SlotQuery<'_>| {
        let (mut ids, mut after, mut pages): (Vec<String>, Option<String>, usize) = (Vec::new(), None, 0);
        loop {
            let query = SlotQuery { after: after.as_deref(), ..query.clone() };
            let page = desk.core.slots(desk.now(), "day", &query).result.expect("a page");
            assert!(page.items.len() <= query.limit);
            assert!(page.next.is_none() || query.state.is_some() || page.items.len() == query.limit);
            ids.extend(page.items.into_iter().map(|view| view.slot.id));
            pages += 1;
            match page.next {
                Some(next) => after = Some(next),
                None => return (ids, pages),
            }
        }
    };
    let expect = |wanted: &dyn Fn(&SlotSpec) -> bool| -> Vec<String> {
        slots.iter().filter(|slot| wanted(slot)).map(|slot| slot.id.clone()).collect()
    };
    for limit in [1, 7, 100, 749, 1_000] {
        let query = SlotQuery { limit, ..SlotQuery::default() };
        assert_eq!(all(&query), (expect(&|_| true), slots.len().div_ceil(limit)), "pages of {limit}");
        let of = SlotQuery { venue: Some("v1"), product: Some("dose"), ..query.clone() };
        assert_eq!(all(&of).0, expect(&|slot| slot.venue == "v1" && slot.product.is_some()));
        let of = SlotQuery { section: Some("s2"), ..query.clone() };
        assert_eq!(all(&of).0, expect(&|slot| slot.section.as_deref() == Some("s2")));
        let (from, to) = (Some(WallTime(wall(0).0 + 3_600_000)), Some(WallTime(wall(0).0 + 99_000_000)));
        let of = SlotQuery { from, to, ..query.clone() };
        assert_eq!(all(&of).0, expect(&|slot| slot.starts_at >= from && slot.starts_at < to));
        let of = SlotQuery { state: Some(StockState::Available), ..query.clone() };
        assert_eq!(all(&of).0, expect(&|slot| slot.capacity > 5));
        let of = SlotQuery { venue: Some("nowhere"), ..query };
        assert_eq!(all(&of), (Vec::new(), 1));
    }
}

#[test]
fn orders_of_a_customer_are_found_with_the_customer() {
    let mut desk = Desk::new(8);
    desk.sale(SaleRules::new("day", "UTC"));
    let slots: Vec<_> = (0..40).map(|n| SlotSpec::new(&format!("s{n}"), &format!("v{}", n % 7), 1)).collect();
    desk.slots("day", &slots);
    for n in 0..40_u128 {
        let cart = desk.open("day", n % 4, &[slot(&format!("s{n}"), 1)]).result.expect("free").cart;
        if n % 5 > 0 {
            desk.checkout(cart).result.expect("open");
        }
    }
    let list = |customer, limit, after: Option<&str>| {
        let query =
            OrderQuery { customer: Some(CustomerHash(customer)), limit, after, ..OrderQuery::default() };
        desk.core.orders(desk.now(), SHOP, "day", &query).result.expect("a page")
    };
    for customer in 0..4 {
        let whole = list(customer, 1_000, None);
        assert_eq!((whole.items.len(), whole.next), (8, None));
        let (mut seen, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = list(customer, 3, after.as_deref());
            seen.extend(page.items.iter().map(|order| order.cart));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen, whole.items.iter().map(|order| order.cart).collect::<Vec<_>>());
    }
    assert_eq!(list(9, 10, None).items.len(), 0);
}
