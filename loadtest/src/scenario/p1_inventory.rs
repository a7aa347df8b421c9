//! What P1 sells: 60,000 pairs in 28 centres, the second appointment 21 days after the first; 20 places every five minutes,
//! each dose on one day, as in S1 and for the same reason: no order of buying can strand a unit.

use super::s1_inventory::{self, NewSlot};
use crate::draw;

/// The centres: 28 towns of the Land.
pub(super) const VENUES: [&str; 28] = [
    "kiel",
    "luebeck",
    "flensburg",
    "neumuenster",
    "norderstedt",
    "elmshorn",
    "pinneberg",
    "itzehoe",
    "husum",
    "heide",
    "rendsburg",
    "schleswig",
    "eutin",
    "ratzeburg",
    "bad-segeberg",
    "wedel",
    "ahrensburg",
    "geesthacht",
    "reinbek",
    "bad-oldesloe",
    "brunsbuettel",
    "eckernfoerde",
    "kappeln",
    "niebuell",
    "ploen",
    "neustadt",
    "lensahn",
    "gross-nordende",
];

const PAIRS: f64 = 60_000.0;
const PLACES_PER_SLOT: u64 = 20;
/// First appointments are two weeks after the opening.
const FIRST_DAY: i64 = 14;

/// The pairs at this scale.
pub(super) fn pairs(scale: f64) -> u64 {
    u64::try_from(draw::whole(PAIRS / scale).max(1)).unwrap_or(1)
}

/// The slots at this scale.
pub(super) fn slots(scale: f64) -> Vec<NewSlot> {
    let mut slots = Vec::new();
    for (number, venue) in VENUES.iter().enumerate() {
        let here = s1_inventory::share(pairs(scale), VENUES.len(), number);
        let products = ["dose1", "dose2"];
        s1_inventory::pair_of_days(venue, products, FIRST_DAY, here, PLACES_PER_SLOT, 5, &mut slots);
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_60_000_pairs_in_28_centres_within_one_day() {
        let all = slots(1.0);
        assert_eq!(s1_inventory::stock(&all).units(), 120_000);
        let day = jiff::civil::date(2021, 3, 23);
        let ends: Vec<String> =
            all.iter().map(|slot| slot.json(day).unwrap()["ends_at"].to_string()).collect();
        // 20:00 UTC is 22:00 at most in Berlin.
        assert!(ends.iter().all(|end| end.contains("2021-04-06") || end.contains("2021-04-27")));
        assert!(ends.iter().all(|end| &end[12..14] < "20"));
        assert_eq!(s1_inventory::stock(&slots(150.0)).units(), 800);
    }
}
