//! Visitors behind a proxy, as the server meets them: each with an allowance of their own, and nobody with another's.

use std::time::{Duration, Instant};

use crate::server_common::TestServer;

const SETTINGS: [(&str, &str); 2] = [("limits.anonymous_burst", "2"), ("limits.anonymous_per_second", "1")];

fn ask(server: &TestServer, headers: &[(&str, &str)]) -> u16 {
    server.send("GET", "/problems", headers, "").status
}

#[test]
fn each_visitor_behind_a_trusted_proxy_has_an_own_allowance() {
    let server = TestServer::start(&[SETTINGS[0], SETTINGS[1], ("trusted_proxies", "127.0.0.0/8")]);
    // What a visitor hears whose allowance is spent; a second later he has one more, and is asked again under another address.
    let spent = |number: u8, asks: &dyn Fn(&str) -> Vec<u16>| {
        for attempt in 0..20 {
            let visitor = format!("192.0.{attempt}.{number}");
            let begun = Instant::now();
            let first = [0; 3].map(|_| ask(&server, &[("x-forwarded-for", &visitor)]));
            let heard = asks(&visitor);
            if begun.elapsed() < Duration::from_millis(900) {
                assert_eq!(first, [200, 200, 429]);
                return heard;
            }
        }
        panic!("too slow a machine to tell");
    };
    // A forged address to the left of what the proxy wrote is no way out, nor is a claim to be loopback.
    let forged = spent(1, &|visitor| {
        let behind = |left: &str| ask(&server, &[("x-forwarded-for", &format!("{left}, {visitor}"))]);
        vec![behind("198.51.100.7"), behind("127.0.0.1")]
    });
    assert_eq!(forged, [429, 429]);
    assert_eq!(ask(&server, &[("forwarded", "for=198.51.100.2;proto=https")]), 200);
    // A probe is answered, whoever else is behind the proxy that it comes through; but not one that tries keys.
    let probes = spent(2, &|visitor| {
        let visitor = ("x-forwarded-for", visitor);
        let guess = [visitor, ("authorization", "Bearer op_guess")];
        vec![
            server.send("GET", "/livez", &[visitor], "").status,
            server.send("GET", "/readyz", &[visitor], "").status,
            server.send("GET", "/livez", &guess, "").status,
            server.send("POST", "/livez", &[visitor], "").status,
        ]
    });
    assert_eq!(probes, [200, 200, 429, 429]);
    // Without the header it is the proxy's own machine that asks, its health check for one.
    assert!((0..5).all(|_| ask(&server, &[]) == 200));
}

#[test]
fn without_the_setting_nobody_is_believed() {
    let server = TestServer::start(&SETTINGS);
    assert!((0..5).all(|_| ask(&server, &[("x-forwarded-for", "192.0.2.1")]) == 200), "loopback is exempt");
}
