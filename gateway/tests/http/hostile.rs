//! Bodies and ids that are wrong in every way we could think of. Each is refused with a code of the closed list, as
//! problem+json, and has changed nothing: the books are read before and after.

use std::time::{Duration, Instant};

use crate::server_common::shop::{Shop, text};
use crate::server_common::{OPERATOR, PHONE, TestServer, WEB};
use serde_json::{Value, json};

#[test]
fn bodies_that_make_no_sense_change_nothing() {
    let shop = Shop::open();
    let open = "/v1/sales/sh/carts";
    let items = |items: &str| format!(r#"{{"customer": "c", "items": {items}}}"#);
    for (code, body) in [
        ("malformed", String::new()),
        ("malformed", "{".to_owned()),
        ("malformed", "[]".to_owned()),
        ("malformed", "null".to_owned()),
        ("malformed", "\u{feff}{}".to_owned()),
        ("malformed", "{\"customer\": \"c\", \"items\": [{\"slot\": \"sh-a\"}]} {}".to_owned()),
        ("malformed", items("[]")),
        ("malformed", items("{}")),
        ("malformed", items(&"[".repeat(100_000))),
        ("malformed", format!("{{\"customer\": {}", "{\"a\":".repeat(100_000))),
        ("unknown-field", items(&format!("[{{\"x\": {}}}]", "[".repeat(100_000)))),
        ("unknown-field", items("[{\"slot\": \"sh-a\", \"quantitty\": 2}]")),
        ("unknown-field", items("[{\"slot\": \"sh-a\", \"__proto__\": {}}]")),
        ("malformed", items("[{\"slot\": \"sh-a\", \"quantity\": 0}]")),
        ("malformed", items("[{\"slot\": \"sh-a\", \"quantity\": -1}]")),
        ("malformed", items("[{\"slot\": \"sh-a\", \"quantity\": 1.5}]")),
        ("malformed", items("[{\"slot\": \"sh-a\", \"quantity\": \"1\"}]")),
        ("malformed", items("[{\"slot\": \"sh-a\", \"slot\": \"sh-b\"}]")),
        ("malformed", items("[{\"slot\": \"\"}]")),
        ("malformed", items("[{\"slot\": \"sh-a\\u0000\"}]")),
        ("malformed", items("[{\"slot\": \"../hh-a\"}]")),
        ("malformed", items("[{\"slot\": \"sh-a\", \"best\": {\"venue\": \"kiel\", \"quantity\": 1}}]")),
        ("too-large-number", items("[{\"slot\": \"sh-a\", \"quantity\": 10000001}]")),
        ("too-large-number", items("[{\"slot\": \"sh-a\", \"quantity\": 4294967296}]")),
        ("too-large-number", items("[{\"slot\": \"sh-a\", \"quantity\": 1e400}]")),
        ("too-large-number", items("[{\"slot\": \"sh-a\", \"quantity\": 4000000000}, {\"slot\": \"sh-a\"}]")),
        ("malformed", "{\"customer\": \"\", \"items\": [{\"slot\": \"sh-a\"}]}".to_owned()),
        ("malformed", "{\"customer\": \"J\\u00fcrgen\", \"items\": [{\"slot\": \"sh-a\"}]}".to_owned()),
    ] {
        shop.refused_body(400, code, open, &body);
    }
    let many = format!("[{}{{\"slot\": \"sh-a\"}}]", "{\"slot\": \"sh-a\"},".repeat(5_000));
    shop.refused_body(400, "too-large-number", open, &items(&many));
    shop.refused_body(413, "too-large", open, &items(&format!("\"{}\"", "x".repeat(1 << 20))));
}

/// A list of an object's fields, in our order, is no object: it would cancel a whole order, or pay.
#[test]
fn a_list_that_could_stand_for_an_object_changes_nothing() {
    let shop = Shop::open();
    let (cart, order) = (&shop.cart, &shop.order);
    let operator = [("authorization", "Bearer op_test"), ("idempotency-key", "listed")];
    for (method, path, body) in [
        ("POST", format!("/v1/orders/{order}/cancel"), "[null]"),
        ("POST", format!("/v1/carts/{cart}/checkout"), "[]"),
        ("POST", format!("/v1/carts/{cart}/extend"), "[]"),
        ("POST", format!("/v1/carts/{cart}/holds"), r#"[[{"slot":"sh-b"}]]"#),
        ("POST", format!("/v1/carts/{cart}/holds"), r#"{"items":[["sh-b",1,null,null]]}"#),
        ("POST", "/v1/sales/sh/carts".to_owned(), r#"["c",[{"slot":"sh-b"}],null,null,{}]"#),
        ("PATCH", "/v1/sales/sh/slots/sh-b".to_owned(), "[10,null,null]"),
        ("POST", "/v1/sales/sh/queue/admit".to_owned(), "[1,null]"),
        ("PATCH", "/v1/sales/sh".to_owned(), r#"{"limit_per_customer":[2,1]}"#),
        ("PATCH", "/v1/sales/sh".to_owned(), r#"{"few":[5,5]}"#),
        ("PUT", "/v1/sales/new".to_owned(), r#"{"time_zone":"UTC","few":[5,5]}"#),
        (
            "POST",
            "/v1/sales/sh/slots".to_owned(),
            r#"{"slots":[["n","v",null,null,null,1,null,null,null,null,null,null,false,{}]]}"#,
        ),
    ] {
        let problem = shop.refused(400, "malformed", |server| server.send(method, &path, &operator, body));
        let told = problem["detail"].as_str().unwrap();
        assert!(told.contains("invalid type: sequence"), "{method} {path}: {told}");
    }
    let lines = [("authorization", "Bearer op_test"), ("content-type", "application/x-ndjson")];
    let line = r#"["n","v",null,null,null,1,null,null,null,null,null,null,false,{}]"#;
    let report = shop.server.send("POST", "/v1/sales/sh/slots", &lines, line).value();
    assert_eq!(
        (&report["added"], &report["rejected"][0]["code"]),
        (&json!(0), &json!("malformed")),
        "{report}"
    );
}

#[test]
fn text_that_is_no_text_is_refused() {
    let shop = Shop::open();
    let before = shop.books();
    for body in [
        &b"{\"customer\": \"\xff\xfe\", \"items\": [{\"slot\": \"sh-a\"}]}"[..],
        b"\xc3\x28",
        b"\x00\x01\x02",
    ] {
        let head = format!(
            "POST /v1/sales/sh/carts HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer sk_web\r\n\
             idempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let answer = shop.server.raw(&[head.as_bytes(), body].concat());
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("\"malformed\""), "{answer}");
    }
    assert_eq!(before, shop.books());
}

#[test]
fn what_is_asked_twice_in_one_request_is_summed_first() {
    let shop = Shop::open();
    // Two are free: neither the first nor the second three of them may be taken by themselves.
    let body = r#"{"customer": "c", "items": [{"slot": "sh-a", "quantity": 2}, {"slot": "sh-b"}, {"slot": "sh-a"}]}"#;
    let problem = shop.refused_body(409, "slot-taken", "/v1/sales/sh/carts", body);
    assert_eq!(problem["conflicts"], json!([{"slot": "sh-a", "wanted": 3, "free": 2}]));
}

#[test]
fn what_belongs_to_others_is_unknown() {
    let shop = Shop::open();
    let (cart, order) = (&shop.cart, &shop.order);
    let body = r#"{"customer": "c", "items": [{"slot": "sh-b"}, {"slot": "hh-a"}]}"#;
    shop.refused_body(404, "not-found", "/v1/sales/sh/carts", body);
    shop.refused_body(404, "not-found", "/v1/sales/nope/carts", body);
    let foreign = |method: &str, path: &str, body: &Value| {
        // The answer to somebody else's is the answer to what never was, word for word.
        let told =
            |path: &str| shop.refused(404, "not-found", |server| server.json(method, path, PHONE, "k", body));
        let mut foreign = told(path);
        let mut unknown =
            told(&path.replace(cart, "cart_zzzzzzzzzzzzz").replace(order, "order_zzzzzzzzzzzzz"));
        for answer in [&mut foreign, &mut unknown] {
            answer["request_id"] = Value::Null;
        }
        assert_eq!(foreign, unknown, "{method} {path}");
    };
    let more = json!({"items": [{"slot": "sh-b"}]});
    foreign("GET", &format!("/v1/carts/{cart}"), &Value::Null);
    foreign("POST", &format!("/v1/carts/{cart}/holds"), &more);
    foreign("POST", &format!("/v1/carts/{cart}/extend"), &Value::Null);
    foreign("POST", &format!("/v1/carts/{cart}/checkout"), &Value::Null);
    foreign("DELETE", &format!("/v1/carts/{cart}"), &Value::Null);
    foreign("GET", &format!("/v1/orders/{order}"), &Value::Null);
    foreign("POST", &format!("/v1/orders/{order}/cancel"), &Value::Null);
    for id in
        ["cart_", "cart_%00", "cart_..", "order_zzzzzzzzzzzzz", "%F0%9F%8E%9F", "cart_zzzzzzzzzzzzzzzzzzzzzz"]
    {
        shop.refused(404, "not-found", |server| server.get(&format!("/v1/carts/{id}"), WEB));
    }
}

#[test]
fn an_expired_cart_can_be_read_and_nothing_else() {
    let shop = Shop::open();
    let cart = shop.hold("hh", "soon-gone", &json!([{"slot": "hh-a"}])).value();
    let path = format!("/v1/carts/{}", text(&cart, "cart"));
    let hold = text(&cart["items"][0], "hold");
    let begun = Instant::now();
    while shop.server.get(&path, WEB).value()["state"] == "open" {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never expires");
    }
    let (more, swap) = (json!({"items": [{"slot": "hh-b"}]}), json!({"item": {"slot": "hh-b"}}));
    for (method, path, body) in [
        ("POST", format!("{path}/holds"), &more),
        ("POST", format!("{path}/holds/{hold}/exchange"), &swap),
        ("POST", format!("{path}/extend"), &Value::Null),
        ("POST", format!("{path}/checkout"), &Value::Null),
        ("DELETE", format!("{path}/holds/{hold}"), &Value::Null),
        ("DELETE", path.clone(), &Value::Null),
    ] {
        shop.refused(410, "cart-expired", |server| server.json(method, &path, WEB, "late", body));
    }
    let now = shop.server.get(&path, WEB);
    assert_eq!((now.status, &now.value()["state"]), (200, &json!("expired")));
    assert_eq!(
        shop.hold("hh", "after", &json!([{"slot": "hh-a", "quantity": 4}])).status,
        201,
        "all is free again"
    );
}

#[test]
fn headers_that_are_missing_or_wrong() {
    let shop = Shop::open();
    let (open, body) = ("/v1/sales/sh/carts", r#"{"customer": "c", "items": [{"slot": "sh-b"}]}"#);
    let (bearer, key) = (("authorization", "Bearer sk_web"), ("idempotency-key", "k"));
    let long = "k".repeat(256);
    for (status, code, headers) in [
        (415, "media-type", vec![bearer, key, ("content-type", "text/plain")]),
        (415, "media-type", vec![bearer, key, ("content-type", "application/x-www-form-urlencoded")]),
        (400, "malformed", vec![bearer]),
        (400, "malformed", vec![bearer, ("idempotency-key", "")]),
        (400, "malformed", vec![bearer, ("idempotency-key", &long)]),
        (400, "malformed", vec![bearer, key, ("x-idempotency-key", "another")]),
        (401, "credentials", vec![key]),
        (401, "credentials", vec![("authorization", "Bearer sk_wrong"), key]),
        (401, "credentials", vec![("authorization", "Basic c2tfd2ViOg=="), key]),
    ] {
        shop.refused(status, code, |server| server.send("POST", open, &headers, body));
    }
    let settings = json!({"time_zone": "UTC"});
    shop.refused(403, "not-allowed", |server| server.json("PUT", "/v1/sales/sh", WEB, "k", &settings));
    shop.refused(428, "if-match-required", |server| {
        server.json("PUT", "/v1/sales/sh", OPERATOR, "k", &settings)
    });
    for (status, code, tag) in [
        (412, "stale", "\"7\""),
        (412, "stale", "W/\"1\""),
        (412, "stale", "\"-1\""),
        (412, "stale", "\"01\""),
        (412, "stale", "\"7\", W/\"1\", \"01\""),
        (400, "malformed", "nonsense"),
        (400, "malformed", "1"),
        (400, "malformed", "\"1\" \"2\""),
    ] {
        let headers = [("authorization", "Bearer op_test"), ("if-match", tag)];
        let body = settings.to_string();
        shop.refused(status, code, |server| server.send("PUT", "/v1/sales/sh", &headers, &body));
        shop.refused(status, code, |server| server.send("PATCH", "/v1/sales/sh", &headers, &body));
    }
}

#[test]
fn an_operator_is_told_who_is_in_the_way_and_which_lines_were_bad() {
    let shop = Shop::open();
    let patch = |body: Value| {
        move |server: &TestServer| server.json("PATCH", "/v1/sales/sh/slots/sh-a", OPERATOR, "k", &body)
    };
    for body in [json!({"capacity": 1}), json!({"blocked": 3}), json!({"capacity": 3, "blocked": 2})] {
        let problem = shop.refused(422, "below-committed", patch(body));
        let in_the_way = problem["in_the_way"].to_string();
        assert!(in_the_way.contains(&shop.cart) && in_the_way.contains(&shop.order), "{problem}");
    }
    shop.refused(400, "malformed", patch(json!({})));
    shop.refused(400, "malformed", patch(json!({"capacity": -1})));
    shop.refused(400, "too-large-number", patch(json!({"capacity": 10_000_001})));
    shop.refused(400, "too-large-number", |server| {
        let slots = json!({"slots": [{"id": "n-7", "venue": "kiel", "capacity": 10_000_001}]});
        server.json("POST", "/v1/sales/sh/slots", OPERATOR, "too-many", &slots)
    });

    let lines = "{\"id\": \"n-1\", \"venue\": \"kiel\", \"capacity\": 1}\n\
        {\"id\": \"n-2\", \"venue\": \"kiel\"}\nnonsense\n\n{\"id\": \"n 3\", \"venue\": \"kiel\", \"capacity\": 1}\n\
        {\"id\": \"n-4\", \"venue\": \"kiel\", \"capacity\": 1, \"colour\": \"red\"}\n\
        {\"id\": \"sh-a\", \"venue\": \"kiel\", \"starts_at\": \"2030-04-12T07:05:00Z\", \"capacity\": 1}\n\
        {\"id\": \"n-5\", \"venue\": \"kiel\", \"capacity\": 99999999999}\n{\"id\": \"n-6\", \"venue\": \"kiel\", \"capacity\": 0}";
    let headers = [("authorization", "Bearer op_test"), ("content-type", "application/x-ndjson")];
    let report = shop.server.send("POST", "/v1/sales/sh/slots", &headers, lines).value();
    let told: Vec<(u64, &str)> = report["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["line"].as_u64().unwrap(), line["code"].as_str().unwrap()))
        .collect();
    let wanted = [
        (2, "malformed"),
        (3, "malformed"),
        (5, "malformed"),
        (6, "unknown-field"),
        (7, "below-committed"),
        (8, "too-large-number"),
    ];
    let mut sorted = told.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, wanted, "{report}");
    assert_eq!((&report["added"], &report["rejected_count"]), (&json!(2), &json!(6)), "{report}");
    for (slot, status) in [("n-1", 200), ("n-6", 200), ("n-2", 404), ("n-4", 404), ("n-5", 404)] {
        assert_eq!(shop.server.get(&format!("/v1/sales/sh/slots/{slot}"), WEB).status, status, "{slot}");
    }
}
