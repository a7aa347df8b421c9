//! A run that is told to end leaves nothing behind: neither the server it has started nor its temporary data.
//! Needs the server's program: `ONSALE_BIN`, or `cargo build --release -p onsale-gateway` beforehand.
#![cfg(target_os = "linux")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Every process whose command line names the folder.
fn running(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").unwrap();
    let lines = entries.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&*folder.to_string_lossy())).collect()
}

#[test]
fn a_stopped_run_takes_its_server_with_it() {
    let built = || Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("../release/onsale");
    let server = env::var_os("ONSALE_BIN").map_or_else(built, PathBuf::from);
    let folder = tempfile::tempdir().unwrap();
    for signal in [Signal::INT, Signal::TERM] {
        let mut tester = Command::new(env!("CARGO_BIN_EXE_loadtest"))
            .args(["run", "s1", "--scale", "50"])
            .env("ONSALE_BIN", &server)
            .env("TMPDIR", folder.path())
            .stderr(fs::File::create(folder.path().join("said")).unwrap())
            .spawn()
            .unwrap();
        let said = || fs::read_to_string(folder.path().join("said")).unwrap();
        let begun = Instant::now();
        while !said().contains("the sale opens") {
            assert!(begun.elapsed() < Duration::from_secs(60), "it has not begun: {}", said());
            assert_eq!(tester.try_wait().unwrap(), None, "it has ended: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(running(folder.path()).len(), 1, "its server runs");
        kill_process(Pid::from_child(&tester), signal).unwrap();
        assert_eq!(tester.wait().unwrap().code(), Some(1), "{}", said());
        assert!(said().contains("The run was stopped"), "{}", said());
        assert_eq!(running(folder.path()), Vec::<String>::new());
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["said"], "what is left in the temporary folder");
    }
}
