//! Histograms of one kind of request: honest latency by intended second, and beside it service time and send lag.
//!
//! Three digits from 1 us to 1 h. The seconds are merged for a total; percentiles are never averaged. A lost request stays in
//! with at least its time-out, so the table cannot look better because the server was worse.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::draw;

/// One hour, the greatest value that is told apart.
const LONGEST_US: u64 = 3_600_000_000;

/// A histogram that can take every duration.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Default for Times {
    fn default() -> Self {
        // Grows by itself: 300 histograms of seconds would be 60 MB if each had room for an hour from the start.
        Self(Histogram::new(3).expect("three digits are within hdrhistogram's range of 0 to 5"))
    }
}

impl Times {
    /// Counts one duration.
    pub fn record(&mut self, time: Duration) {
        // Cannot fail: the value is bounded and the histogram grows.
        let _ = self.0.record(draw::micros(time).clamp(1, LONGEST_US));
    }

    /// Adds all of the other's counts.
    pub fn merge(&mut self, other: &Self) {
        // Cannot fail: both grow and have the same precision.
        let _ = self.0.add(&other.0);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// How many took at least that long.
    pub fn at_least(&self, time: Duration) -> u64 {
        self.0.count_between(draw::micros(time), u64::MAX)
    }

    /// The usual percentiles.
    pub fn spread(&self) -> Spread {
        let at = |quantile| self.0.value_at_quantile(quantile);
        Spread {
            count: self.0.len(),
            mean_us: draw::micros(draw::seconds(self.0.mean() / 1e6)),
            p50_us: at(0.50),
            p90_us: at(0.90),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.0.max(),
        }
    }
}

/// The percentiles of one histogram, microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names of percentiles say all there is to say")]
pub struct Spread {
    pub count: u64,
    pub mean_us: u64,
    pub p50_us: u64,
    pub p90_us: u64,
    pub p95_us: u64,
    pub p99_us: u64,
    pub p999_us: u64,
    pub max_us: u64,
}

/// The three clocks of one kind of request.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    seconds: Vec<Times>,
    service: Times,
    send_lag: Times,
    /// Requests that ended without an answer.
    pub lost: u64,
    /// Of those, the ones that were never sent.
    pub not_sent: u64,
    /// Answered with 429 or a server error: in time perhaps, but not served.
    pub turned_away: u64,
}

impl Lane {
    /// Counts one request intended in this second of its phase.
    pub fn record(&mut self, second: usize, latency: Duration, service: Duration, send_lag: Duration) {
        if self.seconds.len() <= second {
            self.seconds.resize_with(second + 1, Times::default);
        }
        self.seconds[second].record(latency);
        self.service.record(service);
        self.send_lag.record(send_lag);
    }

    /// Honest latency by intended second.
    pub fn seconds(&self) -> &[Times] {
        &self.seconds
    }

    /// Honest latency of the whole phase: the seconds merged.
    pub fn latency(&self) -> Times {
        let mut all = Times::default();
        self.seconds.iter().for_each(|second| all.merge(second));
        all
    }

    /// Answer complete minus really sent.
    pub fn service(&self) -> &Times {
        &self.service
    }

    /// Really sent minus intended.
    pub fn send_lag(&self) -> &Times {
        &self.send_lag
    }

    /// Adds all of another lane, second by second.
    pub fn merge(&mut self, other: &Self) {
        if self.seconds.len() < other.seconds.len() {
            self.seconds.resize_with(other.seconds.len(), Times::default);
        }
        self.seconds.iter_mut().zip(&other.seconds).for_each(|(mine, theirs)| mine.merge(theirs));
        self.service.merge(&other.service);
        self.send_lag.merge(&other.send_lag);
        self.lost += other.lost;
        self.not_sent += other.not_sent;
        self.turned_away += other.turned_away;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_merged_not_averaged() {
        let ms = Duration::from_millis;
        let mut lane = Lane::default();
        for n in 0..99 {
            lane.record(n % 2, ms(1), ms(1), ms(0));
        }
        lane.record(7, ms(1_000), ms(1), ms(999));
        let all = lane.latency().spread();
        assert_eq!((all.count, lane.seconds().len()), (100, 8));
        assert!((999..=1_001).contains(&(all.p50_us)), "{all:?}");
        // The mean of the seconds' p99 would say 334 ms.
        assert!(all.p99_us < 2_000 && all.max_us > 990_000, "{all:?}");
        assert!(lane.send_lag().spread().max_us > 990_000);
    }
}
