//! S1 with a waiting room: the same 33,000 visitors and 2,100 pairs, but 60 % of the visitors register in the two minutes before
//! the opening and are drawn, the others join behind them, and people are called at 35 a second: the stock goes in about a minute.
//! Nobody is offered what is not there, so "shown free but gone on click" is asked for here, and only told without a room.

use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};

use super::dials::Dials;
use super::room_audit::{audited, nobody_without_a_pass};
use super::room_day::{Judged, Ready, Script, spread};
use super::{AtTarget, Where, pre_opening, room_expectations, s1_inventory};
use crate::arrivals::{BuildUp, Opening};
use crate::behaviour::Behaviour;
use crate::draw;
use crate::failure::Failure;
use crate::report::Report;
use crate::verdict::Expectation;
use crate::waiting::crowd::{Crowd, Everybody};
use crate::waiting::room::Room;

/// Visitors at full scale.
const VISITORS: f64 = 33_000.0;
/// People let in: 2,100 pairs in a minute.
const ADMITTED_PER_S: f64 = 35.0;
/// How long before the opening people may register, and the time constant of their coming.
const REGISTRATION: BuildUp = BuildUp { from_s: 120.0, tau_s: 40.0 };
/// The life of a hold; the rest of a day's people wait for what is let go.
const HOLD_S: f64 = 300.0;
/// The share of the pairs that counts as sold out for the clock.
const NEARLY_ALL: f64 = 0.99;
/// Between the opening and the try to buy without a pass.
const TRY_AFTER: Duration = Duration::from_secs(2);

/// How it is to be run.
#[derive(Clone, Debug)]
pub struct S1Room {
    /// Against what.
    pub place: Where,
    /// The sale's id.
    pub sale: String,
    /// Divides visitors, rates, inventory and the connections used in turn.
    pub scale: f64,
    /// Divides durations, multiplies rates; neither polls nor thinking are compressed.
    pub speed: f64,
    /// The seed.
    pub seed: u64,
    /// Connections at most.
    pub connections: usize,
    /// What people do inside.
    pub behaviour: Behaviour,
    /// Who waits.
    pub crowd: Crowd,
}

impl S1Room {
    /// What is usual: one device each, and of the carts only two in a hundred are let go, because every one of them keeps thousands waiting.
    pub fn behaviour() -> Behaviour {
        Behaviour { leave_at_once: 0.0, mobile: 1.0, by_phone: 0.0, let_go: 0.02, ..Behaviour::default() }
    }
}

/// Runs it.
pub async fn run(s1: &S1Room) -> Result<Report, Failure> {
    let mut at = AtTarget::reach(&s1.place, true).await?;
    let outcome = day(s1, &mut at).await;
    at.end(outcome)
}

async fn day(s1: &S1Room, at: &mut AtTarget) -> Result<Report, Failure> {
    let dials = Dials::new(ADMITTED_PER_S * s1.speed / s1.scale, HOLD_S / s1.speed, &s1.behaviour);
    let lead = draw::seconds(REGISTRATION.from_s / s1.speed);
    let script = Script {
        scenario: "s1, with a waiting room",
        sale: &s1.sale,
        scale: s1.scale,
        speed: s1.speed,
        seed: s1.seed,
        connections: s1.connections,
        spread: spread(s1.connections, s1.scale),
        lead,
        patience: patience(s1, &dials),
        slots: s1_inventory::opening(s1.scale),
        venues: s1_inventory::VENUES.map(str::to_owned).to_vec(),
        behaviour: dials.within_a_hold(&s1.behaviour),
        everybody: everybody(s1),
        claim_ms: dials.claim_ms,
        nearly_all: NEARLY_ALL,
    };
    let mut ready = Ready::load(at, script, |opens_at| settings(&dials, lead, opens_at)).await?;
    let tries = {
        let (shop, room, sale) = (ready.at.shop(), Rc::clone(&ready.room), s1.sale.clone());
        async move {
            tokio::time::sleep_until((room.t0 + TRY_AFTER).into()).await;
            let venue = s1_inventory::VENUES[0];
            Ok(vec![nobody_without_a_pass(&shop, &sale, &room.shop.desk.run, venue).await?])
        }
    };
    let mut lived = ready.live(tries, None).await?;
    let mut audit = std::mem::take(&mut lived.checks);
    audit.extend(audited(&ready.at.operator(), &ready.room, &ready.loaded).await?);
    let expectations = expectations(&ready.room, ready.mark);
    let load = load_words(s1, &dials, &ready.room, ready.loaded.slots());
    Ok(ready.report(&lived, Judged { audit, expectations, load }))
}

fn settings(dials: &Dials, lead: Duration, opens_at: jiff::Timestamp) -> Value {
    let mut settings = pre_opening::settings(false, opens_at);
    dials.set(&mut settings);
    // A second more: the first come on the stroke.
    settings["waiting_room"]["opens_before_ms"] = json!(draw::micros(lead) / 1_000 + 1_000);
    settings
}

/// 60 % register before the opening, the others hear of it later.
fn everybody(s1: &S1Room) -> Everybody {
    let mut rng = draw::stream(s1.seed, 0);
    let registration =
        BuildUp { from_s: REGISTRATION.from_s / s1.speed, tau_s: REGISTRATION.tau_s / s1.speed };
    let opening = Opening::s1(s1.speed);
    let joins = (0..draw::whole(VISITORS / s1.scale).max(1))
        .map(|_| {
            if rng.random::<f64>() < opening.waiting {
                return registration.one(&mut rng);
            }
            let after = draw::tail(&mut rng, opening.tail_p, opening.tail_tau_s, opening.until_s);
            // A second later: who joins on the stroke of the opening may still be drawn.
            let after = draw::micros(draw::seconds(after + 1.0));
            i64::try_from(after).unwrap_or(i64::MAX)
        })
        .collect();
    s1.crowd.people_of(joins, s1.speed, &mut rng)
}

/// Four times a hold is let go, one after the other, each after a window of somebody who does not come; and some air.
fn patience(s1: &S1Room, dials: &Dials) -> Duration {
    draw::seconds(60.0 / s1.speed)
        + Duration::from_millis(4 * (dials.hold_ttl_ms + dials.claim_ms))
        + Duration::from_secs(60)
}

fn expectations(room: &Room, nearly_all: u64) -> Vec<Expectation> {
    let mut all = vec![room_expectations::late_stand_behind(room)];
    all.extend(room_expectations::order(room));
    all.extend(room_expectations::called(room));
    all.extend(room_expectations::clicks(room));
    let told =
        |at: Option<Duration>| at.map_or("never".to_owned(), |at| format!("{:.1} s", at.as_secs_f64()));
    let ledger = room.shop.desk.ledger.borrow();
    let reached = ledger.reached.get(&nearly_all).copied().flatten();
    let wanted =
        "about a minute of calls, then a poll, the thinking, and those who were called and never come";
    all.push(Expectation::told("99 % of the pairs sold or held", wanted, told(reached)));
    let sold_out = told(room.seen.borrow().line.sold_out_after);
    all.push(Expectation::told("the room says sold out", "when nothing is held either", sold_out));
    all
}

fn load_words(s1: &S1Room, dials: &Dials, room: &Room, loaded: usize) -> String {
    let devices = room.devices.borrow();
    let late = devices.iter().filter(|device| device.joins_at_us > 0).count();
    let seconds = |ms: u64| draw::seconds_of(ms * 1_000);
    format!(
        "{} visitors registered in {:.0} s before the opening and {late} came after it, {} pairs in {loaded} slots, \
         {} people a minute let in, at most {} inside, claim {:.0} s, hold {:.0} s, at most {} connections; let go {}",
        devices.len() - late,
        REGISTRATION.from_s / s1.speed,
        s1_inventory::pairs(s1.scale),
        dials.admit_per_minute,
        dials.max_active,
        seconds(dials.claim_ms),
        seconds(dials.hold_ttl_ms),
        room.shop.desk.floor.client.most_open(),
        s1.behaviour.let_go,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_in_five_register_before_the_opening() {
        let s1 = S1Room {
            place: Where::default(),
            sale: "s1".into(),
            scale: 1.0,
            speed: 2.0,
            seed: 3,
            connections: 1,
            behaviour: S1Room::behaviour(),
            crowd: Crowd::of_single_devices(),
        };
        let all = everybody(&s1);
        assert_eq!((all.devices.len(), all.people.len()), (33_000, 33_000));
        let early = all.devices.iter().filter(|device| device.joins_at_us <= 0).count();
        assert!((19_400..20_200).contains(&early), "{early}");
        let within =
            |device: &crate::waiting::crowd::Device| (-60_000_000..=31_000_000).contains(&device.joins_at_us);
        assert!(all.devices.iter().all(within));
    }
}
