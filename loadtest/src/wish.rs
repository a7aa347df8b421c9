//! What a buyer asks for, and whether a cart is that. A server may sell nothing twice and add up to the unit, and yet give
//! people an appointment in another town.

use serde_json::{Value, json};

use crate::stock::Stock;
use crate::wire::Item;

/// One item of a cart, as somebody wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Units of one slot.
    Slot {
        /// Which.
        slot: String,
        /// How many.
        quantity: u64,
    },
    /// A bundle of these slots.
    Named {
        /// Its rule.
        rule: &'static str,
        /// Its parts.
        slots: Vec<String>,
    },
    /// A pair at this venue that the server chooses.
    Anywhere {
        /// Its rule.
        rule: &'static str,
        /// Where.
        venue: String,
    },
}

impl Wish {
    /// As the contract has it.
    pub fn json(&self) -> Value {
        match self {
            Self::Slot { slot, quantity } => json!({"slot": slot, "quantity": quantity}),
            Self::Named { rule, slots } => json!({"bundle": {"rule": rule, "slots": slots}}),
            Self::Anywhere { rule, venue } => json!({"bundle": {"rule": rule, "venue": venue}}),
        }
    }

    /// The units at stake.
    pub fn units(&self) -> u64 {
        match self {
            Self::Slot { quantity, .. } => *quantity,
            Self::Named { slots, .. } => u64::try_from(slots.len()).unwrap_or(u64::MAX),
            Self::Anywhere { .. } => 2,
        }
    }

    /// In what these lines are not what was asked for, if they are not.
    pub fn differs(&self, lines: &[Item], stock: &Stock) -> Option<String> {
        let mut given: Vec<(&str, u64)> =
            lines.iter().map(|line| (line.slot.as_str(), line.quantity)).collect();
        given.sort_unstable();
        let as_asked = match self {
            Self::Slot { slot, quantity } => given == [(slot.as_str(), *quantity)],
            Self::Named { slots, .. } => {
                let mut wanted: Vec<(&str, u64)> = slots.iter().map(|slot| (slot.as_str(), 1)).collect();
                wanted.sort_unstable();
                given == wanted && one_bundle(lines)
            }
            Self::Anywhere { venue, .. } => {
                let there = |slot: &str| {
                    stock.number(slot).is_some_and(|number| stock.places()[number].venue == *venue)
                };
                let parts = given.iter().all(|(slot, quantity)| *quantity == 1 && there(slot));
                given.len() == 2 && parts && one_bundle(lines)
            }
        };
        (!as_asked).then(|| format!("{} was asked for, {given:?} was given", self.json()))
    }
}

/// Whether all lines are parts of the same bundle.
fn one_bundle(lines: &[Item]) -> bool {
    let bundle = lines.first().and_then(|line| line.bundle.as_ref());
    bundle.is_some() && lines.iter().all(|line| line.bundle.as_ref() == bundle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stock::Place;

    #[test]
    fn a_cart_is_what_was_asked_for_or_it_shows() {
        let place = |id: &str, venue: &str| Place {
            id: id.into(),
            venue: venue.into(),
            product: "dose1".into(),
            day: 0,
            capacity: 1,
        };
        let stock = Stock::new(vec![place("a", "kiel"), place("b", "kiel"), place("c", "husum")]);
        let line = |slot: &str, quantity, bundle: Option<&str>| Item {
            slot: slot.into(),
            quantity,
            bundle: bundle.map(Into::into),
            cancelled: false,
        };
        let part = |slot: &str| line(slot, 1, Some("x"));
        let named = Wish::Named { rule: "two", slots: vec!["b".into(), "a".into()] };
        let anywhere = Wish::Anywhere { rule: "two", venue: "kiel".into() };
        for wish in [&named, &anywhere] {
            assert_eq!(wish.differs(&[part("a"), part("b")], &stock), None);
            for wrong in [
                vec![],
                vec![part("a")],
                vec![part("a"), part("c")],
                vec![part("a"), line("b", 2, Some("x"))],
                vec![part("a"), line("b", 1, Some("y"))],
                vec![line("a", 1, None), line("b", 1, None)],
                vec![part("a"), part("b"), part("c")],
            ] {
                assert!(wish.differs(&wrong, &stock).is_some(), "{wish:?} {wrong:?}");
            }
        }
        let two = Wish::Slot { slot: "a".into(), quantity: 2 };
        assert_eq!(two.differs(&[line("a", 2, None)], &stock), None);
        assert!(two.differs(&[line("a", 1, None)], &stock).is_some());
        assert!(two.differs(&[line("b", 2, None)], &stock).is_some());
    }
}
