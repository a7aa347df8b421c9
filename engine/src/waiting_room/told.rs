//! What each ticket was shown last, and what was shown for the first time and is not yet written down. No state: a restart
//! forgets it but for the first ranges, which are in the journal and come back as what was shown.

use super::grade::{First, Raised, tenths};
use super::span::Span;
use crate::slab::Slab;
use crate::time::{Millis, Timestamp};

/// First ranges that wait to be written down. Beyond it nobody new is shown one before the next step has made room.
pub const MOST_UNSAID: usize = 100_000;

const PENDING: u8 = 1;
const ROSE: u8 = 2;
const LOW: u8 = 4;

/// Of one ticket. 4 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Last {
    /// The upper bound; zero for none.
    high: Span,
    /// The state of things it was said under.
    epoch: u8,
    flags: u8,
}

/// A first range on its way into a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsaid {
    /// The ticket's number.
    pub number: u32,
    /// What it was shown.
    pub first: First,
}

/// Of one lane.
#[derive(Clone, Debug, Default)]
struct LaneTold {
    last: Slab<Last>,
    unsaid: Vec<Unsaid>,
    raised: Raised,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Told {
    lanes: Vec<LaneTold>,
}

impl Told {
    /// Bytes of a ticket.
    pub const EACH: usize = size_of::<Last>();

    fn lane(&self, lane: u8) -> Option<&LaneTold> {
        self.lanes.get(usize::from(lane))
    }

    fn last(&self, lane: u8, number: u32) -> Last {
        self.lane(lane).and_then(|lane| lane.last.get(number)).copied().unwrap_or_default()
    }

    fn lane_mut(&mut self, lane: u8) -> &mut LaneTold {
        let lane = usize::from(lane);
        if self.lanes.len() <= lane {
            self.lanes.resize(lane + 1, LaneTold::default());
        }
        &mut self.lanes[lane]
    }

    fn last_mut(&mut self, lane: u8, number: u32) -> &mut Last {
        let last = &mut self.lane_mut(lane).last;
        while last.places() <= number {
            last.push(Last::default());
        }
        &mut last[number]
    }

    /// The upper bound a ticket was shown last under this state of things, if it was.
    #[must_use]
    pub fn bound(&self, lane: u8, number: u32, epoch: u8) -> Option<Span> {
        let last = self.last(lane, number);
        (!last.high.is_zero() && last.epoch == epoch).then_some(last.high)
    }

    /// Whether a first range is on its way, and whether there is room for one more.
    #[must_use]
    pub fn is_pending(&self, lane: u8, number: u32) -> bool {
        self.last(lane, number).flags & PENDING != 0
    }

    /// Whether one more first range can be kept until it is written down.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.lanes.iter().map(|lane| lane.unsaid.len()).sum::<usize>() < MOST_UNSAID
    }

    /// Whether a ticket was told that its chances are low.
    #[must_use]
    pub fn is_low(&self, lane: u8, number: u32) -> bool {
        self.last(lane, number).flags & LOW != 0
    }

    /// It is told so, or is not any more.
    pub fn note_chances(&mut self, lane: u8, number: u32, low: bool) {
        if self.is_low(lane, number) != low {
            self.last_mut(lane, number).flags ^= LOW;
        }
    }

    /// A ticket was shown a range. `before` is the one it was shown first, if that is written down.
    pub fn note(
        &mut self,
        lane: u8,
        number: u32,
        before: Option<First>,
        range: (Span, Span),
        epoch: u8,
        at: Timestamp,
    ) {
        let (low, high) = range;
        let mut last = *self.last_mut(lane, number);
        if before.is_none() && last.flags & PENDING == 0 {
            last.flags |= PENDING;
            let first = First { shown: tenths(at), low, high };
            self.lane_mut(lane).unsaid.push(Unsaid { number, first });
        } else if !last.high.is_zero() && high > last.high {
            let by = Millis(high.millis().0 - last.high.millis().0);
            let caused = last.epoch != epoch;
            let fresh = !caused && last.flags & ROSE == 0;
            if fresh {
                last.flags |= ROSE;
            }
            let one = Raised { times: 1, caused: u64::from(caused), tickets: u64::from(fresh), by, most: by };
            let raised = &mut self.lane_mut(lane).raised;
            *raised = raised.and(&one);
        }
        (last.high, last.epoch) = (high, epoch);
        *self.last_mut(lane, number) = last;
    }

    /// Takes what is to be written down next of a lane, at most `most` first ranges, by number.
    pub fn take(&mut self, lane: u8, most: usize) -> (Vec<Unsaid>, Raised) {
        let here = self.lane_mut(lane);
        let count = here.unsaid.len().min(most);
        let mut taken: Vec<Unsaid> = here.unsaid.drain(..count).collect();
        taken.sort_unstable_by_key(|unsaid| unsaid.number);
        (taken, std::mem::take(&mut here.raised))
    }

    /// Whether anything of a lane is to be written down.
    #[must_use]
    pub fn has_unsaid(&self, lane: u8) -> bool {
        self.lane(lane).is_some_and(|lane| !lane.unsaid.is_empty() || !lane.raised.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_costs_four_bytes_and_what_is_first_is_said_once() {
        assert_eq!(size_of::<Last>(), 4);
        let mut told = Told::default();
        let span = |seconds: u64| Span::at_least(Millis(seconds * 1_000));
        let at = Timestamp(5_000);
        told.note(1, 7, None, (span(10), span(20)), 3, at);
        told.note(1, 3, None, (span(1), span(2)), 3, at);
        told.note(1, 7, None, (span(9), span(18)), 3, at);
        assert_eq!((told.bound(1, 7, 3), told.bound(1, 7, 4)), (Some(span(18)), None));
        assert!(told.is_pending(1, 7) && told.has_unsaid(1) && !told.has_unsaid(0));
        let (taken, raised) = told.take(1, 10);
        assert_eq!(taken.iter().map(|unsaid| unsaid.number).collect::<Vec<_>>(), [3, 7]);
        assert_eq!((taken[1].first.high, raised.is_none()), (span(20), true));
        assert!(!told.has_unsaid(1));
    }

    #[test]
    fn a_bound_that_rises_is_counted_with_its_cause() {
        let mut told = Told::default();
        let span = |seconds: u64| Span::at_least(Millis(seconds * 1_000));
        for (high, epoch) in [(20, 0), (19, 0), (21, 0), (25, 0), (24, 1), (40, 2)] {
            told.note(0, 0, None, (span(1), span(high)), epoch, Timestamp(1));
        }
        let (_, raised) = told.take(0, 0);
        assert_eq!((raised.times, raised.caused, raised.tickets), (3, 1, 1));
        assert_eq!((raised.by, raised.most), (Millis(22_000), Millis(16_000)));
    }

    #[test]
    fn chances_are_remembered() {
        let mut told = Told::default();
        told.note_chances(0, 9, true);
        assert!(told.is_low(0, 9) && !told.is_low(0, 8));
        told.note_chances(0, 9, false);
        assert!(!told.is_low(0, 9));
    }
}
