//! Times as the field writes them, and what they most likely mean.
//!
//! Three things go wrong in real files: there is no offset, there is one but the clocks of the place never showed it that
//! day (a system that adds `-05:00` all year), or the local time fell into the hour in which clocks change. The first needs
//! the operator's word, the second is taken as written and named, the third is read as most calendars do and named.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::{Offset, TimeZone};

/// How times are to be read.
#[derive(Clone, Debug, Default)]
pub struct TimeRules {
    /// The zone of times without an offset, and the one offsets are compared with.
    pub zone: Option<TimeZone>,
    /// Take the clock time as written and the zone's own offset: for sources whose offsets ignore daylight-saving time.
    pub ignore_offsets: bool,
}

/// A time that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadTime {
    /// The instant.
    pub at: Timestamp,
    /// The offset it was written with; `Z` and none are none, since neither says anything about the place.
    pub offset: Option<Offset>,
    /// It was read in the zone of the rules.
    pub zone_assumed: bool,
    /// The local time was shown twice, or never.
    pub clock_change: bool,
}

/// Why a time was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeProblem {
    /// Not a date and a time.
    NotATime,
    /// It has no offset, and no time zone was named.
    NoOffset,
    /// It names a time zone that is none, as `[Europe/Berlni]`.
    NoSuchZone,
    /// Clocks in the zone it names do not show the offset it is written with.
    Contradiction,
}

impl TimeProblem {
    /// The code of a refused line.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotATime => "not-a-time",
            Self::NoOffset => "time-without-offset",
            Self::NoSuchZone => "no-such-zone",
            Self::Contradiction => "offset-and-zone-differ",
        }
    }

    /// The sentence of a refused line.
    #[must_use]
    pub fn sentence(self, field: &str, text: &str) -> String {
        match self {
            Self::NotATime => {
                format!("{field} `{text}` is not a date and time like 2021-04-12T09:05:00+02:00")
            }
            Self::NoOffset => {
                format!(
                    "{field} `{text}` does not say whose clock it means; name it with --time-zone Area/City"
                )
            }
            Self::NoSuchZone => format!("{field} `{text}` names a time zone that is not known here"),
            Self::Contradiction => {
                format!(
                    "{field} `{text}`: clocks in the zone it names show another offset then; which is right?"
                )
            }
        }
    }
}

impl TimeRules {
    /// Rules of a named zone.
    ///
    /// # Errors
    /// The zone is not known on this machine.
    pub fn in_zone(name: &str) -> Result<Self, jiff::Error> {
        Ok(Self { zone: Some(TimeZone::get(name)?), ignore_offsets: false })
    }

    /// Reads one time. A zone that it names itself, as `2021-07-12T09:05:00[Europe/Berlin]`, counts before the one of the rules.
    ///
    /// # Errors
    /// It is no time, has no offset and no zone was named, or contradicts itself.
    pub fn read(&self, text: &str) -> Result<ReadTime, TimeProblem> {
        let pieces = Pieces::parse(text.trim()).map_err(|_| TimeProblem::NotATime)?;
        let local = pieces.date().to_datetime(pieces.time().ok_or(TimeProblem::NotATime)?);
        let own = pieces.to_time_zone().map_err(|_| TimeProblem::NoSuchZone)?;
        let zone = own.as_ref().or(self.zone.as_ref());
        match (pieces.to_numeric_offset(), zone) {
            (Some(offset), zone) if zone.is_none() || !self.ignore_offsets => {
                let at = offset.to_timestamp(local).map_err(|_| TimeProblem::NotATime)?;
                // `Z` says when and not where, so that it contradicts no zone.
                let says_where = pieces.offset() != Some(PiecesOffset::Zulu);
                if says_where && own.is_some_and(|own| own.to_offset(at) != offset) {
                    return Err(TimeProblem::Contradiction);
                }
                Ok(ReadTime {
                    at,
                    offset: (offset != Offset::UTC).then_some(offset),
                    zone_assumed: false,
                    clock_change: false,
                })
            }
            (_, Some(zone)) => Ok(ReadTime { zone_assumed: own.is_none(), ..read_in(zone, local)? }),
            (_, None) => Err(TimeProblem::NoOffset),
        }
    }

    /// The offset a time was written with and the one that clocks of the zone show then, if they differ.
    #[must_use]
    pub fn offset_not_in_use(&self, time: &ReadTime) -> Option<(Offset, Offset)> {
        let (zone, offset) = (self.zone.as_ref()?, time.offset?);
        let there = zone.to_offset(time.at);
        (there != offset).then_some((offset, there))
    }
}

/// Whether the clocks of any of the zones show this offset at that instant.
#[must_use]
pub fn offset_in_use(zones: &[TimeZone], offset: Offset, at: Timestamp) -> bool {
    zones.iter().any(|zone| zone.to_offset(at) == offset)
}

fn read_in(zone: &TimeZone, local: DateTime) -> Result<ReadTime, TimeProblem> {
    let ambiguous = zone.to_ambiguous_zoned(local);
    let clock_change = ambiguous.is_ambiguous();
    // "Compatible" is RFC 5545's reading: the first of two, or as far after the gap as it was written after its start.
    let at = ambiguous.compatible().map_err(|_| TimeProblem::NotATime)?.timestamp();
    Ok(ReadTime { at, offset: None, zone_assumed: true, clock_change })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_york() -> TimeRules {
        TimeRules::in_zone("America/New_York").expect("a zone every machine has")
    }

    #[test]
    fn an_offset_is_believed_unless_told_otherwise() {
        let text = "2023-03-24T08:00:00-05:00";
        assert_eq!(
            new_york().read(text).map(|time| time.at.to_string()).as_deref(),
            Ok("2023-03-24T13:00:00Z")
        );
        let local = TimeRules { ignore_offsets: true, ..new_york() };
        assert_eq!(local.read(text).map(|time| time.at.to_string()).as_deref(), Ok("2023-03-24T12:00:00Z"));
    }

    #[test]
    fn without_offset_the_zone_decides_and_without_zone_nobody() {
        let text = "2017-08-28 08:00:00";
        assert_eq!(TimeRules::default().read(text), Err(TimeProblem::NoOffset));
        let time = new_york().read(text).expect("a time in a zone");
        assert!(time.zone_assumed && !time.clock_change);
        assert_eq!(time.at.to_string(), "2017-08-28T12:00:00Z");
    }

    /// It was read by the clock of `--time-zone`, hours off.
    #[test]
    fn a_zone_that_a_time_names_itself_counts() {
        let read = |text: &str| new_york().read(text).map(|time| time.at.to_string());
        let berlin = new_york().read("2021-07-12T09:05:00[Europe/Berlin]").expect("a time in a zone");
        assert_eq!((berlin.at.to_string().as_str(), berlin.zone_assumed), ("2021-07-12T07:05:00Z", false));
        for text in ["2021-07-12T09:05:00+02:00[Europe/Berlin]", "2021-07-12T07:05:00Z[Europe/Berlin]"] {
            assert_eq!(read(text).as_deref(), Ok("2021-07-12T07:05:00Z"), "{text}");
        }
        let alone = TimeRules::default().read("2021-07-12T09:05:00[Europe/Berlin]").map(|time| time.at);
        assert_eq!(alone, Ok(berlin.at), "no --time-zone is needed");
        assert_eq!(read("2021-07-12T09:05:00+01:00[Europe/Berlin]"), Err(TimeProblem::Contradiction));
        assert_eq!(read("2021-07-12T09:05:00[Europe/Berlni]"), Err(TimeProblem::NoSuchZone));
        let local = TimeRules { ignore_offsets: true, ..new_york() };
        let ignored = local.read("2021-07-12T09:05:00+01:00[Europe/Berlin]").map(|time| time.at);
        assert_eq!(ignored, Ok(berlin.at), "its clock time, by its zone");
    }

    #[test]
    fn the_hour_of_the_clock_change_is_read_and_named() {
        let twice = new_york().read("2023-11-05T01:30:00").expect("the first of two");
        assert_eq!((twice.at.to_string().as_str(), twice.clock_change), ("2023-11-05T05:30:00Z", true));
        let never = new_york().read("2023-03-12T02:30:00").expect("after the gap");
        assert_eq!((never.at.to_string().as_str(), never.clock_change), ("2023-03-12T07:30:00Z", true));
    }

    #[test]
    fn dates_and_other_words_are_not_times() {
        for text in ["", "2021-04-12", "12.04.2021 09:05", "tomorrow", "2021-13-01T00:00:00Z"] {
            assert_eq!(new_york().read(text), Err(TimeProblem::NotATime), "{text}");
        }
    }
}
