//! Rows and neighbours of a seating plan: what each row is called, and who sits beside whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::oddity::OddityKind;
use crate::import::plan_seats::{Plan, Seat};
use crate::import::reading::Reading;

/// A space this many times the usual one is an aisle: wider than any chair, narrower than a missing chair's two spaces.
const AISLE: f64 = 1.6;

/// A name for each row, by zone and row index; different for different rows of a section.
pub fn row_names(plan: &Plan, reading: &mut Reading) -> BTreeMap<(usize, usize), String> {
    let mut rows: BTreeMap<(usize, usize), &Seat> = BTreeMap::new();
    for seat in &plan.seats {
        rows.entry((seat.zone_index, seat.row_index)).or_insert(seat);
    }
    let mut bearers: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for seat in rows.values() {
        *bearers.entry((&seat.zone, &seat.row_number)).or_default() += 1;
    }
    // Numbers that stand alone keep them, and no suffix may make a second `A-1` beside a row that is really called so.
    let mut given: BTreeSet<(&str, String)> = bearers
        .iter()
        .filter(|&(_, &count)| count == 1)
        .map(|(&(zone, row), _)| (zone, row.to_owned()))
        .collect();
    let mut names = BTreeMap::new();
    for (index, seat) in rows {
        let count = bearers[&(seat.zone.as_str(), seat.row_number.as_str())];
        let mut name = seat.row_number.clone();
        if count > 1 {
            let free = |name: &String| !given.contains(&(seat.zone.as_str(), name.clone()));
            name = (1_u32..).map(|n| format!("{}-{n}", seat.row_number)).find(free).unwrap_or(name);
            given.insert((&seat.zone, name.clone()));
            let detail =
                format!("{count} rows of {} are called {}; this one is `{name}`", seat.zone, seat.row_number);
            let subject = format!("{} {}", seat.zone, seat.row_number);
            reading.note(OddityKind::RepeatedRow, &plan.place(seat.row_line), subject, detail);
        }
        names.insert(index, name);
    }
    names
}

/// Each seat's place in its row, from 1; an aisle skips a number.
pub fn positions(plan: &Plan, reading: &mut Reading) -> Vec<i32> {
    let same_row =
        |left: &Seat, right: &Seat| (left.zone_index, left.row_index) == (right.zone_index, right.row_index);
    let space = |left: &Seat, right: &Seat| {
        let ((x1, y1), (x2, y2)) = left.at.zip(right.at)?;
        Some((x2 - x1).hypot(y2 - y1))
    };
    let pairs = plan.seats.windows(2).filter(|pair| same_row(&pair[0], &pair[1]));
    let mut spaces: Vec<f64> =
        pairs.filter_map(|pair| space(&pair[0], &pair[1])).filter(|&space| space > 0.0).collect();
    spaces.sort_by(f64::total_cmp);
    let usual = spaces.get(spaces.len() / 2).copied().unwrap_or(f64::INFINITY);
    let mut positions: Vec<i32> = Vec::with_capacity(plan.seats.len());
    for (index, seat) in plan.seats.iter().enumerate() {
        let before =
            index.checked_sub(1).map(|index| &plan.seats[index]).filter(|before| same_row(before, seat));
        let position = match before {
            None => 1,
            Some(before) => {
                let aisle = space(before, seat).is_some_and(|space| space > usual * AISLE);
                if aisle {
                    let detail = format!(
                        "row {}, between seats {} and {}",
                        seat.row_number, before.number, seat.number
                    );
                    reading.note(OddityKind::Aisle, &plan.place(seat.line), seat.row_number.clone(), detail);
                }
                positions[index - 1] + 1 + i32::from(aisle)
            }
        };
        positions.push(position);
    }
    positions
}
