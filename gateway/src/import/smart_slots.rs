//! SMART Scheduling Links: a manifest and NDJSON files of locations, schedules and slots.
//!
//! The files may be given one by one, as their folder, or as the manifest; in any order, each read once. Every line is one
//! resource and stands for itself: a broken one is refused and the next is read.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::IgnoredAny;
use serde_json::Value;

use crate::import::fhir::assemble::{SlotRules, assemble};
use crate::import::fhir::element::Element;
use crate::import::fhir::feed::Feed;
use crate::import::fhir::resources::Resource;
use crate::import::manifest;
use crate::import::reading::{Place, Reading};
use crate::import::source::{self, Source};

/// Opens what the operator named: files, folders, manifests and what these lead to. Outputs of a manifest that are not
/// here are noted in the reading.
///
/// # Errors
/// A path does not exist or cannot be read.
pub fn gather(paths: &[PathBuf], reading: &mut Reading) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut seen = BTreeSet::new();
    for path in paths {
        let whole_folder = path.is_dir();
        for file in source::files_of(path)? {
            if whole_folder && !belongs(&file) {
                continue;
            }
            open(&file, &mut seen, &mut sources, reading)?;
        }
    }
    if let Some(path) = paths.first().filter(|_| sources.is_empty()) {
        let detail = "nothing here leads to a file of slots: no NDJSON, and no output of a manifest";
        reading.refuse(Place::new(&path.display().to_string().into(), 0), "no-slots", detail);
    }
    Ok(sources)
}

/// Reads NDJSON texts into slots. `reading` may already hold what gathering them brought up.
#[must_use]
pub fn read(sources: &[Source], rules: &SlotRules, mut reading: Reading) -> Reading {
    let mut feed = Feed::default();
    for source in sources {
        let before = feed.mark(&reading);
        source.complain(&mut reading);
        for (line, text) in lines(&source.text) {
            match resource(source, line, text) {
                Ok(resource) => feed.add(&resource, &mut reading),
                Err((code, detail)) => reading.refuse(source.place(line), code, detail),
            }
        }
        feed.note_if_empty(source, before, &mut reading);
    }
    assemble(&feed, rules, &mut reading);
    reading.refuse_if_empty(sources);
    reading
}

fn open(
    file: &Path,
    seen: &mut BTreeSet<PathBuf>,
    sources: &mut Vec<Source>,
    reading: &mut Reading,
) -> io::Result<()> {
    if !seen.insert(file.canonicalize()?) {
        return Ok(());
    }
    let source = Source::open(file)?;
    let Some(outputs) = manifest::outputs(&source.text) else {
        sources.push(source);
        return Ok(());
    };
    for output in manifest::resolve(&source, &outputs, Path::is_file, reading) {
        open(&output, seen, sources, reading)?;
    }
    Ok(())
}

/// Whether a file found in a folder is one of the format's: a folder often holds a readme too.
fn belongs(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    name.ends_with(".ndjson") || name.ends_with("bulk-publish.json") || name.ends_with("$bulk-publish")
}

/// The lines that say something, from 1. A single resource spread over many lines is one.
fn lines(text: &str) -> Vec<(usize, &str)> {
    if text.trim_end().contains('\n') && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return vec![(1, text)];
    }
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim().is_empty())
        .collect()
}

fn resource(source: &Source, line: usize, text: &str) -> Result<Resource, (&'static str, String)> {
    let json: Value = serde_json::from_str(text)
        .map_err(|error| ("broken-json", format!("not a line of JSON: {error}")))?;
    let kind = json.get("resourceType").and_then(Value::as_str).unwrap_or_default();
    match kind {
        "" => Err(("no-resource-type", "the line is JSON, but does not say what resource it is".into())),
        "Bundle" => Err(("bundle", "this is a FHIR bundle: load it with `onsale import fhir-bundle`".into())),
        _ => Ok(Resource {
            kind: kind.to_owned(),
            place: source.place(line),
            full_url: None,
            body: Element::from_json(kind, &json),
        }),
    }
}
