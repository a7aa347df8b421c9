//! The flags of `onsale import`, one struct a kind: a flag that means nothing for a kind is refused there, not ignored.
//!
//! Every flag has an environment name. The operator key has no flag, only `ONSALE_OPERATOR_KEY`: a command line is seen by
//! everybody on the machine.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::import::fhir::assemble::{SlotIdRule, SlotRules};
use crate::import::pretix_plan::{PlanRules, SeatKey};
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
    #[arg(long, env = "ONSALE_SERVER", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub server: http::Uri,
    /// Read and report, send nothing.
    #[arg(long, env = "ONSALE_DRY_RUN")]
    pub dry_run: bool,
    /// Write the slots to this new file as NDJSON instead of sending them.
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
    #[arg(long, env = "ONSALE_TIME_ZONE", value_name = "AREA/CITY", value_parser = time_zone)]
    pub time_zone: Option<TimeZone>,
    /// Believe the clock time and not the offset: for sources that write one offset all year.
    #[arg(long, env = "ONSALE_IGNORE_OFFSETS", requires = "time_zone")]
    pub ignore_offsets: bool,
}

/// How FHIR rows become slots.
#[derive(Args, Clone, Debug)]
pub struct FhirArgs {
    /// How times are read.
    #[command(flatten)]
    pub times: TimeArgs,
    /// The capacity of a free slot that does not count its places. Busy slots have 0.
    #[arg(long, env = "ONSALE_CAPACITY", value_name = "UNITS", default_value_t = 1)]
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
    /// What every kind understands.
    #[command(flatten)]
    pub common: CommonArgs,
    /// How rows become slots.
    #[command(flatten)]
    pub fhir: FhirArgs,
}

/// `onsale import fhir-bundle`.
#[derive(Args, Clone, Debug)]
pub struct FhirBundleArgs {
    /// What every kind understands.
    #[command(flatten)]
    pub common: CommonArgs,
    /// How rows become slots.
    #[command(flatten)]
    pub fhir: FhirArgs,
}

/// `onsale import pretix-plan`.
#[derive(Args, Clone, Debug)]
pub struct PretixPlanArgs {
    /// What every kind understands.
    #[command(flatten)]
    pub common: CommonArgs,
    /// What tells one seat from another: its guid, its own uuid, or its place in the file.
    #[arg(long, env = "ONSALE_SEAT_KEY", value_enum, default_value_t)]
    pub seat_key: SeatKey,
    /// The venue; else the plan's name.
    #[arg(long, env = "ONSALE_VENUE", value_parser = id)]
    pub venue: Option<String>,
    /// When the event starts, with offset.
    #[arg(long, env = "ONSALE_STARTS_AT", value_name = "TIME")]
    pub starts_at: Option<Timestamp>,
    /// When the event ends, with offset.
    #[arg(long, env = "ONSALE_ENDS_AT", value_name = "TIME")]
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
    /// What every kind understands.
    #[command(flatten)]
    pub common: CommonArgs,
    /// How times are read.
    #[command(flatten)]
    pub times: TimeArgs,
}

impl ImportKind {
    /// What every kind understands.
    #[must_use]
    pub const fn common(&self) -> &CommonArgs {
        match self {
            Self::SmartSlots(args) => &args.common,
            Self::FhirBundle(args) => &args.common,
            Self::PretixPlan(args) => &args.common,
            Self::Csv(args) => &args.common,
        }
    }

    /// The word on the command line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SmartSlots(_) => "smart-slots",
            Self::FhirBundle(_) => "fhir-bundle",
            Self::PretixPlan(_) => "pretix-plan",
            Self::Csv(_) => "csv",
        }
    }
}

impl TimeArgs {
    /// The same as the reader wants it.
    #[must_use]
    pub fn rules(&self) -> TimeRules {
        TimeRules { zone: self.time_zone.clone(), ignore_offsets: self.ignore_offsets }
    }
}

impl FhirArgs {
    /// The same as the reader wants it.
    #[must_use]
    pub fn rules(&self) -> SlotRules {
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
    /// The same as the reader wants it.
    #[must_use]
    pub fn rules(&self) -> PlanRules {
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
    if onsale_engine::ids::is_id(text) {
        return Ok(text.to_owned());
    }
    Err("an id is 1 to 64 of the characters A-Z a-z 0-9 . _ -".into())
}
