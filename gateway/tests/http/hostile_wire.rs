//! Bytes that are hardly HTTP, or HTTP meant to hurt: heads that never end, lengths that lie, chunks that are none,
//! sockets that stand still. The server lets go of each in time, and serves everybody else meanwhile.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::server_common::TestServer;

const GOOD: &[u8] = b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const POST: &str = "POST /v1/sales/sample/carts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk_web\r\n\
    idempotency-key: k\r\ncontent-type: application/json\r\n";

/// The status of each answer in what came back; bodies of ours never contain a status line.
fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.split("HTTP/1.").skip(1);
    lines.filter_map(|line| line.get(2..5)?.parse().ok()).collect()
}

/// The sample's units in carts: none, after whatever was sent.
#[track_caller]
fn nothing_is_held(server: &TestServer) {
    let stock = server.get("/v1/sales/sample/availability?by=venue", crate::server_common::WEB).value();
    for row in stock["items"].as_array().unwrap() {
        assert_eq!((&row["held"], &row["sold"]), (&0.into(), &0.into()), "{stock}");
    }
}

#[test]
fn bytes_that_are_no_http_are_refused_or_dropped() {
    let server = TestServer::with_sample();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\r\n\r\n\r\n\r\nnonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nho\x00st: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        b"POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /livez HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\nab",
    ] {
        let answer = server.raw(bytes);
        let refused = statuses(&answer).iter().all(|status| (400..=505).contains(status));
        assert!(refused, "{:?}: {answer}", String::from_utf8_lossy(bytes));
    }
    assert_eq!(statuses(&server.raw(GOOD)), [200]);
}

#[test]
fn old_clients_and_pipelines_are_served_until_the_garbage_begins() {
    let server = TestServer::with_sample();
    assert_eq!(statuses(&server.raw(b"GET /livez HTTP/1.0\r\n\r\n")), [200]);
    let pipeline =
        b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\nGET /readyz HTTP/1.1\r\nhost: x\r\n\r\n\x00garbage\r\n\r\n";
    assert_eq!(statuses(&server.raw(pipeline)), [200, 200, 400]);
    // What follows a body of known length is the next request, not a part of it.
    let smuggled = format!(
        "{POST}content-length: 2\r\n\r\n{{}}GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(statuses(&server.raw(smuggled.as_bytes())), [400, 200]);
    nothing_is_held(&server);
}

#[test]
fn two_framings_at_once_are_no_way_to_smuggle() {
    let server = TestServer::with_sample();
    let both = format!(
        "{POST}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    );
    // Chunked wins (RFC 9112, 6.1) or the request is refused; in no case is the length believed.
    let answer = server.raw(both.as_bytes());
    assert_eq!(statuses(&answer)[0], 400, "{answer}");
    nothing_is_held(&server);
}

#[test]
fn chunks_are_bounded_and_must_be_chunks() {
    let server = TestServer::with_sample();
    let chunked = format!("{POST}transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
    let large = format!("{chunked}{}0\r\n\r\n", format!("4000\r\n{}\r\n", "x".repeat(0x4000)).repeat(65));
    for (body, wanted) in [
        (format!("{chunked}zz\r\n{{}}\r\n0\r\n\r\n"), 400),
        (format!("{chunked}ffffffffffffffffff\r\n{{}}\r\n"), 400),
        (format!("{chunked}-2\r\n{{}}\r\n0\r\n\r\n"), 400),
        (format!("{chunked}2\r\n{{}}XX0\r\n\r\n"), 400),
        (format!("{chunked}2\r\n{{}}\r\n0\r\n\r\n"), 400),
        (large, 413),
    ] {
        let answer = server.raw(body.as_bytes());
        assert_eq!(statuses(&answer).first(), Some(&wanted), "{answer}");
    }
    let declared = format!("{POST}content-length: 9223372036854775807\r\n\r\n");
    assert_eq!(statuses(&server.raw(declared.as_bytes()))[0], 413);
    nothing_is_held(&server);
}

#[test]
fn heads_have_a_size_and_a_number_of_lines() {
    let server = TestServer::with_sample();
    let long = format!("GET /livez HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "y".repeat(20_000));
    let many = format!("GET /livez HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-h: y\r\n".repeat(200));
    for head in [long, many] {
        assert_eq!(statuses(&server.raw(head.as_bytes())), [431]);
    }
    let path = format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "y".repeat(12_000));
    assert_eq!(statuses(&server.raw(path.as_bytes())), [404]);
    let endless = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(100_000));
    assert!(matches!(statuses(&server.raw(endless.as_bytes()))[..], [414 | 431]));
}

#[test]
fn who_dribbles_is_let_go_while_others_are_served() {
    let server =
        TestServer::start(&[("timeouts.head_ms", "1500"), ("timeouts.body_ms", "1500"), ("workers", "1")]);
    let head = b"GET /livez HTTP/1.1\r\nx-a: b\r\n";
    let body = format!("{POST}content-length: 1000\r\n\r\n{{");
    let dribblers: Vec<_> = [head.as_slice(), body.as_bytes()]
        .into_iter()
        .map(|start| {
            let (mut stream, start) = (server.connect(), start.to_vec());
            std::thread::spawn(move || {
                let begun = Instant::now();
                stream.write_all(&start).unwrap();
                stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                let (mut answer, mut piece) = (Vec::new(), [0; 1_024]);
                // A byte now and then, so that the socket never stands still; the read's time-out is the rhythm.
                while begun.elapsed() < Duration::from_secs(8) {
                    match stream.read(&mut piece) {
                        Ok(0) => break,
                        Ok(read) => answer.extend_from_slice(&piece[..read]),
                        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                            let _ = stream.write_all(b"x");
                        }
                        Err(_) => break,
                    }
                }
                (begun.elapsed(), String::from_utf8_lossy(&answer).into_owned())
            })
        })
        .collect();
    for _ in 0..20 {
        assert_eq!(statuses(&server.raw(GOOD)), [200]);
    }
    for dribbler in dribblers {
        let (lasted, answer) = dribbler.join().unwrap();
        assert_eq!(statuses(&answer), [408], "{answer}");
        assert!(lasted < Duration::from_secs(5), "{lasted:?}");
    }
}

#[test]
fn two_thousand_who_say_nothing_keep_nobody_out() {
    let server = TestServer::with_sample();
    let mut idle: Vec<_> = (0..2_000).map(|_| server.connect()).collect();
    for stream in idle.iter_mut().step_by(2) {
        stream.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
    }
    let item = serde_json::json!({"bundle": {"rule": "two-doses", "venue": "kiel"}});
    for number in 0..20 {
        let begun = Instant::now();
        let body = serde_json::json!({"customer": format!("c-{number}"), "items": [item]});
        let answer = server.json(
            "POST",
            "/v1/sales/sample/carts",
            crate::server_common::WEB,
            &format!("k-{number}"),
            &body,
        );
        assert_eq!(answer.status, 201, "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}
