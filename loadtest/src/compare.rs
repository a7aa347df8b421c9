//! Two reports side by side: the percentiles of each kind of request in both, and how many times the second is of the
//! first. It says so when the two runs were not the same load, because then a ratio says little.

use std::fmt::{self, Write};

use crate::draw;
use crate::report::Report;

/// The comparison of two reports.
pub fn of(first: &Report, second: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, first, second);
    text
}

fn write_all(out: &mut String, a: &Report, b: &Report) -> fmt::Result {
    for (name, report) in [("A", a), ("B", b)] {
        let run = &report.run;
        writeln!(
            out,
            "{name}: {} {}, scale {} speed {} seed {}: {:?}",
            run.scenario, run.started_at, run.scale, run.speed, run.seed, report.verdict
        )?;
    }
    for difference in differences(a, b) {
        writeln!(out, "   note: {difference}")?;
    }
    writeln!(out, "\n{:<22}{:>12}{:>12}{:>8}", "latency, ms", "A", "B", "B/A")?;
    for (kind, figures) in &a.figures {
        let Some(other) = b.figures.get(kind) else { continue };
        let (x, y) = (figures.latency, other.latency);
        let rows = [
            ("p50", x.p50_us, y.p50_us),
            ("p99", x.p99_us, y.p99_us),
            ("p99.9", x.p999_us, y.p999_us),
            ("max", x.max_us, y.max_us),
        ];
        for (name, x, y) in rows {
            let (in_a, in_b) = (draw::seconds_of(x) * 1e3, draw::seconds_of(y) * 1e3);
            let label = format!("{kind} {name}");
            writeln!(out, "{label:<22}{in_a:>12.2}{in_b:>12.2}{:>8}", ratio(x, y))?;
        }
    }
    writeln!(out)?;
    let sync = |report: &Report| report.disk.iter().map(|probe| probe.sync.p99_us).max().unwrap_or_default();
    let server = |report: &Report| report.server.map_or(0, |server| server.cpu_ms);
    let memory = |report: &Report| report.server.map_or(0, |server| server.memory.peak_kib);
    let rows = [
        ("disk sync p99, us", sync(a), sync(b)),
        ("server cpu, ms", server(a), server(b)),
        ("server peak, KiB", memory(a), memory(b)),
        ("tester cpu, ms", a.tester_cpu_ms, b.tester_cpu_ms),
        ("lasted, ms", a.lasted_ms, b.lasted_ms),
    ];
    for (name, x, y) in rows {
        writeln!(out, "{name:<22}{x:>12}{y:>12}{:>8}", ratio(x, y))?;
    }
    // Of another report's machine it may not be known.
    let stolen = |report: &Report| report.stolen_permille.map_or_else(|| "-".to_owned(), |it| it.to_string());
    writeln!(out, "{:<22}{:>12}{:>12}{:>8}", "stolen, permille", stolen(a), stolen(b), "-")
}

fn differences(a: &Report, b: &Report) -> Vec<String> {
    let differ = |what: &str, x: String, y: String| (x != y).then(|| format!("{what} differs: {x} and {y}"));
    [
        differ("the scenario", a.run.scenario.clone(), b.run.scenario.clone()),
        differ("the load", a.run.load.clone(), b.run.load.clone()),
        differ("the seed", a.run.seed.to_string(), b.run.seed.to_string()),
        differ("the number of cores", a.run.cores.to_string(), b.run.cores.to_string()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn ratio(a: u64, b: u64) -> String {
    if a == 0 { "-".to_owned() } else { format!("{:.2}", draw::seconds_of(b) / draw::seconds_of(a)) }
}
