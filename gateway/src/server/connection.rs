//! The life of one connection: requests one after the other, until the client goes, stands still or the server drains.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::clock::{Clock, Phase, Watched};
use crate::app::Limits;
use crate::edge::{Connection, Edge, cors, request_id};
use crate::problem::{Code, Problem};
use crate::wakes::Quiet;

/// How long a refused client may take to read why.
const LAST_WORDS: Duration = Duration::from_secs(1);

const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
enum End {
    /// The client has gone, or hyper has closed after an error or while draining.
    Closed,
    /// Nothing happened for long enough.
    Idle,
    /// A head took too long.
    SlowHead,
}

/// Serves a connection to its end.
pub async fn serve(stream: TcpStream, peer: IpAddr, edge: Rc<Edge>, mut drain: watch::Receiver<bool>) {
    let limits = &edge.app().limits;
    // A stream writes so little that the kernel takes all of it for a client that is gone or does not read: then the
    // kernel gives up after the same time as the watcher. Where it cannot be set, its own time-outs hold.
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(limits.idle_timeout));
    let clock = Clock::new();
    let connection = Rc::new(Connection::from(peer));
    let service = service_fn(|request: Request<Incoming>| {
        clock.begin();
        let (mut head, body) = request.into_parts();
        let (edge, connection, clock) = (Rc::clone(&edge), Rc::clone(&connection), Rc::clone(&clock));
        async move {
            let response = edge.answer(&connection, &mut head, body).await;
            clock.end();
            Ok::<_, Infallible>(response)
        }
    });
    let io = TokioIo::new(Watched { stream, clock: Rc::clone(&clock) });
    let mut http = http1::Builder::new()
        .half_close(true)
        // No `max_headers`: with one of ours hyper clears two tables for every request, a thousand instructions. Its own
        // bound is 100, answered with 431.
        .max_buf_size(limits.head_bytes.max(8 << 10))
        .header_read_timeout(None)
        // Head and body are copied into one piece and go out by one `send`: both are short, and a `writev` goes through the
        // file layer first.
        .writev(false)
        .serve_connection(io, service);
    let mut drained = pin!(drain.wait_for(|draining| *draining));
    let (mut listening, mut draining) = (false, false);
    let mut watcher = pin!(Watcher::new(&clock, limits));
    // Made at the first poll: the task never changes.
    let mut quiet = None;
    let end = std::future::poll_fn(|cx| {
        // Polled once, to be woken; the news itself is a flag that costs less than a poll at every request.
        if !draining && (!listening || edge.app().is_draining()) {
            listening = true;
            draining = drained.as_mut().poll(cx).is_ready();
            if draining {
                Pin::new(&mut http).graceful_shutdown();
            }
        }
        // An error of hyper is a client that broke off or spoke nonsense: it has been answered where that was possible.
        let waker = quiet.get_or_insert_with(|| Quiet::before(cx.waker()));
        if Pin::new(&mut http).poll(&mut Context::from_waker(waker)).is_ready() {
            return Poll::Ready(End::Closed);
        }
        watcher.as_mut().poll(cx)
    })
    .await;
    match end {
        End::Closed | End::Idle => {}
        End::SlowHead => last_words(http.into_parts().io.into_inner().stream, TIMED_OUT).await,
    }
}

/// Tells a client why it is not served.
pub async fn refuse(stream: TcpStream) {
    last_words(stream, &full()).await;
}

/// What a socket beyond the cap is told, as it is for who was let in: with an id to name, and readable by pages.
fn full() -> Vec<u8> {
    let mut headers = HeaderMap::new();
    let id = request_id::of(&headers);
    let body = Problem::new(Code::Overloaded, "Too many connections; nothing was done.")
        .document(id.to_str().unwrap_or_default());
    cors::allow(&mut headers);
    headers.insert(request_id::HEADER, id);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let mut words = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 1\r\n".to_vec();
    for (name, value) in &headers {
        for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            words.extend_from_slice(piece);
        }
    }
    words.extend_from_slice(b"\r\n");
    words.extend_from_slice(&body);
    words
}

/// Writes, then reads what is still coming: closing with unread bytes would reset the connection and take the answer
/// with it.
async fn last_words(mut stream: TcpStream, words: &[u8]) {
    let say = async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        let mut scratch = [0_u8; 1_024];
        while stream.read(&mut scratch).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    // Whether the client heard it is its own affair.
    let _ = timeout(LAST_WORDS, say).await;
}

/// Ends a connection that stands still. One timer, which is moved only when a head comes in pieces.
struct Watcher<'a> {
    clock: &'a Clock,
    head_timeout: Duration,
    idle_timeout: Duration,
    alarm: Pin<Box<tokio::time::Sleep>>,
    head_armed: bool,
    /// Whether the alarm knows whom to wake.
    listening: bool,
    seen: u64,
}

impl<'a> Watcher<'a> {
    fn new(clock: &'a Clock, limits: &Limits) -> Self {
        let (head_timeout, idle_timeout) = (limits.head_timeout, limits.idle_timeout);
        // The first request is expected at once.
        let alarm = Box::pin(sleep(head_timeout));
        Self { clock, head_timeout, idle_timeout, alarm, head_armed: false, listening: false, seen: 0 }
    }

    fn arm(&mut self, after: Duration) {
        self.alarm.as_mut().reset(Instant::now() + after);
        self.listening = false;
    }
}

impl Future for Watcher<'_> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let slow_head = self.clock.phase() == Phase::Head;
        if slow_head != self.head_armed {
            self.head_armed = slow_head;
            let after = if slow_head { self.head_timeout } else { self.idle_timeout };
            self.arm(after);
        }
        loop {
            // The task never changes, so once the alarm knows it there is nothing to poll before it has rung.
            if self.listening && !self.alarm.is_elapsed() {
                return Poll::Pending;
            }
            self.listening = true;
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if self.head_armed {
                return Poll::Ready(End::SlowHead);
            }
            let moved = self.clock.moved();
            if self.clock.phase() == Phase::Idle && moved == self.seen {
                return Poll::Ready(End::Idle);
            }
            self.seen = moved;
            let after = self.idle_timeout;
            self.arm(after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_full_server_are_as_long_as_they_say() {
        let text = String::from_utf8(full()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["title"], Code::Overloaded.entry().title);
    }
}
