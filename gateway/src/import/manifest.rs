//! Bulk-publish manifests: which of the outputs they name are here, and in which files.
//!
//! A manifest names URLs. None is ever fetched: an import must not depend on the state of somebody's server at the moment it
//! runs, nor load what nobody has looked at. Each URL is resolved to a file beside the manifest, by the first of
//!
//! 1. the URL's own folders: `…/states/slots/NJ.ndjson` is `states/slots/NJ.ndjson` or `slots/NJ.ndjson`;
//! 2. a recording's naming, the manifest's own prefix and the last folder: beside `riteaid-2023-03-24-bulk-publish.json`
//!    it is `riteaid-2023-03-24-slots-NJ.ndjson`;
//! 3. the base name, with or without that prefix, if no other output of the manifest has the same one.
//!
//! Each also with `.gz`. What is not found is named and skipped.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::import::json_lines::ObjectLines;
use crate::import::oddity::OddityKind;
use crate::import::reading::Reading;
use crate::import::source::Source;

/// What manifests are called, after whatever a recording puts in front.
const MANIFEST_NAMES: [&str; 4] =
    ["$bulk-publish.json", "bulk-publish.json", "$bulk-publish", "bulk-publish"];

/// One output of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its line in the manifest.
    pub line: usize,
    /// `Location`, `Schedule` or `Slot`.
    pub kind: String,
    /// Where its publisher has it.
    pub url: String,
}

/// The outputs, if the text is a manifest.
#[must_use]
pub fn outputs(text: &str) -> Option<Vec<Output>> {
    let json: Value = serde_json::from_str(text).ok()?;
    let listed = json.get("output")?.as_array()?;
    let lines = ObjectLines::of(text);
    let text_of =
        |output: &Value, name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = |(index, output): (usize, &Value)| Output {
        line: lines.at(&format!("/output/{index}")),
        kind: text_of(output, "type"),
        url: text_of(output, "url"),
    };
    Some(listed.iter().enumerate().map(read).collect())
}

/// The local files of a manifest's outputs, in its order; `is_file` is asked about paths beside the manifest.
pub fn resolve(
    source: &Source,
    outputs: &[Output],
    is_file: impl Fn(&Path) -> bool,
    reading: &mut Reading,
) -> Vec<PathBuf> {
    let manifest = Path::new(&*source.file);
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let name = manifest.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let prefix = MANIFEST_NAMES.iter().find_map(|known| name.strip_suffix(known)).unwrap_or_default();
    let mut files = Vec::new();
    for output in outputs {
        let alone =
            outputs.iter().filter(|other| base_name(&other.url) == base_name(&output.url)).count() == 1;
        let candidates = candidates(&output.url, prefix, alone);
        let found = candidates.iter().map(|name| folder.join(name)).find(|path| is_file(path));
        match found {
            Some(path) => files.push(path),
            None => {
                let looked_for = candidates.iter().rfind(|name| !name.ends_with(".gz"));
                let looked_for = looked_for.map(|name| format!(" (no {name})")).unwrap_or_default();
                let detail = format!("{} {}{looked_for}", output.kind, output.url);
                let place = source.place(output.line);
                reading.note(OddityKind::OutputNotHere, &place, output.url.clone(), detail);
            }
        }
    }
    files
}

fn candidates(url: &str, prefix: &str, alone: bool) -> Vec<String> {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    // The host is no folder, and a segment that could leave the manifest's folder is none either.
    let segments: Vec<&str> =
        path.split('/').skip(1).filter(|part| !matches!(*part, "" | "." | "..")).collect();
    let Some((base, folders)) = segments.split_last().filter(|(base, _)| !base.contains('\\')) else {
        return Vec::new();
    };
    let mut names: Vec<String> = (0..folders.len()).map(|from| segments[from..].join("/")).collect();
    if let Some(last) = folders.last() {
        names.push(format!("{prefix}{last}-{base}"));
    }
    if alone {
        names.push(format!("{prefix}{base}"));
        names.push((*base).to_owned());
    }
    names.dedup();
    names.into_iter().flat_map(|name| [name.clone(), format!("{name}.gz")]).collect()
}

fn base_name(url: &str) -> &str {
    url.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"{"output": [
      {"type": "Slot", "url": "https://h.example/v/states/slots/NJ.ndjson?x=1"},
      {"type": "Location", "url": "https://h.example/v/states/locations/NJ.ndjson"},
      {"type": "Schedule", "url": "https://h.example/../../etc/passwd"}
    ], "error": []}"#;

    fn resolved(file: &str, here: &[&str]) -> (Vec<String>, Reading) {
        let source = Source::from_bytes(file, MANIFEST.into());
        let mut reading = Reading::default();
        let outputs = outputs(MANIFEST).expect("a manifest");
        let files =
            resolve(&source, &outputs, |path| here.contains(&path.to_str().unwrap_or("")), &mut reading);
        (files.iter().map(|path| path.display().to_string()).collect(), reading)
    }

    #[test]
    fn a_recordings_naming_is_understood_and_a_shared_base_name_is_not_guessed() {
        let here =
            ["d/x-1-slots-NJ.ndjson", "d/x-1-locations-NJ.ndjson.gz", "d/NJ.ndjson", "d/y-slots-NJ.ndjson"];
        let (files, reading) = resolved("d/x-1-$bulk-publish.json", &here);
        assert_eq!(files, ["d/x-1-slots-NJ.ndjson", "d/x-1-locations-NJ.ndjson.gz"]);
        assert_eq!(reading.oddities.len(), 1);
        assert_eq!(reading.oddities[0].place.line, 4);
    }

    #[test]
    fn folders_of_the_url_are_tried_and_none_leads_outside() {
        let (files, _) = resolved(
            "d/bulk-publish.json",
            &["d/states/slots/NJ.ndjson", "d/../../etc/passwd", "/etc/passwd"],
        );
        assert_eq!(files, ["d/states/slots/NJ.ndjson"]);
    }

    #[test]
    fn what_has_no_outputs_is_no_manifest() {
        assert_eq!(outputs(r#"{"resourceType":"Slot"}"#), None);
        assert_eq!(outputs("{\"output\":[]}\n{\"output\":[]}"), None);
    }
}
