//! The secret that a shop and its waiting room share, and what is made from it.

use std::fmt;
use std::net::IpAddr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::hex;
use crate::mac::Mac;

/// The shared secret: 16 to 256 bytes of printable text. Queue-it's own have 72.
#[derive(Clone)]
pub struct Secret {
    text: Box<str>,
    mac: Mac,
}

/// A visitor's address as tokens carry it: not the address, but whoever has the secret can tell whether it is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressHash(pub(super) [u8; 32]);

impl Secret {
    /// The secret with this text, if it is one worth the name.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (16..=256).contains(&text.len()) && !text.chars().any(char::is_control);
        fits.then(|| Self { text: text.into(), mac: Mac::new(text.as_bytes()) })
    }

    /// HMAC-SHA256 of a text, in lower-case hex.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        hex::encode(&self.mac.tag(&[text.as_bytes()]))
    }

    /// Whether this is how the text is signed.
    #[must_use]
    pub fn signed(&self, text: &str, shown: &str) -> bool {
        hex::decode::<32>(shown).is_some_and(|shown| self.mac.agrees(&[text.as_bytes()], &shown))
    }

    /// The hash of an address, from its shortest text; an IPv4 address in IPv6 clothes is the IPv4 address.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> AddressHash {
        AddressHash(self.mac.tag(&[address.to_canonical().to_string().as_bytes()]))
    }

    /// What an enqueue token's payload is encrypted with.
    pub(super) fn payload_key(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// Whether an enqueue token is signed with this secret. The vendor's signature is a plain SHA-256 over the text and
    /// then the secret; the secret stands last, so nobody can go on hashing from a token they have seen.
    pub(super) fn sealed(&self, text: &str, shown: &[u8]) -> bool {
        let seal = Sha256::new().chain_update(text.as_bytes()).chain_update(self.text.as_bytes()).finalize();
        seal.ct_eq(shown).into()
    }
}

/// A secret is not for logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn demo() -> Secret {
        Secret::new("demo-secret-not-for-production-0001").unwrap()
    }

    /// The vectors were made with the vendor's package.
    #[test]
    fn addresses_and_cookies_have_the_known_hashes() {
        let hip = "ca9112a10315fef4312a0c132bc3bf8dff60a9d3b25271667292bce367f9672e";
        assert_eq!(hex::encode(&demo().address("203.0.113.7".parse().unwrap()).0), hip);
        assert_eq!(hex::encode(&demo().address("::ffff:203.0.113.7".parse().unwrap()).0), hip);
        // The cookie is the connector's own; that its hash is the same function is what this says.
        let cookie = "vacc0111111111-2222-4333-8444-55555555555530queue4102444800";
        let hash = "170d1ff021feb46179a0b1b184859cb61f2c7a4ec2f67c1498852242d098ac5c";
        assert_eq!(demo().sign(cookie), hash);
        assert!(demo().signed(cookie, hash) && !demo().signed(cookie, &hash.to_uppercase()));
    }

    #[test]
    fn a_secret_is_long_and_not_shown() {
        assert!(Secret::new("too short").is_none() && Secret::new(&"x".repeat(257)).is_none());
        assert!(Secret::new("with a line\nbreak in it").is_none());
        assert_eq!(format!("{:?}", demo()), "Secret(…)");
    }
}
