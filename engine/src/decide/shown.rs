//! What people are shown of their wait is noted, and the first of it written down: in batches, a moment later, so that a poll
//! of somebody who waits costs the journal nothing.

use super::{Core, Decision};
use crate::fact::{LineFact, MAX_SHOWN, ShownRange};
use crate::ids::SaleIx;
use crate::outcome::Answer;
use crate::refusal::{Missing, Refusal};
use crate::time::Now;
use crate::waiting_room::{Grade, Line, LineView, Span, Standing, TicketView, tenths};

/// Bytes of one fact with [`MAX_SHOWN`] ranges: a number of 24 bits, a time and two bounds of 16, at most 13 bytes each.
const SHOWN_BYTES: usize = 16 << 10;

/// Facts of one step and lane: a million tickets have been shown theirs after a few seconds.
const BATCHES: usize = 16;

/// What came of what people were told, lane by lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GradeView {
    /// The sale's public id.
    pub sale: String,
    /// Of each lane, in the order of the terms.
    pub lanes: Vec<(String, Grade)>,
}

impl GradeView {
    fn of(line: &Line) -> Self {
        let lanes = line.rules.lanes.iter().zip(&line.lanes);
        let lanes = lanes.map(|(rules, lane)| (rules.name.clone(), lane.grade)).collect();
        Self { sale: line.sale.clone(), lanes }
    }

    /// All lanes in one.
    #[must_use]
    pub fn all(&self) -> Grade {
        self.lanes.iter().fold(Grade::default(), |sum, (_, grade)| sum.and(grade))
    }
}

impl Core {
    /// What came of what people were told.
    pub fn estimates(&self, now: Now, sale: &str) -> Answer<GradeView> {
        let Some(sale) = self.state.names.listing().sale(sale) else {
            return Self::refuse(now, Refusal::NotFound(Missing::Sale));
        };
        self.on_line(now, sale, |decision| Ok(GradeView::of(decision.line(sale))))
    }

    /// The same of all lines, for counters.
    #[must_use]
    pub fn grades(&self) -> Vec<GradeView> {
        let mut all = Vec::new();
        for shard in 0..self.state.shards() {
            let lines = self.state.lock_lines(usize::from(shard));
            all.extend(lines.lines.values().map(GradeView::of));
        }
        all.sort_by(|one, other| one.sale.cmp(&other.sale));
        all
    }

    /// All lines as everybody sees them, for gauges.
    #[must_use]
    pub fn line_views(&self, now: Now) -> Vec<LineView> {
        let mut all = Vec::new();
        for shard in 0..self.state.shards() {
            let lines = self.state.lock_lines(usize::from(shard));
            all.extend(lines.lines.values().map(|line| line.view(now)));
        }
        all.sort_by(|one, other| one.sale.cmp(&other.sale));
        all
    }

    /// Writes down what was shown for the first time, lane by lane. What finds no room in the buffer is written with the next step.
    pub(super) fn write_shown(&self, now: Now, sale: SaleIx) {
        for lane in 0..=u8::MAX {
            for _ in 0..BATCHES {
                let step = self.on_line_with(now, sale, SHOWN_BYTES, |decision| {
                    let line = decision.line(sale);
                    let is_lane = line.lanes.len() > usize::from(lane);
                    if is_lane && line.told.has_unsaid(lane) {
                        decision.write_shown(sale, lane);
                    }
                    let line = decision.line(sale);
                    Ok((is_lane, line.told.has_unsaid(lane)))
                });
                match step.result {
                    Ok((true, true)) => {}
                    Ok((true, false)) => break,
                    Ok((false, _)) | Err(_) => return,
                }
            }
        }
    }
}

/// How long ago something was, in tenths of a second on a clock that goes round. Who asks at the door is ahead of the ticker.
fn ago(now: u32, then: u32) -> u16 {
    let passed = now.wrapping_sub(then);
    if passed > u32::MAX / 2 { 0 } else { u16::try_from(passed).unwrap_or(u16::MAX) }
}

impl Decision<'_> {
    /// A ticket's holder is shown this.
    pub(super) fn note_shown(&mut self, view: &TicketView) {
        let (ticket, at) = (view.ticket, self.at());
        let line = self.line_mut(ticket.sale);
        let (lane, number) = (ticket.lane, ticket.number);
        line.told.note_chances(lane, number, view.chances.is_some());
        if let Some((low, high)) = view.wait {
            let before = line.row(lane, number).and_then(|row| row.first());
            let range = (Span::at_most(low), Span::at_least(high));
            line.told.note(lane, number, before, range, line.moves.epoch, at);
        }
    }

    fn write_shown(&mut self, sale: SaleIx, lane: u8) {
        let now = tenths(self.at());
        let (unsaid, raised) = self.line_mut(sale).told.take(lane, MAX_SHOWN);
        let line = self.line(sale);
        let waits = |number: u32| {
            let row = line.row(lane, number);
            row.is_some_and(|row| row.standing == Standing::Waiting && row.first().is_none())
        };
        let entries: Vec<_> = unsaid
            .into_iter()
            .filter(|unsaid| waits(unsaid.number))
            .map(|unsaid| ShownRange {
                number: unsaid.number,
                ago: ago(now, unsaid.first.shown),
                low: unsaid.first.low,
                high: unsaid.first.high,
            })
            .collect();
        if !entries.is_empty() || !raised.is_none() {
            self.happen(sale, LineFact::Shown { lane, entries, raised });
        }
    }
}
