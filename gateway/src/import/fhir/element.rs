//! One tree for FHIR's two spellings.
//!
//! FHIR says the same in `{"status": "free"}` and in `<status value="free"/>`. Both become an element with a value, so that
//! everything after this file reads one language. Lists of JSON become elements of one name, as XML has them; numbers and
//! booleans become their text, because a real feed writes `"postalCode": 8332` where the guide has a string.

use serde_json::Value;

/// A named element with a value, children, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// The element's name.
    pub name: String,
    /// JSON's scalar, XML's `value` attribute.
    pub value: Option<String>,
    /// What it contains, in order.
    pub children: Vec<Element>,
}

impl Element {
    /// The tree of a JSON value.
    #[must_use]
    pub fn from_json(name: &str, value: &Value) -> Self {
        let mut element = Self { name: name.to_owned(), ..Self::default() };
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::Array(items) => {
                            element.children.extend(items.iter().map(|item| Self::from_json(name, item)));
                        }
                        one => element.children.push(Self::from_json(name, one)),
                    }
                }
            }
            Value::String(text) => element.value = Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => element.value = Some(value.to_string()),
            Value::Null | Value::Array(_) => {}
        }
        element
    }

    /// The children of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first element down a path of names: `at(&["address", "city"])`.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        match path {
            [] => Some(self),
            [name, rest @ ..] => {
                self.children.iter().filter(|child| child.name == *name).find_map(|child| child.at(rest))
            }
        }
    }

    /// The first text down a path of names; blank counts as missing.
    #[must_use]
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.value.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// The extension whose URL ends in `/name`: feeds move their URLs between hosts, the last word stays.
    #[must_use]
    pub fn extension(&self, name: &str) -> Option<&Self> {
        self.all("extension").find(|extension| {
            extension.text(&["url"]).is_some_and(|url| url.rsplit('/').next() == Some(name))
        })
    }

    /// An extension's value, whatever its type is called (`valueInteger`, `valueCoding`, ...).
    #[must_use]
    pub fn extension_value(&self, name: &str) -> Option<&Self> {
        self.extension(name)?.children.iter().find(|child| child.name.starts_with("value"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_numbers_and_nulls_are_read_as_xml_would_have_them() {
        let json = serde_json::json!({"name": null, "line": ["a", "b"], "zip": 8332,
            "extension": [{"url": "http://x/slot-capacity", "valueInteger": 3}]});
        let element = Element::from_json("Location", &json);
        assert_eq!(element.text(&["name"]), None);
        assert_eq!(element.all("line").count(), 2);
        assert_eq!(element.text(&["zip"]), Some("8332"));
        let capacity = element.extension_value("slot-capacity").and_then(|value| value.value.as_deref());
        assert_eq!(capacity, Some("3"));
    }
}
