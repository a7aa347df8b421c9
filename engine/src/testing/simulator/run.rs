//! The loop: one seed, so many steps, then everything heals and must be as it should.

use std::fmt;

use crate::commit::Step;
use crate::follower::Followed;
use crate::ports::Clock;
use crate::state::State;
use crate::testing::disk::Faults;
use crate::time::Millis;

use super::turns::Tally;
use super::world::World;

/// What happened under a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests asked and judged.
    pub requests: u64,
    /// Of those, refused.
    pub refusals: u64,
    /// Of those, replayed.
    pub replays: u64,
    /// Successful starts.
    pub starts: u64,
    /// Processes killed.
    pub kills: u64,
    /// Power cuts.
    pub power_cuts: u64,
    /// Starts from a snapshot.
    pub snapshots: u64,
    /// Successes that were never acknowledged and that a crash took.
    pub lost: u64,
    /// Places given in the waiting room, for good.
    pub places: u64,
    /// Of those, called.
    pub called: u64,
    /// Of those, passed over.
    pub passed: u64,
    /// Sessions begun with a pass.
    pub sessions: u64,
    /// Access codes made.
    pub codes: u64,
    /// Of those, with units set aside.
    pub invitations: u64,
    /// Access codes taken back.
    pub revoked: u64,
    /// Carts made with a code.
    pub uses: u64,
    /// Of those, on a use that an earlier cart had.
    pub uses_again: u64,
    /// Uses that came back because an order was cancelled whole.
    pub restored: u64,
    /// Refusals on account of a code.
    pub code_refusals: u64,
}

impl std::ops::AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.refusals += other.refusals;
        self.replays += other.replays;
        self.starts += other.starts;
        self.kills += other.kills;
        self.power_cuts += other.power_cuts;
        self.snapshots += other.snapshots;
        self.lost += other.lost;
        self.places += other.places;
        self.called += other.called;
        self.passed += other.passed;
        self.sessions += other.sessions;
        self.codes += other.codes;
        self.invitations += other.invitations;
        self.revoked += other.revoked;
        self.uses += other.uses;
        self.uses_again += other.uses_again;
        self.restored += other.restored;
        self.code_refusals += other.code_refusals;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests, {} refused, {} replayed; {} starts ({} from a snapshot), {} kills, {} power cuts, {} unacknowledged successes lost; {} places in line, {} called, {} passed over, {} sessions; {} codes made ({} with units set aside), {} revoked, {} used ({} again), {} restored by a cancellation, {} refused",
            self.requests,
            self.refusals,
            self.replays,
            self.starts,
            self.snapshots,
            self.kills,
            self.power_cuts,
            self.lost,
            self.places,
            self.called,
            self.passed,
            self.sessions,
            self.codes,
            self.invitations,
            self.revoked,
            self.uses,
            self.uses_again,
            self.restored,
            self.code_refusals
        )
    }
}

/// How many steps a seed has.
const STEPS: u64 = 300;

/// Tells, when a seed fails, what led to it and how to see it again.
struct Signpost {
    seed: u64,
    world: World,
}

impl Drop for Signpost {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in self.world.past() {
                eprintln!("{line}");
            }
            eprintln!("seed {} failed: {:?}", self.seed, self.world.plan);
            eprintln!("ONSALE_SEED={} cargo test -p onsale-engine --test simulator", self.seed);
        }
    }
}

/// Runs one seed to its end.
///
/// # Panics
/// If the engine was wrong. The last steps and the command that repeats them are on standard error then.
pub fn run(seed: u64) -> Report {
    let mut run = Signpost { seed, world: World::new(seed) };
    let world = &mut run.world;
    if world.dice.chance(30) {
        world.doom();
    }
    world.come_home();
    for _ in 0..STEPS {
        world.step();
    }
    world.heal();
    if world.dice.chance(30) {
        world.wind_up();
    }
    let Tally { places, called, passed, sessions } = world.side.tally();
    let codes = world.ledger.codes;
    world.report = Report {
        places,
        called,
        passed,
        sessions,
        codes: codes.made,
        invitations: codes.with_units,
        revoked: codes.revoked,
        uses: codes.used,
        uses_again: codes.used_again,
        restored: codes.restored,
        code_refusals: codes.refused,
        ..world.report
    };
    world.vandalise();
    world.report
}

impl World {
    /// One step of whoever the seed chooses.
    fn step(&mut self) {
        if self.life.is_none() {
            self.come_home();
            return;
        }
        let plan = &self.plan;
        let weights = [
            plan.requests,
            plan.writing,
            plan.ticking,
            plan.clocks,
            plan.faults,
            plan.crashes,
            2,
            2,
            1,
            plan.following,
        ];
        match self.dice.weighted(&weights) {
            0 => {
                let wall = self.clock.wall();
                let asked = self.clients.next(&mut self.dice, &self.plan, &self.ledger.books, wall);
                self.ask(&asked);
            }
            1 => {
                if self.write() == Some(Step::Failed) {
                    self.die(true);
                }
            }
            2 => {
                if self.now().is_some()
                    && let Some(life) = &mut self.life
                {
                    life.ticker.tick(&life.core, &life.door, || false);
                }
            }
            3 => self.move_clocks(),
            4 => self.spoil_disk(),
            5 if self.dice.chance(50) => self.doom(),
            5 => self.die(true),
            6 => self.close_segment(),
            7 => {
                let now = self.now();
                if let Some(life) = &mut self.life {
                    life.late = if life.late.is_some() { None } else { now };
                }
            }
            8 => self.compare(),
            _ => self.follow(),
        }
        if self.dead() {
            self.die(true);
        }
    }

    /// What the engine does once a minute.
    fn close_segment(&mut self) {
        use crate::journal::Journal;
        let Some(life) = &mut self.life else { return };
        let closed = life.writer.journal().close_segment();
        self.say(|| format!("segment closed: {closed:?}"));
        if closed.is_err() {
            // The engine learns of it from its next append.
            self.die(true);
        }
    }

    /// The engine's own follower takes a step.
    fn follow(&mut self) {
        let Some(life) = &mut self.life else { return };
        if life.mark.has_failed() {
            return;
        }
        // Ours goes first: it wants to see what the other may trim.
        self.disk.set_faults(Faults::None);
        self.side.follow(life.writer.journal(), &self.ledger.asks);
        self.disk.set_faults(self.faults);
        let followed = life.snapshots.step(self.clock.boot());
        let (seen, durable) = (life.snapshots.last(), life.mark.durable());
        assert!(seen <= durable, "the follower has applied fact {seen}, the durable mark is {durable}");
        let bad_disk = self.full || self.struck();
        match &followed {
            Ok(Followed::Hindered(why)) => {
                assert!(bad_disk, "no snapshot, and nothing is wrong with the disk: {why}")
            }
            Ok(_) => {}
            Err(failure) => {
                assert!(self.struck(), "memory and journal differ: {failure:?}");
                self.die(true);
            }
        }
        self.say(|| format!("followed: {followed:?}"));
    }

    /// A last snapshot, like at a shutdown in good order.
    fn wind_up(&mut self) {
        let Some(life) = &mut self.life else { return };
        assert!(life.snapshots.wind_up(|| true), "the last snapshot does not hold all that is durable");
        assert_eq!(life.snapshots.snapshot(), self.side.last());
    }

    /// The follower, and the whole state if all of it is durable.
    fn compare(&mut self) {
        let Some(life) = &mut self.life else { return };
        if self.faults != Faults::None {
            return;
        }
        self.side.follow(life.writer.journal(), &self.ledger.asks);
        if self.side.last() == life.core.buffer.last() {
            self.side.compare(&life.core.state);
        }
        self.audit();
    }

    /// Nothing goes wrong any more: everything is written, compared, served, and in the end given back.
    fn heal(&mut self) {
        self.make_room();
        if self.life.is_some() && (self.faults != Faults::None || self.dice.chance(50)) {
            self.die(true);
        }
        self.faults = Faults::None;
        self.disk.set_faults(Faults::None);
        if self.life.is_none() {
            self.come_home();
        }
        for _ in 0..100 {
            if self.write() == Some(Step::Failed) {
                panic!("the disk is good and the journal failed");
            }
        }
        self.write_all();
        self.sync();
        self.compare();
        let Some(life) = &self.life else { panic!("it was just started") };
        assert_eq!(life.mark.durable(), life.core.buffer.last(), "everything is durable");
        assert!(!life.core.disk_full.load(std::sync::atomic::Ordering::Relaxed), "there is room again");
        assert_eq!(life.core.buffer.in_use(), 0, "bytes of the buffer that nobody gave back");
        self.check_all();
        self.write_all();
        self.everything_ends();
    }

    fn sync(&mut self) {
        if let Some(life) = &mut self.life {
            assert!(life.writer.sync() != Step::Failed);
        }
    }

    /// No hold outlives its deadline by more than a tick.
    fn everything_ends(&mut self) {
        let books = &self.ledger.books;
        // What is set aside for a code ends with it.
        let codes = books.codes.values().filter(|code| !code.units.is_empty()).filter_map(|code| code.until);
        let ends = books.carts.values().map(|cart| cart.deadline).chain(codes).max().unwrap_or_default();
        while self.now().is_some_and(|now| now.engine < ends) {
            self.clock.step(Millis(1_900));
            self.write_all();
        }
        self.clock.step(Millis(300));
        let Some(life) = &mut self.life else { return };
        life.ticker.tick(&life.core, &life.door, || false);
        assert!(!anything_held(&life.core.state), "something is held after every deadline");
        self.check_all();
        self.write_all();
        self.sync();
        self.compare();
    }
}

/// Whether anything is held at all, past its deadline or not.
fn anything_held(state: &State) -> bool {
    (0..state.shards()).any(|number| {
        let shard = state.lock_shard(number);
        shard.expiry.live() > 0 || (0..shard.slot_count()).any(|index| shard.slot(index).held > 0)
    })
}
