//! What a reader hands on: slots with the place they came from, lines it refused, and what was odd.
//!
//! `Reading::take` is the one door through which a slot enters. It guards what no reader may forget: an id that is one, and
//! is not given twice. A second row that would end up under a taken id is refused by name, because the server would read
//! it as an update of the first and a place would vanish.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use onsale_engine::inventory::{MAX_LABEL_BYTES, SlotSpec};

use crate::import::oddity::OddityKind;
use crate::import::source::Source;
use crate::wire::slot::SlotInput;

/// A line of a file, counted from 1; line 0 is the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the operator named it.
    pub file: Arc<str>,
    /// The line.
    pub line: usize,
}

impl Place {
    /// A line of a file.
    #[must_use]
    pub fn new(file: &Arc<str>, line: usize) -> Self {
        Self { file: Arc::clone(file), line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { f.write_str(&self.file) } else { write!(f, "{}:{}", self.file, self.line) }
    }
}

/// A slot and the line it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcedSlot {
    /// Where it stands in the source.
    pub place: Place,
    /// What will be sent.
    pub slot: SlotInput,
}

/// A line that did not become a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// Where it stands.
    pub place: Place,
    /// A stable word for the reason.
    pub code: String,
    /// A sentence for people.
    pub detail: String,
}

/// Something odd about a line that is used all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// What kind of oddity; the report groups by it.
    pub kind: OddityKind,
    /// Where it stands.
    pub place: Place,
    /// The value that is odd; the report counts how many different ones there are.
    pub subject: String,
    /// What was seen, and what was done about it.
    pub detail: String,
}

/// Everything a reader has to say about its files.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The slots, in the order of the source.
    pub slots: Vec<SourcedSlot>,
    /// The lines that are not among them.
    pub refused: Vec<RefusedLine>,
    /// What to know before selling.
    pub oddities: Vec<Oddity>,
    taken: HashMap<String, usize>,
    seats: HashMap<String, usize>,
}

impl Reading {
    /// Takes a slot in, or refuses its line if the server would refuse it whatever the sale (asked here already, so that
    /// `--dry-run` tells the truth), or if its id is another row's.
    pub fn take(&mut self, place: Place, mut slot: SlotInput) {
        self.shorten_labels(&place, &mut slot.labels);
        let spec = SlotSpec::from(slot.clone());
        if let Err(fault) = spec.check() {
            return self.refuse(place, fault.code, fault.why);
        }
        if let Some(&first) = self.taken.get(&slot.id) {
            let first = &self.slots[first];
            let same = if first.slot == slot { "the very same slot" } else { "another slot" };
            let detail =
                format!("id `{}` is already taken by {same} at {}; that one was kept", slot.id, first.place);
            return self.refuse(place, "repeated-id", detail);
        }
        if let Some(seat) = seat_of(&spec) {
            match self.seats.get(&seat) {
                None => {
                    self.seats.insert(seat, self.slots.len());
                }
                Some(&first) => {
                    let first = &self.slots[first];
                    let detail =
                        format!("`{}` is the seat that `{}` is at {}", slot.id, first.slot.id, first.place);
                    self.note(OddityKind::RepeatedSeat, &place, slot.id.clone(), detail);
                }
            }
        }
        self.taken.insert(slot.id.clone(), self.slots.len());
        self.slots.push(SourcedSlot { place, slot });
    }

    /// Notes that a line is not used.
    pub fn refuse(&mut self, place: Place, code: &str, detail: impl Into<String>) {
        self.refused.push(RefusedLine { place, code: code.to_owned(), detail: detail.into() });
    }

    /// Notes something odd about a line that is used.
    pub fn note(
        &mut self,
        kind: OddityKind,
        place: &Place,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) {
        self.oddities.push(Oddity {
            kind,
            place: place.clone(),
            subject: subject.into(),
            detail: detail.into(),
        });
    }

    /// All units of all slots.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.slots.iter().map(|sourced| u64::from(sourced.slot.capacity)).sum()
    }

    /// Reads a file that has slots of its own, and refuses it if it has none and no line explains why: a forgotten file must
    /// not look like success, also among others.
    pub fn file_of_slots(&mut self, source: &Source, read: impl FnOnce(&mut Self)) {
        let before = (self.slots.len(), self.refused.len());
        source.complain(self);
        read(self);
        if (self.slots.len(), self.refused.len()) == before {
            self.refuse(source.place(0), "no-slots", "there is not a single slot in this file");
        }
    }

    /// The same for files that only have slots together.
    pub fn refuse_if_empty(&mut self, sources: &[Source]) {
        if let Some(first) = sources.first().filter(|_| self.slots.is_empty() && self.refused.is_empty()) {
            self.refuse(first.place(0), "no-slots", "there is not a single slot in what was given");
        }
    }

    fn shorten_labels(&mut self, place: &Place, labels: &mut BTreeMap<String, String>) {
        for (name, value) in labels {
            if value.len() > MAX_LABEL_BYTES {
                let end = (0..=MAX_LABEL_BYTES).rev().find(|&end| value.is_char_boundary(end)).unwrap_or(0);
                let detail = format!("label `{name}` has {} bytes; kept the first {end}", value.len());
                self.note(OddityKind::LabelShortened, place, name.clone(), detail);
                value.truncate(end);
            }
        }
    }
}

/// What makes a seat that seat; its position, where a source tells seats of one number apart by it.
fn seat_of(spec: &SlotSpec) -> Option<String> {
    let SlotSpec { venue, section, starts_at, row: Some(row), seat: Some(seat), position, .. } = spec else {
        return None;
    };
    Some(format!("{venue}\n{section:?}\n{starts_at:?}\n{row:?}\n{seat:?}\n{position:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use onsale_engine::inventory::MAX_CAPACITY;

    fn place(line: usize) -> Place {
        Place::new(&"f".into(), line)
    }

    #[test]
    fn a_second_row_under_a_taken_id_is_refused_and_points_at_the_first() {
        let mut reading = Reading::default();
        reading.take(place(1), SlotInput::new("a", "v", 1));
        reading.take(place(2), SlotInput::new("a", "v", 2));
        reading.take(place(3), SlotInput::new("a", "v", 1));
        assert_eq!(reading.slots.len(), 1);
        assert!(reading.refused[0].detail.contains("another slot at f:1"), "{:?}", reading.refused);
        assert!(reading.refused[1].detail.contains("the very same slot at f:1"));
    }

    #[test]
    fn one_seat_under_two_ids_is_named() {
        let mut reading = Reading::default();
        let seat = |id: &str, row: &str, position| SlotInput {
            row: Some(row.into()),
            seat: Some("7".into()),
            position,
            ..SlotInput::new(id, "v", 1)
        };
        reading.take(place(1), seat("a", "1", None));
        reading.take(place(2), seat("b", "2", None));
        reading.take(place(3), seat("c", "1", Some(9)));
        assert_eq!(reading.oddities, []);
        reading.take(place(4), seat("d", "1", None));
        assert_eq!((reading.slots.len(), reading.oddities[0].kind), (4, OddityKind::RepeatedSeat));
        assert!(reading.oddities[0].detail.contains("`a` is at f:1"), "{:?}", reading.oddities);
    }

    #[test]
    fn what_the_server_would_refuse_is_refused_here() {
        let mut reading = Reading::default();
        reading.take(place(1), SlotInput::new("a b", "v", 1));
        reading.take(place(2), SlotInput::new("a", "v", MAX_CAPACITY + 1));
        let mut backwards = SlotInput::new("b", "v", 1);
        backwards.starts_at = Some("2021-01-02T00:00:00Z".parse().expect("a time"));
        backwards.ends_at = Some("2021-01-01T00:00:00Z".parse().expect("a time"));
        reading.take(place(3), backwards);
        let codes: Vec<_> = reading.refused.iter().map(|line| line.code.as_str()).collect();
        assert_eq!(codes, ["not-an-id", "too-large-number", "ends-before-start"]);
    }

    #[test]
    fn a_long_label_is_cut_between_characters() {
        let mut reading = Reading::default();
        let mut slot = SlotInput::new("a", "v", 1);
        slot.labels.insert("name".into(), format!("x{}", "ü".repeat(80)));
        reading.take(place(1), slot);
        assert_eq!(reading.slots[0].slot.labels["name"].len(), 99);
        assert_eq!(reading.oddities[0].kind, OddityKind::LabelShortened);
    }
}
