//! The command line. Every number is checked here, so that a run never begins with a scale of nought.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Replays launch days against an onsale server: open loop, seeded, honest latency, and an audit of what was sold.
#[derive(Debug, Parser)]
#[command(
    name = "loadtest",
    version,
    after_help = "Exit codes: 0 passed, 99 missed, 3 the tester was the limit, \
    1 the run could not be made, 2 the command line is wrong."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario.
    Run {
        /// Which one.
        #[command(subcommand)]
        scenario: Scenario,
    },
    /// Print a written report again; exits as its run did.
    Report {
        /// A file written with `--report`.
        file: PathBuf,
    },
    /// Put two reports side by side.
    Compare {
        /// The first.
        a: PathBuf,
        /// The second.
        b: PathBuf,
    },
}

/// The scenarios.
#[derive(Debug, Subcommand)]
pub enum Scenario {
    /// A state-wide on-sale: 3,225 requests/s for a minute, 2,100 pairs of appointments; with --room a waiting room.
    S1(S1Args),
    /// A waiting room: 156,000 devices in the hour before the opening, 60,000 pairs in 50 minutes; compressed.
    P1(P1Args),
    /// By invitation only: 16,190 one-time codes in 20 waves that set their units aside, web and phone; compressed.
    S5(S5Args),
    /// An unannounced rush: ten times the visitors in five minutes, a room that switches itself on; compressed.
    P2(P2Args),
    /// Sell out whatever inventory an existing sale has.
    SellOut(SellOutArgs),
    /// Kill a server of its own with SIGKILL under load, again and again, and hold it to every answer it gave.
    #[command(name = "kill-9")]
    Kill9(Kill9Args),
}

/// Common to all scenarios.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The seed of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Connections at most. Default: 2,048, opened only when answers are slow; with a waiting room 8,000, of which those divided by the scale are used in turn.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    pub connections: Option<u32>,
    /// Write the report as JSON to this file.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

/// `run s1`.
#[derive(Debug, Args)]
pub struct S1Args {
    /// The server, like http://127.0.0.1:8080, with ONSALE_OPERATOR_KEY and ONSALE_SERVER_KEY set. Without it one is started.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// The sale to create.
    #[arg(long, default_value = "s1")]
    pub sale: String,
    /// Divide visitors, rates and inventory by this.
    #[arg(long, default_value_t = 1.0, value_parser = at_least_one)]
    pub scale: f64,
    /// Divide durations and multiply rates by this; people's thinking is not compressed.
    #[arg(long, default_value_t = 1.0, value_parser = at_least_one)]
    pub speed: f64,
    /// Load 3.4 million appointments of the season first.
    #[arg(long)]
    pub season: bool,
    /// With a waiting room: 60 % register in the two minutes before the opening, 35 people a second are let in.
    #[arg(long, conflicts_with_all = ["season", "crash"])]
    pub room: bool,
    /// Kill the server after the rush and start it again before the audit; not with --target.
    #[arg(long, conflicts_with = "target")]
    pub crash: bool,
    /// Data folder of the server that is started, and where the disk is probed. Default: a temporary one, kept if something was missed.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The rest.
    #[command(flatten)]
    pub common: Common,
}

/// `run p1`.
#[derive(Debug, Args)]
pub struct P1Args {
    /// The server, like http://127.0.0.1:8080, with ONSALE_OPERATOR_KEY and ONSALE_SERVER_KEY set. Without it one is started.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// The sale to create.
    #[arg(long, default_value = "p1")]
    pub sale: String,
    /// Divide visitors, rates, inventory and the connections used in turn by this.
    #[arg(long, default_value_t = 1.0, value_parser = at_least_one)]
    pub scale: f64,
    /// Divide durations and multiply rates by this; when a ticket is asked about again is the server's to say.
    #[arg(long, default_value_t = 30.0, value_parser = at_least_one)]
    pub speed: f64,
    /// Share of the called who never come.
    #[arg(long, default_value_t = 0.03, value_parser = share)]
    pub no_shows: f64,
    /// Share of the people who do not wait for ever.
    #[arg(long, default_value_t = 0.1, value_parser = share)]
    pub impatient: f64,
    /// Share of the carts that are let go.
    #[arg(long, default_value_t = 0.02, value_parser = share)]
    pub let_go: f64,
    /// Data folder of the server that is started, and where the disk is probed. Default: a temporary one, kept if something was missed.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The rest.
    #[command(flatten)]
    pub common: Common,
}

/// `run s5`.
#[derive(Debug, Args)]
pub struct S5Args {
    /// The server, like http://127.0.0.1:8080, with ONSALE_OPERATOR_KEY and ONSALE_SERVER_KEY set. Without it one is started.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// The sale to create.
    #[arg(long, default_value = "s5")]
    pub sale: String,
    /// Divide invitations and inventory by this.
    #[arg(long, default_value_t = 1.0, value_parser = at_least_one)]
    pub scale: f64,
    /// Divide durations and multiply rates by this; when a ticket is asked about again is the server's to say.
    #[arg(long, default_value_t = 3_600.0, value_parser = at_least_one)]
    pub speed: f64,
    /// Data folder of the server that is started, and where the disk is probed. Default: a temporary one, kept if something was missed.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The rest.
    #[command(flatten)]
    pub common: Common,
}

/// `run p2`.
#[derive(Debug, Args)]
pub struct P2Args {
    /// The server, like http://127.0.0.1:8080, with ONSALE_OPERATOR_KEY and ONSALE_SERVER_KEY set. Without it one is started.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// The sale to create.
    #[arg(long, default_value = "p2")]
    pub sale: String,
    /// Divide visitors, rates, inventory and the connections used in turn by this: 50 is 400 bookings a minute and 4,667 requests/s.
    #[arg(long, default_value_t = 50.0, value_parser = at_least_one)]
    pub scale: f64,
    /// Divide durations and multiply the rates of people and bookings by this; not polls, not pages, not thinking.
    #[arg(long, default_value_t = 10.0, value_parser = at_least_one)]
    pub speed: f64,
    /// Data folder of the server that is started, and where the disk is probed. Default: a temporary one, kept if something was missed.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The rest.
    #[command(flatten)]
    pub common: Common,
}

/// `run sell-out`.
#[derive(Debug, Args)]
pub struct SellOutArgs {
    /// The server, with ONSALE_SERVER_KEY set.
    #[arg(long, value_name = "URL")]
    pub target: String,
    /// The sale to sell out.
    #[arg(long)]
    pub sale: String,
    /// Buyers at work at one time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub at_once: u32,
    /// Open loop instead: so many buyers begin each second.
    #[arg(long, conflicts_with = "at_once", value_parser = positive)]
    pub rate: Option<f64>,
    /// The rest.
    #[command(flatten)]
    pub common: Common,
}

/// `run kill-9`.
#[derive(Debug, Args)]
pub struct Kill9Args {
    /// How often to kill.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub times: u32,
    /// The seed of the instants and of what everybody wants.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// A folder for the server's data and log, without data in it; it stays. Default: a temporary one, kept on failure.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

fn positive(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if value.is_finite() && value > 0.0 { Ok(value) } else { Err("it must be greater than 0".to_owned()) }
}

fn at_least_one(text: &str) -> Result<f64, String> {
    let value = positive(text)?;
    if (1.0..=100_000.0).contains(&value) {
        Ok(value)
    } else {
        Err("it must be between 1 and 100000".to_owned())
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is not a number"))?;
    if (0.0..1.0).contains(&value) {
        Ok(value)
    } else {
        Err("it must be 0 or more and less than 1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nonsense_is_refused_before_the_run() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' '));
        for right in [
            "loadtest run s1 --scale 10 --season --report out.json",
            "loadtest run s1 --room --scale 10",
            "loadtest run p2 --speed 20",
        ] {
            assert!(parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "loadtest run s1 --scale 0",
            "loadtest run s1 --speed NaN",
            "loadtest run sell-out --sale x",
            "loadtest run sell-out --sale x --target http://h --rate 5 --at-once 3",
            "loadtest run s1 --connections 0",
            "loadtest run kill-9 --times 0",
            "loadtest run p1 --no-shows 1",
            "loadtest run p1 --speed 0.5",
            "loadtest run s1 --room --season",
            "loadtest run s1 --room --crash",
            "loadtest run p2 --scale 0.5",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
