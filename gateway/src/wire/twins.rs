//! Names that stand twice in one JSON object.
//!
//! Where an object has known fields serde refuses a second one; where its names are the client's (labels, bundles, metadata), the
//! last would quietly win, and what the client meant by the first would be lost.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::read;
use crate::problem::Problem;

/// Refuses a body with such a name, wherever it stands.
///
/// # Errors
/// `malformed`
pub fn refuse(body: &[u8]) -> Result<(), Problem> {
    read::json_or_empty::<Unique>(body).map(|Unique| ())
}

/// Any JSON, read for its names only.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::<String>::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
            names.insert(name);
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_named_with_its_place() {
        for (body, place) in [
            (r#"{"a": 1, "a": 2}"#, "duplicate field `a`"),
            (r#"{"labels": {"x": "1", "y": "2", "x": "3"}}"#, "`labels"),
            (r#"{"slots": [{}, {"labels": {"x": null, "\u0078": true}}]}"#, "slots[1]"),
        ] {
            let problem = refuse(body.as_bytes()).unwrap_err();
            assert!(problem.detail().contains(place), "{body}: {}", problem.detail());
        }
        for body in ["", "{}", r#"{"a": {"a": {"a": [1, -1, 1.5, "", null, false]}}, "b": {"a": 1}}"#] {
            assert!(refuse(body.as_bytes()).is_ok(), "{body}");
        }
    }
}
