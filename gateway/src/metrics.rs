//! What is counted, and how it is written for a scraper.
//!
//! Requests are counted in plain atomics that are found by index; labels are made when somebody scrapes, not when
//! somebody buys.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use onsale_engine::Engine;
use onsale_engine::engine::{Health, Memory};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::api::routes::{Route, TABLE};
use crate::app::App;

mod rooms;

/// Statuses that are answered on purpose; anything else is counted as the last.
const STATUSES: [u16; 24] = [
    200, 201, 202, 204, 303, 304, 400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 428, 429, 431,
    500, 503, 0,
];

/// Upper bounds of the latency histogram, in seconds: fine around one sync, coarse beyond.
const BUCKETS: [f64; 14] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 10.0];

/// A row for every route and one for what met none.
const ROWS: usize = TABLE.len() + 1;

/// The counters.
#[derive(Debug)]
pub struct Metrics {
    requests: Vec<[AtomicU64; STATUSES.len()]>,
    seconds: Histogram,
    /// Open sockets.
    pub connections: AtomicUsize,
    /// Sockets that were refused at a cap.
    pub refused_connections: AtomicU64,
    /// Open streams of tickets.
    pub ticket_streams: AtomicUsize,
    /// Streams that were refused at the cap.
    pub refused_ticket_streams: AtomicU64,
    durability: String,
}

impl Metrics {
    /// All zero.
    #[must_use]
    pub fn new(durability: Option<&HeaderValue>) -> Self {
        let row = || std::array::from_fn(|_| AtomicU64::new(0));
        Self {
            requests: std::iter::repeat_with(row).take(ROWS).collect(),
            seconds: Histogram::new(BUCKETS),
            connections: AtomicUsize::new(0),
            refused_connections: AtomicU64::new(0),
            ticket_streams: AtomicUsize::new(0),
            refused_ticket_streams: AtomicU64::new(0),
            durability: durability.and_then(|value| value.to_str().ok()).unwrap_or("fsync").to_owned(),
        }
    }

    /// Counts an answer.
    pub fn count(&self, route: Option<Route>, status: StatusCode, took: Duration) {
        let row = route.map_or(ROWS - 1, |route| route as usize);
        let column =
            STATUSES.iter().position(|known| *known == status.as_u16()).unwrap_or(STATUSES.len() - 1);
        self.requests[row][column].fetch_add(1, Ordering::Relaxed);
        self.seconds.observe(took.as_secs_f64());
    }

    /// All of it, as OpenMetrics text.
    ///
    /// # Errors
    /// When it cannot be formatted.
    pub fn write(&self, app: &App) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("onsale");
        registry.register("http_requests", "Requests answered", self.by_route());
        registry.register("http_request_seconds", "Time from head to answer", self.seconds.clone());
        let level = |value: usize| {
            let gauge = Gauge::<i64>::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            gauge
        };
        registry.register("http_in_flight", "Requests being worked on", level(app.in_flight()));
        registry.register(
            "http_connections",
            "Open sockets",
            level(self.connections.load(Ordering::Relaxed)),
        );
        let count = |value: &AtomicU64| {
            let counter = Counter::<u64>::default();
            counter.inc_by(value.load(Ordering::Relaxed));
            counter
        };
        let refused = count(&self.refused_connections);
        registry.register("http_connections_refused", "Sockets refused at a cap", refused);
        let streams = level(self.ticket_streams.load(Ordering::Relaxed));
        registry.register("ticket_streams", "Open streams of tickets", streams);
        let refused = count(&self.refused_ticket_streams);
        registry.register("ticket_streams_refused", "Streams of tickets refused at the cap", refused);
        let build = [("version", env!("CARGO_PKG_VERSION")), ("durability", &self.durability)];
        let build = build.map(|(name, value)| (name.to_owned(), value.to_owned()));
        registry.register("server", "What runs here", Info::new(build.to_vec()));
        add_engine(&mut registry, &app.engine);
        let mut text = String::with_capacity(8 << 10);
        encode(&mut text, &registry)?;
        Ok(text)
    }

    fn by_route(&self) -> Family<Vec<(String, String)>, Counter> {
        let family = Family::<Vec<(String, String)>, Counter>::default();
        for (place, row) in self.requests.iter().enumerate() {
            let (verb, path) = TABLE.get(place).map_or(("", "unknown"), |entry| (entry.verb, entry.path));
            for (column, count) in row.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let labels = [
                        ("method", verb.to_owned()),
                        ("route", path.to_owned()),
                        ("status", STATUSES[column].to_string()),
                    ];
                    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                    family.get_or_create(&labels).inc_by(count);
                }
            }
        }
        family
    }
}

/// What the engine counts. Everything it will tell goes in here.
fn add_engine(registry: &mut Registry, engine: &Engine) {
    let level = |value: u64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        gauge
    };
    let count = |value: u64| {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        counter
    };
    let gauges = engine.gauges();
    let ready = u64::from(engine.health() == Health::Ready);
    registry.register("journal_ready", "1 while the journal accepts facts", level(ready));
    registry.register(
        "journal_disk_full",
        "1 while new holds are refused for lack of space",
        level(gauges.disk_full.into()),
    );
    registry.register("journal_last", "Number of the last fact", level(gauges.last));
    registry.register(
        "journal_durable",
        "Number of the last fact that survives a power cut",
        level(gauges.durable),
    );
    registry.register("follower_last", "Number of the last fact replayed", level(gauges.followed));
    registry.register("snapshot_last", "Number of the newest snapshot's last fact", level(gauges.snapshot));
    registry.register(
        "snapshots_hindered",
        "Snapshots that could not be written",
        count(gauges.hindered_snapshots),
    );
    registry.register("journal_frames", "Frames written", count(gauges.frames));
    let by_workers = count(gauges.frames_by_workers);
    registry.register("journal_frames_by_workers", "Frames that workers wrote themselves", by_workers);
    registry.register("journal_syncs", "Syncs made", count(gauges.syncs));
    registry.register(
        "journal_buffer_bytes",
        "Bytes of facts waiting for the disk or reserved",
        level(gauges.buffer_bytes),
    );
    registry.register("holds", "Live holds", level(gauges.holds));
    registry.register("carts", "Carts and orders remembered", level(gauges.carts));
    registry.register("visitors", "Visitors remembered", level(gauges.visitors));
    registry.register("slots", "Slots loaded", level(gauges.slots));
    registry.register("stocked_shards", "Inventory shards that have slots", level(gauges.stocked_shards));
    registry.register("idempotency_keys", "Idempotency keys remembered", level(gauges.keys));
    registry.register(
        "idempotency_oldest_key_ms",
        "Age of the oldest idempotency key",
        level(gauges.oldest_key.0),
    );
    registry.register("carts_opened", "Carts opened", count(gauges.opened));
    registry.register(
        "carts_opened_locks",
        "Inventory locks held by the requests that opened carts",
        count(gauges.opened_locks),
    );
    registry.register(
        "memory_bytes",
        "Bytes of the tables of the live copy, by what is in them",
        by_kind(&gauges.memory),
    );
    if let Some(resident) = resident_bytes() {
        registry.register("process_resident_bytes", "Bytes of memory this process has", level(resident));
    }
    rooms::add(registry, engine);
}

fn by_kind(memory: &Memory) -> Family<Vec<(String, String)>, Gauge> {
    let Memory { slots, carts, holds, visitors, keys, tickets, codes } = *memory;
    let family = Family::<Vec<(String, String)>, Gauge>::default();
    for (kind, bytes) in [
        ("slots", slots),
        ("carts", carts),
        ("holds", holds),
        ("visitors", visitors),
        ("idempotency_keys", keys),
        ("tickets", tickets),
        ("access_codes", codes),
    ] {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        family.get_or_create(&vec![("kind".to_owned(), kind.to_owned())]).set(bytes);
    }
    family
}

/// What the system says this process has in memory, the follower's copy included.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
