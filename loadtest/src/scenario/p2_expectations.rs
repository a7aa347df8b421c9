//! What P2 expects, each with its figure: the room comes by itself and in time, booking goes on at its pace, nobody loses a cart to
//! it, and the waits that were promised come true.

use std::time::Duration;

use super::p2_terms::Terms;
use super::room_expectations;
use crate::behaviour::Behaviour;
use crate::measured::{Kind, Phase};
use crate::verdict::Expectation;
use crate::waiting::room::Room;

/// The overload begins when more carts are asked for in so many seconds than `carts_per_minute` allows: single seconds scatter.
const OVERLOAD_SECONDS: usize = 5;
/// The room may take so long.
const SWITCHES_WITHIN: Duration = Duration::from_secs(5);
/// At greater speeds a poll, which is not compressed, is most of a promised wait.
const PROMISES_UP_TO_SPEED: f64 = 20.0;
/// Bookings scatter: a stretch of the day that is judged has so many of them at capacity, so that 10 % are four standard deviations.
const BOOKINGS_JUDGED: f64 = 1_600.0;

/// What the expectations are of.
pub(super) struct Day<'a> {
    pub room: &'a Room,
    pub terms: &'a Terms,
    pub behaviour: &'a Behaviour,
    pub speed: f64,
    /// From the first who came to t0.
    pub lead: Duration,
    /// Begin of what `itself` has in the server's books, after t0, with its reason.
    pub switched: Option<(Duration, String)>,
}

/// All of them.
pub(super) fn all(day: &Day<'_>) -> Vec<Expectation> {
    let mut all = vec![switching(day), bookings(day), nobody_lost_a_cart(day), promises(day)];
    all.extend(room_expectations::order(day.room));
    all.extend(room_expectations::called(day.room));
    all.extend(room_expectations::clicks(day.room));
    all
}

/// Carts asked for, and joins of those the shop sends on, second by second from the first who came.
fn asked_for(room: &Room) -> Vec<u64> {
    let measured = room.shop.desk.floor.measured.borrow();
    let lane = measured.lane(Phase::Rush, &[Kind::Hold, Kind::Join]);
    lane.seconds().iter().map(|second| second.spread().count).collect()
}

/// The first second at whose end more was asked for in the last few than allowed.
fn overloaded_at(asked: &[u64], carts_per_minute: u32) -> Option<usize> {
    let allowed = u64::from(carts_per_minute) * u64::try_from(OVERLOAD_SECONDS).unwrap_or(1);
    let first = asked.windows(OVERLOAD_SECONDS).position(|last| last.iter().sum::<u64>() * 60 > allowed)?;
    Some(first + OVERLOAD_SECONDS - 1)
}

fn switching(day: &Day<'_>) -> Expectation {
    let name = "the room switches itself on";
    let wanted = "within 5 s of the second in which more carts are asked for than carts_per_minute";
    let overload = overloaded_at(&asked_for(day.room), day.terms.carts_per_minute)
        .and_then(|second| u64::try_from(second).ok())
        .map(|second| Duration::from_secs(second).saturating_sub(day.lead));
    let seen = day.room.seen.borrow().line.switched_on_after;
    let (Some(overload), Some(seen), Some((booked, reason))) = (overload, seen, &day.switched) else {
        let got = format!("overload {overload:?}, seen {seen:?}, in the books {:?}", day.switched);
        return Expectation::asked(name, wanted, got, false);
    };
    let met = seen <= overload + SWITCHES_WITHIN && *booked <= overload + SWITCHES_WITHIN;
    let s = |after: Duration| after.as_secs_f64();
    let got = format!(
        "overload from {:.0} s on, switched at {:.1} s by the books ({reason}), seen at {:.1} s",
        s(overload),
        s(*booked),
        s(seen)
    );
    Expectation::asked(name, wanted, got, met)
}

/// From when on, and until when, the line can be expected to book at capacity; after t0.
fn overload_of_the_line(day: &Day<'_>) -> Option<(Duration, Duration)> {
    let line = &day.room.seen.borrow().line;
    // Whoever is let in first has to hear of it, to look, to choose and to fill in the form.
    let think = 3.0 * day.behaviour.think_median_s + day.behaviour.form_median_s;
    let visit = room_expectations::LONGEST_POLL + crate::draw::seconds(1.28 * think);
    let from = line.switched_on_after? + visit;
    // Who waits is fewer than ten seconds' worth, or what is free is what those inside will take.
    let waiting_for = 10.0 * day.terms.capacity;
    let taken_soon = 2.0 * day.terms.capacity * visit.as_secs_f64();
    let over = line.glances.iter().filter(|glance| glance.after >= from).find(|glance| {
        let free = f64::from(u32::try_from(glance.free).unwrap_or(u32::MAX));
        f64::from(glance.waiting) < waiting_for || free < taken_soon
    });
    let until = over.or(line.glances.last())?.after;
    (until > from).then_some((from, until))
}

fn bookings(day: &Day<'_>) -> Expectation {
    let name = "bookings while the overload lasts";
    let stretch = day.terms.minute_s.max(BOOKINGS_JUDGED / day.terms.capacity);
    let minutes = stretch / day.terms.minute_s;
    let a_minute = day.terms.capacity * day.terms.minute_s;
    let wanted =
        format!("at least 90 % of {a_minute:.0} a minute of the day, in any {minutes:.1} minutes of it");
    let Some((from, until)) = overload_of_the_line(day) else {
        return Expectation::told(name, wanted, "the overload was shorter than one visit");
    };
    let ordered = &day.room.shop.desk.ledger.borrow().ordered_after;
    let lasted = (until - from).as_secs_f64();
    let from_to = format!("{:.0} to {:.0} s", from.as_secs_f64(), until.as_secs_f64());
    let Some(fewest) = fewest_in(ordered, from, until, crate::draw::seconds(stretch)) else {
        let got = format!("the overload lasted {lasted:.0} s, too short for one such stretch ({from_to})");
        return Expectation::told(name, wanted, got);
    };
    let fewest = f64::from(u32::try_from(fewest).unwrap_or(u32::MAX)) / minutes;
    let got = format!("{fewest:.0} a minute ({:.0} %) at the fewest, {from_to}", 100.0 * fewest / a_minute);
    Expectation::asked(name, wanted, got, fewest >= 0.9 * a_minute)
}

/// The fewest of these instants in any stretch within the bounds, moved by a tenth of a stretch; none if not even one fits.
fn fewest_in(instants: &[Duration], from: Duration, until: Duration, stretch: Duration) -> Option<usize> {
    let before = |at: Duration| instants.partition_point(|instant| *instant < at);
    let mut fewest = None;
    let mut begin = from;
    while begin + stretch <= until {
        let here = before(begin + stretch) - before(begin);
        fewest = Some(fewest.map_or(here, |fewest: usize| fewest.min(here)));
        begin += stretch / 10;
    }
    fewest
}

fn nobody_lost_a_cart(day: &Day<'_>) -> Expectation {
    let seen = day.room.seen.borrow();
    let name = "nobody who had a cart lost it to the switching";
    room_expectations::none(name, &seen.carts_lost, seen.carts_without_pass, "carts made without a pass")
}

fn promises(day: &Day<'_>) -> Expectation {
    let promises = day.room.seen.borrow().promises;
    let name = "the wait promised first";
    let wanted = "right to within 20 % of its middle for 90 % of the called";
    let met = promises.called > 0 && promises.near * 10 >= promises.called * 9;
    if day.speed > PROMISES_UP_TO_SPEED {
        return Expectation::told(name, wanted, promises.words());
    }
    Expectation::asked(name, wanted, promises.words(), met)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_begins_with_the_second_that_is_too_much() {
        // 600 a minute are 50 in five seconds.
        assert_eq!(overloaded_at(&[10, 10, 10, 10, 10, 10], 600), None);
        assert_eq!(overloaded_at(&[10, 10, 10, 10, 10, 11], 600), Some(5));
        assert_eq!(overloaded_at(&[90], 600), None);
    }

    #[test]
    fn the_fewest_bookings_of_any_stretch_count() {
        let s = Duration::from_secs;
        let instants: Vec<Duration> = [0, 1, 2, 3, 8, 9, 10, 11].map(s).to_vec();
        assert_eq!(fewest_in(&instants, s(0), s(12), s(4)), Some(0));
        assert_eq!(fewest_in(&instants, s(0), s(12), s(6)), Some(2));
        assert_eq!(fewest_in(&instants, s(0), s(12), s(12)), Some(8));
        assert_eq!(fewest_in(&instants, s(0), s(12), s(13)), None);
    }
}
