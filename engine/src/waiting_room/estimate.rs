//! How long it will take, as a range: from who is there, who comes, what the dial gives, and how the line really moves.
//!
//! The calls before a place are those who are there ahead of it, in its own lane and in the lanes beside it, and those
//! who are back and share. The rate is one of people who come in, so calls that nobody follows shorten the wait; nobody
//! knows how many will be before the first windows have ended, and until then the range is as wide as that. When something
//! else than the rate decides (the cap, the stock, a brake), the measured pace is what counts. `docs/waiting-room.md` has
//! the whole list.

use super::lane::{BACK_EVERY, LaneLine};
use super::line::Line;
use super::moves::{Outlook, Share, size};
use super::span::Span;
use crate::time::{Millis, Timestamp, WallTime};

/// What no measurement knows better, as a share of the wait.
const MARGIN: f64 = 0.05;

/// The same of a measured pace: what decides it may change.
const PACE_MARGIN: f64 = 0.2;

/// A range is never narrower than this share of its upper bound.
const NARROWEST: f64 = 0.1;

/// A line looks at so many places in a second at most, whoever is gone.
const PLACES_A_SECOND: f64 = 20_000.0;

/// No promise is made beyond so long.
const LONGEST: f64 = 30.0 * 86_400_000.0;

/// What is expected before anything was measured.
const UNMEASURED: Outlook = Outlook {
    no_shows: Share { low: 0.0, mid: 1.0 / 6.0, high: 1.0 / 3.0, known: 0.0 },
    leaving: (0.0, 0.0),
    pace: None,
    units: None,
};

/// A whole number, of milliseconds or of people.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn whole(number: f64) -> u64 {
    number.clamp(0.0, LONGEST) as u64
}

/// Of so many who go away at this rate, the share that is still there when their turn comes within `span`: the first almost all,
/// the last fewest.
fn staying(leaving: f64, span: f64) -> f64 {
    let gone = leaving * span;
    if gone < 1e-6 { 1.0 } else { (1.0 - (-gone).exp()) / gone }
}

impl Line {
    /// What is expected of the next minutes.
    pub(super) fn outlook(&self) -> Outlook {
        self.moves.outlook.unwrap_or(UNMEASURED)
    }

    /// People who come in, per millisecond, at an instant: what the dial gives.
    pub(super) fn rate(&self, at: Timestamp) -> f64 {
        f64::from(self.pace().at(at)) / 60_000.0
    }

    /// How long the dial takes to let so many in, on its way to where it was turned as well; none if it never does.
    pub(super) fn lets_in(&self, people: f64, at: Timestamp) -> Option<f64> {
        let pace = self.pace();
        if pace.is_moving(at) {
            return pace.time_for(whole(people), at).map(|span| size(span.0));
        }
        (pace.rate > 0).then(|| people / self.rate(at))
    }

    /// How many of a lane are there ahead of a place.
    fn there(&self, lane: usize, place: u32) -> f64 {
        let here = &self.lanes[lane];
        match self.moves.present.get(lane) {
            Some(present) if self.moves.outlook.is_some() => present.ahead(here, place),
            _ => f64::from(place.saturating_sub(here.turns)),
        }
    }

    /// Calls before a place (from 0) of a lane has its turn, about: the lanes beside it get theirs by weight, and those who are
    /// back one of so many.
    pub(super) fn calls_before(&self, lane: u8, place: u32) -> f64 {
        let own = usize::from(lane);
        let people = self.there(own, place);
        let weight = |lane: usize| self.rules.lanes.get(lane).map_or(1.0, |lane| f64::from(lane.weight));
        let back = |lane: &LaneLine, people: f64| {
            size(lane.back.len() as u64).min(people / (size(BACK_EVERY) - 1.0))
        };
        let mine = people + back(&self.lanes[own], people);
        let turn = self.shares.had(own) + mine / weight(own);
        let others = (0..self.lanes.len()).filter(|other| *other != own).map(|other| {
            let beside = &self.lanes[other];
            let there = self.there(other, beside.len());
            let there = there + size(beside.back.len() as u64);
            ((turn - self.shares.had(other)) * weight(other)).clamp(0.0, there)
        });
        mine + others.sum::<f64>()
    }

    /// Calls that nobody will follow, of those that are open, once the line runs evenly.
    pub(super) fn circling(&self, no_shows: f64, at: Timestamp) -> f64 {
        no_shows / (1.0 - no_shows) * size(self.rules.claim.0) * self.rate(at)
    }

    /// How long so many calls take if this share of the called does not come.
    fn lasts(&self, calls: f64, no_shows: f64, at: Timestamp) -> Option<f64> {
        // Calls that nobody follows come back when their windows end: until the first do, the line is slower.
        let circling = self.circling(no_shows, at);
        let back_soon = f64::from(self.inside.called()).min(circling);
        let steady = calls * (1.0 - no_shows) + circling - back_soon;
        self.lets_in(calls.min(steady), at)
    }

    /// How long until a place (from 0) of a lane has its turn; none while nobody can say.
    fn range(&self, lane: u8, place: u32, at: Timestamp) -> Option<(f64, f64)> {
        if !self.mode_now().calls() || self.drawn.is_none() {
            return None;
        }
        let here = self.lanes.get(usize::from(lane))?;
        if let Some(present) = self.moves.present.get(usize::from(lane))
            && self.moves.outlook.is_some()
            && !present.is_known(here)
        {
            return None;
        }
        let outlook = self.outlook();
        let calls = self.calls_before(lane, place);
        let Share { low: few, high: many, known, .. } = outlook.no_shows;
        let lasts = |calls: f64, no_shows: f64, leaving: f64| {
            let mut span = self.lasts(calls, no_shows, at)?;
            if leaving > 0.0 {
                for _ in 0..3 {
                    span = self.lasts(calls * staying(leaving, span), no_shows, at)?;
                }
            }
            Some(span)
        };
        // Chance: each of the called comes or not, each place ahead is there or not.
        let gone = (1.0 - calls / f64::from(place.saturating_sub(here.turns)).max(1.0)).clamp(0.0, 1.0);
        let chance = (2.0 * ((outlook.no_shows.mid + gone) / calls.max(1.0)).sqrt()).min(0.5);
        let margin = MARGIN + chance * known.max(0.3);
        let (low, high, person) = match outlook.pace {
            Some(pace) => {
                if pace <= 0.0 {
                    return None;
                }
                let (_, leaving) = outlook.leaving;
                let span = calls / pace;
                let wide = PACE_MARGIN + chance;
                (span * staying(leaving, span) * (1.0 - wide), span * (1.0 + wide), 1.0 / pace)
            }
            // Nobody is called by the rate while there is nothing for them.
            None if self.is_waiting_for_stock(lane, at) => return None,
            None => {
                let (at_least, likely) = outlook.leaving;
                let low = lasts(calls, many, likely)? * (1.0 - margin);
                let high = lasts(calls, few, at_least / 2.0)? * (1.0 + margin);
                (low, self.until_sold(high, &outlook, at), self.lets_in(1.0, at)?)
            }
        };
        let scanned = f64::from(place.saturating_sub(here.turns)) / PLACES_A_SECOND * 1_000.0;
        // A person more or less, and the step it takes.
        let (low, high) = (low - 1.5 * person - 1_000.0, high.max(scanned) + 1.5 * person + 1_000.0);
        Some((low.max(0.0).min(high * (1.0 - NARROWEST)), high))
    }

    /// Whether what decides is when units come back: all that is left is held or released later, nothing is set aside for who
    /// waits in this lane, and by the rate somebody could be called.
    fn is_waiting_for_stock(&self, lane: u8, at: Timestamp) -> bool {
        let set_aside = self.stock.backed.get(usize::from(lane)).copied().unwrap_or(0);
        let earned = self.earned(at);
        self.stock.word.is_some() && self.servable() == 0 && set_aside == 0 && earned > 0
    }

    /// Whose turn comes at all has it before everything is gone: nobody is called beyond what the stock can serve.
    fn until_sold(&self, high: f64, outlook: &Outlook, at: Timestamp) -> f64 {
        let left = self.enough_for(outlook, at);
        let Some(gone) = left.and_then(|left| self.lets_in(left, at)) else { return high };
        let gone = gone * (1.0 + MARGIN) + size(self.rules.claim.0) * outlook.no_shows.high;
        high.min(gone.max(size(self.rules.claim.0)))
    }

    /// What a ticket's holder is told now: a range, rounded to what is kept. Its upper bound is no higher than the last one
    /// they were told, unless something has really changed or it cannot be true any more.
    pub(super) fn promise(&self, lane: u8, number: u32, place: u32, at: Timestamp) -> Option<(Span, Span)> {
        let shown = self.row(lane, number).and_then(|row| row.first());
        if shown.is_none() && !self.told.is_pending(lane, number) && !self.told.has_room() {
            return None;
        }
        let (low, high) = self.range(lane, place, at)?;
        let (low, mut high) = (Millis(whole(low)), Span::at_least(Millis(whole(high))));
        if let Some(bound) = self.told.bound(lane, number, self.moves.epoch)
            && bound < high
            && low < bound.millis()
        {
            high = bound;
        }
        Some((Span::at_most(low).min(high), high))
    }

    /// One step is done: who is there is looked at, and how the line moves is measured.
    pub(crate) fn measure(&mut self, at: Timestamp, wall: WallTime) {
        self.moves.present.resize_with(self.lanes.len(), Default::default);
        for ((present, lane), seen) in self.moves.present.iter_mut().zip(&self.lanes).zip(&self.seen) {
            present.look(lane, seen, at);
        }
        let known = self.moves.present.iter().zip(&self.lanes).all(|(present, lane)| present.is_known(lane));
        let there = self.moves.present.iter().zip(&self.lanes).map(|(present, lane)| present.all(lane)).sum();
        let waiting = self.lanes.iter().any(|lane| lane.waiting() > 0 || !lane.back.is_empty());
        let calls = self.calls(wall);
        let called: u64 = self.lanes.iter().map(|lane| lane.called).sum();
        let earned = self.earned(at);
        let counts = self.moves.counts;
        self.moves.step(super::moves::Step {
            at,
            // Who goes before the opening says nothing of those who stay: the curious go first.
            present: (known && self.drawn.is_some()).then_some(there),
            joined: self.tickets(),
            free: self.stock.free,
            looking: self.looking(),
            held: calls && waiting && earned > 0,
            claim: self.rules.claim,
            before: (called.saturating_sub(counts.called), self.admitted.saturating_sub(counts.came)),
        });
    }
}
