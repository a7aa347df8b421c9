//! Walks through the places of a plan at their instants and gives each to somebody: a visitor's step that is due, a visitor
//! who begins, or else a look-only page view. It never waits for an answer; that is what makes the load open.
//!
//! After the rush comes the wind-down: no page views and no thinking, places at a gentle rate, until every visit has come
//! to its final answer or the patience is over. It is outside the figures.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::client::{Answer, Call, Client, Lost};
use crate::measured::{Kind, Measured};
use crate::pace::Pace;
use crate::plan::Plan;
use crate::progress::Pulse;
use crate::shown;
use crate::turns::{Turn, Turns};

/// How long the wind-down may take before visits count as left without an answer.
const WIND_DOWN: Duration = Duration::from_secs(60);

/// What somebody who asked has heard.
#[derive(Debug, Default)]
pub struct Heard {
    /// The answer, if one came.
    pub answer: Option<Answer>,
    /// The code, if it was a refusal.
    pub code: Option<String>,
    /// No connection was to be had: it was never asked.
    pub not_sent: bool,
}

/// What all tasks of a run share.
#[derive(Debug)]
pub struct Floor {
    /// Sends requests.
    pub client: Client,
    /// Counts what comes of them.
    pub measured: RefCell<Measured>,
    /// Where steps wait for their places.
    pub turns: Turns,
    /// True in the wind-down: nobody begins anything new.
    pub closing: Cell<bool>,
    /// Visits begun and not ended.
    pub in_progress: Cell<usize>,
    /// For the progress line.
    pub pulse: Pulse,
}

impl Floor {
    /// A floor for a rush that begins at the book's t0.
    pub fn new(client: Client, measured: Measured, pulse: Pulse) -> Rc<Self> {
        Rc::new(Self {
            client,
            measured: RefCell::new(measured),
            turns: Turns::default(),
            closing: Cell::new(false),
            in_progress: Cell::new(0),
            pulse,
        })
    }

    /// Sends and counts one request.
    pub async fn send(&self, kind: Kind, turn: Turn, call: &Call) -> Heard {
        self.pulse.sent();
        self.answered(kind, turn, call).await
    }

    async fn answered(&self, kind: Kind, turn: Turn, call: &Call) -> Heard {
        let sent = self.client.send(call).await;
        self.pulse.answered();
        let code = self.measured.borrow_mut().record(kind, turn, call, &sent);
        let not_sent = matches!(sent.outcome, Err(Lost::NoConnection));
        Heard { answer: sent.outcome.ok(), code, not_sent }
    }

    /// Sends a request that nobody waits for but [`Floor::settle`], and `hear`s the answer if one comes. It counts as sent from now
    /// on, though its task has not run yet.
    pub fn begin(
        self: &Rc<Self>,
        kind: Kind,
        turn: Turn,
        call: &Rc<Call>,
        hear: impl FnOnce(Answer) + 'static,
    ) {
        self.pulse.sent();
        let (floor, call) = (Rc::clone(self), Rc::clone(call));
        tokio::task::spawn_local(async move {
            if let Some(answer) = floor.answered(kind, turn, &call).await.answer {
                hear(answer);
            }
        });
    }

    /// A page view by somebody who only looks.
    pub fn view(self: &Rc<Self>, turn: Turn, call: &Rc<Call>) {
        let floor = Rc::clone(self);
        self.begin(Kind::Look, turn, call, move |answer| {
            shown::page(&mut floor.measured.borrow_mut(), &answer);
        });
    }

    /// Waits for what is on the way: page views are not visits, but a stall at the very end must not slip out of the table.
    pub async fn settle(&self) {
        let limit = Instant::now() + crate::client::PATIENCE + Duration::from_secs(1);
        while self.pulse.open() > 0 && Instant::now() < limit {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// How many places went to whom.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shares {
    /// Steps inside visits.
    pub steps: usize,
    /// First steps of visits.
    pub arrivals: usize,
    /// Look-only page views.
    pub views: usize,
    /// Visits that had no final answer when the wind-down was over.
    pub unfinished: usize,
}

/// Runs a plan. `visit` makes the visit of a number whose first step has this turn; `view` is the look-only page view.
pub async fn run<V, F>(floor: &Rc<Floor>, plan: &Plan, view: &Rc<Call>, visit: V) -> Shares
where
    V: Fn(usize, Turn) -> F,
    F: Future<Output = ()> + 'static,
{
    let mut shares = Shares::default();
    let t0 = floor.measured.borrow().t0();
    let pace = Pace::new();
    let mut arrivals = plan.arrivals.iter().map(|at| instant(t0, *at)).enumerate().peekable();
    let begin = |number, turn| {
        floor.in_progress.set(floor.in_progress.get() + 1);
        let (floor, visit) = (Rc::clone(floor), visit(number, turn));
        tokio::task::spawn_local(async move {
            visit.await;
            floor.in_progress.set(floor.in_progress.get() - 1);
        });
    };

    for at in &plan.places {
        let place = instant(t0, *at);
        pace.until(place).await;
        if floor.turns.give(place, false) {
            shares.steps += 1;
        } else if let Some((number, wished)) = arrivals.next_if(|(_, wished)| *wished <= place) {
            shares.arrivals += 1;
            begin(number, Turn::of(place, wished));
        } else {
            shares.views += 1;
            floor.view(Turn::at(place), view);
        }
    }

    floor.closing.set(true);
    let rush_end = instant(t0, plan.rush_us);
    let gap = gentle_gap(plan);
    // A tester that was away till now has people who have begun and done nothing yet: they have as long as others.
    let begin_at = rush_end.max(Instant::now());
    let mut place = begin_at;
    while place < begin_at + WIND_DOWN {
        pace.until(place).await;
        if floor.turns.give(place, true) {
            shares.steps += 1;
        } else if let Some((number, wished)) = arrivals.next() {
            shares.arrivals += 1;
            begin(number, Turn::of(place, wished));
        } else if floor.in_progress.get() == 0 {
            break;
        }
        place += gap;
    }
    floor.settle().await;
    shares.unfinished = floor.in_progress.get() + arrivals.count();
    shares
}

/// The wind-down runs at a third of the rush's rate, at least 50/s.
fn gentle_gap(plan: &Plan) -> Duration {
    let rush = Duration::from_micros(u64::try_from(plan.rush_us).unwrap_or(1).max(1));
    let places = u32::try_from(plan.rush_places()).unwrap_or(u32::MAX).max(1);
    (rush * 3 / places).clamp(Duration::from_micros(300), Duration::from_millis(20))
}

fn instant(t0: Instant, micros: i64) -> Instant {
    let size = Duration::from_micros(micros.unsigned_abs());
    if micros < 0 { t0.checked_sub(size).unwrap_or(t0) } else { t0 + size }
}
