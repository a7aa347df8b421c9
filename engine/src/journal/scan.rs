//! Reading the frames of one segment and judging what stands after the last good one.
//!
//! A frame is believed if its checksums are right, its number is the next one, its incarnation has not gone back and its
//! hash links to the frame before. Where that ends, [`look_beyond`] searches the rest of the file, at every byte, for a
//! later good frame that could prove the bad place once was durable. A frame's length counts only after its header's
//! checksum was right, and all checking together is bounded by a small multiple of the bytes searched.

use std::collections::VecDeque;
use std::fmt;

use super::error::StorageError;
use super::frame::{self, BadFrame, Chain, Frame, FrameHeader, HEADER_BYTES, Seed};
use super::open::newer;
use super::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use super::window::{CHUNK, Window};
use crate::ports::DiskFile;
use crate::sequence::Sequence;

/// Where a run of frames has come to: what the next frame must continue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tip {
    /// The number the next frame begins with.
    pub next: Sequence,
    /// The chain it must link to.
    pub chain: Chain,
    /// The incarnation of the frame before.
    pub incarnation: u32,
}

impl Tip {
    /// Before the first frame of a segment.
    pub(super) fn before(header: &SegmentHeader) -> Tip {
        Tip { next: header.first, chain: header.chain, incarnation: header.incarnation }
    }

    /// Takes the frame as the next one, or says why it is not.
    pub(super) fn follow(&mut self, frame: &Frame<'_>) -> Result<(), Break> {
        let header = frame.header();
        if header.incarnation < self.incarnation || header.first < self.next {
            return Err(Break::Stale);
        }
        if header.first > self.next {
            return Err(Break::Gap(header.first));
        }
        if !frame.links_to(self.chain) {
            return Err(Break::Unlinked);
        }
        *self = Tip { next: header.last().next(), chain: frame.chain(), incarnation: header.incarnation };
        Ok(())
    }
}

/// Why a run of frames ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// No good frame stands here.
    Bad(BadFrame),
    /// A good frame of earlier days stands here: the file was used before.
    Stale,
    /// A good frame stands here, but not the next one.
    Gap(Sequence),
    /// The next frame by number stands here, but it was written after a different history.
    Unlinked,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Break::Bad(bad) => bad.fmt(f),
            Break::Stale => f.write_str("a frame of earlier days stands here"),
            Break::Gap(first) => write!(f, "the frame here begins with fact {first}"),
            Break::Unlinked => f.write_str("the frame here does not link to the one before it"),
        }
    }
}

/// An open segment file and a window on it.
pub(super) struct Scan<'a, F> {
    pub file: &'a F,
    pub name: &'a str,
    /// Bytes of the file.
    pub len: u64,
    pub seed: Seed,
    pub window: &'a mut Window,
}

/// What a run of frames came to.
#[derive(Debug)]
pub(super) struct Run {
    /// The offset after the last good frame.
    pub end: u64,
    /// Why it ends there.
    pub because: Break,
    /// Frames in it.
    pub frames: u64,
    /// The offset of the first frame that no later one calls durable; `end` if there is none.
    pub unvouched: u64,
}

/// What stands in the file from some offset on.
#[derive(Debug)]
pub(super) enum Beyond {
    /// Zeros, or nothing.
    Nothing,
    /// Bytes that no good frame calls durable.
    Tear {
        /// The offset after the last byte that is not zero.
        end: u64,
    },
    /// A later good frame that was written when the bad place was already durable.
    Proof {
        /// Where it is.
        offset: u64,
        /// What it says.
        header: FrameHeader,
    },
    /// A good frame with the awaited number, in a place where no writer puts it.
    Misplaced {
        /// Where it is.
        offset: u64,
    },
    /// Too much that looks like frames and is not.
    Unclear,
}

impl<F: DiskFile> Scan<'_, F> {
    /// Follows the frames from the beginning of the segment and shows each, once it is believed, with its offset.
    pub(super) fn run(
        &mut self,
        tip: &mut Tip,
        show: &mut dyn FnMut(&str, u64, &Frame<'_>) -> Result<(), StorageError>,
    ) -> Result<Run, StorageError> {
        let mut end = SEGMENT_HEADER_BYTES as u64;
        let mut frames = 0;
        // Places and last numbers of the frames not vouched for so far.
        let mut waiting = VecDeque::new();
        let because = loop {
            let name = self.name;
            let frame = match self.frame_at(end)? {
                Ok(frame) => frame,
                Err(bad) => break Break::Bad(bad),
            };
            if let Err(because) = tip.follow(&frame) {
                break because;
            }
            show(name, end, &frame)?;
            while waiting.pop_front_if(|(_, last)| *last <= frame.header().mark).is_some() {}
            waiting.push_back((end, frame.header().last()));
            end += frame.bytes().len() as u64;
            frames += 1;
        };
        let unvouched = waiting.front().map_or(end, |(offset, _)| *offset);
        Ok(Run { end, because, frames, unvouched })
    }

    /// The frame at `offset`, its links not yet checked.
    pub(super) fn frame_at(&mut self, offset: u64) -> Result<Result<Frame<'_>, BadFrame>, StorageError> {
        let wanted = match self.header_at(offset)? {
            Ok(header) => header.frame_bytes(),
            Err(bad) => return Ok(Err(bad)),
        };
        if wanted as u64 > self.len.saturating_sub(offset) {
            return Ok(Err(BadFrame::PastEnd));
        }
        let seed = self.seed;
        self.load(offset, wanted).map(|bytes| Frame::read(bytes, seed))
    }

    fn header_at(&mut self, offset: u64) -> Result<Result<FrameHeader, BadFrame>, StorageError> {
        let seed = self.seed;
        self.load(offset, HEADER_BYTES).map(|bytes| FrameHeader::decode(bytes, seed))
    }

    fn load(&mut self, offset: u64, wanted: usize) -> Result<&[u8], StorageError> {
        self.window.load(self.file, offset, wanted, self.len).map_err(StorageError::io("read", self.name))
    }

    /// Judges the rest of the file from `offset`, where the run that came to `tip` ends.
    pub(super) fn look_beyond(&mut self, offset: u64, tip: &Tip) -> Result<Beyond, StorageError> {
        let awaited = tip.next;
        let Some(end) = self.last_byte(offset)? else { return Ok(Beyond::Nothing) };
        // Every candidate costs at most its own length, and a good one is stepped over, so honest files need this once.
        let mut budget = 4 * (end - offset) + 2 * frame::frame_bytes(frame::BODY_LIMIT) as u64;
        let mut at = offset;
        while let Some(candidate) = self.find_magic(at, end)? {
            at = candidate + 1;
            let claimed = match self.header_at(candidate)? {
                Ok(header) => header.frame_bytes() as u64,
                Err(BadFrame::Newer(version)) => return Err(newer(self.name.to_owned(), candidate, version)),
                Err(_) => continue,
            };
            let Some(rest) = budget.checked_sub(claimed) else { return Ok(Beyond::Unclear) };
            budget = rest;
            let header = match self.frame_at(candidate)? {
                Ok(frame) => *frame.header(),
                Err(_) => continue,
            };
            at = candidate + claimed;
            // A frame of an earlier incarnation or with a lower number is what the file held before it was used again.
            if header.incarnation < tip.incarnation || header.first < awaited {
                continue;
            }
            if header.first == awaited {
                return Ok(Beyond::Misplaced { offset: candidate });
            }
            if header.mark >= awaited {
                return Ok(Beyond::Proof { offset: candidate, header });
            }
        }
        Ok(Beyond::Tear { end })
    }

    /// The offset after the last byte from `offset` on that is not zero.
    fn last_byte(&mut self, offset: u64) -> Result<Option<u64>, StorageError> {
        static ZEROS: [u8; CHUNK] = [0; CHUNK];
        let mut last = None;
        let mut at = offset;
        loop {
            let bytes = self.load(at, CHUNK)?;
            let read = bytes.len();
            if read == 0 {
                return Ok(last);
            }
            if *bytes != ZEROS[..read] {
                last = bytes.iter().rposition(|byte| *byte != 0).map(|place| at + place as u64 + 1);
            }
            at += read as u64;
        }
    }

    /// The next offset in `at..end` where a frame's magic begins.
    fn find_magic(&mut self, mut at: u64, end: u64) -> Result<Option<u64>, StorageError> {
        while at < end {
            let bytes = self.load(at, CHUNK)?;
            if bytes.len() < frame::MAGIC.len() {
                return Ok(None);
            }
            if let Some(place) = bytes.windows(frame::MAGIC.len()).position(|four| four == frame::MAGIC) {
                return Ok(Some(at + place as u64));
            }
            // The last three bytes may be the beginning of one.
            at += (bytes.len() - (frame::MAGIC.len() - 1)) as u64;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{FrameDraft, JournalId, encode};
    use super::*;
    use crate::ports::Disk;
    use crate::testing::disk::SimDisk;

    /// Looks at a file of `bytes` for fact 5.
    fn look(bytes: &[u8]) -> Beyond {
        let disk = SimDisk::new(1);
        disk.put("file", bytes);
        let file = disk.open("file").unwrap();
        let mut window = Window::default();
        let mut scan = Scan {
            file: &file,
            name: "file",
            len: bytes.len() as u64,
            seed: JournalId(7).seed(),
            window: &mut window,
        };
        scan.look_beyond(0, &Tip { next: Sequence(5), chain: Chain::START, incarnation: 1 }).unwrap()
    }

    fn frame(first: u64, mark: u64, record: usize) -> Vec<u8> {
        frame_of(1, first, mark, record)
    }

    fn frame_of(incarnation: u32, first: u64, mark: u64, record: usize) -> Vec<u8> {
        let mut body = Vec::new();
        super::super::records::push(&mut body, &vec![7; record]);
        let mut out = Vec::new();
        let draft = FrameDraft { first: Sequence(first), count: 1, records: &body };
        encode(&mut out, &draft, Sequence(mark), incarnation, Chain::START, JournalId(7).seed());
        out
    }

    #[test]
    fn a_run_is_continued_by_the_next_frame_only() {
        let seed = JournalId(7).seed();
        let tip = Tip { next: Sequence(5), chain: Chain::START, incarnation: 2 };
        for (bytes, expected) in [
            (frame_of(2, 5, 4, 10), Ok(())),
            (frame_of(3, 5, 0, 10), Ok(())),
            (frame_of(1, 5, 4, 10), Err(Break::Stale)),
            (frame_of(2, 4, 3, 10), Err(Break::Stale)),
            (frame_of(2, 6, 3, 10), Err(Break::Gap(Sequence(6)))),
        ] {
            assert_eq!({ tip }.follow(&Frame::read(&bytes, seed).unwrap()), expected);
        }
        let other = Tip { chain: Chain([1; 16]), ..tip };
        assert_eq!(
            { other }.follow(&Frame::read(&frame_of(2, 5, 4, 10), seed).unwrap()),
            Err(Break::Unlinked)
        );
    }

    #[test]
    fn a_proof_is_found_at_every_byte() {
        let frame = frame(6, 5, 10);
        // Around the edges of what is read at once as well.
        for at in (0..200).chain(CHUNK - 50..CHUNK + 5) {
            let mut bytes = vec![0xf5; at];
            bytes.extend_from_slice(&frame);
            assert!(matches!(look(&bytes), Beyond::Proof { offset, .. } if offset == at as u64), "at {at}");
        }
    }

    #[test]
    fn what_proves_nothing() {
        assert!(matches!(look(&[0; 5000]), Beyond::Nothing));
        assert!(matches!(look(&[]), Beyond::Nothing));
        assert!(matches!(look(b"some bytes\0\0"), Beyond::Tear { end: 10 }));
        assert!(
            matches!(look(&frame(6, 4, 10)), Beyond::Tear { .. }),
            "written when fact 5 was not yet durable"
        );
        assert!(matches!(look(&frame(4, 3, 10)), Beyond::Tear { .. }), "of earlier days");
        assert!(matches!(look(&frame_of(0, 6, 5, 10)), Beyond::Tear { .. }), "of an earlier incarnation");
        assert!(matches!(look(&frame(5, 4, 10)), Beyond::Misplaced { offset: 0 }));
    }

    #[test]
    fn work_is_bounded_however_much_looks_like_frames() {
        // Good headers without end, each claiming nearly all of what follows it.
        let len = 1 << 20;
        let header = &frame(6, 5, len - 100)[..HEADER_BYTES];
        let mut bytes = Vec::new();
        while bytes.len() < len / 8 {
            bytes.extend_from_slice(header);
        }
        bytes.resize(2 * len, 1);
        assert!(matches!(look(&bytes), Beyond::Unclear));
    }
}
