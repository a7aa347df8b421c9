//! The slots of a run, numbered: the tester's own knowledge of what there is to sell, from the inventory it loaded or from
//! the list it read before the run. The audit compares against this, not against what the server says afterwards.

use std::collections::HashMap;

/// One slot as the tester knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its id.
    pub id: String,
    /// Its venue.
    pub venue: String,
    /// What is given there.
    pub product: String,
    /// Its day, counted from any fixed day; gaps of bundles are differences of this.
    pub day: i64,
    /// Units that may be sold: the capacity without what is withdrawn.
    pub capacity: u64,
}

/// All slots of a run.
#[derive(Debug, Default)]
pub struct Stock {
    places: Vec<Place>,
    by_id: HashMap<String, usize>,
}

impl Stock {
    /// Numbers these slots in their order.
    pub fn new(places: Vec<Place>) -> Self {
        let by_id = places.iter().enumerate().map(|(number, place)| (place.id.clone(), number)).collect();
        Self { places, by_id }
    }

    /// The slots.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The number of a slot.
    pub fn number(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// All units.
    pub fn units(&self) -> u64 {
        self.places.iter().map(|place| place.capacity).sum()
    }
}
