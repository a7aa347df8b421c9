//! Tables, as spreadsheets write them.

use crate::common::{codes, odd, open, real, source, survives_every_cut};
use onsale_gateway::import::times::TimeRules;
use onsale_gateway::import::{OddityKind, Reading, csv_table};

fn read(text: &str) -> Reading {
    csv_table::read(&[source("t.csv", text)], &TimeRules::default())
}

#[test]
fn every_column_of_a_slot_is_read() {
    let reading = read(
        "id,venue,section,starts_at,ends_at,capacity,product,row,seat,position,price,releases_at,accessible,label.Vaccine,note\n\
         a,kiel,hall-1,2021-04-12T07:05:00Z,2021-04-12T09:10:00+02:00,12,dose1,,,,1250,2021-04-01T00:00:00Z,,\"bnt, new\",x\n\
         b,kiel,,,,,,A,7,-3,,,yes,,\n",
    );
    assert_eq!(codes(&reading), []);
    let json: Vec<_> = reading
        .slots
        .iter()
        .map(|sourced| serde_json::to_string(&sourced.slot).expect("plain data"))
        .collect();
    assert_eq!(
        json[0],
        r#"{"id":"a","venue":"kiel","section":"hall-1","starts_at":"2021-04-12T07:05:00Z","ends_at":"2021-04-12T07:10:00Z","capacity":12,"product":"dose1","price":1250,"releases_at":"2021-04-01T00:00:00Z","labels":{"vaccine":"bnt, new"}}"#
    );
    assert_eq!(
        json[1],
        r#"{"id":"b","venue":"kiel","capacity":1,"row":"A","seat":"7","position":-3,"accessible":true}"#
    );
    assert_eq!(odd(&reading, OddityKind::NotUsed), (1, 1));
}

#[test]
fn spreadsheets_habits_survive() {
    let plain = read("id,venue,capacity\na,v,1\nb,v,2\n");
    for text in [
        "\u{feff}ID;Venue;Capacity\r\na;v;1\r\nb;v;2\r\n",
        "sep=;\r\nid;venue;capacity\r\na;v;1\r\n;;\r\nb;v;2",
        "id\tvenue\tcapacity\na\tv\t1\nb\tv\t2\n",
        "\n\nid , venue , capacity\n\"a\", v ,1\n\n b,v, 2\n",
    ] {
        let reading = read(text);
        assert_eq!(codes(&reading), [], "{text:?}");
        let slots =
            |reading: &Reading| reading.slots.iter().map(|sourced| sourced.slot.clone()).collect::<Vec<_>>();
        assert_eq!(slots(&reading), slots(&plain), "{text:?}");
    }
    assert_eq!(odd(&read("id,venue,capacity\na,v,12"), OddityKind::NoLineEnd).0, 1, "it may have been 120");
    assert_eq!(read("sep=;\nid;venue;capacity\na;v;1\n").slots[0].place.line, 3);
}

#[test]
fn each_bad_line_is_refused_with_all_that_is_wrong_with_it() {
    let reading = read(
        "id;venue;capacity;starts_at;price;row;seat;accessible\n\
         ok;v;1;;;;;\n\
         ;v;1;;;;;\n\
         a;;x;;12.50;;;maybe\n\
         b;v;;;;;;\n\
         c;v;1;2021-04-12 09:05;;;;\n\
         d;v;1;12.04.2021;;;;\n\
         e;v;1;;;A;;\n\
         f;v;2;;;A;1;\n\
         g;v\n\
         ok;v;1;;;;;\n\
         h;v;-1;;;;;\n\
         i;v;99999999;;;;;\n\
         \"j;v;1;;;;;\n\
         k;v;1;;;;;\n",
    );
    let expected = [
        (3, "no-id"),
        (4, "not-a-number"),
        (5, "no-capacity"),
        (6, "time-without-offset"),
        (7, "not-a-time"),
        (8, "half-a-seat"),
        (9, "seat-for-several"),
        (10, "wrong-number-of-fields"),
        (11, "repeated-id"),
        (12, "not-a-number"),
        (13, "too-large-number"),
        (14, "wrong-number-of-fields"),
    ];
    assert_eq!(codes(&reading), expected);
    let fourth = &reading.refused[1].detail;
    for word in ["capacity `x`", "12.50 is 1250", "accessible `maybe`", "venue is empty"] {
        assert!(fourth.contains(word), "{fourth}");
    }
    assert!(reading.refused.last().is_some_and(|line| line.detail.contains("quotation mark")));
    assert_eq!(reading.slots.len(), 1);
}

#[test]
fn local_times_need_a_zone_and_get_it() {
    let text = "id,venue,capacity,starts_at\na,v,1,2021-04-12 09:05\nb,v,1,2021-10-31T02:30:00\n";
    let berlin = TimeRules::in_zone("Europe/Berlin").expect("a known zone");
    let reading = csv_table::read(&[source("t.csv", text)], &berlin);
    let starts: Vec<_> =
        reading.slots.iter().filter_map(|sourced| sourced.slot.starts_at).map(|at| at.to_string()).collect();
    assert_eq!(starts, ["2021-04-12T07:05:00Z", "2021-10-31T00:30:00Z"]);
    assert_eq!(odd(&reading, OddityKind::TimeZoneAssumed).0, 1);
    assert_eq!(odd(&reading, OddityKind::ClockChange).0, 1);
    assert_eq!(codes(&read(text)), [(2, "time-without-offset"), (3, "time-without-offset")]);
}

#[test]
fn ids_that_do_not_fit_are_rewritten_and_never_meet() {
    let reading = read("id,venue,capacity\nHalle 1,Große Halle,1\nHalle/1,Große Halle,1\nHalle-1,v,1\n");
    assert_eq!(codes(&reading), []);
    assert_eq!(crate::common::ids(&reading).len(), 3);
    assert_eq!(odd(&reading, OddityKind::RewrittenId), (4, 3));
}

#[test]
fn a_header_with_a_slip_is_refused_and_a_strange_one_explained() {
    for (text, code) in [
        ("id,venue,capacity,relases_at\na,v,1,\n", "unknown-column"),
        ("id,venue,capacity,id\na,v,1,b\n", "repeated-column"),
        ("a,v,1\nb,v,2\n", "no-column"),
        ("id,venue,capacity\n", "no-slots"),
        ("", "no-slots"),
    ] {
        let reading = read(text);
        assert_eq!(reading.refused[0].code, code, "{text}");
        assert!(reading.slots.is_empty());
    }
    assert!(read("id,venue,capacity,relases_at\n").refused[0].detail.contains("`releases_at`"));
}

#[test]
fn a_torn_table_is_read_as_far_as_it_goes() {
    let text = "id;venue;capacity;label.x\na;v;1;\"q\"\nb;v;2;ü\n";
    survives_every_cut(text, |cut| csv_table::read(std::slice::from_ref(cut), &TimeRules::default()));
}

#[test]
fn a_real_table_of_something_else_says_what_is_missing() {
    let Some(path) = real("argonaut-scheduling/sprint-data.csv") else { return };
    let reading = csv_table::read(&[open(path)], &TimeRules::default());
    assert_eq!(codes(&reading), [(1, "no-column")]);
}
