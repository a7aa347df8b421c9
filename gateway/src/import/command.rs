//! `onsale import KIND --sale SALE FILE…`: reads, reports, sends.
//!
//! Exit codes: 0 everything was loaded, 1 something was refused by us or by the server (the report says what), 2 the
//! command itself could not be carried out (a file that is not there, a server that does not answer).

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::{say_all, say_error};
use crate::client;
use crate::import::args::{CommonArgs, ImportArgs, ImportKind};
use crate::import::csv_table;
use crate::import::fhir_bundle;
use crate::import::pretix_plan;
use crate::import::reading::Reading;
use crate::import::report;
use crate::import::send::{SendError, Sent, Target, ndjson, send};
use crate::import::smart_slots;
use crate::import::source::Source;

/// Carries the command out, with the operator key of the environment.
pub async fn run(args: ImportArgs) -> ExitCode {
    run_with_key(args, std::env::var("ONSALE_OPERATOR_KEY").ok()).await
}

/// The same with a key that is handed in.
pub async fn run_with_key(args: ImportArgs, operator_key: Option<String>) -> ExitCode {
    match carry_out(&args.kind, operator_key).await {
        Ok(code) => code,
        Err(error) => {
            say_error(&error.message);
            if let Some(next) = error.next {
                say_error(&next);
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

async fn carry_out(kind: &ImportKind, operator_key: Option<String>) -> Result<ExitCode, SendError> {
    let common = kind.common();
    let reading = read(kind)?;
    say_all(&report::reading(kind.name(), &reading, common.every_oddity));
    let mut all_good = reading.refused.is_empty();
    if let Some(path) = &common.write {
        write_new(path, &ndjson(&reading.slots))?;
        say_all(&format!("\nWrote {} to {}\n", report::counted(reading.slots.len(), "slot"), path.display()));
    } else if common.dry_run {
        say_all("\nDry run: nothing was sent\n");
    } else if !reading.slots.is_empty() {
        let target = target(common, operator_key)?;
        let mut sent = Sent::default();
        let outcome = send(&target, &reading.slots, &mut sent).await;
        say_all(&report::sent(&target.sale, &sent));
        outcome?;
        all_good &= sent.rejected_count == 0;
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Into a file that was not there: one that is may be the very one that was read.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), SendError> {
    File::create_new(path).and_then(|mut file| file.write_all(bytes)).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AlreadyExists => "it exists already; remove it or name another".to_owned(),
            _ => error.to_string(),
        };
        SendError { message: format!("Cannot write {}: {why}", path.display()), next: None }
    })
}

fn target(common: &CommonArgs, operator_key: Option<String>) -> Result<Target, SendError> {
    if !client::can_reach(&common.server) {
        return Err(SendError {
            message: format!("--server {} is not an http:// address", common.server),
            next: Some(
                "Name it as http://HOST:PORT; for TLS, go through a proxy or a tunnel on loopback.".into(),
            ),
        });
    }
    let operator_key = operator_key.unwrap_or_default();
    if operator_key.is_empty() || !operator_key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SendError {
            message: "ONSALE_OPERATOR_KEY is not set, or is not a key".into(),
            next: Some(
                "Set it to the operator key (op_…) that the server printed at its first start.".into(),
            ),
        });
    }
    let sale = common.sale.clone().unwrap_or_default();
    if !onsale_engine::ids::is_sale_id(&sale) {
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

fn unreadable(files: &[PathBuf], error: &io::Error) -> SendError {
    let names: Vec<_> = files.iter().map(|path| path.display().to_string()).collect();
    SendError { message: format!("Cannot read {}: {error}", names.join(", ")), next: None }
}
