//! Opening a file journal: what is on the disk is read, judged and, where it was torn, mended.
//!
//! The judgement is this table and nothing else; `docs/journal-format.md` has it with the reasons.
//!
//! | where | what stands there | what else | decision |
//! |---|---|---|---|
//! | names | a number missing between two segments | | damage |
//! | header | bad, of another journal, or out of order | | damage |
//! | header or frame | good, of a newer version | | refused |
//! | last segment | shorter than its header says | | damage |
//! | earlier segment | any end of the run | the next header has its number and chain | the end of the segment |
//! | earlier segment | any end of the run | the next header has not | damage |
//! | last segment | zeros to the end | | the end of the journal |
//! | last segment | a good frame that does not continue the run, or one that no writer writes | | damage |
//! | last segment | a bad or stale frame | a later good frame was written when this place was durable | damage |
//! | last segment | a bad or stale frame | the awaited number stands elsewhere, or too much looks like frames | damage |
//! | last segment | a bad or stale frame | nothing of that | torn: cut, zeroed, synced, counted |
//! | after the cut | the journal ends before a number that a snapshot holds | | refused, nothing is cut |
//! | names | a spare half made | | removed; a complete one is kept |
//!
//! Everything is read and judged before anything is written. The cut may be interrupted at any point: the next start finds
//! a tear that begins at the same place.

use std::io;

use super::error::StorageError;
use super::frame::{BadFrame, Frame, JournalId, Seed, VERSION};
use super::scan::{Beyond, Break, Run, Scan, Tip};
use super::segment::{
    BadSegment, SEGMENT_HEADER_BYTES, SegmentHeader, filling_number, segment_name, segment_number,
    spare_number,
};
use super::spares::{Spare, discard};
use super::window::{CHUNK, Window};
use crate::ports::{Disk, DiskFile};
use crate::sequence::Sequence;

/// What opening a journal found and did: for the log and for the engine's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The oldest number that can be read.
    pub first: Sequence,
    /// The last number; everything up to here is durable now.
    pub last: Sequence,
    /// Segments there are.
    pub segments: u64,
    /// Frames read and checked: those of the segments from the given start on.
    pub frames: u64,
    /// Bytes of a torn tail that were cut, from the first bad byte to the last that was not zero.
    pub cut_bytes: u64,
    /// Where they were cut.
    pub cut_at: Option<(String, u64)>,
    /// The number of this opening. A number whose frames have left no byte on the disk can be given again.
    pub incarnation: u32,
}

/// A segment as recovery, readers and trimming know it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub number: u64,
    pub first: Sequence,
    /// The offset after its last durable frame; `None` if nobody has read it to its end since the start.
    pub end: Option<u64>,
}

/// A journal as recovery leaves it.
pub(super) struct Recovered<F> {
    pub id: JournalId,
    pub segments: Vec<Known>,
    pub file: F,
    pub file_bytes: u64,
    pub tip: Tip,
    pub frames: u64,
    pub cut: Option<(u64, u64)>,
}

/// What the names in a folder say.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Numbers of the segments, ascending.
    pub segments: Vec<u64>,
    /// Complete spares.
    pub spares: Vec<(u64, String)>,
    /// Spares that were being made.
    pub fillings: Vec<(u64, String)>,
}

impl Survey {
    /// Reads the names; those that are not ours are left alone.
    pub(super) fn of(disk: &impl Disk) -> Result<Survey, StorageError> {
        let mut survey = Survey::default();
        for name in disk.list().map_err(StorageError::io("list the data folder", ""))? {
            if let Some(number) = segment_number(&name) {
                survey.segments.push(number);
            } else if let Some(number) = spare_number(&name) {
                survey.spares.push((number, name));
            } else if let Some(number) = filling_number(&name) {
                survey.fillings.push((number, name));
            }
        }
        survey.segments.sort_unstable();
        Ok(survey)
    }

    /// The first number that no spare has.
    pub(super) fn next_spare(&self) -> u64 {
        self.spares.iter().chain(&self.fillings).map(|(number, _)| number + 1).max().unwrap_or(1)
    }

    /// Keeps the complete spares and removes the others. Called when the journal has been found good.
    pub(super) fn sort_out_spares(&self, disk: &impl Disk) -> Result<Vec<Spare>, StorageError> {
        for (_, name) in &self.fillings {
            discard(disk, name)?;
        }
        let mut ready = Vec::new();
        for (_, name) in &self.spares {
            let bytes =
                disk.open(name).and_then(|file| file.len()).map_err(StorageError::io("open", name))?;
            if bytes > SEGMENT_HEADER_BYTES as u64 {
                ready.push(Spare { name: name.clone(), bytes });
            } else {
                discard(disk, name)?;
            }
        }
        Ok(ready)
    }
}

/// Reads the header of segment `number`.
pub(super) fn read_header<F: DiskFile>(file: &F, number: u64) -> Result<SegmentHeader, StorageError> {
    let name = segment_name(number);
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let read = file.read_at(0, &mut bytes).map_err(StorageError::io("read", &name))?;
    SegmentHeader::decode(&bytes[..read], number).map_err(|bad| match bad {
        BadSegment::Damaged(why) => StorageError::damaged(&name, 0, why),
        BadSegment::Newer(found) => newer(name, 0, found),
    })
}

pub(super) fn newer(file: String, offset: u64, found: u8) -> StorageError {
    StorageError::NewerVersion { file, offset, found, known: VERSION }
}

/// Reads the journal from `start` on (`ZERO`: from its oldest segment on), hands every frame it believes to `replay`, and
/// mends a torn tail. `None` if the folder has no journal.
pub(super) fn recover<D: Disk>(
    disk: &D,
    survey: &Survey,
    start: Sequence,
    known_durable: Sequence,
    replay: &mut dyn FnMut(&str, u64, Frame<'_>) -> Result<(), StorageError>,
) -> Result<Option<Recovered<D::File>>, StorageError> {
    let durable = known_durable.max(Sequence(start.0.saturating_sub(1)));
    if survey.segments.is_empty() {
        return if durable == Sequence::ZERO {
            Ok(None)
        } else {
            Err(StorageError::Behind { durable, last: Sequence::ZERO })
        };
    }
    let headers = read_headers(disk, &survey.segments)?;
    let begin = begin_at(&headers, start)?;

    let mut known: Vec<Known> = headers
        .iter()
        .map(|header| Known { number: header.number, first: header.first, end: None })
        .collect();
    let seed = headers[0].id.seed();
    let mut window = Window::default();
    let mut tip = Tip::before(&headers[begin]);
    let mut frames = 0;
    let mut show = |file: &str, offset, frame: &Frame<'_>| {
        if frame.header().last() < start {
            return Ok(());
        }
        replay(file, offset, frame.starting_at(start))
    };
    for (place, next) in (begin..).zip(&headers[begin + 1..]) {
        let name = segment_name(headers[place].number);
        let file = disk.open(&name).map_err(StorageError::io("open", &name))?;
        let run = scan(&file, &name, seed, &mut window)?.run(&mut tip, &mut show)?;
        end_of_closed_segment(&name, &run, &tip, next)?;
        known[place].end = Some(run.end);
        frames += run.frames;
        tip = Tip::before(next);
    }

    let last = headers.len() - 1;
    let name = segment_name(headers[last].number);
    let mut file = disk.open(&name).map_err(StorageError::io("open", &name))?;
    let file_bytes = file.len().map_err(StorageError::io("read", &name))?;
    if file_bytes < headers[last].bytes {
        let why = format!("the file ends here, its header says {} bytes", headers[last].bytes);
        return Err(StorageError::damaged(&name, file_bytes, why));
    }
    let mut scan = scan(&file, &name, seed, &mut window)?;
    let run = scan.run(&mut tip, &mut show)?;
    frames += run.frames;
    let tear = end_of_last_segment(&mut scan, &run, &tip)?;
    let found = Sequence(tip.next.0 - 1);
    if found < durable {
        return Err(StorageError::Behind { durable, last: found });
    }

    // From here on the journal is good and is made so on the disk as well.
    if let Some(end) = tear {
        file.write_zeros(run.end, end - run.end).map_err(StorageError::io("zero the torn tail of", &name))?;
    }
    write_again(&mut file, run.unvouched, run.end).map_err(StorageError::io("write", &name))?;
    file.sync_data().map_err(StorageError::io("sync", &name))?;
    // The last process may have ended between a rename and its sync.
    disk.sync_folder().map_err(StorageError::io("sync the data folder", ""))?;
    known[last].end = Some(run.end);
    Ok(Some(Recovered {
        id: headers[0].id,
        segments: known,
        file,
        file_bytes,
        tip,
        frames,
        cut: tear.map(|end| (run.end, end - run.end)),
    }))
}

/// Writes the bytes that are there once more. The last process may have ended by a failed sync: the system then shows bytes
/// that the disk does not have and believes them written, so that a sync alone would do nothing.
fn write_again<F: DiskFile>(file: &mut F, from: u64, to: u64) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut at = from;
    while at < to {
        let part = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        let read = file.read_at(at, &mut chunk[..part])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.write_at(at, &chunk[..read])?;
        at += read as u64;
    }
    Ok(())
}

/// Reads all headers: numbers without gaps, one journal, facts in order.
fn read_headers<D: Disk>(disk: &D, numbers: &[u64]) -> Result<Vec<SegmentHeader>, StorageError> {
    let mut headers: Vec<SegmentHeader> = Vec::with_capacity(numbers.len());
    for &number in numbers {
        let name = segment_name(number);
        if let Some(before) = headers.last()
            && before.number + 1 != number
        {
            let why = format!("the file is missing, {name} is there");
            return Err(StorageError::damaged(&segment_name(before.number + 1), 0, why));
        }
        let file = disk.open(&name).map_err(StorageError::io("open", &name))?;
        let header = read_header(&file, number)?;
        if let Some(before) = headers.last() {
            if before.id != header.id {
                return Err(StorageError::damaged(&name, 0, "the segment belongs to another journal"));
            }
            if before.first > header.first || before.incarnation > header.incarnation {
                return Err(StorageError::damaged(&name, 0, "the segment is older than the one before it"));
            }
        }
        headers.push(header);
    }
    Ok(headers)
}

/// The segment in which to begin: the last one that begins at or before `start`.
fn begin_at(headers: &[SegmentHeader], start: Sequence) -> Result<usize, StorageError> {
    if start == Sequence::ZERO {
        return Ok(0);
    }
    let later = headers.partition_point(|header| header.first <= start);
    later.checked_sub(1).ok_or(StorageError::Missing { needed: start, first: headers[0].first })
}

fn scan<'a, F: DiskFile>(
    file: &'a F,
    name: &'a str,
    seed: Seed,
    window: &'a mut Window,
) -> Result<Scan<'a, F>, StorageError> {
    let len = file.len().map_err(StorageError::io("read", name))?;
    window.clear();
    Ok(Scan { file, name, len, seed, window })
}

/// A segment that another follows: the next one's header says what must have been in it, so whatever stands after a run
/// that comes to the same number and chain is of no interest.
fn end_of_closed_segment(name: &str, run: &Run, tip: &Tip, next: &SegmentHeader) -> Result<(), StorageError> {
    if let Break::Bad(BadFrame::Newer(version)) = run.because {
        return Err(newer(name.to_owned(), run.end, version));
    }
    if tip.next == next.first && tip.chain == next.chain {
        return Ok(());
    }
    let why = format!(
        "{}; the next segment begins with fact {}, here {} was due",
        run.because, next.first, tip.next
    );
    Err(StorageError::damaged(name, run.end, why))
}

/// The segment that was being written: says up to which byte it is torn, if it is.
fn end_of_last_segment<F: DiskFile>(
    scan: &mut Scan<'_, F>,
    run: &Run,
    tip: &Tip,
) -> Result<Option<u64>, StorageError> {
    let awaited = tip.next;
    let damaged = |why: String| Err(StorageError::damaged(scan.name, run.end, why));
    match run.because {
        Break::Bad(BadFrame::Newer(version)) => Err(newer(scan.name.to_owned(), run.end, version)),
        // Both checksums are right, so these bytes were written so: not by a crash.
        Break::Gap(_) | Break::Unlinked | Break::Bad(BadFrame::Bounds | BadFrame::Records) => {
            damaged(format!("{}; fact {awaited} was due", run.because))
        }
        Break::Stale
        | Break::Bad(BadFrame::NoMagic | BadFrame::HeaderChecksum | BadFrame::PastEnd | BadFrame::Checksum) => {
            match scan.look_beyond(run.end, tip)? {
                Beyond::Nothing => Ok(None),
                Beyond::Tear { end } => Ok(Some(end)),
                Beyond::Proof { offset, header } => damaged(format!(
                    "{}; fact {awaited} was durable, says the frame at offset {offset} with mark {}",
                    run.because, header.mark
                )),
                Beyond::Misplaced { offset } => {
                    damaged(format!("{}; fact {awaited} stands at offset {offset}", run.because))
                }
                Beyond::Unclear => {
                    damaged(format!("{}; too much after it looks like frames and is not", run.because))
                }
            }
        }
    }
}

/// Takes the folder for this process.
pub(super) fn lock<D: Disk>(disk: &D) -> Result<D::Lock, StorageError> {
    disk.lock().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => StorageError::InUse,
        _ => StorageError::Io { doing: "lock the data folder", file: String::new(), source: error },
    })
}
