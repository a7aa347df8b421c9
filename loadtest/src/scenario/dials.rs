//! The dials of a room whose people think at their own pace, however compressed the day is: what follows from the rate alone.
//! A browser asks again ten seconds later, somebody thinks before each step and fills in a form; the time to come in, the cap and
//! the life of a hold leave room for that.

use serde_json::{Value, json};

use crate::behaviour::Behaviour;
use crate::draw;

/// The longest a poll may be away, and the answer on its way.
const ONE_POLL_S: f64 = 12.0;
/// The mean of a log-normal with sigma 0.7 over its median.
const MEAN_OVER_MEDIAN: f64 = 1.28;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dials {
    /// People let in.
    pub admit_per_minute: u32,
    /// The cap.
    pub max_active: u32,
    /// The time to come in: a poll, and all that is thought before the first click.
    pub claim_ms: u64,
    /// The time inside.
    pub session_ms: u64,
    /// The life of a hold: as long as the day's, but long enough for the form.
    pub hold_ttl_ms: u64,
}

impl Dials {
    /// So many people a second, a hold of the day's length, and people like these.
    pub(super) fn new(per_second: f64, hold_s: f64, people: &Behaviour) -> Self {
        let hold = hold_s.max(people.form_median_s * 6.0).max(3.0);
        let claim = ONE_POLL_S + people.think_median_s * 12.0;
        let inside = MEAN_OVER_MEDIAN * (3.0 * people.think_median_s + people.form_median_s);
        let whole = |value: f64| u32::try_from(draw::whole(value).max(1)).unwrap_or(u32::MAX);
        let ms = |seconds: f64| u64::try_from(draw::whole(seconds * 1e3)).unwrap_or(u64::MAX);
        Self {
            admit_per_minute: whole(per_second * 60.0),
            max_active: whole(per_second * 1.5 * (ONE_POLL_S + inside)).max(10),
            claim_ms: ms(claim),
            session_ms: ms(hold * 3.0).max(10_000),
            hold_ttl_ms: ms(hold),
        }
    }

    /// The same people, nobody of whom fills in a form for longer than a hold lives.
    pub(super) fn within_a_hold(&self, people: &Behaviour) -> Behaviour {
        let hold = draw::seconds_of(self.hold_ttl_ms * 1_000);
        Behaviour { form_longest_s: hold * 0.8, ..people.clone() }
    }

    /// Puts them into the settings of a sale.
    pub(super) fn set(&self, settings: &mut Value) {
        settings["hold_ttl_ms"] = json!(self.hold_ttl_ms);
        settings["hold_max_ms"] = json!(self.hold_ttl_ms * 3);
        settings["waiting_room"] = json!({
            "enabled": true,
            "admit_per_minute": self.admit_per_minute,
            "max_active": self.max_active,
            "claim_ms": self.claim_ms,
            "session_ms": self.session_ms,
            "units_per_visitor": 2,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_day_still_has_time_for_people() {
        let people = Behaviour::default();
        let slow = Dials::new(35.0, 300.0, &people);
        let fast = Dials::new(350.0, 30.0, &people);
        assert_eq!((slow.admit_per_minute, fast.admit_per_minute), (2_100, 21_000));
        assert_eq!((slow.hold_ttl_ms, fast.hold_ttl_ms), (300_000, 270_000));
        assert_eq!((slow.claim_ms, fast.claim_ms), (108_000, 108_000));
        assert!(slow.max_active > 35 * 100, "{slow:?}");
        let longest = fast.within_a_hold(&people).form_longest_s;
        assert!((longest - 216.0).abs() < 1e-6, "{longest}");
    }
}
