//! Hold and confirm in process: one and two threads, contended and not, journal on and off.
//!
//! An element is one hold of two slots and one confirm, each under its own idempotency key, with the limit per customer
//! on. `journal` frames 64 facts at a time into a file in memory.

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use onsale_bench::stall::{Counter, Goods, Stall, drain};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LIVE: usize = 100_000;
const WIDE: Goods = Goods { venues: 128, slots: 800 };
const NARROW: Goods = Goods { venues: 2, slots: 50 };

fn one_thread(c: &mut Criterion) {
    let mut group = c.benchmark_group("hold+confirm, one thread");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(4));
    for (name, goods, journal) in [
        ("100k slots, no journal", WIDE, false),
        ("100k slots, journal", WIDE, true),
        ("100 slots, journal", NARROW, true),
    ] {
        group.bench_function(name, |b| {
            let mut stall = Stall::new(goods, journal);
            let mut counter = Counter::new(goods, 0, goods.venues, LIVE, 1);
            for _ in 0..LIVE {
                counter.hold(&stall.core);
                stall.drain();
            }
            b.iter_custom(|rounds| {
                let start = Instant::now();
                for round in 0..rounds {
                    counter.hold(&stall.core);
                    counter.confirm(&stall.core);
                    if round % 32 == 31 {
                        stall.drain();
                    }
                }
                stall.drain();
                start.elapsed()
            });
        });
    }
    group.finish();
}

/// Both threads share one buffer and one writer (this thread's): what must hold is the order, not one mutex.
fn two_threads(c: &mut Criterion) {
    let mut group = c.benchmark_group("hold+confirm, two threads");
    group.throughput(Throughput::Elements(1)).sample_size(10).measurement_time(Duration::from_secs(4));
    for (name, goods, apart) in
        [("different venues", WIDE, true), ("random venues", WIDE, false), ("100 slots", NARROW, false)]
    {
        group.bench_function(name, |b| {
            let mut stall = Stall::new(goods, false);
            let half = goods.venues / 2;
            let (first, second) = if apart {
                ((0, half), (half, goods.venues))
            } else {
                ((0, goods.venues), (0, goods.venues))
            };
            let mut counters = [
                Counter::new(goods, first.0, first.1, LIVE / 2, 1),
                Counter::new(goods, second.0, second.1, LIVE / 2, 2),
            ];
            for counter in &mut counters {
                for _ in 0..LIVE / 2 {
                    counter.hold(&stall.core);
                    stall.drain();
                }
            }
            let core = &stall.core;
            b.iter_custom(|rounds| {
                let start = Instant::now();
                std::thread::scope(|scope| {
                    for counter in &mut counters {
                        scope.spawn(move || {
                            for round in 0..rounds / 2 + 1 {
                                counter.hold(core);
                                counter.confirm(core);
                                if round % 32 == 31 {
                                    drain(core, None);
                                }
                            }
                        });
                    }
                });
                start.elapsed()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, one_thread, two_threads);
criterion_main!(benches);
