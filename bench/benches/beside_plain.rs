//! Bar 7 beside a yardstick: hold and confirm of the engine, with and without its journal, and of a straightforward program
//! ([`onsale_bench::plain`]), in turn in one run. How fast a shared machine is changes by a factor of two within minutes; what
//! the three are of each other does not.
//!
//! `cargo bench -p onsale-bench --bench beside_plain [-- ROUNDS]`

#![expect(clippy::print_stdout, reason = "a bench prints")]

use onsale_bench::compare::spread;
use onsale_bench::machine::on_core;
use onsale_bench::plain::Plain;
use onsale_bench::stall::{Counter, Goods, Stall};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const GOODS: Goods = Goods { venues: 128, slots: 800 };
const LIVE: usize = 100_000;
/// Holds and confirms of a turn.
const TURN: usize = 100_000;

fn main() {
    let rounds: usize = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(9);
    let mut shops = [true, false].map(|journal| {
        let mut stall = Stall::new(GOODS, journal);
        let mut counter = Counter::new(GOODS, 0, GOODS.venues, LIVE, 1);
        for _ in 0..LIVE {
            counter.hold(&stall.core);
            stall.drain();
        }
        (stall, counter)
    });
    let mut plain = Plain::new(GOODS, LIVE);
    let mut rates = [const { Vec::new() }; 3];
    // The first round is not counted.
    for round in 0..=rounds {
        for (rates, (stall, counter)) in rates.iter_mut().zip(&mut shops) {
            rates.push(rate(|turn| {
                counter.hold(&stall.core);
                counter.confirm(&stall.core);
                if turn % 32 == 31 {
                    stall.drain();
                }
            }));
        }
        rates[2].push(rate(|_| {
            plain.hold();
            plain.confirm();
        }));
        if round == 0 {
            rates.iter_mut().for_each(Vec::clear);
        }
    }
    assert_eq!(plain.units().0, 2 * LIVE as u64);
    let ratio = |of: usize| rates[of].iter().zip(&rates[2]).map(|(ours, plain)| ours / plain).collect();
    println!(
        "hold + confirm, one thread, {LIVE} live carts, {rounds} rounds of {TURN}, by the thread's own time"
    );
    let (of_engine, of_bare) = (ratio(0), ratio(1));
    let [engine, bare, plain] = rates;
    for (what, figures) in [
        ("engine with keys, limit and framing, M/s", engine),
        ("engine without a journal, M/s", bare),
        ("straightforward, M/s", plain),
        ("engine over straightforward", of_engine),
        ("the same without a journal", of_bare),
    ] {
        let came = spread(figures);
        println!("{what:<42}{:.2} ({:.2} to {:.2})", came.median, came.min, came.max);
    }
}

/// Millions a second of this thread's own time.
fn rate(mut act: impl FnMut(usize)) -> f64 {
    let before = on_core();
    (0..TURN).for_each(&mut act);
    TURN as f64 / (on_core() - before).as_secs_f64() / 1e6
}
