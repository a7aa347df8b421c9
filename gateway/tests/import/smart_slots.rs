//! SMART Scheduling Links: the real feeds, and the same damage in files small enough to read.

use std::fs;
use std::path::PathBuf;

use crate::common::{codes, ids, odd, real, source, survives_every_cut};
use onsale_gateway::import::fhir::assemble::{SlotIdRule, SlotRules};
use onsale_gateway::import::source::Source;
use onsale_gateway::import::times::TimeRules;
use onsale_gateway::import::{OddityKind, Reading, smart_slots};

const LOCATIONS: &str = r#"{"resourceType":"Location","id":"7","name":"Shop","telecom":[{"system":"phone","value":"(555) 010-00"}],"address":{"city":"Trenton","state":"NJ","postalCode":"8601-123"}}
{"resourceType":"Location","id":"8","name":"Shop","address":{"city":"Newark","state":"NJ","postalCode":7101}}
"#;
const SCHEDULES: &str = r#"{"resourceType":"Schedule","id":"7","actor":[{"reference":"Location/7"}],"extension":[{"url":"http://x/vaccine-dose","valueInteger":9}]}
{"resourceType":"Schedule","id":"8","actor":[{"reference":"https://h.example/Location/8"}],"extension":[{"url":"http://x/vaccine-product","valueCoding":{"code":"207","display":"M"}}]}
"#;
const SLOTS: &str = r#"{"resourceType":"Slot","id":"7","schedule":{"reference":"Schedule/7"},"status":"busy","start":"2023-03-24T08:00:00-05:00","end":"2023-03-24T22:00:00-05:00","extension":[{"url":"http://x/slot-capacity","valueInteger":0}]}
{"resourceType":"Slot","id":"7","schedule":{"reference":"Schedule/7"},"status":"free","start":"2023-03-25T08:00:00-05:00","end":"2023-03-25T18:00:00-05:00","extension":[{"url":"http://x/slot-capacity","valueInteger":33}]}
{"resourceType":"Slot","id":"8a","schedule":{"reference":"Schedule/8"},"status":"free","start":"2023-03-25T08:00:00-04:00","end":"2023-03-25T08:15:00-04:00"}
"#;

fn feed() -> [Source; 3] {
    // Slots first: a feed's files may come in any order.
    [source("slots", SLOTS), source("schedules", SCHEDULES), source("locations", LOCATIONS)]
}

fn read(sources: &[Source]) -> Reading {
    smart_slots::read(sources, &SlotRules::default(), Reading::default())
}

fn from_paths(paths: &[PathBuf], rules: &SlotRules) -> Reading {
    let mut reading = Reading::default();
    let sources = smart_slots::gather(paths, &mut reading).expect("the files are there");
    smart_slots::read(&sources, rules, reading)
}

#[test]
fn rows_that_share_an_id_are_all_loaded_under_schedule_and_start() {
    let reading = read(&feed());
    assert_eq!(codes(&reading), []);
    let ids: Vec<_> = reading.slots.iter().map(|sourced| sourced.slot.id.as_str()).collect();
    assert_eq!(ids, ["7-20230324T130000Z", "7-20230325T130000Z", "8a"]);
    let capacities: Vec<_> = reading.slots.iter().map(|sourced| sourced.slot.capacity).collect();
    assert_eq!(capacities, [0, 33, 1]);
    assert_eq!(reading.slots[1].place.to_string(), "slots:2");
}

#[test]
fn every_oddity_of_a_feed_is_named() {
    let reading = read(&feed());
    assert_eq!(odd(&reading, OddityKind::RepeatedSlotId), (2, 1));
    assert_eq!(odd(&reading, OddityKind::BusyWithoutPlaces).0, 1);
    assert_eq!(odd(&reading, OddityKind::WholeDay).0, 2);
    assert_eq!(odd(&reading, OddityKind::OffsetNotInUse).0, 2, "-04:00 in March is right, -05:00 is not");
    assert_eq!(odd(&reading, OddityKind::ZipLostZero).0, 2);
    assert_eq!(odd(&reading, OddityKind::PhoneIncomplete).0, 1);
    assert_eq!(odd(&reading, OddityKind::SharedName), (2, 1));
    assert_eq!(odd(&reading, OddityKind::ImplausibleDose).0, 1);
    assert_eq!(reading.oddities.len(), 13);
    let labels = &reading.slots[0].slot.labels;
    assert_eq!(
        (labels["zip"].as_str(), labels["city"].as_str(), labels["dose"].as_str()),
        ("08601-0123", "Trenton", "9")
    );
    assert_eq!(reading.slots[2].slot.labels["zip"], "07101");
    assert_eq!(reading.slots[2].slot.venue, "8");
}

#[test]
fn the_operator_may_believe_clocks_instead_of_offsets_and_fix_the_ids() {
    let times =
        TimeRules { ignore_offsets: true, ..TimeRules::in_zone("America/New_York").expect("a known zone") };
    let rules = SlotRules { times, slot_id: SlotIdRule::ScheduleStart, ..SlotRules::default() };
    let reading = smart_slots::read(&feed(), &rules, Reading::default());
    let ids: Vec<_> = reading.slots.iter().map(|sourced| sourced.slot.id.as_str()).collect();
    assert_eq!(ids, ["7-20230324T120000Z", "7-20230325T120000Z", "8-20230325T120000Z"]);
    assert_eq!(odd(&reading, OddityKind::OffsetNotInUse).0, 0);

    let source_ids = SlotRules { slot_id: SlotIdRule::Source, ..SlotRules::default() };
    let reading = smart_slots::read(&feed(), &source_ids, Reading::default());
    assert_eq!(codes(&reading), [(2, "repeated-id")]);
}

#[test]
fn one_bad_line_costs_one_line() {
    let slot = |id: &str, more: &str| {
        format!(r#"{{"resourceType":"Slot","id":"{id}","schedule":{{"reference":"Schedule/8"}},{more}}}"#)
    };
    let good = r#""status":"free","start":"2023-03-25T12:00:00Z","end":"2023-03-25T12:15:00Z""#;
    let lines = [
        slot("good", good),
        "{\"resourceType\":\"Slot\",".into(),
        String::new(),
        "42".into(),
        slot("a", r#""status":"maybe","start":"2023-03-25T12:00:00Z""#),
        slot("b", r#""status":"free""#),
        slot("c", r#""status":"free","start":"2023-03-25T12:00:00""#),
        slot("d", r#""status":"free","start":"tomorrow""#),
        slot("e", r#""status":"entered-in-error","start":"2023-03-25T12:00:00Z""#),
        slot("f", r#""status":"free","start":"2023-03-25T12:00:00Z","end":"2023-03-25T11:00:00Z""#),
        slot(
            "g",
            r#""status":"free","start":"2023-03-25T12:00:00Z","extension":[{"url":"u/slot-capacity","valueInteger":-1}]"#,
        ),
        r#"{"resourceType":"Slot","id":"h","status":"free","start":"2023-03-25T12:00:00Z"}"#.into(),
        slot("good", good),
        slot("last one/2", good),
        r#"{"resourceType":"Basic","id":"x"}"#.into(),
    ];
    let text = format!("\u{feff}{}\r\n", lines.join("\r\n"));
    let reading =
        read(&[source("slots", &text), source("schedules", SCHEDULES), source("locations", LOCATIONS)]);
    let mut refused = codes(&reading);
    refused.sort();
    let expected = [
        (2, "broken-json"),
        (4, "no-resource-type"),
        (5, "unknown-status"),
        (6, "no-start"),
        (7, "time-without-offset"),
        (8, "not-a-time"),
        (9, "entered-in-error"),
        (10, "ends-before-start"),
        (11, "not-a-capacity"),
        (12, "no-schedule"),
        (13, "repeated-id"),
    ];
    assert_eq!(refused, expected);
    assert_eq!(reading.slots.len(), 2);
    assert!(reading.slots[1].slot.id.starts_with("last-one-2-"), "{}", reading.slots[1].slot.id);
    assert_eq!(odd(&reading, OddityKind::RewrittenId).0, 1);
    assert_eq!(odd(&reading, OddityKind::NotUsed), (1, 1));
}

#[test]
fn unknown_schedules_and_locations_do_not_cost_slots() {
    let schedules = r#"{"resourceType":"Schedule","id":"1","actor":[{"reference":"Location/nowhere"}]}"#;
    let slots = r#"{"resourceType":"Slot","id":"a","schedule":{"reference":"Schedule/1"},"status":"free","start":"2023-03-25T12:00:00Z","end":"2023-03-25T12:15:00Z"}
{"resourceType":"Slot","id":"b","schedule":{"reference":"Schedule/nowhere"},"status":"free","start":"2023-03-25T12:00:00Z","end":"2023-03-25T12:15:00Z"}"#;
    let reading = read(&[source("schedules", schedules), source("slots", slots)]);
    let venues: Vec<_> = reading.slots.iter().map(|sourced| sourced.slot.venue.as_str()).collect();
    // `Location/nowhere` and `Schedule/nowhere` share an id and are two places.
    assert_eq!(venues, ["nowhere", "schedule-nowhere"]);
    assert_eq!(odd(&reading, OddityKind::UnresolvedLocation).0, 1);
    assert_eq!(odd(&reading, OddityKind::UnresolvedSchedule).0, 1);
}

#[test]
fn a_folder_a_manifest_and_its_files_are_one_feed_read_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    fs::write(at("rec-1-slots-NJ.ndjson"), SLOTS).expect("written");
    fs::write(at("rec-1-schedules-NJ.ndjson"), SCHEDULES).expect("written");
    fs::write(at("rec-1-locations-NJ.ndjson"), LOCATIONS).expect("written");
    fs::write(at("README.md"), "# not a feed").expect("written");
    let output =
        |kind: &str, path: &str| format!(r#"{{"type":"{kind}","url":"https://h.example/v/{path}.ndjson"}}"#);
    let outputs = [
        output("Slot", "slots/NJ"),
        output("Slot", "slots/NY"),
        output("Schedule", "schedules/NJ"),
        output("Location", "locations/NJ"),
    ];
    fs::write(at("rec-1-bulk-publish.json"), format!("{{\"output\":[\n{}]}}", outputs.join(",\n")))
        .expect("written");

    let rules = SlotRules::default();
    let by_manifest = from_paths(&[at("rec-1-bulk-publish.json")], &rules);
    let by_folder = from_paths(&[folder.path().to_owned()], &rules);
    let by_both = from_paths(&[at("rec-1-slots-NJ.ndjson"), folder.path().to_owned()], &rules);
    for reading in [&by_manifest, &by_folder, &by_both] {
        assert_eq!(reading.slots.len(), 3);
        assert_eq!(codes(reading), []);
        assert_eq!(ids(reading), ids(&by_manifest));
        let missing: Vec<_> =
            reading.oddities.iter().filter(|oddity| oddity.kind == OddityKind::OutputNotHere).collect();
        assert_eq!(missing.len(), 1);
        assert!(missing[0].detail.contains("slots/NY.ndjson") && missing[0].place.line == 3, "{missing:?}");
    }
}

#[test]
fn a_torn_feed_is_read_as_far_as_it_goes() {
    survives_every_cut(SLOTS, |cut| read(std::slice::from_ref(cut)));
    let reading = read(&[source("empty", "\n\n")]);
    assert_eq!(codes(&reading), [(0, "no-slots")]);
    let bundle = read(&[source("b", "{\n\"resourceType\": \"Bundle\"\n}")]);
    assert_eq!(codes(&bundle), [(1, "bundle")]);
}

#[test]
fn riteaid_nj_2023_loads_all_1542_rows_and_names_every_oddity() {
    let Some(folder) = real("riteaid-nj-2023") else { return };
    let manifest = folder.join("riteaid-2023-03-24-bulk-publish.json");
    for path in [manifest, folder] {
        let reading = from_paths(&[path], &SlotRules::default());
        assert_eq!(codes(&reading), []);
        assert_eq!((reading.slots.len(), ids(&reading).len(), reading.units()), (1_542, 1_542, 46_702));
        assert_eq!(reading.slots.iter().filter(|sourced| sourced.slot.capacity == 0).count(), 112);
        let named = [
            (OddityKind::RepeatedSlotId, (1_542, 112)),
            (OddityKind::OutputNotHere, (48, 48)),
            (OddityKind::BusyWithoutPlaces, (112, 1)),
            (OddityKind::WholeDay, (1_542, 11)),
            (OddityKind::OffsetNotInUse, (1_542, 1)),
            (OddityKind::ImplausibleDose, (112, 1)),
            (OddityKind::ZipLostZero, (112, 112)),
            (OddityKind::PhoneIncomplete, (29, 29)),
            (OddityKind::SharedName, (112, 1)),
        ];
        for (kind, count) in named {
            assert_eq!(odd(&reading, kind), count, "{}", kind.code());
        }
        let all: usize = named.iter().map(|(_, (count, _))| count).sum();
        assert_eq!(reading.oddities.len(), all, "an oddity that this test does not know");
    }
}

#[test]
fn riteaid_nj_2023_means_the_same_in_any_order_of_its_files() {
    let Some(folder) = real("riteaid-nj-2023") else { return };
    let file = |kind: &str| folder.join(format!("riteaid-2023-03-24-{kind}-NJ.ndjson"));
    let forwards = from_paths(&[file("locations"), file("schedules"), file("slots")], &SlotRules::default());
    let backwards = from_paths(&[file("slots"), file("schedules"), file("locations")], &SlotRules::default());
    assert_eq!(forwards.slots, backwards.slots);
    assert_eq!(forwards.slots[1].slot.labels["zip"], "08332-3762");
}

#[test]
fn the_example_feed_has_ten_clinics_and_three_hundred_slots_of_a_hundred() {
    let Some(folder) = real("smart-scheduling-links-examples") else { return };
    for path in [folder.join("bulk-publish.json"), folder] {
        let reading = from_paths(&[path], &SlotRules::default());
        assert_eq!(codes(&reading), []);
        assert_eq!((reading.slots.len(), reading.units()), (300, 30_000));
        let venues: std::collections::BTreeSet<_> =
            reading.slots.iter().map(|sourced| &sourced.slot.venue).collect();
        assert_eq!(venues.len(), 10);
        assert!(ids(&reading).contains("20"), "ids that do not repeat are kept");
        assert_eq!(odd(&reading, OddityKind::WholeDay), (300, 1));
        assert_eq!(reading.oddities.len(), 300);
    }
}

/// A file of a feed may be empty by rights: a state without appointments. It is named, so that a broken download is seen.
#[test]
fn an_empty_file_among_others_is_named_and_nothing_at_all_is_refused() {
    let location = r#"{"resourceType": "Location", "id": "l1"}"#;
    let slot = r#"{"resourceType": "Slot", "id": "a", "schedule": {"reference": "Schedule/s1"}, "status": "free", "start": "2021-03-29T09:00:00Z"}"#;
    let sources = [
        source("slots-NJ.ndjson", slot),
        source("slots-WY.ndjson", "\n"),
        source("locations.ndjson", location),
    ];
    let reading = smart_slots::read(&sources, &SlotRules::default(), Reading::default());
    assert_eq!((reading.slots.len(), codes(&reading)), (1, vec![]));
    let empty: Vec<_> =
        reading.oddities.iter().filter(|oddity| oddity.kind == OddityKind::EmptyFile).collect();
    assert_eq!(empty.iter().map(|oddity| oddity.place.to_string()).collect::<Vec<_>>(), ["slots-WY.ndjson"]);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let manifest = folder.path().join("bulk-publish.json");
    for text in [
        None,
        Some(r#"{"output": []}"#),
        Some(r#"{"output": [{"type": "Slot", "url": "http://x/slots.ndjson"}]}"#),
    ] {
        if let Some(text) = text {
            fs::write(&manifest, text).expect("written");
        }
        let mut reading = Reading::default();
        let sources = smart_slots::gather(&[folder.path().to_owned()], &mut reading).expect("a folder");
        let reading = smart_slots::read(&sources, &SlotRules::default(), reading);
        assert_eq!(codes(&reading), [(0, "no-slots")], "{text:?}");
    }
}
