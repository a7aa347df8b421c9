//! How many sockets there may be: in all, and per address.
//!
//! Loopback and trusted proxies have no cap of their own, because they speak for everybody; they count in the total.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dashmap::DashMap;

use crate::app::App;

/// The sockets that are open.
#[derive(Debug)]
pub struct Caps {
    app: Arc<App>,
    by_address: DashMap<IpAddr, usize>,
}

/// One socket, counted as long as this lives.
#[derive(Debug)]
pub struct Place {
    caps: Arc<Caps>,
    address: IpAddr,
}

impl Caps {
    pub fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Self { app, by_address: DashMap::new() })
    }

    /// Counts a socket in, unless a cap is reached.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let (limits, metrics) = (&self.app.limits, &self.app.metrics);
        let open = metrics.connections.fetch_add(1, Ordering::Relaxed);
        let mut own = self.by_address.entry(address).or_insert(0);
        *own += 1;
        let for_others = address.is_loopback() || limits.trusted_proxies.contain(address);
        let crowded = *own > limits.connections_per_address && !for_others;
        drop(own);
        // Made in any case: dropping it is what counts the socket out again.
        let place = Place { caps: Arc::clone(self), address };
        if open >= limits.connections || crowded {
            metrics.refused_connections.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.caps.app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
        self.caps.by_address.remove_if_mut(&self.address, |_, open| {
            *open -= 1;
            *open == 0
        });
    }
}
