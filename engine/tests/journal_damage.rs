//! A journal of 64 KiB, torn at every byte, cut at every byte, flipped at every bit: what opens is an exact prefix and says
//! what was cut, or nothing opens and file and offset are named. Never a wrong state, never a silent loss.
//!
//! In a debug build every bit of every thirteenth byte is flipped and the tear begins at every third byte; all of them,
//! 524,288 flips, with `cargo test --release -p onsale-engine --test journal_damage`.

mod journal_support;

use journal_support::{HEADER, Place, facts, fill, frames, open, options};
use onsale_engine::journal::StorageError;
use onsale_engine::testing::disk::SimDisk;

const SEGMENT: &str = "journal-00000001.seg";
const BYTES: u64 = 64 * 1024;

fn short_journal() -> (Vec<u8>, Vec<Place>) {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, options(BYTES)).unwrap();
    fill(&mut journal, 560);
    drop(journal);
    let bytes = disk.get(SEGMENT).unwrap();
    assert_eq!(bytes.len() as u64, BYTES);
    let frames = frames(&disk, SEGMENT);
    assert!(frames.last().unwrap().end > BYTES - 8192, "nearly full, with some zeros at the end");
    (bytes, frames)
}

/// What must come of opening.
#[derive(Debug)]
enum Expected {
    Prefix { last: u64, cut_at: u64, cut_bytes: u64 },
    Damaged { offset: u64 },
}

/// Opens and compares. The facts themselves are read back if `read`: the hash chain has vouched for them already.
fn check(disk: &SimDisk, expected: &Expected, read: bool, what: &dyn Fn() -> String) {
    match (open(disk, options(BYTES)), expected) {
        (Ok((journal, opened)), Expected::Prefix { last, cut_at, cut_bytes }) => {
            assert_eq!((opened.last.0, opened.cut_bytes), (*last, *cut_bytes), "{}", what());
            if *cut_bytes > 0 {
                assert_eq!(opened.cut_at, Some((SEGMENT.to_owned(), *cut_at)), "{}", what());
            }
            if read {
                assert_eq!(facts(&journal), *last, "{}", what());
            }
            let bytes = disk.get(SEGMENT).unwrap();
            assert!(
                bytes[usize::try_from(*cut_at).unwrap()..].iter().all(|byte| *byte == 0),
                "{}: zeroed",
                what()
            );
        }
        (Err(StorageError::Damaged { file, offset, .. }), Expected::Damaged { offset: place }) => {
            assert_eq!((file.as_str(), offset), (SEGMENT, *place), "{}", what());
        }
        (Ok((_, opened)), expected) => panic!("{}: opened {opened:?}, expected {expected:?}", what()),
        (Err(error), expected) => panic!("{}: {error}, expected {expected:?}", what()),
    }
}

fn frame_at(frames: &[Place], byte: u64) -> Option<usize> {
    frames.iter().position(|frame| (frame.offset..frame.end).contains(&byte))
}

#[test]
fn every_flipped_bit() {
    let (bytes, frames) = short_journal();
    let end = frames.last().unwrap();
    let disk = SimDisk::new(1);
    let step = if cfg!(debug_assertions) { 13 } else { 1 };
    for byte in (0..bytes.len()).step_by(step) {
        let place = byte as u64;
        let expected = match frame_at(&frames, place) {
            None if place < HEADER => Expected::Damaged { offset: 0 },
            None => Expected::Prefix { last: end.last, cut_at: end.end, cut_bytes: place + 1 - end.end },
            // A flip in the very last frame cannot be told from a tear.
            Some(index) if index + 1 == frames.len() => {
                let last_byte = bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64;
                Expected::Prefix {
                    last: end.first - 1,
                    cut_at: end.offset,
                    cut_bytes: last_byte + 1 - end.offset,
                }
            }
            Some(index) => Expected::Damaged { offset: frames[index].offset },
        };
        let mut flipped = bytes.clone();
        for bit in 0..8 {
            flipped[byte] = bytes[byte] ^ (1 << bit);
            disk.put(SEGMENT, &flipped);
            check(&disk, &expected, bit == 0, &|| format!("byte {byte}, bit {bit}"));
        }
    }
}

#[test]
fn torn_at_every_byte() {
    let (bytes, frames) = short_journal();
    let disk = SimDisk::new(1);
    let mut torn = bytes.clone();
    let step = if cfg!(debug_assertions) { 3 } else { 1 };
    for byte in (0..bytes.len()).rev() {
        torn[byte] = 0;
        if byte % step != 0 {
            continue;
        }
        let place = byte as u64;
        let expected = if place < HEADER {
            // The header's last bytes are its checksum.
            Expected::Damaged { offset: 0 }
        } else {
            let kept = frames.partition_point(|frame| frame.end <= place);
            let (last, cut_at) = match kept.checked_sub(1) {
                Some(index) => (frames[index].last, frames[index].end),
                None => (0, HEADER),
            };
            let end = torn.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
            // A frame whose last byte was zero anyway has lost nothing.
            if frames
                .get(kept)
                .is_some_and(|frame| torn[..bytes.len()][..index(frame.end)] == bytes[..index(frame.end)])
            {
                Expected::Prefix { last: frames[kept].last, cut_at: frames[kept].end, cut_bytes: 0 }
            } else {
                Expected::Prefix { last, cut_at, cut_bytes: end.saturating_sub(cut_at) }
            }
        };
        disk.put(SEGMENT, &torn);
        check(&disk, &expected, byte % 48 == 0, &|| format!("zeros from byte {byte}"));
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

#[test]
fn cut_short_at_every_byte() {
    // A segment was allocated and synced before its header was written: no crash makes it shorter.
    let (bytes, _) = short_journal();
    let disk = SimDisk::new(1);
    for len in 0..bytes.len() {
        disk.put(SEGMENT, &bytes[..len]);
        let offset = if (len as u64) < HEADER { 0 } else { len as u64 };
        check(&disk, &Expected::Damaged { offset }, false, &|| format!("{len} bytes left"));
    }
}

#[test]
fn every_byte_of_a_closed_segment() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, options(4096)).unwrap();
    fill(&mut journal, 100);
    drop(journal);
    assert!(disk.get("journal-00000002.seg").is_some() && disk.get("journal-00000003.seg").is_some());
    for segment in ["journal-00000001.seg", "journal-00000002.seg"] {
        let bytes = disk.get(segment).unwrap();
        let frames = frames(&disk, segment);
        assert_eq!(
            frames.last().unwrap().end,
            bytes.len() as u64,
            "a closed segment is shortened to what it holds"
        );
        let expect = |what: &str, expected: u64| match open(&disk, options(4096)) {
            Err(StorageError::Damaged { file, offset, .. }) => {
                assert_eq!((file.as_str(), offset), (segment, expected), "{what}")
            }
            other => panic!("{what}: {other:?}"),
        };
        for byte in 0..bytes.len() {
            let place = frame_at(&frames, byte as u64).map_or(0, |frame| frames[frame].offset);
            let mut changed = bytes.clone();
            changed[byte] ^= 1 << (byte % 8);
            disk.put(segment, &changed);
            expect(&format!("{segment}, byte {byte} flipped"), place);
            disk.put(segment, &bytes[..byte]);
            expect(&format!("{segment}, {byte} bytes left"), place);
        }
        let mut longer = bytes.clone();
        longer.extend([7; 100]);
        disk.put(segment, &longer);
        open(&disk, options(4096)).expect("what stands after a closed segment's frames is of no interest");
        disk.put(segment, &bytes);
    }
}
