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
