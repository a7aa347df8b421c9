//! What the operator sees: what was read, what was odd, what was refused, what the server said.
//!
//! Oddities are grouped by kind with a count and the first places, because a defect of a feed is on every line of it.
//! Refused lines are listed one by one, all of them: each is a place that will not be sold unless somebody mends it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::import::oddity::OddityKind;
use crate::import::reading::{Oddity, Reading, RefusedLine};
use crate::import::send::Sent;

/// How many places of one kind of oddity are shown.
const EXAMPLES: usize = 3;

/// The report of a reading: a head, the oddities, the refused lines.
#[must_use]
pub fn reading(kind: &str, reading: &Reading, every_oddity: bool) -> String {
    let mut out = head(kind, reading);
    oddities(&mut out, &reading.oddities, every_oddity);
    refused(&mut out, "Refused lines (not loaded)", &reading.refused);
    out
}

/// The report of a sending.
#[must_use]
pub fn sent(sale: &str, sent: &Sent) -> String {
    let mut out = format!(
        "\nSale {sale}: {} added, {} updated, {} unchanged, {} rejected\n",
        count(sent.added),
        count(sent.updated),
        count(sent.unchanged),
        count(sent.rejected_count),
    );
    refused(&mut out, "Lines the server rejected", &sent.rejected);
    let unlisted = sent.rejected_count.saturating_sub(sent.rejected.len() as u64);
    if unlisted > 0 {
        let _ = writeln!(out, "  … and {} that the server counted but did not list", count(unlisted));
    }
    out
}

/// A number as people read it: `46,702`.
#[must_use]
pub fn count(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 slot`, `1,542 slots`.
#[must_use]
pub fn counted(number: impl TryInto<u64>, thing: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

fn head(kind: &str, reading: &Reading) -> String {
    let slots = &reading.slots;
    let venues: BTreeSet<_> = slots.iter().map(|sourced| sourced.slot.venue.as_str()).collect();
    let empty = slots.iter().filter(|sourced| sourced.slot.capacity == 0).count();
    let mut out = format!(
        "{kind}: {} with {} at {}",
        counted(slots.len(), "slot"),
        counted(reading.units(), "place"),
        counted(venues.len(), "venue")
    );
    let starts = slots.iter().filter_map(|sourced| sourced.slot.starts_at);
    if let Some((first, last)) = starts.clone().min().zip(starts.max()) {
        let _ = write!(out, ", starting {first} to {last}");
    }
    out.push('\n');
    if empty > 0 {
        let _ = writeln!(out, "  {} of the slots have capacity 0", count(empty));
    }
    out
}

fn oddities(out: &mut String, oddities: &[Oddity], every: bool) {
    let mut groups: BTreeMap<OddityKind, Vec<&Oddity>> = BTreeMap::new();
    for oddity in oddities {
        groups.entry(oddity.kind).or_default().push(oddity);
    }
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nOddities (loaded all the same; read them before you sell)");
    for (kind, mut group) in groups {
        group.sort_by(|left, right| left.place.cmp(&right.place));
        let subjects: BTreeSet<_> = group.iter().map(|oddity| oddity.subject.as_str()).collect();
        let different = match subjects.len() {
            all if all == group.len() => String::new(),
            some => format!(" ({} different)", count(some)),
        };
        let _ = writeln!(out, "  {} × {}{different}: {}", count(group.len()), kind.code(), kind.meaning());
        let shown = if every || kind.is_listed_whole() { group.len() } else { EXAMPLES };
        for oddity in group.iter().take(shown) {
            let _ = writeln!(out, "      {}  {}", oddity.place, oddity.detail);
        }
        if group.len() > shown {
            let _ = writeln!(out, "      … {} more (--every-oddity lists them)", count(group.len() - shown));
        }
    }
}

fn refused(out: &mut String, title: &str, lines: &[RefusedLine]) {
    if lines.is_empty() {
        return;
    }
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        *codes.entry(&line.code).or_default() += 1;
    }
    let by_code: Vec<_> = codes.into_iter().map(|(code, lines)| format!("{} {code}", count(lines))).collect();
    let _ = writeln!(out, "\n{title}: {} ({})", count(lines.len()), by_code.join(", "));
    for line in lines {
        let _ = writeln!(out, "  {}  {}  {}", line.place, line.code, line.detail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::reading::Place;
    use crate::wire::slot::SlotInput;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0_u64, 999, 1_000, 46_702, 1_234_567].map(count),
            ["0", "999", "1,000", "46,702", "1,234,567"]
        );
    }

    #[test]
    fn oddities_are_grouped_and_refusals_are_not() {
        let mut read = Reading::default();
        let place = |line| Place::new(&"f.csv".into(), line);
        read.take(place(1), SlotInput::new("a", "v", 2));
        for line in 2..7 {
            read.note(OddityKind::NotUsed, &place(line), "same", "seen");
            read.refuse(place(line), "broken", "why");
        }
        let text = reading("csv", &read, false);
        assert!(text.contains("csv: 1 slot with 2 places at 1 venue\n"), "{text}");
        assert!(text.contains("5 × not-used (1 different)") && text.contains("… 2 more"), "{text}");
        assert_eq!(text.matches("  broken  why").count(), 5);
        assert_eq!(reading("csv", &read, true).matches("  seen").count(), 5);
    }
}
