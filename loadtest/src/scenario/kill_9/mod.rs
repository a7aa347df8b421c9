//! `run kill-9`: the real server is killed without a word at a random instant under load, started again on what it had
//! written, and held to every answer it had given; many times over, on one data folder that grows.
//!
//! It promises that every acknowledgement was written down before the server died or not at all, that an audit runs while
//! nobody else asks, and that a failing round keeps the data folder. The instants and what everybody wants come from the
//! seed; how far the server got by then does not, so a repetition meets the same crowd and not the same byte.

mod asked;
mod book;
mod crowd;
mod findings;
mod floor;
mod granted;
mod line;
mod line_audit;
mod lists;
mod reckoning;
mod shelf;
mod summary;
mod unanswered;
mod view;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use indicatif::ProgressBar;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::client::{Client, Target};
use crate::draw;
use crate::failure::Failure;
use crate::keys::{Keys, bearer};
use crate::operator::Operator;
use crate::own_server::{self, OwnServer};
use crate::usage::Usage;
use crate::wire::Slot;

use book::{Book, Sale};
use findings::Findings;
use floor::Floor;
use reckoning::Audit;
pub use summary::{Outcome, Restart};

/// Load before a kill, in milliseconds.
const LOAD_MS: std::ops::RangeInclusive<u64> = 50..=1_500;
/// Every so many rounds the start after the kill is killed as well.
const START_KILLED_EVERY: u32 = 8;
/// Acknowledgements of earlier rounds that are asked for again in each round.
const SAMPLE: usize = 100;
/// Streams of chances a round uses.
const STREAMS: u64 = 64;

/// How often to kill, and with what.
#[derive(Clone, Debug)]
pub struct Kill9 {
    /// Kills.
    pub times: u32,
    /// The seed of instants and wishes.
    pub seed: u64,
    /// A folder to work in, without data; made and removed if not given.
    pub data: Option<PathBuf>,
    /// The server's program; without it the one beside the tester, or `ONSALE_BIN`.
    pub server: Option<PathBuf>,
}

/// Runs it.
pub async fn run(wish: &Kill9) -> Result<Outcome, Failure> {
    let started = Instant::now();
    if let Some(used) = wish.data.as_ref().map(|data| data.join("data")).filter(|data| data.exists()) {
        let why = format!("{} exists and would be counted as lost or found", used.display());
        return Err(Failure::new("The data folder is not empty.", why, "name another one with `--data DIR`"));
    }
    let keys = Keys::made_up();
    let program = wish.server.clone().map_or_else(own_server::find, Ok)?;
    let server = OwnServer::start(program, &keys, wish.data.as_deref()).await?;
    let mut course = Course {
        target: Target::parse(&server.url())?,
        server,
        shop: bearer(&keys.server)?,
        operator: bearer(keys.operator.as_deref().unwrap_or_default())?,
        seed: wish.seed,
        numbers: 0,
        restarts: Vec::new(),
        line: ProgressBar::new(u64::from(wish.times)),
    };
    let (mut book, mut findings) = (Book::default(), Findings::default());
    shelf::set_up(&course.clerk(), &mut book).await?;
    line::set_up(&course.clerk()).await?;
    let mut rounds = 0;
    while rounds < wish.times && findings.none() {
        (book, findings) = match course.round(rounds, book, findings).await {
            Ok(both) => both,
            Err(failure) => {
                return Err(course.broke_off(&format!("Kill {} of the run", rounds + 1), &failure));
            }
        };
        rounds += 1;
    }
    if findings.none() {
        (book, findings) = match course.last_audit(book, findings).await {
            Ok(both) => both,
            Err(failure) => return Err(course.broke_off("The run's end", &failure)),
        };
    }
    course.line.finish_and_clear();
    let outcome = Outcome {
        wish: wish.clone(),
        rounds,
        restarts: std::mem::take(&mut course.restarts),
        acknowledged: book.archive.len(),
        carts: book.carts.len(),
        orders: book.carts.values().filter(|cart| cart.view.order.is_some()).count(),
        places: book.line.waiters.len(),
        sessions: book.line.waiters.values().filter(|waiter| waiter.cart.is_some()).count(),
        told: book.told,
        checks: findings.checks(),
        data: course.server.data().to_owned(),
        lasted: started.elapsed(),
    };
    if outcome.passed() {
        course.server.discard_data();
    }
    Ok(outcome)
}

struct Course {
    server: OwnServer,
    target: Target,
    shop: HeaderValue,
    operator: HeaderValue,
    seed: u64,
    numbers: u64,
    restarts: Vec<Restart>,
    line: ProgressBar,
}

impl Course {
    fn chances(&self, round: u32, person: u64) -> ChaCha8Rng {
        draw::stream(self.seed, u64::from(round) * STREAMS + person)
    }

    fn clerk(&self) -> Operator {
        Operator::new(Client::new(&self.target, 64), self.operator.clone(), &self.target.url)
    }

    /// A server that died takes its connections with it: everybody who comes in has a new one.
    fn floor(&self, book: Book) -> Rc<Floor> {
        Rc::new(Floor {
            client: Client::new(&self.target, 64),
            shop: self.shop.clone(),
            operator: self.operator.clone(),
            book: RefCell::new(book),
            numbers: Cell::new(self.numbers),
            dead: Cell::new(false),
        })
    }

    /// Load, kill, start, audit, top up.
    async fn round(
        &mut self,
        round: u32,
        book: Book,
        findings: Findings,
    ) -> Result<(Book, Findings), Failure> {
        let floor = self.floor(book);
        let people = crowd::enter(&floor, |person| self.chances(round, 1 + person));
        let mut chances = self.chances(round, 0);
        tokio::time::sleep(Duration::from_millis(chances.random_range(LOAD_MS))).await;
        self.server.still_runs()?;
        floor.dead.set(true);
        self.server.crash();
        for person in people {
            person.await.map_err(|error| {
                Failure::new("Somebody of the crowd broke off.", error, "report this as a bug of the tester")
            })?;
        }
        self.numbers = floor.numbers.get();
        if round % START_KILLED_EVERY == START_KILLED_EVERY - 1 {
            self.server.begin()?;
            tokio::time::sleep(Duration::from_millis(chances.random_range(0..100))).await;
            self.server.crash();
        }
        self.server.begin()?;
        self.server.wait_until_ready().await?;
        let computed = Usage::of(self.server.pid()).map(|usage| usage.cpu_ms).unwrap_or_default();
        self.restarts.push(Restart { took: self.server.start_up, computed: Duration::from_millis(computed) });

        let sample = floor.book.borrow().archive.sample(&mut chances, SAMPLE).cloned().collect();
        let audit = self.audit(floor.clone(), findings);
        let slots = audit.round(sample).await?;
        audit.line(&mut chances).await?;
        let (mut book, findings) = close(audit, floor)?;
        if findings.none() {
            shelf::top_up(&self.clerk(), &mut book, &slots).await?;
        }
        self.tell(round, &book, &slots);
        book.archive_round();
        Ok((book, findings))
    }

    fn audit(&self, floor: Rc<Floor>, findings: Findings) -> Rc<Audit> {
        floor.dead.set(false);
        Rc::new(Audit { floor, operator: self.clerk(), findings: RefCell::new(findings) })
    }

    /// Everything once more: every acknowledgement of the run, every cart, and the lists of orders.
    async fn last_audit(&mut self, book: Book, findings: Findings) -> Result<(Book, Findings), Failure> {
        self.line.set_message("the last audit");
        let carts = book.carts.keys().cloned().collect();
        let floor = self.floor(book);
        let audit = self.audit(floor.clone(), findings);
        audit.carts(carts, &Rc::default()).await?;
        let acks = floor.book.borrow().archive.clone();
        audit.ask_again(acks).await?;
        audit.orders().await?;
        audit.round(Vec::new()).await?;
        audit.whole_line().await?;
        close(audit, floor)
    }

    fn tell(&self, round: u32, book: &Book, slots: &[(Sale, Slot)]) {
        let sold: u64 = slots.iter().filter_map(|(_, slot)| slot.sold).sum();
        let start = self.server.start_up.as_millis();
        let words = format!(
            "kill {}: {} acknowledged, {} in all, {} carts, {sold} units sold, up again after {start} ms",
            round + 1,
            book.fresh.len(),
            book.archive.len() + book.fresh.len(),
            book.carts.len(),
        );
        self.line.set_position(u64::from(round) + 1);
        self.line.set_message(words.clone());
        // Without a terminal a line every twenty-five kills shows that it is alive.
        if self.line.is_hidden() && (round + 1).is_multiple_of(25) {
            crate::progress::stage(&words);
        }
    }

    /// A server that is dead when nobody has killed it is the server's miss.
    fn broke_off(&mut self, when: &str, failure: &Failure) -> Failure {
        let died = self.server.still_runs().is_err() || failure.is_of_the_server();
        let (data, seed) = (self.server.data().display(), self.seed);
        let what = format!("{when} could not be audited; its data and log are kept in {data}.");
        Failure::new(what, failure, format!("repeat it with `loadtest run kill-9 --seed {seed}`"))
            .of_the_server(died)
    }
}

/// Takes book and findings back out of an audit, which nobody else holds any more.
fn close(audit: Rc<Audit>, floor: Rc<Floor>) -> Result<(Book, Findings), Failure> {
    drop(floor);
    let open = || {
        Failure::new("An audit is still at work.", "a task holds it", "report this as a bug of the tester")
    };
    let Audit { floor, findings, .. } = Rc::into_inner(audit).ok_or_else(open)?;
    let floor = Rc::into_inner(floor).ok_or_else(open)?;
    Ok((floor.book.into_inner(), findings.into_inner()))
}
