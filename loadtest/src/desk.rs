//! The calls of the contract a buyer makes, one function each: look, search, hold, check out, give back. Each sends,
//! measures, reads the answer and writes what was acknowledged into the ledger, so that visits read like what people do.
//!
//! A request without a final answer (lost, 429, 503) is asked again after 1 to 5 s with probability 0.95, with the same
//! idempotency key, as the contract tells clients to do; the offered load grows with failure as it would on the day.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::client::{Answer, Call};
use crate::draw;
use crate::driver::{Floor, Heard};
use crate::ledger::{Fate, Ledger};
use crate::measured::Kind;
use crate::shown;
use crate::turns::Turn;
use crate::wire;
use crate::wish::Wish;

/// How often one request is asked in all before its visitor gives up.
const TRIES: u32 = 6;
/// How long a checkout may wait for its confirmation in one request; the time-out of that request lies above it.
const CHECKOUT_WAIT_S: u32 = 10;

/// So long after its opening nobody may be told any longer that a sale is closed: what was shown may be 2 s old.
const OPENS_WITHIN: Duration = Duration::from_secs(2);

/// Where a buyer stands: the sale, the credential, the books.
#[derive(Debug)]
pub struct Desk {
    /// The shared floor.
    pub floor: Rc<Floor>,
    /// What was acknowledged.
    pub ledger: RefCell<Ledger>,
    /// The sale's id.
    pub sale: String,
    /// Makes idempotency keys of this run different from those of any other run.
    pub run: String,
    /// True if places are handed out by a driver; else a step goes at its own time.
    pub open_loop: bool,
    /// Hold requests answered after the buyer was shown something free.
    pub clicks: Cell<u64>,
    /// Of those, the ones that found it gone.
    pub gone: Cell<u64>,
}

/// What came of asking for a hold.
#[derive(Debug, PartialEq, Eq)]
pub enum Holding {
    /// The cart.
    Held(String),
    /// The code of the refusal.
    Refused(String),
    /// No final answer.
    Silent,
}

/// What came of paying.
#[derive(Debug, PartialEq, Eq)]
pub enum Paying {
    /// The order.
    Ordered(String),
    /// The code of the refusal, or the state the checkout ended in.
    Refused(String),
    /// No final answer.
    Silent,
}

/// Why somebody who looked saw nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// Was refused: a pass whose time is over.
    Refused,
    /// Got no final answer, or one that cannot be read.
    Silent,
}

impl Desk {
    /// Waits until `due`, and for a place of the plan.
    pub async fn turn(&self, due: Instant) -> Turn {
        if self.open_loop {
            return self.floor.turns.at(due).await;
        }
        tokio::time::sleep_until(due.into()).await;
        Turn::at(Instant::now())
    }

    /// Whether the sale is open to everybody at this instant, whatever they were shown before.
    pub fn is_open(&self, instant: Instant) -> bool {
        instant > self.ledger.borrow().t0() + OPENS_WITHIN
    }

    /// Looks at what is left of a product, by venue and day.
    pub async fn look(
        &self,
        turn: Turn,
        product: &str,
        buyer: &mut Buyer,
    ) -> Result<Vec<wire::Availability>, Unserved> {
        let path = format!("/v1/sales/{}/availability?by=venue,day&product={product}", self.sale);
        let read = Call::get(path).key(&buyer.key);
        let told = self.insist(Kind::Look, turn, read, buyer).await;
        let (rows, answer) = self.read_served("availability", told, buyer)?;
        shown::counts(&mut self.floor.measured.borrow_mut(), &rows, &answer);
        Ok(rows.items)
    }

    /// Searches bundles of a rule at a venue.
    pub async fn search(
        &self,
        turn: Turn,
        rule: &str,
        venue: &str,
        buyer: &mut Buyer,
    ) -> Result<Vec<wire::Bundle>, Unserved> {
        let path = format!("/v1/sales/{}/bundles?rule={rule}&venue={venue}&limit=20", self.sale);
        let told = self.insist(Kind::Search, turn, Call::get(path).key(&buyer.key), buyer).await;
        let (rows, answer): (wire::Dated<wire::Bundle>, _) = self.read_served("bundles", told, buyer)?;
        shown::dated(&mut self.floor.measured.borrow_mut(), "search", &rows, &answer);
        Ok(rows.items)
    }

    /// Makes a cart with one item.
    pub async fn hold(&self, turn: Turn, wish: &Wish, buyer: &mut Buyer) -> Holding {
        let item = wish.json();
        let body = match buyer.with_pass {
            // The pass has a customer of its own.
            true => json!({"items": [item]}),
            false => json!({"customer": buyer.name, "items": [item]}),
        };
        let path = format!("/v1/sales/{}/carts", self.sale);
        let call = Call::new(Method::POST, path).key(&buyer.key).json(&body).once(self.key(buyer, "hold"));
        let told = self.insist(Kind::Hold, turn, call, buyer).await;
        if told.happened() {
            self.clicks.set(self.clicks.get() + 1);
        }
        match told.answer {
            Some(answer) if answer.status == 201 => {
                let holding = self.note_held(&answer, turn.intended, wish);
                buyer.carts += u32::from(matches!(holding, Holding::Held(_)));
                holding
            }
            Some(_) => {
                if matches!(told.code.as_str(), "slot-taken" | "all-held" | "sold-out" | "bundle-incomplete")
                {
                    self.gone.set(self.gone.get() + 1);
                }
                buyer.refused_with.clone_from(&told.code);
                Holding::Refused(told.code)
            }
            None => {
                self.ledger.borrow_mut().unsure_units += wish.units();
                Holding::Silent
            }
        }
    }

    /// Checks a cart out and waits for its confirmation.
    pub async fn pay(&self, turn: Turn, cart: &str, buyer: &mut Buyer) -> Paying {
        let path = format!("/v1/carts/{cart}/checkout");
        let mut call = Call::new(Method::POST, path).key(&buyer.key).json(&json!({}));
        let key = self.key(buyer, "checkout");
        call = call.once(key.clone());
        let mut turn = turn;
        for _ in 0..TRIES {
            call.wait_s = Some(CHECKOUT_WAIT_S);
            call.timeout = Duration::from_secs(u64::from(CHECKOUT_WAIT_S) + 5);
            let told = self.insist(Kind::Checkout, turn, call, buyer).await;
            let Some(answer) = told.answer else { break };
            if answer.status >= 400 {
                if told.code == "cart-expired" {
                    self.ledger.borrow_mut().expired(cart, Instant::now());
                }
                buyer.refused_with.clone_from(&told.code);
                return Paying::Refused(told.code);
            }
            let Some(checkout) = self.read::<wire::Checkout>("checkout", &answer) else { break };
            match (checkout.state.as_str(), checkout.order) {
                ("confirmed", Some(order)) => {
                    self.floor.pulse.ordered();
                    self.ledger.borrow_mut().ordered(cart, &order, &buyer.key, &key);
                    return Paying::Ordered(order);
                }
                ("rejected" | "expired", _) => {
                    buyer.refused_with.clone_from(&checkout.state);
                    return Paying::Refused(checkout.state);
                }
                _ => {}
            }
            call = Call::get(format!("/v1/checkouts/{}", checkout.checkout)).key(&buyer.key);
            turn = self.turn(Instant::now()).await;
        }
        self.ledger.borrow_mut().payment_unanswered(cart, &buyer.key, &key);
        Paying::Silent
    }

    /// Gives a cart back; true if the server said so.
    pub async fn give_back(&self, turn: Turn, cart: &str, buyer: &mut Buyer) -> bool {
        self.ledger.borrow_mut().giving_back(cart);
        let call = Call::new(Method::DELETE, format!("/v1/carts/{cart}")).key(&buyer.key);
        let call = call.once(self.key(buyer, "give-back"));
        let told = self.insist(Kind::GiveBack, turn, call, buyer).await;
        let done = told.answer.is_some_and(|answer| answer.status < 300);
        if done {
            self.ledger.borrow_mut().became(cart, Fate::GivenBack);
        }
        done
    }

    /// `asked` is at or before the instant at which the server counted the cart's time from.
    fn note_held(&self, answer: &Answer, asked: Instant, wish: &Wish) -> Holding {
        let Some(cart) = self.read::<wire::Cart>("cart", answer) else { return Holding::Silent };
        if let Some(now) = cart.server_time {
            self.floor.measured.borrow_mut().ages.told(now, answer.times.1);
        }
        let stranger = wish.differs(&cart.items, self.ledger.borrow().stock());
        let units: Vec<(String, u64)> =
            cart.items.into_iter().map(|item| (item.slot, item.quantity)).collect();
        self.floor.pulse.held();
        let deadline = cart.expires_in_ms.map(|ms| asked + Duration::from_millis(ms));
        let mut ledger = self.ledger.borrow_mut();
        ledger.held(&cart.cart, &units, Instant::now(), deadline);
        ledger.not_as_asked.extend(stranger.map(|why| format!("{}: {why}", cart.cart)));
        Holding::Held(cart.cart)
    }

    /// Asks until there is a final answer or the buyer gives up.
    async fn insist(&self, kind: Kind, turn: Turn, call: Call, buyer: &mut Buyer) -> ToldAtLast {
        let mut turn = turn;
        let (mut tries, mut never_sent) = (1, true);
        loop {
            let Heard { answer, code, not_sent } = self.floor.send(kind, turn, &call).await;
            never_sent &= not_sent;
            let final_answer =
                answer.filter(|answer| answer.status < 500 && !matches!(answer.status, 408 | 425 | 429));
            if final_answer.is_some() || tries == TRIES || !draw::chance(&mut buyer.rng, 0.95) {
                buyer.not_sent = final_answer.is_none() && never_sent;
                return ToldAtLast { answer: final_answer, code: code.unwrap_or_default() };
            }
            tries += 1;
            let pause = draw::seconds(buyer.rng.random_range(1.0..5.0));
            turn = Turn { first: turn.first, ..self.turn(Instant::now() + pause).await };
        }
    }

    fn read_served<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        told: ToldAtLast,
        buyer: &mut Buyer,
    ) -> Result<(T, Answer), Unserved> {
        match told.answer {
            Some(answer) if answer.status >= 400 => {
                buyer.refused_with.clone_from(&told.code);
                Err(Unserved::Refused)
            }
            Some(answer) => match self.read(what, &answer) {
                Some(read) => Ok((read, answer)),
                None => Err(Unserved::Silent),
            },
            None => Err(Unserved::Silent),
        }
    }

    fn read<'a, T: serde::Deserialize<'a>>(&self, what: &str, answer: &'a Answer) -> Option<T> {
        match answer.read() {
            Ok(read) => Some(read),
            Err(error) => {
                let breach = format!("{what}: an answer {} that cannot be read: {error}", answer.status);
                self.floor.measured.borrow_mut().breach(breach);
                None
            }
        }
    }

    fn key(&self, buyer: &mut Buyer, step: &str) -> String {
        buyer.steps += 1;
        format!("{}-{}-{step}-{}", self.run, buyer.name, buyer.steps)
    }
}

/// Who asks: a name, a credential, and the stream of this person's chances.
#[derive(Debug)]
pub struct Buyer {
    /// The `customer` of the contract.
    pub name: String,
    /// The credential of the shop or phone desk that asks.
    pub key: HeaderValue,
    /// This person's own stream.
    pub rng: ChaCha8Rng,
    /// Carts this buyer was given.
    pub carts: u32,
    /// The code of the last refusal.
    pub refused_with: String,
    /// The last thing this buyer wanted to ask was never sent: the tester had no connection.
    pub not_sent: bool,
    with_pass: bool,
    steps: u32,
}

impl Buyer {
    /// A buyer who has done nothing yet.
    pub fn new(name: String, key: &HeaderValue, rng: ChaCha8Rng) -> Self {
        Self {
            name,
            key: key.clone(),
            rng,
            carts: 0,
            refused_with: String::new(),
            not_sent: false,
            with_pass: false,
            steps: 0,
        }
    }

    /// A buyer whose credential is the pass of a waiting room.
    pub fn with_pass(name: String, pass: &HeaderValue, rng: ChaCha8Rng) -> Self {
        Self { with_pass: true, ..Self::new(name, pass, rng) }
    }
}

struct ToldAtLast {
    answer: Option<Answer>,
    code: String,
}

impl ToldAtLast {
    fn happened(&self) -> bool {
        self.answer.is_some()
    }
}
