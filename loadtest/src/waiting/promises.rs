//! What devices were told of their wait, and whether it came true: counted from what they heard, not from what the server says.

use super::told::{Range, State, Ticket};

/// An error below this counts as one of this: nobody asks more often.
const SHORTEST_MS: u64 = 10_000;

/// What one device was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promised {
    /// The first range, and the server's time of the answer, in milliseconds.
    first: Option<(i64, Range)>,
    /// The upper bound it was told last.
    last_high: Option<u64>,
    rose: bool,
    graded: bool,
}

/// What came of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// Devices that were told a range.
    pub told: u64,
    /// Called, having been told one.
    pub called: u64,
    /// Within the first range.
    pub inside: u64,
    /// Before it.
    pub early: u64,
    /// After it.
    pub late: u64,
    /// Within a fifth of its middle, or of ten seconds.
    pub near: u64,
    /// How often an upper bound rose.
    pub rises: u64,
    /// Devices whose bound rose.
    pub rose: u64,
}

impl Promises {
    /// A device was answered. `claim_ms` is how long a call lasts: what is left of it says when it came.
    pub fn hear(&mut self, device: &mut Promised, told: &Ticket<'_>, claim_ms: u64) {
        let now = told.server_time.as_millisecond();
        if let Some(range) = told.wait_ms.filter(|_| told.state == State::Waiting) {
            self.told += u64::from(device.first.is_none());
            device.first.get_or_insert((now, range));
            if device.last_high.is_some_and(|last| range.high > last) {
                self.rises += 1;
                self.rose += u64::from(!device.rose);
                device.rose = true;
            }
            device.last_high = Some(range.high);
        }
        let (Some((at, range)), State::Called, false) = (device.first, told.state, device.graded) else {
            return;
        };
        device.graded = true;
        let since_call = claim_ms.saturating_sub(told.expires_in_ms.unwrap_or(claim_ms));
        let waited = u64::try_from(now - at).unwrap_or(0).saturating_sub(since_call);
        self.called += 1;
        // The server keeps instants to the tenth of a second.
        match waited {
            _ if waited + 100 < range.low => self.early += 1,
            _ if waited > range.high + 100 => self.late += 1,
            _ => self.inside += 1,
        }
        let middle = u64::midpoint(range.low, range.high);
        self.near += u64::from(waited.abs_diff(middle) * 5 <= middle.max(SHORTEST_MS));
    }

    /// In words.
    #[must_use]
    pub fn words(&self) -> String {
        let percent = |part: u64| (part * 1_000).checked_div(self.called).unwrap_or(0);
        let share = |part: u64| format!("{}.{} %", percent(part) / 10, percent(part) % 10);
        format!(
            "{} of {} called ({} early, {} late), {} within 20 % of the middle; an upper bound rose {} times, for {} of {} devices",
            share(self.inside),
            self.called,
            self.early,
            self.late,
            share(self.near),
            self.rises,
            self.rose,
            self.told,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(
        promises: &mut Promises,
        device: &mut Promised,
        at_s: i64,
        state: &str,
        range: Option<(u64, u64)>,
        left: u64,
    ) {
        let range =
            range.map_or("null".to_owned(), |(low, high)| format!("{{\"low\":{low}000,\"high\":{high}000}}"));
        let at = jiff::Timestamp::from_second(1_616_515_200 + at_s).unwrap();
        let text = format!(
            "{{\"ticket\":\"qt_1\",\"state\":\"{state}\",\"wait_ms\":{range},\"expires_in_ms\":{left},\
             \"poll_after_ms\":2000,\"server_time\":\"{at}\"}}"
        );
        promises.hear(device, &serde_json::from_str(&text).unwrap(), 60_000);
    }

    #[test]
    fn the_first_range_counts_and_the_instant_of_the_call() {
        let mut promises = Promises::default();
        let mut device = Promised::default();
        hear(&mut promises, &mut device, 0, "waiting", Some((80, 120)), 0);
        hear(&mut promises, &mut device, 10, "waiting", Some((10, 110)), 0);
        hear(&mut promises, &mut device, 20, "waiting", Some((10, 115)), 0);
        // Heard after 128 s, called 10 s before.
        hear(&mut promises, &mut device, 128, "called", None, 50_000);
        hear(&mut promises, &mut device, 130, "called", None, 48_000);
        assert_eq!((promises.inside, promises.called, promises.near), (1, 1, 1));
        assert_eq!((promises.rises, promises.rose, promises.told), (1, 1, 1));
        let mut late = Promised::default();
        hear(&mut promises, &mut late, 0, "waiting", Some((80, 120)), 0);
        hear(&mut promises, &mut late, 131, "called", None, 50_000);
        assert_eq!((promises.late, promises.near), (1, 1));
        assert!(
            promises.words().starts_with("50.0 % of 2 called (0 early, 1 late), 50.0 %"),
            "{}",
            promises.words()
        );
    }
}
