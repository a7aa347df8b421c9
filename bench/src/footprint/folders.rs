//! Data folders that are started, copied as a kill leaves them, and started again, with the time that takes.

use std::fs;
use std::path::Path;
use std::time::Instant;

use onsale_engine::engine::{Engine, EngineOptions, Start};
use onsale_engine::refusal::Refusal;
use onsale_engine::time::Millis;

/// A refusal as a sentence for whoever runs the bench.
pub fn said(refusal: Refusal) -> String {
    format!("{refusal:?}")
}

/// An engine on a folder; with a last snapshot at the end, however long it takes, unless none is ever made.
pub fn open(folder: &Path, snapshot_every: Millis) -> Result<(Engine, Start), String> {
    let last_snapshot = Millis(600_000);
    let options = EngineOptions { snapshot_every, last_snapshot, ..EngineOptions::new(folder) };
    Engine::open(options, |_| {}).map_err(|error| error.to_string())
}

/// A start, and how many seconds it took until `ready` had its answer.
pub fn started(
    folder: &Path,
    snapshot_every: Millis,
    ready: impl FnOnce(&Engine) -> Result<(), String>,
) -> Result<(f64, Start, Engine), String> {
    let begin = Instant::now();
    let (engine, start) = open(folder, snapshot_every)?;
    ready(&engine)?;
    Ok((begin.elapsed().as_secs_f64(), start, engine))
}

/// A start and an end in good order, which leave a snapshot of everything.
pub fn snapped(folder: &Path) -> Result<(), String> {
    let (engine, _) = open(folder, Millis(3_600_000))?;
    engine.shutdown();
    Ok(())
}

/// The folder as a power cut would leave it, or later: everything up to the last sync is in it.
pub fn copied(from: &Path, to: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(told)?;
    for entry in fs::read_dir(from).map_err(told)? {
        let entry = entry.map_err(told)?;
        fs::copy(entry.path(), to.join(entry.file_name())).map_err(told)?;
    }
    Ok(())
}
