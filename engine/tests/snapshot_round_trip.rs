//! A state that went through a snapshot is the same state: digests, indices handed out next, the order of due holds,
//! the answers to keys, and what happens from there on.

mod follow_support;

use follow_support::{Dice, Market, SHARDS, digests, head, image};
use onsale_engine::journal::StorageError;
use onsale_engine::names::Names;
use onsale_engine::request::{Notes, OpenCart};
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot::{self, snapshot_name};
use onsale_engine::state::{Held, State};
use onsale_engine::testing::desk::SHOP;
use onsale_engine::testing::disk::SimDisk;

/// Through a snapshot and back.
fn again(state: &mut State) -> State {
    let disk = SimDisk::new(1);
    snapshot::write(&disk, head(7), Sequence(7), state).unwrap();
    snapshot::read(&disk, Sequence(7), Names::new([3, 4])).unwrap().state
}

/// The order in which holds are due, and which places come next.
fn future(state: &mut State) -> Vec<(u32, u32, Vec<Vec<u32>>)> {
    let mut alone = state.alone();
    (0..SHARDS)
        .map(|number| {
            let shard = alone.shard(number);
            let due = (0..shard.slot_count()).map(|slot| shard.places_of_holds(slot).collect()).collect();
            let (places, free) = shard.expiry.places();
            (shard.carts.next_index(), free.last().copied().unwrap_or(places), due)
        })
        .collect()
}

#[test]
fn any_state_comes_back_and_goes_on_the_same() {
    for seed in 0..30 {
        let mut market = Market::new(seed);
        for _ in 0..600 {
            market.act();
            market.desk.core.buffer.discard();
        }
        let core = &mut market.desk.core;
        let mut restored = again(&mut core.state);
        assert_eq!(digests(&mut core.state), digests(&mut restored), "seed {seed}");
        assert_eq!(future(&mut core.state), future(&mut restored), "seed {seed}");
        assert!(image(&mut core.state) == image(&mut restored), "seed {seed}");

        // The twin begins where the copy is; both then live through the same.
        let mut twin = Market::new(seed);
        for _ in 0..600 {
            twin.act();
            twin.desk.core.buffer.discard();
        }
        twin.desk.core.state = restored;
        for (customer, wants, key, cart) in &market.opened {
            let request = OpenCart {
                caller: SHOP,
                key: *key,
                sale: "day",
                customer: onsale_engine::ids::CustomerHash(*customer),
                wants,
                notes: Notes::default(),
                code: None,
            };
            let now = market.desk.now();
            let (one, other) =
                (market.desk.core.open_cart(now, &request), twin.desk.core.open_cart(now, &request));
            assert_eq!(one.replayed, other.replayed);
            assert_eq!(format!("{:?}", one.result), format!("{:?}", other.result), "cart {:?}", cart.cart);
        }
        (market.ticker, twin.ticker) = (false, false);
        for _ in 0..300 {
            market.act();
            twin.act();
            market.desk.core.buffer.discard();
            twin.desk.core.buffer.discard();
        }
        assert!(
            image(&mut market.desk.core.state) == image(&mut twin.desk.core.state),
            "seed {seed} went another way"
        );
    }
}

#[test]
fn crowded_slots_and_many_chunks_come_back() {
    use onsale_engine::inventory::SlotSpec;
    use onsale_engine::sale::SaleRules;
    use onsale_engine::testing::desk::{Desk, slot};
    let mut desk = Desk::new(SHARDS);
    desk.sale(SaleRules::new("day", "UTC"));
    desk.slots("day", &[SlotSpec::new("field", "park", 1_000_000), SlotSpec::new("seat", "park", 1)]);
    let mut dice = Dice(5);
    for customer in 0..6_000_u128 {
        if customer % 100 == 0 {
            // Deadlines that do not come in order make the slot's list a tree.
            let hold_ttl = onsale_engine::time::Millis(1_000 + dice.roll(500_000));
            desk.sale(SaleRules { hold_ttl, ..SaleRules::new("day", "UTC") });
        }
        let cart = desk.open("day", customer, &[slot("field", 1)]).result.unwrap().cart;
        if dice.roll(3) == 0 {
            desk.checkout(cart).result.unwrap();
        }
        desk.core.buffer.discard();
    }
    let mut restored = again(&mut desk.core.state);
    assert!(image(&mut restored).len() > 3 * (256 << 10), "several chunks");
    assert_eq!(future(&mut desk.core.state), future(&mut restored));
    assert!(image(&mut desk.core.state) == image(&mut restored));
}

#[test]
fn every_flipped_byte_and_every_cut_is_noticed() {
    let mut market = Market::new(3);
    for _ in 0..80 {
        market.act();
    }
    let disk = SimDisk::new(1);
    snapshot::write(&disk, head(7), Sequence(7), &mut market.desk.core.state).unwrap();
    let name = snapshot_name(Sequence(7));
    let good = disk.get(&name).unwrap();
    let read = |bytes: &[u8]| {
        disk.put(&name, bytes);
        snapshot::read(&disk, Sequence(7), Names::none()).map(|restored| restored.head)
    };
    read(&good).unwrap();
    for place in 0..good.len() {
        let mut bytes = good.clone();
        bytes[place] ^= 1 << (place % 8);
        match read(&bytes) {
            Err(StorageError::Damaged { file, .. }) => assert_eq!(file, name),
            other => panic!("flipped byte {place}: {other:?}"),
        }
    }
    for cut in (0..good.len()).step_by(7) {
        assert!(matches!(read(&good[..cut]), Err(StorageError::Damaged { .. })), "cut at {cut}");
    }
    let longer: Vec<u8> = good.iter().copied().chain([0]).collect();
    assert!(matches!(read(&longer), Err(StorageError::Damaged { .. })), "a byte more");
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut market = Market::new(3);
    let disk = SimDisk::new(1);
    snapshot::write(&disk, head(7), Sequence(7), &mut market.desk.core.state).unwrap();
    let name = snapshot_name(Sequence(7));
    let mut bytes = disk.get(&name).unwrap();
    bytes[8] = 2;
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    disk.put(&name, &bytes);
    let error = snapshot::read(&disk, Sequence(7), Names::none()).unwrap_err();
    assert!(matches!(error, StorageError::NewerVersion { found: 2, known: 1, .. }), "{error}");
}

#[test]
#[should_panic(expected = "beyond the durable mark")]
fn a_snapshot_beyond_the_mark_is_impossible() {
    let mut market = Market::new(3);
    let _ = snapshot::write(&SimDisk::new(1), head(7), Sequence(6), &mut market.desk.core.state);
}
