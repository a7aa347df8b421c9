//! Who writes what has happened: a thread that promised to does it itself when it has run out of work, so that it waits for
//! nobody; everybody else leaves it to the journal's thread.

use onsale_engine::inventory::SlotSpec;
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::{Engine, EngineOptions};

const ROUNDS: u32 = 200;

/// How many frames threads that promised to write wrote; the calling one is the only one, and everything it does is durable
/// before it goes on.
fn by_workers(workers_write: bool, promises: bool) -> u64 {
    // In memory: on a slow disk nobody but the journal's thread writes.
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let options = EngineOptions { workers_write, ..EngineOptions::new(folder.path()) };
    let (engine, _) = Engine::open(options, |_| {}).expect("the folder opens");
    if promises {
        engine.promise_to_write();
    }
    let made = engine.put_sale(SaleRules::new("day", "UTC"), IfMatch::Absent);
    assert!(made.result.is_ok(), "{made:?}");
    for number in 0..ROUNDS {
        let slot = SlotSpec::new(&format!("s{number}"), "kiel", 1);
        let rests_on = engine.add_slots("day", &[slot], true).rests_on;
        engine.write_owed();
        engine.wait(rests_on).expect("the journal works");
    }
    let (last, gauges) = (engine.mark(), engine.gauges());
    assert!(gauges.frames >= u64::from(ROUNDS) && gauges.frames >= gauges.frames_by_workers, "{gauges:?}");
    engine.shutdown();
    let (again, start) =
        Engine::open(EngineOptions::new(folder.path()), |_| {}).expect("the folder is free again");
    assert!(again.mark() > last && !start.founded);
    gauges.frames_by_workers
}

#[test]
fn a_thread_that_promised_to_writes_its_own_facts() {
    // The ticker's facts are the journal's thread's, which may be at it in a round, and a busy machine makes any disk slow for
    // a while: so "some", and again if none.
    assert!((0..20).any(|_| by_workers(true, true) > 0), "nobody but the journal's thread wrote");
}

#[test]
fn who_did_not_promise_or_may_not_leaves_it_to_the_journals_thread() {
    assert_eq!(by_workers(false, true), 0, "workers_write is off");
    assert_eq!(by_workers(true, false), 0, "nothing was promised");
}
