//! Facts as bytes. The hot kinds are packed by hand, the rare ones are postcard.
//!
//! Numbers are LEB128 (`v`) or fixed little-endian (`u48`, `u64`, `u128`). A fact opens with its kind (1 byte) and its
//! time (`u48`, milliseconds). Deadlines are written as the span after that time. `docs/journal-format.md` shows bytes.
//!
//! A key (24 bytes: `u128` key, `u64` fingerprint) and notes (postcard, length first) are there if the kind's flag bits
//! say so: 0x40 a key, 0x80 notes.

use std::fmt;

use super::{Cold, Fact, Joined, Kind, NewItem, NewItems, Opened, Ordinals, Redeemed};
use crate::codes::CodeRef;
use crate::ids::{CartId, ChannelIx, CustomerHash, SaleIx, SlotRef};
use crate::request::KeyUse;
use crate::time::{Millis, Timestamp, WallTime};

const KEYED: u8 = 0x40;
const NOTED: u8 = 0x80;

const OPENED: u8 = 1;
const ADDED: u8 = 2;
const RELEASED: u8 = 3;
const EXCHANGED: u8 = 4;
const EXTENDED: u8 = 5;
const CONFIRMED: u8 = 6;
const CANCELLED: u8 = 7;
const LAPSED: u8 = 8;
const SETTLED: u8 = 9;
/// The cart became an order, with the wall time. Kind 6, of older journals, has none: there engine time stands for it.
const CONFIRMED_AT: u8 = 10;
/// Somebody joined a line.
const JOINED: u8 = 11;
/// A cart was made with an access code: the code and its use before what kind 1 has.
const REDEEMED: u8 = 12;
const COLD: u8 = 32;

/// The most holds one step can take in or out; the count is one byte.
pub const MAX_ITEMS: usize = 255;

/// Bytes that are no fact of this version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What was expected.
    pub expected: &'static str,
    /// Where in the record, in bytes.
    pub offset: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {} of the record", self.expected, self.offset)
    }
}

impl std::error::Error for DecodeError {}

/// Appends the bytes of a fact to `out`.
///
/// # Panics
/// If a time is beyond the year 10889 (48 bits), which no clock port may return.
pub fn encode(fact: &Fact, out: &mut Vec<u8>) {
    let (kind, key) = match &fact.kind {
        Kind::Opened(opened) => (OPENED | if opened.notes.is_some() { NOTED } else { 0 }, opened.key),
        Kind::Redeemed(redeemed) => {
            (REDEEMED | if redeemed.opened.notes.is_some() { NOTED } else { 0 }, redeemed.opened.key)
        }
        Kind::Added { key, .. } => (ADDED, *key),
        Kind::Released { key, .. } => (RELEASED, *key),
        Kind::Exchanged { key, .. } => (EXCHANGED, *key),
        Kind::Extended { key, .. } => (EXTENDED, *key),
        Kind::Confirmed { key, .. } => (CONFIRMED_AT, *key),
        Kind::Cancelled { key, .. } => (CANCELLED, *key),
        Kind::Lapsed { .. } => (LAPSED, None),
        Kind::Settled { .. } => (SETTLED, None),
        Kind::Joined(_) => (JOINED, None),
        Kind::Cold(_) => (COLD, None),
    };
    out.push(kind | if key.is_some() { KEYED } else { 0 });
    assert!(fact.at.0 < 1 << 48, "engine time {} does not fit 48 bits", fact.at);
    out.extend_from_slice(&fact.at.0.to_le_bytes()[..6]);
    match &fact.kind {
        Kind::Opened(opened) => put_opened(out, fact.at, opened),
        Kind::Redeemed(redeemed) => {
            let Redeemed { opened, code, nth } = &**redeemed;
            out.push(code.shard);
            put_varint(out, u64::from(code.index));
            put_varint(out, u64::from(*nth));
            put_opened(out, fact.at, opened);
        }
        Kind::Added { cart, items, .. } => {
            put_cart(out, *cart);
            put_items(out, items);
        }
        Kind::Released { cart, out: ordinals, .. } | Kind::Cancelled { cart, out: ordinals, .. } => {
            put_cart(out, *cart);
            put_ordinals(out, ordinals);
        }
        Kind::Exchanged { cart, out: ordinals, items, .. } => {
            put_cart(out, *cart);
            put_ordinals(out, ordinals);
            put_items(out, items);
        }
        Kind::Extended { cart, deadline, .. } => {
            put_cart(out, *cart);
            put_varint(out, deadline.since(fact.at).0);
        }
        Kind::Confirmed { cart, wall, .. } => {
            put_cart(out, *cart);
            put_offset(out, fact.at, *wall);
        }
        Kind::Lapsed { cart } => put_cart(out, *cart),
        Kind::Settled { slot, holds } => {
            put_slot(out, *slot);
            put_varint(out, u64::from(*holds));
        }
        Kind::Joined(joined) => {
            put_varint(out, u64::from(joined.sale.0));
            out.push(joined.lane);
            put_varint(out, u64::from(joined.number));
            put_offset(out, fact.at, joined.wall);
            out.push(u8::from(joined.person != 0));
            if joined.person != 0 {
                out.extend_from_slice(&joined.person.to_le_bytes());
            }
        }
        Kind::Cold(cold) => put_postcard(out, &**cold),
    }
    if let Some(key) = key {
        out.extend_from_slice(&key.key.to_le_bytes());
        out.extend_from_slice(&key.fingerprint.to_le_bytes());
    }
    let opened = match &fact.kind {
        Kind::Opened(opened) => Some(opened),
        Kind::Redeemed(redeemed) => Some(&redeemed.opened),
        _ => None,
    };
    if let Some(Opened { notes: Some(notes), .. }) = opened {
        put_postcard(out, &**notes);
    }
}

/// Reads a fact back.
///
/// # Errors
/// [`DecodeError`] if the bytes are not exactly one fact of this version.
pub fn decode(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let mut from = Bytes { rest: bytes, len: bytes.len() };
    let first = from.byte("a kind")?;
    let at = Timestamp(
        from.fixed::<6>("a time").map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], 0, 0]))?,
    );
    let keyed = first & KEYED != 0;
    let noted = first & NOTED != 0;
    let code = first & !(KEYED | NOTED);
    if noted && !matches!(code, OPENED | REDEEMED)
        || keyed && matches!(code, LAPSED | SETTLED | JOINED | COLD)
    {
        return Err(DecodeError { expected: "flags that fit the kind", offset: 0 });
    }
    let mut kind = match code {
        OPENED => Kind::Opened(from.opened(at)?),
        REDEEMED => Kind::Redeemed(Box::new(Redeemed {
            code: CodeRef { shard: from.byte("a shard")?, index: from.small("a code")? },
            nth: from.small("a use")?,
            opened: from.opened(at)?,
        })),
        ADDED => Kind::Added { cart: from.cart()?, items: from.items()?, key: None },
        RELEASED => Kind::Released { cart: from.cart()?, out: from.ordinals()?, key: None },
        EXCHANGED => {
            Kind::Exchanged { cart: from.cart()?, out: from.ordinals()?, items: from.items()?, key: None }
        }
        EXTENDED => Kind::Extended { cart: from.cart()?, deadline: from.later(at)?, key: None },
        CONFIRMED => Kind::Confirmed { cart: from.cart()?, wall: WallTime(at.0.cast_signed()), key: None },
        CONFIRMED_AT => Kind::Confirmed { cart: from.cart()?, wall: from.wall(at)?, key: None },
        CANCELLED => Kind::Cancelled { cart: from.cart()?, out: from.ordinals()?, key: None },
        LAPSED => Kind::Lapsed { cart: from.cart()? },
        SETTLED => Kind::Settled { slot: from.slot()?, holds: from.small("a count")? },
        JOINED => Kind::Joined(from.joined(at)?),
        COLD => Kind::Cold(Box::new(from.postcard::<Cold>("a seldom fact")?)),
        _ => return Err(DecodeError { expected: "a known kind", offset: 0 }),
    };
    if keyed {
        let read = KeyUse {
            key: u128::from_le_bytes(from.fixed("a key")?),
            fingerprint: u64::from_le_bytes(from.fixed("a fingerprint")?),
        };
        match &mut kind {
            Kind::Opened(Opened { key, .. })
            | Kind::Added { key, .. }
            | Kind::Released { key, .. }
            | Kind::Exchanged { key, .. }
            | Kind::Extended { key, .. }
            | Kind::Confirmed { key, .. }
            | Kind::Cancelled { key, .. } => *key = Some(read),
            Kind::Redeemed(redeemed) => redeemed.opened.key = Some(read),
            Kind::Lapsed { .. } | Kind::Settled { .. } | Kind::Joined(_) | Kind::Cold(_) => {}
        }
    }
    if noted {
        let notes = Some(Box::new(from.postcard("notes")?));
        match &mut kind {
            Kind::Opened(opened) => opened.notes = notes,
            Kind::Redeemed(redeemed) => redeemed.opened.notes = notes,
            _ => return from.none("a kind with notes"),
        }
    }
    if !from.rest.is_empty() {
        return from.none("the end");
    }
    Ok(Fact { at, kind })
}

#[expect(clippy::cast_possible_truncation, reason = "the low seven bits are meant")]
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How far the wall is ahead of engine time: outages, so mostly nothing. The lowest bit is the sign.
fn put_offset(out: &mut Vec<u8>, at: Timestamp, wall: WallTime) {
    let ahead = wall.0.wrapping_sub_unsigned(at.0);
    put_varint(out, (ahead << 1 ^ ahead >> 63).cast_unsigned());
}

fn put_cart(out: &mut Vec<u8>, cart: CartId) {
    out.extend_from_slice(&cart.0.to_le_bytes());
}

fn put_opened(out: &mut Vec<u8>, at: Timestamp, opened: &Opened) {
    put_cart(out, opened.cart);
    put_varint(out, u64::from(opened.sale.0));
    put_varint(out, u64::from(opened.channel.0));
    out.extend_from_slice(&opened.customer.0.to_le_bytes());
    put_varint(out, opened.deadline.since(at).0);
    put_varint(out, opened.hard_deadline.since(at).0);
    put_items(out, &opened.items);
}

fn put_slot(out: &mut Vec<u8>, slot: SlotRef) {
    out.push(slot.shard);
    put_varint(out, u64::from(slot.index));
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.push(
        u8::try_from(count).unwrap_or_else(|_| panic!("{count} items in one fact, {MAX_ITEMS} is the most")),
    );
}

fn put_items(out: &mut Vec<u8>, items: &NewItems) {
    put_count(out, items.len());
    for item in items {
        put_slot(out, item.slot);
        put_varint(out, u64::from(item.quantity));
        out.push(item.bundle);
    }
}

fn put_ordinals(out: &mut Vec<u8>, ordinals: &Ordinals) {
    put_count(out, ordinals.len());
    out.extend_from_slice(ordinals);
}

fn put_postcard<T: serde::Serialize>(out: &mut Vec<u8>, value: &T) {
    let bytes = postcard::to_stdvec(value).unwrap_or_else(|error| panic!("postcard refused a fact: {error}"));
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(&bytes);
}

/// What is still to be read of a record, and how long all of it is.
struct Bytes<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Bytes<'a> {
    #[cold]
    fn none<T>(&self, expected: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError { expected, offset: self.len - self.rest.len() })
    }

    fn slice(&mut self, len: usize, expected: &'static str) -> Result<&'a [u8], DecodeError> {
        let Some((slice, rest)) = self.rest.split_at_checked(len) else { return self.none(expected) };
        self.rest = rest;
        Ok(slice)
    }

    #[inline]
    fn fixed<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], DecodeError> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else { return self.none(expected) };
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn byte(&mut self, expected: &'static str) -> Result<u8, DecodeError> {
        self.fixed::<1>(expected).map(|[byte]| byte)
    }

    /// Nearly every number of a hold has one or two bytes.
    #[inline]
    fn varint(&mut self, expected: &'static str) -> Result<u64, DecodeError> {
        let first = self.byte(expected)?;
        if first < 0x80 { Ok(u64::from(first)) } else { self.longer_varint(first, expected) }
    }

    fn longer_varint(&mut self, first: u8, expected: &'static str) -> Result<u64, DecodeError> {
        let mut value = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte(expected)?;
            if shift == 63 && byte > 1 {
                return self.none(expected);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        self.none(expected)
    }

    #[inline]
    fn small<T: TryFrom<u64>>(&mut self, expected: &'static str) -> Result<T, DecodeError> {
        let value = self.varint(expected)?;
        T::try_from(value).or_else(|_| self.none(expected))
    }

    fn cart(&mut self) -> Result<CartId, DecodeError> {
        Ok(CartId(u64::from_le_bytes(self.fixed("a cart")?)))
    }

    fn slot(&mut self) -> Result<SlotRef, DecodeError> {
        Ok(SlotRef { shard: self.byte("a shard")?, index: self.small("a slot")? })
    }

    fn later(&mut self, at: Timestamp) -> Result<Timestamp, DecodeError> {
        Ok(at.plus(Millis(self.varint("a span")?)))
    }

    fn opened(&mut self, at: Timestamp) -> Result<Opened, DecodeError> {
        Ok(Opened {
            cart: self.cart()?,
            sale: SaleIx(self.small("a sale")?),
            channel: ChannelIx(self.small("a channel")?),
            customer: CustomerHash(u128::from_le_bytes(self.fixed("a customer")?)),
            deadline: self.later(at)?,
            hard_deadline: self.later(at)?,
            items: self.items()?,
            key: None,
            notes: None,
        })
    }

    fn joined(&mut self, at: Timestamp) -> Result<Joined, DecodeError> {
        let (sale, lane) = (SaleIx(self.small("a sale")?), self.byte("a lane")?);
        let (number, wall) = (self.small("a number")?, self.wall(at)?);
        let person = match self.byte("whether somebody is known")? {
            0 => 0,
            1 => u128::from_le_bytes(self.fixed("a person")?),
            _ => return self.none("0 or 1"),
        };
        Ok(Joined { sale, lane, number, person, wall })
    }

    fn wall(&mut self, at: Timestamp) -> Result<WallTime, DecodeError> {
        let ahead = self.varint("an offset of the wall")?;
        let ahead = (ahead >> 1).cast_signed() ^ -((ahead & 1).cast_signed());
        Ok(WallTime(ahead.wrapping_add_unsigned(at.0)))
    }

    fn items(&mut self) -> Result<NewItems, DecodeError> {
        let mut items = NewItems::new();
        for _ in 0..self.byte("a count of items")? {
            let (slot, quantity) = (self.slot()?, self.small("a quantity")?);
            items.push(NewItem { slot, quantity, bundle: self.byte("a bundle")? });
        }
        Ok(items)
    }

    fn ordinals(&mut self) -> Result<Ordinals, DecodeError> {
        let count = self.byte("a count of holds")?;
        Ok(Ordinals::from_slice(self.slice(usize::from(count), "ordinals")?))
    }

    fn postcard<T: serde::de::DeserializeOwned>(&mut self, expected: &'static str) -> Result<T, DecodeError> {
        let len = usize::try_from(self.varint(expected)?).or_else(|_| self.none(expected))?;
        let bytes = self.slice(len, expected)?;
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            _ => self.none(expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Notes;
    use smallvec::smallvec;

    fn samples() -> Vec<Fact> {
        let cart = CartId::new(1, 63, 9, 77);
        let key = Some(KeyUse { key: 3 << 90, fingerprint: 12 });
        let items: NewItems = smallvec![
            NewItem { slot: SlotRef { shard: 3, index: 70_000 }, quantity: 2, bundle: 1 },
            NewItem { slot: SlotRef { shard: 3, index: 1 }, quantity: 1, bundle: 1 },
        ];
        let opened = Opened {
            cart,
            sale: SaleIx(300),
            channel: ChannelIx(1),
            customer: CustomerHash(u128::MAX - 5),
            deadline: Timestamp(1_600_000),
            hard_deadline: Timestamp(2_000_000),
            items: items.clone(),
            key,
            notes: None,
        };
        let noted = Opened {
            key: None,
            notes: Some(Box::new(Notes { reference: Some("R-1".into()), ..Notes::default() })),
            ..opened.clone()
        };
        let out: Ordinals = smallvec![0, 4];
        let code = CodeRef { shard: 63, index: 70_000 };
        [
            Kind::Redeemed(Box::new(Redeemed { opened: opened.clone(), code, nth: 999 })),
            Kind::Redeemed(Box::new(Redeemed { opened: noted.clone(), code, nth: 0 })),
            Kind::Opened(opened),
            Kind::Opened(noted),
            Kind::Added { cart, items: items.clone(), key },
            Kind::Released { cart, out: out.clone(), key: None },
            Kind::Exchanged { cart, out: out.clone(), items, key },
            Kind::Extended { cart, deadline: Timestamp(1_000_001), key },
            Kind::Confirmed { cart, wall: WallTime(1_000_000), key },
            Kind::Cancelled { cart, out, key },
            Kind::Lapsed { cart },
            Kind::Confirmed { cart, wall: WallTime(i64::MIN), key: None },
            Kind::Confirmed { cart, wall: WallTime(i64::MAX), key: None },
            Kind::Confirmed { cart, wall: WallTime(999_999), key },
            Kind::Settled { slot: SlotRef { shard: 0, index: 5 }, holds: 200 },
            Kind::Cold(Box::new(Cold::ShardDigest { shard: 4, digest: u64::MAX })),
        ]
        .map(|kind| Fact { at: Timestamp(1_000_000), kind })
        .into()
    }

    #[test]
    fn facts_come_back_as_they_were_written_and_in_no_other_length() {
        for fact in samples() {
            let mut bytes = Vec::new();
            encode(&fact, &mut bytes);
            assert_eq!(decode(&bytes).as_ref(), Ok(&fact));
            for cut in 0..bytes.len() {
                assert!(decode(&bytes[..cut]).is_err(), "{fact:?} cut at {cut}");
            }
            bytes.push(0);
            assert!(decode(&bytes).is_err(), "{fact:?} with a byte more");
        }
    }

    #[test]
    fn an_order_of_an_older_journal_has_engine_time_for_its_wall_time() {
        let cart = CartId::new(1, 63, 9, 77);
        let mut bytes = vec![CONFIRMED];
        bytes.extend_from_slice(&1_000_000_u64.to_le_bytes()[..6]);
        put_cart(&mut bytes, cart);
        let kind = Kind::Confirmed { cart, wall: WallTime(1_000_000), key: None };
        assert_eq!(decode(&bytes), Ok(Fact { at: Timestamp(1_000_000), kind }));
    }

    #[test]
    fn a_hold_of_two_slots_and_a_confirm_stay_within_their_bytes() {
        let len = |fact: &Fact| {
            let mut bytes = Vec::new();
            encode(fact, &mut bytes);
            bytes.len()
        };
        let samples = samples();
        assert!(len(&samples[2]) <= 80, "{}", len(&samples[2]));
        assert!(len(&samples[8]) <= 40, "{}", len(&samples[8]));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic() {
        let mut state = 1_u64;
        let mut bytes = Vec::new();
        for _ in 0..200_000 {
            state = crate::digest::mix(state, 77);
            bytes.clear();
            bytes.extend_from_slice(&state.to_le_bytes());
            bytes[0] %= 48;
            for _ in 0..state % 7 {
                state = crate::digest::mix(state, 78);
                bytes.extend_from_slice(&state.to_le_bytes());
            }
            let _ = decode(&bytes);
        }
    }
}
