//! Looking at a journal without opening it: for `onsale inspect journal` and for people with a damaged disk.
//!
//! Reads only, takes no lock and mends nothing. Beside a running server the last frame may be seen half written.

use super::error::StorageError;
use super::frame::{Chain, Frame, FrameHeader};
use super::open::{Survey, read_header};
use super::scan::{Beyond, Scan, Tip};
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader, segment_name};
use super::window::Window;
use crate::ports::{Disk, DiskFile};

/// Something found in a journal, in the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A segment begins.
    Segment {
        /// Its name.
        file: String,
        /// What its header says.
        header: SegmentHeader,
        /// Bytes of the file.
        bytes: u64,
        /// Whether it continues the segment before it, by number and chain; `None` for the first.
        linked: Option<bool>,
    },
    /// A frame whose checksums are right.
    Frame {
        /// The segment it is in.
        file: String,
        /// Where it begins.
        offset: u64,
        /// What its header says.
        header: FrameHeader,
        /// The chain after it, as it says itself.
        chain: Chain,
        /// Whether it continues the frame before it: number, incarnation and chain.
        linked: bool,
    },
    /// The frames of a segment end; zeros follow, or nothing.
    End {
        /// The segment.
        file: String,
        /// The offset after the last frame.
        offset: u64,
    },
    /// The last segment ends in a torn tail: what was being written when the process or the machine stopped. No later frame
    /// says that it was durable, and the next start cuts it.
    Torn {
        /// The segment.
        file: String,
        /// Its first byte.
        offset: u64,
        /// One past its last byte that is not zero.
        end: u64,
    },
    /// The first byte of a segment that cannot be trusted. The rest of the segment is not shown.
    Bad {
        /// The segment.
        file: String,
        /// Where it is.
        offset: u64,
        /// What is wrong there, and whether a later frame says it was durable.
        why: String,
    },
}

/// The findings of a journal, see [`inspect`].
#[derive(Debug)]
pub struct Inspection<D: Disk> {
    disk: D,
    numbers: std::vec::IntoIter<u64>,
    window: Window,
    open: Option<OpenSegment<D::File>>,
    before: Option<Tip>,
    /// The frame given last: its offset and header.
    shown: Option<(u64, FrameHeader)>,
}

#[derive(Debug)]
struct OpenSegment<F> {
    file: F,
    name: String,
    bytes: u64,
    header: SegmentHeader,
    tip: Tip,
    offset: u64,
}

/// Walks over all segments and frames in `disk`.
///
/// # Errors
/// [`StorageError::Io`] if the folder or a file cannot be read; damage is a [`Finding`], not an error.
pub fn inspect<D: Disk>(disk: &D) -> Result<Inspection<D>, StorageError> {
    let survey = Survey::of(disk)?;
    Ok(Inspection {
        disk: disk.clone(),
        numbers: survey.segments.into_iter(),
        window: Window::default(),
        open: None,
        before: None,
        shown: None,
    })
}

impl<D: Disk> Inspection<D> {
    /// The frame given last, if that is what was given last.
    #[must_use]
    pub fn frame(&self) -> Option<Frame<'_>> {
        let (offset, header) = self.shown?;
        self.window.get(offset, header.frame_bytes()).map(|bytes| Frame::checked(header, bytes))
    }

    fn begin(&mut self, number: u64) -> Result<Finding, StorageError> {
        let name = segment_name(number);
        let file = self.disk.open(&name).map_err(StorageError::io("open", &name))?;
        let bytes = file.len().map_err(StorageError::io("read", &name))?;
        let header = match read_header(&file, number) {
            Ok(header) => header,
            Err(error @ StorageError::Io { .. }) => return Err(error),
            Err(error) => {
                self.before = None;
                return Ok(Finding::Bad { file: name, offset: 0, why: error.to_string() });
            }
        };
        let linked = self.before.map(|tip| tip.next == header.first && tip.chain == header.chain);
        self.window.clear();
        self.open = Some(OpenSegment {
            file,
            name: name.clone(),
            bytes,
            header,
            tip: Tip::before(&header),
            offset: SEGMENT_HEADER_BYTES as u64,
        });
        Ok(Finding::Segment { file: name, header, bytes, linked })
    }

    fn step(&mut self, mut open: OpenSegment<D::File>) -> Result<Finding, StorageError> {
        let mut scan = Scan {
            file: &open.file,
            name: &open.name,
            len: open.bytes,
            seed: open.header.id.seed(),
            window: &mut self.window,
        };
        let bad = match scan.frame_at(open.offset)? {
            Ok(frame) => {
                let header = *frame.header();
                let chain = frame.chain();
                let linked = open.tip.follow(&frame).is_ok();
                // After a broken link the frames that hang together among themselves are still worth seeing.
                open.tip = Tip { next: header.last().next(), chain, incarnation: header.incarnation };
                let finding =
                    Finding::Frame { file: open.name.clone(), offset: open.offset, header, chain, linked };
                self.shown = Some((open.offset, header));
                open.offset += header.frame_bytes() as u64;
                self.open = Some(open);
                return Ok(finding);
            }
            Err(bad) => bad,
        };
        self.before = Some(open.tip);
        let (file, offset) = (open.name.clone(), open.offset);
        let why = match (bad, scan.look_beyond(open.offset, &open.tip)?) {
            // A segment that another follows was shortened to what it holds.
            (_, Beyond::Nothing) if open.bytes >= open.header.bytes || self.numbers.len() > 0 => {
                return Ok(Finding::End { file, offset });
            }
            (_, Beyond::Nothing) => {
                format!("the file ends here, its header says {} bytes", open.header.bytes)
            }
            (_, Beyond::Tear { end }) if self.numbers.len() == 0 => {
                return Ok(Finding::Torn { file, offset, end });
            }
            (_, Beyond::Tear { end }) => {
                format!("{bad}; bytes up to offset {end}, and no later frame says they were durable")
            }
            (_, Beyond::Proof { offset, header }) => {
                format!("{bad}; the frame at offset {offset} says it was durable, with mark {}", header.mark)
            }
            (_, Beyond::Misplaced { offset }) => {
                format!("{bad}; fact {} stands at offset {offset}", open.tip.next)
            }
            (_, Beyond::Unclear) => format!("{bad}; too much after it looks like frames and is not"),
        };
        Ok(Finding::Bad { file, offset, why })
    }
}

impl<D: Disk> Iterator for Inspection<D> {
    type Item = Result<Finding, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.shown = None;
        if let Some(open) = self.open.take() {
            return Some(self.step(open));
        }
        let number = self.numbers.next()?;
        Some(self.begin(number))
    }
}
