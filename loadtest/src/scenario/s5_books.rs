//! S5's orders, one by one: each is the one unit of the invited person's own venue, and each slot has sold its orders.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::audit::Check;

/// The orders of a day against its slots; `venue_of` knows at which venue whoever was told of an order was invited.
pub(super) fn checks<'a>(
    orders: &[Value],
    slots: &[Value],
    venue_of: impl Fn(&str) -> Option<&'a str>,
) -> [Check; 2] {
    let word = |value: &'_ Value| value.as_str().unwrap_or("?").to_owned();
    let venues: BTreeMap<String, String> =
        slots.iter().map(|slot| (word(&slot["id"]), word(&slot["venue"]))).collect();
    let mut ordered = BTreeMap::<String, u64>::new();
    let mut wrong = Vec::new();
    for order in orders {
        let items = order["items"].as_array().map_or(&[][..], Vec::as_slice);
        let live = || items.iter().filter(|item| item["cancelled"] != true);
        let units = |item: &Value| item["quantity"].as_u64().unwrap_or(0);
        for item in live() {
            *ordered.entry(word(&item["slot"])).or_default() += units(item);
        }
        let id = word(&order["order"]);
        let units: u64 = live().map(units).sum();
        let venue = live().find_map(|item| venues.get(item["slot"].as_str()?));
        let own = venue_of(&id).is_none_or(|own| venue.is_some_and(|venue| venue == own));
        if units != 1 || !own {
            wrong.push(format!("{id}: {units} units at {venue:?}, invited to {:?}", venue_of(&id)));
        }
    }
    let mut unequal = Vec::new();
    for slot in slots {
        let (id, sold) = (word(&slot["id"]), slot["sold"].as_u64());
        let orders = ordered.remove(&id).unwrap_or(0);
        if sold != Some(orders) || Some(orders) > slot["capacity"].as_u64() {
            unequal.push(format!("{id}: {sold:?} sold, {orders} in orders"));
        }
    }
    unequal.extend(ordered.keys().map(|slot| format!("{slot} is in orders and in no list")));
    let counted = format!("{} orders", orders.len());
    [
        Check::no_cases("an order is one unit of the venue that was promised", &wrong, counted),
        Check::no_cases("a slot has sold its orders", &unequal, format!("{} slots", slots.len())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_order_too_many_here_is_seen_though_one_is_missing_there() {
        let slot =
            |id: &str, venue: &str, sold: u64| json!({"id": id, "venue": venue, "capacity": 1, "sold": sold});
        let order = |id: &str, slot: &str, quantity: u64| json!({"order": id, "items": [{"slot": slot, "quantity": quantity}]});
        let slots = [slot("a", "north", 1), slot("b", "south", 1)];
        let holds = |orders: &[Value]| {
            let own = |id: &str| Some(if id == "o1" { "north" } else { "south" });
            checks(orders, &slots, own).map(|check| check.holds)
        };
        assert_eq!(holds(&[order("o1", "a", 1), order("o2", "b", 1)]), [true, true]);
        assert_eq!(holds(&[order("o1", "b", 1), order("o2", "a", 1)]), [false, true]);
        assert_eq!(holds(&[order("o1", "a", 1), order("o3", "a", 1)]), [false, false]);
        assert_eq!(holds(&[order("o1", "a", 2), order("o2", "b", 0)]), [false, false]);
        assert_eq!(holds(&[order("o1", "a", 1), order("o2", "c", 1)]), [false, false]);
    }
}
