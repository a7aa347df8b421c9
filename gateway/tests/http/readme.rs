//! What the README tells a newcomer to type, typed: its `curl`s hold two appointments and pay for them, and after a restart
//! the same commands get the same answers.

use std::process::Command;

use crate::server_common::{TestServer, WEB};
use serde_json::Value;

/// Address and server key as the README has them.
const ADDRESS: &str = "127.0.0.1:8080";
const KEY: &str = "sk_try";

/// The commands of the block of shell that begins with a `curl`.
fn curls(readme: &str) -> Vec<String> {
    let block = readme.split("```sh\n").find(|block| block.starts_with("curl ")).expect("a block of curls");
    let block = block.split("```").next().unwrap_or_default();
    let commands = block.split("\n\n").map(|command| command.trim().to_owned());
    commands.filter(|command| !command.is_empty()).collect()
}

/// What of an answer is of its own time when it comes again.
const OF_NOW: [&str; 4] = ["server_time", "expires_at", "expires_in_ms", "hard_deadline"];

/// What a command prints when it is asked for the headers too: those, and the body without the times of now.
fn type_in(server: &TestServer, command: &str) -> (String, Value) {
    let command = command.replace(ADDRESS, &server.address().to_string()).replace(KEY, WEB);
    let command = command.replacen("curl -s", "curl --silent --show-error --include", 1);
    let done = Command::new("bash").args(["-c", &command]).output().expect("bash");
    assert!(
        done.status.success(),
        "{command}\n{} (curl is needed: ./test installs it)",
        String::from_utf8_lossy(&done.stderr)
    );
    let text = String::from_utf8(done.stdout).expect("an answer in UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no body: {text}"));
    let mut body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    let fields = body.as_object_mut().expect("an object");
    fields.retain(|name, _| !OF_NOW.contains(&name.as_str()));
    (head.to_ascii_lowercase(), body)
}

#[test]
fn the_first_two_curls_hold_two_appointments_and_pay() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let commands = curls(&readme);
    assert_eq!(commands.len(), 2, "{commands:?}");
    let mut server = TestServer::with_sample();

    let (head, held) = type_in(&server, &commands[0]);
    assert!(head.starts_with("http/1.1 201"), "{head}");
    let items = held["items"].as_array().expect("items");
    assert_eq!((items.len(), &held["state"]), (2, &Value::from("open")), "{held}");
    assert!(
        commands[1].contains(held["cart"].as_str().unwrap()),
        "the README names another cart than {held}"
    );

    let (head, paid) = type_in(&server, &commands[1]);
    assert!(head.starts_with("http/1.1 20"), "{head}");
    assert_eq!(paid["state"], "confirmed", "{paid}");

    server.restart();
    for (command, before) in commands.iter().zip([held, paid]) {
        let (head, again) = type_in(&server, command);
        assert!(head.contains("idempotent-replayed: true"), "{head}");
        assert_eq!(again, before);
    }
}
