//! One frame: a header of 40 bytes, records, a trailer of 20. The unit that is written, synced and believed as a whole.
//!
//! A frame is the same bytes in a file and in a stream: nothing in it depends on where it stands, so growing into a
//! cluster is copying. Everything is little-endian. `docs/journal-format.md` shows an example in hex.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | magic `F5 6F 6E 66`; `F5` never occurs in UTF-8 |
//! | 4 | 1 | version, 1 |
//! | 5 | 1 | flags, 0 |
//! | 6 | 2 | 0 |
//! | 8 | 4 | bytes of records, at most 16 MiB |
//! | 12 | 4 | number of records, at least 1 |
//! | 16 | 8 | number of the first record |
//! | 24 | 8 | durable mark when the frame was written, less than the first number |
//! | 32 | 4 | incarnation of the writer |
//! | 36 | 4 | CRC-32C of bytes 0..36 |
//! | 40 | n | records |
//! | 40+n | 16 | chain: first 16 bytes of BLAKE3(previous chain ‖ bytes 0..40+n) |
//! | 56+n | 4 | CRC-32C of bytes 0..56+n |
//!
//! Both checksums are taken as if the journal's id stood before the bytes. No client knows it: bytes that look
//! like a frame inside a record, and frames of another journal, are not frames here.
//!
//! A later version keeps the magic, the version byte and the header's checksum where they are, so that "newer" can be told
//! from "damaged".

use std::fmt;

use super::records::{self, Records};
use crate::sequence::Sequence;

/// The version this program writes and the newest it reads.
pub const VERSION: u8 = 1;
/// Bytes before the records.
pub const HEADER_BYTES: usize = 40;
/// Bytes after the records.
pub const TRAILER_BYTES: usize = 20;
/// The most bytes of records a frame can have. Checked before a length is believed.
pub const BODY_LIMIT: usize = 16 << 20;

pub(super) const MAGIC: [u8; 4] = [0xf5, b'o', b'n', b'f'];
const CHAIN_BYTES: usize = 16;
const CRC_BYTES: usize = 4;

/// What tells this journal from every other: random, chosen when the journal is made, in every segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalId(pub u64);

impl JournalId {
    /// What the checksums of this journal's frames start from.
    pub(super) fn seed(self) -> Seed {
        Seed(crc32c::crc32c(&self.0.to_le_bytes()))
    }
}

/// The start value of a journal's checksums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(u32);

impl Seed {
    fn checksum(self, bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(self.0, bytes)
    }
}

/// The hash chain after some frame: says everything before it, in 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chain(pub [u8; CHAIN_BYTES]);

impl Chain {
    /// Before the first frame of a journal.
    pub const START: Chain = Chain([0; CHAIN_BYTES]);

    /// The chain after a frame whose header and records are `bytes`.
    fn link(self, bytes: &[u8]) -> Chain {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(bytes);
        let mut chain = [0; CHAIN_BYTES];
        chain.copy_from_slice(&hasher.finalize().as_bytes()[..CHAIN_BYTES]);
        Chain(chain)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A frame that is to be appended. The journal adds mark, incarnation, chain and checksums.
#[derive(Clone, Copy, Debug)]
pub struct FrameDraft<'a> {
    /// The number of the first record.
    pub first: Sequence,
    /// How many records.
    pub count: u32,
    /// The records, each with its length, as [`records::push`] writes them.
    pub records: &'a [u8],
}

/// What a frame's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Bytes of records.
    pub body_bytes: u32,
    /// How many records.
    pub count: u32,
    /// The number of the first record.
    pub first: Sequence,
    /// Everything up to here was durable when the frame was written.
    pub mark: Sequence,
    /// Which opening of the journal wrote it, from 1.
    pub incarnation: u32,
}

impl FrameHeader {
    /// The number of the last record.
    #[must_use]
    pub fn last(&self) -> Sequence {
        Sequence(self.first.0 + u64::from(self.count) - 1)
    }

    /// Bytes of the whole frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        frame_bytes(self.body_bytes as usize)
    }

    fn encode(&self, seed: Seed) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4] = VERSION;
        bytes[8..12].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.mark.0.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.incarnation.to_le_bytes());
        let checksum = seed.checksum(&bytes[..36]);
        bytes[36..40].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header; after `Ok` its length may be believed as far as the file reaches.
    pub(super) fn decode(bytes: &[u8], seed: Seed) -> Result<FrameHeader, BadFrame> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else { return Err(BadFrame::PastEnd) };
        if bytes[0..4] != MAGIC {
            return Err(BadFrame::NoMagic);
        }
        if le32(bytes, 36) != seed.checksum(&bytes[..36]) {
            return Err(BadFrame::HeaderChecksum);
        }
        // From here on the bytes are as they were written; what is out of bounds was written so.
        if bytes[4] > VERSION {
            return Err(BadFrame::Newer(bytes[4]));
        }
        let header = FrameHeader {
            body_bytes: le32(bytes, 8),
            count: le32(bytes, 12),
            first: Sequence(le64(bytes, 16)),
            mark: Sequence(le64(bytes, 24)),
            incarnation: le32(bytes, 32),
        };
        let in_bounds = bytes[4] == VERSION
            && bytes[5..8] == [0; 3]
            && header.body_bytes as usize <= BODY_LIMIT
            && (1..=header.body_bytes).contains(&header.count)
            && header.mark < header.first
            && header.first.0 <= u64::MAX / 2;
        if in_bounds { Ok(header) } else { Err(BadFrame::Bounds) }
    }
}

/// Bytes of a frame with `body` bytes of records.
#[must_use]
pub fn frame_bytes(body: usize) -> usize {
    HEADER_BYTES + body + TRAILER_BYTES
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// They do not begin like one.
    NoMagic,
    /// The header's checksum is wrong.
    HeaderChecksum,
    /// The header is good and of a newer version.
    Newer(u8),
    /// The header is as it was written and says what no header may say.
    Bounds,
    /// The frame would be longer than the file.
    PastEnd,
    /// The checksum over the whole frame is wrong.
    Checksum,
    /// The checksums are right but the records do not fill the frame.
    Records,
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadFrame::NoMagic => f.write_str("no frame begins here"),
            BadFrame::HeaderChecksum => f.write_str("the frame header's checksum is wrong"),
            BadFrame::Newer(version) => write!(f, "the frame has format version {version}"),
            BadFrame::Bounds => f.write_str("the frame header is out of bounds"),
            BadFrame::PastEnd => f.write_str("the frame goes past the end of the file"),
            BadFrame::Checksum => f.write_str("the frame's checksum is wrong"),
            BadFrame::Records => f.write_str("the records do not fill the frame"),
        }
    }
}

/// A frame read back: checked, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    header: FrameHeader,
    bytes: &'a [u8],
    skip: usize,
}

impl<'a> Frame<'a> {
    /// Reads the frame that begins `bytes` and checks everything but its link to the frame before.
    pub(super) fn read(bytes: &'a [u8], seed: Seed) -> Result<Frame<'a>, BadFrame> {
        let header = FrameHeader::decode(bytes, seed)?;
        let Some(bytes) = bytes.get(..header.frame_bytes()) else { return Err(BadFrame::PastEnd) };
        let covered = bytes.len() - CRC_BYTES;
        if le32(bytes, covered) != seed.checksum(&bytes[..covered]) {
            return Err(BadFrame::Checksum);
        }
        let frame = Frame { header, bytes, skip: 0 };
        if records::fill_exactly(frame.body(), header.count) { Ok(frame) } else { Err(BadFrame::Records) }
    }

    /// A frame that [`Frame::read`] has already checked at this place.
    pub(super) fn checked(header: FrameHeader, bytes: &'a [u8]) -> Frame<'a> {
        debug_assert_eq!(bytes.len(), header.frame_bytes());
        Frame { header, bytes, skip: 0 }
    }

    /// The same frame, its records from `from` on.
    pub(super) fn starting_at(self, from: Sequence) -> Frame<'a> {
        let skip = usize::try_from(from.0.saturating_sub(self.header.first.0)).unwrap_or(usize::MAX);
        Frame { skip, ..self }
    }

    /// What the header says.
    #[must_use]
    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// The records with their numbers, without copying them.
    pub fn records(&self) -> impl Iterator<Item = (Sequence, &'a [u8])> + use<'a> {
        let first = self.header.first.0;
        (first..).map(Sequence).zip(Records::of(self.body())).skip(self.skip)
    }

    /// All of the frame's bytes: what a stream or a copy of the journal carries.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The chain after this frame, as it says itself.
    #[must_use]
    pub fn chain(&self) -> Chain {
        let mut chain = [0; CHAIN_BYTES];
        chain.copy_from_slice(&self.bytes[self.chain_at()..self.chain_at() + CHAIN_BYTES]);
        Chain(chain)
    }

    /// Whether this frame was written after one whose chain is `previous`.
    #[must_use]
    pub fn links_to(&self, previous: Chain) -> bool {
        previous.link(&self.bytes[..self.chain_at()]) == self.chain()
    }

    fn chain_at(&self) -> usize {
        self.bytes.len() - TRAILER_BYTES
    }

    fn body(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..self.bytes.len() - TRAILER_BYTES]
    }
}

/// Writes a frame into `out`, which is emptied first, and returns the chain after it.
///
/// # Panics
/// If the draft is no frame, see [`Journal::append`](super::Journal::append).
pub(super) fn encode(
    out: &mut Vec<u8>,
    draft: &FrameDraft<'_>,
    mark: Sequence,
    incarnation: u32,
    previous: Chain,
    seed: Seed,
) -> Chain {
    assert!(
        draft.records.len() <= BODY_LIMIT && draft.count > 0 && mark < draft.first,
        "no frame: {} bytes, {} records from {}, mark {mark}",
        draft.records.len(),
        draft.count,
        draft.first
    );
    assert!(
        records::fill_exactly(draft.records, draft.count),
        "{} records from {} do not fill the frame",
        draft.count,
        draft.first
    );
    let header = FrameHeader {
        body_bytes: u32::try_from(draft.records.len()).expect("at most BODY_LIMIT"),
        count: draft.count,
        first: draft.first,
        mark,
        incarnation,
    };
    out.clear();
    out.extend_from_slice(&header.encode(seed));
    out.extend_from_slice(draft.records);
    let chain = previous.link(out);
    out.extend_from_slice(&chain.0);
    out.extend_from_slice(&seed.checksum(out).to_le_bytes());
    chain
}

/// Four bytes at `at`. The callers have checked that they are there.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("checked by the caller"))
}

/// Eight bytes at `at`. The callers have checked that they are there.
pub(super) fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("checked by the caller"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Vec<u8>, Seed) {
        let mut body = Vec::new();
        records::push(&mut body, b"first");
        records::push(&mut body, b"second");
        let seed = JournalId(7).seed();
        let mut out = Vec::new();
        let draft = FrameDraft { first: Sequence(10), count: 2, records: &body };
        encode(&mut out, &draft, Sequence(9), 3, Chain::START, seed);
        (out, seed)
    }

    #[test]
    fn a_frame_comes_back() {
        let (bytes, seed) = example();
        let frame = Frame::read(&bytes, seed).unwrap();
        assert!(frame.links_to(Chain::START) && !frame.links_to(frame.chain()));
        assert_eq!((frame.header().last(), frame.header().mark), (Sequence(11), Sequence(9)));
        let all: Vec<_> = frame.records().collect();
        assert_eq!(all, [(Sequence(10), &b"first"[..]), (Sequence(11), &b"second"[..])]);
        assert_eq!(frame.starting_at(Sequence(11)).records().count(), 1);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (mut bytes, seed) = example();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::read(&bytes, seed).is_err(), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn another_journals_frame_is_none_of_ours() {
        let (bytes, _) = example();
        assert_eq!(Frame::read(&bytes, JournalId(8).seed()).unwrap_err(), BadFrame::HeaderChecksum);
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let (mut bytes, seed) = example();
        bytes[4] = 2;
        assert_eq!(Frame::read(&bytes, seed).unwrap_err(), BadFrame::HeaderChecksum);
        let checksum = seed.checksum(&bytes[..36]);
        bytes[36..40].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(Frame::read(&bytes, seed).unwrap_err(), BadFrame::Newer(2));
    }
}
