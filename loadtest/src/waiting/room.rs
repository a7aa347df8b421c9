//! What all devices share: who they are, when each wakes, and what an answer means for the one that asked.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::Method;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::called;
use super::crowd::{Buying, Device, Everybody, Person, Stage};
use super::seen::Seen;
use super::told::{self, State};
use super::walk_in;
use crate::client::{Answer, Call};
use crate::draw;
use crate::driver::Heard;
use crate::measured::Kind;
use crate::refusals::Problem;
use crate::turns::Turn;
use crate::visitor::{Ending, Shop};

/// How often one request is sent in all before its device gives up.
const TRIES: u8 = 6;

/// See the module.
#[derive(Debug)]
pub struct Room {
    /// Where they buy, and the books of the run.
    pub shop: Shop,
    /// The opening.
    pub t0: Instant,
    /// People.
    pub people: RefCell<Vec<Person>>,
    /// Devices in the order of their joining.
    pub devices: RefCell<Vec<Device>>,
    /// What was observed.
    pub seen: RefCell<Seen>,
    /// The shop was told that its visitors need a pass: from then on it sends them to the line.
    pub sends_to_line: Cell<bool>,
    /// How long who is called may take.
    claim_ms: u64,
    agenda: RefCell<BinaryHeap<Reverse<(Instant, u32)>>>,
    unended: Cell<usize>,
    in_line: Cell<u64>,
    rng: RefCell<ChaCha8Rng>,
}

impl Room {
    /// A room that nobody has joined; every device's joining is on the agenda.
    pub fn new(shop: Shop, t0: Instant, everybody: Everybody, claim_ms: u64) -> Rc<Self> {
        let Everybody { people, devices } = everybody;
        let rng = RefCell::new(draw::stream(shop.seed, 1));
        let room = Self {
            shop,
            t0,
            people: RefCell::new(people),
            unended: Cell::new(devices.len()),
            agenda: RefCell::default(),
            seen: RefCell::default(),
            sends_to_line: Cell::new(false),
            claim_ms,
            in_line: Cell::new(0),
            devices: RefCell::new(devices),
            rng,
        };
        for (number, device) in (0_u32..).zip(&*room.devices.borrow()) {
            room.wake(number, room.instant(device.joins_at_us));
        }
        Rc::new(room)
    }

    /// Devices without a final answer.
    pub fn unended(&self) -> usize {
        self.unended.get()
    }

    /// An instant of the plan.
    pub fn instant(&self, micros_after_t0: i64) -> Instant {
        let size = Duration::from_micros(micros_after_t0.unsigned_abs());
        if micros_after_t0 < 0 { self.t0.checked_sub(size).unwrap_or(self.t0) } else { self.t0 + size }
    }

    /// When the next device wakes.
    pub fn next_waking(&self) -> Option<Instant> {
        self.agenda.borrow().peek().map(|Reverse((at, _))| *at)
    }

    /// The first device that is to be awake by `now`, and since when.
    pub fn awake(&self, now: Instant) -> Option<(u32, Instant)> {
        let mut agenda = self.agenda.borrow_mut();
        agenda.peek().filter(|Reverse((at, _))| *at <= now)?;
        agenda.pop().map(|Reverse((at, number))| (number, at))
    }

    fn wake(&self, number: u32, at: Instant) {
        self.agenda.borrow_mut().push(Reverse((at, number)));
    }

    /// Makes the next request of a device that is awake since `due`, and whatever follows from the answer.
    pub async fn step(self: Rc<Self>, number: u32, due: Instant) {
        if self.goes_to_the_shop(number) {
            return walk_in::visit(&self, number, due).await;
        }
        let Some((kind, call)) = self.next_call(number, due) else { return };
        let Heard { answer, not_sent, .. } = self.shop.desk.floor.send(kind, Turn::at(due), &call).await;
        let answered = |answer: &Answer| answer.status < 500 && !matches!(answer.status, 408 | 425 | 429);
        let pass = match answer.filter(answered) {
            Some(answer) => self.hear(number, kind, &answer),
            None => {
                self.try_again(number, not_sent);
                None
            }
        };
        if let Some(pass) = pass {
            called::visit(&self, number, &pass).await;
        }
    }

    /// Whether it goes to the shop first; then it is there.
    fn goes_to_the_shop(&self, number: u32) -> bool {
        let stage = &mut self.devices.borrow_mut()[number as usize].stage;
        if *stage != Stage::ToShop {
            return false;
        }
        *stage = if self.sends_to_line.get() { Stage::ToJoin } else { Stage::WalkedIn };
        *stage == Stage::WalkedIn
    }

    /// The shop has no cart for it without a pass: it joins.
    pub fn is_sent_to_the_line(&self, number: u32) {
        self.sends_to_line.set(true);
        self.devices.borrow_mut()[number as usize].stage = Stage::ToJoin;
        self.wake(number, Instant::now());
    }

    fn next_call(&self, number: u32, due: Instant) -> Option<(Kind, Call)> {
        let mut devices = self.devices.borrow_mut();
        let device = &mut devices[number as usize];
        let person = self.people.borrow()[device.person as usize];
        if device.stage == Stage::Waiting && self.instant(person.goes_at_us) <= due {
            if person.silently {
                drop(devices);
                self.end(number, Ending::WentAway);
                return None;
            }
            device.stage = Stage::ToLeave;
        }
        let ticket = || format!("/v1/queue/{}", device.ticket);
        match device.stage {
            Stage::ToJoin => {
                let path = format!("/v1/sales/{}/queue", self.shop.desk.sale);
                Some((Kind::Join, Call::new(Method::POST, path).body("{}".into(), "application/json")))
            }
            Stage::Waiting => Some((Kind::Poll, Call::get(ticket()))),
            Stage::ToLeave => Some((Kind::Leave, Call::new(Method::DELETE, ticket()))),
            Stage::ToShop | Stage::WalkedIn | Stage::Inside | Stage::Ended => None,
        }
    }

    fn try_again(&self, number: u32, not_sent: bool) {
        let (tries, never) = {
            let device = &mut self.devices.borrow_mut()[number as usize];
            device.tries += 1;
            device.not_sent += u8::from(not_sent);
            (device.tries, device.tries == device.not_sent)
        };
        if tries >= TRIES {
            return self.end(number, if never { Ending::NotSent } else { Ending::Silent });
        }
        let pause = draw::seconds(self.rng.borrow_mut().random_range(1.0..5.0));
        self.wake(number, Instant::now() + pause);
    }

    /// What an answer means for the device; gives the pass if it is called and comes.
    fn hear(&self, number: u32, asked: Kind, answer: &Answer) -> Option<String> {
        let now = Instant::now();
        if asked == Kind::Leave {
            let person = self.devices.borrow()[number as usize].person;
            let has = self.people.borrow()[person as usize].buying != Buying::No;
            self.end(number, if has { Ending::HasBought } else { Ending::WentAway });
            return None;
        }
        if answer.status >= 400 {
            if asked == Kind::Poll && matches!(answer.status, 401 | 404) {
                let breach = format!("poll: {} for a ticket that was given", answer.status);
                self.shop.desk.floor.measured.borrow_mut().breach(breach);
            }
            let code = answer.read::<Problem>().map(|problem| problem.code).unwrap_or_default();
            self.shop.note_refused(&format!("{} of the line: {code}", asked.word()));
            self.end(number, Ending::Refused);
            return None;
        }
        let told: told::Ticket<'_> = match answer.read() {
            Ok(told) => told,
            Err(error) => {
                let breach = format!("ticket: an answer {} that cannot be read: {error}", answer.status);
                self.shop.desk.floor.measured.borrow_mut().breach(breach);
                self.end(number, Ending::Silent);
                return None;
            }
        };
        self.note(number, &told, now);
        match told.state {
            State::Prequeue | State::Waiting => {
                self.wake(number, now + Duration::from_millis(told.poll_after_ms));
                None
            }
            State::Called | State::Admitted => self.is_called(number, &told),
            State::SoldOut | State::Closed => {
                self.end(number, Ending::ToldNothingLeft);
                None
            }
            State::Lapsed => {
                self.end(number, Ending::CalledTooLate);
                None
            }
            State::Left => {
                self.end(number, Ending::WentAway);
                None
            }
        }
    }

    fn note(&self, number: u32, told: &told::Ticket<'_>, now: Instant) {
        let (mut devices, mut seen) = (self.devices.borrow_mut(), self.seen.borrow_mut());
        let device = &mut devices[number as usize];
        seen.ticket(number, device, told, now);
        seen.promises.hear(&mut device.promised, told, self.claim_ms);
        if device.stage == Stage::ToJoin {
            device.stage = Stage::Waiting;
            device.ticket = told.ticket.into();
            self.in_line.set(self.in_line.get() + 1);
            self.shop.desk.floor.pulse.waiting(self.in_line.get());
        }
        if told.place.is_some() {
            (device.place, device.ahead) = (told.place, told.ahead);
        }
        if told.state == State::Waiting {
            device.waited_at_ms = told.server_time.as_millisecond();
        }
        let quiet = device.answered.map_or(Duration::ZERO, |before| now.saturating_duration_since(before));
        device.was_away |= quiet > Duration::from_millis(2 * device.told_to_ask_ms);
        (device.answered, device.told_to_ask_ms) = (Some(now), told.poll_after_ms);
        (device.tries, device.not_sent) = (0, 0);
    }

    fn is_called(&self, number: u32, told: &told::Ticket<'_>) -> Option<String> {
        let mut devices = self.devices.borrow_mut();
        let device = &mut devices[number as usize];
        let person = &mut self.people.borrow_mut()[device.person as usize];
        if person.buying != Buying::No {
            device.stage = Stage::ToLeave;
            self.wake(number, Instant::now());
            return None;
        }
        if !person.comes {
            drop(devices);
            self.end(number, Ending::NeverCame);
            return None;
        }
        let Some(pass) = told.pass else {
            self.shop.desk.floor.measured.borrow_mut().breach("ticket: called without a pass");
            drop(devices);
            self.end(number, Ending::Silent);
            return None;
        };
        person.buying = Buying::Inside;
        device.stage = Stage::Inside;
        Some(pass.to_owned())
    }

    /// A device has had its final answer.
    pub fn end(&self, number: u32, ending: Ending) {
        let device = &mut self.devices.borrow_mut()[number as usize];
        if device.in_line() {
            self.in_line.set(self.in_line.get().saturating_sub(1));
            self.shop.desk.floor.pulse.waiting(self.in_line.get());
        }
        device.stage = Stage::Ended;
        self.unended.set(self.unended.get().saturating_sub(1));
        let lasted = self.instant(device.joins_at_us).elapsed();
        self.shop.desk.floor.measured.borrow_mut().visits.record(lasted);
        *self.shop.endings.borrow_mut().entry(ending).or_default() += 1;
    }
}
