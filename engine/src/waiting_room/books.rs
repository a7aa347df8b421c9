//! What operators did to a line: who, when, what stood before and after, why.

use serde::{Deserialize, Serialize};

use super::line::Line;
use super::pace::{Pace, Ramp};
use super::registration::Beacon;
use super::rules::{Dials, Mode, RoomRules};
use crate::time::{Timestamp, WallTime};

/// Why dials turn that the sale's settings turned.
pub const BY_SETTINGS: &str = "the settings of the sale";

/// The newest changes a line keeps: one a second for nearly three hours. The journal is trimmed behind its snapshots, so what
/// is not here is nowhere; but all of them are read under the line's lock.
pub const MAX_CHANGES: usize = 10_000;

/// What an operator can turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// The mode.
    pub mode: Mode,
    /// The dials.
    pub dials: Dials,
    /// How the rate comes to where its dial was turned, if it takes its time.
    pub ramp: Option<Ramp>,
    /// What everybody is told.
    pub message: Option<String>,
}

impl Turned {
    /// The rate at which people may come in.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        Pace { rate: self.dials.admit_per_minute, ramp: self.ramp }
    }

    /// Which parts are others than in `other`: mode, rate, cap, message.
    #[must_use]
    pub fn differs(&self, other: &Self) -> [bool; 4] {
        [
            self.mode != other.mode,
            (self.dials.admit_per_minute, self.ramp) != (other.dials.admit_per_minute, other.ramp),
            self.dials.max_active != other.dials.max_active,
            self.message != other.message,
        ]
    }

    /// As it stood without one change: what `change` turned is turned back, everything else stays. None if a part that
    /// is to be turned back was turned again since.
    #[must_use]
    pub fn without(&self, before: &Self, after: &Self) -> Option<Self> {
        let mut undone = self.clone();
        if before.mode != after.mode {
            undone.mode = (self.mode == after.mode).then_some(before.mode)?;
        }
        let rate = |turned: &Self| (turned.dials.admit_per_minute, turned.ramp);
        if rate(before) != rate(after) {
            (undone.dials.admit_per_minute, undone.ramp) =
                (rate(self) == rate(after)).then(|| rate(before))?;
        }
        if before.dials.max_active != after.dials.max_active {
            let stands = self.dials.max_active == after.dials.max_active;
            undone.dials.max_active = stands.then_some(before.dials.max_active)?;
        }
        if before.message != after.message {
            undone.message = (self.message == after.message).then(|| before.message.clone())?;
        }
        Some(undone)
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// The mode, a dial or the message was turned.
    Turned {
        /// As it stood.
        before: Turned,
        /// As it stands from then on.
        after: Turned,
        /// The number of the change this one takes back.
        undoes: Option<u64>,
    },
    /// People were called out of turn of the rate.
    Admitted {
        /// How many were called.
        people: u32,
    },
    /// The outside value of the draw was posted.
    Beacon {
        /// Its text.
        text: String,
    },
}

/// Who did it. Not a credential: the line itself, under overload.
pub const ITSELF: u64 = 0;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The version of the line it made. They grow; some are missing, since the sale's settings count as well.
    pub number: u64,
    /// When, by the wall.
    pub wall: WallTime,
    /// Which credential it was; [`ITSELF`] is none.
    pub credential: u64,
    /// What was done.
    pub act: Act,
    /// Why.
    pub reason: Option<String>,
}

/// When, by the wall, which credential, and why.
pub(crate) type Signed = (WallTime, u64, Option<String>);

impl Line {
    /// An operator turns the dials; it is kept for the books.
    pub(crate) fn turn(&mut self, after: Turned, undoes: Option<u64>, at: Timestamp, signed: Signed) {
        let before = self.turned();
        self.set(after.clone(), at);
        self.note_change(Act::Turned { before, after, undoes }, signed);
    }

    /// An operator called people.
    pub(crate) fn note_admitted(&mut self, people: u32, signed: Signed) {
        self.version += 1;
        self.note_change(Act::Admitted { people }, signed);
    }

    /// An operator posted the outside value of the draw.
    pub(crate) fn post_beacon(&mut self, text: String, signed: Signed) {
        self.beacon = Some(Beacon { text: text.clone(), wall: signed.0 });
        self.version += 1;
        self.note_change(Act::Beacon { text }, signed);
    }

    fn note_change(&mut self, act: Act, (wall, credential, reason): Signed) {
        if self.changes.len() >= MAX_CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(Change { number: self.version, wall, credential, act, reason });
    }

    fn set(&mut self, after: Turned, at: Timestamp) {
        self.credit.turn(self.pace(), at);
        if (self.mode, self.dials, self.ramp) != (after.mode, after.dials, after.ramp) {
            self.turned_at = at;
            self.moves.changed(at);
        }
        Turned { mode: self.mode, dials: self.dials, ramp: self.ramp, message: self.message } = after;
        self.version += 1;
    }

    /// What operators turned, as it stands.
    #[must_use]
    pub fn turned(&self) -> Turned {
        Turned { mode: self.mode, dials: self.dials, ramp: self.ramp, message: self.message.clone() }
    }

    /// The same under other terms: what an operator turned stays, unless that very setting changes.
    #[must_use]
    pub fn turned_by(&self, room: &RoomRules) -> Turned {
        let (old, new, mut after) = (self.rules.dials, room.dials, self.turned());
        if new.admit_per_minute != old.admit_per_minute {
            (after.dials.admit_per_minute, after.ramp) = (new.admit_per_minute, None);
        }
        if new.max_active != old.max_active {
            after.dials.max_active = new.max_active;
        }
        after
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Millis, Timestamp};

    fn turned(rate: u32, most: u32) -> Turned {
        Turned {
            mode: Mode::Queue,
            dials: Dials { admit_per_minute: rate, max_active: most },
            ramp: None,
            message: None,
        }
    }

    #[test]
    fn a_change_is_taken_back_alone_and_not_over_a_later_one() {
        let (before, after) = (turned(600, 2_000), turned(300, 2_000));
        assert_eq!(after.without(&before, &after), Some(before.clone()));
        // Somebody turned the cap since: that stays.
        assert_eq!(turned(300, 50).without(&before, &after), Some(turned(600, 50)));
        // Somebody turned the rate again since.
        assert_eq!(turned(900, 2_000).without(&before, &after), None);
        let ramp = Some(Ramp { from: 600, begins: Timestamp(9), over: Millis(1_000) });
        let ramped = Turned { ramp, ..after.clone() };
        assert_eq!(ramped.without(&before, &after), None);
        assert_eq!(ramped.without(&before, &ramped), Some(before));
        let told = Turned { message: Some("hello".into()), mode: Mode::Pause, ..after.clone() };
        assert_eq!(told.without(&after, &told), Some(after.clone()));
        let told_again = Turned { message: Some("again".into()), ..told.clone() };
        assert_eq!(told_again.without(&after, &told), None);
    }
}
