//! The bars: what each figure is measured against, as one table.

use serde::Serialize;

/// A bar.
#[derive(Clone, Copy, Debug)]
pub struct Bar {
    /// As the table of bars numbers it, with a letter where a bar has two figures.
    pub name: &'static str,
    /// What it is of.
    pub what: &'static str,
    /// What must be reached first.
    pub first: f64,
    /// What is wanted.
    pub goal: f64,
    /// Whether less is better.
    pub less: bool,
}

const fn at_least(name: &'static str, what: &'static str, first: f64, goal: f64) -> Bar {
    Bar { name, what, first, goal, less: false }
}

const fn at_most(name: &'static str, what: &'static str, first: f64, goal: f64) -> Bar {
    Bar { name, what, first, goal, less: true }
}

/// All bars measured here.
#[rustfmt::skip]
pub const TABLE: [Bar; 34] = [
    at_least("1", "hold of 2 slots, fsync, over the bare echo, 64 connections", 0.60, 0.75),
    at_least("1b", "the same with 256 connections", 0.60, 0.85),
    at_least("2", "hold of 2 slots, not waiting for the disk, over the bare echo", 0.75, 0.85),
    at_most("3", "hold p50 in open loop over echo p50 + one fdatasync p50", 2.5, 1.5),
    at_least("4", "holds/s, fsync, over Redis with AOF always, depth 1", 3.0, 4.0),
    at_least("4b", "the same, depth 16", 2.3, 3.0),
    at_least("5", "holds/s, fsync, over PostgreSQL's best", 6.0, 8.0),
    at_least("6", "100 slots over 100 k slots, fsync", 0.85, 1.0),
    at_most("11", "journal bytes of a hold of 2 slots, key included, 64 facts a frame", 128.0, 80.0),
    at_most("11b", "journal bytes of a confirm, key included, 64 facts a frame", 64.0, 40.0),
    at_most("12", "resident bytes of a held cart of 2 slots, without its idempotency key", 200.0, 96.0),
    at_most("12b", "resident bytes of a held cart of 2 slots, with its idempotency key", 260.0, 130.0),
    at_least("13", "refusals (sold out) over the bare echo", 0.75, 0.90),
    at_least("14", "joining a waiting room, fsync, over the bare echo", 0.5, 0.75),
    at_least("14b", "the waiting room's public document over the bare echo", 0.9, 1.1),
    at_most("15", "resident bytes of a waiting visitor, 1 M waiting, each with the hash of a person", 64.0, 32.0),
    at_most("15b", "seconds until a room of 1 M is back after a kill, from a snapshot", 3.0, 3.0),
    at_most("15c", "the same from the journal alone", 3.0, 3.0),
    at_most("15d", "ms from the opening to the first batch called, 1 M registered", 200.0, 200.0),
    at_most("15e", "ms from the opening until whoever of 1 M asks is told the right place", 1_000.0, 1_000.0),
    at_most("15f", "seconds to fetch and check the draw of 1 M with verify-draw", 3.0, 3.0),
    at_most("16", "hold in process on 1,000 slots while 10 M are loaded, over 1 k loaded", 1.3, 1.1),
    at_most("16b", "the same with holds anywhere among the 10 M", 2.5, 2.5),
    at_most("17", "seconds until it serves with 3.44 M appointments and 1 M orders, from a snapshot", 20.0, 2.0),
    at_most("17b", "the same from the journal alone", 20.0, 2.0),
    at_most("18", "availability by venue and day, 680 k slots over 3 k slots", 2.0, 1.2),
    // What the bare echo makes of bars 4 and 5: how much of them there is for a server on hyper to take.
    at_least("4, echo", "the bare echo over Redis with AOF always, depth 1", 3.0, 4.0),
    at_least("4b, echo", "the same, depth 16", 2.3, 3.0),
    at_least("5, echo", "the bare echo over PostgreSQL's best", 6.0, 8.0),
    // Not bars of their own but sentences that are checked: a lone client waits for one sync, many share one.
    at_most("facts/sync, 1", "facts a sync carries with one client", 1.1, 1.0),
    at_least("facts/sync, 64", "facts a sync carries with 64 clients", 8.0, 16.0),
    at_most("storm", "p99 of others while 1 M holds on 100 k slots lapse at one instant, over before", 2.0, 2.0),
    at_most("storm, 1", "the same with all of them on one slot", 2.0, 2.0),
    at_most("storm, full", "the same as the first with the journal's buffer nearly full", 2.0, 2.0),
];

/// How a figure stands to its bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reached {
    /// What is wanted.
    Goal,
    /// What must be reached first.
    First,
    /// Neither.
    No,
}

impl Bar {
    /// The bar of that name.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn named(name: &str) -> &'static Self {
        TABLE.iter().find(|bar| bar.name == name).unwrap_or_else(|| panic!("there is no bar {name}"))
    }

    /// How a figure stands to it.
    #[must_use]
    pub fn judge(&self, figure: f64) -> Reached {
        let reaches = |line: f64| if self.less { figure <= line } else { figure >= line };
        match (reaches(self.goal), reaches(self.first)) {
            (true, _) => Reached::Goal,
            (false, true) => Reached::First,
            (false, false) => Reached::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_reaches_the_goal_the_first_bar_or_neither() {
        let more = Bar::named("1");
        assert_eq!([0.8, 0.6, 0.5].map(|it| more.judge(it)), [Reached::Goal, Reached::First, Reached::No]);
        let less = Bar::named("11");
        assert_eq!(
            [80.0, 81.0, 129.0].map(|it| less.judge(it)),
            [Reached::Goal, Reached::First, Reached::No]
        );
        for bar in &TABLE {
            assert_eq!(bar.judge(bar.goal), Reached::Goal, "{}", bar.name);
            assert_ne!(bar.judge(bar.first), Reached::No, "{}", bar.name);
        }
    }
}
