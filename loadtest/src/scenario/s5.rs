//! S5, by invitation only (Bremen, January 2021): 16,190 one-time codes in 20 waves, each of which sets its unit aside until
//! its deadline; answers come after six hours in the median, on the web and by phone, and one call in twenty has no code.
//! Compressed by `speed`: at 3,600 an hour of the day is a second.
//!
//! Four parts: set up, the days of the waves, what the uninvited cost, and the books after a kill.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::s5_books;
use super::s5_invited::{Crowd, Found};
use super::s5_terms::{Terms, WAVES};
use super::{AtTarget, Where, pre_opening};
use crate::audit::{self, Check};
use crate::client::{Call, Client};
use crate::disk;
use crate::draw;
use crate::driver::Floor;
use crate::failure::Failure;
use crate::measured::Measured;
use crate::operator::{Operator, unreadable};
use crate::own_server::OwnServer;
use crate::progress::{ProgressLine, Pulse, stage};
use crate::report::{self, FORMAT, Places, Report, Run, ServerUse};
use crate::usage::{Usage, Watch};
use crate::verdict::{Expectation, Verdict};
use crate::visitor::Ending;

/// Requests without a code whose cost is measured.
const COSTED: u32 = 2_000;
/// The longest anybody may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// So long after the last deadline whoever has had no answer is not waited for any more. A poll may be told to come back in ten
/// seconds, and the answer to that one may be late.
const WIND_DOWN: Duration = Duration::from_secs(60);

/// How S5 is to be run.
#[derive(Clone, Debug)]
pub struct S5 {
    /// Against what.
    pub place: Where,
    /// The sale's id.
    pub sale: String,
    /// Divides invitations and inventory.
    pub scale: f64,
    /// Divides durations; not the polls.
    pub speed: f64,
    /// The seed.
    pub seed: u64,
    /// Connections at most.
    pub connections: usize,
}

/// Runs it.
pub async fn run(s5: &S5) -> Result<Report, Failure> {
    let mut at = AtTarget::reach(&s5.place, true).await?;
    let outcome = days(s5, &mut at).await;
    at.end(outcome)
}

async fn days(s5: &S5, at: &mut AtTarget) -> Result<Report, Failure> {
    let started_at = jiff::Timestamp::now().to_string();
    let terms = Terms::new(s5.scale, s5.speed, s5.seed);
    let mut probes = vec![disk::probe(at.probe_in(), "before")?];
    stage("setting up the sale");
    let operator = at.operator();
    let path = format!("/v1/sales/{}", s5.sale);
    operator.expect(Call::new(Method::PUT, path.clone()).json(&terms.settings()), &[201]).await?;
    let standby = json!({"wave": "standby", "count": 1, "uses": 1_000, "channel": Value::Null});
    let standby = made(&operator, &path, &standby).await?.pop().unwrap_or_default();

    let begin = Instant::now();
    let client = Client::new(&at.target, s5.connections);
    let measured = Measured::new(begin, Duration::from_secs(24 * 3_600));
    let crowd = Rc::new(Crowd {
        floor: Floor::new(client, measured, Pulse::default()),
        wave_in_the_making: tokio::sync::Mutex::new(()),
        codes: RefCell::new(vec![String::new(); terms.invited.len()]),
        terms: terms.clone(),
        sale: s5.sale.clone(),
        run: pre_opening::run_name(),
        phone_key: at.phone_key.clone(),
        found: RefCell::new(Found::default()),
    });
    let pid = at.own.as_ref().map(OwnServer::pid);
    let watch = Watch::begin(pid);
    stage(&format!("{} invitations in {WAVES} waves", terms.invited.len()));
    let line = ProgressLine::start(&crowd.floor.pulse);
    the_waves(&crowd, &operator, &path, begin, &standby).await?;
    drop(line);
    let (used, lasted) = (watch.end(), begin.elapsed());
    // Before those who come only to be counted.
    let figures = report::figures(&crowd.floor.measured.borrow(), lasted);
    let seconds = report::seconds(&crowd.floor.measured.borrow());
    stage("what a request without a code costs");
    let cost = cost_of_the_uninvited(&crowd, pid).await;
    probes.push(disk::probe(at.probe_in(), "after")?);
    if let Some(own) = &mut at.own {
        own.still_runs()?;
        stage("killing the server and starting it on what it had written");
        own.crash_and_restart().await?;
    }
    stage("reading the books for the audit");
    let audit = audited(&at.operator(), &path, &crowd).await?;

    let measured = crowd.floor.measured.borrow();
    let limited = report::limited_by_tester(figures.get("all"));
    let expectations = expected(&crowd, cost);
    Ok(Report {
        format: FORMAT,
        run: Run {
            scenario: "s5".to_owned(),
            sale: s5.sale.clone(),
            target: at.target.url.clone(),
            own_server: at.own.is_some(),
            scale: s5.scale,
            speed: s5.speed,
            seed: s5.seed,
            started_at,
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            load: format!(
                "{} invitations in {WAVES} waves {:.1} s apart, each good for {:.1} s and with its unit set aside; \
                 {} calls without a code",
                terms.invited.len(),
                terms.between.as_secs_f64(),
                terms.good_for.as_secs_f64(),
                terms.without_code.len(),
            ),
        },
        seconds,
        told: report::told(&measured),
        endings: endings(&crowd),
        visits: measured.visits.spread(),
        places: Places::default(),
        disk: probes,
        server: at.own.as_ref().map(|own| ServerUse {
            start_up_ms: draw::micros(own.start_up) / 1_000,
            cpu_ms: used.server_cpu_ms,
            memory: used.server,
        }),
        tester_cpu_ms: used.tester_cpu_ms,
        stolen_permille: used.stolen_permille,
        lasted_ms: draw::micros(lasted) / 1_000,
        verdict: Verdict::of(&audit, &expectations, limited),
        figures,
        expectations,
        audit,
    })
}

/// Makes codes and gives them, in order.
async fn made(operator: &Operator, sale: &str, body: &Value) -> Result<Vec<String>, Failure> {
    let path = format!("{sale}/access-codes");
    let answer = operator.expect(Call::new(Method::POST, path.clone()).json(body), &[201]).await?;
    let value: Value = answer.read().map_err(|error| unreadable(&path, error))?;
    let codes = value["codes"].as_array().into_iter().flatten();
    Ok(codes.filter_map(|code| code["code"].as_str().map(str::to_owned)).collect())
}

async fn the_waves(
    crowd: &Rc<Crowd>,
    operator: &Operator,
    sale: &str,
    begin: Instant,
    standby: &str,
) -> Result<(), Failure> {
    let mut everybody = JoinSet::new();
    for (number, at) in crowd.terms.without_code.iter().copied().enumerate() {
        let crowd = Rc::clone(crowd);
        everybody.spawn_local(async move {
            tokio::time::sleep_until((begin + at).into()).await;
            crowd.without_code(number, begin + at).await;
        });
    }
    for wave in 0..WAVES {
        let starts = begin + crowd.terms.between * u32::try_from(wave).unwrap_or(0);
        tokio::time::sleep_until(starts.into()).await;
        let good_for = jiff::SignedDuration::try_from(crowd.terms.good_for).unwrap_or_default();
        let (now, wall) = (Instant::now(), jiff::Timestamp::now());
        let numbers = crowd.terms.of_wave(wave);
        for (venue, _) in &crowd.terms.units {
            let here: Vec<usize> =
                numbers.clone().filter(|number| crowd.terms.venue_of(*number) == *venue).collect();
            if here.is_empty() {
                continue;
            }
            let slots = Terms::slots(wave, venue, here.len());
            let _alone = crowd.wave_in_the_making.lock().await;
            operator.expect(Call::new(Method::POST, format!("{sale}/slots")).json(&slots), &[200]).await?;
            let body = json!({"wave": format!("w{wave:02}-{venue}"), "count": here.len(), "lane": "invited",
                "group": "oldest-first", "expires_at": (wall + good_for).to_string(),
                "reserve": {"venue": venue, "product": "dose"}});
            let codes = made(operator, sale, &body).await?;
            for (number, code) in here.into_iter().zip(codes) {
                crowd.codes.borrow_mut()[number] = code;
            }
        }
        let (watcher, code) = (Rc::clone(crowd), standby.to_owned());
        everybody.spawn_local(watcher.stand_by(wave, now + crowd.terms.good_for, code));
        for number in numbers {
            let (crowd, at) = (Rc::clone(crowd), begin + crowd.terms.invited[number].answers_at);
            // Nobody answers before the invitation is there.
            let at = at.max(Instant::now());
            everybody.spawn_local(async move {
                tokio::time::sleep_until(at.into()).await;
                crowd.answer(number, at).await;
            });
        }
    }
    let last = crowd.terms.invited.iter().map(|invited| invited.answers_at).max().unwrap_or_default();
    let deadline = crowd.terms.between * u32::try_from(WAVES).unwrap_or(0) + crowd.terms.good_for;
    let end = begin + last.max(deadline) + WIND_DOWN;
    while let Ok(Some(came)) = tokio::time::timeout_at(end.into(), everybody.join_next()).await {
        if let Err(error) = came
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    if !everybody.is_empty() {
        let mut found = crowd.found.borrow_mut();
        let last = found
            .in_line
            .iter()
            .next()
            .map(|(number, told)| format!("; invitation {number} was told {told}"));
        let case = format!(
            "{} had no final answer when patience was over{}",
            everybody.len(),
            last.unwrap_or_default()
        );
        found.nothing.push(case);
    }
    Ok(())
}

/// What one request without a code costs: time until the answer, and processor time of the server where that can be read.
async fn cost_of_the_uninvited(crowd: &Rc<Crowd>, pid: Option<u32>) -> (Duration, Option<f64>) {
    let used = || pid.and_then(Usage::of);
    let (before, begun) = (used(), Instant::now());
    for number in 0..COSTED {
        Rc::clone(crowd).without_code(usize::try_from(number).unwrap_or(0), Instant::now()).await;
    }
    let took = begun.elapsed() / COSTED;
    let cpu = before.zip(used()).map(|(before, after)| {
        f64::from(u32::try_from(after.cpu_ms_since(&before)).unwrap_or(u32::MAX)) / f64::from(COSTED)
    });
    (took, cpu)
}

fn endings(crowd: &Crowd) -> BTreeMap<Ending, u64> {
    let found = crowd.found.borrow();
    let count = |cases: usize| u64::try_from(cases).unwrap_or(u64::MAX);
    let all = [
        (Ending::Ordered, count(found.ordered.len())),
        (Ending::CalledTooLate, found.late),
        (Ending::Refused, found.refused),
        (Ending::ToldNothingLeft, count(found.nothing.len())),
    ];
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

fn none(name: &str, cases: &[String], counted: &str) -> Expectation {
    let got = cases.first().map_or_else(
        || counted.to_owned(),
        |case| format!("{} cases of {counted}, the first: {case}", cases.len()),
    );
    Expectation::asked(name, "none", got, cases.is_empty())
}

fn expected(crowd: &Crowd, (took, cpu): (Duration, Option<f64>)) -> Vec<Expectation> {
    let found = crowd.found.borrow();
    let wait = format!("{:.1} s", found.longest_wait.as_secs_f64());
    let (back, longest) = found.went_back;
    let cost = "a request without a code";
    vec![
        Expectation::asked(
            "the longest wait, web and phone",
            "120 s",
            wait,
            found.longest_wait <= LONGEST_WAIT,
        ),
        none("codes that work other than once", &found.not_once, &format!("{} second tries", found.twice)),
        none(
            "invited people who came in time and found nothing",
            &found.nothing,
            &format!("{} orders", found.ordered.len()),
        ),
        none("people without a code who were let in", &found.let_in, &format!("{} refused", found.refused)),
        none(
            "lapsed units for sale too early, or later than 1 s after the deadline",
            &found.late_units,
            &format!("{back} units, the last of a wave after {} ms at most", longest.as_millis()),
        ),
        Expectation::told(
            "answers that came too late for their code",
            "(1.9 % are to be expected)",
            found.late.to_string(),
        ),
        match cpu {
            Some(cpu) => Expectation::asked(
                cost,
                "under 1 ms of the server's time",
                format!("{cpu:.3} ms of its processor, {:.3} ms until the answer", took.as_secs_f64() * 1e3),
                cpu < 1.0,
            ),
            None => Expectation::told(
                cost,
                "under 1 ms of the server's time",
                format!("{:.3} ms until the answer", took.as_secs_f64() * 1e3),
            ),
        },
    ]
}

/// What the server says it sold, against what people were told.
async fn audited(operator: &Operator, sale: &str, crowd: &Crowd) -> Result<Vec<Check>, Failure> {
    let orders: Vec<Value> = operator.read_all(&format!("{sale}/orders?limit=1000")).await?;
    let waves: Vec<Value> = operator.read_all(&format!("{sale}/access-codes?by=wave&limit=1000")).await?;
    let slots: Vec<Value> = operator.read_all(&format!("{sale}/slots?limit=1000")).await?;
    let line: Value = operator.read(&format!("{sale}/queue")).await?;
    let found = crowd.found.borrow();
    let there: std::collections::BTreeSet<&str> =
        orders.iter().filter_map(|order| order["order"].as_str()).collect();
    let lost: Vec<String> =
        found.ordered.iter().map(|(_, _, id)| id.clone()).filter(|id| !there.contains(id.as_str())).collect();
    let invited = waves.iter().filter(|wave| wave["wave"] != "standby");
    let used: u64 = invited.filter_map(|wave| wave["counts"]["used"].as_u64()).sum();
    let told = u64::try_from(found.ordered.len()).unwrap_or(u64::MAX);
    let uses = if used == told && orders.len() == found.ordered.len() {
        vec![]
    } else {
        vec![format!("{used} codes used, {} orders, {told} people were told of one", orders.len())]
    };
    let unequal: Vec<String> = slots
        .iter()
        .filter(|slot| {
            let of = |name: &str| slot[name].as_u64().unwrap_or(u64::MAX / 8);
            of("free") + of("held") + of("sold") + of("blocked") != of("capacity")
        })
        .map(|slot| slot["id"].to_string())
        .collect();
    let there_are: u64 = slots.iter().filter_map(|slot| slot["capacity"].as_u64()).sum();
    let loaded = u64::try_from(crowd.terms.invited.len()).unwrap_or(u64::MAX);
    let short =
        if there_are == loaded { vec![] } else { vec![format!("{there_are} units of {loaded} loaded")] };
    let sold: u64 = slots.iter().filter_map(|slot| slot["sold"].as_u64()).sum();
    let other = if sold == told { vec![] } else { vec![format!("{sold} units sold for {told} orders")] };
    let joined = line["lanes"][0]["called_up_to"].as_u64().unwrap_or(0)
        + line["lanes"][0]["waiting"].as_u64().unwrap_or(0);
    let on_the_web = crowd.terms.invited.iter().filter(|invited| !invited.by_phone).count();
    let crowded = if joined <= u64::try_from(on_the_web).unwrap_or(0) {
        vec![]
    } else {
        vec![format!("{joined} places for {on_the_web} invited people")]
    };
    let owners: BTreeMap<&str, usize> =
        found.ordered.iter().map(|(number, _, id)| (id.as_str(), *number)).collect();
    let venue_of = |id: &str| owners.get(id).map(|number| crowd.terms.venue_of(*number));
    let [own, by_slot] = s5_books::checks(&orders, &slots, venue_of);
    Ok(vec![
        own,
        by_slot,
        Check::no_cases("every order that was told is there after the kill", &lost, format!("{told} orders")),
        Check::no_cases("a code used is an order, and no more", &uses, format!("{used} codes")),
        Check::no_cases(
            "units sold + held + free + blocked = capacity",
            &unequal,
            format!("{} slots", slots.len()),
        ),
        Check::no_cases("all that was loaded is there", &short, format!("{there_are} units")),
        Check::no_cases("a unit for each order", &other, format!("{sold} units")),
        Check::no_cases("nobody without a code stands in the line", &crowded, format!("{joined} places")),
        audit::every_answer_within_the_contract(&crowd.floor.measured.borrow()),
    ])
}
