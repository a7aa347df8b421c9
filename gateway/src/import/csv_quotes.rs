//! Quotation marks that hold more together than they should: a stray one makes rows vanish into the text of a field.
//!
//! A mark that is open at the end of the file is refused. Between two stray marks it is not so plain, because a label may
//! go over several lines. So a field is refused only if a line in it, after its first, would be a slot by the table's own
//! header: as many fields, and each of them understood. Prose with commas is none, since it has no capacity or seat where
//! the table has it. Every other line break is taken and named.

use csv::{ReaderBuilder, StringRecord};

use crate::import::csv_row::{self, Column};
use crate::import::times::TimeRules;

/// Where a table writes its fields, and what they mean.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// What stands between two fields.
    pub delimiter: u8,
    /// The columns of the header.
    pub columns: &'a [Option<Column>],
    /// How times are read.
    pub times: &'a TimeRules,
}

/// A field with a line break in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongField {
    /// Which column it is in, from 0.
    pub column: usize,
    /// The line on which it begins.
    pub from: usize,
    /// The line on which it ends.
    pub to: usize,
    /// The first line of it that would be a slot.
    pub row: Option<usize>,
}

/// Whether the last record of a table still waits for its closing mark when the text ends. The parser itself cannot be asked,
/// for it ends the field there; so one more line is put behind the record, which an open mark takes in.
#[must_use]
pub fn is_open(record: &str, delimiter: u8) -> bool {
    let mut reader = reader(delimiter).from_reader(std::io::Read::chain(record.as_bytes(), &b"\nx\n"[..]));
    reader.records().count() < 2
}

/// The line on which the last field of a record begins, which is where a mark opens that is never closed.
#[must_use]
pub fn line_of_last_field(record: &StringRecord, line: usize) -> usize {
    let before = record.len().saturating_sub(1);
    line + record.iter().take(before).map(line_breaks).sum::<usize>()
}

/// The fields of a record that go over several lines. `line` is where the record begins.
#[must_use]
pub fn long_fields(record: &StringRecord, line: usize, shape: Shape<'_>) -> Vec<LongField> {
    let mut from = line;
    let mut long = Vec::new();
    for (column, field) in record.iter().enumerate() {
        let to = from + line_breaks(field);
        if to > from {
            let row = field.split('\n').skip(1).position(|text| is_a_row(text, shape));
            long.push(LongField { column, from, to, row: row.map(|index| from + 1 + index) });
        }
        from = to;
    }
    long
}

fn line_breaks(field: &str) -> usize {
    field.matches('\n').count()
}

fn is_a_row(text: &str, shape: Shape<'_>) -> bool {
    let mut reader = reader(shape.delimiter).from_reader(text.as_bytes());
    let mut record = StringRecord::new();
    matches!(reader.read_record(&mut record), Ok(true))
        && record.len() == shape.columns.len()
        && csv_row::read(shape.columns, &record, shape.times).is_ok()
}

/// A parser of tables as they come: the header is a row like any other, and rows may differ in length.
#[must_use]
pub fn reader(delimiter: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(delimiter).flexible(true).has_headers(false);
    builder
}
