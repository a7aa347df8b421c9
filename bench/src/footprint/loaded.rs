//! What it costs that many slots are loaded: to a hold that wants none of them, and to availability.

use std::cell::Cell;
use std::time::Instant;

use onsale_engine::decide::Core;
use onsale_engine::documents::TOO_OLD;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::testing::desk::START_MS;
use onsale_engine::time::{Now, WallTime};

use crate::compare::{Spread, spread};
use crate::stall::{Counter, Goods, Stall, now};

/// Rounds of each side, in turn.
const ROUNDS: usize = 15;
/// Pieces of a round. Its time is the median of theirs: a piece is much shorter than the time a scheduler gives to
/// somebody else, so most pieces are not interrupted even on a busy machine.
const PIECES: usize = 400;
/// Holds of a piece.
const HOLDS: u32 = 50;

/// Large over small.
#[derive(Debug)]
pub struct Compared {
    /// Ratio of medians, ends of the rounds' ratios.
    pub ratio: Spread,
    /// The times themselves.
    pub note: String,
}

fn alternate(small: &mut dyn FnMut() -> f64, large: &mut dyn FnMut() -> f64, unit: &str) -> Compared {
    // A round of each to warm up.
    small();
    large();
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (one, other) = (small(), large());
        ratios.push(other / one);
        ours.push(one);
        theirs.push(other);
    }
    let (small, large, ends) = (spread(ours).median, spread(theirs).median, spread(ratios));
    Compared {
        ratio: Spread { median: large / small, ..ends },
        note: format!("{large:.2} {unit} over {small:.2} {unit}, {ROUNDS} rounds"),
    }
}

/// Bar 16: holds on the same 1,000 slots, confirmed a while later, while 10 million are loaded and while these are all.
pub fn hold() -> Compared {
    // The 1,000 are the first 100 slots of ten venues in both.
    let wanted = Goods { venues: 10, slots: 100 };
    let mut few = Stall::new(wanted, false);
    let mut many = Stall::new(Goods { venues: 10_000, slots: 1_000 }, false);
    let mut counters = [1, 2].map(|seed| Counter::new(wanted, 0, wanted.venues, 1_000, seed));
    let [first, second] = &mut counters;
    alternate(&mut || sell(first, &mut few), &mut || sell(second, &mut many), "us a hold and a confirm")
}

/// The same with holds anywhere among the 10 million, over holds among 1,000.
pub fn hold_anywhere() -> Compared {
    let (narrow, wide) = (Goods { venues: 10, slots: 100 }, Goods { venues: 10_000, slots: 1_000 });
    let (mut few, mut many) = (Stall::new(narrow, false), Stall::new(wide, false));
    // More wishes than all rounds make holds: none finds what the one before has fetched.
    let wishes = (ROUNDS + 1) * PIECES * HOLDS as usize;
    let mut first = Counter::with_wishes(narrow, (0, narrow.venues), 1_000, 1, wishes);
    let mut second = Counter::with_wishes(wide, (0, wide.venues), 1_000, 2, wishes);
    alternate(
        &mut || sell(&mut first, &mut few),
        &mut || sell(&mut second, &mut many),
        "us a hold and a confirm",
    )
}

fn sell(counter: &mut Counter, stall: &mut Stall) -> f64 {
    let pieces = (0..PIECES).map(|_| {
        let start = Instant::now();
        for _ in 0..HOLDS {
            counter.hold(&stall.core);
            counter.confirm(&stall.core);
        }
        let took = start.elapsed();
        stall.drain();
        took.as_secs_f64() * 1e6 / f64::from(HOLDS)
    });
    spread(pieces).median
}

/// Bar 18: availability by venue and day of two sales with the same venues and days, one with many slots on each. Every look comes
/// later than a document lasts, so it is taken anew and written out: one that is kept costs the same whatever it is of.
pub fn availability() -> Compared {
    const VENUES: usize = 15;
    const DAYS: usize = 20;
    let stall = Stall::new(Goods { venues: 1, slots: 1 }, false);
    season(&stall.core, "small", VENUES, DAYS, 3_000);
    season(&stall.core, "large", VENUES, DAYS, 680_000);
    let core = &stall.core;
    let clock = Cell::new(now());
    let look = |sale: &str| {
        let pieces = (0..PIECES).map(|_| {
            let Now { engine, wall } = clock.get();
            clock.set(Now { engine: engine.plus(TOO_OLD), wall: WallTime(wall.0 + TOO_OLD.0.cast_signed()) });
            let start = Instant::now();
            let stock =
                core.availability(clock.get(), sale, true, true, None).result.expect("the sale is there");
            let took = start.elapsed();
            assert_eq!(stock.lines.len(), VENUES * DAYS);
            took.as_secs_f64() * 1e6
        });
        spread(pieces).median
    };
    alternate(&mut || look("small"), &mut || look("large"), "us to take and write 300 lines")
}

fn season(core: &Core, sale: &str, venues: usize, days: usize, slots: usize) {
    core.put_sale(now(), SaleRules::new(sale, "UTC"), IfMatch::Absent).result.expect("a sale");
    let specs: Vec<_> = (0..slots)
        .map(|number| {
            let (venue, day) = (number % venues, number / venues % days);
            SlotSpec {
                starts_at: Some(WallTime(START_MS.cast_signed() + day as i64 * 86_400_000)),
                ..SlotSpec::new(&format!("{sale}-{number:06}"), &format!("w{venue}"), 10)
            }
        })
        .collect();
    for part in specs.chunks(1_000) {
        core.add_slots(now(), sale, part, false).result.expect("slots");
        core.buffer.discard();
    }
}
