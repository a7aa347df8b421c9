//! P1, the waiting room of 23 March 2021: 156,000 devices join in the hour before the opening, are drawn at the opening, and
//! 60,000 pairs go in 50 minutes at 20 people a second. Compressed by `speed`, all but the polls: they are the point.
//!
//! Four parts: set up, the hour, the sale until everybody has had a final answer, the audit.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::p1_audit::{audited, nobody_without_a_pass};
use super::p1_expectations::{self, Day, NEARLY_ALL};
use super::p1_terms::Terms;
use super::p1_use::Readings;
use super::{AtTarget, Where, p1_inventory, pre_opening, s1_inventory};
use crate::audit::Check;
use crate::client::Client;
use crate::desk::Desk;
use crate::disk;
use crate::draw;
use crate::driver::Floor;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::measured::Measured;
use crate::progress::{ProgressLine, Pulse, stage};
use crate::report::{self, FORMAT, Places, Report, Run, ServerUse};
use crate::usage::Usage;
use crate::verdict::Verdict;
use crate::visitor::Shop;
use crate::waiting::crowd::Crowd;
use crate::waiting::proofs::Proofs;
use crate::waiting::room::Room;
use crate::waiting::told;
use crate::waiting::walk;

/// Sockets of the whole crowd at full scale.
pub const CONNECTIONS: usize = 8_000;
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
    let started_at = jiff::Timestamp::now().to_string();
    let mut at = AtTarget::reach(&p1.place, true).await?;
    let terms = Terms::new(p1.scale, p1.speed);
    let mut probes = vec![disk::probe(at.probe_in(), "before")?];
    stage("loading the slots");
    let slots = p1_inventory::slots(p1.scale);
    let (opens_at, t0) = pre_opening::opening_instant(terms.hour.as_secs_f64() + 2.0);
    let settings = terms.settings(opens_at);
    let loaded = pre_opening::load(&at.operator(), &p1.sale, &settings, &slots, None).await?;
    let begin = t0.checked_sub(terms.hour).unwrap_or(t0);
    let name = pre_opening::run_name();
    let room = room(p1, &terms, &at, s1_inventory::stock(&slots), &name, (begin, t0));

    stage(&format!("the room opens in a moment, the sale at {opens_at}"));
    // The clock of the hour: the room is open a second before it begins.
    tokio::time::sleep_until((begin.checked_sub(Duration::from_millis(500)).unwrap_or(begin)).into()).await;
    let proofs = Proofs::register(&at.shop(), &p1.sale, &name).await?;
    let day = the_day(p1, &terms, &at, &room, proofs, begin).await?;
    probes.push(disk::probe(at.probe_in(), "after")?);
    if let Some(own) = &mut at.own {
        own.still_runs()?;
    }
    stage("reading the books for the audit");
    let mut audit = vec![day.without_a_pass, day.same_place];
    audit.extend(audited(&at.operator(), &room, &slots).await?);

    let estimates: told::Estimates = at.operator().read(&format!("/v1/sales/{}/estimates", p1.sale)).await?;
    let measured = room.shop.desk.floor.measured.borrow();
    let lasted = day.lasted;
    let figures = report::figures(&measured, lasted);
    let limited = report::limited_by_tester(figures.get("all"));
    let expectations = p1_expectations::all(&Day {
        room: &room,
        terms: &terms,
        speed: p1.speed,
        begin,
        readings: day.readings.as_ref(),
        estimates: &estimates,
        nearly_all: nearly_all(&room),
    });
    let endings = room.shop.endings.borrow().clone();
    Ok(Report {
        format: FORMAT,
        run: Run {
            scenario: "p1".to_owned(),
            sale: p1.sale.clone(),
            target: at.target.url.clone(),
            own_server: at.own.is_some(),
            scale: p1.scale,
            speed: p1.speed,
            seed: p1.seed,
            started_at,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load: load_words(p1, &terms, &room, loaded),
        },
        seconds: report::seconds(&measured),
        told: report::told(&measured),
        endings,
        visits: measured.visits.spread(),
        places: Places::default(),
        disk: probes,
        server: at.own.as_ref().map(|own| ServerUse {
            start_up_ms: draw::micros(own.start_up) / 1_000,
            cpu_ms: day.server.1.cpu_ms_since(&day.server.0),
            memory: day.server.1,
        }),
        tester_cpu_ms: day.tester_cpu_ms,
        lasted_ms: draw::micros(lasted) / 1_000,
        verdict: Verdict::of(&audit, &expectations, limited),
        figures,
        expectations,
        audit,
    })
}

fn room(
    p1: &P1,
    terms: &Terms,
    at: &AtTarget,
    stock: crate::stock::Stock,
    run: &str,
    times: (Instant, Instant),
) -> Rc<Room> {
    let (begin, t0) = times;
    let spread = draw::whole(draw_size(p1.connections) / p1.scale).clamp(1, p1.connections);
    let client = Client::spread(&at.target, p1.connections, spread);
    // Everything from the first joining on is the run; nothing of it is warm-up.
    let floor = Floor::new(client, Measured::new(begin, Duration::from_secs(24 * 3_600)), Pulse::default());
    let nearly = units_nearly_all(stock.units());
    let shop = Shop {
        desk: Desk {
            floor,
            ledger: RefCell::new(Ledger::new(Rc::new(stock), t0, &[nearly])),
            sale: p1.sale.clone(),
            run: run.to_owned(),
            open_loop: true,
            clicks: Cell::new(0),
            gone: Cell::new(0),
        },
        behaviour: terms.behaviour(p1.speed, p1.let_go),
        rule: "two-doses",
        product: "dose1",
        venues: p1_inventory::VENUES.map(str::to_owned).to_vec(),
        web_key: at.web_key.clone(),
        phone_key: at.phone_key.clone(),
        seed: p1.seed,
        endings: RefCell::new(BTreeMap::new()),
    };
    Room::new(shop, t0, p1.crowd.draw(terms.devices, p1.speed, p1.seed), terms.claim_ms)
}

fn draw_size(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn units_nearly_all(units: u64) -> u64 {
    let units = f64::from(u32::try_from(units).unwrap_or(u32::MAX));
    u64::try_from(draw::whole(units * NEARLY_ALL)).unwrap_or(u64::MAX)
}

fn nearly_all(room: &Room) -> u64 {
    units_nearly_all(room.shop.desk.ledger.borrow().stock().units())
}

/// What the hour and the sale came to.
struct TheDay {
    without_a_pass: Check,
    same_place: Check,
    lasted: Duration,
    readings: Option<Readings>,
    server: (Usage, Usage),
    tester_cpu_ms: u64,
}

async fn the_day(
    p1: &P1,
    terms: &Terms,
    at: &AtTarget,
    room: &Rc<Room>,
    proofs: Proofs,
    begin: Instant,
) -> Result<TheDay, Failure> {
    let tries = {
        let (shop, room, sale) = (at.shop(), Rc::clone(room), p1.sale.clone());
        tokio::task::spawn_local(async move {
            tokio::time::sleep_until((room.t0 + TRY_AFTER).into()).await;
            let without = nobody_without_a_pass(&shop, &sale, &room.shop.desk.run).await?;
            Ok::<_, Failure>((without, proofs.ask_again(&shop, &room).await?))
        })
    };
    let of = |pid: Option<u32>| pid.and_then(Usage::of).unwrap_or_default();
    let server = at.own.as_ref().map(|own| own.pid());
    let readings = server.map(Readings::of);
    let before = (of(Some(std::process::id())), of(server));
    let line = ProgressLine::start(&room.shop.desk.floor.pulse);
    walk::walk(room, begin, room.t0 + patience(terms)).await;
    drop(line);
    let after = (of(Some(std::process::id())), of(server));
    let lasted = begin.elapsed();
    let readings = readings.map(|(readings, task)| {
        task.abort();
        readings
    });
    let (without_a_pass, same_place) = tries.await.map_err(|error| {
        Failure::new(
            "The tries for a better place ended early.",
            error,
            "this is a fault of the tester: report it",
        )
    })??;
    let tester_cpu_ms = after.0.cpu_ms_since(&before.0);
    Ok(TheDay { without_a_pass, same_place, lasted, readings, server: (before.1, after.1), tester_cpu_ms })
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
