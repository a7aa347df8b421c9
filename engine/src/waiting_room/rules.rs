//! The terms of a waiting room: what an operator sets with the sale, and the dials that are turned while the crowd waits.

use serde::{Deserialize, Serialize};

use super::brake::BrakeRules;
use super::draw::is_lane;
use crate::codes::CodeTerms;
use crate::time::Millis;

/// Who comes in, and whether anybody is called. The whole table is in `docs/waiting-room.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Nobody needs a pass.
    PassThrough,
    /// Who joins waits and is called in turn.
    #[default]
    Queue,
    /// Joining goes on, calling stands still.
    Pause,
    /// Nobody joins any more; who waits is called in turn.
    Drain,
    /// Nobody joins and nobody is called. Sessions that run go on to their end.
    Closed,
}

impl Mode {
    /// Whether people may join.
    #[must_use]
    pub const fn joins(self) -> bool {
        matches!(self, Self::PassThrough | Self::Queue | Self::Pause)
    }

    /// Whether people are called.
    #[must_use]
    pub const fn calls(self) -> bool {
        matches!(self, Self::PassThrough | Self::Queue | Self::Drain)
    }
}

/// How many are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dials {
    /// People who come in, in a minute. Whoever is called and does not come does not count.
    pub admit_per_minute: u32,
    /// The most people inside or called at any instant. A hard cap.
    pub max_active: u32,
}

/// One of several lines beside each other that share the admissions by weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// Its share of the admissions while others have somebody waiting too, in parts.
    pub weight: u16,
}

/// The settings of a waiting room. A value of this type that stands in a sale is consistent: [`RoomRules::check`] has
/// passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomRules {
    /// How long before `opens_at` of the sale people may register.
    pub opens_before: Millis,
    /// How long before `opens_at` registration closes: time for a beacon. Who joins from then on stands behind.
    pub closes_before: Millis,
    /// The dials at first. A change here sets them again; an operator turns them without changing the sale.
    pub dials: Dials,
    /// How long who is called may take to come in.
    pub claim: Millis,
    /// How long who came in may stay.
    pub session: Millis,
    /// Units one person is expected to take, for stock in view.
    pub units_per_visitor: u32,
    /// The lanes, the first one for everybody. Their order is part of the draw.
    pub lanes: Vec<Lane>,
    /// Channels whose server keys need no pass.
    pub open_channels: Vec<String>,
    /// How long who came in may do nothing: without a live cart, without asking for one.
    pub idle: Millis,
    /// When people are called more slowly.
    pub brake: BrakeRules,
    /// Nobody needs a pass until it is too much: then the room switches itself on.
    pub switch_on: Option<SwitchOn>,
}

/// From where on it is too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchOn {
    /// Carts that are asked for in a minute; trouble by the brake's rules is too much as well.
    pub carts_per_minute: u32,
}

/// The most lanes of a room.
pub const MAX_LANES: usize = 8;

/// The most channels that need no pass.
pub const MAX_OPEN_CHANNELS: usize = 64;

/// The most people a room lets in, per minute or at once.
pub const MAX_DIAL: u32 = 10_000_000;

impl Default for RoomRules {
    /// The values of the contract's example.
    fn default() -> Self {
        Self {
            opens_before: Millis(3_600_000),
            closes_before: Millis(0),
            dials: Dials { admit_per_minute: 600, max_active: 2_000 },
            claim: Millis(60_000),
            session: Millis(900_000),
            units_per_visitor: 1,
            lanes: vec![Lane { name: "general".to_owned(), weight: 1 }],
            open_channels: Vec::new(),
            idle: Millis(300_000),
            brake: BrakeRules::default(),
            switch_on: None,
        }
    }
}

impl Dials {
    /// Whether the dials are within their bounds.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn check(self) -> Result<(), String> {
        if self.admit_per_minute > MAX_DIAL || self.max_active > MAX_DIAL {
            return Err(format!("admit_per_minute and max_active are at most {MAX_DIAL}"));
        }
        Ok(())
    }
}

impl RoomRules {
    /// Whether the settings fit together; the sentence says what does not.
    ///
    /// # Errors
    /// The first thing found wrong, as a sentence for the operator.
    pub fn check(&self) -> Result<(), String> {
        self.dials.check()?;
        if self.opens_before.0 > 30 * 86_400_000 {
            return Err("opens_before_ms is at most 2,592,000,000".into());
        }
        if self.closes_before > self.opens_before {
            return Err("registration_closes_before_ms is at most opens_before_ms".into());
        }
        if !(5_000..=3_600_000).contains(&self.claim.0) {
            return Err("claim_ms is 5,000 to 3,600,000".into());
        }
        if !(10_000..=86_400_000).contains(&self.session.0) {
            return Err("session_ms is 10,000 to 86,400,000".into());
        }
        if !(10_000..=86_400_000).contains(&self.idle.0) {
            return Err("idle_ms is 10,000 to 86,400,000".into());
        }
        let BrakeRules { checkout, error_percent, journal } = self.brake;
        let span = 1..=3_600_000;
        if !span.contains(&checkout.0) || !span.contains(&journal.0) || !(1..=100).contains(&error_percent) {
            return Err("brake: checkout_ms and journal_ms are 1 to 3,600,000, error_percent 1 to 100".into());
        }
        if self.switch_on.is_some_and(|on| !(1..=MAX_DIAL).contains(&on.carts_per_minute)) {
            return Err(format!("switch_on: carts_per_minute is 1 to {MAX_DIAL}"));
        }
        if !(1..=1_000).contains(&self.units_per_visitor) {
            return Err("units_per_visitor is 1 to 1,000".into());
        }
        if !(1..=MAX_LANES).contains(&self.lanes.len()) {
            return Err(format!("a waiting room has 1 to {MAX_LANES} lanes"));
        }
        for (place, lane) in self.lanes.iter().enumerate() {
            if !is_lane(&lane.name) {
                return Err(format!("`{}` is no name for a lane", lane.name));
            }
            if !(1..=1_000).contains(&lane.weight) {
                return Err(format!("the weight of lane `{}` is 1 to 1,000", lane.name));
            }
            if self.lanes[..place].iter().any(|other| other.name == lane.name) {
                return Err(format!("two lanes are called `{}`", lane.name));
            }
        }
        if self.open_channels.len() > MAX_OPEN_CHANNELS {
            return Err(format!("open_channels are at most {MAX_OPEN_CHANNELS}"));
        }
        if let Some(channel) = self.open_channels.iter().find(|channel| !crate::ids::is_id(channel)) {
            return Err(format!("`{channel}` is no name for a channel"));
        }
        Ok(())
    }

    /// The lanes that nobody joins, or buys from, without an access code: a bit each.
    #[must_use]
    pub fn lanes_for_codes(&self, asked: Option<&CodeTerms>) -> u8 {
        let Some(asked) = asked else { return 0 };
        let alone = |lane: &Lane| asked.carts || asked.line || asked.lanes.contains(&lane.name);
        self.lanes.iter().enumerate().fold(0, |mask, (place, lane)| mask | u8::from(alone(lane)) << place)
    }

    /// The place of a lane.
    #[must_use]
    pub fn lane(&self, name: &str) -> Option<u8> {
        u8::try_from(self.lanes.iter().position(|lane| lane.name == name)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_do_not_fit_are_told() {
        assert_eq!(RoomRules::default().check(), Ok(()));
        let change = |change: &dyn Fn(&mut RoomRules)| {
            let mut rules = RoomRules::default();
            change(&mut rules);
            rules.check().unwrap_err()
        };
        for (says, wrong) in [
            ("admit_per_minute", change(&|rules| rules.dials.admit_per_minute = MAX_DIAL + 1)),
            ("registration_closes", change(&|rules| rules.closes_before = Millis(3_600_001))),
            ("claim_ms", change(&|rules| rules.claim = Millis(4_999))),
            ("session_ms", change(&|rules| rules.session = Millis(86_400_001))),
            ("idle_ms", change(&|rules| rules.idle = Millis(9_999))),
            ("checkout_ms", change(&|rules| rules.brake.checkout = Millis(0))),
            ("error_percent", change(&|rules| rules.brake.error_percent = 101)),
            ("carts_per_minute", change(&|rules| rules.switch_on = Some(SwitchOn { carts_per_minute: 0 }))),
            ("units_per_visitor", change(&|rules| rules.units_per_visitor = 0)),
            ("lanes", change(&|rules| rules.lanes.clear())),
            ("no name for a lane", change(&|rules| rules.lanes[0].name = String::new())),
            ("weight", change(&|rules| rules.lanes[0].weight = 0)),
            ("two lanes", change(&|rules| rules.lanes.push(rules.lanes[0].clone()))),
            ("channel", change(&|rules| rules.open_channels.push("a b".into()))),
        ] {
            assert!(wrong.contains(says), "{says}: {wrong}");
        }
    }
}
