//! How long a start takes in the middle of a season: 3.44 million appointments in 286,800 slots, two million of them in a
//! million orders. From a snapshot, and from the journal alone.
//!
//! The real engine and a folder on a disk. It is copied as it stands after the last sync, and the copy is started.

use std::path::Path;
use std::time::Duration;

use onsale_engine::customers::CustomerKey;
use onsale_engine::digest::mix;
use onsale_engine::engine::Engine;
use onsale_engine::ids::{CartId, CustomerHash};
use onsale_engine::inventory::SlotSpec;
use onsale_engine::outcome::Answer;
use onsale_engine::refusal::Refusal;
use onsale_engine::request::{Notes, OnCart, OpenCart, Want};
use onsale_engine::sale::{IfMatch, SaleRules};
use onsale_engine::sequence::Sequence;
use onsale_engine::testing::desk::SHOP;
use onsale_engine::time::{Millis, WallTime};

use super::folders::{copied, open, said, snapped, started};
use crate::compare::Record;

const SALE: &str = "season";
const VENUES: usize = 15;
/// At each venue; the first half are first appointments, the second half second ones.
const SLOTS: usize = 19_120;
const CAPACITY: u32 = 12;
const ORDERS: u32 = 1_000_000;
/// Carts in one part, which is confirmed together.
const PART: u32 = 256;

/// Measures all of it in a folder.
///
/// # Errors
/// What stood in the way, as a sentence.
pub fn measure(record: &mut Record, folder: &Path) -> Result<(), String> {
    let (live, alone, snapshot) = (folder.join("live"), folder.join("journal"), folder.join("snapshot"));
    let engine = open(&live, Millis(0))?.0;
    stock(&engine)?;
    let orders = sell(&engine)?;
    // The journal's thread still prepares its next segment.
    std::thread::sleep(Duration::from_secs(2));
    for copy in [&alone, &snapshot] {
        copied(&live, copy)?;
    }
    engine.shutdown();
    drop(engine);
    std::fs::remove_dir_all(&live).map_err(|error| error.to_string())?;

    let serves = |engine: &Engine| engine.sale(SALE).result.map(drop).map_err(said);
    let (seconds, start, engine) = started(&alone, Millis(0), serves)?;
    if start.snapshot.is_some() {
        return Err("the journal was to be read alone".into());
    }
    same(&engine, &orders)?;
    record.figure("17b", seconds, None, &format!("{} facts replayed", start.facts));
    engine.shutdown();
    drop(engine);

    snapped(&snapshot)?;
    let (seconds, start, engine) = started(&snapshot, Millis(3_600_000), serves)?;
    let Some(from) = start.snapshot else { return Err("no snapshot was used".into()) };
    same(&engine, &orders)?;
    let note = format!("from a snapshot of {from}, {} facts replayed", start.facts);
    record.figure("17", seconds, None, &note);
    engine.shutdown();
    Ok(())
}

fn slot(venue: usize, number: usize) -> String {
    format!("v{venue}-{number:05}")
}

fn stock(engine: &Engine) -> Result<(), String> {
    let rules = SaleRules { limit_units: Some(2), ..SaleRules::new(SALE, "Europe/Berlin") };
    engine.put_sale(rules, IfMatch::Absent).result.map_err(said)?;
    engine.channel("web").result.map_err(said)?;
    let today = engine.now().wall.0 / 86_400_000 * 86_400_000;
    for venue in 0..VENUES {
        let specs: Vec<_> = (0..SLOTS)
            .map(|number| {
                // 106 slots a day, five minutes apart.
                let (day, nth) = (number as i64 / 106, number as i64 % 106);
                let starts_at = WallTime(today + (day + 30) * 86_400_000 + nth * 300_000);
                let spec = SlotSpec::new(&slot(venue, number), &format!("centre-{venue}"), CAPACITY);
                SlotSpec { starts_at: Some(starts_at), ..spec }
            })
            .collect();
        for part in specs.chunks(1_000) {
            patient(|| engine.add_slots(SALE, part, true))?;
        }
    }
    Ok(())
}

/// Everybody buys a first and a second appointment.
fn sell(engine: &Engine) -> Result<Vec<CartId>, String> {
    let keys = CustomerKey::unkept([7; 32]);
    let key = |which: &str, number: u32| keys.key_use(1, SALE, &format!("{which}-{number}"), &[b"POST"]);
    let mut orders = Vec::with_capacity(ORDERS as usize);
    let mut rests_on = Sequence::ZERO;
    for from in (0..ORDERS).step_by(PART as usize) {
        let mut carts = Vec::with_capacity(PART as usize);
        for number in from..ORDERS.min(from + PART) {
            let (venue, place) = (number as usize % VENUES, number as usize / VENUES % (SLOTS / 2));
            let wants =
                [place, place + SLOTS / 2].map(|place| Want::Slot { slot: slot(venue, place), quantity: 1 });
            let half = |which| u128::from(mix(which, mix(u64::from(number), which)));
            let request = OpenCart {
                caller: SHOP,
                key: key("hold", number),
                sale: SALE,
                customer: CustomerHash(half(1) << 64 | half(2)),
                wants: &wants,
                notes: Notes::default(),
                code: None,
            };
            carts.push((number, patient(|| engine.open_cart(&request))?.0.cart));
        }
        for (number, cart) in carts {
            let on = OnCart { caller: SHOP, key: Some(key("pay", number)), cart };
            rests_on = patient(|| engine.checkout(on))?.1;
            orders.push(cart);
        }
    }
    engine.wait(rests_on).map_err(|failure| failure.0)?;
    Ok(orders)
}

/// Asks until the journal's buffer has room: it is as fast as the disk.
fn patient<T>(ask: impl Fn() -> Answer<T>) -> Result<(T, Sequence), String> {
    loop {
        let answer = ask();
        match answer.result {
            Ok(result) => return Ok((result, answer.rests_on)),
            Err(Refusal::Overloaded) => std::thread::sleep(Duration::from_millis(1)),
            Err(refusal) => return Err(said(refusal)),
        }
    }
}

/// All orders came back.
fn same(engine: &Engine, orders: &[CartId]) -> Result<(), String> {
    let stock = engine.availability(SALE, true, false, None).result.map_err(said)?;
    let sold: u64 = stock.lines.iter().map(|line| line.counts.sold).sum();
    if sold != 2 * u64::from(ORDERS) {
        return Err(format!("{sold} units are sold"));
    }
    for order in orders.iter().step_by(997) {
        let view = engine.order(SHOP, *order).result.map_err(said)?;
        if view.items.len() != 2 {
            return Err(format!("an order came back as {view:?}"));
        }
    }
    Ok(())
}
