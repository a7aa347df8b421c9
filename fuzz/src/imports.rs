//! The importers: whatever a file holds, it becomes slots or refusals, always the same ones, and a report.

use onsale_gateway::import::fhir::assemble::SlotRules;
use onsale_gateway::import::pretix_plan::PlanRules;
use onsale_gateway::import::send::ndjson;
use onsale_gateway::import::source::Source;
use onsale_gateway::import::times::TimeRules;
use onsale_gateway::import::{Reading, csv_table, fhir_bundle, pretix_plan, report, smart_slots};
use onsale_gateway::wire::read;
use onsale_gateway::wire::slot::SlotInput;

/// A feed in one file.
pub fn smart_slots(bytes: &[u8]) {
    judge(bytes, |sources| smart_slots::read(sources, &rules(), Reading::default()));
}

/// A bundle.
pub fn fhir_bundle(bytes: &[u8]) {
    judge(bytes, |sources| fhir_bundle::read(sources, &rules()));
}

/// A plan.
pub fn pretix_plan(bytes: &[u8]) {
    judge(bytes, |sources| pretix_plan::read(sources, &PlanRules::default()));
}

/// A table.
pub fn csv(bytes: &[u8]) {
    judge(bytes, |sources| csv_table::read(sources, &times()));
}

/// A zone with nights in which the clock is changed; times without an offset are refused otherwise.
fn times() -> TimeRules {
    TimeRules::in_zone("Europe/Berlin").expect("a known zone")
}

fn rules() -> SlotRules {
    SlotRules { times: times(), ..SlotRules::default() }
}

fn judge(bytes: &[u8], read: impl Fn(&[Source]) -> Reading) {
    let sources = [Source::from_bytes("file", bytes.to_vec())];
    let reading = read(&sources);
    assert!(!reading.slots.is_empty() || !reading.refused.is_empty(), "a file is read in silence");
    let again = read(&sources);
    assert!(reading.slots == again.slots && reading.refused == again.refused, "the same file, read twice");
    let _ = report::reading("kind", &reading, true);
    let sent = ndjson(&reading.slots);
    let mut lines = sent.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for sourced in &reading.slots {
        let slot = lines.next().map(read::json::<SlotInput>).expect("a line a slot").expect("a slot");
        assert_eq!(slot, sourced.slot);
    }
    assert_eq!(lines.next(), None);
}
