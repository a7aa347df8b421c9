//! Rows into slots.
//!
//! - `free` has the row's `slot-capacity`, or the capacity the operator named (1 if none). Every kind of `busy` is loaded
//!   with capacity 0: the slot exists and can be given places later, which a missing slot cannot. It is not loaded as
//!   `blocked`, because a feed does not say how many places somebody else has sold.
//! - The slot id is the row's. Where rows share one and differ in schedule or start, each is `{schedule}-{start}`.
//! - Times are taken as written; an offset that the place's clocks do not use is named.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::import::fhir::feed::Feed;
use crate::import::fhir::inspect::{inspect, mended_zip};
use crate::import::fhir::notes::{note_references, note_times};
use crate::import::fhir::resources::{Reference, SlotRow};
use crate::import::fhir::venues::{self, Found, VenueIds};
use crate::import::ids::{fit_id, schedule_start_id};
use crate::import::oddity::OddityKind;
use crate::import::reading::Reading;
use crate::import::times::{ReadTime, TimeRules};
use crate::wire::slot::SlotInput;

/// Where a slot's id comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SlotIdRule {
    /// The row's own id, and schedule and start for rows that share one.
    #[default]
    Auto,
    /// The row's own id; rows that repeat one are refused.
    Source,
    /// Schedule and start for every row: ids stay the same when tomorrow's file no longer repeats them.
    ScheduleStart,
}

/// How rows become slots.
#[derive(Clone, Debug)]
pub struct SlotRules {
    /// How times are read.
    pub times: TimeRules,
    /// The capacity of a free row that does not count its places.
    pub capacity: u32,
    /// The product of every slot.
    pub product: Option<String>,
    /// Where ids come from.
    pub slot_id: SlotIdRule,
    /// Whether a schedule that is not there may be found by the tail of its reference.
    pub match_schedule_tail: bool,
}

impl Default for SlotRules {
    fn default() -> Self {
        Self {
            times: TimeRules::default(),
            capacity: 1,
            product: None,
            slot_id: SlotIdRule::default(),
            match_schedule_tail: false,
        }
    }
}

/// A row whose status, times and references are understood.
pub struct Understood<'a> {
    /// The row.
    pub row: &'a SlotRow,
    /// Where its references led.
    pub found: Found<'a>,
    /// Its places.
    pub capacity: u32,
    /// Its start.
    pub starts: ReadTime,
    /// Its end.
    pub ends: Option<ReadTime>,
}

/// Turns a feed into slots.
pub fn assemble(feed: &Feed, rules: &SlotRules, reading: &mut Reading) {
    inspect(feed, reading);
    let rows: Vec<_> = feed.slots.iter().filter_map(|row| understand(feed, row, rules, reading)).collect();
    let mut venue_ids = VenueIds::default();
    rows.iter().for_each(|row| venue_ids.learn(&row.found.venue));
    let shared = shared_ids(&rows);
    let mut zones = BTreeMap::new();
    let mut renamed = BTreeSet::new();
    for row in &rows {
        let mut slot = SlotInput::new(
            slot_id(row, rules, &shared, reading),
            venue_ids.name(&row.found.venue),
            row.capacity,
        );
        slot.starts_at = Some(row.starts.at);
        slot.ends_at = row.ends.as_ref().map(|ends| ends.at);
        slot.product.clone_from(&rules.product);
        slot.labels = labels(row);
        let venue = &row.found.venue;
        if slot.venue != venue.id && renamed.insert(venue) {
            let detail = format!("{} `{}` is venue `{}` here", venue.kind, venue.id, slot.venue);
            reading.note(OddityKind::RewrittenId, &row.row.place, venue.id.clone(), detail);
        }
        note_references(feed, row, &slot.venue, reading);
        note_times(row, rules, &mut zones, reading);
        reading.take(row.row.place.clone(), slot);
    }
}

fn understand<'a>(
    feed: &'a Feed,
    row: &'a SlotRow,
    rules: &SlotRules,
    reading: &mut Reading,
) -> Option<Understood<'a>> {
    let refused = |reading: &mut Reading, code: &str, detail: String| {
        reading.refuse(row.place.clone(), code, detail);
        None
    };
    let Some(found) = venues::find(feed, row, rules.match_schedule_tail) else {
        return refused(
            reading,
            "no-schedule",
            "the slot names no schedule, so nobody knows where it is".into(),
        );
    };
    let Some(start) = &row.start else {
        return refused(reading, "no-start", "the slot has no start".into());
    };
    let starts = match rules.times.read(start) {
        Ok(time) => time,
        Err(problem) => return refused(reading, problem.code(), problem.sentence("start", start)),
    };
    let ends = match row.end.as_ref().map(|end| (end, rules.times.read(end))) {
        None => None,
        Some((_, Ok(time))) => Some(time),
        Some((end, Err(problem))) => return refused(reading, problem.code(), problem.sentence("end", end)),
    };
    match capacity(row, rules, reading) {
        Ok(capacity) => Some(Understood { row, found, capacity, starts, ends }),
        Err((code, detail)) => refused(reading, code, detail),
    }
}

fn capacity(row: &SlotRow, rules: &SlotRules, reading: &mut Reading) -> Result<u32, (&'static str, String)> {
    let counted = match row.capacity.as_ref().map(|text| (text, text.parse::<u32>())) {
        None => None,
        Some((_, Ok(count))) => Some(count),
        Some((text, Err(_))) => {
            return Err(("not-a-capacity", format!("slot-capacity `{text}` is not a count of places")));
        }
    };
    let status = row.status.as_deref().unwrap_or_default();
    let (units, oddity) = match (status, counted) {
        ("free", Some(0)) => (0, Some(OddityKind::FreeWithoutPlaces)),
        ("free", counted) => (counted.unwrap_or(rules.capacity), None),
        ("busy" | "busy-unavailable" | "busy-tentative", Some(1..)) => (0, Some(OddityKind::BusyWithPlaces)),
        ("busy" | "busy-unavailable" | "busy-tentative", _) => (0, Some(OddityKind::BusyWithoutPlaces)),
        ("entered-in-error", _) => {
            return Err(("entered-in-error", "its issuer says that it should not exist".into()));
        }
        ("", _) => return Err(("no-status", "the slot does not say whether it is free".into())),
        (other, _) => return Err(("unknown-status", format!("status `{other}` is none of FHIR's"))),
    };
    if let Some(kind) = oddity {
        let count = counted.map_or("no count of places".into(), |count| format!("{count} places"));
        reading.note(kind, &row.place, status, format!("{status}, with {count}"));
    }
    Ok(units)
}

/// The source ids that stand on rows of different schedules or starts, and on how many.
fn shared_ids<'a>(rows: &[Understood<'a>]) -> BTreeMap<&'a str, usize> {
    let mut bearers: BTreeMap<&str, Vec<(Option<&Reference>, Timestamp)>> = BTreeMap::new();
    for row in rows {
        if let Some(id) = &row.row.id {
            bearers.entry(id).or_default().push((row.row.schedule.as_ref(), row.starts.at));
        }
    }
    let shared = bearers.into_iter().filter(|(_, rows)| rows.iter().any(|row| *row != rows[0]));
    shared.map(|(id, rows)| (id, rows.len())).collect()
}

fn slot_id(
    row: &Understood<'_>,
    rules: &SlotRules,
    shared: &BTreeMap<&str, usize>,
    reading: &mut Reading,
) -> String {
    let schedule = row.row.schedule.as_ref().map_or("", |reference| reference.id.as_str());
    let by_schedule = || schedule_start_id(schedule, row.starts.at);
    let place = &row.row.place;
    let Some(source) = &row.row.id else {
        let id = by_schedule();
        reading.note(OddityKind::RewrittenId, place, schedule, format!("the slot has no id; it is `{id}`"));
        return id;
    };
    if let Some(count) = shared.get(source.as_str()).filter(|_| rules.slot_id != SlotIdRule::Source) {
        let id = by_schedule();
        let detail = format!("id `{source}` is on {count} rows; this one is `{id}`");
        reading.note(OddityKind::RepeatedSlotId, place, source.clone(), detail);
        return id;
    }
    if rules.slot_id == SlotIdRule::ScheduleStart {
        return by_schedule();
    }
    let id = fit_id(source);
    if id != *source {
        reading.note(
            OddityKind::RewrittenId,
            place,
            source.clone(),
            format!("slot id `{source}` is `{id}` here"),
        );
    }
    id
}

fn labels(row: &Understood<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            labels.insert(name.to_owned(), value);
        }
    };
    put("specialty", row.row.specialty.clone());
    if let Some(schedule) = row.found.schedule {
        put("keeper", schedule.actor_name.clone());
        put("dose", schedule.dose.clone());
        put("vaccine", schedule.vaccine.clone());
        put("cvx", schedule.cvx.clone());
    }
    if let Some(location) = row.found.location {
        put("name", location.name.clone());
        put("city", location.city.clone());
        put("state", location.state.clone());
        put("zip", mended_zip(location));
    }
    labels
}
