//! The two times of the engine, as integers that cannot be mixed up.
//!
//! *Engine time* ([`Timestamp`]) is what holds and deadlines are measured in: it runs while we serve and stands still
//! while we are away. *Wall time* ([`WallTime`]) is what people wrote on posters: openings, releases. Both count
//! milliseconds; nothing in the engine ever asks the system for either (see [`crate::ports::Clock`]).

use std::fmt;

/// A span in milliseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Millis(pub u64);

impl Millis {
    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }
}

/// An instant of engine time, in milliseconds. It starts at the wall time of the data folder's making, so that a
/// journal reads naturally, and falls behind the wall by every outage.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The instant `span` later.
    #[must_use]
    pub const fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long after `earlier` this is; zero if it is not after.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An instant of wall time: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored, negative before.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct WallTime(pub i64);

/// Both times, read together, once per request, at the door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Engine time: decides about holds and deadlines.
    pub engine: Timestamp,
    /// Wall time: decides about openings and releases.
    pub wall: WallTime,
}

impl Now {
    /// The wall time at which engine time will be `at`, if there is no outage before.
    #[must_use]
    pub fn wall_of(self, at: Timestamp) -> WallTime {
        WallTime(self.wall.0.saturating_add_unsigned(at.0).saturating_sub_unsigned(self.engine.0))
    }

    /// The engine time that [`Now::wall_of`] shows as this wall time; what is past stays past, however the wall was set.
    #[must_use]
    pub fn engine_of_past(self, wall: WallTime) -> Timestamp {
        let ago = u64::try_from(self.wall.0.saturating_sub(wall.0)).unwrap_or(0);
        Timestamp(self.engine.0.saturating_sub(ago))
    }
}
