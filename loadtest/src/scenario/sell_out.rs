//! Sells out whatever an existing sale has: one buyer for each free unit and one in ten more who must lose. Nothing is known
//! of the sale but its list of slots, so this runs against imported inventory of any shape that is sold by single units.
//!
//! Without a rate a bounded number of buyers is at work at any time; then a latency is a service time and the report says
//! so. With a rate buyers begin at intended instants, open loop, as in the other scenarios.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use rand::seq::SliceRandom;

use super::{AtTarget, Where, pre_opening};
use crate::audit::{self, Evidence, books, books::Books};
use crate::client::{Call, Client};
use crate::desk::{Buyer, Desk, Holding, Paying};
use crate::draw;
use crate::driver::{self, Floor};
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::measured::Measured;
use crate::plan::Plan;
use crate::progress::{ProgressLine, Pulse};
use crate::report::{self, FORMAT, Places, Report, Run};
use crate::stock::{Place, Stock};
use crate::turns::Turn;
use crate::usage::Watch;
use crate::verdict::{Expectation, Verdict};
use crate::visitor::Ending;
use crate::wire;
use crate::wish::Wish;

/// Public counts may be 2 s old.
const COUNTS_SETTLE: Duration = Duration::from_millis(2_200);

/// How a sale is to be sold out.
#[derive(Clone, Debug)]
pub struct SellOut {
    /// Against what; needs a target.
    pub place: Where,
    /// The sale's id.
    pub sale: String,
    /// Buyers at work at one time.
    pub at_once: usize,
    /// Buyers who begin each second; then `at_once` does not count.
    pub rate: Option<f64>,
    /// The seed.
    pub seed: u64,
    /// Connections at most.
    pub connections: usize,
}

/// Runs it.
pub async fn run(wish: &SellOut) -> Result<Report, Failure> {
    let started_at = jiff::Timestamp::now().to_string();
    let at = AtTarget::reach(&wish.place, false).await?;
    let shop_books = at.shop();
    let slots: Vec<wire::Slot> =
        shop_books.read_all(&format!("/v1/sales/{}/slots?limit=1000", wish.sale)).await?;
    let errands = errands(&slots, wish.seed)?;
    let stock = Rc::new(stock(&slots));
    let places = plan(wish, errands.len());

    // A closed run begins at once and has no planned end: its figures are of all of it.
    let lead = if wish.rate.is_some() { Duration::from_millis(100) } else { Duration::ZERO };
    let t0 = Instant::now() + lead;
    let rush = if wish.rate.is_some() { places.rush() } else { HOURS };
    let floor =
        Floor::new(Client::new(&at.target, wish.connections), Measured::new(t0, rush), Pulse::default());
    let counter = Rc::new(Counter {
        desk: Desk {
            floor: Rc::clone(&floor),
            ledger: RefCell::new(Ledger::new(Rc::clone(&stock), t0, &[])),
            sale: wish.sale.clone(),
            run: pre_opening::run_name(),
            open_loop: wish.rate.is_some(),
            clicks: Cell::new(0),
            gone: Cell::new(0),
        },
        key: at.web_key.clone(),
        seed: wish.seed,
        errands,
        endings: RefCell::default(),
    });
    let watch = Watch::begin(None);
    let line = ProgressLine::start(&floor.pulse);
    let shares = match wish.rate {
        Some(_) => open_loop(&counter, &places, &wish.sale).await,
        None => bounded(&counter, wish.at_once).await,
    };
    drop(line);
    let (used, lasted) = (watch.end(), t0.elapsed());

    tokio::time::sleep(COUNTS_SETTLE).await;
    let undecided = counter.desk.ledger.borrow().undecided();
    let books = Books::read(&shop_books, &wish.sale, &undecided, true).await?;
    let ledger = counter.desk.ledger.borrow();
    let endings = counter.endings.borrow();
    let measured = floor.measured.borrow();
    let unfinished = u64::try_from(shares.unfinished).unwrap_or(u64::MAX);
    let not_asked = audit::not_asked(&endings);
    let mut audit = audit::run(&Evidence {
        ledger: &ledger,
        measured: &measured,
        books: &books,
        loaded: None,
        pairs: None,
        alone: false,
        without_final_answer: endings.get(&Ending::Silent).copied().unwrap_or_default() + unfinished,
        not_asked,
        visits: u64::try_from(counter.errands.len()).unwrap_or(u64::MAX),
    });
    audit.push(books::sold_to_the_last(&ledger, &books).explained(not_asked >= books.unsold(&ledger)));
    let mut figures = report::figures(&measured, if wish.rate.is_some() { rush } else { lasted });
    if wish.rate.is_some() {
        report::count_missing(&mut figures, places.rush_places());
    }
    let orders = endings.get(&Ending::Ordered).copied().unwrap_or_default();
    let expectations = vec![Expectation::told(
        "orders a second",
        "only told",
        format!("{:.0} ({orders} in {:.1} s)", per_second(orders, lasted), lasted.as_secs_f64()),
    )];
    let all = figures.get("all");
    let limited =
        if wish.rate.is_some() { report::limited_by_tester(all) } else { report::too_few_sent(all) };
    Ok(Report {
        format: FORMAT,
        run: Run {
            scenario: "sell-out".to_owned(),
            sale: wish.sale.clone(),
            target: at.target.url.clone(),
            own_server: false,
            scale: 1.0,
            speed: 1.0,
            seed: wish.seed,
            started_at,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load: load_words(wish, &stock, counter.errands.len()),
        },
        seconds: report::seconds(&measured),
        told: report::told(&measured),
        endings: endings.clone(),
        visits: measured.visits.spread(),
        places: Places::new(places.rush_places(), shares, &measured),
        disk: Vec::new(),
        server: None,
        tester_cpu_ms: used.tester_cpu_ms,
        stolen_permille: used.stolen_permille,
        lasted_ms: draw::micros(lasted) / 1_000,
        verdict: Verdict::of(&audit, &expectations, limited),
        figures,
        expectations,
        audit,
    })
}

const HOURS: Duration = Duration::from_secs(24 * 3_600);

/// What all buyers share.
struct Counter {
    desk: Desk,
    key: HeaderValue,
    seed: u64,
    errands: Vec<String>,
    endings: RefCell<BTreeMap<Ending, u64>>,
}

/// The slot each buyer goes for: as many as there are free units, one in ten more, in an order drawn from the seed.
fn errands(slots: &[wire::Slot], seed: u64) -> Result<Vec<String>, Failure> {
    let mut errands = Vec::new();
    for slot in slots {
        let Some(free) = slot.free_units() else {
            return Err(Failure::new(
                "The free units of the slots are not told exactly.",
                format!("slot {} has free = {:?}", slot.id, slot.free),
                "run with the server key of that server: ONSALE_SERVER_KEY",
            ));
        };
        errands.extend((0..free + free.div_ceil(10)).map(|_| slot.id.clone()));
    }
    if errands.is_empty() {
        return Err(Failure::new(
            "There is nothing to sell.",
            format!("none of the {} slots of the sale has a free unit", slots.len()),
            "import slots first: `onsale import … --sale SALE`, and check that the sale is open",
        ));
    }
    errands.shuffle(&mut draw::stream(seed, 2));
    Ok(errands)
}

fn stock(slots: &[wire::Slot]) -> Stock {
    let place = |slot: &wire::Slot| Place {
        id: slot.id.clone(),
        venue: slot.venue.clone(),
        product: slot.product.clone().unwrap_or_default(),
        day: slot.starts_at.map_or(0, |at| at.as_second().div_euclid(86_400)),
        capacity: slot.capacity.saturating_sub(slot.blocked.unwrap_or_default()),
    };
    Stock::new(slots.iter().map(place).collect())
}

/// Buyers begin evenly; each takes two places, one to hold and one to pay.
fn plan(wish: &SellOut, buyers: usize) -> Plan {
    let Some(rate) = wish.rate else { return Plan { places: vec![], arrivals: vec![], rush_us: 0 } };
    let gap_us = 1e6 / rate;
    let at = |number: usize| {
        i64::try_from(draw::whole(f64::from(u32::try_from(number).unwrap_or(u32::MAX)) * gap_us))
    };
    let arrivals: Vec<i64> = (0..buyers).map(|number| at(number).unwrap_or(i64::MAX)).collect();
    let half = at(1).unwrap_or(1) / 2;
    let places: Vec<i64> = arrivals.iter().flat_map(|begin| [*begin, begin + half]).collect();
    let rush_us = places.last().copied().unwrap_or(0) + 1;
    Plan { places, arrivals, rush_us }
}

async fn open_loop(counter: &Rc<Counter>, plan: &Plan, sale: &str) -> driver::Shares {
    let view = Call::get(format!("/v1/sales/{sale}/availability?by=venue")).key(&counter.key);
    let visits = |number, turn| {
        let counter = Rc::clone(counter);
        async move { buy(&counter, number, turn).await }
    };
    driver::run(&counter.desk.floor, plan, &Rc::new(view), visits).await
}

async fn bounded(counter: &Rc<Counter>, at_once: usize) -> driver::Shares {
    let next = Rc::new(Cell::new(0));
    let workers: Vec<_> = (0..at_once.max(1))
        .map(|_| {
            let (counter, next) = (Rc::clone(counter), Rc::clone(&next));
            tokio::task::spawn_local(async move {
                while next.get() < counter.errands.len() {
                    let number = next.replace(next.get() + 1);
                    buy(&counter, number, Turn::at(Instant::now())).await;
                }
            })
        })
        .collect();
    let mut shares = driver::Shares { arrivals: counter.errands.len(), ..driver::Shares::default() };
    for worker in workers {
        // A worker that panicked left its buyer without an answer; the audit says so.
        shares.unfinished += usize::from(worker.await.is_err());
    }
    shares
}

async fn buy(counter: &Counter, number: usize, turn: Turn) {
    let stream = 16 + u64::try_from(number).unwrap_or_default();
    let name = format!("{}-{number}", counter.desk.run);
    let mut buyer = Buyer::new(name, &counter.key, draw::stream(counter.seed, stream));
    let wish = Wish::Slot { slot: counter.errands[number].clone(), quantity: 1 };
    let ending = match counter.desk.hold(turn, &wish, &mut buyer).await {
        Holding::Held(cart) => {
            let turn = counter.desk.turn(Instant::now()).await;
            match counter.desk.pay(turn, &cart, &mut buyer).await {
                Paying::Ordered(_) => Ending::Ordered,
                Paying::Refused(_) => Ending::Refused,
                Paying::Silent => Ending::Silent,
            }
        }
        Holding::Refused(code) if matches!(code.as_str(), "slot-taken" | "all-held" | "sold-out") => {
            Ending::LostEveryClick
        }
        Holding::Refused(_) => Ending::Refused,
        Holding::Silent => Ending::Silent,
    };
    let ending = if ending == Ending::Silent && buyer.not_sent { Ending::NotSent } else { ending };
    counter.desk.floor.measured.borrow_mut().visits.record(turn.due.elapsed());
    *counter.endings.borrow_mut().entry(ending).or_default() += 1;
}

fn load_words(wish: &SellOut, stock: &Stock, buyers: usize) -> String {
    let how = match wish.rate {
        Some(rate) => format!("{rate} begin each second, open loop"),
        None => format!("{} at a time, closed loop: latencies are service times", wish.at_once),
    };
    format!("{buyers} buyers for {} units in {} slots, {how}", stock.units(), stock.places().len())
}

fn per_second(count: u64, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64().max(0.001)
}
