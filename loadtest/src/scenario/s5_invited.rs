//! What the invited do, and those who were not: one answer each, on the web through the waiting room or by phone, once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method};
use serde_json::{Value, json};

use super::s5_terms::Terms;
use crate::client::{Answer, Call};
use crate::driver::Floor;
use crate::keys::bearer;
use crate::measured::Kind;
use crate::turns::Turn;

/// Every so many of the invited try their code from two devices at once, and again after their order.
const TWICE: usize = 10;
/// How long after their invitation has ended people still ask, and how shortly before they may find that it has.
const GRACE: Duration = Duration::from_secs(3);

/// What was observed.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// From asking to being let in, web and phone.
    pub longest_wait: Duration,
    /// Orders: of whom, when, and their ids.
    pub ordered: Vec<(usize, Instant, String)>,
    /// Invited people who came in time and found nothing, with what they were told.
    pub nothing: Vec<String>,
    /// People who came too late and were told so.
    pub late: u64,
    /// Codes that did more than one thing, or less.
    pub not_once: Vec<String>,
    /// Tries of a code that was used, or in use.
    pub twice: u64,
    /// Answers to people without a code that were not the refusal.
    pub let_in: Vec<String>,
    /// People without a code who were refused.
    pub refused: u64,
    /// Units that were for sale before their deadline, or later than a second after it.
    pub late_units: Vec<String>,
    /// Units that went back, and the longest that took.
    pub went_back: (u64, Duration),
    /// Who is in the line, and what they were told last.
    pub in_line: BTreeMap<usize, String>,
}

/// What all share.
#[derive(Debug)]
pub(super) struct Crowd {
    pub floor: Rc<Floor>,
    pub terms: Terms,
    pub sale: String,
    pub run: String,
    pub phone_key: HeaderValue,
    /// Held while a wave gets its slots and its codes: in between its units are free, and no lapsed ones.
    pub wave_in_the_making: tokio::sync::Mutex<()>,
    /// The code of each, once its wave is made.
    pub codes: RefCell<Vec<String>>,
    pub found: RefCell<Found>,
}

/// Status and code of an answer, for words.
pub(super) fn words(answer: Option<&Answer>) -> String {
    let Some(answer) = answer else { return "no answer".to_owned() };
    let code = answer.read::<Value>().ok().and_then(|value| value["code"].as_str().map(str::to_owned));
    format!("{} {}", answer.status, code.unwrap_or_default())
}

fn text(answer: &Answer, field: &str) -> Option<String> {
    answer.read::<Value>().ok()?[field].as_str().map(str::to_owned)
}

impl Crowd {
    async fn send(&self, kind: Kind, call: &Call) -> Option<Answer> {
        self.send_at(kind, Instant::now(), call).await
    }

    /// Sends what was due at an instant.
    async fn send_at(&self, kind: Kind, due: Instant, call: &Call) -> Option<Answer> {
        self.floor.send(kind, Turn::at(due), call).await.answer
    }

    fn cart(&self, key: &HeaderValue, once: String, body: &Value) -> Call {
        Call::new(Method::POST, format!("/v1/sales/{}/carts", self.sale)).key(key).once(once).json(body)
    }

    /// One of the invited answers, as they meant to at `due`.
    pub async fn answer(self: Rc<Self>, number: usize, due: Instant) {
        let (invited, code) = (self.terms.invited[number], self.codes.borrow()[number].clone());
        let body = json!({"customer": format!("{}-{number}", self.run), "access_code": code});
        let in_the_end = if invited.by_phone {
            let twin = (number.is_multiple_of(TWICE)).then(|| {
                let other = json!({"customer": format!("{}-{number}b", self.run), "access_code": code});
                self.cart(&self.phone_key, format!("{}-twin-{number}", self.run), &other)
            });
            let call = self.cart(&self.phone_key, format!("{}-cart-{number}", self.run), &body);
            match twin {
                None => (self.phone_key.clone(), due, self.send_at(Kind::Hold, due, &call).await),
                Some(twin) => {
                    let one = self.send_at(Kind::Hold, due, &call);
                    let both = tokio::join!(one, self.send_at(Kind::Hold, due, &twin));
                    (self.phone_key.clone(), due, self.one_of(number, both))
                }
            }
        } else {
            match self.queue(number, &code, due).await {
                Ok(pass) => {
                    let call = self.cart(&pass, format!("{}-cart-{number}", self.run), &json!({}));
                    (pass, Instant::now(), self.send(Kind::Hold, &call).await)
                }
                Err(answer) => (self.phone_key.clone(), due, answer),
            }
        };
        let (key, sent, answer) = in_the_end;
        let waited = due.elapsed();
        let cart = match &answer {
            Some(answer) if answer.status == 201 => text(answer, "cart"),
            _ => None,
        };
        let Some(cart) = cart else { return self.note_refusal(number, answer.as_ref()) };
        // It was made after it was asked for, and lives at least so long from then.
        let lives = answer.as_ref().and_then(|answer| answer.read::<Value>().ok()?["expires_in_ms"].as_u64());
        let deadline = sent + Duration::from_millis(lives.unwrap_or(0));
        {
            let mut found = self.found.borrow_mut();
            found.longest_wait = found.longest_wait.max(waited);
            self.floor.pulse.held();
        }
        self.order(number, &key, &cart, deadline).await;
        if number.is_multiple_of(TWICE) {
            let again = self.cart(&self.phone_key, format!("{}-again-{number}", self.run), &body);
            let answer = words(self.send(Kind::Hold, &again).await.as_ref());
            self.must_be(number, &answer, "422 code-used");
        }
    }

    /// Of two devices with one code one has the cart, and the other hears that the code is in use.
    fn one_of(&self, number: usize, both: (Option<Answer>, Option<Answer>)) -> Option<Answer> {
        let made = |answer: &Option<Answer>| answer.as_ref().is_some_and(|answer| answer.status == 201);
        let (winner, loser) = if made(&both.0) { both } else { (both.1, both.0) };
        if made(&winner) {
            self.must_be(number, &words(loser.as_ref()), "422 code-used");
        }
        winner
    }

    fn must_be(&self, number: usize, got: &str, wanted: &str) {
        let mut found = self.found.borrow_mut();
        found.twice += 1;
        if got != wanted {
            found.not_once.push(format!("code {number} was answered {got}"));
        }
    }

    /// Waits for the turn, until a little after the invitation has ended; gives the pass, or the last answer.
    async fn queue(&self, number: usize, code: &str, due: Instant) -> Result<HeaderValue, Option<Answer>> {
        let path = format!("/v1/sales/{}/queue", self.sale);
        let join = Call::new(Method::POST, path).json(&json!({"access_code": code}));
        let mut answer = self.send_at(Kind::Join, due, &join).await;
        let goes_at = due + self.ends(number).saturating_sub(self.terms.invited[number].answers_at) + GRACE;
        loop {
            let Some(told) =
                answer.as_ref().filter(|told| told.status < 300).and_then(|told| told.read::<Value>().ok())
            else {
                self.found.borrow_mut().in_line.remove(&number);
                return Err(answer);
            };
            if let Some(pass) = told["pass"].as_str().and_then(|pass| bearer(pass).ok()) {
                self.found.borrow_mut().in_line.remove(&number);
                return Ok(pass);
            }
            if Instant::now() >= goes_at {
                self.found.borrow_mut().in_line.remove(&number);
                return Err(answer);
            }
            self.found.borrow_mut().in_line.insert(number, told.to_string());
            let due = Instant::now() + Duration::from_millis(told["poll_after_ms"].as_u64().unwrap_or(2_000));
            tokio::time::sleep_until(due.into()).await;
            let poll = Call::get(format!("/v1/queue/{}", told["ticket"].as_str().unwrap_or_default()));
            answer = self.send_at(Kind::Poll, due, &poll).await;
        }
    }

    async fn order(&self, number: usize, key: &HeaderValue, cart: &str, deadline: Instant) {
        let call = Call::new(Method::POST, format!("/v1/carts/{cart}/checkout")).key(key);
        let mut call = call.once(format!("{}-pay-{number}", self.run));
        call.wait_s = Some(5);
        let answer = self.send(Kind::Checkout, &call).await;
        let mut found = self.found.borrow_mut();
        match answer.as_ref().and_then(|answer| text(answer, "order")) {
            Some(order) => {
                self.floor.pulse.ordered();
                found.ordered.push((number, Instant::now(), order));
            }
            None => {
                // A cart ends with its invitation, and that is no more than it promised.
                let told = words(answer.as_ref());
                if told != "410 cart-expired" || Instant::now() < deadline {
                    found.nothing.push(format!("the cart of invitation {number} was answered {told}"));
                }
            }
        }
    }

    /// When an invitation ends, from the first wave on.
    fn ends(&self, number: usize) -> Duration {
        let wave = u32::try_from(self.terms.invited[number].wave).unwrap_or(0);
        self.terms.between * wave + self.terms.good_for
    }

    fn note_refusal(&self, number: usize, answer: Option<&Answer>) {
        let told = words(answer);
        let mut found = self.found.borrow_mut();
        // Who was in time by the plan may be late by the server's clock only at the very end; or joins the line in time, and the
        // invitation ends before the turn comes.
        let invited = self.terms.invited[number];
        let close = invited.answers_at + GRACE >= self.ends(number);
        let waits = answer.is_some_and(|answer| answer.status == 200);
        if told == "422 code-scope" && (!invited.in_time || close) || waits && close {
            found.late += 1;
        } else {
            found.nothing.push(format!("invitation {number} was answered {told}"));
        }
    }

    /// Somebody without a code tries, in the line or at a desk.
    pub async fn without_code(self: Rc<Self>, number: usize, due: Instant) {
        let call = if number.is_multiple_of(2) {
            Call::new(Method::POST, format!("/v1/sales/{}/queue", self.sale)).json(&json!({}))
        } else {
            let venue = self.terms.units[0].0;
            let body = json!({"customer": format!("{}-u{number}", self.run), "items": [{"best": {"venue": venue, "quantity": 1}}]});
            self.cart(&self.phone_key, format!("{}-u-{number}", self.run), &body)
        };
        let kind = if number.is_multiple_of(2) { Kind::Join } else { Kind::Hold };
        let told = words(self.send_at(kind, due, &call).await.as_ref());
        let mut found = self.found.borrow_mut();
        if told == "403 not-admitted" {
            found.refused += 1;
        } else {
            found.let_in.push(format!("attempt {number} was answered {told}"));
        }
    }

    /// Stands by at the deadline of a wave: nothing is there before, and all that nobody took within a second of it.
    pub async fn stand_by(self: Rc<Self>, wave: usize, ends: Instant, code: String) {
        tokio::time::sleep_until((ends.checked_sub(Duration::from_millis(150)).unwrap_or(ends)).into()).await;
        let venues: BTreeSet<&str> =
            self.terms.of_wave(wave).map(|number| self.terms.venue_of(number)).collect();
        let hold = |venue: &str, nth: u64| {
            let body = json!({"customer": format!("{}-s{wave}-{venue}-{nth}", self.run), "access_code": code,
                "items": [{"best": {"venue": venue, "quantity": 1, "adjacent": false}}]});
            self.cart(&self.phone_key, format!("{}-s-{wave}-{venue}-{nth}", self.run), &body)
        };
        for venue in &venues {
            let made = self.wave_in_the_making.lock().await;
            if Instant::now() < ends.checked_sub(Duration::from_millis(30)).unwrap_or(ends) {
                let early = words(self.send(Kind::Hold, &hold(venue, 0)).await.as_ref());
                if early.starts_with("201") && Instant::now() < ends {
                    let case = format!("a unit of wave {wave} was for sale before its deadline");
                    self.found.borrow_mut().late_units.push(case);
                }
            }
            drop(made);
        }
        tokio::time::sleep_until(ends.into()).await;
        for venue in venues {
            let of_venue = |number: &usize| self.terms.venue_of(*number) == venue;
            let invited: BTreeSet<usize> = self.terms.of_wave(wave).filter(of_venue).collect();
            // Asked again each time: an order made on the stroke of the deadline may still be on its way to us.
            let lapsed = || {
                let found = self.found.borrow();
                let had = found.ordered.iter().filter(|(number, ..)| invited.contains(number)).count();
                u64::try_from(invited.len() - had).unwrap_or(0)
            };
            let (mut taken, mut tries) = (0, 0);
            while taken < lapsed() && ends.elapsed() < Duration::from_secs(3) {
                tries += 1;
                let made = self.wave_in_the_making.lock().await;
                let answer = self.send(Kind::Hold, &hold(venue, tries)).await;
                drop(made);
                if answer.is_some_and(|answer| answer.status == 201) {
                    taken += 1;
                }
            }
            let (took, lapsed) = (ends.elapsed(), lapsed());
            let mut found = self.found.borrow_mut();
            found.went_back.0 += taken;
            found.went_back.1 = if lapsed > 0 { found.went_back.1.max(took) } else { found.went_back.1 };
            if taken < lapsed || took > Duration::from_secs(1) && lapsed > 0 {
                let case = format!(
                    "wave {wave} at {venue}: {taken} of {lapsed} units were back after {} ms",
                    took.as_millis()
                );
                found.late_units.push(case);
            }
        }
    }
}
