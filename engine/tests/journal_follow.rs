//! Readers in other threads, on the real disk, while one writer appends, closes, trims and has its spares made elsewhere.

#![expect(clippy::disallowed_methods, reason = "the test is about threads")]

mod journal_support;

use std::sync::atomic::{AtomicBool, Ordering};

use journal_support::lively_options;
use onsale_engine::journal::{FileJournal, Journal, Sync, conformance};
use onsale_engine::os::disk::FolderDisk;
use onsale_engine::sequence::Sequence;

const FACTS: u64 = 6000;

#[test]
fn followers_read_every_durable_fact_once_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) =
        FileJournal::open(FolderDisk::open(folder.path()).unwrap(), lively_options()).unwrap();
    let preparer = journal.preparer();
    let mut readers = [journal.reader(Sequence(1)).unwrap(), journal.reader(Sequence(1)).unwrap()];
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for reader in &mut readers {
            scope.spawn(|| {
                let mut next = 1;
                while next <= FACTS {
                    next = conformance::drain(&mut **reader, next) + 1;
                    std::thread::yield_now();
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                preparer.step();
                std::thread::yield_now();
            }
        });
        let mut last = 0;
        while last < FACTS {
            let sync = if last % 5 == 0 { Sync::Now } else { Sync::Later };
            conformance::append(&mut journal, last, 10, sync);
            last += 10;
            if last.is_multiple_of(1500) {
                journal.close_segment().unwrap();
            }
        }
        journal.sync().unwrap();
        done.store(true, Ordering::Relaxed);
    });
    assert!(journal.trim(Sequence(FACTS)).unwrap() > 0);
}
