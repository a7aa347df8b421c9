//! What a visitor of an appointment sale is like: the shares and times of the behaviour model, each a parameter, and the
//! drawing of one person from them. Times are never compressed by `--speed`: people do not think faster in a short test.

use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::draw;

/// The parameters, medians in seconds.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Leave after the first page.
    pub leave_at_once: f64,
    /// Between two steps.
    pub think_median_s: f64,
    /// Sigma of the logarithm of that.
    pub think_sigma: f64,
    /// Filling in the form between hold and checkout.
    pub form_median_s: f64,
    /// Nobody takes longer for it who means to buy: below what a hold lives.
    pub form_longest_s: f64,
    /// Refreshing a page that had nothing.
    pub refresh_median_s: f64,
    /// Sigma of the logarithm of that.
    pub refresh_sigma: f64,
    /// Searches at most; drawn evenly from 1.
    pub searches: u32,
    /// Choose the appointments themselves from a list; the others let the server choose.
    pub choosy: f64,
    /// Would go to another district's centre.
    pub mobile: f64,
    /// Ask through a phone agent.
    pub by_phone: f64,
    /// Let a held cart go.
    pub let_go: f64,
    /// Of those, give it back; the others leave it to its time-out.
    pub give_back: f64,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            leave_at_once: 0.26,
            think_median_s: 8.0,
            think_sigma: 0.7,
            form_median_s: 45.0,
            form_longest_s: f64::INFINITY,
            refresh_median_s: 10.0,
            refresh_sigma: 0.6,
            searches: 6,
            choosy: 0.5,
            mobile: 0.7,
            by_phone: 0.1,
            let_go: 0.2,
            give_back: 0.25,
        }
    }
}

/// One person, drawn before the first step so that answers cannot change who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// Leaves after the first page.
    pub leaves_at_once: bool,
    /// Looks for a place so many times.
    pub searches: u32,
    /// Chooses from a list.
    pub choosy: bool,
    /// Would go elsewhere.
    pub mobile: bool,
    /// Calls a phone agent.
    pub by_phone: bool,
    /// What happens to a held cart.
    pub intention: Intention,
    /// The own district, as a number to be taken modulo the number of centres.
    pub home: usize,
}

/// What a person does with a held cart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intention {
    /// Buys.
    Buy,
    /// Gives it back.
    GiveBack,
    /// Walks away.
    LetTimeOut,
}

impl Behaviour {
    /// Draws one person.
    pub fn person(&self, rng: &mut ChaCha8Rng) -> Person {
        let intention = match (draw::chance(rng, self.let_go), draw::chance(rng, self.give_back)) {
            (false, _) => Intention::Buy,
            (true, true) => Intention::GiveBack,
            (true, false) => Intention::LetTimeOut,
        };
        Person {
            leaves_at_once: draw::chance(rng, self.leave_at_once),
            searches: rng.random_range(1..=self.searches.max(1)),
            choosy: draw::chance(rng, self.choosy),
            mobile: draw::chance(rng, self.mobile),
            by_phone: draw::chance(rng, self.by_phone),
            intention,
            home: rng.random_range(0..5_040),
        }
    }

    /// Thinking between two steps.
    pub fn think(&self, rng: &mut ChaCha8Rng) -> Duration {
        draw::seconds(draw::log_normal(rng, self.think_median_s, self.think_sigma))
    }

    /// Filling in the form.
    pub fn fill_form(&self, rng: &mut ChaCha8Rng) -> Duration {
        let drawn = draw::log_normal(rng, self.form_median_s, self.think_sigma);
        draw::seconds(drawn.min(self.form_longest_s))
    }

    /// Waiting before a refresh.
    pub fn refresh(&self, rng: &mut ChaCha8Rng) -> Duration {
        draw::seconds(draw::log_normal(rng, self.refresh_median_s, self.refresh_sigma))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_those_of_the_model() {
        let behaviour = Behaviour::default();
        let people: Vec<Person> =
            (0..10_000).map(|n| behaviour.person(&mut draw::stream(1, 100 + n))).collect();
        let share = |test: fn(&Person) -> bool| people.iter().filter(|p| test(p)).count();
        assert!((2_450..2_750).contains(&share(|p| p.leaves_at_once)));
        assert!((900..1_100).contains(&share(|p| p.by_phone)));
        assert!((400..600).contains(&share(|p| p.intention == Intention::GiveBack)));
        assert!((1_350..1_650).contains(&share(|p| p.intention == Intention::LetTimeOut)));
        assert!(people.iter().all(|p| (1..=6).contains(&p.searches)));
    }
}
