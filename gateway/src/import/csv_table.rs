//! Tables: a header row of the slot's field names, a slot a line.
//!
//! Columns: `id, venue, section, starts_at, ends_at, capacity, product, row, seat, position, price, releases_at, accessible`
//! and `label.NAME`. Comma, semicolon or tab, told from the header; byte-order mark, CRLF and Excel's `sep=` line survive.
//! A column with another name is left out and named, unless it is a slip of the pen: `relases_at` left out would put
//! slots on sale too early, so the file is refused with what was probably meant.

use csv::StringRecord;

use crate::import::csv_quotes::{self, Shape};
use crate::import::csv_row::{self, Column};
use crate::import::oddity::OddityKind;
use crate::import::reading::Reading;
use crate::import::source::Source;
use crate::import::times::TimeRules;

/// Reads tables into slots.
#[must_use]
pub fn read(sources: &[Source], times: &TimeRules) -> Reading {
    let mut reading = Reading::default();
    for source in sources {
        reading.file_of_slots(source, |reading| read_table(source, times, reading));
    }
    reading
}

fn read_table(source: &Source, times: &TimeRules, reading: &mut Reading) {
    let (delimiter, skipped, text) = delimiter(&source.text);
    let mut table = csv_quotes::reader(delimiter).from_reader(text.as_bytes());
    let mut columns: Option<Vec<Option<Column>>> = None;
    let mut record = StringRecord::new();
    loop {
        match table.read_record(&mut record) {
            Ok(false) => {
                if !text.is_empty() && !text.ends_with(['\n', '\r']) {
                    let last = source.text.lines().count();
                    let detail = "is the file whole? Its last line was read as it stands";
                    reading.note(OddityKind::NoLineEnd, &source.place(last), source.file.to_string(), detail);
                }
                return;
            }
            Ok(true) => {}
            // The text is UTF-8 and in memory, and lengths may differ: nothing is left that could fail.
            Err(error) => return reading.refuse(source.place(0), "broken-table", error.to_string()),
        }
        let rest = from_byte(text, record.position());
        // The parser counts blank lines before a record to it.
        let blank = rest
            .bytes()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .filter(|byte| *byte == b'\n')
            .count();
        let line = record.position().map_or(0, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX) + skipped + blank;
        if table.position().byte() == text.len() as u64 && csv_quotes::is_open(rest, delimiter) {
            return refuse_open_quote(source, line, &record, reading);
        }
        let Some(columns) = &columns else {
            match header(source, line, &record, reading) {
                Some(read) => {
                    let shape = Shape { delimiter, columns: &read, times };
                    long_fields_are_text(source, line, &record, shape, reading);
                    columns = Some(read);
                }
                None => return,
            }
            continue;
        };
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        if record.len() != columns.len() {
            let end = line + record.iter().map(|field| field.matches('\n').count()).sum::<usize>();
            let quote = if end > line {
                format!(" and reaches to line {end}: is a quotation mark not closed?")
            } else {
                String::new()
            };
            let detail = format!("the line has {} fields, the header {}{quote}", record.len(), columns.len());
            reading.refuse(source.place(line), "wrong-number-of-fields", detail);
            continue;
        }
        if !long_fields_are_text(source, line, &record, Shape { delimiter, columns, times }, reading) {
            continue;
        }
        match csv_row::read(columns, &record, times) {
            Ok(row) => {
                let place = source.place(line);
                for (kind, subject, detail) in row.oddities {
                    reading.note(kind, &place, subject, detail);
                }
                reading.take(place, row.slot);
            }
            Err(problems) => {
                let (code, _) = problems[0];
                let sentences: Vec<_> = problems.into_iter().map(|(_, sentence)| sentence).collect();
                reading.refuse(source.place(line), code, sentences.join("; "));
            }
        }
    }
}

fn from_byte<'a>(text: &'a str, position: Option<&csv::Position>) -> &'a str {
    let start = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0);
    text.get(start..).unwrap_or_default()
}

/// Everything from the row in which the mark opens to the end of the file is in one field: none of it can be trusted.
fn refuse_open_quote(source: &Source, line: usize, record: &StringRecord, reading: &mut Reading) {
    let opens = csv_quotes::line_of_last_field(record, line);
    let detail = format!(
        "a quotation mark opens here and is not closed up to the end of the file: lines {line} to {} were not loaded; \
         close it, or take it out",
        source.text.lines().count().max(opens)
    );
    reading.refuse(source.place(opens), "open-quote", detail);
}

/// Names fields that go over several lines. If rows of the table are in one, the record is refused and the answer is no.
fn long_fields_are_text(
    source: &Source,
    line: usize,
    record: &StringRecord,
    shape: Shape<'_>,
    reading: &mut Reading,
) -> bool {
    let long = csv_quotes::long_fields(record, line, shape);
    let last = long.last().map_or(line, |field| field.to);
    if let Some((field, row)) = long.iter().find_map(|field| Some((field, field.row?))) {
        let detail = format!(
            "a quotation mark takes in line {row}, which would be a slot of its own: lines {line} to {last} were not loaded; \
             take the mark out, or put the text on one line"
        );
        reading.refuse(source.place(field.from), "rows-in-quotes", detail);
        return false;
    }
    for field in long {
        let detail = format!("lines {} to {} are one field", field.from, field.to);
        let subject = format!("column {}", field.column + 1);
        reading.note(OddityKind::LineBreak, &source.place(field.from), subject, detail);
    }
    true
}

/// The delimiter, the lines before the header, and the text from the header on.
fn delimiter(text: &str) -> (u8, usize, &str) {
    if let Some(rest) = text.strip_prefix("sep=")
        && let Some(&delimiter) = rest.as_bytes().first().filter(|byte| byte.is_ascii())
    {
        return (delimiter, 1, rest.split_once('\n').map_or("", |(_, table)| table));
    }
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: char| header.matches(delimiter).count();
    let most = [';', '\t'].into_iter().max_by_key(|&delimiter| count(delimiter)).unwrap_or(';');
    (if count(most) > count(',') { most as u8 } else { b',' }, 0, text)
}

/// The columns of the header, or none if no line of the file could be understood by it.
fn header(
    source: &Source,
    line: usize,
    record: &StringRecord,
    reading: &mut Reading,
) -> Option<Vec<Option<Column>>> {
    let place = source.place(line);
    let mut columns: Vec<Option<Column>> = Vec::new();
    for name in record {
        let column = Column::named(name);
        if column.is_none() {
            if let Some(meant) = Column::almost_named(name) {
                let detail = format!("column `{}` is not known; `{meant}` is probably meant", name.trim());
                reading.refuse(place, "unknown-column", detail);
                return None;
            }
            let detail = format!("column `{}` is none of a slot's", name.trim());
            reading.note(OddityKind::NotUsed, &place, name.trim(), detail);
        } else if columns.contains(&column) {
            reading.refuse(place, "repeated-column", format!("column `{}` is there twice", name.trim()));
            return None;
        }
        columns.push(column);
    }
    for needed in ["id", "venue"] {
        if !columns.contains(&Column::named(needed)) {
            let detail =
                format!("there is no column `{needed}`; the first line of the table names its columns");
            reading.refuse(place, "no-column", detail);
            return None;
        }
    }
    Some(columns)
}
