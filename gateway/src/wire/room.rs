//! The settings of a waiting room on the wire, both ways: what is read back can be sent again.

use onsale_engine::codes::CodeTerms;
use onsale_engine::time::Millis;
use onsale_engine::waiting_room::{BrakeRules, Dials, Lane, RoomRules, SwitchOn};
use serde::{Deserialize, Serialize};

/// The waiting room's settings. What is left out has its default.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingRoom {
    /// Whether there is one.
    pub enabled: bool,
    /// How long before `opens_at` people may register.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_before_ms: Option<u64>,
    /// How long before `opens_at` registration closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_closes_before_ms: Option<u64>,
    /// People who come in, in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admit_per_minute: Option<u32>,
    /// The most people inside or called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_active: Option<u32>,
    /// How long who is called may take to come in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_ms: Option<u64>,
    /// How long who came in may stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_ms: Option<u64>,
    /// Units one person is expected to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units_per_visitor: Option<u32>,
    /// The lanes, the first one for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lanes: Option<Vec<WrittenLane>>,
    /// Channels whose server keys need no pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_channels: Option<Vec<String>>,
    /// Nobody joins without an access code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_code: Option<bool>,
    /// How long who came in may do nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// When people are called more slowly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brake: Option<WrittenBrake>,
    /// Nobody needs a pass until it is too much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switch_on: Option<WrittenSwitchOn>,
}

/// From where on something is in trouble. What is left out has its default.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenBrake {
    /// Nine of ten checkouts take no longer.
    pub checkout_ms: Option<u64>,
    /// Of a hundred requests for carts and orders at most so many fail by our fault.
    pub error_percent: Option<u8>,
    /// No fact waits longer for the disk.
    pub journal_ms: Option<u64>,
}

/// From where on it is too much.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenSwitchOn {
    /// Carts that are asked for in a minute.
    pub carts_per_minute: u32,
}

/// A lane's settings.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenLane {
    /// Its name.
    pub name: String,
    /// Its share of the admissions, in parts.
    #[serde(default = "one")]
    pub weight: u16,
    /// Nobody joins it without an access code.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_code: bool,
}

const fn one() -> u16 {
    1
}

impl WaitingRoom {
    /// The room's rules, if there is one. Whether they fit together is asked with the sale's.
    #[must_use]
    pub fn rules(self) -> Option<RoomRules> {
        if !self.enabled {
            return None;
        }
        let standard = RoomRules::default();
        Some(RoomRules {
            opens_before: self.opens_before_ms.map_or(standard.opens_before, Millis),
            closes_before: self.registration_closes_before_ms.map_or(standard.closes_before, Millis),
            dials: Dials {
                admit_per_minute: self.admit_per_minute.unwrap_or(standard.dials.admit_per_minute),
                max_active: self.max_active.unwrap_or(standard.dials.max_active),
            },
            claim: self.claim_ms.map_or(standard.claim, Millis),
            session: self.session_ms.map_or(standard.session, Millis),
            units_per_visitor: self.units_per_visitor.unwrap_or(standard.units_per_visitor),
            lanes: self.lanes.map_or(standard.lanes, |lanes| {
                lanes.into_iter().map(|WrittenLane { name, weight, .. }| Lane { name, weight }).collect()
            }),
            open_channels: self.open_channels.unwrap_or_default(),
            idle: self.idle_ms.map_or(standard.idle, Millis),
            brake: self.brake.map_or(standard.brake, |brake| BrakeRules {
                checkout: brake.checkout_ms.map_or(standard.brake.checkout, Millis),
                error_percent: brake.error_percent.unwrap_or(standard.brake.error_percent),
                journal: brake.journal_ms.map_or(standard.brake.journal, Millis),
            }),
            switch_on: self.switch_on.map(|on| SwitchOn { carts_per_minute: on.carts_per_minute }),
        })
    }

    /// Where the room asks for access codes.
    #[must_use]
    pub fn codes(&self) -> CodeTerms {
        if !self.enabled {
            return CodeTerms::default();
        }
        let lanes = self.lanes.iter().flatten().filter(|lane| lane.require_code);
        CodeTerms {
            carts: false,
            line: self.require_code.unwrap_or_default(),
            lanes: lanes.map(|lane| lane.name.clone()).collect(),
        }
    }

    /// The settings as they are read back.
    #[must_use]
    pub fn of(rules: Option<&RoomRules>, codes: Option<&CodeTerms>) -> Self {
        let Some(rules) = rules else { return Self::default() };
        let asks = |lane: &Lane| codes.is_some_and(|codes| codes.lanes.contains(&lane.name));
        let lane = |lane: &Lane| WrittenLane {
            name: lane.name.clone(),
            weight: lane.weight,
            require_code: asks(lane),
        };
        Self {
            enabled: true,
            opens_before_ms: Some(rules.opens_before.0),
            registration_closes_before_ms: Some(rules.closes_before.0),
            admit_per_minute: Some(rules.dials.admit_per_minute),
            max_active: Some(rules.dials.max_active),
            claim_ms: Some(rules.claim.0),
            session_ms: Some(rules.session.0),
            units_per_visitor: Some(rules.units_per_visitor),
            lanes: Some(rules.lanes.iter().map(lane).collect()),
            open_channels: Some(rules.open_channels.clone()),
            require_code: Some(codes.is_some_and(|codes| codes.line)),
            idle_ms: Some(rules.idle.0),
            brake: Some(WrittenBrake {
                checkout_ms: Some(rules.brake.checkout.0),
                error_percent: Some(rules.brake.error_percent),
                journal_ms: Some(rules.brake.journal.0),
            }),
            switch_on: rules.switch_on.map(|on| WrittenSwitchOn { carts_per_minute: on.carts_per_minute }),
        }
    }
}
