//! The crowd under which the server is killed: visitors who each have one cart at a time and change their minds, witnesses
//! who read other people's carts, and an operator who moves capacity about. Everybody stops when the server is dead.

use std::rc::Rc;
use std::time::Duration;

use http::Method;
use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::book::{Deed, Sale};
use super::floor::{Floor, Told, said};
use super::line;
use super::shelf;
use super::view::View;
use crate::client::Call;
use crate::draw::chance;

const VISITORS: u64 = 16;
const WITNESSES: u64 = 2;
/// Who stand in the waiting room.
const WAITERS: u64 = 4;
/// Numbers of the people of the waiting room, behind everybody else: a seed means the same visitors with it as without.
const LINE_OPERATOR: u64 = VISITORS + WITNESSES + 1;
const FIRST_WAITER: u64 = LINE_OPERATOR + 1;
/// Between two requests of one person, at most.
const PAUSE_MS: u64 = 16;
/// Sends everybody in; they come out when the server is dead. `stream` makes each person's chances.
pub fn enter(floor: &Rc<Floor>, stream: impl Fn(u64) -> ChaCha8Rng) -> Vec<tokio::task::JoinHandle<()>> {
    (0..=VISITORS + WITNESSES + WAITERS + 1)
        .map(|person| {
            let (floor, mut rng) = (Rc::clone(floor), stream(person));
            tokio::task::spawn_local(async move {
                match person {
                    0 => while operate(&floor, &mut rng).await.is_some() {},
                    1..=WITNESSES => while witness(&floor, &mut rng).await.is_some() {},
                    LINE_OPERATOR => while dial(&floor, &mut rng).await.is_some() {},
                    FIRST_WAITER.. => while wait(&floor, &mut rng).await.is_some() {},
                    _ => while visit(&floor, &mut rng).await.is_some() {},
                }
            })
        })
        .collect()
}

async fn pause(rng: &mut ChaCha8Rng) {
    tokio::time::sleep(Duration::from_millis(rng.random_range(0..PAUSE_MS))).await;
}

async fn wait(floor: &Floor, rng: &mut ChaCha8Rng) -> Option<()> {
    pause(rng).await;
    line::wait(floor, rng).await
}

async fn dial(floor: &Floor, rng: &mut ChaCha8Rng) -> Option<()> {
    pause(rng).await;
    pause(rng).await;
    line::turn(floor, rng).await
}

/// One cart from beginning to end; `None` when the server is dead.
async fn visit(floor: &Floor, rng: &mut ChaCha8Rng) -> Option<()> {
    pause(rng).await;
    let sale = if chance(rng, 0.3) { Sale::Lapse } else { Sale::Keep };
    // A few regulars come again and again and meet the limit per customer.
    let regular = chance(rng, 0.2);
    let customer =
        if regular { format!("r-{}", floor.number() / 2_000) } else { format!("c-{}", floor.number()) };
    let mut body = json!({"customer": customer, "items": [shelf::wish(sale, rng)]});
    if chance(rng, 0.3) {
        body["reference"] = json!(format!("ref-{customer}"));
        body["metadata"] = json!({"lang": "de"});
    }
    let path = format!("/v1/sales/{}/carts", sale.id());
    let (cart, mut view) = match floor.change(Deed::Open(sale), Method::POST, path, Some(&body), false).await
    {
        Told::Done(cart, view) => (cart, view),
        Told::Refused => return Some(()),
        Told::Silent => return None,
    };
    for _ in 0..rng.random_range(0..4) {
        pause(rng).await;
        if sale == Sale::Lapse && chance(rng, 0.2) {
            dawdle(floor).await;
        }
        match step(floor, rng, sale, &cart, &view).await {
            Told::Done(_, now) => view = now,
            Told::Refused => {}
            Told::Silent => return None,
        }
        if !view.is_open() {
            return Some(());
        }
    }
    finish(floor, rng, &cart, sale).await
}

/// Until the hold has lapsed, or the server is dead.
async fn dawdle(floor: &Floor) {
    for _ in 0..22 {
        if !floor.dead.get() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Changes a cart somehow.
async fn step(floor: &Floor, rng: &mut ChaCha8Rng, sale: Sale, cart: &str, view: &View) -> Told {
    let path = format!("/v1/carts/{cart}");
    let hold = view.lines.keys().choose(rng).cloned().unwrap_or_default();
    let deed = Deed::Change(cart.to_owned());
    match rng.random_range(0..10) {
        0..4 => {
            let body = json!({"items": [shelf::wish(sale, rng), shelf::plain_wish(sale, rng)]});
            floor.change(deed, Method::POST, format!("{path}/holds"), Some(&body), false).await
        }
        4..6 => floor.change(deed, Method::DELETE, format!("{path}/holds/{hold}"), None, false).await,
        6..8 => {
            let body = json!({"item": shelf::wish(sale, rng)});
            let path = format!("{path}/holds/{hold}/exchange");
            floor.change(deed, Method::POST, path, Some(&body), false).await
        }
        _ => floor.change(deed, Method::POST, format!("{path}/extend"), Some(&json!({})), false).await,
    }
}

/// Pays, gives back or walks away; of the orders some are cancelled, whole or in part.
async fn finish(floor: &Floor, rng: &mut ChaCha8Rng, cart: &str, sale: Sale) -> Option<()> {
    pause(rng).await;
    let path = format!("/v1/carts/{cart}");
    let walks_away = if sale == Sale::Lapse { 0.5 } else { 0.08 };
    if chance(rng, walks_away) {
        return Some(());
    }
    if chance(rng, 0.3) {
        let deed = Deed::Change(cart.to_owned());
        return floor.change(deed, Method::DELETE, path, None, false).await.lives();
    }
    let (waits, deed) = (chance(rng, 0.5), Deed::Pay(cart.to_owned()));
    let body = json!({});
    let order = match floor.change(deed, Method::POST, format!("{path}/checkout"), Some(&body), waits).await {
        Told::Done(_, view) => view,
        told => return told.lives(),
    };
    if chance(rng, 0.6) {
        return Some(());
    }
    pause(rng).await;
    let id = order.order.clone().unwrap_or_default();
    let one = order.lines.values().choose(rng).and_then(|line| line.bundle.clone());
    let some = order.lines.iter().filter(|(_, line)| line.bundle == one).map(|(hold, _)| hold.clone());
    let body = if chance(rng, 0.5) { json!({}) } else { json!({"holds": some.collect::<Vec<_>>()}) };
    let deed = Deed::Cancel(cart.to_owned());
    floor.change(deed, Method::POST, format!("/v1/orders/{id}/cancel"), Some(&body), false).await.lives()
}

/// Reads somebody else's cart: what is shown must be durable already, whoever made it.
async fn witness(floor: &Floor, rng: &mut ChaCha8Rng) -> Option<()> {
    pause(rng).await;
    if floor.dead.get() {
        return None;
    }
    let Some(cart) = floor.book.borrow().touched.iter().choose(rng).cloned() else { return Some(()) };
    let answer = floor.send(&Call::get(format!("/v1/carts/{cart}")).key(&floor.shop)).await?;
    let view = answer.read::<Value>().ok().and_then(|body| View::of(&body));
    let mut book = floor.book.borrow_mut();
    match view {
        Some(view) if view.is_final() => book.witnessed.push((cart, view)),
        Some(_) => {}
        None => book.oddities.push(format!("GET {cart}: answered {}", said(&answer))),
    }
    Some(())
}

/// Moves capacity and blocked units of a slot, both in one step.
async fn operate(floor: &Floor, rng: &mut ChaCha8Rng) -> Option<()> {
    pause(rng).await;
    if floor.dead.get() {
        return None;
    }
    let (sale, slot, terms) = shelf::whim(&floor.book.borrow(), rng)?;
    let answer = floor.send(&shelf::set(sale, &slot, terms).key(&floor.operator)).await;
    let mut book = floor.book.borrow_mut();
    match answer.as_ref().map(|answer| answer.status) {
        Some(200) => drop(book.terms.insert(slot, terms)),
        Some(422) => {}
        None | Some(503) => {
            book.terms_unanswered = Some((slot, terms));
            return None;
        }
        Some(status) => book.oddities.push(format!("PATCH {slot}: answered {status}")),
    }
    Some(())
}
