//! A disk that fills up: first new holds are refused, then everything, and when space returns nobody restarts anything.

mod journal_support;

use journal_support::{Dice, facts, lively_options, open};
use onsale_engine::commit::Ack;
use onsale_engine::journal::frame::frame_bytes;
use onsale_engine::journal::{
    Appended, FileJournal, FrameDraft, Journal, Options, Preparing, Space, StorageError, Sync, conformance,
    records,
};
use onsale_engine::limits::Limits;
use onsale_engine::ports::Disk;
use onsale_engine::sequence::Sequence;
use onsale_engine::start::StartOptions;
use onsale_engine::testing::disk::{Fault, Faults, SimDisk};
use onsale_engine::testing::rng::SimRng;

fn append(journal: &mut FileJournal<SimDisk>) -> Result<Appended, StorageError> {
    let last = journal.last();
    let body = conformance::body(last.0 + 1, 1);
    journal.append(last, &FrameDraft { first: last.next(), count: 1, records: &body }, Sync::Now)
}

/// Appends until the journal's space is no longer `while_it_is`, at most `most` facts.
fn append_while(journal: &mut FileJournal<SimDisk>, while_it_is: Space, most: u64) -> u64 {
    let before = journal.last().0;
    while journal.space() == while_it_is && journal.last().0 < before + most {
        append(journal).expect("there is room as long as it does not say full");
    }
    journal.last().0 - before
}

#[test]
fn low_then_full_then_well_again() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, lively_options()).unwrap();
    append_while(&mut journal, Space::Ok, 500);
    assert_eq!(journal.space(), Space::Ok);

    disk.set_capacity(disk.used() + 1000);
    append_while(&mut journal, Space::Ok, 1000);
    assert_eq!(journal.space(), Space::Low, "the next spare could not be made");
    assert!(!journal.close_segment().unwrap(), "the reserve is not spent on closing early");
    let from_the_reserve = append_while(&mut journal, Space::Low, 1000);
    assert!(from_the_reserve > 50, "releases go on from the reserve, {from_the_reserve} facts");
    assert_eq!(journal.space(), Space::Full);
    let refused = loop {
        match append(&mut journal) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StorageError::Full { .. }), "{refused}");
    assert!(matches!(append(&mut journal), Err(StorageError::Full { .. })), "full, not poisoned");
    assert_eq!(journal.prepare_next(), Preparing::Hindered);
    let last = journal.last();

    disk.set_capacity(u64::MAX);
    assert_eq!(
        append(&mut journal).unwrap(),
        Appended::Durable(last.next()),
        "space is back, so is the journal"
    );
    while journal.prepare_next() != Preparing::Done {}
    assert_eq!(journal.space(), Space::Ok);
    append_while(&mut journal, Space::Ok, 500);
    assert_eq!(facts(&journal), journal.last().0);
    drop(journal);
    let (journal, opened) = open(&disk, lively_options()).unwrap();
    assert_eq!((facts(&journal), opened.cut_bytes), (opened.last.0, 0));
}

#[test]
fn trimming_makes_room() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, lively_options()).unwrap();
    append_while(&mut journal, Space::Ok, 500);
    disk.set_capacity(disk.used());
    append_while(&mut journal, Space::Ok, 1000);
    assert_eq!(journal.space(), Space::Low);
    let before = journal.last();
    assert!(journal.trim(before).unwrap() > 0);
    // The appends themselves look now and then whether it has become better.
    append_while(&mut journal, Space::Low, 1000);
    assert_eq!(journal.space(), Space::Ok);
}

#[test]
fn without_idle_moments_the_appends_prepare_the_spares() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, lively_options()).unwrap();
    append_while(&mut journal, Space::Ok, 300);
    assert_eq!(journal.prepare_next(), Preparing::Done);
}

#[test]
fn spares_are_made_in_steps_of_a_mebibyte() {
    let disk = SimDisk::new(1);
    let large = Options { smallest_segment_bytes: 4 << 20, segment_bytes: 64 << 20, ..lively_options() };
    let (journal, _) = open(&disk, large).unwrap();
    let preparer = journal.preparer();
    let mut used = disk.used();
    let mut steps = 0;
    while preparer.step() == Preparing::More {
        assert!(disk.used() - used <= 1 << 20);
        used = disk.used();
        steps += 1;
    }
    assert_eq!(steps, 7, "two spares of 4 MiB; the eighth step says done");
}

#[test]
fn a_failing_spare_is_no_poison() {
    let mut dice = Dice(1);
    for _ in 0..100 {
        let disk = SimDisk::new(1);
        let (mut journal, _) = open(&disk, lively_options()).unwrap();
        append(&mut journal).unwrap();
        disk.set_faults(Faults::At(disk.calls() + 1 + dice.roll(4), Fault::Io));
        while journal.prepare_next() == Preparing::More {}
        disk.set_faults(Faults::None);
        assert_eq!(append(&mut journal).unwrap(), Appended::Durable(Sequence(2)));
        while journal.prepare_next() != Preparing::Done {}
        assert_eq!(journal.space(), Space::Ok);
    }
}

#[test]
fn no_room_for_the_first_segment_is_an_error_and_not_a_journal() {
    let disk = SimDisk::new(1);
    disk.set_capacity(100);
    assert!(matches!(open(&disk, lively_options()), Err(StorageError::Full { .. })));
    disk.set_capacity(u64::MAX);
    assert_eq!(open(&disk, lively_options()).unwrap().1.last, Sequence::ZERO);
}

/// The file was gone and the sync of the folder failed; every later call looked for the file and trimming never went on.
/// Seed 14918 of the simulator.
#[test]
fn trimming_goes_on_after_a_failed_sync_of_the_folder() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, lively_options()).unwrap();
    while journal.last().0 < 400 {
        append(&mut journal).unwrap();
    }
    let last = journal.last();
    // Open, length, remove, sync of the folder.
    disk.set_faults(Faults::At(disk.calls() + 4, Fault::Io));
    assert!(matches!(journal.trim(last), Err(StorageError::Io { doing: "sync the data folder", .. })));
    disk.set_faults(Faults::None);
    assert!(journal.trim(last).unwrap() > 0, "the next call tries again");
    assert!(journal.first() > Sequence(1));
    disk.crash(1);
    let (again, _) = open(&disk, lively_options()).unwrap();
    assert_eq!(again.first(), journal.first());
}

/// Whatever the buffer holds when the disk turns out to be full must fit into the reserve: with a smaller one everybody would be
/// blocked beside two whole spares.
#[test]
fn the_reserve_has_room_for_the_largest_frame() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, Options { largest_frame_bytes: 6_000, ..lively_options() }).unwrap();
    while journal.prepare_next() != Preparing::Done {}
    disk.set_capacity(disk.used());
    for _ in 0..2 {
        let last = journal.last();
        let mut body = Vec::new();
        records::push(&mut body, &[7; 5_900]);
        let frame = FrameDraft { first: last.next(), count: 1, records: &body };
        assert_eq!(journal.append(last, &frame, Sync::Now).unwrap(), Appended::Durable(last.next()));
    }
    let options = StartOptions::new(2, Ack::Fsync, Limits::default(), &mut SimRng::new(1)).journal;
    let largest = frame_bytes(Limits::default().journal_buffer) as u64;
    assert!(options.largest_frame_bytes >= largest, "a server's frames are as large as its buffer");
}

/// Spares that an earlier program left are used up, and are no reserve.
#[test]
fn spares_that_are_too_small_do_not_count() {
    let disk = SimDisk::new(1);
    let (mut journal, _) = open(&disk, lively_options()).unwrap();
    while journal.prepare_next() != Preparing::Done {}
    drop(journal);
    let (mut journal, _) = open(&disk, Options { largest_frame_bytes: 6_000, ..lively_options() }).unwrap();
    let spares = || disk.list().unwrap().into_iter().filter(|name| name.starts_with("spare-")).count();
    assert_eq!(spares(), 2);
    while journal.prepare_next() != Preparing::Done {}
    assert_eq!(spares(), 4, "two of them have room for any frame");
    append_while(&mut journal, Space::Ok, 500);
    while journal.prepare_next() != Preparing::Done {}
    assert_eq!((facts(&journal), spares()), (500, 2));
}
