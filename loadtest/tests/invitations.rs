//! The days of the invitations at a small scale over the real binary: some four hundred codes in a minute.
//! Needs the server's program: `ONSALE_BIN`, or `cargo build --release -p onsale-gateway` beforehand.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use onsale_loadtest::audit::Check;
use onsale_loadtest::report::Report;
use onsale_loadtest::verdict::{Came, Expectation};
use onsale_loadtest::visitor::Ending;

/// `ONSALE_BIN`, or what was built beside the folder of this test's profile.
fn server() -> PathBuf {
    let built = || Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("../release/onsale");
    env::var_os("ONSALE_BIN").map_or_else(built, PathBuf::from)
}

#[test]
fn a_code_works_once_and_its_unit_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let ran = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["run", "s5", "--scale", "40", "--speed", "21600", "--report"])
        .arg(&file)
        .env("ONSALE_BIN", server())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ran.stdout);
    let report = Report::read(&file).unwrap_or_else(|why| {
        panic!("{why}\n{text}\n{}", String::from_utf8_lossy(&ran.stderr));
    });
    let failed: Vec<&Check> = report.audit.iter().filter(|check| !check.holds).collect();
    assert!(failed.is_empty(), "{failed:?}\n{text}");
    // 3 is a tester that could not keep up on a busy machine: that is told of its figures, not of what codes do.
    assert!(matches!(ran.status.code(), Some(0 | 3)), "{text}");
    let missed: Vec<&Expectation> = report.expectations.iter().filter(|it| it.came == Came::Missed).collect();
    assert!(missed.is_empty() || ran.status.code() == Some(3), "{missed:?}\n{text}");
    assert!(report.endings[&Ending::Ordered] > 330, "{text}");
    assert!(report.endings[&Ending::Refused] > 2_000, "{text}");
}
