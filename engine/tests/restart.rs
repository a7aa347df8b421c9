//! Restarts that once went wrong, each found by a seed of the simulator and told here as a scenario: what was done, and what
//! must be found afterwards.

use std::sync::Arc;

use onsale_engine::commit::Ack;
use onsale_engine::customers::{CustomerKey, KEY_FILE};
use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::limits::Limits;
use onsale_engine::outcome::CartState;
use onsale_engine::ports::Disk;
use onsale_engine::request::{KeyUse, Notes, OpenCart};
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::start::{StartOptions, Started, start};
use onsale_engine::testing::clock::SimClock;
use onsale_engine::testing::desk::{SHOP, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::testing::rng::SimRng;
use onsale_engine::time::{Millis, WallTime};

/// Opens the folder with these limits.
fn begin(disk: &SimDisk, clock: &SimClock, limits: &Limits) -> Started<SimDisk> {
    let mut rng = SimRng::new(1);
    let mut options = StartOptions::new(4, Ack::Fsync, limits.clone(), &mut rng);
    (options.journal.segment_bytes, options.journal.smallest_segment_bytes) = (1 << 16, 1 << 16);
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
