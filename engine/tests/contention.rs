//! Real threads on few slots: everything that changes a cart, over several shards, with lapsing deadlines, a ticker and a
//! follower that replays the facts as they come. At checkpoints and at the end every invariant holds, live and replayed
//! state have the same digests, every success is one fact and every fact one success.
//!
//! The clock is an atomic that the threads move themselves, so that deadlines pass between a thread's reading of the time
//! and its locks. `CONTENTION_SEED` and `CONTENTION_STEPS` try others.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, RwLock};

use onsale_engine::decide::{Core, SlotChange};
use onsale_engine::digest::mix;
use onsale_engine::fact::Kind;
use onsale_engine::ids::{CartId, CustomerHash};
use onsale_engine::invariants;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::{Answer, CartState};
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{BundleRule, SaleRules};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::desk::{Desk, SHOP, START_MS, slot};
use onsale_engine::testing::follower::Follower;
use onsale_engine::testing::from_env;
use onsale_engine::time::{Millis, Now, Timestamp, WallTime};

const SLOTS: u64 = 6;
const CUSTOMERS: u64 = 7;
const LIMIT: u32 = 4;
const ROUNDS: usize = 4;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = mix(self.0, 0x5eed);
        self.0 % below
    }
}

/// What a thread knows of what it did: the number of the fact of every success, and its key for the replayed ones.
#[derive(Default)]
struct Log {
    /// Fact numbers of successes that were no replays.
    facts: Vec<u64>,
    carts: Vec<CartId>,
    asked: u64,
    refused: u64,
}

struct World {
    core: Core,
    clock: AtomicU64,
    keys: AtomicU64,
    /// Carts anybody may change, so that threads meet on one.
    shared: [AtomicU64; 8],
    /// Orders anybody may cancel, so that units come back.
    orders: [AtomicU64; 4],
}

impl World {
    fn now(&self) -> Now {
        let at = START_MS + self.clock.load(Ordering::Relaxed);
        Now { engine: Timestamp(at), wall: WallTime(at.cast_signed()) }
    }

    fn key(&self, dice: &mut Dice) -> KeyUse {
        // Now and then the key of another request, with another body.
        let fresh = self.keys.fetch_add(1, Ordering::Relaxed);
        let number = if dice.roll(20) == 0 { fresh.saturating_sub(dice.roll(8)) } else { fresh };
        KeyUse::new(1, "", &number.to_string(), fresh)
    }

    fn on(&self, dice: &mut Dice) -> OnCart {
        let cart = CartId(self.shared[usize::try_from(dice.roll(8)).unwrap()].load(Ordering::Relaxed));
        OnCart { caller: SHOP, key: Some(self.key(dice)), cart }
    }
}

fn note<T>(log: &mut Log, before: Sequence, answer: &Answer<T>) {
    log.asked += 1;
    match &answer.result {
        // A success holds every lock of its fact, so what it rests on is its fact.
        Ok(_) if !answer.replayed => {
            assert!(answer.rests_on > before, "a success rests on {}, before it {before}", answer.rests_on);
            log.facts.push(answer.rests_on.0);
        }
        Ok(_) => {}
        Err(_) => log.refused += 1,
    }
}

fn want(dice: &mut Dice) -> Want {
    match dice.roll(10) {
        0 => Want::AnyBundle { rule: "pair".into(), venue: "v0".into(), from: None, to: None },
        1 => Want::Bundle { rule: "pair".into(), slots: vec!["s0".into(), "s3".into()] },
        _ => slot(&format!("s{}", dice.roll(SLOTS)), 1),
    }
}

fn step(world: &World, log: &mut Log, dice: &mut Dice) {
    let core = &world.core;
    let before = core.buffer.last();
    // The time is read at the door; what happens until the locks are had may take long.
    let now = world.now();
    if dice.roll(3) == 0 {
        world.clock.fetch_add(dice.roll(90), Ordering::Relaxed);
    }
    if dice.roll(16) == 0 {
        std::thread::yield_now();
    }
    match dice.roll(20) {
        0..=6 => {
            let wants: Vec<_> = (0..=dice.roll(3)).map(|_| want(dice)).collect();
            let key = world.key(dice);
            let customer = CustomerHash(u128::from(dice.roll(CUSTOMERS)));
            let request = OpenCart {
                caller: SHOP,
                key,
                sale: "day",
                customer,
                wants: &wants,
                notes: Notes::default(),
                code: None,
            };
            let answer = core.open_cart(now, &request);
            note(log, before, &answer);
            if let Ok(cart) = answer.result {
                log.carts.push(cart.cart);
                let place = usize::try_from(dice.roll(8)).unwrap();
                world.shared[place].store(cart.cart.0, Ordering::Relaxed);
            }
        }
        7 | 8 => note(log, before, &core.add_holds(now, world.on(dice), &[want(dice)])),
        9..=11 => {
            let ordinal = u8::try_from(dice.roll(3)).unwrap();
            note(log, before, &core.exchange_hold(now, world.on(dice), ordinal, &want(dice)));
        }
        12 => note(log, before, &core.release_hold(now, world.on(dice), u8::try_from(dice.roll(2)).unwrap())),
        13 => note(log, before, &core.abandon(now, world.on(dice))),
        14 | 15 => note(log, before, &core.extend(now, world.on(dice))),
        16 => {
            let on = world.on(dice);
            let answer = core.checkout(now, on);
            note(log, before, &answer);
            if answer.result.is_ok() {
                let old =
                    world.orders[usize::try_from(dice.roll(4)).unwrap()].swap(on.cart.0, Ordering::Relaxed);
                // Whoever pushes an order out of sight cancels it; it may be gone already.
                let on = OnCart { key: None, cart: CartId(old), ..on };
                note(log, before, &core.cancel_order(now, on, None));
            }
        }
        17 => {
            let holds = [u8::try_from(dice.roll(2)).unwrap()];
            let holds = if dice.roll(2) == 0 { None } else { Some(&holds[..]) };
            let cart = CartId(world.orders[usize::try_from(dice.roll(4)).unwrap()].load(Ordering::Relaxed));
            note(log, before, &core.cancel_order(now, OnCart { cart, ..world.on(dice) }, holds));
        }
        18 => {
            let on = world.on(dice);
            let seen = core.cart(now, SHOP, on.cart);
            if let Ok(view) = &seen.result
                && view.state == CartState::Open
            {
                assert!(view.expires_at > seen.now.engine, "an open cart past its deadline: {seen:?}");
            }
            let _ = core.order(now, SHOP, on.cart).result;
        }
        _ => {
            let change =
                SlotChange { blocked: Some(u32::try_from(dice.roll(2)).unwrap()), ..SlotChange::default() };
            let name = format!("s{}", dice.roll(SLOTS));
            // A change that changes nothing is a success without a fact, so it is not counted.
            match core.change_slot(now, "day", &name, &change).result {
                Ok(view) => assert_eq!(view.counts.capacity, 2),
                Err(refusal) => assert!(matches!(refusal, Refusal::BelowCommitted { .. }), "{refusal:?}"),
            }
        }
    }
}

fn world() -> World {
    let mut limits = onsale_engine::limits::Limits::default();
    // Short enough that places of carts are used again while threads hold their ids.
    (limits.idempotency_keep, limits.cart_keep) = (Millis(3_000), Millis(4_000));
    let desk = Desk::new(4);
    let core = Core { limits, ..desk.core };
    let now = Now { engine: Timestamp(START_MS), wall: WallTime(START_MS.cast_signed()) };
    core.configure(now).expect("there is room");
    let rule = BundleRule {
        name: "pair".into(),
        parts: vec!["dose1".into(), "dose2".into()],
        same_venue: true,
        gap_days: None,
        cancel_parts: false,
    };
    let rules = SaleRules {
        hold_ttl: Millis(1_000),
        hold_max: Millis(2_500),
        limit_units: Some(LIMIT),
        bundles: vec![rule],
        ..SaleRules::new("day", "UTC")
    };
    core.put_sale(now, rules, onsale_engine::sale::IfMatch::Absent).result.expect("a sale");
    // Three venues, so three shards; the sections of v0 are two more.
    let specs: Vec<_> = (0..SLOTS)
        .map(|slot| SlotSpec {
            product: Some(if slot < 3 { "dose1".into() } else { "dose2".into() }),
            section: (slot == 3).then(|| "hall".into()),
            ..SlotSpec::new(&format!("s{slot}"), &format!("v{}", slot % 3), 2)
        })
        .collect();
    core.add_slots(now, "day", &specs, true).result.expect("slots");
    World {
        core,
        clock: AtomicU64::new(0),
        keys: AtomicU64::new(1),
        shared: std::array::from_fn(|_| AtomicU64::new(77)),
        orders: std::array::from_fn(|_| AtomicU64::new(77)),
    }
}

/// Kinds of facts that are the success of exactly one request of these tests.
fn is_success(kind: &Kind) -> bool {
    match kind {
        Kind::Opened(_)
        | Kind::Added { .. }
        | Kind::Released { .. }
        | Kind::Exchanged { .. }
        | Kind::Extended { .. }
        | Kind::Confirmed { .. }
        | Kind::Cancelled { .. }
        | Kind::Redeemed(_) => true,
        Kind::Lapsed { .. } | Kind::Settled { .. } | Kind::Joined(_) | Kind::Cold(_) => false,
    }
}

/// Where all wait for each other. If one of them panics nobody waits for it: all the others panic there too, and the test is red
/// instead of silent.
struct Gate {
    of: usize,
    /// Who has come, the rounds so far, and whether somebody will never come.
    state: Mutex<(usize, usize, bool)>,
    moved: Condvar,
    stop: AtomicBool,
}

impl Gate {
    fn of(threads: usize) -> Self {
        Self {
            of: threads,
            state: Mutex::new((0, 0, false)),
            moved: Condvar::new(),
            stop: AtomicBool::new(false),
        }
    }

    fn wait(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let round = state.1;
        state.0 += 1;
        if state.0 == self.of {
            (state.0, state.1) = (0, round + 1);
            self.moved.notify_all();
        }
        while state.1 == round && !state.2 {
            state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let broken = state.2;
        drop(state);
        assert!(!broken, "another thread has panicked");
    }
}

/// Kept by everybody who is waited for.
struct Comes<'a>(&'a Gate);

impl Drop for Comes<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop.store(true, Ordering::Release);
            self.0.state.lock().unwrap_or_else(PoisonError::into_inner).2 = true;
            self.0.moved.notify_all();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the threads of this test are its subject, and end with it")]
fn compete(threads: usize, seed: u64, steps: u64) {
    let world = world();
    let mut follower = Follower::default();
    follower.drain(&world.core.buffer).expect("what was set up fits");
    let set_up = follower.last();
    let follower = RwLock::new(follower);
    // Everybody who changes something, and the one who looks at a checkpoint.
    let gate = Gate::of(threads + 2);
    let logs: Vec<Log> = std::thread::scope(|scope| {
        let _comes = Comes(&gate);
        let workers: Vec<_> = (0..threads as u64)
            .map(|number| {
                let (world, gate) = (&world, &gate);
                scope.spawn(move || {
                    let _comes = Comes(gate);
                    let (mut log, mut dice) = (Log::default(), Dice(mix(seed, number)));
                    for _ in 0..ROUNDS {
                        for _ in 0..steps {
                            step(world, &mut log, &mut dice);
                        }
                        gate.wait();
                        gate.wait();
                    }
                    log
                })
            })
            .collect();
        let ticker = {
            let (world, gate) = (&world, &gate);
            scope.spawn(move || {
                let _comes = Comes(gate);
                let mut dice = Dice(mix(seed, 1_000));
                for _ in 0..ROUNDS {
                    for _ in 0..steps {
                        let shard = u8::try_from(dice.roll(4)).unwrap();
                        let now = world.now();
                        match dice.roll(8) {
                            0 => drop(world.core.note_digest(now, shard, 0).expect("there is room")),
                            1 => drop(world.core.forget_carts(now, shard, 0).expect("there is room")),
                            2 => world.core.heartbeat(now, 1, 1).expect("there is room"),
                            _ => drop(world.core.settle_shard(now, shard).expect("there is room")),
                        }
                        std::thread::yield_now();
                    }
                    gate.wait();
                    gate.wait();
                }
            })
        };
        let following = {
            let (world, follower, gate) = (&world, &follower, &gate);
            scope.spawn(move || {
                let _comes = Comes(gate);
                while !gate.stop.load(Ordering::Acquire) {
                    let mut follower = follower.write().expect("no panic");
                    if follower.drain(&world.core.buffer).expect("what happened fits") == 0 {
                        drop(follower);
                        std::thread::yield_now();
                    }
                }
            })
        };
        for _ in 0..ROUNDS {
            gate.wait();
            // Nobody changes anything until the second wait.
            let mut follower = follower.write().expect("no panic");
            follower.drain(&world.core.buffer).expect("what happened fits");
            let at = follower.at();
            assert_eq!(invariants::check(&world.core.state, at), Ok(()), "seed {seed}");
            assert_eq!(
                invariants::digests_of(&world.core.state),
                invariants::digests_of(follower.state()),
                "seed {seed}: live and replayed state differ"
            );
            assert_eq!(invariants::check(follower.state(), at), Ok(()), "seed {seed}, replayed");
            drop(follower);
            gate.wait();
        }
        ticker.join().expect("the ticker");
        gate.stop.store(true, Ordering::Release);
        following.join().expect("the follower");
        workers.into_iter().map(|worker| worker.join().expect("a worker")).collect()
    });

    let follower = follower.into_inner().expect("no panic");
    let mut successes: Vec<u64> = logs.iter().flat_map(|log| log.facts.iter().copied()).collect();
    successes.sort_unstable();
    let numbered = (1_u64..).zip(follower.facts());
    let facts: Vec<u64> = numbered
        .filter(|(number, fact)| *number > set_up.0 && is_success(&fact.kind))
        .map(|(number, _)| number)
        .collect();
    assert_eq!(successes, facts, "seed {seed}: successes and facts are not the same");
    let (asked, refused) =
        (logs.iter().map(|log| log.asked).sum::<u64>(), logs.iter().map(|log| log.refused).sum::<u64>());
    assert!(
        facts.len() as u64 * 20 > asked,
        "seed {seed}: hardly anything succeeds, {refused} of {asked} are refused"
    );
    limits_hold(&world.core, seed);
}

/// No customer has more units than the limit, counted anew from the orders.
fn limits_hold(core: &Core, seed: u64) {
    use onsale_engine::carts::Stage;
    let mut units = std::collections::BTreeMap::<u128, u32>::new();
    for number in 0..core.state.shards() {
        let shard = core.state.lock_shard(number);
        for index in 0..shard.carts.places() {
            let cart = &shard.carts[index];
            if cart.stage == Stage::Ordered {
                *units.entry(cart.customer().0).or_default() += cart.units();
            }
        }
    }
    assert!(units.values().all(|units| *units <= LIMIT), "seed {seed}: {units:?} units, {LIMIT} are allowed");
}

#[test]
fn two_to_eight_threads_on_six_slots() {
    let seed = from_env("CONTENTION_SEED", 1);
    let steps = from_env("CONTENTION_STEPS", 1_500);
    for (round, threads) in [2, 3, 4, 8].into_iter().enumerate() {
        compete(threads, mix(seed, round as u64), steps);
    }
}
