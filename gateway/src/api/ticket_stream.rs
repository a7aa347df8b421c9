//! How a ticket stands, as it changes: Server-Sent Events.
//!
//! The body is its own source: hyper asks it for the next event when the last one is written, and only then is the
//! ticket looked at. So a stream has one event in memory whatever happens, a client that does not read is not looked at
//! and soon counts as gone, and there is no task or channel to clean up. Looking is what keeps a holder present.
//!
//! A stream ends when the ticket has left, when the server drains, and at the end of its life
//! (`timeouts.stream_ms`). It stays open in every other state, also sold out and closed: units come back and operators
//! change their mind.

use std::convert::Infallible;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use onsale_engine::time::Timestamp;
use onsale_engine::waiting_room::{Phase, TicketState, TicketView};
use tokio::time::{Instant, sleep};

use super::queue::written;
use crate::answer::{Outcome, PRIVATE, Said};
use crate::app::App;
use crate::call::Call;
use crate::durable::{Settled, settle};
use crate::problem::{Code, Problem};

/// From one look to the next: "called" and "sold out" are told within two seconds, of which the other is the engine's
/// and the network's.
const LOOK: Duration = Duration::from_secs(1);
/// The longest silence. Ten seconds are promised; the look in between and the way there are part of them.
const HEARTBEAT: Duration = Duration::from_secs(8);
/// When to come back after a stream broke off: at least, and how much more at random, so that the clients of a server
/// that was restarted do not all come in the same second.
const RETRY_MS: (u64, u64) = (1_000, 4_000);
/// The same after a stream that ended by plan.
const RETRY_SOON_MS: (u64, u64) = (0, 1_000);
/// When to try again if there are too many.
const FULL_RETRY_MS: u64 = 30_000;

const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
/// Tells nginx and its relatives to pass each event on at once.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// `GET /v1/queue/{ticket}/stream`
pub async fn open(call: Call) -> Outcome {
    let ticket = call.param(0).to_owned();
    let app = call.app;
    let seen = settle(&app.engine, app.engine.ticket(&ticket)).await?;
    if seen.value.state == TicketState::Left {
        // The one answer on which an `EventSource` does not come back.
        let mut response = Response::new(Body::empty()).cached(PRIVATE);
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let place = Place::take(&app)?;
    let (idle, life) = (app.limits.idle_timeout, app.limits.stream_life);
    let ends = Instant::now() + life - life / 5 * u32::try_from(random(1_000)).unwrap_or(0) / 1_000;
    let heartbeat = HEARTBEAT.min(idle / 2);
    let mut follow = Follow {
        app,
        ticket,
        shown: None,
        spoke: Instant::now(),
        heartbeat,
        ends,
        over: false,
        _place: place,
    };
    let first = follow.event(seen, Some(RETRY_MS));
    let said = async move { Some((first, follow)) };
    let mut response = Response::new(Body::new(Events(Box::pin(said)))).cached(PRIVATE);
    response.headers_mut().insert(CONTENT_TYPE, EVENTS);
    let (name, value) = UNBUFFERED;
    response.headers_mut().insert(name, value);
    Ok(response)
}

/// What a client shows: when none of it has changed, there is nothing to tell. Not the pass itself, which is signed anew
/// at every look, but until when it counts.
#[derive(PartialEq, Eq)]
struct Shown {
    state: TicketState,
    phase: Phase,
    message: Option<String>,
    place: Option<u32>,
    ahead: Option<u32>,
    low_chances: bool,
    until: Option<Timestamp>,
    pass_until: Option<Timestamp>,
}

impl Shown {
    fn of(view: &TicketView) -> Self {
        let TicketView { state, phase, place, ahead, until, pass_until, .. } = *view;
        let (message, low_chances) = (view.message.clone(), view.chances.is_some());
        Self { state, phase, message, place, ahead, low_chances, until, pass_until }
    }
}

/// A ticket that is followed.
struct Follow {
    app: Arc<App>,
    ticket: String,
    shown: Option<Shown>,
    spoke: Instant,
    heartbeat: Duration,
    ends: Instant,
    /// The last event is out.
    over: bool,
    _place: Place,
}

impl Follow {
    fn event(&mut self, ticket: Settled<TicketView>, retry: Option<(u64, u64)>) -> Bytes {
        self.shown = Some(Shown::of(&ticket.value));
        self.spoke = Instant::now();
        self.over = ticket.value.state == TicketState::Left;
        let id = ticket.now.engine.0;
        let retry = retry.map(retry_line).unwrap_or_default();
        // JSON has its line breaks escaped: it is one line. It is text as well.
        let data = String::from_utf8(written(&self.app, &ticket)).unwrap_or_default();
        Bytes::from(format!("{retry}id: {id}\nevent: ticket\ndata: {data}\n\n"))
    }

    /// What is to be said next, as soon as there is something; nothing when the stream is over.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        while !self.over {
            sleep(LOOK).await;
            if self.app.is_closing() {
                return None;
            }
            if Instant::now() >= self.ends {
                self.over = true;
                return Some((Bytes::from(retry_line(RETRY_SOON_MS) + "\n"), self));
            }
            match settle(&self.app.engine, self.app.engine.ticket(&self.ticket)).await {
                Ok(seen) if self.shown.as_ref() != Some(&Shown::of(&seen.value)) => {
                    return Some((self.event(seen, None), self));
                }
                Ok(_) => {}
                // Too busy to look, or the disk is full: a later look will tell.
                Err(problem) if matches!(problem.code(), Some(Code::Overloaded | Code::DiskFull)) => {}
                // The journal has failed, or there is no such line any more: the client asks, and is told why.
                Err(_) => return None,
            }
            if self.spoke.elapsed() + LOOK > self.heartbeat {
                self.spoke = Instant::now();
                return Some((Bytes::from_static(b":\n\n"), self));
            }
        }
        None
    }
}

fn retry_line((least, spread): (u64, u64)) -> String {
    format!("retry: {}\n", least + random(spread))
}

/// A number below `below`, different for everybody; nothing depends on its being hard to guess.
fn random(below: u64) -> u64 {
    RandomState::new().hash_one(0_u8) % below
}

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Follow)>> + Send>>;

/// The body: one event at a time.
struct Events(Next);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match std::task::ready!(self.0.as_mut().poll(cx)) {
            Some((said, follow)) => {
                self.0 = Box::pin(follow.next());
                Poll::Ready(Some(Ok(Frame::data(said))))
            }
            None => {
                self.0 = Box::pin(std::future::ready(None));
                Poll::Ready(None)
            }
        }
    }
}

/// One open stream, counted as long as this lives.
struct Place(Arc<App>);

impl Place {
    fn take(app: &Arc<App>) -> Result<Self, Problem> {
        let before = app.metrics.ticket_streams.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that it is counted out either way.
        let place = Self(Arc::clone(app));
        if before >= app.limits.ticket_streams {
            app.metrics.refused_ticket_streams.fetch_add(1, Ordering::Relaxed);
            return Err(Problem::new(
                Code::Overloaded,
                "No more streams can be opened right now: ask for the ticket itself, after its `poll_after_ms`.",
            )
            .retry_after(FULL_RETRY_MS));
        }
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.metrics.ticket_streams.fetch_sub(1, Ordering::Relaxed);
    }
}
