//! How many come while nobody needs a pass, and whether that is more than the sale can serve: then the room switches
//! itself on. No state; the switching is a fact.

use super::rules::SwitchOn;
use crate::pulse::Beat;
use crate::waiting_room::BrakeRules;

/// Over so many seconds the crowd is counted.
const SECONDS: usize = 3;

/// So many seconds of trouble in a row are an overload.
const PATIENCE: u32 = 2;

/// Carts asked for, in the second that runs and the ones before.
#[derive(Clone, Copy, Debug, Default)]
pub struct Arrivals {
    last: [u32; SECONDS],
    now: u32,
    troubled: u32,
}

impl Arrivals {
    /// Somebody asked for a cart.
    pub fn note(&mut self) {
        self.now = self.now.saturating_add(1);
    }

    /// A second is over: says in words why it was too much, if it was.
    pub fn second(&mut self, beat: &Beat, rules: SwitchOn, brake: BrakeRules) -> Option<String> {
        self.last.rotate_right(1);
        self.last[0] = std::mem::take(&mut self.now);
        self.troubled = if beat.trouble(brake).is_some() { self.troubled + 1 } else { 0 };
        let here: u64 = self.last.iter().map(|count| u64::from(*count)).sum();
        let a_minute = here * 60 / SECONDS as u64;
        if a_minute > u64::from(rules.carts_per_minute) {
            let most = rules.carts_per_minute;
            return Some(format!("{a_minute} carts a minute were asked for, more than {most}"));
        }
        (self.troubled >= PATIENCE)
            .then(|| "checkouts are slow, requests fail, or the journal lags".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Millis;

    #[test]
    fn a_crowd_or_lasting_trouble_is_too_much_and_a_single_bad_second_is_not() {
        let rules = SwitchOn { carts_per_minute: 600 };
        let good = Beat { checkout: None, asked: 0, failed: 0, journal_lag: Millis(0) };
        let bad = Beat { journal_lag: Millis(900), ..good };
        let brake = BrakeRules::default();
        let mut arrivals = Arrivals::default();
        let mut second = |carts: u32, beat: &Beat| {
            (0..carts).for_each(|_| arrivals.note());
            arrivals.second(beat, rules, brake)
        };
        for _ in 0..5 {
            assert_eq!(second(10, &good), None);
        }
        assert_eq!(second(0, &bad), None);
        assert_eq!(second(0, &good), None);
        assert_eq!(second(0, &bad), None);
        assert!(second(0, &bad).is_some());
        assert_eq!(second(15, &good), None);
        assert_eq!(second(15, &good), None);
        assert!(second(15, &good).unwrap().starts_with("900 carts"));
    }
}
