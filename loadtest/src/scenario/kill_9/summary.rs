//! What the loop came to, for the person at the terminal.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::Kill9;
use crate::audit::Check;

/// One start after a kill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Restart {
    /// From the start of the process until it said it was ready.
    pub took: Duration,
    /// The processor time it had used by then: tells a slow recovery from a machine that was busy with other things.
    pub computed: Duration,
}

/// A restart may take so long.
const RESTART: Duration = Duration::from_secs(2);

/// The result of a whole loop.
#[derive(Debug)]
pub struct Outcome {
    /// What was asked for.
    pub wish: Kill9,
    /// Kills that were made.
    pub rounds: u32,
    /// The starts, one for each kill.
    pub restarts: Vec<Restart>,
    /// Changes acknowledged.
    pub acknowledged: usize,
    /// Carts made.
    pub carts: usize,
    /// Of these, orders.
    pub orders: usize,
    /// Places given in the waiting room.
    pub places: usize,
    /// Carts made there with a pass.
    pub sessions: usize,
    /// Answers by what they said.
    pub told: BTreeMap<String, u64>,
    /// The audits together.
    pub checks: Vec<Check>,
    /// The data folder.
    pub data: PathBuf,
    /// How long it took.
    pub lasted: Duration,
}

impl Outcome {
    /// Whether everything came true.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.holds)
            && self.slowest().took < RESTART
            && self.rounds == self.wish.times
    }

    /// 0 or 99.
    pub fn exit_code(&self) -> u8 {
        if self.passed() { 0 } else { 99 }
    }

    /// The longest restart.
    pub fn slowest(&self) -> Restart {
        self.restarts.iter().copied().max().unwrap_or_default()
    }

    fn median(&self) -> Restart {
        let mut sorted = self.restarts.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kill9 { times, seed, .. } = &self.wish;
        let seconds = self.lasted.as_secs_f64();
        writeln!(f, "kill-9: {} of {times} kills in {seconds:.0} s, seed {seed}", self.rounds)?;
        let (acks, carts, orders) = (self.acknowledged, self.carts, self.orders);
        writeln!(f, "  {acks} changes acknowledged, {carts} carts, {orders} orders")?;
        writeln!(f, "  {} places in line, {} carts with a pass", self.places, self.sessions)?;
        for (what, count) in &self.told {
            writeln!(f, "  {count:>9}  {what}")?;
        }
        let mark = |holds: bool| if holds { "ok  " } else { "FAIL" };
        let words = |restart: Restart| {
            format!("{} ms (computing {} ms)", restart.took.as_millis(), restart.computed.as_millis())
        };
        let quick = mark(self.slowest().took < RESTART);
        let late = self.restarts.iter().filter(|restart| restart.took >= RESTART).count();
        let (median, slowest) = (words(self.median()), words(self.slowest()));
        writeln!(f, "  {quick} every restart under 2 s: median {median}, longest {slowest}, {late} over")?;
        for check in &self.checks {
            writeln!(f, "  {} {}: {}", mark(check.holds), check.name, check.detail)?;
        }
        if self.passed() {
            return writeln!(f, "passed");
        }
        writeln!(f, "missed; the data folder is kept: {}", self.data.display())?;
        writeln!(f, "repeat it with `loadtest run kill-9 --times {times} --seed {seed}`")
    }
}
