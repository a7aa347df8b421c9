//! pretix seating plans: zones of rows of seats, each seat a slot of capacity 1.
//!
//! - Zone becomes section, the price category the label `category`; the product is the operator's word, because a category
//!   is a price and not a kind of thing.
//! - A plan in which two seats share the key that tells seats apart is refused as a whole, with every repeated key: part of a
//!   hall is no hall, and whichever of the twins were kept would be a guess. Another key (`--seat-key`) takes it.
//! - `position` counts along the row; a space clearly wider than the plan's usual one skips a number, so that seats on both
//!   sides of an aisle are not neighbours.
//! - Rows of one section that share a number are different rows (two blocks side by side). Each gets a suffix in the order of
//!   the file: `A-1`, `A-2`; the number on the chair stays as the label `row_number`.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::import::ids::{fit_id, fit_names};
use crate::import::oddity::OddityKind;
use crate::import::plan_rows::{positions, row_names};
use crate::import::plan_seats::{self, Plan, Seat};
use crate::import::reading::Reading;
use crate::import::source::Source;
use crate::wire::slot::SlotInput;

/// What tells one seat from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SeatKey {
    /// `seat_guid`, as pretix does.
    #[default]
    Guid,
    /// The seat's own `uuid`.
    Uuid,
    /// Its place in the file: `z1-r2-s3` is the third seat of the second row of the first zone.
    Position,
}

/// How seats become slots.
#[derive(Clone, Debug, Default)]
pub struct PlanRules {
    /// What tells seats apart.
    pub seat_key: SeatKey,
    /// The venue; else the plan's name.
    pub venue: Option<String>,
    /// When the event starts.
    pub starts_at: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// The product of every seat.
    pub product: Option<String>,
    /// Put before every slot id.
    pub id_prefix: Option<String>,
}

/// Reads plans into slots.
#[must_use]
pub fn read(sources: &[Source], rules: &PlanRules) -> Reading {
    let mut reading = Reading::default();
    for source in sources {
        reading.file_of_slots(source, |reading| match plan_seats::read(source) {
            Ok(plan) => read_plan(source, &plan, rules, reading),
            Err((line, code, detail)) => reading.refuse(source.place(line), code, detail),
        });
    }
    reading
}

fn read_plan(source: &Source, plan: &Plan, rules: &PlanRules, reading: &mut Reading) {
    let repeated = repeated_keys(plan, rules.seat_key);
    if !repeated.is_empty() {
        return refuse_plan(source, plan, rules.seat_key, &repeated, reading);
    }
    note_plan(source, plan, rules, reading);
    let venue =
        rules.venue.clone().unwrap_or_else(|| fit_names([plan.name.as_str()])[plan.name.as_str()].clone());
    let sections = sections(plan, reading);
    let rows = row_names(plan, reading);
    let positions = positions(plan, reading);
    for (seat, position) in plan.seats.iter().zip(positions) {
        let place = source.place(seat.line);
        let Some(key) = key(seat, rules.seat_key) else {
            reading.refuse(place, "no-key", format!("the seat has no {}", key_name(rules.seat_key)));
            continue;
        };
        let source_id = rules.id_prefix.iter().fold(key.clone(), |key, prefix| format!("{prefix}-{key}"));
        let id = fit_id(&source_id);
        if id != source_id {
            reading.note(OddityKind::RewrittenId, &place, key, format!("`{source_id}` is `{id}` here"));
        }
        let mut slot = SlotInput::new(id, venue.clone(), 1);
        let (section, row) = (&sections[seat.zone.as_str()], &rows[&(seat.zone_index, seat.row_index)]);
        slot.section = Some(section.clone());
        slot.row = Some(row.clone());
        slot.seat = Some(seat.number.clone());
        slot.position = Some(position);
        slot.starts_at = rules.starts_at;
        slot.ends_at = rules.ends_at;
        slot.product.clone_from(&rules.product);
        let labels = [
            ("category", seat.category.clone()),
            ("zone", (*section != seat.zone).then(|| seat.zone.clone())),
            ("row_number", (*row != seat.row_number).then(|| seat.row_number.clone())),
        ];
        slot.labels =
            labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        reading.take(place, slot);
    }
}

fn key(seat: &Seat, by: SeatKey) -> Option<String> {
    match by {
        SeatKey::Guid => seat.guid.clone(),
        SeatKey::Uuid => seat.uuid.clone(),
        SeatKey::Position => {
            Some(format!("z{}-r{}-s{}", seat.zone_index + 1, seat.row_index + 1, seat.seat_index + 1))
        }
    }
}

const fn key_name(by: SeatKey) -> &'static str {
    match by {
        SeatKey::Guid => "guid",
        SeatKey::Uuid => "uuid",
        SeatKey::Position => "position",
    }
}

/// Keys that stand on more than one seat, with the lines of all of them, in the order of the file.
fn repeated_keys(plan: &Plan, by: SeatKey) -> Vec<(String, Vec<usize>)> {
    let mut lines: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for seat in &plan.seats {
        if let Some(key) = key(seat, by) {
            lines.entry(key).or_default().push(seat.line);
        }
    }
    let mut repeated: Vec<_> = lines.into_iter().filter(|(_, lines)| lines.len() > 1).collect();
    repeated.sort_by_key(|(_, lines)| lines[0]);
    repeated
}

fn different(plan: &Plan, by: SeatKey) -> usize {
    plan.seats.iter().filter_map(|seat| key(seat, by)).collect::<BTreeSet<_>>().len()
}

fn refuse_plan(
    source: &Source,
    plan: &Plan,
    by: SeatKey,
    repeated: &[(String, Vec<usize>)],
    reading: &mut Reading,
) {
    let (seats, name) = (plan.seats.len(), key_name(by));
    let numbers: BTreeSet<_> =
        plan.seats.iter().map(|seat| (&seat.zone, &seat.row_number, &seat.number)).collect();
    let on: usize = repeated.iter().map(|(_, lines)| lines.len()).sum();
    let mut detail = format!(
        "{seats} seats carry only {} different {name}s: {} of the {name}s repeat, on {on} seats (each is listed below). ",
        different(plan, by),
        repeated.len()
    );
    if numbers.len() < seats {
        detail.push_str(&format!("Zone, row and number repeat too: {} different. ", numbers.len()));
    }
    detail.push_str("Nothing of this plan was loaded. To take every seat: ");
    if by != SeatKey::Uuid && different(plan, SeatKey::Uuid) == seats {
        detail.push_str(&format!("--seat-key uuid ({seats} different), or "));
    }
    detail.push_str("--seat-key position (the place in the file)");
    reading.refuse(source.place(0), "plan-refused", detail);
    for (key, lines) in repeated {
        let listed: Vec<_> = lines.iter().map(usize::to_string).collect();
        let detail = format!("{name} `{key}` is on {} seats: lines {}", lines.len(), listed.join(", "));
        reading.refuse(source.place(lines[0]), &format!("repeated-{name}"), detail);
    }
}

/// What is odd about a plan that is loaded.
fn note_plan(source: &Source, plan: &Plan, rules: &PlanRules, reading: &mut Reading) {
    if rules.seat_key != SeatKey::Guid {
        for (guid, lines) in repeated_keys(plan, SeatKey::Guid) {
            for &line in &lines {
                let detail = format!("guid `{guid}` is on {} seats", lines.len());
                reading.note(OddityKind::RepeatedGuid, &source.place(line), guid.clone(), detail);
            }
        }
    }
    let used: BTreeSet<_> = plan.seats.iter().filter_map(|seat| seat.category.as_deref()).collect();
    for category in plan.categories.iter().filter(|category| !used.contains(category.as_str())) {
        let detail = format!("`{category}` is declared and no seat has it");
        reading.note(OddityKind::Category, &source.place(0), category.clone(), detail);
    }
    for category in used.into_iter().filter(|&used| !plan.categories.iter().any(|known| known == used)) {
        let detail = format!("`{category}` is on seats and not declared");
        reading.note(OddityKind::Category, &source.place(0), category, detail);
    }
    for unnumbered in &plan.unnumbered {
        reading.note(OddityKind::NoNumber, &source.place(unnumbered.line), "", unnumbered.detail.clone());
    }
    let mut numbers = BTreeSet::new();
    for seat in &plan.seats {
        if !numbers.insert((seat.zone_index, seat.row_index, &seat.number)) {
            let detail = format!("row {} of {} has seat {} again", seat.row_number, seat.zone, seat.number);
            reading.note(
                OddityKind::RepeatedSeatNumber,
                &source.place(seat.line),
                seat.number.clone(),
                detail,
            );
        }
    }
}

fn sections<'a>(plan: &'a Plan, reading: &mut Reading) -> BTreeMap<&'a str, String> {
    let sections = fit_names(plan.seats.iter().map(|seat| seat.zone.as_str()));
    let mut named = BTreeSet::new();
    for seat in &plan.seats {
        let section = &sections[seat.zone.as_str()];
        if *section != seat.zone && named.insert(&seat.zone) {
            let detail = format!("zone `{}` is section `{section}` here", seat.zone);
            reading.note(OddityKind::RewrittenId, &plan.place(seat.line), seat.zone.clone(), detail);
        }
    }
    sections
}
