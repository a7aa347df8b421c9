//! What a run comes to, as a word and an exit code: 0 passed, 99 missed, 3 the tester was the limit.
//!
//! A run in which the tester could not send as planned says nothing about speed, so missed figures are void with it. What the
//! audit found is true however slowly the tester sent: a unit sold twice is a miss in every run. Only where what the tester could
//! not send explains all that was missed, and nothing else was, the run says nothing.

use serde::{Deserialize, Serialize};

use crate::audit::Check;

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All that was expected came true.
    Passed,
    /// Something expected did not.
    Missed,
    /// The tester was the limit; the figures say nothing.
    Void,
}

impl Verdict {
    /// The exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Missed => 99,
            Self::Void => 3,
        }
    }

    /// From the parts of a report.
    pub fn of(checks: &[Check], expectations: &[Expectation], limited: bool) -> Self {
        let missed = expectations.iter().any(|expectation| expectation.came == Came::Missed);
        match () {
            () if checks.iter().any(|check| !check.holds && !check.of_the_tester) => Self::Missed,
            () if limited => Self::Void,
            () if missed => Self::Missed,
            () if checks.iter().any(|check| !check.holds) => Self::Void,
            () => Self::Passed,
        }
    }
}

/// One figure the scenario expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// What it is of.
    pub name: String,
    /// What is wanted, in words.
    pub wanted: String,
    /// What came, in words.
    pub got: String,
    /// Whether it came true.
    pub came: Came,
}

/// Whether an expectation came true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// It did.
    True,
    /// It did not.
    Missed,
    /// It is only told, not asked for.
    Told,
}

impl Expectation {
    /// One that is asked for.
    pub fn asked(name: &str, wanted: impl Into<String>, got: impl Into<String>, met: bool) -> Self {
        let came = if met { Came::True } else { Came::Missed };
        Self { name: name.to_owned(), wanted: wanted.into(), got: got.into(), came }
    }

    /// One that is only told.
    pub fn told(name: &str, wanted: impl Into<String>, got: impl Into<String>) -> Self {
        Self { name: name.to_owned(), wanted: wanted.into(), got: got.into(), came: Came::Told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_void_run_excuses_figures_but_not_the_audit() {
        let bad = Check::no_cases("nothing sold twice", &["a: 2 of 1".into()], "");
        let slow = Expectation::asked("p99 of a hold", "25 ms", "400 ms", false);
        let both = (std::slice::from_ref(&bad), std::slice::from_ref(&slow));
        assert_eq!(Verdict::of(both.0, &[], true), Verdict::Missed);
        assert_eq!(Verdict::of(&[], both.1, true), Verdict::Void);
        assert_eq!(Verdict::of(&[], both.1, false), Verdict::Missed);
        // Somebody could not ask, and that is all.
        let own = Check::no_cases("every visit got a final answer", &["1".into()], "").explained(true);
        assert_eq!(Verdict::of(std::slice::from_ref(&own), &[], false), Verdict::Void);
        assert_eq!(Verdict::of(std::slice::from_ref(&own), both.1, true), Verdict::Void);
        assert_eq!(Verdict::of(std::slice::from_ref(&own), both.1, false), Verdict::Missed);
        assert_eq!(Verdict::of(&[own, bad], &[], true), Verdict::Missed, "the server's own stands");
        assert_eq!(Verdict::of(&[], &[Expectation::told("gone", "", "")], false).exit_code(), 0);
    }
}
