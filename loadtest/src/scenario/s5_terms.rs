//! The terms of S5 at a scale and a speed: how many are invited, in which waves, and when each of them answers.

use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};

use crate::draw;

/// Appointments of the two venues, one for each who is invited.
const APPOINTMENTS: [(&str, f64); 2] = [("messe", 11_700.0), ("nord", 4_490.0)];
/// Waves.
pub(super) const WAVES: usize = 20;
/// From one wave to the next, in hours of the day.
const BETWEEN_WAVES_H: f64 = 6.0;
/// How long a code is good.
const GOOD_FOR_H: f64 = 48.0;
/// Half of the invited answer within so many hours.
const ANSWER_MEDIAN_H: f64 = 6.0;
/// The spread of the answers, of the logarithm.
const ANSWER_SIGMA: f64 = 1.0;
/// Of those who answer, how many by phone.
const BY_PHONE: f64 = 0.3;
/// Calls without a code for each call with one: 5 % of all.
const WITHOUT_CODE: f64 = 0.05 / 0.95;
/// Units of a slot.
const PER_SLOT: usize = 10;

/// Who is invited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invited {
    /// In which wave, from 0.
    pub wave: usize,
    /// When they answer, after the first wave.
    pub answers_at: Duration,
    /// Whether it was in time by their own clock; who is late finds a code that has expired.
    pub in_time: bool,
    /// By phone, or on the web.
    pub by_phone: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Everybody, wave by wave.
    pub invited: Vec<Invited>,
    /// Calls without a code, at these instants.
    pub without_code: Vec<Duration>,
    /// From one wave to the next.
    pub between: Duration,
    /// How long a code is good.
    pub good_for: Duration,
    /// Units of each venue.
    pub units: Vec<(&'static str, u64)>,
}

impl Terms {
    /// Those of a scale, a speed and a seed.
    pub(super) fn new(scale: f64, speed: f64, seed: u64) -> Self {
        let hour = 3_600.0 / speed;
        let size = |count: f64| u64::try_from(draw::whole(count / scale).max(WAVES)).unwrap_or(u64::MAX);
        let units: Vec<_> = APPOINTMENTS.iter().map(|(venue, count)| (*venue, size(*count))).collect();
        let all = units.iter().map(|(_, units)| units).sum::<u64>();
        let mut rng = draw::stream(seed, 1);
        let (between, good_for) = (draw::seconds(BETWEEN_WAVES_H * hour), draw::seconds(GOOD_FOR_H * hour));
        let invited = (0..all)
            .map(|number| {
                let wave =
                    usize::try_from(number).unwrap_or(0) * WAVES / usize::try_from(all).unwrap_or(1).max(1);
                let after = draw::seconds(draw::log_normal(&mut rng, ANSWER_MEDIAN_H * hour, ANSWER_SIGMA));
                let begun = between * u32::try_from(wave).unwrap_or(0);
                Invited {
                    wave,
                    answers_at: begun + after.min(good_for * 2),
                    in_time: after < good_for,
                    by_phone: draw::chance(&mut rng, BY_PHONE),
                }
            })
            .collect::<Vec<_>>();
        let lasts = between * u32::try_from(WAVES - 1).unwrap_or(0) + good_for;
        let extra = draw::whole(f64::from(u32::try_from(all).unwrap_or(u32::MAX)) * WITHOUT_CODE).max(1);
        let without_code =
            (0..extra).map(|_| draw::seconds(rng.random_range(0.0..1.0) * lasts.as_secs_f64())).collect();
        Self { invited, without_code, between, good_for, units }
    }

    /// The settings of the sale.
    pub(super) fn settings(&self) -> Value {
        json!({
            "time_zone": "Europe/Berlin", "hold_ttl_ms": 600_000, "require_code": true,
            "waiting_room": {
                "enabled": true, "admit_per_minute": 600_000, "max_active": 100_000, "claim_ms": 60_000,
                "session_ms": 900_000, "require_code": true, "open_channels": ["phone", "web"],
                "lanes": [{"name": "invited", "require_code": true}],
            },
        })
    }

    /// The slots of a wave at a venue, ten units each: they come with the wave, so that nothing is free but what lapsed.
    pub(super) fn slots(wave: usize, venue: &str, units: usize) -> Value {
        let mut slots = Vec::new();
        for number in 0..units.div_ceil(PER_SLOT) {
            let capacity = PER_SLOT.min(units - number * PER_SLOT);
            let minute = i64::try_from(wave * 10_000 + number * 5).unwrap_or(0);
            let starts_at =
                jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_mins(30_000_000 + minute);
            slots.push(json!({"id": format!("{venue}-{wave:02}-{number:04}"), "venue": venue,
                "capacity": capacity, "product": "dose", "starts_at": starts_at.to_string()}));
        }
        json!({ "slots": slots })
    }

    /// The venue of somebody who is invited: the first ones to the first venue, until its units are given.
    pub(super) fn venue_of(&self, number: usize) -> &'static str {
        let mut left = u64::try_from(number).unwrap_or(u64::MAX);
        for (venue, units) in &self.units {
            if left < *units {
                return venue;
            }
            left -= units;
        }
        self.units.last().map_or("", |(venue, _)| venue)
    }

    /// The invited of a wave.
    pub(super) fn of_wave(&self, wave: usize) -> std::ops::Range<usize> {
        let first = self.invited.partition_point(|invited| invited.wave < wave);
        first..self.invited.partition_point(|invited| invited.wave <= wave)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waves_are_those_of_bremen() {
        let terms = Terms::new(1.0, 3_600.0, 1);
        assert_eq!((terms.invited.len(), terms.without_code.len()), (16_190, 852));
        assert_eq!((terms.between, terms.good_for), (Duration::from_secs(6), Duration::from_secs(48)));
        let sizes: Vec<usize> = (0..WAVES).map(|wave| terms.of_wave(wave).len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 16_190);
        assert!(sizes.iter().all(|size| (809..=810).contains(size)), "{sizes:?}");
        let mut delays: Vec<Duration> =
            terms.of_wave(3).map(|number| terms.invited[number].answers_at).collect();
        delays.sort_unstable();
        let median = (delays[delays.len() / 2] - terms.between * 3).as_secs_f64();
        assert!((5.0..7.2).contains(&median), "{median}");
        let late = terms.invited.iter().filter(|invited| !invited.in_time).count();
        assert!((200..450).contains(&late), "{late} of 16,190 come too late: 1.9 % are expected");
    }
}
