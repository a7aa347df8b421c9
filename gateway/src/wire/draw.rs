//! The document of a draw: all that an outsider needs to check it, as it is served and as it is saved.
//!
//! It is read back by `onsale verify-draw`, perhaps years later and from a newer server: unlike everything else that
//! comes in, fields that are not known are let through. A document of a million entries is parsed without a copy of its
//! text, so the types borrow.

use std::borrow::Cow;
use std::fmt;

use onsale_engine::waiting_room::draw::{Leaf, RunningDigest};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::time::Written;

/// `GET /v1/sales/{sale}/draw`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrawDocument<'a> {
    /// The sale.
    #[serde(borrow)]
    pub sale: Cow<'a, str>,
    /// Name and version of the draw.
    #[serde(borrow)]
    pub algorithm: Cow<'a, str>,
    /// How far it is.
    pub phase: Phase,
    /// SHA-256 of the seed, known since the room was made.
    pub commitment: Hex<32>,
    /// The seed; null until `drawn`.
    pub seed: Option<Hex<32>>,
    /// The outside value that was posted after registration closed; its bytes are its UTF-8. Null or empty: none.
    #[serde(borrow)]
    pub beacon: Option<Cow<'a, str>>,
    /// All registrations so far.
    pub registrations: Total,
    /// How many there were, minute by minute, in order.
    pub minutes: Vec<Minute>,
    /// The lanes, in the sale's order.
    #[serde(borrow)]
    pub lanes: Vec<Lane<'a>>,
    /// When the seed was shown; null until then.
    pub drawn_at: Option<Written>,
    /// What this proves and what not: [`statement`].
    #[serde(borrow)]
    pub statement: Cow<'a, str>,
    /// Every registration, where it was asked for: those of a lane in the order of their numbers.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<Entry<'a>>>,
}

/// How far a draw is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The seed is promised, people register.
    Committed,
    /// Nobody registers any more; a beacon may be posted.
    Closed,
    /// The seed is shown and everybody has a place.
    Drawn,
}

/// All registrations of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// How many, over all lanes.
    pub count: u32,
    /// The digest over all lanes.
    pub digest: Hex<32>,
}

/// What was published at the end of a minute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minute {
    /// When.
    pub at: Written,
    /// How many had registered, over all lanes.
    pub count: u32,
    /// How many of them in each lane, in the order of `lanes`. With it the digest can be redone from the entries, whatever
    /// the clocks did. May be missing where there is one lane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_lane: Option<Vec<u32>>,
    /// The digest over all lanes.
    pub digest: Hex<32>,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane<'a> {
    /// Its name.
    #[serde(borrow)]
    pub lane: Cow<'a, str>,
    /// How many have registered.
    pub count: u32,
    /// The running digest over them.
    pub digest: Hex<32>,
}

impl<'a> Lane<'a> {
    /// A lane as it stands.
    #[must_use]
    pub fn new(lane: &'a str, running: RunningDigest) -> Self {
        Self { lane: Cow::Borrowed(lane), count: running.count(), digest: Hex(running.digest()) }
    }

    /// The same as the engine has it.
    #[must_use]
    pub fn running(&self) -> RunningDigest {
        RunningDigest::new_at(self.count, self.digest.0)
    }
}

/// One registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<'a> {
    /// Its lane.
    #[serde(borrow)]
    pub lane: Cow<'a, str>,
    /// Its number in the lane, from 0.
    pub number: u32,
    /// When it was made: wall time, milliseconds since the epoch.
    pub joined_at_ms: u64,
    /// The first 16 bytes of SHA-256 of the ticket.
    pub leaf: Hex<16>,
}

impl<'a> Entry<'a> {
    /// A registration.
    #[must_use]
    pub fn new(lane: &'a str, number: u32, joined_at_ms: u64, leaf: Leaf) -> Self {
        Self { lane: Cow::Borrowed(lane), number, joined_at_ms, leaf: Hex(leaf.0) }
    }
}

/// What a draw proves: with a beacon, and without one.
#[must_use]
pub fn statement(phase: Phase, beacon: Option<&str>) -> &'static str {
    match (phase, beacon.is_some_and(|beacon| !beacon.is_empty())) {
        (_, true) => {
            "The seed was fixed before anybody registered, and the beacon was added after registration had closed. If the \
             beacon is what it claims to be, a value from outside that nobody knew before, then nobody, the operator \
             included, could know or choose who gets which place while people could still register. It does not prove that \
             each registration is another person."
        }
        (Phase::Drawn, false) => {
            "The seed was fixed before anybody registered, so nobody could change the draw after registration had closed, \
             and everybody can check it. There was no beacon: the draw is checkable but not proof against its own operator, \
             who knew the seed and could have chosen the registrations to suit it."
        }
        (Phase::Committed | Phase::Closed, false) => {
            "The seed is fixed and not shown yet. There is no beacon so far: unless one is posted after registration has \
             closed, the draw is checkable but not proof against its own operator, who knows the seed and could choose the \
             registrations to suit it."
        }
    }
}

/// Bytes as lower-case hexadecimal; read in either case, in exactly this length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [[0; 2]; N];
        for (pair, byte) in text.iter_mut().zip(self.0) {
            *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
        }
        // Only ASCII was written.
        serializer.serialize_str(std::str::from_utf8(text.as_flattened()).unwrap_or_default())
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

struct HexVisitor<const N: usize>;

impl<const N: usize> Visitor<'_> for HexVisitor<N> {
    type Value = Hex<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hexadecimal digits", 2 * N)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Hex<N>, E> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            b'A'..=b'F' => Some(byte - b'A' + 10),
            _ => None,
        };
        let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != N || !rest.is_empty() {
            return Err(wrong());
        }
        let mut bytes = [0; N];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?;
        }
        Ok(Hex(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_has_its_length_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Hex<2>>(&format!("\"{text}\"")).map(|hex| hex.0);
        assert_eq!(read("0aFf").unwrap(), [0x0a, 0xff]);
        assert_eq!(serde_json::to_string(&Hex([0x0a, 0xff])).unwrap(), "\"0aff\"");
        for bad in ["", "0", "0aff0", "0aff00", "0g00", "+a00", "0a f"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_beacon_it_says_so() {
        for phase in [Phase::Committed, Phase::Closed, Phase::Drawn] {
            for none in [None, Some("")] {
                let words = statement(phase, none);
                assert!(words.contains("checkable but not proof against its own operator"), "{words}");
            }
            assert!(statement(phase, Some("6 aus 49")).contains("the operator included, could know"));
        }
    }

    #[test]
    fn a_newer_server_may_say_more() {
        let zeros = "0".repeat(64);
        let text = format!(
            r#"{{"sale": "sh", "algorithm": "onsale-draw-1", "phase": "committed", "commitment": "{zeros}", "seed": null,
            "beacon": null, "registrations": {{"count": 0, "digest": "{zeros}", "new": 1}}, "minutes": [], "lanes": [],
            "drawn_at": null, "statement": "x", "weather": {{"wind": [1]}}}}"#
        );
        let document: DrawDocument<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!((document.phase, document.entries), (Phase::Committed, None));
    }
}
