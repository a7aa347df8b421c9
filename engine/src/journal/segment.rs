//! One segment: a file with a header of 512 bytes, then frames, then zeros.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | magic `F5 6F 6E 73 61 6C 65 0A` |
//! | 8 | 1 | version, 1 |
//! | 9 | 7 | 0 |
//! | 16 | 8 | the journal's id |
//! | 24 | 8 | number of the segment, as in its name |
//! | 32 | 8 | number of the first fact in it |
//! | 40 | 8 | bytes of the file when it was taken into use |
//! | 48 | 4 | incarnation of the writer |
//! | 52 | 4 | 0 |
//! | 56 | 16 | chain before the first frame |
//! | 72 | 436 | 0 |
//! | 508 | 4 | CRC-32C of bytes 0..508 |
//!
//! The header fills a sector of its own, so no later write touches it, and it is synced before the file gets its name: a
//! segment with a bad header is damage, never a tear. It is written only when everything before it is durable, which is
//! why it needs no durable mark: the number before `first` is one.

use super::frame::{Chain, JournalId, VERSION, le32, le64};
use crate::sequence::Sequence;

/// Where the first frame begins.
pub const SEGMENT_HEADER_BYTES: usize = 512;

const MAGIC: [u8; 8] = [0xf5, b'o', b'n', b's', b'a', b'l', b'e', b'\n'];
const CHECKSUM_AT: usize = SEGMENT_HEADER_BYTES - 4;

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Which journal it belongs to.
    pub id: JournalId,
    /// Its place among the segments, from 1, without gaps.
    pub number: u64,
    /// The number of the first fact in it.
    pub first: Sequence,
    /// Bytes of the file when it was taken into use; a closed segment is shortened to what it holds.
    pub bytes: u64,
    /// Which opening of the journal wrote it, from 1.
    pub incarnation: u32,
    /// The chain before its first frame.
    pub chain: Chain,
}

/// Why bytes are not a segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadSegment {
    /// They are damaged.
    Damaged(&'static str),
    /// They are good and of a newer version.
    Newer(u8),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8] = VERSION;
        bytes[16..24].copy_from_slice(&self.id.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.number.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.incarnation.to_le_bytes());
        bytes[56..72].copy_from_slice(&self.chain.0);
        let checksum = crc32c::crc32c(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads the header of the segment called `number`.
    pub(super) fn decode(bytes: &[u8], number: u64) -> Result<SegmentHeader, BadSegment> {
        let Some(bytes) = bytes.first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return Err(BadSegment::Damaged("the file is shorter than a segment header"));
        };
        if bytes[0..8] != MAGIC {
            return Err(BadSegment::Damaged("no segment header begins here"));
        }
        if le32(bytes, CHECKSUM_AT) != crc32c::crc32c(&bytes[..CHECKSUM_AT]) {
            return Err(BadSegment::Damaged("the segment header's checksum is wrong"));
        }
        if bytes[8] > VERSION {
            return Err(BadSegment::Newer(bytes[8]));
        }
        let mut chain = Chain::START;
        chain.0.copy_from_slice(&bytes[56..72]);
        let header = SegmentHeader {
            id: JournalId(le64(bytes, 16)),
            number: le64(bytes, 24),
            first: Sequence(le64(bytes, 32)),
            bytes: le64(bytes, 40),
            incarnation: le32(bytes, 48),
            chain,
        };
        if header.number != number {
            return Err(BadSegment::Damaged("the segment header's number is not the one in its name"));
        }
        if bytes[8] != VERSION || header.first == Sequence::ZERO || header.first.0 > u64::MAX / 2 {
            return Err(BadSegment::Damaged("the segment header is out of bounds"));
        }
        Ok(header)
    }
}

/// The name of segment `number`.
pub(super) fn segment_name(number: u64) -> String {
    format!("journal-{number:08}.seg")
}

/// The number in a segment's name; `None` for every other file.
pub(super) fn segment_number(name: &str) -> Option<u64> {
    numbered(name, "journal-", ".seg")
}

/// The name of a spare: a file of zeros, synced, that can become a segment.
pub(super) fn spare_name(number: u64) -> String {
    format!("spare-{number:08}.seg")
}

/// The number in a spare's name.
pub(super) fn spare_number(name: &str) -> Option<u64> {
    numbered(name, "spare-", ".seg")
}

/// The name of a spare that is still being filled with zeros; of no value after a restart.
pub(super) fn filling_name(number: u64) -> String {
    format!("spare-{number:08}.tmp")
}

/// The number in the name of a spare that was being filled.
pub(super) fn filling_number(name: &str) -> Option<u64> {
    numbered(name, "spare-", ".tmp")
}

fn numbered(name: &str, prefix: &str, suffix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    let number: u64 = digits.parse().ok()?;
    // One number has one name: "journal-1.seg" beside "journal-00000001.seg" is somebody else's file.
    (format!("{number:08}") == digits).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        assert_eq!(segment_number(&segment_name(12)), Some(12));
        assert_eq!(segment_number(&segment_name(123_456_789)), Some(123_456_789));
        assert_eq!(segment_number("journal-12.seg"), None);
        assert_eq!(segment_number("journal-+0000012.seg"), None);
        assert_eq!(segment_number("journal-00000012.seg.bak"), None);
    }

    #[test]
    fn a_header_comes_back_and_every_flip_is_noticed() {
        let header = SegmentHeader {
            id: JournalId(5),
            number: 2,
            first: Sequence(77),
            bytes: 4096,
            incarnation: 3,
            chain: Chain([9; 16]),
        };
        let mut bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes, 2), Ok(header));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(SegmentHeader::decode(&bytes, 2), Err(BadSegment::Damaged(_))), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
