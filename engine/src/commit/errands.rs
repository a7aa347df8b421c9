//! What others ask of the writer's thread, which alone may touch the end of the journal.

use std::sync::atomic::{AtomicBool, Ordering};

/// Wishes, fulfilled between two frames.
#[derive(Debug, Default)]
pub struct Errands {
    close: AtomicBool,
}

impl Errands {
    /// Asks that the segment being written be closed, so that it can be trimmed some day.
    pub fn ask_close(&self) {
        self.close.store(true, Ordering::Release);
    }

    /// Whether somebody asked since the last time.
    pub(super) fn take_close(&self) -> bool {
        self.close.load(Ordering::Relaxed) && self.close.swap(false, Ordering::AcqRel)
    }
}
