//! The house stays as its map says: every room of the engine and of the gateway, folder or file, is in `docs/architecture.md`, and
//! every source file opens with why it exists.

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
            let (path, own) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let name = format!("{source}/{own}");
            // A file beside others of its row goes by its own name, and the one that opens a folder by the folder's.
            let known = match path.is_dir() {
                true => map.contains(&format!("`{name}`")),
                false => {
                    let opens =
                        path.with_extension("").is_dir() || ["lib.rs", "main.rs"].contains(&own.as_str());
                    opens || map.contains(&format!("`{name}`")) || map.contains(&format!("`{own}`"))
                }
            };
            if !known {
                missing.push(name);
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "what docs/architecture.md does not name");
}

/// The docs folder is a room as well: each page is one that another page leads to.
#[test]
fn every_page_is_led_to() {
    let docs = root().join("docs");
    let mut pages: Vec<String> = fs::read_dir(&docs)
        .expect("the docs")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    let text = |path: PathBuf| fs::read_to_string(path).expect("a page");
    let mut all = vec![("README.md".to_owned(), text(root().join("README.md")))];
    all.extend(pages.iter().map(|name| (name.clone(), text(docs.join(name)))));
    let lonely: Vec<_> = pages
        .iter()
        .filter(|page| !all.iter().any(|(name, text)| name != *page && text.contains(page.as_str())))
        .collect();
    assert!(pages.len() > 5 && lonely.is_empty(), "pages that nobody finds: {lonely:?}");
}

/// A planted bug says what it is and how it is found, and still fits the code.
#[test]
fn every_planted_bug_has_a_head() {
    let mut patches = 0;
    for entry in fs::read_dir(root().join("docs/planted")).expect("the planted bugs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a patch");
        let lines: Vec<_> = text.lines().take(3).collect();
        let good = lines[0].ends_with('.') && lines[1].starts_with("red: cargo test ") && lines[2].is_empty();
        assert!(good, "{}: {lines:?}", path.display());
        for touched in text.lines().filter_map(|line| line.strip_prefix("--- a/")) {
            assert!(root().join(touched).is_file(), "{}: there is no {touched}", path.display());
        }
        for gone in removed(&text) {
            let found = text.lines().filter_map(|line| line.strip_prefix("--- a/")).any(|touched| {
                fs::read_to_string(root().join(touched)).is_ok_and(|code| code.contains(gone))
            });
            assert!(found, "{}: this line is no longer there: {gone}", path.display());
        }
        patches += 1;
    }
    assert!(patches > 10, "{patches} planted bugs");
}

/// The lines a patch takes out.
fn removed(patch: &str) -> impl Iterator<Item = &str> {
    patch.lines().filter(|line| !line.starts_with("---")).filter_map(|line| line.strip_prefix('-'))
}

#[test]
fn every_file_opens_with_why_it_exists() {
    let (mut folders, mut files) = (Vec::new(), Vec::new());
    for part in ["engine", "gateway", "loadtest", "bench", "fuzz"] {
        for below in ["src", "tests", "benches", "examples", "targets"] {
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
