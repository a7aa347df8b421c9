//! The integration document: which pages of the shop wait, and where, for connectors that fetch it.

use std::num::{NonZeroU16, NonZeroU32};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::nothing_here;
use crate::answer::{Outcome, PRIVATE, Said, json_bytes};
use crate::auth::Remembered;
use crate::call::Call;
use crate::problem::{Code, Problem};
use crate::queue_it::ids::EventId;
use crate::queue_it::integration::{Action, BackTo, Integration, Room, Rule, Stay};
use crate::queue_it::trigger::{Of, Part, Subject, Test, Trigger};

/// How long a connector's cookie is good if no token says so. Ours always say.
const COOKIE_MINUTES: NonZeroU16 = NonZeroU16::new(20).unwrap();

/// Where connectors show a key.
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// `GET /status/integrationconfig/secure/{account}`: for who shows a server or operator key, as any call does or in
/// `api-key`, as connectors do.
pub async fn get(call: Call) -> Outcome {
    let Some(connector) = &call.app.connector else { return Err(nothing_here()) };
    known(&call)?;
    if call.param(0) != connector.account.as_str() {
        return Err(Problem::new(Code::NotFound, "There is no such account here."));
    }
    let document = connector.rules.clone().ok_or_else(|| {
        Problem::new(Code::NotFound, "No pages are named: set `queue_it.pages` and `queue_it.domain`.")
    })?;
    Ok(json_bytes(StatusCode::OK, document.into_bytes()).cached(PRIVATE))
}

fn known(call: &Call) -> Result<(), Problem> {
    let Some(key) = call.headers.get(&API_KEY) else { return call.principal.seller().map(drop) };
    let bearer = HeaderValue::from_bytes(&[b"Bearer ", key.as_bytes()].concat());
    let bearer =
        bearer.map_err(|_| Problem::new(Code::Credentials, "The key is not known to this server."))?;
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
    let doorkeeper = &call.app.doorkeeper;
    doorkeeper.recognise(&headers, &Remembered::default(), call.engine())?.seller().map(drop)
}

/// The document: a rule for each page; none if there are no pages.
///
/// # Errors
/// A sentence about what is out of bounds.
pub fn document(domain: &str, pages: Vec<(EventId, String)>) -> Result<Option<String>, String> {
    if pages.is_empty() {
        return Ok(None);
    }
    let rules: Vec<_> = pages.into_iter().map(|(event, path)| rule(domain, event, path)).collect();
    let fault = |_| "a name or a path is too long for the document".to_owned();
    let written = |version: NonZeroU32, rules: Vec<Rule>| {
        let document = Integration::new(version, rules).map_err(fault)?;
        serde_json::to_string(&document).map_err(|error| error.to_string())
    };
    // The version is a hash of the rest, so that it is another one whenever something has changed and the same again after
    // a restart.
    let digest = Sha256::digest(written(NonZeroU32::MIN, rules.clone())?);
    let first = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 1;
    written(NonZeroU32::new(first).unwrap_or(NonZeroU32::MIN), rules).map(Some)
}

fn rule(domain: &str, event: EventId, path: String) -> Rule {
    let part = Part { subject: Subject::Path, test: Test::Contains(path), negative: false, any_case: true };
    let stay = Stay {
        cookie_minutes: COOKIE_MINUTES,
        extend: false,
        culture: None,
        layout: None,
        back_to: BackTo::Wanted,
    };
    let name = event.to_string();
    let room = Room {
        event,
        also: Vec::new(),
        domain: domain.to_owned(),
        path_prefix: String::new(),
        cookie_domain: None,
    };
    let triggers = vec![Trigger { of_parts: Of::All, parts: vec![part] }];
    Rule { name, action: Action::Queue(room, stay), triggers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn made(pages: &[(&str, &str)]) -> Value {
        let pages = pages.iter().map(|(sale, path)| (EventId::new(sale).unwrap(), (*path).to_owned()));
        serde_json::from_str(&document("queue.shop.example", pages.collect()).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn another_document_has_another_version() {
        let (one, again, other) = (made(&[("rush", "/a")]), made(&[("rush", "/a")]), made(&[("rush", "/b")]));
        assert_eq!(one, again);
        assert!(one["Version"].as_u64().unwrap() > 0 && one["Version"] != other["Version"]);
        assert_eq!(made(&[("a", "/x"), ("b", "/y")])["Integrations"].as_array().unwrap().len(), 2);
        assert_eq!(document("d", Vec::new()), Ok(None));
        let long = vec![(EventId::new("a").unwrap(), "/".repeat(600))];
        assert!(document("d", long).is_err());
    }
}
