//! The link token: what a visitor brings back to the shop, in `queueittoken`, to be let in.
//!
//! ```text
//! e_vacc01~q_11111111-…~ts_4102444800~ce_true~cv_30~rt_queue~hip_ca91…~h_66bb…
//! ```
//!
//! Pairs of a key, `_` and a value, with `~` between them; `h` is the HMAC of all before it. The connector takes a token as
//! often as it is shown while `ts` lasts and then keeps a cookie of its own: an expiry of a minute or two is what bounds
//! it, and single use is the checkout's to enforce.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::num::NonZeroU16;

use super::ids::{EventId, QueueId};
use super::secret::{AddressHash, Secret};
use crate::hex;

/// The longest token that is looked at; the longest that is written takes 297.
pub const MAX_LINK_TOKEN: usize = 512;

/// Why somebody is let in. `debug` is missing on purpose: it switches on the connector's diagnostics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectType {
    /// They waited and were called.
    Queue,
    /// There was no need to wait.
    SafetyNet,
    /// The waiting room is switched off.
    Disabled,
    /// They came by a link that needs no waiting.
    DirectLink,
    /// The waiting room has not begun.
    Idle,
}

/// What a link token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkToken {
    /// The waiting room.
    pub event: EventId,
    /// The visitor's place; those who did not wait have none.
    pub queue: Option<QueueId>,
    /// The last Unix second in which it lets in.
    pub expires_at_s: u64,
    /// Whether the connector may prolong its cookie. It does so only where there is no `cookie_minutes`.
    pub extendable: bool,
    /// How long the connector's cookie is good, instead of what the shop has set.
    pub cookie_minutes: Option<NonZeroU16>,
    /// Why they are let in.
    pub redirect: RedirectType,
    /// Whose token it is; the connector compares it with the address it sees, in whatever spelling it sees it.
    pub address: Option<AddressHash>,
}

/// Why a link token is not taken, in the connector's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkTokenError {
    /// It is not a token as they are written here.
    Malformed,
    /// It is not signed with this secret, or was changed since.
    Hash,
    /// It is for another waiting room.
    Event,
    /// It was good once.
    Expired,
    /// It was given to another address.
    Address,
}

/// What a token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The waiting rooms whose tokens are taken.
    pub events: &'a [EventId],
    /// The time, in Unix seconds.
    pub now_s: u64,
    /// Who shows it, where that is known.
    pub address: Option<IpAddr>,
}

impl RedirectType {
    const ALL: [Self; 5] = [Self::Queue, Self::SafetyNet, Self::Disabled, Self::DirectLink, Self::Idle];

    /// The word in the token.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::SafetyNet => "safetynet",
            Self::Disabled => "disabled",
            Self::DirectLink => "directlink",
            Self::Idle => "idle",
        }
    }
}

impl LinkToken {
    /// The token, signed. It needs no escaping in a link.
    #[must_use]
    pub fn mint(&self, secret: &Secret) -> String {
        // Writing into a `String` cannot fail.
        let mut text = format!("e_{}", self.event);
        if let Some(queue) = self.queue {
            let _ = write!(text, "~q_{queue}");
        }
        let _ = write!(text, "~ts_{}~ce_{}", self.expires_at_s, self.extendable);
        if let Some(minutes) = self.cookie_minutes {
            let _ = write!(text, "~cv_{minutes}");
        }
        // Never left out: without it the connector throws on a valid signature.
        let _ = write!(text, "~rt_{}", self.redirect.word());
        if let Some(AddressHash(hash)) = self.address {
            let _ = write!(text, "~hip_{}", hex::encode(&hash));
        }
        let signature = secret.sign(&text);
        let _ = write!(text, "~h_{signature}");
        text
    }

    /// What this token says, if it is one of ours and lets in.
    ///
    /// # Errors
    /// The first of [`LinkTokenError`] that applies.
    pub fn verify(text: &str, secret: &Secret, expected: Expected<'_>) -> Result<Self, LinkTokenError> {
        if text.len() > MAX_LINK_TOKEN {
            return Err(LinkTokenError::Malformed);
        }
        let (signed, signature) = text.rsplit_once("~h_").ok_or(LinkTokenError::Malformed)?;
        if !secret.signed(signed, signature) {
            return Err(LinkTokenError::Hash);
        }
        let token = Self::parse(signed).ok_or(LinkTokenError::Malformed)?;
        if !expected.events.contains(&token.event) {
            return Err(LinkTokenError::Event);
        }
        if token.expires_at_s < expected.now_s {
            return Err(LinkTokenError::Expired);
        }
        match (token.address, expected.address) {
            (Some(theirs), Some(seen)) if theirs != secret.address(seen) => Err(LinkTokenError::Address),
            _ => Ok(token),
        }
    }

    /// Reads the pairs in the order in which `mint` writes them.
    fn parse(signed: &str) -> Option<Self> {
        let mut pairs = signed.split('~').map(|pair| pair.split_once('_')).peekable();
        let mut next = |key: &str| {
            let found = pairs.next_if(|pair| pair.is_some_and(|(name, _)| name == key));
            found.flatten().map(|(_, value)| value)
        };
        let token = Self {
            event: EventId::new(next("e")?)?,
            queue: read(next("q"), QueueId::new)?,
            expires_at_s: next("ts")?.parse().ok()?,
            extendable: next("ce")?.parse().ok()?,
            cookie_minutes: read(next("cv"), |text| text.parse().ok())?,
            redirect: next("rt")
                .and_then(|word| RedirectType::ALL.into_iter().find(|kind| kind.word() == word))?,
            address: read(next("hip"), |text| hex::decode(text).map(AddressHash))?,
        };
        pairs.next().is_none().then_some(token)
    }
}

/// What may be absent, but not wrong.
fn read<T>(value: Option<&str>, parse: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    value.map_or(Some(None), |text| parse(text).map(Some))
}

#[cfg(test)]
mod tests {
    use super::super::secret::tests::demo;
    use super::*;

    const FAR_S: u64 = 4_102_444_800;
    const KNOWN: &str = "e_vacc01~q_11111111-2222-4333-8444-555555555555~ts_4102444800~ce_true~cv_30~rt_queue~h_66bb1846ec85d066c2b6f05e7e24f24286060c5952e36fe397b657cbf026c6ec";

    fn token() -> LinkToken {
        LinkToken {
            event: EventId::new("vacc01").unwrap(),
            queue: QueueId::new("11111111-2222-4333-8444-555555555555"),
            expires_at_s: FAR_S,
            extendable: true,
            cookie_minutes: NonZeroU16::new(30),
            redirect: RedirectType::Queue,
            address: None,
        }
    }

    fn verify(text: &str) -> Result<LinkToken, LinkTokenError> {
        let events = [EventId::new("other").unwrap(), token().event];
        LinkToken::verify(text, &demo(), Expected { events: &events, now_s: FAR_S, address: None })
    }

    /// The vectors were made with the vendor's package.
    #[test]
    fn the_known_tokens_are_written() {
        assert_eq!((token().mint(&demo()).as_str(), KNOWN.len()), (KNOWN, 151));
        let address = "203.0.113.7".parse().unwrap();
        let bound = LinkToken { address: Some(demo().address(address)), ..token() };
        let text = bound.mint(&demo());
        let end = "~rt_queue~hip_ca9112a10315fef4312a0c132bc3bf8dff60a9d3b25271667292bce367f9672e~h_ca8d376621fe540e5615665db4728fbf4d28f3eb4d8b7f66cdb6c0b554930335";
        assert!(text.ends_with(end), "{text}");
        assert_eq!(verify(&text), Ok(bound));
    }

    #[test]
    fn what_is_written_is_read() {
        for redirect in RedirectType::ALL {
            let plain =
                LinkToken { queue: None, cookie_minutes: None, extendable: false, redirect, ..token() };
            assert_eq!(verify(&plain.mint(&demo())), Ok(plain));
        }
    }

    #[test]
    fn the_longest_token_fits() {
        let longest = LinkToken {
            event: EventId::new(&"e".repeat(64)).unwrap(),
            expires_at_s: u64::MAX,
            extendable: false,
            cookie_minutes: Some(NonZeroU16::MAX),
            redirect: RedirectType::DirectLink,
            address: Some(AddressHash([0; 32])),
            ..token()
        };
        assert_eq!(longest.mint(&demo()).len(), 297);
    }

    #[test]
    fn no_character_can_change() {
        for place in 0..KNOWN.len() {
            let mut bytes = KNOWN.as_bytes().to_vec();
            let was = bytes[place];
            for byte in (0..128).filter(|byte| *byte != was) {
                bytes[place] = byte;
                assert!(verify(std::str::from_utf8(&bytes).unwrap()).is_err());
            }
        }
    }

    #[test]
    fn each_fault_has_its_error() {
        let (address, other) = ("203.0.113.7".parse().unwrap(), "203.0.113.8".parse().unwrap());
        let bound = LinkToken { address: Some(demo().address(address)), ..token() }.mint(&demo());
        let events = [token().event];
        let seen_from = |address| {
            LinkToken::verify(&bound, &demo(), Expected { events: &events, now_s: 0, address: Some(address) })
        };
        assert!(seen_from(address).is_ok());
        assert_eq!(seen_from(other), Err(LinkTokenError::Address));
        let late = LinkToken { expires_at_s: FAR_S - 1, ..token() };
        let foreign = LinkToken { event: EventId::new("vacc02").unwrap(), ..token() };
        let signed = |text: &str| format!("{text}~h_{}", demo().sign(text));
        for (text, error) in [
            (String::new(), LinkTokenError::Malformed),
            ("x".repeat(MAX_LINK_TOKEN + 1), LinkTokenError::Malformed),
            (KNOWN[..151 - 64].to_owned() + &KNOWN[151 - 64..].to_uppercase(), LinkTokenError::Hash),
            (late.mint(&demo()), LinkTokenError::Expired),
            (foreign.mint(&demo()), LinkTokenError::Event),
            (signed("e_vacc01~ts_4102444800~ce_true"), LinkTokenError::Malformed),
            (signed("e_vacc01~ts_4102444800~ce_true~rt_debug"), LinkTokenError::Malformed),
            (signed("e_vacc01~q_a_b~ts_4102444800~ce_true~rt_queue"), LinkTokenError::Malformed),
            (signed("e_vacc01~ts_4102444800~ce_true~rt_queue~x_1"), LinkTokenError::Malformed),
        ] {
            assert_eq!(verify(&text), Err(error), "{text}");
        }
    }
}
