//! Many threads on one line: a pass begins one session, a person has one place, the cap holds, and the facts in their
//! order come to the same line.

#![expect(clippy::disallowed_types, reason = "a thousand threads of the usual stack are two gigabytes")]
#![expect(clippy::disallowed_methods, reason = "threads are what is tested")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};

use onsale_engine::apply::{apply, fits};
use onsale_engine::commit::Batch;
use onsale_engine::decide::{AdmitNow, JoinLine, Proof};
use onsale_engine::fact::{Cold, Fact, Kind, LineFact, decode};
use onsale_engine::invariants;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::journal::records::Records;
use onsale_engine::sale::SaleRules;
use onsale_engine::state::State;
use onsale_engine::testing::desk::Desk;
use onsale_engine::testing::from_env;
use onsale_engine::time::{Millis, Now};
use onsale_engine::waiting_room::{Dials, RoomRules, TicketState};
use std::sync::Arc;

const SHARDS: u8 = 4;
const ROUNDS: u64 = 10_000;
const CAP: u32 = 50;

fn rounds() -> u32 {
    u32::try_from(from_env("ROUNDS", ROUNDS)).expect("a number of rounds")
}

fn desk() -> Desk {
    let desk = Desk::new(SHARDS);
    let room =
        RoomRules { dials: Dials { admit_per_minute: 10_000_000, max_active: CAP }, ..RoomRules::default() };
    desk.sale(SaleRules { room: Some(Arc::new(room)), ..SaleRules::new("day", "UTC") });
    desk.slots("day", &[SlotSpec::new("one", "hall", 10_000_000)]);
    desk
}

/// Takes the facts out of the buffer and lives them again.
struct Copy {
    state: State,
    claimed: u32,
    joined: u32,
}

impl Copy {
    fn follow(&mut self, desk: &Desk) {
        let mut batch = Batch::default();
        desk.core.buffer.take(&mut batch);
        for record in Records::of(&batch.records) {
            let fact: Fact = decode(record).expect("a fact");
            let mut alone = self.state.alone();
            fits(&mut alone, &fact).unwrap_or_else(|misfit| panic!("{fact:?}: {misfit}"));
            apply(&mut alone, &fact);
            match fact.kind {
                Kind::Joined(_) => self.joined += 1,
                Kind::Cold(cold) => {
                    let claims = matches!(*cold, Cold::Line { fact: LineFact::Claimed { .. }, .. });
                    self.claimed += u32::from(claims);
                }
                _ => {}
            }
        }
        desk.core.buffer.written(batch.records.len());
    }
}

/// Four threads want to begin the session of each ticket at once; one does. All find the same session.
#[test]
fn a_pass_begins_one_session_whoever_is_first() {
    let desk = desk();
    let mut copy = Copy { state: State::new(SHARDS, [5, 6]), claimed: 0, joined: 0 };
    let now = desk.now();
    for _ in 0..rounds() / 50 {
        let tickets: Vec<_> = (0..50)
            .map(|_| {
                let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
                desk.core.join_line(now, &join).result.unwrap().ticket
            })
            .collect();
        desk.core.admit(now, "day", AdmitNow { count: 50, ..AdmitNow::default() }).result.unwrap();
        let sessions: Vec<Vec<_>> = std::thread::scope(|scope| {
            let asks: Vec<_> = (0..4)
                .map(|_| {
                    let (core, tickets) = (&desk.core, &tickets);
                    scope.spawn(move || {
                        tickets
                            .iter()
                            .map(|ticket| core.use_pass(now, ticket.ticket).result.unwrap())
                            .collect()
                    })
                })
                .collect();
            asks.into_iter().map(|ask| ask.join().unwrap()).collect()
        });
        assert!(sessions.iter().all(|found| *found == sessions[0]));
        for ticket in &tickets {
            desk.core.leave_line(now, &ticket.text).result.unwrap();
        }
        copy.follow(&desk);
    }
    assert_eq!((copy.claimed, copy.joined), (rounds() / 50 * 50, rounds() / 50 * 50));
}

/// Four threads show each paper at once, each for somebody else: one of them gets a place by it.
#[test]
fn a_paper_is_good_for_whoever_is_first() {
    let desk = desk();
    let mut copy = Copy { state: State::new(SHARDS, [5, 6]), claimed: 0, joined: 0 };
    let papers = u128::from(rounds());
    let taken: Vec<Vec<bool>> = std::thread::scope(|scope| {
        let crowd: Vec<_> = (1..5_u128)
            .map(|thread| {
                let desk = &desk;
                scope.spawn(move || {
                    let show = |paper: u128| {
                        let proof = Proof::Paper { person: (paper << 8 | thread) << 64, paper };
                        let join = JoinLine { sale: "day", proof, lane: None };
                        desk.core.join_line(desk.now(), &join).result.is_ok()
                    };
                    (0..papers).map(show).collect()
                })
            })
            .collect();
        crowd.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for paper in 0..taken[0].len() {
        assert_eq!(taken.iter().filter(|taken| taken[paper]).count(), 1, "paper {paper}");
    }
    copy.follow(&desk);
    assert_eq!(u128::from(copy.joined), papers);
    assert_eq!(desk.core.state.lock_lines(0).digest, copy.state.lock_lines(0).digest);
}

/// So many use one pass at the same instant.
const PARALLEL: u64 = 1_000;

/// A thousand threads use one pass for the first time at the same instant, each with a time of its own: one session begins,
/// and all find it. `PASS_ROUNDS` says how often.
#[test]
fn a_thousand_parallel_first_uses_begin_one_session() {
    let rounds = u32::try_from(from_env("PASS_ROUNDS", 20)).expect("a number of rounds");
    let desk = desk();
    let mut copy = Copy { state: State::new(SHARDS, [5, 6]), claimed: 0, joined: 0 };
    let start = Barrier::new(usize::try_from(PARALLEL).unwrap() + 1);
    let done = Barrier::new(usize::try_from(PARALLEL).unwrap() + 1);
    let pass = Mutex::new(None);
    let (first, last, found) = (AtomicU64::new(u64::MAX), AtomicU64::new(0), AtomicU64::new(0));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..PARALLEL {
            let (desk, start, done, pass, over) = (&desk, &start, &done, &pass, &over);
            let (first, last, found) = (&first, &last, &found);
            let uses = move || {
                loop {
                    start.wait();
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let ticket = pass.lock().unwrap().expect("there is a pass");
                    let now = desk.now();
                    let now = Now { engine: now.engine.plus(Millis(thread)), ..now };
                    // Who panicked here would be waited for: what was not found is seen by the count.
                    let used = catch_unwind(AssertUnwindSafe(|| desk.core.use_pass(now, ticket).result));
                    if let Ok(Ok(session)) = used {
                        first.fetch_min(session.until.0, Ordering::Relaxed);
                        last.fetch_max(session.until.0, Ordering::Relaxed);
                        found.fetch_add(1, Ordering::Relaxed);
                    }
                    done.wait();
                }
            };
            std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, uses).unwrap();
        }
        let mut one = |round| {
            let join = JoinLine { sale: "day", proof: Proof::Nobody, lane: None };
            let ticket = desk.core.join_line(desk.now(), &join).result.unwrap().ticket;
            assert_eq!(
                desk.core
                    .admit(desk.now(), "day", AdmitNow { count: 1, ..AdmitNow::default() })
                    .result
                    .unwrap(),
                1
            );
            *pass.lock().unwrap() = Some(ticket.ticket);
            start.wait();
            done.wait();
            copy.follow(&desk);
            let (first, last) = (first.swap(u64::MAX, Ordering::Relaxed), last.swap(0, Ordering::Relaxed));
            assert_eq!((first, found.swap(0, Ordering::Relaxed)), (last, PARALLEL), "round {round}");
            assert_eq!(copy.claimed, round, "sessions begun");
            desk.core.leave_line(desk.now(), &ticket.text).result.unwrap();
        };
        // The thousand are let go before anything is said of them.
        let came = catch_unwind(AssertUnwindSafe(|| (1..=rounds).for_each(&mut one)));
        over.store(true, Ordering::Relaxed);
        start.wait();
        came.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

/// Says that it is over, however it ended.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Four threads join as the same few people, look, come in and leave, while a fifth calls: one place each, never more
/// inside than may be, and the copy that lives on the facts agrees at the end.
#[test]
fn a_crowd_keeps_its_places_and_the_cap() {
    let desk = desk();
    let mut copy = Copy { state: State::new(SHARDS, [5, 6]), claimed: 0, joined: 0 };
    let (stop, alone, most) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        let crowd: Vec<_> = (0..4_u64)
            .map(|thread| {
                let (core, desk, most, alone) = (&desk.core, &desk, &most, &alone);
                scope.spawn(move || {
                    let mut dice = thread + 1;
                    for _ in 0..rounds() {
                        dice = onsale_engine::digest::mix(dice, 77);
                        let person = u128::from(dice % 500 + 1) << 64;
                        let join = JoinLine { sale: "day", proof: Proof::Person(person), lane: None };
                        let ticket = core.join_line(desk.now(), &join).result.unwrap().ticket;
                        let view = core.ticket(desk.now(), &ticket.text).result.unwrap();
                        assert_eq!((view.ticket, view.person), (ticket.ticket, person));
                        match view.state {
                            TicketState::Called => {
                                // Somebody else may have been faster, and have left again.
                                let _ = core.use_pass(desk.now(), view.ticket);
                            }
                            TicketState::Admitted if dice & 1 << 40 != 0 => {
                                core.leave_line(desk.now(), &view.text).result.unwrap();
                            }
                            _ => {}
                        }
                        let line = core.line(desk.now(), "day").result.unwrap();
                        most.fetch_max(line.active, Ordering::Relaxed);
                        while core.buffer.in_use() > 200_000 && !alone.load(Ordering::Relaxed) {
                            std::thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let follower = scope.spawn(|| {
            let _over = Over(&alone);
            while !stop.load(Ordering::Relaxed) {
                desk.core.tick_lines(desk.now());
                let _ = desk.core.admit(desk.now(), "day", AdmitNow { count: 7, ..AdmitNow::default() });
                copy.follow(&desk);
            }
        });
        let ended: Vec<_> = crowd.into_iter().map(|thread| thread.join()).collect();
        stop.store(true, Ordering::Relaxed);
        follower.join().unwrap();
        ended.into_iter().for_each(|thread| thread.unwrap());
    });
    copy.follow(&desk);
    assert!((1..=CAP).contains(&most.load(Ordering::Relaxed)), "{most:?} active");
    assert!(copy.joined <= 500 && copy.claimed > 50, "{} joined, {} claimed", copy.joined, copy.claimed);
    for state in [&desk.core.state, &copy.state] {
        invariants::check(state, desk.now().engine).unwrap_or_else(|broken| panic!("{broken}"));
    }
    let (live, told) = (desk.core.state.lock_lines(0).digest, copy.state.lock_lines(0).digest);
    assert_eq!(live, told);
}
