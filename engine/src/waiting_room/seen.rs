//! Who is still there: until when each ticket counts as present. No state: a restart forgets it, and the fact of a call
//! says who was passed over.

use crate::slab::Slab;
use crate::time::{Millis, Timestamp};

/// So long after the first look at the lane, everybody who has not been seen counts as there: twice the longest poll. After a
/// restart everybody has the time to ask again.
const GRACE: Millis = Millis(20_000);

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Was seen lately.
    There,
    /// Was not.
    Gone,
    /// Has not been seen, but has not had the time either.
    Unknown,
}

/// Of one lane.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    since: Option<Timestamp>,
    /// In tenths of a second after `since`, rounded up; 0 for never.
    until: Slab<u32>,
}

impl Seen {
    /// Bytes of a ticket.
    pub const EACH: usize = size_of::<u32>();

    fn tenths(since: Timestamp, at: Timestamp) -> u32 {
        u32::try_from(at.since(since).0.div_ceil(100)).unwrap_or(u32::MAX)
    }

    /// A ticket was seen and counts as present until `until`.
    pub fn note(&mut self, number: u32, now: Timestamp, until: Timestamp) {
        let since = *self.since.get_or_insert(now);
        while self.until.places() <= number {
            self.until.push(0);
        }
        let until = Self::tenths(since, until).max(self.until[number]);
        self.until[number] = until;
    }

    /// Whether a ticket counts as present.
    pub fn is_present(&mut self, number: u32, now: Timestamp) -> bool {
        let since = *self.since.get_or_insert(now);
        match self.until.get(number) {
            Some(until) if *until > 0 => *until >= Self::tenths(since, now),
            _ => now < since.plus(GRACE),
        }
    }

    /// Whether a ticket is there, for who only counts.
    #[must_use]
    pub fn presence(&self, number: u32, now: Timestamp) -> Presence {
        let Some(since) = self.since else { return Presence::Unknown };
        match self.until.get(number) {
            Some(until) if *until > 0 => {
                if *until >= Self::tenths(since, now) {
                    Presence::There
                } else {
                    Presence::Gone
                }
            }
            _ if now < since.plus(GRACE) => Presence::Unknown,
            _ => Presence::Gone,
        }
    }

    /// A ticket is gone on purpose.
    pub fn forget(&mut self, number: u32) {
        if self.until.places() > number {
            self.until[number] = 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_never_seen_is_waited_for_once_and_others_as_long_as_they_said() {
        let mut seen = Seen::default();
        let at = |ms: u64| Timestamp(1_000_000 + ms);
        assert!(seen.is_present(7, at(0)));
        assert!(seen.is_present(7, at(19_999)));
        assert!(!seen.is_present(7, at(20_000)));
        assert_eq!(seen.presence(7, at(19_999)), Presence::Unknown);
        assert_eq!(seen.presence(7, at(20_000)), Presence::Gone);
        seen.note(7, at(25_000), at(45_000));
        seen.note(7, at(26_000), at(30_000));
        assert!(seen.is_present(7, at(45_000)));
        assert_eq!(seen.presence(7, at(45_000)), Presence::There);
        assert!(!seen.is_present(7, at(45_101)));
        seen.note(7, at(50_000), at(70_000));
        seen.forget(7);
        assert!(!seen.is_present(7, at(50_001)));
    }
}
