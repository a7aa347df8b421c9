//! A real server on a free port, in this process, and a client that speaks plain HTTP/1.1 over a socket.

#![allow(dead_code, reason = "each test file uses its own part")]

pub mod shop;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use onsale_gateway::config::{Config, Gathered};
use onsale_gateway::serve::{Server, start};
use serde_json::Value;

pub const OPERATOR: &str = "op_test";
pub const WEB: &str = "sk_web";
pub const PHONE: &str = "sk_phone";

/// A server that stops when it is dropped; its data folder lives on until the last server on it has gone.
pub struct TestServer {
    server: Option<Server>,
    pub data: PathBuf,
    folder: Option<tempfile::TempDir>,
    settings: Vec<(&'static str, String)>,
}

impl TestServer {
    /// A server on a new folder, with these settings besides the defaults.
    pub fn start(settings: &[(&'static str, &str)]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), settings)
    }

    /// The same on a disk that is never slow.
    pub fn in_memory() -> Self {
        Self::start_in(tempfile::tempdir_in("/dev/shm").unwrap(), &[])
    }

    fn start_in(folder: tempfile::TempDir, settings: &[(&'static str, &str)]) -> Self {
        let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let mut server =
            Self { server: None, data: folder.path().join("data"), folder: Some(folder), settings };
        server.run();
        server
    }

    /// The same with the sale `sample`.
    pub fn with_sample() -> Self {
        let server = Self::start(&[]);
        server.server.as_ref().unwrap().load_sample().unwrap();
        server
    }

    /// Stops it and starts it again on the same folder.
    pub fn restart(&mut self) {
        let _ = self.server.take().unwrap().stop();
        self.run();
    }

    fn run(&mut self) {
        let mut flags = self.settings.clone();
        flags.push(("listen", "127.0.0.1:0".to_owned()));
        flags.push(("data", self.data.display().to_string()));
        let config = Config::new(&Gathered::new(None, [], flags).unwrap()).unwrap();
        let keys = [
            ("ONSALE_OPERATOR_KEY", OPERATOR),
            ("ONSALE_SERVER_KEY", WEB),
            ("ONSALE_SERVER_KEY_PHONE", PHONE),
        ];
        let keys = keys.map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.server = Some(start(&config, keys).unwrap().server);
    }

    pub fn address(&self) -> SocketAddr {
        self.server.as_ref().unwrap().address()
    }

    /// Makes stopping it a quick thing.
    pub fn hurry(&self) -> onsale_gateway::server::Hurry {
        self.server.as_ref().unwrap().hurry()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// Sends bytes as they are and reads until the server closes.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is an end like any other.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// One request on a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("content-length: {}\r\n\r\n{body}", body.len());
        Answer::read(&self.raw(head.as_bytes()))
    }

    pub fn get(&self, path: &str, key: &str) -> Answer {
        self.send("GET", path, &bearer(key).each_ref().map(|(name, value)| (*name, value.as_str())), "")
    }

    /// A request with a key, an idempotency key (none if it is empty) and a JSON body.
    pub fn json(&self, method: &str, path: &str, key: &str, idempotency: &str, body: &Value) -> Answer {
        let [(authorization, bearer)] = bearer(key);
        let mut headers = vec![(authorization, bearer.as_str()), ("content-type", "application/json")];
        if !idempotency.is_empty() {
            headers.push(("idempotency-key", idempotency));
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &headers, &body)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            let _ = server.stop();
        }
    }
}

fn bearer(key: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {key}"))]
}

/// A body that came in chunks.
fn put_together(mut chunks: &str) -> String {
    let mut whole = String::new();
    while let Some((length, rest)) = chunks.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or_else(|error| panic!("{error}: {length}"));
        whole.push_str(&rest[..length]);
        chunks = &rest[length + 2..];
    }
    whole
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0);
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut answer = Self { status, headers, body: body.to_owned() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = put_together(body);
        }
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is this problem, with everything a problem has, and hands out the body.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        let body = self.value();
        assert_eq!(
            (body["status"].as_u64(), body["code"].as_str()),
            (Some(status.into()), Some(code)),
            "{body}"
        );
        assert_eq!(body["type"], format!("/problems/{code}"));
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"));
        assert_eq!(self.header("retry-after").is_some(), matches!(status, 429 | 503));
        body
    }
}
