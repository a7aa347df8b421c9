//! Whoever is told twice to stop is in a hurry: what the way to the end waits for is not waited for any longer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

/// Cuts short what a server that stops waits for. All copies are of one server.
#[derive(Clone, Debug)]
pub struct Hurry(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    told: Mutex<bool>,
    bell: Condvar,
    workers: watch::Sender<bool>,
}

impl Hurry {
    pub(super) fn new() -> Self {
        let (workers, _) = watch::channel(false);
        Self(Arc::new(Inside { told: Mutex::new(false), bell: Condvar::new(), workers }))
    }

    /// From now on nothing is waited for: neither that anybody notices, nor for requests that still run. Those are cut off; what
    /// was acknowledged is kept all the same.
    pub fn up(&self) {
        *self.0.told.lock() = true;
        self.0.bell.notify_all();
        self.0.workers.send_replace(true);
    }

    /// Sleeps so long, or until there is hurry.
    pub(super) fn sleep(&self, long: Duration) {
        self.0.bell.wait_while_for(&mut self.0.told.lock(), |told| !*told, long);
    }

    /// Comes when there is hurry.
    pub(super) async fn come(&self) {
        // The sender lives as long as this does.
        let _ = self.0.workers.subscribe().wait_for(|told| *told).await;
    }
}
