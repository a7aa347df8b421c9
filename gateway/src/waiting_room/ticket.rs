//! Public ids of tickets: a place of joining, signed, so that nobody can show a ticket that was not given to them.
//!
//! ```text
//! identity   sale u16 | lane u8 | number u32, big endian                                   7 bytes
//! text       qt_ and the hex digits of: identity | first 16 bytes of the tag              49 characters
//! queue id   a UUID of version 8: sale, number, lane and 66 bits of another tag           36 characters
//!            ssssnnnn-nnnn-8tll-vttt-tttttttttttt     v: the variant's two bits, then two of the tag
//! ```
//!
//! The tags are HMAC-SHA256 under the folder's secret and begin with different words: the queue id goes through the
//! links and logs of a shop, and who reads it there cannot make the text from it. What is signed is not hidden: the
//! number says how many joined before.

use onsale_engine::ids::SaleIx;
use subtle::ConstantTimeEq;
use uuid::{Builder, Uuid};

use crate::hex;
use crate::mac::Mac;

const PREFIX: &str = "qt_";
const IDENTITY: usize = 7;
const TAG: usize = 16;
const TEXT_WORDS: &[u8] = b"onsale ticket text 1";
const QUEUE_ID_WORDS: &[u8] = b"onsale ticket queue id 1";

/// Who joined where, and as which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The sale.
    pub sale: SaleIx,
    /// The lane within the sale's waiting room.
    pub lane: u8,
    /// The number within the lane, in the order of joining.
    pub number: u32,
}

/// What tickets are signed with. The secret is the data folder's: with another one no ticket is known.
#[derive(Clone, Debug)]
pub struct TicketKey(Mac);

impl Ticket {
    /// The id the visitor keeps: whoever has it has the place.
    #[must_use]
    pub fn text(&self, key: &TicketKey) -> String {
        let identity = self.identity();
        let tag = key.0.tag(&[TEXT_WORDS, &identity]);
        let mut bytes = [0_u8; IDENTITY + TAG];
        bytes[..IDENTITY].copy_from_slice(&identity);
        bytes[IDENTITY..].copy_from_slice(&tag[..TAG]);
        format!("{PREFIX}{}", hex::encode(&bytes))
    }

    /// The same place under a name without `_` or `~`, for links to shops.
    #[must_use]
    pub fn queue_id(&self, key: &TicketKey) -> Uuid {
        let identity = self.identity();
        let tag = key.0.tag(&[QUEUE_ID_WORDS, &identity]);
        let mut bytes = [0_u8; 16];
        bytes[..2].copy_from_slice(&identity[..2]);
        bytes[2..6].copy_from_slice(&identity[3..]);
        bytes[6] = tag[0];
        bytes[7] = self.lane;
        bytes[8..].copy_from_slice(&tag[1..9]);
        // Six bits of the tag give way to version and variant.
        Builder::from_custom_bytes(bytes).into_uuid()
    }

    fn identity(self) -> [u8; IDENTITY] {
        let mut bytes = [0_u8; IDENTITY];
        bytes[..2].copy_from_slice(&self.sale.0.to_be_bytes());
        bytes[2] = self.lane;
        bytes[3..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }
}

impl TicketKey {
    /// Under the folder's secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(Mac::new(secret))
    }

    /// The ticket with this text. Nothing for any other text, however close, after the same time.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Ticket> {
        let bytes: [u8; IDENTITY + TAG] = hex::decode(text.strip_prefix(PREFIX)?)?;
        let (identity, shown) = bytes.split_at(IDENTITY);
        let tag = self.0.tag(&[TEXT_WORDS, identity]);
        let ticket = Ticket {
            sale: SaleIx(u16::from_be_bytes([identity[0], identity[1]])),
            lane: identity[2],
            number: u32::from_be_bytes([identity[3], identity[4], identity[5], identity[6]]),
        };
        bool::from(tag[..TAG].ct_eq(shown)).then_some(ticket)
    }

    /// The ticket with this queue id, in the same way.
    #[must_use]
    pub fn read_queue_id(&self, id: Uuid) -> Option<Ticket> {
        let bytes = id.as_bytes();
        let ticket = Ticket {
            sale: SaleIx(u16::from_be_bytes([bytes[0], bytes[1]])),
            lane: bytes[7],
            number: u32::from_be_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]),
        };
        bool::from(ticket.queue_id(self).as_bytes().ct_eq(bytes)).then_some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKETS: [Ticket; 4] = [
        Ticket { sale: SaleIx(0), lane: 0, number: 0 },
        Ticket { sale: SaleIx(7), lane: 3, number: 4_520 },
        Ticket { sale: SaleIx(258), lane: 129, number: 0x0102_0304 },
        Ticket { sale: SaleIx(u16::MAX), lane: u8::MAX, number: u32::MAX },
    ];

    fn key() -> TicketKey {
        TicketKey::new(&[7; 32])
    }

    /// Every text that differs in one bit or one character, or is one longer or shorter.
    fn neighbours(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        for place in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            let was = bytes[place];
            for byte in (0..128).filter(|byte| *byte != was) {
                bytes[place] = byte;
                all.push(String::from_utf8(bytes.clone()).unwrap());
            }
            bytes.remove(place);
            all.push(String::from_utf8(bytes).unwrap());
            all.push(format!("{}0{}", &text[..place], &text[place..]));
        }
        all.push(format!("{text}0"));
        all.retain(|other| other != text);
        all
    }

    #[test]
    fn a_ticket_is_read_back_and_no_neighbour_is() {
        let (key, other) = (key(), TicketKey::new(&[8; 32]));
        for ticket in TICKETS {
            let text = ticket.text(&key);
            assert!(text.len() == 49 && text.starts_with("qt_"), "{text}");
            assert!(text[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
            assert_eq!(key.read(&text), Some(ticket));
            assert_eq!(other.read(&text), None);
            let neighbours = neighbours(&text);
            assert!(neighbours.len() > 6_000);
            for changed in neighbours {
                assert_eq!(key.read(&changed), None, "{changed}");
            }
        }
        for strange in ["", "qt_", "qt_é", "QT_00", "cart_000000000000c"] {
            assert_eq!(key.read(strange), None);
        }
    }

    #[test]
    fn a_queue_id_is_read_back_and_no_neighbour_is() {
        let (key, other) = (key(), TicketKey::new(&[8; 32]));
        for ticket in TICKETS {
            let id = ticket.queue_id(&key);
            assert_eq!((id.get_version_num(), id.get_variant()), (8, uuid::Variant::RFC4122));
            assert_eq!(key.read_queue_id(id), Some(ticket));
            assert_eq!(other.read_queue_id(id), None);
            for bit in 0..128 {
                let changed = Uuid::from_u128(id.as_u128() ^ (1 << bit));
                assert_eq!(key.read_queue_id(changed), None, "{changed}");
            }
        }
    }

    #[test]
    fn the_tag_of_one_says_nothing_of_the_other() {
        let (text, id) = (TICKETS[1].text(&key()), TICKETS[1].queue_id(&key()).simple().to_string());
        let tag = &text[3 + 2 * IDENTITY..];
        assert!((0..tag.len() - 4).all(|place| !id.contains(&tag[place..place + 4])), "{text} {id}");
    }

    /// Tickets outlive a release, so their bytes are fixed. These were computed with another language's library.
    #[test]
    fn the_bytes_are_fixed() {
        assert_eq!(TICKETS[1].text(&key()), "qt_000703000011a8687d8b6a11ee48f89b5223ffe2b1132a");
        assert_eq!(TICKETS[1].queue_id(&key()).to_string(), "00070000-11a8-8703-a7d9-29d9365d4a35");
    }
}
