//! Times on the wire: RFC 3339 in UTC, and every deadline twice.

use std::cell::Cell;

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use onsale_engine::time::{Now, Timestamp, WallTime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A wall time as it is written: `2021-04-12T07:05:00Z`, with milliseconds only where there are any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written(pub WallTime);

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.text(&mut [0; Self::LONGEST]) {
            Some(text) => serializer.serialize_str(text),
            // Further away than the year 9999: no such time comes in, see `Deserialize`.
            None => serializer.serialize_none(),
        }
    }
}

const DAY_MS: i64 = 86_400_000;

thread_local! {
    /// A day that was written, counted from 1970, and its text. Three times of every answer are on it or on the next.
    static DAY: Cell<(i64, [u8; 10])> = const { Cell::new((i64::MIN, [0; 10])) };
}

/// A time that was written, and its text.
type Last = (i64, [u8; Written::LONGEST], u8);

thread_local! {
    /// Times written last. With many requests in a millisecond nearly every time of an answer was in one before: now, and what is
    /// as far from now as the sale's terms say.
    static LAST: [Cell<Last>; LAST_PLACES] =
        const { [const { Cell::new((i64::MIN, [0; Written::LONGEST], 0)) }; LAST_PLACES] };
}

/// A prime: times that are some multiple of five minutes apart, as those of one answer are, have places of their own.
const LAST_PLACES: usize = 31;

impl Written {
    /// The bytes of the time and how many they are, from what was written before if it is there.
    pub fn remembered(self) -> Option<([u8; Self::LONGEST], usize)> {
        let place = usize::try_from(self.0.0.cast_unsigned() % LAST_PLACES as u64).unwrap_or(0);
        LAST.with(|last| {
            let last = &last[place];
            let (known, text, len) = last.get();
            if known == self.0.0 && len > 0 {
                return Some((text, usize::from(len)));
            }
            let mut text = [0; Self::LONGEST];
            let len = self.bytes(&mut text)?.len();
            last.set((self.0.0, text, u8::try_from(len).unwrap_or(0)));
            Some((text, len))
        })
    }

    /// Bytes of the longest: `2021-04-12T07:05:00.123Z`.
    pub const LONGEST: usize = 24;

    /// The time as RFC 3339, or nothing if its year has not four digits.
    pub fn text(self, text: &mut [u8; Self::LONGEST]) -> Option<&str> {
        std::str::from_utf8(self.bytes(text)?).ok()
    }

    /// The same as bytes, all of them ASCII. The calendar is jiff's and asked once a day, the rest is arithmetic.
    pub fn bytes(self, text: &mut [u8; Self::LONGEST]) -> Option<&[u8]> {
        let (day, of_day) = (self.0.0.div_euclid(DAY_MS), self.0.0.rem_euclid(DAY_MS));
        if !(jiff::Timestamp::MIN.as_millisecond()..=jiff::Timestamp::MAX.as_millisecond())
            .contains(&self.0.0)
        {
            return None;
        }
        let (mut known, mut date) = DAY.get();
        if known != day {
            let some_time = jiff::Timestamp::from_millisecond(self.0.0).ok()?;
            let written = some_time.to_zoned(TimeZone::UTC).date().to_string();
            // A year before 0 has more characters.
            (known, date) = (day, written.as_bytes().try_into().ok()?);
            DAY.set((known, date));
        }
        // A day has fewer milliseconds than 32 bits hold: this arithmetic is the cheaper one.
        let of_day = u32::try_from(of_day).ok()?;
        let digit = |number: u32| b"0123456789"[(number % 10) as usize];
        let pair = |number: u32| [digit(number / 10), digit(number)];
        let (seconds, millis) = (of_day / 1_000, of_day % 1_000);
        let ([h1, h2], [m1, m2], [s1, s2]) =
            (pair(seconds / 3_600), pair(seconds / 60 % 60), pair(seconds % 60));
        text[..10].copy_from_slice(&date);
        text[10..20].copy_from_slice(&[b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z']);
        if millis == 0 {
            return Some(&text[..20]);
        }
        let [tenth, hundredth, last] = [digit(millis / 100), digit(millis / 10), digit(millis)];
        text[19..].copy_from_slice(&[b'.', tenth, hundredth, last, b'Z']);
        let mut len = 23;
        while text[len - 1] == b'0' {
            len -= 1;
        }
        text[len] = b'Z';
        text.get(..=len)
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        read(&text).map(Self).map_err(|wrong| serde::de::Error::custom(wrong.told(&text)))
    }
}

/// 0000-01-01T00:00:00Z. An offset can lead to the year before, which has no four digits to be written with.
const YEAR_0: WallTime = WallTime(-62_167_219_200_000);

/// Why a text is no time that can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// It is not written as RFC 3339 says, or names a day or an hour that there is not.
    Form,
    /// It is a time that cannot be kept or written.
    Range,
}

impl Wrong {
    /// A sentence about this text.
    fn told(self, text: &str) -> String {
        match self {
            Self::Form => format!("`{text}` is no time; expected RFC 3339, as 2021-04-12T07:05:00Z"),
            Self::Range => {
                format!("`{text}` is out of range; times are 0000-01-01T00:00:00Z to 9999-12-30T22:00:00Z")
            }
        }
    }
}

/// Reads an RFC 3339 time. What is below a millisecond is cut.
#[must_use]
pub fn parse(text: &str) -> Option<WallTime> {
    read(text).ok()
}

/// The same with the reason why not.
fn read(text: &str) -> Result<WallTime, Wrong> {
    // jiff reads more than RFC 3339 (a comma before the fraction, offsets without minutes or with seconds, a zone in brackets),
    // and less (a long fraction): it is asked only whether there is such a day and such a time of day.
    let (local, fraction, offset) = parts(text).ok_or(Wrong::Form)?;
    let local: DateTime = local.parse().map_err(|_| Wrong::Form)?;
    let millis =
        fraction.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let offset = minutes(offset).ok_or(Wrong::Form)? * 60_000;
    let seconds = local.duration_since(date(1970, 1, 1).at(0, 0, 0, 0)).as_secs();
    let time = WallTime(seconds * 1_000 + millis - offset);
    let known = YEAR_0..=WallTime(jiff::Timestamp::MAX.as_millisecond());
    if known.contains(&time) { Ok(time) } else { Err(Wrong::Range) }
}

/// Takes `2021-04-12T07:05:00.25+02:00` apart: date and time, the digits of a fraction, the offset. Whether there is such a day
/// is not asked here.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let (local, rest) = text.split_at_checked(SHAPE.len())?;
    let shaped = local.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == *shape,
    });
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|digit: char| !digit.is_ascii_digit())?),
        None => ("0", rest),
    };
    (shaped && (1..=32).contains(&fraction.len())).then_some((local, fraction, offset))
}

/// What an offset is in minutes: `Z`, or hours and minutes with a sign.
fn minutes(offset: &str) -> Option<i64> {
    let number = |digits: &[u8], below: i64| {
        let all = digits.iter().all(u8::is_ascii_digit);
        let number = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit.wrapping_sub(b'0')));
        (all && number < below).then_some(number)
    };
    match *offset.as_bytes() {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let minutes = number(&[h1, h2], 24)? * 60 + number(&[m1, m2], 60)?;
            Some(if sign == b'-' { -minutes } else { minutes })
        }
        _ => None,
    }
}

/// Reads what `from` and `to` may be: a time, or a date, which stands for its first instant in the sale's time zone.
#[must_use]
pub fn parse_time_or_date(text: &str, zone: impl FnOnce() -> Option<TimeZone>) -> Option<WallTime> {
    if text.len() != 10 {
        return parse(text);
    }
    let day: Date = text.parse().ok()?;
    let start = day.to_zoned(zone()?).ok()?;
    Some(WallTime(start.timestamp().as_millisecond()))
}

/// A local day that the engine counts from 1970-01-01.
#[must_use]
pub fn day(days: i32) -> Option<String> {
    let epoch = date(1970, 1, 1);
    epoch.checked_add(jiff::Span::new().try_days(days).ok()?).ok().map(|date| date.to_string())
}

/// A deadline, both ways: as a wall time for people, as a span for programs whose clock is wrong.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Deadline {
    /// The wall time, if there is no outage before.
    pub expires_at: Written,
    /// From `server_time` on; 0 when it has passed.
    pub expires_in_ms: u64,
}

impl Deadline {
    /// The deadline as seen at `now`.
    #[must_use]
    pub fn new(now: Now, at: Timestamp) -> Self {
        Self { expires_at: Written(now.wall_of(at)), expires_in_ms: at.0.saturating_sub(now.engine.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_by_hand_is_what_the_library_writes() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let edges =
            [i64::MIN, -1, 0, 1, 999, DAY_MS - 1, DAY_MS, 253_402_300_799_999, 253_402_207_200_000, i64::MAX];
        let anywhere = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(state >> 20).unwrap_or(0) - (1 << 42)
        });
        for millis in edges.into_iter().chain(anywhere.take(20_000)) {
            let library = jiff::Timestamp::from_millisecond(millis).ok().map(|time| time.to_string());
            let mut text = [0; Written::LONGEST];
            assert_eq!(
                Written(WallTime(millis)).text(&mut text).map(str::to_owned),
                // Years before 0 are refused: nothing is sold there.
                library.filter(|text| !text.starts_with('-')),
                "{millis}"
            );
            let whole = text_of(millis);
            for _ in 0..2 {
                let kept = Written(WallTime(millis)).remembered();
                let kept = kept.map(|(text, len)| String::from_utf8_lossy(&text[..len]).into_owned());
                assert_eq!(kept, whole, "{millis}");
            }
        }
    }

    fn text_of(millis: i64) -> Option<String> {
        Written(WallTime(millis)).text(&mut [0; Written::LONGEST]).map(str::to_owned)
    }

    #[test]
    fn times_are_read_and_written_as_rfc_3339() {
        for (text, written) in [
            ("2021-04-12T07:05:00Z", "2021-04-12T07:05:00Z"),
            ("2021-04-12T09:05:00+02:00", "2021-04-12T07:05:00Z"),
            ("2021-04-12T07:05:00.123Z", "2021-04-12T07:05:00.123Z"),
            ("2021-04-12T07:05:00.123999Z", "2021-04-12T07:05:00.123Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("1969-12-31 19:59:59.5-04:00", "1969-12-31T23:59:59.5Z"),
            ("2021-04-12t07:05:00.12z", "2021-04-12T07:05:00.12Z"),
            ("2021-04-12T07:05:00.1239999999999999-00:00", "2021-04-12T07:05:00.123Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
            ("9999-12-31T21:58:59+23:59", "9999-12-30T21:59:59Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ] {
            let json = serde_json::to_string(&Written(parse(text).unwrap())).unwrap();
            assert_eq!(json, format!("\"{written}\""));
        }
        for bad in [
            "",
            "2021-04-12",
            "2021-04-12T07:05:00",
            "2021-04-12T07Z",
            "20210412T070500Z",
            "tomorrow at nine o'clock",
            "2021-04-12T07:05:00,5Z",
            "2021-04-12T07:05:00.Z",
            "2021-04-12T07:05:00+02",
            "2021-04-12T07:05:00-0200",
            "2021-04-12T07:05:00+02:00:30",
            "2021-04-12T07:05:00+24:00",
            "2021-04-12T07:05:00+02:60",
            "2021-04-12T07:05:00+02:00[Europe/Berlin]",
            "2021-02-29T07:05:00Z",
            "2021-04-12T24:05:00Z",
            "2021-04-12T07:05:00.5",
            "2021-04-12T07:05:0\u{664}Z",
        ] {
            assert_eq!(read(bad), Err(Wrong::Form), "{bad}");
        }
        for beyond in ["9999-12-31T23:59:59Z", "9999-12-30T22:00:01Z", "0000-01-01T00:00:00+00:01"] {
            assert_eq!(read(beyond), Err(Wrong::Range), "{beyond}");
        }
        assert_eq!(
            read("9999-12-30T22:00:00.999Z").map(|time| time.0),
            Ok(jiff::Timestamp::MAX.as_millisecond())
        );
        let told = serde_json::from_str::<Written>("\"9999-12-31T23:59:59Z\"").unwrap_err().to_string();
        assert!(told.contains("out of range"), "{told}");
    }

    #[test]
    fn a_date_begins_in_the_zone_of_the_sale() {
        let zone = || TimeZone::get("Europe/Berlin").ok();
        assert_eq!(parse_time_or_date("2021-04-12", zone), parse("2021-04-11T22:00:00Z"));
        assert_eq!(parse_time_or_date("2021-01-12", zone), parse("2021-01-11T23:00:00Z"));
        assert_eq!(parse_time_or_date("2021-13-12", zone), None);
    }

    #[test]
    fn days_count_from_1970() {
        assert_eq!(day(0).as_deref(), Some("1970-01-01"));
        assert_eq!(day(18_729).as_deref(), Some("2021-04-12"));
        assert_eq!(day(-1).as_deref(), Some("1969-12-31"));
        assert_eq!(day(i32::MAX), None);
    }

    #[test]
    fn a_deadline_comes_twice() {
        let now = Now { engine: Timestamp(1_000), wall: WallTime(61_000) };
        let json = serde_json::to_value(Deadline::new(now, Timestamp(3_000))).unwrap();
        assert_eq!(json, serde_json::json!({"expires_at": "1970-01-01T00:01:03Z", "expires_in_ms": 2000}));
        assert_eq!(Deadline::new(now, Timestamp(0)).expires_in_ms, 0);
    }
}
