//! How fast an address may ask without showing a key: a token bucket each.
//!
//! An IPv6 address counts with its /64, which is what one customer gets. The map is bounded: when it is full, buckets
//! that have filled up again are forgotten (they say nothing any more), and if none has, strangers share one bucket.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;
use http::{HeaderMap, HeaderName, HeaderValue};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Addresses remembered at a time; 40 bytes each.
const MAX_ADDRESSES: usize = 262_144;
/// Between two looks for buckets to forget, so that a full map does not cost a walk per request.
const SWEEP_EVERY_MS: u64 = 1_000;

/// The buckets.
#[derive(Debug)]
pub struct RateLimit {
    per_second: u32,
    burst: u32,
    started: Instant,
    buckets: DashMap<IpAddr, Bucket>,
    swept_at_ms: AtomicU64,
}

/// Thousandths of a token, and when they were counted.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    milli: u64,
    at_ms: u64,
}

/// How an address stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo {
    /// Requests it may still make at once.
    pub left: u32,
    /// Set if this one was too fast: how long to wait for the next.
    pub wait_ms: Option<u64>,
    burst: u32,
    per_second: u32,
}

impl RateLimit {
    /// So many a second in the long run, so many at once.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let (per_second, burst) = (per_second.max(1), burst.max(1));
        let (started, swept_at_ms) = (Instant::now(), AtomicU64::new(0));
        Self { per_second, burst, started, buckets: DashMap::new(), swept_at_ms }
    }

    /// Takes a token of this address.
    pub fn take(&self, address: IpAddr) -> Tempo {
        self.take_at(address, u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn take_at(&self, address: IpAddr, now_ms: u64) -> Tempo {
        let mut key = network(address);
        if self.buckets.len() >= MAX_ADDRESSES && !self.buckets.contains_key(&key) {
            self.sweep(now_ms);
            if self.buckets.len() >= MAX_ADDRESSES {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let full = u64::from(self.burst) * 1_000;
        let mut bucket = self.buckets.entry(key).or_insert(Bucket { milli: full, at_ms: now_ms });
        // Tokens a second are thousandths of a token a millisecond.
        let gained = now_ms.saturating_sub(bucket.at_ms).saturating_mul(u64::from(self.per_second));
        let milli = bucket.milli.saturating_add(gained).min(full);
        let taken = milli.checked_sub(1_000);
        *bucket = Bucket { milli: taken.unwrap_or(milli), at_ms: now_ms };
        Tempo {
            left: u32::try_from(taken.unwrap_or(0) / 1_000).unwrap_or(u32::MAX),
            wait_ms: taken.is_none().then(|| (1_000 - milli).div_ceil(u64::from(self.per_second)).max(1)),
            burst: self.burst,
            per_second: self.per_second,
        }
    }

    fn sweep(&self, now_ms: u64) {
        let last = self.swept_at_ms.load(Ordering::Relaxed);
        if now_ms < last.saturating_add(SWEEP_EVERY_MS)
            || self.swept_at_ms.compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let fills_in_ms = u64::from(self.burst) * 1_000 / u64::from(self.per_second);
        self.buckets.retain(|_, bucket| now_ms.saturating_sub(bucket.at_ms) < fills_in_ms);
    }
}

/// What counts as one address: an IPv6 address with its /64.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl Tempo {
    /// `RateLimit` and `RateLimit-Policy`, as the IETF draft writes them.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let Self { left, wait_ms, burst, per_second } = self;
        let window = (burst / per_second).max(1);
        let reset = wait_ms.unwrap_or(0).div_ceil(1_000).max(1);
        let values = [
            (POLICY, format!("\"anonymous\";q={burst};w={window}")),
            (LIMIT, format!("\"anonymous\";r={left};t={reset}")),
        ];
        for (name, value) in values {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn a_burst_is_allowed_then_the_rate() {
        let limit = RateLimit::new(10, 3);
        let waits = |at| limit.take_at(ONE, at).wait_ms;
        assert_eq!([waits(0), waits(0), waits(0), waits(0)], [None, None, None, Some(100)]);
        assert_eq!(waits(50), Some(50));
        assert_eq!([waits(100), waits(100)], [None, Some(100)]);
        // An hour of silence earns a full burst and no more.
        assert_eq!([waits(3_600_000), waits(3_600_000), waits(3_600_000)], [None; 3]);
        assert_eq!(waits(3_600_000), Some(100));
    }

    #[test]
    fn addresses_do_not_share_but_a_network_of_version_6_does() {
        let limit = RateLimit::new(1, 1);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(limit.take_at(ONE, 0).wait_ms, None);
        assert_eq!(limit.take_at(address("192.0.2.2"), 0).wait_ms, None);
        assert_eq!(limit.take_at(address("2001:db8::1"), 0).wait_ms, None);
        assert_eq!(limit.take_at(address("2001:db8::2"), 0).wait_ms, Some(1_000));
        assert_eq!(limit.take_at(address("2001:db8:0:1::1"), 0).wait_ms, None);
    }

    #[test]
    fn the_headers_follow_the_draft() {
        let mut headers = HeaderMap::new();
        let limit = RateLimit::new(50, 200);
        limit.take_at(ONE, 0).tell(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"anonymous\";q=200;w=4");
        assert_eq!(headers["ratelimit"], "\"anonymous\";r=199;t=1");
    }
}
