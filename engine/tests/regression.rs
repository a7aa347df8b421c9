//! Defects that were found, each said in one sentence, so that they are not made again.

use std::sync::Arc;

use onsale_engine::commit::Ack;
use onsale_engine::decide::{OrderQuery, SlotChange, SlotQuery};
use onsale_engine::ids::{CartId, CustomerHash, SaleIx};
use onsale_engine::invariants;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::limits::{Limits, MAX_OF_CUSTOMER};
use onsale_engine::outcome::OrderState;
use onsale_engine::ports::Disk;
use onsale_engine::refusal::{Missing, Refusal};
use onsale_engine::request::{KeyUse, Notes, OpenCart, Want};
use onsale_engine::sale::{BundleRule, IfMatch, SaleRules};
use onsale_engine::start::{OpenError, StartOptions, start};
use onsale_engine::testing::clock::SimClock;
use onsale_engine::testing::desk::{Desk, SHOP, START_MS, core, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::testing::rng::SimRng;
use onsale_engine::time::{Millis, Now, Timestamp, WallTime};
use onsale_engine::visitors::{FOR_EVER, VisitorCart, VisitorShard};

const TTL: u64 = 10_000;

fn rules() -> SaleRules {
    let rule = |name: &str, parts: [&str; 2]| BundleRule {
        name: name.into(),
        parts: parts.map(String::from).to_vec(),
        same_venue: true,
        gap_days: None,
        cancel_parts: false,
    };
    SaleRules {
        hold_ttl: Millis(TTL),
        bundles: vec![rule("pair", ["dose1", "dose2"]), rule("twins", ["dose1", "dose1"])],
        ..SaleRules::new("day", "UTC")
    }
}

fn desk(slots: &[SlotSpec]) -> Desk {
    let desk = Desk::new(4);
    desk.sale(rules());
    desk.slots("day", slots);
    desk
}

fn product(id: &str, capacity: u32, product: &str) -> SlotSpec {
    SlotSpec { product: Some(product.into()), ..SlotSpec::new(id, "kiel", capacity) }
}

fn any(rule: &str) -> Want {
    Want::AnyBundle { rule: rule.into(), venue: "kiel".into(), from: None, to: None }
}

/// A hold of no units was taken, and lay in the slot's order without holding anything.
#[test]
fn nobody_holds_nothing() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 1)]);
    assert!(matches!(desk.open("day", 1, &[slot("a", 0)]).result, Err(Refusal::Rule { .. })));
}

/// A bundle of two people was refused though one slot had a unit for each, because a slot could be chosen only once.
#[test]
fn two_parts_can_be_two_units_of_one_slot() {
    let mut desk = desk(&[product("a", 3, "dose1")]);
    assert_eq!(desk.open("day", 1, &[any("twins")]).result.expect("two are free").items.len(), 2);
    assert!(desk.open("day", 2, &[any("twins")]).result.is_err());
    let mut desk = self::desk(&[product("a", 3, "dose1")]);
    assert!(desk.open("day", 1, &[slot("a", 1), any("twins")]).result.is_ok());
}

/// A closed sale said "sold out" to who let the server choose, because the choice came before the terms.
#[test]
fn terms_are_said_before_stock() {
    let mut desk = desk(&[product("a", 1, "dose1")]);
    let closes_at = Some(WallTime(START_MS.cast_signed() - 1));
    desk.sale(SaleRules { closes_at, ..rules() });
    assert_eq!(desk.open("day", 1, &[any("pair")]).result.err(), Some(Refusal::SaleClosed));
    desk.sale(SaleRules { limit_units: Some(1), ..rules() });
    let limit = Refusal::LimitReached { what: "units", limit: 1 };
    assert_eq!(desk.open("day", 1, &[any("pair")]).result.err(), Some(limit));
}

/// After the ticker had looked at a slot whose holds were due later in the same tick of 256 ms, a search for a bundle
/// believed until the next tick that nothing could be due.
#[test]
fn a_bundle_is_found_at_the_deadline_even_just_after_the_ticker() {
    let mut desk = desk(&[product("a", 1, "dose1"), product("b", 1, "dose2")]);
    // The deadline is in the last millisecond of a tick: START_MS and the epoch of ticks differ by a multiple of 256.
    desk.clock = 255 + 256 - TTL % 256;
    desk.open("day", 1, &[any("pair")]).result.expect("free");
    let deadline = desk.clock + TTL;
    desk.clock = deadline - 20;
    for shard in 0..4 {
        desk.core.settle_shard(desk.now(), shard).expect("room");
    }
    desk.clock = deadline;
    assert!(desk.open("day", 2, &[any("pair")]).result.is_ok());
}

/// A slot with more than 256 holds past their deadline was shown as held, and its capacity could not be lowered.
#[test]
fn many_lapsed_holds_of_one_slot_neither_count_nor_stand_in_the_way() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 1_000), SlotSpec::new("b", "kiel", 1_000)]);
    for customer in 0..700 {
        desk.open("day", customer, &[slot("a", 1), slot("b", 1)]).result.expect("free");
    }
    desk.clock = TTL;
    let view = desk.core.slot(desk.now(), "day", "a").result.expect("a slot");
    assert_eq!((view.counts.held, view.counts.free()), (0, 1_000));
    let change = SlotChange { capacity: Some(10), ..SlotChange::default() };
    let view = desk.core.change_slot(desk.now(), "day", "b", &change).result.expect("all have lapsed");
    assert_eq!((view.counts.held, view.counts.capacity), (0, 10));
}

/// A change of a slot answered with units as held that were past their deadline.
#[test]
fn a_changed_slot_is_shown_without_lapsed_holds() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 2)]);
    desk.open("day", 1, &[slot("a", 1)]).result.expect("free");
    desk.clock = TTL;
    let view = desk.core.change_slot(desk.now(), "day", "a", &SlotChange::default()).result.expect("a slot");
    assert_eq!(view.counts.held, 0);
}

/// An import that lowered a capacity was refused because of holds past their deadline.
#[test]
fn lapsed_holds_do_not_stand_in_the_way_of_an_import() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 5)]);
    for customer in 0..5 {
        desk.open("day", customer, &[slot("a", 1)]).result.expect("free");
    }
    desk.clock = TTL - 1;
    let fewer = [SlotSpec::new("a", "kiel", 2)];
    let done = desk.core.add_slots(desk.now(), "day", &fewer, false).result.expect("an answer");
    assert_eq!((done.updated, done.rejected.len()), (0, 1));
    desk.clock = TTL;
    let done = desk.core.add_slots(desk.now(), "day", &fewer, false).result.expect("an answer");
    assert_eq!((done.updated, done.rejected.len()), (1, 0));
    assert_eq!(invariants::check(&desk.core.state, desk.now().engine), Ok(()));
}

/// A cart with many changes that became an order and was cancelled line by line ran out of versions: the line of version
/// 255 counted as still there, could be cancelled again, and the one after it stopped the process.
#[test]
fn an_order_cancelled_line_by_line_never_runs_out_of_versions() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 300)]);
    let wants: Vec<_> = (0..20).map(|_| slot("a", 1)).collect();
    let cart = desk.open("day", 1, &wants).result.expect("free").cart;
    // 230 changes more: one in and one out.
    for _ in 0..115 {
        let on = desk.on(cart);
        let items = desk.core.add_holds(desk.now(), on, &[slot("a", 1)]).result.expect("free").items;
        let on = desk.on(cart);
        let newest = items.last().expect("it was added").ordinal;
        desk.core.release_hold(desk.now(), on, newest).result.expect("it is held");
    }
    for change in 231..=250 {
        let on = desk.on(cart);
        let done = desk.core.add_holds(desk.now(), on, &[slot("a", 1)]).result;
        assert!(done.is_ok(), "change {change}: {done:?}");
    }
    desk.checkout(cart).result.expect("open");
    let on = desk.on(cart);
    let refusal = desk.core.cancel_order(desk.now(), on, Some(&[0])).result.err();
    assert_eq!(refusal, Some(Refusal::LimitReached { what: "changes", limit: 250 }));
    let on = desk.on(cart);
    let order = desk.core.cancel_order(desk.now(), on, None).result.expect("all of it can always go");
    assert_eq!(order.state, OrderState::Cancelled);
    assert_eq!(invariants::check(&desk.core.state, desk.now().engine), Ok(()));
}

/// A hold of an order that was cancelled before was unknown, although the order lists it.
#[test]
fn a_cancelled_hold_is_not_cancelled_again_and_not_unknown() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 9)]);
    let cart = desk.open("day", 1, &[slot("a", 1), slot("a", 1), slot("a", 1)]).result.expect("free").cart;
    let on = desk.on(cart);
    desk.core.release_hold(desk.now(), on, 2).result.expect("it is held");
    desk.checkout(cart).result.expect("open");
    let mut cancel = |holds: Option<&[u8]>| {
        let on = desk.on(cart);
        desk.core
            .cancel_order(desk.now(), on, holds)
            .result
            .map(|order| order.items.iter().map(|item| (item.ordinal, item.cancelled)).collect::<Vec<_>>())
    };
    assert_eq!(cancel(Some(&[0])), Ok(vec![(0, true), (1, false)]));
    for again in [&[0][..], &[0, 1], &[0, 0]] {
        assert!(
            matches!(cancel(Some(again)), Err(Refusal::Rule { why }) if why.contains("cancelled already"))
        );
    }
    // Never there, given back before the order was made, and one of them beside one that was cancelled.
    for unknown in [&[3][..], &[2], &[0, 3]] {
        assert_eq!(cancel(Some(unknown)), Err(Refusal::NotFound(Missing::HoldOfOrder)));
    }
    assert_eq!(cancel(Some(&[1])), Ok(vec![(0, true), (1, true)]));
    assert!(matches!(cancel(None), Err(Refusal::Rule { .. })));
    assert_eq!(invariants::check(&desk.core.state, desk.now().engine), Ok(()));
}

/// The bundle that a cart cannot number was called too large a number of items, of which there was one.
#[test]
fn a_cart_has_so_many_bundles_and_no_more() {
    let mut desk = desk(&[product("a", 2_000, "p0"), SlotSpec::new("b", "kiel", 9)]);
    let parts = vec!["p0".into(), "p0".into()];
    let rule = BundleRule { name: "two".into(), parts, same_venue: true, gap_days: None, cancel_parts: true };
    desk.sale(SaleRules { bundles: vec![rule], ..rules() });
    let named = Want::Bundle { rule: "two".into(), slots: vec!["a".into(), "a".into()] };
    let cart = desk.open("day", 1, &[any("two")]).result.expect("free").cart;
    let exchange = |desk: &mut Desk, ordinal: u8, want: &Want| {
        let on = desk.on(cart);
        desk.core.exchange_hold(desk.now(), on, ordinal, want).result
    };
    for bundle in 1..120 {
        let want = if bundle % 2 == 0 { named.clone() } else { any("two") };
        exchange(&mut desk, 2 * bundle - 1, &want).expect("free");
    }
    let what = "bundles of a cart, those it no longer has included";
    let limit = Refusal::LimitReached { what, limit: 120 };
    for want in [&named, &any("two")] {
        assert_eq!(exchange(&mut desk, 239, want).err(), Some(limit.clone()));
        let on = desk.on(cart);
        let many = vec![want.clone(); 5];
        assert_eq!(desk.core.add_holds(desk.now(), on, &many).result.err(), Some(limit.clone()));
    }
    // What is refused before it still is, and what is no bundle is not.
    let unknown = exchange(&mut desk, 239, &any("nobody's")).err();
    assert_eq!(unknown, Some(Refusal::NotFound(Missing::Rule("nobody's".into()))));
    assert!(exchange(&mut desk, 239, &slot("b", 1)).is_ok());
    assert_eq!(invariants::check(&desk.core.state, desk.now().engine), Ok(()));
}

/// 64 bundles of 16 parts in one request came to more holds than a cart can number, and stopped the process.
#[test]
fn a_request_for_too_many_chosen_parts_is_refused() {
    let mut desk = desk(&[product("a", 2_000, "p0")]);
    let parts = vec!["p0".into(); 16];
    let rule =
        BundleRule { name: "many".into(), parts, same_venue: true, gap_days: None, cancel_parts: false };
    desk.sale(SaleRules { bundles: vec![rule], ..rules() });
    let wants = vec![any("many"); 64];
    let refusal = desk.open("day", 1, &wants).result.err();
    assert_eq!(refusal, Some(Refusal::TooLarge { field: "items", most: 250 }));
    assert_eq!(desk.open("day", 1, &wants[..15]).result.expect("240 are free").items.len(), 240);
}

/// A search for a bundle of eight parts whose last was sold out tried every combination of days, 40 to the seventh, with
/// the venue's lock held.
#[test]
fn a_bundle_that_cannot_be_had_is_not_looked_for_in_every_combination_of_days() {
    const DAY: i64 = 86_400_000;
    let mut slots: Vec<SlotSpec> = Vec::new();
    for part in 0..8 {
        for day in 0..40 {
            let starts_at = Some(WallTime(START_MS.cast_signed() + day * DAY));
            let capacity = u32::from(part < 7);
            let spec = product(&format!("s{part}-{day}"), capacity, &format!("p{part}"));
            slots.push(SlotSpec { starts_at, ..spec });
        }
    }
    let mut desk = desk(&slots);
    let parts = (0..8).map(|part| format!("p{part}")).collect();
    let gap_days = Some((0, 40));
    let rule = BundleRule { name: "course".into(), parts, same_venue: true, gap_days, cancel_parts: false };
    desk.sale(SaleRules { bundles: vec![rule], ..rules() });
    assert!(matches!(desk.open("day", 1, &[any("course")]).result, Err(Refusal::SoldOut(_))));
}

/// A journal whose facts gave a slot too little capacity, or named a slot that is not the next, stopped recovery in the
/// middle of `apply` instead of with the number of the fact.
#[test]
fn a_wrong_journal_is_refused_before_it_is_applied() {
    use onsale_engine::fact::{self, Cold, Fact, Kind, NewItem, SlotEntry};
    use onsale_engine::ids::{SaleIx, SlotRef};
    use onsale_engine::recovery::{RecoveryError, Replay};
    use onsale_engine::testing::follower::Follower;

    let mut desk = desk(&[SlotSpec::new("a", "kiel", 2), SlotSpec::new("b", "kiel", 1)]);
    let cart = desk.open("day", 1, &[slot("a", 2)]).result.expect("free").cart;
    desk.open("day", 1, &[slot("b", 1)]).result.expect("free");
    let mut follower = Follower::default();
    follower.drain(&desk.core.buffer).expect("what happened fits");
    let sale = SaleIx(0);
    let place = desk.core.state.names.slot(sale, "a").expect("it is there");
    let other = desk.core.state.names.slot(sale, "b").expect("it is there");
    let entry = |place, capacity| SlotEntry { place, day: None, spec: SlotSpec::new("a", "kiel", capacity) };
    let beyond = SlotRef { index: 9, ..place };
    let items = [NewItem { slot: other, quantity: 1, bundle: 0 }].into_iter().collect();
    let wrong = [
        Kind::Cold(Box::new(Cold::SlotChanged { slot: place, capacity: 1, blocked: 0, reason: None })),
        Kind::Cold(Box::new(Cold::SlotsSet { sale, added: Vec::new(), updated: vec![entry(place, 1)] })),
        Kind::Cold(Box::new(Cold::SlotsSet { sale, added: vec![entry(beyond, 1)], updated: Vec::new() })),
        Kind::Exchanged { cart, out: [0].into_iter().collect(), items, key: None },
    ];
    for kind in wrong {
        let mut replay = Replay::new([3, 4]);
        let encoded = |fact: &Fact| {
            let mut bytes = Vec::new();
            fact::encode(fact, &mut bytes);
            bytes
        };
        for fact in follower.facts() {
            replay.record(replay.last().next(), &encoded(fact)).expect("this happened");
        }
        let wrong = Fact { at: desk.now().engine, kind };
        let refused = replay.record(replay.last().next(), &encoded(&wrong));
        assert!(matches!(refused, Err(RecoveryError::Misfit { .. })), "{wrong:?}: {refused:?}");
    }
}

/// The server sold a bundle whose first part had no day although its rule asks for days between the parts, and passed over
/// one that fitted. Found by the simulator.
#[test]
fn a_part_without_a_day_is_in_no_bundle_with_a_gap() {
    let mut desk = Desk::new(4);
    let mut rules = rules();
    rules.bundles[0].gap_days = Some((1, 3));
    desk.sale(rules);
    let on_day = |id: &str, product: &str, day: u64| SlotSpec {
        starts_at: Some(WallTime((START_MS + day * 86_400_000).cast_signed())),
        ..self::product(id, 1, product)
    };
    desk.slots("day", &[product("walk-in", 1, "dose1"), on_day("second", "dose2", 3)]);
    assert!(desk.open("day", 1, &[any("pair")]).result.is_err());
    desk.slots("day", &[on_day("first", "dose1", 1)]);
    let items = desk.open("day", 1, &[any("pair")]).result.expect("these fit").items;
    assert_eq!(items.iter().map(|item| item.slot.as_str()).collect::<Vec<_>>(), ["first", "second"]);
}

/// A list showed holds past their deadline as held until the ticker came.
#[test]
fn a_list_shows_what_is_due_as_free() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 2), SlotSpec::new("b", "kiel", 2)]);
    desk.open("day", 1, &[slot("a", 2), slot("b", 1)]).result.expect("free");
    let held = |desk: &Desk| -> Vec<u64> {
        let list = desk.core.slots(desk.now(), "day", &SlotQuery { limit: 10, ..SlotQuery::default() });
        assert!(list.rests_on <= desk.core.buffer.last());
        list.result.expect("a list").items.iter().map(|slot| slot.counts.held).collect()
    };
    desk.clock = TTL - 1;
    assert_eq!(held(&desk), [2, 1]);
    let before = desk.core.buffer.last();
    desk.clock = TTL;
    assert_eq!(held(&desk), [0, 0]);
    assert_eq!(desk.core.buffer.last().0, before.0 + 2, "what is said to be free rests on a fact");
    assert_eq!(held(&desk), [0, 0]);
    assert_eq!(desk.core.buffer.last().0, before.0 + 2);
}

/// Who was told that everything is held was not told when the first of it can come back.
#[test]
fn all_held_says_when_something_can_come_back() {
    let back_in = |desk: &mut Desk, wants: &[Want]| match desk.open("day", 9, wants).result {
        Err(Refusal::AllHeld(short)) => short.back_in.map(|back_in| back_in.0),
        other => panic!("{other:?}"),
    };
    let mut desk = desk(&[product("a", 1, "dose1"), product("b", 1, "dose2"), product("c", 1, "dose2")]);
    desk.open("day", 1, &[slot("a", 1), slot("b", 1)]).result.expect("free");
    desk.clock = 3_000;
    let second = desk.open("day", 2, &[slot("c", 1)]).result.expect("free").cart;
    desk.clock = 4_000;
    assert_eq!(back_in(&mut desk, &[slot("a", 1)]), Some(TTL - 4_000));
    // Both are needed, so the later one counts; of a part any will do, so the first one counts.
    assert_eq!(back_in(&mut desk, &[slot("a", 1), slot("c", 1)]), Some(TTL - 1_000));
    assert_eq!(back_in(&mut desk, &[any("pair")]), Some(TTL - 4_000));
    let best = Want::Best {
        venue: "kiel".into(),
        section: None,
        quantity: 1,
        adjacent: true,
        avoid_orphans: true,
        accessible: false,
    };
    assert_eq!(back_in(&mut desk, &[best]), Some(TTL - 4_000));
    desk.checkout(second).result.expect("open");
    assert_eq!(back_in(&mut desk, &[slot("a", 1)]), Some(TTL - 4_000));
}

/// Nothing kept an operator from keeping carts for less long than keys, whose answers are made from the carts.
#[test]
fn carts_are_kept_as_long_as_keys() {
    let limits = |cart_keep| Limits { idempotency_keep: Millis(1_000), cart_keep, ..Limits::default() };
    assert_eq!(limits(Millis(1_000)).check(), Ok(()));
    assert!(limits(Millis(999)).check().unwrap_err().contains("at least as long"));
    assert_eq!(Limits::default().check(), Ok(()));
    let mut rng = SimRng::new(1);
    let options = StartOptions::new(4, Ack::Fsync, limits(Millis(999)), &mut rng);
    let clock = Arc::new(SimClock::new(WallTime(START_MS.cast_signed())));
    let disk = SimDisk::new(1);
    let refused = start(&disk, clock, &mut rng, options, |_| {});
    assert!(matches!(refused, Err(OpenError::Limits(_))), "{refused:?}");
    assert_eq!(disk.list().expect("a folder"), Vec::<String>::new(), "nothing was touched");
}

/// A customer whose carts only ever lapsed was remembered for ever.
#[test]
fn visitors_with_nothing_left_are_forgotten() {
    let desk = Desk::new(4);
    desk.sale(SaleRules { limit_units: Some(2), ..rules() });
    desk.slots("day", &[SlotSpec::new("a", "kiel", 1_000)]);
    let mut desk = desk;
    for customer in 0..200 {
        desk.open("day", customer, &[slot("a", 1)]).result.expect("free");
    }
    let bought = desk.open("day", 500, &[slot("a", 1)]).result.expect("free").cart;
    desk.checkout(bought).result.expect("open");
    desk.clock = 5_000;
    desk.open("day", 600, &[slot("a", 2)]).result.expect("free");
    desk.clock = TTL;
    let live = |desk: &Desk| (0..4).map(|shard| desk.core.state.lock_visitors(shard).live()).sum::<u32>();
    assert_eq!(live(&desk), 202);
    for shard in 0..4 {
        assert_eq!(desk.core.forget_visitors(desk.now(), shard, 0).expect("there is room"), 0);
    }
    assert_eq!(live(&desk), 2, "one bought, one still holds");
    let before = desk.core.buffer.last();
    for shard in 0..4 {
        desk.core.forget_visitors(desk.now(), shard, 0).expect("there is room");
    }
    assert_eq!(desk.core.buffer.last(), before, "nothing is written down when nobody is forgotten");
    invariants::check(&desk.core.state, desk.now().engine).expect("every invariant");
    // Who read the time before is decided at the time of the forgetting, when the old cart counted no more.
    desk.clock = TTL - 1;
    let late = desk.open("day", 7, &[slot("a", 2)]);
    assert_eq!(late.now.engine.0, START_MS + TTL);
    late.result.expect("nothing of the old cart counts");
    assert!(matches!(desk.open("day", 600, &[slot("a", 1)]).result, Err(Refusal::LimitReached { .. })));
}

/// An exchange of two units for two others was refused under terms that had come down to fewer, though nothing grew.
#[test]
fn who_holds_more_than_the_terms_now_allow_may_still_exchange() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 9), SlotSpec::new("b", "kiel", 9)]);
    desk.sale(SaleRules { limit_units: Some(4), ..rules() });
    let cart = desk.open("day", 1, &[slot("a", 2), slot("b", 2)]).result.expect("four are allowed");
    desk.sale(SaleRules { limit_units: Some(2), ..rules() });
    let ordinal = cart.items[0].ordinal;
    let on = desk.on(cart.cart);
    let more = desk.core.exchange_hold(desk.now(), on, ordinal, &slot("b", 3)).result;
    assert_eq!(more.err(), Some(Refusal::LimitReached { what: "units", limit: 2 }));
    let on = desk.on(cart.cart);
    desk.core.exchange_hold(desk.now(), on, ordinal, &slot("b", 2)).result.expect("as many as before");
}

/// Whoever listed orders of which few were asked for kept a shard from its buyers until all its carts were looked through.
#[test]
fn a_list_looks_through_so_many_carts_and_goes_on_with_the_next_page() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 100_000)]);
    let mut last = None;
    for customer in 0..70_000 {
        let cart = desk.open("day", customer, &[slot("a", 1)]).result.expect("free").cart;
        desk.core.buffer.discard();
        last = Some(cart);
    }
    let last = last.expect("a cart");
    desk.checkout(last).result.expect("open");
    let (mut after, mut pages) = (None::<String>, Vec::new());
    loop {
        let query = OrderQuery { limit: 5, after: after.as_deref(), ..OrderQuery::default() };
        let page = desk.core.orders(desk.now(), SHOP, "day", &query).result.expect("a page");
        pages.push(page.items.iter().map(|order| order.cart).collect::<Vec<_>>());
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![], vec![last]]);
}

/// With a customer's orders grew what each of their steps cost, as a till has them that sells all as one customer.
#[test]
fn a_customer_has_so_many_carts_and_orders_and_no_more() {
    let mut desk = desk(&[SlotSpec::new("a", "kiel", 9)]);
    let first = desk.open("day", 1, &[slot("a", 1)]).result.expect("free");
    {
        let shard = VisitorShard::of(first.customer, desk.core.state.shards());
        let mut visitors = desk.core.state.lock_visitors(shard);
        let at = desk.now().engine;
        for number in 1..MAX_OF_CUSTOMER as u64 {
            let order = VisitorCart { cart: CartId(1 << 40 | number), until: FOR_EVER, units: 1 };
            visitors.set(first.customer, SaleIx(0), at, order);
        }
    }
    desk.open("day", 1, &[slot("a", 1)]).result.expect("one more");
    let refused = desk.open("day", 1, &[slot("a", 1)]).result.err();
    let limit = MAX_OF_CUSTOMER as u64;
    assert_eq!(refused, Some(Refusal::LimitReached { what: "carts and orders", limit }));
    desk.open("day", 2, &[slot("a", 1)]).result.expect("somebody else");
}

/// An operator's change has no idempotency key: it must be safe to send it twice because it says what is to be.
#[test]
fn a_slot_that_is_set_to_what_it_is_stays_untouched() {
    let desk = desk(&[SlotSpec::new("a", "kiel", 4)]);
    let change = SlotChange { capacity: Some(6), blocked: Some(2), reason: Some("rain".into()) };
    let set = || desk.core.change_slot(desk.now(), "day", "a", &change);
    let first = set().result.expect("there is room").counts;
    let before = desk.core.buffer.last();
    assert_eq!(set().result.expect("there is room").counts, first);
    assert_eq!(desk.core.buffer.last(), before, "nothing happened, so nothing is written down");
}

/// What explains a refused capacity named carts whose units had gone back long ago.
#[test]
fn carts_that_have_expired_are_not_in_the_way() {
    let mut desk = desk(&[product("a", 2, "x")]);
    let lapsed = desk.open("day", 1, &[slot("a", 1)]).result.unwrap().cart;
    desk.clock += TTL;
    let living = desk.open("day", 2, &[slot("a", 1)]).result.unwrap().cart;
    let change = SlotChange { capacity: Some(0), ..SlotChange::default() };
    let refused = desk.core.change_slot(desk.now(), "day", "a", &change).result.unwrap_err();
    let Refusal::BelowCommitted { in_the_way } = refused else { panic!("{refused:?}") };
    let named: Vec<_> = in_the_way.iter().map(|it| it.cart).collect();
    assert_eq!(named, [living], "and not {lapsed:?}");
}

/// A list of orders left out those that it had no room in the journal's buffer to look at, and said that there were no more.
#[test]
fn a_list_of_orders_is_whole_or_refused() {
    let mut desk = desk(&[product("a", 9, "x")]);
    for customer in 0..3 {
        let cart = desk.open("day", customer, &[slot("a", 1)]).result.unwrap().cart;
        assert!(desk.checkout(cart).result.is_ok());
    }
    desk.core.buffer.discard();
    let cart = desk.open("day", 9, &[slot("a", 1)]).result.unwrap().cart;
    let caller = desk.on(cart).caller;
    let query = OrderQuery { limit: 2, ..OrderQuery::default() };
    let orders = |desk: &Desk| desk.core.orders(desk.now(), caller, "day", &query);
    let page = orders(&desk).result.unwrap();
    assert_eq!((page.items.len(), page.next.is_some()), (2, true));
    let mut full = Vec::new();
    for bytes in [1 << 20, 1 << 10, 32] {
        while let Ok(taken) = desk.core.buffer.reserve(bytes) {
            full.push(taken);
        }
    }
    assert_eq!(orders(&desk).result.unwrap_err(), Refusal::Overloaded);
}

/// Ticks ended in 2054 and began in 2020. In a folder that a wrong clock had once led beyond, what nobody asked for was held for ever.
#[test]
fn the_ticker_gives_back_what_is_due_in_any_year() {
    for begin in [86_400_000_u64, 1_500_000_000_000, 2_800_000_000_000] {
        let at = |after: u64| Now {
            engine: Timestamp(begin + after),
            wall: WallTime((begin + after).cast_signed()),
        };
        let core = core(2, Limits::default());
        core.found(at(0), at(0).wall).expect("founding");
        core.configure(at(0)).expect("configuring");
        core.channel(at(0), "web").result.expect("a channel");
        let rules = SaleRules { hold_ttl: Millis(TTL), ..SaleRules::new("day", "UTC") };
        core.put_sale(at(0), rules, IfMatch::Absent).result.expect("a sale");
        core.add_slots(at(0), "day", &[SlotSpec::new("a", "kiel", 5)], true).result.expect("a slot");
        let request = OpenCart {
            caller: SHOP,
            key: KeyUse::new(1, "", "1", 1),
            sale: "day",
            customer: CustomerHash(7),
            wants: &[slot("a", 2)],
            notes: Notes::default(),
            code: None,
        };
        core.open_cart(at(0), &request).result.expect("free");
        let settled = (0..TTL + 10_000).step_by(50).find(|after| {
            for shard in 0..2 {
                core.settle_shard(at(*after), shard).expect("room");
            }
            !core.anything_runs(at(*after).engine)
        });
        let settled = settled.unwrap_or_else(|| panic!("from {begin} on: never"));
        assert!(settled >= TTL, "from {begin} on: after {settled} ms");
    }
}
