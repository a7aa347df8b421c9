//! `onsale inspect journal DIR`: reads a journal out, fact by fact if asked, and names the first bad byte.
//!
//! It opens nothing for writing and takes no lock, so it can look at a folder that is being served from; what has not
//! been synced by then may look like a torn end.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use onsale_engine::inspect::{self, InspectError, Options};
use onsale_engine::os::disk::FolderDisk;
use onsale_engine::sequence::Sequence;

use super::{CommandError, say_error};

/// The flags.
pub fn command() -> Command {
    let number = |name: &'static str, variable: &'static str, help: &'static str| {
        Arg::new(name).long(name).env(variable).value_name("N").value_parser(value_parser!(u64)).help(help)
    };
    let facts = Arg::new("facts").long("facts").env("ONSALE_FACTS").action(ArgAction::SetTrue);
    Command::new("journal")
        .about("Print a journal: segments, frames, links, digests, and the first bad byte if there is one")
        .arg(Arg::new("data").required(true).value_name("DIR").value_parser(value_parser!(PathBuf)))
        .arg(facts.help("a line for each fact as well"))
        .arg(number("from", "ONSALE_FROM", "only what has this number or a later one"))
        .arg(number("to", "ONSALE_TO", "only what has this number or an earlier one"))
        .after_help("Exit code: 0 all good, or good up to a torn tail that the next start cuts; 1 something is damaged, or missing for a start, and named; 2 the folder cannot be read or has no journal.")
}

/// Runs it.
pub fn run(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    let Some(("journal", matches)) = matches.subcommand() else {
        return Err(CommandError("say what to inspect; `onsale inspect --help` lists it".to_owned()));
    };
    let data: &PathBuf =
        matches.get_one("data").ok_or_else(|| CommandError("name a data folder".to_owned()))?;
    if !data.is_dir() {
        let why = if data.exists() { "is a file, not a folder" } else { "there is no such folder" };
        return Ok(unreadable(data, &why));
    }
    let disk = match FolderDisk::open(data) {
        Ok(disk) => disk,
        Err(error) => return Ok(unreadable(data, &error)),
    };
    let number = |name: &str| matches.get_one::<u64>(name).copied().map(Sequence);
    let all = Options::default();
    let options = Options {
        facts: matches.get_flag("facts"),
        from: number("from").unwrap_or(all.from),
        to: number("to").unwrap_or(all.to),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match inspect::print(&disk, options, &mut out) {
        Ok(verdict) => {
            out.flush()?;
            Ok(ExitCode::from(verdict.exit_code()))
        }
        // Somebody read the first page and closed the pipe.
        Err(InspectError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            out.flush()?;
            Ok(unreadable(data, &error))
        }
    }
}

/// Nothing is said of a journal that could not be read, so it has an exit code of its own.
fn unreadable(data: &std::path::Path, why: &dyn std::fmt::Display) -> ExitCode {
    say_error(&format!("{}: {why}", data.display()));
    ExitCode::from(2)
}
