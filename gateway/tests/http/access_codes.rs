//! Access codes over HTTP: making them, what they open, how guessing is slowed, and what survives a kill.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::server_common::{Answer, OPERATOR, PHONE, TestServer, WEB};
use serde_json::{Value, json};

const CODES: &str = "/v1/sales/sh/access-codes";

fn sale(server: &TestServer, settings: &Value) {
    let mut all = json!({"time_zone": "Europe/Berlin", "hold_ttl_ms": 60_000});
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let answer = server.json("PUT", "/v1/sales/sh", OPERATOR, "k", &all);
    assert_eq!(answer.status, 201, "{answer:?}");
    let slots = json!({"slots": [{"id": "a", "venue": "kiel", "capacity": 3, "product": "dose"},
        {"id": "b", "venue": "husum", "capacity": 50}]});
    assert_eq!(server.json("POST", "/v1/sales/sh/slots", OPERATOR, "k", &slots).status, 200);
}

fn in_ms(ms: u64) -> String {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_millis(ms);
    jiff::Timestamp::from_millisecond(at.as_millis().try_into().unwrap()).unwrap().to_string()
}

fn post(server: &TestServer, body: &Value) -> Answer {
    let headers = [("authorization", "Bearer op_1"), ("content-type", "application/json")];
    let headers =
        headers.map(|(name, value)| (name, if name == "authorization" { bearer() } else { value.into() }));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.send("POST", CODES, &headers, &body.to_string())
}

fn bearer() -> String {
    format!("Bearer {OPERATOR}")
}

fn hold(server: &TestServer, key: &str, credential: &str, code: &str, slot: &str) -> Answer {
    let body = json!({"customer": format!("c-{key}"), "items": [{"slot": slot}], "access_code": code});
    server.json("POST", "/v1/sales/sh/carts", credential, key, &body)
}

fn join(server: &TestServer, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    server.send("POST", "/v1/sales/sh/queue", &all, &body.to_string())
}

fn view(server: &TestServer, id: &str) -> Value {
    let answer = server.get(&format!("{CODES}/{id}"), OPERATOR);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.value()
}

#[test]
fn codes_are_shown_once_and_kept_as_hashes() {
    let mut server = TestServer::start(&[]);
    sale(&server, &json!({}));
    let body = json!({"wave": "w01", "count": 3, "group": "over-80"});
    let made = server.json("POST", CODES, OPERATOR, "make-1", &body);
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.value();
    let codes: Vec<String> = made["codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((codes.len(), made["created"].as_u64()), (3, Some(3)));
    // The answer that was lost on the way comes again under its key, also after a kill; nobody else has it.
    server.restart();
    let again = server.json("POST", CODES, OPERATOR, "make-1", &body);
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.value()["codes"], made["codes"]);
    let other = json!({"wave": "w01", "count": 4, "group": "over-80"});
    server.json("POST", CODES, OPERATOR, "make-1", &other).problem(422, "key-reused");

    let listed = server.get(&format!("{CODES}?wave=w01&limit=2"), OPERATOR).value();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    let rest = format!("{CODES}?wave=w01&limit=2&after={}", listed["next"].as_str().unwrap());
    let rest = server.get(&rest, OPERATOR).value();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    for text in [listed.to_string(), rest.to_string()] {
        assert!(codes.iter().all(|code| !text.contains(code.as_str())), "{text}");
    }
    let waves = server.get(&format!("{CODES}?by=wave"), OPERATOR).value();
    assert_eq!(
        (&waves["items"][0]["wave"], &waves["items"][0]["counts"]["live"]),
        (&json!("w01"), &json!(3))
    );
    assert_eq!(waves["items"][0]["group"], "over-80");

    let id = made["codes"][0]["id"].as_str().unwrap();
    let opened = hold(&server, "k1", WEB, &codes[0].to_lowercase().replace('-', " "), "b");
    assert_eq!(opened.status, 201, "{opened:?}");
    assert_eq!(view(&server, id)["state"], "in_cart");
    let lost = hold(&server, "k2", WEB, &codes[0], "b").problem(422, "code-used");
    assert!(lost["retry_after_ms"].as_u64().unwrap() > 50_000, "{lost}");
    let cart = opened.value()["cart"].as_str().unwrap().to_owned();
    let order = server.json("POST", &format!("/v1/carts/{cart}/checkout"), WEB, "pay", &Value::Null).value();
    server.restart();
    assert_eq!(view(&server, id)["state"], "used");
    hold(&server, "k3", WEB, &codes[0], "b").problem(422, "code-used");
    let cancel = format!("/v1/orders/{}/cancel", order["order"].as_str().unwrap());
    assert_eq!(server.json("POST", &cancel, WEB, "cancel", &Value::Null).status, 200);
    assert_eq!(view(&server, id)["state"], "live");
    assert_eq!(hold(&server, "k4", WEB, &codes[0], "b").status, 201);

    let done = server.json(
        "POST",
        &format!("{CODES}/revoke"),
        OPERATOR,
        "r",
        &json!({"wave": "w01", "reason": "test"}),
    );
    assert_eq!((done.status, &done.value()["revoked"], &done.value()["in_use"]), (200, &json!(3), &json!(1)));
    // Under its key it is told again, also after a kill; without one it is seen that they were taken back before.
    server.restart();
    let revoke =
        |key: &str, body: &Value| server.json("POST", &format!("{CODES}/revoke"), OPERATOR, key, body);
    let again = revoke("r", &json!({"wave": "w01", "reason": "test"}));
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    for count in ["revoked", "unchanged", "in_use"] {
        assert_eq!(again.value()[count], done.value()[count], "{count}");
    }
    revoke("r", &json!({"wave": "w01"})).problem(422, "key-reused");
    revoke("make-1", &json!({"wave": "w01"})).problem(422, "key-reused");
    let other = revoke("", &json!({"wave": "w01"}));
    assert_eq!((&other.value()["revoked"], other.header("idempotent-replayed")), (&json!(0), None));
    hold(&server, "k5", WEB, &codes[1], "b").problem(422, "code-scope");
    server.get(CODES, WEB).problem(403, "not-allowed");
    server.get(&format!("{CODES}/zz"), OPERATOR).problem(404, "not-found");
    server.get(&format!("{CODES}?wave=w99"), OPERATOR).problem(404, "not-found");
}

#[test]
fn a_wave_sets_units_aside_until_its_end() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({}));
    let reserve = json!({"venue": "kiel", "product": "dose"});
    let wave = |name: &str, codes: &[&str], ms: u64| json!({"wave": name, "codes": codes, "expires_at": in_ms(ms), "reserve": reserve});
    let refused = post(&server, &wave("w0", &["CODE-0001", "CODE-0002", "CODE-0003", "CODE-0004"], 60_000));
    let refused = refused.problem(422, "allotment-exhausted");
    assert_eq!(refused["limit"], 3, "{refused}");
    let ends_in = Instant::now() + Duration::from_secs(6);
    assert_eq!(post(&server, &wave("w1", &["CODE-0001", "CODE-0002", "CODE-0003"], 6_000)).status, 201);
    let free =
        |server: &TestServer| server.get("/v1/sales/sh/slots/a", OPERATOR).value()["free"].as_u64().unwrap();
    assert_eq!(free(&server), 0);
    let body = json!({"customer": "stranger", "items": [{"slot": "a"}]});
    server.json("POST", "/v1/sales/sh/carts", WEB, "s1", &body).problem(409, "all-held");
    hold(&server, "k0", PHONE, "CODE-0001", "b").problem(422, "code-scope");
    assert_eq!(hold(&server, "k1", PHONE, "code0001", "a").status, 201);
    // The capacity cannot be cut below what is set aside.
    let less = json!({"capacity": 1});
    server.json("PATCH", "/v1/sales/sh/slots/a", OPERATOR, "p", &less).problem(422, "below-committed");
    // After the deadline somebody else has all of it, not before; how soon is asked of the engine's own clock, not of this machine.
    let mut sold = 0;
    let mut first: Option<Instant> = None;
    for attempt in 0.. {
        let body = json!({"customer": format!("x{attempt}"), "items": [{"slot": "a"}]});
        let key = format!("x{attempt}");
        if server.json("POST", "/v1/sales/sh/carts", WEB, &key, &body).status == 201 {
            first.get_or_insert_with(Instant::now);
            sold += 1;
        }
        if sold == 3 || Instant::now() > ends_in + Duration::from_secs(20) {
            break;
        }
    }
    assert_eq!(sold, 3);
    assert!(first.unwrap() >= ends_in - Duration::from_millis(300), "before the deadline");
}

#[test]
fn a_code_is_a_place_and_a_pass_spends_it() {
    let mut server = TestServer::start(&[]);
    sale(
        &server,
        &json!({"waiting_room": {"enabled": true, "admit_per_minute": 6000, "require_code": true,
        "lanes": [{"name": "general"}, {"name": "codes", "require_code": true}]}}),
    );
    let made = post(&server, &json!({"wave": "w", "codes": ["AAAA-1111", "BBBB-2222"], "lane": "codes"}));
    assert_eq!(made.status, 201, "{made:?}");
    assert!(made.value()["codes"][0].get("code").is_none(), "what the operator gave is not said again");
    let settings = server.get("/v1/sales/sh", OPERATOR).value();
    assert_eq!(settings["waiting_room"]["lanes"][1]["require_code"], true);
    assert_eq!(
        (&settings["require_code"], &settings["waiting_room"]["require_code"]),
        (&json!(false), &json!(true))
    );

    join(&server, &[], &json!({})).problem(403, "not-admitted");
    join(&server, &[], &json!({"access_code": "CCCC-3333"})).problem(404, "not-found");
    let first = join(&server, &[], &json!({"access_code": "AAAA-1111"}));
    assert_eq!((first.status, &first.value()["lane"]), (201, &json!("codes")));
    server.restart();
    let second = join(&server, &[], &json!({"access_code": "aaaa1111"}));
    assert_eq!((second.status, &second.value()["ticket"]), (200, &first.value()["ticket"]));
    join(&server, &[], &json!({"access_code": "AAAA-1111", "ticket": first.value()["ticket"]}))
        .problem(400, "malformed");

    let ticket = first.value()["ticket"].as_str().unwrap().to_owned();
    let started = Instant::now();
    let pass = loop {
        let value = server.send("GET", &format!("/v1/queue/{ticket}"), &[], "").value();
        if let Some(pass) = value["pass"].as_str() {
            break pass.to_owned();
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{value}");
    };
    let id = made.value()["codes"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({"items": [{"slot": "a"}]});
    let opened = server.json("POST", "/v1/sales/sh/carts", &pass, "p1", &body);
    assert_eq!(opened.status, 201, "{opened:?}");
    assert_eq!(view(&server, &id)["state"], "in_cart", "the pass's cart is the code's");
    let cart = opened.value()["cart"].as_str().unwrap().to_owned();
    assert!(
        server.json("POST", &format!("/v1/carts/{cart}/checkout"), &pass, "p2", &Value::Null).status < 300
    );
    join(&server, &[], &json!({"access_code": "AAAA-1111"})).problem(422, "code-used");
    assert_eq!(view(&server, &id)["state"], "used");
}

#[test]
fn guessing_is_slowed_for_who_shows_no_key() {
    let server = TestServer::start(&[("trusted_proxies", "127.0.0.0/8")]);
    sale(&server, &json!({"waiting_room": {"enabled": true}}));
    post(&server, &json!({"wave": "w", "codes": ["AAAA-1111"], "uses": 5}));
    let from = |address: &str, code: &str| {
        join(&server, &[("x-forwarded-for", address)], &json!({"access_code": code}))
    };
    // Right ones cost nothing.
    for _ in 0..30 {
        assert!(from("192.0.2.1", "AAAA-1111").status < 300);
    }
    for _ in 0..10 {
        from("192.0.2.1", "ZZZZ-9999").problem(404, "not-found");
    }
    let slowed = from("192.0.2.1", "ZZZZ-9999");
    slowed.problem(429, "too-fast");
    assert!(slowed.header("retry-after").is_some());
    // Nor is a right one told apart then; others, and who shows a key, go on.
    from("192.0.2.1", "AAAA-1111").problem(429, "too-fast");
    assert!(from("192.0.2.2", "AAAA-1111").status < 300);
    for number in 0..30 {
        hold(&server, &format!("g{number}"), PHONE, "ZZZZ-9999", "b").problem(404, "not-found");
    }
}

/// Every deadline comes twice, also that of a wave.
#[test]
fn what_is_left_of_a_wave_is_told_in_milliseconds() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({}));
    post(&server, &json!({"wave": "ends", "count": 1, "expires_at": in_ms(3_600_000)}));
    post(&server, &json!({"wave": "stays", "count": 1}));
    let waves = server.get(&format!("{CODES}?by=wave"), OPERATOR).value();
    let left = waves["items"][0]["expires_in_ms"].as_u64().unwrap();
    assert!((3_000_000..=3_600_000).contains(&left), "{waves}");
    assert_eq!(waves["items"][1].get("expires_in_ms"), Some(&Value::Null), "{waves}");
}

#[test]
fn a_sale_by_invitation_sells_to_nobody_else() {
    let server = TestServer::start(&[]);
    sale(&server, &json!({"require_code": true}));
    post(&server, &json!({"wave": "w", "codes": ["AAAA-1111"], "channel": "phone", "venues": ["husum"]}));
    let body = json!({"customer": "c", "items": [{"slot": "b"}]});
    let refused = server.json("POST", "/v1/sales/sh/carts", PHONE, "n1", &body).problem(403, "not-admitted");
    assert!(refused["detail"].as_str().unwrap().contains("access_code"), "{refused}");
    assert_eq!(server.get("/v1/sales/sh/slots/b", OPERATOR).value()["held"], 0);
    hold(&server, "n2", WEB, "AAAA-1111", "b").problem(422, "code-scope");
    hold(&server, "n3", PHONE, "AAAA-1111", "a").problem(422, "code-scope");
    assert_eq!(hold(&server, "n4", PHONE, "AAAA-1111", "b").status, 201);
}

#[test]
fn sixteen_thousand_codes_in_one_request() {
    let mut server = TestServer::start(&[]);
    sale(&server, &json!({}));
    let mut lines = json!({"wave": "letters", "group": "over-80"}).to_string();
    for number in 0..16_190 {
        lines.push_str(&format!("\n{{\"code\": \"BREMEN-{number:05}\"}}"));
    }
    let bearer = bearer();
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/x-ndjson")];
    let send = |server: &TestServer, lines: &str| server.send("POST", CODES, &headers, lines);
    let made = send(&server, &lines);
    assert_eq!((made.status, &made.value()["created"]), (201, &json!(16_190)), "{}", made.status);
    let again = send(&server, &lines);
    assert_eq!((again.status, &again.value()["unchanged"]), (200, &json!(16_190)));
    server.restart();
    let waves = server.get(&format!("{CODES}?by=wave"), OPERATOR).value();
    assert_eq!(waves["items"][0]["counts"]["live"], 16_190);
    assert_eq!(hold(&server, "k", WEB, "bremen 16189", "b").status, 201);
    let odd = send(&server, "{\"wave\": \"letters\", \"group\": \"over-80\"}\n{\"cod\": \"X\"}")
        .problem(400, "unknown-field");
    assert!(odd["detail"].as_str().unwrap().starts_with("line 2:"), "{odd}");

    // Either the codes or how many: the printed ones were dropped, and others made.
    let both =
        "{\"wave\": \"w07\", \"count\": 2}\n{\"code\": \"BREMEN-A0001\"}\n{\"code\": \"BREMEN-A0002\"}\n";
    send(&server, both).problem(400, "malformed");

    let body = json!({"wave": "made", "count": 16_190});
    let made = server.json("POST", CODES, OPERATOR, "many", &body).value();
    let codes: BTreeSet<&str> =
        made["codes"].as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap()).collect();
    assert_eq!(codes.len(), 16_190);
    for (body, code) in [
        (json!({"wave": "w"}), "malformed"),
        (json!({"wave": "w", "count": 0}), "malformed"),
        (json!({"wave": "w", "count": 20_001}), "too-large-number"),
        (json!({"wave": "w", "codes": ["short"]}), "malformed"),
        (
            json!({"wave": "w", "count": 1, "reserve": {"venue": "kiel", "from": "2026-01-01T00:00:00Z"}}),
            "malformed",
        ),
    ] {
        post(&server, &body).problem(400, code);
    }
    for body in [
        json!({"wave": "w", "codes": []}),
        json!({"wave": "w", "codes": ["AAAA-1111", "aaaa1111"]}),
        json!({"wave": "w", "count": 1, "expires_at": "2020-01-01T00:00:00Z"}),
        json!({"wave": "w", "count": 1, "reserve": {"venue": "kiel"}}),
        json!({"wave": "w", "count": 1, "lane": "nowhere"}),
        json!({"wave": "w", "count": 1, "channel": "nobody"}),
        json!({"wave": "no name", "count": 1}),
        json!({"wave": "letters", "count": 1}),
    ] {
        post(&server, &body).problem(422, "rule");
    }
    post(&server, &json!({"wave": "w", "count": 1, "venues": ["atlantis"]})).problem(404, "not-found");
}
