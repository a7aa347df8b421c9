//! The small change of a snapshot: numbers, times and texts as bytes, and back. The same forms as in `fact/code.rs`.

use crate::time::{Timestamp, WallTime};

/// Something that cannot have been written: what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Odd(pub &'static str);

/// LEB128, lowest group first.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the low seven bits are meant")]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Engine time, 48 bits.
#[inline]
pub fn put_time(out: &mut Vec<u8>, at: Timestamp) {
    assert!(at.0 < 1 << 48, "engine time {at} does not fit 48 bits");
    out.extend_from_slice(&at.0.to_le_bytes()[..6]);
}

/// Wall time, 64 bits.
pub fn put_wall(out: &mut Vec<u8>, at: WallTime) {
    out.extend_from_slice(&at.0.to_le_bytes());
}

/// Length, bytes.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Length, postcard.
pub fn put_postcard<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    let bytes = postcard::to_stdvec(value).unwrap_or_else(|error| panic!("postcard refused: {error}"));
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
}

/// Takes items off the beginning of a chunk's bytes.
#[derive(Debug)]
pub struct Take<'a> {
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    /// From the beginning of `bytes`.
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet taken.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    /// So many bytes.
    #[inline]
    pub fn slice(&mut self, len: usize) -> Result<&'a [u8], Odd> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Odd("more bytes"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// An array.
    #[inline]
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Odd> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Odd("more bytes"))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8, Odd> {
        Ok(self.fixed::<1>()?[0])
    }

    /// LEB128.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Odd> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Odd("a number"))
    }

    /// LEB128 that fits a smaller type.
    #[inline]
    pub fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Odd> {
        T::try_from(self.varint()?).map_err(|_| Odd("a smaller number"))
    }

    /// Engine time.
    #[inline]
    pub fn time(&mut self) -> Result<Timestamp, Odd> {
        let b = self.fixed::<6>()?;
        Ok(Timestamp(u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], 0, 0])))
    }

    /// Wall time.
    pub fn wall(&mut self) -> Result<WallTime, Odd> {
        Ok(WallTime(i64::from_le_bytes(self.fixed()?)))
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str, Odd> {
        let len = self.small()?;
        std::str::from_utf8(self.slice(len)?).map_err(|_| Odd("a text"))
    }

    /// A value written with postcard.
    pub fn postcard<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, Odd> {
        let len = self.small()?;
        match postcard::take_from_bytes(self.slice(len)?) {
            Ok((value, [])) => Ok(value),
            _ => Err(Odd("a postcard value")),
        }
    }
}
