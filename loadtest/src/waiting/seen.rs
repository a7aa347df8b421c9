//! What was observed of the line while it moved: the raw material of what is said afterwards about its fairness.

use std::time::{Duration, Instant};

use super::crowd::Device;
use super::promises::Promises;
use super::told;

/// Cases that are kept in words.
const KEPT: usize = 5;

/// Things that must not happen, counted, the first few in words.
#[derive(Debug, Default)]
pub struct Cases {
    /// How many.
    pub count: u64,
    /// The first.
    pub first: Vec<String>,
}

impl Cases {
    /// One more.
    pub fn add(&mut self, case: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < KEPT {
            self.first.push(case());
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct Seen {
    /// Server's time in milliseconds and place of each device that was told it is called.
    pub called: Vec<(i64, u32)>,
    /// Called devices that came.
    pub came: u64,
    /// Of those, the ones who found nothing that could be had.
    pub empty_handed: u64,
    /// `ahead` rose, or the place changed.
    pub risen: Cases,
    /// Answers that told a place.
    pub placed: u64,
    /// The longest a server told a waiting ticket to keep quiet.
    pub longest_told: Duration,
    /// The oldest an answer of a waiting ticket was when the next came.
    pub oldest: Duration,
    /// How many answers that is of.
    pub renewed: u64,
    /// What devices were told of their wait.
    pub promises: Promises,
    /// Carts that were made without a pass.
    pub carts_without_pass: u64,
    /// Of those, the ones that were lost to their holders, and how.
    pub carts_lost: Cases,
    /// The public document.
    pub line: LineSeen,
}

/// How the line stood at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
    /// After t0.
    pub after: Duration,
    /// Tickets that waited.
    pub waiting: u32,
    /// Units that were free.
    pub free: u64,
}

/// What the public document said.
#[derive(Debug, Default)]
pub struct LineSeen {
    /// How often it was read.
    pub reads: u64,
    /// The most that were active, and the cap it was read beside.
    pub most_active: u32,
    /// The cap.
    pub cap: u32,
    /// It said more than its own cap.
    pub over: Cases,
    /// `called_up_to` or `admitted` fell.
    pub backwards: Cases,
    /// Who took part in the draw.
    pub registrations: u32,
    /// When the seed was first there, after t0.
    pub drawn_after: Option<Duration>,
    /// When it first said that nothing is left, after t0.
    pub sold_out_after: Option<Duration>,
    /// When it first said that a pass is needed, having said before that none is; after t0.
    pub switched_on_after: Option<Duration>,
    /// People who came in and found nothing at first, by the server's count.
    pub called_in_vain: u64,
    /// The server's time at t0, as the first reading after it tells.
    pub t0_by_server: Option<jiff::Timestamp>,
    /// How it stood, once a second.
    pub glances: Vec<Glance>,
    passed_through: bool,
    as_of: jiff::Timestamp,
    called_up_to: u32,
    admitted: u64,
}

impl LineSeen {
    fn stood(&mut self, told: &told::Line<'_>, after: Option<Duration>) {
        let passes = told.phase == "pass_through";
        if self.passed_through && !passes && self.switched_on_after.is_none() {
            self.switched_on_after = Some(after.unwrap_or_default());
        }
        self.passed_through |= passes;
        let Some(after) = after else { return };
        if self.t0_by_server.is_none() {
            self.t0_by_server = told.server_time.checked_sub(after).ok();
        }
        if self.glances.last().is_none_or(|last| after >= last.after + Duration::from_secs(1)) {
            let waiting = told.lanes.iter().map(|lane| lane.waiting).sum();
            self.glances.push(Glance { after, waiting, free: told.free });
        }
    }
}

impl Seen {
    /// A ticket was answered; the device still stands as before.
    pub fn ticket(&mut self, number: u32, device: &Device, told: &told::Ticket<'_>, at: Instant) {
        if let Some(before) = device.answered.filter(|_| device.waited_at_ms > 0) {
            self.oldest = self.oldest.max(at.saturating_duration_since(before));
            self.renewed += 1;
        }
        if matches!(told.state, told::State::Prequeue | told::State::Waiting) {
            self.longest_told = self.longest_told.max(Duration::from_millis(told.poll_after_ms));
        }
        let Some(place) = told.place else { return };
        self.placed += 1;
        if device.place.is_some_and(|before| before != place) {
            self.risen.add(|| format!("device {number}: place {:?} became {place}", device.place));
        }
        if told.ahead > device.ahead && device.ahead.is_some() {
            self.risen
                .add(|| format!("device {number} at {place}: {:?} became {:?}", device.ahead, told.ahead));
        }
        if told.state == told::State::Called && device.stage == super::crowd::Stage::Waiting {
            self.called.push((told.server_time.as_millisecond(), place));
        }
    }

    /// The public document was read at `after`, counted from the opening; before it there is nothing to count.
    pub fn line(&mut self, told: &told::Line<'_>, after: Option<Duration>) {
        let line = &mut self.line;
        line.reads += 1;
        line.most_active = line.most_active.max(told.active);
        line.cap = told.max_active;
        if told.active > told.max_active {
            line.over.add(|| format!("{} active of {}", told.active, told.max_active));
        }
        let called_up_to = told.lanes.first().map_or(0, |lane| lane.called_up_to);
        // Two answers that are out at one time may overtake each other: by the server's clock the later one counts.
        if told.server_time < line.as_of {
            return;
        }
        line.as_of = told.server_time;
        if called_up_to < line.called_up_to || told.admitted < line.admitted {
            line.backwards.add(|| format!("called up to {} after {}", called_up_to, line.called_up_to));
        }
        (line.called_up_to, line.admitted) = (called_up_to, told.admitted);
        line.called_in_vain = line.called_in_vain.max(told.called_in_vain);
        line.stood(told, after);
        line.registrations = line.registrations.max(told.registrations);
        if told.seed.is_some() && line.drawn_after.is_none() {
            line.drawn_after = after;
        }
        if told.phase == "sold_out" && line.sold_out_after.is_none() {
            line.sold_out_after = after;
        }
    }

    /// Devices that were still told to wait at an instant at which somebody behind them had been called already, though
    /// they had always asked in time.
    pub fn overtaken(&mut self, devices: &[Device]) -> Cases {
        let mut furthest = 0;
        self.called.sort_unstable();
        let called: Vec<(i64, u32)> = self
            .called
            .iter()
            .map(|(at, place)| {
                furthest = furthest.max(*place);
                (*at, furthest)
            })
            .collect();
        let mut cases = Cases::default();
        for device in devices.iter().filter(|device| device.waited_at_ms > 0 && !device.was_away) {
            let before = called.partition_point(|(at, _)| *at < device.waited_at_ms);
            let Some((_, furthest)) = before.checked_sub(1).and_then(|last| called.get(last)) else {
                continue;
            };
            if let Some(place) = device.place.filter(|place| place < furthest) {
                cases.add(|| format!("place {place} waited when {furthest} had been called"));
            }
        }
        cases
    }
}
