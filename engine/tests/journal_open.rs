//! The table of recovery, row by row: what stands in the folder, and what opening it comes to.

mod journal_support;

use journal_support::{HEADER, ID, facts, fill, frames, open, options};
use onsale_engine::journal::frame::JournalId;
use onsale_engine::journal::{
    Appended, FileJournal, Finding, FrameDraft, Journal, Options, StorageError, Sync, conformance, inspect,
    records,
};
use onsale_engine::ports::Disk;
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::disk::SimDisk;

const BYTES: u64 = 4096;
const FACTS: u64 = 80;

/// Three segments full of facts.
fn three_segments() -> SimDisk {
    let disk = SimDisk::new(1);
    fill(&mut open(&disk, options(BYTES)).unwrap().0, FACTS);
    assert_eq!(segments(&disk), ["journal-00000001.seg", "journal-00000002.seg", "journal-00000003.seg"]);
    disk
}

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.list().unwrap().into_iter().filter(|name| name.starts_with("journal-")).collect()
}

fn damage(disk: &SimDisk) -> (String, u64, String) {
    match open(disk, options(BYTES)) {
        Err(StorageError::Damaged { file, offset, why }) => (file, offset, why),
        other => panic!("expected damage, found {other:?}"),
    }
}

/// The end of the last frame of a segment.
fn end(disk: &SimDisk, segment: &str) -> usize {
    usize::try_from(frames(disk, segment).last().unwrap().end).unwrap()
}

#[test]
fn a_missing_segment_is_damage() {
    let disk = three_segments();
    disk.remove("journal-00000002.seg").unwrap();
    let (file, offset, why) = damage(&disk);
    assert_eq!((file.as_str(), offset), ("journal-00000002.seg", 0));
    assert_eq!(why, "the file is missing, journal-00000003.seg is there");
}

#[test]
fn a_segment_of_another_journal_is_damage() {
    let disk = three_segments();
    let other = SimDisk::new(2);
    fill(&mut open(&other, Options { new_id: JournalId(9), ..options(BYTES) }).unwrap().0, FACTS);
    disk.put("journal-00000003.seg", &other.get("journal-00000003.seg").unwrap());
    let (file, offset, why) = damage(&disk);
    assert_eq!((file.as_str(), offset), ("journal-00000003.seg", 0));
    assert_eq!(why, "the segment belongs to another journal");
}

#[test]
fn a_fork_with_the_same_numbers_is_damage() {
    // Same id, same numbers, same sizes, another record at the start: only the hash chain can tell.
    let fork = |text: &[u8]| {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk, options(BYTES)).unwrap();
        let mut body = Vec::new();
        records::push(&mut body, text);
        journal
            .append(Sequence::ZERO, &FrameDraft { first: Sequence(1), count: 1, records: &body }, Sync::Now)
            .unwrap();
        fill(&mut journal, 20);
        disk
    };
    let (ours, theirs) = (fork(b"ours"), fork(b"them"));
    let place = frames(&ours, "journal-00000001.seg")[1];
    let at = usize::try_from(place.offset).unwrap();
    let mut bytes = ours.get("journal-00000001.seg").unwrap();
    bytes[at..].copy_from_slice(&theirs.get("journal-00000001.seg").unwrap()[at..]);
    ours.put("journal-00000001.seg", &bytes);
    let (_, offset, why) = damage(&ours);
    assert_eq!(offset, place.offset);
    assert_eq!(why, "the frame here does not link to the one before it; fact 2 was due");
    let broken =
        inspect(&ours).unwrap().filter(|f| matches!(f, Ok(Finding::Frame { linked: false, .. }))).count();
    assert_eq!(broken, 1, "inspect shows the one broken link and goes on");
}

#[test]
fn a_missing_frame_in_the_middle_is_damage() {
    let disk = SimDisk::new(1);
    fill(&mut open(&disk, options(BYTES)).unwrap().0, 20);
    let mut bytes = disk.get("journal-00000001.seg").unwrap();
    let places = frames(&disk, "journal-00000001.seg");
    let (from, to) = (usize::try_from(places[2].offset).unwrap(), usize::try_from(places[2].end).unwrap());
    bytes.drain(from..to);
    bytes.resize(usize::try_from(BYTES).unwrap(), 0);
    disk.put("journal-00000001.seg", &bytes);
    let (_, offset, why) = damage(&disk);
    assert_eq!(offset, places[2].offset);
    assert_eq!(
        why,
        format!("the frame here begins with fact {}; fact {} was due", places[3].first, places[2].first)
    );
}

#[test]
fn frames_not_yet_synced_are_torn_together() {
    // Three frames after the mark, the first of them lost: a crash can do that, so all three are cut.
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, options(BYTES)).unwrap();
    fill(&mut journal, 8);
    for last in 8..11 {
        conformance::append(&mut journal, last, 1, Sync::Later);
    }
    disk.restart();
    let places = frames(&disk, "journal-00000001.seg");
    let lost = places[places.len() - 3];
    let mut bytes = disk.get("journal-00000001.seg").unwrap();
    bytes[usize::try_from(lost.offset).unwrap()] ^= 1;
    disk.put("journal-00000001.seg", &bytes);
    let (journal, opened) = open(&disk, options(BYTES)).unwrap();
    assert_eq!((opened.last, opened.cut_bytes), (Sequence(8), places.last().unwrap().end - lost.offset));
    assert_eq!(facts(&journal), 8);
    drop(journal);
    assert_eq!(open(&disk, options(BYTES)).unwrap().1.cut_bytes, 0, "cut once");
}

#[test]
fn stale_frames_behind_the_end_are_cut() {
    // What a file held before it was used again: good frames of this very journal, with lower numbers.
    let disk = three_segments();
    let old = disk.get("journal-00000001.seg").unwrap();
    let last = "journal-00000003.seg";
    let end = end(&disk, last);
    let mut bytes = disk.get(last).unwrap();
    let stale = old.len() - usize::try_from(HEADER).unwrap();
    let room = (bytes.len() - end).min(stale);
    bytes[end..end + room].copy_from_slice(&old[usize::try_from(HEADER).unwrap()..][..room]);
    disk.put(last, &bytes);
    let (journal, opened) = open(&disk, options(BYTES)).unwrap();
    assert_eq!((opened.last, opened.cut_at), (Sequence(FACTS), Some((last.to_owned(), end as u64))));
    assert_eq!(facts(&journal), FACTS);
}

#[test]
fn a_frame_inside_a_record_proves_nothing() {
    // A client that could write a whole frame, with a mark that has passed everything, into a record of a frame that is
    // then torn. It does not know the journal's id, and a frame of the journal itself, copied, has an old number.
    let stranger = SimDisk::new(1);
    fill(&mut open(&stranger, Options { new_id: JournalId(9), ..options(BYTES) }).unwrap().0, 30);
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, options(BYTES)).unwrap();
    fill(&mut journal, 8);
    let frame_of = |disk: &SimDisk, place: usize| {
        let place = frames(disk, "journal-00000001.seg")[place];
        let bytes = disk.get("journal-00000001.seg").unwrap();
        bytes[usize::try_from(place.offset).unwrap()..usize::try_from(place.end).unwrap()].to_vec()
    };
    let mut body = Vec::new();
    records::push(&mut body, &frame_of(&stranger, 10));
    records::push(&mut body, &frame_of(&disk, 2));
    let draft = FrameDraft { first: Sequence(9), count: 2, records: &body };
    assert_eq!(journal.append(Sequence(8), &draft, Sync::Now).unwrap(), Appended::Durable(Sequence(10)));
    drop(journal);
    let mut bytes = disk.get("journal-00000001.seg").unwrap();
    let end = end(&disk, "journal-00000001.seg");
    bytes[end - 1] ^= 1;
    disk.put("journal-00000001.seg", &bytes);
    let (_, opened) = open(&disk, options(BYTES)).unwrap();
    assert_eq!(opened.last, Sequence(8), "a torn tail, nothing else");
}

#[test]
fn a_journal_behind_a_snapshot_is_refused_and_left_as_it_is() {
    let disk = three_segments();
    let last = "journal-00000003.seg";
    let mut bytes = disk.get(last).unwrap();
    let end = end(&disk, last);
    bytes[end - 1] ^= 1;
    disk.put(last, &bytes);
    match open(&disk, Options { start: Sequence(FACTS + 1), ..options(BYTES) }) {
        Err(StorageError::Behind { durable, last }) => {
            assert_eq!(durable, Sequence(FACTS));
            assert!(last < durable);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(disk.get(last).unwrap(), bytes, "the evidence is not touched");
    match open(&SimDisk::new(1), Options { start: Sequence(FACTS + 1), ..options(BYTES) }) {
        Err(StorageError::Behind { last, .. }) => assert_eq!(last, Sequence::ZERO),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_start_needs_its_segments_and_no_others() {
    let disk = three_segments();
    let second = frames(&disk, "journal-00000002.seg")[0].first;
    // Damage before the start is not looked at.
    let mut bytes = disk.get("journal-00000001.seg").unwrap();
    bytes[600] ^= 1;
    disk.put("journal-00000001.seg", &bytes);
    damage(&disk);
    let (journal, opened) = open(&disk, Options { start: Sequence(second), ..options(BYTES) }).unwrap();
    assert_eq!((opened.first, opened.last, opened.segments), (Sequence(1), Sequence(FACTS), 3));
    assert_eq!(conformance::drain(&mut *journal.reader(Sequence(second)).unwrap(), second), FACTS);
    let mut reader = journal.reader(Sequence(1)).unwrap();
    let found = loop {
        match reader.next_frame() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a reader does not stop quietly at damage"),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(found, StorageError::Damaged { ref file, .. } if file == "journal-00000001.seg"),
        "{found}"
    );
    drop((reader, journal));

    disk.remove("journal-00000001.seg").unwrap();
    let (_, opened) = open(&disk, Options { start: Sequence(second), ..options(BYTES) }).unwrap();
    assert_eq!(opened.first, Sequence(second));
    match open(&disk, Options { start: Sequence(second - 1), ..options(BYTES) }) {
        Err(StorageError::Missing { needed, first }) => assert_eq!((needed.0, first.0), (second - 1, second)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unread_segments_can_be_read_later() {
    let disk = three_segments();
    let (journal, _) = open(&disk, Options { start: Sequence(FACTS), ..options(BYTES) }).unwrap();
    assert_eq!(facts(&journal), FACTS);
}

#[test]
fn opening_replays_what_it_keeps_from_the_start_on() {
    let disk = three_segments();
    let options = |start| Options { start: Sequence(start), ..options(BYTES) };
    for start in 1..=FACTS + 1 {
        let mut next = start;
        let (journal, _) = FileJournal::open_and_replay(disk.clone(), options(start), &mut |_, _, frame| {
            for (number, record) in frame.records() {
                assert_eq!((number, record), (Sequence(next), &conformance::record(next)[..]));
                next += 1;
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(next, FACTS + 1);
        drop(journal);
    }
    // A fact that does not fit ends it, with its place, and nothing has been touched.
    let place = frames(&disk, "journal-00000002.seg")[3];
    let refused = FileJournal::open_and_replay(disk.clone(), options(1), &mut |file, offset, frame| {
        if frame.header().first == Sequence(place.first) {
            return Err(StorageError::Damaged { file: file.into(), offset, why: "does not fit".into() });
        }
        Ok(())
    });
    match refused {
        Err(StorageError::Damaged { file, offset, .. }) => {
            assert_eq!((file.as_str(), offset), ("journal-00000002.seg", place.offset));
        }
        other => panic!("{other:?}"),
    }
    // A reader says the same place.
    let (journal, _) = open(&disk, options(1)).unwrap();
    let mut reader = journal.reader(Sequence(place.first)).unwrap();
    reader.next_frame().unwrap();
    assert_eq!(reader.place(), ("journal-00000002.seg", place.offset));
}

#[test]
fn one_process_at_a_time() {
    let disk = SimDisk::new(1);
    let first = open(&disk, options(BYTES)).unwrap();
    assert!(matches!(open(&disk, options(BYTES)), Err(StorageError::InUse)));
    drop(first);
    open(&disk, options(BYTES)).unwrap();
}

#[test]
fn each_opening_that_writes_has_its_own_incarnation() {
    let disk = SimDisk::new(1);
    for incarnation in 1..5 {
        let (mut journal, opened) = open(&disk, options(BYTES)).unwrap();
        assert_eq!((opened.incarnation, journal.incarnation(), journal.id()), (incarnation, incarnation, ID));
        let last = journal.last().0;
        fill(&mut journal, last + 1);
    }
    assert_eq!(facts(&open(&disk, options(BYTES)).unwrap().0), 4);
}

#[test]
fn spares_survive_a_restart_and_half_made_ones_do_not() {
    let disk = SimDisk::new(1);
    let spares = |spares| Options { spares, ..options(BYTES) };
    let (mut journal, _) = open(&disk, spares(2)).unwrap();
    while journal.prepare_next() != onsale_engine::journal::Preparing::Done {}
    drop(journal);
    disk.put("spare-00000077.tmp", &[0; 100]);
    disk.put("notes.txt", b"not ours");
    let (mut journal, _) = open(&disk, spares(2)).unwrap();
    let names = disk.list().unwrap();
    assert_eq!(names, ["journal-00000001.seg", "notes.txt", "spare-00000002.seg", "spare-00000003.seg"]);
    let used = disk.used();
    fill(&mut journal, 20);
    assert!(journal.close_segment().unwrap());
    assert!(disk.used() < used, "the next segment is a spare, the closed one gave its zeros back");
}

#[test]
fn a_segment_grows_for_a_frame_that_is_larger() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, options(1024)).unwrap();
    let record = vec![7; 100_000];
    let mut body = Vec::new();
    records::push(&mut body, &record);
    let draft = FrameDraft { first: Sequence(1), count: 1, records: &body };
    assert_eq!(journal.append(Sequence::ZERO, &draft, Sync::Now).unwrap(), Appended::Durable(Sequence(1)));
    drop(journal);
    let (journal, opened) = FileJournal::open(disk, options(1024)).unwrap();
    assert_eq!((opened.last, opened.segments), (Sequence(1), 2));
    let mut reader = journal.reader(Sequence(1)).unwrap();
    assert!(reader.next_frame().unwrap().unwrap().records().eq([(Sequence(1), &record[..])]));
}

#[test]
fn inspect_shows_every_frame_and_the_first_bad_byte() {
    let disk = three_segments();
    let findings = || inspect(&disk).unwrap().map(Result::unwrap);
    let good = findings()
        .map(|finding| match finding {
            Finding::Frame { header, linked: true, .. } => u64::from(header.count),
            Finding::Segment { linked: None | Some(true), .. } | Finding::End { .. } => 0,
            other => panic!("{other:?}"),
        })
        .sum::<u64>();
    assert_eq!(good, FACTS);
    let place = frames(&disk, "journal-00000003.seg")[1];
    let mut bytes = disk.get("journal-00000003.seg").unwrap();
    bytes[usize::try_from(place.offset).unwrap() + 50] ^= 1;
    disk.put("journal-00000003.seg", &bytes);
    let Some(Finding::Bad { file, offset, why }) = findings().last() else { panic!("the damage is shown") };
    assert_eq!((file.as_str(), offset), ("journal-00000003.seg", place.offset));
    assert!(why.contains("says it was durable"), "{why}");
}
