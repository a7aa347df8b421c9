//! The entries of a draw: every registration hashed again, and with them what was published minute by minute.

use std::collections::BTreeMap;

use onsale_engine::waiting_room::draw::{Leaf, Registrations, RunningDigest};

use super::check::{Broken, Checked};
use crate::import::report::{count, counted};
use crate::wire::draw::{DrawDocument, Entry, Hex, Minute};

/// How far the time of a registration may be outside of the minute that counts it before it is remarked upon: the time
/// is read before the registration has its turn.
const SLACK_MS: i64 = 2_000;

/// Checks numbers, digests of lanes and of minutes, and that no ticket has two registrations.
///
/// # Errors
/// The first thing that does not hold.
pub fn check(
    document: &DrawDocument<'_>,
    entries: &[Entry<'_>],
    checked: &mut Checked,
) -> Result<(), Broken> {
    let lanes = &document.lanes;
    let places: BTreeMap<&str, usize> = lanes.iter().map(|lane| &*lane.lane).zip(0..).collect();
    let mut running: Vec<_> =
        lanes.iter().map(|lane| RunningDigest::new(&document.sale, &lane.lane)).collect();
    let mut minutes = Minutes::new(document, &running);
    for entry in entries {
        let Some(&lane) = places.get(&*entry.lane) else {
            return Err(Broken(format!("there is an entry in lane `{}`, which is not listed", entry.lane)));
        };
        let due = running[lane].count();
        if entry.number != due || due == lanes[lane].count {
            return Err(misnumbered(entry, due, lanes[lane].count));
        }
        minutes.judge(lane, entry);
        running[lane].add(entry.joined_at_ms, Leaf(entry.leaf.0));
        minutes.pass(lane, running[lane]);
    }
    for (lane, running) in lanes.iter().zip(&running) {
        if running.count() != lane.count {
            return Err(Broken(format!(
                "lane `{}` has {}, and the entries stop at {}",
                lane.lane,
                counted(lane.count, "registration"),
                count(running.count())
            )));
        }
        if running.digest() != lane.digest.0 {
            return Err(Broken(format!(
                "the entries of lane `{}` give the digest {}, and it is said to be {}",
                lane.lane,
                Hex(running.digest()),
                lane.digest
            )));
        }
    }
    no_ticket_twice(entries)?;
    checked
        .holds
        .push(format!("{} give the digests of their lanes, numbered without a gap", entries_of(entries)));
    minutes.check(document, checked)
}

fn entries_of(entries: &[Entry<'_>]) -> String {
    match entries.len() {
        1 => "1 entry".to_owned(),
        many => format!("{} entries", count(many)),
    }
}

fn misnumbered(entry: &Entry<'_>, due: u32, count_of_lane: u32) -> Broken {
    let (lane, number) = (&entry.lane, count(entry.number));
    Broken(if due == count_of_lane {
        format!("lane `{lane}` has an entry more than its {}: number {number}", count(count_of_lane))
    } else {
        format!("lane `{lane}` has an entry with number {number} where {} is due", count(due))
    })
}

fn no_ticket_twice(entries: &[Entry<'_>]) -> Result<(), Broken> {
    let mut leaves: Vec<u128> = entries.iter().map(|entry| u128::from_be_bytes(entry.leaf.0)).collect();
    leaves.sort_unstable();
    match leaves.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(Broken(format!("two registrations are of one ticket: leaf {}", Hex(pair[0].to_be_bytes()))))
        }
        None => Ok(()),
    }
}

/// The times of joining, lane by lane in the order of numbers; empty where there are no entries. For a document that has
/// been checked.
pub(super) fn joined_ms(document: &DrawDocument<'_>) -> Vec<Vec<u64>> {
    let places: BTreeMap<&str, usize> = document.lanes.iter().map(|lane| &*lane.lane).zip(0..).collect();
    let mut joined = vec![Vec::new(); document.lanes.len()];
    for entry in document.entries.iter().flatten() {
        joined[places[&*entry.lane]].push(entry.joined_at_ms);
    }
    joined
}

/// The minutes as the entries go by: how each lane stood when it had as many registrations as a minute counts.
struct Minutes<'a> {
    /// The minutes that say how many each lane had, and how many that is.
    rows: Vec<(&'a Minute, Vec<u32>)>,
    /// For each row, the lanes as they stood.
    stood: Vec<Vec<RunningDigest>>,
    /// For each lane, the first row that it has not reached yet.
    next: Vec<usize>,
    /// Entries whose time is outside of the minute that counts them.
    outside: u64,
}

impl<'a> Minutes<'a> {
    fn new(document: &'a DrawDocument<'_>, running: &[RunningDigest]) -> Self {
        let single = running.len() == 1;
        let rows: Vec<_> = document
            .minutes
            .iter()
            .filter_map(|minute| {
                let by_lane = minute.by_lane.clone().or_else(|| single.then(|| vec![minute.count]));
                by_lane.map(|by_lane| (minute, by_lane))
            })
            .collect();
        let stood = vec![running.to_vec(); rows.len()];
        let mut minutes = Self { rows, stood, next: vec![0; running.len()], outside: 0 };
        for (lane, running) in running.iter().enumerate() {
            minutes.pass(lane, *running);
        }
        minutes
    }

    /// Compares the time of the next entry of a lane with those of the minutes around it.
    fn judge(&mut self, lane: usize, entry: &Entry<'_>) {
        let at = |row: usize| self.rows.get(row).map(|(minute, _)| minute.at.0.0);
        let joined = i64::try_from(entry.joined_at_ms).unwrap_or(i64::MAX);
        let next = self.next[lane];
        let early = next.checked_sub(1).and_then(at).is_some_and(|before| joined < before - SLACK_MS);
        let late = at(next).is_some_and(|after| joined > after.saturating_add(SLACK_MS));
        self.outside += u64::from(early || late);
    }

    /// A lane stands so now.
    fn pass(&mut self, lane: usize, running: RunningDigest) {
        while let Some((_, by_lane)) = self.rows.get(self.next[lane])
            && by_lane[lane] == running.count()
        {
            self.stood[self.next[lane]][lane] = running;
            self.next[lane] += 1;
        }
    }

    fn check(self, document: &DrawDocument<'_>, checked: &mut Checked) -> Result<(), Broken> {
        let names = || document.lanes.iter().map(|lane| &*lane.lane);
        for ((minute, _), stood) in self.rows.iter().zip(&self.stood) {
            let digest = Hex(Registrations::of_lanes(names().zip(stood.iter().copied())).digest);
            if digest != minute.digest {
                return Err(Broken(format!(
                    "the first {} give the digest {digest}, and at {} it was said to be {}",
                    counted(minute.count, "registration"),
                    super::report::time(minute.at),
                    minute.digest
                )));
            }
        }
        let (all, redone) = (document.minutes.len(), self.rows.len());
        if redone > 0 {
            let published = format!("{} {} beginnings of", counted(redone, "published minute"), are(redone));
            checked.holds.push(format!("{published} these registrations"));
        }
        if redone < all {
            checked.not_checked.push(format!(
                "{} whose lanes are not counted singly",
                counted(all - redone, "published minute")
            ));
        }
        if self.outside > 0 {
            checked.remarks.push(format!(
                "{} a time outside of the minute that counts {}: a clock was set, or the times of joining were made up; \
                 places do not depend on them",
                if self.outside == 1 { "1 registration has".to_owned() } else { format!("{} registrations have", count(self.outside)) },
                if self.outside == 1 { "it" } else { "them" },
            ));
        }
        Ok(())
    }
}

fn are(number: usize) -> &'static str {
    if number == 1 { "is" } else { "are" }
}
