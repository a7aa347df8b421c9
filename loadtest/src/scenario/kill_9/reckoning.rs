//! The audit after a restart, while nobody else asks for anything.
//!
//! First everything is only read: every cart must stand as its owner was last told, and a cart in the middle of a request
//! that got no answer stands either as before that request or as after it. The stock is read at the same instant. Then the
//! unanswered requests are asked again with their keys, and only now it shows which of them had happened: those whose
//! answer is a kept one. The stock that was read must be the sum of exactly these. Then every acknowledgement is asked
//! for again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::rc::Rc;

use serde_json::Value;

use super::asked::Ack;
use super::book::{Sale, Terms, Totals};
use super::findings::{ANSWERS, BOOKS, EXPIRED, Findings, KEYS, LOST, TWICE, WHOLE, WITNESSED};
use super::floor::Floor;
use super::shelf;
use super::view::View;
use crate::client::Call;
use crate::failure::Failure;
use crate::operator::{Operator, unreadable};
use crate::wire::Slot;

/// Requests of the audit that are out at one time.
const WIDTH: usize = 24;

/// What an audit works with.
pub struct Audit {
    /// The floor of the round, with the book.
    pub floor: Rc<Floor>,
    /// Somebody who may read everything.
    pub operator: Operator,
    /// What it finds.
    pub findings: RefCell<Findings>,
}

impl Audit {
    /// The whole audit of a round; the slots as they stand at its end. `sample` is what else to ask again.
    pub async fn round(self: &Rc<Self>, sample: Vec<Ack>) -> Result<Vec<(Sale, Slot)>, Failure> {
        self.oddities();
        let slots = self.slots().await?;
        let touched = self.floor.book.borrow().touched.iter().cloned().collect();
        let read = Rc::new(RefCell::new(HashMap::new()));
        self.carts(touched, &read).await?;
        self.unanswered(&read.take(), &slots).await?;
        let again = self.floor.book.borrow().fresh.iter().cloned().chain(sample).collect();
        self.ask_again(again).await?;
        self.witnessed();
        self.lapsing().await
    }

    pub fn look(&self, check: usize, wrong: Option<String>) {
        self.findings.borrow_mut().look(check, wrong);
    }

    fn oddities(&self) {
        let mut book = self.floor.book.borrow_mut();
        let oddities = std::mem::take(&mut book.oddities);
        self.look(ANSWERS, None);
        oddities.into_iter().for_each(|oddity| self.look(ANSWERS, Some(oddity)));
    }

    /// Both shelves; each slot within its capacity and as the operator has set it.
    async fn slots(&self) -> Result<Vec<(Sale, Slot)>, Failure> {
        let mut all = Vec::new();
        for sale in [Sale::Keep, Sale::Lapse] {
            for slot in shelf::read(&self.operator, sale).await? {
                let units = [slot.held, slot.sold, slot.blocked].map(Option::unwrap_or_default);
                let used: u64 = units.iter().sum();
                let adds_up = used <= slot.capacity && slot.free_units() == Some(slot.capacity - used);
                let words = || format!("{}: {units:?} held, sold, blocked of {}", slot.id, slot.capacity);
                self.look(TWICE, (!adds_up).then(words));
                self.terms(&slot);
                all.push((sale, slot));
            }
        }
        let missing = missing(&self.floor.book.borrow().terms, &all);
        missing.into_iter().for_each(|slot| self.look(LOST, Some(slot)));
        self.floor.book.borrow_mut().terms_unanswered = None;
        Ok(all)
    }

    fn terms(&self, slot: &Slot) {
        let mut book = self.floor.book.borrow_mut();
        let now = Terms { capacity: slot.capacity, blocked: slot.blocked.unwrap_or_default() };
        let was = book.terms.get(&slot.id).copied();
        let may = book.terms_unanswered.as_ref().filter(|(id, _)| *id == slot.id).map(|(_, terms)| *terms);
        let check = if may.is_some() { WHOLE } else { LOST };
        let wrong = (was != Some(now) && may != Some(now))
            .then(|| format!("{}: {was:?} or {may:?}, now {now:?}", slot.id));
        self.look(check, wrong);
        book.terms.insert(slot.id.clone(), now);
    }

    /// Reads carts and compares each with what its owner was told last. Those in the middle of an unanswered request are
    /// only noted.
    pub async fn carts(
        self: &Rc<Self>,
        carts: Vec<String>,
        read: &Rc<RefCell<HashMap<String, View>>>,
    ) -> Result<(), Failure> {
        let (audit, read) = (Rc::clone(self), Rc::clone(read));
        side_by_side(carts, move |cart| {
            let (audit, read) = (Rc::clone(&audit), Rc::clone(&read));
            async move {
                let now = audit.cart(&cart).await?;
                let unsure =
                    audit.floor.book.borrow().unanswered.iter().any(|(_, deed)| deed.cart() == Some(&cart));
                if !unsure {
                    audit.as_told(&cart, &now);
                }
                read.borrow_mut().insert(cart, now);
                Ok(())
            }
        })
        .await
    }

    fn as_told(&self, cart: &str, now: &View) {
        let mut book = self.floor.book.borrow_mut();
        let Some(known) = book.carts.get(cart).cloned() else { return };
        if known.view.state == "expired" {
            self.look(
                EXPIRED,
                (now.state != "expired").then(|| format!("{cart} lives again: {}", now.words())),
            );
        }
        let words = || format!("{cart} was {}, now {}", known.view.words(), now.words());
        let same = stands_as(known.sale, &known.view, now);
        self.look(LOST, (!same).then(words));
        if same {
            book.stands(cart, known.sale, now.clone());
        }
    }

    /// A cart or the order it became, by id.
    pub async fn cart(&self, cart: &str) -> Result<View, Failure> {
        let path = format!("/v1/carts/{cart}");
        let view = self.view(&path).await?;
        match view.order.as_ref().filter(|_| view.state == "ordered") {
            Some(order) => self.view(&format!("/v1/orders/{order}")).await,
            None => Ok(view),
        }
    }

    /// Whatever is not there is a view of nothing, and differs from all that was told.
    async fn view(&self, path: &str) -> Result<View, Failure> {
        let answer = self.operator.ask(Call::get(path).key(&self.floor.shop)).await?;
        if answer.status != 200 {
            return Ok(View { state: format!("answered {}", answer.status), ..View::default() });
        }
        let body: Value = answer.read().map_err(|error| unreadable(path, error))?;
        View::of(&body).ok_or_else(|| unreadable(path, "it is neither a cart nor an order"))
    }

    /// The stock that was read against carts and orders. What is held in the sale where holds lapse is checked apart.
    pub fn compare(&self, slots: &[(Sale, Slot)], happened: &Totals) {
        for (sale, slot) in slots {
            let want = happened.get(&slot.id).copied().unwrap_or_default();
            let (held, sold) = (slot.held.unwrap_or_default(), slot.sold.unwrap_or_default());
            let same = sold == want.sold && (held == want.held || *sale == Sale::Lapse);
            self.look(
                BOOKS,
                (!same).then(|| {
                    format!("{}: held {held}, sold {sold}, but carts and orders say {want:?}", slot.id)
                }),
            );
        }
    }

    /// Asks for acknowledged answers again.
    pub async fn ask_again(self: &Rc<Self>, acks: Vec<Ack>) -> Result<(), Failure> {
        let audit = Rc::clone(self);
        side_by_side(acks, move |ack| {
            let audit = Rc::clone(&audit);
            async move {
                let answer = audit.operator.ask(ack.asked.call(&audit.floor.shop)).await?;
                audit.look(KEYS, ack.differs(&answer));
                Ok(())
            }
        })
        .await
    }

    fn witnessed(&self) {
        let book = self.floor.book.borrow();
        for (cart, seen) in &book.witnessed {
            let Some(now) = book.carts.get(cart).map(|known| &known.view) else { continue };
            let same = match seen.state.as_str() {
                "ordered" => now.order == seen.order,
                state => now.state == state && now.lines == seen.lines,
            };
            let words = || format!("{cart}: {} was read, now {}", seen.words(), now.words());
            self.look(WITNESSED, (!same).then(words));
        }
    }

    /// Where holds lapse, the stock lies between what was open just before it was read and what was open just after.
    async fn lapsing(self: &Rc<Self>) -> Result<Vec<(Sale, Slot)>, Failure> {
        let held = |audit: &Self| audit.floor.book.borrow().totals.clone();
        self.read_lapsing().await?;
        let most = held(self);
        let slots = self.slots().await?;
        self.read_lapsing().await?;
        let least = held(self);
        self.compare(&slots, &least);
        for (_, slot) in slots.iter().filter(|(sale, _)| *sale == Sale::Lapse) {
            let of = |totals: &Totals| totals.get(&slot.id).copied().unwrap_or_default().held;
            let (least, most, now) = (of(&least), of(&most), slot.held.unwrap_or_default());
            let between = (least..=most).contains(&now);
            self.look(BOOKS, (!between).then(|| format!("{}: held {now}, not {least} to {most}", slot.id)));
        }
        Ok(slots)
    }

    async fn read_lapsing(self: &Rc<Self>) -> Result<(), Failure> {
        let carts = self.floor.book.borrow().lapsing.iter().cloned().collect();
        self.carts(carts, &Rc::default()).await
    }
}

/// Slots of the shelves that are in no list.
fn missing(terms: &BTreeMap<String, Terms>, listed: &[(Sale, Slot)]) -> Vec<String> {
    let there: BTreeSet<&str> = listed.iter().map(|(_, slot)| slot.id.as_str()).collect();
    let gone = terms.keys().filter(|slot| !there.contains(slot.as_str()));
    gone.map(|slot| format!("{slot} is not in the list of its sale")).collect()
}

/// Whether a cart stands as it was told: exactly, but for a hold that has lapsed since.
pub fn stands_as(sale: Sale, told: &View, now: &View) -> bool {
    told == now
        || (sale == Sale::Lapse && told.is_open() && now.state == "expired" && told.lines == now.lines)
}

/// Does this for all items, several at a time; ends with the first failure.
pub async fn side_by_side<T, F, Fut>(items: Vec<T>, act: F) -> Result<(), Failure>
where
    T: 'static,
    F: Fn(T) -> Fut + 'static,
    Fut: Future<Output = Result<(), Failure>> + 'static,
{
    let (items, act) = (Rc::new(RefCell::new(items)), Rc::new(act));
    let worker = || {
        let (items, act) = (Rc::clone(&items), Rc::clone(&act));
        tokio::task::spawn_local(async move {
            loop {
                let Some(item) = items.borrow_mut().pop() else { return Ok(()) };
                act(item).await?;
            }
        })
    };
    let workers: Vec<_> = (0..WIDTH).map(|_| worker()).collect();
    for worker in workers {
        worker.await.map_err(|error| {
            Failure::new("The audit broke off.", error, "report this as a bug of the tester")
        })??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_gone_shows() {
        let terms = |capacity| Terms { capacity, blocked: 0 };
        let book = BTreeMap::from([("keep-0".to_owned(), terms(1)), ("keep-1".to_owned(), terms(1))]);
        let slot = |id: &str| {
            let json = serde_json::json!({"id": id, "venue": "kiel", "capacity": 1});
            (Sale::Keep, serde_json::from_value(json).unwrap())
        };
        assert!(missing(&book, &[slot("keep-0"), slot("keep-1")]).is_empty());
        assert_eq!(missing(&book, &[slot("keep-0")]), ["keep-1 is not in the list of its sale"]);
    }
}
