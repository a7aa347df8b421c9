//! What a crash does not do and people and rotten disks do: flipped bits, lost and shortened files, records of somebody
//! else, a second process. Each seed ends with one of them, and the start must say what is wrong instead of guessing; what
//! it does accept must be all that was there, but for a last frame that cannot be told from a tear.

use std::sync::Arc;

use crate::fact::{self, Cold, Fact, Kind};
use crate::ids::CartId;
use crate::journal::frame::FrameHeader;
use crate::journal::{
    Appended, FileJournal, Finding, FrameDraft, Journal, Options, StorageError, Sync, inspect, records,
};
use crate::ports::{Clock, Disk};
use crate::recovery::RecoveryError;
use crate::sequence::Sequence;
use crate::start::{self, OpenError, Start};
use crate::testing::disk::SimDisk;
use crate::time::{Timestamp, WallTime};

use super::world::World;

/// A frame's place.
struct Place {
    file: String,
    offset: u64,
    header: FrameHeader,
}

impl World {
    /// One act of vandalism, after everything else.
    pub fn vandalise(&mut self) {
        match self.start_again() {
            Err(error) if error.in_use() => self.say(|| format!("a second process: {error}")),
            other => panic!("a second process has the folder: {other:?}"),
        }
        let last = self.side.last();
        self.life = None;
        self.disk.restart();
        // All of it may be in a snapshot, and the segment being written still empty.
        let choices = if self.frames().is_empty() { 1 } else { 6 };
        match self.dice.below(choices) {
            0 if choices == 1 => self.foreign_record(last),
            0 => self.flip_in_frame(last),
            1 => self.flip_in_header(last),
            2 => self.shorten_or_lose(last),
            3 => self.foreign_record(last),
            4 => self.flip_in_snapshot(last),
            _ => self.trim(last),
        }
    }

    /// What a start finds.
    fn start_again(&mut self) -> Result<Start, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let options = self.plan.options.clone();
        let started = start::start(&self.disk, clock, &mut self.dice, options, |_| {})?;
        Ok(started.start)
    }

    fn frames(&self) -> Vec<Place> {
        let findings = inspect(&self.disk).expect("the disk is good");
        let frame = |finding: Result<Finding, StorageError>| match finding.expect("the disk is good") {
            Finding::Frame { file, offset, header, linked, .. } => {
                assert!(linked, "the frame at {offset} of {file} does not continue the one before");
                Some(Place { file, offset, header })
            }
            Finding::Bad { file, offset, why } => panic!("{file} at {offset}: {why}"),
            Finding::Torn { file, offset, .. } => panic!("{file} at {offset}: a start leaves no torn tail"),
            Finding::Segment { .. } | Finding::End { .. } => None,
        };
        findings.filter_map(frame).collect()
    }

    /// One bit anywhere in a frame.
    fn flip_in_frame(&mut self, last: Sequence) {
        let frames = self.frames();
        let chosen = usize::try_from(self.dice.below(frames.len() as u64)).unwrap_or(0);
        let Place { file, offset, header } = &frames[chosen];
        // Its head is more interesting than the middle of a long record.
        let most = if self.dice.chance(50) { 48 } else { header.frame_bytes() as u64 };
        let at = offset + self.dice.below(most);
        self.flip(file, at);
        let proven = frames[chosen + 1..].iter().any(|later| later.header.mark >= header.first);
        match self.start_again() {
            // What a snapshot holds is not read again.
            Ok(start) if start.snapshot.is_some_and(|known| known >= header.first) => {
                assert_eq!(start.journal.last, last);
            }
            Ok(start) => {
                assert!(!proven, "a frame that was durable was cut at {at} of {file}");
                assert_eq!(start.journal.last.next(), header.first, "{last} facts were there");
            }
            Err(error) => self.refused(&error),
        }
    }

    /// One bit in the header of a segment.
    fn flip_in_header(&mut self, last: Sequence) {
        let frames = self.frames();
        let file = self.dice.pick(&frames).file.clone();
        let most = *self.dice.pick(&[64, 64, 64, 512]);
        let at = self.dice.below(most);
        self.flip(&file, at);
        match self.start_again() {
            Ok(start) => assert_eq!(start.journal.last, last, "after a flip at {at} of {file}"),
            Err(error) => self.refused(&error),
        }
    }

    /// One bit in a snapshot: the one before it is used, or the whole journal, or the start stops.
    fn flip_in_snapshot(&mut self, last: Sequence) {
        let names = self.disk.list().expect("the disk is good");
        let snapshots: Vec<_> = names.iter().filter(|name| name.ends_with(".snap")).collect();
        if snapshots.is_empty() {
            return self.flip_in_frame(last);
        }
        let file = (*self.dice.pick(&snapshots)).clone();
        let bytes = self.disk.get(&file).map_or(0, |bytes| bytes.len() as u64);
        let at = self.dice.below(bytes);
        self.flip(&file, at);
        match self.start_again() {
            Ok(start) => assert_eq!(start.journal.last, last, "after a flip at {at} of {file}"),
            Err(error) => self.refused(&error),
        }
    }

    fn flip(&mut self, file: &str, at: u64) {
        let bit = self.dice.below(8);
        self.say(|| format!("bit {bit} of byte {at} in {file} is flipped"));
        let mut bytes = self.disk.get(file).expect("it was just listed");
        bytes[usize::try_from(at).unwrap_or(0)] ^= 1 << bit;
        self.disk.put(file, &bytes);
    }

    /// The last segment gets shorter, or an earlier one is gone.
    fn shorten_or_lose(&mut self, last: Sequence) {
        let mut files: Vec<String> = self.frames().into_iter().map(|place| place.file).collect();
        files.dedup();
        let (lost, kept) = (self.dice.below(files.len() as u64), files.len() - 1);
        let lost = usize::try_from(lost).unwrap_or(0);
        if lost == kept {
            // An empty segment may follow; the one with the last frame is then closed, and may be of any length after it.
            let names = self.disk.list().expect("the disk is good");
            let name = names.iter().rfind(|name| name.starts_with("journal-")).expect("a segment");
            let bytes = self.disk.get(name).expect("it was just listed");
            let len = usize::try_from(self.dice.below(bytes.len() as u64)).unwrap_or(0);
            self.disk.put(name, &bytes[..len]);
        } else {
            self.disk.remove(&files[lost]).expect("the disk is good");
        }
        match self.start_again() {
            // Only a snapshot beyond what is missing lets it start, and then nothing is missing.
            Ok(start) => assert_eq!((start.snapshot.is_some(), start.journal.last), (true, last)),
            Err(error) => self.refused(&error),
        }
    }

    /// Records that are no facts, or facts that cannot have happened here.
    fn foreign_record(&mut self, last: Sequence) {
        let mut journal = self.journal(Sequence::ZERO).expect("the disk is good");
        let mut record = Vec::new();
        let at = Timestamp(0);
        let cold = |cold| Kind::Cold(Box::new(cold));
        let kind = match self.dice.below(5) {
            0 => None,
            1 => Some(cold(Cold::Founded { partition: 0, shards: 1, wall: WallTime(0) })),
            2 => Some(Kind::Lapsed { cart: CartId::new(0, 0, 77, 9_999) }),
            3 => Some(cold(Cold::Forgotten { shard: 0, from: 9, to: 3, ended_by: at, carts: 1 })),
            _ => Some(cold(Cold::ShardDigest { shard: 0, digest: 42 })),
        };
        match &kind {
            Some(kind) => fact::encode(&Fact { at, kind: kind.clone() }, &mut record),
            None => record.extend([0xee; 9]),
        }
        let mut body = Vec::new();
        records::push(&mut body, &record);
        let draft = FrameDraft { first: last.next(), count: 1, records: &body };
        let appended = journal.append(last, &draft, Sync::Now);
        assert!(matches!(appended, Ok(Appended::Durable(_))), "{appended:?}");
        drop(journal);
        let error = self.start_again().expect_err("a fact that is none was taken");
        self.say(|| format!("refused: {error}"));
        let OpenError::Recovery(RecoveryError::In { error, .. }) = error else {
            panic!("another refusal: {error}");
        };
        let (RecoveryError::NoFact { at, .. } | RecoveryError::Misfit { at, .. }) = *error else {
            panic!("another refusal: {error}");
        };
        assert_eq!(at, last.next(), "the number of what does not fit");
    }

    /// What a snapshot will allow: older segments go, the rest is read from there, and neither end is guessed.
    fn trim(&mut self, last: Sequence) {
        let behind = self.journal(last.plus(2)).map(|_| ());
        self.disk.restart();
        assert!(matches!(behind, Err(StorageError::Behind { .. })), "{behind:?}");
        let oldest = self.frames().first().map_or(last, |place| place.header.first);
        let from = Sequence(self.dice.between(oldest.0, last.0));
        let mut journal = self.journal(from).expect("the disk is good");
        let refused = journal.append(
            last.next(),
            &FrameDraft { first: last.plus(2), count: 1, records: &[1, 0] },
            Sync::Now,
        );
        assert!(matches!(refused, Ok(Appended::Refused { last: there }) if there == last), "{refused:?}");
        journal.trim(from).expect("the disk is good");
        let first = journal.first();
        assert!(first <= from, "{first} is the first, {from} was to be kept");
        let mut reader = journal.reader(from).expect("it was kept");
        let mut next = from;
        while let Some(frame) = reader.next_frame().expect("it was kept") {
            for (number, record) in frame.records() {
                assert_eq!(number, next);
                assert_eq!(Some(record), self.side.record(number), "fact {number}");
                next = next.next();
            }
        }
        assert_eq!(next, last.next());
        drop(journal);
        match self.start_again() {
            Ok(start) => {
                let known = start.snapshot.unwrap_or_default();
                assert!(known.next() >= first, "a start from {known} without the facts to {first}");
            }
            Err(error) => self.refused(&error),
        }
    }

    fn journal(&self, start: Sequence) -> Result<FileJournal<SimDisk>, StorageError> {
        let options = Options { start, ..self.plan.options.journal.clone() };
        FileJournal::open(self.disk.clone(), options).map(|(journal, _)| journal)
    }

    /// The start stopped because of what is on the disk, and says so.
    fn refused(&mut self, error: &OpenError) {
        self.say(|| format!("refused: {error}"));
        let told = matches!(
            error,
            OpenError::Recovery(RecoveryError::Storage(
                StorageError::Damaged { .. }
                    | StorageError::NewerVersion { .. }
                    | StorageError::Missing { .. }
                    | StorageError::Behind { .. }
            ))
        );
        assert!(told, "{error}");
    }
}
