//! The house stays as its map says: every folder of source is in `docs/architecture.md`, and every source file opens with
//! why it exists.

#![expect(clippy::disallowed_methods, reason = "the test reads the source tree")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// All folders and Rust files below a folder.
fn walk(folder: &Path, folders: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            folders.push(entry.clone());
            walk(&entry, folders, files);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
}

#[test]
fn every_room_is_on_the_map() {
    let map = fs::read_to_string(root().join("docs/architecture.md")).expect("the map");
    let mut missing = Vec::new();
    for source in ["engine/src", "gateway/src"] {
        for entry in
            fs::read_dir(root().join(source)).expect("a folder").map(|entry| entry.expect("an entry"))
        {
            let name = format!("{source}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() && !map.contains(&format!("`{name}`")) {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "folders that docs/architecture.md does not name");
}

#[test]
fn every_file_opens_with_why_it_exists() {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for part in ["engine", "gateway", "loadtest", "bench"] {
        for below in ["src", "tests", "benches", "examples"] {
            let folder = root().join(part).join(below);
            if folder.is_dir() {
                walk(&folder, &mut folders, &mut files);
            }
        }
    }
    let plain: Vec<_> = files
        .iter()
        .filter(|file| !fs::read_to_string(file).is_ok_and(|text| text.starts_with("//!")))
        .collect();
    assert!(files.len() > 100 && plain.is_empty(), "files that do not open with `//!`: {plain:?}");
}
