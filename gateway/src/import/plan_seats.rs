//! A pretix plan as a flat list of seats, each knowing its line and its place in the file.
//!
//! Lenient about types (a number where the format has a string), strict about shape: without `zones` it is no plan.

use serde_json::Value;

use crate::import::json_lines::ObjectLines;
use crate::import::reading::Place;
use crate::import::source::Source;

/// A plan.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The categories it declares.
    pub categories: Vec<String>,
    /// All seats, in the order of the file.
    pub seats: Vec<Seat>,
    /// Rows and seats without a number.
    pub unnumbered: Vec<Unnumbered>,
    file: std::sync::Arc<str>,
}

/// A seat.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The line on which it begins.
    pub line: usize,
    /// The line on which its row begins.
    pub row_line: usize,
    /// The zone's name.
    pub zone: String,
    /// The zone's place in the file, from 0.
    pub zone_index: usize,
    /// The row's place in its zone, from 0.
    pub row_index: usize,
    /// The seat's place in its row, from 0.
    pub seat_index: usize,
    /// What the row is called.
    pub row_number: String,
    /// What the seat is called.
    pub number: String,
    /// `seat_guid`.
    pub guid: Option<String>,
    /// `uuid`.
    pub uuid: Option<String>,
    /// Its price category.
    pub category: Option<String>,
    /// Where it is in its row.
    pub at: Option<(f64, f64)>,
}

/// A row or seat without a number, and what it is called instead.
#[derive(Clone, Debug)]
pub struct Unnumbered {
    /// Where it begins.
    pub line: usize,
    /// In words.
    pub detail: String,
}

impl Plan {
    /// A line of the plan's file.
    #[must_use]
    pub fn place(&self, line: usize) -> Place {
        Place::new(&self.file, line)
    }
}

/// Reads a plan.
///
/// # Errors
/// Line, code and sentence, if the text is not JSON or not a plan.
pub fn read(source: &Source) -> Result<Plan, (usize, &'static str, String)> {
    let json: Value = serde_json::from_str(&source.text)
        .map_err(|error| (error.line(), "broken-json", format!("not JSON: {error}")))?;
    let Some(zones) = json.get("zones").and_then(Value::as_array) else {
        return Err((1, "not-a-plan", "there is no list of `zones`, so this is not a seating plan".into()));
    };
    let lines = ObjectLines::of(&source.text);
    let mut plan = Plan {
        name: text(&json, "name").unwrap_or_else(|| "plan".into()),
        categories: list(&json, "categories").iter().filter_map(|category| text(category, "name")).collect(),
        seats: Vec::new(),
        unnumbered: Vec::new(),
        file: source.file.clone(),
    };
    for (zone_index, zone) in zones.iter().enumerate() {
        let zone_name = text(zone, "name").unwrap_or_else(|| format!("zone-{}", zone_index + 1));
        for (row_index, row) in list(zone, "rows").iter().enumerate() {
            let row_pointer = format!("/zones/{zone_index}/rows/{row_index}");
            let row_line = lines.at(&row_pointer);
            let row_number =
                text(row, "row_number").unwrap_or_else(|| plan.unnumbered("row", row_index, row_line));
            for (seat_index, seat) in list(row, "seats").iter().enumerate() {
                let line = lines.at(&format!("{row_pointer}/seats/{seat_index}"));
                let number =
                    text(seat, "seat_number").unwrap_or_else(|| plan.unnumbered("seat", seat_index, line));
                plan.seats.push(Seat {
                    line,
                    row_line,
                    zone: zone_name.clone(),
                    zone_index,
                    row_index,
                    seat_index,
                    row_number: row_number.clone(),
                    number,
                    guid: text(seat, "seat_guid"),
                    uuid: text(seat, "uuid"),
                    category: text(seat, "category"),
                    at: position(seat),
                });
            }
        }
    }
    Ok(plan)
}

impl Plan {
    fn unnumbered(&mut self, what: &str, index: usize, line: usize) -> String {
        let name = format!("{}", index + 1);
        let detail = format!("this {what} has no number and is called {name}");
        self.unnumbered.push(Unnumbered { line, detail });
        name
    }
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = match value.get(name)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn position(seat: &Value) -> Option<(f64, f64)> {
    let position = seat.get("position")?;
    position.get("x")?.as_f64().zip(position.get("y")?.as_f64())
}
