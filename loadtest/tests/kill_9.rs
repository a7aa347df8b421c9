//! The real binary, killed forty times under load: nothing acknowledged lost, nothing sold twice, every key honoured.
//! And the same audit over a server that is made to forget a second of its life, which it must notice.
//! Needs the server's program: `ONSALE_BIN`, or `cargo build --release -p onsale-gateway` beforehand.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onsale_loadtest::scenario::kill_9::{self, Kill9, Outcome};
use onsale_loadtest::terminal::in_runtime;

/// `ONSALE_BIN`, or what was built beside the folder of this test's profile.
fn server() -> PathBuf {
    let built = || Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("../release/onsale");
    let server = env::var_os("ONSALE_BIN").map_or_else(built, PathBuf::from);
    assert!(
        server.is_file(),
        "there is no {}: build it with `cargo build --release -p onsale-gateway`, or name it with ONSALE_BIN",
        server.display()
    );
    server
}

fn run(wish: &Kill9) -> Outcome {
    in_runtime(kill_9::run(wish)).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn forty_kills_lose_nothing() {
    let outcome = run(&Kill9 { times: 40, seed: 40, data: None, server: Some(server()) });
    // Not `passed()`: a start may take two seconds of a busy machine's time, though hardly any of a processor's.
    assert!(outcome.checks.iter().all(|check| check.holds), "{outcome}");
    let computed = outcome.restarts.iter().map(|restart| restart.computed).max();
    assert!(computed < Some(Duration::from_secs(2)), "{outcome}");
    assert_eq!((outcome.rounds, outcome.restarts.len()), (40, 40), "{outcome}");
    assert!(outcome.orders > 400, "a loop with hardly any load proves nothing: {outcome}");
    assert!(outcome.places > 400 && outcome.sessions > 40, "hardly anybody has waited: {outcome}");
}

/// Before its third start the data folder is put back to what it was at the second: one round of answers is gone.
#[test]
#[cfg(unix)]
fn a_server_that_forgets_is_found_out() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let forgetful = folder.path().join("forgetful");
    // `serve --listen ADDRESS --data DIR`: the fifth word is the data folder.
    let script = format!(
        "#!/bin/sh\necho >> \"$5.starts\"\ncase $(wc -l < \"$5.starts\" | tr -d ' ') in\n\
         2) cp -R \"$5\" \"$5.then\" ;;\n3) rm -rf \"$5\"; mv \"$5.then\" \"$5\" ;;\nesac\nexec '{}' \"$@\"\n",
        fs::canonicalize(server()).unwrap().display()
    );
    fs::write(&forgetful, script).unwrap();
    fs::set_permissions(&forgetful, fs::Permissions::from_mode(0o755)).unwrap();
    let data = folder.path().join("work");
    let outcome = run(&Kill9 { times: 5, seed: 1, data: Some(data.clone()), server: Some(forgetful) });
    assert!(!outcome.passed() && outcome.rounds == 2, "{outcome}");
    let failed = |name: &str| outcome.checks.iter().any(|check| check.name == name && !check.holds);
    assert!(failed("nothing acknowledged lost"), "{outcome}");
    assert!(failed("every key honoured, word for word"), "{outcome}");
    assert_eq!(outcome.exit_code(), 99);
    assert!(data.join("data").is_dir(), "a failing run keeps its data folder");
}
