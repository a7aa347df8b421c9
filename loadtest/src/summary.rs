//! The one summary of a run: what was offered, the latencies, what was answered, what was expected, the audit, the word.
//! Text only; who prints it is [`crate::terminal`]. It is written for somebody who has not read the scenario.

use std::fmt::{self, Write};

use crate::draw;
use crate::latency::Spread;
use crate::report::{self, Figures, Report};
use crate::verdict::{Came, Verdict};

/// The rows of the latency table in their order; a report has those that were made.
const ROWS: [&str; 12] = [
    "join",
    "poll",
    "line",
    "leave",
    "read",
    "look",
    "search",
    "hold",
    "granted",
    "checkout",
    "give-back",
    "all",
];

/// The summary of a report.
pub fn of(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, report);
    text
}

fn write_all(out: &mut String, report: &Report) -> fmt::Result {
    head(out, report)?;
    latencies(out, report)?;
    answers(out, report)?;
    visits(out, report)?;
    machine(out, report)?;
    expected(out, report)?;
    audit(out, report)?;
    word(out, report)
}

fn head(out: &mut String, report: &Report) -> fmt::Result {
    let run = &report.run;
    let whose = if run.own_server { "own server, " } else { "" };
    writeln!(out, "{} on sale {} ({whose}{})", run.scenario, run.sale, run.target)?;
    writeln!(
        out,
        "  scale {}  speed {}  seed {}  started {}",
        run.scale, run.speed, run.seed, run.started_at
    )?;
    writeln!(out, "  {}", run.load)?;
    let places = &report.places;
    if places.planned_in_rush > 0 {
        let first = "each place went to a visitor's next step, a new visitor or a page view";
        writeln!(out, "  {first}: {} / {} / {}", places.steps, places.arrivals, places.views)?;
        let waited = places.waited_for_place;
        writeln!(
            out,
            "  visitors waited for a place: median {}, p99 {}",
            ms(waited.p50_us),
            ms(waited.p99_us)
        )?;
    }
    Ok(())
}

fn latencies(out: &mut String, report: &Report) -> fmt::Result {
    let of = if report.places.planned_in_rush > 0 { "rush only" } else { "the whole run" };
    writeln!(
        out,
        "\nLatency from the intended start, {of} (ms; lost requests are in; `granted` are the holds that got a cart)"
    )?;
    writeln!(
        out,
        "  {:<10}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}  {:>11}  {:>8}",
        "", "requests", "p50", "p90", "p99", "p99.9", "max", "lost", "service p99", "lag p99"
    )?;
    for row in ROWS {
        let Some(Figures { latency, service, send_lag, lost, .. }) = report.figures.get(row) else {
            continue;
        };
        let Spread { count, p50_us, p90_us, p99_us, p999_us, max_us, .. } = latency;
        let [p50, p90, p99, p999, max, service, lag] =
            [*p50_us, *p90_us, *p99_us, *p999_us, *max_us, service.p99_us, send_lag.p99_us].map(plain_ms);
        writeln!(
            out,
            "  {row:<10}{count:>9}{p50:>9}{p90:>9}{p99:>9}{p999:>9}{max:>9}{lost:>7}  {service:>11}  {lag:>8}"
        )?;
    }
    if let Some(all) = report.figures.get("all") {
        let goodput = draw::seconds_of(all.goodput_milli) * 1e3;
        writeln!(
            out,
            "  goodput {goodput:.1} requests/s served; {} lost, {} turned away busy",
            all.lost, all.turned_away
        )?;
    }
    Ok(())
}

fn answers(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "\nAnswers, all phases")?;
    let mut kinds: Vec<&str> = Vec::new();
    for told in &report.told {
        if kinds.last() != Some(&told.kind.word()) {
            kinds.push(told.kind.word());
        }
    }
    for kind in kinds {
        let of_kind = report.told.iter().filter(|told| told.kind.word() == kind);
        let list: Vec<String> = of_kind.map(|told| format!("{} x {}", told.count, told.what)).collect();
        writeln!(out, "  {kind:<10}{}", list.join(", "))?;
    }
    Ok(())
}

fn visits(out: &mut String, report: &Report) -> fmt::Result {
    let total: u64 = report.endings.values().sum();
    writeln!(out, "\nVisits: {total}, from arrival to final answer median {}", ms(report.visits.p50_us))?;
    let list: Vec<String> =
        report.endings.iter().map(|(ending, count)| format!("{count} {}", ending.words())).collect();
    writeln!(out, "  {}", list.join(", "))
}

fn machine(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out)?;
    for probe in &report.disk {
        let note = if probe.in_memory { "  (a folder in memory: no disk was asked)" } else { "" };
        writeln!(
            out,
            "Disk {} the rush: append 4 KiB and sync p50 {}, p99 {} in {}{note}",
            probe.when,
            ms(probe.sync.p50_us),
            ms(probe.sync.p99_us),
            probe.folder
        )?;
    }
    let lasted = report.lasted_ms.max(1);
    if let Some(server) = &report.server {
        writeln!(
            out,
            "Server: {} of a core, {} MiB resident (peak {}), ready {} after its start",
            cores(server.cpu_ms, lasted),
            server.memory.resident_kib / 1_024,
            server.memory.peak_kib / 1_024,
            ms(server.start_up_ms * 1_000)
        )?;
    }
    let used = cores(report.tester_cpu_ms, lasted);
    writeln!(out, "Tester: {used} of a core on a machine with {} cores", report.run.cores)?;
    match report.stolen_permille {
        None | Some(0) => Ok(()),
        Some(stolen) => {
            writeln!(
                out,
                "Machine: its host gave {} % of the processors' time to others meanwhile (steal)",
                percent(stolen)
            )
        }
    }
}

fn percent(permille: u64) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}

fn expected(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "\nExpected")?;
    for expectation in &report.expectations {
        let mark = match expectation.came {
            Came::True => "pass",
            Came::Missed => "MISS",
            Came::Told => "  - ",
        };
        let name = &expectation.name;
        writeln!(out, "  {mark}  {name}: {} ({})", expectation.got, expectation.wanted)?;
    }
    Ok(())
}

fn audit(out: &mut String, report: &Report) -> fmt::Result {
    writeln!(out, "\nAudit")?;
    for check in &report.audit {
        let mark = if check.holds { "pass" } else { "MISS" };
        writeln!(out, "  {mark}  {}: {}", check.name, check.detail)?;
    }
    Ok(())
}

fn word(out: &mut String, report: &Report) -> fmt::Result {
    let words = match report.verdict {
        Verdict::Passed => "PASSED: everything expected came true and the audit is clean.",
        Verdict::Missed => "MISSED: see the lines marked MISS.",
        Verdict::Void => {
            "VOID: the tester was the limit (p99 of the send lag over 10 ms, more than 0.1 % not sent, or visits that could not \
             ask). The figures say nothing about the server; use a greater --scale or more cores."
        }
    };
    writeln!(out, "\n{words}")?;
    if report.verdict != Verdict::Passed {
        own_limit(out, report)?;
    }
    match report.stolen_permille {
        Some(stolen) if report.verdict != Verdict::Passed && stolen >= 10 => writeln!(
            out,
            "Others on the same host had {} % of this machine's processors meanwhile: keep the processors awake \
             (loadtest/README.md, On a virtual machine), run it in a quieter hour, or on a machine that shares less.",
            percent(stolen)
        ),
        _ => Ok(()),
    }
}

/// What of it is the tester's own. In a run that missed something as well it excuses no line of the audit but those it explains.
fn own_limit(out: &mut String, report: &Report) -> fmt::Result {
    let all = report.figures.get("all");
    if report.verdict == Verdict::Missed && report::limited_by_tester(all) {
        writeln!(
            out,
            "The tester was the limit as well: figures of time say nothing of the server, what the audit found stands."
        )?;
    }
    let not_sent = all.map_or(0, |all| all.not_sent);
    if not_sent > 0 {
        writeln!(
            out,
            "{not_sent} requests were never sent: there was no connection to be had (--connections, `ulimit -n`)."
        )?;
    }
    for check in report.audit.iter().filter(|check| check.of_the_tester) {
        writeln!(out, "The tester's own, not the server's: {}: {}.", check.name, check.detail)?;
    }
    Ok(())
}

fn ms(micros: u64) -> String {
    let seconds = draw::seconds_of(micros);
    if seconds >= 1.0 { format!("{seconds:.2} s") } else { format!("{} ms", plain_ms(micros)) }
}

fn plain_ms(micros: u64) -> String {
    let value = draw::seconds_of(micros) * 1e3;
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn cores(cpu_ms: u64, lasted_ms: u64) -> String {
    format!("{:.2}", draw::seconds_of(cpu_ms) / draw::seconds_of(lasted_ms).max(1e-6))
}
