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

#[test]
fn a_torn_bundle_gives_the_entries_before_the_tear() {
    survives_every_cut(XML, |cut| fhir_bundle::read(std::slice::from_ref(cut), &berlin()));
    survives_every_cut(JSON, |cut| fhir_bundle::read(std::slice::from_ref(cut), &berlin()));
    let cut = XML.find("<Slot><id value=\"c\"").expect("the third slot");
    let reading = read(&XML[..cut], &berlin());
    assert_eq!(reading.slots.len(), 2);
    assert_eq!(codes(&reading), [(20, "broken-xml")]);
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
