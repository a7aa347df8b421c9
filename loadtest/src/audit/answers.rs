//! The checks that need the answers alone, as an outsider could make them.

use std::time::Duration;

use super::{Check, Evidence};
use crate::ledger::Ledger;
use crate::measured::Measured;

/// What two clocks and the way between them may come to.
const MAY_LAG: Duration = Duration::from_secs(2);

/// At no moment were more units of a slot acknowledged than it has.
pub(super) fn nothing_acknowledged_twice(ledger: &Ledger) -> Check {
    let mut cases: Vec<String> = ledger
        .overdrawn
        .iter()
        .map(|(slot, units)| {
            let place = &ledger.stock().places()[*slot];
            format!("{}: {units} units acknowledged at one time of {}", place.id, place.capacity)
        })
        .collect();
    cases.extend(ledger.oddities.iter().cloned());
    let counted = format!("{} carts over {} slots", ledger.carts.len(), ledger.stock().places().len());
    Check::no_cases("nothing acknowledged twice", &cases, counted)
}

/// Every cart holds what was asked for: the slots that were named, or parts at the venue, and so many units.
pub(super) fn given_is_what_was_asked_for(ledger: &Ledger) -> Check {
    let counted = format!("{} carts", ledger.carts.len());
    Check::no_cases("what was given is what was asked for", &ledger.not_as_asked, counted)
}

/// Only statuses and codes of the closed list, no server error but a deliberate 503, no unreadable answer.
pub fn every_answer_within_the_contract(measured: &Measured) -> Check {
    let cases: Vec<String> =
        measured.breaches.iter().map(|(what, times)| format!("{times} x {what}")).collect();
    let answers: u64 = measured.told.values().sum();
    Check::no_cases("every answer within the contract", &cases, format!("{answers} answers"))
}

/// No read is of long before it was asked for, by the tester's own clock.
pub(super) fn reads_are_of_now(measured: &Measured) -> Check {
    let (behind, reads) = (measured.ages.behind(), measured.ages.reads());
    let words = format!("{:.2} s older than its request at most, of {reads} reads", behind.as_secs_f64());
    let cases = if behind <= MAY_LAG { vec![] } else { vec![words.clone()] };
    Check::no_cases("reads are of when they were asked for", &cases, words)
}

/// Losers are told; silence is nobody's final answer.
pub(super) fn every_visit_got_a_final_answer(evidence: &Evidence<'_>) -> Check {
    let Evidence { without_final_answer: silent, not_asked, visits, .. } = *evidence;
    let mut cases = Vec::new();
    if silent > 0 {
        cases.push(format!("{silent} of {visits} got none"));
    }
    if not_asked > 0 {
        cases.push(format!("{not_asked} of {visits} could not ask: the tester had no connection"));
    }
    let check = Check::no_cases("every visit got a final answer", &cases, format!("{visits} visits"));
    check.explained(silent == 0)
}
