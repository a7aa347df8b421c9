//! `onsale queue`: the waiting room from a terminal, for an operator at 16:59 with a shell and no time.
//!
//! It speaks HTTP to a server like any other client. `args` is what can be typed, `words` what is printed.

pub mod args;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_MATCH};
use http::{Method, Request, Uri};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::cli::{say_all, say_error};
use crate::client::{can_reach, exchange};
use args::{QueueArgs, QueueDo, SetArgs};

/// Answers are small; a line of 8 lanes has two kilobytes.
const MOST_BYTES: usize = 1 << 20;

/// A server that has not answered by then is not well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the command: 0 done, 1 refused or no server, 2 what was typed makes no sense.
pub async fn run(arguments: QueueArgs) -> ExitCode {
    let QueueArgs { sale, server, act } = arguments;
    if !can_reach(&server) {
        say_error(&format!("{server} is no address of a server: expected http://HOST:PORT"));
        return ExitCode::from(2);
    }
    let desk = Desk { server, sale };
    let said = match act {
        QueueDo::Show => desk.show().await,
        QueueDo::Set(set) => desk.set(set).await,
        QueueDo::Admit { count, reason, dry_run } => desk.admit(count, reason, dry_run).await,
        QueueDo::Undo { change, reason, dry_run } => desk.undo(change, reason, dry_run).await,
        QueueDo::Log => desk.log().await.map(|changes| words::log(&changes)),
    };
    match said {
        Ok(text) => {
            say_all(&text);
            ExitCode::SUCCESS
        }
        Err(why) => {
            say_error(&why);
            ExitCode::FAILURE
        }
    }
}

/// The newest change that somebody made and nobody has taken back. What the room did itself, under overload, is named by
/// its number or not at all.
fn newest_to_undo(log: &[Value]) -> Option<u64> {
    let undone: Vec<_> = log.iter().filter_map(|change| change["undoes"].as_u64()).collect();
    let newest = log.iter().rev().find(|change| {
        change["what"] == "queue"
            && change["who"] != "itself"
            && change["undoes"].is_null()
            && change["change"].as_u64().is_some_and(|number| !undone.contains(&number))
    });
    newest.and_then(|change| change["change"].as_u64())
}

/// Who asks.
#[derive(Clone, Copy)]
enum Told {
    /// Anybody.
    Public,
    /// An operator, who may have seen a version.
    AsOperator(Option<u64>),
}

/// One sale of one server.
struct Desk {
    server: Uri,
    sale: String,
}

impl Desk {
    async fn line(&self) -> Result<Value, String> {
        // With a key the exact numbers come as well.
        let told = match std::env::var("ONSALE_OPERATOR_KEY") {
            Ok(_) => Told::AsOperator(None),
            Err(_) => Told::Public,
        };
        self.ask(Method::GET, "", None, told).await
    }

    async fn show(&self) -> Result<String, String> {
        let line = self.line().await?;
        let path = format!("/v1/sales/{}/estimates", self.sale);
        let estimates = self.send(Method::GET, &path, None, Told::Public).await?;
        Ok(words::line(&line) + &words::estimates(&estimates))
    }

    /// The newest changes of the sale, oldest first.
    async fn log(&self) -> Result<Vec<Value>, String> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/audit?sale={}&limit=1000{after}", self.sale);
            let page = self.send(Method::GET, &path, None, Told::AsOperator(None)).await?;
            items.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(items),
            }
        }
    }

    async fn set(&self, set: SetArgs) -> Result<String, String> {
        let SetArgs {
            mode,
            admit_per_minute,
            ramp_seconds,
            max_active,
            message,
            no_message,
            beacon,
            reason,
            if_version,
            dry_run,
        } = set;
        let mut change = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                change.insert(name.to_owned(), value);
            }
        };
        put("mode", mode.map(|mode| json!(mode.word())));
        put("admit_per_minute", admit_per_minute.map(|rate| json!(rate)));
        put("ramp_ms", ramp_seconds.map(|seconds| json!(u64::from(seconds) * 1_000)));
        put("max_active", max_active.map(|most| json!(most)));
        put("message", message.map(|text| json!(text)).or(no_message.then_some(Value::Null)));
        put("beacon", beacon.map(|text| json!(text)));
        put("reason", reason.map(|text| json!(text)));
        if change.keys().all(|name| name == "reason") {
            return Err(
                "nothing to set: name at least one of --mode, --admit-per-minute, --max-active, --message, \
                        --no-message, --beacon"
                    .to_owned(),
            );
        }
        self.turn(change, if_version, dry_run).await
    }

    async fn undo(
        &self,
        change: Option<u64>,
        reason: Option<String>,
        dry_run: bool,
    ) -> Result<String, String> {
        let number = match change {
            Some(number) => number,
            None => {
                let log = self.log().await?;
                newest_to_undo(&log).ok_or(
                    "nothing to take back: nobody turned a dial of this line, or all of it was taken back",
                )?
            }
        };
        let mut change = Map::from_iter([("undo".to_owned(), json!(number))]);
        if let Some(reason) = reason {
            change.insert("reason".to_owned(), json!(reason));
        }
        self.turn(change, None, dry_run).await
    }

    async fn turn(
        &self,
        change: Map<String, Value>,
        version: Option<u64>,
        dry_run: bool,
    ) -> Result<String, String> {
        let before = self.line().await?;
        let query = if dry_run { "?dry_run=true" } else { "" };
        let after =
            self.ask(Method::PATCH, query, Some(Value::Object(change)), Told::AsOperator(version)).await?;
        Ok(words::change(&before, &after, dry_run))
    }

    async fn admit(&self, count: u32, reason: Option<String>, dry_run: bool) -> Result<String, String> {
        let query = if dry_run { "/admit?dry_run=true" } else { "/admit" };
        let wish = json!({"count": count, "reason": reason});
        let answer = self.ask(Method::POST, query, Some(wish), Told::AsOperator(None)).await?;
        let called = answer["called"].as_u64().unwrap_or(0);
        let line = self.line().await?;
        Ok(words::admitted(called, count, &line, dry_run))
    }

    async fn ask(
        &self,
        method: Method,
        tail: &str,
        body: Option<Value>,
        told: Told,
    ) -> Result<Value, String> {
        self.send(method, &format!("/v1/sales/{}/queue{tail}", self.sale), body, told).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        told: Told,
    ) -> Result<Value, String> {
        let mut request =
            Request::builder().method(method).uri(path).header(CONTENT_TYPE, "application/json");
        if let Told::AsOperator(version) = told {
            let key = std::env::var("ONSALE_OPERATOR_KEY").map_err(|_| {
                "the operator key is missing: set ONSALE_OPERATOR_KEY (it was printed at the server's first start)"
                    .to_owned()
            })?;
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
            if let Some(version) = version {
                request = request.header(IF_MATCH, format!("\"{version}\""));
            }
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = request.body(Full::new(body)).map_err(|error| format!("`{}`: {error}", self.sale))?;
        let answered = timeout(PATIENCE, exchange(&self.server, request, MOST_BYTES)).await;
        let answer = answered
            .map_err(|_| format!("{} did not answer within {} s", self.server, PATIENCE.as_secs()))?
            .map_err(|error| format!("{}: {error}; is the server running there (--server)?", self.server))?;
        let value: Value = serde_json::from_slice(&answer.body)
            .map_err(|_| format!("{} answered {} with what is no JSON", self.server, answer.status))?;
        if answer.status.is_success() {
            return Ok(value);
        }
        let part = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Err(format!("{} ({} {}): {}", part("title"), answer.status.as_u16(), part("code"), part("detail")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_or_came_by_itself_is_not_taken_back() {
        let change = |number: u64, who: &str, undoes: Option<u64>| json!({"change": number, "what": "queue", "who": who, "undoes": undoes});
        assert_eq!(newest_to_undo(&[]), None);
        let mut log = vec![change(1, "ab", None), change(2, "ab", None), change(3, "itself", None)];
        assert_eq!(newest_to_undo(&log), Some(2));
        log.push(change(4, "ab", Some(2)));
        assert_eq!(newest_to_undo(&log), Some(1));
        log.push(change(5, "ab", Some(1)));
        assert_eq!(newest_to_undo(&log), None);
    }
}
