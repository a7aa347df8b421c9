//! What the two sales have on the shelf: a few slots everybody wants, some of them of one unit, and pairs of doses at two
//! venues; topped up between rounds, so that there is always something to fight for and never enough.

use http::Method;
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::book::{Book, Sale, Terms};
use crate::client::Call;
use crate::failure::Failure;
use crate::operator::Operator;
use crate::wire::Slot;

const VENUES: [&str; 2] = ["kiel", "luebeck"];
/// Plain slots of a sale; the first few have one unit.
const PLAIN: usize = 10;
const OF_ONE_UNIT: usize = 4;
/// Slots of each dose at each venue.
const DOSES: usize = 3;
/// Units a slot gets when it runs out.
const TOP_UP: u64 = 12;
/// A customer may have so many units in a sale.
pub const LIMIT_UNITS: u64 = 6;

/// Makes both sales.
pub async fn set_up(operator: &Operator, book: &mut Book) -> Result<(), Failure> {
    for (sale, hold_ms) in [(Sale::Keep, 86_400_000_u64), (Sale::Lapse, 1_000)] {
        let settings = json!({
            "time_zone": "Europe/Berlin", "hold_ttl_ms": hold_ms, "hold_max_ms": hold_ms * 3,
            "limit_per_customer": {"units": LIMIT_UNITS}, "keep_customer": true,
            "bundles": {"two-doses": {"parts": ["dose1", "dose2"], "same": "venue", "gap_days": [21, 28]}},
            "products": {"dose1": {"sold_only_in": "two-doses"}, "dose2": {"sold_only_in": "two-doses"}}});
        let path = format!("/v1/sales/{}", sale.id());
        operator.expect(Call::new(Method::PUT, &path).json(&settings), &[201]).await?;
        let slots = slots(sale);
        for slot in &slots {
            let id = slot["id"].as_str().unwrap_or_default().to_owned();
            let capacity = slot["capacity"].as_u64().unwrap_or_default();
            book.terms.insert(id, Terms { capacity, blocked: 0 });
        }
        let call = Call::new(Method::POST, format!("{path}/slots")).json(&json!({"slots": slots}));
        operator.expect(call, &[200]).await?;
    }
    Ok(())
}

fn slots(sale: Sale) -> Vec<Value> {
    let plain = (0..PLAIN).map(|number| {
        let capacity = if number < OF_ONE_UNIT { 1 } else { TOP_UP };
        json!({"id": plain_id(sale, number), "venue": VENUES[number % 2], "capacity": capacity,
            "starts_at": "2031-04-01T07:00:00Z"})
    });
    let doses = VENUES.iter().flat_map(|venue| {
        [("dose1", "2031-04-01"), ("dose2", "2031-04-23")].into_iter().flat_map(move |(dose, day)| {
            (0..DOSES).map(move |number| {
                json!({"id": dose_id(sale, venue, dose, number), "venue": venue, "product": dose,
                    "capacity": TOP_UP, "starts_at": format!("{day}T{:02}:00:00Z", 8 + number)})
            })
        })
    });
    plain.chain(doses).collect()
}

fn plain_id(sale: Sale, number: usize) -> String {
    format!("{}-{number}", sale.id())
}

fn dose_id(sale: Sale, venue: &str, dose: &str, number: usize) -> String {
    format!("{}-{venue}-{dose}-{number}", sale.id())
}

/// Whether a slot gives this dose at this venue.
pub fn is_dose(slot: &str, sale: Sale, venue: &str, dose: &str) -> bool {
    (0..DOSES).any(|number| slot == dose_id(sale, venue, dose, number))
}

/// An item somebody wants.
pub fn wish(sale: Sale, rng: &mut ChaCha8Rng) -> Value {
    let venue = VENUES.choose(rng).copied().unwrap_or_default();
    match rng.random_range(0..20) {
        0..11 => plain_wish(sale, rng),
        11..15 => {
            let mut part = |dose| dose_id(sale, venue, dose, rng.random_range(0..DOSES));
            json!({"bundle": {"rule": "two-doses", "slots": [part("dose1"), part("dose2")]}})
        }
        _ => json!({"bundle": {"rule": "two-doses", "venue": venue}}),
    }
}

/// One or two units of a plain slot.
pub fn plain_wish(sale: Sale, rng: &mut ChaCha8Rng) -> Value {
    let number = rng.random_range(0..PLAIN);
    let quantity = if number < OF_ONE_UNIT { 1 } else { rng.random_range(1..=2) };
    json!({"slot": plain_id(sale, number), "quantity": quantity})
}

/// A slot and what an operator might make of it.
pub fn whim(book: &Book, rng: &mut ChaCha8Rng) -> Option<(Sale, String, Terms)> {
    let place = rng.random_range(0..book.terms.len());
    let (slot, terms) = book.terms.iter().nth(place)?;
    let sale = if slot.starts_with(Sale::Lapse.id()) { Sale::Lapse } else { Sale::Keep };
    // Down as well as up: a change that would take units from somebody is refused, and then nothing may have changed.
    let capacity = (terms.capacity + rng.random_range(0..4)).saturating_sub(1);
    Some((sale, slot.clone(), Terms { capacity, blocked: rng.random_range(0..3) }))
}

/// The call that sets them.
pub fn set(sale: Sale, slot: &str, terms: Terms) -> Call {
    let path = format!("/v1/sales/{}/slots/{slot}", sale.id());
    let body = json!({"capacity": terms.capacity, "blocked": terms.blocked, "reason": "kill-9"});
    Call::new(Method::PATCH, path).json(&body)
}

/// All slots of a sale as the server has them. A list may be two seconds old, which shows where holds lapse every second:
/// there each slot is read by its id, which is current.
pub async fn read(operator: &Operator, sale: Sale) -> Result<Vec<Slot>, Failure> {
    let path = format!("/v1/sales/{}/slots", sale.id());
    let listed: Vec<Slot> = operator.read_all(&format!("{path}?limit=1000")).await?;
    if sale == Sale::Keep {
        return Ok(listed);
    }
    let mut current = Vec::with_capacity(listed.len());
    for slot in listed {
        current.push(operator.read(&format!("{path}/{}", slot.id)).await?);
    }
    Ok(current)
}

/// Gives every slot that has run out some more.
pub async fn top_up(operator: &Operator, book: &mut Book, slots: &[(Sale, Slot)]) -> Result<(), Failure> {
    for (sale, slot) in slots {
        if slot.free_units().unwrap_or_default() > 2 {
            continue;
        }
        let more = if plain_of_one_unit(&slot.id) { 1 } else { TOP_UP };
        let blocked = slot.blocked.unwrap_or_default();
        let terms = Terms { capacity: slot.capacity + more, blocked };
        operator.expect(set(*sale, &slot.id, terms), &[200]).await?;
        book.terms.insert(slot.id.clone(), terms);
    }
    Ok(())
}

fn plain_of_one_unit(id: &str) -> bool {
    let number = id.rsplit_once('-').and_then(|(front, number)| Some((front, number.parse::<usize>().ok()?)));
    number.is_some_and(|(front, number)| !front.contains('-') && number < OF_ONE_UNIT)
}
