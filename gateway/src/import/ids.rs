//! Ids that fit: `[A-Za-z0-9._-]{1,64}`, the same for the same source for ever.
//!
//! A source id that fits is kept. One that does not is rewritten from itself alone, never from its neighbours in the file:
//! if it depended on them, tomorrow's file would name today's slot differently and its units would be there twice. The
//! rewritten form therefore always ends in a digest of the source, which also keeps `Halle 1` and `Halle/1` apart.

use std::collections::{BTreeMap, BTreeSet};

use onsale_engine::ids::is_id;

/// The id for a source's own word: the word itself, or if it does not fit, its readable part and a digest.
///
/// ```
/// use onsale_gateway::import::ids::fit_id;
/// assert_eq!(fit_id("A-1"), "A-1");
/// assert_eq!(fit_id("Große Halle"), "Gro-e-Halle-c9c68e3a");
/// ```
#[must_use]
pub fn fit_id(source: &str) -> String {
    if is_id(source) {
        return source.to_owned();
    }
    let mut readable = readable(source);
    // 64 bytes less the hyphen and 8 hexadecimal digits. All characters are ASCII by now.
    readable.truncate(55);
    let digest = blake3::hash(source.as_bytes()).to_hex();
    let id = format!("{}-{}", readable.trim_end_matches('-'), &digest.as_str()[..8]);
    id.trim_start_matches('-').to_owned()
}

/// Ids for names that people gave (`Ground floor`), readable where possible: `Ground-floor`. A digest is added only where two
/// of the names would otherwise become one; unlike slot ids, these name no stock, so they may depend on each other.
#[must_use]
pub fn fit_names<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeMap<&'a str, String> {
    let mut by_id: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        by_id.entry(readable(name).trim_matches('-').to_owned()).or_default().insert(name);
    }
    let id_of =
        |id: &str, name: &str, alone: bool| if alone && is_id(id) { id.to_owned() } else { fit_id(name) };
    let named = by_id
        .iter()
        .flat_map(|(id, names)| names.iter().map(move |&name| (name, id_of(id, name, names.len() == 1))));
    named.collect()
}

/// The id of a slot that is told from the others only by its schedule and its start: `116-20230324T130000Z`.
#[must_use]
pub fn schedule_start_id(schedule: &str, start: jiff::Timestamp) -> String {
    fit_id(&format!("{schedule}-{}", start.strftime("%Y%m%dT%H%M%SZ")))
}

/// Runs of characters that do not belong in an id become one hyphen.
fn readable(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for letter in source.chars() {
        if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-') {
            out.push(letter);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_sources_stay_different_and_every_result_fits() {
        let long = "x".repeat(65);
        let sources = ["Halle 1", "Halle/1", "Halle-1", "", " ", "ü", "é", long.as_str(), "---", "a\u{0}b"];
        let ids: BTreeSet<_> = sources.iter().map(|source| fit_id(source)).collect();
        assert_eq!(ids.len(), sources.len(), "{ids:?}");
        assert!(ids.iter().all(|id| is_id(id)), "{ids:?}");
    }

    #[test]
    fn names_stay_readable_until_they_would_meet() {
        let ids = fit_names(["Ground floor", "1st/Floor", "1st Floor"]);
        assert_eq!(ids["Ground floor"], "Ground-floor");
        assert_ne!(ids["1st Floor"], ids["1st/Floor"]);
    }

    #[test]
    fn a_start_is_written_in_utc() {
        let start = "2023-03-24T08:00:00-05:00".parse().expect("a time");
        assert_eq!(schedule_start_id("116", start), "116-20230324T130000Z");
    }
}
