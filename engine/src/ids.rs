//! Names and numbers of things, and how they are written down.
//!
//! What the engine makes (carts, holds, orders, checkouts) is found without a hash: an id *is* the place. 64 bits:
//!
//! ```text
//! 63      58 57          48 47                  28 27                          0
//! [partition][ inventory shard ][    generation      ][ index in the shard's carts ]
//!    6 bits      10 bits              20 bits                   28 bits
//! ```
//!
//! The upper 16 bits are the routing: whoever has an id knows the partition and the shard. The generation tells a cart
//! from the one that had its index before it. Text is 13 characters of Crockford's base32 in lower case after a prefix
//! that names the kind; what belongs to a cart adds its ordinal: `hold_0g0000000000c.2`.

use std::fmt;

/// Index of a sale in its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct SaleIx(pub u16);

/// Index of a channel (`web`, `phone`): who sold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct ChannelIx(pub u16);

/// A person, as the keyed hash of what the shop calls them. The key never leaves the data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerHash(pub u128);

/// Where a slot lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct SlotRef {
    /// The inventory shard, 0 to 63.
    pub shard: u8,
    /// The index among the shard's slots.
    pub index: u32,
}

/// A number of units.
pub type Quantity = u32;

/// The place of a cart, and its public id. See the module's opening for the bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CartId(pub u64);

const INDEX_BITS: u32 = 28;
pub(crate) const GENERATION_BITS: u32 = 20;
const SHARD_BITS: u32 = 10;

impl CartId {
    /// How many carts one shard can remember at a time.
    pub const MAX_INDEX: u32 = (1 << INDEX_BITS) - 1;

    /// Puts an id together. Parts wider than their bits are a bug of the caller.
    #[must_use]
    pub fn new(partition: u8, shard: u8, generation: u32, index: u32) -> Self {
        debug_assert!(partition < 64 && index <= Self::MAX_INDEX);
        let generation = u64::from(generation) & ((1 << GENERATION_BITS) - 1);
        Self(
            u64::from(partition) << (INDEX_BITS + GENERATION_BITS + SHARD_BITS)
                | u64::from(shard) << (INDEX_BITS + GENERATION_BITS)
                | generation << INDEX_BITS
                | u64::from(index),
        )
    }

    /// The partition it lives in, 0 to 63.
    #[must_use]
    pub const fn partition(self) -> u8 {
        (self.0 >> (INDEX_BITS + GENERATION_BITS + SHARD_BITS)) as u8
    }

    /// The inventory shard it lives in; an id made elsewhere may name one that does not exist.
    #[must_use]
    pub const fn shard(self) -> u16 {
        (self.0 >> (INDEX_BITS + GENERATION_BITS)) as u16 & ((1 << SHARD_BITS) - 1)
    }

    /// Tells it from earlier carts of the same index.
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps what is meant")]
    #[must_use]
    pub const fn generation(self) -> u32 {
        (self.0 >> INDEX_BITS) as u32 & ((1 << GENERATION_BITS) - 1)
    }

    /// The index among the shard's carts.
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps what is meant")]
    #[must_use]
    pub const fn index(self) -> u32 {
        self.0 as u32 & Self::MAX_INDEX
    }
}

impl fmt::Debug for CartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PublicId::cart(*self).text().as_str())
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 64 bits as 13 characters.
fn base32(number: u64) -> [u8; 13] {
    std::array::from_fn(|place| ALPHABET[((number >> (60 - 5 * place)) & 31) as usize])
}

fn parse_base32(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    // The first of 13 characters carries only 4 bits: 13 * 5 = 65.
    if bytes.len() != 13 || bytes[0] > b'f' {
        return None;
    }
    bytes.iter().try_fold(0_u64, |value, byte| {
        let digit = ALPHABET.iter().position(|letter| letter == byte)?;
        Some(value << 5 | digit as u64)
    })
}

/// The kinds of public id that are derived from a cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdKind {
    /// `cart_…`
    Cart,
    /// `order_…`: a cart makes at most one order, so they share the number.
    Order,
    /// `co_….n`: the n-th checkout of a cart, from 1.
    Checkout,
    /// `hold_….n`
    Hold,
    /// `bdl_….n`: the n-th bundle of a cart, from 1.
    Bundle,
}

impl IdKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Cart => "cart_",
            Self::Order => "order_",
            Self::Checkout => "co_",
            Self::Hold => "hold_",
            Self::Bundle => "bdl_",
        }
    }

    const fn has_ordinal(self) -> bool {
        matches!(self, Self::Checkout | Self::Hold | Self::Bundle)
    }
}

/// A public id, ready to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicId {
    /// What it names.
    pub kind: IdKind,
    /// The cart it is derived from.
    pub cart: CartId,
    /// Which of the cart's, for kinds that have several; else 0.
    pub ordinal: u8,
}

impl PublicId {
    /// Names a cart.
    #[must_use]
    pub const fn cart(cart: CartId) -> Self {
        Self { kind: IdKind::Cart, cart, ordinal: 0 }
    }

    /// Names the order of a cart.
    #[must_use]
    pub const fn order(cart: CartId) -> Self {
        Self { kind: IdKind::Order, cart, ordinal: 0 }
    }

    /// Names a checkout of a cart.
    #[must_use]
    pub const fn checkout(cart: CartId, attempt: u8) -> Self {
        Self { kind: IdKind::Checkout, cart, ordinal: attempt }
    }

    /// Names a hold of a cart.
    #[must_use]
    pub const fn hold(cart: CartId, ordinal: u8) -> Self {
        Self { kind: IdKind::Hold, cart, ordinal }
    }

    /// Names a bundle of a cart.
    #[must_use]
    pub const fn bundle(cart: CartId, ordinal: u8) -> Self {
        Self { kind: IdKind::Bundle, cart, ordinal }
    }

    /// Reads an id of the kind asked for; anything else, however close, is `None`, which callers answer as unknown.
    #[must_use]
    pub fn parse(kind: IdKind, text: &str) -> Option<Self> {
        let rest = text.strip_prefix(kind.prefix())?;
        let (number, ordinal) = if kind.has_ordinal() {
            let (number, ordinal) = rest.split_once('.')?;
            if ordinal.is_empty() || ordinal.len() > 3 || (ordinal.len() > 1 && ordinal.starts_with('0')) {
                return None;
            }
            if !ordinal.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (number, ordinal.parse().ok()?)
        } else {
            (rest, 0)
        };
        Some(Self { kind, cart: CartId(parse_base32(number)?), ordinal })
    }
}

/// A public id as text, on the stack: every answer carries several.
#[derive(Clone, Copy, Debug)]
pub struct IdText {
    bytes: [u8; IdText::ROOM],
    len: u8,
}

impl IdText {
    /// The longest: `order_` and 13 characters, or `hold_`, 13, a dot and 3.
    const ROOM: usize = 24;

    /// The text, which is ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// What all ids of one cart have in common, as text: made once for an answer that says several.
#[derive(Clone, Copy, Debug)]
pub struct NumberText([u8; 13]);

impl CartId {
    /// Its number as every id of it says it.
    #[must_use]
    pub fn number_text(self) -> NumberText {
        NumberText(base32(self.0))
    }
}

impl PublicId {
    /// The id as text.
    #[must_use]
    pub fn text(self) -> IdText {
        self.text_with(self.cart.number_text())
    }

    /// The same with the number of its cart, which is known already.
    #[inline]
    #[must_use]
    pub fn text_with(self, NumberText(number): NumberText) -> IdText {
        let mut bytes = [0; IdText::ROOM];
        let (prefix, rest) = bytes.split_at_mut(self.kind.prefix().len());
        prefix.copy_from_slice(self.kind.prefix().as_bytes());
        rest[..13].copy_from_slice(&number);
        let mut len = prefix.len() + 13;
        if self.kind.has_ordinal() {
            bytes[len] = b'.';
            len += 1;
            for place in [100, 10, 1] {
                if self.ordinal >= place || place == 1 {
                    bytes[len] = b'0' + self.ordinal / place % 10;
                    len += 1;
                }
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "the array is far shorter than 255")]
        let len = len as u8;
        IdText { bytes, len }
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// Which bytes an id may have. A table: every hold asks about some thirty bytes, and three ranges cost three times as much.
const IN_IDS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        byte += 1;
    }
    table
};

/// Whether `text` may be the id of a slot, venue, section, product, rule or channel: `[A-Za-z0-9._-]{1,64}`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| IN_IDS[usize::from(byte)])
}

/// Whether `text` may be the id of a sale: `[a-z0-9-]{1,64}`.
#[must_use]
pub fn is_sale_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were_written() {
        for number in [0, 1, 31, 32, u64::MAX, CartId::new(3, 63, 77, 123_456).0] {
            for (kind, ordinal) in
                [(IdKind::Cart, 0), (IdKind::Hold, 0), (IdKind::Hold, 255), (IdKind::Checkout, 1)]
            {
                let id = PublicId { kind, cart: CartId(number), ordinal };
                let text = id.to_string();
                assert!(is_id(&text), "{text}");
                assert_eq!(PublicId::parse(kind, &text), Some(id), "{text}");
            }
        }
    }

    #[test]
    fn what_is_not_exactly_an_id_is_none() {
        let good = PublicId::hold(CartId(99), 2).to_string();
        for bad in [
            "",
            "hold_",
            "hold_0000000000000",
            "hold_0000000000000.",
            "hold_0000000000000.00",
            "hold_0000000000000.256",
            "hold_0000000000000.+1",
            "hold_g000000000000.1",
            "hold_000000000000u.1",
            "HOLD_0000000000000.1",
            &good.replace("hold", "cart"),
            &format!("{good} "),
        ] {
            assert_eq!(PublicId::parse(IdKind::Hold, bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_id_carries_its_routing() {
        let id = CartId::new(5, 63, 0xf_ffff, CartId::MAX_INDEX);
        assert_eq!(
            (id.partition(), id.shard(), id.generation(), id.index()),
            (5, 63, 0xf_ffff, CartId::MAX_INDEX)
        );
    }
}
