//! A line on the wire: what its people send, what everybody reads, what operators turn.

use onsale_engine::decide::{LineChange, LineTurned};
use onsale_engine::time::{Millis, Now};
use onsale_engine::waiting_room::{LaneView, LineView, Mode, OPEN, Phase, TicketState, Trouble};
use serde::{Deserialize, Deserializer, Serialize};

use super::stock::state_word as stock_word;
use super::time::Written;

/// `POST /v1/sales/{sale}/queue`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinInput {
    /// The ticket the caller has already.
    pub ticket: Option<String>,
    /// For whom a server key joins.
    pub customer: Option<String>,
    /// Into which lane a server key joins.
    pub lane: Option<String>,
    /// The access code that proves who joins.
    pub access_code: Option<String>,
    /// What the shop says about who is coming, signed.
    pub enqueue_token: Option<String>,
}

/// `PATCH /v1/sales/{sale}/queue`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineInput {
    mode: Option<WrittenMode>,
    admit_per_minute: Option<u32>,
    ramp_ms: Option<u64>,
    max_active: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    message: Option<Option<String>>,
    beacon: Option<String>,
    undo: Option<u64>,
    reason: Option<String>,
}

/// Tells `null`, which takes away, from nothing, which leaves.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// `POST /v1/sales/{sale}/queue/admit`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdmitInput {
    /// How many.
    pub count: u32,
    /// Why.
    pub reason: Option<String>,
}

/// The mode, as the contract names it.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as the engine's")]
pub enum WrittenMode {
    PassThrough,
    Queue,
    Pause,
    Drain,
    Closed,
}

impl From<WrittenMode> for Mode {
    fn from(mode: WrittenMode) -> Self {
        match mode {
            WrittenMode::PassThrough => Self::PassThrough,
            WrittenMode::Queue => Self::Queue,
            WrittenMode::Pause => Self::Pause,
            WrittenMode::Drain => Self::Drain,
            WrittenMode::Closed => Self::Closed,
        }
    }
}

impl From<Mode> for WrittenMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::PassThrough => Self::PassThrough,
            Mode::Queue => Self::Queue,
            Mode::Pause => Self::Pause,
            Mode::Drain => Self::Drain,
            Mode::Closed => Self::Closed,
        }
    }
}

impl LineInput {
    /// What the operator with this credential turns.
    #[must_use]
    pub fn change(self, credential: u64) -> LineChange {
        let Self { mode, admit_per_minute, ramp_ms, max_active, message, beacon, undo, reason } = self;
        let (mode, ramp) = (mode.map(Mode::from), ramp_ms.map(Millis));
        let turned = LineChange { mode, admit_per_minute, ramp, max_active, ..LineChange::default() };
        LineChange { message, beacon, undo, reason, credential, ..turned }
    }
}

/// The word of a phase.
#[must_use]
pub const fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Scheduled => "scheduled",
        Phase::Prequeue => "prequeue",
        Phase::Open => "open",
        Phase::Paused => "paused",
        Phase::Draining => "draining",
        Phase::PassThrough => "pass_through",
        Phase::SoldOut => "sold_out",
        Phase::Closed => "closed",
    }
}

/// The word of a ticket's state.
#[must_use]
pub const fn state_word(state: TicketState) -> &'static str {
    match state {
        TicketState::Prequeue => "prequeue",
        TicketState::Waiting => "waiting",
        TicketState::Called => "called",
        TicketState::Admitted => "admitted",
        TicketState::Lapsed => "lapsed",
        TicketState::Left => "left",
        TicketState::SoldOut => "sold_out",
        TicketState::Closed => "closed",
    }
}

/// The word of low chances; there is no other.
#[must_use]
pub const fn chances_word() -> &'static str {
    "low"
}

#[derive(Debug, Serialize)]
struct WrittenLane {
    lane: String,
    called_up_to: u32,
    waiting: u32,
}

impl From<LaneView> for WrittenLane {
    fn from(view: LaneView) -> Self {
        Self { lane: view.name, called_up_to: view.called_up_to, waiting: view.waiting }
    }
}

#[derive(Debug, Serialize)]
struct Dials {
    admit_per_minute: u32,
    max_active: u32,
}

/// People are called more slowly than the dial says.
#[derive(Debug, Serialize)]
struct WrittenBrake {
    open_percent: u32,
    reason: Option<&'static str>,
}

impl WrittenBrake {
    fn of((open, trouble): (u32, Option<Trouble>)) -> Option<Self> {
        let reason = trouble.map(|trouble| match trouble {
            Trouble::SlowCheckout => "slow_checkout",
            Trouble::Errors => "errors",
            Trouble::Journal => "journal",
        });
        (open < OPEN).then_some(Self { open_percent: open * 100 / OPEN, reason })
    }
}

/// A line as everybody sees it: from it and the own place a client knows how many are ahead.
#[derive(Debug, Serialize)]
pub struct WrittenLine {
    sale: String,
    phase: &'static str,
    mode: WrittenMode,
    #[serde(flatten)]
    dials: Dials,
    message: Option<String>,
    opens_at: Option<Written>,
    joins_from: Option<Written>,
    lanes: Vec<WrittenLane>,
    active: u32,
    admitted: u64,
    stock: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u64>,
    rate_per_minute: u32,
    brake: Option<WrittenBrake>,
    called_in_vain: u64,
    finishes_at: Option<Written>,
    version: u64,
    commitment: String,
    seed: Option<String>,
    registrations: u32,
    as_of: Written,
    server_time: Written,
}

impl WrittenLine {
    /// The line as it stood at `now`; with the number of free units for who shows a key.
    #[must_use]
    pub fn new(view: LineView, now: Now, exact: bool) -> Self {
        let hex = |bytes: [u8; 32]| crate::hex::encode(&bytes);
        Self {
            sale: view.sale,
            phase: phase_word(view.phase),
            mode: view.mode.into(),
            dials: Dials { admit_per_minute: view.dials.admit_per_minute, max_active: view.dials.max_active },
            message: view.message,
            opens_at: view.opens_at.map(Written),
            joins_from: view.joins_from.map(Written),
            lanes: view.lanes.into_iter().map(WrittenLane::from).collect(),
            active: view.active,
            admitted: view.admitted,
            stock: view.stock.map(stock_word),
            free: exact.then_some(view.free),
            rate_per_minute: view.rate,
            brake: WrittenBrake::of(view.brake),
            called_in_vain: view.in_vain,
            finishes_at: view.finish.map(|after| finish_at(after, now)),
            version: view.version,
            commitment: hex(view.commitment),
            seed: view.seed.map(hex),
            registrations: view.registrations.count,
            as_of: Written(now.wall),
            server_time: Written(now.wall),
        }
    }
}

fn finish_at(after: Millis, now: Now) -> Written {
    Written(now.wall_of(now.engine.plus(after)))
}

/// A line with its dials turned, or as it would be.
#[derive(Debug, Serialize)]
pub struct WrittenLineTurned {
    #[serde(flatten)]
    line: WrittenLine,
    finishes_at_before: Option<Written>,
}

impl WrittenLineTurned {
    /// The line as it stands, or would stand, at `now`.
    #[must_use]
    pub fn new(turned: LineTurned, now: Now) -> Self {
        let finishes_at_before = turned.finish_before.map(|after| finish_at(after, now));
        Self { line: WrittenLine::new(turned.line, now, true), finishes_at_before }
    }
}

/// What `admit` did, or would do.
#[derive(Debug, Serialize)]
pub struct Admitted {
    /// How many were called.
    pub called: u32,
    /// When.
    pub server_time: Written,
}
