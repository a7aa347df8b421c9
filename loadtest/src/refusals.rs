//! The closed list of refusals the contract promises, as a stranger reads it. An answer outside it, or with a code under the
//! wrong status, is a breach the audit reports.

use serde::Deserialize;

/// Every code with its status.
const LIST: [(u16, &[&str]); 12] = [
    (400, &["malformed", "unknown-field", "too-large-number"]),
    (401, &["credentials"]),
    (403, &["not-admitted", "wrong-sale", "not-allowed"]),
    (404, &["not-found"]),
    (
        409,
        &[
            "slot-taken",
            "all-held",
            "sold-out",
            "bundle-incomplete",
            "cart-not-open",
            "session-busy",
            "late-payment",
        ],
    ),
    (410, &["cart-expired", "hold-expired", "pass-expired", "offer-expired", "events-trimmed"]),
    (412, &["stale"]),
    (413, &["too-large"]),
    (415, &["media-type"]),
    (428, &["if-match-required"]),
    (
        422,
        &[
            "limit-reached",
            "not-released",
            "sale-closed",
            "bundle-only",
            "allotment-exhausted",
            "code-used",
            "code-scope",
            "below-committed",
            "key-reused",
            "rule",
        ],
    ),
    (429, &["too-fast"]),
];

/// The codes of 503, the only server error that is an answer.
const BUSY: [&str; 6] =
    ["overloaded", "checkout-busy", "disk-full", "journal-failed", "recovering", "outcome-unknown"];

/// A problem document, as far as the tester reads it.
#[derive(Debug, Deserialize)]
pub struct Problem {
    /// The stable code.
    pub code: String,
    /// Words for people.
    #[serde(default)]
    pub detail: String,
}

/// What a status, code and `Retry-After` break of the contract, or nothing.
pub fn breach(status: u16, code: Option<&str>, retry_after: bool) -> Option<String> {
    if status < 400 {
        return None;
    }
    if status >= 500 && status != 503 {
        return Some(format!("{status}: a server error that is not a deliberate 503"));
    }
    if matches!(status, 429 | 503) && !retry_after {
        return Some(format!("{status} without Retry-After"));
    }
    // The bare HTTP refusals have no code.
    if matches!(status, 405 | 408 | 431) {
        return None;
    }
    let Some(code) = code else { return Some(format!("{status} without a code in a problem document")) };
    let known = match status {
        503 => BUSY.contains(&code),
        _ => LIST.iter().any(|(of, codes)| *of == status && codes.contains(&code)),
    };
    (!known).then(|| format!("{status} {code}: not in the closed list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_closed_list_passes() {
        assert_eq!(breach(201, None, false), None);
        assert_eq!(breach(409, Some("slot-taken"), false), None);
        assert_eq!(breach(503, Some("overloaded"), true), None);
        for (status, code, retry) in [
            (500, Some("oops"), false),
            (503, Some("overloaded"), false),
            (403, Some("slot-taken"), false),
            (409, Some("gone"), false),
            (409, None, false),
            (502, None, true),
        ] {
            assert!(breach(status, code, retry).is_some(), "{status} {code:?}");
        }
    }
}
