//! Saying yes over HTTP: JSON and the few headers that go with it.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, LOCATION, RETRY_AFTER, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

use crate::problem::Problem;

/// What a call of the API ends with.
pub type Outcome = Result<Response, Problem>;

/// Marks a kept answer.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Says which preference was honoured.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Headers that a table has room for and still serves again.
const LARGEST_TABLE: usize = 32;

/// How a public document may be cached: it is never more than 2 s stale, half of which are the server's.
pub const PUBLIC: HeaderValue = HeaderValue::from_static("public, max-age=1");
/// What belongs to one caller is not kept on the way.
pub const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-store");

/// How an answer may be cached in which a key sees more than everybody else: what was said to a key is said to nobody else, even
/// where it happens to be the same.
#[must_use]
pub const fn seen_with(has_key: bool) -> HeaderValue {
    if has_key { PRIVATE } else { PUBLIC }
}

/// A JSON answer.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let mut bytes = Vec::with_capacity(1_024);
    // Our own types always serialise: their maps have string keys and writing into memory cannot fail.
    let _ = serde_json::to_writer(&mut bytes, body);
    json_bytes(status, bytes)
}

/// A JSON answer that is written already.
#[must_use]
pub fn json_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The same with the request's own table of headers, emptied: making and dropping one is a hundredth of a hold.
#[must_use]
pub fn json_bytes_reusing(mut table: HeaderMap, status: StatusCode, bytes: Vec<u8>) -> Response {
    // hyper keeps the answer's table for the next request; one that was ever large is not kept for ever.
    if table.capacity() > LARGEST_TABLE {
        return json_bytes(status, bytes);
    }
    table.clear();
    table.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    *response.headers_mut() = table;
    response
}

/// An answer of another kind.
#[must_use]
pub fn text(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Headers, said in words.
pub trait Said {
    /// Where the thing made is.
    #[must_use]
    fn at(self, location: String) -> Self;
    /// Whether it is a kept answer.
    #[must_use]
    fn replayed(self, replayed: bool) -> Self;
    /// Which version it is.
    #[must_use]
    fn tagged(self, revision: u64) -> Self;
    /// How it may be cached.
    #[must_use]
    fn cached(self, how: HeaderValue) -> Self;
    /// When to ask again, in seconds.
    #[must_use]
    fn ask_again(self, seconds: u64) -> Self;
    /// It depends on who asks.
    #[must_use]
    fn depends_on_caller(self) -> Self;
}

impl Said for Response {
    fn at(mut self, location: String) -> Self {
        if let Ok(location) = HeaderValue::try_from(location) {
            self.headers_mut().insert(LOCATION, location);
        }
        self
    }

    fn replayed(mut self, replayed: bool) -> Self {
        if replayed {
            self.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
        }
        self
    }

    fn tagged(mut self, revision: u64) -> Self {
        if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
            self.headers_mut().insert(ETAG, tag);
        }
        self
    }

    fn cached(mut self, how: HeaderValue) -> Self {
        self.headers_mut().insert(CACHE_CONTROL, how);
        self
    }

    fn ask_again(mut self, seconds: u64) -> Self {
        self.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        self
    }

    fn depends_on_caller(mut self) -> Self {
        self.headers_mut().insert(VARY, HeaderValue::from_static("Authorization"));
        self
    }
}
