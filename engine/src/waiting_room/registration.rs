//! Registering for the draw: what is published of it while it goes on, how it closes, and the draw.

use serde::{Deserialize, Serialize};

use super::draw::{Registrations, RunningDigest};
use super::line::Line;
use crate::time::{Millis, Timestamp, WallTime};

/// So often registrations are published while people register (`docs/fair-draw.md`).
const MINUTE: Millis = Millis(60_000);

/// The outside value that is mixed into the draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beacon {
    /// Its text.
    pub text: String,
    /// When it was posted, by the wall.
    pub wall: WallTime,
}

/// What was published of the registrations at a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minute {
    /// When, by the wall.
    pub wall: WallTime,
    /// How many, and the digest over all lanes.
    pub registrations: Registrations,
    /// How many in each lane.
    pub by_lane: Vec<u32>,
}

impl Line {
    /// All registrations so far, lanes in order.
    #[must_use]
    pub fn registrations(&self) -> Registrations {
        let lanes = self.rules.lanes.iter().zip(&self.lanes);
        Registrations::of_lanes(lanes.map(|(rules, lane)| (rules.name.as_str(), lane.registered)))
    }

    /// What the next minute published is called when the wall shows this: the minutes of a draw are in order, whatever was done
    /// to the clock between two of them.
    #[must_use]
    pub fn minute_of(&self, wall: WallTime) -> WallTime {
        self.minutes.last().map_or(wall, |last| wall.max(last.wall))
    }

    /// Whether what there is is to be published, if this is asked more often than once a minute. A minute is one of engine time:
    /// a wall clock that is set makes neither more of them nor fewer.
    pub fn minute_is_due(&mut self, at: Timestamp) -> bool {
        let last = *self.noted.get_or_insert(at);
        let known = self.minutes.last().map_or(0, |last| last.registrations.count);
        let due = at.since(last) >= MINUTE && self.registers() && self.registrations().count > known;
        if due {
            self.noted = Some(at);
        }
        due
    }

    /// What there is is published.
    pub(crate) fn note_minute(&mut self, wall: WallTime) {
        let registrations = self.registrations();
        let by_lane = self.lanes.iter().map(|lane| lane.registered.count()).collect();
        self.minutes.push(Minute { wall, registrations, by_lane });
    }

    /// Whether who joins registers for the draw.
    #[must_use]
    pub fn registers(&self) -> bool {
        self.closed.is_none() && self.drawn.is_none()
    }

    /// Registration closes; what there is is published.
    pub(crate) fn close(&mut self, wall: WallTime) {
        self.note_minute(wall);
        self.closed = Some(wall);
    }

    /// Whether registration is to close, though the draw is not due yet.
    #[must_use]
    pub fn close_is_due(&self, wall: WallTime) -> bool {
        let before = i64::try_from(self.rules.closes_before.0).unwrap_or(i64::MAX);
        self.registers() && self.opens_at.is_some_and(|opens| wall.0 >= opens.0.saturating_sub(before))
    }

    /// Whether the draw is due. Without an opening it is due with whoever joins first: a draw of nobody could not be made
    /// again if an opening is set before.
    #[must_use]
    pub fn draw_is_due(&self, wall: WallTime) -> bool {
        self.drawn.is_none() && self.opens_at.is_none_or(|opens| wall >= opens)
    }

    /// Whether places are given in the order of joining: the draw was made, or is before anybody has one.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.drawn.is_some() || self.opens_at.is_none()
    }

    /// The draw of a restored line, from its registrations.
    pub fn restore_draw(&mut self, drawn: WallTime) {
        let registrations = self.registrations();
        let beacon = self.beacon.as_ref().map(|beacon| beacon.text.clone()).unwrap_or_default();
        for (rules, lane) in self.rules.lanes.iter().zip(&mut self.lanes) {
            lane.draw(&self.seed.lane_key(&registrations, &rules.name, &beacon));
        }
        self.drawn = Some(drawn);
    }

    /// The running digest a snapshot has of a lane.
    pub fn restore_registered(&mut self, lane: u8, registered: RunningDigest) {
        self.lanes[usize::from(lane)].registered = registered;
    }
}
