//! A draw that is right holds, and whatever is changed in its document is named.

use crate::common::{BEACON, LANES, drawn, ticket};
use onsale_gateway::verify_draw::check::{Broken, check, find};
use onsale_gateway::verify_draw::report;
use onsale_gateway::wire::draw::{DrawDocument, Hex, Phase};

type Change = fn(&mut DrawDocument<'static>);

fn why(document: &DrawDocument<'_>) -> String {
    match check(document) {
        Err(Broken(why)) => why,
        Ok(checked) => panic!("it holds: {:?}", checked.holds),
    }
}

#[test]
fn a_right_draw_holds_and_everybody_finds_their_place() {
    let document = drawn(Some(BEACON));
    let checked = check(&document).unwrap();
    assert_eq!(checked.holds.len(), 4, "{:?}", checked.holds);
    assert_eq!(checked.remarks, Vec::<String>::new());
    for (lane, count) in LANES.into_iter().zip([72, 12, 0]) {
        let mut places: Vec<_> = (0..count)
            .map(|number| {
                let found = find(&document, &checked, &ticket(lane, number)).unwrap();
                assert_eq!((found.lane, found.number), (lane, number));
                found.place.unwrap()
            })
            .collect();
        places.sort_unstable();
        assert_eq!(places, (0..count).collect::<Vec<_>>());
    }
    assert_eq!(find(&document, &checked, "qt_of_somebody_else"), None);
}

/// What each row changes, and what is said of it.
#[test]
fn whatever_is_changed_is_named() {
    let table: [(&str, Change); 25] = [
        ("not the one that was promised", |draw| draw.seed.as_mut().unwrap().0[31] ^= 1),
        ("not the one that was promised", |draw| draw.commitment.0[0] ^= 1),
        ("said to be done, and has no seed", |draw| draw.seed = None),
        ("shown before the draw", |draw| draw.phase = Phase::Closed),
        ("a beacon while people still register", |draw| {
            (draw.phase, draw.seed) = (Phase::Committed, None);
        }),
        ("is no name of a lane", |draw| draw.lanes[2].lane = "".into()),
        ("two lanes `general`", |draw| draw.lanes[2].lane = "general".into()),
        ("not that of an empty lane", |draw| draw.lanes[2].digest.0[0] ^= 1),
        ("knows at most 16,777,216", |draw| draw.lanes[0].count = u32::MAX),
        ("and 85 are said to be there", |draw| draw.registrations.count += 1),
        ("the digest of all registrations is said to be", |draw| draw.registrations.digest.0[9] ^= 1),
        ("the lanes' digests give", |draw| draw.lanes.swap(0, 1)),
        ("nobody is in lane `Telefon", |draw| {
            draw.lanes[1].count = 0;
        }),
        ("earlier than the one before", |draw| draw.minutes.swap(1, 2)),
        ("fewer registrations than a minute before", |draw| {
            draw.minutes[3].count = 1;
        }),
        ("counts of its lanes are not its count", |draw| draw.minutes[1].count += 1),
        ("does not count each lane once", |draw| draw.minutes[1].by_lane = Some(vec![34])),
        ("counts all registrations, and its digest is not theirs", |draw| {
            draw.minutes.last_mut().unwrap().digest.0[0] ^= 1;
        }),
        ("and at 2021-03-23T15:56:00Z it was said to be", |draw| draw.minutes[0].digest.0[0] ^= 1),
        ("entry in lane `vip`, which is not listed", |draw| entries(draw)[5].lane = "vip".into()),
        ("an entry with number 7 where 6 is due", |draw| {
            entries(draw).remove(7);
        }),
        ("stop at 71", |draw| {
            entries(draw).pop();
        }),
        ("an entry more than its 72", |draw| {
            let mut more = entries(draw)[83].clone();
            more.number += 1;
            entries(draw).push(more);
        }),
        ("the entries of lane `general` give the digest", |draw| entries(draw)[0].joined_at_ms += 1),
        ("the entries of lane `Telefon für Ältere` give", |draw| entries(draw)[3].leaf = Hex([1; 16])),
    ];
    for (row, (said, change)) in table.into_iter().enumerate() {
        let mut document = drawn(Some(BEACON));
        change(&mut document);
        let why = why(&document);
        assert!(why.contains(said), "row {row}: {why}\nnot: {said}");
        assert!(report::outcome(&document, &check(&document)).contains("DOES NOT HOLD"));
    }
}

fn entries<'a>(
    document: &'a mut DrawDocument<'static>,
) -> &'a mut Vec<onsale_gateway::wire::draw::Entry<'static>> {
    document.entries.as_mut().unwrap()
}

/// Whoever could give one ticket two registrations would have two chances: the digests alone would not show it.
#[test]
fn a_ticket_registers_once() {
    use onsale_engine::waiting_room::draw::{Leaf, Registrations, RunningDigest};
    let mut document = drawn(None);
    document.minutes.clear();
    let twice = document.entries.as_ref().unwrap()[0].leaf;
    entries(&mut document)[8].leaf = twice;
    let mut running = LANES.map(|lane| RunningDigest::new(&document.sale, lane));
    for entry in document.entries.as_ref().unwrap() {
        let lane = LANES.iter().position(|lane| *lane == entry.lane).unwrap();
        running[lane].add(entry.joined_at_ms, Leaf(entry.leaf.0));
    }
    for (lane, running) in document.lanes.iter_mut().zip(running) {
        lane.digest = Hex(running.digest());
    }
    document.registrations.digest = Hex(Registrations::of_lanes(LANES.into_iter().zip(running)).digest);
    assert!(why(&document).contains("two registrations are of one ticket"));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let table: [(&str, Change); 8] = [
        ("when the commitment was published", |_| ()),
        ("where the beacon \"Lotto", |_| ()),
        ("did not choose the registrations to suit the seed", |draw| draw.beacon = None),
        ("did not choose the registrations to suit the seed", |draw| draw.beacon = Some("".into())),
        ("the document has no entries", |draw| draw.entries = None),
        ("no minutes are listed", |draw| draw.minutes.clear()),
        ("5 published minutes whose lanes are not counted singly", |draw| {
            draw.minutes.iter_mut().for_each(|minute| minute.by_lane = None);
        }),
        ("the draw is still to come", |draw| {
            (draw.phase, draw.seed, draw.beacon) = (Phase::Committed, None, None);
        }),
    ];
    for (said, change) in table {
        let mut document = drawn(Some(BEACON));
        change(&mut document);
        let checked = check(&document).unwrap();
        assert!(checked.not_checked.iter().any(|line| line.contains(said)), "{said}: {checked:?}");
    }
}

#[test]
fn before_the_draw_a_ticket_is_found_and_has_no_place() {
    let mut document = drawn(Some(BEACON));
    (document.phase, document.seed, document.drawn_at) = (Phase::Closed, None, None);
    let checked = check(&document).unwrap();
    let found = find(&document, &checked, &ticket("general", 5)).unwrap();
    assert_eq!((found.number, found.place), (5, None));
    assert!(report::ticket(Some(&found), &checked).contains("no place yet"));
}

/// The minutes are beginnings by count, so a clock that was set back changes no digest; it is remarked upon.
#[test]
fn a_time_outside_of_its_minute_is_odd_and_not_wrong() {
    let mut document = drawn(None);
    for minute in &mut document.minutes {
        minute.at.0.0 += 30_000;
    }
    let checked = check(&document).unwrap();
    assert!(checked.remarks[0].contains("a clock was set"), "{checked:?}");
}

#[test]
fn a_single_lane_needs_no_counts_by_lane() {
    use onsale_engine::waiting_room::draw::{Leaf, Registrations, RunningDigest};
    let mut document = drawn(None);
    entries(&mut document).retain(|entry| entry.lane == LANES[0]);
    document.lanes.truncate(1);
    let mut running = RunningDigest::new(&document.sale, LANES[0]);
    let mut digests = vec![Registrations::of_lanes([(LANES[0], running)]).digest];
    for entry in document.entries.as_ref().unwrap() {
        running.add(entry.joined_at_ms, Leaf(entry.leaf.0));
        digests.push(Registrations::of_lanes([(LANES[0], running)]).digest);
    }
    document.registrations.count = 72;
    document.registrations.digest = Hex(digests[72]);
    for minute in &mut document.minutes {
        minute.count = minute.by_lane.take().unwrap()[0];
        minute.digest = Hex(digests[minute.count as usize]);
    }
    let checked = check(&document).unwrap();
    assert!(checked.holds.iter().any(|line| line.starts_with("5 published minutes are")), "{checked:?}");
    document.minutes[1].digest.0[0] ^= 1;
    assert!(why(&document).contains("it was said to be"));
}
