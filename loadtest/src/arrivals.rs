//! When visits begin: the opening spike of people who wait with the page open (model A2) and the tail of those who hear
//! of it later (model A3). Only the *wish* is drawn here; a run with a fixed request rate spreads the spike over the places
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

#[cfg(test)]
mod tests {
    use super::*;

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
