//! The comparison over HTTP: one command that starts our server and its peers, runs them in turn, and prints ratios.
//!
//! Only ratios of sides that alternate in one run mean anything, because load generator, server and whatever else the
//! machine does share its cores. Peers that are not installed are skipped and said so. Everything listens on loopback,
//! lives in temporary folders and is stopped at the end.

mod bars;
mod echo;
mod http;
pub(crate) mod machine;
mod open_loop;
mod postgres;
pub(crate) mod process;
mod record;
mod redis;
mod series;
mod shop;
mod topics;
mod traffic;
mod wrk;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};

pub use bars::Bar;
pub use machine::syncs;
pub use record::Record;
pub use series::{Series, Spread, spread};

use topics::Bench;

/// Runs our server against its peers, in turn, and prints the ratio of medians of each pair.
#[derive(Debug, Parser)]
#[command(name = "compare")]
struct Options {
    /// Counted rounds; in each every side runs once.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    rounds: u8,
    /// Seconds of one run.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Which comparisons; all if none is named.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Topic>,
    /// Threads of wrk: one, because our server has one worker and the machine two cores.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    wrk_threads: u32,
    /// A folder on the disk that is measured.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Where the record is kept.
    #[arg(long, default_value = "bench/runs")]
    runs: PathBuf,
    /// The echo's own process: the port it serves.
    #[arg(long, hide = true, requires = "echo_answer")]
    serve_echo: Option<u16>,
    /// The echo's own process: what it answers.
    #[arg(long, hide = true)]
    echo_answer: Option<PathBuf>,
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// Bars 1 and 2.
    Echo,
    /// Bar 13.
    Refusals,
    /// Bar 6.
    Contended,
    /// Bar 4.
    Redis,
    /// Bar 5.
    Postgres,
    /// Bar 3.
    Latency,
    /// Bar 14.
    WaitingRoom,
    /// Facts a sync carries.
    Syncs,
}

/// Reads the command line, runs what it names, writes the record.
///
/// # Errors
/// What stood in the way, as a sentence.
pub fn run() -> Result<(), String> {
    let options = Options::parse();
    if let (Some(port), Some(answer)) = (options.serve_echo, &options.echo_answer) {
        return echo::serve(port, answer);
    }
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = process::folder(&parent, "run")?;
    // A peer that runs as a user of its own must be able to reach its folder inside.
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711))
        .map_err(|error| error.to_string())?;
    let mut record = Record::begin(folder.path())?;
    let sync = record.machine().sync_us.median;
    eprintln!("sync p50 {sync:.0} us, load {}", record.machine().load_before);
    if sync < 10.0 {
        eprintln!(
            "A sync takes {sync:.1} us here: this is memory, not a disk. Name a folder on a disk with --folder."
        );
    }
    let topics = if options.only.is_empty() { Topic::value_variants() } else { &options.only };
    for topic in topics {
        eprintln!("\n== {topic:?}");
        one(*topic, &options, folder.path(), &mut record)?;
    }
    let file = record.finish(&options.runs, "compare")?;
    eprintln!("kept in {}", file.display());
    Ok(())
}

fn one(topic: Topic, options: &Options, within: &Path, record: &mut Record) -> Result<(), String> {
    let Options { rounds, seconds, wrk_threads, .. } = *options;
    let bench = Bench { within, rounds: usize::from(rounds), seconds, wrk_threads };
    if process::find("wrk").is_none() {
        record.skip(format!("{topic:?}: wrk is missing; apt-get install -y wrk"));
        return Ok(());
    }
    match topic {
        Topic::Echo => bench.echo(record),
        Topic::Refusals => bench.refusals(record),
        Topic::Contended => bench.contended(record),
        Topic::Redis => bench.redis(record),
        Topic::Postgres => bench.postgres(record),
        Topic::Latency => bench.latency(record),
        Topic::WaitingRoom => bench.waiting_room(record),
        Topic::Syncs => bench.syncs(record),
    }
}
