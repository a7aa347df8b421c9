//! The program and the signals it gets: one wish to stop, however often a wrapper says it, and a second one in earnest.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::server_common::{Answer, OPERATOR};

/// The lines of a stream as they come, read to the end whatever becomes of the receiver.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

struct Program {
    child: Child,
    address: String,
    log: Receiver<String>,
}

impl Program {
    fn start(data: &Path) -> Self {
        let patient = ["--timeouts-notice-ms=60000", "--timeouts-drain-ms=60000", "--timeouts-body-ms=60000"];
        let mut child = Command::new(env!("CARGO_BIN_EXE_onsale"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(patient)
            .env("ONSALE_OPERATOR_KEY", OPERATOR)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = lines(child.stderr.take().unwrap());
        let said = lines(child.stdout.take().unwrap());
        let address =
            said.iter().find_map(|line| Some(line.strip_prefix("listening on http://")?.to_owned()));
        Self { child, address: address.expect("it says where it listens"), log }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {OPERATOR}\r\n\
             idempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        Answer::read(&answer)
    }

    fn tell(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether its log says something within that time.
    fn says(&self, what: &str, within: Duration) -> bool {
        let begun = Instant::now();
        loop {
            match self.log.recv_timeout(within.saturating_sub(begun.elapsed())) {
                Ok(line) if line.contains(what) => return true,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_repeated_signal_is_one_wish_and_a_later_one_ends_the_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(30);
    for (sale, first, second) in [("a", Signal::TERM, Signal::INT), ("b", Signal::INT, Signal::TERM)] {
        let sale = format!("/v1/sales/{sale}");
        let mut server = Program::start(folder.path());
        assert_eq!(server.ask("PUT", &sale, r#"{"time_zone": "UTC"}"#).status, 201);
        let mut slow = TcpStream::connect(&server.address).unwrap();
        slow.write_all(b"POST /v1/sales/x/carts HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{").unwrap();
        let told = Instant::now();
        // Twice, as by a wrapper that passes a signal on to its child and to the whole group.
        server.tell(first);
        server.tell(first);
        assert!(server.says("stopping: /readyz says so", long));
        assert_eq!(server.ask("GET", "/readyz", "").status, 503);
        assert_eq!(server.ask("GET", "/livez", "").status, 200);
        while !server.says("told again", Duration::from_millis(100)) {
            assert!(told.elapsed() < long, "it does not hear");
            server.tell(second);
        }
        assert!(told.elapsed() >= Duration::from_secs(1), "{:?}", told.elapsed());
        assert_eq!(server.child.wait().unwrap().code(), Some(0));
        assert!(told.elapsed() < long, "{:?}", told.elapsed());
        let again = Program::start(folder.path());
        assert_eq!(again.ask("GET", &sale, "").status, 200, "what was acknowledged is there");
    }
}
