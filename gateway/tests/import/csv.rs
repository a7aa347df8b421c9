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
    assert_eq!(
        codes(&read("\nid,venue,capacity\n\r\n\na,v,x\n")),
        [(5, "not-a-number")],
        "blank lines count"
    );
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
        (14, "open-quote"),
    ];
    assert_eq!(codes(&reading), expected);
    let fourth = &reading.refused[1].detail;
    for word in ["capacity `x`", "12.50 is 1250", "accessible `maybe`", "venue is empty"] {
        assert!(fourth.contains(word), "{fourth}");
    }
    assert!(reading.refused.last().is_some_and(|line| line.detail.contains("quotation mark")));
    assert_eq!(reading.slots.len(), 1);
}

/// A quotation mark that nobody closed took the rest of the table in as one note, and the rows of it were gone without a word.
#[test]
fn a_quote_that_is_not_closed_swallows_no_row_in_silence() {
    let table = |rows: &str| read(&format!("id,venue,capacity,note\n{rows}"));
    for rows in [
        "a,v,5,\"5th floor\nb,v,5,\nc,v,5,\n",
        "a,v,5,\"5th floor\nb,v,5,\nc,v,5,",
        "a,v,5,\"5th floor\r\nb,v,5,\r\nc,v,5,\r\n",
        "a,v,5,\"",
        "a,v,5,\"5\"\"\n",
    ] {
        let reading = table(rows);
        assert_eq!((reading.slots.len(), codes(&reading)), (0, vec![(2, "open-quote")]), "{rows:?}");
    }
    let reading = table("z,v,1,\n\"a\n1\",v,1,\"open\nb,v,1,\n");
    assert_eq!(codes(&reading), [(4, "open-quote")], "the line where it opens, not where its row begins");
    assert!(reading.refused[0].detail.contains("lines 3 to 5"), "{:?}", reading.refused);
    assert_eq!(codes(&read("id,venue,\"capacity\na,v,1\n")), [(1, "open-quote")], "the header's");
    assert_eq!(codes(&table("a,v,5,\"whole\"")), [], "closed by the end of the file");
    assert_eq!(codes(&table("a,v,5,5\" high\nb,v,1,\n")), [], "a mark inside a field opens nothing");
}

/// The same with a second mark further down: the rows between the two were gone.
#[test]
fn rows_between_two_stray_quotes_are_refused() {
    let table = |rows: &str| read(&format!("id,venue,capacity,note\n{rows}"));
    for rows in [
        "a,v,5,\"5th floor\nb,v,5,\nc,v,5,6\" high\n",
        "a,v,5,\"5th floor\nb,v,5,x\"\n",
        "a,v,5,\"5th floor\r\nb,v,5,\"x\r\n",
    ] {
        let reading = table(rows);
        assert_eq!((reading.slots.len(), codes(&reading)), (0, vec![(2, "rows-in-quotes")]), "{rows:?}");
        assert!(reading.refused[0].detail.contains("line 3"), "{:?}", reading.refused);
    }
    let header = read("id,venue,capacity,\"note\na,v,5,x\"\nb,v,5,\n");
    assert_eq!((codes(&header), header.slots.len()), (vec![(1, "rows-in-quotes")], 1));
}

#[test]
fn text_over_several_lines_is_taken_and_named() {
    let reading = read(
        "id,venue,capacity,label.way\n\
         a,v,5,\"Hall 3\nring twice, bring ID, mask, and card\n\n, , ,\n1,2,3,4,5\"\n\
         b,v,5,\"one line\"\n",
    );
    assert_eq!(codes(&reading), []);
    assert_eq!(reading.slots.len(), 2);
    assert!(reading.slots[0].slot.labels["way"].contains("ring twice, bring ID"));
    assert_eq!(odd(&reading, OddityKind::LineBreak), (1, 1));
    let oddity = reading.oddities.iter().find(|oddity| oddity.kind == OddityKind::LineBreak).expect("named");
    assert!(oddity.place.line == 2 && oddity.detail.contains("lines 2 to 6"), "{oddity:?}");
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

/// Hours off: the zone a time names itself was not looked at.
#[test]
fn a_time_that_names_its_own_zone_is_read_by_its_clock() {
    let text = "id,venue,capacity,starts_at\n\
         a,v,1,2021-07-12T09:05:00[Europe/Berlin]\n\
         b,v,1,2021-07-12T09:05:00+01:00[Europe/Berlin]\n\
         c,v,1,2021-07-12T09:05:00[Europe/Berlni]\n";
    let new_york = TimeRules::in_zone("America/New_York").expect("a known zone");
    let reading = csv_table::read(&[source("t.csv", text)], &new_york);
    let starts = reading.slots[0].slot.starts_at.map(|at| at.to_string());
    assert_eq!(starts.as_deref(), Some("2021-07-12T07:05:00Z"));
    assert_eq!(odd(&reading, OddityKind::TimeZoneAssumed).0, 0);
    assert_eq!(codes(&reading), [(3, "offset-and-zone-differ"), (4, "no-such-zone")]);
}

/// `--time-zone` promises it: a source that writes one offset all year is an hour off for half of it.
#[test]
fn an_offset_that_clocks_there_do_not_show_is_named() {
    let text = "id,venue,capacity,starts_at,ends_at,releases_at\n\
         a,v,1,2023-03-24T09:00:00-05:00,2023-03-24T10:00:00-05:00,2023-02-01T09:00:00-05:00\n\
         b,v,1,2023-03-24T09:00:00-04:00,2023-03-24T14:00:00Z,\n";
    let new_york = TimeRules::in_zone("America/New_York").expect("a known zone");
    let reading = csv_table::read(&[source("t.csv", text)], &new_york);
    assert_eq!(codes(&reading), []);
    assert_eq!(odd(&reading, OddityKind::OffsetNotInUse), (2, 1));
    let detail = &reading.oddities[0].detail;
    assert!(
        detail.contains("starts_at 2023-03-24T09:00:00-05:00") && detail.contains("-04 then"),
        "{detail}"
    );
    assert_eq!(odd(&read(text), OddityKind::OffsetNotInUse).0, 0, "compared with no zone");
    let local = TimeRules { ignore_offsets: true, ..new_york };
    assert_eq!(odd(&csv_table::read(&[source("t.csv", text)], &local), OddityKind::OffsetNotInUse).0, 0);
}

/// A forgotten file among others looked like success.
#[test]
fn each_table_has_a_slot_or_is_refused() {
    let good = "id,venue,capacity\na,v,1\n";
    for text in ["", "\n\n", "id,venue,capacity\n", "id,venue,capacity\n,,\n"] {
        let sources = [
            source("good.csv", good),
            source("empty.csv", text),
            source("bad.csv", "id,venue,capacity\nb,v,x\n"),
        ];
        let reading = csv_table::read(&sources, &TimeRules::default());
        assert_eq!(
            (reading.slots.len(), codes(&reading)),
            (1, vec![(0, "no-slots"), (2, "not-a-number")]),
            "{text:?}"
        );
        assert_eq!(&*reading.refused[0].place.file, "empty.csv");
    }
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
