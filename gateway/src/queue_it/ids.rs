//! Names that both sides use: the shop's account, the waiting room, the place in it.
//!
//! Queue-it calls them customer id, event id and queue id. A customer of ours is who buys, so the first is an account
//! here. None of them can hold `_` or `~`, which end a value in a link token.

use std::fmt;

use onsale_engine::ids::is_sale_id;
use serde::Serialize;
use uuid::Uuid;

/// The shop, `c` in links: 1 to 64 letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account(Box<str>);

/// The waiting room of a sale, `e` in links and tokens: the sale's id.
///
/// Lower case only: the connector writes its cookie with the id in lower case and reads it as it stands, so that with a
/// capital letter the second request of a visitor is sent back to the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EventId(Box<str>);

/// A visitor's place, `q` in link tokens: a UUID, which the waiting room makes from a ticket.
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

impl QueueId {
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
