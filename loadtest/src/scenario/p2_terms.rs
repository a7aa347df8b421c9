//! The terms of P2 at a scale and a speed.
//!
//! Printed are the requests (14 million a minute), the bookings (20,000 a minute) and that people waited for more than a quarter of
//! an hour. So many come to book at the peak that the line grows to that quarter of an hour while the peak is held: 1.75 times
//! what can be booked. All other requests are people who only look; as polls they keep their pace at any speed.

use serde_json::{Value, json};

use super::dials::Dials;
use super::pre_opening;
use crate::arrivals::Wave;
use crate::behaviour::Behaviour;

/// Bookings a minute that can be made.
const BOOKINGS_PER_MINUTE: f64 = 20_000.0;
/// People who come to book, over that, at the peak.
const OVERLOAD: f64 = 1.75;
/// The peak over the day's own level.
const TIMES: f64 = 10.0;
/// Requests a second at the peak.
const REQUESTS: f64 = 14e6 / 60.0;
/// The day's last visitor comes an hour after the first: by then everything is booked.
const UNTIL_S: f64 = 3_600.0;
/// The life of a hold.
const HOLD_S: f64 = 600.0;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Bookings a second that can be made, at this scale and speed.
    pub capacity: f64,
    /// Who comes to book.
    pub wave: Wave,
    /// Requests a second at the peak, at this scale; not compressed.
    pub requests: f64,
    /// One minute of the day, in seconds.
    pub minute_s: f64,
    /// Carts a minute beyond which the room switches itself on.
    pub carts_per_minute: u32,
    /// The room's dials.
    pub dials: Dials,
}

impl Terms {
    /// Those of a scale and a speed, for people like these.
    pub(super) fn new(scale: f64, speed: f64, people: &Behaviour) -> Self {
        let capacity = BOOKINGS_PER_MINUTE / 60.0 / scale * speed;
        let wave = Wave {
            level: capacity * OVERLOAD / TIMES,
            times: TIMES,
            rise_s: 300.0 / speed,
            peak_s: 1_200.0 / speed,
            tau_s: 3_600.0 / speed,
            before_s: (60.0 / speed).max(1.0),
            until_s: UNTIL_S / speed,
        };
        // Of those let in a few let their cart go: as many more are let in.
        let dials = Dials::new(capacity / (1.0 - people.let_go), HOLD_S / speed, people);
        let carts_per_minute = Dials::new(capacity, HOLD_S / speed, people).admit_per_minute;
        Self { capacity, wave, requests: REQUESTS / scale, minute_s: 60.0 / speed, carts_per_minute, dials }
    }

    /// Requests a second that are offered at an instant: they follow the wave.
    pub(super) fn offered(&self, at_s: f64) -> f64 {
        self.requests * self.wave.rate(at_s) / (self.wave.level * self.wave.times)
    }

    /// The settings: a sale that has been open all day, with a room nobody has had to use.
    pub(super) fn settings(&self) -> Value {
        let mut settings = pre_opening::settings(false, jiff::Timestamp::UNIX_EPOCH);
        self.dials.set(&mut settings);
        if let Some(settings) = settings.as_object_mut() {
            settings.remove("opens_at");
        }
        settings["name"] = json!("Rendez-vous de vaccination");
        settings["time_zone"] = json!("Europe/Paris");
        settings["waiting_room"]["switch_on"] = json!({"carts_per_minute": self.carts_per_minute});
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_k_50_it_is_400_bookings_a_minute_and_4_667_requests_a_second() {
        let people = Behaviour { let_go: 0.02, ..Behaviour::default() };
        let day = Terms::new(50.0, 1.0, &people);
        assert_eq!((day.carts_per_minute, day.dials.admit_per_minute), (400, 408));
        assert!((day.requests - 4_666.7).abs() < 0.1);
        assert!((day.offered(600.0) - day.requests).abs() < 1e-6);
        assert!((day.wave.rate(600.0) * 60.0 - 700.0).abs() < 1e-6, "people a minute at the peak");
        let fast = Terms::new(50.0, 10.0, &people);
        assert_eq!((fast.carts_per_minute, fast.dials.admit_per_minute), (4_000, 4_082));
        assert!((fast.requests - day.requests).abs() < 1e-6, "pages keep their pace");
        let settings = day.settings();
        assert_eq!(settings["waiting_room"]["switch_on"]["carts_per_minute"], 400);
        assert!(settings.get("opens_at").is_none());
    }
}
