//! The document of a draw: all that an outsider needs to check it, on request with every registration.
//!
//! A million registrations are a hundred megabytes: they are read from the line and sent piece by piece, so that neither
//! the line's lock nor the memory is held for long. A registration never changes, so the pieces fit together.

use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_core::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use onsale_engine::waiting_room::draw::{ALGORITHM, RunningDigest};
use onsale_engine::waiting_room::{LaneView, LineView, Minute};
use serde::Deserialize;

use crate::answer::{Outcome, PUBLIC, Said, json};
use crate::app::App;
use crate::call::Call;
use crate::durable::settle;
use crate::problem::{Code, Problem};
use crate::wire::draw::{DrawDocument, Hex, Lane, Phase, Total, statement};
use crate::wire::time::Written;

/// Registrations read under one lock: about two milliseconds.
const PIECE: u32 = 4_096;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct DrawQuery {
    #[serde(default)]
    entries: bool,
}

fn phase(view: &LineView) -> Phase {
    match (view.drawn_at, view.closed_at) {
        (Some(_), _) => Phase::Drawn,
        (None, Some(_)) => Phase::Closed,
        (None, None) => Phase::Committed,
    }
}

fn minute(minute: &Minute) -> crate::wire::draw::Minute {
    crate::wire::draw::Minute {
        at: Written(minute.wall),
        count: minute.registrations.count,
        by_lane: Some(minute.by_lane.clone()),
        digest: Hex(minute.registrations.digest),
    }
}

fn lane(view: &LaneView) -> Lane<'_> {
    Lane::new(&view.name, RunningDigest::new_at(view.registered, view.digest))
}

/// The document without its entries.
fn document(view: &LineView) -> DrawDocument<'_> {
    let beacon = view.beacon.as_ref().map(|beacon| beacon.text.as_str());
    DrawDocument {
        sale: view.sale.as_str().into(),
        algorithm: ALGORITHM.into(),
        phase: phase(view),
        commitment: Hex(view.commitment),
        seed: view.seed.map(Hex),
        beacon: beacon.map(Into::into),
        registrations: Total { count: view.registrations.count, digest: Hex(view.registrations.digest) },
        minutes: view.minutes.iter().map(minute).collect(),
        lanes: view.lanes.iter().map(lane).collect(),
        drawn_at: view.drawn_at.map(Written),
        statement: statement(phase(view), beacon).into(),
        entries: None,
    }
}

/// `GET /v1/sales/{sale}/draw`
pub async fn get(call: Call) -> Outcome {
    let DrawQuery { entries } = call.query()?;
    let line = settle(call.engine(), call.engine().draw(call.param(0))).await?.value;
    let document = document(&line);
    if !entries {
        return Ok(json(StatusCode::OK, &document).cached(PUBLIC));
    }
    if document.phase == Phase::Committed {
        return Err(Problem::new(
            Code::NotReleased,
            "The registrations are shown once registration has closed; until then their digest is.",
        ));
    }
    let mut head = serde_json::to_vec(&document).unwrap_or_default();
    // The object is closed again behind the entries.
    head.pop();
    head.extend_from_slice(b",\"entries\":[");
    let lanes = line.lanes.iter().map(|lane| lane.name.clone()).collect();
    let sale = line.sale.clone();
    let entries = Entries {
        app: Arc::clone(&call.app),
        sale,
        lanes,
        head: Some(head),
        lane: 0,
        from: 0,
        first: true,
        over: false,
    };
    let mut response = Response::new(Body::from_stream(entries));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response.cached(PUBLIC))
}

/// The document on its way: its head, the registrations lane by lane, its end.
struct Entries {
    app: Arc<App>,
    sale: String,
    lanes: Vec<String>,
    head: Option<Vec<u8>>,
    lane: u8,
    from: u32,
    first: bool,
    over: bool,
}

impl Entries {
    fn piece(&mut self, lane: &str) -> Result<String, Problem> {
        // What registered is closed: the document above rests on a later fact than any of them.
        let registered = self.app.engine.registered(&self.sale, self.lane, self.from, PIECE).result?;
        let mut text = String::with_capacity(registered.entries.len() * 96);
        let lane = serde_json::to_string(lane).unwrap_or_default();
        for (number, (joined, leaf)) in (self.from..).zip(&registered.entries) {
            let comma = if std::mem::take(&mut self.first) { "" } else { "," };
            // Writing into memory cannot fail.
            let _ = write!(
                text,
                "{comma}{{\"lane\":{lane},\"number\":{number},\"joined_at_ms\":{},\"leaf\":\"{}\"}}",
                joined.0,
                crate::hex::encode(&leaf.0)
            );
        }
        if registered.more {
            self.from += PIECE;
        } else {
            (self.lane, self.from) = (self.lane + 1, 0);
        }
        Ok(text)
    }
}

impl Stream for Entries {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(head.into())));
        }
        let Some(lane) = self.lanes.get(usize::from(self.lane)).cloned() else {
            let end = !std::mem::replace(&mut self.over, true);
            return Poll::Ready(end.then(|| Ok(Bytes::from_static(b"]}"))));
        };
        // An error breaks the answer off, so that nobody takes a part for the whole.
        let piece = self.piece(&lane).map_err(|problem| std::io::Error::other(problem.detail().to_owned()));
        Poll::Ready(Some(piece.map(Bytes::from)))
    }
}
