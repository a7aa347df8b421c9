//! Which lane is next: always the one that has had least for its weight, counted from when it last had somebody to call. A
//! lane that was empty for an hour has no hour to make up for: the others would stand still until it had. It is start-time
//! fair queueing (Goyal, Vin, Cheng, 1996) with people for packets. No state: after a restart all lanes begin level.

use super::rules::MAX_LANES;

/// What one call is worth to a lane of weight 1; the greatest weight is 1,000.
const CALL: u64 = 1_000_000;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shares {
    /// What each lane has had: its calls over its weight.
    had: [u64; MAX_LANES],
    /// Whether it had somebody to call when last looked at.
    there: [bool; MAX_LANES],
    /// What the lane that was called last had had before.
    now: u64,
}

impl Shares {
    /// The lane whose turn it is of those that `may` be called.
    pub fn next(&mut self, lanes: usize, may: impl Fn(usize) -> bool) -> Option<usize> {
        let mut next: Option<usize> = None;
        for lane in 0..lanes.min(MAX_LANES) {
            let was_there = std::mem::replace(&mut self.there[lane], may(lane));
            if !self.there[lane] {
                continue;
            }
            if !was_there {
                self.had[lane] = self.had[lane].max(self.now);
            }
            if next.is_none_or(|next| self.had[lane] < self.had[next]) {
                next = Some(lane);
            }
        }
        next
    }

    /// Fewer of a lane were called after all.
    pub fn give_back(&mut self, lane: usize, people: u32, weight: u16) {
        let Some(had) = self.had.get_mut(lane) else { return };
        *had = had.saturating_sub(u64::from(people) * CALL / u64::from(weight.max(1)));
        self.now = self.now.min(*had);
    }

    /// So many of a lane were called.
    pub fn give(&mut self, lane: usize, people: u32, weight: u16) {
        let Some(had) = self.had.get_mut(lane) else { return };
        self.now = self.now.max(*had);
        *had += u64::from(people) * CALL / u64::from(weight.max(1));
    }

    /// What a lane has had, in calls of a lane of weight 1; of one that was empty, what it begins with.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn had(&self, lane: usize) -> f64 {
        let (Some(had), Some(there)) = (self.had.get(lane), self.there.get(lane)) else { return 0.0 };
        (if *there { *had } else { self.now.max(*had) }) as f64 / CALL as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(shares: &mut Shares, people: usize, weights: &[u16], there: &[bool]) -> Vec<u32> {
        let mut calls = vec![0; weights.len()];
        for _ in 0..people {
            let lane = shares.next(weights.len(), |lane| there[lane]).unwrap();
            shares.give(lane, 1, weights[lane]);
            calls[lane] += 1;
        }
        calls
    }

    #[test]
    fn lanes_share_by_weight_from_when_they_have_somebody() {
        let mut shares = Shares::default();
        assert_eq!(calls(&mut shares, 12, &[3, 1], &[true, true]), [9, 3]);
        assert_eq!(calls(&mut shares, 9_000, &[3, 1], &[true, false]), [9_000, 0]);
        let after = calls(&mut shares, 40, &[3, 1], &[true, true]);
        assert!((9..=11).contains(&after[1]), "a lane that was empty makes up for nothing: {after:?}");
        let back = calls(&mut shares, 40, &[3, 1], &[true, true]);
        assert_eq!(back, [30, 10]);
        assert_eq!(shares.next(2, |_| false), None);
    }
}
