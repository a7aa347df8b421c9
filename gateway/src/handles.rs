//! File handles: every socket is one, and so is every file of the journal.
//!
//! A shell or a service manager often gives a process 1,024 of them and lets it ask for more. Sockets that took all of them would
//! leave none for the journal's next segment, so the server asks for what it may have and keeps some back.

use rustix::process::{Resource, getrlimit, setrlimit};

/// For the journal, the snapshots, the log, what the runtime of each worker needs; and for clients that are told why they are not
/// served.
const fn kept_back(workers: usize) -> u64 {
    128 + 4 * workers as u64 + super::server::MAX_LAST_WORDS as u64
}

/// Asks for as many handles as the system allows, and says how many sockets there may be of `wanted`. To be done before the
/// first socket is accepted.
#[must_use]
pub fn sockets(wanted: usize, workers: usize) -> usize {
    let before = getrlimit(Resource::Nofile);
    let mut limit = before;
    limit.current = limit.maximum;
    if before.current != before.maximum && setrlimit(Resource::Nofile, limit).is_err() {
        limit = before;
    }
    allowed(wanted, workers, limit.current)
}

/// None: there is no limit.
fn allowed(wanted: usize, workers: usize, handles: Option<u64>) -> usize {
    let Some(handles) = handles else { return wanted };
    // With very few, half of them: who starts such a server wants to try it.
    let left = handles.saturating_sub(kept_back(workers)).max(handles / 2);
    wanted.min(usize::try_from(left).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_handles_are_kept_back() {
        for (wanted, handles, sockets) in [
            (10_000, None, 10_000),
            (10_000, Some(1 << 20), 10_000),
            (10_000, Some(1_024), 636),
            (100, Some(1_024), 100),
            (10_000, Some(128), 64),
        ] {
            assert_eq!(allowed(wanted, 1, handles), sockets, "{wanted} of {handles:?}");
        }
    }
}
