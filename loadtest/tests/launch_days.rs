//! The days of a waiting room at a small scale over the real server: S1 with the room on, and P2, whose room switches itself on. A
//! few hundred people who hardly think. The order of the line, the audit and the final answers are asked for; figures of time are
//! the full days' to show.
//! Needs the server's program: `ONSALE_BIN`, or `cargo build --release -p onsale-gateway` beforehand.

use std::env;
use std::path::{Path, PathBuf};

use onsale_loadtest::audit::Check;
use onsale_loadtest::behaviour::Behaviour;
use onsale_loadtest::report::Report;
use onsale_loadtest::scenario::Where;
use onsale_loadtest::scenario::p2::{self, P2};
use onsale_loadtest::scenario::s1_room::{self, S1Room};
use onsale_loadtest::summary;
use onsale_loadtest::terminal::in_runtime;
use onsale_loadtest::verdict::{Came, Expectation, Verdict};
use onsale_loadtest::visitor::Ending;
use onsale_loadtest::waiting::crowd::Crowd;

/// A server of the run's own, with its data in this folder.
fn at(data: &Path) -> Where {
    let built = || Path::new(env!("CARGO_BIN_EXE_loadtest")).with_file_name("../release/onsale");
    let server = env::var_os("ONSALE_BIN").map_or_else(built, PathBuf::from);
    Where { target: None, data: Some(data.to_owned()), keys: None, server: Some(server) }
}

fn hasty(usual: Behaviour) -> Behaviour {
    Behaviour { think_median_s: 0.1, form_median_s: 0.3, refresh_median_s: 0.3, ..usual }
}

/// Nobody fails to come: their windows would be most of the time.
fn crowd() -> Crowd {
    Crowd { no_shows: 0.0, impatient: 0.0, ..Crowd::of_single_devices() }
}

/// Whatever the machine is busy with, the audit is clean and everybody had a final answer; if it let the tester keep up, nothing
/// asked for was missed.
fn came_true(report: &Report) -> String {
    let text = summary::of(report);
    let failed: Vec<&Check> = report.audit.iter().filter(|check| !check.holds).collect();
    assert!(failed.is_empty(), "{failed:?}\n{text}");
    let missed: Vec<&Expectation> = report.expectations.iter().filter(|it| it.came == Came::Missed).collect();
    // A tester that could not keep up says nothing of times; of the order, the audit and the endings it does.
    assert!(missed.is_empty() || report.verdict == Verdict::Void, "{missed:?}\n{text}");
    assert!(!report.endings.contains_key(&Ending::Silent), "{text}");
    text
}

#[test]
fn s1_with_a_room_offers_nobody_what_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let s1 = S1Room {
        place: at(folder.path()),
        sale: "s1".into(),
        scale: 50.0,
        speed: 100.0,
        seed: 1,
        connections: 512,
        behaviour: hasty(S1Room::behaviour()),
        crowd: crowd(),
    };
    let report = in_runtime(s1_room::run(&s1)).unwrap();
    let text = came_true(&report);
    assert_eq!(report.endings.values().sum::<u64>(), 660, "{text}");
    assert_eq!(report.endings[&Ending::Ordered], 42, "{text}");
    assert!(report.endings[&Ending::ToldNothingLeft] > 500, "{text}");
    assert!(text.contains("shown free but gone on click"), "{text}");
}

#[test]
fn p2_switches_its_room_on_and_nobody_loses_a_cart() {
    let folder = tempfile::tempdir().unwrap();
    let p2 = P2 {
        place: at(folder.path()),
        sale: "p2".into(),
        scale: 10_000.0,
        speed: 300.0,
        seed: 1,
        connections: 512,
        behaviour: hasty(P2::behaviour()),
        crowd: crowd(),
    };
    let report = in_runtime(p2::run(&p2)).unwrap();
    let text = came_true(&report);
    assert_eq!(report.endings[&Ending::Ordered], 100, "{text}");
    assert!(report.endings[&Ending::ToldNothingLeft] > 20, "{text}");
    // Some bought before the room was on, others were sent to the line.
    let told = |kind: &str, what: &str| {
        let of = |count: &&onsale_loadtest::report::Count| count.kind.word() == kind && count.what == what;
        report.told.iter().filter(of).map(|count| count.count).sum::<u64>()
    };
    assert!(told("hold", "403 not-admitted") > 0, "{text}");
    assert!(told("join", "201") > 50, "{text}");
    let switching = report.expectations.iter().find(|it| it.name == "the room switches itself on").unwrap();
    assert!(switching.got.contains("carts a minute were asked for"), "{switching:?}\n{text}");
    let lost = report.expectations.iter().find(|it| it.name.starts_with("nobody who had a cart")).unwrap();
    assert!(!lost.got.contains("in 0 carts"), "{lost:?}\n{text}");
}
