//! The resources of all files together, found by id: files may come in any order, so nothing is judged before the last.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::import::fhir::resources::{LocationRow, Reference, Resource, ScheduleRow, SlotRow};
use crate::import::oddity::OddityKind;
use crate::import::reading::Reading;
use crate::import::source::Source;

/// Resources that belong to a scheduling feed and say nothing a slot needs.
const KNOWN_AND_UNUSED: [&str; 6] = [
    "Practitioner",
    "PractitionerRole",
    "Organization",
    "HealthcareService",
    "Appointment",
    "OperationOutcome",
];

/// How much there was before a file was read: resources, refused lines.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize, usize);

/// All rows of an import.
#[derive(Debug, Default)]
pub struct Feed {
    /// Slots in the order of the files.
    pub slots: Vec<SlotRow>,
    /// Schedules by id.
    pub schedules: BTreeMap<String, ScheduleRow>,
    /// Locations by id.
    pub locations: BTreeMap<String, LocationRow>,
    resources: usize,
    // A bundle's `fullUrl` to the id under which its resource is kept.
    aliases: BTreeMap<String, String>,
}

impl Feed {
    /// Takes a resource in.
    pub fn add(&mut self, resource: &Resource, reading: &mut Reading) {
        self.resources += 1;
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

    /// To be taken before a file is read.
    #[must_use]
    pub const fn mark(&self, reading: &Reading) -> Mark {
        Mark(self.resources, reading.refused.len())
    }

    /// Names a file that has brought nothing since, not even a refused line. It is no refusal: a part of a feed may be empty by
    /// rights, as that of a state without appointments, and a feed of nothing but such parts is refused as a whole.
    pub fn note_if_empty(&self, source: &Source, before: Mark, reading: &mut Reading) {
        if (self.resources, reading.refused.len()) == (before.0, before.1) {
            let detail = "not one resource is in this file";
            reading.note(OddityKind::EmptyFile, &source.place(0), source.file.to_string(), detail);
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
