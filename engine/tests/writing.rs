//! Who writes what has happened: a thread that promised to does it itself when it has run out of work, so that it waits for
//! nobody; everybody else leaves it to the journal's thread.

use onsale_engine::inventory::SlotSpec;
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::{Engine, EngineOptions};

const ROUNDS: u32 = 200;

/// In how many rounds a fact was durable as soon as the thread had done what it owed.
fn written_at_once(workers_write: bool) -> u32 {
    // In memory: on a slow disk nobody but the journal's thread writes.
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let options = EngineOptions { workers_write, ..EngineOptions::new(folder.path()) };
    let (engine, _) = Engine::open(options, |_| {}).expect("the folder opens");
    engine.promise_to_write();
    let made = engine.put_sale(SaleRules::new("day", "UTC"), IfMatch::Absent);
    assert!(made.result.is_ok(), "{made:?}");
    let mut at_once = 0;
    for number in 0..ROUNDS {
        let slot = SlotSpec::new(&format!("s{number}"), "kiel", 1);
        let rests_on = engine.add_slots("day", &[slot], true).rests_on;
        engine.write_owed();
        at_once += u32::from(engine.mark() >= rests_on);
        engine.wait(rests_on).expect("the journal works");
    }
    let last = engine.mark();
    engine.shutdown();
    let (again, start) =
        Engine::open(EngineOptions::new(folder.path()), |_| {}).expect("the folder is free again");
    assert!(again.mark() > last && !start.founded);
    at_once
}

#[test]
fn a_thread_that_promised_to_writes_its_own_facts() {
    // The ticker's facts are the thread's, which may be at it in a round; and a busy machine makes any step slow.
    let itself: Vec<u32> = (0..5).map(|_| written_at_once(true)).collect();
    let others = written_at_once(false);
    assert!(itself.iter().any(|at_once| *at_once > ROUNDS / 2), "{itself:?} of {ROUNDS}");
    assert!(others < ROUNDS / 4, "{others} of {ROUNDS} though somebody else writes");
}
