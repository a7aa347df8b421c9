//! The embedded journal: segments in a data folder, one writer.
//!
//! An append is one write and, when asked, one `fdatasync` of a file whose every byte was written before, so the sync
//! carries no metadata. A frame that does not fit begins the next segment: the old one is synced, the spare gets its
//! header, is synced, gets its name, the folder is synced; only then does a frame go in. So a segment that has a successor
//! is durable to its last byte, and recovery may demand it.
//!
//! A failed write or sync poisons the journal for ever: after one, the system may have dropped the bytes and call the next
//! sync a success. What must be decided before a fact is taken, whether there is room, is [`Journal::space`].

use std::io;
use std::sync::Arc;

use super::error::{StorageError, no_handle};
use super::frame::{self, JournalId, Seed};
use super::open::{self, Known, Opened, Survey};
use super::reader::{FileReader, Published, Shared};
use super::scan::Tip;
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_name};
use super::spares::Shelf;
use super::{Appended, Frame, FrameDraft, FrameReader, Journal, Preparing, Space, Sync};
use crate::ports::{Disk, DiskFile};
use crate::sequence::Sequence;

/// How many appends pass between two looks whether a full disk has room again.
const APPENDS_BETWEEN_PROBES: u32 = 64;
/// A segment is made this many times as large as the last one was used: a quiet sale that closes one a minute should not
/// write 64 MiB of zeros a minute, and a rush should come to full size in two steps.
const GROWTH: u64 = 4;

/// How a file journal is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The first fact that is needed, one more than the newest snapshot holds; earlier segments are not read and may be
    /// gone. `Sequence::ZERO` reads whatever there is.
    pub start: Sequence,
    /// Says that more was durable than what is before `start`: a newer snapshot is there, and damaged. A journal that ends
    /// before either is refused.
    pub known_durable: Sequence,
    /// The id of the journal if this opening makes it: random, so that no client can know it. Otherwise unused.
    pub new_id: JournalId,
    /// Bytes of a segment at full size, 64 MiB.
    pub segment_bytes: u64,
    /// Bytes of a segment in quiet times, 4 MiB, or as many as the largest frame needs.
    pub smallest_segment_bytes: u64,
    /// The largest frame the writer means to append, 1 MiB, so that each spare has room for one. Larger ones are taken too,
    /// but only for this much is room kept.
    pub largest_frame_bytes: u64,
    /// Spare segments kept ready: the next one and the reserve.
    pub spares: usize,
}

impl Options {
    /// The defaults, for a journal that will have the id `new_id` if it does not exist yet, needed from `start` on.
    #[must_use]
    pub fn new(new_id: JournalId, start: Sequence) -> Options {
        Options {
            start,
            known_durable: Sequence::ZERO,
            new_id,
            segment_bytes: 64 << 20,
            smallest_segment_bytes: 4 << 20,
            largest_frame_bytes: 1 << 20,
            spares: 2,
        }
    }

    /// Bytes of the next segment, after one of which `used` bytes were used.
    fn next_segment_bytes(&self, used: u64) -> u64 {
        let least = self.least_segment_bytes();
        (used * GROWTH).clamp(least, self.segment_bytes.max(least))
    }

    /// Bytes of the smallest segment worth keeping ready: the reserve is one only if whatever comes next fits into it.
    fn least_segment_bytes(&self) -> u64 {
        self.smallest_segment_bytes.max(SEGMENT_HEADER_BYTES as u64 + self.largest_frame_bytes.max(1))
    }
}

/// A journal in a data folder. See the module for what it promises.
#[derive(Debug)]
pub struct FileJournal<D: Disk> {
    disk: D,
    options: Options,
    id: JournalId,
    seed: Seed,
    incarnation: u32,
    current: Current<D::File>,
    tip: Tip,
    durable: Sequence,
    shared: Arc<Shared>,
    shelf: Arc<Shelf<D>>,
    /// The frame being written.
    scratch: Vec<u8>,
    appends_since_probe: u32,
    poison: Option<String>,
    lock: Arc<D::Lock>,
}

/// The segment being written.
#[derive(Debug)]
struct Current<F> {
    number: u64,
    name: String,
    first: Sequence,
    file: F,
    bytes: u64,
    /// The offset after its last frame.
    end: u64,
}

/// Gives up old segments beside the writer, for the follower: removing files and syncing their folder takes milliseconds
/// that no append should wait for.
#[derive(Debug)]
pub struct Trimmer<D: Disk> {
    disk: D,
    shared: Arc<Shared>,
    /// The folder is ours as long as anybody removes files in it.
    _lock: Arc<D::Lock>,
}

impl<D: Disk> Trimmer<D> {
    /// As [`Journal::trim`]. The caller knows that the journal is not poisoned.
    ///
    /// # Errors
    /// [`StorageError::Io`]; the next call goes on.
    pub fn trim(&self, before: Sequence) -> Result<u64, StorageError> {
        trim(&self.disk, &self.shared, before)
    }
}

/// Removes whole segments before a fact, one at a time and oldest first: a power cut must not leave a gap between segments.
fn trim<D: Disk>(disk: &D, shared: &Shared, before: Sequence) -> Result<u64, StorageError> {
    let mut freed = 0;
    while let Some(number) = shared.oldest_ending_before(before) {
        let name = segment_name(number);
        match disk.open(&name).and_then(|file| file.len()) {
            Ok(bytes) => {
                disk.remove(&name).map_err(StorageError::io("remove", &name))?;
                freed += bytes;
            }
            // Removed by a call whose sync failed: only the sync is left to do.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StorageError::io("open", &name)(error)),
        }
        disk.sync_folder().map_err(StorageError::io("sync the data folder", ""))?;
        shared.drop_oldest(number);
    }
    Ok(freed)
}

/// Makes spare segments beside the writer, for a helper thread.
#[derive(Debug)]
pub struct Preparer<D: Disk> {
    shelf: Arc<Shelf<D>>,
}

impl<D: Disk> Preparer<D> {
    /// As [`Journal::prepare_next`]; does not stop appends.
    pub fn step(&self) -> Preparing {
        self.shelf.step()
    }
}

impl<D: Disk> FileJournal<D> {
    /// Opens the journal in `disk`, or makes one in a folder that has none, by the table in `open.rs`.
    ///
    /// # Errors
    /// [`StorageError::InUse`], [`StorageError::Damaged`], [`StorageError::NewerVersion`], [`StorageError::Missing`],
    /// [`StorageError::Behind`], [`StorageError::Io`], and [`StorageError::Full`] if there is no room for a first segment.
    ///
    /// # Example
    /// ```
    /// use onsale_engine::journal::frame::JournalId;
    /// use onsale_engine::journal::{Appended, FileJournal, FrameDraft, Journal, Options, Sync, records};
    /// use onsale_engine::sequence::Sequence;
    /// use onsale_engine::testing::disk::SimDisk;
    ///
    /// let options = Options::new(JournalId(42), Sequence::ZERO);
    /// let (mut journal, opened) = FileJournal::open(SimDisk::new(1), options)?;
    /// assert_eq!(opened.last, Sequence::ZERO);
    ///
    /// let mut body = Vec::new();
    /// records::push(&mut body, b"a fact");
    /// let frame = FrameDraft { first: Sequence(1), count: 1, records: &body };
    /// assert_eq!(journal.append(Sequence::ZERO, &frame, Sync::Now)?, Appended::Durable(Sequence(1)));
    ///
    /// let mut reader = journal.reader(Sequence(1))?;
    /// let frame = reader.next_frame()?.expect("it is durable");
    /// assert!(frame.records().eq([(Sequence(1), &b"a fact"[..])]));
    /// # Ok::<(), onsale_engine::journal::StorageError>(())
    /// ```
    pub fn open(disk: D, options: Options) -> Result<(FileJournal<D>, Opened), StorageError> {
        FileJournal::open_and_replay(disk, options, &mut |_, _, _| Ok(()))
    }

    /// As [`FileJournal::open`], and hands each frame from [`Options::start`] on to `replay` with its file and offset, while
    /// it is in memory anyway: a start that reads everything once. Only frames that are kept are handed out. An error of
    /// `replay` (a fact that does not fit) ends the opening before anything was written.
    ///
    /// # Errors
    /// As [`FileJournal::open`], and what `replay` returns. After any of them what was replayed must be thrown away.
    pub fn open_and_replay(
        disk: D,
        options: Options,
        replay: &mut dyn FnMut(&str, u64, Frame<'_>) -> Result<(), StorageError>,
    ) -> Result<(FileJournal<D>, Opened), StorageError> {
        let lock = FileJournal::lock(&disk)?;
        FileJournal::open_locked(disk, lock, options, replay)
    }

    /// Takes the folder for this process: for a start that reads snapshots before it opens the journal.
    ///
    /// # Errors
    /// [`StorageError::InUse`] if another process has it.
    pub fn lock(disk: &D) -> Result<Arc<D::Lock>, StorageError> {
        open::lock(disk).map(Arc::new)
    }

    /// As [`FileJournal::open_and_replay`], in a folder that [`FileJournal::lock`] took.
    ///
    /// # Errors
    /// As [`FileJournal::open_and_replay`].
    pub fn open_locked(
        disk: D,
        lock: Arc<D::Lock>,
        options: Options,
        replay: &mut dyn FnMut(&str, u64, Frame<'_>) -> Result<(), StorageError>,
    ) -> Result<(FileJournal<D>, Opened), StorageError> {
        let survey = Survey::of(&disk)?;
        let recovered = open::recover(&disk, &survey, options.start, options.known_durable, replay)?;
        let spares = survey.sort_out_spares(&disk)?;
        let used = recovered
            .as_ref()
            .map_or(0, |journal| journal.segments.iter().filter_map(|s| s.end).max().unwrap_or(0));
        let wanted = options.next_segment_bytes(used);
        let least = options.least_segment_bytes();
        let next = survey.next_spare();
        let shelf = Arc::new(Shelf::new(disk.clone(), options.spares, least, spares, wanted, next));

        let (id, segments, current, tip, frames, cut) = match recovered {
            Some(found) => {
                let last = found.segments[found.segments.len() - 1];
                let current = Current {
                    number: last.number,
                    name: segment_name(last.number),
                    first: last.first,
                    file: found.file,
                    bytes: found.file_bytes,
                    end: last.end.expect("the last segment was read to its end"),
                };
                (found.id, found.segments, current, found.tip, found.frames, found.cut)
            }
            None => {
                let header = SegmentHeader {
                    id: options.new_id,
                    number: 1,
                    first: Sequence(1),
                    bytes: 0,
                    incarnation: 1,
                    chain: frame::Chain::START,
                };
                let (current, header) = begin_segment(&disk, &shelf, header, 1)
                    .map_err(|error| error.into_storage_error(0, "make the first segment"))?;
                let known = Known { number: 1, first: Sequence(1), end: Some(current.end) };
                // This opening is the first incarnation, the one the header already names.
                let tip = Tip { incarnation: 0, ..Tip::before(&header) };
                (options.new_id, vec![known], current, tip, 0, None)
            }
        };
        let last = Sequence(tip.next.0 - 1);
        let incarnation = tip.incarnation.checked_add(1).expect("four thousand million openings");
        let opened = Opened {
            first: segments[0].first,
            last,
            segments: segments.len() as u64,
            frames,
            cut_bytes: cut.map_or(0, |(_, bytes)| bytes),
            cut_at: cut.map(|(offset, _)| (current.name.clone(), offset)),
            incarnation,
        };
        let journal = FileJournal {
            disk,
            id,
            seed: id.seed(),
            incarnation,
            current,
            tip,
            durable: last,
            shared: Arc::new(Shared::new(Published { segments, durable: last })),
            shelf,
            scratch: Vec::new(),
            appends_since_probe: 0,
            poison: None,
            options,
            lock,
        };
        Ok((journal, opened))
    }

    /// A handle that prepares spare segments in another thread.
    #[must_use]
    pub fn preparer(&self) -> Preparer<D> {
        Preparer { shelf: Arc::clone(&self.shelf) }
    }

    /// A handle that gives up old segments in another thread.
    #[must_use]
    pub fn trimmer(&self) -> Trimmer<D> {
        Trimmer { disk: self.disk.clone(), shared: Arc::clone(&self.shared), _lock: Arc::clone(&self.lock) }
    }

    /// The journal's id, for whoever copies its frames.
    #[must_use]
    pub fn id(&self) -> JournalId {
        self.id
    }

    /// The chain after the last frame.
    #[must_use]
    pub fn chain(&self) -> frame::Chain {
        self.tip.chain
    }

    /// The number of this opening.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    fn alive(&self) -> Result<(), StorageError> {
        match &self.poison {
            Some(why) => Err(StorageError::Poisoned { why: why.clone() }),
            None => Ok(()),
        }
    }

    fn poisoned_by(&mut self, doing: &str, error: &io::Error) -> StorageError {
        let why = format!("cannot {doing} {}: {error}", self.current.name);
        self.poison = Some(why.clone());
        StorageError::Poisoned { why }
    }

    fn sync_current(&mut self) -> Result<(), StorageError> {
        if self.durable == self.last() {
            return Ok(());
        }
        self.current.file.sync_data().map_err(|error| self.poisoned_by("sync", &error))?;
        self.durable = self.last();
        self.shared.publish(self.current.number, self.current.end, self.durable);
        Ok(())
    }

    /// Goes on in the next segment, which has room for `frame_bytes`.
    fn switch_segment(&mut self, frame_bytes: u64) -> Result<(), StorageError> {
        self.sync_current()?;
        let header = SegmentHeader {
            id: self.id,
            number: self.current.number + 1,
            first: self.tip.next,
            bytes: 0,
            incarnation: self.incarnation,
            chain: self.tip.chain,
        };
        let next = match begin_segment(&self.disk, &self.shelf, header, frame_bytes) {
            Ok((next, _)) => next,
            Err(NotBegun::NoSpare(_)) => {
                return Err(StorageError::Full { needed: frame_bytes, left: self.room() });
            }
            Err(NotBegun::Failed(error)) => return Err(self.poisoned_by("begin the segment after", &error)),
        };
        self.shared.begin(Known { number: next.number, first: next.first, end: Some(next.end) });
        self.shelf.want(self.options.next_segment_bytes(self.current.end));
        let mut closed = std::mem::replace(&mut self.current, next);
        // Gives the unused zeros back. The log does not rest on it: recovery takes a closed segment of any length.
        let _ = closed.file.set_len(closed.end);
        Ok(())
    }

    fn room(&self) -> u64 {
        self.current.bytes - self.current.end
    }

    /// One step of preparing spares, if it is time and nobody else has done it.
    fn tend_spares(&mut self) {
        if self.shelf.hindered() {
            self.appends_since_probe += 1;
            if self.appends_since_probe < APPENDS_BETWEEN_PROBES {
                return;
            }
            self.appends_since_probe = 0;
        } else {
            let ready = self.shelf.ready();
            let half_full = self.current.end * 2 >= self.current.bytes;
            if ready >= self.options.spares || (ready > 0 && !half_full) {
                return;
            }
            if half_full {
                self.shelf.want(self.options.next_segment_bytes(self.current.bytes));
            }
        }
        self.shelf.step();
    }
}

/// Why a segment was not begun.
enum NotBegun {
    /// There is no room for one; the log is as it was.
    NoSpare(io::Error),
    /// It may or may not be there.
    Failed(io::Error),
}

impl NotBegun {
    fn into_storage_error(self, left: u64, doing: &'static str) -> StorageError {
        match self {
            NotBegun::NoSpare(error) if error.kind() == io::ErrorKind::StorageFull => {
                StorageError::Full { needed: SEGMENT_HEADER_BYTES as u64, left }
            }
            NotBegun::NoSpare(source) | NotBegun::Failed(source) => {
                StorageError::Io { doing, file: String::new(), source }
            }
        }
    }
}

/// Takes a spare into use as the segment that `header` describes. Header first, then the name: a file with a segment's
/// name has a good header.
fn begin_segment<D: Disk>(
    disk: &D,
    shelf: &Shelf<D>,
    mut header: SegmentHeader,
    frame_bytes: u64,
) -> Result<(Current<D::File>, SegmentHeader), NotBegun> {
    // Nothing is written before the file is open, so the log is as it was.
    let (spare, mut file) = loop {
        let spare = shelf.take(SEGMENT_HEADER_BYTES as u64 + frame_bytes).map_err(NotBegun::NoSpare)?;
        match disk.open(&spare.name) {
            Ok(file) => break (spare, file),
            Err(error) if no_handle(&error) => {
                shelf.put_back(spare);
                return Err(NotBegun::NoSpare(error));
            }
            // Somebody has made room by hand: the next one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(NotBegun::Failed(error)),
        }
    };
    header.bytes = spare.bytes;
    let name = segment_name(header.number);
    let mut named = || -> io::Result<()> {
        file.write_at(0, &header.encode())?;
        file.sync_data()?;
        disk.rename(&spare.name, &name)?;
        disk.sync_folder()
    };
    named().map_err(NotBegun::Failed)?;
    let current = Current {
        number: header.number,
        name,
        first: header.first,
        file,
        bytes: header.bytes,
        end: SEGMENT_HEADER_BYTES as u64,
    };
    Ok((current, header))
}

impl<D: Disk> Journal for FileJournal<D> {
    fn append(
        &mut self,
        expected: Sequence,
        draft: &FrameDraft<'_>,
        sync: Sync,
    ) -> Result<Appended, StorageError> {
        self.alive()?;
        if expected != self.last() {
            return Ok(Appended::Refused { last: self.last() });
        }
        assert_eq!(draft.first, expected.next(), "the frame's first number follows the journal's last");
        self.tend_spares();
        let bytes = frame::frame_bytes(draft.records.len()) as u64;
        if bytes > self.room() {
            self.switch_segment(bytes)?;
        }
        let chain = frame::encode(
            &mut self.scratch,
            draft,
            self.durable,
            self.incarnation,
            self.tip.chain,
            self.seed,
        );
        if let Err(error) = self.current.file.write_at(self.current.end, &self.scratch) {
            return Err(self.poisoned_by("write", &error));
        }
        self.current.end += bytes;
        self.tip =
            Tip { next: draft.first.plus(u64::from(draft.count)), chain, incarnation: self.incarnation };
        match sync {
            Sync::Now => self.sync().map(Appended::Durable),
            Sync::Later => Ok(Appended::Written(self.last())),
        }
    }

    fn sync(&mut self) -> Result<Sequence, StorageError> {
        self.alive()?;
        self.sync_current()?;
        Ok(self.durable)
    }

    fn last(&self) -> Sequence {
        Sequence(self.tip.next.0 - 1)
    }

    fn durable(&self) -> Sequence {
        self.durable
    }

    fn first(&self) -> Sequence {
        self.shared.first()
    }

    fn reader(&self, from: Sequence) -> Result<Box<dyn FrameReader>, StorageError> {
        let reader = FileReader::open(self.disk.clone(), Arc::clone(&self.shared), self.seed, from)?;
        Ok(Box::new(reader))
    }

    fn trim(&mut self, before: Sequence) -> Result<u64, StorageError> {
        self.alive()?;
        trim(&self.disk, &self.shared, before)
    }

    fn close_segment(&mut self) -> Result<bool, StorageError> {
        self.alive()?;
        let empty = self.current.end == SEGMENT_HEADER_BYTES as u64;
        if empty || self.space() != Space::Ok {
            return Ok(false);
        }
        match self.switch_segment(0) {
            Ok(()) => Ok(true),
            Err(StorageError::Full { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn space(&self) -> Space {
        if !self.shelf.hindered() {
            Space::Ok
        } else if self.shelf.ready() > 0 || self.room() >= self.options.largest_frame_bytes {
            Space::Low
        } else {
            Space::Full
        }
    }

    fn prepare_next(&mut self) -> Preparing {
        self.shelf.step()
    }
}
