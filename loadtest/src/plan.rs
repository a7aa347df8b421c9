//! The list of intended start times, fixed by seed and model before the run; nothing the server does moves it.
//!
//! A plan has two lists. *Places* are the instants at which a request is intended: exactly `rate` of them in every second,
//! scattered inside the second (requests of many people do not come evenly). *Arrivals* are the wishes of visitors to begin.
//! While the run goes on, each place is taken by the first of: a step some visitor has due, a visitor who wants to begin,
//! a look-only page view. So the offered rate is exact however many visitors are thinking at the moment, and a stall of the
//! server neither thins the load nor moves an instant of it. With S1's figures: 3,225/s x 60 s = 193,500 places, preceded by
//! 5 s of warm-up that climb from nothing to the full rate.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::arrivals::Opening;
use crate::draw;

/// What a plan is made of. Times in seconds.
#[derive(Clone, Debug)]
pub struct Offer {
    /// Requests per second in the rush.
    pub rate: f64,
    /// How long the rush lasts.
    pub rush_s: f64,
    /// How long the climb before t0 lasts; 0 for none.
    pub warm_up_s: f64,
    /// Visits to begin.
    pub visitors: usize,
    /// When they wish to begin.
    pub opening: Opening,
    /// The seed of both lists.
    pub seed: u64,
}

/// The two lists, microseconds from t0, each in order.
#[derive(Debug)]
pub struct Plan {
    /// Instants at which one request each is intended; the negative ones are the warm-up.
    pub places: Vec<i64>,
    /// Instants at which visitors wish to begin; the position is the visitor's number.
    pub arrivals: Vec<i64>,
    /// The length of the rush in microseconds.
    pub rush_us: i64,
}

impl Plan {
    /// Draws the lists. The same offer gives the same plan.
    pub fn draw(offer: &Offer) -> Self {
        let mut rng = draw::stream(offer.seed, 0);
        let mut places = Vec::new();
        warm_up(offer, &mut rng, &mut places);
        rush(offer, &mut rng, &mut places);
        let arrivals = offer.opening.starts(offer.visitors, &mut draw::stream(offer.seed, 1));
        Self { places, arrivals, rush_us: to_micros(offer.rush_s) }
    }

    /// The length of the rush.
    pub fn rush(&self) -> Duration {
        Duration::from_micros(self.rush_us.unsigned_abs())
    }

    /// Places of the rush alone.
    pub fn rush_places(&self) -> usize {
        self.places.len() - self.places.partition_point(|at| *at < 0)
    }
}

/// The warm-up climbs in tenths of a second from nothing to the rate, so t0 itself is no step for sockets and caches.
fn warm_up(offer: &Offer, rng: &mut ChaCha8Rng, places: &mut Vec<i64>) {
    const STEPS: u32 = 50;
    if offer.warm_up_s <= 0.0 {
        return;
    }
    let width = offer.warm_up_s / f64::from(STEPS);
    for step in 0..STEPS {
        let share = (f64::from(step) + 0.5) / f64::from(STEPS);
        let count = draw::whole(offer.rate * share * width);
        let begin = -offer.warm_up_s + width * f64::from(step);
        scatter(begin, (begin + width).min(-1e-6), count, rng, places);
    }
}

fn rush(offer: &Offer, rng: &mut ChaCha8Rng, places: &mut Vec<i64>) {
    let mut begin = 0.0_f64;
    while begin < offer.rush_s {
        let end = (begin + 1.0).min(offer.rush_s);
        // Counts by difference of running totals: rates like 32.25/s come out exact over the whole rush.
        let count = draw::whole(offer.rate * end) - draw::whole(offer.rate * begin);
        scatter(begin, end, count, rng, places);
        begin = end;
    }
}

fn scatter(begin: f64, end: f64, count: usize, rng: &mut ChaCha8Rng, places: &mut Vec<i64>) {
    let (begin, end) = (to_micros(begin), to_micros(end));
    let from = places.len();
    places.extend((0..count).map(|_| if begin < end { rng.random_range(begin..end) } else { begin }));
    places[from..].sort_unstable();
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "plans last hours at most: far inside the range of i64 microseconds"
)]
fn to_micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(rate: f64, rush_s: f64) -> Offer {
        Offer { rate, rush_s, warm_up_s: 5.0, visitors: 100, opening: Opening::s1(1.0), seed: 1 }
    }

    #[test]
    fn s1_at_full_scale_has_193_500_places_at_3225_a_second() {
        let plan = Plan::draw(&offer(3_225.0, 60.0));
        assert_eq!(plan.rush_places(), 193_500);
        for second in 0..60_i64 {
            let here = plan.places.iter().filter(|at| at.div_euclid(1_000_000) == second).count();
            assert_eq!(here, 3_225, "second {second}");
        }
        assert!(plan.places.is_sorted());
        // A climb from 0 to 3,225/s over 5 s is half of the rectangle.
        let warm = plan.places.len() - plan.rush_places();
        assert!((7_900..8_200).contains(&warm), "{warm}");
    }

    #[test]
    fn odd_rates_and_parts_of_seconds_keep_the_total() {
        assert_eq!(Plan::draw(&offer(32.25, 60.0)).rush_places(), 1_935);
        assert_eq!(Plan::draw(&offer(322.5, 6.0)).rush_places(), 1_935);
        assert_eq!(Plan::draw(&offer(100.0, 2.5)).rush_places(), 250);
    }

    #[test]
    fn the_same_seed_is_the_same_plan() {
        let (a, b) = (Plan::draw(&offer(50.0, 3.0)), Plan::draw(&offer(50.0, 3.0)));
        assert_eq!((a.places, a.arrivals), (b.places, b.arrivals));
    }
}
