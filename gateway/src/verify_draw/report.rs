//! The outcome of a check in plain words.

use std::fmt::Write;

use onsale_engine::time::WallTime;

use super::check::{Broken, Checked, DrawnLane, Found};
use super::spread::{Part, Spread};
use crate::import::report::{count, counted};
use crate::wire::draw::{DrawDocument, Phase, statement};
use crate::wire::time::Written;

/// A `p` below this is remarked upon: one fair draw in a hundred.
const RARE: f64 = 0.01;
/// Characters of the bar of a place that is right in the middle.
const HALF_BAR: f64 = 20.0;

/// The whole outcome.
#[must_use]
pub fn outcome(document: &DrawDocument<'_>, result: &Result<Checked, Broken>) -> String {
    let mut out = format!("The draw of sale `{}`, {}", document.sale, document.algorithm);
    let phase = match document.phase {
        Phase::Committed => ": people register".to_owned(),
        Phase::Closed => ": registration is closed, the draw is to come".to_owned(),
        Phase::Drawn => {
            document.drawn_at.map_or_else(|| ", drawn".to_owned(), |at| format!(", drawn at {}", time(at)))
        }
    };
    out.push_str(&phase);
    out.push('\n');
    match result {
        Ok(checked) => {
            section(&mut out, "Holds", &checked.holds);
            section(&mut out, "Not checked", &checked.not_checked);
            section(&mut out, "Remarks", &checked.remarks);
            for lane in &checked.lanes {
                describe(&mut out, lane);
            }
            let _ =
                writeln!(out, "\nWhat it proves: {}", statement(document.phase, document.beacon.as_deref()));
        }
        Err(Broken(why)) => {
            let _ = writeln!(out, "\nDOES NOT HOLD: {why}.\nWhat comes after it was not checked.");
        }
    }
    out
}

/// Where a ticket stands.
#[must_use]
pub fn ticket(found: Option<&Found<'_>>, checked: &Checked) -> String {
    let Some(found) = found else {
        return "\nDOES NOT HOLD: no registration is of this ticket. It was left out, or it is of another sale, or it \
                came after the draw and waits behind those who were in it.\n"
            .to_owned();
    };
    let mut out = format!(
        "\nThe ticket is registration {} (from 0) of lane `{}`, joined at {}.\n",
        count(found.number),
        found.lane,
        time_ms(found.joined_at_ms)
    );
    let of = checked.lanes.iter().find(|lane| lane.name == found.lane).map(|lane| lane.permutation.count());
    let _ = match found.place.zip(of) {
        Some((place, of)) => writeln!(
            out,
            "Its place is {} of {}: {} ahead.",
            count(place + 1),
            count(of),
            if place == 0 { "nobody".to_owned() } else { count(place) }
        ),
        None => writeln!(out, "It has no place yet: the draw is to come."),
    };
    out
}

/// A time as everywhere on the wire.
#[must_use]
pub fn time(at: Written) -> String {
    at.text(&mut [0; Written::LONGEST]).unwrap_or("a time that has no calendar").to_owned()
}

fn time_ms(at_ms: u64) -> String {
    time(Written(WallTime(i64::try_from(at_ms).unwrap_or(i64::MAX))))
}

fn section(out: &mut String, head: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "\n{head}:");
        lines.iter().for_each(|line| {
            let _ = writeln!(out, "- {line}");
        });
    }
}

fn describe(out: &mut String, lane: &DrawnLane) {
    let registered = lane.permutation.count();
    let _ = writeln!(out, "\nLane `{}`: {}", lane.name, counted(registered, "registration"));
    let Some(spread) = &lane.spread else {
        if registered > 0 {
            out.push_str("  too few to compare places with the order of joining\n");
        }
        return;
    };
    let _ = writeln!(
        out,
        "  mean place of each part of the joiners, the first to come first (fair is about {}):",
        count(registered / 2)
    );
    for part in &spread.parts {
        bar(out, part, registered);
    }
    judge(out, spread);
}

fn bar(out: &mut String, part: &Part, registered: u32) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place is below 2^24")]
    let (place, bar) = (
        part.mean_place.round() as u32 + 1,
        (part.mean_place / f64::from(registered) * 2.0 * HALF_BAR).round() as usize,
    );
    let times = part
        .joined_ms
        .map_or_else(String::new, |(first, last)| format!("  {:24} to {:24}", time_ms(first), time_ms(last)));
    let _ =
        writeln!(out, "{times}  {:>9} people {:>10}  {}", count(part.count), count(place), "#".repeat(bar));
}

fn judge(out: &mut String, spread: &Spread) {
    let _ = writeln!(
        out,
        "  chi-square {:.1} with {} degrees of freedom, p = {:.4}: {}",
        spread.chi_square,
        spread.degrees,
        spread.p,
        if spread.p >= RARE {
            "early or late made no difference"
        } else {
            "more uneven than 99 of 100 fair draws; by itself no proof of anything, the places follow from the key"
        }
    );
}
