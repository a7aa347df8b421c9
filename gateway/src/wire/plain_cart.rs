//! The body that nearly every hold has, read by hand: a customer and slots by name, nothing escaped, nothing else.
//!
//! What is not exactly that is left to serde, with its checks and its sentences; nothing is ever refused here. So the two
//! must agree on what is read, and a test compares them on bodies that are bent in many ways. serde takes ten times as many
//! instructions for it, which was a tenth of all that a hold costs.

use onsale_engine::ids::{Quantity, is_id};
use onsale_engine::inventory::MAX_CAPACITY;
use onsale_engine::request::Want;

/// Which bytes a text may have: printable ASCII, but not the quotation mark that ends it nor what escapes something.
const PLAIN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        table[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    table
};

/// The customer and what is asked for, if that is all there is.
#[must_use]
pub fn read(body: &[u8]) -> Option<(&str, Vec<Want>)> {
    // Asked once for all texts in it.
    let mut reader = Reader { body: std::str::from_utf8(body).ok()?, at: 0 };
    let (mut customer, mut wants) = (None, None);
    reader.past(b'{')?;
    loop {
        if customer.is_none() && reader.field("\"customer\"")? {
            customer = Some(reader.text()?);
        } else if wants.is_none() && reader.field("\"items\"")? {
            wants = Some(reader.slots()?);
        } else {
            return None;
        }
        if reader.ends(b'}')? {
            break;
        }
    }
    reader.blanks();
    // A text that was read is printable ASCII, which leaves its length to be asked.
    let customer = customer.filter(|text| (1..=128).contains(&text.len()))?;
    (reader.at == body.len()).then_some((customer, wants?))
}

/// A body and how far it is read.
struct Reader<'a> {
    body: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn next(&self) -> Option<u8> {
        self.body.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Goes past this mark, if it is the next thing.
    #[inline]
    fn past(&mut self, mark: u8) -> Option<()> {
        if self.next() != Some(mark) {
            self.blanks();
        }
        (self.next()? == mark).then(|| self.at += 1)
    }

    /// Goes past a comma or this mark, and says whether it was the mark.
    #[inline]
    fn ends(&mut self, mark: u8) -> Option<bool> {
        if self.past(b',').is_some() { Some(false) } else { self.past(mark).map(|()| true) }
    }

    /// Goes past the name of a field and its colon, if it is this one.
    #[inline]
    fn field(&mut self, quoted: &'static str) -> Option<bool> {
        self.blanks();
        if !self.body.as_bytes().get(self.at..)?.starts_with(quoted.as_bytes()) {
            return Some(false);
        }
        self.at += quoted.len();
        self.past(b':').map(|()| true)
    }

    /// A text of printable ASCII in which nothing is escaped.
    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        self.past(b'"')?;
        // Counted before anything is changed: the processor need not keep the place in memory for every byte.
        let rest = self.body.as_bytes().get(self.at..)?;
        let len = rest.iter().position(|byte| !PLAIN[usize::from(*byte)])?;
        if rest[len] != b'"' {
            return None;
        }
        let text = self.body.get(self.at..self.at + len)?;
        self.at += len + 1;
        Some(text)
    }

    /// A number of units.
    #[inline]
    fn units(&mut self) -> Option<Quantity> {
        self.blanks();
        let mut units = 0;
        while let Some(digit @ b'0'..=b'9') = self.next() {
            units = units * 10 + Quantity::from(digit - b'0');
            // JSON has no leading zeros, and a digit more than the most has does not overflow yet.
            if !(1..=MAX_CAPACITY).contains(&units) {
                return None;
            }
            self.at += 1;
        }
        (units > 0).then_some(units)
    }

    fn slots(&mut self) -> Option<Vec<Want>> {
        let mut wants = Vec::new();
        self.past(b'[')?;
        loop {
            wants.push(self.slot()?);
            if self.ends(b']')? {
                return Some(wants);
            }
        }
    }

    #[inline]
    fn slot(&mut self) -> Option<Want> {
        let (mut slot, mut quantity) = (None, None);
        self.past(b'{')?;
        loop {
            if slot.is_none() && self.field("\"slot\"")? {
                slot = Some(self.text()?);
            } else if quantity.is_none() && self.field("\"quantity\"")? {
                quantity = Some(self.units()?);
            } else {
                return None;
            }
            if self.ends(b'}')? {
                let slot = slot.filter(|slot| is_id(slot))?;
                return Some(Want::Slot { slot: slot.to_owned(), quantity: quantity.unwrap_or(1) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cart::CartInput;
    use crate::wire::item::{is_customer, wants};
    use crate::wire::read::json;

    /// What serde and the checks after it make of a body.
    fn by_serde(body: &[u8]) -> Option<(String, Vec<Want>)> {
        let CartInput { customer, items, reference, metadata, access_code } = json(body).ok()?;
        // A body without a customer goes with a pass, and is never plain.
        let customer = customer?;
        let alone =
            reference.is_none() && access_code.is_none() && metadata.is_empty() && is_customer(&customer);
        let items = items?;
        alone.then(|| wants(items, |_| None).ok().map(|wants| (customer.into_owned(), wants)))?
    }

    const BODIES: [&str; 4] = [
        r#"{"customer":"c-1","items":[{"slot":"v-1","quantity":1},{"slot":"v.2","quantity":12}]}"#,
        r#"{ "items" : [ { "quantity": 10000000, "slot": "a" } , {"slot": "b"} ], "customer": "Ann O'Neil" }"#,
        "{\n\t\"customer\": \"c\",\r\n\t\"items\": [{\"slot\": \"s_1\"}]\n}\n",
        r#"{"customer":"c","items":[{"slot":"a","quantity":99}]}"#,
    ];

    #[test]
    fn the_usual_body_is_read() {
        for body in BODIES {
            let (customer, wants) = read(body.as_bytes()).unwrap_or_else(|| panic!("{body}"));
            assert_eq!(by_serde(body.as_bytes()), Some((customer.to_owned(), wants)), "{body}");
        }
    }

    #[test]
    fn what_is_read_is_what_serde_reads() {
        let agrees = |body: &[u8]| {
            if let Some((customer, wants)) = read(body) {
                let read = Some((customer.to_owned(), wants));
                assert_eq!(by_serde(body), read, "{}", body.escape_ascii());
            }
        };
        let pieces: [&[u8]; 24] = [
            b"",
            b"\"",
            b"\\",
            b",",
            b":",
            b"{",
            b"}",
            b"[",
            b"]",
            b" ",
            b"0",
            b"1",
            b"-",
            b".",
            b"e",
            b"null",
            b"\n",
            b"\x00",
            b"\x7f",
            b"\xff",
            "\u{fc}".as_bytes(),
            b"\\u0041",
            b"\"slot\":\"x\",",
            b"\"quantity\":2,",
        ];
        for body in BODIES.map(str::as_bytes) {
            for (from, to) in
                (0..=body.len()).flat_map(|from| [(from, from), (from, from + 1), (from, from + 2)])
            {
                let Some(behind) = body.get(to..) else { continue };
                for piece in pieces {
                    agrees(&[&body[..from], piece, behind].concat());
                }
            }
            // Parts of it twice, and swapped.
            for from in 0..body.len() {
                for to in from..body.len() {
                    agrees(&[&body[..to], &body[from..]].concat());
                    agrees(&[&body[..from], &body[to..]].concat());
                }
            }
        }
    }
}
