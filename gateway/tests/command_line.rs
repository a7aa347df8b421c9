//! The program as a shell starts it: what becomes of it when its output cannot be written, and what it leaves behind when it
//! does not start.

mod server_common;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use server_common::{OPERATOR, TestServer, WEB};

const LONG: Duration = Duration::from_secs(30);

fn onsale(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onsale"));
    command.args(words).stdin(Stdio::null());
    command
}

/// Takes everything that is written to it, and nothing of it.
fn full() -> File {
    File::options().write(true).open("/dev/full").expect("every Linux has it")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Nobody listens there yet; that somebody else takes it in this instant has not been seen.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

fn serve(data: &Path, listen: &str) -> Command {
    let mut command = onsale(&["serve", "--listen", listen, "--data"]);
    command.arg(data);
    command
}

/// Waits until the server says that it is ready, stops it, and gives its exit code.
fn seen_ready_and_stopped(mut child: Child, address: SocketAddr) -> Option<i32> {
    let begun = Instant::now();
    let ready = || {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(())
    };
    while ready().is_none() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended: {:?}", child.wait());
        assert!(begun.elapsed() < LONG, "it does not get ready");
        std::thread::sleep(Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    child.wait().unwrap().code()
}

/// A server whose log's disk was full was aborted by the first line it logged.
#[test]
fn output_that_cannot_be_written_stops_no_server() {
    let folder = tempfile::tempdir().unwrap();
    let address = free_port();
    let child = serve(&folder.path().join("data"), &address.to_string())
        .env("ONSALE_OPERATOR_KEY", OPERATOR)
        .env("ONSALE_SERVER_KEY", WEB)
        .env("ONSALE_LOG", "debug")
        .stdout(full())
        .stderr(full())
        .spawn();
    assert_eq!(seen_ready_and_stopped(child.unwrap(), address), Some(0));
}

/// Their hashes were kept before they were shown: nobody could ever get in.
#[test]
fn keys_that_nobody_can_see_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for (stdout, says) in [(full(), "No space left"), (File::create("/dev/null").unwrap(), "/dev/null")] {
        let done = serve(&data, "127.0.0.1:0").stdout(stdout).output().unwrap();
        let said = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains(says) && said.contains("none was kept"), "{said}");
        assert!(!data.join("keys").exists(), "{said}");
    }
    let address = free_port();
    let mut child =
        serve(&data, &address.to_string()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let shown: Vec<_> = said.lines().map_while(Result::ok).take(2).collect();
    assert!(shown[0].starts_with("operator key: op_") && shown[1].starts_with("server key"), "{shown:?}");
    assert_eq!(seen_ready_and_stopped(child, address), Some(0));
    assert_eq!(fs::read_to_string(data.join("keys")).unwrap().lines().count(), 2);
}

#[test]
fn commands_end_as_they_would_with_somebody_reading() {
    let ends = |command: &mut Command| command.stdout(full()).stderr(full()).status().unwrap().code();
    assert_eq!(ends(&mut onsale(&["config", "show"])), Some(0));
    assert_eq!(ends(&mut onsale(&["config", "check", "--shards", "0"])), Some(1));
    assert_eq!(ends(&mut onsale(&["import", "csv", "--dry-run", "/no/such/file"])), Some(2));

    let server = TestServer::with_sample();
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("slots.csv");
    let lines: String = (0..2_500).map(|n| format!("s-{n},v,1,dose1\n")).collect();
    fs::write(&table, format!("id,venue,capacity,product\n{lines}")).unwrap();
    let uri = format!("http://{}", server.address());
    let mut import = onsale(&["import", "csv", "--sale", "sample", "--server", &uri]);
    import.arg(&table).env("ONSALE_OPERATOR_KEY", OPERATOR);
    assert_eq!(ends(&mut import), Some(0));
    assert_eq!(server.get("/v1/sales/sample/slots/s-2499", OPERATOR).status, 200, "it went on to the end");
}

/// What a start can know to be wrong before it writes anything, it says before it writes anything.
#[test]
fn a_start_with_bad_keys_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let start = |variables: &[(&str, &str)]| -> Output {
        serve(&data, "127.0.0.1:0").envs(variables.iter().copied()).output().unwrap()
    };
    for (variables, says) in [
        (&[("ONSALE_OPERATOR_KEY", "with a space")][..], "printable ASCII"),
        (&[("ONSALE_OPERATOR_KEY", "same"), ("ONSALE_SERVER_KEY", "same")], "the same key"),
    ] {
        let done = start(variables);
        assert_eq!(done.status.code(), Some(1));
        assert!(text(&done.stderr).contains(says), "{}", text(&done.stderr));
        assert!(!data.exists());
    }
    fs::create_dir(&data).unwrap();
    fs::write(data.join("keys"), "operator - abc\n").unwrap();
    let done = start(&[]);
    assert!(text(&done.stderr).contains("line 1"), "{}", text(&done.stderr));
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing but the key file");

    let done = serve(&data.join("keys"), "127.0.0.1:0").output().unwrap();
    assert!(text(&done.stderr).contains("is a file, not a folder"), "{}", text(&done.stderr));
}

/// A misspelt folder was "all good".
#[test]
fn inspecting_what_is_no_journal_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, "x").unwrap();
    for (path, says) in [
        (folder.path().to_owned(), "there is no journal in this folder"),
        (folder.path().join("nowhere"), "there is no such folder"),
        (file, "is a file, not a folder"),
    ] {
        let done = onsale(&["inspect", "journal"]).arg(&path).output().unwrap();
        assert_eq!(done.status.code(), Some(2), "{}", text(&done.stdout));
        assert!(text(&done.stderr).contains(says) && done.stdout.is_empty(), "{}", text(&done.stderr));
    }
}
