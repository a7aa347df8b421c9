//! Who was called and may still come, and who is inside: all that counts as active, in the order in which it ends.
//!
//! A stay ends at its time whether somebody writes that down or not: whoever asks gets an answer for the instant. The
//! fact that settles ended stays only moves them out of here, in the order (end, ticket).

use std::collections::{BTreeMap, BTreeSet};

use crate::time::Timestamp;

/// A ticket as one number: 8 bits of lane, 24 of number.
pub type Packed = u32;

/// Which kind of stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// May come in until its end.
    Called,
    /// Is inside until its end.
    Session,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    stays: BTreeMap<Packed, (Stay, Timestamp)>,
    ends: BTreeSet<(Timestamp, Packed)>,
    called: u32,
}

impl Inside {
    /// A stay begins, or becomes another.
    pub fn set(&mut self, ticket: Packed, stay: Stay, until: Timestamp) {
        self.remove(ticket);
        self.stays.insert(ticket, (stay, until));
        self.ends.insert((until, ticket));
        self.called += u32::from(stay == Stay::Called);
    }

    /// A stay ends, if there is one.
    pub fn remove(&mut self, ticket: Packed) -> Option<Stay> {
        let (stay, until) = self.stays.remove(&ticket)?;
        self.ends.remove(&(until, ticket));
        self.called -= u32::from(stay == Stay::Called);
        Some(stay)
    }

    /// A stay and its end.
    #[must_use]
    pub fn get(&self, ticket: Packed) -> Option<(Stay, Timestamp)> {
        self.stays.get(&ticket).copied()
    }

    /// The first stay to end, if it has ended by `at`.
    #[must_use]
    pub fn first_ended(&self, at: Timestamp) -> Option<Packed> {
        self.ends.first().filter(|(until, _)| *until <= at).map(|(_, ticket)| *ticket)
    }

    /// How many stays have ended by `at`, at most `most`.
    #[must_use]
    pub fn ended(&self, at: Timestamp, most: usize) -> usize {
        self.ends.iter().take(most).take_while(|(until, _)| *until <= at).count()
    }

    /// Everybody who is called or inside, ended stays that nobody has settled included.
    #[must_use]
    pub fn active(&self) -> u32 {
        u32::try_from(self.stays.len()).unwrap_or(u32::MAX)
    }

    /// Those of them who are called.
    #[must_use]
    pub fn called(&self) -> u32 {
        self.called
    }

    /// All stays, by ticket.
    pub fn iter(&self) -> impl Iterator<Item = (Packed, Stay, Timestamp)> + '_ {
        self.stays.iter().map(|(ticket, (stay, until))| (*ticket, *stay, *until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_end_in_order_and_are_counted() {
        let mut inside = Inside::default();
        for (ticket, stay, until) in [(3, Stay::Called, 50), (1, Stay::Called, 50), (2, Stay::Session, 40)] {
            inside.set(ticket, stay, Timestamp(until));
        }
        assert_eq!((inside.active(), inside.called()), (3, 2));
        inside.set(3, Stay::Session, Timestamp(90));
        assert_eq!((inside.active(), inside.called()), (3, 1));
        assert_eq!((inside.ended(Timestamp(50), 9), inside.ended(Timestamp(50), 1)), (2, 1));
        assert_eq!(inside.first_ended(Timestamp(39)), None);
        assert_eq!(inside.first_ended(Timestamp(50)), Some(2));
        assert_eq!(inside.remove(2), Some(Stay::Session));
        assert_eq!(inside.first_ended(Timestamp(50)), Some(1));
        assert_eq!((inside.remove(7), inside.get(3)), (None, Some((Stay::Session, Timestamp(90)))));
    }
}
