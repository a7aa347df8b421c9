//! What P1 expects, each with its figure: a fair draw, an order that nobody jumps, the pace of the day, and the cost of
//! those who wait.

use std::time::{Duration, Instant};

use super::p1_terms::Terms;
use super::room_expectations::{self, LONGEST_POLL};
use super::room_use::Readings;
use crate::chi_square;
use crate::verdict::Expectation;
use crate::waiting::room::Room;
use crate::waiting::told::Estimates;

/// The share of the pairs that counts as sold out for the clock: the last of them wait for people who were called and never
/// come, through whole windows one after the other.
pub(super) const NEARLY_ALL: f64 = 0.99;
/// At greater speeds ten seconds of a poll are minutes of the day: then times from the opening are only told.
const TIMED_UP_TO_SPEED: f64 = 40.0;
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
    let mut all = draw(day);
    all.extend(room_expectations::order(day.room));
    all.extend(pace(day));
    all.extend(room_expectations::called(day.room));
    all.extend(room_expectations::promises(day.room, day.estimates));
    all.extend(cost(day));
    all
}

fn draw(day: &Day<'_>) -> Vec<Expectation> {
    let devices = day.room.devices.borrow();
    let seen = day.room.seen.borrow();
    let registered = seen.line.registrations;
    let ours = devices.iter().filter(|device| device.joins_at_us <= 0);
    let ranks: Vec<(f64, f64)> = ours
        .filter_map(|device| Some((device.joins_at_us, device.place.filter(|place| *place <= registered)?)))
        .map(|(joined, place)| (Duration::from_micros(joined.unsigned_abs()).as_secs_f64(), f64::from(place)))
        .collect();
    let test = chi_square::independence(&ranks);
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
        room_expectations::late_stand_behind(day.room),
    ]
}

fn pace(day: &Day<'_>) -> Vec<Expectation> {
    let (seen, ledger) = (day.room.seen.borrow(), day.room.shop.desk.ledger.borrow());
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
