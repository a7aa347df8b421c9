//! File handles: every socket is one, and so is every file of the journal.
//!
//! A shell or a service manager often gives a process 1,024 of them and lets it ask for more. Sockets that took all of them would
//! leave none for the journal's next segment, so the server asks for what it may have and keeps some back.

use rustix::process::{Resource, getrlimit, setrlimit};

/// For the journal, the snapshots, the log, the runtimes; and for clients that are told why they are not served.
const KEPT_BACK: u64 = 128 + super::server::MAX_LAST_WORDS as u64;

/// Asks for as many handles as the system allows, and says how many sockets there may be of `wanted`.
#[must_use]
pub fn sockets(wanted: usize) -> usize {
    let before = getrlimit(Resource::Nofile);
    let mut limit = before;
    limit.current = limit.maximum;
    if before.current != before.maximum && setrlimit(Resource::Nofile, limit).is_err() {
        limit = before;
    }
    allowed(wanted, limit.current)
}

/// None: there is no limit.
fn allowed(wanted: usize, handles: Option<u64>) -> usize {
    let Some(handles) = handles else { return wanted };
    // With very few, half of them: who starts such a server wants to try it.
    let left = handles.saturating_sub(KEPT_BACK).max(handles / 2);
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
            (10_000, Some(1_024), 640),
            (100, Some(1_024), 100),
            (10_000, Some(128), 64),
        ] {
            assert_eq!(allowed(wanted, handles), sockets, "{wanted} of {handles:?}");
        }
    }
}
