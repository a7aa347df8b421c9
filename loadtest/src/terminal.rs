//! Runs what the command line asked for and prints what came of it; the only room that writes to standard output.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::behaviour::Behaviour;
use crate::cli::{Cli, Command, Common, Kill9Args, P1Args, P2Args, S1Args, S5Args, Scenario, SellOutArgs};
use crate::failure::Failure;
use crate::own_server;
use crate::report::Report;
use crate::scenario::kill_9::{self, Kill9};
use crate::scenario::p2::{self, P2};
use crate::scenario::room_day::CONNECTIONS as CROWD_CONNECTIONS;
use crate::scenario::s1_room::{self, S1Room};
use crate::scenario::{Where, p1, s1, s5, sell_out};
use crate::waiting::crowd::Crowd;
use crate::{compare, summary};

/// Connections at most where the command line says nothing.
const CONNECTIONS: usize = 2_048;

/// Does it; the exit code is that of the verdict, or of the failure if it did not come to one.
pub fn obey(cli: Cli) -> ExitCode {
    match done(cli) {
        Ok(code) => code.into(),
        Err(failure) => {
            eprintln!("loadtest: {failure}");
            failure.exit_code().into()
        }
    }
}

#[expect(clippy::print_stdout, reason = "the summary is what the program is for; this is its one place")]
fn done(cli: Cli) -> Result<u8, Failure> {
    match cli.command {
        Command::Run { scenario } => {
            let (common, report) = match scenario {
                Scenario::S1(args) if args.room => {
                    (args.common.clone(), to_its_end(s1_room::run(&as_s1_room(args)))?)
                }
                Scenario::P2(args) => (args.common.clone(), to_its_end(p2::run(&as_p2(args)))?),
                Scenario::S1(args) => (args.common.clone(), to_its_end(s1::run(&as_s1(args)))?),
                Scenario::P1(args) => (args.common.clone(), to_its_end(p1::run(&as_p1(args)))?),
                Scenario::S5(args) => (args.common.clone(), to_its_end(s5::run(&as_s5(args)))?),
                Scenario::SellOut(args) => {
                    (args.common.clone(), to_its_end(sell_out::run(&as_sell_out(args)))?)
                }
                Scenario::Kill9(args) => {
                    let Kill9Args { times, seed, data } = args;
                    let outcome = to_its_end(kill_9::run(&Kill9 { times, seed, data, server: None }))?;
                    print!("{outcome}");
                    return Ok(outcome.exit_code());
                }
            };
            print!("{}", summary::of(&report));
            if let Some(file) = &common.report {
                report.write(file)?;
            }
            Ok(report.verdict.exit_code())
        }
        Command::Report { file } => {
            let report = Report::read(&file)?;
            print!("{}", summary::of(&report));
            Ok(report.verdict.exit_code())
        }
        Command::Compare { a, b } => {
            print!("{}", compare::of(&Report::read(&a)?, &Report::read(&b)?));
            Ok(0)
        }
    }
}

/// One thread for the whole load. The descriptor of the alarm clock and the sockets are polled every 16 steps of the
/// scheduler instead of 61: at thousands of requests a second that is what keeps the send lag down.
pub fn in_runtime<T>(run: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    allow_sockets();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().event_interval(16).build().map_err(
            |error| {
                Failure::new("The tester cannot start.", error, "check the limits of this shell: `ulimit -a`")
            },
        )?;
    tokio::task::LocalSet::new().block_on(&runtime, run)
}

/// A run that is told to end takes the server with it that it has started, and its temporary data.
fn to_its_end<T>(run: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    in_runtime(async {
        let stop = async {
            let signal = told_to_stop().await;
            own_server::nobody_will_look();
            signal
        };
        tokio::select! {
            biased;
            outcome = run => outcome,
            signal = stop => Err(Failure::new(
                "The run was stopped.",
                format!("{signal} came in the middle of it, so there is nothing to judge"),
                "start it again; what it began at a `--target` is still there",
            )),
        }
    })
}

/// Which signal came, when one has. The system is told at once that they are waited for.
#[cfg(unix)]
fn told_to_stop() -> impl Future<Output = &'static str> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn come(signal: std::io::Result<Signal>) {
        match signal {
            Ok(mut signal) => drop(signal.recv().await),
            // Then the system ends the tester, as it does with every program.
            Err(_) => std::future::pending().await,
        }
    }
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        tokio::select! {
            () = come(interrupt) => "SIGINT",
            () = come(terminate) => "SIGTERM",
        }
    }
}

#[cfg(not(unix))]
fn told_to_stop() -> impl Future<Output = &'static str> {
    std::future::pending()
}

/// Many shells allow 1,024 descriptors and let a program ask for more; if they do not, opening a connection fails and shows.
#[cfg(unix)]
fn allow_sockets() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(not(unix))]
fn allow_sockets() {}

fn as_s1(args: S1Args) -> s1::S1 {
    s1::S1 {
        place: place(args.target, args.data),
        sale: args.sale,
        scale: args.scale,
        speed: args.speed,
        seed: args.common.seed,
        season: args.season,
        crash: args.crash,
        connections: connections(&args.common),
        behaviour: Behaviour::default(),
    }
}

fn as_s1_room(args: S1Args) -> S1Room {
    S1Room {
        connections: connections_of_a_crowd(&args.common),
        place: place(args.target, args.data),
        sale: args.sale,
        scale: args.scale,
        speed: args.speed,
        seed: args.common.seed,
        behaviour: S1Room::behaviour(),
        crowd: Crowd::of_single_devices(),
    }
}

fn as_p2(args: P2Args) -> P2 {
    P2 {
        connections: connections_of_a_crowd(&args.common),
        place: place(args.target, args.data),
        sale: args.sale,
        scale: args.scale,
        speed: args.speed,
        seed: args.common.seed,
        behaviour: P2::behaviour(),
        crowd: Crowd::of_single_devices(),
    }
}

fn as_p1(args: P1Args) -> p1::P1 {
    p1::P1 {
        connections: connections_of_a_crowd(&args.common),
        place: place(args.target, args.data),
        sale: args.sale,
        scale: args.scale,
        speed: args.speed,
        seed: args.common.seed,
        crowd: Crowd { no_shows: args.no_shows, impatient: args.impatient, ..Crowd::default() },
        let_go: args.let_go,
    }
}

fn as_s5(args: S5Args) -> s5::S5 {
    s5::S5 {
        connections: connections(&args.common),
        place: place(args.target, args.data),
        sale: args.sale,
        scale: args.scale,
        speed: args.speed,
        seed: args.common.seed,
    }
}

fn as_sell_out(args: SellOutArgs) -> sell_out::SellOut {
    sell_out::SellOut {
        place: place(Some(args.target), None),
        sale: args.sale,
        at_once: usize::try_from(args.at_once).unwrap_or(1),
        rate: args.rate,
        seed: args.common.seed,
        connections: connections(&args.common),
    }
}

fn place(target: Option<String>, data: Option<PathBuf>) -> Where {
    Where { target, data, keys: None, server: None }
}

fn connections(common: &Common) -> usize {
    common.connections.map_or(CONNECTIONS, count)
}

fn connections_of_a_crowd(common: &Common) -> usize {
    common.connections.map_or(CROWD_CONNECTIONS, count)
}

fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
