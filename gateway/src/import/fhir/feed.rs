//! The resources of all files together, found by id: files may come in any order, so nothing is judged before the last.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::import::fhir::resources::{LocationRow, Reference, Resource, ScheduleRow, SlotRow};
use crate::import::oddity::OddityKind;
use crate::import::reading::Reading;

/// Resources that belong to a scheduling feed and say nothing a slot needs.
const KNOWN_AND_UNUSED: [&str; 6] = [
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "HealthcareService",
    "Appointment",
    "OperationOutcome",
];

/// All rows of an import.
#[derive(Debug, Default)]
pub struct Feed {
    /// Slots in the order of the files.
    pub slots: Vec<SlotRow>,
    /// Schedules by id.
    pub schedules: BTreeMap<String, ScheduleRow>,
    /// Locations by id.
    pub locations: BTreeMap<String, LocationRow>,
    // A bundle's `fullUrl` to the id under which its resource is kept.
    aliases: BTreeMap<String, String>,
}

impl Feed {
    /// Takes a resource in.
    pub fn add(&mut self, resource: &Resource, reading: &mut Reading) {
        match resource.kind.as_str() {
            "Slot" => self.slots.push(SlotRow::read(resource)),
            "Schedule" => {
                let row = ScheduleRow::read(resource);
                keep_first(&mut self.schedules, &mut self.aliases, resource, row, reading);
            }
            "Location" => {
                let row = LocationRow::read(resource);
                keep_first(&mut self.locations, &mut self.aliases, resource, row, reading);
            }
            kind if KNOWN_AND_UNUSED.contains(&kind) => {}
            kind => reading.note(
                OddityKind::NotUsed,
                &resource.place,
                kind,
                format!("a {kind} is not a slot's concern"),
            ),
        }
    }

    /// The schedule a slot names.
    #[must_use]
    pub fn schedule(&self, reference: &Reference) -> Option<&ScheduleRow> {
        self.schedules.get(self.key(reference))
    }

    /// The location a schedule names.
    #[must_use]
    pub fn location(&self, reference: &Reference) -> Option<&LocationRow> {
        self.locations.get(self.key(reference))
    }

    /// The id of the resource a reference names: its own, or the one behind a bundle's address.
    #[must_use]
    pub fn key<'a>(&'a self, reference: &'a Reference) -> &'a str {
        self.aliases.get(&reference.id).map_or(&reference.id, String::as_str)
    }

    /// The known schedule in which a reference ends: `2017-08-28T080000-arg-s-1` ends in `arg-s-1`. The longest wins.
    #[must_use]
    pub fn schedule_by_tail(&self, reference: &Reference) -> Option<&str> {
        let hyphens = reference.id.match_indices('-').map(|(at, _)| &reference.id[at + 1..]);
        hyphens.filter_map(|tail| self.schedules.get_key_value(tail)).map(|(id, _)| id.as_str()).next()
    }
}

fn keep_first<Row>(
    rows: &mut BTreeMap<String, Row>,
    aliases: &mut BTreeMap<String, String>,
    resource: &Resource,
    row: Row,
    reading: &mut Reading,
) {
    let kind = &resource.kind;
    let full_url = resource.full_url.as_deref();
    let Some(id) = resource.body.text(&["id"]).or(full_url).map(str::to_owned) else {
        return reading.refuse(
            resource.place.clone(),
            "no-id",
            format!("this {kind} has no id, so nothing can name it"),
        );
    };
    if let Some(url) = full_url.filter(|url| url.starts_with("urn:")) {
        aliases.insert(url.to_owned(), id.clone());
    }
    match rows.entry(id) {
        Entry::Vacant(free) => {
            free.insert(row);
        }
        Entry::Occupied(taken) => {
            let subject = format!("{kind}/{}", taken.key());
            let detail = format!("{subject} was described before; this description is not used");
            reading.note(OddityKind::RepeatedResource, &resource.place, subject, detail);
        }
    }
}
