//! When a rule of the integration document applies: parts of a request, held against texts.

use serde::{Serialize, Serializer};

use super::integration::{IntegrationError, bounded, text, worded};

/// Fits a request if all its parts do, or any.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Trigger {
    /// All or any.
    #[serde(rename = "LogicalOperator")]
    pub of_parts: Of,
    /// What is looked at.
    #[serde(rename = "TriggerParts")]
    pub parts: Vec<Part>,
}

/// Whether all parts must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Of {
    /// All.
    #[serde(rename = "And")]
    All,
    /// At least one.
    #[serde(rename = "Or")]
    Any,
}

/// A thing of a request, held against texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What is looked at.
    pub subject: Subject,
    /// What it is held against.
    pub test: Test,
    /// Whether it fits when the test does not. `Contains` of `*` means anything at all and ignores this.
    pub negative: bool,
    /// Whether upper and lower case are the same.
    pub any_case: bool,
}

/// What of a request is looked at. What is missing is the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The host, with its port.
    Host,
    /// The path.
    Path,
    /// The whole address.
    Url,
    /// The cookie of this name.
    Cookie(String),
    /// The header of this name.
    Header(String),
    /// The user agent.
    UserAgent,
    /// The body.
    Body,
}

/// How it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// It is this.
    Equals(String),
    /// This is in it.
    Contains(String),
    /// It is one of these.
    EqualsAny(Vec<String>),
    /// One of these is in it.
    ContainsAny(Vec<String>),
}

impl Trigger {
    pub(super) fn check(&self) -> Result<(), IntegrationError> {
        bounded(self.parts.len(), 1)?;
        self.parts.iter().try_for_each(Part::check)
    }
}

impl Part {
    fn check(&self) -> Result<(), IntegrationError> {
        if let Subject::Cookie(name) | Subject::Header(name) = &self.subject {
            worded(name)?;
        }
        match &self.test {
            Test::Equals(one) | Test::Contains(one) => text(one),
            Test::EqualsAny(any) | Test::ContainsAny(any) => {
                bounded(any.len(), 1)?;
                any.iter().try_for_each(|one| text(one))
            }
        }
    }
}

/// A part as connectors read it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PartDocument<'a> {
    validator_type: &'static str,
    url_part: &'static str,
    cookie_name: &'a str,
    http_header_name: &'a str,
    operator: &'static str,
    value_to_compare: &'a str,
    values_to_compare: &'a [String],
    is_negative: bool,
    is_ignore_case: bool,
}

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (validator_type, url_part, cookie_name, http_header_name) = match &self.subject {
            Subject::Host => ("UrlValidator", "HostName", "", ""),
            Subject::Path => ("UrlValidator", "PagePath", "", ""),
            Subject::Url => ("UrlValidator", "PageUrl", "", ""),
            Subject::Cookie(name) => ("CookieValidator", "", name.as_str(), ""),
            Subject::Header(name) => ("HttpHeaderValidator", "", "", name.as_str()),
            Subject::UserAgent => ("UserAgentValidator", "", "", ""),
            Subject::Body => ("RequestBodyValidator", "", "", ""),
        };
        let (operator, value_to_compare, values_to_compare) = match &self.test {
            Test::Equals(text) => ("Equals", text.as_str(), &[][..]),
            Test::Contains(text) => ("Contains", text.as_str(), &[][..]),
            Test::EqualsAny(texts) => ("EqualsAny", "", texts.as_slice()),
            Test::ContainsAny(texts) => ("ContainsAny", "", texts.as_slice()),
        };
        PartDocument {
            validator_type,
            url_part,
            cookie_name,
            http_header_name,
            operator,
            value_to_compare,
            values_to_compare,
            is_negative: self.negative,
            is_ignore_case: self.any_case,
        }
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn part(subject: Subject, test: Test) -> Part {
        Part { subject, test, negative: true, any_case: false }
    }

    #[test]
    fn each_subject_and_test_has_the_connectors_words() {
        let one = || Test::Equals("x".to_owned());
        for (subject, validator, member, value) in [
            (Subject::Host, "UrlValidator", "UrlPart", "HostName"),
            (Subject::Path, "UrlValidator", "UrlPart", "PagePath"),
            (Subject::Url, "UrlValidator", "UrlPart", "PageUrl"),
            (Subject::Cookie("a".to_owned()), "CookieValidator", "CookieName", "a"),
            (Subject::Header("b".to_owned()), "HttpHeaderValidator", "HttpHeaderName", "b"),
            (Subject::UserAgent, "UserAgentValidator", "UrlPart", ""),
            (Subject::Body, "RequestBodyValidator", "UrlPart", ""),
        ] {
            let written = serde_json::to_value(part(subject, one())).unwrap();
            assert_eq!((&written["ValidatorType"], &written[member]), (&json!(validator), &json!(value)));
            assert_eq!((&written["IsNegative"], &written["IsIgnoreCase"]), (&json!(true), &json!(false)));
        }
        let texts = || vec!["x".to_owned(), "y".to_owned()];
        for (test, operator, value, values) in [
            (one(), "Equals", json!("x"), json!([])),
            (Test::Contains("x".to_owned()), "Contains", json!("x"), json!([])),
            (Test::EqualsAny(texts()), "EqualsAny", json!(""), json!(["x", "y"])),
            (Test::ContainsAny(texts()), "ContainsAny", json!(""), json!(["x", "y"])),
        ] {
            let written = serde_json::to_value(part(Subject::Url, test)).unwrap();
            assert_eq!(written["Operator"], operator);
            assert_eq!((&written["ValueToCompare"], &written["ValuesToCompare"]), (&value, &values));
        }
        let either = Trigger { of_parts: Of::Any, parts: Vec::new() };
        assert_eq!(
            serde_json::to_value(either).unwrap(),
            json!({"LogicalOperator": "Or", "TriggerParts": []})
        );
    }
}
