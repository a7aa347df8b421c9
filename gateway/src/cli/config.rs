//! `onsale config show|check`

use std::process::ExitCode;

use clap::ArgMatches;

use super::{CommandError, checked, say};

/// Runs it.
pub fn run(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    match matches.subcommand() {
        Some(("show", matches)) => {
            let (all, _) = checked(matches)?;
            let widest = all
                .all()
                .map(|(setting, text, _)| setting.name.len() + setting.shown(text).len())
                .max()
                .unwrap_or(0)
                + 3;
            for (setting, text, origin) in all.all() {
                let said = format!("{} = {}", setting.name, setting.shown(text));
                say(&format!("{said:<widest$}  # {origin}; {}", setting.about));
            }
        }
        Some(("check", matches)) => {
            checked(matches)?;
            say("the settings are in order");
        }
        // clap has refused everything else already.
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}
