//! The document from where it is: a file, standard input, or a server.

use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use onsale_engine::waiting_room::draw::ALGORITHM;
use serde::Deserialize;

use crate::client::{Received, can_reach, exchange};
use crate::wire::draw::DrawDocument;

/// The longest answer that is read: 16 million entries are about 2 GB.
const LONGEST_BYTES: usize = 4 << 30;
/// How long a server may take for it.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Why there is nothing to check, in words for who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Reads all of `-` (standard input), of an `http://` address, or of a file.
///
/// # Errors
/// It cannot be read; for an address also if the answer is not 200.
pub async fn fetch(from: &str) -> Result<Vec<u8>, Unreadable> {
    let unreadable = |error: &dyn std::fmt::Display| Unreadable(format!("{from}: {error}"));
    if let Some(rest) = from.strip_prefix("http://") {
        if rest.split_once('/').is_none_or(|(_, path)| path.is_empty()) {
            let host =
                if rest.trim_end_matches('/').is_empty() { "HOST" } else { rest.trim_end_matches('/') };
            let why = format!("there is no draw; name that of a sale, as http://{host}/v1/sales/SALE/draw");
            return Err(unreadable(&why));
        }
        // With the entries, which alone tell whose place is whose; before registration has closed there are none to be had.
        let bare = !from.contains('?');
        let whole = if bare { format!("{from}?entries=true") } else { from.to_owned() };
        return match ask(&whole).await {
            Err((Some(StatusCode::UNPROCESSABLE_ENTITY), _)) if bare => ask(from).await,
            answer => answer,
        }
        .map_err(|(_, why)| unreadable(&why));
    }
    if from.starts_with("https://") {
        let why = format!("there is no TLS here; use `curl -s {from} | onsale verify-draw -`");
        return Err(unreadable(&why));
    }
    if from == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
        return Ok(bytes);
    }
    std::fs::read(from).map_err(|error| unreadable(&error))
}

/// What the server has there; otherwise why not, with the status if it said one.
async fn ask(from: &str) -> Result<Vec<u8>, (Option<StatusCode>, String)> {
    let answer = exchanged(from).await.map_err(|why| (None, why))?;
    if answer.status != StatusCode::OK {
        let why = format!("the server says {}: {}", answer.status, detail(&answer.body));
        return Err((Some(answer.status), why));
    }
    Ok(answer.body.into())
}

async fn exchanged(from: &str) -> Result<Received, String> {
    let address: Uri = from.parse().map_err(|error| format!("this is no address: {error}"))?;
    if !can_reach(&address) {
        return Err("this address has no host".to_owned());
    }
    let path = address.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header("accept", "application/json, application/problem+json");
    let request = request.body(Full::new(Bytes::new())).map_err(|error| error.to_string())?;
    let answer = tokio::time::timeout(LONGEST_WAIT, exchange(&address, request, LONGEST_BYTES)).await;
    answer.map_err(|_| format!("no whole answer in {LONGEST_WAIT:?}"))?
}

/// The sentence of a problem document, or nothing.
fn detail(body: &[u8]) -> String {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Problem {
        title: String,
        detail: String,
    }
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    if problem.detail.is_empty() { problem.title } else { problem.detail }
}

/// Reads the document. Fields that are not known are let through, an algorithm that is not known is not.
///
/// # Errors
/// It is no such document, or of a draw that this program does not know.
pub fn parse(bytes: &[u8]) -> Result<DrawDocument<'_>, Unreadable> {
    #[derive(Deserialize)]
    struct Named {
        algorithm: String,
    }
    let known = |algorithm: &str| {
        (algorithm == ALGORITHM).then_some(()).ok_or_else(|| {
            Unreadable(format!(
                "the draw is `{algorithm}`, and this program knows only `{ALGORITHM}`; a newer onsale may know it"
            ))
        })
    };
    match serde_json::from_slice::<DrawDocument<'_>>(bytes) {
        Ok(document) => {
            known(&document.algorithm)?;
            Ok(document)
        }
        Err(error) => {
            // Another draw may have other fields; then its name says more than the first field that is missing.
            if let Ok(named) = serde_json::from_slice::<Named>(bytes) {
                known(&named.algorithm)?;
            }
            Err(Unreadable(format!("this is no document of a draw: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_algorithm_is_named_whatever_its_fields() {
        let Unreadable(why) = parse(br#"{"algorithm": "onsale-draw-2", "seed": 7}"#).unwrap_err();
        assert!(why.contains("`onsale-draw-2`") && why.contains("newer"), "{why}");
        let Unreadable(why) = parse(br#"{"algorithm": "onsale-draw-1"}"#).unwrap_err();
        assert!(why.contains("missing field"), "{why}");
    }

    #[tokio::test]
    async fn a_server_without_a_path_is_answered_with_the_path() {
        for from in ["http://127.0.0.1:1", "http://127.0.0.1:1/"] {
            let Unreadable(why) = fetch(from).await.unwrap_err();
            assert!(why.contains("http://127.0.0.1:1/v1/sales/SALE/draw"), "{why}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_fetched_is_named() {
        for from in ["/nowhere/draw.json", "https://example.org/draw", "http://127.0.0.1:1/draw"] {
            let Unreadable(why) = fetch(from).await.unwrap_err();
            assert!(why.starts_with(from), "{why}");
        }
    }
}
