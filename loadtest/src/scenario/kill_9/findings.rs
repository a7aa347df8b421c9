//! What the audits of all rounds looked at and found, by named check.

use std::collections::BTreeMap;

use crate::audit::Check;

/// The checks, in the order of the summary.
pub const CHECKS: [&str; 12] = [
    "nothing acknowledged lost",
    "every key honoured, word for word",
    "unanswered requests: all or nothing, once",
    "books are the sum of carts and orders",
    "nothing sold twice",
    "expired stays expired",
    "what anybody read is durable",
    "the list of orders is complete",
    "while it lived it answered as promised",
    "every place in line kept, none given twice",
    "a pass opened one session",
    "dials stand as they were turned",
];
/// Indices into [`CHECKS`], by name.
pub const LOST: usize = 0;
/// Replays.
pub const KEYS: usize = 1;
/// Unanswered requests.
pub const WHOLE: usize = 2;
/// Books.
pub const BOOKS: usize = 3;
/// Overdraft.
pub const TWICE: usize = 4;
/// Expiry.
pub const EXPIRED: usize = 5;
/// Witnesses.
pub const WITNESSED: usize = 6;
/// Lists.
pub const LISTED: usize = 7;
/// Answers under load.
pub const ANSWERS: usize = 8;
/// Places in the waiting room.
pub const PLACES: usize = 9;
/// Passes.
pub const SESSIONS: usize = 10;
/// Dials.
pub const TURNED: usize = 11;

/// Looked at and found, by check.
#[derive(Debug, Default)]
pub struct Findings {
    looked: [u64; CHECKS.len()],
    cases: BTreeMap<usize, Vec<String>>,
}

impl Findings {
    /// Something was looked at; `wrong` says what is wrong with it, if anything is.
    pub fn look(&mut self, check: usize, wrong: Option<String>) {
        self.looked[check] += 1;
        if let Some(case) = wrong {
            self.cases.entry(check).or_default().push(case);
        }
    }

    /// Whether nothing was found.
    pub fn none(&self) -> bool {
        self.cases.is_empty()
    }

    /// As the summary has them.
    pub fn checks(&self) -> Vec<Check> {
        let check = |(number, name): (usize, &&str)| {
            let cases = self.cases.get(&number).map_or(&[][..], Vec::as_slice);
            Check::no_cases(name, cases, format!("{} looked at", self.looked[number]))
        };
        CHECKS.iter().enumerate().map(check).collect()
    }
}
