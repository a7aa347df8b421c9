//! Everything a run measures, gathered in one place while it goes on: the three clocks of each kind of request in each
//! phase, what was answered, and what broke the contract. [`crate::report`] turns it into figures afterwards.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::ages::Ages;
use crate::client::{Answer, Call, Lost, Sent};
use crate::latency::{Lane, Times};
use crate::refusals::{self, Problem};
use crate::shown::SoldOut;
use crate::turns::Turn;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Joining a waiting room.
    Join,
    /// Asking how one's ticket stands.
    Poll,
    /// Reading what everybody may know of the line.
    Line,
    /// Leaving the line.
    Leave,
    /// Looking at what is left.
    Look,
    /// Searching for bundles.
    Search,
    /// Making a cart with its hold.
    Hold,
    /// Checking out, with its waiting.
    Checkout,
    /// Giving a cart back.
    GiveBack,
}

impl Kind {
    /// All kinds, in the order of a visit.
    pub const ALL: [Self; 9] = [
        Self::Join,
        Self::Poll,
        Self::Line,
        Self::Leave,
        Self::Look,
        Self::Search,
        Self::Hold,
        Self::Checkout,
        Self::GiveBack,
    ];

    /// The word of the reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Poll => "poll",
            Self::Line => "line",
            Self::Leave => "leave",
            Self::Look => "look",
            Self::Search => "search",
            Self::Hold => "hold",
            Self::Checkout => "checkout",
            Self::GiveBack => "give-back",
        }
    }
}

/// The part of the run a request was intended in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before t0.
    WarmUp,
    /// From t0 for the length of the rush: the figures are of this.
    Rush,
    /// After it, when the visits in progress are brought to their end.
    Afterwards,
}

/// How an answer is counted: its status and, for a refusal, its code; or why there was none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// A status and a code.
    Answer(u16, String),
    /// No answer.
    Lost(Lost),
}

/// The book of one run.
#[derive(Debug)]
pub struct Measured {
    t0: Instant,
    rush: Duration,
    lanes: BTreeMap<(Phase, Kind), Lane>,
    /// Holds of the rush that were granted: the ones that wait for the disk. Most holds of a rush are refused and fast. One that was
    /// asked for several times has waited since the first.
    pub granted: Lane,
    /// How often what was told, by kind, all phases.
    pub told: BTreeMap<(Kind, Told), u64>,
    /// Breaches of the contract and how often each was seen.
    pub breaches: BTreeMap<String, u64>,
    /// From a visit's intended arrival to its final answer, thinking included.
    pub visits: Times,
    /// How long visitors' steps waited for a place after they were due, in the rush.
    pub waited_for_place: Times,
    /// How old what was read was.
    pub ages: Ages,
    /// Of what it was said that nothing is left.
    pub sold_out: SoldOut,
}

impl Measured {
    /// An empty book of a rush that begins at `t0`.
    pub fn new(t0: Instant, rush: Duration) -> Self {
        Self {
            t0,
            rush,
            lanes: BTreeMap::new(),
            granted: Lane::default(),
            told: BTreeMap::new(),
            breaches: BTreeMap::new(),
            visits: Times::default(),
            waited_for_place: Times::default(),
            ages: Ages::new(),
            sold_out: SoldOut::new(),
        }
    }

    /// The instant of the opening.
    pub fn t0(&self) -> Instant {
        self.t0
    }

    /// Counts one request; gives back the code of a refusal.
    pub fn record(&mut self, kind: Kind, turn: Turn, call: &Call, sent: &Sent) -> Option<String> {
        let (phase, second) = self.place(turn.intended);
        if phase == Phase::Rush && turn.waits {
            self.waited_for_place.record(turn.intended.saturating_duration_since(turn.due));
        }
        let lane = self.lanes.entry((phase, kind)).or_default();
        let mut latency = sent.done_at.saturating_duration_since(turn.intended);
        if let Err(lost) = sent.outcome {
            latency = latency.max(call.timeout);
            lane.lost += 1;
            lane.not_sent += u64::from(lost == Lost::NoConnection);
        }
        let busy = |answer: &Answer| answer.status == 429 || answer.status >= 500;
        lane.turned_away += u64::from(sent.outcome.as_ref().is_ok_and(busy));
        let service = sent.done_at.saturating_duration_since(sent.sent_at);
        let send_lag = sent.sent_at.saturating_duration_since(turn.intended);
        lane.record(second, latency, service, send_lag);
        let granted = sent.outcome.as_ref().is_ok_and(|answer| answer.status == 201);
        if granted
            && kind == Kind::Hold
            && let (Phase::Rush, second) = self.place(turn.first)
        {
            let since_first = sent.done_at.saturating_duration_since(turn.first);
            self.granted.record(second, since_first, service, send_lag);
        }
        let (told, code) = match &sent.outcome {
            Ok(answer) => self.judge(kind, answer),
            Err(lost) => (Told::Lost(*lost), None),
        };
        *self.told.entry((kind, told)).or_default() += 1;
        code
    }

    /// Notes a breach of the contract that only the caller could see.
    pub fn breach(&mut self, what: impl Into<String>) {
        *self.breaches.entry(what.into()).or_default() += 1;
    }

    /// The merged lane of some kinds in one phase.
    pub fn lane(&self, phase: Phase, kinds: &[Kind]) -> Lane {
        let mut all = Lane::default();
        kinds.iter().filter_map(|kind| self.lanes.get(&(phase, *kind))).for_each(|lane| all.merge(lane));
        all
    }

    fn place(&self, intended: Instant) -> (Phase, usize) {
        match intended.checked_duration_since(self.t0) {
            None => (Phase::WarmUp, 0),
            Some(after) if after < self.rush => {
                (Phase::Rush, usize::try_from(after.as_secs()).unwrap_or_default())
            }
            Some(_) => (Phase::Afterwards, 0),
        }
    }

    fn judge(&mut self, kind: Kind, answer: &Answer) -> (Told, Option<String>) {
        if answer.status < 400 {
            return (Told::Answer(answer.status, String::new()), None);
        }
        let code = answer.read::<Problem>().ok().map(|problem| problem.code);
        if let Some(what) = refusals::breach(answer.status, code.as_deref(), answer.retry_after) {
            self.breach(format!("{}: {what}", kind.word()));
        }
        // A passage that has ended is told otherwise: with the keys of a run nobody is a stranger.
        if answer.status == 401 {
            self.breach(format!("{}: 401: a credential of this run is refused", kind.word()));
        }
        (Told::Answer(answer.status, code.clone().unwrap_or_default()), code)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_cart_that_was_asked_for_twice_has_waited_since_the_first_time() {
        let t0 = Instant::now();
        let at = |ms| t0 + Duration::from_millis(ms);
        let mut measured = Measured::new(t0, Duration::from_secs(2));
        let granted = Answer {
            status: 201,
            retry_after: false,
            replayed: false,
            times: (t0, t0),
            etag: None,
            body: Bytes::new(),
        };
        let sent = Sent { sent_at: at(2_500), done_at: at(2_501), outcome: Ok(granted) };
        measured.record(Kind::Look, Turn::at(at(500)), &Call::get("/"), &sent);
        assert_eq!(measured.waited_for_place.spread().count, 0, "a page view waits for nothing");
        measured.record(Kind::Look, Turn::of(at(500), at(400)), &Call::get("/"), &sent);
        assert_eq!(measured.waited_for_place.spread().count, 1);
        let turn = Turn { first: at(1_000), ..Turn::at(at(2_500)) };
        measured.record(Kind::Hold, turn, &Call::get("/"), &sent);
        assert_eq!(measured.granted.latency().spread().max_us / 1_000, 1_501, "asked for in the rush");
        assert_eq!(measured.lane(Phase::Rush, &[Kind::Hold]).latency().spread().count, 0, "sent after it");
    }
}
