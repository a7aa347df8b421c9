//! Random days in a waiting room: what must always be true holds after every step, and a replay of the facts and a
//! snapshot both come to the same line, ticket by ticket.

mod follow_support;

use follow_support::{Dice, head, image};
use onsale_engine::apply::{apply, fits};
use onsale_engine::commit::Batch;
use onsale_engine::decide::{AdmitNow, JoinLine, LineChange, Proof};
use onsale_engine::fact::{Cold, Fact, Kind, LineFact, decode};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::records::Records;
use onsale_engine::names::Names;
use onsale_engine::sale::SaleRules;
use onsale_engine::sequence::Sequence;
use onsale_engine::snapshot;
use onsale_engine::state::State;
use onsale_engine::testing::desk::{Desk, START_MS, slot};
use onsale_engine::testing::disk::SimDisk;
use onsale_engine::time::{Millis, Now, WallTime};
use onsale_engine::waiting_room::{Dials, Lane, Mode, RoomRules, Ticket, TicketView};
use std::collections::BTreeMap;
use std::sync::Arc;

const SHARDS: u8 = follow_support::SHARDS;
const OPENING: u64 = 120_000;

/// A desk with a waiting room, its tickets, and a copy of its state that lives on facts alone.
struct Day {
    desk: Desk,
    dice: Dice,
    copy: State,
    tickets: Vec<(String, Ticket)>,
    /// When each was last seen, and how many were ahead then.
    seen: BTreeMap<Ticket, (u64, Option<u32>)>,
    /// Places passed over.
    passed: u64,
    /// Whom the tickets of people belong to.
    people: u64,
    facts: u64,
}

impl Day {
    fn new(seed: u64) -> Self {
        let desk = Desk::new(SHARDS);
        let copy = State::new(SHARDS, [5, 6]);
        let mut day = Self {
            desk,
            dice: Dice(seed),
            copy,
            tickets: Vec::new(),
            seen: BTreeMap::new(),
            passed: 0,
            people: 0,
            facts: 0,
        };
        day.rules(60);
        day.desk.slots("day", &[SlotSpec::new("one", "hall", 40), SlotSpec::new("two", "park", 40)]);
        day.follow();
        day
    }

    fn rules(&self, rate: u32) {
        let room = RoomRules {
            dials: Dials { admit_per_minute: rate, max_active: 12 },
            claim: Millis(10_000),
            session: Millis(30_000),
            lanes: vec![Lane { name: "general".into(), weight: 3 }, Lane { name: "phone".into(), weight: 1 }],
            open_channels: vec!["web".into()],
            ..RoomRules::default()
        };
        let opens = WallTime((START_MS + OPENING).cast_signed());
        self.desk.sale(SaleRules {
            opens_at: Some(opens),
            room: Some(Arc::new(room)),
            ..SaleRules::new("day", "UTC")
        });
    }

    /// An operator starts a ramp, or takes back what another did.
    fn turn_the_rate(&mut self, now: Now) {
        let changes = self.desk.core.changes(now, Some("day")).result.unwrap();
        let some = usize::try_from(self.dice.roll(8)).unwrap();
        let undo = changes.iter().rev().nth(some).map(|(_, change)| change.number);
        let change = match undo {
            Some(_) => LineChange { undo, ..LineChange::default() },
            None => LineChange {
                admit_per_minute: Some(u32::try_from(self.dice.roll(600)).unwrap()),
                ramp: Some(Millis(self.dice.roll(20_000))),
                ..LineChange::default()
            },
        };
        // What was turned again since is not taken back.
        let _ = self.desk.core.set_line(now, "day", &change);
    }

    /// The copy applies what was written, asking first.
    fn follow(&mut self) {
        let mut batch = Batch::default();
        self.desk.core.buffer.take(&mut batch);
        for record in Records::of(&batch.records) {
            let fact = decode(record).expect("a fact");
            let mut alone = self.copy.alone();
            fits(&mut alone, &fact).unwrap_or_else(|misfit| panic!("{fact:?}: {misfit}"));
            self.nobody_present_is_passed_over(&fact);
            let mut alone = self.copy.alone();
            apply(&mut alone, &fact);
            self.facts += 1;
        }
        self.desk.core.buffer.written(batch.records.len());
    }

    /// Whoever a call passes over has not been seen for twice the shortest poll at least, before the call is applied.
    fn nobody_present_is_passed_over(&mut self, fact: &Fact) {
        let Kind::Cold(cold) = &fact.kind else { return };
        let Cold::Line { sale, fact: LineFact::Called { lane, passed, .. } } = &**cold else { return };
        let shard = onsale_engine::waiting_room::LineShard::of(*sale, SHARDS);
        let lines = self.copy.lock_lines(shard);
        for place in passed {
            let number = lines.lines[sale].lanes[usize::from(*lane)].at(*place).expect("a place of the lane");
            let (seen, _) = self.seen[&Ticket { sale: *sale, lane: *lane, number }];
            let silent = self.desk.clock - seen;
            assert!(silent > 4_000, "place {place} of lane {lane} was passed over after {silent} ms");
            self.passed += 1;
        }
    }

    /// A ticket was shown: how many are ahead has not risen since the last time.
    fn shown(&mut self, view: &TicketView) {
        let before =
            self.seen.insert(view.ticket, (self.desk.clock, view.ahead)).and_then(|(_, ahead)| ahead);
        let rose = before.zip(view.ahead).is_some_and(|(before, now)| now > before);
        assert!(!rose, "{:?}: {before:?} ahead became {:?}", view.ticket, view.ahead);
    }

    fn some_ticket(&mut self) -> Option<(String, Ticket)> {
        let count = self.tickets.len() as u64;
        (count > 0).then(|| self.tickets[usize::try_from(self.dice.roll(count)).unwrap()].clone())
    }

    fn act(&mut self) {
        let now = self.desk.now();
        match self.dice.roll(100) {
            0..30 => {
                let person = u128::from(self.dice.roll(60) + 1) << 64 | 1;
                let proof = match self.dice.roll(4) {
                    0 | 1 => Proof::Nobody,
                    2 => Proof::Person(person),
                    // Papers are reused, by the same person and by others.
                    _ => Proof::Paper { person, paper: u128::from(self.dice.roll(40)) << 100 | 3 },
                };
                let lane = if self.dice.roll(4) == 0 { Some("phone") } else { None };
                let join = JoinLine { sale: "day", proof, lane };
                if let Ok(joined) = self.desk.core.join_line(now, &join).result {
                    self.shown(&joined.ticket);
                    if joined.created {
                        self.people += u64::from(matches!(proof, Proof::Person(_) | Proof::Paper { .. }));
                        self.tickets.push((joined.ticket.text, joined.ticket.ticket));
                    }
                }
            }
            30..55 => {
                if let Some((text, _)) = self.some_ticket() {
                    let view = self.desk.core.ticket(now, &text).result.unwrap();
                    self.shown(&view);
                }
            }
            55..62 => {
                if let Some((text, _)) = self.some_ticket() {
                    let _ = self.desk.core.leave_line(now, &text);
                }
            }
            62..72 => {
                if let Some((_, ticket)) = self.some_ticket() {
                    let _ = self.desk.core.use_pass(now, ticket);
                }
            }
            72..77 => {
                if let Some((text, _)) = self.some_ticket() {
                    let join = JoinLine { sale: "day", proof: Proof::Ticket(&text), lane: None };
                    let joined = self.desk.core.join_line(now, &join).result.unwrap();
                    self.shown(&joined.ticket);
                }
            }
            77..80 => {
                let mode =
                    [Mode::Queue, Mode::Queue, Mode::Pause, Mode::Drain, Mode::Closed, Mode::PassThrough]
                        [usize::try_from(self.dice.roll(6)).unwrap()];
                let dry_run = self.dice.roll(2) == 0;
                let change = LineChange { mode: Some(mode), dry_run, ..LineChange::default() };
                self.desk.core.set_line(now, "day", &change).result.unwrap();
            }
            80..82 => {
                let count = u32::try_from(self.dice.roll(9)).unwrap();
                let wish = AdmitNow { count, dry_run: true, ..AdmitNow::default() };
                let would = self.desk.core.admit(now, "day", wish).result.unwrap();
                let called = self.desk.core.admit(now, "day", AdmitNow { dry_run: false, ..wish });
                let called = called.result.unwrap();
                // A dry run does not draw, nor does it put away who has gone.
                assert!(would <= called, "{would} would be called, {called} were");
            }
            82 if self.dice.roll(2) == 0 => {
                let rate = u32::try_from(self.dice.roll(300)).unwrap();
                self.rules(rate);
            }
            82 => self.turn_the_rate(now),
            83..85 => {
                let name = if self.dice.roll(2) == 0 { "one" } else { "two" };
                let customer = u128::from(self.dice.roll(1 << 40));
                let _ = self.desk.open("day", customer, &[slot(name, 1)]);
            }
            _ => {
                self.desk.clock += self.dice.roll(4_000);
                self.desk.core.tick_lines(self.desk.now());
            }
        }
        let line = self.desk.core.line(self.desk.now(), "day").result.unwrap();
        assert!(line.active <= line.dials.max_active, "{} of {}", line.active, line.dials.max_active);
    }

    /// Everybody's view, from a state that need not be the desk's.
    fn views(&self, state: &State, now: Now) -> Vec<Option<TicketView>> {
        let Some((_, first)) = self.tickets.first() else { return Vec::new() };
        let shard = onsale_engine::waiting_room::LineShard::of(first.sale, SHARDS);
        let lines = state.lock_lines(shard);
        let line = &lines.lines[&first.sale];
        self.tickets
            .iter()
            .map(|(_, ticket)| {
                // What was seen of the stock is no state.
                line.ticket(*ticket, now).map(|view| TicketView { state: view.state, ..view })
            })
            .collect()
    }
}

#[test]
fn replay_and_snapshot_come_to_the_same_line() {
    let (mut facts, mut people, mut passed) = (0, 0, 0);
    for seed in 0..40 {
        let mut day = Day::new(seed);
        for step in 0..1_200 {
            day.act();
            day.follow();
            if step % 20 == 0
                && let Err(broken) =
                    onsale_engine::invariants::check(&day.desk.core.state, day.desk.now().engine)
            {
                panic!("seed {seed}: {broken}");
            }
        }
        let now = day.desk.now();
        // Stock as it was seen decides one word; the copy has seen none.
        day.desk.core.tick_lines(now);
        day.follow();
        assert!(image(&mut day.desk.core.state) == image(&mut day.copy), "seed {seed}");

        let disk = SimDisk::new(1);
        snapshot::write(&disk, head(7), Sequence(7), &mut day.copy).unwrap();
        let mut restored = snapshot::read(&disk, Sequence(7), Names::new([3, 4])).unwrap().state;
        assert!(image(&mut restored) == image(&mut day.copy), "seed {seed}");
        assert_eq!(day.views(&restored, now), day.views(&day.copy, now), "seed {seed}");
        if let Err(broken) = onsale_engine::invariants::check(&restored, now.engine) {
            panic!("seed {seed}, restored: {broken}");
        }
        facts += day.facts;
        people += day.people;
        passed += day.passed;
    }
    // The days were not empty.
    assert!(
        facts > 5_000 && people > 500 && passed > 100,
        "{facts} facts, {people} people, {passed} passed over"
    );
}
