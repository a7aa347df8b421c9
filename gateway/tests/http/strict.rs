//! Requests that are read in one way only: what could mean two things is refused, and said by what it is, not by what stands in it.

use crate::server_common::shop::Shop;
use crate::server_common::{OPERATOR, TestServer};
use serde_json::json;

const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
const AS_OPERATOR: (&str, &str) = ("authorization", "Bearer op_test");

/// Sentences quote what was sent, and were searched for words of ours.
#[test]
fn what_a_client_writes_does_not_choose_the_code() {
    let shop = Shop::open();
    for text in ["x: unknown field", "unknown field `x`", "number out of range", "number too large to fit"] {
        for body in [json!({"opens_at": text}), json!({"hold_ttl_ms": text})] {
            shop.refused(400, "malformed", |server| {
                server.json("PATCH", "/v1/sales/sh", OPERATOR, "", &body)
            });
        }
    }
}

#[test]
fn a_line_is_counted_in_its_stream_and_not_within() {
    let server = Shop::open().server;
    let lines = "\u{feff}{\"id\": \"n-1\", \"venue\": \"kiel\", \"capacity\": 1}\n{\"id\": \"n-2\"}\n{\"id\": \"n-3\", \"x\": 1}\n{\n";
    let report = server.send("POST", "/v1/sales/sh/slots", &[AS_OPERATOR, NDJSON], lines).value();
    assert_eq!((&report["added"], &report["rejected_count"]), (&json!(1), &json!(3)), "{report}");
    for (place, line) in [2, 3, 4].into_iter().enumerate() {
        let rejected = &report["rejected"][place];
        assert_eq!(rejected["line"], line);
        assert!(!rejected["detail"].as_str().unwrap().contains("column"), "{rejected}");
    }
    let codes = "\u{feff}{\"wave\": \"w\"}\n{\"code\": \"BREMEN-00001\"}\n";
    let made = server.send("POST", "/v1/sales/sh/access-codes", &[AS_OPERATOR, NDJSON], codes);
    assert_eq!(made.status, 201, "{made:?}");
}

/// Packed lines were read as text: 200, and one line of nonsense rejected.
#[test]
fn a_packed_body_is_refused_before_it_is_read() {
    let shop = Shop::open();
    let slots = "{\"id\": \"n-1\", \"venue\": \"kiel\", \"capacity\": 1}\n";
    let cart = r#"{"customer": "c", "items": [{"slot": "sh-b"}]}"#;
    for coding in ["gzip", "identity, gzip", "br", "x"] {
        for (path, headers, body) in [
            ("/v1/sales/sh/slots", vec![AS_OPERATOR, NDJSON, ("content-encoding", coding)], slots),
            (
                "/v1/sales/sh/carts",
                vec![
                    ("authorization", "Bearer sk_web"),
                    ("idempotency-key", "k"),
                    ("content-encoding", coding),
                ],
                cart,
            ),
        ] {
            shop.refused(415, "media-type", |server| {
                let answer = server.send("POST", path, &headers, body);
                assert_eq!(answer.header("accept-encoding"), Some("identity"), "{answer:?}");
                answer
            });
        }
    }
    let plain = [AS_OPERATOR, NDJSON, ("content-encoding", "Identity")];
    assert_eq!(shop.server.send("POST", "/v1/sales/sh/slots", &plain, slots).value()["added"], 1);
    // Where nothing is sent nothing is packed.
    let get = [AS_OPERATOR, ("content-encoding", "gzip")];
    assert_eq!(shop.server.send("GET", "/v1/sales/sh", &get, "").status, 200);
}

#[test]
fn a_request_names_one_host() {
    let server = TestServer::start(&[]);
    let status = |head: &str| {
        let answer = server.raw(format!("{head}connection: close\r\n\r\n").as_bytes());
        answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok())
    };
    for refused in [
        "GET /livez HTTP/1.1\r\n",
        "GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n",
        "GET /livez HTTP/1.1\r\nhost: a\r\nhost: a\r\n",
        "GET /livez HTTP/1.0\r\nhost: a\r\nhost: b\r\n",
        "OPTIONS /v1/sales HTTP/1.1\r\norigin: https://shop.example\r\naccess-control-request-method: GET\r\n",
    ] {
        assert_eq!(status(refused), Some(400), "{refused}");
    }
    for served in
        ["GET /livez HTTP/1.1\r\nhost: a\r\n", "GET /livez HTTP/1.1\r\nhost:\r\n", "GET /livez HTTP/1.0\r\n"]
    {
        assert_eq!(status(served), Some(200), "{served}");
    }
}
