//! What came of what people in a line were told, on the wire.

use onsale_engine::decide::GradeView;
use onsale_engine::time::Now;
use onsale_engine::waiting_room::{ERRORS, Grade, Raised};
use serde::Serialize;

use super::time::Written;

/// A class of errors: below so many hundredths of the promised middle, and not below the class before.
#[derive(Debug, Serialize)]
struct Class {
    below_percent: Option<i64>,
    tickets: u64,
}

/// Who was called after a dial had been turned.
#[derive(Debug, Serialize)]
struct Turned {
    called: u64,
    inside: u64,
    early: u64,
    late: u64,
}

/// Upper bounds that rose.
#[derive(Debug, Serialize)]
struct Bounds {
    raised: u64,
    raised_for_a_cause: u64,
    tickets: u64,
    mean_ms: u64,
    most_ms: u64,
}

impl From<Raised> for Bounds {
    fn from(raised: Raised) -> Self {
        let mean_ms = raised.by.0.checked_div(raised.times).unwrap_or(0);
        let Raised { times, caused, tickets, most, .. } = raised;
        Self { raised: times, raised_for_a_cause: caused, tickets, mean_ms, most_ms: most.0 }
    }
}

/// A grade, of a lane or of all.
#[derive(Debug, Serialize)]
struct WrittenGrade {
    shown: u64,
    called: u64,
    inside: u64,
    early: u64,
    late: u64,
    near: u64,
    /// In hundredths, rounded down; none while nobody was called.
    inside_percent: Option<u64>,
    near_percent: Option<u64>,
    absent: u64,
    left: u64,
    called_without_estimate: u64,
    after_a_change: Turned,
    errors: Vec<Class>,
    bounds: Bounds,
}

impl From<Grade> for WrittenGrade {
    fn from(grade: Grade) -> Self {
        let (marks, turned) = (grade.marks(), grade.turned);
        let called = marks.called();
        let bounds = ERRORS.into_iter().map(Some).chain([None]);
        let percent = |part: u64| (part * 100).checked_div(called);
        Self {
            shown: grade.shown,
            called,
            inside: marks.inside,
            early: marks.early,
            late: marks.late,
            near: marks.near,
            inside_percent: percent(marks.inside),
            near_percent: percent(marks.near),
            absent: grade.absent,
            left: grade.left,
            called_without_estimate: grade.untold,
            after_a_change: Turned {
                called: turned.called(),
                inside: turned.inside,
                early: turned.early,
                late: turned.late,
            },
            errors: bounds
                .zip(marks.errors)
                .map(|(below_percent, tickets)| Class { below_percent, tickets })
                .collect(),
            bounds: grade.raised.into(),
        }
    }
}

#[derive(Debug, Serialize)]
struct LaneGrade {
    lane: String,
    #[serde(flatten)]
    grade: WrittenGrade,
}

/// `GET /v1/sales/{sale}/estimates`
#[derive(Debug, Serialize)]
pub struct WrittenEstimates {
    sale: String,
    #[serde(flatten)]
    all: WrittenGrade,
    lanes: Vec<LaneGrade>,
    as_of: Written,
    server_time: Written,
}

impl WrittenEstimates {
    /// The grade as it stood at `now`.
    #[must_use]
    pub fn new(view: GradeView, now: Now) -> Self {
        let all = view.all().into();
        let lane = |(lane, grade): (String, Grade)| LaneGrade { lane, grade: grade.into() };
        let lanes = view.lanes.into_iter().map(lane).collect();
        Self { sale: view.sale, all, lanes, as_of: Written(now.wall), server_time: Written(now.wall) }
    }
}
