//! One line of a table as a slot, with everything that is wrong with it at once.

use csv::StringRecord;

use crate::import::ids::fit_id;
use crate::import::oddity::OddityKind;
use crate::import::times::TimeRules;
use crate::wire::slot::SlotInput;

/// The columns with one name each; `label.NAME` stands beside them.
const NAMES: [&str; 13] = [
    "id",
    "venue",
    "section",
    "starts_at",
    "ends_at",
    "capacity",
    "product",
    "row",
    "seat",
    "position",
    "price",
    "releases_at",
    "accessible",
];

/// A column that means something for a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// A field of the slot, by its name.
    Field(&'static str),
    /// A label, by its name.
    Label(String),
}

impl Column {
    /// The column of a header's word; upper and lower case are one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        if let Some(label) = name.strip_prefix("label.").filter(|label| !label.is_empty()) {
            return Some(Self::Label(label.to_owned()));
        }
        NAMES.iter().find(|known| **known == name).map(|known| Self::Field(known))
    }

    /// The column that was meant by a word with one or two slips.
    #[must_use]
    pub fn almost_named(name: &str) -> Option<&'static str> {
        let name = name.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        let slips = |known: &str| if known.len() > 5 { 2 } else { usize::from(known.len() > 2) };
        NAMES.into_iter().find(|known| distance(known, &name) <= slips(known))
    }
}

/// A line that became a slot.
#[derive(Clone, Debug)]
pub struct Row {
    /// The slot.
    pub slot: SlotInput,
    /// What was odd about it: kind, subject, detail.
    pub oddities: Vec<(OddityKind, String, String)>,
}

type Problem = (&'static str, String);

/// Reads one line.
///
/// # Errors
/// Every problem of the line, as code and sentence; at least one.
pub fn read(
    columns: &[Option<Column>],
    record: &StringRecord,
    times: &TimeRules,
) -> Result<Row, Vec<Problem>> {
    let mut row = Row { slot: SlotInput::new("", "", 0), oddities: Vec::new() };
    let mut problems = Vec::new();
    let mut capacity = None;
    for (column, field) in columns.iter().zip(record) {
        let field = field.trim();
        let Some(column) = column.as_ref().filter(|_| !field.is_empty()) else { continue };
        let set = match column {
            Column::Label(name) => {
                row.slot.labels.insert(name.clone(), field.to_owned());
                Ok(())
            }
            Column::Field("capacity") => number(field, "capacity").map(|count| capacity = Some(count)),
            Column::Field(name) => row.set(name, field, times),
        };
        problems.extend(set.err());
    }
    match capacity {
        Some(count) => row.slot.capacity = count,
        None if row.slot.seat.is_some() => row.slot.capacity = 1,
        None if problems.iter().any(|(code, _)| *code == "not-a-number") => {}
        None => problems.push(("no-capacity", "capacity is empty, and the line is no numbered seat".into())),
    }
    for (name, value) in [("id", &row.slot.id), ("venue", &row.slot.venue)] {
        if value.is_empty() {
            problems.push((if name == "id" { "no-id" } else { "no-venue" }, format!("{name} is empty")));
        }
    }
    if row.slot.row.is_some() != row.slot.seat.is_some() {
        problems.push(("half-a-seat", "a numbered seat has both row and seat".into()));
    }
    if problems.is_empty() { Ok(row) } else { Err(problems) }
}

impl Row {
    fn set(&mut self, name: &'static str, field: &str, times: &TimeRules) -> Result<(), Problem> {
        let text = || Some(field.to_owned());
        match name {
            "id" => self.slot.id = self.id(name, field),
            "venue" => self.slot.venue = self.id(name, field),
            "section" => self.slot.section = Some(self.id(name, field)),
            "product" => self.slot.product = Some(self.id(name, field)),
            "row" => self.slot.row = text(),
            "seat" => self.slot.seat = text(),
            "position" => self.slot.position = Some(number(field, name)?),
            "price" => self.slot.price = Some(price(field)?),
            "accessible" => self.slot.accessible = yes_or_no(field)?,
            "starts_at" => self.slot.starts_at = Some(self.time(name, field, times)?),
            "ends_at" => self.slot.ends_at = Some(self.time(name, field, times)?),
            "releases_at" => self.slot.releases_at = Some(self.time(name, field, times)?),
            other => unreachable!("{other} is among NAMES and has no arm"),
        }
        Ok(())
    }

    fn id(&mut self, name: &str, field: &str) -> String {
        let id = fit_id(field);
        if id != field {
            let detail = format!("{name} `{field}` is `{id}` here");
            self.oddities.push((OddityKind::RewrittenId, field.to_owned(), detail));
        }
        id
    }

    fn time(&mut self, name: &str, field: &str, times: &TimeRules) -> Result<jiff::Timestamp, Problem> {
        let time = times.read(field).map_err(|problem| (problem.code(), problem.sentence(name, field)))?;
        if let Some((offset, there)) = times.offset_not_in_use(&time) {
            let detail = format!("{name} {field}, but clocks there show {there} then; taken as {}", time.at);
            self.oddities.push((OddityKind::OffsetNotInUse, offset.to_string(), detail));
        }
        let detail = format!("{name} {field} is {}", time.at);
        if time.clock_change {
            self.oddities.push((OddityKind::ClockChange, field.to_owned(), detail));
        } else if time.zone_assumed {
            self.oddities.push((OddityKind::TimeZoneAssumed, name.to_owned(), detail));
        }
        Ok(time.at)
    }
}

fn number<N: std::str::FromStr>(field: &str, name: &str) -> Result<N, Problem> {
    field.parse().map_err(|_| ("not-a-number", format!("{name} `{field}` is not a whole number that fits")))
}

fn price(field: &str) -> Result<i64, Problem> {
    field.parse().map_err(|_| {
        let sentence = format!("price `{field}` is not a whole number in the smallest unit (12.50 is 1250)");
        ("not-a-price", sentence)
    })
}

fn yes_or_no(field: &str) -> Result<bool, Problem> {
    match field.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "x" => Ok(true),
        "false" | "no" | "n" | "0" => Ok(false),
        _ => Err(("not-yes-or-no", format!("accessible `{field}` is neither true nor false"))),
    }
}

/// How many letters must be added, dropped or changed to get from one word to the other.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
