//! Calls outside the load: setting a sale up and reading the books. Unlike the load they may be asked again, and an answer
//! that is not as expected ends the run with words instead of being counted.

use std::time::Duration;

use http::HeaderValue;
use serde::de::DeserializeOwned;

use crate::client::{Answer, Call, Client};
use crate::failure::Failure;
use crate::refusals::Problem;
use crate::wire::Page;

/// Setting up and reading back may take longer than a visitor's patience.
const PATIENCE: Duration = Duration::from_secs(120);

/// Somebody with a key and time.
#[derive(Debug)]
pub struct Operator {
    client: Client,
    key: HeaderValue,
    url: String,
}

impl Operator {
    /// Calls through this client with this key; `url` is only for words.
    pub fn new(client: Client, key: HeaderValue, url: &str) -> Self {
        Self { client, key, url: url.to_owned() }
    }

    /// Sends a call until there is an answer that is not 503; any status may come back. A call that brings a credential
    /// of its own keeps it.
    pub async fn ask(&self, call: Call) -> Result<Answer, Failure> {
        let mut call = call;
        call.key.get_or_insert_with(|| self.key.clone());
        call.timeout = PATIENCE;
        let mut why = String::new();
        for pause_ms in [0_u64, 200, 1_000, 3_000] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            match self.client.send(&call).await.outcome {
                Ok(answer) if answer.status != 503 => return Ok(answer),
                Ok(answer) => why = self.words(&answer),
                Err(lost) => why = format!("no answer ({lost:?})"),
            }
        }
        Err(Failure::new(
            format!("{} {} got no answer.", call.method, call.path),
            why,
            format!("check that the server at {} is up: `curl {}/readyz`", self.url, self.url),
        ))
    }

    /// Sends a call whose success is one of these statuses.
    pub async fn expect(&self, call: Call, statuses: &[u16]) -> Result<Answer, Failure> {
        let what = format!("{} {}", call.method, call.path);
        let answer = self.ask(call).await?;
        if statuses.contains(&answer.status) {
            return Ok(answer);
        }
        let next = match answer.status {
            401 | 403 => "check the keys in ONSALE_OPERATOR_KEY and ONSALE_SERVER_KEY",
            404 => "check the name of the sale: `--sale`",
            412 | 428 => "the sale exists already: choose another name with `--sale`",
            _ => "look into the server's log for the request",
        };
        Err(Failure::new(format!("{what} was refused."), self.words(&answer), next))
    }

    /// Reads one document.
    pub async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.expect(Call::get(path), &[200]).await?;
        serde_json::from_slice(&answer.body).map_err(|error| unreadable(path, error))
    }

    /// Reads a whole list, page by page for as long as the server names a next one. `path` has a query.
    pub async fn read_all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let from = after.as_deref().map(|after| format!("&after={}", escaped(after))).unwrap_or_default();
            let page: Page<T> = self.read(&format!("{path}{from}")).await?;
            all.extend(page.items);
            match page.next {
                // A server that gives the same mark for ever would keep us here for ever.
                Some(next) if after.as_ref() == Some(&next) => {
                    return Err(unreadable(path, "`next` does not move on"));
                }
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    fn words(&self, answer: &Answer) -> String {
        match answer.read::<Problem>() {
            Ok(problem) => format!("{} {}: {}", answer.status, problem.code, problem.detail),
            Err(_) => format!("status {}", answer.status),
        }
    }
}

/// A mark is the server's to choose and may hold anything; in a query only unreserved characters stand for themselves.
fn escaped(mark: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    mark.bytes().map(one).collect()
}

/// An answer that cannot be read is a breach of the contract nobody can work with.
pub fn unreadable(path: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(
        format!("The answer to {path} cannot be read."),
        why,
        "compare it with the contract: /openapi.json of that server",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_a_query() {
        assert_eq!(escaped("order_1.x-~"), "order_1.x-~");
        assert_eq!(escaped("a+b/c=&é"), "a%2Bb%2Fc%3D%26%C3%A9");
    }
}
