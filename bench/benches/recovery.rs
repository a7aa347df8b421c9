//! How fast a start is: replay of hold and confirm facts on one thread with all checks, and snapshots by the million
//! carts. Run by hand, printed, not compared: `cargo bench -p onsale-bench --bench recovery [-- CARTS]`.
//!
//! Files are in memory (`/dev/shm`): what is measured is the engine, not the disk.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::time::Instant;

use onsale_bench::stall::{Counter, Goods, Stall};
use onsale_engine::journal::frame::JournalId;
use onsale_engine::journal::{Journal, Options};
use onsale_engine::names::Names;
use onsale_engine::os::disk::FolderDisk;
use onsale_engine::recovery;
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot::{self, Head};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn on_core() -> f64 {
    onsale_bench::machine::on_core().as_secs_f64()
}

const GOODS: Goods = Goods { venues: 128, slots: 800 };

fn main() {
    let carts: usize = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1_000_000);
    let mut stall = Stall::new(GOODS, true);
    let mut counter = Counter::new(GOODS, 0, GOODS.venues, carts / 10, 1);
    for round in 0..carts {
        counter.hold(&stall.core);
        counter.confirm(&stall.core);
        if round % 32 == 31 {
            stall.drain();
        }
    }
    stall.drain();
    let writer = stall.writer.as_mut().expect("it has a journal");
    writer.sync();
    let chain = writer.journal().chain();
    let last = writer.journal().last();
    stall.writer = None;
    let disk = FolderDisk::open(stall.folder()).expect("the folder is there");
    let options = || Options::new(JournalId(1), Sequence::ZERO);

    for _ in 0..3 {
        let (before, core) = (Instant::now(), on_core());
        let found = recovery::start(&disk, options(), [1, 2], |_| {}).expect("a good journal");
        let (taken, core) = (before.elapsed(), on_core() - core);
        let facts = found.recovered.expect("facts").facts;
        let rate = |seconds: f64| facts as f64 / seconds / 1e6;
        println!(
            "replay: {facts} facts, {:.2} M/s, {:.2} M/s of a core",
            rate(taken.as_secs_f64()),
            rate(core)
        );
    }
    let found = recovery::start(&disk, options(), [1, 2], |_| {}).expect("a good journal");
    let mut state = found.recovered.expect("facts").state;
    let head = Head {
        journal: found.journal.id(),
        sequence: last,
        at: onsale_bench::stall::now().engine,
        chain,
        shards: state.shards(),
    };
    drop(found.journal);
    let millions = carts as f64 / 1e6;
    let mut saving = snapshot::Saving::begin(&disk, head, last).expect("room");
    let before = on_core();
    while saving.slice(&mut state).expect("room") {}
    println!("save: {:.3} s of a core a million carts", (on_core() - before) / millions);
    let before = on_core();
    let mut checking = saving.seal().expect("room");
    let made = loop {
        if let Some(made) = checking.slice().expect("what was written") {
            break made;
        }
    };
    println!("seal and read back: {:.3} s of a core a million carts", (on_core() - before) / millions);
    println!("size: {:.1} MB a million carts", made.bytes as f64 / 1e6 / millions);
    drop(state);
    for names in [Names::new([1, 2]), Names::none()] {
        let before = on_core();
        snapshot::read(&disk, last, names).expect("what was written");
        println!("restore: {:.3} s of a core a million carts", (on_core() - before) / millions);
    }
}
