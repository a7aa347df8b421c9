//! A server that dies where nobody has killed it, or does not come back after a kill, has missed what was asked of it: the exit
//! code is 99, somebody is told what died, and its data and log are there to be looked at.
//! Needs the server's program: `ONSALE_BIN`, or `cargo build --release -p onsale-gateway` beforehand.
#![cfg(target_os = "linux")]

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use onsale_loadtest::scenario::kill_9::{self, Kill9};
use onsale_loadtest::terminal::in_runtime;

/// A program that writes its number to `pid`, and ends at once from its start number `last` on.
fn server(folder: &Path, last: u32) -> PathBuf {
    let built = || Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("../release/onsale");
    let real = fs::canonicalize(env::var_os("ONSALE_BIN").map_or_else(built, PathBuf::from)).unwrap();
    let here = folder.display();
    let script = format!(
        "#!/bin/sh\necho >> '{here}/starts'\n\
         if [ $(wc -l < '{here}/starts') -ge {last} ]; then echo 'my data is gone' >&2; exit 7; fi\n\
         echo $$ > '{here}/pid'\nexec '{}' \"$@\"\n",
        real.display()
    );
    let program = folder.join("onsale");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// The folder that the tester made for the server, with its log.
fn kept(temporary: &Path) -> bool {
    let mut folders = fs::read_dir(temporary).unwrap().map(|entry| entry.unwrap().path());
    folders.any(|folder| folder.join("server.log").is_file() && folder.join("data").is_dir())
}

#[test]
fn a_server_that_dies_in_the_rush_is_a_miss_with_a_summary() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = |name: &str| fs::File::create(folder.path().join(name)).unwrap();
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let mut tester = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["run", "s1", "--scale", "100", "--speed", "20"])
        .env("ONSALE_BIN", server(folder.path(), 99))
        .env("TMPDIR", temporary.path())
        .stdout(file("summary"))
        .stderr(file("said"))
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while !read("said").contains("the sale opens") {
        assert!(begun.elapsed() < Duration::from_secs(60), "it has not begun: {}", read("said"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = Pid::from_raw(read("pid").trim().parse().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    assert_eq!(tester.wait().unwrap().code(), Some(99), "{}", read("said"));
    let summary = read("summary");
    assert!(summary.contains("The server ended in the middle of the run"), "{summary}\n{}", read("said"));
    assert!(summary.contains("MISSED") && read("said").contains("are kept in"), "{summary}");
    assert!(kept(temporary.path()), "its data and log are there");
}

#[test]
fn a_server_that_does_not_come_back_after_the_rush_is_a_miss_with_a_summary() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ran = Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(["run", "s1", "--scale", "100", "--speed", "20", "--crash"])
        .env("ONSALE_BIN", server(folder.path(), 2))
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let (summary, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status.code(), Some(99), "{summary}\n{said}");
    assert!(summary.contains("my data is gone") && summary.contains("exit status: 7"), "{summary}\n{said}");
    assert!(kept(temporary.path()), "its data and log are there");
}

#[test]
fn a_server_that_does_not_come_back_after_a_kill_is_a_miss() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("work");
    let program = server(folder.path(), 3);
    let wish = Kill9 { times: 5, seed: 1, data: Some(data.clone()), server: Some(program) };
    let failure = in_runtime(kill_9::run(&wish)).unwrap_err();
    let words = failure.to_string();
    assert_eq!(failure.exit_code(), 99, "{words}");
    assert!(words.contains("Kill 2 of the run") && words.contains("my data is gone"), "{words}");
    assert!(words.contains(&*data.to_string_lossy()) && data.join("data").is_dir(), "{words}");
}
