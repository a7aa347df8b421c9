//! Runs a script beside this file in Node, with the vendor's packages within reach.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// The versions that `install` gets.
const PACKAGES: [(&str, &str); 2] = [("connector-javascript", "5.0.1"), ("queue-token", "1.0.5")];
const INSTALL: &str =
    "this test compares us with packages from npm; get them with: gateway/tests/queue_it/install";

/// What the script says to `input`, to which the way to the packages is added.
pub fn run(script: &str, mut input: Value) -> Value {
    input["packages"] = json!(packages().join("packages.js"));
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/queue_it");
    let child = Command::new("node")
        .arg(here.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.unwrap_or_else(|error| panic!("node does not run ({error}): {INSTALL}"));
    // The scripts read all before they write, so neither side can wait for the other.
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(input.to_string().as_bytes()).expect("the script reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script writes JSON")
}

/// The folder of the packages, which are there in the versions asked for.
fn packages() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder").join("queue-it");
    for (name, version) in PACKAGES {
        let file = folder.join("node_modules/@queue-it").join(name).join("package.json");
        let found = std::fs::read_to_string(&file).ok();
        let found: Option<Value> = found.and_then(|text| serde_json::from_str(&text).ok());
        let right = found.is_some_and(|package| package["version"] == version);
        assert!(right, "there is no @queue-it/{name} {version} in {}: {INSTALL}", folder.display());
    }
    folder
}
