//! What S1 expects of a run, as the press told the day and as the specification puts it: how fast the stock was held, the
//! honest p99 of holds and reads, the age of reads; and what is only told beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::s1::{Restart, S1};
use super::s1_inventory;
use crate::disk::Probe;
use crate::draw;
use crate::report;
use crate::verdict::Expectation;
use crate::visitor::{Ending, Shop};

/// "More than 4,000 appointments in carts within one minute", at this scale.
pub(super) fn wanted_held(scale: f64) -> u64 {
    let wanted = draw::whole((4_000.0 / scale).ceil());
    u64::try_from(wanted).unwrap_or(0).min(2 * s1_inventory::pairs(scale))
}

type AllFigures = BTreeMap<String, report::Figures>;

/// All of them, for a run without the season.
pub(super) fn all(s1: &S1, shop: &Shop, figures: &AllFigures) -> Vec<Expectation> {
    let ledger = shop.desk.ledger.borrow();
    let wanted = wanted_held(s1.scale);
    let reached = ledger.reached.get(&wanted).copied().flatten();
    let told =
        |at: Option<Duration>| at.map_or("never".to_owned(), |at| format!("{:.1} s", at.as_secs_f64()));
    let by = |name: &str, at: Option<Duration>, limit_s: u64| {
        let met = at.is_some_and(|at| at <= Duration::from_secs(limit_s));
        let expectation = Expectation::asked(name, format!("within {limit_s} s of t0"), told(at), met);
        // People's thinking is not compressed, so a run at speed cannot keep times counted from the opening.
        if s1.speed > 1.0 {
            Expectation::told(name, expectation.wanted, expectation.got)
        } else {
            expectation
        }
    };
    let mut all = vec![
        by(&format!("{wanted} appointments held at one time"), reached, 60),
        by(
            &format!("every slot full, all {} pairs held", s1_inventory::pairs(s1.scale)),
            ledger.all_full_after,
            20,
        ),
        p99("honest p99 of a hold", figures.get("hold"), 25),
        p99("honest p99 of a granted hold", figures.get("granted"), 25),
        p99("honest p99 of a read", figures.get("read"), 15),
    ];
    let measured = shop.desk.floor.measured.borrow();
    all.push(match measured.ages.oldest() {
        Some(age) => Expectation::asked(
            "age of a read",
            "at most 2 s",
            format!("{:.2} s at most, of {} that told", age.as_secs_f64(), measured.ages.reads()),
            age <= Duration::from_secs(2),
        ),
        None => Expectation::told("age of a read", "at most 2 s", "no answer told its age"),
    });
    all.push(who_held_has_an_order(shop));
    let (clicks, gone) = (shop.desk.clicks.get(), shop.desk.gone.get());
    let share = (gone * 100).checked_div(clicks).unwrap_or(0);
    let got = format!("{gone} of {clicks} clicks ({share} %)");
    all.push(Expectation::told("shown free but gone on click", "only told without a waiting room", got));
    all
}

/// In S1 a hold outlasts every form: whoever held a cart and went to pay for it has bought it.
fn who_held_has_an_order(shop: &Shop) -> Expectation {
    let meant = shop.meant_to_pay.get();
    let ordered = shop.endings.borrow().get(&Ending::Ordered).copied().unwrap_or_default();
    let held = shop.desk.ledger.borrow().carts.len();
    Expectation::asked(
        "whoever held a cart and meant to pay has an order",
        "all of them",
        format!("{ordered} of {meant}, {held} carts were held"),
        ordered == meant && held > 0,
    )
}

fn p99(name: &str, figures: Option<&report::Figures>, limit_ms: u64) -> Expectation {
    let Some(figures) = figures else {
        return Expectation::asked(name, format!("at most {limit_ms} ms"), "none was made", false);
    };
    let got = format!("{:.2} ms", draw::seconds_of(figures.latency.p99_us) * 1e3);
    Expectation::asked(
        name,
        format!("at most {limit_ms} ms"),
        got,
        figures.latency.p99_us <= limit_ms * 1_000,
    )
}

/// A start on what was written before must be quick.
pub(super) fn start_up(restart: &Restart) -> Expectation {
    let got = format!("{:.2} s", restart.took.as_secs_f64());
    let met = restart.took <= Duration::from_secs(20);
    Expectation::asked(&format!("start-up after {}", restart.after), "at most 20 s", got, met)
}

/// A hold cannot honestly be faster than the disk.
pub(super) fn beside_the_disk(figures: &AllFigures, probes: &[Probe]) -> Expectation {
    let slowest = probes.iter().map(|probe| probe.sync.p99_us).max().unwrap_or_default();
    let hold = figures.get("granted").map_or(0, |hold| hold.latency.p99_us);
    let ms = |micros: u64| draw::seconds_of(micros) * 1e3;
    let got = format!("granted hold {:.2} ms, sync of 4 KiB {:.2} ms", ms(hold), ms(slowest));
    Expectation::told("p99 of a hold beside the disk", "printed together", got)
}
