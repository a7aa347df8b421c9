//! The kinds of oddity, and what each means for the one who sells: one table for the readers, the report and the docs.
//!
//! An oddity is never a refusal. The line is used; the sentence says how it was understood.

/// A kind of oddity. The order is the order of the report: what changes ids and counts comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OddityKind {
    /// Several rows of a source carry the same slot id.
    RepeatedSlotId,
    /// A source id that is not an id here.
    RewrittenId,
    /// A manifest names an output that is not beside it.
    OutputNotHere,
    /// Pages of a search are missing.
    PagesMissing,
    /// A file in which there is nothing.
    EmptyFile,
    /// A slot names a schedule that no file describes.
    UnresolvedSchedule,
    /// A schedule names a location that no file describes.
    UnresolvedLocation,
    /// Two resources of one type share an id.
    RepeatedResource,
    /// A schedule was found although the reference names it only in its tail.
    ScheduleByTail,
    /// A row that says busy.
    BusyWithoutPlaces,
    /// A row that says busy and counts places.
    BusyWithPlaces,
    /// A row that says free and counts none.
    FreeWithoutPlaces,
    /// A slot far longer than an appointment.
    WholeDay,
    /// A slot without an end.
    NoEnd,
    /// An offset that the place's clocks do not use on that day.
    OffsetNotInUse,
    /// A local time that clocks showed twice or never.
    ClockChange,
    /// A time that was read in the zone given by the operator.
    TimeZoneAssumed,
    /// A schedule whose horizon ends before it begins.
    HorizonBackwards,
    /// A dose number nobody gives.
    ImplausibleDose,
    /// A ZIP code whose leading zero is lost.
    ZipLostZero,
    /// A ZIP code that is none.
    ZipOdd,
    /// A telephone number with digits missing.
    PhoneIncomplete,
    /// Locations that share one name.
    SharedName,
    /// Rows of a section that share one number.
    RepeatedRow,
    /// Seats of a row that share one number.
    RepeatedSeatNumber,
    /// Slots that are one and the same seat.
    RepeatedSeat,
    /// A row or seat without a number.
    NoNumber,
    /// Seats that share one guid, loaded by another key.
    RepeatedGuid,
    /// A wider space inside a row.
    Aisle,
    /// A category that a plan declares and no seat has, or the reverse.
    Category,
    /// A label longer than the limit.
    LabelShortened,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A field of a table with a line break in it.
    LineBreak,
    /// A table that does not end with a line end.
    NoLineEnd,
    /// A resource or column that has no meaning for slots.
    NotUsed,
}

impl OddityKind {
    /// Whether it says that stock is missing, of which every place is worth reading.
    #[must_use]
    pub const fn is_listed_whole(self) -> bool {
        matches!(self, Self::OutputNotHere | Self::PagesMissing | Self::EmptyFile)
    }

    /// A stable word.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.row().0
    }

    /// What it means, in one line.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.row().1
    }

    const fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::RepeatedSlotId => {
                ("repeated-slot-id", "rows share a slot id; each is named by its schedule and start instead")
            }
            Self::RewrittenId => ("rewritten-id", "the source's word is not an id here and was rewritten"),
            Self::OutputNotHere => {
                ("output-not-here", "the manifest names it, no local file has it: skipped, not fetched")
            }
            Self::PagesMissing => {
                ("pages-missing", "a search has more pages than were given: what is on them is not loaded")
            }
            Self::EmptyFile => ("empty-file", "there is nothing in it: is it the right file, and whole?"),
            Self::UnresolvedSchedule => (
                "unresolved-schedule",
                "no file describes this schedule; slots kept, the reference is the venue",
            ),
            Self::UnresolvedLocation => {
                ("unresolved-location", "no file describes this location; its id is the venue all the same")
            }
            Self::RepeatedResource => {
                ("repeated-resource", "described twice; the first description was used")
            }
            Self::ScheduleByTail => {
                ("schedule-by-tail", "the reference was matched by its tail, as you asked")
            }
            Self::BusyWithoutPlaces => ("busy-without-places", "busy; loaded with capacity 0"),
            Self::BusyWithPlaces => {
                ("busy-with-places", "busy, yet it counts places; loaded with capacity 0")
            }
            Self::FreeWithoutPlaces => {
                ("free-without-places", "free, yet it counts no places; loaded with capacity 0")
            }
            Self::WholeDay => ("whole-day", "longer than four hours: an opening day, not an appointment"),
            Self::NoEnd => ("no-end", "no end is given; loaded without one"),
            Self::OffsetNotInUse => (
                "offset-not-in-use",
                "clocks there have another offset that day; taken as written (see --ignore-offsets)",
            ),
            Self::ClockChange => ("clock-change", "clocks showed this local time twice or never that night"),
            Self::TimeZoneAssumed => {
                ("time-zone-assumed", "no offset is given; read in the time zone you named")
            }
            Self::HorizonBackwards => {
                ("horizon-backwards", "the planning horizon ends before it begins; not used")
            }
            Self::ImplausibleDose => {
                ("implausible-dose", "not a dose number of 1 or 2; kept as the label `dose`")
            }
            Self::ZipLostZero => {
                ("zip-lost-zero", "the ZIP code has lost a leading zero; put back in the label `zip`")
            }
            Self::ZipOdd => ("zip-odd", "not a ZIP code; kept as written"),
            Self::PhoneIncomplete => {
                ("phone-incomplete", "digits are missing; telephone numbers are not imported")
            }
            Self::SharedName => ("shared-name", "several venues have this name; tell them apart by id"),
            Self::RepeatedRow => {
                ("repeated-row", "several rows of the section have this number; each got a suffix")
            }
            Self::RepeatedSeatNumber => {
                ("repeated-seat-number", "several seats of the row have this number; told apart by position")
            }
            Self::RepeatedSeat => {
                ("repeated-seat", "one seat under several ids: each is loaded, and each will be sold")
            }
            Self::NoNumber => ("no-number", "the plan gives it no number; its place in the file is used"),
            Self::RepeatedGuid => ("repeated-guid", "several seats have this guid; not used, as you asked"),
            Self::Aisle => ("aisle", "a wider space in the row: the seats beside it are not neighbours"),
            Self::Category => ("category", "seats and the plan's list of categories do not agree"),
            Self::LabelShortened => ("label-shortened", "a label has at most 100 bytes"),
            Self::NotUtf8 => ("not-utf8", "bytes that are not UTF-8 were replaced"),
            Self::LineBreak => (
                "line-break",
                "quotation marks hold several lines together as one field: see that no row is among them",
            ),
            Self::NoLineEnd => {
                ("no-line-end", "the last line is not ended; if the file was cut, its last number may be too")
            }
            Self::NotUsed => ("not-used", "has no meaning for slots; left out"),
        }
    }
}
