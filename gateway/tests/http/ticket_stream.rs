//! The stream of a ticket over HTTP: what it tells and when, how it ends, and what bounds it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::server_common::{OPERATOR, TestServer};
use serde_json::{Value, json};

/// What is promised: "called", "sold out" and the rest are told by then.
const PROMISED: Duration = Duration::from_secs(2);

/// A sale in which nobody is called but by hand.
fn sale(server: &TestServer) {
    let settings = json!({"time_zone": "Europe/Berlin",
        "waiting_room": {"enabled": true, "admit_per_minute": 0, "max_active": 100}});
    assert_eq!(server.json("PUT", "/v1/sales/sh", OPERATOR, "k", &settings).status, 201);
    let slots = json!({"slots": [{"id": "a", "venue": "kiel", "capacity": 50}]});
    assert_eq!(server.json("POST", "/v1/sales/sh/slots", OPERATOR, "k", &slots).status, 200);
}

fn join(server: &TestServer) -> String {
    let joined = server.send("POST", "/v1/sales/sh/queue", &[], "");
    joined.value()["ticket"].as_str().unwrap_or_else(|| panic!("{joined:?}")).to_owned()
}

fn operate(server: &TestServer, verb: &str, path: &str, body: &Value) {
    assert_eq!(server.json(verb, path, OPERATOR, "", body).status, 200);
}

/// An open stream, read line by line; the sizes of HTTP's chunks are lines of their own and passed over.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &TestServer, ticket: &str) -> Self {
        let mut socket = server.connect();
        // What never comes is a failed test, not one that waits for ever.
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "GET /v1/queue/{ticket}/stream HTTP/1.1\r\nhost: test\r\naccept: text/event-stream\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).unwrap();
        Self(BufReader::new(socket))
    }

    /// The next line; none at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).unwrap() > 0).then(|| line.trim_end().to_owned())
    }

    /// Lines up to and with the one that begins so.
    fn until(&mut self, start: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().unwrap_or_else(|| panic!("{lines:?} has no {start}"));
            lines.push(line);
            if lines.last().is_some_and(|line| line.starts_with(start)) {
                return lines;
            }
        }
    }

    /// The next event's data.
    fn event(&mut self) -> Value {
        let lines = self.until("data: ");
        serde_json::from_str(&lines.last().unwrap()["data: ".len()..]).unwrap()
    }

    /// The next event, which must come in the time promised since `asked`.
    fn in_time(&mut self, asked: Instant) -> Value {
        let event = self.event();
        assert!(asked.elapsed() <= PROMISED, "{:?} for {event}", asked.elapsed());
        event
    }

    /// What still comes until the body ends.
    fn rest(&mut self) -> Vec<String> {
        // The last chunk has no bytes.
        let lines = self.until("0");
        lines.into_iter().filter(|line| line.starts_with("data:") || line.starts_with("retry:")).collect()
    }
}

fn gauge(server: &TestServer, name: &str) -> u64 {
    let metrics = server.send("GET", "/metrics", &[], "").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// Waits until there are so many open streams.
fn streams(server: &TestServer, count: u64) {
    let started = Instant::now();
    while gauge(server, "onsale_ticket_streams") != count {
        assert!(started.elapsed() < Duration::from_secs(20), "never {count} streams");
        std::thread::yield_now();
    }
}

#[test]
fn a_stream_tells_what_is_shown_and_each_change_in_time() {
    let server = TestServer::start(&[]);
    sale(&server);
    let (first, ticket) = (join(&server), join(&server));
    let mut stream = Stream::open(&server, &ticket);
    let head = stream.until("data: ").join("\n");
    for part in ["200 OK", "content-type: text/event-stream", "private, no-store", "x-accel-buffering: no"] {
        assert!(head.contains(part), "{head}");
    }
    let number = |start: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no {start} in {head}")).parse::<u64>().unwrap()
    };
    assert!((1_000..5_000).contains(&number("retry: ")), "{head}");
    let id = number("id: ");
    let mut shown: Value =
        serde_json::from_str(head.lines().last().unwrap().strip_prefix("data: ").unwrap()).unwrap();
    // The same as for who asks, but for the instant.
    let mut asked = server.send("GET", &format!("/v1/queue/{ticket}"), &[], "").value();
    for body in [&mut shown, &mut asked] {
        body.as_object_mut().unwrap().remove("server_time");
    }
    assert_eq!(shown, asked);
    assert_eq!(
        (&shown["state"], &shown["ahead"], &shown["message"]),
        (&json!("waiting"), &json!(1), &Value::Null)
    );
    assert_eq!(gauge(&server, "onsale_ticket_streams"), 1);

    let (queue, slot) = ("/v1/sales/sh/queue", "/v1/sales/sh/slots/a");
    let mut turn = |verb: &str, path: &str, body: Value| {
        let asked = Instant::now();
        operate(&server, verb, path, &body);
        stream.in_time(asked)
    };
    let paused = turn("PATCH", queue, json!({"mode": "pause", "message": "Back at 17:05\nor so"}));
    assert_eq!((&paused["phase"], &paused["message"]), (&json!("paused"), &json!("Back at 17:05\nor so")));
    assert_eq!(turn("PATCH", queue, json!({"mode": "queue", "message": null}))["phase"], "open");
    assert_eq!(turn("PATCH", slot, json!({"capacity": 0}))["state"], "sold_out");
    assert_eq!(turn("PATCH", slot, json!({"capacity": 50}))["state"], "waiting");
    assert_eq!(turn("POST", "/v1/sales/sh/queue/admit", json!({"count": 1}))["ahead"], 0);
    let called = turn("POST", "/v1/sales/sh/queue/admit", json!({"count": 1}));
    assert_eq!(called["state"], "called");
    assert!(called["pass"].is_string(), "{called}");
    // The pass is signed anew at every look; that is no change.
    let asked = Instant::now();
    assert_eq!(server.send("DELETE", &format!("/v1/queue/{ticket}"), &[], "").status, 200);
    let lines = stream.until("data: ");
    assert!(asked.elapsed() <= PROMISED && lines.last().unwrap().contains("\"state\":\"left\""), "{lines:?}");
    let last = lines.iter().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert!(last.parse::<u64>().unwrap() > id);
    assert_eq!(stream.rest(), Vec::<String>::new());
    assert_eq!(gauge(&server, "onsale_ticket_streams"), 0);
    // An `EventSource` that comes back is told not to.
    let again = server.send("GET", &format!("/v1/queue/{ticket}/stream"), &[], "");
    assert_eq!((again.status, again.body.as_str()), (204, ""));
    server.send("GET", "/v1/queue/qt_nobody/stream", &[], "").problem(404, "not-found");
    drop(first);
}

#[test]
fn there_are_so_many_streams_and_not_more() {
    let server = TestServer::start(&[("limits.ticket_streams", "1"), ("timeouts.idle_ms", "1000")]);
    sale(&server);
    let (one, other) = (join(&server), join(&server));
    let mut stream = Stream::open(&server, &one);
    stream.event();
    let refused = server.send("GET", &format!("/v1/queue/{other}/stream"), &[], "");
    refused.problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!(gauge(&server, "onsale_ticket_streams_refused_total"), 1);
    // A client that goes is noticed at the next heartbeat, which comes twice in the time a socket may be silent.
    drop(stream);
    streams(&server, 0);
    Stream::open(&server, &other).event();
}

#[test]
fn a_stream_does_not_hold_the_server() {
    let mut server = TestServer::start(&[]);
    sale(&server);
    let ticket = join(&server);
    let mut stream = Stream::open(&server, &ticket);
    stream.event();
    let asked = Instant::now();
    server.restart();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(stream.rest(), Vec::<String>::new());
    assert_eq!(Stream::open(&server, &ticket).event()["ahead"], 0);
}

#[test]
fn a_stream_beats_and_ends_by_plan() {
    let server = TestServer::start(&[("timeouts.idle_ms", "2000"), ("timeouts.stream_ms", "5000")]);
    sale(&server);
    let mut stream = Stream::open(&server, &join(&server));
    let asked = Instant::now();
    stream.event();
    stream.until(":");
    let rest = stream.rest();
    assert!(
        (Duration::from_secs(3)..Duration::from_secs(8)).contains(&asked.elapsed()),
        "{:?}",
        asked.elapsed()
    );
    let [retry] = rest.as_slice() else { panic!("{rest:?}") };
    assert!(retry["retry: ".len()..].parse::<u64>().unwrap() < 1_000, "{retry}");
}

/// The kernel's buffer of a client that reads nothing is full after a few events; from then on nothing is acknowledged.
#[test]
fn a_client_that_does_not_read_is_dropped() {
    let server = TestServer::start(&[("timeouts.idle_ms", "1000")]);
    sale(&server);
    let ticket = join(&server);
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    socket.connect(&server.address().into()).unwrap();
    let mut socket = TcpStream::from(socket);
    let head = format!("GET /v1/queue/{ticket}/stream HTTP/1.1\r\nhost: test\r\n\r\n");
    socket.write_all(head.as_bytes()).unwrap();
    streams(&server, 1);
    let started = Instant::now();
    for turn in 0.. {
        if gauge(&server, "onsale_ticket_streams") == 0 {
            break;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "it is served after {turn} messages");
        let message = format!("{turn:0500}");
        operate(&server, "PATCH", "/v1/sales/sh/queue", &json!({"message": message}));
    }
    drop(socket);
}
