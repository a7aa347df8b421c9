//! The fuzz targets over their seeds, and over what every input is when it is cut short: without a fuzzer, in every run of
//! the tests. What a fuzzer found once is found again here.

use std::fs;
use std::path::{Path, PathBuf};

/// The targets' own functions; `fuzz/` is not in the workspace.
#[path = "../../fuzz/src"]
mod fuzz {
    pub mod connectors;
    pub mod draws;
    pub mod facts;
    pub mod imports;
    pub mod journal;
    pub mod past;
    pub mod requests;
}
use fuzz::past;

type Target = (&'static str, fn(&[u8]));

/// All targets, by the name of their folder and of their file in `fuzz/targets`.
const TARGETS: [Target; 11] = [
    ("connector", fuzz::connectors::connector),
    ("draw", fuzz::draws::draw),
    ("fact", fuzz::facts::fact),
    ("facts", fuzz::facts::facts),
    ("import_csv", fuzz::imports::csv),
    ("import_fhir_bundle", fuzz::imports::fhir_bundle),
    ("import_pretix_plan", fuzz::imports::pretix_plan),
    ("import_smart_slots", fuzz::imports::smart_slots),
    ("journal", fuzz::journal::journal),
    ("request", fuzz::requests::request),
    ("segment", fuzz::journal::segment),
];

/// Cuts tried of each seed, evenly spread.
const CUTS: usize = 40;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn names(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    names.sort();
    names
}

#[test]
fn no_seed_breaks_its_target() {
    for (target, run) in TARGETS {
        let seeds = names(&root().join("seeds").join(target));
        assert!(seeds.len() > 1, "{target} has seeds");
        for seed in seeds {
            let bytes = fs::read(&seed).expect("a seed");
            eprintln!("{}, {} bytes", seed.display(), bytes.len());
            run(&bytes);
            let step = (bytes.len() / CUTS).max(1);
            (0..bytes.len()).step_by(step).for_each(|end| run(&bytes[..end]));
        }
    }
}

#[test]
fn every_target_is_in_the_list() {
    let files = names(&root().join("targets"));
    let stems: Vec<_> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    assert_eq!(stems, TARGETS.map(|(name, _)| name));
    assert!(past::past().records.len() > 60);
}
