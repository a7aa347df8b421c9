//! Access codes as people write them: one form for all spellings of a code, and new ones.
//!
//! A code that is made here has 60 random bits as 12 characters that are hard to mistake: no `I`, `L`, `O`, `U`. With an
//! idempotency key the codes follow from the key and a secret of the data folder, so a request that is sent again gets the
//! same codes though nobody has kept them.

use crate::mac::Mac;

/// Letters and digits of a code, at least and at most.
const LENGTH: std::ops::RangeInclusive<usize> = 6..=64;

/// Crockford's digits of base 32.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Characters of a new code.
const MADE: usize = 12;

/// The one form of a code: capital letters and digits. Spaces and hyphens do not count, nor does case.
#[must_use]
pub fn normal(text: &str) -> Option<String> {
    let kept = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
    let normal: Vec<u8> = kept.map(|byte| byte.to_ascii_uppercase()).collect();
    let good = LENGTH.contains(&normal.len()) && normal.iter().all(u8::is_ascii_alphanumeric);
    String::from_utf8(normal).ok().filter(|_| good)
}

/// So many codes that follow from a seed: `7K3M-9QXD-2VNP`.
pub fn make(mac: &Mac, seed: &[u8; 32], count: usize) -> impl Iterator<Item = String> {
    (0..count as u64).map(move |number| {
        let tag = mac.tag(&[seed, &number.to_le_bytes()]);
        let mut text = String::with_capacity(MADE + 2);
        for (place, byte) in tag.iter().take(MADE).enumerate() {
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(DIGITS[usize::from(byte & 31)]));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn spellings_of_a_code_agree() {
        for text in ["7K3M-9QXD-2VNP", "7k3m9qxd2vnp", " 7K3M 9QXD 2VNP"] {
            assert_eq!(normal(text).as_deref(), Some("7K3M9QXD2VNP"), "{text}");
        }
        for bad in ["", "12345", "1234-5", "123456!", "ÄÖÜ123456", "a\0bcdefg", &"x".repeat(65)] {
            assert_eq!(normal(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn codes_follow_from_their_seed_and_are_all_different() {
        let mac = Mac::new(b"secret");
        let all: BTreeSet<String> = make(&mac, &[7; 32], 20_000).collect();
        assert_eq!(all.len(), 20_000);
        assert!(
            all.iter().all(|code| code.len() == 14 && normal(code).is_some_and(|normal| normal.len() == 12))
        );
        assert!(make(&mac, &[7; 32], 100).all(|code| all.contains(&code)));
        assert!(make(&mac, &[8; 32], 100).all(|code| !all.contains(&code)));
        assert!(make(&Mac::new(b"other"), &[7; 32], 100).all(|code| !all.contains(&code)));
    }
}
