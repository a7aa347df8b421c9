//! `POST /v1/sales/{sale}/slots`: JSON, all or nothing, or NDJSON, streamed without limit.
//!
//! A stream is handed on in batches; each batch is durable before the next is read, so a slow disk slows the sender down
//! and memory stays bounded by one batch. A line that makes no sense is reported with its number and costs nothing else.
//! Repeating a stream is safe: slots are known by their ids. Lines count one after the other: an id that stands twice is written twice,
//! wherever the second one stands, so a line never meets its own batch. A batch that is refused after others were taken is no refusal of
//! the whole: its lines and all later ones are reported under the code, so that the sender knows what to send again.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{Buf, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use onsale_engine::decide::{SlotRejection, SlotsAdded};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::request::KeyUse;
use tokio::time::{sleep, timeout};

use crate::answer::{Outcome, Said, json};
use crate::call::{Call, Payload};
use crate::durable::settle;
use crate::idempotency;
use crate::problem::{Code, More, Problem};
use crate::wire::read;
use crate::wire::slot::{ImportReport, RejectedLine, SlotInput};
use crate::wire::slot_input::SlotsInput;
use crate::wire::twins;

/// Lines handed to the engine at a time.
const BATCH: usize = 1_000;
/// A longer line is no slot.
const MAX_LINE_BYTES: usize = 64 << 10;
/// Says of what follows that it is UTF-8, which it is anyway.
pub(super) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// Rejected lines that are listed; the others are counted.
const MAX_LISTED: usize = 1_000;

/// How often a batch is tried for which there is no room.
const TRIES: u32 = 5;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

fn reject(report: &mut ImportReport, line: u64, problem: &Problem) {
    report.rejected_count += 1;
    if report.rejected.len() < MAX_LISTED {
        let code = problem.code().unwrap_or(Code::Malformed).name().to_owned();
        report.rejected.push(RejectedLine { line, code, detail: problem.detail().to_owned() });
    }
}

fn count(report: &mut ImportReport, done: SlotsAdded, lines: impl Fn(usize) -> u64) {
    report.added += done.added;
    report.updated += done.updated;
    report.unchanged += done.unchanged;
    for (place, rejection) in done.rejected {
        reject(report, lines(place), &problem_of(rejection));
    }
}

fn in_order(mut report: ImportReport) -> ImportReport {
    report.rejected.sort_by_key(|rejected| rejected.line);
    report
}

fn answer(report: ImportReport) -> Response {
    json(StatusCode::OK, &in_order(report))
}

fn problem_of(rejection: SlotRejection) -> Problem {
    match rejection {
        SlotRejection::Malformed(why) => Problem::malformed(why),
        SlotRejection::Refused(refusal) => refusal.into(),
    }
}

/// `POST /v1/sales/{sale}/slots`
pub async fn post(mut call: Call) -> Outcome {
    let caller = call.principal.operator()?;
    match std::mem::replace(&mut call.body, Payload::Whole(bytes::Bytes::new())) {
        Payload::Stream(body) => stream(&call, body.into_inner()).await,
        whole @ Payload::Whole(_) => {
            call.body = whole;
            let sent = idempotency::optional(&call.headers)?.is_some();
            let key = if sent { Some(call.key(caller, call.param(0))?) } else { None };
            all_or_nothing(&call, key).await
        }
    }
}

async fn all_or_nothing(call: &Call, key: Option<KeyUse>) -> Outcome {
    let SlotsInput { slots } = call.json()?;
    if slots.iter().any(|slot| !slot.labels.is_empty()) {
        twins::refuse(call.bytes())?;
    }
    let slots: Vec<SlotSpec> = slots.into_iter().map(SlotSpec::from).collect();
    let done = match key {
        Some(key) => call.engine().add_slots_once(call.param(0), &slots, key),
        None => call.engine().add_slots(call.param(0), &slots, true),
    };
    let done = settle(call.engine(), done).await?;
    let (done, replayed) = (done.value, done.replayed);
    let mut report = ImportReport::default();
    let first = done.rejected.first().map(|(place, rejection)| (*place, problem_of(rejection.clone())));
    count(&mut report, done, |place| place as u64 + 1);
    let Some((place, problem)) = first else { return Ok(answer(report).replayed(replayed)) };
    let id = slots.get(place).map_or("", |slot| slot.id.as_str());
    let detail = format!("`slots[{place}]` (`{id}`): {} Nothing was added.", problem.detail());
    let more = More { rejected: report.rejected, ..More::default() };
    Err(Problem::new(problem.code().unwrap_or(Code::Rule), detail).with(more))
}

async fn stream(call: &Call, mut body: Body) -> Outcome {
    // A misspelt sale is told before anything is read.
    settle(call.engine(), call.engine().sale(call.param(0))).await?;
    let mut progress = Progress::default();
    let mut lines = Lines::default();
    let mut batch = Batch::default();
    loop {
        let ended_badly = match timeout(call.app.limits.body_timeout, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    lines.push(data);
                }
                None
            }
            Ok(None) => {
                lines.finish();
                None
            }
            Ok(Some(Err(error))) => Some(Problem::malformed(format!("The stream broke off: {error}."))),
            Err(_) => {
                let status = StatusCode::REQUEST_TIMEOUT;
                Some(Problem::bare(status, "The stream stood still for too long."))
            }
        };
        if let Some(problem) = ended_badly {
            // All lines that have ended are in the batch or before it.
            batch.hand_over(call, &mut progress).await?;
            return Err(progress.told(&problem));
        }
        while let Some((number, line)) = lines.next() {
            batch.take(call, &mut progress, number, line).await?;
        }
        if lines.finished {
            batch.hand_over(call, &mut progress).await?;
            return Ok(answer(progress.report));
        }
    }
}

fn slot_of(line: &[u8]) -> Result<SlotInput, Problem> {
    let slot: SlotInput = read::line(line)?;
    if !slot.labels.is_empty() {
        twins::refuse(line).map_err(|problem| read::without_position(&problem))?;
    }
    Ok(slot)
}

/// How far a stream has come.
#[derive(Default)]
struct Progress {
    report: ImportReport,
    /// A batch was taken: the stream can no longer be refused as a whole.
    begun: bool,
    /// Why nothing more is taken.
    refused: Option<Problem>,
}

impl Progress {
    /// Whether this line comes after one that nothing more is taken after.
    fn refuses(&mut self, line: u64) -> bool {
        if let Some(refused) = &self.refused {
            reject(&mut self.report, line, refused);
        }
        self.refused.is_some()
    }

    /// What became of a batch. A refusal goes to the sender as such only while it is true that nothing was done.
    fn step(&mut self, outcome: Result<SlotsAdded, Problem>, lines: &[u64]) -> Result<(), Problem> {
        match outcome {
            Ok(done) => {
                self.begun = true;
                count(&mut self.report, done, |place| lines.get(place).copied().unwrap_or(0));
            }
            Err(problem) if !self.begun => return Err(problem),
            Err(problem) => {
                lines.iter().for_each(|line| reject(&mut self.report, *line, &problem));
                self.refused = Some(problem);
            }
        }
        Ok(())
    }

    /// Why the stream ended, and what was done until then.
    fn told(self, problem: &Problem) -> Problem {
        let report = in_order(self.report);
        let ImportReport { added, updated, unchanged, rejected_count, .. } = report;
        let detail = format!(
            "{} Until then: {added} added, {updated} updated, {unchanged} unchanged, {rejected_count} rejected.",
            problem.detail()
        );
        let told = match problem.code() {
            Some(code) => Problem::new(code, detail),
            None => Problem::bare(problem.status(), detail),
        };
        told.with(More { report: Some(report), ..More::default() })
    }
}

/// Whether a batch is tried again because the journal's buffer had no room for it: that lasts as long as a sync, and a stream
/// in its middle would have to be sent anew.
fn again<T>(outcome: &Result<T, Problem>, tried: u32) -> bool {
    let full = |problem: &Problem| problem.code() == Some(Code::Overloaded);
    tried < TRIES && outcome.as_ref().err().is_some_and(full)
}

#[derive(Default)]
struct Batch {
    slots: Vec<SlotSpec>,
    lines: Vec<u64>,
    /// The slots' own.
    ids: HashSet<String>,
}

impl Batch {
    /// Takes the next line, and hands over what is due before and after it.
    async fn take(
        &mut self,
        call: &Call,
        progress: &mut Progress,
        number: u64,
        line: Result<BytesMut, Problem>,
    ) -> Result<(), Problem> {
        if progress.refuses(number) {
            return Ok(());
        }
        let slot = match line.and_then(|line| slot_of(&line)) {
            Ok(slot) => slot,
            Err(problem) => {
                reject(&mut progress.report, number, &problem);
                return Ok(());
            }
        };
        if self.ids.contains(&slot.id) {
            self.hand_over(call, progress).await?;
            if progress.refuses(number) {
                return Ok(());
            }
        }
        self.ids.insert(slot.id.clone());
        self.slots.push(slot.into());
        self.lines.push(number);
        if self.slots.len() == BATCH { self.hand_over(call, progress).await } else { Ok(()) }
    }

    async fn hand_over(&mut self, call: &Call, progress: &mut Progress) -> Result<(), Problem> {
        if self.slots.is_empty() {
            return Ok(());
        }
        let mut tried = 0;
        let outcome = loop {
            let added = call.engine().add_slots(call.param(0), &self.slots, false);
            let outcome = settle(call.engine(), added).await;
            tried += 1;
            if !again(&outcome, tried) {
                break outcome;
            }
            sleep(PAUSE).await;
        };
        progress.step(outcome.map(|done| done.value), &self.lines)?;
        self.slots.clear();
        self.lines.clear();
        self.ids.clear();
        // An import shares its worker with the sale; let others have a turn between two batches.
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Cuts pieces of a stream into lines.
#[derive(Default)]
struct Lines {
    buffer: BytesMut,
    /// Bytes of the buffer in which there is no line feed.
    searched: usize,
    number: u64,
    /// Inside a line that is too long: everything up to the next line feed is dropped.
    skipping: bool,
    finished: bool,
}

impl Lines {
    fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Nothing comes any more: what is left is the last line.
    fn finish(&mut self) {
        if !self.buffer.is_empty() && !self.buffer.ends_with(b"\n") {
            self.buffer.extend_from_slice(b"\n");
        }
        self.finished = true;
    }

    /// The next line that is not blank, with its number.
    fn next(&mut self) -> Option<(u64, Result<BytesMut, Problem>)> {
        loop {
            let Some(end) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                if self.buffer.len() <= MAX_LINE_BYTES {
                    return None;
                }
                self.buffer.clear();
                self.searched = 0;
                if std::mem::replace(&mut self.skipping, true) {
                    return None;
                }
                return Some((self.number + 1, Err(too_long())));
            };
            let mut line = self.buffer.split_to(self.searched + end);
            self.buffer.advance(1);
            self.searched = 0;
            self.number += 1;
            // Editors put it before the first line, where nobody sees it.
            if self.number == 1 && line.starts_with(BYTE_ORDER_MARK) {
                line.advance(BYTE_ORDER_MARK.len());
            }
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if line.len() > MAX_LINE_BYTES {
                return Some((self.number, Err(too_long())));
            }
            if !line.trim_ascii().is_empty() {
                return Some((self.number, Ok(line)));
            }
        }
    }
}

fn too_long() -> Problem {
    Problem::new(Code::TooLarge, format!("a line has at most {MAX_LINE_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<(u64, Result<String, Code>)> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        let mut take = |lines: &mut Lines| {
            while let Some((number, line)) = lines.next() {
                let line = line.map(|line| String::from_utf8(line.to_vec()).unwrap());
                out.push((number, line.map_err(|problem| problem.code().unwrap())));
            }
        };
        for piece in pieces {
            lines.push(piece);
            take(&mut lines);
        }
        lines.finish();
        take(&mut lines);
        out
    }

    fn refused(code: Code) -> Result<SlotsAdded, Problem> {
        Err(Problem::new(code, "no room"))
    }

    #[test]
    fn a_refusal_after_something_was_done_is_told_line_by_line() {
        let mut progress = Progress::default();
        let first = progress.step(refused(Code::DiskFull), &[1, 2]).unwrap_err();
        assert_eq!(first.code(), Some(Code::DiskFull), "nothing was done, and the answer may say so");
        let done = SlotsAdded { added: 2, ..SlotsAdded::default() };
        progress.step(Ok(done), &[1, 2]).unwrap();
        progress.step(refused(Code::DiskFull), &[3, 5]).unwrap();
        let Progress { report, refused, .. } = progress;
        assert_eq!((report.added, report.rejected_count), (2, 2));
        let told: Vec<_> = report.rejected.iter().map(|line| (line.line, line.code.as_str())).collect();
        assert_eq!(told, [(3, "disk-full"), (5, "disk-full")]);
        assert_eq!(refused.and_then(|problem| problem.code()), Some(Code::DiskFull), "for all later lines");
    }

    #[test]
    fn who_breaks_off_is_told_what_was_done() {
        let mut progress = Progress::default();
        let done = SlotsAdded { added: 2, unchanged: 1, ..SlotsAdded::default() };
        progress.step(Ok(done), &[1, 2, 3]).unwrap();
        progress.step(refused(Code::DiskFull), &[4]).unwrap();
        assert!(progress.refuses(5), "the next line meets what the last one met");
        let ended = Problem::bare(StatusCode::REQUEST_TIMEOUT, "It stood still.");
        let told: serde_json::Value = serde_json::from_slice(&progress.told(&ended).document("r")).unwrap();
        assert_eq!(told["status"], 408);
        assert_eq!(
            told["detail"],
            "It stood still. Until then: 2 added, 0 updated, 1 unchanged, 2 rejected."
        );
        assert_eq!((&told["added"], &told["updated"], &told["unchanged"]), (&2.into(), &0.into(), &1.into()));
        assert_eq!((&told["rejected_count"], &told["rejected"][1]["line"]), (&2.into(), &5.into()));
    }

    #[test]
    fn only_want_of_room_in_the_buffer_is_waited_for() {
        assert!(again(&refused(Code::Overloaded), 1) && !again(&refused(Code::Overloaded), TRIES));
        assert!(!again(&refused(Code::DiskFull), 1) && !again(&Ok(()), 1));
    }

    #[test]
    fn lines_are_numbered_however_the_stream_is_cut() {
        let expected = [(1, Ok("a".to_owned())), (3, Ok("b\r".to_owned())), (4, Ok("c".to_owned()))];
        assert_eq!(cut(&[b"a\n\nb\r\nc"]), expected);
        assert_eq!(cut(&[b"a", b"\n", b"\n", b"b", b"\r\n", b"c\n"]), expected);
        assert_eq!(cut(&[]), []);
    }

    #[test]
    fn a_mark_before_the_first_line_is_no_part_of_it() {
        let expected = [(1, Ok("a".to_owned())), (2, Ok("\u{feff}b".to_owned()))];
        assert_eq!(cut(&["\u{feff}a\n\u{feff}b".as_bytes()]), expected);
        assert_eq!(cut(&["\u{feff}\n".as_bytes()]), []);
    }

    #[test]
    fn a_line_without_end_is_rejected_once_and_takes_no_memory() {
        let long = vec![b'x'; MAX_LINE_BYTES];
        let out = cut(&[b"a\n", &long, &long, &long, b"\nb\n"]);
        assert_eq!(out, [(1, Ok("a".to_owned())), (2, Err(Code::TooLarge)), (3, Ok("b".to_owned()))]);
    }
}
