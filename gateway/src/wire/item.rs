//! What a cart asks for: `{"slot": …}`, `{"bundle": …}`, `{"best": …}`.
//!
//! The three kinds are told apart by their one key, by hand: serde's untagged enums would try them in turn and could
//! only say that none fits.

use onsale_engine::ids::{Quantity, is_id};
use onsale_engine::inventory::MAX_CAPACITY;
use onsale_engine::request::{Notes, Want};
use onsale_engine::time::WallTime;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::time;
use crate::problem::{Code, Problem};

/// One thing asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemInput {
    slot: Option<String>,
    quantity: Option<Quantity>,
    // Rare and large: boxed, so that a plain slot is small.
    bundle: Option<Box<BundleInput>>,
    best: Option<Box<BestInput>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleInput {
    rule: String,
    slots: Option<Vec<String>>,
    venue: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BestInput {
    venue: String,
    section: Option<String>,
    quantity: Quantity,
    #[serde(default)]
    adjacent: bool,
    #[serde(default)]
    avoid_orphans: bool,
    #[serde(default)]
    accessible: bool,
}

impl ItemInput {
    /// What it asks the engine for. `instant` reads a time or a date of the venue that is named.
    ///
    /// # Errors
    /// `malformed` or `too-large-number`, naming `items[place]`.
    pub fn want(
        self,
        place: usize,
        instant: &dyn Fn(&str, &str) -> Option<WallTime>,
    ) -> Result<Want, Problem> {
        let Self { slot, quantity, bundle, best } = self;
        let wrong = |what: &str| Problem::malformed(format!("`items[{place}]`: {what}"));
        match (slot, bundle, best) {
            (Some(slot), None, None) => Ok(Want::Slot {
                slot: id(slot, place, "slot")?,
                quantity: units(quantity.unwrap_or(1), place)?,
            }),
            (None, Some(_), None) | (None, None, Some(_)) if quantity.is_some() => {
                Err(wrong("`quantity` goes with `slot`, or inside `best`"))
            }
            (None, Some(bundle), None) => bundle.want(place, instant),
            (None, None, Some(best)) => Ok(Want::Best {
                venue: id(best.venue, place, "best.venue")?,
                section: best.section.map(|section| id(section, place, "best.section")).transpose()?,
                quantity: units(best.quantity, place)?,
                adjacent: best.adjacent,
                avoid_orphans: best.avoid_orphans,
                accessible: best.accessible,
            }),
            _ => Err(wrong("expected exactly one of `slot`, `bundle`, `best`")),
        }
    }
}

impl BundleInput {
    fn want(self, place: usize, instant: &dyn Fn(&str, &str) -> Option<WallTime>) -> Result<Want, Problem> {
        let Self { rule, slots, venue, from, to } = self;
        let wrong = |what: &str| Problem::malformed(format!("`items[{place}].bundle`: {what}"));
        let rule = id(rule, place, "bundle.rule")?;
        match (slots, venue) {
            (Some(slots), None) => {
                if from.is_some() || to.is_some() {
                    return Err(wrong("`from` and `to` go with `venue`"));
                }
                if slots.is_empty() {
                    let detail = format!("`items[{place}].bundle.slots` needs at least one slot.");
                    return Err(Problem::malformed(detail));
                }
                let slots = slots
                    .into_iter()
                    .map(|slot| id(slot, place, "bundle.slots"))
                    .collect::<Result<_, _>>()?;
                Ok(Want::Bundle { rule, slots })
            }
            (None, Some(venue)) => {
                let time = |field: &str, text: Option<String>| match text {
                    None => Ok(None),
                    Some(text) => instant(&text, &venue).map(Some).ok_or_else(|| {
                        wrong(&format!("`{field}` is a date or an RFC 3339 time, as 2021-04-12T07:05:00Z"))
                    }),
                };
                let (from, to) = (time("from", from)?, time("to", to)?);
                Ok(Want::AnyBundle { rule, venue: id(venue, place, "bundle.venue")?, from, to })
            }
            _ => Err(wrong(
                "expected either `slots`, which names the parts, or `venue`, where the server chooses",
            )),
        }
    }
}

fn id(text: String, place: usize, field: &str) -> Result<String, Problem> {
    if is_id(&text) {
        return Ok(text);
    }
    Err(Problem::malformed(format!(
        "`items[{place}].{field}` is 1 to 64 of the characters A-Z a-z 0-9 . _ -"
    )))
}

fn units(quantity: Quantity, place: usize) -> Result<Quantity, Problem> {
    match quantity {
        0 => Err(Problem::malformed(format!("`items[{place}]`: `quantity` is at least 1"))),
        1..=MAX_CAPACITY => Ok(quantity),
        _ => Err(Problem::new(
            Code::TooLargeNumber,
            format!("`items[{place}]`: `quantity` is at most {MAX_CAPACITY}"),
        )),
    }
}

/// All items of a request. `zone` is asked for the venue whose dates are meant.
///
/// # Errors
/// The first item that makes no sense; `malformed` when there is none.
pub fn wants(
    items: Vec<ItemInput>,
    zone: impl Fn(&str) -> Option<jiff::tz::TimeZone>,
) -> Result<Vec<Want>, Problem> {
    if items.is_empty() {
        return Err(Problem::malformed("`items` needs at least one item."));
    }
    let instant = |text: &str, venue: &str| time::parse_time_or_date(text, || zone(venue));
    items.into_iter().enumerate().map(|(place, item)| item.want(place, &instant)).collect()
}

/// Checks what a client attaches.
///
/// # Errors
/// `malformed`, when it is more than 10 pairs of 100 bytes, or a reference of more than 100.
pub fn notes(reference: Option<String>, metadata: BTreeMap<String, String>) -> Result<Notes, Problem> {
    if reference.as_ref().is_some_and(|text| text.is_empty() || text.len() > 100) {
        return Err(Problem::malformed("`reference` is 1 to 100 bytes."));
    }
    if metadata.len() > 10 || metadata.iter().any(|(name, value)| name.len() > 100 || value.len() > 100) {
        return Err(Problem::malformed("`metadata` has at most 10 pairs of at most 100 bytes each."));
    }
    Ok(Notes { reference, metadata: metadata.into_iter().collect(), customer: None })
}

/// Whether `text` may name a customer: 1 to 128 printable ASCII characters.
#[must_use]
pub fn is_customer(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;

    fn parse(items: &str) -> Result<Vec<Want>, Problem> {
        let zone = |_: &str| jiff::tz::TimeZone::get("Europe/Berlin").ok();
        read::json::<Vec<ItemInput>>(items.as_bytes()).and_then(|items| wants(items, zone))
    }

    #[test]
    fn the_three_kinds_are_read() {
        let wants = parse(
            r#"[{"slot": "a", "quantity": 2}, {"slot": "b"}, {"bundle": {"rule": "r", "slots": ["x", "y"]}},
                {"bundle": {"rule": "r", "venue": "kiel", "from": "2021-04-12"}},
                {"best": {"venue": "arena", "quantity": 4, "adjacent": true}}]"#,
        )
        .unwrap();
        assert_eq!(wants[0], Want::Slot { slot: "a".to_owned(), quantity: 2 });
        assert_eq!(wants[1], Want::Slot { slot: "b".to_owned(), quantity: 1 });
        assert_eq!(
            wants[2],
            Want::Bundle { rule: "r".to_owned(), slots: vec!["x".to_owned(), "y".to_owned()] }
        );
        let from = time::parse("2021-04-11T22:00:00Z");
        assert_eq!(
            wants[3],
            Want::AnyBundle { rule: "r".to_owned(), venue: "kiel".to_owned(), from, to: None }
        );
        assert!(matches!(&wants[4], Want::Best { quantity: 4, adjacent: true, avoid_orphans: false, .. }));
    }

    #[test]
    fn what_makes_no_sense_is_told_with_its_place() {
        for (items, code, says) in [
            ("[]", "malformed", "at least one"),
            ("[{}]", "malformed", "exactly one"),
            (
                r#"[{"slot": "a"}, {"slot": "a", "best": {"venue": "v", "quantity": 1}}]"#,
                "malformed",
                "items[1]",
            ),
            (r#"[{"slot": "a b"}]"#, "malformed", "items[0].slot"),
            (r#"[{"slot": "a", "quantity": 0}]"#, "malformed", "at least 1"),
            (r#"[{"slot": "a", "quantity": 10000001}]"#, "too-large-number", "at most"),
            (r#"[{"slot": "a", "quantity": 4294967296}]"#, "too-large-number", "quantity"),
            (r#"[{"bundle": {"rule": "r"}}]"#, "malformed", "either"),
            (
                r#"[{"slot": "a"}, {"bundle": {"rule": "r", "slots": []}}]"#,
                "malformed",
                "`items[1].bundle.slots`",
            ),
            (r#"[{"bundle": {"rule": "r", "venue": "v", "from": "soon"}}]"#, "malformed", "`from`"),
            (r#"[{"bundle": {"rule": "r", "slots": [], "quantity": 1}}]"#, "unknown-field", "quantity"),
        ] {
            let problem = parse(items).unwrap_err();
            assert_eq!(problem.code().map(Code::name), Some(code), "{items}: {}", problem.detail());
            assert!(problem.detail().contains(says), "{items}: {}", problem.detail());
        }
    }

    #[test]
    fn notes_and_customers_are_bounded() {
        let pairs = |count: usize| (0..count).map(|n| (n.to_string(), "v".to_owned())).collect();
        assert!(notes(Some("r".repeat(100)), pairs(10)).is_ok());
        assert!(notes(Some("r".repeat(101)), pairs(0)).is_err());
        assert!(notes(None, pairs(11)).is_err());
        assert!(is_customer("c-8231") && is_customer(&"c".repeat(128)));
        assert!(!is_customer("") && !is_customer(&"c".repeat(129)) && !is_customer("J\u{fc}rgen"));
    }
}
