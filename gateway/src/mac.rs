//! HMAC-SHA256 under a secret that stays inside: what tickets, passes and link tokens are signed with.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// A keyed hash, its key already absorbed.
#[derive(Clone)]
pub struct Mac(Hmac<Sha256>);

impl Mac {
    /// Under this secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// The tag of these bytes, one after the other. The parts leave no trace: callers see to it that only one way of
    /// cutting is possible.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether `shown` is the tag of these bytes; takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn agrees(&self, parts: &[&[u8]], shown: &[u8]) -> bool {
        self.tag(parts).ct_eq(shown).into()
    }
}

/// A secret is not for logs.
impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    /// RFC 4231, test cases 2 and 6.
    #[test]
    fn it_is_the_hmac_of_the_standard() {
        let short = Mac::new(b"Jefe");
        let tag = short.tag(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(&tag), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(short.agrees(&[b"what do ya want for nothing?"], &tag));
        assert!(!short.agrees(&[b"what do ya want for nothing?"], &tag[..31]));
        assert!(!short.agrees(&[b"what do ya want for nothing"], &tag));
        let long = Mac::new(&[0xaa; 131]);
        assert_eq!(
            hex::encode(&long.tag(&[b"Test Using Larger Than Block-Size Key - Hash Key First"])),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
        assert_eq!(format!("{short:?}"), "Mac(…)");
    }
}
