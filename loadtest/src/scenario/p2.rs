//! P2, the unannounced rush of 12 July 2021: no opening instant, a sale that has been open all day, ten times the visitors within
//! five minutes, and a waiting room that has to notice by itself. Compressed by `speed`, all but polls, pages and thinking.

use std::time::Duration;

use serde::Deserialize;

use super::p2_expectations::{self, Day};
use super::p2_terms::Terms;
use super::room_audit::audited;
use super::room_day::{Judged, Ready, Script, spread};
use super::{AtTarget, Where, p2_inventory, room_expectations};
use crate::audit::Check;
use crate::behaviour::Behaviour;
use crate::draw;
use crate::failure::Failure;
use crate::report::Report;
use crate::waiting::crowd::{Crowd, Everybody, Stage};
use crate::waiting::room::Room;
use crate::waiting::told;
use crate::waiting::views::Views;

/// How P2 is to be run.
#[derive(Clone, Debug)]
pub struct P2 {
    /// Against what.
    pub place: Where,
    /// The sale's id.
    pub sale: String,
    /// Divides visitors, rates and inventory: k.
    pub scale: f64,
    /// Divides durations, multiplies the rates of people and bookings; neither polls, nor pages, nor thinking.
    pub speed: f64,
    /// The seed.
    pub seed: u64,
    /// Connections at most.
    pub connections: usize,
    /// What people do in the shop.
    pub behaviour: Behaviour,
    /// Who waits.
    pub crowd: Crowd,
}

impl P2 {
    /// Everybody has come to book; who only looks is among the pages.
    pub fn behaviour() -> Behaviour {
        Behaviour { leave_at_once: 0.0, mobile: 1.0, by_phone: 0.0, let_go: 0.02, ..Behaviour::default() }
    }
}

/// A change in the operators' books.
#[derive(Debug, Deserialize)]
struct Change {
    who: String,
    what: String,
    at: jiff::Timestamp,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    old: Option<Turned>,
    #[serde(default)]
    new: Option<Turned>,
}

#[derive(Debug, Deserialize)]
struct Turned {
    mode: String,
}

/// Runs it.
pub async fn run(p2: &P2) -> Result<Report, Failure> {
    let mut at = AtTarget::reach(&p2.place, true).await?;
    let outcome = day(p2, &mut at).await;
    at.end(outcome)
}

async fn day(p2: &P2, at: &mut AtTarget) -> Result<Report, Failure> {
    let terms = Terms::new(p2.scale, p2.speed, &p2.behaviour);
    let lead = draw::seconds(terms.wave.before_s);
    let script = Script {
        scenario: "p2",
        sale: &p2.sale,
        scale: p2.scale,
        speed: p2.speed,
        seed: p2.seed,
        connections: p2.connections,
        spread: spread(p2.connections, p2.scale),
        lead,
        patience: patience(&terms),
        slots: p2_inventory::slots(p2.scale),
        venues: p2_inventory::sites(p2.scale),
        behaviour: terms.dials.within_a_hold(&p2.behaviour),
        everybody: everybody(p2, &terms),
        claim_ms: terms.dials.claim_ms,
        nearly_all: 0.99,
    };
    let mut ready = Ready::load(at, script, |_| terms.settings()).await?;
    let views = Views::up_to(move |at_s| terms.offered(at_s));
    let lived = ready.live(async { Ok(Vec::new()) }, Some(&views)).await?;
    let operator = ready.at.operator();
    let changes: Vec<Change> = operator.read_all(&format!("/v1/audit?sale={}&limit=1000", p2.sale)).await?;
    let mut audit = vec![once_by_itself(&changes)];
    audit.extend(audited(&operator, &ready.room, &ready.loaded).await?);
    let estimates: told::Estimates = operator.read(&format!("/v1/sales/{}/estimates", p2.sale)).await?;
    let mut expectations = p2_expectations::all(&Day {
        room: &ready.room,
        terms: &terms,
        behaviour: &p2.behaviour,
        speed: p2.speed,
        lead,
        switched: switched(&changes, &ready.room),
    });
    expectations.extend(room_expectations::promises(&ready.room, &estimates));
    let load = load_words(p2, &terms, &ready.room, &views, ready.loaded.slots());
    Ok(ready.report(&lived, Judged { audit, expectations, load }))
}

fn everybody(p2: &P2, terms: &Terms) -> Everybody {
    let mut rng = draw::stream(p2.seed, 0);
    let starts = terms.wave.starts(&mut rng);
    let mut all = p2.crowd.people_of(starts, p2.speed, &mut rng);
    all.devices.iter_mut().for_each(|device| device.stage = Stage::ToShop);
    all
}

/// The hour, four times a hold that is let go one after the other, each after a window of somebody who does not come; and some air.
fn patience(terms: &Terms) -> Duration {
    draw::seconds(terms.wave.until_s)
        + Duration::from_millis(4 * (terms.dials.hold_ttl_ms + terms.dials.claim_ms))
        + Duration::from_secs(60)
}

/// The room switches itself on once; nobody else turned anything.
fn once_by_itself(changes: &[Change]) -> Check {
    let from_to = |change: &Change| {
        let mode =
            |turned: &Option<Turned>| turned.as_ref().map_or("?".to_owned(), |turned| turned.mode.clone());
        (mode(&change.old), mode(&change.new))
    };
    let words: Vec<String> = changes
        .iter()
        .map(|change| {
            let (old, new) = from_to(change);
            format!("{} by {}: {old} to {new}", change.what, change.who)
        })
        .collect();
    let only = ["queue by itself: pass_through to queue".to_owned()];
    let cases = if words == only {
        vec![]
    } else {
        vec![format!("the books have {} changes: {}", words.len(), words.join("; "))]
    };
    Check::no_cases("the room switched itself on, once, and the books say so", &cases, "1 change")
}

/// When it did, by the server's clock, after t0 by the same clock; and why.
fn switched(changes: &[Change], room: &Room) -> Option<(Duration, String)> {
    let change = changes.iter().find(|change| change.who == "itself")?;
    let t0 = room.seen.borrow().line.t0_by_server?;
    // Before t0 is at t0.
    let after = Duration::try_from(change.at.duration_since(t0)).unwrap_or_default();
    Some((after, change.reason.clone().unwrap_or_default()))
}

fn load_words(p2: &P2, terms: &Terms, room: &Room, views: &Views, loaded: usize) -> String {
    let seconds = |ms: u64| draw::seconds_of(ms * 1_000);
    format!(
        "{} visitors who book, {:.1}/s at the peak, {} pages beside them up to {:.0} requests/s; rise {:.0} s, peak {:.0} s; \
         {} pairs in {loaded} slots at {} sites, room from {} carts a minute on, {} people a minute let in, claim {:.0} s, hold {:.0} s, \
         at most {} connections; let go {}",
        room.devices.borrow().len(),
        terms.wave.rate(terms.wave.rise_s),
        views.sent(),
        terms.requests,
        terms.wave.rise_s,
        terms.wave.peak_s,
        p2_inventory::pairs(p2.scale),
        p2_inventory::sites(p2.scale).len(),
        terms.carts_per_minute,
        terms.dials.admit_per_minute,
        seconds(terms.dials.claim_ms),
        seconds(terms.dials.hold_ttl_ms),
        room.shop.desk.floor.client.most_open(),
        p2.behaviour.let_go,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_room_itself_may_have_turned_something() {
        let change = |text: &str| serde_json::from_str::<Change>(text).unwrap();
        let itself = r#"{"who":"itself","what":"queue","at":"2021-07-12T20:01:00Z","reason":"a crowd",
            "old":{"mode":"pass_through"},"new":{"mode":"queue"}}"#;
        let other = r#"{"who":"8f0e","what":"admit","at":"2021-07-12T20:01:00Z","called":3}"#;
        assert!(once_by_itself(&[change(itself)]).holds);
        for books in [vec![], vec![change(itself), change(itself)], vec![change(itself), change(other)]] {
            assert!(!once_by_itself(&books).holds, "{books:?}");
        }
    }
}
