//! What P2 sells: a million pairs at 2,000 sites, the second appointment 21 days after the first; 20 places every five minutes,
//! each dose on one day, as in S1 and for the same reason: no order of buying can strand a unit.

use super::s1_inventory::{self, NewSlot};
use crate::draw;

const PAIRS: f64 = 1_000_000.0;
const SITES: f64 = 2_000.0;
const PLACES_PER_SLOT: u64 = 20;
/// First appointments are a week after the speech.
const FIRST_DAY: i64 = 7;

/// The pairs at this scale.
pub(super) fn pairs(scale: f64) -> u64 {
    u64::try_from(draw::whole(PAIRS / scale).max(1)).unwrap_or(1)
}

/// The sites at this scale.
pub(super) fn sites(scale: f64) -> Vec<String> {
    (1..=draw::whole(SITES / scale).max(2)).map(|number| format!("site-{number}")).collect()
}

/// The slots at this scale.
pub(super) fn slots(scale: f64) -> Vec<NewSlot> {
    let (sites, mut slots) = (sites(scale), Vec::new());
    for (number, site) in sites.iter().enumerate() {
        let here = s1_inventory::share(pairs(scale), sites.len(), number);
        let products = ["dose1", "dose2"];
        s1_inventory::pair_of_days(site, products, FIRST_DAY, here, PLACES_PER_SLOT, 5, &mut slots);
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_two_million_units_at_2_000_sites() {
        let all = slots(1.0);
        assert_eq!((s1_inventory::stock(&all).units(), sites(1.0).len()), (2_000_000, 2_000));
        let day = jiff::civil::date(2021, 7, 12);
        assert!(all.iter().all(|slot| {
            let ends = slot.json(day).unwrap()["ends_at"].to_string();
            (ends.contains("2021-07-19") || ends.contains("2021-08-09")) && &ends[12..14] < "20"
        }));
        assert_eq!((s1_inventory::stock(&slots(50.0)).units(), sites(50.0).len()), (40_000, 40));
    }
}
