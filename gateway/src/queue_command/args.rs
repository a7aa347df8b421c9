//! What can be typed behind `onsale queue`. Every flag has an environment name; the operator key has only that, because a
//! command line is seen by everybody on the machine.

use clap::{Args, Subcommand, ValueEnum};

/// Looks at a waiting room, turns its dials, calls people.
#[derive(Args, Clone, Debug)]
pub struct QueueArgs {
    /// The sale.
    #[arg(long, env = "ONSALE_SALE", global = true, default_value = "")]
    pub sale: String,
    /// The server. The operator key comes from ONSALE_OPERATOR_KEY.
    #[arg(
        long,
        env = "ONSALE_SERVER",
        value_name = "URL",
        global = true,
        default_value = "http://127.0.0.1:8080"
    )]
    pub server: http::Uri,
    /// What to do.
    #[command(subcommand)]
    pub act: QueueDo,
}

/// What can be done to a waiting room.
#[derive(Clone, Debug, Subcommand)]
pub enum QueueDo {
    /// How it stands.
    Show,
    /// Turn the dials, or only say what would stand then.
    Set(SetArgs),
    /// Call so many at once, within the cap.
    Admit {
        /// How many.
        count: u32,
        /// Why, for the books.
        #[arg(long, env = "ONSALE_REASON", value_name = "TEXT")]
        reason: Option<String>,
        /// Call nobody, say how many would be called.
        #[arg(long, env = "ONSALE_DRY_RUN")]
        dry_run: bool,
    },
    /// Take a change back: what it turned is turned back, everything else stays.
    Undo {
        /// The number of the change, as `log` shows it; the newest that turned something if none is named.
        change: Option<u64>,
        /// Why, for the books.
        #[arg(long, env = "ONSALE_REASON", value_name = "TEXT")]
        reason: Option<String>,
        /// Change nothing, say what would stand.
        #[arg(long, env = "ONSALE_DRY_RUN")]
        dry_run: bool,
    },
    /// Who did what, when and why: the newest changes.
    Log,
}

/// What can be turned; what is left out stays.
#[derive(Args, Clone, Debug)]
pub struct SetArgs {
    /// Who joins and who is called.
    #[arg(long, env = "ONSALE_MODE")]
    pub mode: Option<ModeArg>,
    /// People who come in, in a minute.
    #[arg(long, env = "ONSALE_ADMIT_PER_MINUTE", value_name = "PEOPLE")]
    pub admit_per_minute: Option<u32>,
    /// How many seconds the rate takes to get there, in a straight line.
    #[arg(long, env = "ONSALE_RAMP_SECONDS", value_name = "SECONDS", requires = "admit_per_minute")]
    pub ramp_seconds: Option<u32>,
    /// The most people called or inside.
    #[arg(long, env = "ONSALE_MAX_ACTIVE", value_name = "PEOPLE")]
    pub max_active: Option<u32>,
    /// What everybody who waits is told.
    #[arg(long, env = "ONSALE_MESSAGE", value_name = "TEXT", conflicts_with = "no_message")]
    pub message: Option<String>,
    /// Take the message away.
    #[arg(long, env = "ONSALE_NO_MESSAGE")]
    pub no_message: bool,
    /// The outside value of the draw: once, after registration has closed.
    #[arg(long, env = "ONSALE_BEACON", value_name = "TEXT")]
    pub beacon: Option<String>,
    /// Why, for the books.
    #[arg(long, env = "ONSALE_REASON", value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only if the line is still in this version: `show` says which it is.
    #[arg(long, env = "ONSALE_IF_VERSION", value_name = "VERSION")]
    pub if_version: Option<u64>,
    /// Change nothing, say what would stand.
    #[arg(long, env = "ONSALE_DRY_RUN")]
    pub dry_run: bool,
}

/// The modes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ModeArg {
    /// Nobody needs a pass.
    PassThrough,
    /// Who joins waits and is called in turn.
    Queue,
    /// Joining goes on, calling stands still.
    Pause,
    /// Nobody joins any more; who waits is called.
    Drain,
    /// Nobody joins and nobody is called.
    Closed,
}

impl ModeArg {
    /// The word of the contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PassThrough => "pass_through",
            Self::Queue => "queue",
            Self::Pause => "pause",
            Self::Drain => "drain",
            Self::Closed => "closed",
        }
    }
}
