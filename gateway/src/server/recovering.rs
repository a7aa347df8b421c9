//! What is answered while the journal is still being read: 503 `recovering` to everything, except that `/livez` is well.
//!
//! The socket is bound before recovery begins. Leaving clients in its backlog would look like a server that hangs; a
//! load balancer and a client library both know what to do with a 503 and `Retry-After`.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::response::Response;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use crate::answer::text;
use crate::edge::{DURABILITY, cors, request_id};
use crate::problem::{Code, Problem};

/// Clients that are told at a time, at most; the others wait in the backlog.
const AT_A_TIME: usize = 1_024;
/// One request per socket, and not long to send it: who sends none must not keep a probe waiting.
const HEAD_TIMEOUT: Duration = Duration::from_millis(500);

/// Answers until it is ended.
#[derive(Debug)]
pub struct Interim {
    end: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Answers on a copy of the listening socket, on a thread of its own, with this many sockets at most.
///
/// # Errors
/// When the socket cannot be copied or the thread not be made.
pub fn answer_recovering(
    listener: &TcpListener,
    sockets: usize,
    durability: Option<HeaderValue>,
) -> io::Result<Interim> {
    let listener = listener.try_clone()?;
    let (end, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("onsale-recovering".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = ended => {}
                result = accept(listener, sockets.min(AT_A_TIME), durability) => {
                    if let Err(error) = result {
                        tracing::warn!(%error, "nobody can be told that the server is recovering");
                    }
                }
            }
        });
    })?;
    Ok(Interim { end, thread })
}

impl Interim {
    /// Ends it; from now on the socket is the workers'.
    pub fn end(self) {
        // Fails only if the thread has given up already.
        let _ = self.end.send(());
        if self.thread.join().is_err() {
            tracing::error!("the thread that answered while recovering has panicked");
        }
    }
}

async fn accept(listener: TcpListener, sockets: usize, durability: Option<HeaderValue>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(sockets));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let durability = durability.clone();
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // Whether the client heard it is its own affair.
            let _ = http
                .serve_connection(
                    TokioIo::new(stream),
                    service_fn(|request| answer(request, durability.as_ref())),
                )
                .await;
            drop(place);
        });
    }
}

/// The headers are those of every answer: without the ones for pages of other origins a browser would only tell its page that
/// something failed, and not when to come back.
async fn answer(
    request: Request<Incoming>,
    durability: Option<&HeaderValue>,
) -> Result<Response, Infallible> {
    let (head, _) = request.into_parts();
    let id = request_id::of(&head.headers);
    let mut response = match cors::preflight(&head) {
        Some(response) => response,
        None if head.uri.path() == "/livez" => text("text/plain; charset=utf-8", "ok\n"),
        None => {
            let detail = "The server is reading its journal; nothing was done.";
            Problem::new(Code::Recovering, detail).respond(id.to_str().unwrap_or_default())
        }
    };
    debug_assert!(
        [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::SERVICE_UNAVAILABLE]
            .contains(&response.status())
    );
    let headers = response.headers_mut();
    headers.insert(request_id::HEADER, id);
    if cors::applies(&head) {
        cors::allow(headers);
    }
    if let Some(durability) = durability {
        headers.insert(DURABILITY, durability.clone());
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn everybody_is_told_to_come_back_and_the_process_is_well() {
        let listener = super::super::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mode = HeaderValue::from_static("interval:50ms");
        let interim = answer_recovering(&listener, 8, Some(mode)).unwrap();
        let send = |request: &str| {
            let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            write!(stream, "{request}\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        let ask = |path: &str| send(&format!("GET {path} HTTP/1.1\r\nhost: x"));
        assert!(ask("/livez").starts_with("HTTP/1.1 200"));
        let answer = ask("/readyz");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\"code\":\"recovering\""), "{answer}");
        assert!(answer.contains("retry-after: 1") && !answer.contains("access-control"), "{answer}");
        assert!(answer.contains("onsale-durability: interval:50ms"), "{answer}");
        // A page of another origin reads why, and when to come back; else it would only see that something failed.
        let page = "HTTP/1.1\r\nhost: x\r\norigin: https://shop.example";
        let answer = send(&format!("POST /v1/sales/sh/carts {page}\r\ncontent-length: 0"));
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("access-control-allow-origin: *"),
            "{answer}"
        );
        assert!(
            answer.contains("access-control-expose-headers") && answer.contains("retry-after"),
            "{answer}"
        );
        let asked = format!("OPTIONS /v1/sales/sh/carts {page}\r\naccess-control-request-method: POST");
        let answer = send(&asked);
        assert!(
            answer.starts_with("HTTP/1.1 204") && answer.contains("access-control-allow-methods"),
            "{answer}"
        );
        assert!(answer.contains("access-control-allow-origin: *"), "{answer}");
        interim.end();
    }
}
