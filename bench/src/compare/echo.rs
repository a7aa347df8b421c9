//! The bare echo: what hyper alone makes of the same request and an answer of the same size, the ceiling of any server
//! built on it.
//!
//! One single-threaded runtime like a worker of ours. It reads the whole request, parses the JSON into borrowed types
//! and sends an answer that was taken from our server beforehand: same status, same headers, same body, not built anew.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use super::http::Answer;
use super::process::{Program, folder, free_port};

/// Headers that hyper writes by itself.
const WRITTEN_BY_HYPER: [&str; 3] = ["date", "content-length", "connection"];

/// A running echo, in a process of its own.
#[derive(Debug)]
pub struct Echo {
    /// The process.
    pub program: Program,
    /// Where it listens.
    pub port: u16,
    _folder: tempfile::TempDir,
}

impl Echo {
    /// Starts one that answers as `answer`.
    pub fn start(within: &Path, answer: &Answer) -> Result<Self, String> {
        let folder = folder(within, "echo")?;
        let port = free_port()?;
        let file = folder.path().join("answer.json");
        let kept = Kept {
            status: answer.status,
            headers: answer
                .headers
                .iter()
                .filter(|(name, _)| !WRITTEN_BY_HYPER.contains(&name.as_str()))
                .cloned()
                .collect(),
            body: answer.body.clone(),
        };
        let text = serde_json::to_string(&kept).map_err(|error| error.to_string())?;
        std::fs::write(&file, text).map_err(|error| error.to_string())?;
        let me = std::env::current_exe().map_err(|error| error.to_string())?;
        let log = folder.path().join("log");
        let mut command = Command::new(me);
        command.arg("--serve-echo").arg(port.to_string()).arg("--echo-answer").arg(&file);
        let mut program = Program::start("the echo", &mut command, &log, Signal::TERM)?;
        program.wait_for(port, &log)?;
        Ok(Self { program, port, _folder: folder })
    }
}

/// The answer, on its way from one process to the other.
#[derive(Debug, Deserialize, Serialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "parsed to pay for parsing; nothing is done with it")]
struct Order<'a> {
    // A visitor who joins a waiting room says neither.
    #[serde(default)]
    customer: &'a str,
    #[serde(borrow, default)]
    items: Vec<Line<'a>>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "parsed to pay for parsing; nothing is done with it")]
struct Line<'a> {
    slot: &'a str,
    quantity: u32,
}

struct Ready {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Serves until the process is ended.
pub fn serve(port: u16, answer: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(answer).map_err(|error| error.to_string())?;
    let kept: Kept = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut headers = HeaderMap::new();
    for (name, value) in kept.headers {
        let name = HeaderName::try_from(name).map_err(|error| error.to_string())?;
        headers.insert(name, HeaderValue::try_from(value).map_err(|error| error.to_string())?);
    }
    let status = StatusCode::from_u16(kept.status).map_err(|error| error.to_string())?;
    let ready = Rc::new(Ready { status, headers, body: Bytes::from(kept.body) });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let accepting: Result<Infallible, std::io::Error> = LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let ready = Rc::clone(&ready);
            spawn_local(async move {
                let service = service_fn(move |request| respond(Rc::clone(&ready), request));
                // A client that breaks off ends its own connection only.
                let _ = http1::Builder::new()
                    .header_read_timeout(None)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    match accepting {
        Ok(never) => match never {},
        Err(error) => Err(error.to_string()),
    }
}

async fn respond(ready: Rc<Ready>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = match request.into_body().collect().await {
        Ok(whole) => whole.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let parsed = serde_json::from_slice::<Order<'_>>(&body);
    let mut response = Response::new(Full::new(ready.body.clone()));
    if parsed.is_err() && !body.is_empty() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    *response.status_mut() = ready.status;
    *response.headers_mut() = ready.headers.clone();
    Ok(response)
}
