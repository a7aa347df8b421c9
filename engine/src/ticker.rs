//! What a partition does by itself, tick by tick: settle idle shards, write clocks and digests down, forget what is
//! long over.
//!
//! A ticker owns no thread: the engine steps it every 50 ms, the simulator when the seed says so. Each part of a tick is
//! bounded, so nobody waits long for a shard.

use crate::decide::Core;
use crate::door::Door;
use crate::pulse::Beats;
use crate::refusal::Refusal;
use crate::time::Now;

/// How often the slower duties come, by the boot clock.
const SECOND_MS: u64 = 1_000;

/// Where the slower duties have come to.
#[derive(Debug)]
pub struct Ticker {
    /// The digest of each shard that was written down last.
    digests: Vec<u64>,
    /// The same of the lines under each lock.
    line_digests: Vec<u64>,
    /// The same of the codes under each lock.
    code_digests: Vec<u64>,
    /// The shard whose digest comes next.
    digest_shard: u8,
    /// Shard and place where forgetting carts goes on.
    forget: (u8, u32),
    /// Shard and place where forgetting visitors goes on.
    forget_visitors: (u8, u32),
    /// When, by the boot clock, they come next.
    next_second: u64,
    /// How selling went in the last seconds.
    beats: Beats,
}

impl Ticker {
    /// A ticker for a partition with so many shards.
    #[must_use]
    pub fn new(shards: u8) -> Self {
        Self {
            digests: vec![0; usize::from(shards)],
            line_digests: vec![0; usize::from(shards)],
            code_digests: vec![0; usize::from(shards)],
            digest_shard: 0,
            forget: (0, 0),
            forget_visitors: (0, 0),
            next_second: 0,
            beats: Beats::default(),
        }
    }

    /// One tick. `stopping` ends a long settling early. If the time cannot be read now (a resume fact that does not fit
    /// the buffer) or the buffer is full, what was left out comes with a later tick.
    pub fn tick(&mut self, core: &Core, door: &Door, stopping: impl Fn() -> bool) {
        door.look_at_wall();
        let Ok(now) = door.now(core) else { return };
        settle(core, now, stopping);
        core.refresh_documents(now);
        core.tick_lines(now);
        let boot = door.clock().boot();
        if boot < self.next_second {
            return;
        }
        self.next_second = boot + SECOND_MS;
        core.note_beat(now, &self.beats.second(&core.pulse));
        if core.anything_runs(now.engine) {
            let _ = core.heartbeat(now, boot, door.clock().boot_id());
        }
        let shards = core.state.shards();
        let known = &mut self.digests[usize::from(self.digest_shard)];
        let known_line = &mut self.line_digests[usize::from(self.digest_shard)];
        if let Ok(digest) = core.note_line_digest(now, self.digest_shard, *known_line) {
            *known_line = digest;
        }
        let known_code = &mut self.code_digests[usize::from(self.digest_shard)];
        if let Ok(digest) = core.note_code_digest(now, self.digest_shard, *known_code) {
            *known_code = digest;
        }
        if let Ok(digest) = core.note_digest(now, self.digest_shard, *known) {
            *known = digest;
            self.digest_shard = (self.digest_shard + 1) % shards;
        }
        self.forget = go_on(self.forget, shards, |shard, from| core.forget_carts(now, shard, from));
        let visitors = |shard, from| core.forget_visitors(now, shard, from);
        self.forget_visitors = go_on(self.forget_visitors, shards, visitors);
    }
}

/// One bounded step through the places of all shards, and where the next one begins. Without room in the buffer the same
/// step comes again.
fn go_on(
    (shard, from): (u8, u32),
    shards: u8,
    step: impl FnOnce(u8, u32) -> Result<u32, Refusal>,
) -> (u8, u32) {
    match step(shard, from) {
        Ok(0) => ((shard + 1) % shards, 0),
        Ok(next) => (shard, next),
        Err(_) => (shard, from),
    }
}

/// Settles what is due everywhere, shard after shard, in bounded steps.
fn settle(core: &Core, now: Now, stopping: impl Fn() -> bool) {
    for shard in 0..core.state.shards() {
        loop {
            match core.settle_shard(now, shard) {
                Ok(ticked) if ticked.more && !stopping() => {}
                // No room in the buffer: the requests that filled it settle what they need themselves.
                _ => break,
            }
        }
    }
}
