//! What every request can reach: the engine, the keys, the limits and the counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::HeaderValue;
use onsale_engine::Engine;
use onsale_engine::engine::Health;

use crate::auth::Doorkeeper;
use crate::connector::Connector;
use crate::edge::guesses::Guesses;
use crate::edge::proxies::Proxies;
use crate::edge::ratelimit::RateLimit;
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::waiting_page::shop::ShopAddress;
use crate::waiting_room::board::Board;

/// The bounds of the edge. At each of them the answer is a refusal, never growth.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sockets in all.
    pub connections: usize,
    /// Sockets of one address; loopback is exempt.
    pub connections_per_address: usize,
    /// Requests being worked on in all.
    pub in_flight: usize,
    /// Streams of tickets open at a time.
    pub ticket_streams: usize,
    /// Bytes of a JSON body.
    pub body_bytes: usize,
    /// The same of who shows no key.
    pub public_body_bytes: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// For a whole body; for a streamed one from piece to piece.
    pub body_timeout: Duration,
    /// A socket on which nothing happens is closed after this, at the latest after twice this.
    pub idle_timeout: Duration,
    /// A stream of a ticket ends after this, and its client opens another.
    pub stream_life: Duration,
    /// From being told to stop to the closing of the socket, while `/readyz` says no.
    pub notice: Duration,
    /// What runs when the server is told to stop has this long to finish.
    pub drain_timeout: Duration,
    /// Requests an address may make at once without a key.
    pub anonymous_burst: u32,
    /// Requests an address may make a second without a key, in the long run.
    pub anonymous_per_second: u32,
    /// Proxies that say for whom they ask: that address counts, not theirs.
    pub trusted_proxies: Proxies,
}

/// The server, as a request sees it.
#[derive(Debug)]
pub struct App {
    /// The partition served.
    pub engine: Arc<Engine>,
    /// Who knows the keys.
    pub doorkeeper: Doorkeeper,
    /// The bounds of the edge.
    pub limits: Limits,
    /// `Onsale-Durability` of every answer, when it is not the default.
    pub durability: Option<HeaderValue>,
    /// Where people go on to from the waiting page.
    pub shop: Option<ShopAddress>,
    /// The shop whose pages Queue-it's connectors guard.
    pub connector: Option<Connector>,
    /// What is counted.
    pub metrics: Metrics,
    /// Buckets of those who show no key.
    pub rate: RateLimit,
    /// Who was wrong about access codes.
    pub guesses: Guesses,
    /// What everybody reads of the lines.
    pub board: Board,
    in_flight: AtomicUsize,
    draining: AtomicBool,
    closing: AtomicBool,
}

impl App {
    /// Puts it together.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        doorkeeper: Doorkeeper,
        limits: Limits,
        durability: Option<HeaderValue>,
        shop: Option<ShopAddress>,
        connector: Option<Connector>,
    ) -> Self {
        let rate = RateLimit::new(limits.anonymous_per_second, limits.anonymous_burst);
        Self {
            metrics: Metrics::new(durability.as_ref()),
            engine,
            doorkeeper,
            limits,
            durability,
            shop,
            connector,
            rate,
            guesses: Guesses::default(),
            board: Board::default(),
            in_flight: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    /// From now on `/readyz` says no, so that nobody sends more.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Streams end with their next look: the sockets are being closed.
    pub fn end_streams(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Whether streams are to end.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Whether the server is about to stop.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether requests are welcome.
    ///
    /// # Errors
    /// The reason why not.
    pub fn ready(&self) -> Result<(), Problem> {
        match self.engine.health() {
            Health::Ready => {}
            Health::Blocked => {
                let detail = "There is no room on disk for what has happened; nothing more is answered until there is.";
                return Err(Problem::new(Code::DiskFull, detail).retry_after(5_000));
            }
            Health::JournalFailed(_) => {
                let detail = "The journal has failed; nothing more is accepted.";
                return Err(Problem::new(Code::JournalFailed, detail));
            }
        }
        if self.is_draining() {
            return Err(Problem::new(
                Code::Overloaded,
                "The server is stopping; ask another one or come back.",
            ));
        }
        Ok(())
    }

    /// Counts a request in, unless there are too many.
    #[must_use]
    pub fn enter(&self) -> Option<InFlight<'_>> {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        // Made before the check, so that it is counted out either way.
        let guard = InFlight(self);
        (before < self.limits.in_flight).then_some(guard)
    }

    /// Requests being worked on.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// A request that is counted as long as this lives.
#[derive(Debug)]
pub struct InFlight<'a>(&'a App);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
