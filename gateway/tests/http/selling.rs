//! A sale from its settings to its orders, over HTTP: the shapes, the codes, and what must survive a restart.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::server_common::{Answer, OPERATOR, PHONE, TestServer, WEB};
use serde_json::{Value, json};

fn sale(server: &TestServer) {
    let settings = json!({"time_zone": "Europe/Berlin", "limit_per_customer": {"units": 4}});
    let answer = server.json("PUT", "/v1/sales/sh", OPERATOR, "k", &settings);
    assert_eq!((answer.status, answer.header("etag")), (201, Some("\"1\"")), "{answer:?}");
    let slots = json!({"slots": [
        {"id": "a", "venue": "kiel", "starts_at": "2030-04-12T07:05:00Z", "capacity": 2},
        {"id": "b", "venue": "luebeck", "starts_at": "2030-04-12T07:05:00Z", "capacity": 1}]});
    let answer = server.json("POST", "/v1/sales/sh/slots", OPERATOR, "k", &slots);
    assert_eq!((answer.status, &answer.value()["added"]), (200, &json!(2)), "{answer:?}");
}

fn open(server: &TestServer, key: &str, slot: &str, quantity: u32) -> Answer {
    let body = json!({"customer": "c-1", "items": [{"slot": slot, "quantity": quantity}]});
    server.json("POST", "/v1/sales/sh/carts", WEB, key, &body)
}

fn id(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_else(|| panic!("no {field} in {body}")).to_owned()
}

#[test]
fn settings_have_versions() {
    let server = TestServer::start(&[]);
    sale(&server);
    let settings = json!({"time_zone": "Europe/Berlin"});
    server.json("PUT", "/v1/sales/sh", OPERATOR, "k", &settings).problem(428, "if-match-required");
    let put = |tag: &str, body: &Value| {
        let headers =
            [("authorization", "Bearer op_test"), ("if-match", tag), ("content-type", "application/json")];
        server.send("PUT", "/v1/sales/sh", &headers, &body.to_string())
    };
    put("\"9\"", &settings).problem(412, "stale");
    put("\"1\"", &json!({"time_zone": "Mars"})).problem(422, "rule");
    put("\"1\"", &json!({"time_zone": "UTC", "hold_tll_ms": 1})).problem(400, "unknown-field");
    let answer = put("\"1\"", &settings);
    assert_eq!((answer.status, answer.header("etag")), (200, Some("\"2\"")));
    assert_eq!(answer.value()["limit_per_customer"]["units"], Value::Null);
    let answer = server.json("PATCH", "/v1/sales/sh", OPERATOR, "k", &json!({"hold_ttl_ms": 60_000}));
    assert_eq!((answer.status, &answer.value()["hold_ttl_ms"]), (200, &json!(60_000)));
    let answer = server.send("GET", "/v1/sales/sh", &[("if-none-match", "\"3\"")], "");
    assert_eq!((answer.status, answer.body.as_str()), (304, ""));
    assert_eq!(server.send("GET", "/v1/sales?limit=1", &[], "").value()["items"][0]["sale"], "sh");
    server.json("PUT", "/v1/sales/SH", OPERATOR, "k", &settings).problem(400, "malformed");
    // One of several, and whatever stands there.
    assert_eq!(put("\"1\", \"3\"", &settings).header("etag"), Some("\"4\""));
    assert_eq!(put("\"3\", *", &settings).header("etag"), Some("\"5\""));
    put("\"1\", \"2\"", &settings).problem(412, "stale");
}

/// A worker promises to wake the journal's thread before it sleeps. If it forgot, that thread would find the fact at its own
/// next look, half a second later: 40 facts in turn would take 20 s. The bound is far from both.
#[test]
fn a_lone_request_does_not_wait_until_the_journal_looks_by_itself() {
    let server = TestServer::start(&[]);
    sale(&server);
    let started = Instant::now();
    for turn in 0..40 {
        let answer =
            server.json("PATCH", "/v1/sales/sh", OPERATOR, "k", &json!({"hold_ttl_ms": 60_000 + turn}));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(started.elapsed().as_secs() < 10, "{:?} for 40 facts", started.elapsed());
}

#[test]
fn a_cart_becomes_an_order_and_keys_are_remembered_across_a_restart() {
    let mut server = TestServer::start(&[]);
    sale(&server);
    let first = open(&server, "k1", "a", 2);
    assert_eq!(first.status, 201, "{first:?}");
    let cart = id(&first.value(), "cart");
    assert_eq!(first.header("location"), Some(format!("/v1/carts/{cart}").as_str()));
    assert_eq!(first.header("idempotent-replayed"), None);
    server.restart();
    let again = open(&server, "k1", "a", 2);
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(
        (&again.value()["cart"], &again.value()["items"]),
        (&first.value()["cart"], &first.value()["items"])
    );
    open(&server, "k1", "a", 1).problem(422, "key-reused");
    let checkout = format!("/v1/carts/{cart}/checkout");
    server.json("POST", &checkout, WEB, "k1", &Value::Null).problem(422, "key-reused");
    let answer = server.json("POST", &checkout, WEB, "k2", &Value::Null);
    assert_eq!((answer.status, answer.header("retry-after")), (202, Some("0")), "{answer:?}");
    let location = answer.header("location").unwrap().to_owned();
    let checkout = server.get(&location, WEB).value();
    assert_eq!(checkout["state"], "confirmed");
    server.restart();
    let order = server.get(&format!("/v1/orders/{}", id(&checkout, "order")), WEB);
    assert_eq!((order.status, &order.value()["state"]), (200, &json!("confirmed")));
    assert_eq!(server.get(&format!("/v1/carts/{cart}"), WEB).value()["state"], "ordered");
    server.get(&format!("/v1/carts/{cart}"), PHONE).problem(404, "not-found");
    let extend = server.json("POST", &format!("/v1/carts/{cart}/extend"), WEB, "k3", &json!({}));
    extend.problem(409, "cart-not-open");
    let cancel = format!("/v1/orders/{}/cancel", id(&checkout, "order"));
    let answer = server.json("POST", &cancel, WEB, "k4", &Value::Null);
    assert_eq!((answer.status, &answer.value()["state"]), (200, &json!("cancelled")), "{answer:?}");
    let list = server.get("/v1/sales/sh/orders?customer=c-1&state=cancelled", WEB).value();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
}

/// A name is shown in clear while the sale keeps names, and no longer, also of what was made before.
#[test]
fn a_name_is_shown_as_long_as_the_sale_keeps_names() {
    let mut server = TestServer::start(&[]);
    sale(&server);
    let keep = |server: &TestServer, keep: bool| {
        let body = json!({"keep_customer": keep});
        assert_eq!(server.json("PATCH", "/v1/sales/sh", OPERATOR, "k", &body).status, 200);
    };
    keep(&server, true);
    let asked = json!({"customer": "c-1", "items": [{"slot": "a", "quantity": 1}], "reference": "R-1"});
    let opened = |server: &TestServer, key: &str| {
        let answer = server.json("POST", "/v1/sales/sh/carts", WEB, key, &asked);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.value()
    };
    let (cart, paid) = (id(&opened(&server, "k1"), "cart"), id(&opened(&server, "k2"), "cart"));
    let checkout = server.json("POST", &format!("/v1/carts/{paid}/checkout"), WEB, "k3", &Value::Null);
    let order = id(&checkout.value(), "order");
    let shown = |server: &TestServer| {
        let list = server.get("/v1/sales/sh/orders?reference=R-1", WEB).value();
        assert_eq!(list["items"].as_array().unwrap().len(), 1, "the reference is the shop's own");
        let again = opened(server, "k1");
        let [cart, paid] = [&cart, &paid].map(|cart| server.get(&format!("/v1/carts/{cart}"), WEB).value());
        let order = server.get(&format!("/v1/orders/{order}"), WEB).value();
        [cart, paid, order, list["items"][0].clone(), again].map(|view| id(&view, "customer"))
    };
    assert_eq!(shown(&server), ["c-1"; 5]);
    keep(&server, false);
    for name in shown(&server) {
        assert!(name.starts_with("ch_"), "{name}");
    }
    server.restart();
    assert!(shown(&server).iter().all(|name| name.starts_with("ch_")));
    keep(&server, true);
    assert_eq!(shown(&server), ["c-1"; 5]);
}

#[test]
fn with_prefer_wait_the_order_is_in_the_answer() {
    let server = TestServer::start(&[]);
    sale(&server);
    let cart = id(&open(&server, "k1", "a", 1).value(), "cart");
    let headers = [("authorization", "Bearer sk_web"), ("x-idempotency-key", "k2"), ("prefer", "wait=5")];
    let answer = server.send("POST", &format!("/v1/carts/{cart}/checkout"), &headers, "");
    assert_eq!((answer.status, answer.header("preference-applied")), (201, Some("wait=5")));
    assert!(id(&answer.value(), "order").starts_with("order_"));
}

#[test]
fn what_is_lost_is_told_with_the_reason() {
    let server = TestServer::start(&[]);
    sale(&server);
    let short = open(&server, "k1", "a", 3).problem(409, "slot-taken");
    assert_eq!(short["conflicts"], json!([{"slot": "a", "wanted": 3, "free": 2}]));
    let cart = id(&open(&server, "k2", "a", 2).value(), "cart");
    open(&server, "k3", "a", 1).problem(409, "all-held");
    open(&server, "k4", "zzz", 1).problem(404, "not-found");
    open(&server, "k5", "a", 0).problem(400, "malformed");
    let nothing = json!({"customer": "c-1", "items": [], "itmes": []});
    server.json("POST", "/v1/sales/sh/carts", WEB, "k6", &nothing).problem(400, "unknown-field");
    let no_key = [("authorization", "Bearer sk_web"), ("content-type", "application/json")];
    let answer = server.send("POST", "/v1/sales/sh/carts", &no_key, "{}");
    assert!(answer.problem(400, "malformed")["detail"].as_str().unwrap().contains("Idempotency-Key"));
    let answer = server.json("DELETE", &format!("/v1/carts/{cart}"), WEB, "k7", &Value::Null);
    assert_eq!((answer.status, &answer.value()["state"]), (200, &json!("abandoned")));
    assert_eq!(open(&server, "k3", "a", 1).status, 201, "a refusal is not kept");
    let patch = json!({"capacity": 0});
    let answer =
        server.json("PATCH", "/v1/sales/sh/slots/a", OPERATOR, "k", &patch).problem(422, "below-committed");
    assert_eq!(answer["in_the_way"][0]["units"], 1);
}

#[test]
fn holds_are_added_swapped_and_given_back() {
    let server = TestServer::start(&[]);
    sale(&server);
    let cart = open(&server, "k1", "a", 1).value();
    let path = format!("/v1/carts/{}/holds", id(&cart, "cart"));
    let more = json!({"items": [{"slot": "b"}]});
    let both = server.json("POST", &path, WEB, "k2", &more);
    assert_eq!((both.status, both.value()["items"].as_array().map(Vec::len)), (201, Some(2)), "{both:?}");
    server.json("POST", &path, WEB, "k3", &more).problem(409, "all-held");
    let hold = id(&both.value()["items"][1], "hold");
    let swap = json!({"item": {"slot": "a"}});
    let swapped = server.json("POST", &format!("{path}/{hold}/exchange"), WEB, "k4", &swap);
    assert_eq!(swapped.status, 200, "{swapped:?}");
    assert!(swapped.value()["items"].as_array().unwrap().iter().all(|item| item["slot"] == "a"));
    let hold = id(&swapped.value()["items"][0], "hold");
    let left = server.json("DELETE", &format!("{path}/{hold}"), WEB, "k5", &Value::Null);
    assert_eq!((left.status, left.value()["items"].as_array().map(Vec::len)), (200, Some(1)));
    server
        .json("DELETE", &format!("{path}/hold_0000000000000.77"), WEB, "k6", &Value::Null)
        .problem(404, "not-found");
}

#[test]
fn a_stream_keeps_what_is_good() {
    let server = TestServer::start(&[]);
    sale(&server);
    let mut lines = String::new();
    for number in 0..2_500 {
        lines += &format!("{{\"id\": \"s-{number}\", \"venue\": \"kiel\", \"capacity\": 1}}\n");
    }
    lines += "\n{\"id\": \"bad id\", \"venue\": \"kiel\", \"capacity\": 1}\nnonsense\n";
    let headers = [("authorization", "Bearer op_test"), ("content-type", "application/x-ndjson")];
    for (added, unchanged) in [(2_500, 0), (0, 2_500)] {
        let report = server.send("POST", "/v1/sales/sh/slots", &headers, &lines).value();
        assert_eq!((&report["added"], &report["unchanged"]), (&json!(added), &json!(unchanged)), "{report}");
        let rejected: Vec<_> =
            report["rejected"].as_array().unwrap().iter().map(|line| &line["line"]).collect();
        assert_eq!(rejected, [&json!(2_502), &json!(2_503)]);
    }
    server.send("POST", "/v1/sales/nope/slots", &headers, &lines).problem(404, "not-found");
    let mixed = json!({"slots": [{"id": "n", "venue": "kiel", "capacity": 1}, {"id": "!", "venue": "kiel", "capacity": 1}]});
    let refused =
        server.json("POST", "/v1/sales/sh/slots", OPERATOR, "mixed", &mixed).problem(400, "malformed");
    assert_eq!(refused["rejected"][0]["line"], 2);
    server.get("/v1/sales/sh/slots/n", OPERATOR).problem(404, "not-found");
}

/// A stream is read line by line, so what a line does is not a matter of how far it stands from another.
#[test]
fn a_line_of_a_stream_comes_after_those_before_it() {
    let server = TestServer::in_memory();
    sale(&server);
    let slot = |id: &str, capacity: u32| {
        format!("{{\"id\": \"{id}\", \"venue\": \"kiel\", \"capacity\": {capacity}}}\n")
    };
    let headers = [("authorization", "Bearer op_test"), ("content-type", "application/x-ndjson")];
    let filler =
        |from: u32, to: u32| (from..to).map(|number| slot(&format!("s-{number}"), 1)).collect::<String>();
    // Next to each other, within the lines that are handed over together, and further apart than these are.
    for (sale, between) in [("near", 0), ("within", 500), ("apart", 1_500)] {
        let settings = json!({"time_zone": "UTC"});
        assert_eq!(server.json("PUT", &format!("/v1/sales/{sale}"), OPERATOR, "k", &settings).status, 201);
        let lines = [
            slot("a", 1),
            filler(0, between),
            slot("a", 1),
            filler(between, 2 * between),
            slot("a", 2),
            slot("bad id", 1),
            slot("a", 2),
        ];
        let report =
            server.send("POST", &format!("/v1/sales/{sale}/slots"), &headers, &lines.concat()).value();
        let done =
            ["added", "updated", "unchanged", "rejected_count"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(done, [1 + 2 * u64::from(between), 1, 2, 1], "{sale}: {report}");
        assert_eq!(report["rejected"][0]["line"], 2 * between + 4);
        assert_eq!(server.get(&format!("/v1/sales/{sale}/slots/a"), OPERATOR).value()["capacity"], 2);
    }
    let twice = json!({"slots": [{"id": "t", "venue": "kiel", "capacity": 1}, {"id": "t", "venue": "kiel", "capacity": 1}]});
    server.json("POST", "/v1/sales/near/slots", OPERATOR, "k", &twice).problem(400, "malformed");
    server.get("/v1/sales/near/slots/t", OPERATOR).problem(404, "not-found");
}

/// Whatever came whole before a stream broke off or stood still is taken, and the answer says how much that is.
#[test]
fn a_stream_that_ends_badly_was_taken_up_to_there() {
    let server = TestServer::start(&[("timeouts.body_ms", "1000")]);
    sale(&server);
    let line = |id: &str| format!("{{\"id\": \"{id}\", \"venue\": \"kiel\", \"capacity\": 1}}\n");
    let head = "POST /v1/sales/sh/slots HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer op_test\r\n\
        content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    for (status, round, then) in [(400, "a", "nonsense\r\n"), (408, "b", "")] {
        let good =
            [line(&format!("{round}-1")), "nonsense\n".to_owned(), line(&format!("{round}-2"))].concat();
        let cut = [good, format!("{{\"id\": \"{round}-3\", ")].concat();
        let sent = format!("{head}{:x}\r\n{cut}\r\n{then}", cut.len());
        let answer = Answer::read(&server.raw(sent.as_bytes()));
        assert_eq!(answer.status, status, "{answer:?}");
        let told = answer.value();
        let done = ["added", "updated", "unchanged", "rejected_count"].map(|name| told[name].as_u64());
        assert_eq!(done, [Some(2), Some(0), Some(0), Some(1)], "{told}");
        assert_eq!(told["rejected"][0]["line"], 2, "{told}");
        assert!(told["detail"].as_str().unwrap().contains("2 added"), "{told}");
        for (number, status) in [(1, 200), (2, 200), (3, 404)] {
            let path = format!("/v1/sales/sh/slots/{round}-{number}");
            assert_eq!(server.get(&path, OPERATOR).status, status, "{path}");
        }
    }
}

/// Also of a sender that has died: nobody is told then, but it is true all the same.
#[test]
fn what_came_before_the_sender_was_gone_is_taken() {
    let server = TestServer::start(&[]);
    sale(&server);
    let head = "POST /v1/sales/sh/slots HTTP/1.1\r\nhost: x\r\nauthorization: Bearer op_test\r\n\
        content-type: application/x-ndjson\r\ncontent-length: 5000\r\n\r\n";
    let mut stream = server.connect();
    let line = "{\"id\": \"last\", \"venue\": \"kiel\", \"capacity\": 1}\n{\"id\"";
    stream.write_all(format!("{head}{line}").as_bytes()).unwrap();
    drop(stream);
    let wait = Instant::now();
    while server.get("/v1/sales/sh/slots/last", OPERATOR).status != 200 {
        assert!(wait.elapsed().as_secs() < 10, "the line that had come is not there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Who did not hear the answer hears it again under the key, also after a kill, and not what the slots look like by now.
#[test]
fn slots_sent_as_json_are_answered_alike_under_their_key() {
    let mut server = TestServer::start(&[]);
    sale(&server);
    let slot = |id: &str, capacity: u32| json!({"id": id, "venue": "kiel", "capacity": capacity});
    let send = |server: &TestServer, key: &str, slots: &[Value]| {
        server.json("POST", "/v1/sales/sh/slots", OPERATOR, key, &json!({"slots": slots}))
    };
    assert_eq!(send(&server, "one", &[slot("m", 1), slot("n", 1)]).value()["added"], 2);
    let body = [slot("m", 1), slot("n", 2), slot("o", 1)];
    let first = send(&server, "two", &body);
    let told =
        |answer: &Answer| ["added", "updated", "unchanged"].map(|count| answer.value()[count].as_u64());
    assert_eq!((told(&first), first.header("idempotent-replayed")), ([Some(1), Some(1), Some(1)], None));
    assert_eq!(told(&send(&server, "three", &[slot("n", 9)])), [Some(0), Some(1), Some(0)]);
    for _ in 0..2 {
        let again = send(&server, "two", &body);
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
        assert_eq!(told(&again), told(&first));
        assert_eq!(
            server.get("/v1/sales/sh/slots/n", OPERATOR).value()["capacity"],
            9,
            "nothing is set again"
        );
        server.restart();
    }
    // Another body, a bad one, none at all: the key is of another request.
    let bad = json!({"id": "p", "venue": "kiel", "capacity": 2, "row": "1", "seat": "1"});
    for body in [&body[..2], &[bad], &[]] {
        send(&server, "two", body).problem(422, "key-reused");
    }
    let cart = json!({"customer": "c", "items": [{"slot": "m"}]});
    let cart = server.json("POST", "/v1/sales/sh/carts", OPERATOR, "two", &cart);
    cart.problem(422, "key-reused");
    // What changed nothing is not kept.
    for _ in 0..2 {
        let nothing = send(&server, "four", &[slot("n", 9)]);
        assert_eq!(
            (told(&nothing), nothing.header("idempotent-replayed")),
            ([Some(0), Some(0), Some(1)], None)
        );
    }
}

/// What is no key is a mistake here as everywhere.
#[test]
fn a_key_that_is_none_is_refused_by_imports_too() {
    let server = TestServer::start(&[]);
    sale(&server);
    let body = r#"{"slots": [{"id": "n", "venue": "kiel", "capacity": 1}]}"#;
    let long = "k".repeat(256);
    let base = [("authorization", "Bearer op_test"), ("content-type", "application/json")];
    for keys in [
        &[("idempotency-key", long.as_str())][..],
        &[("idempotency-key", "a"), ("idempotency-key", "b")],
        &[("idempotency-key", "a"), ("x-idempotency-key", "b")],
    ] {
        let headers = [&base[..], keys].concat();
        server.send("POST", "/v1/sales/sh/slots", &headers, body).problem(400, "malformed");
    }
    server.get("/v1/sales/sh/slots/n", OPERATOR).problem(404, "not-found");
    assert_eq!(server.send("POST", "/v1/sales/sh/slots", &base, body).status, 200);
}

/// A venue may have its own time zone: a date that is asked of it is a day there.
#[test]
fn a_date_is_a_day_of_the_venue_that_is_named() {
    let server = TestServer::start(&[]);
    let settings = json!({"time_zone": "Europe/Berlin", "venues": {"madeira": {"time_zone": "Atlantic/Madeira"}},
        "bundles": {"pair": {"parts": ["x", "y"], "same": "venue"}}});
    assert_eq!(server.json("PUT", "/v1/sales/zones", OPERATOR, "k", &settings).status, 201);
    // Half past eleven in the evening of the 11th in Madeira, half past midnight of the 12th in Berlin.
    let slot = |id: &str, venue: &str, product: &str, hour: &str| json!({"id": id, "venue": venue, "product": product, "capacity": 5, "starts_at": format!("2030-{hour}:00Z")});
    let mut slots = Vec::new();
    for venue in ["madeira", "kiel"] {
        for (product, day) in [("x", 11), ("y", 12)] {
            slots.push(slot(&format!("{venue}-{product}"), venue, product, &format!("01-{day}T23:30")));
        }
    }
    let slots = json!({"slots": slots});
    assert_eq!(server.json("POST", "/v1/sales/zones/slots", OPERATOR, "k", &slots).value()["added"], 4);
    let ids = |query: &str| -> Vec<String> {
        let page = server.get(&format!("/v1/sales/zones/slots?{query}"), WEB).value();
        page["items"].as_array().unwrap().iter().map(|slot| id(slot, "id")).collect()
    };
    assert_eq!(ids("venue=madeira&from=2030-01-12"), ["madeira-y"]);
    assert_eq!(ids("venue=madeira&to=2030-01-12"), ["madeira-x"]);
    assert_eq!(ids("venue=kiel&from=2030-01-12"), ["kiel-x", "kiel-y"]);
    assert_eq!(ids("from=2030-01-12").len(), 4, "without a venue a day is the sale's");
    let found = |venue: &str| {
        let path = format!("/v1/sales/zones/bundles?venue={venue}&from=2030-01-12");
        server.get(&path, WEB).value()["items"].as_array().unwrap().len()
    };
    let wait = Instant::now();
    while found("kiel") == 0 && wait.elapsed().as_secs() < 5 {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!((found("kiel"), found("madeira")), (1, 0));
    let hold = |key: &str, venue: &str| {
        let items =
            json!([{"bundle": {"rule": "pair", "venue": venue, "from": "2030-01-12", "to": "2030-01-13"}}]);
        server.json("POST", "/v1/sales/zones/carts", WEB, key, &json!({"customer": "c", "items": items}))
    };
    assert_eq!(hold("k1", "madeira").status, 409);
    let cart = hold("k2", "kiel");
    assert_eq!(cart.status, 201, "{cart:?}");
    let more = json!({"items": [{"bundle": {"rule": "pair", "venue": "madeira", "from": "2030-01-12"}}]});
    let path = format!("/v1/carts/{}/holds", id(&cart.value(), "cart"));
    assert_eq!(server.json("POST", &path, WEB, "k3", &more).status, 409);
}

#[test]
fn looking_is_exact_with_a_key_and_coarse_without() {
    let server = TestServer::with_sample();
    let path = "/v1/sales/sample/slots?venue=kiel&product=dose1&limit=5";
    let (public, exact) = (server.send("GET", path, &[], ""), server.get(path, WEB));
    assert_eq!(public.header("vary"), Some("Authorization"));
    for state in ["", "&state=available", "&state=sold_out", "&state=not_for_you"] {
        let asked = format!("{path}{state}");
        let (public, exact) = (server.send("GET", &asked, &[], ""), server.get(&asked, WEB));
        assert_eq!(public.header("cache-control"), Some("public, max-age=1"), "{asked}");
        assert_eq!(exact.header("cache-control"), Some("private, no-store"), "{asked}");
    }
    assert_eq!(public.value()["items"][0]["free"], 10);
    assert_eq!(public.value()["items"][0].get("held"), None);
    assert_eq!(exact.value()["items"][0]["free"], 10);
    let next = id(&exact.value(), "next");
    let second = server.get(&format!("{path}&after={next}"), WEB).value();
    assert_ne!(second["items"][0]["id"], exact.value()["items"][0]["id"]);
    let days = server.get("/v1/sales/sample/availability?by=venue,day&product=dose1", WEB).value();
    assert_eq!(days["items"].as_array().map(Vec::len), Some(10));
    server.get("/v1/sales/sample/availability?by=week", WEB).problem(400, "malformed");
    server.get("/v1/sales/sample/slots?lmit=1", WEB).problem(400, "unknown-field");
    server.get("/v1/sales/sample/slots?limit=1001", WEB).problem(400, "too-large-number");
    let offers = server.send("GET", "/v1/sales/sample/bundles?venue=kiel&limit=3", &[], "").value();
    let offer = &offers["items"][0];
    let item = json!({"bundle": {"rule": offer["rule"], "slots": offer["slots"]}});
    let cart = json!({"customer": "c", "items": [item], "reference": "A-1", "metadata": {"lang": "de"}});
    let cart = server.json("POST", "/v1/sales/sample/carts", PHONE, "k", &cart);
    assert_eq!((cart.status, &cart.value()["reference"]), (201, &json!("A-1")), "{cart:?}");
    let single = json!({"customer": "d", "items": [{"slot": offer["slots"][0]}]});
    server.json("POST", "/v1/sales/sample/carts", PHONE, "k2", &single).problem(422, "bundle-only");
}
