//! The command line: what can be said to `onsale`.

mod config;
mod inspect;
mod serve;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use crate::config::table::TABLE;
use crate::config::{Config, Fault, Gathered};
use crate::import::{self, ImportArgs};
use crate::queue_command::{self, args::QueueArgs};
use crate::verify_draw::command::{self as verify_draw, VerifyDrawArgs};

/// Why a command ended badly, in words for who typed it.
#[derive(Debug)]
pub struct CommandError(pub String);

impl<E: std::error::Error> From<E> for CommandError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Runs the command line. This is all `main` does.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version come this way as well. A closed terminal is no reason to fail differently.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    match dispatch(&matches) {
        Ok(code) => code,
        Err(CommandError(why)) => {
            say_error(&why);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    match matches.subcommand() {
        Some(("serve", matches)) => serve::run(matches),
        Some(("config", matches)) => config::run(matches),
        Some(("import", matches)) => import_files(matches),
        Some(("inspect", matches)) => inspect::run(matches),
        Some(("queue", matches)) => turn_dials(matches),
        Some(("verify-draw", matches)) => check_draw(matches),
        // clap has refused everything else already.
        _ => Err(CommandError("say what to do; `onsale --help` lists it".to_owned())),
    }
}

/// The commands, their flags and their help.
#[must_use]
pub fn command() -> Command {
    let sample = Arg::new("sample").long("sample").action(ArgAction::SetTrue).env("ONSALE_SAMPLE");
    let sample = sample.help("add a small sale `sample` with slots, open now");
    Command::new("onsale")
        .about("An in-memory reservation engine for launch days")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(settings(Command::new("serve").about("Serve HTTP from a data folder").arg(sample)))
        .subcommand(
            Command::new("config")
                .about("Look at the settings")
                .subcommand_required(true)
                .arg_required_else_help(true)
                .subcommand(settings(
                    Command::new("show").about("Print every setting and where it comes from"),
                ))
                .subcommand(settings(Command::new("check").about("Say whether the settings are in order"))),
        )
        .subcommand(ImportArgs::augment_args(Command::new("import")))
        .subcommand(
            Command::new("inspect")
                .about("Look into a data folder")
                .subcommand_required(true)
                .subcommand(inspect::command()),
        )
        .subcommand(QueueArgs::augment_args(Command::new("queue")).arg_required_else_help(true))
        .subcommand(VerifyDrawArgs::augment_args(Command::new("verify-draw")))
}

/// Every setting of the table as a flag. The environment is not read by clap: it is merged by hand, with origins.
fn settings(command: Command) -> Command {
    let file = Arg::new("config").long("config").value_name("FILE").env("ONSALE_CONFIG");
    let file = file.value_parser(value_parser!(PathBuf)).help("a TOML file with settings");
    TABLE.iter().fold(command.arg(file), |command, setting| {
        let default = if setting.default.is_empty() { "none" } else { setting.default };
        let help = format!("{} [env: {}, default: {default}]", setting.about, setting.variable());
        command.arg(Arg::new(setting.name).long(setting.flag()).value_name(setting.value).help(help))
    })
}

/// The settings as all sources have them.
fn gather(matches: &ArgMatches) -> Result<Gathered, CommandError> {
    let file = matches.get_one::<PathBuf>("config");
    let text = file.map(|path| {
        std::fs::read_to_string(path)
            .map_err(|error| CommandError(format!("--config: {} cannot be read: {error}", path.display())))
    });
    let text = text.transpose()?;
    let flags = TABLE
        .iter()
        .filter_map(|setting| Some((setting.name, matches.get_one::<String>(setting.name)?.clone())));
    let file = file.zip(text.as_deref()).map(|(path, text)| (path.as_path(), text));
    Gathered::new(file, std::env::vars_os().filter_map(readable), flags).map_err(|faults| faulty(&faults))
}

/// A variable that is not UTF-8 is none of ours.
fn readable((name, value): (OsString, OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

fn checked(matches: &ArgMatches) -> Result<(Gathered, Config), CommandError> {
    let all = gather(matches)?;
    let config = Config::new(&all).map_err(|faults| faulty(&faults))?;
    Ok((all, config))
}

fn faulty(faults: &[Fault]) -> CommandError {
    CommandError(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// The importers speak HTTP to a server like any other client.
fn import_files(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    let arguments = ImportArgs::from_arg_matches(matches)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(import::run(arguments)))
}

/// An operator at a terminal is a client like any other.
fn turn_dials(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    let arguments = QueueArgs::from_arg_matches(matches)?;
    if arguments.sale.is_empty() {
        return Err(CommandError("which sale? say --sale SALE, or set ONSALE_SALE".to_owned()));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(queue_command::run(arguments)))
}

/// Whoever checks a draw needs no server, and no key if they ask one.
fn check_draw(matches: &ArgMatches) -> Result<ExitCode, CommandError> {
    let arguments = VerifyDrawArgs::from_arg_matches(matches)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(verify_draw::run(arguments)))
}

/// A line to stdout, as [`say_all`].
fn say(line: &str) {
    say_all(&format!("{line}\n"));
}

/// Text of many lines to stdout. A reader that has seen enough (`| head`) closes it, and that must neither stop a command
/// half-way nor change its exit code.
pub(crate) fn say_all(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line to stderr while something runs. Nobody may be reading it any more, and its disk may be full: that stops nothing.
pub(crate) fn say_aside(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// To stderr, each line with the program's name before it: it may stand among those of others.
pub(crate) fn say_error(why: &str) {
    for line in why.lines() {
        say_aside(&format!("onsale: {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_in_order() {
        command().debug_assert();
    }

    /// Clap reads the environment itself, but for the settings, whose help says their names.
    #[test]
    fn every_flag_has_an_environment_name() {
        fn check(command: &Command) {
            for flag in
                command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
            {
                let by_hand = flag.get_help().is_some_and(|help| help.to_string().contains("[env: ONSALE_"));
                let by_clap = flag
                    .get_env()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| name.starts_with("ONSALE_"));
                let named = by_clap || by_hand || flag.get_long().is_none();
                assert!(named, "`{} --{}` has none", command.get_name(), flag.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }

    /// A terminal in which an import was typed must be able to start a server.
    #[test]
    fn variables_of_other_commands_are_no_misspelt_settings() {
        fn gather(command: &Command, names: &mut Vec<(String, String)>) {
            let variables = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
            names.extend(variables.map(|name| (name.to_owned(), "7".to_owned())));
            command.get_subcommands().for_each(|command| gather(command, names));
        }
        let mut names = Vec::new();
        gather(&command(), &mut names);
        assert!(names.len() > 20, "{names:?}");
        assert_eq!(Gathered::new(None, names, []).err(), None);
    }

    #[test]
    fn flags_become_settings() {
        let matches = command().try_get_matches_from([
            "onsale",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--limits-in-flight",
            "7",
        ]);
        let matches = matches.unwrap();
        let (_, serve) = matches.subcommand().unwrap();
        let flags = TABLE
            .iter()
            .filter_map(|setting| Some((setting.name, serve.get_one::<String>(setting.name)?.clone())));
        let config = Config::new(&Gathered::new(None, [], flags).unwrap()).unwrap();
        assert_eq!((config.listen.port(), config.limits.in_flight), (0, 7));
    }
}
