//! How many sockets there may be: in all, and per address.
//!
//! An IPv6 address counts with its /64, which is one line of one household. Loopback and trusted proxies have no cap of their
//! own, because they speak for everybody; they count in the total.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dashmap::DashMap;

use crate::app::App;
use crate::edge::ratelimit::network;

/// The sockets that are open.
#[derive(Debug)]
pub struct Caps {
    app: Arc<App>,
    sockets: Sockets,
}

/// One socket, counted as long as this lives.
#[derive(Debug)]
pub struct Place {
    caps: Arc<Caps>,
    address: IpAddr,
}

/// Open sockets, by the network they come from.
#[derive(Debug, Default)]
struct Sockets(DashMap<IpAddr, usize>);

impl Sockets {
    /// One more; says how many its network has now.
    fn enter(&self, address: IpAddr) -> usize {
        let mut open = self.0.entry(network(address)).or_insert(0);
        *open += 1;
        *open
    }

    fn leave(&self, address: IpAddr) {
        self.0.remove_if_mut(&network(address), |_, open| {
            *open -= 1;
            *open == 0
        });
    }
}

impl Caps {
    pub fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Self { app, sockets: Sockets::default() })
    }

    /// Counts a socket in, unless a cap is reached.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let (limits, metrics) = (&self.app.limits, &self.app.metrics);
        let open = metrics.connections.fetch_add(1, Ordering::Relaxed);
        let own = self.sockets.enter(address);
        // Made in any case: dropping it is what counts the socket out again.
        let place = Place { caps: Arc::clone(self), address };
        let for_others = address.is_loopback() || limits.trusted_proxies.contain(address);
        let crowded = own > limits.connections_per_address && !for_others;
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
        self.caps.sockets.leave(self.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_counts_once_however_many_addresses_it_has() {
        let sockets = Sockets::default();
        let enter = |text: &str| sockets.enter(text.parse().unwrap());
        assert_eq!([enter("2001:db8::1"), enter("2001:db8::2"), enter("2001:db8::ffff:1")], [1, 2, 3]);
        assert_eq!([enter("2001:db8:0:1::1"), enter("192.0.2.1"), enter("192.0.2.2")], [1, 1, 1]);
        sockets.leave("2001:db8::7".parse().unwrap());
        assert_eq!(enter("2001:db8::1"), 3);
        for address in
            ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::2", "192.0.2.1", "192.0.2.2"]
        {
            sockets.leave(address.parse().unwrap());
        }
        assert!(sockets.0.is_empty());
    }
}
