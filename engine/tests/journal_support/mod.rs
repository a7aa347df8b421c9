//! What the journal's tests share: a small journal on the simulated disk and the question whether its facts are intact.

#![allow(dead_code, reason = "each test file is a crate of its own and uses a part of this")]

use onsale_engine::journal::frame::JournalId;
use onsale_engine::journal::{
    Appended, FileJournal, Finding, Journal, Opened, Options, StorageError, Sync, conformance, inspect,
};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::disk::SimDisk;

pub const ID: JournalId = JournalId(0x0123_4567_89ab_cdef);
pub const HEADER: u64 = 512;

/// Segments of one size, no spares: what is on the disk is the journal alone.
pub fn options(segment_bytes: u64) -> Options {
    Options {
        segment_bytes,
        smallest_segment_bytes: segment_bytes,
        largest_frame_bytes: segment_bytes.saturating_sub(HEADER).min(512),
        spares: 0,
        ..Options::new(ID, Sequence::ZERO)
    }
}

/// Segments that grow with use, and spares: what a server has, smaller.
pub fn lively_options() -> Options {
    Options {
        segment_bytes: 8192,
        smallest_segment_bytes: 2048,
        largest_frame_bytes: 512,
        ..Options::new(ID, Sequence::ZERO)
    }
}

pub fn open(disk: &SimDisk, options: Options) -> Result<(FileJournal<SimDisk>, Opened), StorageError> {
    FileJournal::open(disk.clone(), options)
}

/// Appends frames of one, two and four facts, each synced, until `facts` are there.
pub fn fill(journal: &mut dyn Journal, facts: u64) {
    let mut last = journal.last().0;
    while last < facts {
        let count = u32::try_from((last % 7 + 1).min(facts - last)).unwrap();
        assert!(matches!(conformance::append(journal, last, count, Sync::Now), Appended::Durable(_)));
        last += u64::from(count);
    }
}

/// Reads the whole journal and says how many facts it has, all of them checked.
pub fn facts(journal: &dyn Journal) -> u64 {
    let first = journal.first();
    conformance::drain(&mut *journal.reader(first).unwrap(), first.0)
}

/// A frame's place and the numbers in it.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub offset: u64,
    pub end: u64,
    pub first: u64,
    pub last: u64,
}

/// The frames of one segment.
pub fn frames(disk: &SimDisk, segment: &str) -> Vec<Place> {
    inspect(disk)
        .unwrap()
        .filter_map(|finding| match finding.unwrap() {
            Finding::Frame { file, offset, header, .. } if file == segment => Some(Place {
                offset,
                end: offset + header.frame_bytes() as u64,
                first: header.first.0,
                last: header.last().0,
            }),
            _ => None,
        })
        .collect()
}

/// A small generator for what a test tries, the same on every machine.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
