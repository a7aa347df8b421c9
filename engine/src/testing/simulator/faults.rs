//! What goes wrong: clocks that stop, jump or start anew, disks that fail a call or are full, processes that are killed
//! and machines that lose power, between two steps or in the middle of a write.

use crate::door::JUMP;
use crate::invariants;
use crate::ports::Rng;
use crate::testing::disk::{Fault, Faults};
use crate::time::Millis;

use super::world::{Left, World};

impl World {
    /// Time passes; mostly a little, sometimes so much that we were away, seldom only on the wall.
    pub fn move_clocks(&mut self) {
        let Some(before) = self.now() else { return };
        match self.dice.weighted(&[50, 20, 10, 10, 5]) {
            0 => {
                let span = self.dice.below(300);
                self.pass(before, Millis(span));
            }
            1 => {
                let span = self.dice.between(300, JUMP.0);
                self.pass(before, Millis(span));
            }
            2 => {
                let span = self.dice.between(JUMP.0 + 1, 40_000);
                self.pass(before, Millis(span));
            }
            3 => {
                let by = self.dice.below(120_000).cast_signed() - 60_000;
                self.say(|| format!("the wall jumps by {by} ms"));
                self.clock.jump_wall(by);
                self.seen.jumped_ms += by.max(0).cast_unsigned();
            }
            _ => {
                // Quiet hours: time runs, because somebody looks at the clock all the while.
                for _ in 0..self.dice.between(2, 30) {
                    self.clock.step(Millis(1_900));
                    self.now();
                }
            }
        }
    }

    /// Engine time runs with the clock, and stands still for what is too long to have been served, up to the limit.
    fn pass(&mut self, before: crate::time::Now, span: Millis) {
        self.clock.step(span);
        let Some(after) = self.now() else { return };
        let ran = after.engine.since(before.engine);
        let max_away = self.plan.options.limits.max_away;
        if let Some(life) = &mut self.life
            && span > JUMP
        {
            life.stops.push((life.core.buffer.last(), span));
        }
        let expected = if span > JUMP { span.0.saturating_sub(max_away.0) } else { span.0 };
        self.say(|| format!("{} ms pass, engine time {}", span.0, after.engine));
        assert_eq!(ran.0, expected, "engine time ran {} ms in {} ms", ran.0, span.0);
    }

    /// The disk begins to misbehave.
    pub fn spoil_disk(&mut self) {
        let next = self.disk.calls() + self.dice.between(1, 60);
        match self.dice.below(6) {
            0 => self.set_faults(Faults::At(next, Fault::Io)),
            1 => self.set_faults(Faults::At(next, Fault::NoSpace)),
            2 if self.waits_for_sync() => {
                let every = self.dice.between(7, 60);
                self.set_faults(Faults::Every(every, Fault::Io));
            }
            3 | 4 => {
                let room = self.disk.used() + self.dice.below(20_000);
                self.say(|| format!("the disk has room for {room} bytes"));
                self.full = true;
                self.disk.set_capacity(room);
            }
            _ => self.make_room(),
        }
    }

    /// The disk has room again.
    pub fn make_room(&mut self) {
        self.full = false;
        self.disk.set_capacity(u64::MAX);
    }

    /// The machine or the process will die at one of the next disk calls.
    pub fn doom(&mut self) {
        let call = self.disk.calls() + self.dice.between(1, 30);
        self.set_faults(Faults::From(call, Fault::Io));
    }

    /// The process ends here: by a power cut, which takes what was not synced, or by a kill, which takes only memory.
    pub fn die(&mut self, may_keep_power: bool) {
        let Some(life) = self.life.take() else { return };
        let killed = may_keep_power && self.dice.chance(40);
        let acknowledged = if killed { life.mark.answerable() } else { life.mark.durable() };
        let (handed_in, incarnation) = (life.core.buffer.last(), life.incarnation);
        let (first_frame, stops) = (life.first_frame, life.stops.clone());
        self.left = Left { acknowledged, handed_in, incarnation, first_frame, stops };
        drop(life);
        self.faults = Faults::None;
        if killed {
            self.report.kills += 1;
            self.disk.restart();
        } else {
            self.report.power_cuts += 1;
            let seed = self.dice.next();
            self.disk.crash(seed);
        }
        let down = match self.dice.below(4) {
            0 => 0,
            1 => self.dice.below(3_000),
            2 => self.dice.below(100_000),
            _ => self.dice.below(2 * 86_400_000),
        };
        self.say(|| {
            let how = if killed { "killed" } else { "power cut" };
            format!("{how}, {acknowledged} acknowledged, {handed_in} handed in, down for {down} ms")
        });
        if killed {
            self.clock.step(Millis(down))
        } else {
            self.clock.reboot(Millis(down))
        }
        if self.waits_for_sync() && self.dice.chance(25) {
            self.doom();
        }
    }

    /// All that is always true.
    pub fn audit(&mut self) {
        let Some(now) = self.now() else { return };
        let Some(life) = &self.life else { return };
        let at = now.engine.max(self.ledger.books.latest);
        invariants::check(&life.core.state, at).unwrap_or_else(|broken| panic!("{broken}"));
    }
}
