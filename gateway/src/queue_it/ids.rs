//! Names that both sides use: the shop's account, the waiting room, the place in it.
//!
//! Queue-it calls them customer id, event id and queue id. A customer of ours is who buys, so the first is an account
//! here. None of them can hold `_` or `~`, which end a value in a link token.

use std::fmt;

use onsale_engine::ids::{SaleIx, is_sale_id};
use onsale_engine::waiting_room::{Ticket, TicketKey};
use serde::Serialize;
use subtle::ConstantTimeEq;
use uuid::{Builder, Uuid};

/// The shop, `c` in links: 1 to 64 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account(Box<str>);

/// The waiting room of a sale, `e` in links and tokens: the sale's id.
///
/// Lower case only: the connector writes its cookie with the id in lower case and reads it as it stands, so that with a
/// capital letter the second request of a visitor is sent back to the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EventId(Box<str>);

/// A visitor's place, `q` in link tokens: another name of a ticket, a UUID of version 8.
///
/// ```text
/// ssssnnnn-nnnn-8tll-vttt-tttttttttttt     sale, number, lane, 66 bits of a tag; v: two bits of the variant, two of the tag
/// ```
///
/// It goes through the links and logs of a shop; who reads it there cannot make the ticket's text from it. What is signed is
/// not hidden: the number says how many joined before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub Uuid);

impl Account {
    /// The account with this name, if it can be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        fits.then(|| Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventId {
    /// The waiting room with this id, if it can be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        is_sale_id(text).then(|| Self(text.into()))
    }

    /// The id, which is the sale's.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What its tag is made under.
const QUEUE_ID_WORDS: &[u8] = b"onsale queue id 1";

impl QueueId {
    /// The name of a ticket.
    #[must_use]
    pub fn of(ticket: Ticket, key: &TicketKey) -> Self {
        let tag = key.tag(QUEUE_ID_WORDS, ticket);
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&ticket.sale.0.to_be_bytes());
        bytes[2..6].copy_from_slice(&ticket.number.to_be_bytes());
        bytes[6] = tag[0];
        bytes[7] = ticket.lane;
        bytes[8..].copy_from_slice(&tag[1..9]);
        // Six bits of the tag give way to version and variant.
        Self(Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The sale it says it is of: whose key is to be asked.
    #[must_use]
    pub fn sale(&self) -> SaleIx {
        let bytes = self.0.as_bytes();
        SaleIx(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// The ticket it names under a key. Nothing for any other name, however close, after the same time.
    #[must_use]
    pub fn ticket(&self, key: &TicketKey) -> Option<Ticket> {
        let bytes = self.0.as_bytes();
        let ticket = Ticket {
            sale: self.sale(),
            lane: bytes[7],
            number: u32::from_be_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]),
        };
        bool::from(Self::of(ticket, key).0.as_bytes().ct_eq(bytes)).then_some(ticket)
    }

    /// Reads the one way of writing it: 36 characters with hyphens, in lower case.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (id.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text).then_some(Self(id))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.hyphenated())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_hold_what_ends_a_value() {
        for bad in ["", "a_b", "a~b", "a b", "a=b", "a&b", "é", &"a".repeat(65)] {
            assert!(
                Account::new(bad).is_none() && EventId::new(bad).is_none() && QueueId::new(bad).is_none()
            );
        }
        assert_eq!(Account::new("Shop-1").unwrap().as_str(), "Shop-1");
        assert_eq!(EventId::new("vacc01").unwrap().to_string(), "vacc01");
        assert_eq!(EventId::new("Vacc01"), None, "a capital letter would be bounced");
    }

    #[test]
    fn a_queue_id_names_one_ticket_and_no_other_text_does() {
        let key = TicketKey([7; 32]);
        for (sale, lane, number) in [(0, 0, 0), (7, 3, 4_520), (u16::MAX, u8::MAX, u32::MAX)] {
            let ticket = Ticket { sale: SaleIx(sale), lane, number };
            let id = QueueId::of(ticket, &key);
            assert_eq!((id.ticket(&key), id.0.get_version_num()), (Some(ticket), 8));
            assert_eq!(id.ticket(&TicketKey([8; 32])), None);
            for bit in 0..128 {
                let changed = QueueId(Uuid::from_u128(id.0.as_u128() ^ 1 << bit));
                assert_eq!(changed.ticket(&key), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_queue_id_has_one_spelling() {
        let text = "11111111-2222-4333-8444-5555555555af";
        assert_eq!(QueueId::new(text).unwrap().to_string(), text);
        for other in
            [text.to_uppercase(), text.replace('-', ""), format!("{{{text}}}"), format!("urn:uuid:{text}")]
        {
            assert_eq!(QueueId::new(&other), None, "{other}");
        }
    }
}
