//! What must hold of a draw's document, in the order in which it is asked.
//!
//! Only what the document carries can be checked: before the opening there is no seed, and without entries nobody's
//! registration can be found. [`Checked`] says both, what held and what could not be asked.

use std::collections::BTreeSet;

use onsale_engine::waiting_room::draw::{
    ALGORITHM, Leaf, MOST_REGISTRATIONS, Registrations, RunningDigest, Seed, is_lane,
};
use onsale_engine::waiting_room::permutation::Permutation;

use super::entries;
use super::spread::Spread;
use crate::import::report::{count, counted};
use crate::wire::draw::{DrawDocument, Hex, Phase};

/// The first thing that does not hold, as a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(pub String);

/// A document of which everything holds that could be asked.
#[derive(Debug, Default)]
pub struct Checked {
    /// What was asked and holds, sentences without full stops.
    pub holds: Vec<String>,
    /// What the document does not let anybody ask.
    pub not_checked: Vec<String>,
    /// What is odd and proves nothing.
    pub remarks: Vec<String>,
    /// The lanes in the sale's order, once the seed is shown.
    pub lanes: Vec<DrawnLane>,
}

/// A lane with its places.
#[derive(Debug)]
pub struct DrawnLane {
    /// Its name.
    pub name: String,
    /// The key that everybody can derive now.
    pub key: [u8; 32],
    /// Numbers to places, both from 0.
    pub permutation: Permutation,
    /// Whether places depend on the order of joining; nothing to say of very few.
    pub spread: Option<Spread>,
}

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'a> {
    /// Its lane.
    pub lane: &'a str,
    /// Its number in the lane, from 0.
    pub number: u32,
    /// When it registered: wall time, milliseconds since the epoch.
    pub joined_at_ms: u64,
    /// Its place in the lane, from 0, once the seed is shown.
    pub place: Option<u32>,
}

/// Checks a document of the algorithm [`ALGORITHM`]; others are refused where documents are read.
///
/// # Errors
/// The first thing that does not hold.
pub fn check(document: &DrawDocument<'_>) -> Result<Checked, Broken> {
    let mut checked = Checked::default();
    check_promise(document, &mut checked)?;
    let registrations = check_sums(document, &mut checked)?;
    check_minutes(document, &mut checked)?;
    match &document.entries {
        Some(all) => entries::check(document, all, &mut checked)?,
        None => checked.not_checked.push(
            "who registered: the document has no entries, so single registrations, their numbers and the minutes' digests \
             cannot be redone"
                .to_owned(),
        ),
    }
    if let Some(seed) = document.seed {
        let joined_ms = entries::joined_ms(document);
        checked.lanes = draw(document, Seed(seed.0), &registrations, &joined_ms);
    }
    Ok(checked)
}

/// Finds a ticket among the entries; `None` if there are entries and none is of this ticket. Ask only where there are.
#[must_use]
pub fn find<'a>(document: &'a DrawDocument<'_>, checked: &Checked, ticket: &str) -> Option<Found<'a>> {
    let leaf = Hex(Leaf::of_ticket(ticket).0);
    let entry = document.entries.iter().flatten().find(|entry| entry.leaf == leaf)?;
    let drawn = checked.lanes.iter().find(|lane| lane.name == entry.lane);
    Some(Found {
        lane: &entry.lane,
        number: entry.number,
        joined_at_ms: entry.joined_at_ms,
        place: drawn.map(|lane| lane.permutation.place(entry.number)),
    })
}

/// Phase, commitment, seed and beacon say the same.
fn check_promise(document: &DrawDocument<'_>, checked: &mut Checked) -> Result<(), Broken> {
    let commitment = document.commitment;
    let beacon = document.beacon.as_deref().filter(|beacon| !beacon.is_empty());
    match (document.phase, document.seed) {
        (Phase::Drawn, Some(seed)) => {
            let hash = Hex(Seed(seed.0).commitment());
            if hash != commitment {
                return Err(Broken(format!(
                    "the seed is not the one that was promised: its SHA-256 is {hash}, the commitment {commitment}"
                )));
            }
            checked.holds.push(format!("the seed is the one that was promised: its SHA-256 is {commitment}"));
            checked.not_checked.push(
                "when the commitment was published: compare it with what you saw before registering"
                    .to_owned(),
            );
        }
        (Phase::Drawn, None) => {
            return Err(Broken("the draw is said to be done, and has no seed".to_owned()));
        }
        (Phase::Committed | Phase::Closed, Some(_)) => {
            return Err(Broken(
                "the seed is shown before the draw: whoever has seen it can tell the places".to_owned(),
            ));
        }
        (Phase::Committed | Phase::Closed, None) => checked.not_checked.push(
            "seed, keys and places: the draw is still to come, and the seed is shown only then".to_owned(),
        ),
    }
    match (document.phase, beacon) {
        (Phase::Committed, Some(_)) => {
            return Err(Broken("there is a beacon while people still register".to_owned()));
        }
        (_, Some(beacon)) => checked.not_checked.push(format!(
            "where the beacon {beacon:?} comes from, and that nobody knew it before registration closed: look it up"
        )),
        (Phase::Drawn, None) => checked.not_checked.push(
            "that the operator did not choose the registrations to suit the seed: there was no beacon".to_owned(),
        ),
        (Phase::Committed | Phase::Closed, None) => {}
    }
    Ok(())
}

/// The lanes add up to the digest of all registrations.
fn check_sums(document: &DrawDocument<'_>, checked: &mut Checked) -> Result<Registrations, Broken> {
    let mut names = BTreeSet::new();
    let mut sum = 0_u64;
    for lane in &document.lanes {
        if !is_lane(&lane.lane) {
            return Err(Broken(format!("{:?} is no name of a lane", lane.lane)));
        }
        if !names.insert(&lane.lane) {
            return Err(Broken(format!("there are two lanes `{}`", lane.lane)));
        }
        let nobody = RunningDigest::new(&document.sale, &lane.lane).digest();
        if lane.count == 0 && lane.digest.0 != nobody {
            return Err(Broken(format!(
                "nobody is in lane `{}`, and its digest is not that of an empty lane",
                lane.lane
            )));
        }
        sum += u64::from(lane.count);
    }
    if sum > u64::from(MOST_REGISTRATIONS) {
        return Err(Broken(format!(
            "there are {} registrations; {ALGORITHM} knows at most {}",
            count(sum),
            count(MOST_REGISTRATIONS)
        )));
    }
    let all = Registrations::of_lanes(document.lanes.iter().map(|lane| (&*lane.lane, lane.running())));
    let said = document.registrations;
    if said.count != all.count {
        return Err(Broken(format!(
            "the lanes have {}, and {} are said to be there",
            counted(all.count, "registration"),
            count(said.count)
        )));
    }
    if said.digest.0 != all.digest {
        return Err(Broken(format!(
            "the lanes' digests give {}, and the digest of all registrations is said to be {}",
            Hex(all.digest),
            said.digest
        )));
    }
    checked.holds.push(format!(
        "{} in {} add up to the digest {}",
        counted(all.count, "registration"),
        counted(document.lanes.len(), "lane"),
        said.digest
    ));
    Ok(all)
}

/// The minutes are in order, and the registrations only grew.
fn check_minutes(document: &DrawDocument<'_>, checked: &mut Checked) -> Result<(), Broken> {
    let total = document.registrations;
    let mut before = vec![0; document.lanes.len()];
    for (index, minute) in document.minutes.iter().enumerate() {
        let broken = |why: &str| Broken(format!("minute {} of the list: {why}", index + 1));
        if index > 0 && minute.at < document.minutes[index - 1].at {
            return Err(broken("it is earlier than the one before"));
        }
        if index > 0 && minute.count < document.minutes[index - 1].count {
            return Err(broken("there were fewer registrations than a minute before"));
        }
        if let Some(by_lane) = &minute.by_lane {
            if by_lane.len() != before.len() {
                return Err(broken("it does not count each lane once"));
            }
            if by_lane.iter().map(|count| u64::from(*count)).sum::<u64>() != u64::from(minute.count) {
                return Err(broken("the counts of its lanes are not its count"));
            }
            if by_lane.iter().zip(&before).any(|(now, before)| now < before) {
                return Err(broken("a lane had fewer registrations than a minute before"));
            }
            if by_lane.iter().zip(&document.lanes).any(|(now, lane)| *now > lane.count) {
                return Err(broken("a lane had more registrations than there are in the end"));
            }
            before.clone_from(by_lane);
        }
        if minute.count > total.count {
            return Err(broken("there were more registrations than there are in the end"));
        }
        if minute.count == total.count && minute.digest != total.digest {
            return Err(broken("it counts all registrations, and its digest is not theirs"));
        }
    }
    if document.minutes.is_empty() {
        checked
            .not_checked
            .push("what was published while people registered: no minutes are listed".to_owned());
    }
    Ok(())
}

/// Keys, places, and whether they depend on the order of joining.
fn draw(
    document: &DrawDocument<'_>,
    seed: Seed,
    registrations: &Registrations,
    joined_ms: &[Vec<u64>],
) -> Vec<DrawnLane> {
    let beacon = document.beacon.as_deref().unwrap_or_default();
    let mut drawn = Vec::with_capacity(document.lanes.len());
    for (lane, joined_ms) in document.lanes.iter().zip(joined_ms) {
        let key = seed.lane_key(registrations, &lane.lane, beacon);
        let permutation = Permutation::new(&key, lane.count);
        let spread = Spread::of(&permutation, joined_ms);
        drawn.push(DrawnLane { name: lane.lane.clone().into_owned(), key, permutation, spread });
    }
    drawn
}
