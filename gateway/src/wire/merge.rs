//! JSON merge patch, for `PATCH` on what is read and written as one document.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::read;
use crate::problem::{Code, Problem};

/// RFC 7396: objects merge field by field, null takes a field away, everything else replaces.
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(fields) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(object) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            object.remove(&name);
        } else {
            merge(object.entry(name).or_insert(Value::Null), value);
        }
    }
}

/// Refuses a patch that takes away what a `T` never has. Merging drops the name before anything reads it, so a slip of the pen
/// would be answered as if it had taken something away.
///
/// Each null is read as a document of its own that has nothing but the way to it. Names are looked at before what they name, so
/// any other complaint, that it may not be null or that something beside it is missing, says that the name is known.
///
/// # Errors
/// `unknown-field`
pub fn expect_known<T: DeserializeOwned>(patch: &Value) -> Result<(), Problem> {
    known::<T>(patch, &mut Vec::new())
}

fn known<'a, T: DeserializeOwned>(patch: &'a Value, way: &mut Vec<&'a str>) -> Result<(), Problem> {
    match patch {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            way.push(name);
            known::<T>(value, way)?;
            way.pop();
            Ok(())
        }),
        Value::Null => {
            let alone = way.iter().rev().fold(Value::Null, |inner, name| json!({*name: inner}));
            let unknown = |problem: &Problem| problem.code() == Some(Code::UnknownField);
            read::value::<T>(alone).err().filter(unknown).map_or(Ok(()), Err)
        }
        // Replaces what was there, and is read with it.
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sale::Settings;

    #[test]
    fn what_is_taken_away_has_a_name_that_is_known() {
        for (patch, name) in [
            (json!({"limit_per_custmer": null}), "`limit_per_custmer`"),
            (json!({"name": null, "limit_per_customer": {"x": null}}), "`limit_per_customer.x`"),
            (json!({"bundles": {"b": {"part": null}}}), "`part`"),
            (json!({"waiting_room": {"brake": {"journal": null}}}), "`journal`"),
        ] {
            let problem = expect_known::<Settings>(&patch).unwrap_err();
            assert_eq!(problem.code(), Some(Code::UnknownField), "{patch}: {}", problem.detail());
            assert!(problem.detail().contains(name), "{patch}: {}", problem.detail());
        }
        for patch in [
            json!({"name": null, "opens_at": null, "hold_ttl_ms": null, "few": null, "waiting_room": null}),
            json!({"limit_per_customer": {"units": null, "orders": null}, "few": {"percent": null}}),
            json!({"time_zone": null, "checkout": {"provider": null}}),
            json!({"bundles": {"b": null, "c": {"parts": null, "same": null, "cancel_parts": null}}}),
            json!({"products": {"x": null, "y": {"sold_only_in": null}}, "venues": {"kiel": null}}),
            json!({"waiting_room": {"enabled": null, "brake": {"checkout_ms": null}, "switch_on": null}}),
            json!({}),
        ] {
            assert!(expect_known::<Settings>(&patch).is_ok(), "{patch}");
        }
    }

    /// The cases of the RFC's appendix that say something of their own.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        for (target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"a": "foo"}), json!("bar"), json!("bar")),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            let mut merged = target.clone();
            merge(&mut merged, patch.clone());
            assert_eq!(merged, result, "{target} with {patch}");
        }
    }
}
