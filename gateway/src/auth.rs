//! Who calls: the `Authorization` header, read once per request and remembered per connection.
//!
//! A back end sends the same key with every request of a connection; hashing it each time would cost more than the
//! rest of the edge. The header's bytes that were accepted last are remembered by the connection and compared first.

use std::cell::RefCell;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use onsale_engine::Engine;
use onsale_engine::ids::ChannelIx;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{Caller, Holder};
use subtle::ConstantTimeEq;

use crate::keys::{KeyRing, Role};
use crate::problem::{Code, Problem};
use crate::waiting_room::pass::{PassError, PassKeys};

/// Who a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No credential was shown.
    Nobody,
    /// A key was shown and is known.
    Key(Caller),
    /// A pass was shown and is good.
    Pass(Caller),
}

impl Principal {
    /// The caller, if it may sell: a server key or an operator, or who shows a pass and buys for themselves.
    ///
    /// # Errors
    /// `credentials` for nobody.
    pub fn seller(self) -> Result<Caller, Problem> {
        match self {
            Self::Key(caller) | Self::Pass(caller) => Ok(caller),
            Self::Nobody => Err(Problem::new(
                Code::Credentials,
                "This call needs a key: `Authorization: Bearer sk_…` or `Bearer op_…`.",
            )),
        }
    }

    /// The caller, if it sells for a shop: a server key or an operator. What is bought is taken back by whoever has sold it.
    ///
    /// # Errors
    /// `credentials` for nobody, `not-allowed` for a pass.
    pub fn shop(self) -> Result<Caller, Problem> {
        match self {
            Self::Pass(_) => Err(Problem::new(
                Code::NotAllowed,
                "This call needs a key (`sk_…` or `op_…`): a pass holds, pays and reads what is its own, and the shop does the rest.",
            )),
            Self::Key(_) | Self::Nobody => self.seller(),
        }
    }

    /// The caller, if it may operate.
    ///
    /// # Errors
    /// `credentials` for nobody, `not-allowed` for another key.
    pub fn operator(self) -> Result<Caller, Problem> {
        match self {
            Self::Key(caller) if caller.operator => Ok(caller),
            Self::Key(_) | Self::Pass(_) => {
                Err(Problem::new(Code::NotAllowed, "This call needs an operator key (`op_…`)."))
            }
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
    passes: PassKeys,
    /// The channel of those who show a pass.
    web: ChannelIx,
}

/// The channel that sells to browsers.
const WEB: &str = "web";

impl Doorkeeper {
    /// Gives every key its caller; `channel` knows the index of a channel's name.
    ///
    /// # Errors
    /// What `channel` says.
    pub fn new<E>(
        ring: KeyRing,
        passes: PassKeys,
        mut channel: impl FnMut(&str) -> Result<ChannelIx, E>,
    ) -> Result<Self, E> {
        let web = channel(WEB)?;
        let callers = ring.keys().iter().map(|key| {
            let (name, operator) = match &key.role {
                // What an operator books by hand is not counted as the shop's.
                Role::Operator => ("operator", true),
                Role::Server { channel } => (channel.as_str(), false),
            };
            Ok(Caller { credential: key.credential(), channel: channel(name)?, operator, holder: None })
        });
        Ok(Self { callers: callers.collect::<Result<_, E>>()?, ring, passes, web })
    }

    /// What passes are signed with.
    #[must_use]
    pub const fn pass_keys(&self) -> &PassKeys {
        &self.passes
    }

    /// Who shows these headers, at a Unix second. `holder` knows whose tickets are.
    ///
    /// # Errors
    /// `credentials`, when something is shown that is not known; `pass-expired`.
    pub fn recognise(
        &self,
        headers: &HeaderMap,
        remembered: &Remembered,
        holders: &impl Holders,
    ) -> Result<Principal, Problem> {
        let mut shown = headers.get_all(AUTHORIZATION).into_iter();
        let Some(header) = shown.next() else { return Ok(Principal::Nobody) };
        if shown.next().is_some() {
            return Err(Problem::new(Code::Credentials, "One Authorization header was expected, not two."));
        }
        if let Some((caller, until_s)) = remembered.recall(header) {
            match until_s {
                None => return Ok(Principal::Key(caller)),
                Some(until_s) if holders.now_s() < until_s => return Ok(Principal::Pass(caller)),
                Some(_) => return Err(expired()),
            }
        }
        let token = bearer(header).ok_or_else(|| {
            Problem::new(
                Code::Credentials,
                "The Authorization header is `Bearer` and a key; nothing else is known.",
            )
        })?;
        // Every pass has dots, and a key may have some as well: it is whatever its owner chose.
        let pass = token.contains(&b'.').then(|| self.pass(token, holders)).transpose();
        let unknown = match pass {
            Ok(Some((caller, until_s))) => {
                remembered.keep(header, caller, Some(until_s));
                return Ok(Principal::Pass(caller));
            }
            Ok(None) => Problem::new(Code::Credentials, "The key is not known to this server."),
            Err(problem) if problem.code() == Some(Code::Credentials) => problem,
            Err(problem) => return Err(problem),
        };
        let place = self.ring.find(token).ok_or(unknown)?;
        remembered.keep(header, self.callers[place], None);
        Ok(Principal::Key(self.callers[place]))
    }

    /// Who shows a pass, and the first Unix second in which it is no longer good.
    fn pass(&self, token: &[u8], holders: &impl Holders) -> Result<(Caller, u64), Problem> {
        let unknown =
            || Problem::new(Code::Credentials, "This is no pass of this server's, and no key of it.");
        let text = std::str::from_utf8(token).map_err(|_| unknown())?;
        let pass = self.passes.read(text, holders.now_s()).map_err(|error| match error {
            PassError::Expired => expired(),
            _ => unknown(),
        })?;
        let holder = holders.holder(&pass.ticket).map_err(|refusal| match refusal {
            Refusal::NotFound(_) => unknown(),
            // Too much to do, or no journal: says nothing of the pass.
            refusal => refusal.into(),
        })?;
        let caller = Caller {
            credential: holders.credential(&pass.ticket),
            channel: self.web,
            operator: false,
            holder: Some(holder),
        };
        Ok((caller, pass.expires_at_s))
    }
}

fn expired() -> Problem {
    Problem::new(
        Code::PassExpired,
        "The pass has expired. Ask how the ticket stands: while its session runs, that gives a new one; else join the queue again.",
    )
}

/// Who knows the holders of tickets: the engine.
pub trait Holders {
    /// Whose carts a ticket's pass makes.
    ///
    /// # Errors
    /// `NotFound` for a ticket there is not, and what keeps the engine from looking.
    fn holder(&self, ticket: &str) -> Result<Holder, Refusal>;
    /// Tells the idempotency keys of tickets apart.
    fn credential(&self, ticket: &str) -> u64;
    /// The Unix second.
    fn now_s(&self) -> u64;
}

impl Holders for Engine {
    fn holder(&self, ticket: &str) -> Result<Holder, Refusal> {
        Self::holder(self, ticket).result
    }

    fn credential(&self, ticket: &str) -> u64 {
        (self.customer(ticket).0 >> 64) as u64
    }

    fn now_s(&self) -> u64 {
        u64::try_from(self.now().wall.0).unwrap_or(0) / 1_000
    }
}

/// The last accepted header of a connection.
#[derive(Debug, Default)]
pub struct Remembered(RefCell<Option<(HeaderValue, Caller, Option<u64>)>>);

impl Remembered {
    fn recall(&self, header: &HeaderValue) -> Option<(Caller, Option<u64>)> {
        let last = self.0.borrow();
        let (accepted, caller, until_s) = last.as_ref()?;
        same(accepted.as_bytes(), header.as_bytes()).then_some((*caller, *until_s))
    }

    fn keep(&self, header: &HeaderValue, caller: Caller, until_s: Option<u64>) {
        *self.0.borrow_mut() = Some((header.clone(), caller, until_s));
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
    use crate::waiting_room::pass::Pass;
    use onsale_engine::ids::{CustomerHash, SaleIx};
    use onsale_engine::refusal::Missing;
    use onsale_engine::waiting_room::Ticket;

    fn doorkeeper() -> Doorkeeper {
        let ring = KeyRing::of(vec![
            Key { role: Role::Operator, hash: hash(b"op_1") },
            Key { role: Role::Server { channel: "phone".to_owned() }, hash: hash(b"sk_2") },
            Key { role: Role::Operator, hash: hash(b"op.try.x") },
            Key { role: Role::Server { channel: "phone".to_owned() }, hash: hash(b"sk.") },
        ]);
        let passes = PassKeys::new(&[3; 32], &[]);
        Doorkeeper::new(ring, passes, |name| Ok::<_, ()>(ChannelIx(u16::from(name == "phone")))).unwrap()
    }

    /// A clock, and one ticket that is somebody's.
    struct Room(std::cell::Cell<u64>);

    impl Holders for Room {
        fn holder(&self, ticket: &str) -> Result<Holder, Refusal> {
            match ticket {
                "qt_1" => {
                    let ticket = Ticket { sale: SaleIx(4), lane: 0, number: 7 };
                    Ok(Holder { ticket, customer: CustomerHash(9) })
                }
                "qt_busy" => Err(Refusal::Overloaded),
                _ => Err(Refusal::NotFound(Missing::Ticket)),
            }
        }
        fn credential(&self, _: &str) -> u64 {
            5
        }
        fn now_s(&self) -> u64 {
            self.0.get()
        }
    }

    fn room() -> Room {
        Room(std::cell::Cell::new(1_000))
    }

    #[test]
    fn a_pass_is_its_holder_until_it_ends() {
        let (door, memory, room) = (doorkeeper(), Remembered::default(), room());
        let pass = |ticket: &str| Pass {
            ticket: ticket.to_owned(),
            sale: "sh".to_owned(),
            customer: None,
            id: 1,
            issued_at_s: 990,
            expires_at_s: 1_010,
        };
        let text = format!("Bearer {}", pass("qt_1").text(door.pass_keys()));
        for _ in 0..2 {
            let Principal::Pass(caller) = door.recognise(&shown(&text), &memory, &room).unwrap() else {
                panic!("no pass")
            };
            assert_eq!((caller.holder.unwrap().ticket.number, caller.credential), (7, 5));
            let busy = format!("Bearer {}", pass("qt_busy").text(door.pass_keys()));
            let busy = door.recognise(&shown(&busy), &Remembered::default(), &room).err().unwrap();
            assert_eq!(
                busy.code(),
                Some(Code::Overloaded),
                "what keeps us from looking says nothing of the pass"
            );
            assert!(Principal::Pass(caller).operator().is_err() && Principal::Pass(caller).seller().is_ok());
            assert_eq!(Principal::Pass(caller).shop().unwrap_err().code(), Some(Code::NotAllowed));
        }
        room.0.set(1_010);
        for memory in [memory, Remembered::default()] {
            let refused = door.recognise(&shown(&text), &memory, &room).unwrap_err();
            assert_eq!(refused.code(), Some(Code::PassExpired));
        }
        let foreign = format!("Bearer {}", pass("qt_1").text(&PassKeys::new(&[4; 32], &[])));
        let nobodys = format!("Bearer {}", pass("qt_2").text(door.pass_keys()));
        room.0.set(1_000);
        for bad in [foreign.as_str(), nobodys.as_str(), "Bearer a.b.c", "Bearer ."] {
            let refused = door.recognise(&shown(bad), &Remembered::default(), &room).unwrap_err();
            assert_eq!(refused.code(), Some(Code::Credentials), "{bad}");
        }
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
            let Principal::Key(caller) = door.recognise(&shown("Bearer sk_2"), &memory, &room()).unwrap()
            else {
                panic!()
            };
            assert_eq!((caller.channel, caller.operator), (ChannelIx(1), false));
        }
        let operator = door.recognise(&shown("bearer op_1"), &memory, &room()).unwrap();
        assert!(operator.operator().is_ok() && operator.seller().is_ok());
        // A pass has dots, but so may a key.
        for _ in 0..2 {
            let dotted = door.recognise(&shown("Bearer op.try.x"), &memory, &room()).unwrap();
            assert!(dotted.operator().is_ok());
        }
        let dotted = door.recognise(&shown("Bearer sk."), &memory, &room()).unwrap();
        assert!(dotted.has_key() && dotted.operator().is_err());
        for bad in ["Bearer op.try.y", "Bearer sk_3", "Bearer ", "Basic b3A6", "sk_2", "Bearer sk_2x"] {
            let refused = door.recognise(&shown(bad), &memory, &room()).unwrap_err();
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
        let nobody = door.recognise(&HeaderMap::new(), &memory, &room()).unwrap();
        assert_eq!(nobody.seller().unwrap_err().status(), 401);
        assert_eq!(nobody.shop().unwrap_err().status(), 401);
        assert_eq!(nobody.operator().unwrap_err().status(), 401);
        let server = door.recognise(&shown("Bearer sk_2"), &memory, &room()).unwrap();
        assert_eq!(server.operator().unwrap_err().status(), 403);
        assert!(server.shop().is_ok());
    }
}
