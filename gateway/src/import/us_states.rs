//! The little that an importer must know of the United States: whose ZIP codes begin with a zero, and which clocks a state
//! goes by. Both serve only to *notice* damage: nothing is read differently because of this table, except that a lost
//! leading zero is put back.

use jiff::tz::TimeZone;

/// States and territories whose ZIP codes begin with 0 (USPS areas 005 to 098).
const ZIP_BEGINS_WITH_ZERO: [&str; 9] = ["CT", "MA", "ME", "NH", "NJ", "PR", "RI", "VI", "VT"];

/// Every zone in which a part of a state lives; zones whose offsets agree today are named once.
const ZONES: [(&str, &[&str]); 7] = [
    (
        "America/New_York",
        &[
            "CT", "DC", "DE", "FL", "GA", "IN", "KY", "MA", "MD", "ME", "MI", "NC", "NH", "NJ", "NY", "OH",
            "PA", "RI", "SC", "TN", "VA", "VT", "WV",
        ],
    ),
    (
        "America/Chicago",
        &[
            "AL", "AR", "FL", "IA", "IL", "IN", "KS", "KY", "LA", "MI", "MN", "MO", "MS", "ND", "NE", "OK",
            "SD", "TN", "TX", "WI",
        ],
    ),
    ("America/Denver", &["AZ", "CO", "ID", "KS", "MT", "ND", "NE", "NM", "OR", "SD", "TX", "UT", "WY"]),
    ("America/Phoenix", &["AZ"]),
    ("America/Los_Angeles", &["CA", "ID", "NV", "OR", "WA"]),
    ("America/Anchorage", &["AK"]),
    ("Pacific/Honolulu", &["HI"]),
];

/// The zones of a state by its two letters; none for a place this table does not know.
#[must_use]
pub fn zones(state: &str) -> Vec<TimeZone> {
    let here = ZONES.iter().filter(|(_, states)| states.contains(&state));
    here.filter_map(|(name, _)| TimeZone::get(name).ok()).collect()
}

/// What can be said of a ZIP code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zip {
    /// Five digits, or five and four.
    Good,
    /// Leading zeros were lost; this is the code with them.
    LostZero(String),
    /// Not a ZIP code.
    Odd,
}

/// Judges a ZIP code of a state.
///
/// ```
/// use onsale_gateway::import::us_states::{Zip, zip};
/// assert_eq!(zip("8332-3762", "NJ"), Zip::LostZero("08332-3762".into()));
/// assert_eq!(zip("8332", "CA"), Zip::Odd);
/// ```
#[must_use]
pub fn zip(code: &str, state: &str) -> Zip {
    let (five, four) = code.split_once('-').map_or((code, None), |(five, four)| (five, Some(four)));
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if digits(five, 5, 5) && four.is_none_or(|four| digits(four, 4, 4)) {
        return Zip::Good;
    }
    // A number that lost its zeros has at least three digits (Puerto Rico's 00601 is 601); the last four likewise.
    let five_can_be_mended =
        digits(five, 5, 5) || (digits(five, 3, 4) && ZIP_BEGINS_WITH_ZERO.contains(&state));
    if five_can_be_mended && four.is_none_or(|four| digits(four, 1, 4)) {
        return Zip::LostZero(four.map_or(format!("{five:0>5}"), |four| format!("{five:0>5}-{four:0>4}")));
    }
    Zip::Odd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zip_codes_are_mended_only_where_zeros_can_have_been() {
        assert_eq!(zip("02114", "MA"), Zip::Good);
        assert_eq!(zip("02114-1109", "MA"), Zip::Good);
        assert_eq!(zip("8046-109", "NJ"), Zip::LostZero("08046-0109".into()));
        assert_eq!(zip("601", "PR"), Zip::LostZero("00601".into()));
        assert_eq!(zip("2114", "TX"), Zip::Odd);
        assert_eq!(zip("K1A 0B1", "NJ"), Zip::Odd);
    }

    #[test]
    fn a_state_that_two_zones_share_has_both() {
        assert_eq!(zones("NJ").len(), 1);
        assert_eq!(zones("TN").len(), 2);
        assert!(zones("Bayern").is_empty());
    }
}
