//! The sale `sample`: two doses at two venues, open now. Enough to try every call by hand.

use onsale_engine::Engine;
use onsale_engine::decide::SlotQuery;
use onsale_engine::inventory::SlotSpec;
use onsale_engine::sale::{BundleRule, IfMatch, ProductRule, SaleRules};
use onsale_engine::time::WallTime;

use crate::problem::{Code, Problem};
use crate::serve::wait;

const SALE: &str = "sample";
const VENUES: [&str; 2] = ["kiel", "luebeck"];
const DAYS: i64 = 5;
const SLOTS_A_DAY: i64 = 12;
const CAPACITY: u32 = 10;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// From the first dose to the second.
const GAP_DAYS: i64 = 21;

/// Adds it, unless it is there already.
pub fn load(engine: &Engine) -> Result<(), Problem> {
    let now = engine.now().wall;
    match wait(engine, engine.put_sale(rules(), IfMatch::Absent)) {
        Ok(_) => {}
        Err(problem) if problem.code() == Some(Code::IfMatchRequired) => {
            if !is_half_made(engine)? {
                return Ok(());
            }
        }
        Err(problem) => return Err(problem),
    }
    let added = wait(engine, engine.add_slots(SALE, &slots(now), true))?;
    match added.rejected.first() {
        None => Ok(()),
        Some((place, why)) => Err(Problem::malformed(format!("slot {place}: {why:?}"))),
    }
}

/// Whether it is ours, as it was made, and has no slots: the server was killed between the two facts. Slots that are there stay as
/// they are, whatever day it is now, and so does a sale of this name that somebody else made.
fn is_half_made(engine: &Engine) -> Result<bool, Problem> {
    let sale = wait(engine, engine.sale(SALE))?;
    let slots = wait(engine, engine.slots(SALE, &SlotQuery { limit: 1, ..SlotQuery::default() }))?;
    Ok(*sale.rules == rules() && slots.items.is_empty())
}

fn rules() -> SaleRules {
    let mut rules = SaleRules::new(SALE, "Europe/Berlin");
    rules.name = "Sample: two doses at two venues".to_owned();
    rules.limit_units = Some(2);
    rules.limit_orders = Some(1);
    let parts = vec!["dose1".to_owned(), "dose2".to_owned()];
    let product =
        |name: &String| ProductRule { name: name.clone(), sold_only_in: Some("two-doses".to_owned()) };
    rules.products = parts.iter().map(product).collect();
    rules.bundles = vec![BundleRule {
        name: "two-doses".to_owned(),
        parts,
        same_venue: true,
        gap_days: Some((21, 28)),
        cancel_parts: false,
    }];
    rules
}

/// From 8:00 UTC every half hour, beginning a week from today.
fn slots(now: WallTime) -> Vec<SlotSpec> {
    let today = now.0.div_euclid(DAY) * DAY;
    let mut slots = Vec::new();
    for venue in VENUES {
        for (product, first_day) in [("dose1", 7), ("dose2", 7 + GAP_DAYS)] {
            for day in 0..DAYS {
                for place in 0..SLOTS_A_DAY {
                    let starts = today + (first_day + day) * DAY + (8 * 60 + 30 * place) * MINUTE;
                    let id = format!("{venue}-{product}-{}-{:02}", day + 1, place + 1);
                    slots.push(SlotSpec {
                        product: Some(product.to_owned()),
                        starts_at: Some(WallTime(starts)),
                        ends_at: Some(WallTime(starts + 30 * MINUTE)),
                        ..SlotSpec::new(&id, venue, CAPACITY)
                    });
                }
            }
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_makes_sense_by_itself() {
        assert_eq!(rules().check(), Ok(()));
        let slots = slots(WallTime(1_616_515_200_123));
        assert_eq!(slots.len(), 240);
        for slot in &slots {
            assert_eq!(slot.check(), Ok(()), "{}", slot.id);
        }
        let mut ids: Vec<_> = slots.iter().map(|slot| &slot.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), slots.len());
    }
    fn engine(folder: &tempfile::TempDir) -> Engine {
        let options = onsale_engine::EngineOptions::new(folder.path().join("data"));
        Engine::open(options, |_| {}).unwrap().0
    }

    fn slots_of(engine: &Engine) -> usize {
        let all = SlotQuery { limit: 1_000, ..SlotQuery::default() };
        wait(engine, engine.slots(SALE, &all)).unwrap().items.len()
    }

    /// A start that was killed between its two facts left a sale that nobody could try.
    #[test]
    fn a_sample_without_slots_gets_them_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(&folder);
        wait(&engine, engine.put_sale(rules(), IfMatch::Absent)).unwrap();
        load(&engine).unwrap();
        let made = engine.mark();
        assert_eq!(slots_of(&engine), 240);
        load(&engine).unwrap();
        assert_eq!((slots_of(&engine), engine.mark()), (240, made), "a second time does nothing");
        engine.shutdown();
    }

    #[test]
    fn a_sale_of_that_name_that_is_not_ours_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(&folder);
        wait(&engine, engine.put_sale(SaleRules::new(SALE, "UTC"), IfMatch::Absent)).unwrap();
        load(&engine).unwrap();
        assert_eq!(slots_of(&engine), 0);
        engine.shutdown();
    }
}
