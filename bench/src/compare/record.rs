//! What is kept of a run: a table for people now, JSON in the tree for later.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::bars::{Bar, Reached};
use super::machine::{Machine, commit, load};
use super::series::{Series, Spread, ratio};

/// One figure and the bar it belongs to.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    bar: &'static str,
    what: &'static str,
    figure: f64,
    spread: Option<Spread>,
    first: f64,
    goal: f64,
    reached: Reached,
    note: String,
}

/// A run.
#[derive(Debug, Serialize)]
pub struct Record {
    date: String,
    commit: String,
    command: String,
    machine: Machine,
    rows: Vec<Row>,
    series: Vec<Series>,
    told: Vec<(String, f64)>,
    skipped: Vec<String>,
}

impl Record {
    /// An empty record of a run that begins now.
    pub fn begin(folder: &Path) -> Result<Self, String> {
        let mut command: Vec<String> = std::env::args().skip(1).collect();
        let program = std::env::current_exe().ok().and_then(|me| Some(me.file_stem()?.to_str()?.to_owned()));
        command.insert(0, program.unwrap_or_default());
        let (commit, machine) = (commit(), Machine::look(folder)?);
        Ok(Self {
            date: today(),
            commit,
            command: command.join(" "),
            machine,
            rows: Vec::new(),
            series: Vec::new(),
            told: Vec::new(),
            skipped: Vec::new(),
        })
    }

    /// The machine.
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Keeps sides that ran in turn.
    pub fn keep(&mut self, series: &[Series]) {
        for side in series {
            let rate = side.rate();
            let cpu = side.cpu_us().map_or(String::new(), |us| format!(", {us:.1} us CPU each"));
            let p50 = side.p50_us().map_or(String::new(), |us| format!(", p50 {us:.0} us"));
            let errors = if side.errors() > 0.0 {
                format!("  *** {} ANSWERS NOT AS EXPECTED ***", side.errors())
            } else {
                String::new()
            };
            eprintln!(
                "{:<34} {:>9.0}/s ({:.0} to {:.0}){cpu}{p50}{errors}",
                side.name, rate.median, rate.min, rate.max
            );
        }
        self.series.extend_from_slice(series);
    }

    /// A ratio of two sides that ran in turn.
    pub fn compare(&mut self, bar: &str, ours: &Series, theirs: &Series) {
        let spread = ratio(ours, theirs);
        let mut note = format!("{} over {}", ours.name, theirs.name);
        // What the ratio would be if the server's CPU were all that counts; other load moves it less than the rate.
        if let (Some(our), Some(their)) = (ours.cpu_us(), theirs.cpu_us()) {
            note.push_str(&format!("; by CPU {their:.1} / {our:.1} us = {:.2}", their / our));
        }
        self.figure(bar, spread.median, Some(spread), &note);
    }

    /// A figure of another kind.
    pub fn figure(&mut self, bar: &str, figure: f64, spread: Option<Spread>, note: &str) {
        let bar = Bar::named(bar);
        let row = Row {
            bar: bar.name,
            what: bar.what,
            figure,
            spread,
            first: bar.first,
            goal: bar.goal,
            reached: bar.judge(figure),
            note: note.to_owned(),
        };
        eprintln!("{}", row.line());
        self.rows.push(row);
    }

    /// A figure that has no bar and is written down.
    pub fn tell(&mut self, what: &str, figure: f64) {
        eprintln!("{figure:>17.1}  {what}");
        self.told.push((what.to_owned(), figure));
    }

    /// Something that was not measured, and why.
    pub fn skip(&mut self, why: String) {
        eprintln!("SKIPPED: {why}");
        self.skipped.push(why);
    }

    /// Prints the table and writes the record into `runs`.
    pub fn finish(mut self, runs: &Path, kind: &str) -> Result<PathBuf, String> {
        self.machine.load_after = load();
        eprintln!(
            "\n{} at {}, sync p50 {:.0} us",
            self.machine.cpu, self.commit, self.machine.sync_us.median
        );
        for row in &self.rows {
            eprintln!("{}", row.line());
        }
        let commit = self.commit.replace('+', "-changed");
        let file = runs.join(format!("{}-{commit}-{kind}.json", self.date));
        let text = serde_json::to_string_pretty(&self).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(runs).map_err(|error| error.to_string())?;
        std::fs::write(&file, text + "\n").map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { bar, what, figure, first, goal, note, .. } = self;
        let spread = self.spread.map_or(String::new(), |it| format!(" ({:.2} to {:.2})", it.min, it.max));
        let reached = match self.reached {
            Reached::Goal => "GOAL",
            Reached::First => "first bar",
            Reached::No => "not reached",
        };
        format!("bar {bar:<4} {figure:>8.2}{spread}  [{first} / {goal}] {reached}: {what}; {note}")
    }
}

/// The day in UTC with the minute, as file names carry it.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, minutes) = (seconds / 86_400, seconds % 86_400 / 60);
    // Civil from days, after Howard Hinnant; years from 0 on, March first.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let (shifted_month, day) =
        ((5 * of_year + 2) / 153, of_year - (153 * ((5 * of_year + 2) / 153) + 2) / 5 + 1);
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}{:02}", minutes / 60, minutes % 60)
}
