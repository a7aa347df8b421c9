//! Changes of slots and sales that would make a promise untrue, and are refused: a seat for two, days that move, a product that
//! two rules sell; and a cursor that nobody gave.

use crate::server_common::{OPERATOR, TestServer, WEB};
use serde_json::{Value, json};

fn sale(server: &TestServer, settings: &Value, slots: &Value) {
    assert_eq!(server.json("PUT", "/v1/sales/day", OPERATOR, "s", settings).status, 201);
    assert_eq!(
        server.json("POST", "/v1/sales/day/slots", OPERATOR, "i", &json!({"slots": slots})).status,
        200
    );
}

#[test]
fn a_numbered_seat_is_for_one() {
    let server = TestServer::start(&[]);
    let seat =
        json!([{"id": "a-1", "venue": "hall", "section": "a", "row": "1", "seat": "1", "capacity": 1}]);
    sale(&server, &json!({"time_zone": "UTC"}), &seat);
    let patch = |capacity: u32| {
        server.json("PATCH", "/v1/sales/day/slots/a-1", OPERATOR, "", &json!({"capacity": capacity}))
    };
    patch(2).problem(422, "rule");
    assert_eq!(patch(0).value()["capacity"], 0);
    assert_eq!(patch(1).value()["capacity"], 1);
}

#[test]
fn a_venue_with_slots_keeps_its_time_zone() {
    let server = TestServer::start(&[]);
    let slots = json!([{"id": "a", "venue": "kiel", "starts_at": "2026-11-29T23:30:00Z", "capacity": 1}]);
    sale(&server, &json!({"time_zone": "UTC"}), &slots);
    let patch = |change: &Value| server.json("PATCH", "/v1/sales/day", OPERATOR, "", change);
    patch(&json!({"time_zone": "Europe/Berlin"})).problem(422, "rule");
    patch(&json!({"venues": {"kiel": {"time_zone": "Europe/Berlin"}}})).problem(422, "rule");
    assert_eq!(patch(&json!({"venues": {"other": {"time_zone": "Europe/Berlin"}}})).status, 200);
}

#[test]
fn what_is_sold_only_in_one_rule_is_no_part_of_another() {
    let server = TestServer::start(&[]);
    let bundle = |second: &str| json!({"parts": ["dose1", second], "same": "venue"});
    let settings = json!({"time_zone": "UTC", "bundles": {"two-doses": bundle("dose2"), "other": bundle("x")},
        "products": {"dose1": {"sold_only_in": "two-doses"}}});
    server.json("PUT", "/v1/sales/day", OPERATOR, "s", &settings).problem(422, "rule");
}

#[test]
fn a_damaged_cursor_does_not_begin_again() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({"time_zone": "UTC"}), &json!([{"id": "a", "venue": "kiel", "capacity": 2}]));
    server.get("/v1/sales/day/slots?after=x", WEB).problem(400, "malformed");
    server.get("/v1/sales/day/orders?after=ord_x", WEB).problem(400, "malformed");
}

/// A parameter that is known elsewhere was taken no notice of, and what should only have been tried was done.
#[test]
fn a_change_with_a_parameter_that_it_does_not_have_is_not_made() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({"time_zone": "UTC"}), &json!([{"id": "a", "venue": "kiel", "capacity": 2}]));
    let items = json!({"customer": "c", "items": [{"slot": "a", "quantity": 1}]});
    let cart = server.json("POST", "/v1/sales/day/carts", WEB, "c1", &items).value()["cart"]
        .as_str()
        .unwrap()
        .to_owned();
    let checkout = format!("/v1/carts/{cart}/checkout?dry_run=true");
    for (method, path, key, body) in [
        ("PATCH", "/v1/sales/day?dry_run=true", OPERATOR, json!({"name": "x"})),
        ("PATCH", "/v1/sales/day/slots/a?dry_run=true", OPERATOR, json!({"capacity": 9})),
        (
            "POST",
            "/v1/sales/day/slots?dry_run",
            OPERATOR,
            json!({"slots": [{"id": "b", "venue": "kiel", "capacity": 1}]}),
        ),
        ("POST", "/v1/sales/day/carts?dry_run=1", WEB, items.clone()),
        ("POST", &checkout, WEB, json!({})),
    ] {
        server.json(method, path, key, "d1", &body).problem(400, "unknown-field");
    }
    assert_eq!(server.get("/v1/sales/day", OPERATOR).value()["name"], "day");
    assert_eq!(server.get("/v1/sales/day/slots", OPERATOR).value()["items"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/v1/sales/day/slots/a", OPERATOR).value()["capacity"], 2);
    assert_eq!(server.get(&format!("/v1/carts/{cart}"), WEB).value()["state"], "open");
}

/// Where names are the client's, the last of two with one name won, and the first was lost.
#[test]
fn a_name_that_stands_twice_is_refused() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({"time_zone": "UTC"}), &json!([{"id": "a", "venue": "kiel", "capacity": 2}]));
    let send = |method: &str, path: &str, key: &str, body: &str| {
        let key = format!("Bearer {key}");
        let headers = [
            ("authorization", key.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", "t"),
            ("if-match", "*"),
        ];
        server.send(method, path, &headers, body)
    };
    let bundle = r#"{"parts": ["x", "y"], "same": "venue"}"#;
    for (method, path, key, body) in [
        ("PATCH", "/v1/sales/day", OPERATOR, r#"{"hold_ttl_ms": 1000, "hold_ttl_ms": 2000}"#.to_owned()),
        ("PUT", "/v1/sales/day", OPERATOR, format!(r#"{{"time_zone": "UTC", "bundles": {{"b": {bundle}, "b": {bundle}}}}}"#)),
        ("POST", "/v1/sales/day/slots", OPERATOR, r#"{"slots": [{"id": "b", "venue": "v", "capacity": 1, "labels": {"x": "1", "x": "2"}}]}"#.to_owned()),
        ("POST", "/v1/sales/day/carts", WEB, r#"{"customer": "c", "items": [{"slot": "a", "quantity": 1}], "metadata": {"desk": "1", "desk": "2"}}"#.to_owned()),
    ] {
        let problem = send(method, path, key, &body).problem(400, "malformed");
        assert!(problem["detail"].as_str().unwrap().contains("duplicate field"), "{problem}");
    }
    let line =
        "{\"id\": \"b\", \"venue\": \"v\", \"capacity\": 1, \"labels\": {\"x\": \"1\", \"x\": \"2\"}}\n";
    let key = format!("Bearer {OPERATOR}");
    let report = server
        .send(
            "POST",
            "/v1/sales/day/slots",
            &[("authorization", &key), ("content-type", "application/x-ndjson")],
            line,
        )
        .value();
    assert_eq!(
        (&report["added"], &report["rejected"][0]["code"]),
        (&json!(0), &json!("malformed")),
        "{report}"
    );
    assert_eq!(server.get("/v1/sales/day/slots/a", OPERATOR).value()["free"], 2);
}

#[test]
fn a_sale_that_must_be_new_is_not_replaced() {
    let server = TestServer::start(&[]);
    let put = |headers: &[(&str, &str)]| {
        let key = format!("Bearer {OPERATOR}");
        let mut all = vec![("authorization", key.as_str()), ("content-type", "application/json")];
        all.extend(headers);
        server.send("PUT", "/v1/sales/day", &all, r#"{"time_zone": "UTC"}"#)
    };
    put(&[("if-none-match", "\"1\"")]).problem(400, "malformed");
    assert_eq!(put(&[("if-none-match", "*")]).status, 201);
    put(&[("if-none-match", "*")]).problem(412, "stale");
    put(&[("if-none-match", "*"), ("if-match", "\"1\"")]).problem(400, "malformed");
    assert_eq!(server.get("/v1/sales/day", OPERATOR).header("etag"), Some("\"1\""));
}

#[test]
fn taking_away_what_there_never_is_is_refused() {
    let server = TestServer::start(&[]);
    let limits = json!({"time_zone": "UTC", "limit_per_customer": {"units": 2, "orders": 1},
        "products": {"x": {}}, "closes_at": "2030-01-01T00:00:00Z"});
    sale(&server, &limits, &json!([]));
    let patch = |body: &Value| server.json("PATCH", "/v1/sales/day", OPERATOR, "p", body);
    for body in [json!({"limit_per_custmer": null}), json!({"limit_per_customer": {"x": null}})] {
        patch(&body).problem(400, "unknown-field");
    }
    assert_eq!(server.get("/v1/sales/day", OPERATOR).header("etag"), Some("\"1\""));
    let fewer = json!({"closes_at": null, "limit_per_customer": {"orders": null}, "products": {"x": null, "y": null}});
    let is = patch(&fewer).value();
    assert_eq!((&is["closes_at"], &is["products"]), (&Value::Null, &json!({})), "{is}");
    assert_eq!(is["limit_per_customer"], json!({"units": 2, "orders": null}));
}

#[test]
fn a_time_of_a_slot_is_written_as_every_time() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({"time_zone": "UTC"}), &json!([]));
    for time in [
        "20210412T070500Z",
        "2021-04-12T07Z",
        "2021-04-12T07:05:00+02:00[Europe/Berlin]",
        "-009999-01-02T02:00:00Z",
    ] {
        let slots = json!({"slots": [{"id": "a", "venue": "kiel", "capacity": 1, "starts_at": time}]});
        server.json("POST", "/v1/sales/day/slots", OPERATOR, "i", &slots).problem(400, "malformed");
    }
}

#[test]
fn two_credentials_are_none() {
    let server = TestServer::start(&[]);
    let (one, other) = (format!("Bearer {OPERATOR}"), "Bearer nonsense");
    for headers in [[one.as_str(), other], [other, one.as_str()], [&one, &one]] {
        let headers = headers.map(|value| ("authorization", value));
        server.send("GET", "/v1/sales", &headers, "").problem(401, "credentials");
    }
}
