//! A fixed number of holds and confirms on one thread, to be counted in instructions:
//! `valgrind --tool=callgrind target/release/examples/counter 20000`.

use onsale_bench::stall::{Counter, Goods, Stall};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(20_000);
    let goods = Goods { venues: 128, slots: 80 };
    let mut stall = Stall::new(goods, true);
    let mut counter = Counter::new(goods, 0, goods.venues, 1_000, 1);
    let start = std::time::Instant::now();
    for round in 0..rounds {
        counter.hold(&stall.core);
        counter.confirm(&stall.core);
        if round % 32 == 31 {
            stall.drain();
        }
    }
    eprintln!("{rounds} rounds, {:?} each", start.elapsed() / u32::try_from(rounds).unwrap_or(1));
}
