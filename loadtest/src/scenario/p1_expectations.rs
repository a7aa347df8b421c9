//! What P1 expects, each with its figure: a fair draw, an order that nobody jumps, the pace of the day, and the cost of
//! those who wait.

use std::time::{Duration, Instant};

use super::p1_terms::Terms;
use super::p1_use::Readings;
use crate::chi_square;
use crate::verdict::Expectation;
use crate::visitor::Ending;
use crate::waiting::room::Room;
use crate::waiting::seen::Cases;
use crate::waiting::told::Estimates;

/// The share of the pairs that counts as sold out for the clock: the last of them wait for people who were called and never
/// come, through whole windows one after the other.
pub(super) const NEARLY_ALL: f64 = 0.99;
/// At greater speeds ten seconds of a poll are minutes of the day: then times from the opening are only told.
const TIMED_UP_TO_SPEED: f64 = 40.0;
/// The longest a waiting ticket may be told to keep quiet.
const LONGEST_POLL: Duration = Duration::from_secs(10);
/// Below so many tickets the sockets and the allocator are most of what a visitor costs.
const MEASURED_FROM: usize = 10_000;

/// What the expectations are of.
pub(super) struct Day<'a> {
    pub room: &'a Room,
    pub terms: &'a Terms,
    pub speed: f64,
    /// Begin of the first joining.
    pub begin: Instant,
    /// The server's, if it is the tester's own.
    pub readings: Option<&'a Readings>,
    /// What the server says of its estimates.
    pub estimates: &'a Estimates,
    /// Units that are 99 % of all.
    pub nearly_all: u64,
}

/// All of them.
pub(super) fn all(day: &Day<'_>) -> Vec<Expectation> {
    let mut all = order(day);
    all.extend(pace(day));
    all.extend(promises(day));
    all.extend(cost(day));
    all
}

fn order(day: &Day<'_>) -> Vec<Expectation> {
    let devices = day.room.devices.borrow();
    let overtaken = day.room.seen.borrow_mut().overtaken(&devices);
    let seen = day.room.seen.borrow();
    let registered = seen.line.registrations;
    let ours = devices.iter().filter(|device| device.joins_at_us <= 0);
    let ranks: Vec<(f64, f64)> = ours
        .filter_map(|device| Some((device.joins_at_us, device.place.filter(|place| *place <= registered)?)))
        .map(|(joined, place)| (Duration::from_micros(joined.unsigned_abs()).as_secs_f64(), f64::from(place)))
        .collect();
    let test = chi_square::independence(&ranks);
    let behind = devices.iter().filter(|device| device.joins_at_us > 0);
    let late: Vec<u32> = behind.filter_map(|device| device.place).collect();
    let jumped = late.iter().filter(|place| **place <= registered).count();
    vec![
        match test {
            Some(test) => Expectation::asked(
                "the place has nothing to do with the time of joining",
                "chi-square p > 0.01",
                format!(
                    "p = {:.3}: {:.1} with {} degrees of freedom, {} tickets",
                    test.p, test.sum, test.freedom, test.pairs
                ),
                test.p > 0.01,
            ),
            None => Expectation::asked(
                "the place has nothing to do with the time of joining",
                "chi-square p > 0.01",
                "too few tickets",
                false,
            ),
        },
        Expectation::asked(
            "who joins after the draw stands behind",
            "no place among the registered",
            format!("{jumped} of {} latecomers, {registered} registered", late.len()),
            jumped == 0,
        ),
        none("places never rise", &seen.risen, &format!("{} answers with a place", seen.placed)),
        none(
            "nobody is called ahead of a lower place that waits",
            &overtaken,
            &format!("{} calls seen", seen.called.len()),
        ),
        none(
            &format!("max_active {} never exceeded", seen.line.cap),
            &seen.line.over,
            &format!("{} active at most, in {} readings", seen.line.most_active, seen.line.reads),
        ),
        none(
            "the public document never goes back",
            &seen.line.backwards,
            &format!("{} readings", seen.line.reads),
        ),
    ]
}

fn pace(day: &Day<'_>) -> Vec<Expectation> {
    let (seen, ledger) = (day.room.seen.borrow(), day.room.shop.desk.ledger.borrow());
    let endings = day.room.shop.endings.borrow();
    let of = |ending: Ending| endings.get(&ending).copied().unwrap_or_default();
    let minute = day.terms.minute.as_secs_f64();
    let told = |at: Option<Duration>| match at {
        Some(at) => format!("{:.1} s = {:.1} min of the day", at.as_secs_f64(), at.as_secs_f64() / minute),
        None => "never".to_owned(),
    };
    let reached = ledger.reached.get(&day.nearly_all).copied().flatten();
    let name = "99 % of the pairs sold or held";
    // Whoever is called hears of it with the next poll, ten seconds later at most however short a minute of the day is.
    let (first, last) = (48.0 * minute, 52.0 * minute + LONGEST_POLL.as_secs_f64());
    let wanted = format!("t0 + 50 min +-2 and a poll, which is not compressed: {first:.1} to {last:.1} s");
    let met = reached.is_some_and(|at| (first..=last).contains(&at.as_secs_f64()));
    let empty = seen.empty_handed;
    vec![
        if day.speed > TIMED_UP_TO_SPEED {
            Expectation::told(name, wanted, told(reached))
        } else {
            Expectation::asked(name, wanted, told(reached), met)
        },
        Expectation::told(
            "every slot full once",
            "after the windows of those who never come",
            told(ledger.all_full_after),
        ),
        Expectation::told(
            "the room says sold out",
            "when nothing is held either",
            told(seen.line.sold_out_after),
        ),
        Expectation::told("the draw is public", "at the opening", told(seen.line.drawn_after)),
        Expectation::asked(
            "the called find something bookable",
            "under 1 % do not",
            format!("{empty} of {} who came did not", seen.came),
            seen.came > 0 && empty * 100 < seen.came,
        ),
        Expectation::asked(
            "who asks as told is never called in vain",
            "nobody heard of it too late",
            format!("{} did, of {} calls seen", of(Ending::CalledTooLate), seen.called.len()),
            of(Ending::CalledTooLate) == 0,
        ),
        Expectation::asked(
            "the age of a position",
            "told to ask again within 10 s; at most 2 s more until the answer",
            format!(
                "at most {:.1} s told, {:.2} s old at most, of {} renewals",
                seen.longest_told.as_secs_f64(),
                seen.oldest.as_secs_f64(),
                seen.renewed
            ),
            seen.longest_told <= LONGEST_POLL && seen.oldest <= LONGEST_POLL + Duration::from_secs(2),
        ),
    ]
}

/// The first range that was shown, and what came of it: by the server's count and by what devices heard. A day 30 times
/// compressed has polls that are not: what is asked of a real day is only told here.
fn promises(day: &Day<'_>) -> Vec<Expectation> {
    let Estimates { called, inside, early, late, near, absent, left, called_without_estimate, bounds } =
        *day.estimates;
    let percent = |part: u64| (part * 100).checked_div(called).unwrap_or(0);
    let server = format!(
        "{} % of {called} called ({early} early, {late} late), {} % within 20 % of the middle; {absent} absent, {left} left, \
         {called_without_estimate} called without one; upper bounds rose {} times, {} of them for a cause",
        percent(inside),
        percent(near),
        bounds.raised,
        bounds.raised_for_a_cause
    );
    let wanted = "90 % inside the first range; 90 % within 20 % of its middle";
    vec![
        Expectation::told("estimates, graded by the server", wanted, server),
        Expectation::told(
            "estimates, by what devices heard",
            wanted,
            day.room.seen.borrow().promises.words(),
        ),
    ]
}

fn cost(day: &Day<'_>) -> Vec<Expectation> {
    let Some(readings) = day.readings else {
        return vec![Expectation::told(
            "the server's cost",
            "of a server of the tester's own",
            "not measured",
        )];
    };
    let room = day.room;
    let (first, second) =
        (room.t0.checked_sub(Duration::from_secs(4)).unwrap_or(room.t0), Duration::from_secs(1));
    let sold = room.shop.desk.ledger.borrow().reached.get(&day.nearly_all).copied().flatten();
    let until = room.t0 + sold.unwrap_or(day.terms.minute * 50);
    let words =
        |cores: Option<f64>| cores.map_or("not measured".to_owned(), |cores| format!("{cores:.2} of a core"));
    let waiting = readings.cores(first, until);
    let asked = room.devices.borrow().iter().filter(|device| device.joins_at_us <= 0).count();
    let (before, at_t0) = (readings.at(day.begin), readings.at(room.t0 + second));
    let kib = |usage: Option<crate::usage::Usage>| usage.map_or(0, |usage| usage.resident_kib);
    let grown = kib(at_t0).saturating_sub(kib(before)) * 1_024;
    let each = grown.checked_div(u64::try_from(asked).unwrap_or(1)).unwrap_or_default();
    let got = format!(
        "{each} bytes: {} MiB before, {} MiB at the opening",
        kib(before) / 1_024,
        kib(at_t0) / 1_024
    );
    let name = "resident memory for each ticket, sockets included";
    vec![
        Expectation::asked(
            "the server from the opening until sold out",
            "under one core",
            words(waiting),
            waiting.is_some_and(|cores| cores < 1.0),
        ),
        Expectation::told("the server's busiest ten seconds", "only told", words(readings.busiest())),
        if asked >= MEASURED_FROM {
            Expectation::asked(name, "at most 2,048 bytes", got, before.is_some() && each <= 2_048)
        } else {
            Expectation::told(name, "at most 2,048 bytes, asked from 10,000 tickets on", got)
        },
    ]
}

fn none(name: &str, cases: &Cases, of: &str) -> Expectation {
    let got = match cases.count {
        0 => format!("none in {of}"),
        count => format!("{count} in {of}: {}", cases.first.join("; ")),
    };
    Expectation::asked(name, "none", got, cases.count == 0)
}
