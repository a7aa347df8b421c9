//! The random shapes people's behaviour is drawn from: log-normal delays, normal clock errors, a falling tail.
//! Everything comes from a seeded ChaCha8 stream, so that a run can be repeated to the microsecond; a visitor has a
//! stream of its own, so that the order in which answers come in cannot change what anybody draws.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The stream number `stream` of a run with this seed.
pub fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// True with this probability.
pub fn chance(rng: &mut ChaCha8Rng, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// Standard normal, by Box and Muller; the second value is thrown away to keep one draw one call.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Log-normal with this median (in the caller's unit) and this sigma.
pub fn log_normal(rng: &mut ChaCha8Rng, median: f64, sigma: f64) -> f64 {
    median * (sigma * normal(rng)).exp()
}

/// An instant in `0..until` whose rate falls as `(1 + t/tau)^-p` (model A3), by inverting the distribution.
pub fn tail(rng: &mut ChaCha8Rng, p: f64, tau: f64, until: f64) -> f64 {
    let u = rng.random::<f64>();
    let end = 1.0 + until / tau;
    if (p - 1.0).abs() < 1e-9 {
        return tau * (end.powf(u) - 1.0);
    }
    let q = 1.0 - p;
    tau * ((1.0 + u * (end.powf(q) - 1.0)).powf(1.0 / q) - 1.0)
}

/// Seconds as a duration; negative and absurd values become zero and one hour, the ends of our histograms.
pub fn seconds(value: f64) -> Duration {
    Duration::from_secs_f64(value.clamp(0.0, 3_600.0))
}

/// A duration in whole microseconds.
pub fn micros(value: Duration) -> u64 {
    u64::try_from(value.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds as seconds, for words and ratios.
pub fn seconds_of(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

/// The nearest whole number, never negative: for counts that came out of a division by the scale.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=2^32 just before"
)]
pub fn whole(value: f64) -> usize {
    value.round().clamp(0.0, 4_294_967_295.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let mut a = stream(7, 3);
        let mut b = stream(7, 3);
        let mut other = stream(7, 4);
        let first: Vec<u64> = (0..8).map(|_| a.random()).collect();
        assert_eq!(first, (0..8).map(|_| b.random()).collect::<Vec<u64>>());
        assert_ne!(first, (0..8).map(|_| other.random()).collect::<Vec<u64>>());
    }

    #[test]
    fn the_median_is_where_it_was_asked() {
        let mut rng = stream(1, 0);
        let mut drawn: Vec<f64> = (0..20_001).map(|_| log_normal(&mut rng, 8.0, 0.7)).collect();
        drawn.sort_by(f64::total_cmp);
        assert!((drawn[10_000] - 8.0).abs() < 0.3, "median {}", drawn[10_000]);
    }

    #[test]
    fn the_tail_falls_and_stays_inside() {
        let mut rng = stream(1, 0);
        for p in [1.0, 1.2] {
            let drawn: Vec<f64> = (0..20_000).map(|_| tail(&mut rng, p, 60.0, 60.0)).collect();
            assert!(drawn.iter().all(|t| (0.0..=60.0).contains(t)));
            // The share before 30 s of rate (1 + t/60)^-p over 60 s is ln 1.5 / ln 2 = 0.585 for p = 1, a little more for 1.2.
            let early = drawn.iter().filter(|t| **t < 30.0).count();
            assert!((11_400..12_400).contains(&early), "{early} of 20000 in the first half, p {p}");
        }
    }
}
