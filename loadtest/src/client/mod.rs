//! The tester's own HTTP client: one request in, one timed answer out, nothing hidden in between.
//!
//! A library client would queue, retry and reconnect out of sight; here every such thing must show in the latency, so the
//! pool is ours (`pool.rs`) and simple. `sent_at` is taken before a connection is opened: waiting for the server to accept is
//! the server's time, not ours. A request with no free connection and no room for another is lost at once and counts with
//! its time-out. Only what has certainly not been on the wire is sent a second time.

mod pool;
mod target;

use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HOST, IF_MATCH, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use serde::{Deserialize, Serialize};

pub use pool::Pool;
pub use target::Target;

use pool::Connection;

/// How long an ordinary request may take before the visitor gives it up.
pub const PATIENCE: Duration = Duration::from_secs(10);

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
static PREFER: HeaderName = HeaderName::from_static("prefer");

/// One request as a visitor wants it sent.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The credential, as a whole `Authorization` value.
    pub key: Option<HeaderValue>,
    /// The body and its media type.
    pub body: Option<(Bytes, &'static str)>,
    /// The idempotency key; asking again uses the same.
    pub once: Option<String>,
    /// `Prefer: wait=N`.
    pub wait_s: Option<u32>,
    /// `If-Match`, for settings that exist.
    pub if_match: Option<HeaderValue>,
    /// After this the request is lost.
    pub timeout: Duration,
}

impl Call {
    /// A read.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// A request without a body.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            key: None,
            body: None,
            once: None,
            wait_s: None,
            if_match: None,
            timeout: PATIENCE,
        }
    }

    /// With this credential.
    pub fn key(mut self, key: &HeaderValue) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// With this JSON body.
    pub fn json(self, body: &impl Serialize) -> Self {
        // Our own shapes always serialise; an empty body would be refused as malformed and show.
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        self.body(bytes.into(), "application/json")
    }

    /// With this body.
    pub fn body(mut self, body: Bytes, media_type: &'static str) -> Self {
        self.body = Some((body, media_type));
        self
    }

    /// With this idempotency key.
    pub fn once(mut self, key: String) -> Self {
        self.once = Some(key);
        self
    }

    fn request(&self, host: &HeaderValue) -> Result<Request<Full<Bytes>>, Lost> {
        let body = self.body.as_ref().map(|(bytes, _)| bytes.clone()).unwrap_or_default();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.parse().map_err(|_| Lost::Broken)?;
        let headers = request.headers_mut();
        headers.insert(HOST, host.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            headers.insert(AUTHORIZATION, key.clone());
        }
        if let Some((_, media_type)) = &self.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if let Some(once) = &self.once {
            headers.insert(&IDEMPOTENCY_KEY, HeaderValue::from_str(once).map_err(|_| Lost::Broken)?);
        }
        if let Some(tag) = &self.if_match {
            headers.insert(IF_MATCH, tag.clone());
        }
        if let Some(seconds) = self.wait_s {
            let wait = format!("wait={seconds}");
            headers.insert(&PREFER, HeaderValue::from_str(&wait).map_err(|_| Lost::Broken)?);
        }
        Ok(request)
    }
}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Whether it carried `Retry-After`.
    pub retry_after: bool,
    /// Whether it says that it is the kept answer of an earlier request.
    pub replayed: bool,
    /// When it was asked for and when it was complete.
    pub times: (Instant, Instant),
    /// The version of the document, where it has one.
    pub etag: Option<HeaderValue>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as this shape.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// Why there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// No connection was free and none could be opened on this side: the tester's fault, the request was never sent.
    NoConnection,
    /// Nobody accepted the connection.
    Refused,
    /// The answer was not complete in time.
    TimedOut,
    /// The connection broke, or the request could not be written as HTTP.
    Broken,
}

/// What became of one request, with its two instants.
#[derive(Debug)]
pub struct Sent {
    /// When the client turned to it.
    pub sent_at: Instant,
    /// When the answer was complete, or given up.
    pub done_at: Instant,
    /// The answer or its absence.
    pub outcome: Result<Answer, Lost>,
}

/// Sends over a pool of kept-alive connections; lives on one thread inside a `LocalSet`.
#[derive(Debug)]
pub struct Client {
    pool: Pool,
    host: HeaderValue,
}

impl Client {
    /// A client of this server with at most that many connections.
    pub fn new(target: &Target, connections: usize) -> Self {
        Self { pool: Pool::new(target.address, connections), host: target.host.clone() }
    }

    /// The same, `spread` of the connections opened at once and used in turn.
    pub fn spread(target: &Target, connections: usize, spread: usize) -> Self {
        Self { pool: Pool::spread(target.address, connections, spread), host: target.host.clone() }
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> usize {
        self.pool.most_open()
    }

    /// Sends one request and waits for the whole answer.
    pub async fn send(&self, call: &Call) -> Sent {
        let sent_at = Instant::now();
        let result = tokio::time::timeout(call.timeout, self.exchange(call)).await;
        let done_at = Instant::now();
        let outcome = match result {
            Ok(Ok((mut answer, connection))) => {
                self.pool.give_back(connection);
                answer.times = (sent_at, done_at);
                Ok(answer)
            }
            Ok(Err(lost)) => Err(lost),
            Err(_) => Err(Lost::TimedOut),
        };
        Sent { sent_at, done_at, outcome }
    }

    async fn exchange(&self, call: &Call) -> Result<(Answer, Connection), Lost> {
        loop {
            let mut connection = self.pool.take().await?;
            match connection.send(call.request(&self.host)?).await {
                Ok(response) => {
                    let answer = read_answer(response).await?;
                    return Ok((answer, connection));
                }
                // The server closed an idle connection just then and hyper tells that nothing was sent: take another.
                Err(error) if error.is_canceled() && connection.reused() => {}
                Err(_) => return Err(Lost::Broken),
            }
        }
    }
}

async fn read_answer(response: http::Response<hyper::body::Incoming>) -> Result<Answer, Lost> {
    let status = response.status().as_u16();
    let retry_after = response.headers().contains_key(RETRY_AFTER);
    let replayed = response.headers().get(&REPLAYED).is_some_and(|value| value == "true");
    let etag = response.headers().get(ETAG).cloned();
    let mut body = response.into_body();
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Lost::Broken)?.into_data() else { continue };
        // Nearly every answer is one frame: that one is kept as it is, without a copy.
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    let body = if rest.is_empty() { first } else { [first.as_ref(), rest.as_ref()].concat().into() };
    let now = Instant::now();
    Ok(Answer { status, retry_after, replayed, times: (now, now), etag, body })
}
