//! Bar 9: how many holds of two slots become durable in a second, in process. The whole engine runs (`ack = fsync`, its
//! writer, its ticker and its follower, one `fdatasync` a frame); sellers open carts under idempotency keys and the limit
//! per customer and do not wait for one before they ask for the next: each has as many answers waiting as a batch of
//! TigerBeetle has transfers. A hold counts when the mark has passed what its answer rests on.
//!
//! `cargo bench -p onsale-bench --bench durable [-- SELLERS [FOLDER]]`; the folder must be on the disk that is meant.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};
use std::{sync::Arc, thread};

use onsale_bench::machine;
use onsale_bench::stall::{Counter, Goods, SALE, terms};
use onsale_engine::engine::{Engine, EngineOptions};
use onsale_engine::limits::Limits;
use onsale_engine::sale::IfMatch;
use onsale_engine::sequence::Sequence;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GOODS: Goods = Goods { venues: 128, slots: 800 };

/// Answers that wait for the disk, of one seller.
const WAITING: usize = 8_189;

const ROUNDS: usize = 5;

/// Of two-slot holds, half of the 299 k transfers/s that TigerBeetle 0.17.8 did in batches of 8,189 on a machine of this
/// kind.
const TIGERBEETLE: f64 = 149_500.0;

/// Wakes a seller when the mark has moved.
struct Seller(thread::Thread);

impl Wake for Seller {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let sellers: usize = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(1);
    let folder = args.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(folder).expect("a folder on the disk");
    let limits = Limits { idempotency_keys: 50_000_000, ..Limits::default() };
    let options = EngineOptions { limits, ..EngineOptions::new(folder.path()) };
    let (engine, _) = Engine::open(options, |_| {}).expect("a new folder");
    engine.channel("web").result.expect("a channel");
    engine.put_sale(terms(), IfMatch::Absent).result.expect("a sale");
    for venue in 0..GOODS.venues {
        engine.add_slots(SALE, &GOODS.of_venue(venue), true).result.expect("slots");
    }
    println!("load before: {}", machine::load());
    let (durable, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for seller in 0..sellers {
            let part = GOODS.venues / sellers;
            let counter = Counter::new(GOODS, seller * part, (seller + 1) * part, 0, seller as u64 + 1);
            let (engine, durable, stop) = (&engine, &durable, &stop);
            scope.spawn(move || sell(engine, counter, durable, stop));
        }
        thread::sleep(Duration::from_secs(1));
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let (start, cpu, gauges) = (Instant::now(), machine::of_process(), engine.gauges());
            let before = durable.load(Ordering::Relaxed);
            thread::sleep(Duration::from_secs(1));
            let held = (durable.load(Ordering::Relaxed) - before) as f64;
            let (seconds, cpu, later) =
                (start.elapsed().as_secs_f64(), machine::of_process() - cpu, engine.gauges());
            let syncs = (later.syncs - gauges.syncs) as f64;
            println!(
                "{:.0} k durable holds/s, {:.0} a sync, {:.0} syncs/s, {:.2} us of CPU a hold, follower {} behind",
                held / seconds / 1e3,
                held / syncs,
                syncs / seconds,
                cpu * 1e6 / held,
                later.last - later.followed,
            );
            rates.push(held / seconds);
        }
        stop.store(true, Ordering::Relaxed);
        rates.sort_by(f64::total_cmp);
        let median = rates[rates.len() / 2];
        println!(
            "{sellers} seller(s), {WAITING} waiting each, fsync, follower on: median {:.0} k/s, {:.2} of TigerBeetle's",
            median / 1e3,
            median / TIGERBEETLE
        );
    });
    println!("load after: {}", machine::load());
    engine.shutdown();
}

/// Holds until told to stop; counts what the mark has passed.
fn sell(engine: &Engine, mut counter: Counter, durable: &AtomicU64, stop: &AtomicBool) {
    engine.on_mark(Waker::from(Arc::new(Seller(thread::current()))));
    let mut waiting: VecDeque<Sequence> = VecDeque::with_capacity(WAITING);
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..64.min(WAITING - waiting.len()) {
            let answer = counter.ask(|request| engine.open_cart(request));
            // No room in the journal's buffer: the writer is behind, and the next look at the mark waits for it.
            if answer.result.is_err() {
                break;
            }
            waiting.push_back(answer.rests_on);
        }
        let mark = engine.mark();
        let passed = waiting.iter().take_while(|rests_on| **rests_on <= mark).count();
        if passed == 0 && waiting.len() > WAITING - 64 {
            thread::park_timeout(Duration::from_millis(5));
            continue;
        }
        waiting.drain(..passed);
        durable.fetch_add(passed as u64, Ordering::Relaxed);
    }
}
