//! The paths at which connectors expect a queue, below wherever the shop's `QueuePathPrefix` points.
//!
//! ```text
//! /                                   wait
//! /error/hash/  …/eventid/ …          a token or a cookie was not taken
//! /error/connector/sessionstate/
//! /cancel/multiple/{account}          the place is given up
//! ```

use super::ids::Account;

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To wait: the query is an [`Arrival`](super::query::Arrival).
    Queue,
    /// To be told why, and to wait again: the query is a [`Rejection`](super::query::Rejection).
    Error(ErrorCode),
    /// To give up places: the query is a [`Cancel`](super::query::Cancel).
    Cancel(Account),
}

/// Why the connector has not let somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// The token's signature is wrong.
    Hash,
    /// The token is for another waiting room.
    EventId,
    /// The token has run out.
    Timestamp,
    /// The token is for another address.
    Address,
    /// The place has been used as often as the shop allows.
    UsageLimit,
    /// The cookie is for another address.
    SessionState,
}

impl ErrorCode {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Hash, Self::EventId, Self::Timestamp, Self::Address, Self::UsageLimit, Self::SessionState];

    /// The word in the path.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::EventId => "eventid",
            Self::Timestamp => "timestamp",
            Self::Address => "ip",
            Self::UsageLimit => "qidlimit",
            Self::SessionState => "connector/sessionstate",
        }
    }
}

impl Place {
    /// What is at this path; a slash at its beginning or end makes no difference.
    #[must_use]
    pub fn read(path: &str) -> Option<Self> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            Some(Self::Queue)
        } else if let Some(word) = path.strip_prefix("error/") {
            ErrorCode::ALL.into_iter().find(|code| code.word() == word).map(Self::Error)
        } else {
            Account::new(path.strip_prefix("cancel/multiple/")?).map(Self::Cancel)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_connector_is_known() {
        let shop = Account::new("shop").unwrap();
        assert_eq!(Place::read("/"), Some(Place::Queue));
        assert_eq!(Place::read(""), Some(Place::Queue));
        assert_eq!(Place::read("/cancel/multiple/shop"), Some(Place::Cancel(shop)));
        for code in ErrorCode::ALL {
            assert_eq!(Place::read(&format!("/error/{}/", code.word())), Some(Place::Error(code)));
        }
        for strange in [
            "/error/",
            "/errors",
            "/error/HASH/",
            "/error/hash/x",
            "/cancel/multiple/",
            "/cancel/multiple/a_b",
        ] {
            assert_eq!(Place::read(strange), None, "{strange}");
        }
    }
}
