//! The waiting room of the loop: who joins it, with a proof or without, asks, leaves, buys with a pass, and who turns its
//! dials; and the book of what was acknowledged there. It opens a few seconds after the loop begins, so that the first kills
//! meet registrations, one meets the draw, and the rest meet calls and sessions.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::floor::{Floor, said};
use crate::client::{Answer, Call};
use crate::failure::Failure;
use crate::keys::bearer;
use crate::operator::Operator;

/// The sale's id.
pub const SALE: &str = "waiting";
/// Its one slot, which never runs out.
const SLOT: &str = "waiting-0";
/// It opens so long after it was made.
const OPENS_AFTER_S: i64 = 6;
/// Neither a call nor a session ends while the loop lasts.
const LONG_MS: u64 = 3_600_000;
/// People who come again and again, on whatever device.
const PEOPLE: u64 = 200;

/// A ticket as its holder was last told of it.
#[derive(Clone, Debug, Default)]
pub struct Waiter {
    /// Who proved to be it.
    pub customer: Option<String>,
    /// `state`.
    pub state: String,
    /// `place`.
    pub place: Option<u64>,
    /// `ahead`.
    pub ahead: Option<u64>,
    /// `expires_in_ms`.
    pub expires_in_ms: Option<u64>,
    /// In which round it was told that.
    pub round: u64,
    /// The newest pass.
    pub pass: Option<String>,
    /// The cart that the pass made, and the key it was made under.
    pub cart: Option<(String, String)>,
    /// Somebody was on the way with the pass or away when the server died.
    pub unsure: bool,
}

/// What an operator turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    pub mode: &'static str,
    pub admit_per_minute: u64,
    pub max_active: u64,
    pub message: Option<String>,
}

/// What was acknowledged in the waiting room.
#[derive(Debug, Default)]
pub struct LineBook {
    /// Everybody, by ticket.
    pub waiters: BTreeMap<String, Waiter>,
    /// Tickets of people.
    pub people: BTreeMap<String, String>,
    /// Tickets somebody dealt with in this round.
    pub touched: BTreeSet<String>,
    /// Rounds that are over.
    pub rounds: u64,
    /// Tickets and people somebody is dealing with: answers that cross each other would tell an old story last.
    busy: BTreeSet<String>,
    /// Joins that got no answer, ever.
    pub joins_unanswered: u64,
    /// The dials as they were last acknowledged.
    pub turned: Option<Turned>,
    /// A change of the dials that got no answer.
    pub turned_unanswered: Option<Turned>,
    /// Of the draw what never changes once it is shown: seed, commitment, when it was made, over which registrations.
    pub draw: Option<Value>,
}

/// Makes the sale and its room.
pub async fn set_up(operator: &Operator) -> Result<(), Failure> {
    let opens_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(OPENS_AFTER_S);
    let settings = json!({
        "time_zone": "UTC", "opens_at": opens_at.to_string(), "hold_ttl_ms": LONG_MS, "hold_max_ms": LONG_MS,
        "waiting_room": {"enabled": true, "admit_per_minute": 6_000, "max_active": 100, "claim_ms": LONG_MS,
            "session_ms": LONG_MS, "lanes": [{"name": "general", "weight": 3}, {"name": "phone", "weight": 1}]}});
    let path = format!("/v1/sales/{SALE}");
    operator.expect(Call::new(Method::PUT, &path).json(&settings), &[201]).await?;
    let slots = json!({"slots": [{"id": SLOT, "venue": "hall", "capacity": 1_000_000}]});
    operator.expect(Call::new(Method::POST, format!("{path}/slots")).json(&slots), &[200]).await?;
    Ok(())
}

impl LineBook {
    /// Somebody was told of a ticket; what is wrong with it, if anything is.
    pub fn told(&mut self, body: &Value, customer: Option<&str>) -> Option<String> {
        let ticket = body["ticket"].as_str()?.to_owned();
        let known = self.waiters.entry(ticket.clone()).or_default();
        let before = known.clone();
        known.customer = customer.map(ToOwned::to_owned).or(before.customer);
        known.state = body["state"].as_str().unwrap_or_default().to_owned();
        (known.place, known.ahead) = (body["place"].as_u64().or(before.place), body["ahead"].as_u64());
        (known.expires_in_ms, known.round) = (body["expires_in_ms"].as_u64(), self.rounds);
        known.pass = body["pass"].as_str().map(ToOwned::to_owned).or(before.pass);
        self.touched.insert(ticket.clone());
        if let Some(customer) = customer {
            let known = self.people.entry(customer.to_owned()).or_insert_with(|| ticket.clone());
            if *known != ticket {
                return Some(format!("{customer} had {known} and has {ticket}"));
            }
        }
        let rose = before.ahead.zip(body["ahead"].as_u64()).filter(|(before, now)| now > before);
        rose.map(|(before, now)| format!("{ticket}: {before} were ahead, now {now}"))
    }

    /// Somebody's request may change how a ticket stands, or its answer has come.
    fn doubt(&mut self, ticket: Option<&str>, unsure: bool) {
        if let Some(waiter) = ticket.and_then(|ticket| self.waiters.get_mut(ticket)) {
            waiter.unsure = unsure;
        }
    }

    /// The round is over.
    pub fn archive_round(&mut self) {
        self.rounds += 1;
        self.touched.clear();
        self.busy.clear();
    }

    /// Somebody begins to deal with a ticket or as a person, if nobody else does.
    fn begin(&mut self, whom: &str) -> bool {
        let ticket = self.people.get(whom).cloned();
        if self.busy.contains(whom) || ticket.as_ref().is_some_and(|ticket| self.busy.contains(ticket)) {
            return false;
        }
        self.busy.extend(ticket);
        self.busy.insert(whom.to_owned())
    }

    /// And is done with it.
    fn end(&mut self, whom: &str) {
        self.busy.remove(whom);
        if let Some(ticket) = self.people.get(whom) {
            self.busy.remove(ticket);
        }
    }
}

/// One thing somebody does in the waiting room; `None` when the server is dead.
pub async fn wait(floor: &Floor, rng: &mut ChaCha8Rng) -> Option<()> {
    if floor.dead.get() {
        return None;
    }
    let some = floor.book.borrow().line.waiters.keys().choose(rng).cloned();
    let deed = rng.random_range(0..20);
    let whom = match (deed, some) {
        (0..5, _) | (_, None) => return join(floor, None).await,
        (5..10, _) => format!("w-{}", rng.random_range(0..PEOPLE)),
        (_, Some(ticket)) => ticket,
    };
    if !floor.book.borrow_mut().line.begin(&whom) {
        return Some(());
    }
    let lives = match deed {
        ..10 => join(floor, Some(whom.clone())).await,
        10..16 => ask(floor, &whom, rng).await,
        16..19 => again(floor, &whom).await,
        _ => leave(floor, &whom).await,
    };
    floor.book.borrow_mut().line.end(&whom);
    lives
}

fn path() -> String {
    format!("/v1/sales/{SALE}/queue")
}

/// Writes down what was told, or that it is odd.
fn write_down(floor: &Floor, call: &Call, answer: &Answer, customer: Option<&str>) {
    let mut book = floor.book.borrow_mut();
    let oddity = match answer.read::<Value>() {
        Ok(body) if answer.status < 300 => book.line.told(&body, customer),
        _ => Some(format!("{} {}: answered {}", call.method, call.path, said(answer))),
    };
    book.oddities.extend(oddity);
}

async fn join(floor: &Floor, customer: Option<String>) -> Option<()> {
    let mut call = Call::new(Method::POST, path());
    if let Some(customer) = &customer {
        call = call.key(&floor.shop).json(&json!({"customer": customer}));
    }
    // Who had left is back with this, answered or not.
    let known = customer.as_ref().and_then(|customer| floor.book.borrow().line.people.get(customer).cloned());
    floor.book.borrow_mut().line.doubt(known.as_deref(), true);
    let answer = floor.send(&call).await.filter(|answer| answer.status != 503);
    let Some(answer) = answer else {
        floor.book.borrow_mut().line.joins_unanswered += 1;
        return None;
    };
    write_down(floor, &call, &answer, customer.as_deref());
    floor.book.borrow_mut().line.doubt(known.as_deref(), false);
    Some(())
}

/// Asks, and whoever is called comes in with the pass and buys, or does not come.
async fn ask(floor: &Floor, ticket: &str, rng: &mut ChaCha8Rng) -> Option<()> {
    let call = Call::get(format!("/v1/queue/{ticket}"));
    let answer = floor.send(&call).await.filter(|answer| answer.status != 503)?;
    write_down(floor, &call, &answer, None);
    let pass = {
        let book = floor.book.borrow();
        let waiter = book.line.waiters.get(ticket)?;
        waiter.pass.clone().filter(|_| waiter.state == "called" && rng.random_range(0..3) > 0)
    };
    let Some(pass) = pass else { return Some(()) };
    come_in(floor, ticket, &pass).await
}

async fn come_in(floor: &Floor, ticket: &str, pass: &str) -> Option<()> {
    let key = format!("p-{}", floor.number());
    let call = purchase(pass, &key)?;
    if let Some(waiter) = floor.book.borrow_mut().line.waiters.get_mut(ticket) {
        waiter.unsure = true;
    }
    let answer = floor.send(&call).await.filter(|answer| answer.status != 503)?;
    let mut book = floor.book.borrow_mut();
    let cart = answer.read::<Value>().ok().and_then(|body| body["cart"].as_str().map(ToOwned::to_owned));
    let refused = matches!(answer.status, 403 | 409 | 410);
    match cart.filter(|_| answer.status == 201) {
        Some(cart) => {
            if let Some(waiter) = book.line.waiters.get_mut(ticket) {
                // Two of the crowd may hold one ticket: the other one was told the same.
                (waiter.cart, waiter.unsure) = (Some((cart, key)), false);
                "admitted".clone_into(&mut waiter.state);
                // What was told of the time was how long the call would stand, not the session.
                waiter.expires_in_ms = None;
            }
        }
        None if refused => {
            if let Some(waiter) = book.line.waiters.get_mut(ticket) {
                waiter.unsure = false;
                // The session begins with the first use of the pass, whatever becomes of the cart: who left with a live cart and was
                // called again is refused a second one and is in all the same.
                if answer.status == 409 {
                    "admitted".clone_into(&mut waiter.state);
                    waiter.expires_in_ms = None;
                }
            }
        }
        None => book.oddities.push(format!("a pass of {ticket}: answered {}", said(&answer))),
    }
    Some(())
}

/// A cart with a pass.
pub fn purchase(pass: &str, key: &str) -> Option<Call> {
    let body = json!({"items": [{"slot": SLOT, "quantity": 1}]});
    let call = Call::new(Method::POST, format!("/v1/sales/{SALE}/carts"));
    Some(call.key(&bearer(pass).ok()?).once(key.to_owned()).json(&body))
}

/// Joins again with the ticket.
async fn again(floor: &Floor, ticket: &str) -> Option<()> {
    let call = Call::new(Method::POST, path()).json(&json!({"ticket": ticket}));
    floor.book.borrow_mut().line.doubt(Some(ticket), true);
    let answer = floor.send(&call).await.filter(|answer| answer.status != 503)?;
    write_down(floor, &call, &answer, None);
    floor.book.borrow_mut().line.doubt(Some(ticket), false);
    Some(())
}

async fn leave(floor: &Floor, ticket: &str) -> Option<()> {
    if let Some(waiter) = floor.book.borrow_mut().line.waiters.get_mut(ticket) {
        waiter.unsure = true;
    }
    let call = Call::new(Method::DELETE, format!("/v1/queue/{ticket}"));
    let answer = floor.send(&call).await.filter(|answer| answer.status != 503)?;
    write_down(floor, &call, &answer, None);
    if let Some(waiter) = floor.book.borrow_mut().line.waiters.get_mut(ticket) {
        waiter.unsure = false;
    }
    Some(())
}

/// Turns the dials.
pub async fn turn(floor: &Floor, rng: &mut ChaCha8Rng) -> Option<()> {
    if floor.dead.get() {
        return None;
    }
    let turned = Turned {
        mode: if rng.random_range(0..5) == 0 { "pause" } else { "queue" },
        admit_per_minute: rng.random_range(600..60_000),
        max_active: rng.random_range(20..600),
        message: (rng.random_range(0..2) == 0).then(|| format!("word {}", floor.number())),
    };
    let body = json!({"mode": turned.mode, "admit_per_minute": turned.admit_per_minute,
        "max_active": turned.max_active, "message": turned.message, "reason": "kill-9"});
    let call = Call::new(Method::PATCH, path()).key(&floor.operator).json(&body);
    let answer = floor.send(&call).await.filter(|answer| answer.status != 503);
    let mut book = floor.book.borrow_mut();
    match answer {
        Some(answer) if answer.status == 200 => book.line.turned = Some(turned),
        Some(answer) => book.oddities.push(format!("PATCH {}: answered {}", call.path, said(&answer))),
        None => {
            book.line.turned_unanswered = Some(turned);
            return None;
        }
    }
    Some(())
}
