//! Stopped and started again on the real disk: the last snapshot makes it quick, a damaged one is said and stepped over.

#![expect(clippy::disallowed_methods, reason = "the test damages a file")]

use std::path::Path;
use std::sync::Arc;

use onsale_engine::ids::CustomerHash;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::request::{Caller, KeyUse, Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::start::Start;
use onsale_engine::time::Millis;
use onsale_engine::waiting_room::{Phase, RoomRules};
use onsale_engine::{Engine, EngineOptions};

fn open(folder: &Path, every: u64) -> (Engine, Start) {
    let options = EngineOptions { snapshot_every: Millis(every), ..EngineOptions::new(folder) };
    Engine::open(options, |_| {}).expect("the folder opens")
}

fn sell(engine: &Engine, from: u64, to: u64) {
    let channel = engine.channel("web").result.expect("a channel");
    let caller = Caller { credential: 1, channel, operator: false, holder: None };
    for n in from..to {
        let wants = [Want::Slot { slot: "a".into(), quantity: 1 }];
        let key = |part| KeyUse::new(1, "", &format!("{n}-{part}"), n);
        let request = OpenCart {
            caller,
            key: key("open"),
            sale: "day",
            customer: CustomerHash(u128::from(n) << 64 | 1),
            wants: &wants,
            notes: Notes::default(),
            code: None,
        };
        let cart = engine.open_cart(&request).result.expect("plenty").cart;
        let paid = engine.checkout(OnCart { caller, key: Some(key("pay")), cart });
        if n % 50 == 0 {
            engine.wait(paid.rests_on).expect("the journal works");
        }
    }
}

fn sold(engine: &Engine) -> u64 {
    engine.slot("day", "a").result.expect("it is there").counts.sold
}

fn snapshots(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "snap"))
        .collect();
    found.sort();
    found
}

/// Whether there is stock for a line is seen by its first step, and the first step is made before the first question.
#[test]
fn a_sold_out_room_says_so_from_the_first_answer_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _) = open(folder.path(), 60_000);
    engine.put_sale(SaleRules::new("day", "UTC"), IfMatch::Absent).result.unwrap();
    engine.add_slots("day", &[SlotSpec::new("a", "kiel", 5)], true).result.unwrap();
    sell(&engine, 0, 5);
    let room = Some(Arc::new(RoomRules::default()));
    let rules = SaleRules { room, ..SaleRules::new("day", "UTC") };
    engine.put_sale(rules, IfMatch::Any).result.unwrap();
    engine.shutdown();
    drop(engine);
    for _ in 0..10 {
        let (engine, _) = open(folder.path(), 60_000);
        assert_eq!(engine.line("day").result.unwrap().phase, Phase::SoldOut);
        engine.shutdown();
    }
}

/// What an operator was told under a key, and never heard, is told again: from the journal, and from a snapshot.
#[test]
fn what_came_of_an_import_is_told_again_under_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = |name| KeyUse::new(1, "day", name, 7);
    let add = |engine: &Engine, name, ids: &[&str]| {
        let slots: Vec<_> = ids.iter().map(|id| SlotSpec::new(id, "kiel", 5)).collect();
        let answer = engine.add_slots_once("day", &slots, key(name));
        let done = answer.result.expect("an answer");
        engine.wait(answer.rests_on).expect("the journal works");
        (answer.replayed, [done.added, done.updated, done.unchanged])
    };
    let (engine, _) = open(folder.path(), 60_000);
    engine.put_sale(SaleRules::new("day", "UTC"), IfMatch::Absent).result.unwrap();
    assert_eq!(add(&engine, "one", &["a", "b"]), (false, [2, 0, 0]));
    assert_eq!(add(&engine, "two", &["a", "b", "c"]), (false, [1, 0, 2]));
    engine.shutdown();
    drop(engine);
    // Without the snapshot of the shutdown the journal is read.
    snapshots(folder.path()).iter().for_each(|path| std::fs::remove_file(path).unwrap());
    let (engine, start) = open(folder.path(), 60_000);
    assert_eq!(start.snapshot, None);
    assert_eq!(add(&engine, "two", &["a", "b", "c"]), (true, [1, 0, 2]));
    engine.shutdown();
    drop(engine);
    let (engine, start) = open(folder.path(), 60_000);
    assert_eq!((start.facts, start.snapshot), (0, Some(start.journal.last)));
    assert_eq!(add(&engine, "one", &["a", "b"]), (true, [2, 0, 0]));
    assert_eq!(add(&engine, "two", &["a", "b", "c"]), (true, [1, 0, 2]));
    assert_eq!(add(&engine, "three", &["a", "b", "c"]), (false, [0, 0, 3]));
    engine.shutdown();
}

/// Nor is anything left of a run in which nobody did anything; without snapshots all of it is.
#[test]
fn what_the_next_start_reads_is_known_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    for (every, all) in [(60_000, true), (60_000, true), (0, false)] {
        let (engine, _) = open(folder.path(), every);
        engine.shutdown();
        assert_eq!(engine.facts_in_no_snapshot() == 0, all, "every {every} ms");
    }
}

#[test]
fn a_shutdown_leaves_a_snapshot_and_the_next_start_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, start) = open(folder.path(), 60_000);
    assert!(start.founded);
    engine.put_sale(SaleRules::new("day", "UTC"), IfMatch::Absent).result.unwrap();
    engine.add_slots("day", &[SlotSpec::new("a", "kiel", 100_000)], true).result.unwrap();
    sell(&engine, 0, 500);
    assert!(engine.facts_in_no_snapshot() > 0);
    engine.shutdown();
    assert_eq!(engine.facts_in_no_snapshot(), 0);
    drop(engine);
    assert_eq!(snapshots(folder.path()).len(), 1);

    let (engine, start) = open(folder.path(), 60_000);
    assert_eq!((start.facts, start.damaged_snapshots.len()), (0, 0));
    assert_eq!(start.snapshot, Some(start.journal.last));
    assert_eq!(sold(&engine), 500);
    sell(&engine, 490, 510);
    assert_eq!(sold(&engine), 510, "keys are remembered");
    engine.shutdown();
    drop(engine);

    let newest = snapshots(folder.path()).pop().unwrap();
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&newest, bytes).unwrap();
    let (engine, start) = open(folder.path(), 0);
    assert!(start.facts >= 20, "{}", start.facts);
    assert!(start.damaged_snapshots[0].contains("snapshot-"), "{:?}", start.damaged_snapshots);
    assert_eq!(sold(&engine), 510);
    engine.shutdown();
    drop(engine);
    assert_eq!(snapshots(folder.path()).len(), 2, "never is never");
}

#[test]
fn snapshots_are_made_while_we_sell() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, _) = open(folder.path(), 30);
    engine.put_sale(SaleRules::new("day", "UTC"), IfMatch::Absent).result.unwrap();
    engine.add_slots("day", &[SlotSpec::new("a", "kiel", 10_000_000)], true).result.unwrap();
    let mut n = 0;
    while engine.gauges().snapshot == 0 || snapshots(folder.path()).len() < 2 {
        assert!(n < 200_000, "no snapshot in {n} orders");
        sell(&engine, n, n + 50);
        n += 50;
    }
    let gauges = engine.gauges();
    assert!(gauges.followed > 0 && gauges.hindered_snapshots == 0);
    engine.shutdown();
    drop(engine);
    let (again, start) = open(folder.path(), 0);
    assert!(start.snapshot.is_some());
    assert_eq!(sold(&again), n);
    again.shutdown();
}
