//! FHIR bundles: slots, and the schedules and locations that tell where they are, in JSON or XML, STU3 to R5.
//!
//! The kind of a text is told by its first character. All files of one command are one feed, in any order: the Argonaut set
//! keeps slots, schedules and locations in separate bundles.

use serde_json::Value;

use crate::import::fhir::assemble::{SlotRules, assemble};
use crate::import::fhir::element::Element;
use crate::import::fhir::feed::Feed;
use crate::import::fhir::pages::{Page, note_missing};
use crate::import::fhir::resources::Resource;
use crate::import::fhir::xml;
use crate::import::json_lines::ObjectLines;
use crate::import::reading::Reading;
use crate::import::source::Source;

/// Reads bundles into slots.
#[must_use]
pub fn read(sources: &[Source], rules: &SlotRules) -> Reading {
    let mut reading = Reading::default();
    let mut feed = Feed::default();
    let mut pages = Vec::new();
    for source in sources {
        let before = feed.mark(&reading);
        source.complain(&mut reading);
        let page = match source.text.trim_start().bytes().next() {
            Some(b'<') => xml::read(source, &mut reading, |resource, reading| feed.add(resource, reading)),
            Some(b'{') => read_json(source, &mut feed, &mut reading),
            _ => {
                reading.refuse(source.place(0), "not-a-bundle", "neither JSON nor XML");
                None
            }
        };
        pages.extend(page);
        feed.note_if_empty(source, before, &mut reading);
    }
    note_missing(&pages, &mut reading);
    assemble(&feed, rules, &mut reading);
    reading.refuse_if_empty(sources);
    reading
}

fn read_json(source: &Source, feed: &mut Feed, reading: &mut Reading) -> Option<Page> {
    let json: Value = match serde_json::from_str(&source.text) {
        Ok(json) => json,
        Err(error) => {
            reading.refuse(source.place(error.line()), "broken-json", format!("not JSON: {error}"));
            return None;
        }
    };
    let kind = json.get("resourceType").and_then(Value::as_str).unwrap_or("JSON without resourceType");
    if kind != "Bundle" {
        reading.refuse(source.place(1), "not-a-bundle", format!("the document is a {kind}, not a Bundle"));
        return None;
    }
    let lines = ObjectLines::of(&source.text);
    let mut page = Page::new(source.place(1));
    let head = json.as_object().into_iter().flatten().filter(|(name, _)| *name != "entry");
    let head = head.map(|(name, value)| (name.clone(), value.clone())).collect();
    page.describe(&Element::from_json("Bundle", &Value::Object(head)));
    let entries = json.get("entry").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        let place = source.place(lines.at(&format!("/entry/{index}")));
        let Some(resource) = entry.get("resource") else { continue };
        let Some(kind) = resource.get("resourceType").and_then(Value::as_str) else {
            reading.refuse(place, "no-resource-type", "the entry does not say what resource it is");
            continue;
        };
        let full_url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
        let body = Element::from_json(kind, resource);
        let resource = Resource { kind: kind.to_owned(), place, full_url, body };
        page.count(entry.pointer("/search/mode").and_then(Value::as_str), &resource);
        feed.add(&resource, reading);
    }
    Some(page)
}
