//! Who calls: the `Authorization` header, read once per request and remembered per connection.
//!
//! A back end sends the same key with every request of a connection; hashing it each time would cost more than the
//! rest of the edge. The header's bytes that were accepted last are remembered by the connection and compared first.

use std::cell::RefCell;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use onsale_engine::ids::ChannelIx;
use onsale_engine::request::Caller;
use subtle::ConstantTimeEq;

use crate::keys::{KeyRing, Role};
use crate::problem::{Code, Problem};

/// Who a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No credential was shown.
    Nobody,
    /// A key was shown and is known.
    Key(Caller),
}

impl Principal {
    /// The caller, if it may sell: a server key or an operator.
    ///
    /// # Errors
    /// `credentials` for nobody.
    pub fn seller(self) -> Result<Caller, Problem> {
        match self {
            Self::Key(caller) => Ok(caller),
            Self::Nobody => Err(Problem::new(
                Code::Credentials,
                "This call needs a key: `Authorization: Bearer sk_…` or `Bearer op_…`.",
            )),
        }
    }

    /// The caller, if it may operate.
    ///
    /// # Errors
    /// `credentials` for nobody, `not-allowed` for another key.
    pub fn operator(self) -> Result<Caller, Problem> {
        match self {
            Self::Key(caller) if caller.operator => Ok(caller),
            Self::Key(_) => Err(Problem::new(Code::NotAllowed, "This call needs an operator key (`op_…`).")),
            Self::Nobody => Err(Problem::new(
                Code::Credentials,
                "This call needs an operator key: `Authorization: Bearer op_…`.",
            )),
        }
    }

    /// Whether a key was shown: such callers see exact numbers and are exempt from per-address limits.
    #[must_use]
    pub const fn has_key(self) -> bool {
        matches!(self, Self::Key(_))
    }
}

/// The keys of the server with the callers they stand for.
#[derive(Debug)]
pub struct Doorkeeper {
    ring: KeyRing,
    callers: Vec<Caller>,
}

impl Doorkeeper {
    /// Gives every key its caller; `channel` knows the index of a channel's name.
    ///
    /// # Errors
    /// What `channel` says.
    pub fn new<E>(ring: KeyRing, mut channel: impl FnMut(&str) -> Result<ChannelIx, E>) -> Result<Self, E> {
        let callers = ring.keys().iter().map(|key| {
            let (name, operator) = match &key.role {
                // What an operator books by hand is not counted as the shop's.
                Role::Operator => ("operator", true),
                Role::Server { channel } => (channel.as_str(), false),
            };
            Ok(Caller { credential: key.credential(), channel: channel(name)?, operator })
        });
        Ok(Self { callers: callers.collect::<Result<_, E>>()?, ring })
    }

    /// Who shows these headers.
    ///
    /// # Errors
    /// `credentials`, when something is shown that is not known.
    pub fn recognise(&self, headers: &HeaderMap, remembered: &Remembered) -> Result<Principal, Problem> {
        let Some(header) = headers.get(AUTHORIZATION) else { return Ok(Principal::Nobody) };
        if let Some(caller) = remembered.recall(header) {
            return Ok(Principal::Key(caller));
        }
        let token = bearer(header).ok_or_else(|| {
            Problem::new(
                Code::Credentials,
                "The Authorization header is `Bearer` and a key; nothing else is known.",
            )
        })?;
        let place = self
            .ring
            .find(token)
            .ok_or_else(|| Problem::new(Code::Credentials, "The key is not known to this server."))?;
        remembered.keep(header, self.callers[place]);
        Ok(Principal::Key(self.callers[place]))
    }
}

/// The last accepted header of a connection.
#[derive(Debug, Default)]
pub struct Remembered(RefCell<Option<(HeaderValue, Caller)>>);

impl Remembered {
    fn recall(&self, header: &HeaderValue) -> Option<Caller> {
        let last = self.0.borrow();
        let (accepted, caller) = last.as_ref()?;
        same(accepted.as_bytes(), header.as_bytes()).then_some(*caller)
    }

    fn keep(&self, header: &HeaderValue, caller: Caller) {
        *self.0.borrow_mut() = Some((header.clone(), caller));
    }
}

/// Whether two texts are the same, in a time that tells nothing but their length. Eight bytes at a time: what subtle does
/// between any two values is ten times what it takes to compare them.
fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (Some(one_last), Some(other_last)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) else {
        return one.ct_eq(other).into();
    };
    let equal = |one: &[u8; 8], other: &[u8; 8]| u64::from_le_bytes(*one).ct_eq(&u64::from_le_bytes(*other));
    let words = one.as_chunks().0.iter().zip(other.as_chunks().0);
    // The last eight bytes, some of which may have been compared before.
    words.fold(equal(one_last, other_last), |same, (one, other)| same & equal(one, other)).into()
}

fn bearer(header: &HeaderValue) -> Option<&[u8]> {
    let bytes = header.as_bytes();
    let (scheme, rest) = bytes.split_at_checked(7)?;
    let token = rest.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer ") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Key, hash};

    fn doorkeeper() -> Doorkeeper {
        let ring = KeyRing::of(vec![
            Key { role: Role::Operator, hash: hash(b"op_1") },
            Key { role: Role::Server { channel: "phone".to_owned() }, hash: hash(b"sk_2") },
        ]);
        Doorkeeper::new(ring, |name| Ok::<_, ()>(ChannelIx(u16::from(name == "phone")))).unwrap()
    }

    fn shown(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn keys_are_recognised_and_remembered() {
        let (door, memory) = (doorkeeper(), Remembered::default());
        for _ in 0..2 {
            let Principal::Key(caller) = door.recognise(&shown("Bearer sk_2"), &memory).unwrap() else {
                panic!()
            };
            assert_eq!((caller.channel, caller.operator), (ChannelIx(1), false));
        }
        let operator = door.recognise(&shown("bearer op_1"), &memory).unwrap();
        assert!(operator.operator().is_ok() && operator.seller().is_ok());
        for bad in ["Bearer sk_3", "Bearer ", "Basic b3A6", "sk_2", "Bearer sk_2x"] {
            let refused = door.recognise(&shown(bad), &memory).unwrap_err();
            assert_eq!(refused.code(), Some(Code::Credentials), "{bad}");
        }
    }

    #[test]
    fn every_byte_is_compared() {
        let text = b"Bearer sk_0123456789abcdefghij";
        for len in 0..text.len() {
            let mut other = text[..len].to_vec();
            assert!(same(&text[..len], &other) && !same(&text[..=len], &other));
            for place in 0..len {
                other[place] ^= 1;
                assert!(!same(&text[..len], &other), "{len} {place}");
                other[place] ^= 1;
            }
        }
    }

    #[test]
    fn each_may_do_its_own() {
        let (door, memory) = (doorkeeper(), Remembered::default());
        let nobody = door.recognise(&HeaderMap::new(), &memory).unwrap();
        assert_eq!(nobody.seller().unwrap_err().status(), 401);
        assert_eq!(nobody.operator().unwrap_err().status(), 401);
        let server = door.recognise(&shown("Bearer sk_2"), &memory).unwrap();
        assert_eq!(server.operator().unwrap_err().status(), 403);
    }
}
