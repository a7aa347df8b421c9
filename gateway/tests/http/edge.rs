//! The edge as a stranger meets it: heads and bodies that are wrong, slow or too large, caps, CORS, health, pages.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::server_common::{Answer, OPERATOR, TestServer, WEB};
use serde_json::json;

#[test]
fn health_pages_and_metrics_answer() {
    let server = TestServer::start(&[]);
    for path in
        ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/problems", "/problems/slot-taken"]
    {
        let answer = server.send("GET", path, &[], "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(answer.header("x-request-id").is_some() && answer.header("onsale-durability").is_none());
    }
    let metrics = server.send("GET", "/metrics", &[], "").body;
    assert!(
        metrics.contains("onsale_http_requests_total{method=\"GET\",route=\"/livez\",status=\"200\"} 1"),
        "{metrics}"
    );
    assert!(metrics.ends_with("# EOF\n"));
    server.send("GET", "/problems/no-such", &[], "").problem(404, "not-found");
}

/// Where the disk is quick a worker with nothing else to do writes itself, and does not wait until the journal's thread looks.
#[test]
fn workers_write_what_they_have_decided() {
    let server = TestServer::in_memory();
    // A machine that is busy makes the journal's thread look often enough; not for ever.
    for number in 0..2_000 {
        let sale = json!({"time_zone": "UTC"});
        assert_eq!(server.json("PUT", &format!("/v1/sales/s{number}"), OPERATOR, "k", &sale).status, 201);
        if number % 20 == 19 {
            let metrics = server.send("GET", "/metrics", &[], "").body;
            let counter = "onsale_journal_frames_by_workers_total ";
            let frames = metrics.lines().find_map(|line| line.strip_prefix(counter)).unwrap();
            if frames.parse::<u64>().unwrap() > 0 {
                return;
            }
        }
    }
    panic!("no worker has written");
}

#[test]
fn a_mode_that_may_lose_something_is_in_every_answer() {
    let server = TestServer::start(&[("ack", "interval:50ms")]);
    for path in ["/livez", "/nothing"] {
        assert_eq!(server.send("GET", path, &[], "").header("onsale-durability"), Some("interval:50ms"));
    }
    assert!(server.send("GET", "/metrics", &[], "").body.contains("durability=\"interval:50ms\""));
}

#[test]
fn what_is_not_there_and_what_is_not_allowed() {
    let server = TestServer::start(&[]);
    server.send("GET", "/v1/nothing", &[], "").problem(404, "not-found");
    server.send("GET", "/v1/sales/nope", &[], "").problem(404, "not-found");
    let answer = server.send("DELETE", "/v1/sales", &[], "");
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
    assert_eq!(answer.value()["type"], "about:blank");
    let key = [("authorization", "Bearer nonsense")];
    let answer = server.send("GET", "/v1/sales", &key, "");
    answer.problem(401, "credentials");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    server.json("PUT", "/v1/sales/x", WEB, "k", &json!({"time_zone": "UTC"})).problem(403, "not-allowed");
    server.get("/v1/carts/cart_0000000000000", WEB).problem(404, "not-found");
    server.send("GET", "/v1/carts/cart_0000000000000", &[], "").problem(401, "credentials");
}

#[test]
fn a_request_id_is_echoed_if_it_is_fit() {
    let server = TestServer::start(&[]);
    let echoed = |id: &str| {
        let answer = server.send("GET", "/livez", &[("x-request-id", id)], "");
        answer.header("x-request-id").map(ToOwned::to_owned)
    };
    assert_eq!(echoed("req-1").as_deref(), Some("req-1"));
    assert_ne!(echoed("<script>").as_deref(), Some("<script>"));
}

#[test]
fn browsers_of_other_origins_may_read() {
    let server = TestServer::start(&[]);
    let asks = [("origin", "https://shop.example"), ("access-control-request-method", "POST")];
    let answer = server.send("OPTIONS", "/v1/sales/sh/carts", &asks, "");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some("*")));
    let answer = server.send("GET", "/v1/sales/nope", &asks[..1], "");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("retry-after"));
}

#[test]
fn bodies_and_heads_have_limits() {
    let server = TestServer::start(&[("limits.body_bytes", "2048")]);
    let large = json!({"customer": "c".repeat(3_000_000), "items": []});
    server.json("POST", "/v1/sales/x/carts", WEB, "k", &large).problem(413, "too-large");
    let head = format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n", "y".repeat(40_000));
    assert!(server.raw(head.as_bytes()).starts_with("HTTP/1.1 431"));
    // Who shows no key has less room, and is told so before it is taken.
    let public = TestServer::start(&[]);
    let large = json!({"lane": "l".repeat(40_000)}).to_string();
    let typed = [("content-type", "application/json")];
    public.send("POST", "/v1/sales/x/queue", &typed, &large).problem(413, "too-large");
    public
        .json("POST", "/v1/sales/x/queue", WEB, "k", &json!({"lane": "l".repeat(40_000)}))
        .problem(404, "not-found");
    let wrong =
        [("authorization", "Bearer sk_web"), ("idempotency-key", "k"), ("content-type", "text/plain")];
    server.send("POST", "/v1/sales/x/carts", &wrong, "{}").problem(415, "media-type");
}

/// A request on a socket that stays open, and its answer.
fn ask_on(stream: &mut TcpStream) {
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&answer));
        answer.extend(byte);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_slow_head_a_slow_body_and_an_idle_socket_are_let_go() {
    let server = TestServer::start(&[
        ("timeouts.head_ms", "800"),
        ("timeouts.body_ms", "800"),
        ("timeouts.idle_ms", "4000"),
    ]);
    let started = Instant::now();
    assert!(server.raw(b"GET /livez HT").starts_with("HTTP/1.1 408"));
    assert!((800..9_000).contains(&started.elapsed().as_millis()));
    let half = b"POST /v1/sales/x/carts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk_web\r\ncontent-length: 9\r\n\r\n{";
    assert!(server.raw(half).starts_with("HTTP/1.1 408"));
    // Nothing was sent: closed without a word.
    assert_eq!(server.raw(b""), "");
    // A keep-alive socket outlives the time for a head, then it is idle.
    let mut stream = server.connect();
    let started = Instant::now();
    for _ in 0..2 {
        ask_on(&mut stream);
        stream.set_read_timeout(Some(Duration::from_millis(1_400))).unwrap();
        let silence = stream.read(&mut [0]).expect_err("neither a byte nor an end");
        assert!(matches!(silence.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{silence}");
    }
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the end");
    assert!((4_800..20_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
}

#[test]
fn at_the_cap_a_socket_is_told_to_come_back() {
    let server = TestServer::start(&[("limits.connections", "3")]);
    let mut open: Vec<_> = (0..3).map(|_| server.connect()).collect();
    // Who was answered has been counted.
    open.iter_mut().for_each(ask_on);
    let refused = server.raw(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n");
    let refused = Answer::read(&refused);
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(refused.header("x-request-id").is_some_and(|id| id.len() == 36), "{refused:?}");
    assert!(
        refused.header("access-control-expose-headers").is_some_and(|names| names.contains("x-request-id"))
    );
    drop(open);
    // The server notices soon that they have gone.
    let started = Instant::now();
    while server.send("GET", "/livez", &[], "").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(10), "places are not given back");
    }
}

#[test]
fn two_thousand_idle_sockets_are_no_problem_and_stopping_closes_them() {
    let server = TestServer::start(&[("workers", "2")]);
    let mut open: Vec<_> = (0..2_000).map(|_| server.connect()).collect();
    assert_eq!(server.send("GET", "/livez", &[], "").status, 200);
    let started = Instant::now();
    drop(server);
    assert!(started.elapsed() < Duration::from_secs(5));
    let mut rest = Vec::new();
    let _ = open[0].read_to_end(&mut rest);
    assert!(rest.is_empty());
}

/// The status of an answer on a new socket; none where nobody listens.
fn asked(address: std::net::SocketAddr, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// Who balances loads asks `/readyz`, hears that this server goes, and sends nobody any more; who is on the way till then is served.
#[test]
fn between_saying_that_it_goes_and_going_a_server_serves() {
    let server = TestServer::start(&[("timeouts.notice_ms", "6000")]);
    let (address, mut kept) = (server.address(), server.connect());
    ask_on(&mut kept);
    let asked = |path: &str| asked(address, path);
    assert_eq!(asked("/readyz"), Some(200));
    let started = Instant::now();
    let stopping = std::thread::spawn(move || drop(server));
    while asked("/readyz") != Some(503) {
        assert!(started.elapsed() < Duration::from_millis(5_900), "it goes without a word");
    }
    // A new socket and an old one.
    assert_eq!(asked("/livez"), Some(200));
    ask_on(&mut kept);
    assert!(started.elapsed() < Duration::from_millis(6_000), "too slow a machine to tell");
    stopping.join().unwrap();
    assert!(started.elapsed() >= Duration::from_millis(6_000), "it went before it had said it would");
}

/// Who is told twice waits neither for load balancers nor for who is slow.
#[test]
fn a_server_in_a_hurry_goes_at_once() {
    let patient = ["timeouts.notice_ms", "timeouts.drain_ms", "timeouts.body_ms"].map(|name| (name, "60000"));
    let server = TestServer::start(&patient);
    let (address, hurry) = (server.address(), server.hurry());
    let mut slow = server.connect();
    slow.write_all(b"POST /v1/sales/x/carts HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").unwrap();
    let stopping = std::thread::spawn(move || drop(server));
    let started = Instant::now();
    while asked(address, "/readyz") != Some(503) {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not begin to stop");
    }
    assert_eq!(asked(address, "/livez"), Some(200));
    hurry.up();
    stopping.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn a_second_server_on_the_same_folder_or_port_is_told_why() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let first = TestServer::start(&[]);
    let listen = first.address().to_string();
    let config = |listen: String, data: String| {
        let flags = [("listen", listen), ("data", data)];
        let all = onsale_gateway::config::Gathered::new(None, [], flags).unwrap();
        onsale_gateway::config::Config::new(&all).unwrap()
    };
    for (listen, data) in [(listen, data), ("127.0.0.1:0".to_owned(), first.data.display().to_string())] {
        let error = onsale_gateway::serve::start(&config(listen, data), []).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
    }
}
