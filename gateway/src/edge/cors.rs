//! CORS: browsers of any shop may look and use carts.
//!
//! No call reads a cookie: a caller proves itself by a header it must know. So any origin may read any answer, and only
//! the methods of shops are allowed across origins: settings and stock are changed from back ends. The one cookie there
//! is, a place kept for who was sent by a connector, is read by pages, and no origin is allowed to send it along.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, idempotency-key, x-idempotency-key, x-request-id, prefer, if-none-match",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "location, etag, retry-after, idempotent-replayed, preference-applied, ratelimit, ratelimit-policy, \
     x-request-id, onsale-durability",
);

/// Whether the answer is read by a page of another origin.
pub fn applies(head: &Parts) -> bool {
    head.headers.keys().any(|name| *name == ORIGIN)
        && [Method::GET, Method::HEAD, Method::POST, Method::DELETE, Method::OPTIONS].contains(&head.method)
}

/// The answer to a browser that asks first.
pub fn preflight(head: &Parts) -> Option<Response> {
    let asks = head.method == Method::OPTIONS
        && applies(head)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    asks.then(|| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        response
    })
}

/// Lets a page of another origin read the answer and its headers.
pub fn allow(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use http::request::Builder;

    fn head(request: Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn browsers_may_sell_but_not_operate() {
        let asked = |method: &str| {
            let request = Request::options("/v1/sales/sh/carts").header(ORIGIN, "https://shop.example");
            preflight(&head(request.header(ACCESS_CONTROL_REQUEST_METHOD, method)))
        };
        assert_eq!(asked("POST").unwrap().headers()[ACCESS_CONTROL_ALLOW_METHODS], METHODS);
        assert!(!METHODS.to_str().unwrap().contains("PUT"));
        let put = head(Request::put("/v1/sales/sh").header(ORIGIN, "https://shop.example"));
        assert!(!applies(&put) && preflight(&put).is_none());
        assert!(preflight(&head(Request::options("/v1/sales"))).is_none());
    }
}
