//! How things stand, in one word each: the room for everybody, a ticket for its holder.
//!
//! Both follow from mode, clock, stock and the ticket's own standing by the table of `docs/waiting-room.md`.

use super::lane::Standing;
use super::rules::Mode;

/// The room as everybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody can join yet.
    Scheduled,
    /// People register; places are drawn at the opening.
    Prequeue,
    /// People are called.
    Open,
    /// Joining goes on, calling stands still.
    Paused,
    /// Nobody joins any more; those who wait are called.
    Draining,
    /// Nobody needs a pass.
    PassThrough,
    /// Nothing is left, and nothing is held that could come back.
    SoldOut,
    /// Nobody joins and nobody is called.
    Closed,
}

/// How far the day has come, as the room sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Nobody can join yet.
    Early,
    /// The draw is to come.
    Before,
    /// The draw was made, and the opening put off since.
    PutOff,
    /// Carts can be made.
    Open,
    /// The sale has closed.
    Closed,
}

impl Phase {
    /// The table: mode, then clock, then stock.
    #[must_use]
    pub const fn of(mode: Mode, clock: Clock, sold_out: bool) -> Self {
        match (mode, clock) {
            (Mode::Closed, _) | (_, Clock::Closed) => Self::Closed,
            (Mode::PassThrough, _) => Self::PassThrough,
            (_, Clock::Early) => Self::Scheduled,
            _ if sold_out => Self::SoldOut,
            (Mode::Pause, _) | (_, Clock::PutOff) => Self::Paused,
            (_, Clock::Before) => Self::Prequeue,
            (Mode::Drain, Clock::Open) => Self::Draining,
            (Mode::Queue, Clock::Open) => Self::Open,
        }
    }
}

/// A ticket as its holder sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketState {
    /// Registered; the place is drawn at the opening.
    Prequeue,
    /// Waits for its turn.
    Waiting,
    /// May come in.
    Called,
    /// Is inside.
    Admitted,
    /// Was not there when its turn came, did not come in time, or the time inside is over.
    Lapsed,
    /// Went away.
    Left,
    /// Nothing is left.
    SoldOut,
    /// The room was closed before its turn.
    Closed,
}

impl TicketState {
    /// The table: the ticket's standing (ended stays already told apart), then the room.
    #[must_use]
    pub const fn of(standing: Standing, phase: Phase, drawn: bool) -> Self {
        match standing {
            Standing::Called => Self::Called,
            Standing::Inside => Self::Admitted,
            Standing::Lapsed | Standing::Passed | Standing::Over => Self::Lapsed,
            Standing::Left => Self::Left,
            Standing::Waiting | Standing::Back => match phase {
                Phase::SoldOut => Self::SoldOut,
                Phase::Closed => Self::Closed,
                _ if !drawn => Self::Prequeue,
                _ => Self::Waiting,
            },
        }
    }
}
