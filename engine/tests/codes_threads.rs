//! Many threads with one code: one cart and one order of it, whatever they try. And strangers who never get what is set
//! aside. `ROUNDS=10000 THREADS=1000` is the long form.

#![expect(clippy::disallowed_types, reason = "a thousand threads of the usual stack are two gigabytes")]
#![expect(clippy::disallowed_methods, reason = "threads are what is tested")]

mod codes_desk;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use codes_desk::{Booth, SHARDS, code, terms, units};
use onsale_engine::apply::{apply, fits};
use onsale_engine::commit::Batch;
use onsale_engine::decide::Core;
use onsale_engine::fact::{Kind, decode};
use onsale_engine::ids::CustomerHash;
use onsale_engine::invariants;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::records::Records;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::state::State;
use onsale_engine::testing::desk::{SHOP, slot};
use onsale_engine::testing::from_env;
use onsale_engine::time::Now;

static KEYS: AtomicU64 = AtomicU64::new(1);

fn key() -> KeyUse {
    let number = KEYS.fetch_add(1, Ordering::Relaxed);
    KeyUse::new(9, "", &number.to_string(), number)
}

fn open(
    core: &Core,
    now: Now,
    number: u64,
    wants: &[Want],
    customer: u128,
) -> Result<onsale_engine::ids::CartId, Refusal> {
    let request = OpenCart {
        caller: SHOP,
        key: key(),
        sale: "day",
        customer: CustomerHash(customer),
        wants,
        notes: Notes::default(),
        code: (number != 0).then(|| code(number)),
    };
    core.open_cart(now, &request).result.map(|cart| cart.cart)
}

/// Lives the facts again, and counts carts that were made with a code.
fn follow(booth: &Booth, copy: &mut State) -> u64 {
    let (mut batch, mut redeemed) = (Batch::default(), 0);
    booth.desk.core.buffer.take(&mut batch);
    for record in Records::of(&batch.records) {
        let fact = decode(record).expect("a fact");
        let mut alone = copy.alone();
        fits(&mut alone, &fact).unwrap_or_else(|misfit| panic!("{fact:?}: {misfit}"));
        apply(&mut alone, &fact);
        redeemed += u64::from(matches!(fact.kind, Kind::Redeemed(_)));
    }
    booth.desk.core.buffer.written(batch.records.len());
    redeemed
}

/// In each round all threads want to be the one; one is, the others hear that the code is used. Every other round the
/// winner orders, so that nobody wins afterwards; in the others it gives the cart back, and one more wins then.
#[test]
fn a_code_is_used_once_under_a_thousand_attempts() {
    let (rounds, threads) = (from_env("ROUNDS", 40), from_env("THREADS", 1_000));
    let booth = Booth::new(1_000_000);
    let mut copy = State::new(SHARDS, [5, 6]);
    for round in 1..=rounds {
        let reserving = round % 2 == 0;
        let wave = if reserving {
            booth.reserving(&format!("r{round}"), units("hall", None, 1))
        } else {
            terms(&format!("w{round}"))
        };
        booth.make(&wave, &[code(round)]).result.unwrap();
        follow(&booth, &mut copy);
        let wants = [slot(if round % 4 < 2 { "a" } else { "c" }, 1)];
        let (now, core, gate) =
            (booth.desk.now(), &booth.desk.core, Barrier::new(usize::try_from(threads).unwrap()));
        let carts: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..threads)
                .map(|thread| {
                    let (wants, gate) = (&wants, &gate);
                    std::thread::Builder::new()
                        .stack_size(256 << 10)
                        .spawn_scoped(scope, move || {
                            gate.wait();
                            open(core, now, round, wants, u128::from(thread) << 8 | 3)
                        })
                        .unwrap()
                })
                .collect();
            tries.into_iter().map(|attempt| attempt.join().unwrap()).collect()
        });
        let won: Vec<_> = carts.iter().filter_map(|cart| cart.as_ref().ok()).collect();
        assert_eq!(won.len(), 1, "round {round}");
        let lost = carts.iter().filter(|cart| matches!(cart, Err(Refusal::CodeUsed { back_in: Some(_) })));
        assert_eq!(lost.count() as u64, threads - 1, "round {round}");
        assert_eq!(follow(&booth, &mut copy), 1, "one fact");
        let on = OnCart { caller: SHOP, key: Some(key()), cart: *won[0] };
        if round % 3 == 0 {
            core.checkout(now, on).result.unwrap();
            assert!(matches!(open(core, now, round, &wants, 5), Err(Refusal::CodeUsed { back_in: None })));
        } else {
            core.abandon(now, on).result.unwrap();
            open(core, now, round, &wants, 5).unwrap();
        }
        follow(&booth, &mut copy);
    }
    for state in [&booth.desk.core.state, &copy] {
        invariants::check(state, booth.desk.now().engine).unwrap_or_else(|broken| panic!("{broken}"));
    }
}

/// Invited people, strangers, an operator who makes and takes back waves, and somebody who cancels, all at once: whoever was
/// invited and came in time found something, and the facts in their order come to the same state.
#[test]
fn whoever_was_invited_finds_something_in_any_crowd() {
    const CODES: u64 = 600;
    let booth = Booth::new(400);
    let mut copy = State::new(SHARDS, [5, 6]);
    let wave = booth.reserving("w", units("hall", None, 1));
    let codes: Vec<_> = (1..=CODES).map(code).collect();
    booth.make(&wave, &codes).result.unwrap();
    follow(&booth, &mut copy);
    let (core, now, stop) = (&booth.desk.core, booth.desk.now(), AtomicBool::new(false));
    let (found, strangers) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let invited: Vec<_> = (0..3_u64)
            .map(|thread| {
                let found = &found;
                scope.spawn(move || {
                    for number in (1..=CODES).filter(|number| number % 3 == thread) {
                        // Theirs is at `a` or at `c`: one of both is there, whoever took what else.
                        let wants = ["a", "c"].map(|name| [slot(name, 1)]);
                        let cart = open(core, now, number, &wants[0], u128::from(number) << 8 | 1)
                            .or_else(|_| open(core, now, number, &wants[1], u128::from(number) << 8 | 1))
                            .unwrap_or_else(|refusal| panic!("code {number} found nothing: {refusal:?}"));
                        found.fetch_add(1, Ordering::Relaxed);
                        let on = OnCart { caller: SHOP, key: Some(key()), cart };
                        match number % 4 {
                            0 => drop(core.abandon(now, on).result.unwrap()),
                            1 => {
                                core.checkout(now, on).result.unwrap();
                                let on = OnCart { key: Some(key()), ..on };
                                core.cancel_order(now, on, None).result.unwrap();
                            }
                            2 => drop(core.checkout(now, on).result.unwrap()),
                            _ => {
                                let other = open(core, now, number, &wants[0], 77);
                                assert!(matches!(other, Err(Refusal::CodeUsed { .. })), "{other:?}");
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in 0..2_u64 {
            let (stop, strangers) = (&stop, &strangers);
            scope.spawn(move || {
                let mut dice = thread + 1;
                while !stop.load(Ordering::Relaxed) {
                    dice = onsale_engine::digest::mix(dice, 5);
                    let name = if dice & 1 == 0 { "a" } else { "c" };
                    if let Ok(cart) = open(core, now, 0, &[slot(name, 1)], u128::from(dice) << 4 | 2) {
                        strangers.fetch_add(1, Ordering::Relaxed);
                        if dice & 2 == 0 {
                            let on = OnCart { caller: SHOP, key: Some(key()), cart };
                            core.abandon(now, on).result.unwrap();
                        }
                    }
                    while core.buffer.in_use() > 400_000 {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let follower = {
            let (booth, copy, stop) = (&booth, &mut copy, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    follow(booth, copy);
                }
            })
        };
        let all: Vec<_> = invited.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        stop.store(true, Ordering::Relaxed);
        all.into_iter().for_each(|thread| thread.unwrap());
        follower.join().unwrap();
    });
    follow(&booth, &mut copy);
    assert_eq!(found.load(Ordering::Relaxed), CODES);
    // How many depends on how the machine shares its cores out; that there were some is what makes the crowd a crowd.
    assert!(strangers.load(Ordering::Relaxed) > 0, "no stranger had anything");
    for state in [&booth.desk.core.state, &copy] {
        invariants::check(state, booth.desk.now().engine).unwrap_or_else(|broken| panic!("{broken}"));
    }
    let digests = |state: &State| {
        (0..usize::from(SHARDS)).map(|shard| state.lock_codes(shard).digest).collect::<Vec<_>>()
    };
    assert_eq!(digests(&booth.desk.core.state), digests(&copy));
}

/// A venue is given a section in another shard, or its first one, between the look for its shards and their locks.
#[test]
fn a_venue_grows_while_units_are_set_aside_there() {
    for venue in ["hall", "annex"] {
        let booth = Booth::new(1);
        let core = &booth.desk.core;
        let sale = core.state.names.listing().sale("day").unwrap();
        let section = |name: &str| SlotSpec {
            section: Some(name.into()),
            ..SlotSpec::new(&format!("{venue}-{name}"), venue, 100)
        };
        // Somebody else has a lock that is taken before those of the venue.
        let busy = core.state.lock_codes(0);
        std::thread::scope(|scope| {
            let made = scope.spawn(|| {
                let terms = booth.reserving("w", units(venue, None, 1));
                let codes: Vec<_> = (1..=150).map(code).collect();
                booth.make(&terms, &codes).result
            });
            std::thread::sleep(std::time::Duration::from_millis(300));
            let before = core.state.names.venue(sale, venue).count_ones();
            for name in ["s1", "s2", "s3", "s4"] {
                booth.desk.slots("day", &[section(name)]);
            }
            assert!(core.state.names.venue(sale, venue).count_ones() > before, "{venue} has not grown");
            drop(busy);
            // All of what came was looked at: 150 are not in one section.
            let made = made.join().expect("the process would have stopped").unwrap();
            assert_eq!(made.created, 150);
        });
        booth.check();
    }
}
