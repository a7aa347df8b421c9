//! P1, the waiting room of 23 March 2021: 156,000 devices join in the hour before the opening, are drawn at the opening, and
//! 60,000 pairs go in 50 minutes at 20 people a second. Compressed by `speed`, all but the polls: they are the point.
//!
//! Four parts: set up, the hour, the sale until everybody has had a final answer, the audit.

use std::rc::Rc;
use std::time::Duration;

use super::p1_expectations::{self, Day, NEARLY_ALL};
use super::p1_terms::Terms;
use super::room_audit::{audited, nobody_without_a_pass};
use super::room_day::{Judged, Ready, Script, spread};
use super::{AtTarget, Where, p1_inventory};
use crate::failure::Failure;
use crate::report::Report;
use crate::waiting::crowd::Crowd;
use crate::waiting::proofs::Proofs;
use crate::waiting::room::Room;
use crate::waiting::told;

/// Between the opening and the tries for a better place.
const TRY_AFTER: Duration = Duration::from_secs(2);

/// How P1 is to be run.
#[derive(Clone, Debug)]
pub struct P1 {
    /// Against what.
    pub place: Where,
    /// The sale's id.
    pub sale: String,
    /// Divides visitors, rates, inventory and connections.
    pub scale: f64,
    /// Divides durations, multiplies rates; not the polls.
    pub speed: f64,
    /// The seed.
    pub seed: u64,
    /// Connections at most; divided by the scale, so many are used in turn.
    pub connections: usize,
    /// Who comes.
    pub crowd: Crowd,
    /// Share of the carts that are let go.
    pub let_go: f64,
}

/// Runs it.
pub async fn run(p1: &P1) -> Result<Report, Failure> {
    let mut at = AtTarget::reach(&p1.place, true).await?;
    let outcome = day(p1, &mut at).await;
    at.end(outcome)
}

async fn day(p1: &P1, at: &mut AtTarget) -> Result<Report, Failure> {
    let terms = Terms::new(p1.scale, p1.speed);
    let script = Script {
        scenario: "p1",
        sale: &p1.sale,
        scale: p1.scale,
        speed: p1.speed,
        seed: p1.seed,
        connections: p1.connections,
        spread: spread(p1.connections, p1.scale),
        lead: terms.hour,
        patience: patience(&terms),
        slots: p1_inventory::slots(p1.scale),
        venues: p1_inventory::VENUES.map(str::to_owned).to_vec(),
        behaviour: terms.behaviour(p1.speed, p1.let_go),
        everybody: p1.crowd.draw(terms.devices, p1.speed, p1.seed),
        claim_ms: terms.claim_ms,
        nearly_all: NEARLY_ALL,
    };
    let mut ready = Ready::load(at, script, |opens_at| terms.settings(opens_at)).await?;
    // The room is open a second before the hour begins.
    let early = ready.begin.checked_sub(Duration::from_millis(500)).unwrap_or(ready.begin);
    tokio::time::sleep_until(early.into()).await;
    let proofs = Proofs::register(&ready.at.shop(), &p1.sale, &ready.name).await?;
    let tries = {
        let (shop, room, sale) = (ready.at.shop(), Rc::clone(&ready.room), p1.sale.clone());
        async move {
            tokio::time::sleep_until((room.t0 + TRY_AFTER).into()).await;
            let venue = p1_inventory::VENUES[0];
            let without = nobody_without_a_pass(&shop, &sale, &room.shop.desk.run, venue).await?;
            Ok(vec![without, proofs.ask_again(&shop, &room).await?])
        }
    };
    let mut lived = ready.live(tries, None).await?;
    let mut audit = std::mem::take(&mut lived.checks);
    audit.extend(audited(&ready.at.operator(), &ready.room, &ready.loaded).await?);
    let estimates: told::Estimates =
        ready.at.operator().read(&format!("/v1/sales/{}/estimates", p1.sale)).await?;
    let expectations = p1_expectations::all(&Day {
        room: &ready.room,
        terms: &terms,
        speed: p1.speed,
        begin: ready.begin,
        readings: lived.readings.as_ref(),
        estimates: &estimates,
        nearly_all: ready.mark,
    });
    let load = load_words(p1, &terms, &ready.room, ready.loaded.slots());
    Ok(ready.report(&lived, Judged { audit, expectations, load }))
}

/// After this whoever still has no final answer has none: the fifty minutes, the last hold, windows of those who never come
/// one after the other, and some air.
fn patience(terms: &Terms) -> Duration {
    terms.minute * 60
        + Duration::from_millis(terms.hold_ttl_ms + 4 * terms.claim_ms)
        + Duration::from_secs(30)
}

fn load_words(p1: &P1, terms: &Terms, room: &Room, loaded: usize) -> String {
    let devices = room.devices.borrow();
    let late = devices.iter().filter(|device| device.joins_at_us > 0).count();
    format!(
        "{} devices of {} people in {:.0} s before the opening and {late} after it, {} pairs in {loaded} slots, \
         {} people a minute let in, claim {:.1} s, session {:.0} s, hold {:.0} s, at most {} connections; \
         no-shows {}, impatient {}, let go {}",
        devices.len() - late,
        room.people.borrow().len(),
        terms.hour.as_secs_f64(),
        p1_inventory::pairs(p1.scale),
        terms.admit_per_minute,
        Duration::from_millis(terms.claim_ms).as_secs_f64(),
        Duration::from_millis(terms.session_ms).as_secs_f64(),
        Duration::from_millis(terms.hold_ttl_ms).as_secs_f64(),
        room.shop.desk.floor.client.most_open(),
        p1.crowd.no_shows,
        p1.crowd.impatient,
        p1.let_go,
    )
}
