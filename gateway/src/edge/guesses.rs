//! How often an address may be wrong about an access code: ten times at once, then once in six seconds.
//!
//! Somebody mistypes; a machine guesses. At this pace one address tries 14,400 codes a day, of the 10^18 that a code of ours
//! can be. The map is bounded like that of the rate limit: when it is full and nobody in it is forgiven yet, strangers share
//! one place. Who shows a key is never slowed: a phone desk types in what callers say.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dashmap::DashMap;

use super::ratelimit::network;
use crate::problem::{Code, Problem};

/// What a wrong code costs.
const COST_MS: u64 = 6_000;
/// What may be owed at a time: ten wrong codes.
const MOST_MS: u64 = 10 * COST_MS;
/// Addresses remembered at a time; some 40 bytes each.
const MAX_ADDRESSES: usize = 65_536;
/// Between two looks for whom to forget.
const SWEEP_EVERY_MS: u64 = 1_000;

/// Who was wrong: until when each owes, in milliseconds since the start.
#[derive(Debug)]
pub struct Guesses {
    started: Instant,
    owed_until: DashMap<IpAddr, u64>,
    swept_at_ms: AtomicU64,
}

/// To whom a try was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charged(IpAddr);

impl Default for Guesses {
    fn default() -> Self {
        Self { started: Instant::now(), owed_until: DashMap::new(), swept_at_ms: AtomicU64::new(0) }
    }
}

impl Guesses {
    /// A code is about to be tried: it counts as wrong until [`Guesses::right`] says otherwise, so that many at once are no
    /// way around.
    ///
    /// # Errors
    /// `too-fast`, with the time to wait.
    pub fn try_one(&self, address: IpAddr) -> Result<Charged, Problem> {
        let now = self.now_ms();
        self.try_at(address, now).map_err(|wait_ms| {
            let detail =
                "Too many wrong access codes came from this address. Check the code, wait, and try again.";
            Problem::new(Code::TooFast, detail).retry_after(wait_ms)
        })
    }

    /// The code that was tried was one.
    pub fn right(&self, Charged(key): Charged) {
        if let Some(mut owed) = self.owed_until.get_mut(&key) {
            *owed = owed.saturating_sub(COST_MS);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn try_at(&self, address: IpAddr, now: u64) -> Result<Charged, u64> {
        let mut key = network(address);
        if self.owed_until.len() >= MAX_ADDRESSES && !self.owed_until.contains_key(&key) {
            self.sweep(now);
            if self.owed_until.len() >= MAX_ADDRESSES {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let mut owed = self.owed_until.entry(key).or_insert(now);
        let after = (*owed).max(now) + COST_MS;
        if after > now + MOST_MS {
            return Err(after - now - MOST_MS);
        }
        *owed = after;
        Ok(Charged(key))
    }

    fn sweep(&self, now: u64) {
        let last = self.swept_at_ms.load(Ordering::Relaxed);
        if now < last.saturating_add(SWEEP_EVERY_MS)
            || self.swept_at_ms.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        self.owed_until.retain(|_, owed| *owed > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn ten_mistakes_are_forgiven_then_one_in_six_seconds() {
        let guesses = Guesses::default();
        assert!((0..10).all(|_| guesses.try_at(ONE, 0).is_ok()));
        assert_eq!(guesses.try_at(ONE, 0), Err(6_000));
        assert_eq!(guesses.try_at(ONE, 5_999), Err(1));
        let charged = guesses.try_at(ONE, 6_000).unwrap();
        assert_eq!(guesses.try_at(ONE, 6_000), Err(6_000));
        // A right one costs nothing.
        guesses.right(charged);
        assert!(guesses.try_at(ONE, 6_000).is_ok());
        assert!(guesses.try_at("192.0.2.2".parse().unwrap(), 0).is_ok(), "others are others");
    }

    #[test]
    fn memory_is_bounded_and_the_forgiven_are_forgotten() {
        let guesses = Guesses::default();
        for number in 0..u32::try_from(MAX_ADDRESSES).unwrap() {
            guesses.try_at(IpAddr::V4((0x0a00_0000 + number).into()), 2_000).unwrap();
        }
        // Full: strangers share, and what they share runs out.
        let stranger = |number: u32| IpAddr::V4((0x0b00_0000 + number).into());
        let tried = (0..20).filter(|number| guesses.try_at(stranger(*number), 2_001).is_ok()).count();
        assert_eq!((tried, guesses.owed_until.len()), (10, MAX_ADDRESSES + 1));
        // Six seconds later nobody owes anything but the strangers.
        assert!(guesses.try_at(stranger(99), 8_002).is_ok());
        assert_eq!(guesses.owed_until.len(), 2);
    }
}
