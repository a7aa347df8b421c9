//! Tickets as their holders see them: a place in a lane that nobody can make up.
//!
//! ```text
//! qt_ · base32 of 23 bytes: sale u16 · lane u8 · number u32 · the first 16 bytes of HMAC-SHA256(key, words · the seven before)
//! ```
//!
//! The key belongs to the line and is part of its founding fact, so that a follower and next year's replay know the same
//! tickets. There is no underscore behind the prefix: link tokens of the field take none.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::draw::Leaf;
use crate::ids::SaleIx;

/// A place in a lane of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// Of which sale.
    pub sale: SaleIx,
    /// In which lane.
    pub lane: u8,
    /// Which number of the lane.
    pub number: u32,
}

/// The key of a line's tickets.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TicketKey(pub [u8; 32]);

/// It must not end up in a log.
impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketKey")
    }
}

const PREFIX: &str = "qt_";
const NAMED: usize = 7;
const SIGNED: usize = NAMED + 16;
/// Characters of a ticket: the prefix and 37 of base32.
pub const TICKET_CHARS: usize = PREFIX.len() + (SIGNED * 8).div_ceil(5);

/// Crockford's digits in lower case, as all our ids.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Stands in [`VALUES`] for what is no digit.
const NO_DIGIT: u8 = 32;

/// What each character stands for.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        #[expect(clippy::cast_possible_truncation, reason = "there are 32")]
        let digit = value as u8;
        values[DIGITS[value] as usize] = digit;
        value += 1;
    }
    values
};

/// A ticket's text: [`TICKET_CHARS`] characters, without memory of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TicketText([u8; TICKET_CHARS]);

impl TicketText {
    /// The text of a ticket with its tag.
    fn of(signed: &[u8; SIGNED]) -> Self {
        let mut text = [0; TICKET_CHARS];
        text[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
        // Five bytes are eight digits; the last group is filled up with zeros, of which the last digit shows one.
        let mut padded = [0; SIGNED.next_multiple_of(5)];
        padded[..SIGNED].copy_from_slice(signed);
        for (group, digits) in padded.chunks_exact(5).zip(text[PREFIX.len()..].chunks_mut(8)) {
            let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
            for (place, digit) in digits.iter_mut().enumerate() {
                *digit = DIGITS[(bits >> (35 - 5 * place) & 31) as usize];
            }
        }
        Self(text)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Whoever has it is its holder: it must not end up in a log.
impl std::fmt::Debug for TicketText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TicketText(..)")
    }
}

/// What a text says it is: not to be believed before [`Claimed::proven`].
#[derive(Clone, Copy, Debug)]
pub struct Claimed {
    ticket: Ticket,
    tag: [u8; 16],
}

impl Ticket {
    fn bytes(self) -> [u8; NAMED] {
        let mut bytes = [0; NAMED];
        bytes[..2].copy_from_slice(&self.sale.0.to_be_bytes());
        bytes[2] = self.lane;
        bytes[3..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    /// The ticket as text, 40 characters.
    #[must_use]
    pub fn text(self, signer: &Signer) -> TicketText {
        let mut signed = [0; SIGNED];
        signed[..NAMED].copy_from_slice(&self.bytes());
        signed[NAMED..].copy_from_slice(&signer.mac(self).finalize().into_bytes()[..16]);
        TicketText::of(&signed)
    }

    /// What the draw shows of the ticket.
    #[must_use]
    pub fn leaf(self, signer: &Signer) -> Leaf {
        Leaf::of_ticket(self.text(signer).as_str())
    }
}

/// What the tag of a ticket's text is made under. A ticket's other names have other words, so that who knows one name
/// cannot make another.
const WORDS: &[u8] = b"onsale ticket 1";

impl TicketKey {
    fn under(&self, words: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(words);
        mac
    }

    /// What signs tickets with this key.
    #[must_use]
    pub fn signer(&self) -> Signer {
        Signer(self.under(WORDS))
    }

    /// A tag for another name of a ticket, under words of its own.
    #[must_use]
    pub fn tag(&self, words: &[u8], ticket: Ticket) -> [u8; 32] {
        let mut mac = self.under(words);
        mac.update(&ticket.bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A key that is ready to sign: half of what HMAC does is the same for every ticket, and a ticket is signed or looked at
/// with every question of a crowd.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

/// It must not end up in a log.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    fn mac(&self, ticket: Ticket) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(&ticket.bytes());
        mac
    }
}

impl Claimed {
    /// Reads a text of the right shape. There is one text for a ticket: other cases and loose bits are refused.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        if text.len() != TICKET_CHARS {
            return None;
        }
        let mut signed = [0; SIGNED];
        let (mut bits, mut held, mut at) = (0_u32, 0, 0);
        for digit in digits {
            let value = VALUES[usize::from(*digit)];
            if value == NO_DIGIT {
                return None;
            }
            bits = bits << 5 | u32::from(value);
            held += 5;
            if held >= 8 {
                held -= 8;
                *signed.get_mut(at)? = u8::try_from(bits >> held & 0xff).ok()?;
                at += 1;
            }
        }
        if bits & ((1 << held) - 1) != 0 {
            return None;
        }
        let (named, tag) = signed.split_at(NAMED);
        let mut number = [0; 4];
        number.copy_from_slice(&named[3..]);
        let sale = SaleIx(u16::from_be_bytes([named[0], named[1]]));
        let ticket = Ticket { sale, lane: named[2], number: u32::from_be_bytes(number) };
        Some(Self { ticket, tag: tag.try_into().ok()? })
    }

    /// The text it was read from.
    #[must_use]
    pub fn text(&self) -> TicketText {
        let mut signed = [0; SIGNED];
        signed[..NAMED].copy_from_slice(&self.ticket.bytes());
        signed[NAMED..].copy_from_slice(&self.tag);
        TicketText::of(&signed)
    }

    /// The sale whose line has the key.
    #[must_use]
    pub fn sale(&self) -> SaleIx {
        self.ticket.sale
    }

    /// The ticket, if it was signed with the key. Takes as long whatever is wrong.
    #[must_use]
    pub fn proven(&self, signer: &Signer) -> Option<Ticket> {
        signer.mac(self.ticket).verify_truncated_left(&self.tag).ok().map(|()| self.ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: TicketKey = TicketKey([7; 32]);

    #[test]
    fn a_ticket_comes_back_and_no_other_text_does() {
        let signer = KEY.signer();
        for (sale, lane, number) in [(0, 0, 0), (1, 7, 42), (u16::MAX, u8::MAX, u32::MAX)] {
            let ticket = Ticket { sale: SaleIx(sale), lane, number };
            let text = ticket.text(&signer).as_str().to_owned();
            assert_eq!(text.len(), TICKET_CHARS);
            assert!(crate::ids::is_id(&text) && !text[3..].contains('_'), "{text}");
            let read = |text: &str| Claimed::read(text).and_then(|claimed| claimed.proven(&signer));
            assert_eq!(read(&text), Some(ticket));
            assert_eq!(Claimed::read(&text).unwrap().text().as_str(), text);
            assert_eq!(Claimed::read(&text).unwrap().proven(&TicketKey([8; 32]).signer()), None);
            for place in 0..text.len() {
                // Every other sign: each bit of the text, and each of the five bits a digit stands for, the loose one at the
                // end included.
                for sign in (0..128_u8).filter(|sign| *sign != text.as_bytes()[place]) {
                    let mut bytes = text.clone().into_bytes();
                    bytes[place] = sign;
                    let changed = String::from_utf8(bytes).unwrap();
                    assert_eq!(read(&changed), None, "{changed}");
                }
                let mut shorter = text.clone();
                shorter.remove(place);
                assert_eq!(read(&shorter), None);
            }
            assert_eq!(read(&format!("{text}0")), None);
            assert_eq!(read(&text.to_uppercase()), None);
        }
    }
}
