//! One visit to an appointment sale, from the first page to a final answer: look, choose a centre, search or let the server
//! choose, hold, fill in the form, then pay, give back or walk away. Somebody who finds it gone looks again, as often as
//! their patience allows, and leaves when told that nothing is left.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::behaviour::{Behaviour, Intention, Person};
use crate::desk::{Buyer, Desk, Holding, Paying, Unserved};
use crate::draw;
use crate::turns::Turn;
use crate::wire;
use crate::wish::Wish;

/// How a visit ended. All but `Silent` and `NotSent` are final answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Looked at one page and left, as a quarter of all people do.
    OnlyLooked,
    /// Has an order.
    Ordered,
    /// Held a cart and gave it back.
    GaveBack,
    /// Held a cart and walked away from it.
    WalkedAway,
    /// Was told that nothing is left or could be had now, and left.
    ToldNothingLeft,
    /// Lost every click to somebody else.
    LostEveryClick,
    /// Was refused for a reason of the rules.
    Refused,
    /// Went away from the waiting room before being called.
    WentAway,
    /// Was called and never came.
    NeverCame,
    /// Was called on a further device after having bought or while buying, and left.
    HasBought,
    /// Heard of the call when it was over.
    CalledTooLate,
    /// Got no final answer.
    Silent,
    /// Could not ask for want of a connection: that is the tester's own doing.
    NotSent,
}

impl Ending {
    /// The words of the summary.
    pub fn words(self) -> &'static str {
        match self {
            Self::OnlyLooked => "only looked",
            Self::Ordered => "ordered",
            Self::GaveBack => "gave back",
            Self::WalkedAway => "walked away from a cart",
            Self::ToldNothingLeft => "told nothing is left",
            Self::LostEveryClick => "lost every click",
            Self::Refused => "refused by a rule",
            Self::WentAway => "went away from the line",
            Self::NeverCame => "were called and never came",
            Self::HasBought => "left, having bought on another device",
            Self::CalledTooLate => "heard of the call too late",
            Self::Silent => "no final answer",
            Self::NotSent => "could not ask, the tester had no connection",
        }
    }
}

impl From<Unserved> for Ending {
    fn from(why: Unserved) -> Self {
        match why {
            Unserved::Refused => Self::Refused,
            Unserved::Silent => Self::Silent,
        }
    }
}

/// What all visits of a scenario share.
#[derive(Debug)]
pub struct Shop {
    /// The calls.
    pub desk: Desk,
    /// What people are like.
    pub behaviour: Behaviour,
    /// The bundle rule of the sale.
    pub rule: &'static str,
    /// The product looked at first.
    pub product: &'static str,
    /// The centres.
    pub venues: Vec<String>,
    /// The web shop's credential.
    pub web_key: HeaderValue,
    /// The phone desk's.
    pub phone_key: HeaderValue,
    /// The seed of the run.
    pub seed: u64,
    /// How the visits ended.
    pub endings: RefCell<BTreeMap<Ending, u64>>,
    /// With what code visits ended that were refused by a rule.
    pub refused: RefCell<BTreeMap<String, u64>>,
    /// Visitors who held a cart and went on to pay for it.
    pub meant_to_pay: Cell<u64>,
}

impl Shop {
    /// Notes with what code a visit ended, if it ended so.
    pub fn note_if_refused(&self, ending: Ending, buyer: &Buyer) {
        if ending == Ending::Refused {
            self.note_refused(&buyer.refused_with);
        }
    }

    /// Notes with what words somebody was refused for good.
    pub fn note_refused(&self, code: &str) {
        *self.refused.borrow_mut().entry(code.to_owned()).or_default() += 1;
    }
}

/// Streams 0 and 1 of a seed are the plan's; people come after.
const FIRST_PERSON: u64 = 16;

/// Makes visit number `number`.
pub async fn visit(shop: Rc<Shop>, number: usize, first: Turn) {
    let mut rng = draw::stream(shop.seed, FIRST_PERSON + u64::try_from(number).unwrap_or_default());
    let person = shop.behaviour.person(&mut rng);
    let key = if person.by_phone { &shop.phone_key } else { &shop.web_key };
    let buyer = Buyer::new(format!("{}-{number}", shop.desk.run), key, rng);
    let (ending, buyer) = shop_around(&shop, person, buyer, first).await;
    shop.note_if_refused(ending, &buyer);
    shop.desk.floor.measured.borrow_mut().visits.record(first.due.elapsed());
    *shop.endings.borrow_mut().entry(ending).or_default() += 1;
}

/// Buys, or tries to, from the first look on: what is left of a visit for who comes out of a waiting room.
/// Gives back the buyer, who knows what was held and refused.
pub async fn shop_around(shop: &Shop, person: Person, buyer: Buyer, first: Turn) -> (Ending, Buyer) {
    let mut visit = Visit { shop, person, buyer };
    let ending = match visit.make(first).await {
        Ending::Silent if visit.buyer.not_sent => Ending::NotSent,
        ending => ending,
    };
    (ending, visit.buyer)
}

struct Visit<'a> {
    shop: &'a Shop,
    person: Person,
    buyer: Buyer,
}

/// What one search came to.
enum Found {
    /// A cart.
    Cart(String),
    /// Nothing to be had: look again later.
    Nothing,
    /// Lost against somebody else: look again later.
    Lost,
    /// The end of the visit.
    End(Ending),
}

impl Visit<'_> {
    async fn make(&mut self, first: Turn) -> Ending {
        let mut turn = first;
        let mut lost = false;
        for search in 1..=self.person.searches {
            match self.search_once(turn).await {
                Found::Cart(cart) => return self.finish(&cart).await,
                Found::End(ending) => return ending,
                Found::Nothing => {}
                Found::Lost => lost = true,
            }
            if search == self.person.searches || self.shop.desk.floor.closing.get() {
                break;
            }
            let pause = self.shop.behaviour.refresh(&mut self.buyer.rng);
            turn = self.pause(pause).await;
        }
        if lost { Ending::LostEveryClick } else { Ending::ToldNothingLeft }
    }

    async fn search_once(&mut self, turn: Turn) -> Found {
        let rows = match self.look_when_open(turn).await {
            Ok(rows) => rows,
            Err(why) => return Found::End(why.into()),
        };
        if self.person.leaves_at_once {
            return Found::End(Ending::OnlyLooked);
        }
        if !rows.is_empty() && rows.iter().all(wire::Availability::finished) {
            return Found::End(Ending::ToldNothingLeft);
        }
        let Some(venue) = self.choose_venue(&rows) else { return Found::Nothing };
        let mut turn = self.think().await;
        let item = if self.person.choosy {
            let found = self.shop.desk.search(turn, self.shop.rule, &venue, &mut self.buyer).await;
            let bundles = match found {
                Ok(bundles) => bundles,
                Err(why) => return Found::End(why.into()),
            };
            let Some(item) = self.choose_bundle(&bundles) else { return Found::Nothing };
            turn = self.think().await;
            item
        } else {
            Wish::Anywhere { rule: self.shop.rule, venue }
        };
        match self.shop.desk.hold(turn, &item, &mut self.buyer).await {
            Holding::Held(cart) => Found::Cart(cart),
            Holding::Silent => Found::End(Ending::Silent),
            Holding::Refused(code) => match code.as_str() {
                "slot-taken" | "all-held" | "sold-out" | "bundle-incomplete" => Found::Lost,
                // A fast clock: the sale opens in a moment.
                "sale-closed" | "not-released" if !self.shop.desk.is_open(turn.intended) => Found::Nothing,
                _ => Found::End(Ending::Refused),
            },
        }
    }

    /// People whose clock is fast see the page of a sale that is not open yet, and refresh until it is.
    async fn look_when_open(&mut self, first: Turn) -> Result<Vec<wire::Availability>, Unserved> {
        let mut turn = first;
        for _ in 0..20 {
            let rows = self.shop.desk.look(turn, self.shop.product, &mut self.buyer).await?;
            let waiting = !rows.is_empty() && rows.iter().all(wire::Availability::not_open);
            if !waiting || self.person.leaves_at_once || self.shop.desk.floor.closing.get() {
                return Ok(rows);
            }
            let pause = draw::seconds(self.buyer.rng.random_range(0.5..1.5));
            turn = self.pause(pause).await;
        }
        Err(Unserved::Silent)
    }

    /// The own district's centre if it shows something free; else, for those who would go there, any that does.
    fn choose_venue(&mut self, rows: &[wire::Availability]) -> Option<String> {
        let home = self.shop.venues.get(self.person.home % self.shop.venues.len().max(1))?;
        let inviting: Vec<&String> =
            rows.iter().filter(|row| row.inviting()).filter_map(|row| row.venue.as_ref()).collect();
        if inviting.contains(&home) {
            return Some(home.clone());
        }
        if !self.person.mobile || inviting.is_empty() {
            return None;
        }
        Some(inviting[self.buyer.rng.random_range(0..inviting.len())].clone())
    }

    fn choose_bundle(&mut self, bundles: &[wire::Bundle]) -> Option<Wish> {
        if bundles.is_empty() {
            return None;
        }
        let chosen = &bundles[self.buyer.rng.random_range(0..bundles.len())];
        let slots = chosen.slots.iter().map(|part| part.slot().to_owned()).collect();
        Some(Wish::Named { rule: self.shop.rule, slots })
    }

    async fn finish(&mut self, cart: &str) -> Ending {
        let form = self.shop.behaviour.fill_form(&mut self.buyer.rng);
        match self.person.intention {
            Intention::LetTimeOut => Ending::WalkedAway,
            Intention::GiveBack => {
                let turn = self.pause(form).await;
                match self.shop.desk.give_back(turn, cart, &mut self.buyer).await {
                    true => Ending::GaveBack,
                    false => Ending::Silent,
                }
            }
            Intention::Buy => {
                let turn = self.pause(form).await;
                self.shop.meant_to_pay.set(self.shop.meant_to_pay.get() + 1);
                match self.shop.desk.pay(turn, cart, &mut self.buyer).await {
                    Paying::Ordered(_) => Ending::Ordered,
                    Paying::Refused(_) => Ending::Refused,
                    Paying::Silent => Ending::Silent,
                }
            }
        }
    }

    async fn think(&mut self) -> Turn {
        let pause = self.shop.behaviour.think(&mut self.buyer.rng);
        self.pause(pause).await
    }

    async fn pause(&self, pause: Duration) -> Turn {
        self.shop.desk.turn(Instant::now() + pause).await
    }
}
