//! pretix plans: a stadium whose guids repeat, and a small hall with the same defects.

use std::collections::BTreeSet;

use crate::common::{codes, ids, odd, open, real, source, survives_every_cut};
use onsale_gateway::import::pretix_plan::{self, PlanRules, SeatKey};
use onsale_gateway::import::{OddityKind, Reading};

/// Two blocks side by side that both have a row A; an aisle in the first; a seat without number; a price nobody has.
const HALL: &str = r#"{"name": "Old Hall", "categories": [{"name": "I"}, {"name": "II"}],
 "zones": [{"name": "Stalls left/right", "rows": [
  {"row_number": "A", "seats": [
   {"seat_number": "1", "seat_guid": "A-1", "uuid": "u1", "position": {"x": 0, "y": 0}, "category": "I"},
   {"seat_number": "2", "seat_guid": "A-2", "uuid": "u2", "position": {"x": 25, "y": 0}, "category": "I"},
   {"seat_number": "3", "seat_guid": "A-3", "uuid": "u3", "position": {"x": 90, "y": 0}, "category": "III"}]},
  {"row_number": "A", "seats": [
   {"seat_number": 1, "seat_guid": "A-1", "uuid": "u4", "position": {"x": 0, "y": 0}, "category": "I"},
   {"seat_guid": "A-4", "uuid": "u5", "position": {"x": 25, "y": 0}, "category": "I"}]},
  {"row_number": "A-1", "seats": [
   {"seat_number": "1", "seat_guid": "B-1", "position": {"x": 0, "y": 0}, "category": "I"}]}
 ]}]}"#;

fn read(key: SeatKey) -> Reading {
    let rules = PlanRules { seat_key: key, ..PlanRules::default() };
    pretix_plan::read(&[source("hall.json", HALL)], &rules)
}

#[test]
fn a_plan_whose_guids_repeat_is_refused_with_every_one_of_them() {
    let reading = read(SeatKey::Guid);
    assert!(reading.slots.is_empty());
    assert_eq!(codes(&reading), [(0, "plan-refused"), (4, "repeated-guid")]);
    let head = &reading.refused[0].detail;
    assert!(
        head.starts_with("6 seats carry only 5 different guids: 1 of the guids repeat, on 2 seats"),
        "{head}"
    );
    assert!(reading.refused[1].detail.ends_with("on 2 seats: lines 4, 8"), "{}", reading.refused[1].detail);
}

#[test]
fn its_place_in_the_file_tells_every_seat() {
    let reading = read(SeatKey::Position);
    assert_eq!(codes(&reading), []);
    let ids: Vec<_> = reading.slots.iter().map(|sourced| sourced.slot.id.as_str()).collect();
    assert_eq!(ids, ["z1-r1-s1", "z1-r1-s2", "z1-r1-s3", "z1-r2-s1", "z1-r2-s2", "z1-r3-s1"]);
    let seats: Vec<_> = reading
        .slots
        .iter()
        .map(|sourced| (sourced.slot.row.as_deref(), sourced.slot.seat.as_deref(), sourced.slot.position))
        .collect();
    let expected = [
        ("A-2", "1", 1),
        ("A-2", "2", 2),
        ("A-2", "3", 4), // beyond the aisle: not a neighbour of 2
        ("A-3", "1", 1),
        ("A-3", "2", 2), // has no number
        ("A-1", "1", 1), // really called so
    ];
    assert_eq!(seats, expected.map(|(row, seat, position)| (Some(row), Some(seat), Some(position))));
    let first = &reading.slots[0].slot;
    assert_eq!((first.venue.as_str(), first.section.as_deref()), ("Old-Hall", Some("Stalls-left-right")));
    assert_eq!(first.labels["row_number"], "A");
    assert_eq!(first.labels["category"], "I");
    assert!(!reading.slots[5].slot.labels.contains_key("row_number"));
    let kinds = [
        (OddityKind::RepeatedRow, 2),
        (OddityKind::RepeatedGuid, 2),
        (OddityKind::Aisle, 1),
        (OddityKind::Category, 2),
        (OddityKind::NoNumber, 1),
        (OddityKind::RewrittenId, 1),
    ];
    for (kind, count) in kinds {
        assert_eq!(odd(&reading, kind).0, count, "{}", kind.code());
    }
    assert_eq!(reading.oddities.len(), 9);
}

#[test]
fn a_seat_without_the_chosen_key_is_refused_alone() {
    let reading = read(SeatKey::Uuid);
    assert_eq!(codes(&reading), [(11, "no-key")]);
    assert_eq!(reading.slots.len(), 5);
}

#[test]
fn flags_say_what_a_plan_does_not() {
    let rules = PlanRules {
        seat_key: SeatKey::Position,
        venue: Some("hall".into()),
        starts_at: Some("2025-05-01T18:00:00Z".parse().expect("a time")),
        product: Some("seat".into()),
        id_prefix: Some("may1".into()),
        ..PlanRules::default()
    };
    let reading = pretix_plan::read(&[source("hall.json", HALL)], &rules);
    let slot = &reading.slots[0].slot;
    assert_eq!(
        (slot.id.as_str(), slot.venue.as_str(), slot.product.as_deref()),
        ("may1-z1-r1-s1", "hall", Some("seat"))
    );
    assert_eq!(slot.starts_at, rules.starts_at);
    assert_eq!(slot.capacity, 1);
}

#[test]
fn the_same_plan_twice_is_not_twice_the_seats() {
    let rules = PlanRules { seat_key: SeatKey::Position, ..PlanRules::default() };
    let reading = pretix_plan::read(&[source("one.json", HALL), source("two.json", HALL)], &rules);
    assert_eq!((reading.slots.len(), reading.refused.len()), (6, 6));
    assert!(reading.refused.iter().all(|line| line.code == "repeated-id" && &*line.place.file == "two.json"));
}

/// A forgotten file among others looked like success.
#[test]
fn a_plan_without_seats_is_refused_among_others_too() {
    let rules = PlanRules { seat_key: SeatKey::Position, ..PlanRules::default() };
    let empty = r#"{"zones": [{"name": "Stalls", "rows": []}]}"#;
    let reading = pretix_plan::read(&[source("hall.json", HALL), source("empty.json", empty)], &rules);
    assert_eq!((reading.slots.len(), codes(&reading)), (6, vec![(0, "no-slots")]));
    assert_eq!(&*reading.refused[0].place.file, "empty.json");
}

#[test]
fn what_is_no_plan_is_refused_and_a_torn_one_too() {
    let rules = PlanRules { seat_key: SeatKey::Position, ..PlanRules::default() };
    for (text, code) in
        [("[]", "not-a-plan"), ("{}", "not-a-plan"), ("", "broken-json"), (r#"{"zones":[]}"#, "no-slots")]
    {
        assert_eq!(pretix_plan::read(&[source("x", text)], &rules).refused[0].code, code, "{text}");
    }
    survives_every_cut(HALL, |cut| pretix_plan::read(std::slice::from_ref(cut), &rules));
}

#[test]
fn the_stadium_is_refused_by_guid_and_taken_whole_by_uuid_or_position() {
    let Some(path) = real("seatmap-canvas/stadium.pretix-plan.json") else { return };
    let sources = [open(path)];
    let refused = pretix_plan::read(&sources, &PlanRules::default());
    assert!(refused.slots.is_empty());
    assert!(
        refused.refused[0]
            .detail
            .starts_with("738 seats carry only 318 different guids: 126 of the guids repeat, on 546")
    );
    let listed: BTreeSet<_> = refused.refused[1..].iter().map(|line| line.detail.split('`').nth(1)).collect();
    assert_eq!((refused.refused.len(), listed.len()), (127, 126));

    for seat_key in [SeatKey::Uuid, SeatKey::Position] {
        let rules = PlanRules { seat_key, venue: Some("stadium".into()), ..PlanRules::default() };
        let reading = pretix_plan::read(&sources, &rules);
        assert_eq!(codes(&reading), []);
        assert_eq!((reading.slots.len(), ids(&reading).len(), reading.units()), (738, 738, 738));
        let rows: BTreeSet<_> =
            reading.slots.iter().map(|sourced| (&sourced.slot.section, &sourced.slot.row)).collect();
        assert_eq!(rows.len(), 90, "each row of the plan is a row of its own");
        let places: BTreeSet<_> = reading
            .slots
            .iter()
            .map(|sourced| (&sourced.slot.section, &sourced.slot.row, sourced.slot.position))
            .collect();
        assert_eq!(places.len(), 738, "no two seats share section, row and position");
        assert_eq!(odd(&reading, OddityKind::RepeatedRow), (78, 18));
        assert_eq!(odd(&reading, OddityKind::RepeatedGuid), (546, 126));
        assert_eq!(odd(&reading, OddityKind::Category), (1, 1));
    }
}
