//! The report of a run: one value that is written as JSON, printed as a summary, read back and compared. Its shape is
//! versioned; a reader refuses a version it does not know rather than misreading figures of another year.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::audit::Check;
use crate::disk::Probe;
use crate::draw;
use crate::driver::Shares;
use crate::failure::Failure;
use crate::latency::{Lane, Spread, Times};
use crate::measured::{Kind, Measured, Phase, Told};
use crate::usage::Usage;
use crate::verdict::{Expectation, Verdict};
use crate::visitor::Ending;

/// The version of the shape.
pub const FORMAT: u32 = 1;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The version of this shape.
    pub format: u32,
    /// What was run, how, against what.
    pub run: Run,
    /// The figures of the rush, by kind; `read` is look and search together, `granted` the holds that were granted.
    pub figures: BTreeMap<String, Figures>,
    /// The seconds of the rush.
    pub seconds: Vec<Second>,
    /// Answers by kind and status.
    pub told: Vec<Count>,
    /// How visits ended.
    pub endings: BTreeMap<Ending, u64>,
    /// From intended arrival to final answer.
    pub visits: Spread,
    /// How the places of the plan were shared out.
    pub places: Places,
    /// Probes of the disk.
    pub disk: Vec<Probe>,
    /// What the server used, if it is the tester's own.
    pub server: Option<ServerUse>,
    /// What the tester used in the rush and after it.
    pub tester_cpu_ms: u64,
    /// Thousandths of the machine's processor time that its host gave to others meanwhile; none where that cannot be read, and
    /// in reports from before it was.
    #[serde(default)]
    pub stolen_permille: Option<u64>,
    /// From t0 to the end of the wind-down.
    pub lasted_ms: u64,
    /// What was expected.
    pub expectations: Vec<Expectation>,
    /// The audit.
    pub audit: Vec<Check>,
    /// The word.
    pub verdict: Verdict,
}

/// What was run.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The scenario.
    pub scenario: String,
    /// The sale.
    pub sale: String,
    /// The server's address, and whether the tester started it.
    pub target: String,
    /// True if the tester started the server.
    pub own_server: bool,
    /// What visitors, rates and inventory were divided by.
    pub scale: f64,
    /// What durations were divided by.
    pub speed: f64,
    /// The seed.
    pub seed: u64,
    /// When it began.
    pub started_at: String,
    /// Cores of the tester's machine.
    pub cores: usize,
    /// What the load was, in words.
    pub load: String,
}

/// The figures of one kind of request.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Answer complete minus intended start.
    pub latency: Spread,
    /// Answer complete minus really sent.
    pub service: Spread,
    /// Really sent minus intended.
    pub send_lag: Spread,
    /// Ended without an answer; they are in the latency.
    pub lost: u64,
    /// Of those, never sent.
    pub not_sent: u64,
    /// Answered with 429 or a server error.
    pub turned_away: u64,
    /// Requests really served for each second they were intended in, times 1,000.
    pub goodput_milli: u64,
}

impl Figures {
    /// From a lane of a phase that lasted so long.
    fn new(lane: &Lane, lasted: Duration) -> Self {
        let latency = lane.latency().spread();
        let served = latency.count.saturating_sub(lane.lost + lane.turned_away);
        Self {
            latency,
            service: lane.service().spread(),
            send_lag: lane.send_lag().spread(),
            lost: lane.lost,
            not_sent: lane.not_sent,
            turned_away: lane.turned_away,
            goodput_milli: (served * 1_000_000_000).checked_div(draw::micros(lasted)).unwrap_or_default(),
        }
    }
}

/// One second of the rush.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "a row of a table whose heads say all")]
pub struct Second {
    pub second: usize,
    pub requests: u64,
    pub read_p99_us: u64,
    pub hold_p99_us: u64,
    pub holds: u64,
    pub worst_us: u64,
}

/// One line of what was answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Count {
    /// The kind of request.
    pub kind: Kind,
    /// `201`, `409 slot-taken`, `lost: TimedOut`.
    pub what: String,
    /// How often.
    pub count: u64,
}

/// How the places of the plan were shared out.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the words of `driver::Shares`")]
pub struct Places {
    pub planned_in_rush: usize,
    pub steps: usize,
    pub arrivals: usize,
    pub views: usize,
    pub waited_for_place: Spread,
}

/// What the server used.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerUse {
    /// Time until its last start said it was ready.
    pub start_up_ms: u64,
    /// Processor time from t0 to the end of the wind-down.
    pub cpu_ms: u64,
    /// Memory at the end.
    pub memory: Usage,
}

impl Places {
    /// From the driver's counts.
    pub fn new(planned: usize, shares: Shares, measured: &Measured) -> Self {
        Self {
            planned_in_rush: planned,
            steps: shares.steps,
            arrivals: shares.arrivals,
            views: shares.views,
            waited_for_place: measured.waited_for_place.spread(),
        }
    }
}

/// Look and search together, what people do without changing anything.
pub const READS: [Kind; 2] = [Kind::Look, Kind::Search];

/// The figures of the rush by kind; the rush lasted so long.
pub fn figures(measured: &Measured, lasted: Duration) -> BTreeMap<String, Figures> {
    let of = |kinds: &[Kind]| Figures::new(&measured.lane(Phase::Rush, kinds), lasted);
    let mut all: BTreeMap<String, Figures> =
        Kind::ALL.iter().map(|kind| (kind.word().to_owned(), of(&[*kind]))).collect();
    all.insert("read".to_owned(), of(&READS));
    all.insert("granted".to_owned(), Figures::new(&measured.granted, lasted));
    all.insert("all".to_owned(), of(&Kind::ALL));
    all.retain(|_, figures| figures.latency.count > 0);
    all
}

/// The rush second by second.
pub fn seconds(measured: &Measured) -> Vec<Second> {
    let lane = |kinds: &[Kind]| measured.lane(Phase::Rush, kinds);
    let (all, reads, holds) = (lane(&Kind::ALL), lane(&READS), lane(&[Kind::Hold]));
    let spread =
        |lane: &Lane, second: usize| lane.seconds().get(second).map(Times::spread).unwrap_or_default();
    (0..all.seconds().len())
        .map(|second| Second {
            second,
            requests: spread(&all, second).count,
            read_p99_us: spread(&reads, second).p99_us,
            hold_p99_us: spread(&holds, second).p99_us,
            holds: spread(&holds, second).count,
            worst_us: spread(&all, second).max_us,
        })
        .collect()
}

/// What was answered, by kind.
pub fn told(measured: &Measured) -> Vec<Count> {
    let words = |told: &Told| match told {
        Told::Answer(status, code) => format!("{status} {code}").trim_end().to_owned(),
        Told::Lost(lost) => format!("lost: {lost:?}"),
    };
    measured
        .told
        .iter()
        .map(|((kind, told), count)| Count { kind: *kind, what: words(told), count: *count })
        .collect()
}

/// Counts places of the plan that are in no row of the table as not sent: each is one request.
pub fn count_missing(figures: &mut BTreeMap<String, Figures>, planned: usize) {
    if let Some(all) = figures.get_mut("all") {
        let missing = u64::try_from(planned).unwrap_or(u64::MAX).saturating_sub(all.latency.count);
        all.not_sent += missing;
        all.lost += missing;
    }
}

/// Whether more than 0.1 % was not sent.
pub fn too_few_sent(all: Option<&Figures>) -> bool {
    all.is_some_and(|all| all.not_sent * 1_000 > all.latency.count)
}

/// Whether the tester was the limit: p99 of the send lag over 10 ms, or more than 0.1 % not sent.
pub fn limited_by_tester(all: Option<&Figures>) -> bool {
    all.is_some_and(|all| all.send_lag.p99_us > 10_000) || too_few_sent(all)
}

impl Report {
    /// Writes the report as JSON.
    pub fn write(&self, file: &Path) -> Result<(), Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(
                format!("The report cannot be written to {}.", file.display()),
                error,
                "give another name with `--report FILE`",
            )
        };
        let mut text = serde_json::to_string_pretty(self).map_err(|error| cannot(error.into()))?;
        text.push('\n');
        fs::write(file, text).map_err(cannot)
    }

    /// Reads a report back.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let cannot = |why: String| {
            Failure::new(
                format!("{} cannot be read as a report.", file.display()),
                why,
                "give a file that was written with `loadtest run … --report FILE`",
            )
        };
        let text = fs::read_to_string(file).map_err(|error| cannot(error.to_string()))?;
        let version: Versioned = serde_json::from_str(&text).map_err(|error| cannot(error.to_string()))?;
        if version.format != FORMAT {
            return Err(cannot(format!(
                "it has format {}, this program reads format {FORMAT}",
                version.format
            )));
        }
        serde_json::from_str(&text).map_err(|error| cannot(error.to_string()))
    }
}
