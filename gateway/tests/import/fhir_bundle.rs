//! FHIR bundles: the Argonaut connectathon set, and small bundles in both spellings.

use std::io::Write;

use crate::common::{codes, ids, odd, open, real, source, survives_every_cut};
use flate2::{Compression, write::GzEncoder};
use onsale_gateway::import::fhir::assemble::SlotRules;
use onsale_gateway::import::source::Source;
use onsale_gateway::import::times::TimeRules;
use onsale_gateway::import::{OddityKind, Reading, fhir_bundle};

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Bundle xmlns="http://hl7.org/fhir">
  <type value="transaction"/>
  <entry>
    <fullUrl value="urn:uuid:aaaa"/>
    <resource><Schedule><id value="s1"/><actor><reference value="Location/l1"/><display value="Dr. A &amp; B"/></actor></Schedule></resource>
  </entry>
  <entry><resource><Location><id value="l1"/><name value="Hall"/></Location></resource></entry>
  <entry>
    <resource><Slot><id value="a"/>
      <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">free <b>now</b><br/></div></text>
      <specialty><coding><display value="Dermatology"/></coding></specialty>
      <schedule><reference value="Schedule/s1"/></schedule><status value="free"/>
      <start value="2021-03-28T01:30:00"/><end value="2021-03-28T01:45:00"/></Slot></resource>
    <request><method value="PUT"/></request>
  </entry>
  <entry><resource><Slot><id value="b"/><extension url="http://x/slot-capacity"><valueInteger value="4"/></extension>
      <schedule><reference value="urn:uuid:aaaa"/></schedule><status value="free"/>
      <start value="2021-03-28T02:30:00"/><end value="2021-03-28T03:45:00"/></Slot></resource></entry>
  <entry><resource><Slot><id value="c"/>
      <schedule><reference value="Schedule/x-s1"/></schedule><status value="busy-tentative"/>
      <start value="2021-03-29T09:00:00+02:00"/></Slot></resource></entry>
</Bundle>
"#;

const JSON: &str = r#"{"resourceType": "Bundle", "entry": [
  {"fullUrl": "urn:uuid:aaaa", "resource": {"resourceType": "Schedule", "id": "s1", "actor": [{"reference": "Location/l1", "display": "Dr. A & B"}]}},
  {"resource": {"resourceType": "Location", "id": "l1", "name": "Hall"}},
  {"resource": {"resourceType": "Slot", "id": "a", "specialty": [{"coding": [{"display": "Dermatology"}]}],
    "schedule": {"reference": "Schedule/s1"}, "status": "free", "start": "2021-03-28T01:30:00", "end": "2021-03-28T01:45:00"}},
  {"resource": {"resourceType": "Slot", "id": "b", "extension": [{"url": "http://x/slot-capacity", "valueInteger": 4}],
    "schedule": {"reference": "urn:uuid:aaaa"}, "status": "free", "start": "2021-03-28T02:30:00", "end": "2021-03-28T03:45:00"}},
  {"resource": {"resourceType": "Slot", "id": "c", "schedule": {"reference": "Schedule/x-s1"}, "status": "busy-tentative",
    "start": "2021-03-29T09:00:00+02:00"}}
]}"#;

fn berlin() -> SlotRules {
    SlotRules { times: TimeRules::in_zone("Europe/Berlin").expect("a known zone"), ..SlotRules::default() }
}

fn read(text: &str, rules: &SlotRules) -> Reading {
    fhir_bundle::read(&[source("bundle", text)], rules)
}

#[test]
fn both_spellings_say_the_same() {
    let (xml, json) = (read(XML, &berlin()), read(JSON, &berlin()));
    let slots =
        |reading: &Reading| reading.slots.iter().map(|sourced| sourced.slot.clone()).collect::<Vec<_>>();
    assert_eq!(slots(&xml), slots(&json));
    let places =
        |reading: &Reading| reading.slots.iter().map(|sourced| sourced.place.line).collect::<Vec<_>>();
    assert_eq!(places(&xml), [9, 17, 20]);
    assert_eq!(places(&json), [4, 6, 8]);
}

#[test]
fn references_capacities_and_the_night_of_the_clock_change_are_understood() {
    let reading = read(XML, &berlin());
    assert_eq!(codes(&reading), []);
    let [a, b, c] = [0, 1, 2].map(|index| &reading.slots[index].slot);
    assert_eq!((a.venue.as_str(), a.capacity, a.labels["keeper"].as_str()), ("l1", 1, "Dr. A & B"));
    assert_eq!((b.venue.as_str(), b.capacity), ("l1", 4));
    assert_eq!((c.venue.as_str(), c.capacity), ("x-s1", 0));
    assert_eq!(b.starts_at.map(|at| at.to_string()).as_deref(), Some("2021-03-28T01:30:00Z"));
    assert_eq!(odd(&reading, OddityKind::ClockChange).0, 1);
    assert_eq!(odd(&reading, OddityKind::TimeZoneAssumed).0, 2);
    assert_eq!(odd(&reading, OddityKind::UnresolvedSchedule).0, 1);
    assert_eq!(odd(&reading, OddityKind::BusyWithoutPlaces).0, 1);
    assert_eq!(odd(&reading, OddityKind::NoEnd).0, 1);

    let by_tail = read(XML, &SlotRules { match_schedule_tail: true, capacity: 3, ..berlin() });
    assert_eq!(by_tail.slots[2].slot.venue, "l1");
    assert_eq!(by_tail.slots[0].slot.capacity, 3);
    assert_eq!(odd(&by_tail, OddityKind::ScheduleByTail).0, 1);
}

#[test]
fn without_a_time_zone_times_without_offset_are_refused_line_by_line() {
    let reading = read(XML, &SlotRules::default());
    assert_eq!(codes(&reading), [(9, "time-without-offset"), (17, "time-without-offset")]);
    assert_eq!(ids(&reading).into_iter().collect::<Vec<_>>(), ["c"]);
}

#[test]
fn what_is_no_bundle_says_what_it_is() {
    for (text, code) in [
        ("<Slot xmlns=\"http://hl7.org/fhir\"><id value=\"a\"/></Slot>", "not-a-bundle"),
        (r#"{"resourceType":"Slot"}"#, "not-a-bundle"),
        ("id;venue", "not-a-bundle"),
        ("", "not-a-bundle"),
        ("{\"resourceType\":", "broken-json"),
        ("<Bundle><entry></Bundle>", "broken-xml"),
        ("<Bundle></Bundle>", "no-slots"),
    ] {
        assert_eq!(read(text, &berlin()).refused[0].code, code, "{text}");
    }
    let deep = format!("<Bundle>{}", "<a>".repeat(100_000));
    assert_eq!(read(&deep, &berlin()).refused[0].code, "broken-xml");
}

/// A forgotten file among others looked like success.
#[test]
fn a_bundle_with_nothing_in_it_is_named() {
    for (name, text) in [("empty.xml", "<Bundle></Bundle>"), ("empty.json", r#"{"resourceType": "Bundle"}"#)]
    {
        let reading = fhir_bundle::read(&[source("x.xml", XML), source(name, text)], &berlin());
        assert_eq!((codes(&reading), odd(&reading, OddityKind::EmptyFile)), (vec![], (1, 1)), "{name}");
        assert!(reading.oddities.iter().any(|oddity| oddity.place.to_string() == name), "{name}");
        assert_eq!(codes(&fhir_bundle::read(&[source(name, text)], &berlin())), [(0, "no-slots")], "{name}");
    }
}

#[test]
fn a_torn_bundle_gives_the_entries_before_the_tear() {
    survives_every_cut(XML, |cut| fhir_bundle::read(std::slice::from_ref(cut), &berlin()));
    survives_every_cut(JSON, |cut| fhir_bundle::read(std::slice::from_ref(cut), &berlin()));
    let cut = XML.find("<Slot><id value=\"c\"").expect("the third slot");
    let reading = read(&XML[..cut], &berlin());
    assert_eq!(reading.slots.len(), 2);
    assert_eq!(codes(&reading), [(20, "broken-xml")]);
}

/// A page of a search: which entries of how many it has, where it is, where it leads.
fn page(file: &str, slots: std::ops::Range<u32>, total: Option<u32>, next: Option<&str>) -> Source {
    let slot = |n| {
        format!(
            r#"{{"search": {{"mode": "match"}}, "resource": {{"resourceType": "Slot", "id": "s{n}", "schedule":
               {{"reference": "Schedule/s1"}}, "status": "free", "start": "2021-03-29T09:{n:02}:00Z", "end": "2021-03-29T10:00:00Z"}}}}"#
        )
    };
    let along = r#"{"search": {"mode": "include"}, "resource": {"resourceType": "Schedule", "id": "s1"}}"#;
    let entries: Vec<_> = slots.map(slot).chain([along.to_owned()]).collect();
    let total = total.map(|total| format!(r#""total": {total}, "#)).unwrap_or_default();
    let next =
        next.map(|next| format!(r#", {{"relation": "next", "url": "http://x/{next}"}}"#)).unwrap_or_default();
    let text = format!(
        r#"{{"resourceType": "Bundle", "type": "searchset", {total}"link": [{{"relation": "self", "url": "http://x/{file}"}}{next}],
           "entry": [{}]}}"#,
        entries.join(", ")
    );
    source(file, &text)
}

fn missing(sources: &[Source]) -> Vec<String> {
    let reading = fhir_bundle::read(sources, &berlin());
    assert_eq!(codes(&reading), [], "a page is loaded all the same");
    let missing = reading.oddities.into_iter().filter(|oddity| oddity.kind == OddityKind::PagesMissing);
    missing.map(|oddity| format!("{}  {}", oddity.place, oddity.detail)).collect()
}

/// A page was loaded as if it were everything.
#[test]
fn a_page_of_a_search_says_how_many_are_missing() {
    let [first, second] = [page("1", 0..4, Some(9), Some("2")), page("2", 4..8, Some(9), Some("3"))];
    let alone = missing(std::slice::from_ref(&first));
    assert_eq!(
        alone,
        [
            "1:1  9 were found, 4 of them are here: 5 are missing; fetch the next page, http://x/2, and give all files in one command"
        ]
    );
    let two = missing(&[first.clone(), second.clone()]);
    assert!(two.len() == 1 && two[0].contains("1 are missing") && two[0].contains("http://x/3"), "{two:?}");
    assert_eq!(missing(&[page("3", 8..9, Some(9), None), second, first.clone()]), [""; 0]);
    let twice = fhir_bundle::read(&[first.clone(), first], &berlin());
    let told =
        twice.oddities.iter().find(|oddity| oddity.kind == OddityKind::PagesMissing).expect("one of two");
    assert!(told.detail.contains("5 are missing"), "the same page twice is not two: {told:?}");
    let unlinked = missing(&[page("1", 0..4, Some(9), None)]);
    assert!(unlinked[0].contains("5 are missing") && unlinked[0].contains("_count"), "{unlinked:?}");
    assert_eq!(missing(&[page("1", 0..4, Some(4), None)]), [""; 0]);
}

#[test]
fn searches_are_told_apart() {
    let pages = |name: &str, from: u32, self_known: bool| {
        let next = format!("{name}2");
        let second = if self_known { next.clone() } else { format!("other-{next}") };
        [
            page(&format!("{name}1"), from..from + 2, Some(4), Some(&next)),
            page(&second, from + 2..from + 4, Some(4), None),
        ]
    };
    for known in [true, false] {
        let [a1, a2] = pages("a", 0, known);
        let [b1, b2] = pages("b", 10, known);
        assert_eq!(missing(&[a1.clone(), a2.clone()]), [""; 0]);
        assert_eq!(missing(&[a1.clone(), b1.clone()]).len(), 1, "two first pages are no whole search");
        let three = missing(&[a1.clone(), a2.clone(), b1.clone()]);
        assert!(three.len() == 1 && three[0].contains("http://x/b2"), "{three:?}");
        assert_eq!(missing(&[a1, a2, b1, b2]), [""; 0]);
    }
    let [first, second] = [page("1", 0..2, None, Some("2")), page("2", 2..4, None, None)];
    assert_eq!(missing(&[first.clone(), second]), [""; 0]);
    assert!(missing(&[first])[0].contains("http://x/2"), "without a total the link tells");
}

#[test]
fn a_page_in_xml_is_a_page_too() {
    let text = XML.replace(
        "<type value=\"transaction\"/>",
        "<type value=\"searchset\"/><total value=\"50\"/><link><relation value=\"next\"/><url value=\"http://x/2\"/></link>",
    );
    let missing = missing(&[source("x", &text)]);
    assert!(missing[0].contains("50 were found, 5 of them are here: 45 are missing"), "{missing:?}");
}

/// The attribute was left out in silence, and a name or a reference with it.
#[test]
fn an_entry_with_an_attribute_that_cannot_be_read_is_refused() {
    for (whole, broken, line) in [
        ("<name value=\"Hall\"/>", "<name value=\"Caf&eacute;\"/>", 8),
        ("<name value=\"Hall\"/>", "<name value=Hall/>", 8),
        ("<actor>", "<actor id=\"1\" id=\"2\">", 6),
        ("<type value=\"transaction\"/>", "<type value=transaction/>", 3),
    ] {
        let text = XML.replacen(whole, broken, 1);
        let reading = read(&text, &berlin());
        assert_eq!(codes(&reading), [(line, "broken-attribute")], "{broken}");
        assert_eq!(reading.slots.len(), 3, "what names it is kept, as when nobody describes it");
    }
    let text = XML.replacen(
        "<start value=\"2021-03-28T02:30:00\"/>",
        "<start value=\"2021-03-28T02:30:00&x;\"/>",
        1,
    );
    let reading = read(&text, &berlin());
    assert_eq!((codes(&reading), reading.slots.len()), (vec![(19, "broken-attribute")], 2));
    let narrative = XML.replacen("free <b>now</b>", "free <a href=x nowrap>now</a>", 1);
    assert_eq!(codes(&read(&narrative, &berlin())), [], "the narrative is for people");
}

#[test]
fn gzip_is_opened_whatever_the_file_is_called() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(XML.as_bytes()).expect("memory");
    let packed = Source::from_bytes("bundle.xml", encoder.finish().expect("memory"));
    assert_eq!(fhir_bundle::read(&[packed], &berlin()).slots.len(), 3);
}

#[test]
fn argonaut_keeps_all_3240_slots_and_names_the_schedules_nobody_describes() {
    let Some(folder) = real("argonaut-scheduling") else { return };
    let files = ["slot_bundle.xml.gz", "loc_bundle.xml", "sched_bundle.xml", "pract_bundle.xml"];
    let sources = files.map(|name| open(folder.join(name)));
    let pacific = TimeRules::in_zone("America/Los_Angeles").expect("a known zone");
    let rules = SlotRules { times: pacific, ..SlotRules::default() };

    let reading = fhir_bundle::read(&sources, &rules);
    assert_eq!(codes(&reading), []);
    assert_eq!((reading.slots.len(), ids(&reading).len(), reading.units()), (3_240, 3_240, 1_852));
    assert_eq!(odd(&reading, OddityKind::UnresolvedSchedule), (3_240, 3_240));
    assert_eq!(odd(&reading, OddityKind::BusyWithoutPlaces).0, 1_388);
    assert_eq!(odd(&reading, OddityKind::TimeZoneAssumed).0, 3_240);
    assert_eq!(odd(&reading, OddityKind::HorizonBackwards).0, 8);
    assert_eq!(
        reading.slots[0].slot.starts_at.map(|at| at.to_string()).as_deref(),
        Some("2017-08-28T15:00:00Z")
    );

    let by_tail = fhir_bundle::read(&sources, &SlotRules { match_schedule_tail: true, ..rules });
    let venues: std::collections::BTreeSet<_> =
        by_tail.slots.iter().map(|sourced| &sourced.slot.venue).collect();
    assert_eq!((by_tail.slots.len(), venues.len()), (3_240, 9));
}

#[test]
fn argonaut_needs_to_be_told_whose_clock_it_is() {
    let Some(folder) = real("argonaut-scheduling") else { return };
    let reading = fhir_bundle::read(&[open(folder.join("slot_bundle.xml.gz"))], &SlotRules::default());
    assert_eq!((reading.slots.len(), reading.refused.len()), (0, 3_240));
    assert!(reading.refused.iter().all(|line| line.code == "time-without-offset"));
}
