//! The waiting room over HTTP: joining, being called, one session a pass, and what survives a restart.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::server_common::{Answer, OPERATOR, PHONE, TestServer, WEB};
use serde_json::{Value, json};

/// A sale with a waiting room that opens so many milliseconds from now; 0 for no opening instant.
fn sale(server: &TestServer, opens_in_ms: u64, room: &Value) {
    let mut settings = json!({"time_zone": "Europe/Berlin", "limit_per_customer": {"units": 2},
        "waiting_room": {"enabled": true, "admit_per_minute": 600, "max_active": 100}});
    settings["waiting_room"].as_object_mut().unwrap().extend(room.as_object().unwrap().clone());
    if opens_in_ms > 0 {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_millis(opens_in_ms);
        let at = jiff::Timestamp::from_millisecond(at.as_millis().try_into().unwrap()).unwrap();
        settings["opens_at"] = json!(at.to_string());
    }
    let answer = server.json("PUT", "/v1/sales/sh", OPERATOR, "k", &settings);
    assert_eq!(answer.status, 201, "{answer:?}");
    let slots = json!({"slots": [{"id": "a", "venue": "kiel", "capacity": 50}, {"id": "b", "venue": "kiel", "capacity": 50}]});
    assert_eq!(server.json("POST", "/v1/sales/sh/slots", OPERATOR, "k", &slots).status, 200);
}

fn join(server: &TestServer, body: &Value) -> Answer {
    server.send("POST", "/v1/sales/sh/queue", &[("content-type", "application/json")], &body.to_string())
}

fn ticket(answer: &Answer) -> String {
    answer.value()["ticket"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

fn look(server: &TestServer, ticket: &str) -> Value {
    let answer = server.send("GET", &format!("/v1/queue/{ticket}"), &[], "");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.value()
}

/// Asks until the ticket is in a state; the server's own clock moves it there.
fn until(server: &TestServer, ticket: &str, state: &str) -> Value {
    let started = Instant::now();
    loop {
        let value = look(server, ticket);
        if value["state"] == state {
            return value;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{value} is not {state}");
        std::thread::yield_now();
    }
}

fn open(server: &TestServer, pass: &str, key: &str, slot: &str) -> Answer {
    let bearer = format!("Bearer {pass}");
    let headers =
        [("authorization", bearer.as_str()), ("idempotency-key", key), ("content-type", "application/json")];
    let body = json!({"items": [{"slot": slot, "quantity": 1}]});
    server.send("POST", "/v1/sales/sh/carts", &headers, &body.to_string())
}

fn with(server: &TestServer, verb: &str, path: &str, pass: &str, key: &str) -> Answer {
    let bearer = format!("Bearer {pass}");
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", key)];
    server.send(verb, path, &headers, "")
}

#[test]
fn who_is_called_buys_with_the_pass_and_nobody_else_does() {
    let mut server = TestServer::start(&[]);
    sale(&server, 0, &json!({}));
    let body = json!({"customer": "c-1", "items": [{"slot": "a", "quantity": 1}]});
    server.json("POST", "/v1/sales/sh/carts", WEB, "k0", &body).problem(403, "not-admitted");

    let joined = join(&server, &json!({}));
    assert_eq!((joined.status, joined.header("cache-control")), (201, Some("private, no-store")));
    let ticket = ticket(&joined);
    assert_eq!(joined.header("location"), Some(format!("/v1/queue/{ticket}").as_str()));
    let called = until(&server, &ticket, "called");
    let pass = called["pass"].as_str().unwrap().to_owned();
    assert!(called["expires_in_ms"].as_u64().unwrap() <= 60_000);

    let first = open(&server, &pass, "k1", "a");
    assert_eq!(first.status, 201, "{first:?}");
    let cart = first.value()["cart"].as_str().unwrap().to_owned();
    assert_eq!(look(&server, &ticket)["state"], "admitted");
    // One live cart a pass; the same key finds the first one.
    open(&server, &pass, "k2", "b").problem(409, "session-busy");
    server.restart();
    let again = open(&server, &pass, "k1", "a");
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.value()["cart"], cart.as_str());
    // A cart that is given back makes room for another.
    assert_eq!(with(&server, "DELETE", &format!("/v1/carts/{cart}"), &pass, "k3").status, 200);
    let second = open(&server, &pass, "k4", "b");
    assert_eq!(second.status, 201, "{second:?}");
    let cart = second.value()["cart"].as_str().unwrap().to_owned();
    assert_eq!(with(&server, "POST", &format!("/v1/carts/{cart}/checkout"), &pass, "k5").status, 202);
    // The order is made: the session is over, its own things stay readable.
    open(&server, &pass, "k6", "a").problem(410, "pass-expired");
    let ordered = with(&server, "GET", &format!("/v1/carts/{cart}"), &pass, "").value();
    assert_eq!(ordered["state"], "ordered");
    assert_eq!(look(&server, &ticket)["state"], "lapsed");
    // To cancel it is the shop's.
    let order = format!("/v1/orders/{}", ordered["order"].as_str().unwrap());
    let cancel = format!("{order}/cancel");
    with(&server, "POST", &cancel, &pass, "k7").problem(403, "not-allowed");
    with(&server, "POST", "/v1/orders/order_000g000000000/cancel", &pass, "k7").problem(403, "not-allowed");
    assert_eq!(with(&server, "GET", &order, &pass, "").value()["state"], "confirmed");

    // Somebody else's pass does not see it.
    let other = until(&server, &self::ticket(&join(&server, &json!({}))), "called");
    let other = other["pass"].as_str().unwrap();
    with(&server, "GET", &format!("/v1/carts/{cart}"), other, "").problem(404, "not-found");
}

/// What a phone desk holds for a customer is none of the pass's, who could neither see it nor give it back.
#[test]
fn a_pass_is_not_busy_with_what_another_channel_holds() {
    let server = TestServer::start(&[]);
    sale(&server, 0, &json!({"open_channels": ["phone"]}));
    let who = json!({"customer": "c-1"});
    let ticket = ticket(&server.json("POST", "/v1/sales/sh/queue", PHONE, "", &who));
    let called = until(&server, &ticket, "called");
    let pass = called["pass"].as_str().unwrap();
    let body = json!({"customer": "c-1", "items": [{"slot": "b", "quantity": 1}]});
    let foreign = server.json("POST", "/v1/sales/sh/carts", PHONE, "k1", &body);
    assert_eq!(foreign.status, 201, "{foreign:?}");
    let foreign = format!("/v1/carts/{}", foreign.value()["cart"].as_str().unwrap());
    with(&server, "GET", &foreign, pass, "").problem(404, "not-found");
    assert_eq!(open(&server, pass, "k2", "a").status, 201);
    // Now there is one of its own, and with both of them all the customer may have.
    open(&server, pass, "k3", "a").problem(409, "session-busy");
    server.json("POST", "/v1/sales/sh/carts", PHONE, "k4", &body).problem(422, "limit-reached");
}

#[test]
fn the_room_registers_draws_and_calls() {
    let mut server = TestServer::start(&[]);
    sale(&server, 6_000, &json!({}));
    let tickets: Vec<String> = (0..20).map(|_| ticket(&join(&server, &json!({})))).collect();
    let first = look(&server, &tickets[0]);
    assert_eq!(
        (&first["state"], &first["place"], &first["ahead"]),
        (&json!("prequeue"), &Value::Null, &Value::Null)
    );
    let line = server.send("GET", "/v1/sales/sh/queue", &[], "");
    assert_eq!(line.header("cache-control"), Some("public, max-age=1"));
    let exact = server.get("/v1/sales/sh/queue", WEB);
    assert_eq!(exact.header("cache-control"), Some("private, no-store"), "a key sees how many are free");
    let line = line.value();
    assert_eq!(
        (&line["phase"], &line["registrations"], &line["seed"]),
        (&json!("prequeue"), &json!(20), &Value::Null)
    );
    let commitment = line["commitment"].clone();
    // A registration survives the plug.
    server.restart();
    let called = until(&server, &tickets[7], "called");
    assert!((1..=20).contains(&called["place"].as_u64().unwrap()), "{called}");
    let mut places: Vec<u64> =
        tickets.iter().map(|ticket| look(&server, ticket)["place"].as_u64().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (1..=20).collect::<Vec<u64>>());
    let line = server.send("GET", "/v1/sales/sh/queue", &[], "").value();
    assert_eq!((&line["commitment"], line["seed"].is_string()), (&commitment, true), "{line}");
}

/// Registration closes, a beacon is posted, the draw is made; then the saved document is checked by the program that
/// anybody would use.
#[test]
fn the_draw_can_be_checked_from_its_document() {
    let server = TestServer::start(&[]);
    let lanes = json!([{"name": "general", "weight": 3}, {"name": "phone"}]);
    // A busy machine takes a second for the joins, and another for the beacon.
    sale(&server, 12_000, &json!({"registration_closes_before_ms": 6_000, "lanes": lanes}));
    let patch = |body: &Value| server.json("PATCH", "/v1/sales/sh/queue", OPERATOR, "k", body);
    patch(&json!({"beacon": "too early"})).problem(422, "rule");
    let tickets: Vec<String> = (0..40).map(|_| ticket(&join(&server, &json!({})))).collect();
    for at in 0..5 {
        let body = json!({"customer": format!("c-{at}"), "lane": "phone"});
        assert_eq!(server.json("POST", "/v1/sales/sh/queue", PHONE, "", &body).status, 201);
    }
    let draw = |query: &str| server.send("GET", &format!("/v1/sales/sh/draw{query}"), &[], "");
    assert_eq!((&draw("").value()["phase"], &draw("").value()["seed"]), (&json!("committed"), &Value::Null));
    draw("?entries=true").problem(422, "not-released");
    let started = Instant::now();
    while draw("").value()["phase"] != "closed" {
        assert!(started.elapsed() < Duration::from_secs(30), "registration does not close");
    }
    // Who joins now stands behind those who registered.
    let late = ticket(&join(&server, &json!({})));
    assert_eq!(patch(&json!({"beacon": "6 aus 49: 3 11 19 28 31 45"})).status, 200);
    patch(&json!({"beacon": "another"})).problem(422, "rule");
    until(&server, &late, "called");
    assert_eq!(look(&server, &late)["place"], 41);

    let saved = draw("?entries=true");
    assert_eq!((saved.status, saved.header("content-type")), (200, Some("application/json")));
    assert_eq!(saved.value()["registrations"]["count"], 45);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draw.json");
    std::fs::write(&file, &saved.body).unwrap();
    let verify = |file: &std::path::Path, ticket: &str| {
        let onsale = env!("CARGO_BIN_EXE_onsale");
        let run =
            std::process::Command::new(onsale).args(["verify-draw", "--ticket", ticket]).arg(file).output();
        let run = run.unwrap();
        (run.status.code(), String::from_utf8_lossy(&run.stdout).into_owned())
    };
    for ticket in [&tickets[0], &tickets[39]] {
        let (code, said) = verify(&file, ticket);
        assert_eq!(code, Some(0), "{said}");
        let place = look(&server, ticket)["place"].to_string();
        assert!(said.contains(&place), "place {place} in {said}");
    }
    let address = format!("http://{}/v1/sales/sh/draw?entries=true", server.address());
    assert_eq!(verify(std::path::Path::new(&address), &tickets[7]).0, Some(0));
    let forged = saved.body.replacen("6 aus 49: 3", "6 aus 49: 4", 1);
    let changed = folder.path().join("changed.json");
    std::fs::write(&changed, forged.replacen("\"number\":7,", "\"number\":8,", 1)).unwrap();
    assert_eq!(verify(&changed, &tickets[0]).0, Some(1));
}

#[test]
fn one_person_one_place_also_by_phone() {
    let server = TestServer::start(&[]);
    sale(&server, 3_600_000, &json!({"lanes": [{"name": "general", "weight": 3}, {"name": "phone"}]}));
    let call = |customer: &str| {
        let body = json!({"customer": customer, "lane": "phone"});
        server.json("POST", "/v1/sales/sh/queue", PHONE, "", &body)
    };
    let (first, again) = (call("c-1"), call("c-1"));
    assert_eq!((first.status, again.status), (201, 200), "{first:?}");
    assert_eq!(ticket(&first), ticket(&again));
    assert_eq!(again.value()["lane"], "phone");
    // A claim proves nothing.
    join(&server, &json!({"customer": "c-1"})).problem(403, "not-allowed");
    join(&server, &json!({"lane": "phone"})).problem(403, "not-allowed");
    join(&server, &json!({"ticket": "qt_0000000000000000000000000000000000000"})).problem(404, "not-found");
    join(&server, &json!({"ticket": ticket(&first), "customer": "c"})).problem(403, "not-allowed");
    join(&server, &json!({"fast": true})).problem(400, "unknown-field");
    let mine = join(&server, &json!({"ticket": ticket(&first)}));
    assert_eq!((mine.status, ticket(&mine)), (200, ticket(&first)));
    let left = server.send("DELETE", &format!("/v1/queue/{}", ticket(&first)), &[], "");
    assert_eq!((left.status, &left.value()["state"]), (200, &json!("left")));
    server.send("GET", "/v1/queue/qt_nobody", &[], "").problem(404, "not-found");
    server.send("GET", "/v1/sales/other/queue", &[], "").problem(404, "not-found");
}

#[test]
fn operators_turn_the_dials_and_may_look_first() {
    let server = TestServer::start(&[]);
    sale(&server, 0, &json!({"admit_per_minute": 0}));
    let ticket = ticket(&join(&server, &json!({})));
    assert_eq!(look(&server, &ticket)["state"], "waiting");
    let patch = |query: &str, body: &Value| {
        server.json("PATCH", &format!("/v1/sales/sh/queue{query}"), OPERATOR, "k", body)
    };
    let would = patch("?dry_run=true", &json!({"max_active": 7}));
    assert_eq!((would.status, &would.value()["max_active"]), (200, &json!(7)), "{would:?}");
    assert_eq!(server.send("GET", "/v1/sales/sh/queue", &[], "").value()["max_active"], 100);
    let said = patch("", &json!({"mode": "pause", "message": "Back at 17:05", "reason": "payment is slow"}));
    assert_eq!(
        (&said.value()["phase"], &said.value()["message"]),
        (&json!("paused"), &json!("Back at 17:05"))
    );
    assert_eq!(patch("", &json!({"mode": "queue", "message": null})).value()["message"], Value::Null);
    patch("", &json!({"mode": "fast"})).problem(400, "malformed");
    let audit = |query: &str| server.json("GET", &format!("/v1/audit{query}"), OPERATOR, "", &Value::Null);
    let changes = audit("?sale=sh").value();
    assert_eq!(changes["items"].as_array().unwrap().len(), 2, "{changes}");
    assert_eq!(
        (
            &changes["items"][0]["old"]["mode"],
            &changes["items"][0]["new"]["mode"],
            &changes["items"][0]["reason"]
        ),
        (&json!("queue"), &json!("pause"), &json!("payment is slow"))
    );
    let page = audit("?limit=1").value();
    let rest = audit(&format!("?after={}", page["next"].as_str().unwrap())).value();
    assert_eq!((&rest["items"][0], &rest["next"]), (&changes["items"][1], &Value::Null));
    audit("?after=yesterday").problem(400, "malformed");
    server.json("GET", "/v1/audit", WEB, "", &Value::Null).problem(403, "not-allowed");
    patch("", &json!({"max_active": 10_000_001})).problem(422, "rule");
    let admit = |count: u64| {
        server.json("POST", "/v1/sales/sh/queue/admit", OPERATOR, "admit", &json!({"count": count}))
    };
    let would = "/v1/sales/sh/queue/admit?dry_run=true";
    let would = server.json("POST", would, OPERATOR, "k", &json!({"count": 5}));
    assert_eq!(would.value()["called"], 1);
    assert_eq!(look(&server, &ticket)["state"], "waiting");
    assert_eq!(admit(5).value()["called"], 1);
    let again = admit(5);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.value()["called"], 1);
    admit(6).problem(422, "key-reused");
    assert_eq!(look(&server, &ticket)["state"], "called");
    let changes = audit("?sale=sh").value();
    let last = changes["items"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["what"], &last["called"]), (&json!("admit"), &json!(1)), "{last}");
    server
        .json("POST", "/v1/sales/sh/queue/admit", WEB, "k", &json!({"count": 1}))
        .problem(403, "not-allowed");
    // Nobody needs a pass.
    assert_eq!(patch("", &json!({"mode": "pass_through"})).value()["phase"], "pass_through");
    let body = json!({"customer": "c-1", "items": [{"slot": "a", "quantity": 1}]});
    assert_eq!(server.json("POST", "/v1/sales/sh/carts", WEB, "k9", &body).status, 201);
}

#[test]
fn a_thousand_uses_of_a_pass_begin_one_session() {
    let server = TestServer::start(&[]);
    sale(&server, 0, &json!({}));
    let called = until(&server, &ticket(&join(&server, &json!({}))), "called");
    let pass = called["pass"].as_str().unwrap();
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..40)
            .map(|at| {
                let server = &server;
                scope.spawn(move || {
                    (0..25)
                        .map(|turn| {
                            open(server, pass, &format!("k{at}-{turn}"), if at % 2 == 0 { "a" } else { "b" })
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        asks.into_iter().flat_map(|ask| ask.join().unwrap()).collect()
    });
    let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.problem(409, "session-busy");
    }
    let line = server.send("GET", "/v1/sales/sh/queue", &[], "").value();
    assert_eq!((&line["active"], &line["admitted"]), (&json!(1), &json!(1)), "{line}");
}

#[test]
fn what_people_were_told_is_graded_and_survives_a_restart() {
    let mut server = TestServer::start(&[]);
    sale(&server, 6_000, &json!({}));
    let tickets: Vec<String> = (0..40).map(|_| ticket(&join(&server, &json!({})))).collect();
    let estimates = |server: &TestServer| server.send("GET", "/v1/sales/sh/estimates", &[], "");
    let before = estimates(&server);
    assert_eq!((before.status, before.header("cache-control")), (200, Some("public, max-age=1")));
    assert_eq!((&before.value()["shown"], &before.value()["inside_percent"]), (&json!(0), &Value::Null));
    // Everybody asks again and again; who waits is told a range once there is a place.
    let started = Instant::now();
    let mut told = std::collections::BTreeSet::new();
    loop {
        let mut called = 0;
        for ticket in &tickets {
            let value = look(&server, ticket);
            if let Some(range) = value["wait_ms"].as_object() {
                assert!(range["low"].as_u64() <= range["high"].as_u64(), "{value}");
                told.insert(ticket.clone());
            }
            // 100 units for 40 people.
            assert_eq!((&value["chances"], &value["chances_reason"]), (&Value::Null, &Value::Null));
            called += usize::from(value["state"] == "called");
        }
        if called == tickets.len() {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(40), "{called} called");
    }
    // How many depends on the machine: after a stall of a second a batch is called before anybody has asked.
    assert!(!told.is_empty(), "nobody was told");
    let grade = estimates(&server).value();
    let of = |name: &str| grade[name].as_u64().unwrap();
    // Whose first range was not yet written down when the turn came counts as called without one.
    assert_eq!(of("called") + of("called_without_estimate"), 40, "{grade}");
    assert_eq!(
        (of("shown"), of("inside") + of("early") + of("late")),
        (of("called"), of("called")),
        "{grade}"
    );
    assert!(of("called") > 20, "{grade}");
    assert_eq!(
        (&grade["lanes"][0]["lane"], &grade["lanes"][0]["called"]),
        (&json!("general"), &grade["called"])
    );
    let errors: u64 =
        grade["errors"].as_array().unwrap().iter().map(|class| class["tickets"].as_u64().unwrap()).sum();
    assert_eq!(errors, of("called"));
    let metrics = server.send("GET", "/metrics", &[], "").body;
    let line = format!("onsale_estimates_total{{sale=\"sh\",result=\"inside\"}} {}", grade["inside"]);
    assert!(metrics.contains(&line), "{line} in {metrics}");
    server.restart();
    let mut again = estimates(&server).value();
    for name in ["as_of", "server_time"] {
        again[name] = grade[name].clone();
    }
    assert_eq!(again, grade);
    server.send("GET", "/v1/sales/other/estimates", &[], "").problem(404, "not-found");
}

#[test]
fn low_chances_are_said_with_their_reason() {
    let server = TestServer::start(&[]);
    sale(&server, 0, &json!({"admit_per_minute": 0, "units_per_visitor": 2}));
    let tickets: Vec<String> = (0..100).map(|_| ticket(&join(&server, &json!({})))).collect();
    // 100 units for 100 people of two each: the first are fine, the last are not.
    let started = Instant::now();
    let last = loop {
        let value = look(&server, &tickets[99]);
        if value["chances"] == "low" {
            break value;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{value}");
    };
    assert_eq!(last["state"], "waiting");
    let reason = &last["chances_reason"];
    // Who is there is counted twice a second: the last to join may not be counted yet.
    assert!((70..=99).contains(&reason["people_ahead"].as_u64().unwrap()), "{last}");
    assert_eq!(reason["enough_for"], 50, "{last}");
    assert!(reason["text"].as_str().unwrap().contains("enough for about 50"), "{last}");
    assert_eq!(look(&server, &tickets[20])["chances"], Value::Null);
    let page = server.send("GET", &format!("/queue/sh/{}?lang=en", tickets[99]), &[], "").body;
    assert!(page.contains("Your chances are low") && page.contains("enough for about 50"), "{page}");
    let page = server.send("GET", &format!("/queue/sh/{}?lang=de", tickets[20]), &[], "").body;
    assert!(!page.contains("Aussichten") && !page.contains("id=\"why\""), "{page}");
}

#[test]
fn a_ramp_is_previewed_taken_back_and_kept_over_a_restart() {
    let mut server = TestServer::start(&[]);
    sale(&server, 0, &json!({"admit_per_minute": 60, "max_active": 0}));
    for _ in 0..20 {
        join(&server, &json!({}));
    }
    let patch = |server: &TestServer, query: &str, match_: Option<&str>, body: &Value| {
        let bearer = format!("Bearer {OPERATOR}");
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
        headers.extend(match_.map(|tag| ("if-match", tag)));
        server.send("PATCH", &format!("/v1/sales/sh/queue{query}"), &headers, &body.to_string())
    };
    let ramp = json!({"admit_per_minute": 6000, "ramp_ms": 600_000, "reason": "the shop is well"});
    let would = patch(&server, "?dry_run=true", None, &ramp);
    let seen = would.header("etag").unwrap().to_owned();
    let (line, now) = (would.value(), server.send("GET", "/v1/sales/sh/queue", &[], "").value());
    let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let (sooner, later) = (at(&line["finishes_at"]), at(&line["finishes_at_before"]));
    assert!(sooner < later, "{line}");
    // 20 people at 60 a minute.
    let span = later.duration_since(at(&line["server_time"])).as_millis();
    assert_eq!(span, 20_000, "{line}");
    assert_eq!(now["admit_per_minute"], 60);
    let set = patch(&server, "", Some(&seen), &ramp).value();
    assert_eq!((&set["admit_per_minute"], &set["version"]), (&json!(6000), &json!(1)), "{set}");
    assert!((60..200).contains(&set["rate_per_minute"].as_u64().unwrap()), "{set}");
    // Who has seen what stood before is told, and nothing is changed.
    patch(&server, "", Some(&seen), &json!({"mode": "closed"})).problem(412, "stale");
    server.restart();
    let line = server.send("GET", "/v1/sales/sh/queue", &[], "").value();
    assert_eq!((&line["version"], &line["mode"]), (&json!(1), &json!("queue")), "{line}");
    assert!((60..200).contains(&line["rate_per_minute"].as_u64().unwrap()), "{line}");
    assert_eq!(patch(&server, "", None, &json!({"max_active": 5})).value()["version"], 2);
    patch(&server, "", None, &json!({"undo": 9})).problem(422, "rule");
    patch(&server, "", None, &json!({"undo": 1, "max_active": 5})).problem(422, "rule");
    patch(&server, "", None, &json!({"ramp_ms": 5})).problem(422, "rule");
    let undone = patch(&server, "", Some("\"2\""), &json!({"undo": 1, "reason": "it was not"})).value();
    assert_eq!(
        (&undone["rate_per_minute"], &undone["admit_per_minute"], &undone["max_active"]),
        (&json!(60), &json!(60), &json!(5)),
        "{undone}"
    );
    patch(&server, "", None, &json!({"undo": 1})).problem(422, "rule");
    let books = server.json("GET", "/v1/audit?sale=sh", OPERATOR, "", &Value::Null).value();
    let last = &books["items"][2];
    assert_eq!((&last["undoes"], &last["change"]), (&json!(1), &json!(3)), "{last}");
}
