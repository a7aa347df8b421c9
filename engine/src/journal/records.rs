//! Records inside a frame: `length, bytes, length, bytes, ...`, the length in 7-bit groups (LEB128, lowest group first), at
//! most four of them.
//!
//! A hot fact has 40 to 100 bytes, so its length costs one byte. Only the shortest form of a length is good, so that the
//! same records are always the same bytes.

/// The most bytes a record can have: four groups of seven bits. A frame's own bound is lower.
pub const RECORD_LIMIT: usize = (1 << 28) - 1;

/// Appends `record` with its length.
///
/// # Panics
/// If the record is longer than [`RECORD_LIMIT`].
pub fn push(out: &mut Vec<u8>, record: &[u8]) {
    push_length(out, record.len());
    out.extend_from_slice(record);
}

/// Bytes that a record of `length` takes in a frame.
#[must_use]
pub fn room_for(length: usize) -> usize {
    length
        + match length {
            0..=0x7f => 1,
            0x80..=0x3fff => 2,
            0x4000..=0x1f_ffff => 3,
            _ => 4,
        }
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    assert!(length <= RECORD_LIMIT, "a record of {length} bytes");
    let mut rest = length;
    while rest >= 0x80 {
        out.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_bits(rest));
}

/// The lowest seven bits.
#[expect(clippy::cast_possible_truncation, reason = "masked to seven bits")]
fn low_bits(value: usize) -> u8 {
    (value & 0x7f) as u8
}

/// Takes the first record off `body`; `None` if its length is not in shortest form or goes past the end.
fn split_first(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, mut rest) = body.split_first()?;
    let mut length = usize::from(first & 0x7f);
    if first >= 0x80 {
        let mut shift = 7;
        loop {
            let (&group, after) = rest.split_first()?;
            rest = after;
            length |= usize::from(group & 0x7f) << shift;
            if group < 0x80 {
                if group == 0 {
                    return None;
                }
                break;
            }
            shift += 7;
            if shift > 21 {
                return None;
            }
        }
    }
    rest.split_at_checked(length)
}

/// Whether `body` is exactly `count` records.
#[must_use]
pub fn fill_exactly(body: &[u8], count: u32) -> bool {
    let mut rest = body;
    for _ in 0..count {
        match split_first(rest) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// The records of a body, in order, borrowed from it. Stops at the first length that cannot be; bodies of frames have been
/// checked with [`fill_exactly`], so there it stops at the end.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records of `body`.
    #[must_use]
    pub fn of(body: &'a [u8]) -> Records<'a> {
        Records { rest: body }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (record, rest) = split_first(self.rest)?;
        self.rest = rest;
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_around_every_group_come_back() {
        for length in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000] {
            let record = vec![7; length];
            let mut body = Vec::new();
            push(&mut body, &record);
            assert_eq!(body.len(), room_for(length));
            assert!(fill_exactly(&body, 1));
            assert_eq!(Records::of(&body).next(), Some(&record[..]));
        }
    }

    #[test]
    fn what_cannot_be_a_run_of_records_is_refused() {
        assert!(!fill_exactly(&[], 1), "a record is missing");
        assert!(!fill_exactly(&[0], 0), "bytes are left over");
        assert!(!fill_exactly(&[2, 1], 1), "longer than what is there");
        assert!(!fill_exactly(&[0x80, 0], 1), "zero in two groups");
        assert!(!fill_exactly(&[0x80, 0x80, 0x80, 0x80, 1], 1), "five groups");
        assert!(!fill_exactly(&[0x80], 1), "half a length");
    }
}
