//! The threads of a running engine.

#![expect(clippy::disallowed_types, reason = "os/ is where the engine starts threads")]

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread with a name.
///
/// # Errors
/// What the system says.
pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(work)
}

/// The calling thread gives way to all others: it gets what they leave, and a tenth of a core when they leave nothing. Without
/// effect where the system does not allow it.
pub fn give_way() {
    let _ = rustix::process::setpriority_process(None, 10);
}
