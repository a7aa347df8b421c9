//! What the import tests share: where the real files are, and a few questions asked of a reading.

use std::collections::BTreeSet;
use std::path::PathBuf;

use onsale_gateway::import::source::Source;
use onsale_gateway::import::{OddityKind, Reading};

/// A real file or folder of the inventory beside the repository, or none, said loudly: these files are not ours to commit.
pub fn real(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/inventory").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "SKIPPED: the real file {name} is not in ../shared/inventory; only the embedded fixtures were tested"
    );
    None
}

pub fn source(file: &str, text: &str) -> Source {
    Source::from_bytes(file, text.as_bytes().to_vec())
}

pub fn open(path: PathBuf) -> Source {
    Source::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// How many oddities of a kind there are, and of how many different things.
pub fn odd(reading: &Reading, kind: OddityKind) -> (usize, usize) {
    let of_kind = reading.oddities.iter().filter(|oddity| oddity.kind == kind);
    let subjects: BTreeSet<_> = of_kind.clone().map(|oddity| &oddity.subject).collect();
    (of_kind.count(), subjects.len())
}

pub fn ids(reading: &Reading) -> BTreeSet<&str> {
    reading.slots.iter().map(|sourced| sourced.slot.id.as_str()).collect()
}

pub fn codes(reading: &Reading) -> Vec<(usize, &str)> {
    reading.refused.iter().map(|line| (line.place.line, line.code.as_str())).collect()
}

/// A text cut at every byte: no reader may panic, be silent, or find more slots than in the whole text.
pub fn survives_every_cut(text: &str, read: impl Fn(&Source) -> Reading) {
    let whole = read(&source("whole", text));
    for end in 0..text.len() {
        let cut = read(&Source::from_bytes("cut", text.as_bytes()[..end].to_vec()));
        assert!(cut.slots.len() <= whole.slots.len(), "cut at {end}");
        assert!(!cut.slots.is_empty() || !cut.refused.is_empty(), "cut at {end} is silent");
    }
}
