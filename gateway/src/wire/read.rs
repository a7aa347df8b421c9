//! Reading what a client sent: JSON and query strings, with problems that name the place and what was expected there.
//!
//! The happy path parses once, borrowed. Only when that fails the body is parsed a second time with the path tracked,
//! so that the sentence can say `items[2].quantity`. serde tells its reasons in words only; the few it has are told
//! apart here, in one place, and a test holds them fast.

use axum::extract::Query;
use http::Uri;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::objects::Objects;
use crate::problem::{Code, Problem};

/// Reads a JSON body.
///
/// # Errors
/// `malformed`, `unknown-field` or `too-large-number`.
pub fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    // The whole body is checked to be UTF-8 at once; serde_json would check every string by itself.
    let read = match std::str::from_utf8(body) {
        Ok(text) => whole(serde_json::Deserializer::from_str(text)),
        Err(_) => whole(serde_json::Deserializer::from_slice(body)),
    };
    read.map_err(|error| explain::<T>(body, &error))
}

/// Reads all there is.
fn whole<'a, R: serde_json::de::Read<'a>, T: Deserialize<'a>>(
    mut json: serde_json::Deserializer<R>,
) -> serde_json::Result<T> {
    let value = T::deserialize(Objects(&mut json))?;
    json.end()?;
    Ok(value)
}

/// Reads a JSON body that may be left out: no body is an empty object.
///
/// # Errors
/// As [`json`].
pub fn json_or_empty<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    json(if body.trim_ascii().is_empty() { b"{}" } else { body })
}

/// Reads a JSON value that is already in memory.
///
/// # Errors
/// As [`json`].
pub fn value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Objects(value)).map_err(|error| {
        let path = error.path().to_string();
        classify(&path, &error.inner().to_string())
    })
}

/// Reads a query string.
///
/// # Errors
/// As [`json`].
pub fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    Query::try_from_uri(uri).map(|Query(query)| query).map_err(|rejection| {
        let text =
            std::error::Error::source(&rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
        let reason = without_parameter(&text, uri.query().unwrap_or_default());
        Problem::new(code_of(reason), format!("query string: {text}"))
    })
}

/// What is said of a parameter, without its name before it. The client chose the name, so it is looked for among the names that
/// were sent; of those that fit, the longest is it.
fn without_parameter<'a>(text: &'a str, query: &str) -> &'a str {
    let names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
    let reasons = names.filter_map(|name| text.strip_prefix(&*name)?.strip_prefix(": "));
    reasons.min_by_key(|reason| reason.len()).unwrap_or(text)
}

/// Reads a JSON document that is one line of a stream: the sender counts lines, so what serde counts within this one would only
/// mislead.
///
/// # Errors
/// As [`json`].
pub fn line<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, Problem> {
    json(line).map_err(|problem| without_position(&problem))
}

/// The same problem without serde's ` at line 1 column 7` at its end.
#[must_use]
pub fn without_position(problem: &Problem) -> Problem {
    let told = problem.detail();
    let is_position = |rest: &str| {
        let numbers = rest.split_once(" column ").map(|(line, column)| [line, column]);
        numbers.is_some_and(|both| both.into_iter().all(|text| text.parse::<usize>().is_ok()))
    };
    let end = told.rsplit_once(" at line ").filter(|(_, rest)| is_position(rest));
    let detail = end.map_or(told, |(reason, _)| reason).to_owned();
    Problem::new(problem.code().unwrap_or(Code::Malformed), detail)
}

fn explain<'a, T: Deserialize<'a>>(body: &'a [u8], first: &serde_json::Error) -> Problem {
    if body.trim_ascii().is_empty() {
        return Problem::malformed("The body is empty; a JSON object was expected.");
    }
    let deserializer = &mut serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, T>(Objects(deserializer)) {
        Err(error) => classify(&error.path().to_string(), &error.inner().to_string()),
        // The value itself is fine: there is something behind it.
        Ok(_) => classify("", &first.to_string()),
    }
}

fn classify(path: &str, reason: &str) -> Problem {
    let place = if path.is_empty() || path == "." { String::new() } else { format!("`{path}`: ") };
    Problem::new(code_of(reason), format!("{place}{reason}"))
}

/// Sentences quote what was sent, which may say anything: only how they begin is serde's own.
fn code_of(reason: &str) -> Code {
    const TOO_LARGE: [&str; 2] = ["number out of range", "number too large to fit"];
    if reason.starts_with("unknown field `") {
        Code::UnknownField
    } else if TOO_LARGE.iter().any(|start| reason.starts_with(start)) || names_large_number(reason) {
        Code::TooLargeNumber
    } else {
        Code::Malformed
    }
}

/// serde says `invalid value: integer `5000000000`, expected u32`, or `invalid type: floating point `1e20`, expected u32` for what
/// no integer type holds. A number where a list was expected is of the wrong type, however large it is; and so is `1000.0` where a
/// whole number was.
fn names_large_number(reason: &str) -> bool {
    let named = |start: &str| {
        let (number, expected) = reason.strip_prefix(start)?.split_once("`, expected ")?;
        let expected = expected.split_whitespace().next().unwrap_or_default();
        number.parse::<f64>().ok().filter(|_| is_integer_type(expected))
    };
    named("invalid value: integer `").is_some_and(|number| number > 255.0)
        || named("invalid type: floating point `").is_some_and(|number| number >= FIRST_BEYOND_U64)
}

/// 2 to the power of 64.
const FIRST_BEYOND_U64: f64 = 18_446_744_073_709_551_616.0;

fn is_integer_type(name: &str) -> bool {
    let bits = name.strip_prefix(['u', 'i']).unwrap_or_default();
    matches!(bits, "8" | "16" | "32" | "64" | "128" | "size")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Order {
        quantity: u32,
        slot: String,
        parts: Vec<Order>,
        open: bool,
        names: std::collections::BTreeMap<String, String>,
    }

    #[test]
    fn each_mistake_has_its_code_and_its_place() {
        for (body, name, place) in [
            (r#"{"quantity": 5000000000}"#, "too-large-number", "`quantity`"),
            (r#"{"quantity": 100000000000000000000000}"#, "too-large-number", "`quantity`"),
            (r#"{"quantity": 1e999}"#, "too-large-number", "quantity"),
            (r#"{"quantity": -1}"#, "malformed", "`quantity`"),
            (r#"{"quantity": 1.5}"#, "malformed", "`quantity`"),
            (r#"{"quantity": 1000.0}"#, "malformed", "`quantity`"),
            (r#"{"quantity": 1e20}"#, "too-large-number", "`quantity`"),
            (r#"{"parts": 300}"#, "malformed", "`parts`"),
            (r#"{"parts": 5000000000}"#, "malformed", "`parts`"),
            (r#"{"open": 300}"#, "malformed", "`open`"),
            (r#"{"names": 1e20}"#, "malformed", "`names`"),
            ("300", "malformed", ""),
            (r#"{"quantity": "2"}"#, "malformed", "`quantity`"),
            (r#"{"slot": 5}"#, "malformed", "`slot`"),
            (r#"{"slot": 5000}"#, "malformed", "`slot`"),
            (r#"{"qantity": 1}"#, "unknown-field", "qantity"),
            (r#"{"parts": [{}, {"x": 1}]}"#, "unknown-field", "parts[1]"),
            (r#"{"quantity": 1, "quantity": 2}"#, "malformed", "duplicate field"),
            (r#"{"quantity": 1} x"#, "malformed", "trailing"),
            (r#"{"quantity""#, "malformed", "EOF"),
            ("", "malformed", "empty"),
            ("[", "malformed", ""),
        ] {
            let problem = json::<Order>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code().map(Code::name), Some(name), "{body}: {}", problem.detail());
            assert!(problem.detail().contains(place), "{body}: {}", problem.detail());
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_towers_of_brackets_are_malformed() {
        assert_eq!(json::<Order>(b"{\"slot\": \"\xff\"}").unwrap_err().code(), Some(Code::Malformed));
        let tower = "{\"parts\":[".repeat(50_000);
        assert_eq!(json::<Order>(tower.as_bytes()).unwrap_err().code(), Some(Code::Malformed));
    }

    #[test]
    fn query_strings_are_as_strict() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Page {
            #[expect(dead_code, reason = "only read")]
            limit: Option<u16>,
        }
        for (uri, name) in
            [("/?limit=70000", "too-large-number"), ("/?limit=x", "malformed"), ("/?limt=1", "unknown-field")]
        {
            let problem = query::<Page>(&uri.parse().unwrap()).unwrap_err();
            assert_eq!(problem.code().map(Code::name), Some(name), "{uri}: {}", problem.detail());
        }
        assert!(query::<Page>(&"/".parse().unwrap()).is_ok());
        // A name that looks like a sentence of ours is a name.
        for uri in ["/?number%20too%20large%20to%20fit=1", "/?limit:%20x=1", "/?a:%20b=1"] {
            let problem = query::<Page>(&uri.parse().unwrap()).unwrap_err();
            assert_eq!(problem.code(), Some(Code::UnknownField), "{uri}: {}", problem.detail());
        }
        let value = query::<Page>(&"/?limit=:%20unknown%20field".parse().unwrap()).unwrap_err();
        assert_eq!(value.code(), Some(Code::Malformed), "{}", value.detail());
    }

    /// Sentences quote what was sent: it was taken for the reason.
    #[test]
    fn what_is_quoted_decides_nothing() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only read")]
        struct Opening {
            opens_at: Option<crate::wire::time::Written>,
            #[serde(default)]
            units: u32,
        }
        for text in
            ["x: unknown field", "unknown field `x`", "number out of range", "number too large to fit"]
        {
            for field in ["opens_at", "units"] {
                let body = format!("{{\"{field}\": \"{text}\"}}");
                let problem = json::<Opening>(body.as_bytes()).unwrap_err();
                assert_eq!(problem.code(), Some(Code::Malformed), "{body}: {}", problem.detail());
                let merged = value::<Opening>(serde_json::from_str(&body).unwrap()).unwrap_err();
                assert_eq!(merged.code(), Some(Code::Malformed), "{body}: {}", merged.detail());
            }
        }
        let number = br#"{"units": "integer `5000000000`, expected u32"}"#;
        assert_eq!(json::<Opening>(number).unwrap_err().code(), Some(Code::Malformed));
        let named = br#"{"number out of range": 1}"#;
        assert_eq!(json::<Opening>(named).unwrap_err().code(), Some(Code::UnknownField));
    }

    #[test]
    fn a_line_of_a_stream_is_not_counted_within() {
        for body in [r#"{"quantity": -1}"#, r#"{"quantity": 1"#, r#"{"qantity": 1}"#, "", "x"] {
            let problem = line::<Order>(body.as_bytes()).unwrap_err();
            assert!(!problem.detail().contains("column"), "{body}: {}", problem.detail());
            assert_eq!(problem.code(), json::<Order>(body.as_bytes()).unwrap_err().code(), "{body}");
        }
        let own = Problem::malformed("`x at line 1 column 2` is no time");
        assert_eq!(without_position(&own).detail(), own.detail());
    }
}
