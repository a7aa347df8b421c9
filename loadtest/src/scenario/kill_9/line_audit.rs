//! The waiting room after a restart: every acknowledged ticket has its place, nobody has two and no place has two, the dials
//! stand as they were turned, the draw is the one that was shown, and a session that was begun is that session still.

use http::Method;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::findings::{PLACES, SESSIONS, TURNED};
use super::line::{SALE, Turned, Waiter, purchase};
use super::reckoning::{Audit, side_by_side};
use crate::client::Call;
use crate::failure::Failure;

/// Both clocks are written down once a second, and that takes a moment.
const HEARTBEAT_MS: u64 = 1_500;

/// Tickets of earlier rounds that are asked for again in each round.
const SAMPLE: usize = 150;

impl Audit {
    /// The waiting room after a kill: what was dealt with in the round, and some of the rest.
    pub async fn line(self: &Rc<Self>, rng: &mut ChaCha8Rng) -> Result<(), Failure> {
        let tickets = {
            let line = &self.floor.book.borrow().line;
            let some = line.waiters.keys().sample(rng, SAMPLE);
            line.touched.iter().chain(some).cloned().collect()
        };
        self.room().await?;
        self.tickets(tickets).await
    }

    /// All of it, and everybody's place.
    pub async fn whole_line(self: &Rc<Self>) -> Result<(), Failure> {
        let tickets = self.floor.book.borrow().line.waiters.keys().cloned().collect();
        self.room().await?;
        self.tickets(tickets).await?;
        self.places();
        Ok(())
    }

    /// What everybody can see: the dials, how many wait, the draw.
    async fn room(&self) -> Result<(), Failure> {
        let room: Value = self.operator.read(&format!("/v1/sales/{SALE}/queue")).await?;
        {
            let mut book = self.floor.book.borrow_mut();
            let unanswered = book.line.turned_unanswered.take();
            let told = [book.line.turned.clone(), unanswered];
            let stands = told.iter().flatten().find(|turned| as_turned(&room, turned)).cloned();
            let wrong = told[0].is_some() && stands.is_none();
            let wrong = wrong.then(|| format!("{told:?} was turned, now {room}"));
            self.look(TURNED, wrong);
            book.line.turned = stands.or(book.line.turned.take());
            let lanes = room["lanes"].as_array().cloned().unwrap_or_default();
            let count = |name: &str| lanes.iter().filter_map(|lane| lane[name].as_u64()).sum::<u64>();
            let given = count("waiting") + count("called_up_to");
            let (least, unknown) = (book.line.waiters.len() as u64, book.line.joins_unanswered);
            let wrong = !(least..=least + unknown).contains(&given);
            let words = format!("{given} places given, {least} acknowledged and {unknown} unanswered");
            self.look(PLACES, wrong.then_some(words));
        }
        let draw: Value = self.operator.read(&format!("/v1/sales/{SALE}/draw")).await?;
        let lasting = json!({"seed": draw["seed"], "commitment": draw["commitment"]});
        let mut book = self.floor.book.borrow_mut();
        let known = book.line.draw.take();
        let same = known.as_ref().is_none_or(|known| {
            let seed = known["seed"].is_null() || known["seed"] == lasting["seed"];
            seed && known["commitment"] == lasting["commitment"]
        });
        self.look(PLACES, (!same).then(|| format!("the draw was {known:?}, now {lasting}")));
        book.line.draw = Some(lasting);
        Ok(())
    }

    async fn tickets(self: &Rc<Self>, tickets: Vec<String>) -> Result<(), Failure> {
        let audit = Rc::clone(self);
        side_by_side(tickets, move |ticket| {
            let audit = Rc::clone(&audit);
            async move { audit.ticket(&ticket).await }
        })
        .await
    }

    async fn ticket(&self, ticket: &str) -> Result<(), Failure> {
        let Some(told) = self.floor.book.borrow().line.waiters.get(ticket).cloned() else { return Ok(()) };
        let answer = self.operator.ask(Call::get(format!("/v1/queue/{ticket}"))).await?;
        let now: Value = answer.read().unwrap_or_default();
        let state = now["state"].as_str().unwrap_or_default().to_owned();
        let place = told.place.zip(now["place"].as_u64());
        let kept = answer.status == 200
            && now["ticket"] == ticket
            && place.is_none_or(|(before, now)| before == now)
            && (told.unsure || may_become(&told.state, &state));
        let words = || format!("{ticket} was {told:?}, now {} {now}", answer.status);
        self.look(PLACES, (!kept).then(words));
        if kept {
            let wrong = self.floor.book.borrow_mut().line.told(&now, None);
            self.look(PLACES, wrong);
        }
        self.same_session(ticket, &told, &now).await?;
        let Some(customer) = &told.customer else { return self.sure(ticket) };
        let body = json!({"customer": customer});
        let call = Call::new(Method::POST, format!("/v1/sales/{SALE}/queue")).key(&self.floor.shop);
        let answer = self.operator.ask(call.json(&body)).await?;
        let again: Value = answer.read().unwrap_or_default();
        let wrong = answer.status != 200 || again["ticket"] != ticket;
        let words = || format!("{customer} has {ticket} and was given {} {again}", answer.status);
        self.look(PLACES, wrong.then(words));
        if !wrong {
            self.floor.book.borrow_mut().line.told(&again, None);
        }
        self.sure(ticket)
    }

    fn sure(&self, ticket: &str) -> Result<(), Failure> {
        if let Some(waiter) = self.floor.book.borrow_mut().line.waiters.get_mut(ticket) {
            waiter.unsure = false;
        }
        Ok(())
    }

    /// A session that was begun runs on and is not begun again: the same key gets the same cart, another key none while that
    /// one lives, and what is left of the time has not grown.
    async fn same_session(&self, ticket: &str, told: &Waiter, now: &Value) -> Result<(), Failure> {
        let (Some((cart, key)), Some(pass)) = (&told.cart, &told.pass) else { return Ok(()) };
        if now["state"] != "admitted" {
            return Ok(());
        }
        let left = told.expires_in_ms.filter(|_| told.state == "admitted").zip(now["expires_in_ms"].as_u64());
        // Time passes on the clock that is written down: what the server lived after its last word counts as an outage, in each
        // round since.
        let kills = self.floor.book.borrow().line.rounds + 1 - told.round;
        let grown = left.filter(|(before, after)| *after > before + kills * HEARTBEAT_MS);
        let words = |(before, after)| format!("{ticket}: {before} ms of its session were left, now {after}");
        self.look(SESSIONS, grown.map(words));
        for key in [key.clone(), format!("{key}-other")] {
            let Some(call) = purchase(pass, &key) else { continue };
            let answer = self.operator.ask(call).await?;
            let body: Value = answer.read().unwrap_or_default();
            let right = match answer.status {
                201 => answer.replayed && body["cart"] == **cart,
                409 => body["code"] == "session-busy" && key.ends_with("-other"),
                _ => false,
            };
            let words = || format!("{ticket} has {cart}; {key} was answered {} {body}", answer.status);
            self.look(SESSIONS, (!right).then(words));
        }
        Ok(())
    }

    /// No place of a lane belongs to two, and no person has two.
    fn places(&self) {
        let book = self.floor.book.borrow();
        let mut places = BTreeMap::new();
        for (ticket, waiter) in &book.line.waiters {
            // All of the crowd are in the first lane.
            let Some(place) = waiter.place else { continue };
            let other = places.insert(place, ticket);
            self.look(PLACES, other.map(|other| format!("{other} and {ticket} are both at {place}")));
        }
    }
}

fn as_turned(room: &Value, turned: &Turned) -> bool {
    let Turned { mode, admit_per_minute, max_active, message } = turned;
    room["mode"] == *mode
        && room["admit_per_minute"] == *admit_per_minute
        && room["max_active"] == *max_active
        && room["message"].as_str() == message.as_deref()
}

/// Whether a ticket that was told to be in a state can be in another by now, while no call and no session ends.
fn may_become(told: &str, now: &str) -> bool {
    match told {
        "prequeue" => matches!(now, "prequeue" | "waiting" | "called"),
        "waiting" | "lapsed" => matches!(now, "waiting" | "called" | "lapsed"),
        "called" => now == "called",
        told => told == now,
    }
}
