//! Reading a file journal from any thread, up to the durable mark, while the writer goes on.
//!
//! Writer and readers share one small list: the segments and how far each is durable. A reader looks at it when it has
//! used up what it knew, reads with its own file handles in large chunks, and hands out frames borrowed from its window.
//! It checks both checksums, the records' lengths and the numbers; the hash chain was checked at the start, or written by
//! this very process.

use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

use super::FrameReader;
use super::error::StorageError;
use super::frame::{BadFrame, Frame, Seed};
use super::open::{Known, newer};
use super::scan::Scan;
use super::segment::{SEGMENT_HEADER_BYTES, segment_name};
use super::window::Window;
use crate::ports::{Disk, DiskFile};
use crate::sequence::Sequence;

/// What the writer tells its readers.
#[derive(Debug)]
pub(super) struct Published {
    /// Oldest first, never empty.
    pub segments: Vec<Known>,
    /// The last durable number.
    pub durable: Sequence,
}

/// The list shared by one writer and its readers. Locked for a few instructions, by the writer once a sync.
#[derive(Debug)]
pub(super) struct Shared(Mutex<Published>);

impl Shared {
    pub(super) fn new(published: Published) -> Shared {
        Shared(Mutex::new(published))
    }

    /// The segment being written is durable up to the offset `end`, which is the end of fact `durable`.
    pub(super) fn publish(&self, number: u64, end: u64, durable: Sequence) {
        let mut published = self.0.lock();
        let last = published.segments.last_mut().expect("never empty");
        assert_eq!(last.number, number, "only the last segment grows");
        last.end = Some(end);
        published.durable = durable;
    }

    /// A new segment is being written.
    pub(super) fn begin(&self, segment: Known) {
        self.0.lock().segments.push(segment);
    }

    /// The oldest number that can be read.
    pub(super) fn first(&self) -> Sequence {
        self.0.lock().segments[0].first
    }

    /// The oldest segment, if another follows it and all its facts are before `before`.
    pub(super) fn oldest_ending_before(&self, before: Sequence) -> Option<u64> {
        match self.0.lock().segments[..] {
            [oldest, next, ..] if next.first <= before => Some(oldest.number),
            _ => None,
        }
    }

    /// The oldest segment is gone.
    pub(super) fn drop_oldest(&self, number: u64) {
        let oldest = self.0.lock().segments.remove(0);
        assert_eq!(oldest.number, number, "trimmed from the oldest on");
    }

    /// The segment in which fact `sequence` is or will be, and where it ends.
    fn segment_of(&self, sequence: Sequence) -> Result<Extent, StorageError> {
        let published = self.0.lock();
        let segments = &published.segments;
        let later = segments.partition_point(|segment| segment.first <= sequence);
        let Some(place) = later.checked_sub(1) else {
            return Err(StorageError::Missing { needed: sequence, first: segments[0].first });
        };
        Ok(Extent::of(segments, place))
    }

    /// The segment `number` as it is now, and whether another follows it. `None` if it was trimmed.
    fn segment(&self, number: u64) -> Option<Extent> {
        let published = self.0.lock();
        let place = published.segments.iter().position(|segment| segment.number == number)?;
        Some(Extent::of(&published.segments, place))
    }
}

/// How far a segment can be read.
#[derive(Clone, Copy, Debug)]
struct Extent {
    number: u64,
    /// The offset after its last durable frame, if known.
    end: Option<u64>,
    /// The first fact of the segment after it, if there is one.
    until: Option<Sequence>,
}

impl Extent {
    fn of(segments: &[Known], place: usize) -> Extent {
        let Known { number, end, .. } = segments[place];
        Extent { number, end, until: segments.get(place + 1).map(|next| next.first) }
    }
}

/// A reader of a file journal.
pub(super) struct FileReader<D: Disk> {
    disk: D,
    shared: Arc<Shared>,
    seed: Seed,
    /// Facts before this one are stepped over.
    from: Sequence,
    /// The number of the next record to be read.
    next: Sequence,
    number: u64,
    name: String,
    file: D::File,
    window: Window,
    offset: u64,
    /// Where the frame given last begins.
    given_at: u64,
    /// No byte from here on is read.
    limit: u64,
    /// The first fact of the next segment, as far as known.
    until: Option<Sequence>,
}

impl<D: Disk> FileReader<D> {
    pub(super) fn open(
        disk: D,
        shared: Arc<Shared>,
        seed: Seed,
        from: Sequence,
    ) -> Result<FileReader<D>, StorageError> {
        let from = from.max(Sequence(1));
        let extent = shared.segment_of(from)?;
        let (file, header) = open_segment(&disk, &shared, extent.number, from)?;
        let mut reader = FileReader {
            disk,
            seed,
            from,
            next: header,
            number: extent.number,
            name: segment_name(extent.number),
            file,
            window: Window::default(),
            offset: SEGMENT_HEADER_BYTES as u64,
            given_at: 0,
            limit: 0,
            until: None,
            shared,
        };
        reader.extend(extent)?;
        Ok(reader)
    }

    /// Takes note of how far the segment can be read now.
    fn extend(&mut self, extent: Extent) -> Result<(), StorageError> {
        self.limit = match extent.end {
            Some(end) => end,
            None => self.file.len().map_err(StorageError::io("read", &self.name))?,
        };
        self.until = extent.until;
        Ok(())
    }

    /// Finds more to read; `false` if there is nothing yet.
    fn advance(&mut self) -> Result<bool, StorageError> {
        let Some(extent) = self.shared.segment(self.number) else {
            // Trimmed behind our back: go on where our number is now, if it is still there.
            let extent = self.shared.segment_of(self.next)?;
            return self.enter(extent).map(|()| true);
        };
        self.extend(extent)?;
        match extent.until {
            Some(until) if until == self.next => {
                let next = self.shared.segment(self.number + 1);
                match next {
                    Some(extent) => self.enter(extent).map(|()| true),
                    None => self.advance(),
                }
            }
            Some(until) if self.offset >= self.limit => {
                let why = format!("the next segment begins with fact {until}, here {} was due", self.next);
                Err(StorageError::damaged(&self.name, self.offset, why))
            }
            _ => Ok(self.offset < self.limit),
        }
    }

    fn enter(&mut self, extent: Extent) -> Result<(), StorageError> {
        let (file, first) = open_segment(&self.disk, &self.shared, extent.number, self.next)?;
        self.number = extent.number;
        self.name = segment_name(extent.number);
        self.file = file;
        self.window.clear();
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.next = first;
        self.extend(extent)
    }
}

/// Opens a segment and reads its first number.
fn open_segment<D: Disk>(
    disk: &D,
    shared: &Shared,
    number: u64,
    needed: Sequence,
) -> Result<(D::File, Sequence), StorageError> {
    let name = segment_name(number);
    let file = match disk.open(&name) {
        Ok(file) => file,
        // Trimmed since we looked at the list.
        Err(error) if error.kind() == io::ErrorKind::NotFound && shared.segment(number).is_none() => {
            return Err(StorageError::Missing { needed, first: shared.first() });
        }
        Err(error) => return Err(StorageError::io("open", name)(error)),
    };
    let header = super::open::read_header(&file, number)?;
    Ok((file, header.first))
}

impl<D: Disk> FrameReader for FileReader<D> {
    fn next_frame(&mut self) -> Result<Option<Frame<'_>>, StorageError> {
        let (header, at) = loop {
            if (self.offset >= self.limit || self.until == Some(self.next)) && !self.advance()? {
                return Ok(None);
            }
            if self.offset >= self.limit {
                continue;
            }
            let at = self.offset;
            let mut scan = Scan {
                file: &self.file,
                name: &self.name,
                len: self.limit,
                seed: self.seed,
                window: &mut self.window,
            };
            let header = match scan.frame_at(at)? {
                Ok(frame) => *frame.header(),
                Err(BadFrame::Newer(version)) => return Err(newer(self.name.clone(), at, version)),
                Err(bad) => return Err(StorageError::damaged(&self.name, at, bad)),
            };
            if header.first != self.next {
                let why = format!("the frame begins with fact {}, {} was due", header.first, self.next);
                return Err(StorageError::damaged(&self.name, at, why));
            }
            self.offset += header.frame_bytes() as u64;
            self.next = header.last().next();
            if self.next > self.from {
                break (header, at);
            }
        };
        self.given_at = at;
        let bytes = self.window.get(at, header.frame_bytes()).expect("just read");
        Ok(Some(Frame::checked(header, bytes).starting_at(self.from)))
    }

    fn place(&self) -> (&str, u64) {
        (&self.name, self.given_at)
    }
}
