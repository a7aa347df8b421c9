//! `onsale import KIND --sale SALE FILE…`: reads, reports, sends.
//!
//! Exit codes: 0 everything was loaded, 1 something was refused by us or by the server (the report says what), 2 the
//! command itself could not be carried out (a file that is not there, a server that does not answer).

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::import::csv_table;
use crate::import::fhir::assemble::{SlotIdRule, SlotRules};
use crate::import::fhir_bundle;
use crate::import::pretix_plan::{self, PlanRules, SeatKey};
use crate::import::reading::Reading;
use crate::import::report;
use crate::import::send::{SendError, Sent, Target, ndjson, send};
use crate::import::smart_slots;
use crate::import::source::Source;
use crate::import::times::TimeRules;

/// Turns the field's own files into slots of a sale.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// What kind of files they are.
    #[command(subcommand)]
    pub kind: ImportKind,
}

/// The kinds of files.
#[derive(Clone, Debug, Subcommand)]
pub enum ImportKind {
    /// SMART Scheduling Links: a manifest, NDJSON files, or their folder.
    SmartSlots(SmartSlotsArgs),
    /// FHIR bundles of slots (with schedules and locations), JSON or XML.
    FhirBundle(FhirBundleArgs),
    /// A pretix seating plan (JSON): numbered seats.
    PretixPlan(PretixPlanArgs),
    /// A table with a header row of the slot's field names.
    Csv(CsvArgs),
}

/// What every kind understands.
#[derive(Args, Clone, Debug)]
pub struct CommonArgs {
    /// The sale the slots go to.
    #[arg(long, env = "ONSALE_SALE", required_unless_present_any = ["dry_run", "write"])]
    pub sale: Option<String>,
    /// The server. The operator key comes from ONSALE_OPERATOR_KEY.
    #[arg(long, env = "ONSALE_SERVER", default_value = "http://127.0.0.1:8080")]
    pub server: http::Uri,
    /// Read and report, send nothing.
    #[arg(long, env = "ONSALE_DRY_RUN")]
    pub dry_run: bool,
    /// Write the slots to this file as NDJSON instead of sending them.
    #[arg(long, env = "ONSALE_WRITE", value_name = "FILE", conflicts_with = "dry_run")]
    pub write: Option<PathBuf>,
    /// List every oddity, not only the first of each kind.
    #[arg(long, env = "ONSALE_EVERY_ODDITY")]
    pub every_oddity: bool,
    /// The files; gzip is opened by itself.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// How times are read.
#[derive(Args, Clone, Debug)]
pub struct TimeArgs {
    /// Whose clock is meant by times without an offset (Area/City); other offsets are compared with it.
    #[arg(long, env = "ONSALE_TIME_ZONE", value_parser = time_zone)]
    pub time_zone: Option<TimeZone>,
    /// Believe the clock time and not the offset: for sources that write one offset all year.
    #[arg(long, env = "ONSALE_IGNORE_OFFSETS", requires = "time_zone")]
    pub ignore_offsets: bool,
}

/// How FHIR rows become slots.
#[derive(Args, Clone, Debug)]
pub struct FhirArgs {
    #[command(flatten)]
    times: TimeArgs,
    /// The capacity of a free slot that does not count its places. Busy slots have 0.
    #[arg(long, env = "ONSALE_CAPACITY", default_value_t = 1)]
    pub capacity: u32,
    /// The product of every slot (`dose1`).
    #[arg(long, env = "ONSALE_PRODUCT", value_parser = id)]
    pub product: Option<String>,
    /// Where slot ids come from.
    #[arg(long, env = "ONSALE_SLOT_ID", value_enum, default_value_t)]
    pub slot_id: SlotIdRule,
    /// Take a schedule that is not there for the one whose id the reference ends in.
    #[arg(long, env = "ONSALE_MATCH_SCHEDULE_TAIL")]
    pub match_schedule_tail: bool,
}

/// `onsale import smart-slots`.
#[derive(Args, Clone, Debug)]
pub struct SmartSlotsArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    fhir: FhirArgs,
}

/// `onsale import fhir-bundle`.
#[derive(Args, Clone, Debug)]
pub struct FhirBundleArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    fhir: FhirArgs,
}

/// `onsale import pretix-plan`.
#[derive(Args, Clone, Debug)]
pub struct PretixPlanArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// What tells one seat from another: its guid, its own uuid, or its place in the file.
    #[arg(long, env = "ONSALE_SEAT_KEY", value_enum, default_value_t)]
    pub seat_key: SeatKey,
    /// The venue; else the plan's name.
    #[arg(long, env = "ONSALE_VENUE", value_parser = id)]
    pub venue: Option<String>,
    /// When the event starts, with offset.
    #[arg(long, env = "ONSALE_STARTS_AT")]
    pub starts_at: Option<Timestamp>,
    /// When the event ends, with offset.
    #[arg(long, env = "ONSALE_ENDS_AT")]
    pub ends_at: Option<Timestamp>,
    /// The product of every seat; the price category is the label `category`.
    #[arg(long, env = "ONSALE_PRODUCT", value_parser = id)]
    pub product: Option<String>,
    /// Put before every slot id: the same plan can be loaded for several events of a sale.
    #[arg(long, env = "ONSALE_ID_PREFIX", value_parser = id)]
    pub id_prefix: Option<String>,
}

/// `onsale import csv`.
#[derive(Args, Clone, Debug)]
pub struct CsvArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    times: TimeArgs,
}

impl ImportKind {
    const fn common(&self) -> &CommonArgs {
        match self {
            Self::SmartSlots(args) => &args.common,
            Self::FhirBundle(args) => &args.common,
            Self::PretixPlan(args) => &args.common,
            Self::Csv(args) => &args.common,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::SmartSlots(_) => "smart-slots",
            Self::FhirBundle(_) => "fhir-bundle",
            Self::PretixPlan(_) => "pretix-plan",
            Self::Csv(_) => "csv",
        }
    }
}

/// Carries the command out.
pub async fn run(args: ImportArgs) -> ExitCode {
    match carry_out(&args.kind).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{}", error.message);
            if let Some(next) = error.next {
                eprintln!("{next}");
            }
            ExitCode::from(2)
        }
    }
}

/// Reads what the arguments name, without sending anything.
///
/// # Errors
/// A file cannot be read, or not one of its times can be understood without `--time-zone`.
pub fn read(kind: &ImportKind) -> Result<Reading, SendError> {
    let files = &kind.common().files;
    let reading = match kind {
        ImportKind::SmartSlots(args) => {
            let mut reading = Reading::default();
            let sources =
                smart_slots::gather(files, &mut reading).map_err(|error| unreadable(files, &error))?;
            smart_slots::read(&sources, &args.fhir.rules(), reading)
        }
        ImportKind::FhirBundle(args) => fhir_bundle::read(&open_all(files)?, &args.fhir.rules()),
        ImportKind::PretixPlan(args) => pretix_plan::read(&open_all(files)?, &args.rules()),
        ImportKind::Csv(args) => csv_table::read(&open_all(files)?, &args.times.rules()),
    };
    zone_is_named(&reading)?;
    Ok(reading)
}

async fn carry_out(kind: &ImportKind) -> Result<ExitCode, SendError> {
    let common = kind.common();
    let reading = read(kind)?;
    say(&report::reading(kind.name(), &reading, common.every_oddity));
    let mut all_good = reading.refused.is_empty();
    if let Some(path) = &common.write {
        std::fs::write(path, ndjson(&reading.slots)).map_err(|error| SendError {
            message: format!("Cannot write {}: {error}", path.display()),
            next: None,
        })?;
        say(&format!("\nWrote {} slots to {}\n", report::count(reading.slots.len()), path.display()));
    } else if common.dry_run {
        say("\nDry run: nothing was sent\n");
    } else if !reading.slots.is_empty() {
        let target = target(common)?;
        let mut sent = Sent::default();
        let outcome = send(&target, &reading.slots, &mut sent).await;
        say(&report::sent(&target.sale, &sent));
        outcome?;
        all_good &= sent.rejected_count == 0;
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn target(common: &CommonArgs) -> Result<Target, SendError> {
    if common.server.scheme_str() != Some("http") || common.server.host().is_none() {
        return Err(SendError {
            message: format!("--server {} is not an http:// address", common.server),
            next: Some(
                "Name it as http://HOST:PORT; for TLS, go through a proxy or a tunnel on loopback.".into(),
            ),
        });
    }
    let operator_key = std::env::var("ONSALE_OPERATOR_KEY").unwrap_or_default();
    if operator_key.is_empty() || !operator_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SendError {
            message: "ONSALE_OPERATOR_KEY is not set, or is not a key".into(),
            next: Some(
                "Set it to the operator key (op_…) that the server printed at its first start.".into(),
            ),
        });
    }
    let sale = common.sale.clone().unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=64).contains(&sale.len()) || !sale.bytes().all(fits) {
        return Err(SendError {
            message: format!("--sale `{sale}` is not a sale's id"),
            next: Some("Sale ids are 1 to 64 lower-case letters, digits and hyphens.".into()),
        });
    }
    Ok(Target { server: common.server.clone(), sale, operator_key })
}

/// Where not one row has an offset, thousands of refused lines would only hide that one flag is missing.
fn zone_is_named(reading: &Reading) -> Result<(), SendError> {
    let mut without = reading.refused.iter().filter(|line| line.code == "time-without-offset");
    match without.next() {
        Some(first) if reading.slots.is_empty() => Err(SendError {
            message: format!(
                "{}  {}  {}\nThe same holds for {} more lines; nothing was loaded.",
                first.place,
                first.code,
                first.detail,
                report::count(without.count())
            ),
            next: Some("Say whose clock these times mean: --time-zone America/Los_Angeles".into()),
        }),
        _ => Ok(()),
    }
}

fn open_all(files: &[PathBuf]) -> Result<Vec<Source>, SendError> {
    let open =
        |path: &PathBuf| Source::open(path).map_err(|error| unreadable(std::slice::from_ref(path), &error));
    files.iter().map(open).collect()
}

fn unreadable(files: &[PathBuf], error: &std::io::Error) -> SendError {
    let names: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    SendError { message: format!("Cannot read {}: {error}", names.join(", ")), next: None }
}

impl TimeArgs {
    fn rules(&self) -> TimeRules {
        TimeRules { zone: self.time_zone.clone(), ignore_offsets: self.ignore_offsets }
    }
}

impl FhirArgs {
    fn rules(&self) -> SlotRules {
        SlotRules {
            times: self.times.rules(),
            capacity: self.capacity,
            product: self.product.clone(),
            slot_id: self.slot_id,
            match_schedule_tail: self.match_schedule_tail,
        }
    }
}

impl PretixPlanArgs {
    fn rules(&self) -> PlanRules {
        PlanRules {
            seat_key: self.seat_key,
            venue: self.venue.clone(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            product: self.product.clone(),
            id_prefix: self.id_prefix.clone(),
        }
    }
}

fn time_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name)
        .map_err(|_| "not an IANA time zone; write it as Area/City, for example Europe/Berlin".into())
}

fn id(text: &str) -> Result<String, String> {
    if crate::import::ids::is_id(text) {
        return Ok(text.to_owned());
    }
    Err("an id is 1 to 64 of the characters A-Z a-z 0-9 . _ -".into())
}

/// To stdout. A reader that has seen enough (`| head`) closes it, and that must not stop an import half-way.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
