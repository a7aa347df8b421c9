//! Requests that are read in one way only: what could mean two things is refused, and said by what it is, not by what stands in it.

use crate::server_common::shop::Shop;
use crate::server_common::{OPERATOR, PHONE, TestServer, WEB};
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

/// Settings of what no slot can ever be, and so many that each request for a sale would carry them.
#[test]
fn settings_name_what_there_can_be() {
    let shop = Shop::open();
    for (settings, says) in [
        (json!({"venues": {"kiel nord": {"time_zone": "UTC"}}}), "venue"),
        (json!({"products": {"": {}}}), "product"),
        (json!({"products": {"dose/1": {}}}), "product"),
    ] {
        let problem =
            shop.refused(422, "rule", |server| server.json("PATCH", "/v1/sales/sh", OPERATOR, "", &settings));
        assert!(problem["detail"].as_str().unwrap().contains(says), "{problem}");
    }
    let many: serde_json::Map<_, _> = (0..10_001).map(|number| (number.to_string(), json!({}))).collect();
    let problem = shop.refused(422, "rule", |server| {
        server.json("PATCH", "/v1/sales/sh", OPERATOR, "", &json!({"products": many}))
    });
    assert!(problem["detail"].as_str().unwrap().contains("10000"), "{problem}");
    let problem = shop.refused(422, "rule", |server| {
        server.json("PATCH", "/v1/sales/sh", OPERATOR, "", &json!({"few": {"percent": 101}}))
    });
    assert!(problem["detail"].as_str().unwrap().contains("few.percent"), "{problem}");
}

#[test]
fn a_bundle_of_no_slots_is_none() {
    let shop = Shop::open();
    let item = json!({"bundle": {"rule": "x", "slots": []}});
    let hold = shop.server.get(&format!("/v1/carts/{}", shop.cart), WEB).value()["items"][0]["hold"].clone();
    let hold = hold.as_str().unwrap();
    for (path, body) in [
        ("/v1/sales/sh/carts".to_owned(), json!({"customer": "c", "items": [item]})),
        (format!("/v1/carts/{}/holds", shop.cart), json!({"items": [item]})),
        (format!("/v1/carts/{}/holds/{hold}/exchange", shop.cart), json!({"item": item})),
    ] {
        let problem = shop.refused_body(400, "malformed", &path, &body.to_string());
        assert!(problem["detail"].as_str().unwrap().contains("`items[0].bundle.slots`"), "{problem}");
    }
}

#[test]
fn times_are_written_as_the_page_says() {
    let shop = Shop::open();
    for time in [
        "2030-04-12T07:05:00+02",
        "2030-04-12T07:05:00,5Z",
        "2030-04-12T07:05:00-0200",
        "2030-04-12T07:05:00+02:00:30",
    ] {
        let problem = shop.refused(400, "malformed", |server| {
            server.json("PATCH", "/v1/sales/sh", OPERATOR, "", &json!({"opens_at": time}))
        });
        assert!(problem["detail"].as_str().unwrap().contains("RFC 3339"), "{problem}");
    }
    let problem = shop.refused(400, "malformed", |server| {
        let slot = json!({"id": "n", "venue": "kiel", "capacity": 1, "starts_at": "9999-12-31T23:59:59Z"});
        server.json("POST", "/v1/sales/sh/slots", OPERATOR, "", &json!({"slots": [slot]}))
    });
    assert!(problem["detail"].as_str().unwrap().contains("9999-12-30T22:00:00Z"), "{problem}");
}

#[test]
fn a_line_without_a_day_says_so_where_days_are_asked_for() {
    let shop = Shop::open();
    let slots = json!({"slots": [{"id": "floor", "venue": "arena", "capacity": 9}]});
    assert_eq!(shop.server.json("POST", "/v1/sales/sh/slots", OPERATOR, "", &slots).status, 200);
    let line = |by: &str| {
        let started = std::time::Instant::now();
        loop {
            // The document is up to 2 s old.
            let stock = shop.server.get(&format!("/v1/sales/sh/availability?by={by}"), WEB).value();
            let lines = stock["items"].as_array().unwrap().clone();
            if let Some(line) = lines.into_iter().find(|line| line["capacity"] == 9) {
                return line;
            }
            assert!(started.elapsed().as_secs() < 10, "{stock}");
        }
    };
    for by in ["venue,day", "day"] {
        assert!(line(by).as_object().unwrap().get("day").is_some_and(serde_json::Value::is_null), "{by}");
    }
    assert_eq!(line("venue").get("day"), None);
}

#[test]
fn sentences_say_what_there_is() {
    let shop = Shop::open();
    let change = |body: serde_json::Value| {
        let path = "/v1/sales/sh/slots/sh-b";
        let problem =
            shop.refused(422, "below-committed", |server| server.json("PATCH", path, OPERATOR, "", &body));
        problem["detail"].as_str().unwrap().to_owned()
    };
    let blocked = change(json!({"blocked": 2}));
    assert_eq!(blocked, "The capacity would fall below what is held (0), sold (0) and blocked (2).");
    let wave = json!({"wave": "w", "codes": ["CODE-0001"], "reserve": {"venue": "luebeck"},
        "expires_at": "2035-01-01T00:00:00Z"});
    let slots = json!({"slots": [{"id": "sh-l", "venue": "luebeck", "capacity": 2}]});
    assert_eq!(shop.server.json("POST", "/v1/sales/sh/slots", OPERATOR, "", &slots).status, 200);
    assert_eq!(shop.server.json("POST", "/v1/sales/sh/access-codes", OPERATOR, "", &wave).status, 201);
    let problem = shop.refused(422, "below-committed", |server| {
        server.json("PATCH", "/v1/sales/sh/slots/sh-l", OPERATOR, "", &json!({"capacity": 0}))
    });
    assert!(problem["detail"].as_str().unwrap().contains("1 are set aside for invitations"), "{problem}");
    let problem = shop.refused(400, "malformed", |server| server.get("/v1/sales/sh/bundles", WEB));
    assert!(problem["detail"].as_str().unwrap().contains("this sale has none"), "{problem}");
}

/// The call of slower providers: it is read as strictly as it will be, and changes nothing.
#[test]
fn what_is_paid_already_is_not_paid_again() {
    let shop = Shop::open();
    let path = |checkout: &str| format!("/v1/checkouts/{checkout}/payment");
    let number = shop.order.strip_prefix("order_").unwrap();
    let own = path(&format!("co_{number}.1"));
    let approved = json!({"result": "approved", "reference": "pay-77"});
    for (status, code, key, path, body) in [
        (422, "rule", WEB, &own, approved.clone()),
        (422, "rule", OPERATOR, &own, json!({"result": "declined"})),
        (400, "malformed", WEB, &own, json!({"result": "perhaps"})),
        (400, "malformed", WEB, &own, json!({"reference": "pay-77"})),
        (400, "malformed", WEB, &own, json!({"result": "approved", "reference": ""})),
        (400, "malformed", WEB, &own, json!({"result": "approved", "reference": "r".repeat(101)})),
        (400, "unknown-field", WEB, &own, json!({"result": "approved", "amount": 1})),
        (404, "not-found", PHONE, &own, approved.clone()),
        (404, "not-found", WEB, &path("co_zzzzzzzzzzzzz.1"), approved.clone()),
        (404, "not-found", WEB, &path(&format!("co_{number}.2")), approved.clone()),
        (404, "not-found", WEB, &path("nonsense"), approved.clone()),
        (401, "credentials", "sk_wrong", &own, approved.clone()),
    ] {
        shop.refused(status, code, |server| server.json("POST", path, key, "pay-once", &body));
    }
    shop.refused(400, "malformed", |server| server.json("POST", &own, WEB, "", &approved));
    shop.refused(401, "credentials", |server| server.send("POST", &own, &[("idempotency-key", "k")], ""));
}

/// Somebody who waits reads a page, in their language, and not a document for programs.
#[test]
fn people_are_refused_with_a_page() {
    let server = TestServer::start(&[
        ("limits.anonymous_burst", "1"),
        ("limits.anonymous_per_second", "1"),
        ("trusted_proxies", "127.0.0.1"),
    ]);
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("accept-language", "de")];
    let form = server.send("POST", "/queue/sh/qt_1", &browser, "do=nothing");
    assert_eq!(
        (form.status, form.header("content-type")),
        (400, Some("text/html; charset=utf-8")),
        "{form:?}"
    );
    assert!(form.body.contains("Dieser Link geht nicht"), "{form:?}");
    let mut crowd = browser.to_vec();
    crowd.push(("x-forwarded-for", "192.0.2.7"));
    let answers: Vec<_> = (0..5).map(|_| server.send("GET", "/queue/sh", &crowd, "")).collect();
    let slow = answers.iter().find(|answer| answer.status == 429).expect("too fast");
    assert_eq!(slow.header("content-type"), Some("text/html; charset=utf-8"), "{slow:?}");
    assert!(slow.body.contains("Einen Moment bitte") && slow.header("retry-after").is_some(), "{slow:?}");
    // A program is told as everywhere.
    crowd.remove(0);
    let answers: Vec<_> = (0..5).map(|_| server.send("GET", "/queue/sh", &crowd, "")).collect();
    answers.iter().find(|answer| answer.status == 429).expect("too fast").problem(429, "too-fast");
}
