//! Nobody of a crowd that breaks no rule is refused by one. A shop that tells everybody of a limit loses nothing, sells nothing
//! twice and adds up; it only does not sell, and that would otherwise pass for a quiet day.

use std::collections::BTreeMap;

use super::Check;

/// Codes that are no rule's: the end of a time that somebody had and was told of. Whether it came too early is judged elsewhere.
const TIME_WAS_UP: [&str; 2] = ["cart-expired", "pass-expired"];

/// `refused` are the visits that ended in a refusal, by what they were told.
pub fn nobody_is_refused_by_one(refused: &BTreeMap<String, u64>, visits: u64) -> Check {
    let by_a_rule = |code: &str| !TIME_WAS_UP.contains(&code);
    let cases: Vec<String> = refused
        .iter()
        .filter(|(code, _)| by_a_rule(code))
        .map(|(code, times)| format!("refused by a rule: {times} x {code} (nobody of this crowd breaks one)"))
        .collect();
    Check::no_cases("nobody refused by a rule", &cases, format!("{visits} visits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_time_is_no_rule() {
        let told = |code: &str| BTreeMap::from([(code.to_owned(), 1)]);
        assert!(nobody_is_refused_by_one(&told("cart-expired"), 3).holds);
        assert!(nobody_is_refused_by_one(&BTreeMap::new(), 3).holds);
        for code in ["limit-reached", "rule", "rejected", "credentials", "not-admitted", ""] {
            assert!(!nobody_is_refused_by_one(&told(code), 3).holds, "{code}");
        }
    }
}
