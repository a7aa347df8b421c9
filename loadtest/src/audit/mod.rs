//! The audit after a run: nothing sold twice, nothing acknowledged lost, no half bundle, every answer within the contract.
//! It reads three things that must agree: the stock the tester loaded, the answers it got ([`crate::ledger`]), and the
//! server's own books ([`books`]). Checks are named one by one, and each says what it counted, so that a clean audit can be
//! told from one that had nothing to look at.

mod answers;
pub mod books;
pub mod loaded;
mod pairs;
pub mod replays;
pub mod rules;
mod told;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::ledger::Ledger;
use crate::measured::Measured;
use crate::visitor::Ending;

pub use answers::every_answer_within_the_contract;
use books::Books;
use loaded::Loaded;

/// One named check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What must be true.
    pub name: String,
    /// Whether it is.
    pub holds: bool,
    /// What was counted, or the first cases that break it.
    pub detail: String,
    /// What breaks it is the tester's own: requests that it could not send. Then it says nothing of the server.
    #[serde(default)]
    pub of_the_tester: bool,
}

impl Check {
    /// A check that holds if there are no cases against it.
    pub fn no_cases(name: &str, cases: &[String], counted: impl Into<String>) -> Self {
        let detail = if cases.is_empty() {
            counted.into()
        } else {
            let more = if cases.len() > 5 { format!("; {} more", cases.len() - 5) } else { String::new() };
            format!("{}{more}", cases[..cases.len().min(5)].join("; "))
        };
        Self { name: name.to_owned(), holds: cases.is_empty(), detail, of_the_tester: false }
    }

    /// If it does not hold, what the tester could not send explains all of that.
    pub fn explained(mut self, by_the_tester: bool) -> Self {
        self.of_the_tester = !self.holds && by_the_tester;
        self
    }
}

/// A rule that makes pairs: both at one venue, so many days apart.
#[derive(Clone, Debug)]
pub struct PairRule {
    /// The first product.
    pub first: &'static str,
    /// The second.
    pub second: &'static str,
    /// Days between.
    pub gap_days: RangeInclusive<i64>,
}

/// What the audit is told.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// The answers.
    pub ledger: &'a Ledger,
    /// The measurements, for the contract.
    pub measured: &'a Measured,
    /// The server's books.
    pub books: &'a Books,
    /// What the run itself has loaded; nothing is known of a sale that was there before.
    pub loaded: Option<&'a Loaded>,
    /// The rule of bundles, if the sale has one.
    pub pairs: Option<&'a PairRule>,
    /// True if nobody else buys in this sale: only then must the held units agree too.
    pub alone: bool,
    /// Visits begun or due that got no final answer.
    pub without_final_answer: u64,
    /// Visits that could not ask for want of a connection of the tester's.
    pub not_asked: u64,
    /// Visits in all.
    pub visits: u64,
}

/// Visits that the tester itself cut off. Those that did not even begin are not among them: a server that makes everybody ask
/// again takes their places.
pub fn not_asked(endings: &BTreeMap<Ending, u64>) -> u64 {
    endings.get(&Ending::NotSent).copied().unwrap_or_default()
}

/// Makes all checks.
pub fn run(evidence: &Evidence<'_>) -> Vec<Check> {
    let mut checks = vec![
        answers::nothing_acknowledged_twice(evidence.ledger),
        answers::given_is_what_was_asked_for(evidence.ledger),
        books::nothing_sold_twice(evidence),
        books::nothing_acknowledged_lost(evidence),
        books::walked_away_carts_are_kept(evidence),
        books::add_up(evidence.books),
        books::sold_is_what_orders_say(evidence.books),
    ];
    if let Some(loaded) = evidence.loaded {
        checks.push(loaded::all_of_it_is_there(loaded, evidence.books));
    }
    if let Some(rule) = evidence.pairs {
        checks.push(pairs::no_half_bundle(evidence, rule));
    }
    if evidence.alone {
        checks.push(books::held_is_what_carts_say(evidence));
        checks.push(told::every_order_was_told(evidence));
        checks.push(told::nothing_left_was_true(&evidence.measured.sold_out, evidence.books));
    }
    checks.push(answers::reads_are_of_now(evidence.measured));
    checks.push(every_answer_within_the_contract(evidence.measured));
    checks.push(answers::every_visit_got_a_final_answer(evidence));
    checks
}
