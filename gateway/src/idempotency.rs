//! Idempotency keys: when one is needed, what it may look like, and what it stands for.
//!
//! A key belongs to the credential and the sale. Where the path names the sale, that is the scope; where it names a
//! cart or an order, the scope is the sale of that cart, and where there is no such cart the empty scope, because then
//! nothing can be changed under the key. The request a key stands for is told by 64 bits of a hash over method, path and
//! body: enough to notice a client's mistake, which is all it is for.

use http::{HeaderMap, HeaderName};

use crate::problem::Problem;

/// The header, and the name some clients know it by.
pub static HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("idempotency-key"), HeaderName::from_static("x-idempotency-key")];

/// The key of a request that must have one.
///
/// # Errors
/// `malformed`, when it is missing or is not 1 to 255 printable ASCII characters.
pub fn required(headers: &HeaderMap) -> Result<&str, Problem> {
    optional(headers)?.ok_or_else(|| {
        Problem::malformed(
            "This call needs an `Idempotency-Key` header: 1 to 255 printable ASCII characters, new for every \
             request and the same when one is repeated.",
        )
    })
}

/// The key of a request that may have one.
///
/// # Errors
/// `malformed`, when it is not 1 to 255 printable ASCII characters, or two differ.
pub fn optional(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    // A request has a handful of headers: to look at all of them costs less than to look for two by the hash of their names.
    let mut keys = headers.iter().filter(|(name, _)| HEADERS.contains(name)).map(|(_, value)| value);
    let Some(first) = keys.next() else { return Ok(None) };
    if keys.any(|other| other != first) {
        return Err(Problem::malformed("The request has two idempotency keys that differ."));
    }
    match first.to_str() {
        // What a header calls text is printable ASCII and tabs.
        Ok(text) if (1..=255).contains(&text.len()) && !text.as_bytes().contains(&b'\t') => Ok(Some(text)),
        _ => Err(Problem::malformed("An idempotency key is 1 to 255 printable ASCII characters.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(HeaderName, &[u8])]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_bytes(value).unwrap())).collect()
    }

    #[test]
    fn a_key_is_printable_and_not_too_long() {
        let longest = [b'k'; 255];
        for good in [b"a".as_slice(), b"8c1b-0001", b"with space", &longest] {
            assert_eq!(required(&headers(&[(HEADERS[0].clone(), good)])).unwrap().as_bytes(), good);
            assert_eq!(required(&headers(&[(HEADERS[1].clone(), good)])).unwrap().as_bytes(), good);
        }
        let too_long = [b'k'; 256];
        for bad in [b"".as_slice(), b"tab\there", "schl\u{fc}ssel".as_bytes(), &too_long] {
            assert!(required(&headers(&[(HEADERS[0].clone(), bad)])).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_missing_key_is_told_and_two_must_agree() {
        assert_eq!(required(&HeaderMap::new()).unwrap_err().status(), 400);
        assert_eq!(optional(&HeaderMap::new()).unwrap(), None);
        assert!(optional(&headers(&[(HEADERS[0].clone(), b"a"), (HEADERS[1].clone(), b"b")])).is_err());
        for name in &HEADERS {
            let mut twice = headers(&[(name.clone(), b"a")]);
            twice.append(name, HeaderValue::from_static("a"));
            assert_eq!(optional(&twice).unwrap(), Some("a"));
            twice.append(name, HeaderValue::from_static("b"));
            assert!(optional(&twice).is_err());
        }
        assert_eq!(
            optional(&headers(&[(HEADERS[0].clone(), b"a"), (HEADERS[1].clone(), b"a")])).unwrap(),
            Some("a")
        );
    }
}
