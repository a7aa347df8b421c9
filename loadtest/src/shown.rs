//! Whether what somebody is shown is worth anything: that it says its age, that there is something in it, that its words are those
//! of its counts. Pages of people who only look are read like everybody else's.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::Answer;
use crate::measured::Measured;
use crate::wire::{Availability, Dated};

/// Venues and their days of which it was said that nothing is left and nothing will come back.
pub type SoldOut = BTreeMap<String, BTreeSet<String>>;

/// What everybody may read says how old it is.
pub fn dated<T>(measured: &mut Measured, what: &str, rows: &Dated<T>, answer: &Answer) {
    match (rows.as_of, rows.server_time) {
        (Some(as_of), Some(now)) if as_of <= now => measured.ages.read(as_of, now, answer.times),
        (Some(_), Some(_)) => measured.breach(format!("{what}: an answer of the time to come")),
        _ => measured.breach(format!("{what}: an answer that does not tell its age")),
    }
}

/// The counts of a sale that has something on its shelves: there are rows, and each is true of itself.
pub fn counts(measured: &mut Measured, rows: &Dated<Availability>, answer: &Answer) {
    dated(measured, "look", rows, answer);
    if rows.items.is_empty() {
        measured.breach("look: no rows, though there are slots");
    }
    for row in &rows.items {
        if let Some(untruth) = row.untruth() {
            measured.breach(format!("look: {untruth}"));
        }
        if let (true, Some(venue), Some(day)) = (row.finished(), &row.venue, &row.day) {
            note_sold_out(&mut measured.sold_out, venue, day);
        }
    }
}

fn note_sold_out(sold_out: &mut SoldOut, venue: &str, day: &str) {
    // Nearly always it was said before.
    if sold_out.get(venue).is_some_and(|days| days.contains(day)) {
        return;
    }
    sold_out.entry(venue.to_owned()).or_default().insert(day.to_owned());
}

/// The page of somebody who only looks.
pub fn page(measured: &mut Measured, answer: &Answer) {
    if answer.status != 200 {
        return;
    }
    match answer.read::<Dated<Availability>>() {
        Ok(rows) => counts(measured, &rows, answer),
        Err(error) => measured.breach(format!("look: cannot be read: {error}")),
    }
}
