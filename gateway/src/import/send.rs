//! Slots to the server: NDJSON in chunks, the answers summed, rejected lines led back to the operator's own files.
//!
//! A chunk has 1,000 lines because the server lists at most the first 1,000 it rejected: of a chunk it can always list all.
//! Importing is idempotent by slot id, so a chunk that the server was too busy for is simply sent again, and after any
//! failure the whole command may be repeated. Plain HTTP only: an operator's key belongs on loopback or behind a proxy.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use crate::cli::say_aside;
use crate::client::exchange;
use crate::import::reading::{RefusedLine, SourcedSlot};
use crate::import::report::count;
use crate::wire::slot::ImportReport;

/// Lines of one request.
const CHUNK_LINES: usize = 1_000;
/// How often a chunk is offered again to a server that says 429 or 503.
const TRIES: u32 = 5;
/// The longest wait between two tries, whatever `Retry-After` says: an operator is looking on.
const LONGEST_WAIT_S: u64 = 10;
/// How long one request may take; 1,000 slots take milliseconds.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// The longest answer that is read: 1,000 rejected lines are well below it.
const LONGEST_ANSWER_BYTES: usize = 4 << 20;

/// Where slots go.
#[derive(Clone, Debug)]
pub struct Target {
    /// The server's address, `http://host:port`.
    pub server: Uri,
    /// The sale.
    pub sale: String,
    /// The operator's key.
    pub operator_key: String,
}

/// The answers of all chunks together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Slots that were not there before.
    pub added: u64,
    /// Slots that are different now.
    pub updated: u64,
    /// Slots that were there exactly so.
    pub unchanged: u64,
    /// Lines the server refused.
    pub rejected_count: u64,
    /// These lines, at their place in the source.
    pub rejected: Vec<RefusedLine>,
}

/// Why sending stopped, in the operator's words, with what to type next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// What of `application/problem+json` is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
    code: String,
    request_id: String,
}

/// Sends all slots; `sent` holds what was done so far even when this fails half-way.
///
/// # Errors
/// The server cannot be reached, or refuses a request as a whole.
pub async fn send(target: &Target, slots: &[SourcedSlot], sent: &mut Sent) -> Result<(), SendError> {
    let mut progress = Progress::new(slots.len());
    for chunk in slots.chunks(CHUNK_LINES) {
        let body = Bytes::from(ndjson(chunk));
        let report = offer(target, &body).await?;
        sent.take(chunk, report);
        progress.advance(chunk.len(), sent);
    }
    progress.finish();
    Ok(())
}

/// Slots as NDJSON, one a line.
#[must_use]
pub fn ndjson(slots: &[SourcedSlot]) -> Vec<u8> {
    let mut out = Vec::with_capacity(slots.len() * 200);
    for sourced in slots {
        // Strings, numbers and a map with string keys into memory: there is nothing in it that could fail.
        serde_json::to_writer(&mut out, &sourced.slot).expect("a slot is plain data");
        out.push(b'\n');
    }
    out
}

impl Sent {
    fn take(&mut self, chunk: &[SourcedSlot], report: ImportReport) {
        self.added += report.added;
        self.updated += report.updated;
        self.unchanged += report.unchanged;
        self.rejected_count += report.rejected_count;
        for line in report.rejected {
            let index = usize::try_from(line.line).ok().and_then(|line| line.checked_sub(1));
            let Some(sourced) = index.and_then(|index| chunk.get(index)) else { continue };
            let detail = format!("slot {}: {}", sourced.slot.id, line.detail);
            self.rejected.push(RefusedLine { place: sourced.place.clone(), code: line.code, detail });
        }
    }
}

/// One chunk, again while the server is busy.
async fn offer(target: &Target, body: &Bytes) -> Result<ImportReport, SendError> {
    let mut tries = 1;
    loop {
        let answer = tokio::time::timeout(LONGEST_SILENCE, post(target, body)).await;
        let (status, retry_after_s, answer) = answer.map_err(|_| SendError {
            message: format!("{} took a request and did not answer it in {LONGEST_SILENCE:?}", target.server),
            next: Some("Run the same command again: slots that are already there stay as they are.".into()),
        })??;
        match status {
            StatusCode::OK | StatusCode::CREATED => {
                return serde_json::from_slice(&answer).map_err(|error| SendError {
                    message: format!("The server's answer is not an import report: {error}"),
                    next: Some(format!("Check that {} is an onsale server.", target.server)),
                });
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_secs(retry_after_s.min(LONGEST_WAIT_S))).await;
            }
            _ => return Err(refused(target, status, &answer)),
        }
    }
}

async fn post(target: &Target, body: &Bytes) -> Result<(StatusCode, u64, Bytes), SendError> {
    let server = &target.server;
    let unreachable = |error: &dyn std::fmt::Display| SendError {
        message: format!("Cannot talk to {server}: {error}"),
        next: Some("Start it with `onsale serve`, or name another with --server http://HOST:PORT.".into()),
    };
    let request =
        Request::post(format!("{}/v1/sales/{}/slots", server.path().trim_end_matches('/'), target.sale))
            .header("authorization", format!("Bearer {}", target.operator_key))
            .header("content-type", "application/x-ndjson")
            .header("accept", "application/json, application/problem+json")
            .body(Full::new(body.clone()))
            .map_err(|error| unreachable(&error))?;
    let answer =
        exchange(server, request, LONGEST_ANSWER_BYTES).await.map_err(|error| unreachable(&error))?;
    let retry_after = answer.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    Ok((answer.status, retry_after.unwrap_or(1), answer.body))
}

fn refused(target: &Target, status: StatusCode, answer: &[u8]) -> SendError {
    let problem: Problem = serde_json::from_slice(answer).unwrap_or_default();
    let title = if problem.title.is_empty() {
        status.canonical_reason().unwrap_or("refused")
    } else {
        &problem.title
    };
    let mut message = format!("The server refused: {title} ({status}");
    if !problem.code.is_empty() {
        message.push_str(&format!(", {}", problem.code));
    }
    message.push(')');
    if !problem.detail.is_empty() {
        message.push_str(&format!("\n{}", problem.detail));
    }
    if !problem.request_id.is_empty() {
        message.push_str(&format!("\nrequest {}", problem.request_id));
    }
    let (server, sale) = (target.server.to_string(), &target.sale);
    let server = server.trim_end_matches('/');
    let host = target.server.authority().map_or("HOST:PORT", http::uri::Authority::as_str);
    // A path that no proxy takes away finds no sale either.
    let elsewhere = match target.server.path() {
        "/" | "" => String::new(),
        _ => format!("Is the server really under {server}? Otherwise say --server http://{host}\n"),
    };
    let next = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(
            "Set ONSALE_OPERATOR_KEY to the operator key (op_…) that the server printed at its first start."
                .into(),
        ),
        StatusCode::NOT_FOUND => Some(format!(
            "{elsewhere}Create the sale first:\n  curl -X PUT {server}/v1/sales/{sale} -H \"Authorization: Bearer $ONSALE_OPERATOR_KEY\" \\\n    \
             -H 'Content-Type: application/json' -d '{{\"name\": \"{sale}\", \"time_zone\": \"Europe/Berlin\"}}'"
        )),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some("Run the same command again later: slots that are already there stay as they are.".into())
        }
        _ => None,
    };
    SendError { message, next }
}

/// A bar on a terminal, a plain line now and then in a log.
struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    done: usize,
    said: usize,
}

impl Progress {
    fn new(total: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:40} {human_pos}/{human_len} slots, {eta} left {msg}");
            ProgressBar::new(total as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, total, done: 0, said: 0 }
    }

    fn advance(&mut self, slots: usize, sent: &Sent) {
        self.done += slots;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done as u64);
            if sent.rejected_count > 0 {
                bar.set_message(format!("({} rejected)", count(sent.rejected_count)));
            }
        } else if self.done == self.total || self.done - self.said >= self.total / 10 {
            self.said = self.done;
            let rejected = count(sent.rejected_count);
            let (done, total) = (count(self.done), count(self.total));
            say_aside(&format!("sent {done} of {total} slots, {rejected} rejected"));
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
