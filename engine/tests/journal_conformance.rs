//! One suite for the simulated and the real disk, and for the journal on both.

use onsale_engine::journal::frame::JournalId;
use onsale_engine::journal::{FileJournal, Journal, Options, conformance};
use onsale_engine::os::disk::FolderDisk;
use onsale_engine::ports::Disk;
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::disk::SimDisk;

/// Small segments, so that a few hundred facts fill several.
fn options() -> Options {
    Options {
        segment_bytes: 8192,
        smallest_segment_bytes: 2048,
        largest_frame_bytes: 512,
        ..Options::new(JournalId(0x0123_4567_89ab_cdef), Sequence::ZERO)
    }
}

fn journal_on<D: Disk>(disk: D) {
    conformance::journal(&mut || -> Box<dyn Journal> {
        Box::new(FileJournal::open(disk.clone(), options()).expect("a good journal opens").0)
    });
}

#[test]
fn simulated_disk() {
    conformance::disk(&SimDisk::new(1));
}

#[test]
fn real_disk() {
    let folder = tempfile::tempdir().unwrap();
    conformance::disk(&FolderDisk::open(folder.path()).unwrap());
}

#[test]
fn file_journal_on_the_simulated_disk() {
    journal_on(SimDisk::new(1));
}

#[test]
fn file_journal_on_the_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    journal_on(FolderDisk::open(folder.path()).unwrap());
}
