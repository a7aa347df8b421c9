//! Small scenes whose every lock is shuttle's, so that its scheduler tries the interleavings that real threads almost
//! never meet. Each scene ends with all invariants, and with a replay of its facts to the same digests.
//!
//! `cargo test -p onsale-engine --features shuttle --test shuttle`; `SHUTTLE_SEED` and `SHUTTLE_ROUNDS` try others. A
//! failure prints the schedule, which `shuttle::replay` plays again. dashmap and the atomics are real: neither is
//! held or relied on across a lock.

use std::sync::Arc;

use onsale_engine::commit::Batch;
use onsale_engine::decide::{AdmitNow, Core, JoinLine, LineChange, Proof};
use onsale_engine::fact::{Cold, Kind, LineFact, decode};
use onsale_engine::ids::{CartId, CustomerHash};
use onsale_engine::invariants;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::records::Records;
use onsale_engine::outcome::{Answer, CartState, CartView};
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{Caller, Holder, KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::testing::desk::{Desk, SHOP, START_MS, slot};
use onsale_engine::testing::follower::Follower;
use onsale_engine::testing::from_env;
use onsale_engine::time::{Millis, Now, Timestamp, WallTime};
use onsale_engine::waiting_room::{Dials, RoomRules, Ticket};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

const TTL: u64 = 1_000;

/// Of each thread of a scene. shuttle gives 32 KiB, which a decision with all its locks in an unoptimised build overruns.
const STACK: usize = 512 << 10;

fn explore(scene: fn()) {
    let rounds = usize::try_from(from_env("SHUTTLE_ROUNDS", 1_500)).expect("a number of rounds");
    let mut config = Config::default();
    config.stack_size = STACK;
    let random = RandomScheduler::new_from_seed(from_env("SHUTTLE_SEED", 1), rounds);
    Runner::new(random, config.clone()).run(scene);
    Runner::new(PctScheduler::new(3, rounds / 3), config).run(scene);
}

fn at(clock: u64) -> Now {
    let at = START_MS + clock;
    Now { engine: Timestamp(at), wall: WallTime(at.cast_signed()) }
}

/// Two venues, so two shards: `a` and `c` in one, `b` in the other.
fn scene(units: u32, limit_units: Option<u32>) -> Arc<Core> {
    let core = Desk::new(2).core;
    let rules = SaleRules { hold_ttl: Millis(TTL), limit_units, ..SaleRules::new("day", "UTC") };
    core.put_sale(at(0), rules, IfMatch::Absent).result.expect("a sale");
    let slots = [
        SlotSpec::new("a", "kiel", units),
        SlotSpec::new("b", "husum", units),
        SlotSpec::new("c", "kiel", units),
    ];
    core.add_slots(at(0), "day", &slots, true).result.expect("slots");
    Arc::new(core)
}

fn open(core: &Core, now: u64, customer: u128, wants: &[Want], key: u64) -> Answer<CartView> {
    let key = KeyUse::new(1, "", &key.to_string(), key);
    let customer = CustomerHash(customer);
    core.open_cart(
        at(now),
        &OpenCart { caller: SHOP, key, sale: "day", customer, wants, notes: Notes::default(), code: None },
    )
}

fn on(cart: CartId, key: u64) -> OnCart {
    OnCart { caller: SHOP, key: Some(KeyUse::new(1, "", &key.to_string(), key)), cart }
}

/// Without a key: the lock of a key would keep the time as well.
fn unkeyed(cart: CartId) -> OnCart {
    OnCart { caller: SHOP, key: None, cart }
}

/// Everything that must be true when a scene is over.
fn close(core: &Core) {
    let mut follower = Follower::default();
    follower.drain(&core.buffer).expect("what happened fits");
    let at = follower.at();
    assert_eq!(invariants::check(&core.state, at), Ok(()));
    assert_eq!(invariants::check(follower.state(), at), Ok(()), "replayed");
    assert_eq!(invariants::digests_of(&core.state), invariants::digests_of(follower.state()));
}

#[test]
fn the_last_units_go_to_one_cart_in_whatever_order_they_are_named() {
    explore(|| {
        let core = scene(1, None);
        let buyers: Vec<_> = [["a", "b"], ["b", "a"], ["b", "c"]]
            .into_iter()
            .zip(1_u64..)
            .map(|(names, number)| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    let wants = names.map(|name| slot(name, 1));
                    open(&core, 0, number.into(), &wants, number).result.is_ok()
                })
            })
            .collect();
        let won: Vec<bool> = buyers.into_iter().map(|buyer| buyer.join().unwrap()).collect();
        let won = won.iter().filter(|won| **won).count();
        assert_eq!(won, 1, "everybody wants b, of which there is one");
        close(&core);
    });
}

#[test]
fn two_requests_with_one_key_are_one() {
    explore(|| {
        let core = scene(2, None);
        let twice: Vec<_> = (0..2)
            .map(|_| {
                let core = Arc::clone(&core);
                thread::spawn(move || open(&core, 0, 1, &[slot("a", 1)], 7))
            })
            .collect();
        let answers: Vec<_> = twice.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(answers.iter().filter(|answer| answer.replayed).count(), 1);
        // The second rests on the fact of the first.
        assert_eq!(answers[0].rests_on, answers[1].rests_on);
        let carts: Vec<_> = answers.into_iter().map(|answer| answer.result.expect("free").cart).collect();
        assert_eq!(carts[0], carts[1]);
        close(&core);
    });
}

#[test]
fn a_key_is_used_by_one_request_only() {
    explore(|| {
        let core = scene(2, None);
        // Two customers, so that the visitors' locks keep nobody apart; the bodies differ.
        let two: Vec<_> = (1..=2)
            .map(|number: u64| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    let key = KeyUse::new(1, "", "one", number);
                    let (customer, wants) = (CustomerHash(number.into()), [slot("a", 1)]);
                    let notes = Notes::default();
                    let request = OpenCart {
                        caller: SHOP,
                        key,
                        sale: "day",
                        customer,
                        wants: &wants,
                        notes,
                        code: None,
                    };
                    core.open_cart(at(0), &request).result
                })
            })
            .collect();
        let answers: Vec<_> = two.into_iter().map(|one| one.join().unwrap()).collect();
        let reused = answers.iter().filter(|answer| matches!(answer, Err(Refusal::KeyReused))).count();
        assert_eq!((reused, answers.iter().filter(|answer| answer.is_ok()).count()), (1, 1), "{answers:?}");
        close(&core);
    });
}

#[test]
fn a_cart_extended_late_is_not_revived_when_its_unit_is_sold_again() {
    explore(|| {
        let core = scene(1, None);
        let cart = open(&core, 0, 1, &[slot("a", 1)], 1).result.expect("free").cart;
        let late = {
            let core = Arc::clone(&core);
            // Read at the door before the deadline, and then the thread waits.
            thread::spawn(move || core.extend(at(TTL - 1), unkeyed(cart)).result)
        };
        let other = {
            let core = Arc::clone(&core);
            thread::spawn(move || open(&core, TTL, 2, &[slot("a", 1)], 3).result)
        };
        match (late.join().unwrap(), other.join().unwrap()) {
            (Ok(_), Err(Refusal::AllHeld(_))) | (Err(Refusal::CartExpired), Ok(_)) => {}
            both => panic!("{both:?}"),
        }
        close(&core);
    });
}

#[test]
fn a_cart_extended_late_is_not_revived_when_its_customer_had_room_for_another() {
    explore(|| {
        let core = scene(1, Some(1));
        let cart = open(&core, 0, 1, &[slot("a", 1)], 1).result.expect("free").cart;
        let late = {
            let core = Arc::clone(&core);
            thread::spawn(move || core.extend(at(TTL - 1), unkeyed(cart)).result)
        };
        // In another shard: only the visitor's lock knows that time has gone on.
        let other = {
            let core = Arc::clone(&core);
            thread::spawn(move || open(&core, TTL, 1, &[slot("b", 1)], 3).result)
        };
        match (late.join().unwrap(), other.join().unwrap()) {
            (Ok(_), Err(Refusal::LimitReached { .. })) | (Err(Refusal::CartExpired), Ok(_)) => {}
            both => panic!("one unit is allowed: {both:?}"),
        }
        close(&core);
    });
}

#[test]
fn a_cart_over_two_shards_is_paid_whole_or_lapses_whole() {
    explore(|| {
        let core = scene(1, None);
        let cart = open(&core, 0, 1, &[slot("a", 1), slot("b", 1)], 1).result.expect("free").cart;
        let paying = {
            let core = Arc::clone(&core);
            thread::spawn(move || core.checkout(at(TTL - 1), on(cart, 2)).result)
        };
        let ticking = {
            let core = Arc::clone(&core);
            thread::spawn(move || {
                (0..2).map(|shard| core.settle_shard(at(TTL + 300), shard).unwrap().settled).sum::<u32>()
            })
        };
        let other = {
            let core = Arc::clone(&core);
            thread::spawn(move || open(&core, TTL, 2, &[slot("b", 1)], 3).result)
        };
        match (paying.join().unwrap(), ticking.join().unwrap(), other.join().unwrap()) {
            (Ok(_), 0, Err(Refusal::SoldOut(_) | Refusal::AllHeld(_))) => {}
            (Err(Refusal::CartExpired), 1 | 2, Ok(_)) => {}
            all => panic!("{all:?}"),
        }
        close(&core);
    });
}

#[test]
fn an_order_is_read_while_its_cart_is_exchanged_paid_and_cancelled() {
    explore(|| {
        let core = scene(1, None);
        let cart = open(&core, 0, 1, &[slot("a", 1)], 1).result.expect("free").cart;
        let changing = {
            let core = Arc::clone(&core);
            thread::spawn(move || {
                core.exchange_hold(at(0), on(cart, 2), 0, &slot("b", 1)).result.expect("b is free");
                core.checkout(at(0), on(cart, 3)).result.expect("it is open");
                core.cancel_order(at(0), on(cart, 4), None).result.expect("it is an order");
            })
        };
        let reading = {
            let core = Arc::clone(&core);
            thread::spawn(move || {
                if let Ok(order) = core.order(at(0), SHOP, cart).result {
                    assert_eq!((order.items.len(), order.items[0].slot.as_str()), (1, "b"));
                }
                let seen = core.cart(at(0), SHOP, cart).result.expect("it is there");
                let expected = if seen.state == CartState::Open { 1..2 } else { 0..2 };
                assert!(expected.contains(&seen.items.len()), "{seen:?}");
            })
        };
        changing.join().unwrap();
        reading.join().unwrap();
        close(&core);
    });
}

#[test]
fn two_exchanges_of_each_other_s_last_unit_leave_both_whole() {
    explore(|| {
        let core = scene(1, None);
        let one = open(&core, 0, 1, &[slot("a", 1)], 1).result.expect("free").cart;
        let other = open(&core, 0, 2, &[slot("b", 1)], 2).result.expect("free").cart;
        let swaps: Vec<_> = [(one, "b", 3), (other, "a", 4), (other, "c", 5)]
            .into_iter()
            .map(|(cart, name, key)| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    core.exchange_hold(at(0), on(cart, key), 0, &slot(name, 1)).result.is_ok()
                })
            })
            .collect();
        let done: Vec<bool> = swaps.into_iter().map(|swap| swap.join().unwrap()).collect();
        assert!(done[1..].iter().filter(|done| **done).count() <= 1, "one hold is exchanged once: {done:?}");
        close(&core);
    });
}

#[test]
fn two_imports_of_a_new_venue_agree_where_it_lives() {
    explore(|| {
        let core = scene(1, None);
        let imports: Vec<_> = ["x", "y"]
            .into_iter()
            .map(|name| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    let slots = [SlotSpec::new(name, "new", 1), SlotSpec::new("z", "new", 1)];
                    core.add_slots(at(0), "day", &slots, false).result.expect("an answer")
                })
            })
            .collect();
        let buying = {
            let core = Arc::clone(&core);
            thread::spawn(move || open(&core, 0, 1, &[slot("z", 1), slot("a", 1)], 1).result)
        };
        let done: Vec<_> = imports.into_iter().map(|import| import.join().unwrap()).collect();
        assert_eq!(done.iter().map(|done| done.added).sum::<u64>(), 3, "{done:?}");
        match buying.join().unwrap() {
            Ok(_) | Err(Refusal::NotFound(_)) => {}
            Err(refusal) => panic!("{refusal:?}"),
        }
        close(&core);
    });
}

/// Two that are sent at once under one key, while a third gives their venue a shard of its own.
#[test]
fn an_import_under_one_key_is_done_once_and_told_alike() {
    explore(|| {
        let core = scene(1, None);
        let once: Vec<_> = (0..2)
            .map(|_| {
                let core = Arc::clone(&core);
                thread::spawn(move || {
                    let slots = [SlotSpec::new("x", "new", 1), SlotSpec::new("a", "kiel", 2)];
                    let answer = core.add_slots_once(at(0), "day", &slots, KeyUse::new(1, "", "k", 1));
                    let done = answer.result.expect("an answer");
                    (answer.replayed, [done.added, done.updated, done.unchanged])
                })
            })
            .collect();
        let other = {
            let core = Arc::clone(&core);
            thread::spawn(move || core.add_slots(at(0), "day", &[SlotSpec::new("z", "new", 1)], true).result)
        };
        let told: Vec<_> = once.into_iter().map(|import| import.join().unwrap()).collect();
        assert_eq!((told[0].1, told[1].1), ([1, 1, 0], [1, 1, 0]), "{told:?}");
        assert!(told[0].0 != told[1].0, "one of them is the answer of the other: {told:?}");
        assert_eq!(other.join().unwrap().expect("an answer").added, 1);
        close(&core);
    });
}

/// A sale with a waiting room that has been drawn: everybody who joins waits.
fn room(max_active: u32) -> Arc<Core> {
    let core = Desk::new(2).core;
    let dials = Dials { admit_per_minute: 6_000_000, max_active };
    let room = Some(Arc::new(RoomRules { dials, ..RoomRules::default() }));
    let rules = SaleRules { room, ..SaleRules::new("day", "UTC") };
    core.put_sale(at(0), rules, IfMatch::Absent).result.expect("a sale");
    core.add_slots(at(0), "day", &[SlotSpec::new("a", "kiel", 100)], true).result.expect("slots");
    core.tick_lines(at(0));
    Arc::new(core)
}

fn join(core: &Core, proof: Proof<'_>) -> (Ticket, bool) {
    let joined = core.join_line(at(0), &JoinLine { sale: "day", proof, lane: None }).result.expect("a place");
    (joined.ticket.ticket, joined.created)
}

#[test]
fn one_proof_from_two_devices_is_one_place() {
    explore(|| {
        let core = room(10);
        let devices: Vec<_> = (0..2)
            .map(|_| {
                let core = Arc::clone(&core);
                thread::spawn(move || join(&core, Proof::Person(7 << 64)))
            })
            .collect();
        let other = {
            let core = Arc::clone(&core);
            thread::spawn(move || join(&core, Proof::Nobody))
        };
        let places: Vec<_> = devices.into_iter().map(|device| device.join().unwrap()).collect();
        assert_eq!(places[0].0, places[1].0, "one person, one place");
        assert_eq!(places.iter().filter(|(_, created)| *created).count(), 1);
        assert_ne!(other.join().unwrap().0, places[0].0);
        close(&core);
    });
}

#[test]
fn one_pass_from_two_devices_is_one_session() {
    explore(|| {
        let core = room(10);
        let (ticket, _) = join(&core, Proof::Nobody);
        assert_eq!(
            core.admit(at(0), "day", AdmitNow { count: 1, ..AdmitNow::default() }).result.expect("an answer"),
            1
        );
        let uses: Vec<_> = (0..2)
            .map(|device| {
                let core = Arc::clone(&core);
                thread::spawn(move || core.use_pass(at(device), ticket).result.expect("called").until)
            })
            .collect();
        let ends: Vec<_> = uses.into_iter().map(|one| one.join().unwrap()).collect();
        assert_eq!(ends[0], ends[1], "both found the same session");
        let line = core.line(at(0), "day").result.expect("a room");
        assert_eq!((line.admitted, line.active), (1, 1));
        close(&core);
    });
}

/// Somebody inside, as a caller.
fn inside(core: &Core) -> (Caller, String) {
    let joined = core.join_line(at(0), &JoinLine { sale: "day", proof: Proof::Nobody, lane: None });
    let ticket = joined.result.expect("a place").ticket;
    core.admit(at(0), "day", AdmitNow { count: 1, ..AdmitNow::default() }).result.expect("an answer");
    let holder = Holder { ticket: ticket.ticket, customer: CustomerHash(9) };
    (Caller { holder: Some(holder), ..SHOP }, ticket.text)
}

fn open_with_pass(core: &Core, caller: Caller, key: u64) -> Answer<CartView> {
    let key = KeyUse::new(1, "", &key.to_string(), key);
    let (customer, wants) = (CustomerHash(9), &[slot("a", 1)]);
    core.open_cart(
        at(0),
        &OpenCart { caller, key, sale: "day", customer, wants, notes: Notes::default(), code: None },
    )
}

#[test]
fn a_session_makes_one_cart_and_none_beside_or_after_its_order() {
    explore(|| {
        let core = room(10);
        let (caller, _) = inside(&core);
        let cart = open_with_pass(&core, caller, 1).result.expect("a cart").cart;
        let paying = {
            let core = Arc::clone(&core);
            thread::spawn(move || core.checkout(at(0), OnCart { caller, ..on(cart, 2) }).result.is_ok())
        };
        let another = open_with_pass(&core, caller, 3).result;
        assert!(paying.join().unwrap(), "nothing stands in its way");
        assert!(matches!(another, Err(Refusal::SessionBusy | Refusal::PassExpired)), "{another:?}");
        close(&core);
    });
}

#[test]
fn who_has_left_makes_no_cart() {
    explore(|| {
        let core = room(10);
        let (caller, ticket) = inside(&core);
        core.use_pass(at(0), caller.holder.expect("a pass").ticket).result.expect("a session");
        let leaving = {
            let core = Arc::clone(&core);
            thread::spawn(move || core.leave_line(at(0), &ticket).rests_on)
        };
        let opened = open_with_pass(&core, caller, 1);
        let left = leaving.join().unwrap();
        match opened.result {
            Ok(cart) => assert!(opened.rests_on < left, "{} after {left}: {cart:?}", opened.rests_on),
            Err(refusal) => assert!(matches!(refusal, Refusal::NotAdmitted | Refusal::PassExpired)),
        }
        close(&core);
    });
}

#[test]
fn the_cap_holds_while_the_ticker_and_an_operator_call() {
    explore(|| {
        let core = room(2);
        for _ in 0..5 {
            join(&core, Proof::Nobody);
        }
        let ticking = {
            let core = Arc::clone(&core);
            thread::spawn(move || core.tick_lines(at(50)))
        };
        let operator = {
            let core = Arc::clone(&core);
            thread::spawn(move || {
                core.admit(at(50), "day", AdmitNow { count: 2, ..AdmitNow::default() })
                    .result
                    .expect("an answer")
            })
        };
        let looking = {
            let core = Arc::clone(&core);
            thread::spawn(move || {
                for _ in 0..2 {
                    let line = core.line(at(50), "day").result.expect("a room");
                    assert!(line.active <= 2, "{} of 2", line.active);
                }
            })
        };
        ticking.join().unwrap();
        operator.join().unwrap();
        looking.join().unwrap();
        assert_eq!(core.line(at(50), "day").result.expect("a room").active, 2);
        close(&core);
    });
}

/// Takes what there is, as the writer would, and says what it was.
fn take(core: &Core) -> Vec<Kind> {
    let mut batch = Batch::default();
    core.buffer.take(&mut batch);
    core.buffer.written(batch.records.len());
    Records::of(&batch.records).map(|record| decode(record).expect("a fact").kind).collect()
}

fn line_fact(kind: &Kind) -> Option<&LineFact> {
    match kind {
        Kind::Cold(cold) => match &**cold {
            Cold::Line { fact, .. } => Some(fact),
            _ => None,
        },
        _ => None,
    }
}

#[test]
fn a_beacon_and_the_dials_turned_with_it_stand_in_one_frame() {
    explore(|| {
        let core = Arc::new(Desk::new(2).core);
        let room = RoomRules { closes_before: Millis(600_000), ..RoomRules::default() };
        let opens_at = Some(at(3_600_000).wall);
        let rules = SaleRules { opens_at, room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") };
        core.put_sale(at(0), rules, IfMatch::Absent).result.expect("a sale");
        core.tick_lines(at(3_100_000));
        let operator = {
            let core = Arc::clone(&core);
            thread::spawn(move || {
                let change = LineChange {
                    beacon: Some("rain".to_owned()),
                    admit_per_minute: Some(7),
                    ..LineChange::default()
                };
                core.set_line(at(3_100_000), "day", &change).result.expect("may be turned");
            })
        };
        let mut frames: Vec<Vec<Kind>> = (0..3).map(|_| take(&core)).collect();
        operator.join().unwrap();
        frames.push(take(&core));
        let ends = |kind: &Kind| matches!(line_fact(kind), Some(LineFact::Set { .. }));
        assert!(frames.iter().flatten().any(ends), "nothing was turned");
        assert!(!frames.iter().any(|frame| frame.first().is_some_and(ends)), "{frames:?}");
    });
}
