//! The replay of a journal of holds and confirms, to be counted in instructions:
//! `valgrind --tool=callgrind --toggle-collect='*Replay::frame*' target/release/examples/replay 20000`. Or to be timed where
//! other programs run too: the figure is of the thread's own time. One more argument: how often it is replayed.

use onsale_bench::machine::on_core;
use onsale_bench::stall::{Counter, Goods, Stall};
use onsale_engine::journal::Options;
use onsale_engine::journal::frame::JournalId;
use onsale_engine::os::disk::FolderDisk;
use onsale_engine::recovery;
use onsale_engine::sequence::Sequence;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arg =
        |place, default| std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (carts, times) = (arg(1, 20_000_usize), arg(2, 1));
    let goods = Goods { venues: 128, slots: 800 };
    let mut stall = Stall::new(goods, true);
    let mut counter = Counter::new(goods, 0, goods.venues, carts / 10, 1);
    for round in 0..carts {
        counter.hold(&stall.core);
        counter.confirm(&stall.core);
        if round % 32 == 31 {
            stall.drain();
        }
    }
    stall.drain();
    stall.writer = None;
    let disk = FolderDisk::open(stall.folder()).expect("the folder is there");
    for _ in 0..times {
        let start = on_core();
        let options = Options::new(JournalId(1), Sequence::ZERO);
        let found = recovery::start(&disk, options, [1, 2], |_| {}).expect("a good journal");
        let facts = u32::try_from(found.recovered.expect("facts").facts).unwrap_or(1);
        eprintln!("{facts} facts, {:?} of a core each", (on_core() - start) / facts);
    }
}
