//! `onsale queue`: the waiting room from a terminal, for an operator at 16:59 with a shell and no time.
//!
//! It speaks HTTP to a server like any other client. `args` is what can be typed, `words` what is printed.

pub mod args;
mod words;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
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
        QueueDo::Admit { count } => desk.admit(count).await,
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

/// One sale of one server.
struct Desk {
    server: Uri,
    sale: String,
}

impl Desk {
    async fn line(&self) -> Result<Value, String> {
        self.ask(Method::GET, "queue", "", None, false).await
    }

    async fn show(&self) -> Result<String, String> {
        let line = self.line().await?;
        let estimates = self.ask(Method::GET, "estimates", "", None, false).await?;
        Ok(words::line(&line) + &words::estimates(&estimates))
    }

    async fn set(&self, set: SetArgs) -> Result<String, String> {
        let SetArgs { mode, admit_per_minute, max_active, message, no_message, beacon, reason, dry_run } =
            set;
        let mut change = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                change.insert(name.to_owned(), value);
            }
        };
        put("mode", mode.map(|mode| json!(mode.word())));
        put("admit_per_minute", admit_per_minute.map(|rate| json!(rate)));
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
        let before = self.line().await?;
        let query = if dry_run { "?dry_run=true" } else { "" };
        let after = self.ask(Method::PATCH, "queue", query, Some(Value::Object(change)), true).await?;
        Ok(words::change(&before, &after, dry_run))
    }

    async fn admit(&self, count: u32) -> Result<String, String> {
        let answer = self.ask(Method::POST, "queue/admit", "", Some(json!({"count": count})), true).await?;
        let called = answer["called"].as_u64().unwrap_or(0);
        let line = self.line().await?;
        Ok(words::admitted(called, count, &line))
    }

    async fn ask(
        &self,
        method: Method,
        what: &str,
        query: &str,
        body: Option<Value>,
        keyed: bool,
    ) -> Result<Value, String> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/v1/sales/{}/{what}{query}", self.sale))
            .header(CONTENT_TYPE, "application/json");
        if keyed {
            let key = std::env::var("ONSALE_OPERATOR_KEY").map_err(|_| {
                "the operator key is missing: set ONSALE_OPERATOR_KEY (it was printed at the server's first start)"
                    .to_owned()
            })?;
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
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
