//! Configuration: raw strings first, then one checked value that cannot be inconsistent.

mod gather;
mod misspelt;
pub mod table;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use gather::{Fault, Gathered, Origin};

use crate::app::Limits;
use crate::connector::Connector;
use crate::edge::proxies::Proxies;
use crate::waiting_page::shop::ShopAddress;

/// When an answer may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// When its facts are synced.
    Fsync,
    /// When they are written; syncs come this often. A power cut may take what is younger.
    Interval(Duration),
    /// When they are written; the system syncs when it likes.
    None,
}

impl Ack {
    /// Reads `fsync`, `interval:50ms` or `none`.
    ///
    /// # Errors
    /// A sentence about what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected =
            || "expected `fsync`, `none`, or `interval:` and 1ms to 10000ms, as `interval:50ms`".to_owned();
        match text.split_once(':') {
            None if text == "fsync" => Ok(Self::Fsync),
            None if text == "none" => Ok(Self::None),
            Some(("interval", span)) => {
                match span.strip_suffix("ms").and_then(|digits| digits.parse().ok()) {
                    Some(milliseconds @ 1..=10_000) => {
                        Ok(Self::Interval(Duration::from_millis(milliseconds)))
                    }
                    _ => Err(expected()),
                }
            }
            _ => Err(expected()),
        }
    }

    /// Its text, and what may be lost, if it is not the default.
    #[must_use]
    pub fn warning(self) -> Option<(String, String)> {
        match self {
            Self::Fsync => None,
            Self::Interval(span) => {
                let text = format!("interval:{}ms", span.as_millis());
                let lost =
                    format!("a power cut may lose what was acknowledged in the last {} ms", span.as_millis());
                Some((text, lost))
            }
            Self::None => Some((
                "none".to_owned(),
                "a power cut may lose what the system has not written yet, often 30 s".to_owned(),
            )),
        }
    }
}

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
    /// When an answer may leave.
    pub ack: Ack,
    /// What is logged.
    pub log: String,
    /// Threads that serve connections, at least one.
    pub workers: usize,
    /// Inventory shards of a new data folder.
    pub shards: u8,
    /// From one snapshot to the next, in milliseconds; 0 for none.
    pub snapshot_every_ms: u64,
    /// Whether workers sync the journal themselves when they have nothing else to do.
    pub workers_write: bool,
    /// The longest outage that is added to deadlines, in milliseconds.
    pub max_away_ms: u64,
    /// The newest idempotency keys remembered.
    pub idempotency_keys: u32,
    /// Where people go on to from the waiting page.
    pub shop: Option<ShopAddress>,
    /// The shop whose pages Queue-it's connectors guard.
    pub connector: Option<Connector>,
    /// The bounds of the edge.
    pub limits: Limits,
}

impl Config {
    /// Makes the value out of the texts.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn new(all: &Gathered) -> Result<Self, Vec<Fault>> {
        let number = |name: &str| all.text(name).replace('_', "").parse::<u64>().unwrap_or_default();
        let count = |name: &str| usize::try_from(number(name)).unwrap_or(usize::MAX);
        let small = |name: &str| u32::try_from(number(name)).unwrap_or(u32::MAX);
        let span = |name: &str| Duration::from_millis(number(name));
        let limits = Limits {
            connections: count("limits.connections"),
            connections_per_address: count("limits.connections_per_address"),
            in_flight: count("limits.in_flight"),
            ticket_streams: count("limits.ticket_streams"),
            body_bytes: count("limits.body_bytes"),
            public_body_bytes: count("limits.public_body_bytes"),
            head_bytes: count("limits.head_bytes"),
            head_timeout: span("timeouts.head_ms"),
            body_timeout: span("timeouts.body_ms"),
            idle_timeout: span("timeouts.idle_ms"),
            stream_life: span("timeouts.stream_ms"),
            notice: span("timeouts.notice_ms"),
            drain_timeout: span("timeouts.drain_ms"),
            anonymous_burst: small("limits.anonymous_burst"),
            anonymous_per_second: small("limits.anonymous_per_second"),
            trusted_proxies: Proxies::default(),
        };
        let fault = |name: &str, why: String| {
            let origin =
                all.all().find(|(setting, ..)| setting.name == name).map(|(.., origin)| origin.clone());
            vec![Fault { origin: origin.unwrap_or(Origin::Default), why: format!("`{name}`: {why}") }]
        };
        let trusted_proxies =
            Proxies::parse(all.text("trusted_proxies")).map_err(|why| fault("trusted_proxies", why))?;
        Ok(Self {
            listen: all.text("listen").parse().map_err(|error| fault("listen", format!("{error}")))?,
            data: PathBuf::from(all.text("data")),
            ack: Ack::parse(all.text("ack")).map_err(|why| fault("ack", why))?,
            log: all.text("log").to_owned(),
            workers: match count("workers") {
                0 => default_workers(),
                workers => workers,
            },
            shards: u8::try_from(number("shards")).unwrap_or(u8::MAX),
            snapshot_every_ms: number("snapshot_every_ms"),
            workers_write: all.text("workers_write") == "true",
            max_away_ms: number("max_away_ms"),
            idempotency_keys: small("limits.idempotency_keys"),
            shop: ShopAddress::parse(all.text("waiting_room.shop_url"))
                .map_err(|why| fault("waiting_room.shop_url", why))?,
            connector: Connector::new(all).map_err(|(name, why)| fault(name, why))?,
            limits: Limits { trusted_proxies, ..limits },
        })
    }
}

/// Half the cores: the other half is the follower's, the journal's thread's and the system's.
fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_settings_the_table_decides() {
        let config = Config::new(&Gathered::new(None, [], []).unwrap()).unwrap();
        assert_eq!(config.limits.notice, Duration::ZERO);
        assert_eq!((config.ack, config.shards), (Ack::Fsync, 64));
        assert!(config.workers >= 1);
    }

    #[test]
    fn a_mode_that_may_lose_something_says_so() {
        assert_eq!(Ack::parse("fsync").unwrap().warning(), None);
        let (text, lost) = Ack::parse("interval:50ms").unwrap().warning().unwrap();
        assert_eq!(text, "interval:50ms");
        assert!(lost.contains("50 ms"));
        assert!(Ack::parse("none").unwrap().warning().is_some());
        for bad in ["", "always", "interval", "interval:50", "interval:0ms", "none:1ms"] {
            assert!(Ack::parse(bad).is_err(), "{bad}");
        }
    }
}
