//! S1, the state-wide on-sale of January 2021: 3,225 requests a second for a minute, 33,000 visitors, 2,100 pairs, no waiting
//! room. The run has four parts: set up, warm up (before t0, nothing can be booked), rush, audit.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::s1_locks::Locks;
use super::{AtTarget, Where, pre_opening, s1_expectations, s1_inventory};
use crate::arrivals::Opening;
use crate::audit::{self, Check, Evidence, PairRule, books::Books, loaded::Loaded, replays, rules};
use crate::behaviour::Behaviour;
use crate::client::{Call, Client};
use crate::desk::Desk;
use crate::disk;
use crate::draw;
use crate::driver::{self, Floor};
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::measured::Measured;
use crate::operator::Operator;
use crate::own_server::OwnServer;
use crate::plan::{Offer, Plan};
use crate::progress::{ProgressLine, Pulse, stage};
use crate::report::{self, FORMAT, Places, Report, Run, ServerUse};
use crate::usage::{Used, Watch};
use crate::verdict::Verdict;
use crate::visitor::{self, Ending, Shop};

/// Requests a second at full scale.
const RATE: f64 = 3_225.0;
/// Length of the rush.
const RUSH_S: f64 = 60.0;
/// Visitors at full scale.
const VISITORS: f64 = 33_000.0;
/// The climb before t0.
const WARM_UP_S: f64 = 5.0;
const RULE: &str = "two-doses";
/// Public counts may be 2 s old: what is read right after the last change is asked for later than that.
const COUNTS_SETTLE: Duration = Duration::from_millis(2_200);

/// How S1 is to be run.
#[derive(Clone, Debug)]
pub struct S1 {
    /// Against what.
    pub place: Where,
    /// The sale's id.
    pub sale: String,
    /// Divides visitors, rates and inventory.
    pub scale: f64,
    /// Divides durations, multiplies rates; thinking is not compressed.
    pub speed: f64,
    /// The seed.
    pub seed: u64,
    /// Loads the season's slots first.
    pub season: bool,
    /// Kills the server after the rush and starts it again before the audit; only a server of the tester's own.
    pub crash: bool,
    /// Connections at most.
    pub connections: usize,
    /// What visitors are like.
    pub behaviour: Behaviour,
}

impl S1 {
    fn words(&self) -> String {
        let season = if self.season { ", season loaded" } else { "" };
        let crash = if self.crash { ", killed after the rush" } else { "" };
        format!("s1{season}{crash}")
    }
}

/// Runs it.
pub async fn run(s1: &S1) -> Result<Report, Failure> {
    let mut at = AtTarget::reach(&s1.place, true).await?;
    let outcome = day(s1, &mut at).await;
    at.end(outcome)
}

async fn day(s1: &S1, at: &mut AtTarget) -> Result<Report, Failure> {
    let started_at = jiff::Timestamp::now().to_string();
    if s1.crash && at.own.is_none() {
        return Err(Failure::new(
            "Only a server of the tester's own can be killed.",
            "a target was given",
            "leave `--target` or `--crash` away",
        ));
    }
    let prepared = prepare(s1, at).await?;
    let plan = plan(s1);
    let mut probes = vec![disk::probe(at.probe_in(), "before")?];
    let (opens_at, t0) = pre_opening::opening_instant(WARM_UP_S / s1.speed);
    pre_opening::open_at(&at.operator(), &s1.sale, opens_at).await?;
    let slots = &prepared.slots;
    let closed = pre_opening::nothing_bookable(&at.shop(), &s1.sale, &prepared.name, slots).await?;

    let shop = shop(s1, at, s1_inventory::stock(slots), &plan, &prepared.name, t0);
    stage(&format!("the sale opens at {opens_at}"));
    let rushed = rush(&shop, at, &plan).await;
    probes.push(disk::probe(at.probe_in(), "after")?);
    let mut after =
        Aftermath { restarts: prepared.restart.into_iter().collect(), checks: vec![closed], locks: None };
    if let Err(failure) = after.look(s1, at, &shop, &prepared.loaded, rushed.shares.unfinished).await {
        // A server that dies has missed all that is left to ask; what the rush came to is told nevertheless.
        let case = at.the_cause(failure).to_string();
        after.checks.push(Check::no_cases("the server lives and its books can be read", &[case], ""));
    }
    let Aftermath { restarts, checks: audit, locks } = after;

    let floor = &shop.desk.floor;
    let measured = floor.measured.borrow();
    let mut figures = report::figures(&measured, plan.rush());
    report::count_missing(&mut figures, plan.rush_places());
    let limited = report::limited_by_tester(figures.get("all"));
    let mut expectations = s1_expectations::all(s1, &shop, &figures);
    expectations.extend(restarts.iter().map(s1_expectations::start_up));
    expectations.extend(locks.iter().flat_map(|locks| locks.expectations(slots)));
    expectations.push(s1_expectations::beside_the_disk(&figures, &probes));
    Ok(Report {
        format: FORMAT,
        run: Run {
            scenario: s1.words(),
            sale: s1.sale.clone(),
            target: at.target.url.clone(),
            own_server: at.own.is_some(),
            scale: s1.scale,
            speed: s1.speed,
            seed: s1.seed,
            started_at,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load: load_words(s1, &plan, &prepared.loaded, floor.client.most_open()),
        },
        seconds: report::seconds(&measured),
        told: report::told(&measured),
        endings: shop.endings.borrow().clone(),
        visits: measured.visits.spread(),
        places: Places::new(plan.rush_places(), rushed.shares, &measured),
        disk: probes,
        server: at.own.as_ref().map(|own| ServerUse {
            start_up_ms: draw::micros(own.start_up) / 1_000,
            cpu_ms: rushed.used.server_cpu_ms,
            memory: rushed.used.server,
        }),
        tester_cpu_ms: rushed.used.tester_cpu_ms,
        stolen_permille: rushed.used.stolen_permille,
        lasted_ms: draw::micros(rushed.lasted) / 1_000,
        verdict: Verdict::of(&audit, &expectations, limited),
        figures,
        expectations,
        audit,
    })
}

/// A start of the server on data it had written before.
pub(super) struct Restart {
    pub(super) after: &'static str,
    pub(super) took: Duration,
}

/// What is learnt of the server after the rush, as far as it goes.
struct Aftermath {
    restarts: Vec<Restart>,
    checks: Vec<Check>,
    locks: Option<Locks>,
}

impl Aftermath {
    async fn look(
        &mut self,
        s1: &S1,
        at: &mut AtTarget,
        shop: &Shop,
        loaded: &Loaded,
        unfinished: usize,
    ) -> Result<(), Failure> {
        let operator = at.operator();
        if let Some(own) = &mut at.own {
            own.still_runs()?;
            // Counted since the server's start, and of nobody else's carts, where the server is the tester's own.
            self.locks = Some(Locks::read(&operator).await?);
            if s1.crash {
                stage("killing the server and starting it again");
                own.crash_and_restart().await?;
                self.restarts.push(Restart { after: "a kill", took: own.start_up });
            }
        }
        stage("reading the books for the audit");
        self.checks.extend(audited(s1, &at.operator(), shop, loaded, unfinished).await?);
        Ok(())
    }
}

/// What is there before the opening.
struct Prepared {
    name: String,
    slots: Vec<s1_inventory::NewSlot>,
    loaded: Loaded,
    restart: Option<Restart>,
}

async fn prepare(s1: &S1, at: &mut AtTarget) -> Result<Prepared, Failure> {
    stage(if s1.season {
        "loading the slots of the opening and of the season"
    } else {
        "loading the slots of the opening"
    });
    let slots = s1_inventory::opening(s1.scale);
    let season = s1.season.then_some(s1.scale);
    // It opens tomorrow until the real instant is set.
    let now = jiff::Timestamp::now();
    let tomorrow = jiff::Timestamp::from_second(now.as_second() + 86_400).unwrap_or(now);
    let settings = pre_opening::settings(s1.season, tomorrow);
    let loaded = pre_opening::load(&at.operator(), &s1.sale, &settings, &slots, season).await?;
    let mut restart = None;
    if s1.season
        && let Some(own) = &mut at.own
    {
        stage("starting the server again on the loaded season");
        own.restart().await?;
        restart = Some(Restart { after: "loading the season", took: own.start_up });
    }
    Ok(Prepared { name: pre_opening::run_name(), slots, loaded, restart })
}

fn plan(s1: &S1) -> Plan {
    Plan::draw(&Offer {
        rate: RATE / s1.scale * s1.speed,
        rush_s: RUSH_S / s1.speed,
        warm_up_s: WARM_UP_S / s1.speed,
        visitors: draw::whole(VISITORS / s1.scale).max(1),
        opening: Opening::s1(s1.speed),
        seed: s1.seed,
    })
}

fn shop(s1: &S1, at: &AtTarget, stock: crate::stock::Stock, plan: &Plan, run: &str, t0: Instant) -> Rc<Shop> {
    let client = Client::new(&at.target, s1.connections);
    let floor = Floor::new(client, Measured::new(t0, plan.rush()), Pulse::default());
    let stock = Rc::new(stock);
    Rc::new(Shop {
        desk: Desk {
            floor,
            ledger: RefCell::new(Ledger::new(stock, t0, &[s1_expectations::wanted_held(s1.scale)])),
            sale: s1.sale.clone(),
            run: run.to_owned(),
            open_loop: true,
            clicks: Cell::new(0),
            gone: Cell::new(0),
        },
        behaviour: s1.behaviour.clone(),
        rule: RULE,
        product: "dose1",
        venues: s1_inventory::VENUES.map(str::to_owned).to_vec(),
        web_key: at.web_key.clone(),
        phone_key: at.phone_key.clone(),
        seed: s1.seed,
        endings: RefCell::default(),
        refused: RefCell::default(),
        meant_to_pay: Cell::new(0),
    })
}

/// What the rush itself came to.
struct Rushed {
    shares: driver::Shares,
    lasted: Duration,
    used: Used,
}

async fn rush(shop: &Rc<Shop>, at: &AtTarget, plan: &Plan) -> Rushed {
    let path = format!("/v1/sales/{}/availability?by=venue,day&product=dose1", shop.desk.sale);
    let view = Call::get(path).key(&shop.web_key);
    let visits = |number, turn| visitor::visit(Rc::clone(shop), number, turn);
    let watch = Watch::begin(at.own.as_ref().map(OwnServer::pid));
    let line = ProgressLine::start(&shop.desk.floor.pulse);
    let shares = driver::run(&shop.desk.floor, plan, &Rc::new(view), visits).await;
    drop(line);
    let lasted = shop.desk.floor.measured.borrow().t0().elapsed();
    Rushed { shares, lasted, used: watch.end() }
}

async fn audited(
    s1: &S1,
    operator: &Operator,
    shop: &Shop,
    loaded: &Loaded,
    unfinished: usize,
) -> Result<Vec<Check>, Failure> {
    tokio::time::sleep(COUNTS_SETTLE).await;
    // Asked before the books are read: an order made twice by asking again must show in them.
    let payments = replays::payments(&shop.desk.ledger.borrow().carts);
    let replayed = replays::same_key_same_order(operator, &payments).await?;
    // The season's 283,000 slots are not listed one by one: their venues and days are.
    let undecided = shop.desk.ledger.borrow().undecided();
    let books = Books::read(operator, &s1.sale, &undecided, !s1.season).await?;
    let ledger = shop.desk.ledger.borrow();
    let endings = shop.endings.borrow();
    let silent = endings.get(&Ending::Silent).copied().unwrap_or_default();
    let unfinished = u64::try_from(unfinished).unwrap_or(u64::MAX);
    let mut checks = audit::run(&Evidence {
        ledger: &ledger,
        measured: &shop.desk.floor.measured.borrow(),
        books: &books,
        loaded: Some(loaded),
        pairs: Some(&PairRule { first: "dose1", second: "dose2", gap_days: s1_inventory::GAP_DAYS..=28 }),
        alone: true,
        without_final_answer: silent + unfinished,
        not_asked: audit::not_asked(&endings),
        visits: endings.values().sum::<u64>() + unfinished,
    });
    checks.push(replayed);
    checks.push(rules::nobody_is_refused_by_one(&shop.refused.borrow(), endings.values().sum()));
    Ok(checks)
}

fn load_words(s1: &S1, plan: &Plan, loaded: &Loaded, most_open: usize) -> String {
    format!(
        "{:.1} requests/s for {:.0} s = {} intended, {} visitors, {} pairs, {} slots loaded, at most {most_open} connections",
        RATE / s1.scale * s1.speed,
        RUSH_S / s1.speed,
        plan.rush_places(),
        plan.arrivals.len(),
        s1_inventory::pairs(s1.scale),
        loaded.slots(),
    )
}
