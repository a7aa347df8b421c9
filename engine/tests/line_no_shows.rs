//! Simulated days on which most of those who wait have gone home and many of the called do not come: the rate of people who
//! come in is the configured one all the same, and the cap holds at every tick. Virtual time, the engine's own steps.

use std::collections::BTreeSet;
use std::sync::Arc;

use onsale_engine::decide::{JoinLine, Proof};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::sale::SaleRules;
use onsale_engine::testing::desk::{Desk, START_MS};
use onsale_engine::testing::rng::SimRng;
use onsale_engine::time::{Millis, WallTime};
use onsale_engine::waiting_room::{Dials, LineShard, RoomRules, Ticket, TicketState};

/// The engine's own tick.
const TICK_MS: u64 = 50;
/// Registration lasts so long: by the opening nobody counts as there who has not asked again.
const OPENING_MS: u64 = 60_000;
/// How long a day of so many minutes is here, from the opening on: half, unless `NO_SHOWS=long` asks for all of it.
fn minutes(whole: u64) -> u64 {
    if std::env::var("NO_SHOWS").is_ok_and(|asked| asked == "long") { whole } else { whole / 2 }
}
/// The window in which the arrivals are held against the target, in seconds.
const WINDOW_S: usize = 300;
/// Of a hundred who joined, so many have gone home.
const GONE: u64 = 60;
/// Of a hundred who are called, so many do not come.
const NO_SHOWS: u64 = 30;

/// Who joined.
struct Person {
    text: String,
    ticket: Ticket,
    /// Has not gone home.
    stays: bool,
    /// Comes when called.
    comes: bool,
}

/// What somebody does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Ask,
    ComeIn,
    Leave,
}

struct Day {
    desk: Desk,
    dice: SimRng,
    people: Vec<Person>,
    /// By time, who does what.
    plans: BTreeSet<(u64, u32, Deed)>,
    /// Up to this place people stand near enough to the front to be looked at.
    near: u32,
    /// By second from the opening on, how many came in.
    arrived: Vec<u64>,
    max_active: u32,
    minutes: u64,
}

impl Day {
    fn new(seed: u64, rate: u32, max_active: u32, minutes: u64) -> Self {
        let desk = Desk::new(2);
        let dials = Dials { admit_per_minute: rate, max_active };
        let room = RoomRules { dials, session: Millis(600_000), ..RoomRules::default() };
        let opens_at = Some(WallTime((START_MS + OPENING_MS).cast_signed()));
        desk.sale(SaleRules { opens_at, room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") });
        desk.slots("day", &[SlotSpec::new("one", "hall", 10_000_000)]);
        let mut dice = SimRng::new(seed);
        // Everybody who is wanted and who is not there, and a twentieth more: the line never runs dry.
        let wanted =
            u64::from(rate) * minutes * 100 / (100 - NO_SHOWS) * 100 / (100 - GONE) * 105 / 100 + 100;
        let people = (0..wanted).map(|_| {
            let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
            let view = desk.core.join_line(desk.now(), &join).result.expect("a place").ticket;
            desk.core.buffer.discard();
            let (stays, comes) = (!dice.chance(GONE), !dice.chance(NO_SHOWS));
            Person { text: view.text, ticket: view.ticket, stays, comes }
        });
        let people = people.collect();
        let arrived = vec![0; usize::try_from(minutes * 60).unwrap()];
        Self { desk, dice, people, plans: BTreeSet::new(), near: 0, arrived, max_active, minutes }
    }

    /// The whole day, tick by tick.
    fn run(&mut self) {
        self.desk.clock = OPENING_MS;
        let end = OPENING_MS + self.minutes * 60_000;
        while self.desk.clock < end {
            self.desk.core.tick_lines(self.desk.now());
            self.people_come_near();
            while let Some((at, number, deed)) = self.plans.first().copied() {
                if at > self.desk.clock {
                    break;
                }
                self.plans.pop_first();
                self.act(number, deed);
            }
            self.watch_the_cap();
            self.desk.core.buffer.discard();
            self.desk.clock += TICK_MS;
        }
    }

    fn watch_the_cap(&self) {
        let sale = self.people[0].ticket.sale;
        let active = self.desk.core.state.lock_lines(LineShard::of(sale, 2)).lines[&sale].inside.active();
        assert!(active <= self.max_active, "{active} called and inside, {} may be", self.max_active);
    }

    /// Who stays at home and asks all day long is looked at only from shortly before the turn on: what was asked before
    /// changes nothing.
    fn people_come_near(&mut self) {
        let sale = self.people[0].ticket.sale;
        let lines = self.desk.core.state.lock_lines(LineShard::of(sale, 2));
        let lane = &lines.lines[&sale].lanes[0];
        let rate = u64::from(lines.lines[&sale].dials.admit_per_minute);
        let ahead = u32::try_from(rate + 20).unwrap();
        while self.near < (lane.turns + ahead).min(lane.len()) {
            let number = lane.at(self.near).expect("a place of the lane");
            self.near += 1;
            if self.people[number as usize].stays {
                let first = self.desk.clock + self.dice.below(2_000);
                self.plans.insert((first, number, Deed::Ask));
            }
        }
    }

    fn act(&mut self, number: u32, deed: Deed) {
        let (now, clock) = (self.desk.now(), self.desk.clock);
        let person = &self.people[number as usize];
        match deed {
            Deed::Ask => {
                let view = self.desk.core.ticket(now, &person.text).result.expect("a ticket");
                match view.state {
                    TicketState::Waiting => {
                        self.plans.insert((clock + view.poll_after.0, number, Deed::Ask));
                    }
                    TicketState::Called if person.comes => {
                        let after = self.dice.between(500, 10_000);
                        self.plans.insert((clock + after, number, Deed::ComeIn));
                    }
                    TicketState::Called => {}
                    state => panic!("who is there and waits is {state:?}"),
                }
            }
            Deed::ComeIn => {
                self.desk.core.use_pass(now, person.ticket).result.expect("within the claim window");
                self.arrived[usize::try_from((clock - OPENING_MS) / 1_000).unwrap()] += 1;
                let stays = self.dice.between(60_000, 300_000);
                self.plans.insert((clock + stays, number, Deed::Leave));
            }
            Deed::Leave => {
                self.desk.core.leave_line(now, &person.text).result.expect("a ticket");
            }
        }
    }

    /// The share of the configured rate that came in over the day.
    fn used(&self, rate: u32) -> f64 {
        self.arrived.iter().sum::<u64>() as f64 / (u64::from(rate) * self.minutes) as f64
    }

    /// The most by which the arrivals of any five minutes after the first five miss the target, in people.
    fn worst(&self, rate: u32) -> u64 {
        let target = u64::from(rate) * 5;
        let windows = self.arrived[WINDOW_S..].windows(WINDOW_S);
        windows.map(|seconds| seconds.iter().sum::<u64>().abs_diff(target)).max().unwrap()
    }
}

/// By how many people chance alone moves the arrivals of five minutes: who will not come is known only when the call has
/// lapsed, and how many such calls are out changes from the beginning of the window to its end. Five standard deviations.
fn chance(rate: u32) -> f64 {
    let come = (100 - NO_SHOWS) as f64 / 100.0;
    let calls_out = f64::from(rate) / come;
    5.0 * (2.0 * calls_out * come * (1.0 - come)).sqrt()
}

fn check(seed: u64, rate: u32, minutes: u64) {
    let mut day = Day::new(seed, rate, 100_000, minutes);
    day.run();
    let (used, worst, target) = (day.used(rate), day.worst(rate), f64::from(rate) * 5.0);
    eprintln!(
        "seed {seed}, {rate} a minute: {used:.4} of the rate, five minutes miss by {worst} of {target}"
    );
    assert!(used >= 0.98, "seed {seed}: {used} of {rate} a minute");
    assert!(used <= 1.01, "seed {seed}: {used} of {rate} a minute");
    let least = if rate >= 1_200 { 0.0 } else { chance(rate) };
    assert!(
        worst as f64 <= (target * 0.02).max(least),
        "seed {seed}: {worst} of {target} at {rate} a minute"
    );
}

#[test]
fn twenty_a_second_come_in_all_day() {
    check(1, 1_200, minutes(60));
}

#[test]
fn slow_rates_are_kept_as_well() {
    for (seed, rate) in [(1, 300), (3, 60), (6, 12), (8, 6)] {
        // Few come in: it takes the hour for the calls that are out at its end to be little of it.
        check(seed, rate, 60);
    }
}

/// The cap is what binds: it is never exceeded, and it is used.
#[test]
fn the_cap_holds_while_people_do_not_come() {
    for seed in 1..=2 {
        let mut day = Day::new(seed, 600, 150, minutes(60));
        day.run();
        let used = day.used(600);
        assert!((0.02..0.9).contains(&used), "seed {seed}: the cap did not bind: {used}");
    }
}
