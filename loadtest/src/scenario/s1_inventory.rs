//! What S1 sells: 2,100 pairs, 140 at each of 15 centres, the second appointment 21 days after the first; and for the season
//! run 1.7 million pairs more, in the same centres on 180 later days.
//!
//! A centre's 140 pairs are 20 times five minutes apart with 7 places each, the first appointments on one day and the
//! second ones on one day 21 days later. With one day each, every first appointment fits every second one of its centre, so
//! no order of buying can strand a unit and "all pairs held" is a fair thing to expect. The season's slots have products and
//! a rule of their own (`season1`, `season2`, `two-doses-season`) with 12 places each: visitors of the opening do not see
//! them, but the engine carries them.

use serde_json::{Value, json};

use crate::draw;
use crate::stock::{Place, Stock};

/// The centres: towns of the Land.
pub const VENUES: [&str; 15] = [
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
];

/// Days between the appointments of a pair.
pub const GAP_DAYS: i64 = 21;
/// Days of the season run.
pub const SEASON_DAYS: i64 = 180;

const PAIRS: f64 = 2_100.0;
const SEASON_PAIRS: f64 = 1_700_000.0;
const PLACES_PER_SLOT: u64 = 7;
const SEASON_PLACES_PER_SLOT: u64 = 12;
/// First appointments are two weeks after the opening, the season's from day 60 on.
const FIRST_DAY: i64 = 14;
const SEASON_FIRST_DAY: i64 = 60;

/// A slot as it is loaded.
#[derive(Clone, Debug)]
pub struct NewSlot {
    /// What the tester keeps of it.
    pub place: Place,
    /// Minutes after 07:00 UTC, inside the same day in Berlin in summer and winter.
    minute: u64,
}

impl NewSlot {
    /// Its day, which is the same in UTC and in Berlin.
    pub fn date(&self, opening_day: jiff::civil::Date) -> Option<jiff::civil::Date> {
        opening_day.checked_add(jiff::Span::new().try_days(self.place.day).ok()?).ok()
    }

    /// The slot as the API takes it, with days counted from `opening_day`.
    pub fn json(&self, opening_day: jiff::civil::Date) -> Option<Value> {
        let day = self.date(opening_day)?;
        let time = |minute: u64| format!("{day}T{:02}:{:02}:00Z", 7 + minute / 60, minute % 60);
        Some(json!({
            "id": self.place.id,
            "venue": self.place.venue,
            "starts_at": time(self.minute),
            "ends_at": time(self.minute + 5),
            "capacity": self.place.capacity,
            "product": self.place.product,
        }))
    }
}

/// The pairs of the opening at this scale.
pub fn pairs(scale: f64) -> u64 {
    u64::try_from(draw::whole(PAIRS / scale).max(1)).unwrap_or(1)
}

/// The slots of the opening at this scale.
pub fn opening(scale: f64) -> Vec<NewSlot> {
    let all = pairs(scale);
    let mut slots = Vec::new();
    for (number, venue) in VENUES.iter().enumerate() {
        let here = share(all, VENUES.len(), number);
        pair_of_days(venue, ["dose1", "dose2"], FIRST_DAY, here, PLACES_PER_SLOT, 5, &mut slots);
    }
    slots
}

/// The season's slots at this scale, venue-day by venue-day: 3.4 million at once would be half a gigabyte in the tester.
pub fn season(scale: f64) -> impl Iterator<Item = Vec<NewSlot>> {
    let all = u64::try_from(draw::whole(SEASON_PAIRS / scale).max(1)).unwrap_or(1);
    let days = usize::try_from(SEASON_DAYS).unwrap_or(1);
    (0..days).map(move |day| {
        let mut slots = Vec::new();
        let first = SEASON_FIRST_DAY + i64::try_from(day).unwrap_or(0);
        for (number, venue) in VENUES.iter().enumerate() {
            let here = share(all, days * VENUES.len(), day * VENUES.len() + number);
            let products = ["season1", "season2"];
            pair_of_days(venue, products, first, here, SEASON_PLACES_PER_SLOT, 10, &mut slots);
        }
        slots
    })
}

/// The tester's knowledge of these slots.
pub fn stock(slots: &[NewSlot]) -> Stock {
    Stock::new(slots.iter().map(|slot| slot.place.clone()).collect())
}

pub(super) fn pair_of_days(
    venue: &str,
    products: [&str; 2],
    day: i64,
    pairs: u64,
    per_slot: u64,
    minutes: u64,
    into: &mut Vec<NewSlot>,
) {
    for (product, day) in products.into_iter().zip([day, day + GAP_DAYS]) {
        for number in 0..pairs.div_ceil(per_slot) {
            let capacity = per_slot.min(pairs - number * per_slot);
            let id = format!("{venue}-{product}-d{day}-{number:02}");
            let place = Place { id, venue: venue.to_owned(), product: product.to_owned(), day, capacity };
            into.push(NewSlot { place, minute: number * minutes });
        }
    }
}

/// The part of `all` that falls to number `number` of `parts`, as even as whole numbers can be.
pub(super) fn share(all: u64, parts: usize, number: usize) -> u64 {
    let (parts, number) = (u64::try_from(parts).unwrap_or(1), u64::try_from(number).unwrap_or(0));
    all * (number + 1) / parts - all * number / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_140_pairs_at_each_of_15_centres() {
        let slots = opening(1.0);
        assert_eq!(slots.len(), 15 * 40);
        assert_eq!(stock(&slots).units(), 4_200);
        let kiel: u64 = slots
            .iter()
            .filter(|slot| slot.place.venue == "kiel" && slot.place.product == "dose1")
            .map(|slot| slot.place.capacity)
            .sum();
        assert_eq!(kiel, 140);
    }

    #[test]
    fn scales_keep_the_total_and_the_pairs() {
        for scale in [1.0, 7.0, 10.0, 50.0, 1_000.0] {
            let slots = opening(scale);
            assert_eq!(stock(&slots).units(), 2 * pairs(scale), "scale {scale}");
        }
        let season: u64 = season(100.0).flatten().map(|slot| slot.place.capacity).sum();
        assert_eq!(season, 34_000);
    }

    #[test]
    fn times_stay_inside_the_day() {
        let day = jiff::civil::date(2021, 1, 12);
        let first = opening(1.0)[0].json(day).unwrap();
        assert_eq!(first["starts_at"], "2021-01-26T07:00:00Z");
        assert_eq!(first["ends_at"], "2021-01-26T07:05:00Z");
        let last = season(1.0).next().unwrap().into_iter().map(|slot| slot.minute).max().unwrap();
        assert!(last < 14 * 60, "{last}");
    }
}
