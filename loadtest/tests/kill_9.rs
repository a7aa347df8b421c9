//! The real binary, killed forty times under load: nothing acknowledged lost, nothing sold twice, every key honoured.
//! Needs the server's program: `ONSALE_BIN`, or `cargo build --release -p onsale-gateway` beforehand.

use std::env;
use std::path::Path;

use onsale_loadtest::scenario::kill_9::{self, Kill9};
use onsale_loadtest::terminal::in_runtime;

#[test]
fn forty_kills_lose_nothing() {
    // A test's own program lies in `deps`, so what was built beside it is looked for one folder up.
    let server = match env::var_os("ONSALE_BIN") {
        Some(named) => named.into(),
        None => Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("../release/onsale"),
    };
    assert!(
        server.is_file(),
        "there is no {}: build it with `cargo build --release -p onsale-gateway`, or name it with ONSALE_BIN",
        server.display()
    );
    let wish = Kill9 { times: 40, seed: 40, data: None, server: Some(server) };
    let outcome = in_runtime(kill_9::run(&wish)).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(outcome.passed(), "{outcome}");
    assert_eq!((outcome.rounds, outcome.restarts.len()), (40, 40), "{outcome}");
    assert!(outcome.orders > 1_000, "a loop with hardly any load proves nothing: {outcome}");
}
