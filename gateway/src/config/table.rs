//! The settings: one table that feeds defaults, bounds, flags, environment names and `onsale config show`.

use crate::connector::settings as connector;
use crate::edge::proxies::Proxies;
use crate::waiting_page::shop::ShopAddress;

/// What a setting's text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An address and a port.
    Address,
    /// A folder or file.
    Path,
    /// A whole number within bounds.
    Number {
        /// The least.
        least: u64,
        /// The most.
        most: u64,
    },
    /// How durable an answer is: `fsync`, `interval:50ms`, `none`.
    Ack,
    /// A filter of the `tracing` crate.
    Filter,
    /// Addresses and networks.
    Networks,
    /// The address of a shop, or nothing.
    Shop,
    /// The name of a shop in its connectors, or nothing.
    Account,
    /// A text that is shown to nobody, or nothing.
    Secret,
    /// Hosts to which visitors are sent back.
    Hosts,
    /// A host, or nothing.
    Host,
    /// Sales with the pages that wait for them.
    Pages,
    /// `true` or `false`.
    Switch,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// As it is written in the file, with dots; flags have hyphens, the environment underscores.
    pub name: &'static str,
    /// What it must be.
    pub kind: Kind,
    /// What the value is, with its unit, as the help shows it.
    pub value: &'static str,
    /// What it is when nothing is said.
    pub default: &'static str,
    /// One line about it.
    pub about: &'static str,
}

const fn number(
    name: &'static str,
    value: &'static str,
    least: u64,
    most: u64,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, kind: Kind::Number { least, most }, value, default, about }
}

/// All settings.
#[rustfmt::skip]
pub const TABLE: [Setting; 34] = [
    Setting { name: "listen", kind: Kind::Address, value: "ADDRESS:PORT", default: "127.0.0.1:8080", about: "where to listen" },
    Setting { name: "data", kind: Kind::Path, value: "DIR", default: "onsale-data", about: "the data folder; made when it does not exist" },
    Setting { name: "ack", kind: Kind::Ack, value: "MODE", default: "fsync", about: "when an answer may leave: fsync, interval:50ms, none" },
    Setting { name: "log", kind: Kind::Filter, value: "FILTER", default: "info", about: "what is logged to stderr, as a tracing filter" },
    number("workers", "THREADS", 0, 64, "0", "threads that serve connections; 0: half the cores, at least one"),
    number("shards", "SHARDS", 1, 64, "64", "inventory shards; counts only when the data folder is made"),
    number("snapshot_every_ms", "MILLISECONDS", 0, 86_400_000, "60000", "milliseconds from one snapshot to the next; 0: none"),
    Setting { name: "workers_write", kind: Kind::Switch, value: "BOOL", default: "true", about: "whether a worker with nothing else to do syncs the journal itself; false for disks that stall: a thread of its own does" },
    number("max_away_ms", "MILLISECONDS", 0, 31_536_000_000, "86400000", "the longest outage that is added to every deadline; what lies beyond counts as time that ran"),
    number("limits.idempotency_keys", "KEYS", 1_000, 50_000_000, "5000000", "the newest idempotency keys remembered, each for 24 hours at most"),
    number("limits.connections", "SOCKETS", 1, 1_000_000, "10000", "sockets in all"),
    number("limits.connections_per_address", "SOCKETS", 1, 1_000_000, "256", "sockets of one address; loopback and trusted proxies are exempt"),
    number("limits.in_flight", "REQUESTS", 1, 1_000_000, "8192", "requests being worked on"),
    number("limits.ticket_streams", "STREAMS", 0, 1_000_000, "5000", "streams of tickets open at a time; each is a socket; 0: everybody polls"),
    number("limits.body_bytes", "BYTES", 1_024, 67_108_864, "1048576", "bytes of a JSON body"),
    number("limits.public_body_bytes", "BYTES", 1_024, 67_108_864, "32768", "the same where no key is shown"),
    number("limits.head_bytes", "BYTES", 8_192, 1_048_576, "16384", "bytes of a request's head"),
    number("limits.anonymous_burst", "REQUESTS", 1, 1_000_000, "200", "requests an address may make at once without a key"),
    number("limits.anonymous_per_second", "REQUESTS", 1, 1_000_000, "50", "requests a second an address may make without a key"),
    Setting { name: "trusted_proxies", kind: Kind::Networks, value: "NETWORK,…", default: "", about: "proxies that say for whom they ask, by Forwarded or X-Forwarded-For; name only such as write one of them themselves" },
    Setting { name: "waiting_room.shop_url", kind: Kind::Shop, value: "URL", default: "", about: "where the waiting page sends who is called, by a form with the field pass; {sale} stands for the sale's id" },
    Setting { name: "queue_it.account", kind: Kind::Account, value: "NAME", default: "", about: "the shop's customer id in its Queue-it connectors; without it they are not served" },
    Setting { name: "queue_it.secret", kind: Kind::Secret, value: "TEXT", default: "", about: "the secret key the connectors share with this server, 16 to 256 bytes; never shown" },
    Setting { name: "queue_it.hosts", kind: Kind::Hosts, value: "HOST,…", default: "", about: "the shop's hosts to which visitors are sent back, as shop.example; no others are" },
    number("queue_it.token_ms", "MILLISECONDS", 60_000, 120_000, "90000", "how long a link token lets in"),
    Setting { name: "queue_it.bind_address", kind: Kind::Switch, value: "BOOL", default: "false", about: "whether a link token is good for the visitor's address only" },
    Setting { name: "queue_it.domain", kind: Kind::Host, value: "HOST", default: "", about: "the host, and port, where browsers reach this server, for the integration document" },
    Setting { name: "queue_it.pages", kind: Kind::Pages, value: "SALE=PATH,…", default: "", about: "pages of the integration document: who wants one whose path contains PATH waits for SALE" },
    number("timeouts.head_ms", "MILLISECONDS", 10, 3_600_000, "5000", "for a request's head, from its first byte; a new socket has as long for that byte"),
    number("timeouts.body_ms", "MILLISECONDS", 10, 3_600_000, "10000", "for a body; between two pieces of a streamed one"),
    number("timeouts.idle_ms", "MILLISECONDS", 10, 86_400_000, "75000", "for a connection on which nothing happens"),
    number("timeouts.stream_ms", "MILLISECONDS", 1_000, 86_400_000, "900000", "a stream of a ticket ends after this, up to a fifth earlier, and its client opens another"),
    number("timeouts.notice_ms", "MILLISECONDS", 0, 600_000, "0", "from being told to stop, when /readyz says no, to the closing of the socket: for load balancers that ask"),
    number("timeouts.drain_ms", "MILLISECONDS", 0, 3_600_000, "30000", "for what still runs when the server is told to stop"),
];

impl Setting {
    /// The flag, without its hyphens: `limits-body-bytes`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace(['.', '_'], "-")
    }

    /// The name in the environment: `ONSALE_LIMITS_BODY_BYTES`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("ONSALE_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }

    /// Its value as it may be shown: of a secret only whether there is one.
    #[must_use]
    pub fn shown<'a>(&self, text: &'a str) -> &'a str {
        if self.kind == Kind::Secret && !text.is_empty() { "(set)" } else { text }
    }

    /// Whether `text` may be its value.
    ///
    /// # Errors
    /// A sentence about what was expected.
    pub fn check(&self, text: &str) -> Result<(), String> {
        match self.kind {
            Kind::Address => match text.parse::<std::net::SocketAddr>() {
                Ok(_) => Ok(()),
                Err(_) => Err("expected an address and a port, as 127.0.0.1:8080 or [::1]:8080".to_owned()),
            },
            Kind::Path if text.is_empty() => Err("expected a path".to_owned()),
            Kind::Path => Ok(()),
            Kind::Number { least, most } => match text.replace('_', "").parse::<u64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(()),
                _ => Err(format!("expected a whole number from {least} to {most}")),
            },
            Kind::Ack => super::Ack::parse(text).map(drop),
            Kind::Networks => Proxies::parse(text).map(drop),
            Kind::Shop => ShopAddress::parse(text).map(drop),
            Kind::Account => connector::account(text).map(drop),
            Kind::Secret => connector::secret(text).map(drop),
            Kind::Hosts => connector::hosts(text).map(drop),
            Kind::Host => connector::host(text).map(drop),
            Kind::Pages => connector::pages(text).map(drop),
            Kind::Switch => text.parse::<bool>().map(drop).map_err(|_| "expected true or false".to_owned()),
            Kind::Filter => match text.parse::<tracing_subscriber::EnvFilter>() {
                Ok(_) => Ok(()),
                Err(error) => {
                    Err(format!("expected a filter such as `info` or `warn,onsale_gateway=debug`: {error}"))
                }
            },
        }
    }
}

/// The setting of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_within_its_bounds() {
        for setting in &TABLE {
            assert_eq!(setting.check(setting.default), Ok(()), "{}", setting.name);
        }
    }

    #[test]
    fn the_help_shows_units() {
        for setting in &TABLE {
            let unit = match setting.name {
                name if name.ends_with("_ms") => "MILLISECONDS",
                name if name.ends_with("_bytes") => "BYTES",
                _ => setting.value,
            };
            assert_eq!(setting.value, unit, "{}", setting.name);
            assert_ne!(setting.value, "VALUE");
        }
    }

    #[test]
    fn names_follow_from_one_another() {
        let setting = named("limits.body_bytes").unwrap();
        assert_eq!(setting.flag(), "limits-body-bytes");
        assert_eq!(setting.variable(), "ONSALE_LIMITS_BODY_BYTES");
        assert!(
            setting.check("1_048_576").is_ok()
                && setting.check("12").is_err()
                && setting.check("-1").is_err()
        );
    }
}
