//! A shop with a connector over HTTP, seen from its visitors' browsers: the place, the turn, the way back, and the ways on
//! which nobody is led elsewhere. What the vendor's packages make of it is in `queue_it/`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::server_common::{Answer, OPERATOR, TestServer, WEB};
use onsale_gateway::queue_it::ids::EventId;
use onsale_gateway::queue_it::link_token::{Expected, LinkToken, RedirectType};
use onsale_gateway::queue_it::secret::Secret;
use serde_json::{Value, json};

const SECRET: &str = "demo-secret-not-for-production-0001";
const SETTINGS: [(&str, &str); 5] = [
    ("queue_it.account", "shop"),
    ("queue_it.secret", SECRET),
    ("queue_it.hosts", "shop.example,http://localhost:3000"),
    ("queue_it.domain", "queue.shop.example"),
    ("queue_it.pages", "sh=/book"),
];
const PAGE: &str = "https%3A%2F%2Fshop.example%2Fbook%3Fseat%3D1";

fn shop(room: &Value) -> TestServer {
    let server = TestServer::start(&SETTINGS);
    sale(&server, "sh", room);
    server
}

fn sale(server: &TestServer, sale: &str, room: &Value) {
    let mut settings = json!({"time_zone": "Europe/Berlin",
        "waiting_room": {"enabled": true, "admit_per_minute": 6000, "max_active": 100}});
    settings["waiting_room"].as_object_mut().unwrap().extend(room.as_object().unwrap().clone());
    let path = format!("/v1/sales/{sale}");
    assert_eq!(server.json("PUT", &path, OPERATOR, "k", &settings).status, 201);
    let slots = json!({"slots": [{"id": format!("{sale}-a"), "venue": "kiel", "capacity": 50}]});
    assert_eq!(server.json("POST", &format!("{path}/slots"), OPERATOR, "k", &slots).status, 200);
}

fn turn(server: &TestServer, body: &Value) {
    assert_eq!(server.json("PATCH", "/v1/sales/sh/queue", OPERATOR, "k", body).status, 200);
}

fn line(server: &TestServer) -> Value {
    server.get("/v1/sales/sh/queue", WEB).value()
}

fn waiting(server: &TestServer) -> Value {
    line(server)["lanes"][0]["waiting"].clone()
}

fn get(server: &TestServer, path: &str) -> Answer {
    server.send("GET", path, &[], "")
}

fn arrive(server: &TestServer, cookie: Option<&str>) -> Answer {
    let headers: Vec<_> = cookie.map(|cookie| ("cookie", cookie)).into_iter().collect();
    server.send("GET", &format!("/?c=shop&e=sh&ver=javascript-5.0.1&cver=3&man=book&t={PAGE}"), &headers, "")
}

/// Where somebody is sent.
#[track_caller]
fn there(answer: &Answer) -> &str {
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    answer.header("location").unwrap()
}

/// The ticket of a place's page.
#[track_caller]
fn ticket(answer: &Answer) -> String {
    let to = there(answer).strip_prefix("/queue/sh/").unwrap_or_else(|| panic!("{answer:?}"));
    to.split('?').next().unwrap().to_owned()
}

fn cookie(answer: &Answer) -> String {
    let line = answer.header("set-cookie").expect("a cookie");
    assert!(line.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

fn until(server: &TestServer, ticket: &str, state: &str) -> Value {
    let started = Instant::now();
    loop {
        let value = get(server, &format!("/v1/queue/{ticket}")).value();
        if value["state"] == state {
            return value;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{value} is not {state}");
        std::thread::yield_now();
    }
}

fn go(server: &TestServer, ticket: &str) -> Answer {
    server.send("POST", &format!("/queue/sh/{ticket}?t={PAGE}"), &[], "do=go")
}

/// The token with which somebody is sent back to the page.
#[track_caller]
fn token(answer: &Answer) -> LinkToken {
    let text = there(answer).strip_prefix("https://shop.example/book?seat=1&queueittoken=").unwrap();
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let expected = Expected { events: &[EventId::new("sh").unwrap()], now_s, address: None };
    let token = LinkToken::verify(text, &Secret::new(SECRET).unwrap(), expected).unwrap();
    assert!((59..=121).contains(&(token.expires_at_s - now_s)), "{token:?}");
    token
}

#[test]
fn where_no_shop_is_set_there_is_nothing() {
    let server = TestServer::start(&[]);
    sale(&server, "sh", &json!({}));
    for path in [
        format!("/?c=shop&e=sh&t={PAGE}"),
        format!("/error/hash/?c=shop&e=sh&t={PAGE}"),
        "/error/connector/sessionstate/?c=shop&e=sh".to_owned(),
        "/cancel/multiple/shop?wrl=sh".to_owned(),
        "/status/integrationconfig/secure/shop".to_owned(),
    ] {
        get(&server, &path).problem(404, "not-found");
    }
    let token = json!({"enqueue_token": "a.b.c"}).to_string();
    let json = [("content-type", "application/json")];
    server.send("POST", "/v1/sales/sh/queue", &json, &token).problem(422, "rule");
    // A wanted page means nothing here: it is no way out.
    let place = there(&server.send("POST", &format!("/queue/sh?t={PAGE}"), &[], "")).to_owned();
    assert!(!place.contains('?'), "{place}");
}

#[test]
fn who_comes_again_keeps_the_place() {
    let server = shop(&json!({"admit_per_minute": 0}));
    let first = arrive(&server, None);
    let (mine, kept) = (ticket(&first), cookie(&first));
    assert_eq!(there(&first), format!("/queue/sh/{mine}?t={PAGE}"));
    assert_eq!(kept, format!("__Host-onsale-sh={mine}"));
    let others = format!("a=b; {kept}; c=d");
    assert_eq!(ticket(&arrive(&server, Some(&others))), mine);
    assert_eq!(waiting(&server), 1);
    // The page keeps the wanted page in all of its forms and links, and says where its forms may lead.
    let page = get(&server, there(&first));
    assert_eq!(page.status, 200);
    assert!(page.body.contains(&format!("/queue/sh/{mine}?lang=de&#38;t={PAGE}")), "{}", page.body);
    assert!(
        page.header("content-security-policy").unwrap().contains("form-action 'self' https://shop.example;")
    );
    // Each other ticket is nobody's: whoever shows one joins like anybody.
    let place = kept.len() - 1;
    let changed = format!("{}{}", &kept[..place], if kept.ends_with('0') { '1' } else { '0' });
    assert_ne!(ticket(&arrive(&server, Some(&changed))), mine);
    assert_eq!(waiting(&server), 2);
    // Who only looks does not join.
    assert_eq!(server.send("HEAD", &format!("/?c=shop&e=sh&t={PAGE}"), &[], "").status, 200);
    assert_eq!(waiting(&server), 2);
    // The language the shop asks for.
    let german = get(&server, &format!("/?c=shop&e=sh&cid=de-DE&t={PAGE}"));
    assert!(there(&german).ends_with(&format!("?lang=de&t={PAGE}")), "{german:?}");
}

#[test]
fn nobody_is_led_elsewhere() {
    let server = shop(&json!({}));
    let mine = ticket(&arrive(&server, None));
    until(&server, &mine, "called");
    for bad in [
        "https%3A%2F%2Fevil.example%2F",
        "%2F%2Fevil.example%2F",
        "https%3A%2F%2Fshop.example%40evil.example%2F",
        "https%3A%2F%2Fshop.example.evil.example%2F",
        "https%3A%2F%2Fevil.example%5C.shop.example%2F",
        "http%3A%2F%2Fshop.example%2F",
        "javascript%3Aalert(1)",
        "https%3A%2F%2Fshop.example%2F%0D%0ASet-Cookie%3A%20a%3Db",
        "https%3A%2F%2Fshop.example%2F%0d%0a%0d%0a%3Cscript%3E",
        "https%3A%2F%2Fshop.example%0D%0A.evil.example%2F",
        "https%3A%2F%2Fshop.example%2F%00",
    ] {
        let answers = [
            get(&server, &format!("/?c=shop&e=sh&t={bad}")),
            get(&server, &format!("/error/hash/?c=shop&e=sh&t={bad}")),
            get(&server, &format!("/error/connector/sessionstate/?c=shop&e=sh&t={bad}")),
            get(&server, &format!("/cancel/multiple/shop?wrl=sh&r={bad}")),
            get(&server, &format!("/queue/sh?t={bad}")),
            server.send("POST", &format!("/queue/sh?t={bad}"), &[], ""),
            server.send("POST", &format!("/queue/sh?t={bad}"), &[], "do=go"),
            get(&server, &format!("/queue/sh/{mine}?t={bad}")),
            server.send("POST", &format!("/queue/sh/{mine}?t={bad}"), &[], "do=go"),
        ];
        for answer in answers {
            assert_eq!((answer.status, answer.header("location")), (400, None), "{bad}: {answer:?}");
            let known = |name: &String| name != "set-cookie" && name != "location";
            assert!(answer.headers.iter().all(|(name, _)| known(name)), "{answer:?}");
            assert!(answer.body.contains("<h1") && !answer.body.contains("evil"), "{}", answer.body);
        }
    }
    assert_eq!(
        (until(&server, &mine, "called")["state"].clone(), line(&server)["admitted"].clone()),
        (json!("called"), json!(0))
    );
    // What else is wrong with a link.
    for (query, status) in [
        ("", 400),
        ("c=shop", 400),
        ("c=shop&e=SH", 400),
        ("c=shop&e=sh&t=a&t=b", 400),
        ("c=other&e=sh", 404),
        ("c=shop&e=nowhere", 404),
    ] {
        for path in ["/", "/error/hash/"] {
            let answer = get(&server, &format!("{path}?{query}"));
            assert_eq!((answer.status, answer.header("set-cookie")), (status, None), "{path} {query}");
        }
    }
    get(&server, "/error/other/?c=shop&e=sh").problem(404, "not-found");
    assert_eq!(line(&server)["active"], 1);
}

#[test]
fn a_turn_is_one_session_however_often_a_token_is_asked_for() {
    let server = shop(&json!({"max_active": 1, "admit_per_minute": 0}));
    let (mine, theirs) = (ticket(&arrive(&server, None)), ticket(&arrive(&server, None)));
    // Not before the turn: back to the place, with the wanted page.
    for _ in 0..2 {
        assert_eq!(there(&go(&server, &mine)), format!("/queue/sh/{mine}?t={PAGE}"));
    }
    turn(&server, &json!({"admit_per_minute": 6000}));
    until(&server, &mine, "called");
    let page = get(&server, &format!("/queue/sh/{mine}?t={PAGE}"));
    assert!(
        page.body.contains("name=\"do\" value=\"go\"") && !page.body.contains("name=\"pass\""),
        "{}",
        page.body
    );
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asks: Vec<_> = (0..32).map(|_| scope.spawn(|| go(&server, &mine))).collect();
        asks.into_iter().map(|ask| ask.join().unwrap()).collect()
    });
    let tokens: Vec<_> = answers.iter().map(token).collect();
    let queue = tokens[0].queue.unwrap();
    for token in &tokens {
        assert_eq!(
            (token.queue, token.redirect, token.extendable),
            (Some(queue), RedirectType::Queue, false)
        );
        // 15 minutes of session less a minute and a half for the token.
        assert_eq!(token.cookie_minutes.map(|minutes| minutes.get()), Some(13));
    }
    assert_eq!((line(&server)["admitted"].clone(), line(&server)["active"].clone()), (json!(1), json!(1)));
    // The cap holds: the other one is not called while somebody is inside by a connector.
    assert_eq!(until(&server, &theirs, "waiting")["ahead"], 0);

    // The shop's server turns the queue id into the session's pass; nobody else can.
    let place = format!("/v1/queue/{queue}");
    get(&server, &place).problem(404, "not-found");
    let known = server.get(&place, WEB).value();
    assert_eq!((known["ticket"].as_str(), known["state"].as_str()), (Some(mine.as_str()), Some("admitted")));
    for at in 0..36 {
        let mut changed = queue.to_string().into_bytes();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).unwrap();
        server.get(&format!("/v1/queue/{changed}"), WEB).problem(404, "not-found");
    }
    let pass = known["pass"].as_str().unwrap().to_owned();
    let hold = |key: &str| {
        let body = json!({"items": [{"slot": "sh-a", "quantity": 1}]});
        server.json("POST", "/v1/sales/sh/carts", &pass, key, &body)
    };
    let cart = hold("k1").value()["cart"].as_str().unwrap().to_owned();
    // Somebody else with the same token has the same session, and so no second cart.
    hold("k2").problem(409, "session-busy");
    let paid = server.json("POST", &format!("/v1/carts/{cart}/checkout"), &pass, "k3", &Value::Null);
    assert!(matches!(paid.status, 201 | 202), "{paid:?}");
    until(&server, &mine, "lapsed");
    // With the order the session is over: no more tokens, no more carts, and the next is called.
    hold("k4").problem(410, "pass-expired");
    assert_eq!(there(&go(&server, &mine)), format!("/queue/sh/{mine}?t={PAGE}"));
    until(&server, &theirs, "called");
    token(&go(&server, &theirs));
    assert_eq!(line(&server)["admitted"], 2);
}

#[test]
fn a_session_that_began_with_a_token_outlives_a_restart() {
    let mut server = shop(&json!({}));
    let mine = ticket(&arrive(&server, None));
    until(&server, &mine, "called");
    let before = token(&go(&server, &mine)).queue;
    server.restart();
    assert_eq!(token(&go(&server, &mine)).queue, before);
    assert_eq!(line(&server)["admitted"], 1);
}

#[test]
fn each_mode_has_its_way() {
    let server = shop(&json!({"admit_per_minute": 0}));
    let mine = arrive(&server, None);
    let kept = cookie(&mine);
    turn(&server, &json!({"mode": "pass_through"}));
    // Nobody needs to wait: straight on, with a token that names no place.
    for answer in [
        arrive(&server, None),
        arrive(&server, Some(&kept)),
        go(&server, &ticket(&mine)),
        server.send("POST", &format!("/queue/sh?t={PAGE}"), &[], "do=go"),
    ] {
        let token = token(&answer);
        assert_eq!((token.queue, token.redirect), (None, RedirectType::Disabled));
        assert_eq!(token.cookie_minutes.map(|minutes| minutes.get()), Some(13));
    }
    assert!(get(&server, &format!("/queue/sh?t={PAGE}")).body.contains("name=\"do\" value=\"go\""));
    for (mode, words) in [("closed", "The line is closed"), ("drain", "Nobody can join any more")] {
        turn(&server, &json!({"mode": mode}));
        let answer = arrive(&server, None);
        assert_eq!((answer.status, answer.header("set-cookie")), (200, None), "{mode}");
        assert!(answer.body.contains(words), "{mode}: {}", answer.body);
        assert_eq!(ticket(&arrive(&server, Some(&kept))), ticket(&mine), "a place is a place");
        assert_eq!(
            there(&server.send("POST", &format!("/queue/sh?t={PAGE}"), &[], "do=go")),
            format!("/queue/sh?t={PAGE}")
        );
    }
    turn(&server, &json!({"mode": "pause"}));
    let joined = ticket(&arrive(&server, None));
    assert!(there(&go(&server, &joined)).starts_with("/queue/sh/"));
    turn(&server, &json!({"mode": "queue"}));
    assert_eq!(
        server.json("PATCH", "/v1/sales/sh/slots/sh-a", OPERATOR, "k", &json!({"blocked": 50})).status,
        200
    );
    let started = Instant::now();
    while line(&server)["phase"] != "sold_out" {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    assert!(arrive(&server, None).body.contains("Sold out"));
    // Before the time to join.
    let settings = json!({"time_zone": "Europe/Berlin", "opens_at": "2099-01-01T00:00:00Z", "waiting_room": {"enabled": true}});
    assert_eq!(server.json("PUT", "/v1/sales/later", OPERATOR, "k", &settings).status, 201);
    let early = get(&server, &format!("/?c=shop&e=later&t={PAGE}"));
    assert_eq!((early.status, early.header("set-cookie")), (200, None));
    assert!(early.body.contains("Not open yet"), "{}", early.body);
}

#[test]
fn who_was_not_let_in_hears_why_and_goes_on_by_hand() {
    let server = shop(&json!({"admit_per_minute": 0}));
    for (path, words) in [
        ("hash", "was changed on its way"),
        ("eventid", "was for something else"),
        ("timestamp", "had run out"),
        ("ip", "another internet connection"),
        ("qidlimit", "used too often"),
        ("connector/sessionstate", "another internet connection"),
    ] {
        let answer =
            get(&server, &format!("/error/{path}/?c=shop&e=sh&queueittoken=e_sh~h_0&ts=1616515200&t={PAGE}"));
        assert_eq!((answer.status, answer.header("set-cookie")), (200, None), "{path}");
        assert!(
            answer.body.contains(words) && answer.body.contains("<form action=\"/\">"),
            "{}",
            answer.body
        );
        for field in [
            "name=\"c\" value=\"shop\"",
            "name=\"e\" value=\"sh\"",
            "name=\"t\" value=\"https://shop.example/book?seat=1\"",
        ] {
            assert!(answer.body.contains(field), "{field}: {}", answer.body);
        }
        assert!(!answer.body.contains("http-equiv"), "nothing goes on by itself");
        assert!(
            get(&server, &format!("/error/{path}/?c=shop&e=sh&lang=de")).body.contains("Zurück zur Schlange")
        );
    }
    assert_eq!(waiting(&server), 0, "being told is not joining");
}

#[test]
fn a_place_is_given_up_by_its_queue_id_and_nothing_else() {
    let server = shop(&json!({}));
    sale(&server, "hh", &json!({"admit_per_minute": 0}));
    let mine = ticket(&arrive(&server, None));
    until(&server, &mine, "called");
    let queue = token(&go(&server, &mine)).queue.unwrap();
    let cancel =
        |list: &str, more: &str| get(&server, &format!("/cancel/multiple/shop?c=shop&wrl={list}{more}"));
    let mut other = queue.to_string();
    other.replace_range(35.., if other.ends_with('0') { "1" } else { "0" });
    for kept in ["sh".to_owned(), format!("sh~{other}"), format!("hh~{queue}"), format!("sh~{mine}")] {
        cancel(&kept, "");
        assert_eq!(until(&server, &mine, "admitted")["state"], "admitted", "{kept}");
    }
    assert_eq!(get(&server, &format!("/cancel/multiple/other?wrl=sh~{queue}")).status, 404);
    assert_eq!(server.send("HEAD", &format!("/cancel/multiple/shop?wrl=sh~{queue}"), &[], "").status, 404);
    until(&server, &mine, "admitted");
    // The browser whose place it was forgets it, and nothing else that it remembers.
    let own = format!("__Host-onsale-hh=qt_other; __Host-onsale-sh={mine}");
    let path = format!("/cancel/multiple/shop?c=shop&wrl=sh~{queue}_hh&r={PAGE}");
    let done = server.send("GET", &path, &[("cookie", own.as_str())], "");
    assert_eq!(there(&done), "https://shop.example/book?seat=1");
    let cleared: Vec<_> = done
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(cleared.len(), 1, "{cleared:?}");
    assert!(cleared[0].starts_with("__Host-onsale-sh=; Max-Age=0;"), "{cleared:?}");
    until(&server, &mine, "left");
    assert_eq!(line(&server)["active"], 0);
    assert!(cancel(&format!("sh~{queue}"), "").body.contains("You have left the line"), "twice is once");
}

#[test]
fn the_document_is_for_who_has_a_key() {
    let server = shop(&json!({}));
    let path = "/status/integrationconfig/secure/shop";
    get(&server, path).problem(401, "credentials");
    server.send("GET", path, &[("api-key", "sk_other")], "").problem(401, "credentials");
    server.get("/status/integrationconfig/secure/other", WEB).problem(404, "not-found");
    let document = server.send("GET", path, &[("api-key", WEB)], "");
    assert_eq!((document.status, document.value()), (200, server.get(path, OPERATOR).value()));
    let rule = &document.value()["Integrations"][0];
    assert_eq!(
        (rule["EventId"].as_str(), rule["QueueDomain"].as_str()),
        (Some("sh"), Some("queue.shop.example"))
    );
    assert!(!document.body.contains(SECRET));
    let bare = TestServer::start(&SETTINGS[..3]);
    bare.get(path, WEB).problem(404, "not-found");
}

#[test]
fn a_token_may_be_bound_to_the_visitors_address() {
    let mut settings = SETTINGS.to_vec();
    settings.push(("queue_it.bind_address", "true"));
    let server = TestServer::start(&settings);
    sale(&server, "sh", &json!({}));
    let mine = ticket(&arrive(&server, None));
    until(&server, &mine, "called");
    let bound = token(&go(&server, &mine)).address.unwrap();
    let secret = Secret::new(SECRET).unwrap();
    assert_eq!(bound, secret.address("127.0.0.1".parse().unwrap()));
    assert_ne!(bound, secret.address("203.0.113.7".parse().unwrap()));
}
