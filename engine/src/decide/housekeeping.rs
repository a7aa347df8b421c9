//! What happens without being asked for: due holds go back, ended carts and their visitors are forgotten, clocks and
//! digests are written down. All of it in steps of bounded work, so that nobody waits long for a shard.

use super::{Core, Decision, SETTLING_BYTES};
use crate::apply::forgettable;
use crate::codes::NO_END;
use crate::fact::{Cold, Kind};
use crate::ids::SlotRef;
use crate::limits::SETTLE_BUDGET;
use crate::refusal::Refusal;
use crate::time::{Millis, Now, Timestamp, WallTime};

/// What one step of the ticker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticked {
    /// Holds given back.
    pub settled: u32,
    /// Whether there may be more to do at once.
    pub more: bool,
}

/// The most that a rare fact of this file needs.
const COLD_BYTES: usize = 128;

/// The most places one forgetting step looks at.
const FORGET_STEP: u32 = 4_096;

impl Core {
    /// Settles what is due in one inventory shard, at most [`SETTLE_BUDGET`] holds.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn settle_shard(&self, now: Now, shard: u8) -> Result<Ticked, Refusal> {
        let mut decision = Decision::begin(self, now, SETTLE_BUDGET as usize * SETTLING_BYTES)?;
        decision.guards.lock_shards(1 << shard);
        let at = decision.fix_time();
        let mut ticked = Ticked::default();
        // Slots looked at cost too, even when nothing of them is due.
        for _ in 0..SETTLE_BUDGET {
            if ticked.settled >= SETTLE_BUDGET {
                ticked.more = true;
                break;
            }
            let Some(index) = crate::state::Held::shard(&mut decision.guards, shard).next_scheduled(at)
            else {
                ticked.more = false;
                break;
            };
            ticked.more = true;
            let due = decision.guards.look(shard).due_count(index, at, SETTLE_BUDGET - ticked.settled);
            if due > 0 {
                decision.commit(Kind::Settled { slot: SlotRef { shard, index }, holds: due });
                ticked.settled += due;
            }
            crate::state::Held::shard(&mut decision.guards, shard).reschedule(index, at);
        }
        Ok(ticked)
    }

    /// Forgets carts of a shard that ended long ago, looking at a bounded number of places from `from` on. Gives where to
    /// go on; 0 after the last place.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn forget_carts(&self, now: Now, shard: u8, from: u32) -> Result<u32, Refusal> {
        let mut decision = Decision::begin(self, now, COLD_BYTES)?;
        decision.guards.lock_shards(1 << shard);
        let at = decision.fix_time();
        let ended_by = Timestamp(at.0.saturating_sub(self.limits.cart_keep.0));
        let carts = &decision.guards.look(shard).carts;
        let to = carts.places().min(from.saturating_add(FORGET_STEP));
        let old = (from..to)
            .filter(|index| forgettable(carts[*index].stage, carts[*index].deadline, ended_by))
            .count();
        let last = to >= carts.places();
        if old > 0 {
            let carts = u32::try_from(old).unwrap_or(FORGET_STEP);
            decision.commit(Kind::Cold(Box::new(Cold::Forgotten { shard, from, to, ended_by, carts })));
        }
        Ok(if last { 0 } else { to })
    }

    /// Forgets visitors of a shard who have nothing but carts past their deadline, looking at a bounded number of places
    /// from `from` on. Gives where to go on; 0 after the last place. The fact leaves its time with the shard, so no request
    /// that comes later is decided at a time when they still counted.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn forget_visitors(&self, now: Now, shard: u8, from: u32) -> Result<u32, Refusal> {
        let mut decision = Decision::begin(self, now, COLD_BYTES)?;
        decision.guards.lock_visitors(usize::from(shard));
        let over_at = decision.fix_time();
        let here = decision.guards.look_visitors();
        let places = here.places().0;
        let to = places.min(from.saturating_add(FORGET_STEP));
        let visitors = here.over(from.min(to), to, over_at);
        if visitors > 0 {
            let fact = Cold::VisitorsForgotten { shard, from, to, over_at, visitors };
            decision.commit(Kind::Cold(Box::new(fact)));
        }
        Ok(if to >= places { 0 } else { to })
    }

    /// Writes both clocks down.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn heartbeat(&self, now: Now, boot: u64, boot_id: u128) -> Result<(), Refusal> {
        self.clocks(now, Cold::Heartbeat { wall: now.wall, boot, boot_id })
    }

    /// Writes down that engine time stood still for `away`.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn resumed(
        &self,
        now: Now,
        away: Millis,
        wall: WallTime,
        boot: u64,
        boot_id: u128,
    ) -> Result<(), Refusal> {
        self.clocks(now, Cold::Resumed { away, wall, boot, boot_id })
    }

    fn clocks(&self, now: Now, fact: Cold) -> Result<(), Refusal> {
        let mut decision = Decision::begin(self, now, COLD_BYTES)?;
        decision.guards.lock_catalog();
        decision.fix_time();
        decision.commit(Kind::Cold(Box::new(fact)));
        Ok(())
    }

    /// Writes down the digest of a shard if it has changed since `known`, and gives it.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if the journal's buffer has no room for it now.
    pub fn note_digest(&self, now: Now, shard: u8, known: u64) -> Result<u64, Refusal> {
        let mut decision = Decision::begin(self, now, COLD_BYTES)?;
        decision.guards.lock_shards(1 << shard);
        decision.fix_time();
        let digest = decision.guards.look(shard).digest.0;
        if digest != known {
            decision.commit(Kind::Cold(Box::new(Cold::ShardDigest { shard, digest })));
        }
        Ok(digest)
    }

    /// Whether anything ends by engine time: a hold, a call, a session, a code. Then clocks are written down every second: after a
    /// restart, what was not written down counts as an outage, and would be given to all of them.
    #[must_use]
    pub fn anything_runs(&self, at: Timestamp) -> bool {
        (0..self.state.shards()).any(|shard| {
            let held = self.state.lock_shard(shard).expiry.live() > 0;
            held || self.anybody_inside(shard) || self.any_code_ends(shard, at)
        })
    }

    fn any_code_ends(&self, shard: u8, at: Timestamp) -> bool {
        let codes = self.state.lock_codes(usize::from(shard));
        codes.holding().iter().any(|holding| at < holding.until && holding.until < NO_END)
    }

    fn anybody_inside(&self, shard: u8) -> bool {
        let lines = self.state.lock_lines(usize::from(shard));
        lines.lines.values().any(|line| line.inside.active() > 0)
    }
}
