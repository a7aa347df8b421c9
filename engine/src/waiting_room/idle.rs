//! Who is inside and does nothing: their room is somebody else's after a while. No state: a restart counts from its own instant,
//! but nobody is idle while their cart lives ([`crate::resume`]), and a fact says whose session ended.

use std::collections::{BTreeMap, BTreeSet};

use super::inside::Packed;
use crate::time::Timestamp;

/// Until when each session counts as in use.
#[derive(Clone, Debug, Default)]
pub struct Idle {
    until: BTreeMap<Packed, Timestamp>,
    ends: BTreeSet<(Timestamp, Packed)>,
}

impl Idle {
    /// A session is in use until then at least.
    pub fn stir(&mut self, ticket: Packed, until: Timestamp) {
        let known = self.until.get(&ticket).copied();
        if known.is_some_and(|known| known >= until) {
            return;
        }
        if let Some(known) = known {
            self.ends.remove(&(known, ticket));
        }
        self.until.insert(ticket, until);
        self.ends.insert((until, ticket));
    }

    /// A session is in use until then and no longer: what kept it before has ended.
    pub fn reset(&mut self, ticket: Packed, until: Timestamp) {
        if let Some(known) = self.until.remove(&ticket) {
            self.ends.remove(&(known, ticket));
        }
        self.stir(ticket, until);
    }

    /// Takes one out that has not been in use since `at`.
    pub fn next(&mut self, at: Timestamp) -> Option<Packed> {
        let (until, ticket) = self.ends.first().copied().filter(|(until, _)| *until <= at)?;
        self.ends.remove(&(until, ticket));
        self.until.remove(&ticket);
        Some(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_be_idle_comes_first_and_nobody_twice() {
        let mut idle = Idle::default();
        idle.stir(1, Timestamp(50));
        idle.stir(2, Timestamp(40));
        // A cart keeps a session longer than the next click; the click takes nothing away.
        idle.stir(1, Timestamp(90));
        idle.stir(1, Timestamp(60));
        assert_eq!(idle.next(Timestamp(39)), None);
        assert_eq!(idle.next(Timestamp(60)), Some(2));
        assert_eq!(idle.next(Timestamp(89)), None);
        assert_eq!(idle.next(Timestamp(90)), Some(1));
        assert_eq!(idle.next(Timestamp(999)), None);
    }

    #[test]
    fn what_kept_a_session_may_end_before_its_time() {
        let mut idle = Idle::default();
        idle.stir(1, Timestamp(900));
        idle.reset(1, Timestamp(30));
        idle.reset(2, Timestamp(40));
        assert_eq!((idle.next(Timestamp(30)), idle.next(Timestamp(39))), (Some(1), None));
        assert_eq!((idle.next(Timestamp(40)), idle.next(Timestamp(999))), (Some(2), None));
    }
}
