//! What every day with a waiting room expects, each with its figure: an order that nobody jumps, bounds that hold, and people
//! who are not called in vain.

use std::time::Duration;

use crate::verdict::Expectation;
use crate::visitor::Ending;
use crate::waiting::room::Room;
use crate::waiting::seen::Cases;
use crate::waiting::told::Estimates;

/// The longest a waiting ticket may be told to keep quiet.
pub(super) const LONGEST_POLL: Duration = Duration::from_secs(10);

/// A share of fewer clicks says little.
const CLICKS_JUDGED: u64 = 1_000;

/// Nor does one of fewer people.
const CALLED_JUDGED: u64 = 1_000;

/// Nobody jumps the order, and the bounds hold.
pub(super) fn order(room: &Room) -> Vec<Expectation> {
    let overtaken = room.seen.borrow_mut().overtaken(&room.devices.borrow());
    let seen = room.seen.borrow();
    vec![
        none("places never rise", &seen.risen, seen.placed, "answers with a place"),
        none(
            "nobody is called ahead of a lower place that waits",
            &overtaken,
            u64::try_from(seen.called.len()).unwrap_or(u64::MAX),
            "calls seen",
        ),
        none(
            &format!("max_active {} never exceeded", seen.line.cap),
            &seen.line.over,
            seen.line.reads,
            &format!("readings, {} active at most", seen.line.most_active),
        ),
        none("the public document never goes back", &seen.line.backwards, seen.line.reads, "readings"),
    ]
}

/// Who joins after the draw has no place among those who were drawn.
pub(super) fn late_stand_behind(room: &Room) -> Expectation {
    let devices = room.devices.borrow();
    let registered = room.seen.borrow().line.registrations;
    let behind = devices.iter().filter(|device| device.joins_at_us > 0);
    let late: Vec<u32> = behind.filter_map(|device| device.place).collect();
    let jumped = late.iter().filter(|place| **place <= registered).count();
    Expectation::asked(
        "who joins after the draw stands behind",
        "no place among the registered",
        format!("{jumped} of {} latecomers, {registered} registered", late.len()),
        jumped == 0,
    )
}

/// Whoever is called is called in time and finds something.
pub(super) fn called(room: &Room) -> Vec<Expectation> {
    let seen = room.seen.borrow();
    let endings = room.shop.endings.borrow();
    let too_late = endings.get(&Ending::CalledTooLate).copied().unwrap_or_default();
    let empty = seen.empty_handed;
    let (name, came) =
        ("the called find something bookable", format!("{empty} of {} who came did not", seen.came));
    vec![
        if seen.came > 0 && seen.came < CALLED_JUDGED {
            Expectation::told(name, "under 1 % do not; asked from 1,000 people on", came)
        } else {
            Expectation::asked(name, "under 1 % do not", came, seen.came > 0 && empty * 100 < seen.came)
        },
        Expectation::asked(
            "who asks as told is never called in vain",
            "nobody heard of it too late",
            format!("{too_late} did, of {} calls seen", seen.called.len()),
            too_late == 0,
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

/// With the stock in view what is shown free is there when it is clicked.
pub(super) fn clicks(room: &Room) -> Vec<Expectation> {
    let (clicks, gone) = (room.shop.desk.clicks.get(), room.shop.desk.gone.get());
    let tenths = (gone * 1_000).checked_div(clicks).unwrap_or(0);
    let goal = if gone * 100 <= clicks { "the goal is reached" } else { "the goal is missed" };
    let got = format!("{gone} of {clicks} clicks ({}.{} %): {goal}", tenths / 10, tenths % 10);
    let (name, met) = ("shown free but gone on click", gone * 10 <= clicks);
    vec![
        if clicks < CLICKS_JUDGED {
            Expectation::told(name, "at most 10 %, goal 1 %; asked from 1,000 clicks on", got)
        } else {
            Expectation::asked(name, "at most 10 % of the clicks, goal 1 %", got, met)
        },
        Expectation::told(
            "came in and found nothing at first",
            "the server's own count",
            format!("{} people", room.seen.borrow().line.called_in_vain),
        ),
    ]
}

/// The first range that was shown, and what came of it: by the server's count and by what devices heard. On a
/// compressed day polls are not: what is asked of a real day is only told here.
pub(super) fn promises(room: &Room, estimates: &Estimates) -> Vec<Expectation> {
    let Estimates { called, inside, early, late, near, absent, left, called_without_estimate, bounds } =
        *estimates;
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
        Expectation::told("estimates, by what devices heard", wanted, room.seen.borrow().promises.words()),
    ]
}

/// What must not happen at all, looked for in so many of something: in nothing it cannot be said to be missing.
pub(super) fn none(name: &str, cases: &Cases, looked_at: u64, of: &str) -> Expectation {
    let got = match cases.count {
        0 => format!("none in {looked_at} {of}"),
        count => format!("{count} in {looked_at} {of}: {}", cases.first.join("; ")),
    };
    Expectation::asked(name, "none", got, cases.count == 0 && looked_at > 0)
}
