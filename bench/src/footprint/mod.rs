//! What things cost in process: bytes of memory, bytes of journal, and the price of having many slots loaded.
//!
//! Every measurement of memory is a process of its own (this program again, with `--measure`), so that none stands on
//! what another has left with the allocator. Times are ratios of sides that alternate in one process.

mod audit;
mod folders;
mod journal;
mod line;
mod loaded;
mod memory;
mod season;
mod storm;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Parser, ValueEnum};

use crate::compare::Record;

/// Measures bytes per cart, slot and fact, and what 10 million slots cost a hold.
#[derive(Debug, Parser)]
#[command(name = "footprint")]
struct Options {
    /// Where the record is kept.
    #[arg(long, default_value = "bench/runs")]
    runs: PathBuf,
    /// Leave out what needs 10 million slots.
    #[arg(long)]
    small: bool,
    /// Measure a waiting room of a million instead: its opening, and how soon it is back after a kill.
    #[arg(long)]
    line: bool,
    /// Measure a million holds that lapse at one instant instead: who asks for them, and how long others wait.
    #[arg(long)]
    storm: bool,
    /// Measure a start in mid-season instead: 3.44 million appointments and a million orders.
    #[arg(long)]
    season: bool,
    /// Where its data folder is made; on the disk that is to be measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// One measurement of memory, in this process; its figure goes to standard output.
    #[arg(long, hide = true)]
    measure: Option<Measure>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Measure {
    Carts,
    CartsWithKeys,
    Waiting,
    Slots1m,
    Slots10m,
}

/// Reads the command line and measures.
///
/// # Errors
/// What stood in the way, as a sentence.
pub fn run() -> Result<(), String> {
    let options = Options::parse();
    if let Some(measure) = options.measure {
        let bytes = match measure {
            Measure::Carts => memory::per_cart(false),
            Measure::CartsWithKeys => memory::per_cart(true),
            Measure::Waiting => memory::per_waiting(),
            Measure::Slots1m => memory::per_slot(1_000),
            Measure::Slots10m => memory::per_slot(10_000),
        };
        #[expect(clippy::print_stdout, reason = "the figure is what the parent process reads")]
        {
            println!("{bytes}");
        }
        return Ok(());
    }
    let mut record = Record::begin(Path::new("."))?;
    if options.line {
        let folder = tempfile::tempdir_in(&options.folder).map_err(|error| error.to_string())?;
        line::measure(&mut record, folder.path())?;
        let file = record.finish(&options.runs, "line")?;
        eprintln!("kept in {}", file.display());
        return Ok(());
    }
    if options.season {
        let folder = tempfile::tempdir_in(&options.folder).map_err(|error| error.to_string())?;
        season::measure(&mut record, folder.path())?;
        let file = record.finish(&options.runs, "season")?;
        eprintln!("kept in {}", file.display());
        return Ok(());
    }
    if options.storm {
        storm::measure(&mut record, &options.folder)?;
        let file = record.finish(&options.runs, "storm")?;
        eprintln!("kept in {}", file.display());
        return Ok(());
    }
    let note = "1 M live carts over 100 k slots, each with a customer of its own under the limit";
    record.figure("12", alone(Measure::Carts)?, None, note);
    record.figure("12b", alone(Measure::CartsWithKeys)?, None, note);
    let note = "1 M registered, each with the hash of a person; one state, without a follower's";
    record.figure("15", alone(Measure::Waiting)?, None, note);
    record.tell("bytes a slot, 1 M loaded", alone(Measure::Slots1m)?);
    if !options.small {
        record.tell("bytes a slot, 10 M loaded", alone(Measure::Slots10m)?);
    }
    for (facts, bars) in [(64, Some(("11", "11b"))), (1, None)] {
        let (hold, confirm) = journal::bytes(facts);
        if let Some((of_hold, of_confirm)) = bars {
            record.figure(of_hold, hold, None, "frame headers and checksums included");
            record.figure(of_confirm, confirm, None, "frame headers and checksums included");
        } else {
            record.tell("journal bytes a hold, 1 fact a frame", hold);
            record.tell("journal bytes a confirm, 1 fact a frame", confirm);
        }
    }
    let look = loaded::availability();
    record.figure("18", look.ratio.median, Some(look.ratio), &look.note);
    if !options.small {
        for (bar, hold) in [("16", loaded::hold()), ("16b", loaded::hold_anywhere())] {
            record.figure(bar, hold.ratio.median, Some(hold.ratio), &hold.note);
        }
    }
    let file = record.finish(&options.runs, "footprint")?;
    eprintln!("kept in {}", file.display());
    Ok(())
}

/// Measures in a process of its own.
fn alone(measure: Measure) -> Result<f64, String> {
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let value = measure.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let done = Command::new(me).args(["--measure", &value]).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&done.stdout);
    said.trim().parse().map_err(|_| {
        format!("measuring {value} ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr))
    })
}
