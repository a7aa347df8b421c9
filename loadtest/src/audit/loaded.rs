//! What the run itself has loaded, against the server's books. Rows that add up by themselves say nothing of a unit that is in
//! none of them: a server that forgot a venue's day would be right to the unit about the others.

use std::collections::BTreeMap;

use super::Check;
use super::books::Books;

/// Units by venue and day, and by slot, as they were sent.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    rows: BTreeMap<(String, String), u64>,
    slots: BTreeMap<String, u64>,
}

impl Loaded {
    /// One more slot, on this day of the sale's time zone.
    pub fn add(&mut self, slot: &str, venue: &str, day: &str, capacity: u64) {
        *self.rows.entry((venue.to_owned(), day.to_owned())).or_default() += capacity;
        self.slots.insert(slot.to_owned(), capacity);
    }

    /// How many slots.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    /// All units.
    pub fn units(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// Every venue's day has the units that were loaded there, every listed slot its own, and there is nothing else.
pub(super) fn all_of_it_is_there(loaded: &Loaded, books: &Books) -> Check {
    let mut cases = Vec::new();
    let mut there: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in &books.rows {
        let place = (row.venue.clone().unwrap_or_default(), row.day.clone().unwrap_or_default());
        *there.entry(place).or_default() += row.capacity;
    }
    let units: u64 = there.values().sum();
    if units != loaded.units() {
        cases.push(format!("{units} units in the counts, {} were loaded", loaded.units()));
    }
    let by_row = loaded.rows.iter().map(|((venue, day), units)| (format!("{venue} {day}"), *units));
    differ(
        by_row,
        there.into_iter().map(|((venue, day), units)| (format!("{venue} {day}"), units)),
        &mut cases,
    );
    if let Some(slots) = &books.slots {
        let listed = slots.iter().map(|slot| (slot.id.clone(), slot.capacity));
        differ(loaded.slots.clone().into_iter(), listed, &mut cases);
        if slots.len() != loaded.slots() {
            cases.push(format!("{} slots are listed, {} were loaded", slots.len(), loaded.slots()));
        }
    }
    Check::no_cases(
        "all that was loaded is there",
        &cases,
        format!("{units} units in {} slots", loaded.slots()),
    )
}

fn differ(
    wanted: impl Iterator<Item = (String, u64)>,
    got: impl Iterator<Item = (String, u64)>,
    cases: &mut Vec<String>,
) {
    let mut got: BTreeMap<String, u64> = got.collect();
    for (name, units) in wanted {
        match got.remove(&name) {
            Some(there) if there == units => {}
            Some(there) => cases.push(format!("{name}: {there} units of {units} loaded")),
            None => cases.push(format!("{name}: none of {units} units loaded")),
        }
    }
    cases.extend(got.into_iter().map(|(name, units)| format!("{name}: {units} units that nobody loaded")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_missing_shows_though_the_others_add_up() {
        let mut loaded = Loaded::default();
        loaded.add("a", "kiel", "2021-03-01", 7);
        loaded.add("b", "kiel", "2021-03-22", 7);
        let row = |day: &str, capacity: u64| {
            serde_json::from_value(serde_json::json!({"venue": "kiel", "day": day, "capacity": capacity}))
                .unwrap()
        };
        let slot = |id: &str, capacity: u64| {
            serde_json::from_value(serde_json::json!({"id": id, "venue": "kiel", "capacity": capacity}))
                .unwrap()
        };
        let (first, second) = ("2021-03-01", "2021-03-22");
        let books = |rows, slots| Books { rows, slots, ..Books::default() };
        let holds = |rows, slots| all_of_it_is_there(&loaded, &books(rows, slots)).holds;
        assert!(holds(vec![row(first, 7), row(second, 7)], None));
        assert!(holds(vec![row(first, 7), row(second, 7)], Some(vec![slot("a", 7), slot("b", 7)])));
        assert!(!holds(vec![row(first, 7)], None));
        assert!(!holds(vec![row(first, 8), row(second, 6)], None));
        assert!(!holds(vec![row(first, 7), row(second, 7), row("2021-03-23", 0)], None));
        assert!(!holds(vec![row(first, 7), row(second, 7)], Some(vec![slot("a", 7)])));
        assert!(!holds(vec![row(first, 7), row(second, 7)], Some(vec![slot("a", 6), slot("b", 8)])));
    }
}
