//! FHIR's XML bundles, entry by entry.
//!
//! Only one entry is in memory as a tree at a time. A document that breaks off or is not well-formed gives the entries
//! before the damage; the place and the parser's words become a refused line.

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::import::fhir::element::Element;
use crate::import::fhir::pages::Page;
use crate::import::fhir::resources::Resource;
use crate::import::reading::{Place, Reading};
use crate::import::source::Source;

/// Far deeper than any resource; without a bound, a hostile file could exhaust the stack when its tree is dropped.
const DEEPEST: usize = 128;

/// The code of a line with an attribute that cannot be read.
const BROKEN_ATTRIBUTE: &str = "broken-attribute";

/// Hands each resource of a bundle to `each`. What the bundle says of itself comes back, if it is one and whole.
pub fn read(
    source: &Source,
    reading: &mut Reading,
    mut each: impl FnMut(&Resource, &mut Reading),
) -> Option<Page> {
    let mut page = Page::new(source.place(1));
    let mut is_bundle = false;
    let mut reader = Reader::from_str(&source.text);
    let mut lines = LineCounter::new(&source.text);
    // Elements that are open, with the line of each: the first is the document's root.
    let mut open: Vec<(Element, usize)> = Vec::new();
    // Of the entry that is being read, the first attribute that cannot be: where, and why.
    let mut unread: Option<(Place, String)> = None;
    loop {
        let event = reader.read_event();
        let line = lines.at(usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX));
        match event {
            Ok(Event::Start(_)) if open.len() >= DEEPEST => {
                let detail = format!("nested deeper than {DEEPEST} elements");
                reading.refuse(source.place(line), "broken-xml", detail);
                return None;
            }
            Ok(Event::Start(start)) => {
                let (element, fault) = element(&start);
                unread = unread.or(fault.and_then(|why| complain(&open, source.place(line), why, reading)));
                open.push((element, line));
            }
            Ok(Event::Empty(start)) => {
                let (leaf, fault) = element(&start);
                unread = unread.or(fault.and_then(|why| complain(&open, source.place(line), why, reading)));
                if let Some((parent, _)) = open.last_mut() {
                    parent.children.push(leaf);
                }
            }
            Ok(Event::End(_)) => {
                let Some((closed, line)) = open.pop() else { continue };
                if open.len() == 1 && closed.name == "entry" {
                    // Without the attribute it would say something else than its issuer did.
                    let broken = unread.take();
                    for resource in resources(source, &closed, line) {
                        page.count(closed.text(&["search", "mode"]), &resource);
                        if broken.is_none() {
                            each(&resource, reading);
                        }
                    }
                    if let Some((place, why)) = broken {
                        reading.refuse(place, BROKEN_ATTRIBUTE, why);
                    }
                } else if let Some((parent, _)) = open.last_mut() {
                    parent.children.push(closed);
                } else if closed.name == "Bundle" {
                    page.describe(&closed);
                    is_bundle = true;
                } else {
                    let detail = format!("the document is a {}, not a Bundle", closed.name);
                    reading.refuse(source.place(line), "not-a-bundle", detail);
                }
            }
            Ok(Event::Eof) => {
                if let Some((element, from)) = open.last() {
                    let detail = format!("the document ends inside <{}> of line {from}", element.name);
                    reading.refuse(source.place(line), "broken-xml", detail);
                }
                return is_bundle.then_some(page);
            }
            // Text is only ever the narrative's, which is for people.
            Ok(_) => {}
            Err(error) => {
                reading.refuse(source.place(line), "broken-xml", format!("not well-formed: {error}"));
                return None;
            }
        }
    }
}

fn resources(source: &Source, entry: &Element, line: usize) -> Vec<Resource> {
    let full_url = entry.text(&["fullUrl"]);
    let bodies = entry.all("resource").flat_map(|resource| &resource.children);
    bodies
        .map(|body| Resource {
            kind: body.name.clone(),
            place: source.place(line),
            full_url: full_url.map(str::to_owned),
            body: body.clone(),
        })
        .collect()
}

/// What becomes of an attribute that cannot be read: one of an entry comes back and costs the entry, one of the bundle's head is a
/// refused line, and one of the narrative, which is HTML for people, is nobody's loss.
fn complain(
    open: &[(Element, usize)],
    place: Place,
    why: String,
    reading: &mut Reading,
) -> Option<(Place, String)> {
    let is = |depth: usize, name: &str| open.get(depth).is_some_and(|(element, _)| element.name == name);
    if is(1, "entry") {
        let in_narrative = open.iter().any(|(element, _)| element.name == "div");
        return (!in_narrative).then_some((place, why));
    }
    reading.refuse(place, BROKEN_ATTRIBUTE, why);
    None
}

/// `value` is the element's value; other attributes (`url` of an extension) are children, as they are in JSON. With it, why the first
/// attribute that cannot be read cannot.
fn element(start: &BytesStart<'_>) -> (Element, Option<String>) {
    let mut element = Element { name: start.local_name().as_ref().to_owned(), ..Element::default() };
    let mut fault = None;
    for attribute in start.attributes() {
        let read = attribute.map_err(|error| error.to_string()).and_then(|attribute| {
            let name = attribute.key.local_name().as_ref().to_owned();
            match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => Ok((name, value.into_owned())),
                Err(error) => Err(format!("`{name}`: {error}")),
            }
        });
        match read {
            Ok((name, value)) if name == "value" => element.value = Some(value),
            Ok((name, value)) => {
                element.children.push(Element { name, value: Some(value), children: Vec::new() });
            }
            Err(why) => {
                let why = format!("an attribute of <{}> cannot be read: {why}", element.name);
                fault = fault.or(Some(why));
            }
        }
    }
    (element, fault)
}

/// Counts lines up to offsets that only ever grow, so that the whole document is counted once.
struct LineCounter<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), counted: 0, line: 1 }
    }

    fn at(&mut self, offset: usize) -> usize {
        let offset = offset.clamp(self.counted, self.bytes.len());
        self.line += self.bytes[self.counted..offset].iter().filter(|&&byte| byte == b'\n').count();
        self.counted = offset;
        self.line
    }
}
