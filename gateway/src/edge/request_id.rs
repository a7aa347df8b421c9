//! `X-Request-Id`: what the client sent, if it is fit to be logged, else one of our own.

use std::cell::Cell;
use std::hash::{BuildHasher, Hasher};
use std::time::SystemTime;

use http::{HeaderMap, HeaderName, HeaderValue};

/// The header, in both directions.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: 1 to 128 of `[A-Za-z0-9._-]` are taken as they are.
pub fn of(headers: &HeaderMap) -> HeaderValue {
    // Looked for among all: a request has a handful, and nearly none has this one.
    match headers.iter().find(|(name, _)| **name == HEADER) {
        Some((_, sent)) if is_fit(sent.as_bytes()) => sent.clone(),
        _ => made(),
    }
}

fn is_fit(bytes: &[u8]) -> bool {
    (1..=128).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

thread_local! {
    static STATE: Cell<u64> = Cell::new(std::hash::RandomState::new().build_hasher().finish());
}

/// A UUID of version 7. Its random part needs to be distinct, not secret, so it comes from SplitMix64 with a random
/// start per thread instead of asking the kernel once per request.
fn made() -> HeaderValue {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut random = [0_u8; 10];
    random[..8].copy_from_slice(&next().to_le_bytes());
    random[8..].copy_from_slice(&next().to_le_bytes()[..2]);
    let millis = u64::try_from(since.as_millis()).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut text = [0_u8; uuid::fmt::Hyphenated::LENGTH];
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).unwrap_or(HeaderValue::from_static("-"))
}

fn next() -> u64 {
    STATE.with(|state| {
        let seed = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(seed);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_id_is_echoed_and_others_are_replaced() {
        let sent = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_bytes(value).unwrap());
            of(&headers)
        };
        assert_eq!(sent(b"req-7.A_b"), "req-7.A_b");
        for unfit in [b"".as_slice(), b"a b", b"<script>", &[b'x'; 129]] {
            assert_ne!(sent(unfit).as_bytes(), unfit);
        }
        let (one, other) = (of(&HeaderMap::new()), of(&HeaderMap::new()));
        assert_ne!(one, other);
        let parsed = uuid::Uuid::parse_str(one.to_str().unwrap()).unwrap();
        assert_eq!(parsed.get_version_num(), 7);
    }
}
