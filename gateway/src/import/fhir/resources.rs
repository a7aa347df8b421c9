//! The rows an import needs of a Slot, a Schedule and a Location, and nothing else of them.
//!
//! Reading is lenient on purpose: a missing or oddly typed side field costs that field, never the row. What makes a row
//! unusable is decided where it is used.

use crate::import::fhir::element::Element;
use crate::import::reading::Place;

/// A resource, its line, and the address a bundle gave it.
#[derive(Clone, Debug)]
pub struct Resource {
    /// `Slot`, `Schedule`, `Location`, ...
    pub kind: String,
    /// Where it begins.
    pub place: Place,
    /// The bundle entry's `fullUrl`.
    pub full_url: Option<String>,
    /// Its content.
    pub body: Element,
}

/// A reference to another resource: its type if it says so, and its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// `Location` of `Location/116`; empty for `urn:uuid:…`.
    pub kind: String,
    /// `116`, or the whole URN.
    pub id: String,
}

impl Reference {
    /// Reads `Location/116`, `https://host/fhir/Location/116/_history/2` and `urn:uuid:…`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.split_once("/_history/").map_or(text, |(before, _)| before);
        if text.starts_with("urn:") {
            return Some(Self { kind: String::new(), id: text.to_owned() });
        }
        let (before, id) = text.rsplit_once('/').unwrap_or(("", text));
        let kind = before.rsplit('/').next().unwrap_or_default();
        (!id.is_empty()).then(|| Self { kind: kind.to_owned(), id: id.to_owned() })
    }
}

/// A Slot.
#[derive(Clone, Debug)]
pub struct SlotRow {
    /// Where it begins.
    pub place: Place,
    /// Its id, if it has one.
    pub id: Option<String>,
    /// The schedule it belongs to.
    pub schedule: Option<Reference>,
    /// `free`, `busy`, ...
    pub status: Option<String>,
    /// As written.
    pub start: Option<String>,
    /// As written.
    pub end: Option<String>,
    /// The `slot-capacity` extension, as written.
    pub capacity: Option<String>,
    /// The medical specialty, in words.
    pub specialty: Option<String>,
}

impl SlotRow {
    /// Reads a Slot.
    #[must_use]
    pub fn read(resource: &Resource) -> Self {
        let body = &resource.body;
        Self {
            place: resource.place.clone(),
            id: owned(body.text(&["id"])),
            schedule: body.text(&["schedule", "reference"]).and_then(Reference::read),
            status: owned(body.text(&["status"])),
            start: owned(body.text(&["start"])),
            end: owned(body.text(&["end"])),
            capacity: owned(body.extension_value("slot-capacity").and_then(|value| value.text(&[]))),
            specialty: owned(body.text(&["specialty", "coding", "display"])),
        }
    }
}

/// A Schedule.
#[derive(Clone, Debug)]
pub struct ScheduleRow {
    /// Where it begins.
    pub place: Place,
    /// Whose time it is: a location, a practitioner, ...
    pub actors: Vec<Reference>,
    /// The first actor's name.
    pub actor_name: Option<String>,
    /// The `vaccine-dose` extension.
    pub dose: Option<String>,
    /// The `vaccine-product` extension, in words.
    pub vaccine: Option<String>,
    /// The same as a CVX code.
    pub cvx: Option<String>,
    /// The planning horizon's two ends, as written.
    pub horizon: Option<(String, String)>,
}

impl ScheduleRow {
    /// Reads a Schedule.
    #[must_use]
    pub fn read(resource: &Resource) -> Self {
        let body = &resource.body;
        let product = body.extension_value("vaccine-product");
        let horizon = body.at(&["planningHorizon"]);
        let end_of = |name| horizon.and_then(|horizon| horizon.text(&[name])).map(str::to_owned);
        Self {
            place: resource.place.clone(),
            actors: body
                .all("actor")
                .filter_map(|actor| Reference::read(actor.text(&["reference"])?))
                .collect(),
            actor_name: owned(body.text(&["actor", "display"])),
            dose: owned(body.extension_value("vaccine-dose").and_then(|value| value.text(&[]))),
            vaccine: owned(product.and_then(|coding| coding.text(&["display"]))),
            cvx: owned(product.and_then(|coding| coding.text(&["code"]))),
            horizon: end_of("start").zip(end_of("end")),
        }
    }
}

/// A Location.
#[derive(Clone, Debug)]
pub struct LocationRow {
    /// Where it begins.
    pub place: Place,
    /// Its name.
    pub name: Option<String>,
    /// Its town.
    pub city: Option<String>,
    /// Its state, two letters in the United States.
    pub state: Option<String>,
    /// Its postal code, as written.
    pub zip: Option<String>,
    /// Its telephone number, as written.
    pub phone: Option<String>,
}

impl LocationRow {
    /// Reads a Location.
    #[must_use]
    pub fn read(resource: &Resource) -> Self {
        let body = &resource.body;
        let phone = body.all("telecom").find(|telecom| telecom.text(&["system"]) == Some("phone"));
        Self {
            place: resource.place.clone(),
            name: owned(body.text(&["name"])),
            city: owned(body.text(&["address", "city"])),
            state: owned(body.text(&["address", "state"])),
            zip: owned(body.text(&["address", "postalCode"])),
            phone: owned(phone.and_then(|phone| phone.text(&["value"]))),
        }
    }
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_in_all_their_spellings() {
        let read = |text| Reference::read(text).map(|reference| (reference.kind, reference.id));
        let location = Some(("Location".to_owned(), "116".to_owned()));
        assert_eq!(read("Location/116"), location);
        assert_eq!(read("https://host/fhir/Location/116/_history/2"), location);
        assert_eq!(read("116"), Some((String::new(), "116".to_owned())));
        assert_eq!(read("urn:uuid:1-2"), Some((String::new(), "urn:uuid:1-2".to_owned())));
        assert_eq!(read("Location/"), None);
    }
}
