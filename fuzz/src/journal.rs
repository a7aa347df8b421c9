//! Bytes on the disk: opening, replaying and inspecting never panic and are never silently wrong.

use onsale_engine::inspect;
use onsale_engine::journal::Journal;
use onsale_engine::recovery::{self, Found};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::disk::SimDisk;

use super::past::{SEGMENT, options, past};

/// The bytes are a segment. What looks good when it is inspected opens, and ends where it seemed to.
pub fn segment(bytes: &[u8]) {
    let disk = SimDisk::new(1);
    disk.put(SEGMENT, bytes);
    drop(inspected_then_opened(&disk));
}

/// The bytes are changes of a good journal. What opens has its records, from the first on, and no others.
pub fn journal(bytes: &[u8]) {
    let past = past();
    let mut segment = past.segment.clone();
    bytes.chunks_exact(4).take(64).for_each(|edit| change(&mut segment, edit));
    let disk = SimDisk::new(1);
    disk.put(SEGMENT, &segment);
    let Some(found) = inspected_then_opened(&disk) else { return };
    let last = usize::try_from(found.journal.last().0).expect("few records");
    assert!(last <= past.records.len(), "{last} records found, {} were written", past.records.len());
    if last == 0 {
        return;
    }
    let mut reader = found.journal.reader(Sequence(1)).expect("what opened can be read");
    let mut read = 0;
    while let Some(frame) = reader.next_frame().expect("what opened can be read") {
        for (_, record) in frame.records() {
            assert!(record == past.records[read], "record {} is another one", read + 1);
            read += 1;
        }
    }
    assert_eq!(read, last, "records");
}

/// An edit: two bytes of place, how, and with what.
fn change(segment: &mut Vec<u8>, edit: &[u8]) {
    let place = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
    let (how, with) = (edit[2], edit[3]);
    if place >= segment.len() {
        return;
    }
    match how % 6 {
        0 => segment[place] ^= 1 << (with % 8),
        1 => segment[place] = with,
        2 => segment.truncate(place),
        3 => segment[place..].fill(0),
        // A sector that was never written, or is somewhere else.
        4 => {
            let (from, to) = (usize::from(with) * 64, place / 64 * 64);
            let until = (from + 64).min(segment.len());
            if from < until && to + (until - from) <= segment.len() {
                segment.copy_within(from..until, to);
            }
        }
        _ => {
            let until = (place + usize::from(with)).min(segment.len());
            segment[place..until].fill(0);
        }
    }
}

fn inspected_then_opened(disk: &SimDisk) -> Option<Found<SimDisk>> {
    let all = inspect::Options { facts: true, ..inspect::Options::default() };
    let verdict = inspect::print(disk, all, &mut Vec::new()).ok();
    let opened = recovery::start(disk, options(), [1, 2], |_| {});
    if let Some(verdict) = verdict.filter(|verdict| verdict.bad.is_none() && verdict.frames > 0) {
        match &opened {
            Ok(found) => assert_eq!(found.journal.last(), verdict.last, "inspected: {verdict}"),
            Err(error) => panic!("inspected: {verdict}; opened: {error}"),
        }
    }
    opened.ok()
}
