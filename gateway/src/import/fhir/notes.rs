//! What is odd about a slot that is loaded: references that lead nowhere, days instead of appointments, offsets that no
//! clock of the place shows.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::import::fhir::assemble::{SlotRules, Understood};
use crate::import::fhir::feed::Feed;
use crate::import::oddity::OddityKind;
use crate::import::reading::Reading;
use crate::import::times::offset_in_use;
use crate::import::us_states;

/// Longer than this is an opening day and not an appointment.
const LONGEST_APPOINTMENT_S: i64 = 4 * 3600;

/// Names references that led nowhere.
pub fn note_references(feed: &Feed, row: &Understood<'_>, venue: &str, reading: &mut Reading) {
    let Some(reference) = &row.row.schedule else { return };
    let (place, id) = (&row.row.place, &reference.id);
    if let Some(tail) = row.found.by_tail {
        let detail =
            format!("Schedule/{id} is not in these files; taken for Schedule/{tail}, venue `{venue}`");
        reading.note(OddityKind::ScheduleByTail, place, id.clone(), detail);
    } else if row.found.schedule.is_none() {
        let hint = feed.schedule_by_tail(reference).map(|tail| {
            format!("; it ends in Schedule/{tail}, which is here: --match-schedule-tail takes it for that")
        });
        let detail =
            format!("Schedule/{id} is not in these files; venue `{venue}`{}", hint.unwrap_or_default());
        reading.note(OddityKind::UnresolvedSchedule, place, id.clone(), detail);
    } else if row.found.venue.kind == "Location" && row.found.location.is_none() {
        let subject = format!("Location/{}", row.found.venue.id);
        let detail = format!("{subject} is not in these files; venue `{venue}`");
        reading.note(OddityKind::UnresolvedLocation, place, subject, detail);
    }
}

/// Names times that are not what they seem. `zones` remembers the zones of a state between rows.
pub fn note_times(
    row: &Understood<'_>,
    rules: &SlotRules,
    zones: &mut BTreeMap<String, Vec<TimeZone>>,
    reading: &mut Reading,
) {
    let place = &row.row.place;
    let written = row.row.start.as_deref().unwrap_or_default();
    match &row.ends {
        None => reading.note(
            OddityKind::NoEnd,
            place,
            "",
            format!("it starts at {} and has no end", row.starts.at),
        ),
        Some(ends) => {
            let seconds = ends.at.as_second() - row.starts.at.as_second();
            if seconds > LONGEST_APPOINTMENT_S {
                let hours = format!("{}.{}", seconds / 3600, seconds % 3600 / 360);
                let detail = format!("{hours} hours from {written}, {} places", row.capacity);
                reading.note(OddityKind::WholeDay, place, hours, detail);
            }
        }
    }
    if row.starts.zone_assumed {
        let zone = rules.times.zone.as_ref().and_then(TimeZone::iana_name).unwrap_or("your zone");
        let detail = format!("start {written} is {} in {zone}", row.starts.at);
        reading.note(OddityKind::TimeZoneAssumed, place, zone, detail);
    }
    for time in [Some(&row.starts), row.ends.as_ref()].into_iter().flatten().filter(|time| time.clock_change)
    {
        reading.note(OddityKind::ClockChange, place, written, format!("taken as {}", time.at));
    }
    if let Some(offset) = row.starts.offset {
        let state = row.found.location.and_then(|location| location.state.clone()).unwrap_or_default();
        let zones = match &rules.times.zone {
            Some(zone) => std::slice::from_ref(zone),
            None => zones.entry(state.clone()).or_insert_with(|| us_states::zones(&state)).as_slice(),
        };
        if !zones.is_empty() && !offset_in_use(zones, offset, row.starts.at) {
            let there = zones[0].to_offset(row.starts.at);
            let detail =
                format!("start {written}, but clocks there show {there} then; taken as {}", row.starts.at);
            reading.note(OddityKind::OffsetNotInUse, place, offset.to_string(), detail);
        }
    }
}
