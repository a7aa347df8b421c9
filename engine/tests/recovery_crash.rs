//! The plug pulled at every call of the disk while snapshots are made: a start always works, from whatever is there, and
//! ends in the state that a replay of the whole journal ends in.

mod follow_support;

use follow_support::{Shop, image, options};
use onsale_engine::journal::StorageError;
use onsale_engine::ports::Disk;
use onsale_engine::recovery::{self, Found, RecoveryError};
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot::{Generations, snapshot_name};
use onsale_engine::state::State;
use onsale_engine::testing::disk::{Fault, Faults, SimDisk};
use onsale_engine::time::Millis;

fn start(disk: &SimDisk) -> Result<Found<SimDisk>, RecoveryError> {
    recovery::start(disk, options(), [8, 9], |_| {})
}

/// The state after so many facts of the same day: what any start must come to.
fn image_at(seed: u64, last: Sequence) -> Vec<u8> {
    let mut shop = Shop::new(seed, Millis(0)).unwrap();
    let mut replay = recovery::Replay::new([1, 2]);
    while shop.mark.durable() < last {
        shop.round(25);
    }
    let mut reader = onsale_engine::journal::Journal::reader(shop.writer.journal(), Sequence(1)).unwrap();
    while replay.last() < last {
        let frame = reader.next_frame().unwrap().unwrap();
        for (number, record) in frame.records().take_while(|(number, _)| *number <= last) {
            replay.record(number, record).unwrap();
        }
    }
    image(replay.state().unwrap())
}

/// A day with snapshots; ends early if the disk does.
fn day(disk: &SimDisk, seed: u64, rounds: u64, every: u64) -> (Sequence, u64) {
    let Ok(mut shop) = Shop::on(disk.clone(), seed, Millis(every)) else { return (Sequence::ZERO, 0) };
    for _ in 0..rounds {
        if !shop.round(25) {
            break;
        }
        loop {
            match shop.follower.step(shop.boot) {
                Ok(onsale_engine::follower::Followed::Idle) | Err(_) => break,
                Ok(_) => {}
            }
        }
    }
    (shop.mark.durable(), shop.follower.snapshot().0)
}

fn state_of(found: &mut Found<SimDisk>) -> &mut State {
    &mut found.recovered.as_mut().expect("there were facts").state
}

#[test]
fn a_crash_at_any_call_leaves_a_folder_that_starts_and_is_right() {
    let seed = 11;
    let calls = {
        let disk = SimDisk::new(seed);
        day(&disk, seed, 9, 200);
        disk.calls()
    };
    let (mut from_snapshots, mut from_scratch) = (0, 0);
    for (call, gone) in (1..=calls).flat_map(|call| [(call, false), (call, true)]) {
        let disk = SimDisk::new(seed);
        // One call fails and the day goes on, or the disk is gone from that call on.
        let faults = if gone { Faults::From(call, Fault::Io) } else { Faults::At(call, Fault::Io) };
        disk.set_faults(faults);
        let (durable, _) = day(&disk, seed, 9, 200);
        disk.crash(call);
        if durable == Sequence::ZERO {
            continue;
        }
        let mut found = match start(&disk) {
            Ok(found) => found,
            Err(error) => panic!("call {call}: {error}"),
        };
        let last = found.opened.last;
        assert!(last >= durable, "call {call}: {durable} was durable, {last} is there");
        assert_eq!(
            found.damaged,
            [] as [String; 0],
            "call {call}: a crash damages no snapshot that has its name"
        );
        if found.snapshot.is_some() {
            from_snapshots += 1
        } else {
            from_scratch += 1
        }
        assert!(image(state_of(&mut found)) == image_at(seed, last), "call {call}");
    }
    assert!(from_snapshots > 50 && from_scratch > 10, "{from_snapshots} and {from_scratch}");
}

#[test]
fn without_faults_a_crash_anywhere_is_survived_by_what_was_synced() {
    for seed in 0..20 {
        let disk = SimDisk::new(seed);
        let (durable, snapshot) = day(&disk, 11, 4 + seed % 9, 200);
        disk.crash(seed * 7);
        let mut found = start(&disk).unwrap();
        assert!(found.opened.last >= durable);
        assert_eq!(found.snapshot.map_or(0, |used| used.0), snapshot, "what stood is used");
        let last = found.opened.last;
        assert!(image(state_of(&mut found)) == image_at(11, last), "seed {seed}");
    }
}

/// A folder with two generations.
fn two_generations() -> (SimDisk, Vec<Sequence>, Sequence) {
    let disk = SimDisk::new(5);
    let (durable, _) = day(&disk, 5, 14, 200);
    disk.restart();
    let good = Generations::of(&disk).unwrap().good().to_vec();
    assert_eq!(good.len(), 2);
    (disk, good, durable)
}

fn flip(disk: &SimDisk, sequence: Sequence) {
    let name = snapshot_name(sequence);
    let mut bytes = disk.get(&name).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    disk.put(&name, &bytes);
}

#[test]
fn a_damaged_newest_snapshot_falls_back_to_the_older_one_and_says_so() {
    let (disk, good, durable) = two_generations();
    flip(&disk, good[1]);
    let mut found = start(&disk).unwrap();
    assert_eq!(found.snapshot, Some(good[0]));
    assert!(found.damaged[0].contains(&snapshot_name(good[1])), "{:?}", found.damaged);
    assert_eq!(found.generations.good(), [good[0]]);
    assert_eq!(found.opened.last, durable);
    assert!(image(state_of(&mut found)) == image_at(5, durable));
    assert!(found.recovered.unwrap().facts >= durable.0 - good[0].0);
}

#[test]
fn without_a_whole_snapshot_a_trimmed_journal_is_refused() {
    let (disk, good, _) = two_generations();
    flip(&disk, good[0]);
    flip(&disk, good[1]);
    // Nothing was trimmed yet if the first segment is still there; then the journal alone is enough.
    match start(&disk) {
        Ok(found) => {
            assert_eq!((found.snapshot, found.damaged.len(), found.opened.first), (None, 2, Sequence(1)))
        }
        // What is wrong is said of each of them, and that the journal alone does not do.
        Err(RecoveryError::Storage(StorageError::Damaged { file, why, .. })) => {
            assert_eq!(file, snapshot_name(good[1]));
            let needed = "without a snapshot fact 1 is needed but the journal begins at";
            assert!(why.contains(&snapshot_name(good[0])) && why.contains(needed), "{why}");
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_journal_that_ends_before_its_snapshot_stops_the_start_with_both_numbers() {
    let (disk, good, _) = two_generations();
    // Everything from the newest snapshot's middle on is lost: an old copy of the journal beside new snapshots.
    let old = SimDisk::new(5);
    day(&old, 5, 3, 200);
    old.restart();
    for name in disk.list().unwrap() {
        if name.starts_with("journal-") {
            disk.remove(&name).unwrap();
        }
    }
    for name in old.list().unwrap() {
        if name.starts_with("journal-") {
            disk.put(&name, &old.get(&name).unwrap());
        }
    }
    for damaged in [false, true] {
        if damaged {
            flip(&disk, good[1]);
        }
        match start(&disk).map(|found| found.opened) {
            Err(RecoveryError::Storage(StorageError::Behind { durable, last })) => {
                assert_eq!(durable, good[1], "the newest, even if it is damaged");
                assert!(last < good[0]);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_snapshot_of_another_past_is_refused() {
    let (disk, good, _) = two_generations();
    // Another day under the same journal id, as long as this one.
    let other = SimDisk::new(6);
    day(&other, 6, 30, 0);
    other.restart();
    let name = snapshot_name(good[1]);
    other.put(&name, &disk.get(&name).unwrap());
    let error = start(&other).map(|found| found.opened).unwrap_err().to_string();
    assert!(error.contains("snapshot-"), "{error}");
}

/// A sector of the newest snapshot that the disk cannot read is a damage like wrong bytes in it. Where nothing can do without
/// that snapshot, the start says what the disk said.
#[test]
fn a_newest_snapshot_that_cannot_be_read_falls_back_as_well() {
    for older_is_whole in [true, false] {
        let (disk, good, durable) = two_generations();
        if !older_is_whole {
            flip(&disk, good[0]);
        }
        let (newest, expected) = (snapshot_name(good[1]), image_at(5, durable));
        let mut over = 0;
        for call in 1.. {
            let last = disk.calls() + call;
            disk.set_faults(Faults::At(last, Fault::Io));
            let found = start(&disk);
            let reached = disk.calls() >= last;
            disk.set_faults(Faults::None);
            if !reached {
                break;
            }
            match found {
                Ok(mut found) if !found.damaged.is_empty() => {
                    assert!(found.damaged[0].contains(&newest), "{:?}", found.damaged);
                    assert_eq!(found.snapshot, older_is_whole.then_some(good[0]));
                    assert_eq!(
                        (found.opened.last, found.generations.good().contains(&good[1])),
                        (durable, false)
                    );
                    assert!(over > 0 || image(state_of(&mut found)) == expected);
                    over += 1;
                }
                Err(RecoveryError::Storage(StorageError::Io { file, .. })) if file == newest => {
                    assert!(!older_is_whole, "the older one is enough");
                    over += 1;
                }
                Err(RecoveryError::Storage(StorageError::Missing { .. })) => panic!("it is there, unread"),
                _ => {}
            }
            disk.restart();
        }
        assert!(over > 2, "the snapshot is opened and read in several calls, of which {over} failed");
    }
}
