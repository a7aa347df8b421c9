//! Which venue a slot is at: the location if the feed leads to one, else whoever keeps the schedule, else the schedule.
//!
//! FHIR ids are unique per type only. Where `Location/7` and `Practitioner/7` would both become the venue `7`, two places
//! would be sold as one; then, and only then, whatever is not the location carries its type in front.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::fhir::feed::Feed;
use crate::import::fhir::resources::{LocationRow, Reference, ScheduleRow, SlotRow};
use crate::import::ids::fit_id;

/// What a slot's schedule reference led to.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// The schedule, if a file describes it.
    pub schedule: Option<&'a ScheduleRow>,
    /// The id of that schedule when only the reference's tail named it.
    pub by_tail: Option<&'a str>,
    /// The location, if a file describes it.
    pub location: Option<&'a LocationRow>,
    /// The resource whose id becomes the venue.
    pub venue: Reference,
}

/// Follows a slot's references; none if it names no schedule at all.
#[must_use]
pub fn find<'a>(feed: &'a Feed, slot: &SlotRow, match_tail: bool) -> Option<Found<'a>> {
    let reference = slot.schedule.as_ref()?;
    let mut by_tail = None;
    let mut schedule = feed.schedule(reference);
    if schedule.is_none() && match_tail {
        by_tail = feed.schedule_by_tail(reference);
        schedule = by_tail.and_then(|id| feed.schedules.get(id));
    }
    let actor = schedule.and_then(keeper);
    let location = actor
        .filter(|actor| matches!(actor.kind.as_str(), "Location" | ""))
        .and_then(|actor| feed.location(actor));
    let venue = match actor {
        Some(actor) => {
            let kind = if location.is_some() { "Location" } else { &actor.kind };
            Reference { kind: kind.to_owned(), id: feed.key(actor).to_owned() }
        }
        None => {
            let id = by_tail.unwrap_or_else(|| feed.key(reference));
            Reference { kind: "Schedule".into(), id: id.to_owned() }
        }
    };
    Some(Found { schedule, by_tail, location, venue })
}

/// The ids of venues, told apart by type where two types share an id.
#[derive(Debug, Default)]
pub struct VenueIds {
    kinds: BTreeMap<String, BTreeSet<String>>,
}

impl VenueIds {
    /// Learns of a venue; all must be known before the first is named.
    pub fn learn(&mut self, venue: &Reference) {
        self.kinds.entry(venue.id.clone()).or_default().insert(venue.kind.clone());
    }

    /// The id of a venue.
    #[must_use]
    pub fn name(&self, venue: &Reference) -> String {
        let shared = self.kinds.get(&venue.id).is_some_and(|kinds| kinds.len() > 1);
        if shared && venue.kind != "Location" {
            return fit_id(&format!("{}-{}", venue.kind.to_lowercase(), venue.id));
        }
        fit_id(&venue.id)
    }
}

/// The actor that says where: a location before anybody else.
fn keeper(schedule: &ScheduleRow) -> Option<&Reference> {
    let location = schedule.actors.iter().find(|actor| actor.kind == "Location");
    location.or_else(|| schedule.actors.first())
}
