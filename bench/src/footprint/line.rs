//! A waiting room of a million: how soon after the opening the first are called and everybody's place is right, and how
//! long a start takes, from the journal alone and from a snapshot.
//!
//! The real engine, its threads, its clocks and a folder on a disk; nothing but the draw's check goes over HTTP. Half of the people have proved
//! who they are, and half of the places have had their turn when the folder is copied, as it stands after the last sync,
//! and the copy is started.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onsale_engine::decide::{AdmitNow, JoinLine, Proof};
use onsale_engine::digest::mix;
use onsale_engine::engine::Engine;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::refusal::Refusal;
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::sequence::Sequence;
use onsale_engine::time::{Millis, WallTime};
use onsale_engine::waiting_room::draw::Seed;
use onsale_engine::waiting_room::permutation::Permutation;
use onsale_engine::waiting_room::{Dials, RoomRules, TicketState, TicketView};

use super::audit;
use super::folders::{copied, open, said, snapped, started};
use super::memory::resident;
use crate::compare::Record;

/// Tickets.
const WAITING: u32 = 1_000_000;
const SALE: &str = "line";
/// From the last joining to the opening.
const OPENS_AFTER: Duration = Duration::from_secs(5);
/// So long after the opening tickets are looked at, one after the other.
const LOOKING: Duration = Duration::from_secs(1);

/// Measures all of it in a folder.
///
/// # Errors
/// What stood in the way, as a sentence.
pub fn measure(record: &mut Record, folder: &Path) -> Result<(), String> {
    let live = folder.join("live");
    let engine = open(&live, Millis(0))?.0;
    let before = resident();
    let tickets = register(&engine)?;
    record.tell("resident bytes of the process a registered visitor, follower included", {
        (resident() - before) / f64::from(WAITING)
    });
    opening(&engine, &tickets, record)?;
    half_a_turn(&engine)?;
    let line = engine.line(SALE).result.map_err(said)?;
    record.tell("places that have had their turn", f64::from(line.lanes[0].called_up_to));
    record.tell("people called or inside", f64::from(line.active));

    let (alone, snapshot) = (folder.join("journal"), folder.join("snapshot"));
    for copy in [&alone, &snapshot] {
        copied(&live, copy)?;
    }
    engine.shutdown();
    drop(engine);

    let (seconds, start, engine) = started(&alone, Millis(0), serves)?;
    same(&engine, &tickets, &line.lanes[0].called_up_to)?;
    if start.snapshot.is_some() {
        return Err("the journal was to be read alone".into());
    }
    record.figure("15c", seconds, None, &format!("{} facts replayed", start.facts));
    engine.shutdown();
    drop(engine);

    snapped(&snapshot)?;
    let (seconds, start, engine) = started(&snapshot, Millis(3_600_000), serves)?;
    same(&engine, &tickets, &line.lanes[0].called_up_to)?;
    let Some(from) = start.snapshot else { return Err("no snapshot was used".into()) };
    record.figure(
        "15b",
        seconds,
        None,
        &format!("from a snapshot of {from}, {} facts replayed", start.facts),
    );
    engine.shutdown();
    drop(engine);
    audit::measure(record, &snapshot, SALE)
}

fn serves(engine: &Engine) -> Result<(), String> {
    engine.line(SALE).result.map(drop).map_err(said)
}

fn rules(opens_at: WallTime) -> SaleRules {
    let dials = Dials { admit_per_minute: 60_000, max_active: 10_000_000 };
    let room = RoomRules { dials, claim: Millis(3_600_000), ..RoomRules::default() };
    SaleRules { opens_at: Some(opens_at), room: Some(Arc::new(room)), ..SaleRules::new(SALE, "UTC") }
}

/// Everybody joins; their tickets, by number.
fn register(engine: &Engine) -> Result<Vec<TicketView>, String> {
    let in_time = WallTime(engine.now().wall.0 + 3_000_000);
    engine.put_sale(rules(in_time), IfMatch::Absent).result.map_err(said)?;
    let slots = [SlotSpec::new("one", "hall", 10_000_000)];
    engine.add_slots(SALE, &slots, true).result.map_err(said)?;
    let mut tickets = Vec::with_capacity(WAITING as usize);
    let mut rests_on = Sequence::ZERO;
    for number in 0..WAITING {
        let half = |which| u128::from(mix(which, mix(u64::from(number), which)));
        let person = half(1) << 64 | half(2);
        let proof = if number % 2 == 0 { Proof::Person(person) } else { Proof::Nobody };
        let joined = loop {
            let answer = engine.join_line(&JoinLine { sale: SALE, proof, lane: None });
            match answer.result {
                Ok(joined) => break (joined, answer.rests_on),
                // The journal's buffer is full: it is as fast as the disk.
                Err(Refusal::Overloaded) => std::thread::sleep(Duration::from_millis(1)),
                Err(refusal) => return Err(said(refusal)),
            }
        };
        rests_on = joined.1;
        tickets.push(joined.0.ticket);
    }
    engine.wait(rests_on).map_err(|failure| failure.0)?;
    Ok(tickets)
}

/// The sale opens: when the first were called, and from when on everybody who asks is shown the place that the draw gives.
fn opening(engine: &Engine, tickets: &[TicketView], record: &mut Record) -> Result<(), String> {
    let span = i64::try_from(OPENS_AFTER.as_millis()).unwrap_or(0);
    let opens_at = WallTime(engine.now().wall.0 + span);
    engine.put_sale(rules(opens_at), IfMatch::Any).result.map_err(said)?;
    while engine.now().wall < opens_at {
        std::thread::sleep(Duration::from_micros(200));
    }
    let begin = Instant::now();
    // Whoever asks at the front is called while this is measured, and everybody else waits: nothing asks for the first.
    let (mut looks, mut wrong) = (Vec::new(), 0_u32);
    let mut called_after = None;
    let mut number = 0_u32;
    while begin.elapsed() < LOOKING {
        number = u32::try_from(mix(3, u64::from(number)) % u64::from(WAITING)).unwrap_or(0);
        let view = engine.ticket(&tickets[number as usize].text).result.map_err(said)?;
        looks.push((begin.elapsed(), number, view));
        if called_after.is_none() && looks.len() % 16 == 0 {
            let line = engine.line(SALE).result.map_err(said)?;
            called_after = (line.called > 0).then(|| begin.elapsed());
        }
    }
    let draw = engine.draw(SALE).result.map_err(said)?;
    let seed = Seed(draw.seed.ok_or("the draw was not made")?);
    let permutation = Permutation::new(&seed.lane_key(&draw.registrations, "general", ""), WAITING);
    let mut right_from = Duration::ZERO;
    for (after, number, view) in &looks {
        let right = match view.state {
            TicketState::Waiting | TicketState::Called => view.place == Some(permutation.place(*number) + 1),
            _ => false,
        };
        if !right {
            wrong += 1;
            right_from = right_from.max(*after);
        }
    }
    let Some(called_after) = called_after else { return Err("nobody was called within a second".into()) };
    let ms = |span: Duration| span.as_secs_f64() * 1_000.0;
    record.figure("15d", ms(called_after), None, "by the engine's own ticker; seen by a look at the line");
    let note = format!("the last of {wrong} wrong answers of {} in the first second", looks.len());
    record.figure("15e", ms(right_from), None, &note);
    Ok(())
}

/// Half of the places have their turn.
fn half_a_turn(engine: &Engine) -> Result<(), String> {
    let mut rests_on = Sequence::ZERO;
    while engine.line(SALE).result.map_err(said)?.lanes[0].called_up_to < WAITING / 2 {
        let answer = engine.admit(SALE, AdmitNow { count: 1_000, ..AdmitNow::default() });
        match answer.result {
            Ok(_) => rests_on = answer.rests_on,
            Err(Refusal::Overloaded) => std::thread::sleep(Duration::from_millis(1)),
            Err(refusal) => return Err(said(refusal)),
        }
    }
    engine.wait(rests_on).map_err(|failure| failure.0)
}

/// Everybody's ticket is what it was, and the turns have gone at least as far.
fn same(engine: &Engine, tickets: &[TicketView], turns: &u32) -> Result<(), String> {
    let line = engine.line(SALE).result.map_err(said)?;
    if line.lanes[0].called_up_to < *turns || line.registrations.count != WAITING {
        return Err(format!(
            "{} turns and {} registrations came back",
            line.lanes[0].called_up_to, line.registrations.count
        ));
    }
    for (number, ticket) in tickets.iter().enumerate().step_by(997) {
        let view = engine.ticket(&ticket.text).result.map_err(said)?;
        if view.ticket != ticket.ticket
            || view.person != ticket.person
            || view.place.is_none() && view.ahead.is_some()
        {
            return Err(format!("ticket {number} was {ticket:?} and is {view:?}"));
        }
    }
    Ok(())
}
