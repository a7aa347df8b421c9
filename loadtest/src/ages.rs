//! How old what people are shown is: by the server's own two instants, and by the tester's clock. A body that was kept for half a
//! minute says of itself that it is of now; only somebody who knows when it was asked for can tell.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Instants of answers, reduced to what is compared at the end.
#[derive(Debug)]
pub struct Ages {
    /// One instant by both of the tester's clocks; only the steady one is used from then on.
    began: (Instant, Timestamp),
    oldest: Option<Duration>,
    reads: u64,
    /// How far the server's clock is ahead of ours, at least: no answer is of later than when it came.
    ahead: Option<SignedDuration>,
    /// How far a read's server time was ahead of its asking, at the least: an honest one is of no earlier than that.
    ahead_of_asking: Option<SignedDuration>,
}

impl Ages {
    /// Nothing was read yet.
    pub fn new() -> Self {
        let began = (Instant::now(), Timestamp::now());
        Self { began, oldest: None, reads: 0, ahead: None, ahead_of_asking: None }
    }

    /// Any answer of now.
    pub fn told(&mut self, server_time: Timestamp, answered_at: Instant) {
        let ahead = server_time.duration_since(self.by_our_clock(answered_at));
        self.ahead = self.ahead.max(Some(ahead));
    }

    /// A read that says of what instant it is.
    pub fn read(&mut self, as_of: Timestamp, server_time: Timestamp, (asked, answered): (Instant, Instant)) {
        let age = Duration::try_from(server_time.duration_since(as_of)).unwrap_or_default();
        self.oldest = self.oldest.max(Some(age));
        self.reads += 1;
        self.told(server_time, answered);
        let ahead = server_time.duration_since(self.by_our_clock(asked));
        self.ahead_of_asking = Some(self.ahead_of_asking.map_or(ahead, |least| least.min(ahead)));
    }

    /// Reads that told their age.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// The greatest age by the server's own words.
    pub fn oldest(&self) -> Option<Duration> {
        self.oldest
    }

    /// How much older than its own request a read was that says to be of now, at the most.
    pub fn behind(&self) -> Duration {
        let behind = self.ahead.zip(self.ahead_of_asking).map(|(ahead, least)| ahead - least);
        Duration::try_from(behind.unwrap_or_default()).unwrap_or_default()
    }

    fn by_our_clock(&self, instant: Instant) -> Timestamp {
        let (began, wall) = self.began;
        match instant.checked_duration_since(began) {
            Some(after) => wall + after,
            None => wall - began.saturating_duration_since(instant),
        }
    }
}

impl Default for Ages {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_was_kept_is_older_than_its_request() {
        let mut ages = Ages::new();
        let ours = |ms| ages.began.0 + Duration::from_millis(ms);
        // Their clock is an hour ahead of ours.
        let theirs = |ms| ages.began.1 + Duration::from_secs(3_600) + Duration::from_millis(ms);
        let times: Vec<_> =
            [0, 900, 1_000, 31_000, 31_100].into_iter().map(|ms| (ours(ms), theirs(ms))).collect();
        let [_, (_, as_of), (asked, made), (later, _), (came, came_by_theirs)] = times[..] else {
            unreachable!()
        };
        ages.read(as_of, made, (asked, asked));
        assert_eq!((ages.oldest(), ages.behind()), (Some(Duration::from_millis(100)), Duration::ZERO));
        // The same body half a minute later, when nothing else tells of the server's clock but the first.
        ages.read(as_of, made, (later, came));
        assert_eq!(ages.behind(), Duration::from_secs(30));
        let mut kept = Ages { ..ages };
        (kept.ahead, kept.ahead_of_asking) = (None, None);
        kept.read(as_of, made, (later, came));
        assert!(kept.behind().is_zero(), "their clock might be as slow");
        kept.told(came_by_theirs, came);
        assert_eq!(kept.behind(), Duration::from_secs(30), "a cart tells that it is not");
    }
}
