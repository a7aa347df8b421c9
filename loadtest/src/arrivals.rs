//! When visits begin: the opening spike of people who wait with the page open (model A2) and the tail of those who hear
//! of it later (model A3); the build-up before a waiting room (A1) and the wave of an unannounced rush (A4). Only the *wish* is drawn here; a run with a fixed request rate spreads the spike over the places
//! its [`crate::plan`] has, as the press fixed the rate of that day and not the impatience behind it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::draw;

/// The mixture of one opening, times in seconds. `speed` divides all of them alike.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Share of the visitors who are there at t0 and fire at once.
    pub waiting: f64,
    /// Median of their delay after t0.
    pub delay_median_s: f64,
    /// Sigma of the logarithm of that delay.
    pub delay_sigma: f64,
    /// Standard deviation of the error of their clocks; some come before t0.
    pub clock_sd_s: f64,
    /// Exponent of the tail.
    pub tail_p: f64,
    /// Time constant of the tail.
    pub tail_tau_s: f64,
    /// The last visit begins before this.
    pub until_s: f64,
}

impl Opening {
    /// The figures of scenario S1: A1 with 60 % waiting at t0, A2, then A3 with p = 1.2 and tau = 60 s.
    pub fn s1(speed: f64) -> Self {
        Self {
            waiting: 0.6,
            delay_median_s: 1.5 / speed,
            delay_sigma: 0.8,
            clock_sd_s: 0.5 / speed,
            tail_p: 1.2,
            tail_tau_s: 60.0 / speed,
            until_s: 60.0 / speed,
        }
    }

    /// The wished starts of that many visits, in microseconds from t0 (a few are negative), in order of time.
    pub fn starts(&self, visitors: usize, rng: &mut ChaCha8Rng) -> Vec<i64> {
        let mut starts: Vec<i64> = (0..visitors).map(|_| self.one(rng)).collect();
        starts.sort_unstable();
        starts
    }

    fn one(&self, rng: &mut ChaCha8Rng) -> i64 {
        let at = if draw::chance(rng, self.waiting) {
            // Delays that would pass the end of the run are those of people who gave up; they come at its end at the latest.
            let delay = draw::log_normal(rng, self.delay_median_s, self.delay_sigma);
            (delay + self.clock_sd_s * draw::normal(rng)).min(self.until_s)
        } else {
            draw::tail(rng, self.tail_p, self.tail_tau_s, self.until_s)
        };
        let size = i64::try_from(draw::micros(draw::seconds(at.abs()))).unwrap_or(i64::MAX);
        if at < 0.0 { -size } else { size }
    }
}

/// The build-up before an opening (model A1): people come to a waiting room at a rate that grows as `exp(t / tau)` until t0.
#[derive(Clone, Copy, Debug)]
pub struct BuildUp {
    /// The first come so many seconds before t0.
    pub from_s: f64,
    /// Time constant of the growth.
    pub tau_s: f64,
}

impl BuildUp {
    /// An hour, of which the last ten minutes bring 63 %; `speed` divides both times.
    pub fn an_hour(speed: f64) -> Self {
        Self { from_s: 3_600.0 / speed, tau_s: 600.0 / speed }
    }

    /// An instant of coming, microseconds from t0 and so never positive.
    pub fn one(&self, rng: &mut ChaCha8Rng) -> i64 {
        let first = (-self.from_s / self.tau_s).exp();
        let before = -self.tau_s * (first + rng.random::<f64>() * (1.0 - first)).ln();
        -i64::try_from(draw::micros(draw::seconds(before.min(self.from_s)))).unwrap_or(0)
    }
}

/// An attention wave (model A4): no opening instant, but word that spreads. The day's own level, a logistic rise, a plateau and an
/// exponential fall. Times in seconds from the begin of the rise.
#[derive(Clone, Copy, Debug)]
pub struct Wave {
    /// People a second before it.
    pub level: f64,
    /// The peak over that.
    pub times: f64,
    /// From the level to the peak.
    pub rise_s: f64,
    /// How long the peak is held.
    pub peak_s: f64,
    /// Time constant of the fall.
    pub tau_s: f64,
    /// The first come so long before the rise.
    pub before_s: f64,
    /// Nobody comes after this.
    pub until_s: f64,
}

/// Steepness of the logistic over the length of the rise: it covers the middle 98.7 % of the curve, stretched to all of it.
const STEEPNESS: f64 = 10.0;

impl Wave {
    /// People a second at an instant.
    pub fn rate(&self, at_s: f64) -> f64 {
        let peak = self.level * self.times;
        match at_s {
            _ if at_s < -self.before_s || at_s > self.until_s => 0.0,
            _ if at_s < 0.0 => self.level,
            _ if at_s < self.rise_s => self.level + (peak - self.level) * risen(at_s / self.rise_s),
            _ if at_s < self.rise_s + self.peak_s => peak,
            _ => peak * (-(at_s - self.rise_s - self.peak_s) / self.tau_s).exp(),
        }
    }

    /// Instants of coming in order, microseconds from the begin of the rise: a Poisson stream of that rate, by thinning.
    pub fn starts(&self, rng: &mut ChaCha8Rng) -> Vec<i64> {
        let peak = self.level * self.times;
        let mut starts = Vec::new();
        let mut at_s = -self.before_s;
        loop {
            at_s -= (1.0 - rng.random::<f64>()).ln() / peak;
            if at_s > self.until_s {
                return starts;
            }
            if draw::chance(rng, self.rate(at_s) / peak) {
                let size = i64::try_from(draw::micros(draw::seconds(at_s.abs()))).unwrap_or(i64::MAX);
                starts.push(if at_s < 0.0 { -size } else { size });
            }
        }
    }
}

/// How much of the rise is done, 0 to 1.
fn risen(part: f64) -> f64 {
    let logistic = |part: f64| 1.0 / (1.0 + (-STEEPNESS * (part - 0.5)).exp());
    (logistic(part) - logistic(0.0)) / (logistic(1.0) - logistic(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_rises_tenfold_in_five_minutes_and_halves_in_42() {
        let wave = Wave {
            level: 2.0,
            times: 10.0,
            rise_s: 300.0,
            peak_s: 1_200.0,
            tau_s: 3_600.0,
            before_s: 60.0,
            until_s: 5_000.0,
        };
        for (at, rate) in [
            (-61.0, 0.0),
            (-30.0, 2.0),
            (0.0, 2.0),
            (150.0, 11.0),
            (300.0, 20.0),
            (1_499.0, 20.0),
            (5_001.0, 0.0),
        ] {
            assert!((wave.rate(at) - rate).abs() < 1e-9, "{at}: {}", wave.rate(at));
        }
        assert!((wave.rate(1_500.0 + 3_600.0 * std::f64::consts::LN_2) - 10.0).abs() < 1e-9);
        let starts = wave.starts(&mut draw::stream(1, 0));
        assert!(starts.is_sorted());
        let between = |from: i64, until: i64| {
            starts.iter().filter(|at| (from * 1_000_000..until * 1_000_000).contains(*at)).count()
        };
        // Poisson: 120, 3,300, 24,000; five standard deviations.
        assert!((65..175).contains(&between(-60, 0)), "{}", between(-60, 0));
        assert!((3_010..3_590).contains(&between(0, 300)), "{}", between(0, 300));
        assert!((23_200..24_800).contains(&between(300, 1_500)), "{}", between(300, 1_500));
        assert_eq!(starts, wave.starts(&mut draw::stream(1, 0)));
    }

    #[test]
    fn most_of_the_waiting_fire_within_seconds() {
        let starts = Opening::s1(1.0).starts(33_000, &mut draw::stream(1, 0));
        assert!(starts.is_sorted());
        let early = starts.iter().filter(|at| **at < 5_000_000).count();
        // 60 % x P(A2 < 5 s) = 0.6 x 0.93, and some 10 % of the tail.
        assert!((18_500..21_500).contains(&early), "{early}");
        assert!(starts.iter().any(|at| *at < 0), "a fast clock comes before t0");
        assert!(starts.iter().all(|at| *at <= 60_000_000));
    }

    #[test]
    fn the_last_ten_minutes_of_a_build_up_bring_63_percent() {
        let (mut rng, hour) = (draw::stream(1, 0), BuildUp::an_hour(1.0));
        let came: Vec<i64> = (0..20_000).map(|_| hour.one(&mut rng)).collect();
        assert!(came.iter().all(|at| (-3_600_000_000..=0).contains(at)));
        let late = came.iter().filter(|at| **at >= -600_000_000).count();
        assert!((12_400..=12_900).contains(&late), "{late}");
    }

    #[test]
    fn a_seed_is_a_list() {
        let list = |seed| Opening::s1(1.0).starts(500, &mut draw::stream(seed, 0));
        assert_eq!(list(9), list(9));
        assert_ne!(list(9), list(10));
    }
}
