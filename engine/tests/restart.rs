//! Restarts that once went wrong, each found by a seed of the simulator and told here as a scenario: what was done, and what
//! must be found afterwards.

use std::sync::Arc;

use onsale_engine::commit::{Ack, Step};
use onsale_engine::customers::{CustomerKey, KEY_FILE};
use onsale_engine::decide::{AdmitNow, JoinLine, Proof};
use onsale_engine::follower::Followed;
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::limits::Limits;
use onsale_engine::outcome::{CartState, CartView};
use onsale_engine::ports::Disk;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{Caller, Holder, KeyUse, Notes, OnCart, OpenCart};
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::start::{OpenError, StartOptions, Started, start};
use onsale_engine::testing::clock::SimClock;
use onsale_engine::testing::desk::{SHOP, slot};
use onsale_engine::testing::disk::{Fault, Faults, SimDisk};
use onsale_engine::testing::rng::SimRng;
use onsale_engine::ticker::Ticker;
use onsale_engine::time::{Millis, Now, WallTime};
use onsale_engine::waiting_room::{Dials, RoomRules, Standing, TicketState, unpacked};

/// Opens the folder with these limits.
fn begin(disk: &SimDisk, clock: &SimClock, limits: &Limits) -> Started<SimDisk> {
    let mut rng = SimRng::new(1);
    let mut options = StartOptions::new(4, Ack::Fsync, limits.clone(), &mut rng);
    (options.journal.segment_bytes, options.journal.smallest_segment_bytes) = (1 << 16, 1 << 16);
    options.journal.largest_frame_bytes = 1 << 15;
    start(disk, Arc::new(clock.clone()), &mut rng, options, |_| {}).expect("it starts")
}

/// Seed 542: a start was killed after it had written the customers' key and before the sync. The next start believed
/// the key it found in the system's memory; the power cut after that took it, and with it the folder.
#[test]
fn a_key_that_was_never_synced_is_made_again() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        {
            use onsale_engine::ports::DiskFile;
            let mut file = disk.open_or_create(KEY_FILE).unwrap();
            file.write_at(0, &[7; 32]).unwrap();
        }
        disk.restart();
        let key = CustomerKey::of_folder(&disk, true, &mut SimRng::new(seed)).unwrap();
        disk.crash(seed);
        let again = CustomerKey::of_folder(&disk, false, &mut SimRng::new(0)).expect("the key is there");
        assert_eq!(again.hash("ada"), key.hash("ada"));
    }
}

/// Seed 1: heartbeats are written only while anything is held. After a quiet time longer than the longest outage a cart
/// was opened and the process died before the next heartbeat; the quiet time was taken for an outage, what was too much of
/// it was given to engine time, and the cart was past its deadline.
#[test]
fn a_quiet_time_before_an_outage_is_not_part_of_it() {
    let limits = Limits { max_away: Millis(60_000), ..Limits::default() };
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let mut engine = begin(&disk, &clock, &limits);
    let (core, door) = (&engine.core, &engine.door);
    let now = door.now(core).unwrap();
    core.channel(now, "web").result.unwrap();
    core.put_sale(now, SaleRules::new("day", "UTC"), IfMatch::Absent).result.unwrap();
    core.add_slots(now, "day", &[SlotSpec::new("a", "kiel", 1)], true).result.unwrap();
    for _ in 0..100 {
        clock.step(Millis(1_900));
        door.now(core).unwrap();
    }
    let request = OpenCart {
        caller: SHOP,
        key: KeyUse::new(1, "", "k", 1),
        sale: "day",
        customer: CustomerHash(1),
        wants: &[slot("a", 1)],
        notes: Notes::default(),
        code: None,
    };
    let now = door.now(core).unwrap();
    let cart = core.open_cart(now, &request).result.expect("free");
    engine.writer.step();
    drop(engine);

    disk.crash(1);
    clock.step(Millis(1_000));
    let engine = begin(&disk, &clock, &limits);
    let later = engine.door.now(&engine.core).unwrap();
    assert_eq!(later.engine, now.engine, "engine time stood still");
    let found = engine.core.cart(later, SHOP, cart.cart).result.expect("it was acknowledged");
    assert_eq!((found.state, found.expires_at), (CartState::Open, cart.expires_at));
}

/// After an outage an order said that it was confirmed later than it was. What has happened stays when it happened; what is
/// still to come, the deadline and the hard deadline, moves by the outage.
#[test]
fn an_outage_moves_deadlines_and_not_what_has_happened() {
    let limits = Limits::default();
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let mut engine = begin(&disk, &clock, &limits);
    let now = engine.door.now(&engine.core).unwrap();
    engine.core.channel(now, "web").result.unwrap();
    engine.core.put_sale(now, SaleRules::new("day", "UTC"), IfMatch::Absent).result.unwrap();
    engine.core.add_slots(now, "day", &[SlotSpec::new("a", "kiel", 2)], true).result.unwrap();
    let key = |name| KeyUse::new(1, "", name, 1);
    let open = |engine: &Started<SimDisk>, name| {
        let (sale, wants) = ("day", [slot("a", 1)]);
        let (customer, notes) = (CustomerHash(1), Notes::default());
        let request =
            OpenCart { caller: SHOP, key: key(name), sale, customer, wants: &wants, notes, code: None };
        engine.core.open_cart(now, &request).result.expect("free")
    };
    let (bought, kept) = (open(&engine, "one"), open(&engine, "two"));
    let on = OnCart { caller: SHOP, key: Some(key("three")), cart: bought.cart };
    let order = engine.core.checkout(now, on).result.expect("open").order;
    assert_eq!(order.confirmed_at, now.wall);
    engine.writer.step();
    drop(engine);

    disk.crash(1);
    clock.step(Millis(3_600_000));
    let engine = begin(&disk, &clock, &limits);
    let later = engine.door.now(&engine.core).unwrap();
    assert_eq!(later.wall.0, now.wall.0 + 3_600_000);
    let again = engine.core.checkout(later, on);
    assert!(again.replayed);
    assert_eq!(again.result.expect("the kept answer").order.confirmed_at, order.confirmed_at);
    let read = engine.core.order(later, SHOP, order.cart).result.expect("an order");
    assert_eq!(read.confirmed_at, order.confirmed_at);
    let shown = |now: Now, view: &CartView| (now.wall_of(view.expires_at), now.wall_of(view.hard_deadline));
    let ordered = engine.core.cart(later, SHOP, order.cart).result.expect("an order");
    assert_eq!(shown(later, &ordered).0, order.confirmed_at);
    let (before, hard_before) = shown(now, &kept);
    let (after, hard_after) = shown(later, &engine.core.cart(later, SHOP, kept.cart).result.expect("live"));
    assert_eq!((after.0 - before.0, hard_after.0 - hard_before.0), (3_600_000, 3_600_000));
}

/// Clocks were written down only while units were held. Who had been called, or was inside without a cart, got all the time
/// since the last fact once more when the process died: a pass that had lapsed counted again.
#[test]
fn a_call_and_a_session_run_on_while_nothing_is_held() {
    let limits = Limits::default();
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let mut engine = begin(&disk, &clock, &limits);
    let now = engine.door.now(&engine.core).unwrap();
    let room = RoomRules { session: Millis(120_000), ..RoomRules::default() };
    let rules = SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") };
    engine.core.put_sale(now, rules, IfMatch::Absent).result.unwrap();
    engine.core.add_slots(now, "day", &[SlotSpec::new("a", "kiel", 9)], true).result.unwrap();
    let join = || JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    let tickets: Vec<_> =
        (0..2).map(|_| engine.core.join_line(now, &join()).result.unwrap().ticket.text).collect();
    let once = AdmitNow { count: 2, key: Some(KeyUse { key: 5, fingerprint: 6 }), ..AdmitNow::default() };
    engine.core.admit(now, "day", once).result.unwrap();
    let (inside, _) = engine.core.ticket_holder(now, &tickets[1]).result.unwrap();
    let session = engine.core.use_pass(now, inside).result.unwrap();
    let mut ticker = Ticker::new(engine.core.state.shards());
    for _ in 0..50 {
        clock.step(Millis(1_000));
        ticker.tick(&engine.core, &engine.door, || false);
        engine.writer.step();
    }
    let before = engine.door.now(&engine.core).unwrap();
    drop(engine);

    disk.crash(1);
    clock.step(Millis(600_000));
    let engine = begin(&disk, &clock, &limits);
    let later = engine.door.now(&engine.core).unwrap();
    assert_eq!(
        later.engine, before.engine,
        "engine time went on while we served, and stood still while we were away"
    );
    let again = engine.core.admit(later, "day", once);
    assert_eq!((again.replayed, again.result), (true, Ok(2)), "asked again after the crash");
    let called = engine.core.ticket(later, &tickets[0]).result.unwrap();
    assert_eq!(called.until.map(|until| until.since(later.engine)), Some(Millis(10_000)), "of 60 seconds");
    assert_eq!(engine.core.use_pass(later, inside).result.unwrap().until, session.until);
}

/// Seeds 1827 and 7846: somebody came back to a session whose time was over, was told so and left. Nothing had been written
/// down, the machine lost power before the next tick, and they were inside again.
#[test]
fn a_session_that_somebody_was_told_is_over_does_not_run_again() {
    let limits = Limits::default();
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let mut engine = begin(&disk, &clock, &limits);
    let now = engine.door.now(&engine.core).unwrap();
    let room = RoomRules { session: Millis(10_000), ..RoomRules::default() };
    let rules = SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") };
    engine.core.put_sale(now, rules, IfMatch::Absent).result.unwrap();
    let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    let ticket = engine.core.join_line(now, &join).result.unwrap().ticket;
    engine.core.admit(now, "day", AdmitNow { count: 1, ..AdmitNow::default() }).result.unwrap();
    engine.core.use_pass(now, ticket.ticket).result.unwrap();
    for _ in 0..6 {
        clock.step(Millis(1_900));
        engine.door.now(&engine.core).unwrap();
    }
    let now = engine.door.now(&engine.core).unwrap();
    let told = engine.core.leave_line(now, &ticket.text);
    assert_eq!(told.result.unwrap().state, TicketState::Lapsed);
    engine.writer.step();
    assert!(engine.mark.durable() >= told.rests_on);
    drop(engine);

    disk.crash(1);
    clock.step(Millis(1_000));
    let engine = begin(&disk, &clock, &limits);
    let later = engine.door.now(&engine.core).unwrap();
    assert_eq!(engine.core.use_pass(later, ticket.ticket).result, Err(Refusal::PassExpired));
}

/// Seconds pass; everybody in `there` asks, and who is called comes in.
fn live(
    engine: &mut Started<SimDisk>,
    clock: &SimClock,
    ticker: &mut Ticker,
    seconds: u64,
    there: &[String],
) {
    for _ in 0..seconds {
        clock.step(Millis(1_000));
        let now = engine.door.now(&engine.core).unwrap();
        for ticket in there {
            let seen = engine.core.ticket(now, ticket).result.unwrap();
            if seen.state == TicketState::Called {
                engine.core.use_pass(now, seen.ticket).result.unwrap();
            }
        }
        ticker.tick(&engine.core, &engine.door, || false);
        engine.writer.step();
    }
}

/// What calling knew of the people inside was gone with the process: what they were about to choose from was shown to as many
/// others, and a session whose browser was closed kept its room to its very end.
#[test]
fn who_is_inside_is_in_view_after_a_restart_and_ends_by_idleness() {
    let limits = Limits::default();
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let mut engine = begin(&disk, &clock, &limits);
    let now = engine.door.now(&engine.core).unwrap();
    let dials = Dials { admit_per_minute: 6_000, max_active: 100 };
    let room = RoomRules { dials, idle: Millis(300_000), ..RoomRules::default() };
    let rules = SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") };
    engine.core.put_sale(now, rules, IfMatch::Absent).result.unwrap();
    engine.core.add_slots(now, "day", &[SlotSpec::new("a", "kiel", 5)], true).result.unwrap();
    let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    let all: Vec<_> =
        (0..30).map(|_| engine.core.join_line(now, &join).result.unwrap().ticket.text).collect();
    let mut ticker = Ticker::new(engine.core.state.shards());
    live(&mut engine, &clock, &mut ticker, 20, &all);
    let now = engine.door.now(&engine.core).unwrap();
    let inside = |engine: &Started<SimDisk>, now: Now| {
        let is_inside =
            |ticket: &&String| engine.core.ticket(now, ticket).result.unwrap().state == TicketState::Admitted;
        all.iter().filter(is_inside).cloned().collect::<Vec<_>>()
    };
    let first = inside(&engine, now);
    assert_eq!(first.len(), 5, "as many as there are units");
    for (key, text) in first[..2].iter().enumerate() {
        let (ticket, _) = engine.core.ticket_holder(now, text).result.unwrap();
        let customer = engine.customers.hash(text);
        let caller = Caller {
            credential: 9,
            holder: Some(Holder { ticket, customer }),
            channel: SHOP.channel,
            operator: false,
        };
        let key = KeyUse { key: key as u128, fingerprint: 1 };
        let (wants, notes) = ([slot("a", 1)], Notes::default());
        let request = OpenCart { caller, key, sale: "day", customer, wants: &wants, notes, code: None };
        engine.core.open_cart(now, &request).result.unwrap();
    }
    live(&mut engine, &clock, &mut ticker, 1, &all);
    drop(engine);

    disk.crash(1);
    clock.step(Millis(60_000));
    let mut engine = begin(&disk, &clock, &limits);
    let mut ticker = Ticker::new(engine.core.state.shards());
    live(&mut engine, &clock, &mut ticker, 60, &all);
    let now = engine.door.now(&engine.core).unwrap();
    assert_eq!(inside(&engine, now), first, "three units are free, and three people are about to choose");
    // Nobody does anything inside: the room of those without a cart is others' after five minutes.
    live(&mut engine, &clock, &mut ticker, 250, &all);
    let now = engine.door.now(&engine.core).unwrap();
    let later = inside(&engine, now);
    assert_eq!(
        later.iter().filter(|ticket| first.contains(ticket)).collect::<Vec<_>>(),
        [&first[0], &first[1]]
    );
    assert_eq!(later.len(), 5);
}

/// Of the people inside, only who has neither a cart nor an order is shown what is free: also after a restart, and whether they
/// have proven who they are or not.
#[test]
fn who_has_something_is_not_in_view_after_a_restart() {
    let limits = Limits::default();
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let mut engine = begin(&disk, &clock, &limits);
    let now = engine.door.now(&engine.core).unwrap();
    let room =
        RoomRules { dials: Dials { admit_per_minute: 6_000, max_active: 100 }, ..RoomRules::default() };
    let rules = SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") };
    engine.core.put_sale(now, rules, IfMatch::Absent).result.unwrap();
    engine.core.add_slots(now, "day", &[SlotSpec::new("a", "kiel", 9)], true).result.unwrap();
    let people: [u128; 3] = [7 << 64, 8 << 64, 9 << 64];
    let proofs = people.map(Proof::Person).into_iter().chain([Proof::Nobody; 3]);
    let all: Vec<_> = proofs
        .map(|proof| {
            let join = JoinLine { sale: "day", proof, lane: None };
            engine.core.join_line(now, &join).result.unwrap().ticket.text
        })
        .collect();
    let mut ticker = Ticker::new(engine.core.state.shards());
    live(&mut engine, &clock, &mut ticker, 20, &all);
    // Of each three the first has a cart, the second an order that the shop has paid, the third chooses.
    for (place, paid) in [(0, false), (1, true)] {
        for (nth, person) in [(place, Some(people[place])), (place + 3, None)] {
            let now = engine.door.now(&engine.core).unwrap();
            let (ticket, _) = engine.core.ticket_holder(now, &all[nth]).result.unwrap();
            let customer = person.map_or_else(|| engine.customers.hash(&all[nth]), CustomerHash);
            let holder = Some(Holder { ticket, customer });
            let caller = Caller { credential: 9, holder, channel: SHOP.channel, operator: false };
            let key = KeyUse { key: nth as u128, fingerprint: 1 };
            let (wants, notes) = ([slot("a", 1)], Notes::default());
            let request = OpenCart { caller, key, sale: "day", customer, wants: &wants, notes, code: None };
            let cart = engine.core.open_cart(now, &request).result.unwrap().cart;
            if paid {
                let key = Some(KeyUse { key: 100 + nth as u128, fingerprint: 1 });
                engine.core.checkout(now, OnCart { caller: SHOP, key, cart }).result.unwrap();
            }
        }
    }
    live(&mut engine, &clock, &mut ticker, 1, &all);
    let in_view = |engine: &Started<SimDisk>| {
        let shards = engine.core.state.shards();
        let found = (0..usize::from(shards)).flat_map(|shard| {
            let lines = engine.core.state.lock_lines(shard);
            let unserved = lines.lines.values().flat_map(|line| line.unserved.iter().copied());
            unserved.map(|ticket| unpacked(ticket).1).collect::<Vec<_>>()
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(in_view(&engine), [2, 5]);
    drop(engine);

    disk.crash(1);
    clock.step(Millis(1_000));
    let engine = begin(&disk, &clock, &limits);
    assert_eq!(in_view(&engine), [2, 5]);
}

/// The disk was full for half a minute: nobody could be seen, as nothing could be decided, and when there was room again the first
/// step of the line passed everybody over who had not been seen for so long. Time in which nothing can be written is an outage.
#[test]
fn nobody_loses_a_place_a_call_or_a_cart_because_nothing_could_be_written() {
    let limits = Limits::default();
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let mut engine = begin(&disk, &clock, &limits);
    let now = engine.door.now(&engine.core).unwrap();
    let dials = Dials { admit_per_minute: 60, max_active: 3 };
    let room = RoomRules { dials, claim: Millis(20_000), ..RoomRules::default() };
    let rules =
        SaleRules { room: Some(Arc::new(room)), hold_ttl: Millis(30_000), ..SaleRules::new("day", "UTC") };
    engine.core.put_sale(now, rules, IfMatch::Absent).result.unwrap();
    engine.core.add_slots(now, "day", &[SlotSpec::new("a", "kiel", 9)], true).result.unwrap();
    let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
    let all: Vec<_> = (0..9).map(|_| engine.core.join_line(now, &join).result.unwrap().ticket.text).collect();
    let mut ticker = Ticker::new(engine.core.state.shards());
    live(&mut engine, &clock, &mut ticker, 3, &all);
    let states = |engine: &Started<SimDisk>| {
        let now = engine.door.now(&engine.core).unwrap();
        all.iter().map(|text| engine.core.ticket(now, text).result.unwrap().state).collect::<Vec<_>>()
    };
    let before = states(&engine);
    assert!(before.contains(&TicketState::Waiting) && before.contains(&TicketState::Admitted), "{before:?}");
    let stood = engine.door.now(&engine.core).unwrap();

    engine.core.note_blocked(true);
    for _ in 0..600 {
        clock.step(Millis(100));
        ticker.tick(&engine.core, &engine.door, || false);
        assert_eq!(engine.door.now(&engine.core).err(), Some(Refusal::DiskFull));
    }
    engine.core.note_blocked(false);
    ticker.tick(&engine.core, &engine.door, || false);
    engine.writer.step();
    let later = engine.door.now(&engine.core).unwrap();
    assert_eq!(later.engine, stood.engine, "a minute that nobody could use");
    assert_eq!(later.wall.0 - stood.wall.0, 60_000);
    assert_eq!(states(&engine), before);
    // The line goes on, and who is there keeps the place.
    let lost = [Standing::Passed, Standing::Back, Standing::Lapsed, Standing::Over];
    live(&mut engine, &clock, &mut ticker, 5, &all);
    for shard in 0..usize::from(engine.core.state.shards()) {
        let shard = engine.core.state.lock_lines(shard);
        let rows = shard.lines.values().flat_map(|line| (0..9).filter_map(|number| line.row(0, number)));
        let standings: Vec<_> = rows.map(|row| row.standing).collect();
        assert!(!standings.iter().any(|standing| lost.contains(standing)), "{standings:?}");
    }
}

/// The follower reads its state in its first step, when a crowd may have taken every handle there is.
#[test]
fn a_follower_without_a_file_handle_begins_later() {
    let (disk, clock) = (SimDisk::new(1), SimClock::new(WallTime(1_616_515_200_000)));
    let Started { core, door, mut writer, mut follower, .. } = begin(&disk, &clock, &Limits::default());
    let now = door.now(&core).unwrap();
    core.put_sale(now, SaleRules::new("day", "UTC"), IfMatch::Absent).result.unwrap();
    assert_eq!(writer.step(), Step::Wrote);
    assert!(follower.wind_up(|| true), "there is a snapshot to begin with");
    drop((writer, follower));
    disk.restart();

    let Started { mark, mut follower, .. } = begin(&disk, &clock, &Limits::default());
    disk.set_faults(Faults::From(disk.calls() + 1, Fault::NoHandle));
    assert_eq!(follower.step(0), Ok(Followed::Idle));
    disk.set_faults(Faults::None);
    assert_eq!(follower.step(0), Ok(Followed::Applied));
    assert!(follower.wind_up(|| true));
    assert!(!mark.has_failed());
}

/// A clock that nobody has set since the machine was switched on, and one that was set by a slip of the pen: engine time would
/// begin there, or go on from there, and never come back.
#[test]
fn nothing_starts_by_a_clock_that_cannot_be_right() {
    let day = 86_400_000;
    for (wall, word) in [(day, "before 2020"), (-day, "before 2020"), (80_000 * day, "after 2099")] {
        let (disk, clock) = (SimDisk::new(1), Arc::new(SimClock::new(WallTime(wall))));
        let mut rng = SimRng::new(1);
        let options = StartOptions::new(4, Ack::Fsync, Limits::default(), &mut rng);
        let refused = start(&disk, clock, &mut rng, options, |_| {}).map(|_| ());
        let Err(error @ OpenError::Clock(WallTime(_))) = refused else { panic!("{wall}: {refused:?}") };
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(disk.list().unwrap(), [""; 0], "nothing was made");
    }
}
