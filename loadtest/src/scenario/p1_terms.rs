//! The terms of P1 at a scale and a speed: what of the day is compressed, and what cannot be.
//!
//! The hour before the opening, the rate of admission, the life of a hold and of a session, and what people do inside are
//! compressed alike. A browser asks again when the server says, at most ten seconds later, however short the day: so the
//! window to come in is that of the day, compressed, and one poll more, and the cap leaves room for those who have not
//! heard yet.

use std::time::Duration;

use serde_json::{Value, json};

use super::pre_opening;
use crate::behaviour::Behaviour;
use crate::draw;

/// Devices that wait at the opening.
const DEVICES: f64 = 156_000.0;
/// People let in.
const ADMITTED_PER_S: f64 = 20.0;
/// The longest a poll may be away, and the answer on its way.
const ONE_POLL_MS: f64 = 12_000.0;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Devices that join before the opening.
    pub devices: usize,
    /// How long the room is open before the sale.
    pub hour: Duration,
    /// One minute of the day.
    pub minute: Duration,
    /// The dial.
    pub admit_per_minute: u32,
    /// The cap.
    pub max_active: u32,
    /// The time to come in.
    pub claim_ms: u64,
    /// The time inside.
    pub session_ms: u64,
    /// The life of a hold.
    pub hold_ttl_ms: u64,
}

impl Terms {
    /// Those of a scale and a speed.
    pub(super) fn new(scale: f64, speed: f64) -> Self {
        let per_second = ADMITTED_PER_S * speed / scale;
        let whole = |value: f64| u32::try_from(draw::whole(value).max(1)).unwrap_or(u32::MAX);
        let ms = |value: f64| u64::try_from(draw::whole(value)).unwrap_or(u64::MAX);
        Self {
            devices: draw::whole(DEVICES / scale).max(1),
            hour: draw::seconds(3_600.0 / speed),
            minute: draw::seconds(60.0 / speed),
            admit_per_minute: whole(per_second * 60.0),
            // Two minutes inside and a poll and a half outside.
            max_active: whole(per_second * (120.0 / speed + ONE_POLL_MS * 1.5 / 1e3)).max(10),
            claim_ms: ms(60_000.0 / speed + ONE_POLL_MS),
            session_ms: ms(900_000.0 / speed).max(10_000),
            hold_ttl_ms: ms(600_000.0 / speed).max(3_000),
        }
    }

    /// What people who were called do inside, compressed; a share lets the cart go.
    pub(super) fn behaviour(&self, speed: f64, let_go: f64) -> Behaviour {
        let usual = Behaviour::default();
        let ttl = Duration::from_millis(self.hold_ttl_ms).as_secs_f64();
        Behaviour {
            leave_at_once: 0.0,
            think_median_s: usual.think_median_s / speed,
            form_median_s: usual.form_median_s / speed,
            form_longest_s: ttl * 0.7,
            refresh_median_s: usual.refresh_median_s / speed,
            mobile: 1.0,
            by_phone: 0.0,
            let_go,
            ..usual
        }
    }

    /// The settings of the sale.
    pub(super) fn settings(&self, opens_at: jiff::Timestamp) -> Value {
        let mut settings = pre_opening::settings(false, opens_at);
        settings["hold_ttl_ms"] = json!(self.hold_ttl_ms);
        settings["hold_max_ms"] = json!(self.hold_ttl_ms * 3);
        settings["waiting_room"] = json!({
            "enabled": true,
            // A second more: the first devices come on the stroke of the hour.
            "opens_before_ms": draw::micros(self.hour) / 1_000 + 1_000,
            "admit_per_minute": self.admit_per_minute,
            "max_active": self.max_active,
            "claim_ms": self.claim_ms,
            "session_ms": self.session_ms,
            "units_per_visitor": 2,
        });
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_at_full_scale_and_compressed() {
        let day = Terms::new(1.0, 1.0);
        assert_eq!((day.devices, day.admit_per_minute, day.claim_ms), (156_000, 1_200, 72_000));
        let run = Terms::new(1.0, 30.0);
        assert_eq!((run.admit_per_minute, run.hold_ttl_ms, run.session_ms), (36_000, 20_000, 30_000));
        assert_eq!((run.hour, run.minute), (Duration::from_secs(120), Duration::from_secs(2)));
        assert_eq!(Terms::new(150.0, 30.0).admit_per_minute, 240);
    }
}
