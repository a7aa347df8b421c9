//! A fixed number of holds and confirms on one thread, to be counted in instructions:
//! `valgrind --tool=callgrind target/release/examples/counter 20000`. Or to be timed where other programs run too: the
//! figure is of the thread's own time. More arguments: how many carts stay open, and slots a venue.

use onsale_bench::machine::on_core;
use onsale_bench::stall::{Counter, Goods, Stall};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arg =
        |place, default| std::env::args().nth(place).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rounds, live, slots) = (arg(1, 20_000_usize), arg(2, 1_000), arg(3, 80));
    let goods = Goods { venues: 128, slots };
    let mut stall = Stall::new(goods, true);
    let mut counter = Counter::new(goods, 0, goods.venues, live, 1);
    for _ in 0..live {
        counter.hold(&stall.core);
        stall.drain();
    }
    let start = on_core();
    for round in 0..rounds {
        counter.hold(&stall.core);
        counter.confirm(&stall.core);
        if round % 32 == 31 {
            stall.drain();
        }
    }
    let each = (on_core() - start) / u32::try_from(rounds).unwrap_or(1);
    eprintln!("{rounds} rounds, {each:?} of a core each");
}
