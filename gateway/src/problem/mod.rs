//! Saying no over HTTP: RFC 9457 problem documents with a closed list of codes.
//!
//! Everything that is not a success leaves through [`Problem`]. It is made without knowing the request; the edge adds
//! the request id when it writes the body. The bare refusals of HTTP itself (405, 408, 431) have no code: their type is
//! `about:blank`, as the RFC foresees.

mod code;
mod page;
mod refusal;

use std::borrow::Cow;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

pub use code::{Code, Entry, TABLE};
pub use page::{index, page};

use crate::wire::json::{self, Object};
use crate::wire::slot::{ImportReport, RejectedLine};
use crate::wire::time::Written;
use onsale_engine::ids::Quantity;

/// A request that was answered with "no".
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: Kind,
    detail: Cow<'static, str>,
    retry_after_ms: Option<u64>,
    more: More,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Coded(Code),
    Bare(StatusCode),
}

/// An item that fell short, as it is written.
#[derive(Clone, Debug)]
pub struct ShortItem {
    /// The slot.
    pub slot: String,
    /// Units asked for over the whole request.
    pub wanted: Quantity,
    /// Units free at that instant.
    pub free: Quantity,
}

/// A cart or an order that has units of a slot.
#[derive(Clone, Debug, Serialize)]
pub struct Holder {
    /// The cart, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<String>,
    /// The order, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Units of the slot it has.
    pub units: Quantity,
}

/// Facts a client can use, each only where it helps.
#[derive(Clone, Debug, Default)]
pub struct More {
    /// What fell short.
    pub conflicts: Vec<ShortItem>,
    /// Other venues of the sale that had some, at most 2 s ago.
    pub alternatives: Vec<String>,
    /// Who has the units.
    pub in_the_way: Vec<Holder>,
    /// Lines of an import that were not taken.
    pub rejected: Vec<RejectedLine>,
    /// What an import had done until it ended; it has rejected lines of its own.
    pub report: Option<ImportReport>,
    /// When it will be for sale.
    pub next_release_at: Option<Written>,
    /// The limit that was met.
    pub limit: Option<u64>,
}

impl More {
    fn fill(&self, object: &mut Object<'_>) {
        let Self { conflicts, alternatives, in_the_way, rejected, report, next_release_at, limit } = self;
        if !conflicts.is_empty() {
            object.list("conflicts", conflicts, |object, short| {
                object.plain("slot", &short.slot);
                object.number("wanted", short.wanted.into());
                object.number("free", short.free.into());
            });
        }
        if !alternatives.is_empty() {
            object.texts("alternatives", alternatives.iter().map(String::as_str));
        }
        if !in_the_way.is_empty() {
            object.value("in_the_way", in_the_way);
        }
        if !rejected.is_empty() {
            object.value("rejected", rejected);
        }
        if let Some(ImportReport { added, updated, unchanged, rejected_count, rejected }) = report {
            object.number("added", *added);
            object.number("updated", *updated);
            object.number("unchanged", *unchanged);
            object.number("rejected_count", *rejected_count);
            object.value("rejected", rejected);
        }
        if let Some(at) = next_release_at {
            object.time("next_release_at", *at);
        }
        if let Some(limit) = limit {
            object.number("limit", *limit);
        }
    }
}

impl Problem {
    /// A problem of the list, with a sentence about this occurrence.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after_ms = code.entry().retry_after_ms;
        Self(Box::new(Parts {
            kind: Kind::Coded(code),
            detail: detail.into(),
            retry_after_ms,
            more: More::default(),
        }))
    }

    /// A refusal of HTTP itself, without a code.
    #[must_use]
    pub fn bare(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            kind: Kind::Bare(status),
            detail: detail.into(),
            retry_after_ms: None,
            more: More::default(),
        }))
    }

    /// Short for the most frequent one.
    #[must_use]
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Code::Malformed, detail)
    }

    /// The same with facts for the client.
    #[must_use]
    pub fn with(mut self, more: More) -> Self {
        self.0.more = more;
        self
    }

    /// The facts that go with it.
    #[must_use]
    pub fn more(&self) -> &More {
        &self.0.more
    }

    /// When to ask again, in whole seconds, if that helps.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        self.0.retry_after_ms.map(whole_seconds)
    }

    /// The same with a time to ask again.
    #[must_use]
    pub fn retry_after(mut self, milliseconds: u64) -> Self {
        self.0.retry_after_ms = Some(milliseconds);
        self
    }

    /// The status it will be answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.0.kind {
            Kind::Coded(code) => code.status(),
            Kind::Bare(status) => status,
        }
    }

    /// The code, unless it is a bare refusal.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self.0.kind {
            Kind::Coded(code) => Some(code),
            Kind::Bare(_) => None,
        }
    }

    /// The sentence about this occurrence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The body.
    #[must_use]
    pub fn document(&self, request_id: &str) -> Vec<u8> {
        let status = self.status();
        json::document(|object| {
            match self.0.kind {
                Kind::Coded(code) => {
                    object.plain("type", &["/problems/", code.name()].concat());
                    object.plain("title", code.entry().title);
                }
                Kind::Bare(status) => {
                    object.plain("type", "about:blank");
                    object.plain("title", status.canonical_reason().unwrap_or("Refused"));
                }
            }
            object.number("status", status.as_u16().into());
            object.text("detail", &self.0.detail);
            if let Some(code) = self.code() {
                object.plain("code", code.name());
            }
            object.text("request_id", request_id);
            if let Some(wait) = self.0.retry_after_ms {
                object.number("retry_after_ms", wait);
            }
            self.0.more.fill(object);
        })
    }

    /// The whole answer.
    #[must_use]
    pub fn respond(&self, request_id: &str) -> Response {
        let mut response = Response::new(Body::from(self.document(request_id)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // The header is for who does not read bodies: a back end that is told to slow down. A lost slot is no such case.
        let slow_down = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        if let Some(milliseconds) = self.0.retry_after_ms.filter(|_| slow_down.contains(&self.status())) {
            headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(milliseconds)));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// `Retry-After` knows whole seconds only: rounded up, so that nobody is sent back too early.
#[must_use]
pub fn whole_seconds(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(1_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_the_contract_asks_for() {
        let problem = Problem::new(Code::Overloaded, "the journal's buffer is full").retry_after(1_500);
        let body: serde_json::Value = serde_json::from_slice(&problem.document("r-1")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({"type": "/problems/overloaded", "title": "More work than can be done right now",
                "status": 503, "detail": "the journal's buffer is full", "code": "overloaded", "request_id": "r-1",
                "retry_after_ms": 1500})
        );
        let response = problem.respond("r-1");
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
    }

    #[test]
    fn every_problem_of_the_list_is_json_whatever_it_says() {
        for entry in &TABLE {
            let more = More {
                conflicts: vec![ShortItem { slot: "s-1".to_owned(), wanted: 2, free: 1 }],
                alternatives: vec!["kiel".to_owned(), "flensburg".to_owned()],
                in_the_way: vec![Holder { cart: Some("cart_1".to_owned()), order: None, units: 3 }],
                next_release_at: Some(Written(onsale_engine::time::WallTime(0))),
                limit: Some(2),
                ..More::default()
            };
            let problem = Problem::new(entry.code, "with \"quotes\"\n").with(more);
            let body: serde_json::Value = serde_json::from_slice(&problem.document("r \"1\"")).unwrap();
            assert_eq!(
                (&body["detail"], &body["request_id"]),
                (&"with \"quotes\"\n".into(), &"r \"1\"".into())
            );
            assert_eq!(body["conflicts"], serde_json::json!([{"slot": "s-1", "wanted": 2, "free": 1}]));
            assert_eq!(body["alternatives"], serde_json::json!(["kiel", "flensburg"]));
            assert_eq!(body["in_the_way"], serde_json::json!([{"cart": "cart_1", "units": 3}]));
            assert_eq!(
                (&body["next_release_at"], &body["limit"]),
                (&"1970-01-01T00:00:00Z".into(), &2.into())
            );
            assert_eq!(body.get("rejected"), None);
        }
    }

    #[test]
    fn a_bare_refusal_has_no_code() {
        let problem = Problem::bare(StatusCode::METHOD_NOT_ALLOWED, "GET only");
        let body: serde_json::Value = serde_json::from_slice(&problem.document("x")).unwrap();
        assert_eq!(body["type"], "about:blank");
        assert!(body.get("code").is_none());
    }
}
