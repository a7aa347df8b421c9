//! What launch days with a waiting room share: a server is found, the slots are loaded, the crowd comes at its instants and asks
//! until everybody has had a final answer; then the books are read and one report is made. What makes a day that day is
//! its script.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::room_use::Readings;
use super::s1_inventory::{self, NewSlot};
use super::{AtTarget, pre_opening};
use crate::audit::{Check, loaded::Loaded};
use crate::behaviour::Behaviour;
use crate::client::Client;
use crate::desk::Desk;
use crate::disk::{self, Probe};
use crate::draw;
use crate::driver::Floor;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::measured::Measured;
use crate::progress::{ProgressLine, Pulse, stage};
use crate::report::{self, FORMAT, Places, Report, Run, ServerUse};
use crate::usage::{Used, Watch};
use crate::verdict::{Expectation, Verdict};
use crate::visitor::Shop;
use crate::waiting::crowd::Everybody;
use crate::waiting::room::Room;
use crate::waiting::views::Views;
use crate::waiting::walk;

/// Sockets of a whole crowd at full scale.
pub const CONNECTIONS: usize = 8_000;

/// What makes a day that day.
pub(super) struct Script<'a> {
    /// Its name in the report.
    pub scenario: &'a str,
    /// The sale's id.
    pub sale: &'a str,
    /// Divides visitors, rates and inventory; for the report.
    pub scale: f64,
    /// Divides durations, multiplies rates; for the report.
    pub speed: f64,
    /// The seed.
    pub seed: u64,
    /// Connections at most.
    pub connections: usize,
    /// Of them, so many are opened at once and used in turn; none: they are opened as needed.
    pub spread: usize,
    /// From the first who comes to t0.
    pub lead: Duration,
    /// After t0: who has no final answer then has none.
    pub patience: Duration,
    /// What is sold, in pairs of `dose1` and `dose2` by the rule `two-doses`.
    pub slots: Vec<NewSlot>,
    /// The venues.
    pub venues: Vec<String>,
    /// What people do inside.
    pub behaviour: Behaviour,
    /// Who comes.
    pub everybody: Everybody,
    /// How long who is called may take.
    pub claim_ms: u64,
    /// A share of the units: when so many are held or sold is timed.
    pub nearly_all: f64,
}

/// A day that can begin.
pub(super) struct Ready<'a> {
    pub at: &'a mut AtTarget,
    pub room: Rc<Room>,
    /// The first who comes.
    pub begin: Instant,
    /// A name no other run has.
    pub name: String,
    /// What was loaded.
    pub loaded: Loaded,
    /// Units that are `nearly_all`.
    pub mark: u64,
    scenario: &'a str,
    sale: &'a str,
    scale: f64,
    speed: f64,
    seed: u64,
    patience: Duration,
    probes: Vec<Probe>,
    started_at: String,
}

/// What the day came to.
pub(super) struct Lived {
    pub checks: Vec<Check>,
    pub readings: Option<Readings>,
    lasted: Duration,
    used: Used,
}

/// What is said of it.
pub(super) struct Judged {
    pub audit: Vec<Check>,
    pub expectations: Vec<Expectation>,
    /// What was offered, in words.
    pub load: String,
}

impl<'a> Ready<'a> {
    /// Loads the slots; from now on the day comes by itself. `settings` are those of the sale whose t0 is that instant.
    pub(super) async fn load(
        at: &'a mut AtTarget,
        script: Script<'a>,
        settings: impl FnOnce(jiff::Timestamp) -> Value,
    ) -> Result<Self, Failure> {
        let started_at = jiff::Timestamp::now().to_string();
        let probes = vec![disk::probe(at.probe_in(), "before")?];
        stage("loading the slots");
        let (t0_wall, t0) = pre_opening::opening_instant(script.lead.as_secs_f64() + 2.0);
        let settings = settings(t0_wall);
        let loaded = pre_opening::load(&at.operator(), script.sale, &settings, &script.slots, None).await?;
        let begin = t0.checked_sub(script.lead).unwrap_or(t0);
        let name = pre_opening::run_name();
        stage(&format!("the first come in a moment, the day's own instant is {t0_wall}"));
        let Script { scenario, sale, scale, speed, seed, patience, .. } = script;
        let (room, mark) = room(script, at, &name, (begin, t0));
        Ok(Self {
            at,
            room,
            begin,
            name,
            loaded,
            mark,
            scenario,
            sale,
            scale,
            speed,
            seed,
            patience,
            probes,
            started_at,
        })
    }

    /// The crowd comes, and `tries` are made beside it.
    pub(super) async fn live(
        &mut self,
        tries: impl Future<Output = Result<Vec<Check>, Failure>> + 'static,
        views: Option<&Views>,
    ) -> Result<Lived, Failure> {
        let tries = tokio::task::spawn_local(tries);
        let server = self.at.own.as_ref().map(|own| own.pid());
        let readings = server.map(Readings::of);
        let watch = Watch::begin(server);
        let line = ProgressLine::start(&self.room.shop.desk.floor.pulse);
        walk::walk(&self.room, self.begin, self.room.t0 + self.patience, views).await;
        drop(line);
        let (used, lasted) = (watch.end(), self.begin.elapsed());
        let readings = readings.map(|(readings, task)| {
            task.abort();
            readings
        });
        let checks = tries.await.map_err(|error| {
            Failure::new(
                "The tries for a better place ended early.",
                error,
                "this is a fault of the tester: report it",
            )
        })??;
        self.probes.push(disk::probe(self.at.probe_in(), "after")?);
        if let Some(own) = &mut self.at.own {
            own.still_runs()?;
        }
        stage("reading the books for the audit");
        Ok(Lived { checks, readings, lasted, used })
    }

    /// The report of a day that was judged.
    pub(super) fn report(self, lived: &Lived, judged: Judged) -> Report {
        let Judged { audit, expectations, load } = judged;
        let measured = self.room.shop.desk.floor.measured.borrow();
        let figures = report::figures(&measured, lived.lasted);
        let limited = report::limited_by_tester(figures.get("all"));
        Report {
            format: FORMAT,
            run: Run {
                scenario: self.scenario.to_owned(),
                sale: self.sale.to_owned(),
                target: self.at.target.url.clone(),
                own_server: self.at.own.is_some(),
                scale: self.scale,
                speed: self.speed,
                seed: self.seed,
                started_at: self.started_at,
                cores: std::thread::available_parallelism().map_or(0, usize::from),
                load,
            },
            seconds: report::seconds(&measured),
            told: report::told(&measured),
            endings: self.room.shop.endings.borrow().clone(),
            visits: measured.visits.spread(),
            places: Places::default(),
            disk: self.probes,
            server: self.at.own.as_ref().map(|own| ServerUse {
                start_up_ms: draw::micros(own.start_up) / 1_000,
                cpu_ms: lived.used.server_cpu_ms,
                memory: lived.used.server,
            }),
            tester_cpu_ms: lived.used.tester_cpu_ms,
            stolen_permille: lived.used.stolen_permille,
            lasted_ms: draw::micros(lived.lasted) / 1_000,
            verdict: Verdict::of(&audit, &expectations, limited),
            figures,
            expectations,
            audit,
        }
    }
}

/// Of the connections, those a crowd divided by the scale uses in turn.
pub(super) fn spread(connections: usize, scale: f64) -> usize {
    let all = f64::from(u32::try_from(connections).unwrap_or(u32::MAX));
    draw::whole(all / scale).clamp(1, connections)
}

fn room(script: Script<'_>, at: &AtTarget, run: &str, times: (Instant, Instant)) -> (Rc<Room>, u64) {
    let (begin, t0) = times;
    let stock = s1_inventory::stock(&script.slots);
    let units = f64::from(u32::try_from(stock.units()).unwrap_or(u32::MAX));
    let mark = u64::try_from(draw::whole(units * script.nearly_all)).unwrap_or(u64::MAX);
    let client = Client::spread(&at.target, script.connections, script.spread);
    // Everything from the first who comes on is the run; nothing of it is warm-up.
    let floor = Floor::new(client, Measured::new(begin, Duration::from_secs(24 * 3_600)), Pulse::default());
    let shop = Shop {
        desk: Desk {
            floor,
            ledger: RefCell::new(Ledger::new(Rc::new(stock), t0, &[mark])),
            sale: script.sale.to_owned(),
            run: run.to_owned(),
            open_loop: true,
            clicks: Cell::new(0),
            gone: Cell::new(0),
        },
        behaviour: script.behaviour,
        rule: "two-doses",
        product: "dose1",
        venues: script.venues,
        web_key: at.web_key.clone(),
        phone_key: at.phone_key.clone(),
        seed: script.seed,
        endings: RefCell::default(),
        refused: RefCell::default(),
        meant_to_pay: Cell::new(0),
    };
    (Room::new(shop, t0, script.everybody, script.claim_ms), mark)
}
