//! Power cuts and failing calls at every place: what was acknowledged is there, what is there was written, and the journal
//! that failed never says another word.
//!
//! A failing case names its seed or call; the test that runs it alone is [`crash_loop`] or [`fault_at`] with that number.

mod journal_support;

use journal_support::{Dice, facts, lively_options, open};
use onsale_engine::journal::{Appended, FrameDraft, Journal, StorageError, Sync, conformance};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::disk::{Fault, Faults, SimDisk};

/// What the outside knows: the highest number it was told is durable, and the highest it has handed in.
#[derive(Default)]
struct Outside {
    acknowledged: u64,
    handed_in: u64,
    /// A segment before this one may have been trimmed away.
    trimmed: u64,
}

impl Outside {
    /// Does `steps` things with the journal; stops at the first error and checks that it is an honest one.
    fn work(&mut self, journal: &mut dyn Journal, dice: &mut Dice, steps: u64) -> Result<(), StorageError> {
        for _ in 0..steps {
            let outcome = self.step(journal, dice);
            if let Err(StorageError::Poisoned { .. }) = outcome {
                let last = journal.last();
                let body = conformance::body(last.0 + 1, 1);
                let draft = FrameDraft { first: last.next(), count: 1, records: &body };
                let again = journal.append(last, &draft, Sync::Now);
                assert!(matches!(again, Err(StorageError::Poisoned { .. })), "poison is for ever: {again:?}");
                assert!(matches!(journal.sync(), Err(StorageError::Poisoned { .. })), "for syncs as well");
            }
            outcome?;
        }
        Ok(())
    }

    fn step(&mut self, journal: &mut dyn Journal, dice: &mut Dice) -> Result<(), StorageError> {
        match dice.roll(20) {
            0 => {
                journal.close_segment()?;
            }
            1 => {
                journal.prepare_next();
            }
            2 => {
                let before = self.acknowledged.saturating_sub(dice.roll(60));
                self.trimmed = self.trimmed.max(before);
                journal.trim(Sequence(before))?;
            }
            3 => self.acknowledged = journal.sync()?.0,
            kind => {
                let sync = if kind < 12 { Sync::Now } else { Sync::Later };
                let count = u32::try_from(dice.roll(9) + 1).unwrap();
                let last = journal.last();
                let body = conformance::body(last.0 + 1, count);
                let draft = FrameDraft { first: last.next(), count, records: &body };
                self.handed_in = self.handed_in.max(last.0 + u64::from(count));
                match journal.append(last, &draft, sync)? {
                    Appended::Durable(last) => self.acknowledged = last.0,
                    Appended::Written(_) => {}
                    other => panic!("one writer, its own last number: {other:?}"),
                }
            }
        }
        Ok(())
    }

    /// What a restart found must agree with what the outside was told.
    fn compare(&mut self, journal: &dyn Journal, what: &str) {
        let last = journal.last().0;
        assert!(
            last >= self.acknowledged,
            "{what}: fact {} was acknowledged, found {last}",
            self.acknowledged
        );
        assert!(last <= self.handed_in, "{what}: {last} facts found, {} handed in", self.handed_in);
        assert!(journal.first().0 <= self.trimmed.max(1), "{what}: trimmed too much");
        assert_eq!(facts(journal), last, "{what}: every fact is what was written");
        (self.acknowledged, self.handed_in) = (last, last);
    }
}

fn crash_loop(seed: u64) {
    let disk = SimDisk::new(seed);
    let mut dice = Dice(seed);
    let mut outside = Outside::default();
    for round in 0..6 {
        let what = format!("seed {seed}, round {round}");
        // Every other start is itself cut short at some call.
        if dice.roll(2) == 0 {
            disk.set_faults(Faults::At(disk.calls() + 1 + dice.roll(40), Fault::Io));
            drop(open(&disk, lively_options()));
            disk.crash(seed * 1000 + round);
        }
        let (mut journal, _) =
            open(&disk, lively_options()).unwrap_or_else(|error| panic!("{what}: {error}"));
        outside.compare(&journal, &what);
        let steps = dice.roll(60);
        outside.work(&mut journal, &mut dice, steps).unwrap_or_else(|error| panic!("{what}: {error}"));
        if dice.roll(4) == 0 {
            disk.restart();
        } else {
            disk.crash(seed * 100 + round);
        }
    }
}

#[test]
fn power_cuts_at_random_places() {
    let seeds = if cfg!(debug_assertions) { 1500 } else { 20_000 };
    for seed in 0..seeds {
        crash_loop(seed);
    }
}

/// The same work with failing calls, then a power cut; returns whether call number `call` was reached.
///
/// With `again`, the process alone ends first and a second one goes on from what the system shows it, which after a failed
/// sync is more than the disk has: what the second one acknowledges must survive the power cut as well.
fn fault_at(seed: u64, faults: Faults, call: u64, again: bool) -> bool {
    let disk = SimDisk::new(seed);
    let mut dice = Dice(seed);
    let mut outside = Outside::default();
    disk.set_faults(faults);
    let what = format!("seed {seed}, {faults:?}, again {again}");
    if let Ok((mut journal, _)) = open(&disk, lively_options()) {
        // An error that is not poison leaves the journal alive: it goes on, as the committer would.
        for _ in 0..3 {
            match outside.work(&mut journal, &mut dice, 40) {
                Ok(()) | Err(StorageError::Io { .. } | StorageError::Full { .. }) => {}
                Err(StorageError::Poisoned { .. }) => break,
                Err(other) => panic!("{what}: {other}"),
            }
        }
    }
    let reached = disk.calls() >= call;
    if again {
        disk.restart();
        let (mut journal, _) =
            open(&disk, lively_options()).unwrap_or_else(|error| panic!("{what}: {error}"));
        outside.compare(&journal, &what);
        let steps = dice.roll(3);
        outside.work(&mut journal, &mut dice, steps).unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    disk.crash(seed ^ call);
    let (journal, _) = open(&disk, lively_options()).unwrap_or_else(|error| panic!("{what}: {error}"));
    outside.compare(&journal, &what);
    reached
}

#[test]
fn every_call_fails_once() {
    for seed in 0..5 {
        for (fault, again) in [(Fault::Io, false), (Fault::NoSpace, false), (Fault::Io, true)] {
            let mut call = 1;
            while fault_at(seed, Faults::At(call, fault), call, again) {
                call += 1;
            }
            assert!(call > 150, "the work takes more calls than {call}");
        }
    }
}

#[test]
fn every_nth_call_fails() {
    for seed in 0..40 {
        for every in 2..60 {
            fault_at(seed, Faults::Every(every, Fault::Io), every, seed % 2 == 0);
        }
    }
}
