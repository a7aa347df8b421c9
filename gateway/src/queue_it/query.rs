//! The queries with which connectors send visitors, field by field, each with a bound.
//!
//! Members that are not known are another connector's and are passed over; one that is known and comes twice is refused,
//! since the next reader might take the other one. Targets stay text here: only [`Target`](super::target::Target) makes
//! an address out of them.

use std::borrow::Cow;

use super::enqueue_token::MAX_ENQUEUE_TOKEN;
use super::ids::{Account, EventId, QueueId};
use super::link_token::MAX_LINK_TOKEN;
use super::target::MAX_TARGET;

/// The longest query that is looked at, as it stands in the request.
pub const MAX_QUERY: usize = 16 * 1024;
/// The most waiting rooms that can be left at once.
pub const MAX_ROOMS: usize = 16;

/// Why a query is not taken. Each names the member it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// The whole query, or this member, is too long.
    TooLong(&'static str),
    /// The member is missing.
    Missing(&'static str),
    /// The member is there more than once.
    Twice(&'static str),
    /// The member is not what it should be.
    Malformed(&'static str),
}

/// A visitor who is sent to wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// `c`: the shop.
    pub account: Account,
    /// `e`: the waiting room.
    pub event: EventId,
    /// `ver`: the connector and its version.
    pub connector: Option<String>,
    /// `cver`: the version of the integration document; the connector writes `undefined` if it has none.
    pub integration_version: Option<u32>,
    /// `man`: the name of the integration that applied.
    pub action: Option<String>,
    /// `cid`: the language.
    pub culture: Option<String>,
    /// `l`: the page layout the shop asks for.
    pub layout: Option<String>,
    /// `icr`: why a cookie was not good.
    pub cookie_fault: Option<String>,
    /// `enqueuetoken`: a proof of who is coming, to be read by [`EnqueueToken`](super::enqueue_token::EnqueueToken).
    pub enqueue_token: Option<String>,
    /// `t`: the page they wanted.
    pub target: Option<String>,
}

/// A visitor whose token or cookie was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// What every visitor brings.
    pub arrival: Arrival,
    /// `queueittoken`: the token that was refused; without one it was a cookie.
    pub token: Option<String>,
    /// `ts`: when that was, in Unix seconds by the shop's clock.
    pub at_s: Option<u64>,
}

/// A visitor who gives up their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancel {
    /// `wrl`: the waiting rooms, with the place where they had one. The query is not signed: to know the place is what
    /// allows giving it up.
    pub rooms: Vec<(EventId, Option<QueueId>)>,
    /// `r`: the page to go to afterwards.
    pub target: Option<String>,
}

impl Arrival {
    /// Reads the query of the queue's own path.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn read(query: &str) -> Result<Self, QueryError> {
        Members::parse(query)?.arrival()
    }
}

impl Rejection {
    /// Reads the query of an error path.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn read(query: &str) -> Result<Self, QueryError> {
        let members = Members::parse(query)?;
        Ok(Self {
            token: members.text("queueittoken", MAX_LINK_TOKEN)?,
            at_s: members.text("ts", 20)?.and_then(|text| text.parse().ok()),
            arrival: members.arrival()?,
        })
    }
}

impl Cancel {
    /// Reads the query of a cancel path.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn read(query: &str) -> Result<Self, QueryError> {
        let members = Members::parse(query)?;
        let list = members.text("wrl", MAX_ROOMS * 102)?.ok_or(QueryError::Missing("wrl"))?;
        let rooms: Option<Vec<_>> = list.split('_').take(MAX_ROOMS + 1).map(room).collect();
        let rooms = rooms.ok_or(QueryError::Malformed("wrl"))?;
        if rooms.len() > MAX_ROOMS {
            return Err(QueryError::TooLong("wrl"));
        }
        Ok(Self { rooms, target: members.text("r", MAX_TARGET)? })
    }
}

/// `event` or `event~place`.
fn room(text: &str) -> Option<(EventId, Option<QueueId>)> {
    match text.split_once('~') {
        None => Some((EventId::new(text)?, None)),
        Some((event, place)) => Some((EventId::new(event)?, Some(QueueId::new(place)?))),
    }
}

/// The members of a query, decoded.
struct Members<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Members<'a> {
    fn parse(query: &'a str) -> Result<Self, QueryError> {
        if query.len() > MAX_QUERY {
            return Err(QueryError::TooLong("query"));
        }
        Ok(Self(form_urlencoded::parse(query.as_bytes()).collect()))
    }

    /// A member, if it is there and not empty.
    fn text(&self, name: &'static str, longest: usize) -> Result<Option<String>, QueryError> {
        let mut found = self.0.iter().filter(|(other, _)| other == name);
        let Some((_, value)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(QueryError::Twice(name));
        }
        if value.len() > longest {
            return Err(QueryError::TooLong(name));
        }
        if value.chars().any(char::is_control) {
            return Err(QueryError::Malformed(name));
        }
        Ok(Some(value.clone().into_owned()).filter(|value| !value.is_empty()))
    }

    fn named<T>(&self, name: &'static str, new: impl FnOnce(&str) -> Option<T>) -> Result<T, QueryError> {
        let text = self.text(name, 64)?.ok_or(QueryError::Missing(name))?;
        new(&text).ok_or(QueryError::Malformed(name))
    }

    fn arrival(&self) -> Result<Arrival, QueryError> {
        Ok(Arrival {
            account: self.named("c", Account::new)?,
            event: self.named("e", EventId::new)?,
            connector: self.text("ver", 64)?,
            integration_version: self.text("cver", 16)?.and_then(|text| text.parse().ok()),
            action: self.text("man", 128)?,
            culture: self.text("cid", 35)?,
            layout: self.text("l", 128)?,
            cookie_fault: self.text("icr", 512)?,
            enqueue_token: self.text("enqueuetoken", MAX_ENQUEUE_TOKEN)?,
            target: self.text("t", MAX_TARGET)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-2222-4333-8444-555555555555";

    #[test]
    fn an_arrival_is_read() {
        let query = "c=shop&e=vacc01&ver=javascript-5.0.1&cver=3&man=book%20a%20seat&cid=de-DE&l=dark&icr=expired&\
                     enqueuetoken=a.b.c&t=https%3A%2F%2Fshop.example%2F%3Fa%3Db%26c&kupver=other";
        let arrival = Arrival::read(query).unwrap();
        let text = |text: &str| Some(text.to_owned());
        let expected = Arrival {
            account: Account::new("shop").unwrap(),
            event: EventId::new("vacc01").unwrap(),
            connector: text("javascript-5.0.1"),
            integration_version: Some(3),
            action: text("book a seat"),
            culture: text("de-DE"),
            layout: text("dark"),
            cookie_fault: text("expired"),
            enqueue_token: text("a.b.c"),
            target: text("https://shop.example/?a=b&c"),
        };
        assert_eq!(arrival, expected);
        let short = Arrival::read("e=vacc01&c=shop&cver=undefined&l=").unwrap();
        assert_eq!((short.integration_version, short.layout, short.target), (None, None, None));
    }

    #[test]
    fn a_rejection_brings_its_token() {
        let rejection = Rejection::read("c=shop&e=vacc01&queueittoken=e_vacc01~h_00&ts=1616515200").unwrap();
        assert_eq!(rejection.token.as_deref(), Some("e_vacc01~h_00"));
        assert_eq!(rejection.at_s, Some(1_616_515_200));
        assert_eq!(rejection.arrival, Arrival::read("c=shop&e=vacc01").unwrap());
    }

    #[test]
    fn a_cancel_names_rooms_and_places() {
        let cancel =
            Cancel::read(&format!("wrl=vacc01~{ID}_vacc02&r=https%3A%2F%2Fshop.example%2F")).unwrap();
        let event = |text| EventId::new(text).unwrap();
        assert_eq!(cancel.rooms, [(event("vacc01"), QueueId::new(ID)), (event("vacc02"), None)]);
        assert_eq!(cancel.target.as_deref(), Some("https://shop.example/"));
    }

    #[test]
    fn each_fault_names_its_member() {
        let long = |name: &str, length| format!("c=shop&e=vacc01&{name}={}", "x".repeat(length));
        for (query, error) in [
            (String::new(), QueryError::Missing("c")),
            ("c=shop".to_owned(), QueryError::Missing("e")),
            ("c=shop&e=".to_owned(), QueryError::Missing("e")),
            ("c=shop&e=Vacc01".to_owned(), QueryError::Malformed("e")),
            ("c=a_b&e=vacc01".to_owned(), QueryError::Malformed("c")),
            ("c=shop&c=shop&e=vacc01".to_owned(), QueryError::Twice("c")),
            ("c=shop&e=vacc01&t=a&%74=b".to_owned(), QueryError::Twice("t")),
            ("c=shop&e=vacc01&man=a%0d%0ab".to_owned(), QueryError::Malformed("man")),
            (long("e2", MAX_QUERY), QueryError::TooLong("query")),
            (long("t", MAX_TARGET + 1), QueryError::TooLong("t")),
            (long("enqueuetoken", MAX_ENQUEUE_TOKEN + 1), QueryError::TooLong("enqueuetoken")),
            (long("queueittoken", MAX_LINK_TOKEN + 1), QueryError::TooLong("queueittoken")),
            (long("icr", 513), QueryError::TooLong("icr")),
        ] {
            assert_eq!(Rejection::read(&query), Err(error), "{query}");
        }
        for (query, error) in [
            (String::new(), QueryError::Missing("wrl")),
            ("wrl=vacc01_".to_owned(), QueryError::Malformed("wrl")),
            ("wrl=vacc01~x".to_owned(), QueryError::Malformed("wrl")),
            (format!("wrl=vacc01~{ID}~{ID}"), QueryError::Malformed("wrl")),
            (format!("wrl={}", vec!["a"; MAX_ROOMS + 1].join("_")), QueryError::TooLong("wrl")),
        ] {
            assert_eq!(Cancel::read(&query), Err(error), "{query}");
        }
    }
}
