//! Visitors behind a proxy, as the server meets them: each with an allowance of their own, and nobody with another's.

use crate::server_common::TestServer;

const SETTINGS: [(&str, &str); 2] = [("limits.anonymous_burst", "2"), ("limits.anonymous_per_second", "1")];

fn ask(server: &TestServer, headers: &[(&str, &str)]) -> u16 {
    server.send("GET", "/problems", headers, "").status
}

#[test]
fn each_visitor_behind_a_trusted_proxy_has_an_own_allowance() {
    let server = TestServer::start(&[SETTINGS[0], SETTINGS[1], ("trusted_proxies", "127.0.0.0/8")]);
    let visitor = [("x-forwarded-for", "192.0.2.1")];
    assert_eq!([ask(&server, &visitor), ask(&server, &visitor), ask(&server, &visitor)], [200, 200, 429]);
    // A forged address to the left of what the proxy wrote is no way out, nor is a claim to be loopback.
    for forged in ["198.51.100.7, 192.0.2.1", "127.0.0.1, 192.0.2.1"] {
        assert_eq!(ask(&server, &[("x-forwarded-for", forged)]), 429, "{forged}");
    }
    assert_eq!(ask(&server, &[("forwarded", "for=192.0.2.2;proto=https")]), 200);
    // A probe is answered, whoever else is behind the proxy that it comes through.
    for probe in ["/livez", "/readyz"] {
        assert!((0..5).all(|_| server.send("GET", probe, &visitor, "").status == 200), "{probe}");
    }
    // But not one that tries keys.
    let guess = [visitor[0], ("authorization", "Bearer op_guess")];
    assert_eq!(server.send("GET", "/livez", &guess, "").status, 429);
    assert_eq!(server.send("POST", "/livez", &visitor, "").status, 429);
    // Without the header it is the proxy's own machine that asks, its health check for one.
    assert!((0..5).all(|_| ask(&server, &[]) == 200));
}

#[test]
fn without_the_setting_nobody_is_believed() {
    let server = TestServer::start(&SETTINGS);
    assert!((0..5).all(|_| ask(&server, &[("x-forwarded-for", "192.0.2.1")]) == 200), "loopback is exempt");
}
