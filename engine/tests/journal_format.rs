//! The bytes of version 1: the example in the docs is what this program writes, and a journal written then opens for ever.

#![expect(clippy::disallowed_methods, reason = "fixtures and docs are files of the repository")]

mod journal_support;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use journal_support::{ID, facts, fill, frames, open, options};
use onsale_engine::journal::frame::{self, JournalId};
use onsale_engine::journal::{FrameDraft, Journal, Options, StorageError, Sync, records};
use onsale_engine::ports::Disk;
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::disk::SimDisk;

const SEGMENT: &str = "journal-00000001.seg";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// `offset  bytes in hex  |text|`, sixteen a line, as in `hexdump -C`.
fn hex(bytes: &[u8], offset: usize) -> String {
    let mut out = String::new();
    for (line, bytes) in bytes.chunks(16).enumerate() {
        let shown: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String =
            bytes.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect();
        writeln!(out, "{:08x}  {:<47}  |{text}|", offset + line * 16, shown.join(" ")).unwrap();
    }
    out
}

/// The journal of the example: id 42, one frame with the records "hold" and "confirm".
fn example() -> SimDisk {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, Options { new_id: JournalId(42), ..options(1024) }).unwrap();
    let mut body = Vec::new();
    records::push(&mut body, b"hold");
    records::push(&mut body, b"confirm");
    let draft = FrameDraft { first: Sequence(1), count: 2, records: &body };
    journal.append(Sequence::ZERO, &draft, Sync::Now).unwrap();
    disk
}

#[test]
fn the_docs_show_the_bytes_that_are_written() {
    let disk = example();
    let bytes = disk.get(SEGMENT).unwrap();
    let place = frames(&disk, SEGMENT)[0];
    let (from, to) = (usize::try_from(place.offset).unwrap(), usize::try_from(place.end).unwrap());
    let docs = std::fs::read_to_string(repository("../docs/journal-format.md")).unwrap();
    for shown in [hex(&bytes[..80], 0), hex(&bytes[496..512], 496), hex(&bytes[from..to], from)] {
        assert!(docs.contains(&shown), "docs/journal-format.md does not show:\n{shown}");
    }
}

#[test]
fn a_frame_costs_sixty_bytes_and_a_record_one() {
    let frame_of = |count: u32| {
        let mut body = Vec::new();
        for _ in 0..count {
            records::push(&mut body, &[0; 70]);
        }
        frame::frame_bytes(body.len()) - 70 * count as usize
    };
    assert_eq!((frame_of(1), frame_of(64)), (61, 124));
}

/// The journal kept as `tests/fixtures/journal-v1`: 40 facts of `conformance::record` in segments of 2 KiB, written in two
/// openings.
fn journal_v1() -> SimDisk {
    let disk = SimDisk::new(1);
    fill(&mut open(&disk, options(2048)).unwrap().0, 10);
    fill(&mut open(&disk, options(2048)).unwrap().0, 40);
    disk
}

#[test]
fn a_journal_of_version_1_opens() {
    let folder = repository("tests/fixtures/journal-v1");
    // Made once with ONSALE_WRITE_FIXTURE=1; never again once a release has written this format.
    if std::env::var_os("ONSALE_WRITE_FIXTURE").is_some() {
        let disk = journal_v1();
        std::fs::create_dir_all(&folder).unwrap();
        for name in disk.list().unwrap() {
            std::fs::write(folder.join(&name), disk.get(&name).unwrap()).unwrap();
        }
    }
    let disk = SimDisk::new(1);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        disk.put(&name, &std::fs::read(&path).unwrap());
        names.push(name);
    }
    assert_eq!(names.len(), 3, "{names:?}");
    if frame::VERSION == 1 {
        let today = journal_v1();
        for name in &names {
            assert_eq!(
                disk.get(name),
                today.get(name),
                "{name}: this program writes version 1 byte for byte"
            );
        }
    }
    let (mut journal, opened) = open(&disk, options(2048)).unwrap();
    assert_eq!((opened.first, opened.last, opened.cut_bytes), (Sequence(1), Sequence(40), 0));
    assert_eq!((journal.id(), opened.incarnation, facts(&journal)), (ID, 3, 40));
    fill(&mut journal, 50);
    assert_eq!(facts(&journal), 50, "and can be written on");
}

#[test]
fn a_newer_segment_is_refused_with_a_sentence() {
    let disk = example();
    let mut bytes = disk.get(SEGMENT).unwrap();
    bytes[8] = 2;
    let checksum = crc32c::crc32c(&bytes[..508]);
    bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
    disk.put(SEGMENT, &bytes);
    let error = open(&disk, options(1024)).unwrap_err();
    assert!(matches!(error, StorageError::NewerVersion { found: 2, known: 1, .. }));
    assert_eq!(
        error.to_string(),
        "journal-00000001.seg has format version 2 at offset 0; this program reads up to version 1: start the newer program"
    );
}

#[test]
fn a_newer_frame_is_refused_wherever_it_stands() {
    let seed = crc32c::crc32c(&42u64.to_le_bytes());
    let newer = |bytes: &mut [u8], at: usize| {
        bytes[at + 4] = 2;
        let checksum = crc32c::crc32c_append(seed, &bytes[at..at + 36]);
        bytes[at + 36..at + 40].copy_from_slice(&checksum.to_le_bytes());
    };
    // In its place, and behind a frame that is torn.
    for torn in [false, true] {
        let disk = example();
        let mut bytes = disk.get(SEGMENT).unwrap();
        let frame = bytes[512..600].to_vec();
        let at = if torn { 600 } else { 512 };
        bytes[at..at + 88].copy_from_slice(&frame);
        newer(&mut bytes, at);
        if torn {
            bytes[512] ^= 1;
        }
        disk.put(SEGMENT, &bytes);
        match open(&disk, options(1024)) {
            Err(StorageError::NewerVersion { offset, found: 2, .. }) => assert_eq!(offset, at as u64),
            other => panic!("{other:?}"),
        }
        assert_eq!(disk.get(SEGMENT).unwrap(), bytes, "nothing was cut");
    }
}
