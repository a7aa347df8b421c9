//! What every disk and every journal must do, as checks that run on any of them.
//!
//! [`disk`] runs on the simulated and the real disk; [`journal`] on every implementation of the trait. They panic with the
//! promise that was broken. Crashes are not in here: only the simulated disk can have them, see `engine/tests/`.

use std::io;

use super::{Appended, FrameDraft, Journal, StorageError, Sync, records};
use crate::ports::{Disk, DiskFile};
use crate::sequence::Sequence;

/// Checks the promises of [`Disk`] in an empty folder.
///
/// # Panics
/// With the promise that was broken.
pub fn disk<D: Disk>(disk: &D) {
    assert!(disk.list().unwrap().is_empty(), "the suite begins in an empty folder");
    assert_eq!(
        disk.open("a").err().map(|e| e.kind()),
        Some(io::ErrorKind::NotFound),
        "open does not make files"
    );

    let mut file = disk.open_or_create("a").unwrap();
    assert_eq!(file.len().unwrap(), 0, "a new file is empty");
    file.write_at(3, b"abc").unwrap();
    let mut bytes = [9; 8];
    assert_eq!(file.read_at(0, &mut bytes).unwrap(), 6, "a read ends at the end of the file");
    assert_eq!(&bytes, b"\0\0\0abc\x09\x09", "a gap reads as zeros, the rest of the buffer is left alone");
    assert_eq!(file.read_at(6, &mut bytes).unwrap(), 0, "nothing at the end");
    assert_eq!(file.read_at(60, &mut bytes).unwrap(), 0, "nothing after the end");
    file.write_zeros(4, 200_000).unwrap();
    assert_eq!(file.len().unwrap(), 200_004, "zeros are written, however many");
    file.sync_data().unwrap();
    file.set_len(4).unwrap();
    assert_eq!(file.read_at(3, &mut bytes).unwrap(), 1, "a shortened file has the bytes before");
    file.set_len(6).unwrap();
    assert_eq!(
        (file.read_at(3, &mut bytes).unwrap(), &bytes[..3]),
        (3, &b"a\0\0"[..]),
        "what it grows by is zeros"
    );

    let again = disk.open_or_create("a").unwrap();
    assert_eq!(again.len().unwrap(), 6, "open_or_create keeps what is there");
    file.write_at(0, b"x").unwrap();
    again.read_at(0, &mut bytes[..1]).unwrap();
    assert_eq!(bytes[0], b'x', "handles of one file see each other's writes");

    disk.rename("a", "b").unwrap();
    disk.sync_folder().unwrap();
    assert_eq!(disk.list().unwrap(), ["b"], "a renamed file has one name");
    assert_eq!(
        disk.rename("a", "c").unwrap_err().kind(),
        io::ErrorKind::NotFound,
        "only what is there is renamed"
    );
    disk.open_or_create("a").unwrap();
    disk.rename("b", "a").unwrap();
    assert_eq!(disk.open("a").unwrap().len().unwrap(), 6, "a rename replaces");
    disk.remove("a").unwrap();
    assert_eq!(again.len().unwrap(), 6, "an open handle outlives the name");
    assert_eq!(
        disk.remove("a").unwrap_err().kind(),
        io::ErrorKind::NotFound,
        "only what is there is removed"
    );
    assert!(disk.list().unwrap().is_empty(), "a removed file has no name");
    assert!(disk.free_space().unwrap() > 0, "there is some room");

    let lock = disk.lock().unwrap();
    assert_eq!(
        disk.lock().err().map(|e| e.kind()),
        Some(io::ErrorKind::WouldBlock),
        "a second opener is refused"
    );
    drop(lock);
    drop(disk.lock().expect("a lock given back can be taken"));
    assert!(disk.list().unwrap().is_empty(), "the lock is no file of ours");
}

/// Checks the promises of [`Journal`]. `open` opens the same journal, empty at first, each time it is called; the journal
/// before has been dropped.
///
/// # Panics
/// With the promise that was broken.
pub fn journal(open: &mut dyn FnMut() -> Box<dyn Journal>) {
    let mut journal = open();
    assert_eq!(
        (journal.first(), journal.last()),
        (Sequence(1), Sequence::ZERO),
        "an empty journal awaits fact 1"
    );
    assert!(!journal.close_segment().unwrap(), "an empty segment is not closed");
    let mut waiting = journal.reader(Sequence(1)).unwrap();
    assert!(waiting.next_frame().unwrap().is_none(), "nothing to read yet");

    assert_eq!(append(&mut *journal, 0, 3, Sync::Now), Appended::Durable(Sequence(3)));
    assert_eq!(
        append(&mut *journal, 2, 1, Sync::Now),
        Appended::Refused { last: Sequence(3) },
        "somebody else wrote"
    );
    assert_eq!(append(&mut *journal, 4, 1, Sync::Now), Appended::Refused { last: Sequence(3) });
    assert_eq!(waiting.next_frame().unwrap().expect("now there is one").header().last(), Sequence(3));
    match append(&mut *journal, 3, 2, Sync::Later) {
        Appended::Durable(_) => {}
        Appended::Written(last) => {
            assert_eq!((last, journal.durable()), (Sequence(5), Sequence(3)), "written is not durable");
            assert!(waiting.next_frame().unwrap().is_none(), "readers stop at the durable mark");
        }
        other => panic!("an append in order came to {other:?}"),
    }
    assert_eq!(journal.sync().unwrap(), Sequence(5), "a sync makes everything durable");
    assert_eq!(waiting.next_frame().unwrap().expect("durable").header().first, Sequence(4));

    assert!(journal.close_segment().unwrap());
    for last in 5..400 {
        assert_eq!(append(&mut *journal, last, 1, Sync::Now), Appended::Durable(Sequence(last + 1)));
        if last % 40 == 0 {
            assert!(journal.close_segment().unwrap());
        }
    }
    assert_eq!(drain(&mut *waiting, 6), 400, "a reader goes on over segments");
    for from in [1, 2, 5, 6, 41, 42, 399, 400, 401] {
        let mut reader = journal.reader(Sequence(from)).unwrap();
        assert_eq!(drain(&mut *reader, from), 400, "a reader from {from} reads to the end");
    }

    assert!(journal.trim(Sequence(42)).unwrap() > 0, "a trim frees bytes");
    assert_eq!(journal.first(), Sequence(42), "whole segments before the number are gone");
    assert_eq!(journal.trim(Sequence(42)).unwrap(), 0, "and only once");
    match journal.reader(Sequence(41)) {
        Err(StorageError::Missing { needed, first }) => {
            assert_eq!((needed, first), (Sequence(41), Sequence(42)))
        }
        _ => panic!("what was trimmed cannot be read"),
    }
    drop(waiting);
    drop(journal);

    let mut journal = open();
    assert_eq!((journal.first(), journal.last()), (Sequence(42), Sequence(400)), "it is all there again");
    assert_eq!(journal.durable(), Sequence(400), "what is found is durable");
    assert_eq!(append(&mut *journal, 400, 5, Sync::Now), Appended::Durable(Sequence(405)));
    assert_eq!(drain(&mut *journal.reader(Sequence(42)).unwrap(), 42), 405);
    assert!(journal.trim(Sequence(1000)).unwrap() > 0);
    assert!(journal.first() <= Sequence(401), "the segment being written stays");
}

/// The record that stands for fact `number` in tests: its bytes and its length both say which it is.
#[must_use]
pub fn record(number: u64) -> Vec<u8> {
    let length = usize::try_from(number * 7 % 150).expect("less than 150");
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.extend(std::iter::repeat_n(number.to_le_bytes()[0], length));
    bytes
}

/// `count` records of [`record`] from `first` on, as a frame carries them.
#[must_use]
pub fn body(first: u64, count: u32) -> Vec<u8> {
    let mut body = Vec::new();
    for number in first..first + u64::from(count) {
        records::push(&mut body, &record(number));
    }
    body
}

/// Appends `count` facts after `last`.
///
/// # Panics
/// If the journal fails.
pub fn append(journal: &mut dyn Journal, last: u64, count: u32, sync: Sync) -> Appended {
    let body = body(last + 1, count);
    let draft = FrameDraft { first: Sequence(last + 1), count, records: &body };
    journal.append(Sequence(last), &draft, sync).expect("the journal takes a frame")
}

/// Reads on, checks that the records are those of `next` and its followers, and returns the last number.
///
/// # Panics
/// If one is missing, doubled or changed, or the journal fails.
pub fn drain(reader: &mut dyn super::FrameReader, mut next: u64) -> u64 {
    while let Some(frame) = reader.next_frame().expect("a good journal") {
        for (number, bytes) in frame.records() {
            assert_eq!(number, Sequence(next), "numbers are without gaps");
            assert_eq!(bytes, record(next), "fact {next} is what was written");
            next += 1;
        }
    }
    next - 1
}
