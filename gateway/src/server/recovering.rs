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
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use crate::answer::text;
use crate::edge::request_id;
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
pub fn answer_recovering(listener: &TcpListener, sockets: usize) -> io::Result<Interim> {
    let listener = listener.try_clone()?;
    let (end, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("onsale-recovering".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = ended => {}
                result = accept(listener, sockets.min(AT_A_TIME)) => {
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

async fn accept(listener: TcpListener, sockets: usize) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(sockets));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.keep_alive(false).timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
            // Whether the client heard it is its own affair.
            let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            drop(place);
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response, Infallible> {
    let id = request_id::of(request.headers());
    let mut response = if request.uri().path() == "/livez" {
        text("text/plain; charset=utf-8", "ok\n")
    } else {
        let problem = Problem::new(Code::Recovering, "The server is reading its journal; nothing was done.");
        problem.respond(id.to_str().unwrap_or_default())
    };
    debug_assert!(
        response.status() == StatusCode::OK || response.status() == StatusCode::SERVICE_UNAVAILABLE
    );
    response.headers_mut().insert(request_id::HEADER, id);
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
        let interim = answer_recovering(&listener, 8).unwrap();
        let ask = |path: &str| {
            let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        assert!(ask("/livez").starts_with("HTTP/1.1 200"));
        let answer = ask("/readyz");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\"code\":\"recovering\""), "{answer}");
        assert!(answer.contains("retry-after: 1"));
        interim.end();
    }
}
